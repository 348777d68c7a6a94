//! Spelling WARC records.
//!
//! Owns the headers of each kind of record and the one change that is made to a response's head. Appends to
//! a buffer and never does anything else.

use std::{borrow::Cow, net::IpAddr};

use sha2::{Digest as _, Sha256};

use dragline_model::{Timestamp, Truncation};

use super::{GroupId, Kind};
use crate::{record::spell_time, seal::Elsewhere};

/// Why a payload is not stored again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// It came, and is one that there is (WARC 1.1 §6.7.2).
    SamePayload,
    /// It did not come: the server said that it is the one that there is (§6.7.3).
    NotModified,
}

impl Profile {
    fn as_str(self) -> &'static str {
        match self {
            Profile::SamePayload => "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest",
            Profile::NotModified => "http://netpreserve.org/warc/1.1/revisit/server-not-modified",
        }
    }
}

/// What the records of a visit have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Of<'a> {
    pub(crate) id: GroupId,
    pub(crate) url: &'a str,
    pub(crate) date: Timestamp,
    pub(crate) peer: Option<IpAddr>,
}

/// What a revisit says of the response that has its payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original<'a> {
    pub(crate) id: GroupId,
    pub(crate) url: &'a str,
    pub(crate) date: Timestamp,
}

/// A `response` record.
pub(crate) fn response(
    out: &mut Vec<u8>,
    of: Of<'_>,
    digest: &str,
    cut: Option<Truncation>,
    head: &[u8],
    body: &[u8],
) {
    let mut fields = Fields::begin(out, Kind::Response, of.id, of.date);
    fields.add("WARC-Target-URI", of.url);
    fields.peer(of.peer);
    fields.add("WARC-Payload-Digest", digest);
    if let Some(cut) = cut {
        fields.add("WARC-Truncated", cut.as_str());
    }
    fields.add("Content-Type", "application/http;msgtype=response");
    fields.end(&[head, body]);
}

/// A `revisit` record: the response's head, and where its payload is.
pub(crate) fn revisit(
    out: &mut Vec<u8>,
    of: Of<'_>,
    profile: Profile,
    digest: &str,
    cut: Option<Truncation>,
    original: Original<'_>,
    head: &[u8],
) {
    let mut fields = Fields::begin(out, Kind::Revisit, of.id, of.date);
    fields.add("WARC-Target-URI", of.url);
    fields.peer(of.peer);
    fields.add("WARC-Payload-Digest", digest);
    fields.add("WARC-Profile", profile.as_str());
    fields.add_bytes("WARC-Refers-To", original.id.record(Kind::Response).as_bytes());
    fields.add("WARC-Refers-To-Target-URI", original.url);
    fields.add("WARC-Refers-To-Date", &spell_time(original.date).to_string());
    if let Some(cut) = cut {
        fields.add("WARC-Truncated", cut.as_str());
    }
    fields.add("Content-Type", "application/http;msgtype=response");
    fields.end(&[head]);
}

/// A `revisit` record whose payload is in another archive: what that one's record says of it.
pub(crate) fn revisit_elsewhere(
    out: &mut Vec<u8>,
    of: Of<'_>,
    elsewhere: &Elsewhere,
    cut: Option<Truncation>,
    head: &[u8],
) {
    let mut fields = Fields::begin(out, Kind::Revisit, of.id, of.date);
    fields.add("WARC-Target-URI", of.url);
    fields.peer(of.peer);
    let Elsewhere { digest, profile, url, date } = elsewhere;
    let theirs = [
        ("WARC-Payload-Digest", digest.as_deref()),
        ("WARC-Profile", Some(&**profile).filter(|profile| !profile.is_empty())),
        ("WARC-Refers-To-Target-URI", url.as_deref()),
        ("WARC-Refers-To-Date", date.as_deref()),
    ];
    for (name, value) in theirs {
        // Others' words: none with a line end, nor any other control, gets into a head of ours.
        if let Some(value) = value.filter(|value| !value.contains(char::is_control)) {
            fields.add(name, value);
        }
    }
    if let Some(cut) = cut {
        fields.add("WARC-Truncated", cut.as_str());
    }
    fields.add("Content-Type", "application/http;msgtype=response");
    fields.end(&[head]);
}

