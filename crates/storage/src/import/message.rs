//! What the heads and blocks of others' records say.
//!
//! Owns the reading of HTTP messages as archives keep them, of their dates and their targets. Lenient where what is
//! meant is plain.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use dragline_model::{ResponseHead, Timestamp};

use crate::warc::head::Head;

/// Digits of a chunk's size at most: more is no size.
const SIZE_DIGITS_MAX: usize = 15;

/// A response: its head with the empty line, and its body with the chunking undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) status: u16,
    pub(super) head: Bytes,
    pub(super) body: Bytes,
}

/// Whether a record is of an exchange over HTTP, and not of a look at DNS.
pub(super) fn is_of_the_web(head: &Head) -> bool {
    let scheme = target(head).split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*scheme, "http" | "https")
}

/// The target, without the angle brackets that some versions have around it (WARC 1.0 §5.12's grammar).
pub(super) fn target(head: &Head) -> Cow<'_, str> {
    let value = head.get("WARC-Target-URI").unwrap_or_default();
    match String::from_utf8_lossy(value) {
        Cow::Borrowed(text) => bare(text).into(),
        Cow::Owned(text) => bare(&text).to_owned().into(),
    }
}

/// A URI without angle brackets.
pub(super) fn bare(uri: &str) -> &str {
    uri.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(uri).trim()
}

/// A moment in any precision that WARC 1.1 §5.4 allows: from the year to the nanosecond, in UTC.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    const LEAST: &str = "0000-01-01T00:00:00Z";
    let text = text.trim();
    let bare = text.trim_end_matches('Z');
    let whole = match bare.len() {
        4 | 7 | 10 | 13 | 16 => format!("{bare}{}", &LEAST[bare.len()..]),
        // Fourteen digits: as ARC has it, and some tools keep it.
        14 if bare.bytes().all(|b| b.is_ascii_digit()) => {
            let at = |from, to| &bare[from..to];
            let (date, time) = ((at(0, 4), at(4, 6), at(6, 8)), (at(8, 10), at(10, 12), at(12, 14)));
            format!("{}-{}-{}T{}:{}:{}Z", date.0, date.1, date.2, time.0, time.1, time.2)
        }
        _ => format!("{bare}Z"),
    };
    humantime::parse_rfc3339(&whole).ok().map(Timestamp::from)
}

/// A resource as the answer that would have brought it.
pub(super) fn of_resource(head: &Head, block: Bytes) -> Message {
    let kind = head.text("Content-Type").unwrap_or("application/octet-stream");
    let text = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", block.len());
    Message { status: 200, head: text.into(), body: block }
}

/// The head of a request; its body is not kept.
pub(super) fn head_of_request(block: Bytes) -> Bytes {
    let end = end_of_head(&block).unwrap_or(block.len());
    block.slice(..end)
}

impl Message {
    /// Reads a response; the error says why it is none.
    pub(super) fn parse(block: Bytes) -> Result<Self, &'static str> {
        let end = end_of_head(&block).unwrap_or(block.len());
        let (head, body) = (block.slice(..end), block.slice(end..));
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        if !words.next().is_some_and(|version| version.starts_with(b"HTTP/")) {
            return Err("it does not begin with a status line");
        }
        let status =
            words.next().and_then(|word| std::str::from_utf8(word.trim_ascii_end()).ok()?.parse().ok());
        let status = status.filter(|status| (100..=999).contains(status)).ok_or("it has no status")?;
        let is_chunked = ResponseHead::new(head.clone())
            .values("transfer-encoding")
            .any(|coding| coding.to_ascii_lowercase().windows(7).any(|window| window == b"chunked"));
        // Some tools undo the chunking and leave the field.
        let body = if is_chunked { unchunked(&body).unwrap_or(body) } else { body };
        Ok(Self { status, head, body })
    }
}

/// Where the body begins.
fn end_of_head(block: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line == b"\r\n" || line == b"\n" {
            return Some(at);
        }
    }
    None
}

/// A body without its chunking (RFC 9112 §7.1); cut where it is cut. `None` where it was not chunked.
fn unchunked(body: &Bytes) -> Option<Bytes> {
    let mut out = BytesMut::new();
    let mut rest = &body[..];
    loop {
        let line_end = memchr::memchr(b'\n', rest)?;
        let line = rest[..line_end].trim_ascii();
        let digits = line.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
        if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
            return None;
        }
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        rest = &rest[line_end + 1..];
        if size == 0 {
            return Some(out.freeze());
        }
        let some = &rest[..size.min(rest.len())];
        out.extend_from_slice(some);
        rest = &rest[some.len()..];
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")).unwrap_or(rest);
        if rest.is_empty() {
            // The last chunk did not come whole.
            return Some(out.freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_any_precision() {
        for (text, want) in [
            ("2016-09-19T17:20:24Z", Some(1_474_305_624_000)),
            ("2016-09-19T17:20:24.123456789Z", Some(1_474_305_624_123)),
            ("2016-09-19T17:20Z", Some(1_474_305_600_000)),
            ("2016-09-19", Some(1_474_243_200_000)),
            ("2016-09", Some(1_472_688_000_000)),
            ("2016", Some(1_451_606_400_000)),
            ("20160919172024", Some(1_474_305_624_000)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(date(text).map(|at| at.0), want, "{text}");
        }
    }

    #[test]
    fn bodies_are_unchunked_where_they_are_chunked() {
        let parse = |text: &str| Message::parse(Bytes::from(text.to_owned())).map(|m| (m.status, m.body));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
        for (body, want) in [
            ("5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", "hello!"),
            ("5\nhello\n0\n\n", "hello"),
            ("0\r\n\r\n", ""),
            ("ff\r\nhello", "hello"),
            ("hello", "hello"),
            ("", ""),
        ] {
            assert_eq!(parse(&format!("{chunked}{body}")), Ok((200, Bytes::from(want))));
        }
        assert_eq!(parse("HTTP/1.0 404\n\nx"), Ok((404, "x".into())));
        assert_eq!(parse("HTTP/1.1 204 No Content\r\nA: b"), Ok((204, "".into())));
        for bad in
            ["", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 7 x\r\n\r\n"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
