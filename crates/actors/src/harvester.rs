//! From an answer to a sealed harvest: decode, find links, keep those in scope, seal.
//!
//! Owns what is done with one response on the fetcher's thread; plain code, no messages. Whatever a page does
//! to it, the page is kept.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use dragline_extract as extract;
use dragline_frontier::Scope;
use dragline_model::{Failure, Fingerprint, Harvest, Link, Outcome, Page, Purpose, Timestamp, Visit};
use dragline_storage::{DecodedFacts, Parcel, Sealer, Store};

use crate::{fault, panics, recent::RecentLinks};

/// What every harvester of a crawl goes by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Whose archive the harvests are sealed for.
    pub store: Store,
    pub scope: Arc<Scope>,
    /// Redirects followed one after another at most.
    pub redirects_max: u8,
    /// Bytes of a decoded body at most; what is longer is cut and marked.
    pub decoded_bytes_max: usize,
    pub extract: extract::Limits,
}

/// Turns answers into parcels. One per thread: it keeps a compressor and the links it has just seen.
pub(crate) struct Harvester {
    rules: Rules,
    sealer: Sealer,
    recent: RecentLinks,
}

/// What a page's body gave.
#[derive(Default)]
struct Found {
    links: Vec<Link>,
    decoded_bytes: u64,
    error: Option<String>,
    /// What to remember once the harvest is sealed.
    seen: Vec<Fingerprint>,
}

impl Harvester {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { sealer: rules.store.sealer(), rules, recent: RecentLinks::new() }
    }

    /// The parcel of one visit.
    pub(crate) fn harvest(
        &mut self,
        visit: Visit,
        fetched_at: Timestamp,
        answer: Result<Page, Failure>,
    ) -> Parcel {
        let (found, outcome) = match answer {
            Ok(page) => (self.look_into(&visit, &page), Outcome::Page(Box::new(page))),
            Err(failure) => (Found::default(), Outcome::Failure(failure)),
        };
        let harvest = Harvest {
            links: found.links,
            extract_error: found.error,
            ..Harvest::bare(visit, fetched_at, outcome)
        };
        let parcel = self.sealer.seal(harvest, DecodedFacts { size: found.decoded_bytes });
        // Only now: had anything above panicked, these links would be remembered and lost.
        for fingerprint in found.seen {
            self.recent.insert(fingerprint);
        }
        parcel
    }

    /// The parcel of a visit on which our own code panicked.
    pub(crate) fn harvest_of_panic(&mut self, visit: Visit, fetched_at: Timestamp) -> Parcel {
        let text = panics::take_last().unwrap_or_default();
        self.sealer = self.rules.store.sealer();
        let failure = Failure::new(dragline_model::FailureKind::Panicked, text);
        self.harvest(visit, fetched_at, Err(failure))
    }

    fn look_into(&self, visit: &Visit, page: &Page) -> Found {
        if let Some(location) = redirect(page) {
            return self.follow(visit, page, &location);
        }
        let coding = page.head.content_encoding();
        let bounds = dragline_coding::Bounds {
            decoded_bytes: self.rules.decoded_bytes_max,
            ..dragline_coding::Bounds::default()
        };
        let decoded = dragline_coding::decode(coding.as_deref(), page.body.clone(), &bounds);
        let is_readable = decoded.is_ok();
        let (body, error) = match decoded {
            Ok(decoded) => {
                let error = decoded.truncated.map(|cut| {
                    let len = decoded.bytes.len();
                    format!("the decoded body is cut after {len} bytes ({cut}); links behind are missing")
                });
                (decoded.bytes, error)
            }
            Err(error) => (page.body.clone(), Some(error.to_string())),
        };
        let decoded_bytes = body.len() as u64;
        let wants_links = is_readable
            && (200..300).contains(&page.status)
            && self.rules.scope.admits_depth(visit.depth)
            && extract::is_html(page.head.field_str("content-type"), &body);
        if !wants_links {
            return Found { decoded_bytes, error, ..Found::default() };
        }
        let looked = catch_unwind(AssertUnwindSafe(|| {
            fault::point(fault::VISIT_EXTRACT);
            self.links(visit, page, &body)
        }));
        match looked {
            Ok(found) => Found { decoded_bytes, error, ..found },
            Err(_) => Found { decoded_bytes, error: panics::take_last(), ..Found::default() },
        }
    }

    /// The links of an HTML page that are in scope and were not seen a moment ago.
    fn links(&self, visit: &Visit, page: &Page, body: &[u8]) -> Found {
        let document =
            extract::Document { url: &visit.url, content_type: page.head.field_str("content-type"), body };
        let mut found = Found::default();
        let (links, seen) = (&mut found.links, &mut found.seen);
        extract::links(
            &document,
            &self.rules.extract,
            |fingerprint| self.recent.contains(fingerprint),
            |fingerprint, url| {
                if self.rules.scope.admits(&visit.url, &url) {
                    seen.push(fingerprint);
                    let depth = visit.depth.saturating_add(1);
                    links.push(Link { url, fingerprint, depth, hops: 0, off: 0, purpose: Purpose::Page });
                }
            },
        );
        found
    }

    /// A redirect's target is a discovered link of the same depth, one hop further.
    fn follow(&self, visit: &Visit, page: &Page, location: &str) -> Found {
        let decoded_bytes = page.body.len() as u64;
        let target = match visit.url.join(location) {
            Ok(target) => target,
            Err(error) => {
                let error = Some(format!("redirect to \"{location}\": {error}"));
                return Found { decoded_bytes, error, ..Found::default() };
            }
        };
        if visit.hops >= self.rules.redirects_max {
            let error = Some(format!("redirect number {} is not followed", u16::from(visit.hops) + 1));
            return Found { decoded_bytes, error, ..Found::default() };
        }
        let mut found = Found { decoded_bytes, ..Found::default() };
        if self.rules.scope.admits_redirect(&visit.url, visit.depth, &target) {
            let fingerprint = Fingerprint::of(&target);
            found.links.push(Link {
                url: target,
                fingerprint,
                depth: visit.depth,
                hops: visit.hops.saturating_add(1),
                off: visit.off,
                purpose: visit.purpose,
            });
        }
        found
    }
}

/// The `Location` of a redirect (RFC 9110 §15.4).
fn redirect(page: &Page) -> Option<String> {
    if !matches!(page.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    page.head.field("location").map(|location| String::from_utf8_lossy(location).into_owned())
}
