//! Content codings: nothing past the bounds comes out, whatever goes in.
#![no_main]

use bytes::Bytes;
use dragline_coding::{Bounds, decode};
use libfuzzer_sys::fuzz_target;

const CODINGS: [&str; 8] = ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, zstd", "identity", "x"];

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (coding, limit, ratio, body) = input;
    let bounds = Bounds { decoded_bytes: usize::from(limit), ratio: u32::from(ratio).max(1), layers: 2 };
    let coding = CODINGS[usize::from(coding) % CODINGS.len()];
    if let Ok(decoded) = decode(Some(coding), Bytes::copy_from_slice(body), &bounds) {
        assert!(decoded.bytes.len() <= usize::from(limit));
    }
});
