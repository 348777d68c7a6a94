//! Opening sled.
//!
//! Owns what a refusal of sled's means: damage, a lock, or the system. Never decides what to do about damage.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::{StoreError, error::REBUILD};

/// How long to wait for sled's own lock. We hold the store's, so whoever has it is a thread of a sled that was
/// closed a moment ago and has yet to let go.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Why sled did not open.
pub(super) enum Refusal {
    /// What is there is no index that sled understands.
    Damaged(String),
    /// The system does not let it.
    Barred(std::io::Error),
    /// Somebody still has it.
    Locked(std::io::Error),
}

impl Refusal {
    pub(super) fn into_error(self, dir: &Path) -> StoreError {
        match self {
            Refusal::Damaged(what) => StoreError::corrupt(dir, what, REBUILD),
            Refusal::Barred(error) | Refusal::Locked(error) => StoreError::io("open the index", dir)(error),
        }
    }
}

pub(super) fn open_sled(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Refusal> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match try_open_sled(dir, cache_bytes) {
            Err(Refusal::Locked(_)) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn try_open_sled(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Refusal> {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    // No flusher of sled's own: ours syncs the archive first, so that the index on disk is never ahead.
    let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
    // sled asserts what it believes of its files: on damaged ones it panics as often as it errs.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) => match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof => Err(Refusal::Damaged(error.to_string())),
            Other if error.to_string().contains("could not acquire lock") => Err(Refusal::Locked(error)),
            Other => Err(Refusal::Damaged(error.to_string())),
            _ => Err(Refusal::Barred(error)),
        },
        Ok(Err(error)) => Err(Refusal::Damaged(error.to_string())),
        Err(_) => Err(Refusal::Damaged("sled panicked on it".to_owned())),
    }
}

/// Gives the index the first free name `index.corrupt-N`.
pub(super) fn move_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let mut n = 1;
    loop {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".corrupt-{n}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            fs::rename(dir, &aside).map_err(StoreError::io("move aside", dir))?;
            return Ok(aside);
        }
        n += 1;
    }
}
