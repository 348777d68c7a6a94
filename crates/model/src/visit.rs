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
    /// Links followed one after another since the last page that is within the scope: 0 within it.
    pub off: u8,
    /// What it is asked for.
    pub purpose: Purpose,
}

/// What a URL is asked for. It decides who reads the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Its content, and its links.
    #[default]
    Page,
    /// The URLs that a sitemap lists.
    Sitemap,
    /// The rules of its host (RFC 9309).
    Robots,
}

impl Purpose {
    /// True for [`Purpose::Page`]: what records leave out.
    pub fn is_page(&self) -> bool {
        *self == Purpose::Page
    }
}

impl Link {
    /// A seed: depth 0, no hops.
    pub fn seed(url: CanonicalUrl) -> Self {
        let fingerprint = Fingerprint::of(&url);
        Self { url, fingerprint, depth: 0, hops: 0, off: 0, purpose: Purpose::Page }
    }
}

/// What a copy that is kept is known by, for asking whether it still holds (RFC 9110 §13.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// `ETag`, with its quotes, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// The record of the copy.
    pub seq: u64,
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
    /// See [`Link::off`].
    pub off: u8,
    /// See [`Link::purpose`].
    pub purpose: Purpose,
    /// The copy that the answer is compared with, where there is one.
    pub copy: Option<Box<Validators>>,
    /// A [`Sketch`](crate::Sketch) of the answer is wanted. Not kept.
    pub sketch: bool,
}

impl Visit {
    /// The first visit of a URL that nobody linked to.
    pub fn first(id: VisitId, url: CanonicalUrl) -> Self {
        Self {
            id,
            host: url.host_key(),
            url,
            depth: 0,
            hops: 0,
            attempt: 1,
            via: None,
            off: 0,
            purpose: Purpose::Page,
            copy: None,
            sketch: false,
        }
    }
}
