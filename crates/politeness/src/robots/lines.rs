//! From bytes to lines: how a robots.txt file is cut up, whatever editor or server it came from.
//!
//! Owns encodings, line ends, comments and the search for the colon. Knows field names only to find them where
//! the colon was forgotten.

use std::borrow::Cow;

use super::field::Field;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_BIG_MARK: &[u8] = b"\xfe\xff";
const UTF16_LITTLE_MARK: &[u8] = b"\xff\xfe";

/// The file as one run of bytes in which ASCII is ASCII, at most `bytes_max` of it. A line that the limit cuts
/// is dropped: half of a rule is another rule.
pub(super) fn readable(bytes: &[u8], bytes_max: usize) -> Cow<'_, [u8]> {
    let kept = &bytes[..bytes.len().min(bytes_max)];
    let is_cut = kept.len() < bytes.len() && !matches!(bytes[kept.len()], b'\r' | b'\n');
    let text = if let Some(rest) = kept.strip_prefix(UTF8_MARK) {
        Cow::Borrowed(rest)
    } else if let Some(rest) = kept.strip_prefix(UTF16_BIG_MARK) {
        Cow::Owned(from_utf16(rest, u16::from_be_bytes))
    } else if let Some(rest) = kept.strip_prefix(UTF16_LITTLE_MARK) {
        Cow::Owned(from_utf16(rest, u16::from_le_bytes))
    } else {
        Cow::Borrowed(kept)
    };
    // No rule means a NUL. Without them, UTF-16 that lacks its mark is ASCII again.
    let text = match memchr::memchr(0, &text) {
        Some(_) => Cow::Owned(text.iter().copied().filter(|byte| *byte != 0).collect()),
        None => text,
    };
    if is_cut { up_to_last_line_end(text) } else { text }
}

fn from_utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    text.into_bytes()
}

fn up_to_last_line_end(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let end = memchr::memrchr2(b'\r', b'\n', &text).map_or(0, |at| at + 1);
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[..end]),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

/// The lines with their numbers, from 1. CR, LF and CRLF end one (RFC 9309 §2.2, `EOL`).
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = text;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        let ended_by = if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
        rest = rest.get(end + ended_by..).unwrap_or_default();
        number += 1;
        Some((number, line))
    })
}

/// A line that says something.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) field: Field,
    /// The line without its comment and the white space around.
    pub(super) text: &'a [u8],
    pub(super) value: &'a [u8],
}

/// What a line says; none where it says nothing that is known.
pub(super) fn said(line: &[u8]) -> Option<Said<'_>> {
    let text = trim(memchr::memchr(b'#', line).map_or(line, |at| &line[..at]));
    let with_colon = memchr::memchr(b':', text).and_then(|at| {
        let field = Field::named(trim(&text[..at]))?;
        Some(Said { field, text, value: trim(&text[at + 1..]) })
    });
    with_colon.or_else(|| without_colon(text)).or_else(|| bare_sitemap(text))
}

/// `Disallow /x`: some forget the colon. A rule has then to be two words, or it is prose that happens to begin
/// with "allow"; a name or a rate may be more of them. The field may be two words itself (`user agent`).
fn without_colon(text: &[u8]) -> Option<Said<'_>> {
    let mut spaces = text.iter().enumerate().filter(|(_, byte)| is_space(**byte)).map(|(at, _)| at);
    let first = spaces.next()?;
    let next_word = first + text[first..].iter().position(|byte| !is_space(*byte))?;
    let second = next_word
        + text[next_word..].iter().position(|byte| is_space(*byte)).unwrap_or(text.len() - next_word);
    let (field, value) = match (Field::named(&text[..first]), Field::named(&text[..second])) {
        (Some(field), _) => (field, trim(&text[first..])),
        (None, Some(field)) => (field, trim(&text[second..])),
        (None, None) => return None,
    };
    let is_prose = field.is_rule() && value.iter().any(|byte| is_space(*byte));
    (!is_prose).then_some(Said { field, text, value })
}

