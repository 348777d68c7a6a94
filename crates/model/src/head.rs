//! The head of an HTTP/1 response, as it came over the wire.

use std::borrow::Cow;

use bytes::Bytes;

/// A response's status line and header fields exactly as received, ending with the empty line.
///
/// Fields are looked up by scanning: a head is read a handful of times, and is kept as bytes for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseHead(Bytes);

impl ResponseHead {
    /// Wraps the bytes of a head: status line, fields, empty line. Nothing is checked; whatever is not a
    /// field is passed over by the look-ups.
    pub fn new(raw: Bytes) -> Self {
        Self(raw)
    }

    /// The bytes as received.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The fields in order, name and value trimmed of blanks. A folded value (RFC 9112 §5.2) gives its first
    /// line only.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0
            .split(|b| *b == b'\n')
            .skip(1)
            .filter(|line| !line.first().is_some_and(|b| matches!(b, b' ' | b'\t')))
            .filter_map(|line| {
                let colon = memchr::memchr(b':', line)?;
                Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
            })
    }

    /// The first value of a field, by name without regard to case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The values of all fields of a name, in any case, in their order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let named = self.fields().filter(move |(field, _)| field.eq_ignore_ascii_case(name.as_bytes()));
        named.map(|(_, value)| value)
    }

    /// The first value of a field, where it is UTF-8.
    pub fn field_str(&self, name: &str) -> Option<&str> {
        self.field(name).and_then(|v| std::str::from_utf8(v).ok())
    }

    /// The codings of the content in the order they were applied: all `Content-Encoding` fields as one list, which
    /// is what several of them mean (RFC 9110 §5.3).
    pub fn content_encoding(&self) -> Option<Cow<'_, str>> {
        let mut fields = self.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"));
        let mut list = String::from_utf8_lossy(fields.next()?.1);
        for (_, value) in fields {
            let list = list.to_mut();
            list.push_str(", ");
            list.push_str(&String::from_utf8_lossy(value));
        }
        Some(list)
    }

    /// The type of `Content-Type`, lower case, without parameters: `text/html`.
    pub fn mime(&self) -> Option<String> {
        let value = self.field_str("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_as_received() {
        let head = ResponseHead::new(Bytes::from_static(
            b"HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; charset=x\r\nX-Fold: a\r\n b: c\r\nset-cookie:1\r\nSet-Cookie: 2\r\njunk\r\n\r\n",
        ));
        assert_eq!(head.mime().as_deref(), Some("text/html"));
        assert_eq!(head.field("SET-COOKIE"), Some(&b"1"[..]));
        assert_eq!(head.field("b"), None);
        assert_eq!(head.fields().count(), 4);
        assert_eq!(head.content_encoding(), None);
    }

    #[test]
    fn codings_of_several_fields_are_one_list() {
        let head = |text: &'static str| ResponseHead::new(Bytes::from_static(text.as_bytes()));
        let one = head("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
        assert!(matches!(one.content_encoding(), Some(Cow::Borrowed("gzip"))));
        let two = head("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nX: y\r\nContent-Encoding: br\r\n\r\n");
        assert_eq!(two.content_encoding().as_deref(), Some("gzip, br"));
    }
}
