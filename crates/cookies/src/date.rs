//! The cookie-date algorithm (bis §5.1.1): whatever servers have ever written behind `Expires=`.
//!
//! Owns the reading of such a date. Knows neither zones nor weekdays, as the algorithm has it: every date is
//! UTC, and words that are no month are skipped.

/// Earliest year that is a date (bis §5.1.1, step 5).
const YEAR_MIN: u32 = 1601;

const SECONDS_A_DAY: i64 = 86_400;

/// Reads a date: seconds since the beginning of 1970, negative before it; none where it is no date.
pub(crate) fn parse(text: &[u8]) -> Option<i64> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.split(|&b| is_delimiter(b)).filter(|token| !token.is_empty()) {
        // The first that fits takes the token, even where another production would fit as well.
        let _ = take(&mut time, || time_of_day(token))
            || take(&mut day, || number(token, 1, 2).map(|(day, _)| day))
            || take(&mut month, || month_of(token))
            || take(&mut year, || number(token, 2, 4).map(|(year, _)| year));
    }
    let ((hour, minute, second), day, month) = (time?, day?, month?);
    let year = match year? {
        short @ 70..=99 => short + 1900,
        short @ 0..=69 => short + 2000,
        full => full,
    };
    if year < YEAR_MIN || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if day < 1 || day > days_in(month, year) {
        return None;
    }
    let in_day = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    Some(days_since_1970(year, month, day) * SECONDS_A_DAY + in_day)
}

/// Fills an empty slot; true where something was found for it.
fn take<T>(slot: &mut Option<T>, find: impl FnOnce() -> Option<T>) -> bool {
    if slot.is_some() {
        return false;
    }
    *slot = find();
    slot.is_some()
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2f | 0x3b..=0x40 | 0x5b..=0x60 | 0x7b..=0x7e)
}

