//! The thread behind a writer: brings commits to the disk, and writes the URL keys that were held back.
//!
//! Owns the thread and its rhythm. The committing thread never waits for a disk to turn; it learns of a
//! failure at its next commit.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{StoreError, archive::Unsynced, error::StoreError as Error, store::Shared};

/// Syncs on an interval until it is dropped.
pub(crate) struct Keeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn start(
        shared: Arc<Shared>,
        unsynced: Arc<Unsynced>,
        every: Duration,
    ) -> Result<Self, StoreError> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let theirs = stop.clone();
        let path = shared.home.dir.clone();
        let thread = std::thread::Builder::new()
            .name("dragline-keeper".to_owned())
            .spawn(move || {
                while !wait(&theirs, every) {
                    // Kept by whoever failed, and told to the writer.
                    let _ = sync(&shared, &unsynced);
                }
            })
            .map_err(Error::io("start a thread for", &path))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *stopped(&self.stop.0) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Brings everything committed so far to the disk. The archive goes first: whatever of the index survives a
/// power cut, the archive then has it too.
pub(crate) fn sync(shared: &Shared, unsynced: &Unsynced) -> Result<(), StoreError> {
    unsynced.sync()?;
    if shared.index.is_down() {
        return Ok(());
    }
    shared.index.write_urls()?;
    shared.index.flush()
}

/// Waits for the next turn; true if there is none.
fn wait((stop, bell): &(Mutex<bool>, Condvar), every: Duration) -> bool {
    let until = Instant::now() + every;
    let mut guard = stopped(stop);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if *guard || left.is_zero() {
            return *guard;
        }
        guard = bell.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0;
    }
}

fn stopped(stop: &Mutex<bool>) -> MutexGuard<'_, bool> {
    stop.lock().unwrap_or_else(PoisonError::into_inner)
}
