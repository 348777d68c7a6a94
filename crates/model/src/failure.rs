//! Why a visit brought no response.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A visit that brought no response: a value on the normal path, kept and counted like a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The particulars, for a person: addresses, limits, the system's own words.
    pub detail: String,
}

impl Failure {
    /// A failure with its particulars.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.detail.is_empty() { self.kind.fmt(f) } else { write!(f, "{}: {}", self.kind, self.detail) }
    }
}

impl std::error::Error for Failure {}

/// The kinds of failure; the names are part of every report and store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The name has no address, or the resolver did not answer.
    Dns,
    /// The address is private and `--allow-net` does not lift the guard for it.
    Refused,
    /// No TCP connection: refused, unreachable, timed out.
    Connect,
    /// No TLS session: certificate or protocol.
    Tls,
    /// The server closed the connection without an answer.
    Closed,
    /// No byte of an answer in time.
    HeadTimeout,
    /// The answer stopped coming.
    BodyTimeout,
    /// What came is no HTTP/1 answer.
    Malformed,
    /// The body ended before the length that was announced.
    Truncated,
    /// Out of descriptors or memory on our side.
    Resources,
    /// Our own code panicked on it; the text is the panic's.
    Panicked,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The server that was asked.
    Server,
    /// The network between.
    Network,
    /// What this crawl was told to do.
    Configuration,
    /// dragline, or the machine it runs on.
    Ours,
}

impl FailureKind {
    /// Every kind, in the order of the phases of a request.
    pub const ALL: [FailureKind; 11] = [
        FailureKind::Dns,
        FailureKind::Refused,
        FailureKind::Connect,
        FailureKind::Tls,
        FailureKind::Closed,
        FailureKind::HeadTimeout,
        FailureKind::BodyTimeout,
        FailureKind::Malformed,
        FailureKind::Truncated,
        FailureKind::Resources,
        FailureKind::Panicked,
    ];

    /// The name in reports and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Dns => "dns",
            FailureKind::Refused => "refused",
            FailureKind::Connect => "connect",
            FailureKind::Tls => "tls",
            FailureKind::Closed => "closed",
            FailureKind::HeadTimeout => "head_timeout",
            FailureKind::BodyTimeout => "body_timeout",
            FailureKind::Malformed => "malformed",
            FailureKind::Truncated => "truncated",
            FailureKind::Resources => "resources",
            FailureKind::Panicked => "panicked",
        }
    }

    /// Whose fault it is.
    pub fn blame(self) -> Blame {
        match self {
            FailureKind::Dns | FailureKind::Connect => Blame::Network,
            FailureKind::Refused => Blame::Configuration,
            FailureKind::Resources | FailureKind::Panicked => Blame::Ours,
            _ => Blame::Server,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
