//! A response as the wire gave it.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ResponseHead, Timings};

/// One complete HTTP exchange: any status, body as received.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status code, 200 to 999.
    pub status: u16,
    /// The request as it was sent, head only.
    pub request: Bytes,
    /// The response's head as received.
    pub head: ResponseHead,
    /// The body with the transfer coding (chunking) undone and the content coding (gzip, …) as it came.
    pub body: Bytes,
    /// Set when the body was cut by one of our limits; then `body` is its beginning.
    pub truncated: Option<Truncation>,
    /// The address that answered; a proxy's where there was one.
    pub peer: Option<SocketAddr>,
    /// The TLS session it came through.
    pub tls: Option<TlsSession>,
    /// Where the time went.
    pub timings: Timings,
}

/// Which limit cut a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// Larger than the limit on bytes.
    Length,
    /// Took longer than the limit on the whole exchange.
    Time,
}

impl Truncation {
    /// The word used in records: `length` or `time`, as in WARC 1.1 §5.13 (`WARC-Truncated`).
    pub fn as_str(self) -> &'static str {
        match self {
            Truncation::Length => "length",
            Truncation::Time => "time",
        }
    }
}

/// What is worth knowing of a TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSession {
    /// The protocol's version.
    pub version: TlsVersion,
    /// The certificate was checked. False only where the user gave up the check for this host.
    pub verified: bool,
}

/// The versions of TLS that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V1_3,
}
