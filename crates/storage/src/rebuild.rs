//! Making the index anew.
//!
//! Owns what is thrown away for it, and the mark by which an interrupted rebuild is gone on with instead of begun
//! again. The work itself is [`crate::recover`]'s.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{Arc, PoisonError},
};

use crate::{
    Options, Recovery, Store, StoreError,
    archive::{self, SystemDisk},
    error::NO_ARCHIVE,
    home::Home,
    recover::{Log, Replaying},
    schema::Position,
};

/// There while an index is being made anew: what stands in `index/` is the beginning of it.
const MARK: &str = "rebuilding";
/// The old index, on its way out.
const OLD: &str = "index.old";

impl Store {
    /// Makes the index of a store anew from its archive, whatever state it is in; a lost `meta.json` too. What a
    /// frontier remembered beyond the records (checkpoints, tails) is dropped. What takes long is told in the log.
    ///
    /// One that was interrupted, by a kill or an error, is gone on with where it was: by this, or by opening the store.
    pub fn rebuild(dir: impl AsRef<Path>, options: Options) -> Result<Recovery, StoreError> {
        let mut log = Log::default();
        Self::rebuild_telling(dir, options, &mut |now| log.tell(now))
    }

    /// The same; `tell` hears some times a second how far it is.
    pub fn rebuild_telling(
        dir: impl AsRef<Path>,
        options: Options,
        tell: &mut dyn FnMut(Replaying),
    ) -> Result<Recovery, StoreError> {
        let home = Home::open_for_rebuild(dir.as_ref())?;
        if archive::segments(&home.archive())?.is_empty() && home.index().exists() {
            // What there is to know is in the index alone.
            return Err(StoreError::corrupt(
                &home.archive(),
                "there is no archive to rebuild from",
                NO_ARCHIVE,
            ));
        }
        if !is_on(&home) {
            begin(&home)?;
        }
        let store = Self::from_home_telling(home, options, Arc::new(SystemDisk), tell)?;
        let recovery = store.shared.recovery.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(recovery)
    }
}

/// Throws away what is derived. At no moment does an index stand there with the mark that is not a beginning of the new
/// one, nor a half of the old one without it.
pub(crate) fn begin(home: &Home) -> Result<(), StoreError> {
    let (old, index) = (home.dir.join(OLD), home.index());
    remove(&old)?;
    match fs::rename(&index, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("move aside", &index)(error));
        }
        _ => {}
    }
    remove(&home.frontier())?;
    set(home)?;
    remove(&old)
}

/// Called once the index is open, and knows the archive up to `reached`: one that knows nothing of it is made anew,
/// whatever became of the old one. What a rebuild that ended left is removed.
pub(crate) fn begun(home: &Home, reached: Position) -> Result<(), StoreError> {
    if is_on(home) {
        return Ok(());
    }
    if reached == Position::default() && !archive::segments(&home.archive())?.is_empty() {
        return set(home);
    }
    remove(&home.dir.join(OLD))
}

fn set(home: &Home) -> Result<(), StoreError> {
    let mark = home.dir.join(MARK);
    File::create(&mark).and_then(|file| file.sync_all()).map_err(StoreError::io("write", &mark))?;
    File::open(&home.dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", &home.dir))
}

/// An index is being made anew, or was when its maker was interrupted.
pub(crate) fn is_on(home: &Home) -> bool {
    home.dir.join(MARK).exists()
}

/// The index has everything, and is on the disk: what a rebuild left goes.
pub(crate) fn is_done(home: &Home) -> Result<(), StoreError> {
    // While the mark is there somebody comes back for it.
    remove(&home.dir.join(OLD))?;
    let mark = home.dir.join(MARK);
    fs::remove_file(&mark).map_err(StoreError::io("remove", &mark))
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", dir)(error)),
        _ => Ok(()),
    }
}
