//! Why a visit brought no response.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Timings;

/// A visit that brought no response: a value on the normal path, kept and counted like a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub kind: FailureKind,
    /// The particulars, for a person: addresses, limits, the system's own words.
    pub detail: String,
    /// Where the time went until then, where anybody looked at a clock. Not kept: a store has the fact, not its
    /// duration.
    #[serde(skip)]
    pub timings: Option<Box<Timings>>,
}

impl Failure {
    /// A failure with its particulars.
    pub fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), timings: None }
    }

    /// The same with the time it took.
    #[must_use]
    pub fn after(mut self, timings: Timings) -> Self {
        self.timings = Some(Box::new(timings));
        self
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
    /// The proxy could not be reached, or would not take us there.
    Proxy,
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
    /// An answer, but not of the kind that was asked for.
    Unexpected,
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

impl Blame {
    /// The name in reports: `server`, `network`, `configuration` or `ours`.
    pub fn as_str(self) -> &'static str {
        match self {
            Blame::Server => "server",
            Blame::Network => "network",
            Blame::Configuration => "configuration",
            Blame::Ours => "ours",
        }
    }
}

impl FailureKind {
    /// Every kind, in the order of the phases of a request.
    pub const ALL: [FailureKind; 13] = [
        FailureKind::Dns,
        FailureKind::Refused,
        FailureKind::Connect,
        FailureKind::Proxy,
        FailureKind::Tls,
        FailureKind::Closed,
        FailureKind::HeadTimeout,
        FailureKind::BodyTimeout,
        FailureKind::Malformed,
        FailureKind::Truncated,
        FailureKind::Unexpected,
        FailureKind::Resources,
        FailureKind::Panicked,
    ];

    /// The name in reports and stores.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Dns => "dns",
            FailureKind::Refused => "refused",
            FailureKind::Connect => "connect",
            FailureKind::Proxy => "proxy",
            FailureKind::Tls => "tls",
            FailureKind::Closed => "closed",
            FailureKind::HeadTimeout => "head_timeout",
            FailureKind::BodyTimeout => "body_timeout",
            FailureKind::Malformed => "malformed",
            FailureKind::Truncated => "truncated",
            FailureKind::Unexpected => "unexpected",
            FailureKind::Resources => "resources",
            FailureKind::Panicked => "panicked",
        }
    }

    /// Whose fault it is.
    pub fn blame(self) -> Blame {
        match self {
            FailureKind::Dns | FailureKind::Connect => Blame::Network,
            FailureKind::Refused | FailureKind::Proxy => Blame::Configuration,
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
