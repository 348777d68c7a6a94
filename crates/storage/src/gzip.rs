//! The archive's compression: one gzip member a record, each marked as this store's own.
//!
//! Owns the member's frame (RFC 1952) and the mark in it. Never knows what a record is.
//!
//! The mark is the store's random id in the header's extra field. A reader that has lost its place after
//! damage looks for the mark, not for gzip's two magic bytes: a payload may well be a WARC file that somebody
//! prepared, stored without compression, and must never be taken for records of ours.

use libdeflater::{CompressionLvl, Compressor};

/// The store's id, drawn when the store is made.
pub(crate) type Mark = [u8; 8];

/// Bytes of a member's header: ten of gzip's own, two for the extra field's length, twelve for the mark.
pub(crate) const HEADER_BYTES: usize = 24;
/// CRC-32 and length.
const TRAILER_BYTES: usize = 8;

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Level 1: 370 MB/s, a page to a sixth.
    Light,
    /// Level 0: for what is compressed already.
    None,
}

/// Makes members, with the compressor's state used again.
pub(crate) struct Gzip {
    header: [u8; HEADER_BYTES],
    light: Compressor,
    none: Compressor,
}

impl Gzip {
    pub(crate) fn new(mark: Mark) -> Self {
        Self {
            header: header(mark),
            light: Compressor::new(CompressionLvl::new(1).unwrap_or_default()),
            // What libdeflater calls the fastest is level 0.
            none: Compressor::new(CompressionLvl::fastest()),
        }
    }

    /// Appends one member to `out`; gives its length in bytes.
    pub(crate) fn member(&mut self, record: &[u8], effort: Effort, out: &mut Vec<u8>) -> usize {
        let deflate = match effort {
            Effort::Light => &mut self.light,
            Effort::None => &mut self.none,
        };
        let start = out.len();
        out.extend_from_slice(&self.header);
        let body = out.len();
        out.resize(body + deflate.deflate_compress_bound(record.len()), 0);
        match deflate.deflate_compress(record, &mut out[body..]) {
            Ok(bytes) => out.truncate(body + bytes),
            // Does not happen: there is room for the bound. Stored blocks are right whatever happens.
            Err(_) => {
                out.truncate(body);
                stored(record, out);
            }
        }
        out.extend_from_slice(&libdeflater::crc32(record).to_le_bytes());
        out.extend_from_slice(&(record.len() as u32).to_le_bytes());
        out.len() - start
    }
}

impl std::fmt::Debug for Gzip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gzip").finish_non_exhaustive()
    }
}

/// The bytes every member of the store begins with (RFC 1952 §2.3): no time, no name, system unknown.
pub(crate) fn header(mark: Mark) -> [u8; HEADER_BYTES] {
    const FEXTRA: u8 = 4;
    let mut header = [0; HEADER_BYTES];
    header[..10].copy_from_slice(&[0x1f, 0x8b, 8, FEXTRA, 0, 0, 0, 0, 0, 255]);
    header[10..12].copy_from_slice(&12u16.to_le_bytes());
    header[12..14].copy_from_slice(b"DL");
    header[14..16].copy_from_slice(&8u16.to_le_bytes());
    header[16..].copy_from_slice(&mark);
    header
}

/// The mark of the store that a member was made by; `None` where it is none of ours.
pub(crate) fn mark_of(member: &[u8]) -> Option<Mark> {
    let seen = member.get(..HEADER_BYTES)?;
    let mark = *seen.last_chunk::<8>()?;
    (header(mark) == seen).then_some(mark)
}

/// Stored deflate blocks (RFC 1951 §3.2.4).
fn stored(record: &[u8], out: &mut Vec<u8>) {
    const BLOCK_BYTES_MAX: usize = 65_535;
    let mut blocks = record.chunks(BLOCK_BYTES_MAX).peekable();
    if blocks.peek().is_none() {
        out.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
}

/// Undoes one whole member of known place; the error says what is wrong.
pub(crate) fn open(member: &[u8]) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    if member.len() < HEADER_BYTES + TRAILER_BYTES {
        return Err(format!("{} bytes are no gzip member", member.len()));
    }
    let mut record = Vec::new();
    flate2::bufread::GzDecoder::new(member).read_to_end(&mut record).map_err(|e| e.to_string())?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_open_again() {
        let mut gzip = Gzip::new(*b"12345678");
        for record in [&b""[..], b"a", &b"WARC/1.1 ".repeat(20_000)] {
            for effort in [Effort::Light, Effort::None] {
                let mut out = b"before".to_vec();
                let bytes = gzip.member(record, effort, &mut out);
                assert_eq!(bytes, out.len() - 6);
                assert_eq!(open(&out[6..]).unwrap(), record);
                let smaller = effort == Effort::Light && record.len() > 100;
                assert_eq!(out.len() < record.len(), smaller, "{effort:?}");
            }
            let mut frame = header(*b"12345678").to_vec();
            stored(record, &mut frame);
            frame.extend_from_slice(&libdeflater::crc32(record).to_le_bytes());
            frame.extend_from_slice(&(record.len() as u32).to_le_bytes());
            assert_eq!(open(&frame).unwrap(), record);
        }
    }

    #[test]
    fn a_flipped_bit_never_makes_another_record() {
        let mut out = Vec::new();
        Gzip::new([7; 8]).member(&b"some text, some text".repeat(9), Effort::Light, &mut out);
        let whole = open(&out).unwrap();
        for bit in HEADER_BYTES * 8..out.len() * 8 {
            let mut flipped = out.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Found, or harmless: the bits behind the last code mean nothing.
            assert!(open(&flipped).map_or(true, |record| record == whole), "bit {bit}");
        }
    }
}
