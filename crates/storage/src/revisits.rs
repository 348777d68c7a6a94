//! Which pages there are to look at again, and what is known of each.
//!
//! Owns what a look says of a page, and the pass that finds the last look at every URL. Decides nothing: when a page
//! is looked at again is a matter of the crawl's rules.

use serde::Deserialize;

use dragline_model::{CanonicalUrl, Fingerprint, FingerprintMap, Link, Purpose, Timestamp, Validators};

use crate::{
    Store, StoreError,
    error::REBUILD,
    index::Row,
    known::UrlSet,
    record::{self, Absence, Kind, NOT_MODIFIED, Text, rfc3339, rfc3339_or_none},
    schema,
};

/// What an answer says of its page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is there (2xx), as it was (304) or otherwise.
    There,
    /// It is not any more (404, 410).
    Gone,
    /// It is something else: a redirect, a place for others.
    Else,
}

impl Standing {
    /// By its status; `None` where it says nothing of the page: a failure, 429, 5xx and the like.
    pub fn of(status: Option<u16>) -> Option<Self> {
        match status? {
            200..=299 | NOT_MODIFIED => Some(Standing::There),
            404 | 410 => Some(Standing::Gone),
            408 | 425 | 429 | 500.. => None,
            _ => Some(Standing::Else),
        }
    }
}

/// A page as it is kept, for looking at it again: the last visit that said something of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    /// The URL with its place in the crawl.
    pub link: Link,
    /// The page it was found on; `None` for a seed.
    pub via: Option<CanonicalUrl>,
    /// What the next visit's answer is compared with.
    pub validators: Validators,
    /// It answered 404 or 410.
    pub is_gone: bool,
    /// When it was looked at.
    pub fetched_at: Timestamp,
    /// When it was last asked for in vain: later visits said nothing of the page.
    pub tried_at: Option<Timestamp>,
    /// How many looks in a row found it as it was; 0 where the last one found it changed, or was the first.
    pub steady: u8,
    /// The look since which it has been as it is.
    pub changed_at: Timestamp,
}

impl Store {
    /// Hands out every page that can be looked at again, those that were looked at last first: URLs that were asked
    /// for as pages, and whose last visit that said something of them found them there (2xx, 304) or gone (404, 410).
    ///
    /// Reads every record once, four seconds a million. Memory: 10 to 21 bytes a URL while it runs.
    pub fn revisits(&self, mut each: impl FnMut(KeptCopy)) -> Result<(), StoreError> {
        let mut seen = UrlSet::with_room(0);
        let mut in_vain: FingerprintMap<Timestamp> = FingerprintMap::default();
        for row in self.shared.index.rows(1)?.rev() {
            let row = row?;
            let Some(look) = self.look(&row)? else { continue };
            let url = Fingerprint::of_canonical(&look.url);
            if look.purpose != Purpose::Page || seen.contains(url) {
                continue;
            }
            match Standing::of(look.status) {
                None => drop(in_vain.entry(url).or_insert(look.fetched_at)),
                Some(standing) => {
                    seen.insert(url);
                    let tried_at = in_vain.remove(&url);
                    if standing != Standing::Else {
                        each(look.copy(row.seq, tried_at).map_err(|what| self.wrong(&row, what))?);
                    }
                }
            }
        }
        Ok(())
    }

    /// The same for one URL.
    pub fn copy_of(&self, url: &CanonicalUrl) -> Result<Option<KeptCopy>, StoreError> {
        let mut tried_at = None;
        for visit in self.shared.index.visits(&schema::url_prefix(url))?.rev() {
            let Some(row) = self.shared.index.row(visit?.1)? else { continue };
            let Some(look) = self.look(&row)?.filter(|look| look.purpose == Purpose::Page) else { continue };
            match Standing::of(look.status) {
                None => tried_at = tried_at.or(Some(look.fetched_at)),
                Some(Standing::Else) => return Ok(None),
                Some(_) => {
                    let copy = look.copy(row.seq, tried_at).map_err(|what| self.wrong(&row, what))?;
                    return Ok(Some(copy));
                }
            }
        }
        Ok(None)
    }

    /// What a row says; `None` for seeds.
    fn look<'a>(&self, row: &'a Row) -> Result<Option<Look<'a>>, StoreError> {
        match record::kind(row.json()).map_err(|what| self.wrong(row, what))? {
            Kind::Seeds => Ok(None),
            Kind::Page => {
                serde_json::from_slice(row.json()).map(Some).map_err(|e| self.wrong(row, e.to_string()))
            }
        }
    }

    fn wrong(&self, row: &Row, what: String) -> StoreError {
        StoreError::corrupt(self.shared.index.path(), format!("record {}: {what}", row.seq), REBUILD)
    }
}

/// Of a record, what is worth knowing for another visit.
#[derive(Deserialize)]
struct Look<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(with = "rfc3339")]
    fetched_at: Timestamp,
    #[serde(default)]
    depth: u16,
    #[serde(default)]
    hops: u8,
    #[serde(default)]
    off: u8,
    #[serde(default)]
    purpose: Purpose,
    #[serde(default)]
    steady: u8,
    #[serde(default, with = "rfc3339_or_none")]
    changed_at: Option<Timestamp>,
    #[serde(borrow, default)]
    etag: Option<Text<'a>>,
    #[serde(borrow, default)]
    last_modified: Option<Text<'a>>,
    #[serde(borrow, default)]
    via: Option<Text<'a>>,
    #[serde(default)]
    absent: Option<Absence>,
}

impl Look<'_> {
    /// The error says what is wrong with it.
    fn copy(&self, seq: u64, tried_at: Option<Timestamp>) -> Result<KeptCopy, String> {
        let parse = |text: &str| CanonicalUrl::parse(text).map_err(|error| error.to_string());
        // A copy whose payload is gone is no copy: the next answer has to bring one.
        let owned =
            |text: &Option<Text<'_>>| text.as_deref().filter(|_| self.absent.is_none()).map(str::to_owned);
        let (depth, hops, off, purpose) = (self.depth, self.hops, self.off, self.purpose);
        Ok(KeptCopy {
            link: Link { depth, hops, off, purpose, ..Link::seed(parse(&self.url)?) },
            via: self.via.as_deref().map(parse).transpose()?,
            validators: Validators {
                etag: owned(&self.etag),
                last_modified: owned(&self.last_modified),
                seq,
            },
            is_gone: Standing::of(self.status) == Some(Standing::Gone),
            fetched_at: self.fetched_at,
            tried_at,
            steady: self.steady,
            changed_at: self.changed_at.unwrap_or(self.fetched_at),
        })
    }
}
