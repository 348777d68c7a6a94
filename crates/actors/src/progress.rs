//! What a crawl has done so far, for whoever watches it from another thread.
//!
//! Owns the published figures; the coordinator and the supervisor write them, anybody reads them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use dragline_frontier::Counts;

/// The figures of a running crawl. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    shared: Arc<Mutex<Snapshot>>,
}

/// The figures at one moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The frontier's figures.
    pub counts: Counts,
    /// Pages that earlier runs had left in the store.
    pub pages_before: u64,
    /// Responses that earlier runs had left in the store.
    pub responses_before: u64,
    /// Bytes of bodies received in this run, as they came over the wire.
    pub bytes: u64,
    /// URLs a resumed crawl found waiting.
    pub resumed: u64,
    /// The sequence number of the last commit.
    pub seq: u64,
    /// The URL of the last response or failure, for a person to see that it moves.
    pub last_failure: Option<String>,
    /// Deaths of actors, by name.
    pub deaths: BTreeMap<String, u64>,
    /// No more visits are granted.
    pub draining: bool,
}

impl Progress {
    /// The figures now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
