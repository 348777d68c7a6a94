//! The encoding that a document declares in its own first bytes.
//!
//! Owns "prescan a byte stream to determine its encoding" (HTML Standard §13.2.3.2), which is a parser of its
//! own, simpler than the tokenizer's and different from it on purpose. Never guesses.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};
use memchr::{memchr, memmem};

use crate::names::ends_name;

/// How far a declaration is looked for: authors are told to put it there, and browsers look no further.
pub(crate) const PRESCAN_BYTES: usize = 1024;

/// The encoding declared by a `<meta>`, or by an XML declaration.
pub(crate) fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let head = &body[..body.len().min(PRESCAN_BYTES)];
    if head.starts_with(b"<\0?\0x\0") {
        return Some(UTF_16LE);
    }
    if head.starts_with(b"\0<\0?\0x") {
        return Some(UTF_16BE);
    }
    meta(head).or_else(|| xml_declaration(head))
}

fn meta(head: &[u8]) -> Option<&'static Encoding> {
    let mut at = 0;
    loop {
        at += memchr(b'<', head.get(at..)?)?;
        let rest = &head[at..];
        if rest.starts_with(b"<!--") {
            // The dashes that open it may be the ones that close it.
            at += 2 + memmem::find(&rest[2..], b"-->")? + 3;
        } else if rest.len() > 5
            && rest[..5].eq_ignore_ascii_case(b"<meta")
            && (ends_name(rest[5]) && rest[5] != b'>')
        {
            let mut pragma = Pragma::default();
            at = attributes(head, at + 5, |name, value| pragma.take(name, value))?;
            if let Some(encoding) = pragma.encoding() {
                return Some(encoding);
            }
        } else if matches!(rest, [b'<', b'/', letter, ..] | [b'<', letter, ..] if letter.is_ascii_alphabetic())
        {
            at += rest.iter().position(|byte| ends_name(*byte) && *byte != b'/')?;
            at = attributes(head, at, |_, _| {})?;
        } else if matches!(rest.get(1), Some(b'!' | b'/' | b'?')) {
            at += memchr(b'>', rest)? + 1;
        } else {
            at += 1;
        }
    }
}

/// What the attributes of one `<meta>` say.
#[derive(Default)]
struct Pragma {
    seen: Vec<Vec<u8>>,
    is_content_type: bool,
    /// Found in `content`, so that `http-equiv` is needed too.
    needs_pragma: Option<bool>,
    charset: Option<&'static Encoding>,
}

impl Pragma {
    /// Name and value are in lower case.
    fn take(&mut self, name: &[u8], value: &[u8]) {
        if self.seen.iter().any(|seen| seen == name) {
            return;
        }
        self.seen.push(name.to_vec());
        match name {
            b"http-equiv" if value == b"content-type" => self.is_content_type = true,
            b"content" if self.charset.is_none() => {
                if let Some(encoding) = charset_in(value).and_then(Encoding::for_label) {
                    self.charset = Some(encoding);
                    self.needs_pragma = Some(true);
                }
            }
            b"charset" => {
                self.charset = Encoding::for_label(value);
                self.needs_pragma = Some(false);
            }
            _ => {}
        }
    }

    fn encoding(&self) -> Option<&'static Encoding> {
        if self.needs_pragma? && !self.is_content_type {
            return None;
        }
        self.charset.map(as_declared)
    }
}

/// A declaration that could be read as ASCII is not UTF-16, and nobody means x-user-defined.
fn as_declared(encoding: &'static Encoding) -> &'static Encoding {
    if encoding == UTF_16LE || encoding == UTF_16BE {
        UTF_8
    } else if encoding == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        encoding
    }
}

/// The charset in a `content` (HTML Standard, "extracting a character encoding from a meta element").
fn charset_in(content: &[u8]) -> Option<&[u8]> {
    let mut rest = content;
    loop {
        rest = &rest[memmem::find(rest, b"charset")? + b"charset".len()..];
        let behind = rest.trim_ascii_start();
        if let [b'=', value @ ..] = behind {
            let value = value.trim_ascii_start();
            return match value.first()? {
                quote @ (b'"' | b'\'') => Some(&value[1..1 + memchr(*quote, &value[1..])?]),
                _ => {
                    let end = value.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b';');
                    Some(&value[..end.unwrap_or(value.len())])
                }
            };
        }
        rest = behind;
    }
}

