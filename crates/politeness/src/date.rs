//! Dates as servers write them: in `Retry-After`, and behind `unavailable_after`.
//!
//! Owns their reading. Whatever zone a date is written in, it comes out as seconds since 1970 UTC.

use std::time::{Duration, SystemTime};

use dragline_model::days_since_1970;

const SECONDS_A_DAY: i64 = 86_400;

/// Most words of a date that is read: a weekday, a day, a month, a year, a time and a zone.
const WORDS_MAX: usize = 6;

/// A date of HTTP (RFC 9110 §5.6.7) in any of its three forms: IMF-fixdate, RFC 850 and asctime.
///
/// The weekday is not checked and need not be there, and zones other than GMT are read as RFC 5322 §4.3 has
/// them, for both are met. A year of two digits is the one of them that is no more than 50 years after `now`.
pub(crate) fn http(text: &str, now: SystemTime) -> Option<SystemTime> {
    let text = text.trim();
    let mut words: Vec<&str> = Vec::with_capacity(WORDS_MAX);
    for word in text.split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        // `06-Nov-94` is three words; a zone of `-0800` is one.
        let is_date = word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('-');
        for part in word.split(if is_date { '-' } else { ' ' }) {
            if words.len() == WORDS_MAX {
                return None;
            }
            words.push(part);
        }
    }
    let words = match words.split_first() {
        Some((weekday, rest)) if is_weekday(weekday) => rest,
        _ => &words[..],
    };
    let (day, month, year, time, zone) = match *words {
        [day, month, year, time, zone] => (day, month, year, time, zone),
        // asctime is always GMT.
        [month, day, time, year] => (day, month, year, time, "GMT"),
        _ => return None,
    };
    let (day, year) = (number(day, 1, 2)?, year_of(year, now)?);
    let in_day = time_of_day(time)?;
    at(days_since_1970(year, month_of(month)?, day)?, in_day - zone_of(zone)?)
}

/// A date of ISO 8601 as RFC 3339 has it, or the day alone, which is its beginning.
pub(crate) fn iso(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' ']).unwrap_or((text.trim(), ""));
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let days = days_since_1970(number(year, 4, 4)?, number(month, 2, 2)?, number(day, 2, 2)?)?;
    if time.is_empty() {
        return at(days, 0);
    }
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let whole_seconds = time.split('.').next()?;
    at(days, time_of_day(whole_seconds)? - zone_of(&zone.replace(':', ""))?)
}

fn at(days: i64, in_day: i64) -> Option<SystemTime> {
    let seconds = u64::try_from(days * SECONDS_A_DAY + in_day);
    // Before 1970 is long ago, and all that anybody asks of such a date.
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds.unwrap_or(0)))
}

fn is_weekday(word: &str) -> bool {
    const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let is_text = word.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_text && WEEKDAYS.iter().any(|day| word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(day)))
}

