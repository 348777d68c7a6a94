//! From the bytes of an attribute's value to its text.
//!
//! Owns the order of it: character encoding first, then NULs, then character references. Never resolves.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use memchr::{memchr, memchr2};

use crate::entities;

/// The text of a value in an encoding that keeps ASCII as it is. Borrows where nothing changes, as in nearly
/// every link.
///
/// A value can be decoded apart from the rest: no byte that delimits one (quotes, blanks, `>`) is ever the
/// second half of a character in those encodings, so a value begins and ends between characters.
#[inline(always)]
pub(crate) fn text<'a>(value: &'a [u8], encoding: &'static Encoding) -> Cow<'a, str> {
    let decoded = decode(value, encoding);
    if memchr2(b'&', 0, value).is_none() {
        return decoded;
    }
    replaced(&decoded).into()
}

#[inline(always)]
fn decode<'a>(value: &'a [u8], encoding: &'static Encoding) -> Cow<'a, str> {
    if (encoding == UTF_8 || value.is_ascii())
        && let Ok(text) = std::str::from_utf8(value)
    {
        return text.into();
    }
    transcoded(value, encoding).into()
}

#[cold]
fn transcoded(value: &[u8], encoding: &'static Encoding) -> String {
    // A character may have been begun that what follows the value (a quote, a blank) breaks: decoded with such a
    // byte behind it, it is broken in the same way, which in GBK leaves more of it than the end would.
    let mut delimited = Vec::with_capacity(value.len() + 1);
    delimited.extend_from_slice(value);
    delimited.push(b' ');
    let mut text = encoding.decode_without_bom_handling(&delimited).0.into_owned();
    text.pop();
    text
}

/// The tokenizer reads a NUL in a value as U+FFFD.
fn replaced(text: &str) -> String {
    if memchr(0, text.as_bytes()).is_some() {
        entities::decode(&text.replace('\0', "\u{fffd}"))
    } else {
        entities::decode(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{GBK, SHIFT_JIS, WINDOWS_1252};

    #[test]
    fn values_become_text() {
        for (value, encoding, want) in [
            (&b"a/b?c"[..], UTF_8, "a/b?c"),
            (b"\xc3\xa9&amp;\xc3\xa9", UTF_8, "é&é"),
            (b"\xe9&eacute;\xff", UTF_8, "\u{fffd}é\u{fffd}"),
            (b"\xe9&eacute;", WINDOWS_1252, "éé"),
            (b"a\0b&#0;", UTF_8, "a\u{fffd}b\u{fffd}"),
            // 0x5C, a backslash, is a second half here.
            (b"\x83\x5c\x95\x5c", SHIFT_JIS, "ソ表"),
            (b"\xc4\xe3&amp;", GBK, "你&"),
            (b"\xbb\xbb0", GBK, "换0"),
            (b"\x810", GBK, "\u{fffd}0"),
            // A lead byte without its second half does not swallow the ampersand.
            (b"\x83&amp;", SHIFT_JIS, "\u{fffd}&"),
        ] {
            assert_eq!(text(value, encoding), want, "{value:x?}");
        }
        assert!(matches!(text(b"a", WINDOWS_1252), Cow::Borrowed(_)));
    }
}
