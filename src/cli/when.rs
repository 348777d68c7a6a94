//! Moments as people say them.
//!
//! Owns their spelling. The clock is read by whoever asks.

use std::time::{Duration, SystemTime};

use super::Trouble;

/// A moment, or a place in the order of commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// A moment that was named.
    At(SystemTime),
    /// That long ago.
    Ago(Duration),
    /// A sequence number.
    Seq(u64),
}

impl When {
    /// Reads `2026-01-31T12:00:00Z`, `2026-01-31 12:00`, `2026-01-31` (all in UTC), `2h`, `7d`, or a sequence number.
    pub(super) fn read(flag: &str, text: &str) -> Result<Self, Trouble> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Seq).map_err(|_| wrong(flag, text));
        }
        if text.len() >= 8 && text.as_bytes()[4] == b'-' {
            let mut full = text.replace(' ', "T");
            full.push_str(match full.len() {
                10 => "T00:00:00Z",
                16 => ":00Z",
                19 => "Z",
                _ => "",
            });
            return humantime::parse_rfc3339_weak(&full).map(Self::At).map_err(|_| wrong(flag, text));
        }
        humantime::parse_duration(text).map(Self::Ago).map_err(|_| wrong(flag, text))
    }

    /// The moment, where it is one.
    pub(super) fn moment(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            When::At(at) => Some(at),
            When::Ago(time) => Some(
                now.checked_sub(time).map_or(SystemTime::UNIX_EPOCH, |at| at.max(SystemTime::UNIX_EPOCH)),
            ),
            When::Seq(_) => None,
        }
    }
}

fn wrong(flag: &str, text: &str) -> Trouble {
    Trouble::Usage(format!(
        "{flag} {}: write it as 2026-01-31T12:00:00Z, 2026-01-31, or 2h for two hours ago",
        text.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        let at = |secs: u64| When::At(SystemTime::UNIX_EPOCH + Duration::from_secs(secs));
        for (text, want) in [
            ("1970-01-02", Some(at(86_400))),
            ("1970-01-01 00:01", Some(at(60))),
            ("1970-01-01T00:00:05", Some(at(5))),
            ("1970-01-01T00:00:05Z", Some(at(5))),
            ("2h", Some(When::Ago(Duration::from_secs(7_200)))),
            ("7d", Some(When::Ago(Duration::from_secs(604_800)))),
            ("12345", Some(When::Seq(12_345))),
            ("2026-13-01", None),
            ("yesterday", None),
            ("", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(When::read("--since", text).ok(), want, "{text}");
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        assert_eq!(When::Ago(Duration::from_secs(600)).moment(now), Some(SystemTime::UNIX_EPOCH));
    }
}
