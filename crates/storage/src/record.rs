//! What is kept of a visit besides its payload.
//!
//! Owns [`Record`]. Its JSON is used twice, unchanged: as the value in the index and as the block of the WARC
//! `metadata` record that closes a page's group; [`entry`] has what stands around it. Never touches a file.

mod entry;
mod glance;
mod spelling;

pub(crate) use entry::{
    Belated, Entry, Kind, compose, compose_forgotten, compose_seeds, kind, without_payload,
};
pub(crate) use glance::{Glance, GlanceLink, Text};
pub(crate) use spelling::{clip, rfc3339, rfc3339_or_none, spell_time};

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use dragline_model::{
    CanonicalUrl, Facts, Failure, Link, Purpose, RobotsAnswer, Settled, Timestamp, Timings, TlsSession,
    Truncation, VisitId,
};
use spelling::{is_zero, links, milliseconds, robots};

/// One visit as it is kept: a response of any status, or a failure.
///
/// As JSON it has these names, `fetched_at` in RFC 3339, `timings` in milliseconds; what is absent is left
/// out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the order of commits; the first is 1.
    pub seq: u64,
    /// The visit that brought it.
    pub visit: VisitId,
    /// What was asked for.
    pub url: CanonicalUrl,
    /// The status code; `None` for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the request began.
    #[serde(with = "rfc3339")]
    pub fetched_at: Timestamp,
    /// The type of `Content-Type`, lower case, without parameters; by a 304 without one, that of the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Bytes of the body once its content coding is undone.
    #[serde(default)]
    pub size: u64,
    /// Bytes of the body as received.
    #[serde(default)]
    pub bytes: u64,
    /// `sha256:` and 64 hexadecimal digits, of the body as received, or of the one that a 304 stands for; `None` for a
    /// failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Links followed since the seed.
    #[serde(default)]
    pub depth: u16,
    /// Redirects followed since the last link.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// Links followed one after another outside of the scope.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub off: u8,
    /// What it was asked for.
    #[serde(default, skip_serializing_if = "Purpose::is_page")]
    pub purpose: Purpose,
    /// The record whose copy the answer was to be compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<u64>,
    /// How many looks in a row found the page as it was: 0 where this one found it changed, or had no copy to compare
    /// it with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steady: u8,
    /// The look that found it as it has been since; `None` where that is this one.
    #[serde(default, with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// `ETag`, as it was sent; by a 304 without one, that of the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// What the page says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<Facts>>,
    /// The page it was found on; `None` for a seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<CanonicalUrl>,
    /// Where a redirect leads, absolute where it can be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `Retry-After` in the server's own words, where the status calls for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// The limit that cut the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// 1 for the first visit of this URL, one more for each retry.
    #[serde(default)]
    pub attempts: u8,
    /// Why there is no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Where the time went; `None` for a failure.
    #[serde(default, with = "milliseconds", skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// The address that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The TLS session it came through; not `verified` where the user gave up the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSession>,
    /// Our own code panicked while it looked for links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract_error: Option<String>,
    /// For a visit to a robots.txt, what its host's rules follow from; absent where it is long.
    #[serde(default, with = "robots", skip_serializing_if = "Option::is_none")]
    pub robots: Option<Box<RobotsAnswer>>,
    /// The record whose payload this one has too: only that one's is in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_of: Option<u64>,
    /// Why its payload is not in the archive, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absence>,
    /// The links that nobody had seen before.
    #[serde(default, with = "links", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// Why a payload is not in the archive although there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Absence {
    /// It was here, and fell out of what was to be kept: see `dragline compact`.
    Dropped,
    /// It never was here: it came as a reference to a payload in an archive that was not imported.
    Elsewhere,
}

impl Record {
    /// The outcome as the coordinator learned it.
    pub fn settled(&self) -> Settled {
        match (&self.error, self.status) {
            (Some(failure), _) => Settled::Failure(failure.clone()),
            (None, status) => Settled::Page {
                status: status.unwrap_or_default(),
                bytes: self.bytes,
                retry_after: self.retry_after.clone(),
            },
        }
    }

    /// The server was asked whether a copy still holds, and said that it does (RFC 9110 §15.4.5).
    pub fn is_not_modified(&self) -> bool {
        self.status == Some(NOT_MODIFIED) && self.copy.is_some()
    }

    /// Everything but what only the writer knows, ready for [`compose`].
    pub(crate) fn middle(&self) -> Result<Vec<u8>, serde_json::Error> {
        debug_assert!(self.seq == 0 && self.links.is_empty() && self.payload_of.is_none());
        let mut json = Vec::with_capacity(MIDDLE_BYTES_TYPICAL);
        serde_json::to_writer(&mut json, self)?;
        json.pop();
        json.drain(..r#"{"seq":0"#.len());
        Ok(json)
    }
}

/// The status of an answer that stands for the payload of a copy.
pub(crate) const NOT_MODIFIED: u16 = 304;

/// What most records need, so that the buffer is not grown while it is filled.
const MIDDLE_BYTES_TYPICAL: usize = 768;
