//! What a store says of each host: what came of asking it, and how often it was asked.
//!
//! Owns the sums by host and the gaps between requests. Reads records, never payloads; what was promised to a host
//! is not known here.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use dragline_model::{Failure, FailureKind, Purpose, Timestamp};

use crate::{
    Store, StoreError,
    error::REBUILD,
    query::authority,
    record::{self, Kind, Text, rfc3339},
};

/// What came of asking one host, robots.txt included only where that is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HostShare {
    /// Responses with a 2xx status.
    pub pages: u64,
    /// Responses by the first digit of their status.
    pub by_class: BTreeMap<u16, u64>,
    /// Visits that brought no response.
    pub failures: u64,
    /// Answers of 429 or 503, those to requests for a robots.txt too.
    pub refusals: u64,
    /// Bytes of bodies as received, those of robots.txt files too.
    pub bytes: u64,
    /// Visits to a robots.txt.
    pub robots: u64,
    /// Requests that may have reached the host, those for a robots.txt too.
    pub requests: u64,
    /// The shortest time from the start of one of these to the start of the next; `None` with fewer than two. To the
    /// millisecond, which is what records have.
    pub gap_min: Option<Duration>,
    /// And the usual one: half of the gaps are no longer.
    pub gap_median: Option<Duration>,
}

/// Of a record, what is worth knowing of its host.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(with = "rfc3339")]
    fetched_at: Timestamp,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    purpose: Purpose,
    #[serde(default)]
    error: Option<Failure>,
}

/// A host's sums, and when it was asked.
#[derive(Default)]
struct Sums {
    share: HostShare,
    /// In the order of commits.
    starts: Vec<u64>,
}

impl Store {
    /// What came of asking each host (`name`, or `name:port`), over all runs. Reads every record: three seconds a
    /// million. Memory: 8 bytes a record.
    pub fn hosts(&self) -> Result<BTreeMap<String, HostShare>, StoreError> {
        let mut hosts: BTreeMap<String, Sums> = BTreeMap::new();
        for row in self.shared.index.rows(1)? {
            let row = row?;
            let wrong = |what| {
                StoreError::corrupt(self.shared.index.path(), format!("record {}: {what}", row.seq), REBUILD)
            };
            if record::kind(row.json()).map_err(wrong)? == Kind::Seeds {
                continue;
            }
            let asked: Asked<'_> = serde_json::from_slice(row.json()).map_err(|e| wrong(e.to_string()))?;
            let host = authority(&asked.url);
            match hosts.get_mut(host) {
                Some(sums) => sums.add(&asked),
                None => hosts.entry(host.to_owned()).or_default().add(&asked),
            }
        }
        Ok(hosts.into_iter().map(|(host, sums)| (host, sums.share())).collect())
    }
}

impl Sums {
    fn add(&mut self, asked: &Asked<'_>) {
        let share = &mut self.share;
        share.bytes += asked.bytes;
        share.refusals += u64::from(matches!(asked.status, Some(429 | 503)));
        match asked.status {
            _ if asked.purpose == Purpose::Robots => share.robots += 1,
            None => share.failures += 1,
            Some(status) => {
                share.pages += u64::from((200..300).contains(&status));
                *share.by_class.entry(status / 100).or_default() += 1;
            }
        }
        if asked.error.as_ref().is_none_or(|failure| may_have_reached(failure.kind)) {
            share.requests += 1;
            self.starts.push(asked.fetched_at.0);
        }
    }

    fn share(mut self) -> HostShare {
        self.starts.sort_unstable();
        let mut gaps: Vec<u64> = self.starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mut share = self.share;
        share.gap_min = gaps.iter().min().copied().map(Duration::from_millis);
        if !gaps.is_empty() {
            let middle = (gaps.len() - 1) / 2;
            share.gap_median = Some(Duration::from_millis(*gaps.select_nth_unstable(middle).1));
        }
        share
    }
}

/// Whether the host may have learned of a visit that failed like that.
fn may_have_reached(kind: FailureKind) -> bool {
    !matches!(
        kind,
        FailureKind::Dns
            | FailureKind::Refused
            | FailureKind::Proxy
            | FailureKind::Resources
            | FailureKind::Panicked
    )
}
