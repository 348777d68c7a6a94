//! The value of one `Set-Cookie` field, taken apart (bis §5.6).
//!
//! Owns the syntax and the limits on its parts. Judges nothing: whether a host may ask for what it asks for
//! is decided in `cookie.rs`.

use std::time::{Duration, SystemTime};

use crate::{Refusal, date};

/// Longest name and value together, in bytes (bis §5.6, step 5).
pub(crate) const NAME_VALUE_BYTES_MAX: usize = 4096;

/// Longest value of an attribute, in bytes; a longer attribute is passed over (bis §5.6).
const ATTRIBUTE_BYTES_MAX: usize = 1024;

/// Longest time a cookie is kept (bis §5.5): nobody can plant one for good.
const AGE_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// What is asked to be kept: by a server in a header, or by a file in a line.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Wish<'a> {
    /// May be empty.
    pub(crate) name: &'a str,
    /// May be empty, but not together with the name.
    pub(crate) value: &'a str,
    /// The `Domain` attribute without its leading dot, as it was written. Empty means none.
    pub(crate) domain: &'a [u8],
    /// The `Path` attribute; within it none where it named no path, which stands for the default.
    pub(crate) path: Option<Option<&'a [u8]>>,
    /// When it ends; none for the end of the session.
    pub(crate) expiry: Option<SystemTime>,
    /// Only over HTTPS.
    pub(crate) secure: bool,
    /// Kept for the file alone: there are no scripts here to hide it from.
    pub(crate) http_only: bool,
}

/// Takes a field's value apart.
pub(crate) fn parse(field: &[u8], now: SystemTime) -> Result<Wish<'_>, Refusal> {
    if has_control(field) {
        return Err(Refusal::ControlCharacter);
    }
    let mut parts = field.split(|&b| b == b';');
    let pair = parts.next().unwrap_or_default();
    let (name, value) = split_pair(pair).unwrap_or((b"", pair.trim_ascii()));
    let mut wish = Wish { name: text(name)?, value: text(value)?, ..Wish::default() };

    let (mut max_age, mut expires) = (None, None);
    for part in parts {
        let (name, value) = split_pair(part).unwrap_or((part.trim_ascii(), b""));
        if value.len() > ATTRIBUTE_BYTES_MAX {
            continue;
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        // The last of a kind counts; one that cannot be read is as if it were not there.
        if is("expires") {
            expires = date::parse(value).map(|end| ends_at(end, now)).or(expires);
        } else if is("max-age") {
            max_age = ends_after(value, now).or(max_age);
        } else if is("domain") {
            wish.domain = value.strip_prefix(b".").unwrap_or(value);
        } else if is("path") {
            wish.path = Some(value.starts_with(b"/").then_some(value));
        } else if is("secure") {
            wish.secure = true;
        } else if is("httponly") {
            wish.http_only = true;
        }
    }
    wish.expiry = max_age.or(expires);
    Ok(wish)
}

/// A control character other than a tab. Nothing that has none can end a header's line.
pub(crate) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| b.is_ascii_control() && *b != b'\t')
}

/// When a cookie ends that names its end in seconds since 1970: then, or when the longest time is over.
pub(crate) fn ends_at(seconds: i64, now: SystemTime) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        return SystemTime::UNIX_EPOCH.checked_sub(distance).unwrap_or(SystemTime::UNIX_EPOCH);
    }
    let latest = after(now, AGE_MAX);
    SystemTime::UNIX_EPOCH.checked_add(distance).map_or(latest, |end| end.min(latest))
}

/// At the end of all times nothing is kept.
fn after(now: SystemTime, age: Duration) -> SystemTime {
    now.checked_add(age).unwrap_or(now)
}

/// Cuts at the first `=` and strips both sides. No control character but a tab is left at this point, so
/// that ASCII's white space is the tab and the blank that bis names.
fn split_pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = part.iter().position(|&b| b == b'=')?;
    Some((part[..equals].trim_ascii(), part[equals + 1..].trim_ascii()))
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes).map_err(|_| Refusal::NotUtf8)
}

