//! What is left to do: the known URLs without a final outcome.
//!
//! Owns the one pass over the records that finds them. Never decides what is final.
//!
//! A URL's life in the store: it is **known** from the entry whose `links` name it (or, if it was visited
//! without being a link, from its first record); every visit adds a record; it is **settled** while its last
//! record is final, and **pending** otherwise. What was asked for as a robots.txt is not in this: whoever needs its
//! rules asks for it, and a URL that a robots.txt led to may wait as a page.

use std::collections::BTreeMap;

use dragline_model::{CanonicalUrl, FailureKind, Fingerprint, FingerprintMap, Link, Purpose, Settled};

use crate::{
    StoreError,
    error::REBUILD,
    index::{Index, Row},
    known::UrlSet,
    record::{self, Glance, GlanceLink, Kind},
    schema::State,
};

/// A URL that is known and whose visits have not settled it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The URL, as it was found.
    pub link: Link,
    /// The page it was found on; `None` for a seed.
    pub via: Option<CanonicalUrl>,
    /// How often it was tried.
    pub attempts: u8,
}

/// What a store held when it was asked for what is pending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// Responses with a 2xx status.
    pub pages: u64,
    /// Responses of any status.
    pub responses: u64,
    /// Visits that brought none, by kind.
    pub failures: BTreeMap<FailureKind, u64>,
    /// URLs ever seen.
    pub known: u64,
    /// URLs handed out as pending.
    pub pending: u64,
    /// Bytes of bodies as received.
    pub bytes: u64,
    /// The sequence number of the last commit.
    pub last_seq: u64,
}

/// A URL that was tried and is not settled.
struct Tried {
    attempts: u8,
    handed_out: bool,
}

/// Hands out every pending URL; counts failures by kind on the way.
///
/// Memory: 10 to 21 bytes for each URL that is settled, 30 to 60 for each that was tried and is not, nothing for
/// those that never were: 200 MB where ten million are done. Less would take their order on the disk.
pub(crate) fn collect(
    index: &Index,
    is_final: impl Fn(&Settled, u8) -> bool,
    mut each: impl FnMut(Pending),
) -> Result<Restored, StoreError> {
    let mut restored = Restored::default();
    let mut settled = UrlSet::with_room(0);
    let mut tried: FingerprintMap<Tried> = FingerprintMap::default();
    let State { entries, last_seq, .. } = index.state()?;
    let mut found = 0;
    for row in index.rows_to(1, last_seq)? {
        let row = row?;
        found += 1;
        let is_page = record::kind(row.json()).map_err(|what| wrong(index, &row, what))? == Kind::Page;
        let glance = glance(index, &row)?;
        if !is_page {
            for url in &glance.forgotten {
                settled.insert(Fingerprint::of_canonical(url));
            }
            continue;
        }
        if glance.purpose == Purpose::Robots {
            continue;
        }
        let url = Fingerprint::of_canonical(glance.url.as_deref().unwrap_or_default());
        if let Some(failure) = &glance.error {
            *restored.failures.entry(failure.kind).or_default() += 1;
        }
        if is_final(&glance.settled(), glance.attempts) {
            tried.remove(&url);
            settled.insert(url);
        } else {
            settled.remove(url);
            tried.insert(url, Tried { attempts: glance.attempts, handed_out: false });
        }
    }
    if found != entries {
        // sled passes over what it cannot read: this is where a hole shows that nobody had to read when it opened.
        let what = format!("it has {found} records of {entries}");
        return Err(StoreError::corrupt(index.path(), what, REBUILD));
    }

    for row in index.rows_to(1, last_seq)? {
        let row = row?;
        let glance = glance(index, &row)?;
        let parse = |text: &str| CanonicalUrl::parse(text).map_err(|e| wrong(index, &row, e.to_string()));
        let mut page = None;
        if let Some(text) = glance.url.as_deref().filter(|_| glance.purpose != Purpose::Robots) {
            let fingerprint = Fingerprint::of_canonical(text);
            if let Some(tried) = tried.get_mut(&fingerprint).filter(|t| !t.handed_out) {
                tried.handed_out = true;
                restored.pending += 1;
                let link = Link {
                    url: parse(text)?,
                    fingerprint,
                    depth: glance.depth,
                    hops: glance.hops,
                    off: glance.off,
                    purpose: glance.purpose,
                };
                let via = glance.via.as_deref().map(parse).transpose()?;
                each(Pending { link, via, attempts: tried.attempts });
            }
        }
        for GlanceLink { url, depth, hops, off, purpose } in &glance.links {
            let fingerprint = Fingerprint::of_canonical(url);
            if settled.contains(fingerprint) {
                continue;
            }
            let attempts = match tried.get_mut(&fingerprint) {
                Some(tried) if tried.handed_out => continue,
                Some(tried) => {
                    tried.handed_out = true;
                    tried.attempts
                }
                None => 0,
            };
            restored.pending += 1;
            if page.is_none() {
                // Links that were found later name their page.
                page = glance.url.as_deref().or(glance.via.as_deref()).map(parse).transpose()?;
            }
            let link = Link {
                url: parse(url)?,
                fingerprint,
                depth: *depth,
                hops: *hops,
                off: *off,
                purpose: *purpose,
            };
            each(Pending { link, via: page.clone(), attempts });
        }
    }
    Ok(restored)
}

fn glance<'a>(index: &Index, row: &'a Row) -> Result<Glance<'a>, StoreError> {
    Glance::parse(row.json()).map_err(|what| wrong(index, row, what))
}

fn wrong(index: &Index, row: &Row, what: String) -> StoreError {
    StoreError::corrupt(index.path(), format!("record {}: {what}", row.seq), REBUILD)
}
