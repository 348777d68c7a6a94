//! Where the time of one request went.

use std::time::Duration;

/// Time spent in each phase of one request. A phase that did not happen (a reused connection has no DNS) is
/// `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Name to address.
    pub dns: Option<Duration>,
    /// TCP handshake; through a proxy, the proxy's part in it too.
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
    /// A kept connection was tried first and given up for a new one, which the other phases are of.
    pub given_up: Option<GivenUp>,
}

/// A kept connection that did not keep its promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GivenUp {
    /// What it did.
    pub how: Stale,
    /// Time lost on it.
    pub after: Duration,
}

/// How a kept connection fails under a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// Closed or reset before the answer's first byte.
    Closed,
    /// Open, and silent for longer than the host ever takes to answer.
    Silent,
}

impl Timings {
    /// From the start until the request had been sent, at the latest.
    pub fn sent_after(&self) -> Duration {
        let answer: Duration = [self.first_byte, self.body].into_iter().flatten().sum();
        self.total.saturating_sub(answer)
    }

    /// What no phase accounts for: waiting for a descriptor, a share of memory, our own
    /// processor.
    pub fn unaccounted(&self) -> Duration {
        let lost = self.given_up.map(|it| it.after);
        let known: Duration =
            [self.dns, self.connect, self.tls, self.first_byte, self.body, lost].into_iter().flatten().sum();
        self.total.saturating_sub(known)
    }
}
