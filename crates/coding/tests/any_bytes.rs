//! Whatever comes in: no panic, nothing past the bounds, and a lower limit only cuts.
//!
//! Owns [`undo`], which takes any bytes and asserts what must hold; a fuzzer may be put in front of it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::{io::Write, sync::LazyLock};

use bytes::Bytes;
use dragline_coding::{Bounds, Cut, Decoded, RATIO_FREE_BYTES, decode};
use proptest::{prelude::*, sample::Index};

/// What the first byte chooses from.
const CODINGS: [&str; 8] =
    ["gzip", "deflate", "br", "zstd", "gzip, gzip", "zstd, br", "deflate, zstd, gzip", "identity"];

/// What the second byte chooses from, in bytes.
const LIMITS: [usize; 8] = [0, 1, 7, 1_000, 4_096, 65_536, RATIO_FREE_BYTES, 3 << 20];

/// Decodes `data` from its third byte on, in the coding and to the limit that the first two choose.
fn undo(data: &[u8]) {
    let [coding, limit, body @ ..] = data else { return };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let limit = LIMITS[usize::from(*limit) % LIMITS.len()];
    let body = Bytes::copy_from_slice(body);
    let within =
        |decoded_bytes| decode(Some(coding), body.clone(), &Bounds { decoded_bytes, ratio: 100, layers: 3 });
    let got = within(limit);
    let Ok(got) = got else {
        assert!(!body.is_empty(), "{coding}: an empty body is none of an error");
        return;
    };
    assert!(got.bytes.len() <= limit, "{coding}: {} of {limit}", got.bytes.len());
    if coding != "identity" {
        assert!(got.bytes.len() <= RATIO_FREE_BYTES.max(body.len() * 100), "{coding}: {}", got.bytes.len());
    }
    match got.truncated {
        Some(Cut::Ratio) => assert!(limit > RATIO_FREE_BYTES, "{coding}: the limit is lower"),
        // A layer below may have been cut to less.
        Some(Cut::Limit) if !coding.contains(',') => assert_eq!(got.bytes.len(), limit, "{coding}"),
        _ => {}
    }
    let more = within(limit.saturating_add(100));
    if !coding.contains(',') {
        let more: Decoded = more.expect("a higher limit makes no error");
        let common = more.bytes.len().min(got.bytes.len());
        assert!(more.bytes[..common] == got.bytes[..common], "{coding}: other bytes at a higher limit");
        if got.truncated.is_none() {
            assert_eq!(more, got, "{coding}: it was whole");
        }
    }
}

/// `text` in the coding that `undo` takes for `coding`.
fn coded(coding: u8, text: &[u8]) -> Vec<u8> {
    let names = CODINGS[usize::from(coding) % CODINGS.len()];
    names.split(", ").fold(text.to_vec(), |body, name| match name {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&body).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 4, 16);
            encoder.write_all(&body).unwrap();
            encoder.into_inner()
        }
        "zstd" => {
            let mut coded = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
            zstd_safe::compress(&mut coded, &body, 1).unwrap();
            coded
        }
        _ => body,
    })
}

/// Texts in each coding: short and long, plain and noise, and a run long enough for the ratio to matter.
static CODED: LazyLock<Vec<Vec<Vec<u8>>>> = LazyLock::new(|| {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = |len: usize, letters: u64| -> Vec<u8> {
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % letters) as u8
        };
        (0..len).map(|_| byte()).collect()
    };
    let texts = [
        Vec::new(),
        b"x".to_vec(),
        noise(300, 256),
        noise(2_000, 3),
        noise(10_000, 256),
        noise(150_000, 20),
        vec![0; RATIO_FREE_BYTES + 999],
    ];
    (0..CODINGS.len() as u8).map(|coding| texts.iter().map(|text| coded(coding, text)).collect()).collect()
});

/// One of the samples that `undo` takes for `coding`.
fn sample(coding: u8, text: Index) -> Vec<u8> {
    text.get(&CODED[usize::from(coding) % CODINGS.len()]).clone()
}

proptest! {
    #[test]
    fn of_no_coding(data in proptest::collection::vec(any::<u8>(), 0..400)) {
        undo(&data);
    }

    #[test]
    fn of_a_coding(coding in any::<u8>(), limit in any::<u8>(), text in any::<Index>()) {
        undo(&[&[coding, limit], &sample(coding, text)[..]].concat());
    }

    #[test]
    fn damaged(
        coding in any::<u8>(),
        limit in any::<u8>(),
        text in any::<Index>(),
        flips in proptest::collection::vec((any::<Index>(), 0..8_u8), 1..4),
    ) {
        let mut body = sample(coding, text);
        for (at, bit) in flips {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] ^= 1 << bit;
            }
        }
        undo(&[&[coding, limit], &body[..]].concat());
    }

    #[test]
    fn cut_and_followed(
        coding in any::<u8>(),
        limit in any::<u8>(),
        text in any::<Index>(),
        cut in any::<Index>(),
        behind in (any::<u8>(), any::<Index>()),
    ) {
        let mut body = sample(coding, text);
        body.truncate(cut.index(body.len() + 1));
        body.extend_from_slice(&sample(behind.0, behind.1));
        undo(&[&[coding, limit], &body[..]].concat());
    }
}
