//! Asking a store for records.
//!
//! Owns the filters and the two orders. Holds one record at a time, whatever the size of the store.

use std::ops::{Bound, RangeBounds, RangeInclusive};

use dragline_model::Purpose;

use crate::{
    Record, Store, StoreError,
    error::REBUILD,
    index::{Index, Row, Rows, Visits},
    record::{self, Glance, Kind},
    schema,
};

/// Which records, and in which order. By default every response there is, of any status, by sequence; but for
/// those to requests for a robots.txt, which are no pages.
///
/// ```no_run
/// # use dragline_storage::{Options, Store};
/// # let store = Store::open("dragline-data", Options::default())?;
/// for record in store.pages().host("example.com").status(400..=599).limit(10).records()? {
///     println!("{}", record?.url);
/// }
/// # Ok::<(), dragline_storage::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Query {
    store: Store,
    host: Option<String>,
    status: Option<RangeInclusive<u16>>,
    mime: Option<String>,
    since: u64,
    limit: u64,
    responses: bool,
    failures: bool,
    robots: bool,
    latest_only: bool,
    by_url: bool,
}

impl Query {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            host: None,
            status: None,
            mime: None,
            since: 1,
            limit: u64::MAX,
            responses: true,
            failures: false,
            robots: false,
            latest_only: false,
            by_url: false,
        }
    }

    /// Of one host only: `example.com`, or `example.com:8080` where the port is not the scheme's own. With
    /// [`Query::by_url`] only that host's part of the store is read.
    pub fn host(mut self, authority: impl Into<String>) -> Self {
        self.host = Some(authority.into().to_ascii_lowercase());
        self
    }

    /// With a status in this range; leaves out failures.
    pub fn status(mut self, range: impl RangeBounds<u16>) -> Self {
        let first = match range.start_bound() {
            Bound::Included(n) => *n,
            Bound::Excluded(n) => n.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let last = match range.end_bound() {
            Bound::Included(n) => Some(*n),
            Bound::Excluded(n) => n.checked_sub(1),
            Bound::Unbounded => Some(u16::MAX),
        };
        // An empty range is asked for with its ends crossed.
        self.status = Some(last.map_or(RangeInclusive::new(1, 0), |last| first..=last));
        self
    }

    /// Of one type: `text/html`; or of all with a beginning: `image/`.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.mime = Some(mime.into().to_ascii_lowercase());
        self
    }

    /// From this sequence number on.
    pub fn since(mut self, seq: u64) -> Self {
        self.since = seq;
        self
    }

    /// At most so many.
    pub fn limit(mut self, records: u64) -> Self {
        self.limit = records;
        self
    }

    /// Failures, and nothing else.
    pub fn failures_only(mut self) -> Self {
        (self.responses, self.failures) = (false, true);
        self
    }

    /// Failures too.
    pub fn with_failures(mut self) -> Self {
        self.failures = true;
        self
    }

    /// What was asked for as a robots.txt, too.
    pub fn with_robots(mut self) -> Self {
        self.robots = true;
        self
    }

    /// Of each URL only the last record, whatever it is; the other conditions then apply to that one. Where a
    /// robots.txt is none of the records, it is not the last one either: of a page that some host's robots.txt
    /// redirects to, the last visit to the page is.
    pub fn latest_only(mut self, latest_only: bool) -> Self {
        self.latest_only = latest_only;
        self
    }

    /// In the order of URLs (by host from its end, then by path) rather than of commits.
    pub fn by_url(mut self) -> Self {
        self.by_url = true;
        self
    }

    /// Runs it. What is committed meanwhile may or may not be seen.
    pub fn records(self) -> Result<Records, StoreError> {
        let index = &self.store.shared.index;
        let source = if self.by_url {
            let prefix = self.host.as_deref().map_or_else(|| vec![schema::URL], schema::host_prefix);
            Source::Urls { visits: index.visits(&prefix)?, ahead: None }
        } else {
            Source::Sequence(index.rows(self.since)?)
        };
        Ok(Records { left: self.limit, query: self, source })
    }

    /// Whether a row may be wanted, without reading all of it; `None` for seeds.
    fn wants(&self, row: &Row) -> Result<bool, String> {
        if row.seq < self.since || record::kind(row.json())? == Kind::Seeds {
            return Ok(false);
        }
        let glance = Glance::parse(row.json())?;
        let outcome = if glance.status.is_some() { self.responses } else { self.failures };
        Ok(outcome
            && (self.robots || glance.purpose != Purpose::Robots)
            && self.status.as_ref().is_none_or(|range| glance.status.is_some_and(|s| range.contains(&s)))
            && self.mime.as_deref().is_none_or(|wanted| {
                let mime = glance.mime.as_deref().unwrap_or_default();
                mime == wanted || wanted.ends_with('/') && mime.starts_with(wanted)
            })
            && self.host.as_deref().is_none_or(|host| {
                let url = glance.url.as_deref().unwrap_or_default();
                authority(url) == host
            }))
    }
}

