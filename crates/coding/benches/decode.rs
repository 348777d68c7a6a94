//! How fast codings are undone, in decoded bytes.
//!
//! ```text
//! cargo bench -p dragline-coding
//! ```

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::hint::black_box;
use std::io::Write;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dragline_coding::{ACCEPT, Bounds, decode};

/// Markup and numbers that compress about as a page of a manual does, seven to one.
fn page(len: usize) -> Vec<u8> {
    let mut page = Vec::with_capacity(len + 200);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while page.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = writeln!(
            page,
            "<dt class=\"sig\" id=\"entry-{}\"><a class=\"reference\" href=\"../library/{:x}.html\">a link</a></dt>\
             <dd><p>Some prose of it, line {}.</p></dd>",
            state % 1000,
            state >> 40,
            state % 77,
        );
    }
    page.truncate(len);
    page
}

/// As servers code what they code on the fly: gzip 6, brotli 5, zstd 3.
fn coded(coding: &str, page: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(page).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(page).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut encoder = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
            encoder.write_all(page).unwrap();
            encoder.into_inner()
        }
        _ => {
            let mut coded = Vec::with_capacity(zstd_safe::compress_bound(page.len()));
            zstd_safe::compress(&mut coded, page, 3).unwrap();
            coded
        }
    }
}

fn codings(criterion: &mut Criterion) {
    for (name, len) in [("page_21k", 21 << 10), ("page_2m", 2 << 20)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(len as u64));
        let page = page(len);
        for coding in ACCEPT.split(", ") {
            let body = Bytes::from(coded(coding, &page));
            let bounds = Bounds::default();
            assert!(decode(Some(coding), body.clone(), &bounds).is_ok_and(|decoded| decoded.bytes == page));
            group.bench_function(coding, |bencher| {
                bencher.iter(|| black_box(decode(Some(coding), body.clone(), &bounds)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, codings);
criterion_main!(benches);
