//! What the archive needs of a disk, and what has yet to reach it.
//!
//! Owns the seam at which a test lets a disk run full or fail, and the syncing of files on whatever thread. Never
//! knows what is in a file.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use crate::StoreError;

/// What a segment's file must be able to do: the seam at which a test lets a disk run full.
pub(crate) trait Disk: Send + Sync {
    /// Appends all of it, or fails having appended any part of it.
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Cuts the file.
    fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    /// Brings what was appended to the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Gives a file another name in its directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
}

/// The disk as the system gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {}

/// The files of a directory that were written to since they were last synced.
pub(crate) struct Unsynced {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    state: Mutex<UnsyncedFiles>,
    /// Held by whoever syncs: when a call comes back, what was appended before it is on the disk, whoever brought it.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct UnsyncedFiles {
    files: Vec<Arc<File>>,
    names: bool,
    failed: Option<String>,
}

impl Unsynced {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir, state: Mutex::default(), syncing: Mutex::default() }
    }

    /// A file was written to; `new_name` where it was made just now.
    pub(crate) fn add(&self, file: &Arc<File>, new_name: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.names |= new_name;
        if !state.files.last().is_some_and(|last| Arc::ptr_eq(last, file)) {
            state.files.push(file.clone());
        }
    }

    /// A file has another name now.
    pub(crate) fn renamed(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).names = true;
    }

    /// Brings everything appended so far to the disk.
    ///
    /// A failed `fsync` is final: the system may have dropped the pages it could not write, and a second call
    /// would succeed without them. So the failure is kept and told to everyone who asks.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let _alone = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, names) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut state.files), std::mem::take(&mut state.names))
        };
        let synced = files
            .iter()
            .try_for_each(|file| self.disk.sync(file))
            .and_then(|()| if names { File::open(&self.dir)?.sync_all() } else { Ok(()) });
        if let Err(error) = synced {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.failed.get_or_insert(error.to_string());
        }
        self.check()
    }

    /// Fails if a sync ever failed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.failed {
            None => Ok(()),
            Some(what) => Err(StoreError::NotDurable { path: self.dir.clone(), what: what.clone() }),
        }
    }
}