/// Runs over the attributes of a tag ("get an attribute", §13.2.3.2) and hands each over in lower case; the
/// position of the tag's `>`, or `None` where the head ends first.
fn attributes(head: &[u8], mut at: usize, mut take: impl FnMut(&[u8], &[u8])) -> Option<usize> {
    loop {
        at += head.get(at..)?.iter().position(|byte| !byte.is_ascii_whitespace() && *byte != b'/')?;
        if head[at] == b'>' {
            return Some(at);
        }
        let name_start = at;
        // A `=` ends a name, unless it is its first byte.
        at += 1;
        at += head[at..].iter().position(|byte| *byte == b'=' || ends_name(*byte))?;
        let name = head[name_start..at].to_ascii_lowercase();
        at += blanks(&head[at..])?;
        if head[at] != b'=' {
            take(&name, b"");
            continue;
        }
        at += 1;
        at += blanks(&head[at..])?;
        let value = match head[at] {
            quote @ (b'"' | b'\'') => {
                let start = at + 1;
                let length = memchr(quote, &head[start..])?;
                at = start + length + 1;
                &head[start..start + length]
            }
            _ => {
                let start = at;
                at += head[at..].iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>')?;
                &head[start..at]
            }
        };
        take(&name, &value.to_ascii_lowercase());
    }
}

fn blanks(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| !byte.is_ascii_whitespace())
}

/// `<?xml … encoding="…"?>` ("get an XML encoding").
fn xml_declaration(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..memchr(b'>', declaration)?];
    let rest = &declaration[memmem::find(declaration, b"encoding")? + b"encoding".len()..];
    let is_blank = |byte: &u8| *byte <= b' ';
    let rest = &rest[rest.iter().position(|byte| !is_blank(byte))?..];
    let rest = rest.strip_prefix(b"=")?;
    let rest = &rest[rest.iter().position(|byte| !is_blank(byte))?..];
    let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let label = &rest[1..1 + memchr(quote, &rest[1..])?];
    if label.iter().any(is_blank) {
        return None;
    }
    Encoding::for_label(label).map(as_declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations() {
        for (body, want) in [
            ("", None),
            ("<meta charset=koi8-r>", Some("KOI8-R")),
            ("<META\nCharSet = 'GBK' >", Some("GBK")),
            ("<meta/charset=gbk>", Some("GBK")),
            ("<meta charset=gbk", None),
            ("<metacharset=gbk>", None),
            ("<meta name=x content='text/html; charset=gbk'>", None),
            ("<meta http-equiv=content-type content='text/html; charset=gbk'>", Some("GBK")),
            ("<meta content='text/html;charset = \"gbk\" ' http-equiv=Content-Type>", Some("GBK")),
            ("<meta http-equiv=content-type content='charset charset=gbk;x'>", Some("GBK")),
            ("<meta http-equiv=content-type content='charset=\"gbk'>", None),
            ("<meta http-equiv=content-type content='x'>", None),
            ("<meta charset=nonsense><meta charset=gbk>", Some("GBK")),
            ("<meta charset=nonsense charset=gbk>", None),
            ("<meta charset=utf-16le>", Some("UTF-8")),
            ("<meta charset=x-user-defined>", Some("windows-1252")),
            ("<!-- <meta charset=gbk> --><meta charset=big5>", Some("Big5")),
            ("<!--><meta charset=gbk>-->", Some("GBK")),
            ("<!-- <meta charset=gbk>", None),
            (
                "<p title='<meta charset=gbk>'></p title='<meta charset=gbk>'><meta charset=big5>",
                Some("Big5"),
            ),
            ("<!x <meta charset=gbk><meta charset=big5>", Some("Big5")),
            ("a < b <meta charset=gbk>", Some("GBK")),
            ("<?xml version='1.0' encoding = 'gbk'?>", Some("GBK")),
            ("<?xml encoding='gbk'?><meta charset=big5>", Some("Big5")),
            ("<?xml encoding=gbk?>", None),
            ("<?xml encoding='utf-16'?>", Some("UTF-8")),
            (" <?xml encoding='gbk'?>", None),
            ("<\0?\0x\0", Some("UTF-16LE")),
            ("\0<\0?\0x", Some("UTF-16BE")),
        ] {
            assert_eq!(declared(body.as_bytes()).map(Encoding::name), want, "{body:?}");
        }
    }

    #[test]
    fn declarations_past_the_first_kilobyte_are_too_late() {
        let meta = "<meta charset=gbk>";
        let fits = " ".repeat(PRESCAN_BYTES - meta.len()) + meta;
        assert_eq!(declared(fits.as_bytes()).map(Encoding::name), Some("GBK"));
        assert_eq!(declared(format!(" {fits}").as_bytes()), None);
    }
}
