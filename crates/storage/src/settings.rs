//! The settings of the last run, beside what it brought.
//!
//! Owns the file `crawl.json`. Never knows what is in it: that is between the crawl that writes it and whoever explains
//! the crawl later. It must hold no secret.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
};

use crate::{Store, StoreError, frontier::open_private};

const FILE: &str = "crawl.json";
/// The settings before they are whole; left behind by a process that died writing them.
const FILE_NEW: &str = "crawl.json.new";
/// Longest settings that are read: a hundred thousand seeds of the usual length, and more is no configuration.
const BYTES_MAX: u64 = 64 << 20;

impl Store {
    /// Keeps the settings of the run that begins, in the place of those of the run before. For the store's owner to
    /// read alone.
    pub fn keep_settings(&self, json: &str) -> Result<(), StoreError> {
        self.shared.home.check_ours()?;
        let dir = self.dir();
        let (new, path) = (dir.join(FILE_NEW), dir.join(FILE));
        let removed = fs::remove_file(&new).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        removed
            .and_then(|()| {
                let mut file = open_private(&new)?;
                file.write_all(json.as_bytes())?;
                file.sync_all()
            })
            .map_err(StoreError::io("write", &new))?;
        fs::rename(&new, &path).map_err(StoreError::io("write", &path))?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", dir))
    }

    /// The settings of the last run; `None` where it kept none.
    pub fn settings(&self) -> Result<Option<String>, StoreError> {
        let path = self.dir().join(FILE);
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)) {
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }
}