fn number(text: &str, fewest: usize, most: usize) -> Option<i64> {
    let is_number = (fewest..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn month_of(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start = word.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| start.eq_ignore_ascii_case(month)).map(|(number, _)| number)
}

fn year_of(word: &str, now: SystemTime) -> Option<i64> {
    if word.len() != 2 {
        return number(word, 4, 4);
    }
    let short = number(word, 2, 2)?;
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    // Mean years: on a border, either century will do.
    let this_year = 1970 + i64::try_from(since_1970 / 31_556_952).ok()?;
    let year = this_year - this_year % 100 + short;
    Some(match year - this_year {
        51.. => year - 100,
        ..-49 => year + 100,
        _ => year,
    })
}

/// Seconds in the day of `hh:mm:ss` or `hh:mm`. A leap second is read as what follows it.
fn time_of_day(word: &str) -> Option<i64> {
    let mut parts = word.split(':');
    let hour = number(parts.next()?, 1, 2).filter(|hour| *hour < 24)?;
    let minute = number(parts.next()?, 2, 2).filter(|minute| *minute < 60)?;
    let second =
        parts.next().map_or(Some(0), |second| number(second, 2, 2)).filter(|second| *second <= 60)?;
    parts.next().is_none().then_some(hour * 3600 + minute * 60 + second)
}

/// Seconds east of Greenwich.
fn zone_of(word: &str) -> Option<i64> {
    let hours = match word.to_ascii_uppercase().as_str() {
        "" | "GMT" | "UTC" | "UT" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        offset => {
            let (sign, digits) = match offset.split_at_checked(1)? {
                ("+", digits) => (1, digits),
                ("-", digits) => (-1, digits),
                _ => return None,
            };
            let offset = number(digits, 4, 4)?;
            return Some(sign * (offset / 100 * 3600 + offset % 100 * 60));
        }
    };
    Some(hours * 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(time: Option<SystemTime>) -> Option<u64> {
        Some(time?.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
    }

    /// 1994-11-06T08:49:37Z, the date of RFC 9110's examples.
    const EXAMPLE: u64 = 784_111_777;

    fn now() -> SystemTime {
        // 2026-11-22.
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_305_600)
    }

    #[test]
    fn dates_of_http() {
        for (text, want) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(EXAMPLE)),
            ("Sun Nov  6 08:49:37 1994", Some(EXAMPLE)),
            ("  sun, 6 NOVEMBER 1994 8:49:37 gmt ", Some(EXAMPLE)),
            ("06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
            ("Mon, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
            ("Sun, 06 Nov 1994 03:49:37 EST", Some(EXAMPLE)),
            ("Sun, 06 Nov 1994 09:49:37 +0100", Some(EXAMPLE)),
            ("Sun, 06 Nov 1994 00:49:37 -0800", Some(EXAMPLE)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", Some(0)),
            ("Tue, 19 Jan 2038 03:14:07 GMT", Some(2_147_483_647)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800)),
            // Two digits: 2076 is 50 years from now, 2077 would be 51.
            ("Sunday, 06-Nov-76 08:49:37 GMT", Some(3_371_878_177)),
            ("Sunday, 06-Nov-77 08:49:37 GMT", Some(247_654_177)),
            ("Sun, 29 Feb 2023 08:49:37 GMT", None),
            ("Sun, 31 Apr 2023 08:49:37 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:60:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 NOWHERE", None),
            ("Sun, 06 Nov 1994 08:49:37", None),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 19940 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT and more", None),
            ("120", None),
            ("", None),
            ("ü ü ü ü ü", None),
        ] {
            assert_eq!(seconds(http(text, now())), want, "{text}");
        }
    }

    #[test]
    fn dates_of_iso() {
        for (text, want) in [
            ("1994-11-06T08:49:37Z", Some(EXAMPLE)),
            ("1994-11-06 08:49:37", Some(EXAMPLE)),
            ("1994-11-06T09:49:37.5+01:00", Some(EXAMPLE)),
            ("1994-11-06T00:49:37-08:00", Some(EXAMPLE)),
            ("1994-11-06", Some(EXAMPLE - 8 * 3600 - 49 * 60 - 37)),
            ("1994-11", None),
            ("1994-13-06", None),
            ("1994-11-06-08", None),
            ("1994-11-06T25:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(seconds(iso(text)), want, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,60}") {
            let _ = (http(&text, now()), iso(&text));
        }

        #[test]
        fn every_day_is_one_after_the_day_before(day in 0u64..200_000) {
            let at = |day: u64| {
                // Counted out in another way than `days` counts: year by year.
                let (mut year, mut left) = (1970, day);
                let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
                while left >= 365 + u64::from(leap(year)) {
                    left -= 365 + u64::from(leap(year));
                    year += 1;
                }
                let mut month = 0;
                let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
                while left >= lengths[month] {
                    left -= lengths[month];
                    month += 1;
                }
                format!("{year:04}-{:02}-{:02}", month + 1, left + 1)
            };
            proptest::prop_assert_eq!(seconds(iso(&at(day))), Some(day * 86_400));
        }
    }
}
