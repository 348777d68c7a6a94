//! What is on disk inside the index and the frontier's directory: every key, value and frame, in one place.
//!
//! Owns the spelling of keys, of the small binary parts of values, and of the frontier's files. Never touches sled
//! or a file.
//!
//! # `index/`
//!
//! One sled tree. Entries are kept in order, many to a key: a key is spelled like the first entry of its *piece*, the value
//! has the others ([`pieces`] says how). The first byte tells what they are:
//!
//! | entry, and so key | with it | a piece has up to |
//! |---|---|---|
//! | `r` seq | [`Location`], then the record's JSON ([`crate::record`]) | 8, deflated together |
//! | `u` SURT, 0, `h` or `s`, seq | | 16 |
//! | `t` milliseconds, seq | | 192 |
//! | `ps` status, seq; 0 for a failure | | 256 |
//! | `pm` type, 0, seq | | 256 |
//! | `ph` the host's part of a SURT, seq | | 256 |
//! | `pS`, `pM`, `pH` | the same, of what was asked for as a robots.txt | 256 |
//! | `m` name | `format`: [`INDEX_FORMAT`] (4 bytes); `state`: the [`State`] as JSON; `listed`: the sequence (8 bytes) up to which entries other than `r` are written | 1 |
//!
//! Sequence numbers and milliseconds have 8 bytes, a status has 2, all big-endian.
//!
//! **Everything here is derived from the archive** and can be made anew from it: an index of another number is. It is
//! written behind the commits by another thread, in this order: records, with `state` in the batch of the last of
//! them; then the rest, sorted; then `listed`. So what `state` and `listed` speak of is there, and what
//! a crash left behind them is written again, the same, by the replay. Whoever reads has what is held back
//! written first. A piece grows and is split, never emptied: no key is ever removed.
//!
//! The reason: each sled batch writes a buffer and wakes a thread, a key at a random place costs 15 µs and 190 bytes of
//! memory, and most of what is read is read in order.
//!
//! The SURT (sort-friendly URI) is the host's labels in reverse, each followed by a comma, the port where it
//! is not the scheme's own, a closing parenthesis, path and query: `com,example,www,:8080)/path?q`. So a host
//! is one range, its subdomains stand beside it, and paths sort within. The scheme comes last (`h` for http,
//! `s` for https) because to a site's owner both are one place.
//!
//! Payloads are never here. Small ones inline were tried: sled then takes 40 MB/s at most, twice the disk,
//! and holds anything above 128 KB in memory; the archive has every payload, and a read costs one `pread`.
//!
//! # `frontier/`
//!
//! Readable by its owner alone, derived like the index, and good to be thrown away at any moment: every file says
//! which store it belongs to, every part of it has a checksum (CRC-32, which sees every burst of up to 32 bits),
//! and what was derived from records is tied to the last of them by an [`Anchor`]. All numbers are little-endian.
//! The headers are spelled in `schema/frontier.rs`.
//!
//! | file | what it holds |
//! |---|---|
//! | `known` | a [`FileHeader`] with the fingerprints' key, then frames: a [`FrameHeader`], the fingerprints (8 bytes each), the payloads (8 bytes of digest, 8 of sequence number) |
//! | `tail-N` | chunks of queues, each behind its length and its checksum (4 bytes each), which covers its place and the store too |
//! | `checkpoint` | a [`FileHeader`], a [`CheckpointHeader`], what the frontier wrote |
//!
//! **`known`** is appended behind the index by the thread that writes that, some thousand fingerprints at a time. A
//! frame counts if it follows on the one before; what is behind the last that counts is cut off. The records
//! behind [`Reached`] are read when a writer opens, so a frame that is missing costs time and nothing else.
//! [`Reached::entries`] finds records that a rebuild lost further back: what only they had must not be known.
//!
//! **`tail-N`** is written without a sync and never again once another process has it; a checkpoint syncs what it
//! refers to. A tail is removed when no chunk in it is live; of the last one the name stays, so that no number is
//! used twice.
//!
//! **`checkpoint`** is written as `checkpoint.new` and renamed. What is between it and the last record is replayed.
//!
//! [`Anchor`]: frontier::Anchor
//! [`FileHeader`]: frontier::FileHeader
//! [`FrameHeader`]: frontier::FrameHeader
//! [`CheckpointHeader`]: frontier::CheckpointHeader
//! [`Reached`]: frontier::Reached
//! [`Reached::entries`]: frontier::Reached::entries

