//! WARC 1.1 (ISO 28500:2017) as far as a crawl needs it.
//!
//! Owns the spelling and the reading of records. Never compresses, never knows where a record stands.

pub(crate) mod head;
pub(crate) mod read;
pub(crate) mod write;

use sha2::{Digest as _, Sha256};

use dragline_model::{Timestamp, VisitId};

/// The kinds of record an archive of ours holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The head of each segment.
    Warcinfo,
    /// A response with its payload.
    Response,
    /// A response whose payload was stored before.
    Revisit,
    /// What was asked.
    Request,
    /// Our record of the visit; closes a group.
    Metadata,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Kind::Warcinfo => "warcinfo",
            Kind::Response => "response",
            Kind::Revisit => "revisit",
            Kind::Request => "request",
            Kind::Metadata => "metadata",
        }
    }

    fn parse(name: &[u8]) -> Option<Self> {
        [Kind::Warcinfo, Kind::Response, Kind::Revisit, Kind::Request, Kind::Metadata]
            .into_iter()
            .find(|k| k.as_str().as_bytes() == name)
    }
}

/// What the ids of one group's records are made of.
///
/// A record's id is `urn:uuid:` and a version 8 UUID (RFC 9562 §5.8): 120 bits of a SHA-256 over what names the
/// visit, the last byte the record's kind. So an id can be computed again from the record it belongs to, and
/// a record read at a wrong place is known by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupId([u8; 16]);

impl GroupId {
    /// Of a visit.
    pub(crate) fn of_visit(mark: [u8; 8], visit: VisitId, fetched_at: Timestamp, url: &str) -> Self {
        Self::of(mark, &[&visit.0.to_be_bytes(), &fetched_at.0.to_be_bytes(), url.as_bytes()])
    }

    /// Of links from outside.
    pub(crate) fn of_seeds(mark: [u8; 8], seq: u64) -> Self {
        Self::of(mark, &[b"seeds", &seq.to_be_bytes()])
    }

    /// Of a segment.
    pub(crate) fn of_segment(mark: [u8; 8], segment: u32) -> Self {
        Self::of(mark, &[b"segment", &segment.to_be_bytes()])
    }

    /// Of a file that is written from an archive.
    pub(crate) fn of_file(mark: [u8; 8], file: &str, date: Timestamp) -> Self {
        Self::of(mark, &[b"file", &date.0.to_be_bytes(), file.as_bytes()])
    }

    fn of(mark: [u8; 8], parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        hash.update(mark);
        parts.iter().for_each(|part| hash.update(part));
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        id[6] = id[6] & 0x0f | 0x80;
        id[8] = id[8] & 0x3f | 0x80;
        Self(id)
    }

    /// The id of the group's record of a kind, as it stands in a header: `<urn:uuid:…>`.
    pub(crate) fn record(self, kind: Kind) -> RecordId {
        let mut id = self.0;
        // A group has a response or a revisit, never both: one number for what the others refer to.
        id[15] = match kind {
            Kind::Warcinfo => 0,
            Kind::Response | Kind::Revisit => 1,
            Kind::Request => 2,
            Kind::Metadata => 3,
        };
        let mut text = *b"<urn:uuid:00000000-0000-0000-0000-000000000000>";
        let mut at = 10;
        for (index, byte) in id.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                at += 1;
            }
            text[at] = HEX[usize::from(byte >> 4)];
            text[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        RecordId(text)
    }
}

/// A `WARC-Record-ID`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordId([u8; 47]);

impl RecordId {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for RecordId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Two digits a byte, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]).map(char::from).collect()
}

/// A digest as records have it: `sha256:` and 64 hexadecimal digits. WARC 1.1 §5.8 leaves the algorithm and the
/// spelling free; this one is understood by `warcio check`, which takes what is longer than base 32 for hexadecimal.
/// With it comes its key.
pub(crate) fn digest(payload: &[u8]) -> (u64, String) {
    let sum: [u8; 32] = Sha256::digest(payload).into();
    let [a, b, c, d, e, f, g, h, ..] = sum;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), spelled(&sum))
}

/// `sha256:` and 64 digits.
fn spelled(sum: &[u8; 32]) -> String {
    format!("sha256:{}", hex(sum))
}

/// The first eight bytes of a digest: the key of the table of known payloads.
pub(crate) fn digest_key(digest: &str) -> Option<u64> {
    u64::from_str_radix(digest.strip_prefix("sha256:")?.get(..16)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_tell_kinds_apart() {
        let id = GroupId::of_visit([1; 8], VisitId(7), Timestamp(8), "http://a/");
        let text = format!("{:?}", id.record(Kind::Response));
        assert_eq!(text.len(), 47);
        assert_eq!((&text[24..25], &text[44..46]), ("8", "01"));
        assert_ne!(id.record(Kind::Request), id.record(Kind::Metadata));
        assert_ne!(id, GroupId::of_visit([2; 8], VisitId(7), Timestamp(8), "http://a/"));
    }

    #[test]
    fn digest_of_abc() {
        // FIPS 180-4's first example.
        let (key, text) = digest(b"abc");
        assert_eq!(text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest_key(&text), Some(key));
    }
}
