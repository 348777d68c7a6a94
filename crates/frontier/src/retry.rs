//! One table from what happened to whether, and when, a URL is asked for again.
//!
//! Owns the only retry decision of the project. Never in the fetcher, never immediate for a host that asked
//! for rest.

use std::time::{Duration, SystemTime};

use dragline_model::{FailureKind, Settled};
use dragline_politeness::retry_after;

/// Longest rest that a `Retry-After` can ask for: a day. A server that means longer means "not in this crawl".
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// Longest wait of the table's own.
pub(crate) const BACK_OFF_MAX: Duration = Duration::from_secs(24 * 3600);

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
    /// Decides on the outcome of attempt number `attempt` (1 for the first). `wall` is the time of day, for dates in
    /// `Retry-After`.
    pub fn decide(&self, settled: &Settled, attempt: u8, wall: SystemTime) -> Retry {
        let row = Row::of(settled);
        self.decide_by(&row, settled, attempt, row.attempts, wall)
    }

    /// The same with so many attempts in all, in place of the table's number, for what the table repeats at all.
    pub fn decide_within(&self, settled: &Settled, attempt: u8, attempts: u8, wall: SystemTime) -> Retry {
        let row = Row::of(settled);
        self.decide_by(&row, settled, attempt, if row.attempts > 1 { attempts } else { 1 }, wall)
    }

    fn decide_by(&self, row: &Row, settled: &Settled, attempt: u8, attempts: u8, wall: SystemTime) -> Retry {
        if attempt >= attempts {
            return Retry::Final;
        }
        let growth = if row.grows { 3u32.pow(u32::from(attempt.saturating_sub(1)).min(8)) } else { 1 };
        let backed_off = self.base.saturating_mul(row.units).saturating_mul(growth).min(BACK_OFF_MAX);
        let wait = match settled {
            Settled::Page { retry_after: Some(text), .. } => retry_after(text, wall)
                .map_or(backed_off, |asked| asked.min(RETRY_AFTER_MAX).max(self.base.min(BACK_OFF_MAX))),
            _ => backed_off,
        };
        Retry::Again { wait, rest: row.rest }
    }

    /// True where the table gives no further attempt.
    pub fn is_final(&self, settled: &Settled, attempt: u8) -> bool {
        attempt >= Row::of(settled).attempts
    }
}

/// What the table has on one outcome.
struct Row {
    attempts: u8,
    /// The first wait, in units of the base.
    units: u32,
    grows: bool,
    rest: bool,
}

impl Row {
    fn of(settled: &Settled) -> Self {
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
                // Ours: it passes as soon as something else ends.
                FailureKind::Resources => return Self { attempts: 30, units: 1, grows: false, rest: false },
                FailureKind::Malformed | FailureKind::Panicked => (2, 1, false),
                FailureKind::Tls | FailureKind::Refused | FailureKind::Unexpected => (1, 0, false),
            },
        };
        Self { attempts, units, grows: true, rest }
    }
}

#[cfg(test)]
mod tests {
    use dragline_model::Failure;

    use super::*;

    /// Where a minute is left to the date in the table below.
    const MINUTE_TO_2000: Duration = Duration::from_secs(946_684_739);

    fn page(status: u16, retry_after: Option<&str>) -> Settled {
        Settled::Page { status, bytes: 0, retry_after: retry_after.map(str::to_owned) }
    }

    #[test]
    fn attempts_can_be_named() {
        let table = RetryTable { base: Duration::from_secs(1) };
        assert_eq!(
            table.decide_within(&page(500, None), 3, 3, SystemTime::UNIX_EPOCH + MINUTE_TO_2000),
            Retry::Final
        );
        let ninth = Duration::from_secs(3u64.pow(8));
        assert_eq!(
            table.decide_within(&page(500, None), 9, 10, SystemTime::UNIX_EPOCH + MINUTE_TO_2000),
            Retry::Again { wait: ninth, rest: false }
        );
        assert_eq!(
            table.decide_within(&page(404, None), 1, 10, SystemTime::UNIX_EPOCH + MINUTE_TO_2000),
            Retry::Final,
            "not repeated at all"
        );
    }

    #[test]
    fn waits_have_an_end() {
        let table = RetryTable { base: Duration::MAX };
        for settled in [page(503, None), page(503, Some("1")), page(500, None)] {
            let Retry::Again { wait, .. } =
                table.decide(&settled, 1, SystemTime::UNIX_EPOCH + MINUTE_TO_2000)
            else {
                panic!("it is repeated")
            };
            assert_eq!(wait, BACK_OFF_MAX);
        }
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
            (page(503, Some("Fri, 31 Dec 1999 23:59:59 GMT")), 2, again(60, true)),
            (page(503, Some("soon")), 2, again(15, true)),
            (page(429, None), 4, Retry::Final),
            (failed(FailureKind::Connect), 1, again(1, false)),
            (failed(FailureKind::Connect), 3, Retry::Final),
            (failed(FailureKind::Tls), 1, Retry::Final),
            (failed(FailureKind::Resources), 29, again(1, false)),
            (failed(FailureKind::Resources), 30, Retry::Final),
            (failed(FailureKind::Panicked), 1, again(1, false)),
            (failed(FailureKind::Panicked), 2, Retry::Final),
        ] {
            assert_eq!(
                table.decide(&settled, attempt, SystemTime::UNIX_EPOCH + MINUTE_TO_2000),
                want,
                "{settled:?} at {attempt}"
            );
        }
    }
}