pub(crate) mod frontier;
pub(crate) mod lists;
pub(crate) mod pieces;

use serde::{Deserialize, Serialize};

use dragline_model::CanonicalUrl;

/// The version of everything on disk, archive conventions included; kept in `meta.json`. Every older one is read, and
/// becomes this one when it is written to.
///
/// | format | what is new |
/// |---|---|
/// | 1 | |
/// | 2 | an unfinished segment's name ends in `.open`; every WARC record has a block digest; the JSON of an entry is a field `dragline` of its metadata record, not the whole block; a group may lack its request, or its payload ([`crate::Record::absent`]); entries may forget (see above) |
pub const FORMAT: u32 = 2;

/// The version of everything in `index/`. One of another number, older or newer, is made anew from the archive.
///
/// 1 had a key for each record and each visit, and no lists. It does not say its number.
pub(crate) const INDEX_FORMAT: u32 = 2;

pub(crate) const RECORD: u8 = b'r';
pub(crate) const URL: u8 = b'u';
pub(crate) const TIME: u8 = b't';
pub(crate) const LIST: u8 = b'p';
pub(crate) const FORMAT_KEY: &[u8] = b"mformat";
pub(crate) const STATE_KEY: &[u8] = b"mstate";
pub(crate) const LISTED_KEY: &[u8] = b"mlisted";

/// A place in the archive: between records, or at the start of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The number in the segment's name.
    pub(crate) segment: u32,
    /// Bytes from its start.
    pub(crate) offset: u64,
}

/// Where a group stands in the archive: its members follow each other without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Location {
    /// Where its first member begins.
    pub(crate) start: Position,
    /// Bytes of the gzip member of the `response` or `revisit` record; 0 where there is none.
    pub(crate) response: u64,
    /// Bytes of the member of the `request` record; 0 where there is none.
    pub(crate) request: u64,
    /// Bytes of the member of the `metadata` record.
    pub(crate) metadata: u64,
}

/// What [`Location::encode`] writes at most: one number of 32 bits and four of 64.
pub(crate) const LOCATION_BYTES_MAX: usize = 5 + 4 * 10;

impl Location {
    /// Five LEB128 numbers.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        for number in
            [u64::from(self.start.segment), self.start.offset, self.response, self.request, self.metadata]
        {
            write_number(out, number);
        }
    }

    /// Reads what [`Location::encode`] wrote; gives what follows it too. `None` where it is cut or too long.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        let mut next = || read_number(&mut bytes);
        let start = Position { segment: next()?.try_into().ok()?, offset: next()? };
        let location = Location { start, response: next()?, request: next()?, metadata: next()? };
        Some((location, bytes))
    }
}

/// A number as LEB128: seven bits a byte, the lowest first.
pub(crate) fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number off the front; `None` where it is cut or too long.
pub(crate) fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// What the index knows of the whole: written with every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// The archive up to here is in the index.
    pub(crate) reached: Position,
    /// The sequence number of the last record; the first is 1.
    pub(crate) last_seq: u64,
    /// How many records there are: fewer than `last_seq` only where the archive was damaged.
    pub(crate) entries: u64,
    /// Counted up to here.
    #[serde(flatten)]
    pub(crate) totals: Totals,
}

/// Sums over a whole store, kept up to date with every commit. A robots.txt is no page: what was asked for as one
/// is in `robots`, its links in `links`, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Responses of any status.
    pub responses: u64,
    /// Of these, the ones with a 2xx status.
    pub pages: u64,
    /// Of the responses, the ones whose payload had been stored before.
    pub revisits: u64,
    /// Of these, the ones that said so themselves: 304 to a visit that had a copy.
    pub unchanged: u64,
    /// Visits that brought no response.
    pub failures: u64,
    /// Visits to a robots.txt, whatever they brought. A store that was made before records had a purpose counted
    /// them among the others.
    pub robots: u64,
    /// Bytes of all bodies as received.
    pub bytes: u64,
    /// Links that were new when they were committed, seeds included.
    pub links: u64,
}

