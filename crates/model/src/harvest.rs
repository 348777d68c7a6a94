//! What a visit brings home, and what is said of it once it is kept.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use bytes::Bytes;

use crate::{CanonicalUrl, Failure, Link, Page, Sketch, Timings, Visit};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as u64)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        SystemTime::UNIX_EPOCH + Duration::from_millis(time.0)
    }
}

/// One visit with what came of it.
#[derive(Debug, Clone)]
pub struct Harvest {
    /// The visit.
    pub visit: Visit,
    /// When the request began.
    pub fetched_at: Timestamp,
    /// A response, or the reason for none.
    pub outcome: Outcome,
    /// Links that may be new (the page's, or a redirect's target), in scope, each once. Storage decides which
    /// are.
    pub links: Vec<Link>,
    /// Our own code panicked while it looked for links: the page is kept, the links are missing.
    pub extract_error: Option<String>,
    /// What the page says of itself.
    pub facts: Facts,
    /// For a visit to a robots.txt, what its host's rules follow from.
    pub robots: Option<Box<RobotsAnswer>>,
    /// What it says, where it is text.
    pub sketch: Option<Sketch>,
}

impl Harvest {
    /// The outcome of a visit of which nothing else is to be said.
    pub fn bare(visit: Visit, fetched_at: Timestamp, outcome: Outcome) -> Self {
        let (links, facts) = (Vec::new(), Facts::default());
        Self { visit, fetched_at, outcome, links, extract_error: None, facts, robots: None, sketch: None }
    }
}

/// What a page says of itself and of its likes: kept, whether it is acted on or not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// No index should have it (`X-Robots-Tag`, `<meta name=robots>`).
    #[serde(skip_serializing_if = "is_false")]
    pub noindex: bool,
    /// Its links are not to be followed, and were not.
    #[serde(skip_serializing_if = "is_false")]
    pub nofollow: bool,
    /// The URL that it says is its own (`rel=canonical`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<CanonicalUrl>,
    /// Other forms of it (`rel=alternate`): what is said of each (language or type), and where.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<(String, CanonicalUrl)>,
}

fn is_false(it: &bool) -> bool {
    !it
}

impl Facts {
    /// It says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a request for a robots.txt brought, besides its status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RobotsAnswer {
    /// `Location`, in the server's own words.
    pub location: Option<String>,
    /// `Cache-Control`; several fields joined by commas.
    pub cache_control: Option<String>,
    /// The body without its content coding, its beginning where it is long.
    pub body: Bytes,
}

/// What came of a visit.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A response of any status.
    Page(Box<Page>),
    /// None.
    Failure(Failure),
}

/// What the coordinator learns of a harvest, after it and its links are committed: everything but the body.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The visit that is over.
    pub visit: Visit,
    /// When its request began.
    pub fetched_at: Timestamp,
    /// Where the time went, as far as that is known.
    pub timings: Option<Timings>,
    /// The payload had been stored before, for this URL or another.
    pub is_repeat: bool,
    /// See [`Harvest::sketch`]; not kept.
    pub sketch: Option<Sketch>,
    /// See [`Harvest::robots`].
    pub robots: Option<Box<RobotsAnswer>>,
    /// Its place in the store's order of commits.
    pub seq: u64,
    /// What came of it.
    pub settled: Settled,
    /// The links that nobody had seen before.
    pub new_links: Vec<Link>,
}

/// A visit's outcome without the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// A response.
    Page {
        /// Its status code.
        status: u16,
        /// Bytes of its body as received.
        bytes: u64,
        /// `Retry-After`, in the server's own words, where the status calls for one.
        retry_after: Option<String>,
    },
    /// None.
    Failure(Failure),
}