/// A `request` record.
pub(crate) fn request(out: &mut Vec<u8>, of: Of<'_>, head: &[u8]) {
    let mut fields = Fields::begin(out, Kind::Request, of.id, of.date);
    fields.add("WARC-Target-URI", of.url);
    fields.peer(of.peer);
    fields.add_bytes("WARC-Concurrent-To", of.id.record(Kind::Response).as_bytes());
    fields.add("Content-Type", "application/http;msgtype=request");
    fields.end(&[head]);
}

/// The `metadata` record that closes a visit's group; `answered` where the group has a response.
pub(crate) fn metadata(out: &mut Vec<u8>, of: Of<'_>, answered: bool, json: &[u8]) {
    let mut fields = Fields::begin(out, Kind::Metadata, of.id, of.date);
    fields.add("WARC-Target-URI", of.url);
    if answered {
        fields.add_bytes("WARC-Concurrent-To", of.id.record(Kind::Response).as_bytes());
    }
    fields.end_entry(json);
}

/// The `metadata` record of links from outside: it belongs to no URL.
pub(crate) fn seeds(out: &mut Vec<u8>, id: GroupId, date: Timestamp, json: &[u8]) {
    let fields = Fields::begin(out, Kind::Metadata, id, date);
    fields.end_entry(json);
}

/// The `warcinfo` record at the head of a segment.
pub(crate) fn warcinfo(out: &mut Vec<u8>, id: GroupId, date: Timestamp, file: &str) {
    warcinfo_about(out, id, date, file, "");
}

/// The same for a file that says what is in it. Neither of the texts may have a line end.
pub(crate) fn warcinfo_about(out: &mut Vec<u8>, id: GroupId, date: Timestamp, file: &str, about: &str) {
    let mut fields = Fields::begin(out, Kind::Warcinfo, id, date);
    fields.add("WARC-Filename", file);
    fields.add("Content-Type", "application/warc-fields");
    let text = concat!(
        "software: dragline/",
        env!("CARGO_PKG_VERSION"),
        "\r\nformat: WARC File Format 1.1\r\n",
        "conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n"
    );
    if about.is_empty() {
        fields.end(&[text.as_bytes()]);
    } else {
        fields.end(&[text.as_bytes(), b"description: ", about.as_bytes(), b"\r\n"]);
    }
}

/// What the JSON of an entry follows in its block.
///
/// Fields (WARC 1.1 §6.6 has them as the usual form of metadata), and not plain JSON, for the sake of those who play an
/// archive back: they take a record of another type for a capture of the page, newer by a moment than the page's own,
/// and would show it in its place.
const ENTRY_FIELD: &[u8] = b"dragline: ";

/// The JSON in the block of a `metadata` record; in an archive of format 1 it is the whole block.
pub(crate) fn entry_json(block: &[u8]) -> &[u8] {
    let field = block.strip_prefix(ENTRY_FIELD).and_then(|rest| rest.strip_suffix(b"\r\n"));
    field.unwrap_or(block)
}

/// The head of one record being written. Values are ours, or canonical URLs: no line end can be in them.
struct Fields<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Fields<'a> {
    fn begin(out: &'a mut Vec<u8>, kind: Kind, id: GroupId, date: Timestamp) -> Self {
        out.extend_from_slice(b"WARC/1.1\r\n");
        let mut fields = Self { out };
        fields.add("WARC-Type", kind.as_str());
        fields.add_bytes("WARC-Record-ID", id.record(kind).as_bytes());
        fields.add("WARC-Date", &spell_time(date).to_string());
        fields
    }

    fn add(&mut self, name: &str, value: &str) {
        self.add_bytes(name, value.as_bytes());
    }

    fn add_bytes(&mut self, name: &str, value: &[u8]) {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    fn peer(&mut self, peer: Option<IpAddr>) {
        if let Some(peer) = peer {
            self.add("WARC-IP-Address", &peer.to_string());
        }
    }

    /// The JSON of an entry as the one field of a block of fields.
    fn end_entry(mut self, json: &[u8]) {
        self.add("Content-Type", "application/warc-fields");
        self.end(&[ENTRY_FIELD, json, b"\r\n"]);
    }

    fn end(mut self, block: &[&[u8]]) {
        let bytes: usize = block.iter().map(|part| part.len()).sum();
        let mut hash = Sha256::new();
        block.iter().for_each(|part| hash.update(part));
        self.add("WARC-Block-Digest", &super::spelled(&hash.finalize().into()));
        self.add("Content-Length", &bytes.to_string());
        self.out.extend_from_slice(b"\r\n");
        block.iter().for_each(|part| self.out.extend_from_slice(part));
        self.out.extend_from_slice(b"\r\n\r\n");
    }
}

