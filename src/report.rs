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
    /// Requests for robots.txt files, which are no pages.
    pub robots_requests: u64,
    /// URLs that were left alone, by reason: `robots`, `parked` (a trap), `off_scope`, `depth`, budgets. A later run
    /// with other settings asks for them.
    pub left_alone: BTreeMap<String, u64>,
    /// Hosts that were not waited for any longer; what waits for them is left for the next run.
    pub left_hosts: Vec<LeftHost>,
    /// Shapes of URLs that brought nothing new for a while.
    pub traps: Vec<Trap>,
    /// Deaths of actors that were rebuilt, by name.
    pub restarts: BTreeMap<String, u64>,
    /// Where the time of the requests went.
    pub slow: Slow,
}

/// A host that was not waited for.
#[derive(Debug, Clone, Serialize)]
pub struct LeftHost {
    /// Host, or host and port.
    pub host: String,
    /// URLs that wait for it.
    pub waiting: usize,
    /// Why it was left.
    pub why: String,
}

/// URLs of one shape that were left alone, but for a few.
#[derive(Debug, Clone, Serialize)]
pub struct Trap {
    /// The shape, as in `a.example/calendar/N/N`.
    pub shape: String,
    /// One of them.
    pub example: String,
    /// How many.
    pub left_alone: u64,
    /// How many were asked for nonetheless, to see.
    pub tried: u32,
    /// Why.
    pub why: String,
}

impl LeftHost {
    fn of(left: &dragline_frontier::LeftHost) -> Self {
        Self { host: left.host.clone(), waiting: left.waiting, why: left.why.clone() }
    }
}

impl Trap {
    fn of(parked: &dragline_frontier::Parked) -> Self {
        Self {
            shape: parked.shape.clone(),
            example: parked.example.clone(),
            left_alone: parked.parked_urls,
            tried: parked.tried,
            why: parked.why.clone(),
        }
    }
}

/// What is parked by choice. What failed is among the failures.
fn left_alone(counts: &dragline_frontier::Counts) -> BTreeMap<String, u64> {
    counts.parked.iter().filter(|(reason, _)| *reason != "failed").map(|(k, n)| (k.clone(), *n)).collect()
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
            robots_requests: counts.robots,
            left_alone: left_alone(counts),
            left_hosts: snapshot.left_hosts.iter().map(LeftHost::of).collect(),
            traps: snapshot.parked_shapes.iter().map(Trap::of).collect(),
            restarts: snapshot.deaths.clone(),
            slow: Slow::of(&end.spent, elapsed),
        }
    }

    /// URLs given up, of all kinds.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }
}
