//! Product tokens: the names that groups are found by.
//!
//! Owns what counts as the name in a crawler's identification and in a `User-agent` line. Compares nothing.

/// The product token of an identification string, in lower case: `dragline` of `dragline/0.1 (+mail)`.
///
/// RFC 9309 §2.2.1 allows letters, `_` and `-` in it. Digits and the other characters of a token of
/// RFC 9110 §5.6.2 are taken as well, so that `bot1` and `bot2` stay two names; a `/`, a space or a bracket
/// ends it. Of `Mozilla/5.0 (compatible; name/1.0)` it is `name`, as the writers of such strings mean it.
pub fn product_token(identification: &str) -> String {
    let whole = identification.trim_ascii().as_bytes();
    let first = leading(whole);
    let name = match disguised(whole) {
        Some(name) if first.eq_ignore_ascii_case(b"mozilla") => name,
        _ => first,
    };
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// Whom a `User-agent` line names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// `*`: everybody without a group of their own.
    Anybody,
    /// A token, as it was written.
    Token(&'a [u8]),
    /// Nobody: the line begins a group that no crawler is in.
    Nobody,
}

/// Reads the value of a `User-agent` line.
pub(super) fn named(value: &[u8]) -> Named<'_> {
    match (leading(value), value) {
        // `*` may be followed by anything that cannot be part of a name: a page of HTML has `*<BR>`.
        (b"", [b'*', rest @ ..]) if leading(rest).is_empty() => Named::Anybody,
        (b"", _) => Named::Nobody,
        (token, _) => Named::Token(token),
    }
}

fn leading(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !is_part_of_a_name(*byte)).unwrap_or(text.len());
    &text[..end]
}

fn is_part_of_a_name(byte: u8) -> bool {
    // A `*` ends a name: `googlebot*` is how some write "googlebot, whatever its version".
    byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte) || !byte.is_ascii()
}

/// The name behind `(compatible; `.
fn disguised(whole: &[u8]) -> Option<&[u8]> {
    const MARK: &[u8] = b"(compatible;";
    let at = memchr::memmem::find(whole, MARK)? + MARK.len();
    Some(leading(whole[at..].trim_ascii_start())).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_identifications() {
        for (text, want) in [
            ("dragline/0.1 (+mailto:a@b.example)", "dragline"),
            ("Dragline", "dragline"),
            ("  bot2 ", "bot2"),
            ("my_bot-x(1)", "my_bot-x"),
            ("Mozilla/5.0 (compatible; dragline/0.1; +https://a.example)", "dragline"),
            ("Mozilla/5.0 (compatible;)", "mozilla"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "mozilla"),
            ("Львів-bot/1.1", "Львів-bot"),
            ("*", ""),
            ("", ""),
        ] {
            assert_eq!(product_token(text), want, "{text}");
        }
    }

    #[test]
    fn names_in_lines() {
        for (value, want) in [
            ("*", Named::Anybody),
            ("* ", Named::Anybody),
            ("*<BR>", Named::Anybody),
            ("**", Named::Anybody),
            ("*bot", Named::Nobody),
            ("", Named::Nobody),
            ("/1.0", Named::Nobody),
            ("FooBot", Named::Token(b"FooBot")),
            ("FooBot/1.2 beta", Named::Token(b"FooBot")),
            ("FooBot*", Named::Token(b"FooBot")),
            ("One, Two", Named::Token(b"One")),
            ("foo<BR>", Named::Token(b"foo")),
        ] {
            assert_eq!(named(value.as_bytes()), want, "{value}");
        }
    }
}
