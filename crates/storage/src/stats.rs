//! What a store holds, counted.
//!
//! Owns the sums by host, status and type. Reads records, never payloads.

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
    /// By host, `name` or `name:port`.
    pub by_host: BTreeMap<String, Share>,
    /// By status code.
    pub by_status: BTreeMap<u16, Share>,
    /// By type; an empty name where the server gave none.
    pub by_mime: BTreeMap<String, Share>,
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
        add(&mut self.by_host, authority(glance.url.as_deref().unwrap_or_default()), share);
        if let Some(status) = glance.status {
            self.by_status.entry(status).or_default().add(share);
            let mime = glance.mime.as_deref().unwrap_or_default();
            let full = self.by_mime.len() >= MIMES_MAX && !self.by_mime.contains_key(mime);
            add(&mut self.by_mime, if full { "other" } else { mime }, share);
        }
        if let Some(failure) = &glance.error {
            *self.by_failure.entry(failure.kind).or_default() += 1;
        }
    }
}

/// Adds under a name, which is copied only when it is new.
fn add(shares: &mut BTreeMap<String, Share>, name: &str, share: Share) {
    match shares.get_mut(name) {
        Some(sum) => sum.add(share),
        None => drop(shares.insert(name.to_owned(), share)),
    }
}

impl Share {
    fn add(&mut self, other: Share) {
        self.responses += other.responses;
        self.failures += other.failures;
        self.bytes += other.bytes;
    }
}