/// The sequence number of the first record of a piece, from its key.
pub(crate) fn record_key_seq(key: &[u8]) -> Option<u64> {
    match key {
        [RECORD, seq @ ..] => Some(u64::from_be_bytes(seq.try_into().ok()?)),
        _ => None,
    }
}

/// What every entry of a URL's visits begins with: all but the sequence number.
pub(crate) fn url_prefix(url: &CanonicalUrl) -> Vec<u8> {
    let mut key = host_prefix(url.authority());
    key.extend_from_slice(url.path_and_query().as_bytes());
    // No canonical URL holds a zero byte, so no URL's prefix is the beginning of another's.
    key.push(0);
    key.push(if url.is_https() { b's' } else { b'h' });
    key
}

/// What every entry of a host begins with, by its authority (`host` or `host:port`).
pub(crate) fn host_prefix(authority: &str) -> Vec<u8> {
    let colon = authority.rfind(':').filter(|_| !authority.ends_with(']')).unwrap_or(authority.len());
    let (host, port) = authority.split_at(colon);
    let mut key = Vec::with_capacity(authority.len() + 64);
    key.push(URL);
    if is_address(host) {
        key.extend_from_slice(host.as_bytes());
        key.push(b',');
    } else {
        for label in host.rsplit('.') {
            key.extend_from_slice(label.as_bytes());
            key.push(b',');
        }
    }
    key.extend_from_slice(port.as_bytes());
    key.push(b')');
    key
}

/// What every entry of a host and of all below it begins with, on any port; with a port, of that host there alone.
pub(crate) fn domain_prefix(name: &str) -> Vec<u8> {
    let mut prefix = host_prefix(name);
    if prefix.ends_with(b",)") {
        prefix.pop();
    }
    prefix
}

/// An address is not turned round. A canonical host whose last label is a number is an IPv4 address.
pub(crate) fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(url: &str) -> String {
        let url = CanonicalUrl::parse(url).unwrap();
        String::from_utf8(url_prefix(&url)).unwrap().replace('\0', "~")
    }

    #[test]
    fn urls_sort_by_reversed_host() {
        for (url, want) in [
            ("http://www.example.com/a?b", "ucom,example,www,)/a?b~h"),
            ("https://www.example.com/a?b", "ucom,example,www,)/a?b~s"),
            ("http://example.com:8080/", "ucom,example,:8080)/~h"),
            ("http://127.0.0.1:81/", "u127.0.0.1,:81)/~h"),
            ("http://[::1]/", "u[::1],)/~h"),
            ("http://[::1]:81/", "u[::1],:81)/~h"),
        ] {
            assert_eq!(key(url), want);
        }
    }

    #[test]
    fn a_host_is_a_range_of_its_own() {
        let urls = ["http://a.b/x", "http://a.b.c/x", "http://b/x", "http://a.b:81/x", "https://a.b/y"];
        let of_host =
            |u: &&str| url_prefix(&CanonicalUrl::parse(u).unwrap()).starts_with(&host_prefix("a.b"));
        assert_eq!(
            urls.iter().copied().filter(of_host).collect::<Vec<_>>(),
            ["http://a.b/x", "https://a.b/y"]
        );
    }

    proptest::proptest! {
        #[test]
        fn locations_round_trip(n in proptest::array::uniform4(0u64..), segment in 0u32..) {
            let start = Position { segment, offset: n[0] };
            let location = Location { start, response: n[1], request: n[2], metadata: n[3] };
            let mut bytes = Vec::new();
            location.encode(&mut bytes);
            bytes.extend_from_slice(b"{}");
            proptest::prop_assert_eq!(Location::decode(&bytes), Some((location, &b"{}"[..])));
            for cut in 0..bytes.len() - 2 {
                proptest::prop_assert_eq!(Location::decode(&bytes[..cut]), None);
            }
        }
    }
}
