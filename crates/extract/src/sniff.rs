//! Is it HTML? By its declared type, or by its first bytes where none is declared.
//!
//! Owns that one question. Never overrules a server that has named a type.

/// True where a document is to be read as HTML.
///
/// A declared type decides: `text/html` or `application/xhtml+xml`, whatever its parameters. Only where the
/// header is missing, or is no type at all (no slash in it), the first bytes of the body decide (MIME
/// Sniffing Standard §7.1, the patterns for `text/html`), behind a UTF-8 byte order mark if there is one.
///
/// ```
/// use dragline_extract::is_html;
/// assert!(is_html(Some("Text/HTML; charset=x"), b""));
/// assert!(!is_html(Some("text/plain"), b"<!doctype html>"));
/// assert!(is_html(None, b"\n <!doctype html><p>"));
/// ```
pub fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    match content_type.map(essence).as_deref() {
        None | Some("") => looks_like_html(body),
        Some(essence) => matches!(essence, "text/html" | "application/xhtml+xml"),
    }
}

/// The type that a `Content-Type` names, without its parameters, in lower case; empty where it names none.
pub(crate) fn essence(content_type: &str) -> String {
    // Two fields that a proxy has made one have a comma between them; no type has.
    let essence = content_type.split([';', ',']).next().unwrap_or_default().trim();
    if essence.contains('/') { essence.to_ascii_lowercase() } else { String::new() }
}

/// MIME Sniffing Standard §7.1. All but the comment must be followed by a blank or `>`.
const PATTERNS: [&[u8]; 16] = [
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
];

pub(crate) fn looks_like_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(body.len());
    let text = &body[start..];
    text.starts_with(b"<!--")
        || PATTERNS.iter().any(|pattern| {
            text.get(..pattern.len()).is_some_and(|head| head.eq_ignore_ascii_case(pattern))
                && matches!(text.get(pattern.len()), Some(b' ' | b'>'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_type_decides() {
        for (header, want) in [
            ("text/html", true),
            (" TEXT/HTML ;charset=utf-8", true),
            ("application/xhtml+xml", true),
            ("application/xml", false),
            ("text/htmlx", false),
            ("application/json", false),
        ] {
            assert_eq!(is_html(Some(header), b"<html>"), want, "{header}");
        }
    }

    #[test]
    fn the_first_bytes_decide_where_no_type_is_declared() {
        for (body, want) in [
            (&b""[..], false),
            (b"<", false),
            (b"<html", false),
            (b"<HTML>", true),
            (b"<html lang=en>", true),
            (b"<htmlx>", false),
            (b"\t\r\n <!DocType hTmL>", true),
            (b"\xef\xbb\xbf<p>", true),
            (b"<!-- x", true),
            (b"<a href=x>", true),
            (b"<?xml version='1.0'?><html>", false),
            (b"{\"a\": \"<p>\"}", false),
        ] {
            for header in [None, Some(""), Some("; charset=utf-8"), Some("html")] {
                assert_eq!(is_html(header, body), want, "{header:?} {:?}", String::from_utf8_lossy(body));
            }
        }
    }
}
