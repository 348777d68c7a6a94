//! How a URL was found: from page to page back to the seed.

use std::collections::HashSet;

use crate::{
    cli::Trouble,
    model::{CanonicalUrl, Purpose},
    storage::{Record, Store},
};

/// Steps that are followed back; a trail that is longer is told from its end.
const STEPS_MAX: usize = 1_000;

/// See the module's documentation.
pub(super) struct Trail {
    /// The page that the URL was found on; `None` for a seed.
    pub via: Option<CanonicalUrl>,
    /// Links followed since the seed.
    pub depth: u16,
    /// Links followed one after another off the scope.
    pub off: u8,
    /// The pages before it, the one it was found on last.
    pub pages: Vec<CanonicalUrl>,
    /// The first of them is a seed.
    pub is_whole: bool,
}

impl Trail {
    /// Finds it: by the URL's first visit, else by the record that named it, for which the index is read through.
    pub(super) fn of(store: &Store, url: &CanonicalUrl) -> Result<Option<Self>, Trouble> {
        let (via, depth, off) = match first_visit(store, url)? {
            Some(record) => (record.via, record.depth, record.off),
            None => match store.named(url)? {
                Some(named) => (named.page, named.link.depth, named.link.off),
                None => return Ok(None),
            },
        };
        let mut trail = Self { via, depth, off, pages: Vec::new(), is_whole: true };
        let mut seen = HashSet::from([url.clone()]);
        let mut next = trail.via.clone();
        while let Some(page) = next {
            if trail.pages.len() == STEPS_MAX || !seen.insert(page.clone()) {
                trail.is_whole = false;
                break;
            }
            let visit = first_visit(store, &page)?;
            trail.is_whole = visit.is_some();
            next = visit.and_then(|visit| visit.via);
            trail.pages.push(page);
        }
        trail.pages.reverse();
        Ok(Some(trail))
    }
}

/// The first visit to a URL as what it was found as.
fn first_visit(store: &Store, url: &CanonicalUrl) -> Result<Option<Record>, Trouble> {
    Ok(store.history(url)?.into_iter().find(|record| record.purpose != Purpose::Robots))
}
