//! Which URLs a store knows, for whoever only reads.
//!
//! Owns the one pass over the records that finds them: a writer has them anyway, and a reader may be of a store that
//! another process writes into.

use dragline_model::{Fingerprint, Purpose};

use crate::{Store, StoreError, error::REBUILD, known::UrlSet, record::Glance};

/// The URLs that were ever seen: 10 to 21 bytes of memory for each.
pub struct KnownUrls(UrlSet);

impl std::fmt::Debug for KnownUrls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownUrls").field("urls", &self.len()).finish()
    }
}

impl KnownUrls {
    /// A URL with this fingerprint was seen.
    pub fn contains(&self, url: Fingerprint) -> bool {
        self.0.contains(url)
    }

    /// From now on it was. False where it was before.
    pub fn insert(&mut self, url: Fingerprint) -> bool {
        self.0.insert(url)
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store {
    /// The URLs that are known: seeds, links and what was visited, whatever came of it. Reads every record, at a second
    /// and a half for a million.
    pub fn known_urls(&self) -> Result<KnownUrls, StoreError> {
        let mut known = UrlSet::with_room(0);
        for row in self.shared.index.rows(1)? {
            let row = row?;
            let glance = Glance::parse(row.json()).map_err(|what| {
                let what = format!("record {}: {what}", row.seq);
                StoreError::corrupt(self.shared.index.path(), what, REBUILD)
            })?;
            // What was asked for as a robots.txt is no page that waits.
            let own = glance.url.as_deref().filter(|_| glance.purpose != Purpose::Robots);
            let links = glance.links.iter().map(|link| &*link.url);
            for url in own.into_iter().chain(links).chain(glance.forgotten.iter().map(|url| &**url)) {
                known.insert(Fingerprint::of_canonical(url));
            }
        }
        Ok(KnownUrls(known))
    }
}
