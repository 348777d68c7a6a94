//! What a visit brings home, and what is said of it once it is kept.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::{CanonicalUrl, Failure, Link, Page, Visit, VisitId};

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
    pub visit: VisitId,
    /// What it asked for.
    pub url: CanonicalUrl,
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
