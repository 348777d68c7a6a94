//! What a frontier remembers between two runs: the directory `<store>/frontier/`.
//!
//! Owns the directory, who may read it, and what ties a file in it to the archive it was derived from. What the
//! files hold is in [`crate::schema`]. Nothing in here is needed: whatever is missing, torn, damaged or another
//! store's is passed over with words in the log, and the records are read instead.

pub(crate) mod behind;
pub(crate) mod checkpoint;
pub(crate) mod log;
pub(crate) mod tails;

use std::{
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64},
    },
};

use crate::{
    StoreError,
    archive::{Disk, Unsynced},
    home,
    index::Index,
    schema::frontier::Anchor,
};

/// What all parts of one store's frontier directory have in common.
pub(crate) struct FrontierHome {
    pub(crate) dir: PathBuf,
    /// A [`crate::Tails`] is alive.
    pub(crate) tails_out: AtomicBool,
    /// How often they were given out. Who had them before writes no checkpoint any more: its chunks are not live.
    pub(crate) holders: AtomicU64,
    /// Tails that a checkpoint has to bring to the disk.
    pub(crate) tails: Arc<Unsynced>,
    /// Held by whoever reads or writes a checkpoint, or takes the tails.
    pub(crate) checkpoint: Mutex<()>,
    /// What brings the archive to the disk, once there was a writer.
    archive: Mutex<Option<Arc<Unsynced>>>,
}

impl FrontierHome {
    pub(crate) fn new(dir: PathBuf, disk: Arc<dyn Disk>) -> Self {
        let tails = Arc::new(Unsynced::new(disk, dir.clone()));
        let (checkpoint, archive) = (Mutex::default(), Mutex::default());
        let (tails_out, holders) = (AtomicBool::new(false), AtomicU64::new(0));
        Self { dir, tails_out, holders, tails, checkpoint, archive }
    }

    /// What brings the archive to the disk.
    pub(crate) fn archive(&self) -> MutexGuard<'_, Option<Arc<Unsynced>>> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the directory where it is missing: nobody else may look into it.
    pub(crate) fn make(&self) -> Result<(), StoreError> {
        home::make_private(&self.dir).map_err(StoreError::io("create", &self.dir))
    }
}

/// Opens a file to read and write it where one wishes; makes it if it is missing, for its owner alone.
pub(crate) fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The tie to the records up to `seq`.
pub(crate) fn anchor(index: &Index, seq: u64) -> Result<Anchor, StoreError> {
    if seq == 0 {
        return Ok(Anchor::default());
    }
    let row = index.row(seq)?.map(|row| row.checksum());
    row.map(|row| Anchor { seq, row }).ok_or_else(|| index.lacks(seq))
}

/// Whether the archive still has, as its record `anchor.seq`, what it had when the anchor was taken. After a power
/// cut it may be shorter, and then longer again with something else.
pub(crate) fn holds(index: &Index, anchor: Anchor) -> Result<bool, StoreError> {
    Ok(anchor.seq <= index.state()?.last_seq
        && match anchor.seq {
            0 => anchor == Anchor::default(),
            seq => index.row(seq)?.is_some_and(|row| row.checksum() == anchor.row),
        })
}

#[cfg(test)]
mod tests;
