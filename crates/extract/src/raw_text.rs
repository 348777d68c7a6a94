//! Where stretches end that are no markup: comments, CDATA sections, raw text, scripts.
//!
//! Owns those four searches (HTML Standard §13.2.5). Never looks at a byte twice but for a fixed few, and
//! never fails: what is not closed goes to the end of the document.

use memchr::{memchr, memchr2, memmem};

use crate::names::{ends_name, is};

/// Just behind a comment whose `<!--` ends at `start`.
pub(crate) fn comment_end(bytes: &[u8], start: usize) -> usize {
    // "Abrupt closing": `<!-->` and `<!--->` are whole comments.
    if bytes[start..].starts_with(b">") {
        return start + 1;
    }
    if bytes[start..].starts_with(b"->") {
        return start + 2;
    }
    let mut at = start;
    while let Some(found) = memchr(b'>', &bytes[at..]) {
        let close = at + found;
        let comment = &bytes[start..close];
        at = close + 1;
        if comment.ends_with(b"--") || comment.ends_with(b"--!") {
            return at;
        }
    }
    bytes.len()
}

/// Just behind a comment that began with `<!`, `<?` or `</` and is none: the next `>` ends it. So it does a
/// doctype, whatever quotes are open.
pub(crate) fn bogus_comment_end(bytes: &[u8], start: usize) -> usize {
    memchr(b'>', &bytes[start..]).map_or(bytes.len(), |found| start + found + 1)
}

/// Just behind a CDATA section whose `<![CDATA[` ends at `start`.
pub(crate) fn cdata_end(bytes: &[u8], start: usize) -> usize {
    memmem::find(&bytes[start..], b"]]>").map_or(bytes.len(), |found| start + found + 3)
}

/// The `<` of the end tag that ends the raw text of the element `name`.
pub(crate) fn raw_text_end(bytes: &[u8], start: usize, name: &[u8]) -> usize {
    let mut at = start;
    while let Some(found) = memchr(b'<', &bytes[at..]) {
        let open = at + found;
        if is_end_tag(&bytes[open + 1..], name) {
            return open;
        }
        at = open + 1;
    }
    bytes.len()
}

/// Within a script, what `<!--` has opened (§13.2.5.20 and on).
#[derive(PartialEq)]
enum Escape {
    None,
    /// Inside `<!--`.
    Once,
    /// Inside `<!-- <script`: there `</script>` ends only this, not the script.
    Twice,
}

/// The `<` of the end tag that ends a script.
pub(crate) fn script_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut escape = Escape::None;
    loop {
        // Outside of escapes only `<` matters, and scripts are full of `>`.
        let found = match escape {
            Escape::None => memchr(b'<', &bytes[at..]),
            _ => memchr2(b'<', b'>', &bytes[at..]),
        };
        let Some(found) = found else { return bytes.len() };
        let here = at + found;
        at = here + 1;
        if bytes[here] == b'>' {
            // The dashes of `<!-->` count for both.
            if bytes[start..here].ends_with(b"--") {
                escape = Escape::None;
            }
            continue;
        }
        let rest = &bytes[at..];
        escape = match escape {
            Escape::Twice if is_end_tag(rest, b"script") => Escape::Once,
            Escape::Twice => Escape::Twice,
            _ if is_end_tag(rest, b"script") => return here,
            Escape::None if rest.starts_with(b"!--") => Escape::Once,
            Escape::Once if is_tag_name(rest, b"script") => Escape::Twice,
            unchanged => unchanged,
        };
    }
}

/// `text` begins with `/name` and a byte that ends a name.
#[inline]
fn is_end_tag(text: &[u8], name: &[u8]) -> bool {
    text.first() == Some(&b'/') && is_tag_name(&text[1..], name)
}

#[inline]
fn is_tag_name(text: &[u8], name: &[u8]) -> bool {
    text.get(name.len()).is_some_and(|byte| ends_name(*byte)) && is(&text[..name.len()], name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_end_where_the_standard_says() {
        for (text, rest) in [
            (">x", "x"),
            ("->x", "x"),
            ("-->x", "x"),
            ("--->x", "x"),
            (" a -- b -->x", "x"),
            (" a --!>x", "x"),
            ("-!>-->x", "x"),
            ("!>-->x", "x"),
            (" <!-->x", "x"),
            (" a > b -- > c -->x", "x"),
            (" a --", ""),
            ("", ""),
        ] {
            assert_eq!(&text[comment_end(text.as_bytes(), 0)..], rest, "{text:?}");
        }
    }

    #[test]
    fn scripts_end_where_the_standard_says() {
        for (text, rest) in [
            ("a</script>x", "</script>x"),
            ("a</SCRIPT x", "</SCRIPT x"),
            ("a</scripts></script/", "</script/"),
            ("a</script", ""),
            ("<!-- </script>x", "</script>x"),
            ("<!-- <script> </script>x", ""),
            ("<!-- <script> </script> </script>x", "</script>x"),
            ("<!-- <script> --> </script>x", "</script>x"),
            ("<!--><script></script>x", "</script>x"),
            ("<!---><script></script>x", "</script>x"),
            ("<!-- <scripts> </script>x", "</script>x"),
            ("<!-- <script></script> <script></script></script>x", "</script>x"),
            ("<script></script>x", "</script>x"),
        ] {
            assert_eq!(&text[script_end(text.as_bytes(), 0)..], rest, "{text:?}");
        }
    }

    #[test]
    fn raw_text_ends_at_its_own_end_tag() {
        for (text, rest) in [
            ("<a></title>x", "</title>x"),
            ("</titles></title\n>x", "</title\n>x"),
            ("</ title></title", ""),
            ("<</TITLE>", "</TITLE>"),
        ] {
            assert_eq!(&text[raw_text_end(text.as_bytes(), 0, b"title")..], rest, "{text:?}");
        }
    }
}
