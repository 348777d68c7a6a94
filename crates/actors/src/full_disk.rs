//! A full disk: how long it is waited for, and when it is tried again.
//!
//! Owns the rhythm and what is published of it. What waits is storage's.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use dragline_storage::StoreError;

use crate::Progress;

/// Before the first new try; each next one waits twice as long.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// No try is later than this after the one before: space is seen soon.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Tries at an index that gave up: it does so where the disk is full, and may be in want of another thing.
const INDEX_TRIES_MAX: u32 = 5;

/// Whether anybody waits, and since when.
#[derive(Debug)]
pub(crate) struct FullDisk {
    /// How long it is waited for.
    patience: Duration,
    since: Option<Instant>,
    wait: Duration,
    tries_at_index: u32,
    progress: Progress,
}

impl FullDisk {
    pub(crate) fn new(patience: Duration, progress: Progress) -> Self {
        // A life before this one may have died waiting.
        progress.update(|s| s.degraded = None);
        Self { patience, since: None, wait: WAIT_MIN, tries_at_index: 0, progress }
    }

    /// Somebody waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.since.is_some()
    }

    /// Something could not be written: after how long is it to be tried again? None if it is not.
    pub(crate) fn meets(&mut self, error: &StoreError, store: &Path) -> Option<Duration> {
        match error {
            error if error.is_disk_full() => {}
            StoreError::IndexDown { .. } if self.tries_at_index < INDEX_TRIES_MAX => self.tries_at_index += 1,
            _ => return None,
        }
        if self.since.map_or(Duration::ZERO, |since| since.elapsed()) >= self.patience {
            return None;
        }
        if self.since.is_none() {
            self.since = Some(Instant::now());
            let store = store.display();
            let what = if error.is_disk_full() { "the disk is full" } else { "the index gave up" };
            tracing::warn!(
                %error,
                "{what}: free space for {store}; the crawl waits and goes on by itself; Ctrl-C ends it, nothing is lost"
            );
            self.progress.update(|s| s.degraded = Some(what.to_owned()));
        }
        let wait = self.wait;
        self.wait = (wait * 2).min(WAIT_MAX);
        Some(wait)
    }

    /// Something was written.
    pub(crate) fn has_room(&mut self) {
        (self.wait, self.tries_at_index) = (WAIT_MIN, 0);
        if let Some(since) = self.since.take() {
            tracing::info!(after_s = since.elapsed().as_secs(), "there is room again: the crawl goes on");
            self.progress.update(|s| s.degraded = None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn full() -> StoreError {
        let source = io::ErrorKind::StorageFull.into();
        StoreError::DiskFull { path: "segment".into(), source }
    }

    #[test]
    fn it_is_tried_again_ever_later_and_told_once() {
        let progress = Progress::default();
        let mut disk = FullDisk::new(Duration::from_secs(3600), progress.clone());
        let waits: Vec<u128> =
            (0..9).filter_map(|_| disk.meets(&full(), Path::new("s"))).map(|wait| wait.as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(progress.snapshot().degraded.as_deref(), Some("the disk is full"));
        disk.has_room();
        assert_eq!(progress.snapshot().degraded, None);
        assert_eq!(disk.meets(&full(), Path::new("s")), Some(WAIT_MIN));
    }

    #[test]
    fn without_patience_and_for_other_trouble_nobody_waits() {
        let mut disk = FullDisk::new(Duration::ZERO, Progress::default());
        assert_eq!(disk.meets(&full(), Path::new("s")), None);
        assert!(!disk.is_waited_for());
        let mut disk = FullDisk::new(Duration::from_secs(3600), Progress::default());
        let broken = StoreError::NotDurable { path: "s".into(), what: "EIO".into() };
        assert_eq!(disk.meets(&broken, Path::new("s")), None);
        let down = StoreError::IndexDown { path: "s".into(), what: "EIO".into() };
        assert_eq!((0..9).filter_map(|_| disk.meets(&down, Path::new("s"))).count(), 5);
    }
}
