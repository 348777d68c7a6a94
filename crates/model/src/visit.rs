//! Links and visits: a URL on its way to be fetched.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CanonicalUrl, Fingerprint, HostKey};

/// A URL that was found: a seed, a link of a page, or the target of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads.
    pub url: CanonicalUrl,
    /// `Fingerprint::of(&url)`, taken where the link was found.
    pub fingerprint: Fingerprint,
    /// Links followed since the seed: 0 for a seed. A redirect does not add to it.
    pub depth: u16,
    /// Redirects followed since the last link: 0 for a link, 1 for the target of its redirect, …
    pub hops: u8,
}

impl Link {
    /// A seed: depth 0, no hops.
    pub fn seed(url: CanonicalUrl) -> Self {
        Self { fingerprint: Fingerprint::of(&url), url, depth: 0, hops: 0 }
    }
}

/// The number of one visit, unique within a store for ever: the run's start in milliseconds since 1970,
/// shifted left by 20 bits, plus a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VisitId(pub u64);

impl fmt::Display for VisitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Leave for one request to one host.
///
/// A visit is made by the frontier when its host's turn has come. While it is out it counts against the
/// host's concurrency; it comes home as a [`crate::Receipt`], or as the loss of the fetcher that held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Names this visit in every message about it.
    pub id: VisitId,
    /// What to ask for.
    pub url: CanonicalUrl,
    /// The host whose turn it is.
    pub host: HostKey,
    /// See [`Link::depth`].
    pub depth: u16,
    /// See [`Link::hops`].
    pub hops: u8,
    /// 1 for the first visit of this URL, one more for each retry.
    pub attempt: u8,
    /// The page the URL was found on; `None` for a seed.
    pub via: Option<CanonicalUrl>,
}
