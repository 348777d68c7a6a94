//! Looking for links in pages that were kept, as the crawl would today.
//!
//! Owns the way from a record and its payload to what the harvester takes. Never writes, never asks the network.

use std::sync::Arc;

use dragline_frontier::Scope;
use dragline_model::{Link, Page, Timings, Visit};
use dragline_storage::{Payload, Record, Store};

use crate::harvester::{Follow, Harvester, Rules};

/// Looks for links again. One per thread.
pub struct Rereader(Harvester);

impl std::fmt::Debug for Rereader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rereader").finish_non_exhaustive()
    }
}

impl Rereader {
    /// For pages of a store, by what a crawl of it follows; `redirects_max` and `decoded_bytes_max` as in a crawl.
    pub fn new(
        store: &Store,
        scope: Arc<Scope>,
        follow: Follow,
        redirects_max: u8,
        decoded_bytes_max: usize,
    ) -> Self {
        Self(Harvester::new(Rules { store: store.clone(), scope, redirects_max, decoded_bytes_max, follow }))
    }

    /// The links of a page that are in scope, each once, with the depth and the purpose that they have from there; and
    /// why there may be more of them, where there may. A 304 has those of the page that it stands for.
    pub fn links(&self, record: &Record, payload: Payload) -> (Vec<Link>, Option<String>) {
        let visit = Visit {
            depth: record.depth,
            hops: record.hops,
            off: record.off,
            attempt: record.attempts,
            via: record.via.clone(),
            purpose: record.purpose,
            ..Visit::first(record.visit, record.url.clone())
        };
        let status = if record.is_not_modified() { 200 } else { record.status.unwrap_or_default() };
        let page = Page {
            status,
            request: payload.request,
            head: payload.body_head,
            body: payload.body,
            truncated: record.truncated,
            peer: None,
            tls: None,
            timings: Timings::default(),
        };
        self.0.links_of(&visit, &page)
    }
}
