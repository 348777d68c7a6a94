//! One spelling for every path (RFC 9309 §2.2.2): the form in which rules and URLs are compared.
//!
//! Owns the percent-encoding of both sides. Knows no wildcard but to leave it alone.
//!
//! In this form an unreserved character (RFC 3986 §2.3) stands for itself, and everything that is not a
//! reserved character is percent-encoded, with capital digits. A reserved character and its encoding stay two
//! different things (`/` and `%2F`), except for three of them:
//!
//! - `*` and `$` are encoded in a URL, and where they are meant verbatim in a rule (RFC 9309 §2.2.3), so that
//!   in a rule they can only be the wildcard and the anchor;
//! - `'` is encoded on both sides, because the URL Standard does so in queries and a rule's author cannot know.

use std::borrow::Cow;

/// The path and query of a URL.
pub(super) fn of_target(target: &[u8]) -> Cow<'_, [u8]> {
    respell(target, |_, byte| is_kept(byte) && byte != b'*' && byte != b'$')
}

/// The value of an `Allow` or `Disallow` line: `*` is kept, and `$` as the last character.
pub(super) fn of_pattern(pattern: &[u8]) -> Cow<'_, [u8]> {
    let last = pattern.len().saturating_sub(1);
    respell(pattern, |at, byte| is_kept(byte) && (byte != b'$' || at == last))
}

fn respell(text: &[u8], keep: impl Fn(usize, u8) -> bool) -> Cow<'_, [u8]> {
    let is_fine = |at: usize| match text[at] {
        b'%' => escape(text, at)
            .is_none_or(|byte| !is_unreserved(byte) && text[at + 1..at + 3].iter().all(is_capital)),
        byte => keep(at, byte),
    };
    let Some(first) = (0..text.len()).find(|at| !is_fine(*at)) else { return Cow::Borrowed(text) };
    let mut out = Vec::with_capacity(text.len() + 16);
    out.extend_from_slice(&text[..first]);
    let mut at = first;
    while let Some(&byte) = text.get(at) {
        match escape(text, at) {
            Some(meant) if is_unreserved(meant) => out.push(meant),
            Some(meant) => push_escape(&mut out, meant),
            // A `%` that encodes nothing is kept, as in URLs.
            None if byte == b'%' || keep(at, byte) => out.push(byte),
            None => push_escape(&mut out, byte),
        }
        at += if byte == b'%' && escape(text, at).is_some() { 3 } else { 1 };
    }
    Cow::Owned(out)
}

/// The byte that is encoded here, if one is.
fn escape(text: &[u8], at: usize) -> Option<u8> {
    match text.get(at..at + 3)? {
        [b'%', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

fn is_capital(digit: &u8) -> bool {
    !digit.is_ascii_lowercase()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Unreserved and reserved characters, but for `'`.
fn is_kept(byte: u8) -> bool {
    is_unreserved(byte) || b":/?#[]@!$&()*+,;=%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (text, target, pattern) in [
            ("/a/b?c=d", "/a/b?c=d", "/a/b?c=d"),
            ("/ツ", "/%E3%83%84", "/%E3%83%84"),
            ("/%e3%83%84", "/%E3%83%84", "/%E3%83%84"),
            ("/%62%61%7a", "/baz", "/baz"),
            ("/%7Ejoe", "/~joe", "/~joe"),
            ("/%2f%3F", "/%2F%3F", "/%2F%3F"),
            ("/a<b>|{}^`\\\" c", "/a%3Cb%3E%7C%7B%7D%5E%60%5C%22%20c", "/a%3Cb%3E%7C%7B%7D%5E%60%5C%22%20c"),
            ("/?q='x'", "/?q=%27x%27", "/?q=%27x%27"),
            ("/?q=%27", "/?q=%27", "/?q=%27"),
            ("/*.php$", "/%2A.php%24", "/*.php$"),
            ("/$/a$", "/%24/a%24", "/%24/a$"),
            ("/%2a%24", "/%2A%24", "/%2A%24"),
            ("/100%", "/100%", "/100%"),
            ("/%3M%", "/%3M%", "/%3M%"),
            ("/%%41", "/%A", "/%A"),
            ("", "", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&of_target(text.as_bytes())), target, "{text}");
            assert_eq!(String::from_utf8_lossy(&of_pattern(text.as_bytes())), pattern, "{text}");
        }
        assert_eq!(&*of_pattern(b"/b\xfccher"), b"/b%FCcher");
        assert!(matches!(of_target(b"/plain/path?and=query"), Cow::Borrowed(_)));
    }
}
