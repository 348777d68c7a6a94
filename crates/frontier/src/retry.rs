//! One table from what happened to whether, and when, a URL is asked for again.
//!
//! Owns the only retry decision of the project. Never in the fetcher, never immediate for a host that asked
//! for rest.

use std::time::Duration;

use dragline_model::{FailureKind, Settled};

/// Longest rest that a `Retry-After` can ask for: a day. A server that means longer means "not in this crawl".
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// What to do with a URL after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The outcome stands.
    Final,
    /// Ask again no sooner than `wait` from now.
    Again {
        /// How long to wait.
        wait: Duration,
        /// The whole host asked for rest, not just this URL.
        rest: bool,
    },
}

/// The retry table. Waits grow threefold with each attempt.
///
/// | outcome | attempts in all | first wait |
/// |---|---|---|
/// | dns, connect, proxy, closed, head and body timeout, truncated | 3 | `base` |
/// | 408, 500, 502, 504 | 3 | `base` |
/// | 429, 503 | 4 | `Retry-After`, else 5 × `base`; the host rests |
/// | resources (ours: it passes as soon as something else ends) | 30 | `base`, without growth |
/// | malformed, panicked | 2 | `base` |
/// | tls, refused, unexpected, any other status | 1 | |
#[derive(Debug, Clone, Copy)]
pub struct RetryTable {
    /// The unit of waiting.
    pub base: Duration,
}

impl Default for RetryTable {
    /// Two seconds: a restart of a server or a passing overload is over by the third attempt (2 s + 6 s).
    fn default() -> Self {
        Self { base: Duration::from_secs(2) }
    }
}

impl RetryTable {
    /// Decides on the outcome of attempt number `attempt` (1 for the first).
    pub fn decide(&self, settled: &Settled, attempt: u8) -> Retry {
        let (attempts, units, rest) = match settled {
            Settled::Page { status: 429 | 503, .. } => (4, 5, true),
            Settled::Page { status: 408 | 500 | 502 | 504, .. } => (3, 1, false),
            Settled::Page { .. } => (1, 0, false),
            Settled::Failure(failure) => match failure.kind {
                FailureKind::Dns
                | FailureKind::Connect
                | FailureKind::Proxy
                | FailureKind::Closed
                | FailureKind::HeadTimeout
                | FailureKind::BodyTimeout
                | FailureKind::Truncated => (3, 1, false),
                FailureKind::Resources => (30, 1, false),
                FailureKind::Malformed | FailureKind::Panicked => (2, 1, false),
                FailureKind::Tls | FailureKind::Refused | FailureKind::Unexpected => (1, 0, false),
            },
        };
        if attempt >= attempts {
            return Retry::Final;
        }
        let ours = matches!(settled, Settled::Failure(failure) if failure.kind == FailureKind::Resources);
        let growth = if ours { 1 } else { 3u32.pow(u32::from(attempt.saturating_sub(1)).min(8)) };
        let backed_off = self.base * units * growth;
        let wait = match settled {
            Settled::Page { retry_after: Some(text), .. } => {
                retry_after(text).map_or(backed_off, |asked| asked.clamp(self.base, RETRY_AFTER_MAX))
            }
            _ => backed_off,
        };
        Retry::Again { wait, rest }
    }

    /// True where the table gives no further attempt.
    pub fn is_final(&self, settled: &Settled, attempt: u8) -> bool {
        self.decide(settled, attempt) == Retry::Final
    }
}

/// `Retry-After` in its form of seconds (RFC 9110 §10.2.3); a date falls back to the table's own wait.
fn retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use dragline_model::Failure;

    use super::*;

    fn page(status: u16, retry_after: Option<&str>) -> Settled {
        Settled::Page { status, bytes: 0, retry_after: retry_after.map(str::to_owned) }
    }

    #[test]
    fn the_table_reads_as_documented() {
        let table = RetryTable { base: Duration::from_secs(1) };
        let again = |secs, rest| Retry::Again { wait: Duration::from_secs(secs), rest };
        let failed = |kind| Settled::Failure(Failure::new(kind, ""));
        for (settled, attempt, want) in [
            (page(200, None), 1, Retry::Final),
            (page(404, None), 1, Retry::Final),
            (page(500, None), 1, again(1, false)),
            (page(500, None), 2, again(3, false)),
            (page(500, None), 3, Retry::Final),
            (page(503, None), 1, again(5, true)),
            (page(429, Some("7")), 1, again(7, true)),
            (page(429, Some("0")), 1, again(1, true)),
            (page(429, Some("99999999")), 1, again(86_400, true)),
            (page(503, Some("Fri, 31 Dec 1999 23:59:59 GMT")), 2, again(15, true)),
            (page(429, None), 4, Retry::Final),
            (failed(FailureKind::Connect), 1, again(1, false)),
            (failed(FailureKind::Connect), 3, Retry::Final),
            (failed(FailureKind::Tls), 1, Retry::Final),
            (failed(FailureKind::Resources), 29, again(1, false)),
            (failed(FailureKind::Resources), 30, Retry::Final),
            (failed(FailureKind::Panicked), 1, again(1, false)),
            (failed(FailureKind::Panicked), 2, Retry::Final),
        ] {
            assert_eq!(table.decide(&settled, attempt), want, "{settled:?} at {attempt}");
        }
    }
}
