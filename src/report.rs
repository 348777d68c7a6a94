//! The final summary of a crawl.
//!
//! Owns its names, which scripts depend on.

use std::{collections::BTreeMap, time::Duration};

use dragline_actors::End;
use serde::Serialize;

use crate::Slow;

/// What a crawl did, as `--report` writes it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Responses of status 2xx in this run.
    pub pages: u64,
    /// Responses of any status in this run.
    pub responses: u64,
    /// URLs given up, by kind of failure.
    pub failures: BTreeMap<String, u64>,
    /// Requests made, retries included.
    pub requests: u64,
    /// Bytes of bodies as they came over the wire.
    pub bytes: u64,
    /// Hosts met.
    pub hosts: usize,
    /// Seconds from start to end.
    pub elapsed_s: f64,
    /// Pages a second over the whole run.
    pub pages_per_s: f64,
    /// URLs that still wait.
    pub queued: usize,
    /// `finished`, `max_pages`, `max_time`, `interrupted`, `store` or `gave_up`.
    pub stopped_because: String,
    /// The particulars of `store` and `gave_up`.
    pub detail: Option<String>,
    /// Pages in the store, earlier runs included.
    pub pages_in_store: u64,
    /// Responses in the store, earlier runs included.
    pub responses_in_store: u64,
    /// URLs that this run found waiting in the store.
    pub resumed: u64,
    /// Deaths of actors that were rebuilt, by name.
    pub restarts: BTreeMap<String, u64>,
    /// Where the time of the requests went.
    pub slow: Slow,
}

impl Report {
    pub(crate) fn new(end: &End, elapsed: Duration) -> Self {
        let snapshot = &end.snapshot;
        let counts = &snapshot.counts;
        let pages = snapshot.pages();
        let elapsed_s = elapsed.as_secs_f64();
        let reason = end.reason.to_string();
        Self {
            pages,
            responses: snapshot.responses(),
            failures: counts.failures.iter().map(|(kind, n)| (kind.to_string(), *n)).collect(),
            requests: counts.requests,
            bytes: snapshot.bytes,
            hosts: counts.hosts,
            elapsed_s: (elapsed_s * 1e3).round() / 1e3,
            pages_per_s: (pages as f64 / elapsed_s.max(1e-3) * 10.0).round() / 10.0,
            queued: counts.queued + counts.in_flight,
            stopped_because: end.reason.as_str().to_owned(),
            detail: end.reason.is_trouble().then_some(reason),
            pages_in_store: counts.pages,
            responses_in_store: counts.responses,
            resumed: snapshot.resumed,
            restarts: snapshot.deaths.clone(),
            slow: Slow::of(&end.spent, elapsed),
        }
    }

    /// URLs given up, of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}
