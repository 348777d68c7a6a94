//! Coded samples for the tests beside the code. Owns encoders at their defaults, nothing hostile.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};

use crate::{CodingError, Cut, out::Undone};

/// A limit that no sample reaches by itself, in bytes.
pub(crate) const LIMIT: usize = 1 << 20;

/// Asserts what a coding made of a body: the bytes and the cut, or the error.
#[track_caller]
pub(crate) fn check(
    got: Result<Undone, CodingError>,
    want: Result<(&[u8], Option<Cut>), CodingError>,
    what: &str,
) {
    match (got, want) {
        (Ok(got), Ok((bytes, cut))) => {
            assert_eq!((got.bytes.len(), got.cut), (bytes.len(), cut), "{what}");
            assert!(got.bytes == bytes, "{what}: other bytes");
        }
        (got, want) => assert_eq!(got.map(drop), want.map(drop), "{what}"),
    }
}

pub(crate) fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn bare(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn br(text: &[u8]) -> Vec<u8> {
    br_with(text, 5, 22)
}

pub(crate) fn br_with(text: &[u8], quality: u32, window_log: u32) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, quality, window_log);
    encoder.write_all(text).unwrap();
    encoder.into_inner()
}

/// One frame that tells its size and has no checksum.
pub(crate) fn zst(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut coded, text, 3).unwrap();
    coded
}

/// Bytes that nothing compresses.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// Something like a page: words, markup and numbers.
pub(crate) fn page(len: usize) -> Vec<u8> {
    let mut page = Vec::with_capacity(len + 200);
    for number in noise(len) {
        let _ =
            writeln!(page, "<li><a href=\"/entry/{number}.html\">Entry {}</a>, of the chapter", number % 7);
        if page.len() >= len {
            break;
        }
    }
    page.truncate(len);
    page
}
