//! What a group asks for besides its rules: `Crawl-delay`, `Request-rate`, `Visit-time`.
//!
//! Owns the reading of these values; none of them is in RFC 9309 (§2.2.4 lets a crawler take them in). Decides
//! nothing: how far a wish is granted is the caller's.

use std::time::Duration;

/// So many requests in so much time, perhaps only at some time of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// At least 1.
    pub requests: u32,
    /// At least a second.
    pub per: Duration,
    /// When it holds; always, where there is none.
    pub during: Option<VisitTime>,
}

impl RequestRate {
    /// The time from one request to the next, evenly spread.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dragline_politeness::Robots;
    ///
    /// let robots = Robots::parse(b"User-agent: *\nRequest-rate: 10/1m\n");
    /// let rate = robots.request_rate("dragline").ok_or("no rate")?;
    /// assert_eq!(rate.interval(), Duration::from_secs(6));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn interval(&self) -> Duration {
        self.per / self.requests.max(1)
    }
}

/// A part of the day, in minutes after midnight UTC. Where it ends before it begins, it goes over midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitTime {
    /// The first minute, 0 to 1439.
    pub from: u16,
    /// The minute it ends at, 0 to 1439.
    pub until: u16,
}

impl VisitTime {
    /// Is this minute after midnight UTC (0 to 1439) in it?
    pub fn contains(&self, minute: u16) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

/// The wishes of one group, or of several put together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Asks {
    /// In seconds: finite or infinite, never negative.
    pub(super) crawl_delay: Option<f64>,
    pub(super) request_rate: Option<RequestRate>,
    pub(super) visit_time: Option<VisitTime>,
}

impl Asks {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both: the longer delay, the slower rate, the time that was named first.
    pub(super) fn and(self, other: Self) -> Self {
        let slower = |a: RequestRate, b: RequestRate| if b.interval() > a.interval() { b } else { a };
        Self {
            crawl_delay: either(self.crawl_delay, other.crawl_delay, f64::max),
            request_rate: either(self.request_rate, other.request_rate, slower),
            visit_time: self.visit_time.or(other.visit_time),
        }
    }
}

fn either<T>(a: Option<T>, b: Option<T>, both: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}

/// Seconds, also broken ones; what stands behind the number is passed over (`10<BR>`, `10s`).
pub(super) fn crawl_delay(value: &[u8]) -> Option<f64> {
    let digits = |from: usize| value[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if value.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if let Some(b'e' | b'E') = value.get(end) {
        let sign = usize::from(matches!(value.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    // Beginning with a digit or a point, it cannot be a negative number or the word "nan".
    std::str::from_utf8(&value[..end]).ok()?.parse().ok()
}

/// `1/10s`, `100/15m`, `9000/1d`, `1/60` (seconds), and a time of the day behind it.
pub(super) fn request_rate(value: &[u8]) -> Option<RequestRate> {
    let text = std::str::from_utf8(value).ok()?;
    let (rate, during) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (requests, time) = rate.split_once('/')?;
    let unit_at = time.find(|c: char| !c.is_ascii_digit()).unwrap_or(time.len());
    let unit = match &time[unit_at..] {
        "" | "s" | "S" => 1,
        "m" | "M" => 60,
        "h" | "H" => 3600,
        "d" | "D" => 86_400,
        _ => return None,
    };
    let many: u32 = time[..unit_at].parse().ok()?;
    let requests = requests.parse().ok().filter(|requests| *requests > 0)?;
    let seconds = u64::from(many) * unit;
    (seconds > 0).then(|| RequestRate {
        requests,
        per: Duration::from_secs(seconds),
        during: visit_time(during.as_bytes()),
    })
}

/// `0600-0845` or `0600 0845`.
pub(super) fn visit_time(value: &[u8]) -> Option<VisitTime> {
    let text = std::str::from_utf8(value).ok()?;
    let mut times = text.split(|c: char| c == '-' || c.is_whitespace()).filter(|time| !time.is_empty());
    let (from, until) = (minute(times.next()?)?, minute(times.next()?)?);
    (times.next().is_none() && from != until).then_some(VisitTime { from, until })
}

fn minute(time: &str) -> Option<u16> {
    let number: u16 = Some(time).filter(|time| time.len() == 4)?.parse().ok()?;
    let (hour, minute) = (number / 100, number % 100);
    match (hour, minute) {
        (0..24, 0..60) => Some(hour * 60 + minute),
        // The end of the day.
        (24, 0) => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays() {
        for (value, want) in [
            ("10", Some(10.0)),
            ("0.2", Some(0.2)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("0", Some(0.0)),
            ("10<BR>", Some(10.0)),
            ("10 seconds", Some(10.0)),
            ("10s", Some(10.0)),
            ("1e9", Some(1e9)),
            ("2E+1", Some(20.0)),
            ("1e", Some(1.0)),
            ("1e999", Some(f64::INFINITY)),
            ("-1", None),
            ("nan", None),
            ("inf", None),
            (".", None),
            ("e5", None),
            ("random_word", None),
            ("", None),
        ] {
            assert_eq!(crawl_delay(value.as_bytes()), want, "{value}");
        }
    }

    #[test]
    fn rates_and_times() {
        let told = |value: &str| {
            request_rate(value.as_bytes()).map(|rate| {
                (rate.requests, rate.per.as_secs(), rate.during.map(|time| (time.from, time.until)))
            })
        };
        for (value, want) in [
            ("1/10s", Some((1, 10, None))),
            ("100/15m", Some((100, 900, None))),
            ("400/1h", Some((400, 3600, None))),
            ("9000/1d", Some((9000, 86_400, None))),
            ("1/60", Some((1, 60, None))),
            ("1/10s 1820-1940", Some((1, 10, Some((1100, 1180))))),
            ("1/10 0600 0845", Some((1, 10, Some((360, 525))))),
            ("1/10 soon", Some((1, 10, None))),
            ("0/10", None),
            ("1/0", None),
            ("1/", None),
            ("/10", None),
            ("-1/10", None),
            ("1/10w", None),
            ("99999999999/1", None),
            ("4294967295/4294967295d", Some((u32::MAX, 4_294_967_295 * 86_400, None))),
            ("", None),
        ] {
            assert_eq!(told(value), want, "{value}");
        }
        for (value, want) in [
            ("0200 0630", Some((120, 390))),
            ("2200-0600", Some((1320, 360))),
            ("0000-2400", None),
            ("0600-2400", Some((360, 0))),
            ("0260-0300", None),
            ("2500-0300", None),
            ("200-300", None),
            ("0200", None),
            ("0200-0300-0400", None),
        ] {
            assert_eq!(visit_time(value.as_bytes()).map(|time| (time.from, time.until)), want, "{value}");
        }
    }

    #[test]
    fn a_night_goes_over_midnight() {
        let night = VisitTime { from: 1320, until: 360 };
        assert!(night.contains(1320) && night.contains(1439) && night.contains(0) && night.contains(359));
        assert!(!night.contains(360) && !night.contains(720) && !night.contains(1319));
        let morning = VisitTime { from: 120, until: 390 };
        assert!(morning.contains(120) && !morning.contains(390) && !morning.contains(119));
    }
}
