//! What a crawl has done so far, for whoever watches it from another thread.
//!
//! Owns the published figures; the coordinator and the supervisor write them, anybody reads them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use dragline_frontier::{Counts, LeftHost, Parked};
use dragline_model::Ledger;

/// The figures of a running crawl. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    shared: Arc<Mutex<Snapshot>>,
    /// Apart from the figures: a snapshot is taken five times a second, and this is read at the end.
    spent: Arc<Mutex<Ledger>>,
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
    /// The words of the last failure.
    pub last_failure: Option<String>,
    /// Deaths of actors, by name.
    pub deaths: BTreeMap<String, u64>,
    /// At the end: the hosts that were not waited for.
    pub left_hosts: Vec<LeftHost>,
    /// At the end: the shapes of URLs that the trap guard left alone.
    pub parked_shapes: Vec<Parked>,
    /// What keeps storage from committing, while it waits for that to pass: the disk is full.
    pub degraded: Option<String>,
    /// No more visits are granted.
    pub draining: bool,
    /// When the next host that waits (for its delay, or for the rest it asked for) has its turn.
    pub next_turn: Option<Instant>,
    begun: bool,
}

impl Snapshot {
    /// Responses of status 2xx in this run.
    pub fn pages(&self) -> u64 {
        self.counts.pages.saturating_sub(self.pages_before)
    }

    /// Responses of any status in this run.
    pub fn responses(&self) -> u64 {
        self.counts.responses.saturating_sub(self.responses_before)
    }

    /// This is not the first coordinator of the run.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Notes what the run begins with. Only its first coordinator knows that: to a later one the run's own pages
    /// are in the store too.
    pub(crate) fn begin(&mut self, pages: u64, responses: u64, waiting: u64) {
        if !std::mem::replace(&mut self.begun, true) {
            (self.pages_before, self.responses_before, self.resumed) = (pages, responses, waiting);
        }
    }
}

impl Progress {
    /// The figures now.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where the time of the requests went so far.
    pub fn spent(&self) -> Ledger {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add_spent(&self, ledger: &Ledger) {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).merge(ledger);
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
