//! How a URL came into a store, and where in it a record stands.
//!
//! Owns the look for the entry that named a URL first, and for the seeds. Nobody asks for these while a crawl runs:
//! there is no index of links, so records are read until the answer is found.

use std::path::PathBuf;

use memchr::memmem;

use dragline_model::{CanonicalUrl, Link, Settled};

use crate::{
    Pending, Restored, Store, StoreError, archive,
    error::REBUILD,
    index::Row,
    pending,
    record::{self, Entry, Kind},
};

/// The entry that named a URL first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its sequence number.
    pub seq: u64,
    /// The page that had the link; `None` for a seed.
    pub page: Option<CanonicalUrl>,
    /// The link.
    pub link: Link,
}

/// Where the records of a visit stand: a group of gzip members, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The segment.
    pub file: PathBuf,
    /// Bytes from its beginning.
    pub offset: u64,
    /// Bytes of the group.
    pub bytes: u64,
}

impl Store {
    /// The entry that named a URL first, as a seed or as a link of a page; `None` where none did. Links that nobody
    /// had seen are kept with the page that had them, so this is the page the URL was found on, whether it was
    /// visited since or not.
    ///
    /// Reads the records up to that entry: all, where there is none, at a second and a half for a million.
    pub fn named(&self, url: &CanonicalUrl) -> Result<Option<Named>, StoreError> {
        // As it stands in the JSON of a link; most records are passed over without being parsed.
        let Ok(spelled) = serde_json::to_string(url.as_str()) else { return Ok(None) };
        let finder = memmem::Finder::new(spelled.as_bytes());
        for row in self.shared.index.rows(1)? {
            let row = row?;
            if finder.find(row.json()).is_none() {
                continue;
            }
            let entry = Entry::parse(row.json()).map_err(|what| self.damaged(&row, &what))?;
            let (page, links) = match entry {
                Entry::Page(record) => (Some(record.url), record.links),
                Entry::Seeds { via, links, .. } => (via, links),
            };
            if let Some(link) = links.into_iter().find(|link| link.url == *url) {
                return Ok(Some(Named { seq: row.seq, page, link }));
            }
        }
        Ok(None)
    }

    /// The seeds of all runs, in the order in which they were given, at most so many. Reads every record's first
    /// bytes.
    pub fn seeds(&self, most: usize) -> Result<Vec<CanonicalUrl>, StoreError> {
        let mut seeds = Vec::new();
        for row in self.shared.index.rows(1)? {
            let row = row?;
            if record::kind(row.json()).map_err(|what| self.damaged(&row, &what))? != Kind::Seeds {
                continue;
            }
            if let Entry::Seeds { via: None, links, .. } =
                Entry::parse(row.json()).map_err(|what| self.damaged(&row, &what))?
            {
                seeds.extend(links.into_iter().map(|link| link.url).take(most - seeds.len()));
            }
            if seeds.len() == most {
                break;
            }
        }
        Ok(seeds)
    }

    /// Where a record stands in the archive.
    pub fn place(&self, seq: u64) -> Result<Option<Place>, StoreError> {
        let row = self.shared.index.row(seq)?;
        Ok(row.map(|row| {
            let at = row.location;
            Place {
                file: archive::segment_path(&self.archive_dir(), at.start.segment),
                offset: at.start.offset,
                bytes: at.response + at.request + at.metadata,
            }
        }))
    }

    /// As [`crate::Writer::pending`], where nobody writes. [`Restored::known`] is not counted.
    pub fn pending(
        &self,
        is_final: impl Fn(&Settled, u8) -> bool,
        each: impl FnMut(Pending),
    ) -> Result<Restored, StoreError> {
        let mut restored = pending::collect(&self.shared.index, is_final, each)?;
        let state = self.shared.index.state()?;
        (restored.pages, restored.responses) = (state.totals.pages, state.totals.responses);
        (restored.bytes, restored.last_seq) = (state.totals.bytes, state.last_seq);
        Ok(restored)
    }

    fn damaged(&self, row: &Row, what: &str) -> StoreError {
        StoreError::corrupt(self.shared.index.path(), format!("record {}: {what}", row.seq), REBUILD)
    }
}