/// An address of a sitemap on a line of its own: some forget the field.
fn bare_sitemap(text: &[u8]) -> Option<Said<'_>> {
    let is_address = [&b"http://"[..], b"https://"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let is_one_word = !text.iter().any(|byte| is_space(*byte));
    (is_address && is_one_word && memchr::memmem::find(text, b"sitemap").is_some()).then_some(Said {
        field: Field::Sitemap,
        text,
        value: text,
    })
}

fn is_space(byte: u8) -> bool {
    // A vertical tab is white space to C, and to Google's parser, but not to `u8::is_ascii_whitespace`.
    byte.is_ascii_whitespace() || byte == 0x0b
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !is_space(*byte)).map_or(start, |at| at + 1);
    &text[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], bytes_max: usize) -> String {
        String::from_utf8_lossy(&readable(bytes, bytes_max)).into_owned()
    }

    #[test]
    fn marks_and_encodings() {
        assert_eq!(read(b"\xef\xbb\xbfAllow: /", 100), "Allow: /");
        assert_eq!(read(b"\xff\xfeA\0l\0\xe9\0", 100), "Alé");
        assert_eq!(read(b"\xfe\xff\0A\0l\0\xe9", 100), "Alé");
        assert_eq!(read(b"A\0l\0", 100), "Al");
        assert_eq!(read(b"\xff\xfeA\0l", 100), "A", "half a unit");
        assert_eq!(read(b"", 100), "");
    }

    #[test]
    fn a_line_that_is_cut_is_dropped() {
        assert_eq!(read(b"allow: /a\nallow: /b", 15), "allow: /a\n");
        assert_eq!(read(b"allow: /a\nallow: /b", 18), "allow: /a\n");
        assert_eq!(read(b"allow: /a\nallow: /b", 19), "allow: /a\nallow: /b");
        assert_eq!(read(b"allow: /a\nallow: /b\n", 19), "allow: /a\nallow: /b", "the limit is its end");
        assert_eq!(read(b"allow: /a", 5), "");
        assert_eq!(read(b"x", 0), "");
    }

    #[test]
    fn line_ends() {
        let numbered = |text: &str| -> String {
            lines(text.as_bytes()).map(|(n, line)| format!("{n}{} ", String::from_utf8_lossy(line))).collect()
        };
        assert_eq!(numbered("a\nb\rc\r\nd"), "1a 2b 3c 4d ");
        assert_eq!(numbered("a\n\nb\r\rc\r\n\r\nd\n"), "1a 2 3b 4 5c 6 7d ");
        assert_eq!(numbered("\r\r\n"), "1 2 ");
        assert_eq!(numbered(""), "");
    }

    #[test]
    fn what_lines_say() {
        let told = |line: &str| match said(line.as_bytes()) {
            Some(Said { field, value, .. }) => format!("{field:?} {}", String::from_utf8_lossy(value)),
            None => "-".into(),
        };
        for (line, want) in [
            ("Disallow: /a", "Disallow /a"),
            (" \t\x0b\x0cdisallow\t:\t/a b \x0c", "Disallow /a b"),
            ("Disallow:/a#b", "Disallow /a"),
            ("Disallow:", "Disallow "),
            ("Disallow: /a:b", "Disallow /a:b"),
            ("# Disallow: /", "-"),
            ("", "-"),
            (":", "-"),
            (": /", "-"),
            ("Noindex: /a", "-"),
            ("disallow /a", "Disallow /a"),
            ("disallow  \t /a", "Disallow /a"),
            ("disallow /a:b", "Disallow /a:b"),
            ("disallow", "-"),
            ("allow me to explain", "-"),
            ("disallowed /a", "-"),
            ("user agent harry potter", "UserAgent harry potter"),
            ("user-agent foo", "UserAgent foo"),
            ("request rate 1/10s 1820-1940", "RequestRate 1/10s 1820-1940"),
            ("crawl-delay 10", "CrawlDelay 10"),
            ("https://a.example/sitemap.xml", "Sitemap https://a.example/sitemap.xml"),
            ("https://a.example/page", "-"),
            ("see https://a.example/sitemap.xml", "-"),
        ] {
            assert_eq!(told(line), want, "{line:?}");
        }
    }
}
