//! Dates as sitemaps and feeds write them.
//!
//! Owns their reading: W3C's profile of ISO 8601, and RFC 822 with its successors. Never reads a clock.

use dragline_model::{Timestamp, days_since_1970};

const SECONDS_A_DAY: i64 = 86_400;

/// Either form; `None` where it is neither, or before 1970.
///
/// A date without a time is its beginning, one without a zone is in UTC where it is W3C's; RFC 822's has a zone. A
/// weekday is not checked.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let seconds = if text.get(..4).is_some_and(is_number) { w3c(text) } else { rfc_822(text) }?;
    Some(Timestamp(u64::try_from(seconds).ok()?.checked_mul(1000)?))
}

/// `YYYY[-MM[-DD[Thh:mm[:ss[.s]][zone]]]]` (W3C NOTE-datetime).
fn w3c(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 2))?;
    let day = parts.next().map_or(Some(1), |day| number(day, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let day = days_since_1970(year, month, day)? * SECONDS_A_DAY;
    if time.is_empty() {
        return Some(day);
    }
    let zone_at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let (time, fraction) = time.trim_end().split_once(['.', ',']).unwrap_or((time.trim_end(), "0"));
    is_number(fraction).then(|| Some(day + time_of_day(time)? - offset(zone)?))?
}

/// `[weekday,] day month year hh:mm[:ss] zone` (RFC 822 §5, RFC 5322 §4.3).
fn rfc_822(text: &str) -> Option<i64> {
    let text = text.split_once(',').map_or(text, |(_, behind)| behind);
    let mut words = text.split_ascii_whitespace();
    let day = words.next().filter(|day| day.len() <= 2 && is_number(day))?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS
        .iter()
        .position(|name| month.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(name)))?;
    let year = words.next()?;
    let year = match (year.len(), is_number(year).then(|| year.parse::<i64>().ok())??) {
        // RFC 5322 §4.3.
        (2, year @ 0..=49) => 2000 + year,
        (2 | 3, year) => 1900 + year,
        (4, year) => year,
        _ => return None,
    };
    let time = time_of_day(words.next()?)?;
    let zone = words.next()?;
    let zone = ZONES
        .iter()
        .find(|(name, _)| zone.eq_ignore_ascii_case(name))
        .map_or_else(|| offset(zone), |(_, hours)| Some(hours * 3600))?;
    Some(days_since_1970(year, month as i64 + 1, day)? * SECONDS_A_DAY + time - zone)
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// RFC 5322 §4.3; every other name of a zone is of unknown place.
const ZONES: [(&str, i64); 11] = [
    ("GMT", 0),
    ("UT", 0),
    ("UTC", 0),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// Seconds east of UTC: nothing, `Z`, `+hh`, `+hhmm` or `+hh:mm`.
fn offset(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.trim() {
        "" | "Z" | "z" => return Some(0),
        zone => {
            (if zone.starts_with('-') { -1 } else { 1 }, zone.strip_prefix(['+', '-'])?.replacen(':', "", 1))
        }
    };
    let (hours, minutes) = match digits.len() {
        2 => (number(&digits, 2)?, 0),
        4 => (number(digits.get(..2)?, 2)?, number(digits.get(2..)?, 2)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Seconds since midnight: `hh:mm` or `hh:mm:ss`; a leap second is the one before it.
fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':').map(|part| number(part, 2));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let is_time = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    is_time.then_some(hours * 3600 + minutes * 60 + seconds.min(59))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && is_number(text)).then(|| text.parse().ok())?
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_either_form() {
        for (text, want) in [
            ("1970-01-01", Some(0)),
            ("2004", Some(1_072_915_200)),
            ("2004-12", Some(1_101_859_200)),
            ("2004-12-23", Some(1_103_760_000)),
            ("2004-12-23T18:00:15+00:00", Some(1_103_824_815)),
            ("2004-12-23T18:00:15Z", Some(1_103_824_815)),
            ("2004-12-23t18:00:15.123z", Some(1_103_824_815)),
            ("2004-12-23 18:00:15", Some(1_103_824_815)),
            ("2004-12-23T18:00:15+01:30", Some(1_103_819_415)),
            ("2004-12-23T18:00-0800", Some(1_103_853_600)),
            (" 2000-02-29 ", Some(951_782_400)),
            ("1900-02-29", None),
            ("1969-12-31", None),
            ("2004-13-01", None),
            ("2004-1-1", None),
            ("2004-12-23T25:00:00Z", None),
            ("2004-12-23-01", None),
            ("20041223", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("6 Nov 94 09:49 +0100", Some(784_111_740)),
            ("Sun, 06 November 1994 03:49:37 EST", Some(784_111_777)),
            ("05 Jan 17 13:34:52 +0100", Some(1_483_619_692)),
            ("05 Jan 17 13:34:55", None),
            ("06 Nov 1994 08:49:37 XYZ", None),
            ("31 Dec 2016 23:59:60 UT", Some(1_483_228_799)),
            ("yesterday", None),
            ("", None),
            ("ääää", None),
            ("99999-01-01", None),
        ] {
            assert_eq!(parse(text).map(|it| it.0 / 1000), want, "{text}");
        }
    }
}