/// When a `Max-Age` ends (bis §5.6.2): at once where it is zero or less.
fn ends_after(value: &[u8], now: SystemTime) -> Option<SystemTime> {
    let digits = value.strip_prefix(b"-").unwrap_or(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if value.len() > digits.len() {
        return Some(now);
    }
    // What does not fit an integer is longer than any limit.
    let seconds = text(digits).ok()?.parse().unwrap_or(u64::MAX);
    Some(after(now, Duration::from_secs(seconds).min(AGE_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    /// A parsed field in one line: `name|value`, then what attributes it has.
    fn read(field: &str) -> String {
        let wish = match parse(field.as_bytes(), now()) {
            Ok(wish) => wish,
            Err(refusal) => return format!("! {refusal}"),
        };
        let mut line = format!("{}|{}", wish.name, wish.value);
        if !wish.domain.is_empty() {
            line += &format!(" domain={}", String::from_utf8_lossy(wish.domain));
        }
        if let Some(path) = wish.path {
            line += &format!(" path={}", String::from_utf8_lossy(path.unwrap_or(b"default")));
        }
        if let Some(expiry) = wish.expiry {
            let ahead = expiry.duration_since(now()).map_or(-1, |ahead| ahead.as_secs() as i64);
            line += &format!(" in={ahead}");
        }
        if wish.secure {
            line += " secure";
        }
        if wish.http_only {
            line += " httponly";
        }
        line
    }

    #[test]
    fn names_and_values() {
        for (field, want) in [
            ("a=b", "a|b"),
            ("a=", "a|"),
            ("a", "|a"),
            ("=a", "|a"),
            ("==a", "|=a"),
            ("", "|"),
            ("=", "|"),
            (";", "|"),
            ("; Secure", "| secure"),
            ("  a \t=\t b c  ;", "a|b c"),
            ("a=b=c==", "a|b=c=="),
            ("a=\"b c\"", "a|\"b c\""),
            ("a=\"b;c\"", "a|\"b"),
            ("a=b, c=d", "a|b, c=d"),
            ("a=\tb\tc", "a|b\tc"),
            ("名=値", "名|値"),
            ("a=%3B%20", "a|%3B%20"),
            ("a=b\r\nX: y", "! there is a control character in the cookie"),
            ("a=b; path=/\0", "! there is a control character in the cookie"),
            ("a=b\x7f", "! there is a control character in the cookie"),
        ] {
            assert_eq!(read(field), want, "{field:?}");
        }
    }

    #[test]
    fn attributes() {
        for (field, want) in [
            ("a=b; Secure; HttpOnly", "a|b secure httponly"),
            ("a=b;SECURE=no;\thttponly =x", "a|b secure httponly"),
            ("a=b; \"Secure\"; Secure x; SameSite=Strict; Partitioned; x; =; ;;", "a|b"),
            ("a=b; Path=/x", "a|b path=/x"),
            ("a=b; Path", "a|b path=default"),
            ("a=b; Path=x", "a|b path=default"),
            ("a=b; Path=/x; Path=", "a|b path=default"),
            ("a=b; Path=/x; path= /y ", "a|b path=/y"),
            ("a=b; Domain=.A.Example", "a|b domain=A.Example"),
            ("a=b; Domain=..example", "a|b domain=.example"),
            ("a=b; Domain=x; domain=y", "a|b domain=y"),
            ("a=b; Domain=x; Domain=", "a|b"),
            ("a=b; Domain=.", "a|b"),
        ] {
            assert_eq!(read(field), want, "{field:?}");
        }
    }

    #[test]
    fn ends() {
        for (field, want) in [
            ("a=b; Max-Age=10", "a|b in=10"),
            ("a=b; max-age=0", "a|b in=0"),
            ("a=b; Max-Age=-1", "a|b in=0"),
            ("a=b; Max-Age=-99999999999999999999", "a|b in=0"),
            ("a=b; Max-Age=99999999999999999999", "a|b in=34560000"),
            ("a=b; Max-Age=34560001", "a|b in=34560000"),
            ("a=b; Max-Age", "a|b"),
            ("a=b; Max-Age=-", "a|b"),
            ("a=b; Max-Age=+5", "a|b"),
            ("a=b; Max-Age=5s", "a|b"),
            ("a=b; Max-Age=5.5", "a|b"),
            ("a=b; Max-Age=--5", "a|b"),
            ("a=b; Max-Age=1; Max-Age=2", "a|b in=2"),
            ("a=b; Max-Age=1; Max-Age=x", "a|b in=1"),
            ("a=b; Expires=Tue, 14 Nov 2023 22:13:30 GMT", "a|b in=10"),
            ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a|b in=-1"),
            ("a=b; Expires=Mon, 01 Jan 1601 00:00:00 GMT", "a|b in=-1"),
            ("a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT", "a|b in=34560000"),
            ("a=b; Expires=tomorrow", "a|b"),
            // Max-Age wins, wherever it stands, unless it cannot be read.
            ("a=b; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "a|b in=5"),
            ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5", "a|b in=5"),
            ("a=b; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Max-Age=soon", "a|b in=10"),
        ] {
            assert_eq!(read(field), want, "{field:?}");
        }
    }

    #[test]
    fn a_long_attribute_is_as_if_it_were_not_there() {
        let (fits, long) = ("x".repeat(ATTRIBUTE_BYTES_MAX - 1), "x".repeat(ATTRIBUTE_BYTES_MAX));
        assert_eq!(read(&format!("a=b; Path=/{fits}")), format!("a|b path=/{fits}"));
        assert_eq!(read(&format!("a=b; Path=/y; Path=/{long}")), "a|b path=/y");
        assert_eq!(read(&format!("a=b; Domain=y; Domain=x{long}")), "a|b domain=y");
    }

    #[test]
    fn latin_1_is_refused_where_it_would_be_sent_back() {
        assert_eq!(parse(b"a=caf\xe9", now()).err(), Some(Refusal::NotUtf8));
        assert!(parse(b"a=cafe; Comment=caf\xe9", now()).is_ok());
    }
}