/// A response's head as it is stored.
///
/// Byte for byte as received, with one exception: the body is stored with the chunking undone, and a reader
/// who finds `Transfer-Encoding: chunked` would undo it again. As is usual in web archives that field, and a
/// `Content-Length` beside it (RFC 9112 §6.3 has it ignored), get `X-Archive-Orig-` before their names, and
/// the true length is added. A head without its empty line gets one.
pub(crate) fn stored_head(head: &[u8], body_bytes: usize) -> Cow<'_, [u8]> {
    let fields_end = fields_end(head);
    let chunked = lines(&head[..fields_end]).any(|line| {
        is_field(line, b"transfer-encoding")
            && line.to_ascii_lowercase().windows(b"chunked".len()).any(|w| w == b"chunked")
    });
    if !chunked && fields_end < head.len() {
        return head.into();
    }
    let mut stored = Vec::with_capacity(head.len() + 96);
    for line in lines(&head[..fields_end]) {
        if chunked && (is_field(line, b"transfer-encoding") || is_field(line, b"content-length")) {
            stored.extend_from_slice(b"X-Archive-Orig-");
        }
        stored.extend_from_slice(line);
    }
    if !stored.ends_with(b"\n") {
        stored.extend_from_slice(b"\r\n");
    }
    if chunked {
        stored.extend_from_slice(format!("Content-Length: {body_bytes}\r\n").as_bytes());
    }
    let rest = &head[fields_end..];
    stored.extend_from_slice(if rest.is_empty() { b"\r\n" } else { rest });
    stored.into()
}

/// Where the empty line begins; the length of the head if there is none.
fn fields_end(head: &[u8]) -> usize {
    let mut at = 0;
    for line in lines(head) {
        if matches!(line, b"\r\n" | b"\n") {
            return at;
        }
        at += line.len();
    }
    at
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split_inclusive(|b| *b == b'\n')
}

fn is_field(line: &[u8], name: &[u8]) -> bool {
    memchr::memchr(b':', line).is_some_and(|colon| line[..colon].trim_ascii().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunking_changes_a_head() {
        for (head, want) in [
            ("HTTP/1.1 200 OK\r\nA:b\r\n\r\n", None),
            ("HTTP/1.1 200 OK\nA: transfer-encoding: chunked\n\n", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", None),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding : gzip, Chunked\r\nX: y\r\nContent-Length: 9\r\n\r\n",
                Some(
                    "HTTP/1.1 200 OK\r\nX-Archive-Orig-transfer-encoding : gzip, Chunked\r\nX: y\r\nX-Archive-Orig-Content-Length: 9\r\nContent-Length: 42\r\n\r\n",
                ),
            ),
            ("HTTP/1.1 200 OK\r\nA: b\r\n", Some("HTTP/1.1 200 OK\r\nA: b\r\n\r\n")),
            ("HTTP/1.1 200 OK", Some("HTTP/1.1 200 OK\r\n\r\n")),
            (
                "HTTP/1.1 200\nTransfer-Encoding: chunked\n\n",
                Some("HTTP/1.1 200\nX-Archive-Orig-Transfer-Encoding: chunked\nContent-Length: 42\r\n\n"),
            ),
        ] {
            let stored = stored_head(head.as_bytes(), 42);
            assert_eq!(String::from_utf8_lossy(&stored), want.unwrap_or(head));
        }
    }
}
