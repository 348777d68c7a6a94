//! What a store holds, counted.
//!
//! Owns the sums by host, status, type, size and day, all from one pass. Reads records, never payloads.

use std::collections::BTreeMap;

use serde::Serialize;

use dragline_model::{FailureKind, Purpose};

use crate::{
    Store, StoreError, archive,
    error::REBUILD,
    query::authority,
    record::{self, Glance, Kind},
};

/// Types told apart at most: servers invent them. Past it the rest is counted under `other`.
const MIMES_MAX: usize = 1024;
/// Hosts told apart at most: some 10 MB of memory.
const HOSTS_MAX: usize = 1 << 16;
/// Days told apart at most: more than a lifetime, and the dates of imported records are anybody's.
const DAYS_MAX: usize = 1 << 15;
/// What is not told apart.
const OTHER: &str = "other";

/// What a store holds. What was asked for as a robots.txt is in `robots` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Stats {
    /// Responses of any status.
    pub responses: u64,
    /// Visits that brought none.
    pub failures: u64,
    /// Visits to a robots.txt, whatever they brought.
    pub robots: u64,
    /// Bytes of bodies as received.
    pub bytes: u64,
    /// Bytes of bodies with their content coding undone.
    pub size: u64,
    /// Bytes of the archive's files.
    pub archive_bytes: u64,
    /// By host, `name` or `name:port`; past 65,536 of them the rest is counted as `other`.
    pub by_host: BTreeMap<String, Share>,
    /// By status code.
    pub by_status: BTreeMap<u16, Share>,
    /// By type; an empty name where the server gave none.
    pub by_mime: BTreeMap<String, Share>,
    /// Responses by the size of their bodies with the content coding undone: under `n` those from `n` bytes to less than
    /// twice as many, `n` a power of two, and under 0 those with none.
    pub by_size: BTreeMap<u64, Share>,
    /// By the day on which the request began, `2026-11-22`, in UTC.
    pub by_day: BTreeMap<String, Share>,
    /// Failures by kind.
    pub by_failure: BTreeMap<FailureKind, u64>,
}

/// A part of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// Responses.
    pub responses: u64,
    /// Failures.
    pub failures: u64,
    /// Bytes of bodies as received.
    pub bytes: u64,
}

pub(crate) fn collect(store: &Store) -> Result<Stats, StoreError> {
    let mut stats = Stats::default();
    for row in store.shared.index.rows(1)? {
        let row = row?;
        let wrong = |what| {
            StoreError::corrupt(store.shared.index.path(), format!("record {}: {what}", row.seq), REBUILD)
        };
        if record::kind(row.json()).map_err(wrong)? == Kind::Page {
            stats.add(&Glance::parse(row.json()).map_err(wrong)?);
        }
    }
    stats.archive_bytes = archive::segments(&store.archive_dir())?.iter().map(|segment| segment.bytes).sum();
    Ok(stats)
}

impl Stats {
    fn add(&mut self, glance: &Glance<'_>) {
        if glance.purpose == Purpose::Robots {
            self.robots += 1;
            return;
        }
        let share = Share {
            responses: u64::from(glance.status.is_some()),
            failures: u64::from(glance.status.is_none()),
            bytes: glance.bytes,
        };
        self.responses += share.responses;
        self.failures += share.failures;
        self.bytes += share.bytes;
        self.size += glance.size;
        add(&mut self.by_host, authority(glance.url.as_deref().unwrap_or_default()), share, HOSTS_MAX);
        add(&mut self.by_day, glance.day(), share, DAYS_MAX);
        if let Some(status) = glance.status {
            self.by_status.entry(status).or_default().add(share);
            add(&mut self.by_mime, glance.mime.as_deref().unwrap_or_default(), share, MIMES_MAX);
            let class = glance.size.checked_ilog2().map_or(0, |n| 1 << n);
            self.by_size.entry(class).or_default().add(share);
        }
        if let Some(failure) = &glance.error {
            *self.by_failure.entry(failure.kind).or_default() += 1;
        }
    }
}

/// Adds under a name, which is copied only when it is new; where there are as many as may be, under [`OTHER`].
fn add(shares: &mut BTreeMap<String, Share>, name: &str, share: Share, most: usize) {
    let is_full = shares.len() >= most;
    match shares.get_mut(name) {
        Some(sum) => sum.add(share),
        None => shares.entry(if is_full { OTHER } else { name }.to_owned()).or_default().add(share),
    }
}

impl Share {
    fn add(&mut self, other: Share) {
        self.responses += other.responses;
        self.failures += other.failures;
        self.bytes += other.bytes;
    }
}
