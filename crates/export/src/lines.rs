//! A file that grows at its end: JSONL, CSV, WARC, CDXJ.
//!
//! Owns the bytes that are not written yet. What is written can be gone on with after a kill.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
};

use crate::{ExportError, place::Folder};

/// Bytes gathered before they are written.
const GATHER_BYTES: usize = 64 << 10;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Lines {
    name: String,
    /// Closed while others are written to: a process has so many files.
    file: Option<File>,
    /// Of the file, what is gathered included.
    bytes: u64,
    gathered: Vec<u8>,
}

impl Lines {
    /// A new file.
    pub(crate) fn create(folder: &Folder, name: String) -> Result<Self, ExportError> {
        let file = folder.create(&name)?;
        lock(&file, folder, &name)?;
        Ok(Self { name, file: Some(file), bytes: 0, gathered: Vec::new() })
    }

    /// One that was begun, as of when it had so many bytes.
    pub(crate) fn resume(folder: &Folder, name: String, bytes: u64) -> Result<Self, ExportError> {
        let path = folder.at(&name)?;
        let lost = |what: String| ExportError::State { path: path.clone(), what };
        let mut file = folder.reopen(&name)?.ok_or_else(|| lost("it is gone".to_owned()))?;
        lock(&file, folder, &name)?;
        let length = file.metadata().map_err(ExportError::io("read", &path))?.len();
        if length < bytes {
            // A power cut does that, a kill does not.
            return Err(lost(format!("it has lost its end: {length} of {bytes} bytes are there")));
        }
        file.set_len(bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(ExportError::io("cut", &path))?;
        Ok(Self { name, file: Some(file), bytes, gathered: Vec::new() })
    }

    pub(crate) fn append(&mut self, folder: &Folder, bytes: &[u8]) -> Result<(), ExportError> {
        self.bytes += bytes.len() as u64;
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= GATHER_BYTES { self.flush(folder) } else { Ok(()) }
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that are not written yet.
    pub(crate) fn gathered(&self) -> usize {
        self.gathered.len()
    }

    pub(crate) fn flush(&mut self, folder: &Folder) -> Result<(), ExportError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let path = folder.at(&self.name)?;
        let written = self.bytes - self.gathered.len() as u64;
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let gone = || ExportError::State { path: path.clone(), what: "it is gone".to_owned() };
                let mut file = folder.reopen(&self.name)?.ok_or_else(gone)?;
                file.seek(SeekFrom::Start(written)).map_err(ExportError::io("write", &path))?;
                none.insert(file)
            }
        };
        if let Err(error) = file.write_all(&self.gathered) {
            // So that the same can be written again: a part of it may be there.
            let _ = file.set_len(written).and_then(|()| file.seek(SeekFrom::Start(written)));
            return Err(ExportError::io("write", path)(error));
        }
        self.gathered = Vec::new();
        Ok(())
    }

    /// Closes the file until it is written to again.
    pub(crate) fn rest(&mut self, folder: &Folder) -> Result<(), ExportError> {
        self.flush(folder)?;
        self.file = None;
        Ok(())
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.file.is_none()
    }

    /// Brings it to the disk.
    pub(crate) fn finish(&mut self, folder: &Folder) -> Result<(), ExportError> {
        self.flush(folder)?;
        let path = folder.at(&self.name)?;
        match &self.file {
            Some(file) => file.sync_data().map_err(ExportError::io("sync", path)),
            None => match folder.reopen(&self.name)? {
                Some(file) => file.sync_data().map_err(ExportError::io("sync", path)),
                None => Err(ExportError::State { path, what: "it is gone".to_owned() }),
            },
        }
    }
}

/// One process at a time.
pub(crate) fn lock(file: &File, folder: &Folder, name: &str) -> Result<(), ExportError> {
    let path = folder.at(name)?;
    file.try_lock().map_err(|error| match error {
        std::fs::TryLockError::WouldBlock => {
            ExportError::Unfit(format!("{} is being written by another process", path.display()))
        }
        std::fs::TryLockError::Error(error) => ExportError::io("lock", path)(error),
    })
}
