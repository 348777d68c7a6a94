//! A response as the wire gave it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ResponseHead;

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
    /// The address that answered.
    pub peer: Option<SocketAddr>,
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

/// Time spent in each phase of one request. A phase that did not happen (a reused connection has no DNS) is
/// `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Name to address.
    pub dns: Option<Duration>,
    /// TCP handshake.
    pub connect: Option<Duration>,
    /// TLS handshake.
    pub tls: Option<Duration>,
    /// From the request's last byte sent to the response's first byte received.
    pub first_byte: Option<Duration>,
    /// From the first byte to the last.
    pub body: Option<Duration>,
    /// From start to end.
    pub total: Duration,
    /// The connection had served a request before.
    pub reused: bool,
}
