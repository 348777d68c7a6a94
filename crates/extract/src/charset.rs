//! The encoding of a document, and its bytes made fit for the scanner.
//!
//! Owns the order of evidence: byte order mark, then the header, then the document's own declaration, then a
//! guess. Never transcodes what it need not: nearly every encoding keeps ASCII as it is, and is scanned as it
//! came.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

use crate::Document;
use crate::prescan::declared;

/// Bytes that a guess is made on, from the first one that tells anything. More would cost far more than the
/// scan itself, and browsers decide on less.
const GUESS_BYTES_MAX: usize = 64 << 10;

/// A document's bytes, ready to be scanned.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// In `encoding`, which keeps ASCII as it is.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// What `bytes` are in.
    pub(crate) encoding: &'static Encoding,
    /// What the document came in.
    pub(crate) charset: &'static Encoding,
    /// There was more than was to be looked at.
    pub(crate) cut: bool,
}

impl<'a> Source<'a> {
    /// Decides on the encoding of the first `bytes_max` bytes of a document, and transcodes them where a
    /// scanner of bytes would go wrong (UTF-16, ISO-2022-JP).
    pub(crate) fn of(document: &Document<'a>, bytes_max: usize) -> Self {
        // Spans are 32 bits wide, and transcoding makes three bytes of one at the most.
        const SPAN_MAX: usize = (u32::MAX / 3) as usize;
        let body = &document.body[..document.body.len().min(bytes_max).min(SPAN_MAX)];
        let (charset, mark_length) = match Encoding::for_bom(body) {
            Some(marked) => marked,
            None => {
                let charset = document
                    .content_type
                    .and_then(parameter)
                    // Two fields that a proxy has made one have a comma between them; no label has.
                    .and_then(|label| Encoding::for_label(label.split(',').next()?.as_bytes()))
                    .or_else(|| declared(body))
                    .unwrap_or_else(|| guess(body, document.url.host()));
                (charset, 0)
            }
        };
        let cut = body.len() < document.body.len();
        let body = &body[mark_length..];
        if charset.is_ascii_compatible() {
            return Self { bytes: body.into(), encoding: charset, charset, cut };
        }
        let text = match charset.decode_without_bom_handling(body).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self { bytes: text, encoding: UTF_8, charset, cut }
    }

    /// The same for a document whose format is in UTF-8 (RFC 8259 §8.1), unless its byte order mark says otherwise.
    pub(crate) fn of_json(document: &Document<'a>, bytes_max: usize) -> Self {
        match Encoding::for_bom(document.body) {
            Some(_) => Self::of(document, bytes_max),
            None => Self::of(
                &Document { content_type: Some("application/json; charset=utf-8"), ..*document },
                bytes_max,
            ),
        }
    }
}

/// The `charset` parameter of a `Content-Type` (MIME Sniffing Standard §4.4): the first one counts, quotes
/// may hold anything and need not be closed.
fn parameter(content_type: &str) -> Option<Cow<'_, str>> {
    let mut rest = content_type.split_once(';')?.1;
    loop {
        let name_end = rest.find([';', '='])?;
        let name = rest[..name_end].trim_start();
        let is_valueless = rest.as_bytes()[name_end] == b';';
        rest = &rest[name_end + 1..];
        if is_valueless {
            continue;
        }
        let (value, behind) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted),
            None => {
                let (value, behind) = rest.split_once(';').unwrap_or((rest, ""));
                (value.trim_end().into(), behind)
            }
        };
        if name.eq_ignore_ascii_case("charset") && !value.is_empty() {
            return Some(value);
        }
        rest = behind;
    }
}

/// The text of a quoted string whose opening quote is behind us, and what follows the next `;`.
fn unquoted(quoted: &str) -> (Cow<'_, str>, &str) {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    let mut end = quoted.len();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                end = at;
                break;
            }
            '\\' => value.push(characters.next().map_or('\\', |(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value.into(), quoted[end..].split_once(';').map_or("", |(_, behind)| behind))
}

/// What a document that says nothing is in, by its bytes and the last label of its host's name.
fn guess(body: &[u8], host: &str) -> &'static Encoding {
    // Only bytes beyond ASCII, and the escapes of ISO-2022-JP, tell anything.
    let start = body.iter().position(|byte| !byte.is_ascii() || *byte == 0x1b).unwrap_or(body.len());
    let sample = &body[start..body.len().min(start.saturating_add(GUESS_BYTES_MAX))];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, start + sample.len() == body.len());
    let label = host.rsplit('.').next().unwrap_or_default().as_bytes();
    // The detector panics on a label of any other kind, such as an IPv6 address's.
    let is_domain =
        label.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
    detector.guess(Some(label).filter(|_| is_domain), Utf8Detection::Allow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dragline_model::CanonicalUrl;
    use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS};

    fn charset(url: &str, content_type: Option<&str>, body: &[u8]) -> &'static str {
        let url = CanonicalUrl::parse(url).unwrap();
        Source::of(&Document { url: &url, content_type, body }, usize::MAX).charset.name()
    }

    #[test]
    fn evidence_in_its_order() {
        for (content_type, body, want) in [
            (Some("text/html; charset=gbk"), &b"\xef\xbb\xbf<meta charset=big5>"[..], "UTF-8"),
            (Some("text/html; charset=gbk"), b"\xff\xfe", "UTF-16LE"),
            (Some("text/html; charset=gbk"), b"<meta charset=big5>", "GBK"),
            (Some("text/html; charset=gbk, text/html"), b"<meta charset=big5>", "GBK"),
            (Some("text/html; charset=nonsense"), b"<meta charset=big5>", "Big5"),
            (None, b"<meta charset=big5>", "Big5"),
            (None, b"<p>gr\xc3\xbc\xc3\x9fe", "UTF-8"),
            (None, b"<p>gr\xfc\xdfe an alle", "windows-1252"),
        ] {
            assert_eq!(charset("http://a.example/", content_type, body), want, "{content_type:?}");
        }
    }

    #[test]
    fn guesses() {
        let text = "日本語のページです。文字コードの宣言はありません。リンク一覧";
        for encoding in [SHIFT_JIS, EUC_JP, ISO_2022_JP, UTF_8] {
            let body = encoding.encode(text).0;
            for host in ["http://a.jp/", "http://[::1]/", "http://127.0.0.1/"] {
                assert_eq!(charset(host, None, &body), encoding.name(), "{host}");
            }
        }
        // What tells may come late.
        let late = [" ".repeat(2 * GUESS_BYTES_MAX).as_bytes(), &SHIFT_JIS.encode(text).0].concat();
        assert_eq!(charset("http://a.example/", None, &late), "Shift_JIS");
    }

    #[test]
    fn parameters() {
        for (header, want) in [
            ("text/html", None),
            ("text/html;charset=x", Some("x")),
            ("text/html ; CHARSET=X ", Some("X")),
            ("text/html; a=b; charset=x; charset=y", Some("x")),
            ("text/html; a; charset=x", Some("x")),
            ("text/html; charset=; charset=x", Some("x")),
            ("text/html; charset=\"x\"", Some("x")),
            ("text/html; charset=\"x", Some("x")),
            ("text/html; charset=\"a\\\"b\"z; q", Some("a\"b")),
            ("text/html; a=\";charset=y;\"; charset=x", Some("x")),
            ("text/html; xcharset=y", None),
            ("text/html; charset", None),
            (";;=;\"", None),
        ] {
            assert_eq!(parameter(header).as_deref(), want, "{header}");
        }
    }
}