/// The authority of a canonical URL's text.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]
}

/// The records of a [`Query`], read as they are asked for.
pub struct Records {
    query: Query,
    source: Source,
    left: u64,
}

enum Source {
    Sequence(Rows),
    Urls { visits: Visits, ahead: Option<(Vec<u8>, u64)> },
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("query", &self.query)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Iterator for Records {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let found = self.find().transpose()?;
        // After an error nothing more can be trusted to come in order.
        self.left = if found.is_ok() { self.left - 1 } else { 0 };
        Some(found)
    }
}

impl Records {
    fn find(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            let Some(row) = self.next_row()? else { return Ok(None) };
            let index = &self.query.store.shared.index;
            let wants = self.query.wants(&row).map_err(|what| wrong(index, row.seq, what))?;
            if !wants {
                continue;
            }
            let Some(record) = self.query.store.parse(&row)? else { continue };
            if self.query.latest_only && !self.query.by_url {
                let visits = index.visits(&schema::url_prefix(&record.url))?.rev();
                let later = visits.map(|visit| visit.map(|(_, seq)| seq));
                if last_of(&self.query, later, record.seq)?.is_some() {
                    continue;
                }
            }
            return Ok(Some(record));
        }
    }

    fn next_row(&mut self) -> Result<Option<Row>, StoreError> {
        match &mut self.source {
            Source::Sequence(rows) => rows.next().transpose(),
            Source::Urls { visits, ahead } => loop {
                let next = match ahead.take() {
                    Some(visit) => Some(visit),
                    None => visits.next().transpose()?,
                };
                let Some((url, seq)) = next else { return Ok(None) };
                let mut seqs = vec![seq];
                if self.query.latest_only {
                    *ahead = visits.next().transpose()?;
                    while let Some((_, seq)) = ahead.take_if(|(later, _)| *later == url) {
                        seqs.push(seq);
                        *ahead = visits.next().transpose()?;
                    }
                }
                // A key may outlive its record by a moment, when a failed commit is undone.
                if let Some(row) = last_of(&self.query, seqs.into_iter().rev().map(Ok), 0)? {
                    return Ok(Some(row));
                }
            },
        }
    }
}

/// The first of a URL's records, given from the last one on, that can be the last at all; none if that is not behind
/// `after`.
fn last_of(
    query: &Query,
    from_last: impl Iterator<Item = Result<u64, StoreError>>,
    after: u64,
) -> Result<Option<Row>, StoreError> {
    for seq in from_last {
        let seq = seq?;
        if seq <= after {
            break;
        }
        let index = &query.store.shared.index;
        let Some(row) = index.row(seq)? else { continue };
        let is_robots = || Glance::parse(row.json()).map(|glance| glance.purpose == Purpose::Robots);
        if query.robots || !query.latest_only || !is_robots().map_err(|what| wrong(index, seq, what))? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

fn wrong(index: &Index, seq: u64, what: String) -> StoreError {
    StoreError::corrupt(index.path(), format!("record {seq}: {what}"), REBUILD)
}
