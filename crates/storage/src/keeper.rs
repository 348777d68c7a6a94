//! The thread behind a writer: brings commits to the disk, and writes what was held back into the index and the
//! known log.
//!
//! Owns the thread and its rhythm. The committing thread never waits for a disk to turn; it learns of a
//! failure at its next commit.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{StoreError, archive::Unsynced, frontier::behind::Behind, store::Shared};

/// Syncs on an interval, and when it is rung for, until it is dropped.
pub(crate) struct Keeper {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Bell {
    wish: Mutex<Wish>,
    rung: Condvar,
}

/// What the thread is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Wish {
    #[default]
    Rest,
    Work,
    Stop,
}

impl Keeper {
    pub(crate) fn start(
        shared: Arc<Shared>,
        unsynced: Arc<Unsynced>,
        behind: Arc<Behind>,
        every: Duration,
    ) -> Result<Self, StoreError> {
        let bell = Arc::new(Bell::default());
        let theirs = bell.clone();
        let path = shared.home.dir.clone();
        let thread = std::thread::Builder::new()
            .name("dragline-keeper".to_owned())
            .spawn(move || {
                while theirs.wait(every) {
                    // Kept by whoever failed, and told to the writer.
                    let _ = sync(&shared, &unsynced, &behind, false);
                }
            })
            .map_err(StoreError::io("start a thread for", &path))?;
        Ok(Self { bell, thread: Some(thread) })
    }

    /// Much is held back: sync now.
    pub(crate) fn ring(&self) {
        self.bell.tell(Wish::Work);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.bell.tell(Wish::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Brings everything committed so far to the disk. The archive goes first: whatever of the index survives a
/// power cut, the archive then has it too. The known log goes last, and with little to write waits for more unless
/// `all` is wished for.
pub(crate) fn sync(
    shared: &Shared,
    unsynced: &Unsynced,
    behind: &Behind,
    all: bool,
) -> Result<(), StoreError> {
    if shared.tree.is_down() {
        return unsynced.sync();
    }
    behind.write_after(&shared.index, all, || {
        shared.tree.write_held_after(|| unsynced.sync())?;
        shared.tree.flush()
    })
}

impl Bell {
    /// Waits for the next turn; false if there is none.
    fn wait(&self, every: Duration) -> bool {
        let until = Instant::now() + every;
        let mut wish = self.wish();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *wish != Wish::Rest || left.is_zero() {
                return std::mem::take(&mut *wish) != Wish::Stop;
            }
            wish = self.rung.wait_timeout(wish, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn tell(&self, wish: Wish) {
        *self.wish() = wish;
        self.rung.notify_all();
    }

    fn wish(&self) -> MutexGuard<'_, Wish> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
