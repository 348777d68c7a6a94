//! The figures of a crawl.

use std::collections::BTreeMap;

use dragline_model::FailureKind;

/// Figures of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses of status 2xx.
    pub pages: u64,
    /// Responses of any status.
    pub responses: u64,
    /// Visits granted in this run, those for a robots.txt too.
    pub requests: u64,
    /// Of these, the ones for a robots.txt.
    pub robots: u64,
    /// URLs given up, by kind of failure.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Attempts that will be made again.
    pub retries: u64,
    /// URLs that wait, those for another attempt included.
    pub queued: usize,
    /// Of these, the ones whose host is not waited for any longer: see [`crate::Limits::patience`].
    pub deferred: usize,
    /// Their hosts.
    pub hosts_deferred: usize,
    /// URLs that are not asked for, by reason.
    pub parked: BTreeMap<String, u64>,
    /// Visits out.
    pub in_flight: usize,
    /// Hosts seen.
    pub hosts: usize,
}
