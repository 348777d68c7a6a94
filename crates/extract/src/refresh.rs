//! A refresh, in markup or in a head: after how long, and where to.
//!
//! Owns the "shared declarative refresh steps" (HTML Standard §4.2.5.3), up to the URL. Never resolves it.

use std::time::Duration;

/// The delay, and the reference where one is given; `None` where the value is no refresh at all.
///
/// A fraction of a second is read and dropped, as browsers do.
pub(crate) fn parse(value: &str) -> Option<(Duration, Option<&str>)> {
    let rest = value.trim_start_matches(is_blank);
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let seconds = match &rest[..digits] {
        "" if rest.starts_with('.') => 0,
        "" => return None,
        // No page is meant to stay longer than a number can hold.
        digits => digits.parse().unwrap_or(u64::MAX),
    };
    let rest = rest[digits..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let delay = Duration::from_secs(seconds);
    if rest.is_empty() {
        return Some((delay, None));
    }
    if !rest.starts_with([';', ',']) && !rest.starts_with(is_blank) {
        return None;
    }
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start_matches(is_blank);
    if rest.is_empty() {
        return Some((delay, None));
    }
    Some((delay, Some(reference(rest))))
}

/// The reference behind the delay: with or without `url=`, with or without quotes.
fn reference(text: &str) -> &str {
    let unquoted = |text: &str| {
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let inside = &text[1..];
        Some(inside.find(quote).map_or(1..text.len(), |end| 1..1 + end))
    };
    let after_name = text
        .get(..3)
        .filter(|name| name.eq_ignore_ascii_case("url"))
        .and_then(|name| text[name.len()..].trim_start_matches(is_blank).strip_prefix('='))
        .map(|rest| rest.trim_start_matches(is_blank));
    // Whatever begins with a `u` and is not `url=` is taken as it stands; quotes are looked for elsewhere.
    let text = after_name.unwrap_or(text);
    match unquoted(text) {
        Some(range) => &text[range],
        None => text,
    }
}

/// HTML's "ASCII whitespace".
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refreshes_as_browsers_read_them() {
        for (value, want) in [
            ("", None),
            ("x", None),
            ("url=x", None),
            (";url=x", None),
            ("-1; url=x", None),
            ("٥; url=x", None),
            ("5x", None),
            ("5 x", Some((5, Some("x")))),
            ("5", Some((5, None))),
            (" 5 ", Some((5, None))),
            ("5;", Some((5, None))),
            ("5; ", Some((5, None))),
            ("0; url=x", Some((0, Some("x")))),
            ("0;URL=x", Some((0, Some("x")))),
            ("0, Url = x", Some((0, Some("x")))),
            ("0; x", Some((0, Some("x")))),
            ("0; 'x'y", Some((0, Some("x")))),
            ("0; url='x'", Some((0, Some("x")))),
            ("0; url=\"x\"y", Some((0, Some("x")))),
            ("0; url='x", Some((0, Some("x")))),
            ("0; url=x'y'", Some((0, Some("x'y'")))),
            ("0; url=", Some((0, Some("")))),
            ("0; url", Some((0, Some("url")))),
            ("0; urls=x", Some((0, Some("urls=x")))),
            ("0; ur=x", Some((0, Some("ur=x")))),
            ("0; url=x;y z", Some((0, Some("x;y z")))),
            ("0;;url=x", Some((0, Some(";url=x")))),
            (".5; url=x", Some((0, Some("x")))),
            ("3.1.4; url=x", Some((3, Some("x")))),
            ("0;\n  url=\tx", Some((0, Some("x")))),
            ("99999999999999999999; url=x", Some((u64::MAX, Some("x")))),
            ("0; ä", Some((0, Some("ä")))),
            ("0; uä", Some((0, Some("uä")))),
        ] {
            let want = want.map(|(seconds, reference)| (Duration::from_secs(seconds), reference));
            assert_eq!(parse(value), want, "{value:?}");
        }
    }
}