/// A token that begins with `fewest` to `most` digits and no more: their number, and what follows them.
fn number(token: &[u8], fewest: usize, most: usize) -> Option<(u32, &[u8])> {
    let digits = token.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(fewest..=most).contains(&digits) {
        return None;
    }
    let value = token[..digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some((value, &token[digits..]))
}

/// `hh:mm:ss`, each of one digit or two, and anything behind that does not begin with a digit.
fn time_of_day(token: &[u8]) -> Option<(u32, u32, u32)> {
    let (hour, rest) = number(token, 1, 2)?;
    let (minute, rest) = number(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = number(rest.strip_prefix(b":")?, 1, 2)?;
    Some((hour, minute, second))
}

/// The month whose English name begins as the token does, from 1.
fn month_of(token: &[u8]) -> Option<u32> {
    const MONTHS: [&[u8; 3]; 12] =
        [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let name = token.get(..3)?;
    (1..).zip(MONTHS).find(|(_, month)| name.eq_ignore_ascii_case(*month)).map(|(number, _)| number)
}

fn days_in(month: u32, year: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from the first of January 1970, in the Gregorian calendar.
fn days_since_1970(year: u32, month: u32, day: u32) -> i64 {
    // Days from the year 0 to 1970, as the sum below counts them.
    const UNTIL_1970: i64 = 719_162;
    let past = i64::from(year) - 1;
    let in_past_years = past * 365 + past / 4 - past / 100 + past / 400;
    let in_past_months: u32 = (1..month).map(|month| days_in(month, year)).sum();
    in_past_years + i64::from(in_past_months + day - 1) - UNTIL_1970
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A date as ISO 8601 has it, or `-`. Counts in its own way: it walks from 1601 year by year.
    fn read(text: &str) -> String {
        let Some(seconds) = parse(text.as_bytes()) else { return "-".into() };
        let mut days = seconds.div_euclid(SECONDS_A_DAY) + 134_774;
        let in_day = seconds.rem_euclid(SECONDS_A_DAY);
        let mut year = 1601;
        while days >= 365 + i64::from(is_leap(year)) {
            days -= 365 + i64::from(is_leap(year));
            year += 1;
        }
        let mut month = 1;
        while days >= i64::from(days_in(month, year)) {
            days -= i64::from(days_in(month, year));
            month += 1;
        }
        let (hour, minute, second) = (in_day / 3600, in_day / 60 % 60, in_day % 60);
        format!("{year:04}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02}", days + 1)
    }

    #[test]
    fn dates_as_servers_write_them() {
        for (text, want) in [
            // The three forms of RFC 9110 §5.6.7, and the one of old Netscape servers.
            ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06 08:49:37"),
            ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06 08:49:37"),
            ("Sun Nov  6 08:49:37 1994", "1994-11-06 08:49:37"),
            ("Sun, 06-Nov-1994 08:49:37 GMT", "1994-11-06 08:49:37"),
            // Any order, any words between, any case.
            ("08:49:37 6 nov 1994", "1994-11-06 08:49:37"),
            ("1994 NOVEMBER 6 08:49:37", "1994-11-06 08:49:37"),
            ("Partyday, 6 - Novem-94, 08:49:37 o'clock", "1994-11-06 08:49:37"),
            ("6/Nov\\1994\"08:49:37", "1994-11-06 08:49:37"),
            // A zone is not read.
            ("Sun, 06 Nov 1994 08:49:37 GMT-0500 (EST)", "1994-11-06 08:49:37"),
            ("Sun, 06 Nov 1994 08:49:37 +0900", "1994-11-06 08:49:37"),
            // The first that fits counts.
            ("6 07 Nov 1994 08:49:37", "2007-11-06 08:49:37"),
            ("6 7 Nov 1994 08:49:37", "1994-11-06 08:49:37"),
            ("6 Nov 1994 08:49:37 11:22:33", "1994-11-06 08:49:37"),
            ("6 Nov Dec 1994 08:49:37", "1994-11-06 08:49:37"),
            // Short years.
            ("1 Jan 00 0:0:0", "2000-01-01 00:00:00"),
            ("1 Jan 69 0:0:0", "2069-01-01 00:00:00"),
            ("1 Jan 70 0:0:0", "1970-01-01 00:00:00"),
            ("1 Jan 99 0:0:0", "1999-01-01 00:00:00"),
            ("1 Jan 100 0:0:0", "-"),
            ("1 Jan 1600 0:0:0", "-"),
            ("1 Jan 1601 0:0:0", "1601-01-01 00:00:00"),
            ("31 Dec 9999 23:59:59", "9999-12-31 23:59:59"),
            ("31 Dec 12345 23:59:59", "-"),
            // Days that there are, and days that there are not.
            ("29 Feb 2024 00:00:00", "2024-02-29 00:00:00"),
            ("29 Feb 2000 00:00:00", "2000-02-29 00:00:00"),
            ("29 Feb 1900 00:00:00", "-"),
            ("29 Feb 2023 00:00:00", "-"),
            ("31 Apr 2024 00:00:00", "-"),
            ("0 Jan 2024 00:00:00", "-"),
            ("32 Jan 2024 00:00:00", "-"),
            ("1 Mar 2024 00:00:00", "2024-03-01 00:00:00"),
            ("31 Dec 2023 23:59:60", "-"),
            ("31 Dec 2023 24:00:00", "-"),
            ("31 Dec 2023 23:60:00", "-"),
            // Digits in numbers that do not fit.
            ("012 Aug 2008 20:49:07", "-"),
            ("12 Aug 2008 20:49:071", "-"),
            ("12 Aug 2008 20:49:07.123", "2008-08-12 20:49:07"),
            ("12 Aug 2008 20:49", "-"),
            ("12 Aug 2008 :: 2:4:7", "2008-08-12 02:04:07"),
            ("99999999999999999999 Aug 2008 20:49:07", "-"),
            // Not all of it, or nothing.
            ("12 Aug 2008", "-"),
            ("Aug 2008 20:49:07", "-"),
            ("12 2008 20:49:07", "-"),
            ("12 Aug 20:49:07", "-"),
            ("0", "-"),
            ("never", "-"),
            ("", "-"),
            (" , ; ", "-"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn known_moments() {
        assert_eq!(parse(b"Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse(b"Wed, 31 Dec 1969 23:59:59 GMT"), Some(-1));
        assert_eq!(parse(b"Sun, 09 Sep 2001 01:46:40 GMT"), Some(1_000_000_000));
        assert_eq!(parse(b"Tue, 19 Jan 2038 03:14:07 GMT"), Some(i64::from(i32::MAX)));
        assert_eq!(parse(b"Fri, 31 Dec 9999 23:59:59 GMT"), Some(253_402_300_799));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(text in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            parse(&text);
        }

        #[test]
        fn what_is_written_is_read(
            day in 1u32..=28, month in 1u32..=12, year in 1601u32..=9999,
            hour in 0u32..24, minute in 0u32..60, second in 0u32..60,
        ) {
            const NAMES: [&str; 12] =
                ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let name = NAMES[month as usize - 1];
            let text = format!("Xxx, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT");
            proptest::prop_assert_eq!(
                read(&text),
                format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            );
        }
    }
}
