//! How often requests may start.
//!
//! Owns the rate as it is written, and the pace that keeps it. No clock: `now` is an argument.

use std::{fmt, str::FromStr, time::Duration};

use tokio::time::Instant;

use crate::GatherError;

/// Lateness that is made up for. Timers go off a millisecond late, and without this a thousand starts a second
/// would be the most; with more of it a pause would be followed by a burst.
const CATCH_UP: Duration = Duration::from_millis(5);

/// Most starts a second; beyond it no rate is meant.
const PER_SECOND_MAX: f64 = 1e6;

/// Longest time from start to start: a day.
const INTERVAL_MAX: Duration = Duration::from_secs(86_400);

/// So many starts in so much time, over all hosts, evenly spread.
///
/// ```
/// use std::time::Duration;
/// use dragline_gather::Rate;
///
/// let rate: Rate = "100/m".parse()?;
/// assert_eq!(rate.interval(), Duration::from_millis(600));
/// assert_eq!("1/10s".parse::<Rate>()?.interval(), Duration::from_secs(10));
/// # Ok::<(), dragline_gather::GatherError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate(Duration);

impl Rate {
    /// `starts` in each `time`; at most a million a second, at least one a day.
    pub fn new(starts: u32, time: Duration) -> Result<Self, GatherError> {
        let wrong = || GatherError::Rate(format!("{starts}/{}s", time.as_secs_f64()));
        let interval = time.checked_div(starts).ok_or_else(wrong)?;
        let allowed = Duration::from_secs_f64(1.0 / PER_SECOND_MAX)..=INTERVAL_MAX;
        if allowed.contains(&interval) { Ok(Self(interval)) } else { Err(wrong()) }
    }

    /// The time from one start to the next.
    pub fn interval(self) -> Duration {
        self.0
    }
}

impl FromStr for Rate {
    type Err = GatherError;

    /// `10/s`, `100/m`, `5000/h`, `1/10s`, `1/500ms`.
    fn from_str(text: &str) -> Result<Self, GatherError> {
        let wrong = || GatherError::Rate(text.to_owned());
        let (starts, time) = text.split_once('/').ok_or_else(wrong)?;
        let unit_at = time.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (many, unit) = time.split_at(unit_at);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            "d" => Duration::from_secs(86_400),
            _ => return Err(wrong()),
        };
        let many: u32 = if many.is_empty() { 1 } else { many.parse().map_err(|_| wrong())? };
        let starts = starts.parse().map_err(|_| wrong())?;
        Self::new(starts, unit.checked_mul(many).ok_or_else(wrong)?).map_err(|_| wrong())
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one each {:?}", self.0)
    }
}

/// When the next start is due.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { interval: rate.0, next: None }
    }

    /// The moment of the next start; none where it may be now.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// Something starts now.
    pub(crate) fn started(&mut self, now: Instant) {
        let floor = now.checked_sub(CATCH_UP).unwrap_or(now);
        let from = self.next.map_or(now, |next| next.max(floor));
        self.next = Some(from + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_written() {
        for (text, ms) in [
            ("10/s", Some(100)),
            ("100/m", Some(600)),
            ("3600/h", Some(1000)),
            ("1/d", Some(86_400_000)),
            ("2/10s", Some(5000)),
            ("1/500ms", Some(500)),
            ("0/s", None),
            ("10", None),
            ("10/", None),
            ("/s", None),
            ("-1/s", None),
            ("1.5/s", None),
            ("10/fortnight", None),
            ("1/0s", None),
            ("1/2d", None),
            ("2000000/s", None),
            ("1/99999999999s", None),
        ] {
            assert_eq!(text.parse::<Rate>().ok().map(|rate| rate.0.as_millis()), ms, "{text}");
        }
        assert_eq!(
            "x".parse::<Rate>().unwrap_err().to_string(),
            "\"x\" is no rate; write 10/s, 100/m, 5000/h or 1/10s"
        );
    }

    #[test]
    fn late_starts_are_made_up_for_and_pauses_are_not() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut pace = Pace::new(Rate(Duration::from_millis(100)));
        assert_eq!(pace.due(at(0)), None);
        pace.started(at(0));
        assert_eq!(pace.due(at(99)), Some(at(100)));
        assert_eq!(pace.due(at(102)), None);
        pace.started(at(102));
        assert_eq!(pace.due(at(103)), Some(at(200)));
        pace.started(at(5000));
        assert_eq!(pace.due(at(5000)), Some(at(5095)));
    }

    #[test]
    fn a_fast_pace_is_kept_by_slow_timers() {
        let start = Instant::now();
        let mut pace = Pace::new("10000/s".parse().unwrap());
        let mut starts = 0;
        for ms in 1..=1000 {
            let now = start + Duration::from_millis(ms);
            while pace.due(now).is_none() {
                pace.started(now);
                starts += 1;
            }
        }
        assert!((9_900..=10_100).contains(&starts), "{starts}");
    }
}
