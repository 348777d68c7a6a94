//! What a bomb costs: real memory, in a process of its own, the C library's included.
//!
//! Each bomb is made here and decoded in a child (this very program), which tells how much its resident memory
//! grew at its peak. Linux only, for `/proc`; elsewhere the child has nothing to tell, and says so.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::{
    env, fs,
    io::{self, Read, Write},
    process::{Command, Stdio},
};

use bytes::Bytes;
use dragline_coding::{Bounds, Cut, decode};
use flate2::{Compress, Compression, FlushCompress};

const MIB: usize = 1 << 20;

/// The largest window that may stand beside a decoded body, and whatever else a decoder needs, in bytes.
const WINDOW_BYTES: usize = 8 * MIB;
const TABLES_BYTES: usize = 4 * MIB;

/// Says to a child what to decode: the coding, the bounds. The body comes by standard input.
const CASE: &str = "DRAGLINE_BOMB";

/// What the child decoded, in bytes.
#[derive(Debug)]
struct Cost {
    grown: usize,
    decoded: usize,
    cut: String,
}

#[test]
fn a_bomb_costs_its_limit_and_a_window() {
    let bounds = Bounds { ratio: u32::MAX, ..Bounds::default() };
    for (name, coding, body) in [
        ("one member, claimed to hold 4 GiB", "gzip", gz(b"", 24)),
        ("many members", "gzip", small_gz().repeat(400)),
        ("zlib", "deflate", zlib(24)),
        ("the usual window", "br", br(24 * MIB, 22)),
        ("8 MiB of window", "br", br(24 * MIB, 23)),
        ("the widest window", "br", br(24 * MIB, 24)),
        ("a window that grows", "br", [stored(8 * MIB), block(8 * MIB), vec![3]].concat()),
        ("100 KB for 3 GB, claimed to be 100", "zstd", zst(25_000, 23, Some(100 << 30))),
        ("many frames", "zstd", zst(8, 23, None).repeat(300)),
    ] {
        let Some(cost) = cost(coding, &bounds, &body) else { return };
        println!("{coding}, {name}: {} bytes, {cost:?}", body.len());
        assert!(
            cost.grown < bounds.decoded_bytes + WINDOW_BYTES + TABLES_BYTES,
            "{coding}, {name}: {cost:?}"
        );
        assert_eq!(cost.decoded, bounds.decoded_bytes, "{coding}, {name}: it is no bomb: {cost:?}");
    }
}

#[test]
fn a_small_limit_costs_a_window_at_most() {
    let bounds = Bounds { decoded_bytes: MIB / 2, ..Bounds::default() };
    for (coding, body, windows) in [
        ("gzip", gz(b"", 24), 0),
        ("br", br(24 * MIB, 22), 4 * MIB),
        ("br", br(24 * MIB, 24), 16 * MIB),
        ("zstd", zst(25_000, 23, None), WINDOW_BYTES),
    ] {
        let Some(cost) = cost(coding, &bounds, &body) else { return };
        println!("{coding}: {cost:?}");
        assert!(cost.grown < bounds.decoded_bytes + windows + TABLES_BYTES, "{coding}: {cost:?}");
        assert_eq!((cost.decoded, &cost.cut[..]), (bounds.decoded_bytes, Cut::Limit.as_str()));
    }
}

#[test]
fn layers_cost_two_bodies_at_most() {
    let bounds = Bounds { layers: 3, ratio: u32::MAX, ..Bounds::default() };
    // What follows the inner member is ignored, and makes that layer as large as it may be.
    let body = zst_of(&gz(&gz(b"", 24), 24));
    let Some(cost) = cost("gzip, gzip, zstd", &bounds, &body) else { return };
    println!("{cost:?}");
    assert!(cost.grown < 2 * bounds.decoded_bytes + WINDOW_BYTES + TABLES_BYTES, "{cost:?}");
    assert!(cost.grown > 30 * MIB, "the inner layer is small: {cost:?}");
    assert_eq!((cost.decoded, &cost.cut[..]), (16 * MIB, Cut::Limit.as_str()));
}

#[test]
fn the_measure_sees_what_is_there() {
    let bounds = Bounds { decoded_bytes: 48 * MIB, ..Bounds::default() };
    let Some(cost) = cost("gzip", &bounds, &gz(b"", 64)) else { return };
    assert!(cost.grown >= 47 * MIB, "{cost:?}");
}

/// The child: decodes standard input. A test like any other, and one that does nothing, where nobody asked.
#[test]
fn child() {
    let Ok(case) = env::var(CASE) else { return };
    let [coding, decoded_bytes, ratio, layers] = case.split(';').collect::<Vec<_>>()[..] else {
        panic!("{case}");
    };
    let bounds = Bounds {
        decoded_bytes: decoded_bytes.parse().unwrap(),
        ratio: ratio.parse().unwrap(),
        layers: layers.parse().unwrap(),
    };
    let mut body = Vec::new();
    io::stdin().lock().read_to_end(&mut body).unwrap();
    let body = Bytes::from(body);
    let Some(before) = resident("VmRSS:") else {
        println!("here nobody tells how much memory is resident");
        return;
    };
    let decoded = decode(Some(coding), body, &bounds).unwrap();
    let peak = resident("VmHWM:").unwrap();
    let cut = decoded.truncated.map_or("whole", Cut::as_str);
    println!("\n{CASE};{};{};{cut}", peak.saturating_sub(before), decoded.bytes.len());
}

fn cost(coding: &str, bounds: &Bounds, body: &[u8]) -> Option<Cost> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(CASE, format!("{coding};{};{};{}", bounds.decoded_bytes, bounds.ratio, bounds.layers))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let Some(line) = said.lines().find_map(|line| line.strip_prefix(CASE)) else {
        assert!(resident("VmHWM:").is_none(), "{said}");
        return None;
    };
    let [_, grown, decoded, cut] = line.split(';').collect::<Vec<_>>()[..] else { panic!("{line}") };
    Some(Cost { grown: grown.parse().unwrap(), decoded: decoded.parse().unwrap(), cut: cut.to_owned() })
}

/// A line of this process's status, in bytes.
fn resident(name: &str) -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix(name))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<usize>().ok()? << 10)
}

/// Writes `len` zeros.
fn zeros_into(mut to: impl Write, len: usize) {
    io::copy(&mut io::repeat(0).take(len as u64), &mut to).unwrap();
}

/// `mib` MiB of zeros behind `first`, deflated: flushed so often that the rest is one part repeated.
fn deflated(first: &[u8], mib: usize) -> Vec<u8> {
    let part = |text: &[u8]| {
        let mut part = Vec::with_capacity(text.len() + 1000);
        Compress::new(Compression::fast(), false).compress_vec(text, &mut part, FlushCompress::Full).unwrap();
        part
    };
    // An empty last block (RFC 1951 §3.2.6).
    [part(first), part(&vec![0; MIB]).repeat(mib), vec![3, 0]].concat()
}

/// A gzip member that claims 4 GiB, and is none once its checksum is looked at.
fn gz(first: &[u8], mib: usize) -> Vec<u8> {
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &deflated(first, mib)[..], &[0xff; 8]].concat()
}

fn zlib(mib: usize) -> Vec<u8> {
    [&[0x78, 0x01], &deflated(b"", mib)[..], &[0xff; 4]].concat()
}

/// A sound member of 64 KiB.
fn small_gz() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[0; 64 << 10]).unwrap();
    encoder.finish().unwrap()
}

fn br(len: usize, window_log: u32) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 64 << 10, 0, window_log);
    zeros_into(&mut encoder, len);
    encoder.into_inner()
}

/// A brotli stream of the widest window whose first block holds `len` bytes as they are (RFC 7932 §9.2).
fn stored(len: usize) -> Vec<u8> {
    // From the low bit: 1 and seven for the window; not the last; two for six nibbles; MLEN - 1; uncompressed.
    with_zeros(1 | 7 << 1 | 2 << 5 | (len as u32 - 1) << 7 | 1 << 31, len)
}

/// Another such block.
fn block(len: usize) -> Vec<u8> {
    with_zeros(2 << 1 | (len as u32 - 1) << 3 | 1 << 27, len)
}

fn with_zeros(header: u32, len: usize) -> Vec<u8> {
    let mut block = header.to_le_bytes().to_vec();
    zeros_into(&mut block, len);
    block
}

/// A zstd frame of `blocks` blocks, each one byte 128 Ki times (RFC 8878 §3.1.1.2), and the size it claims.
fn zst(blocks: usize, window_log: u8, claimed: Option<u64>) -> Vec<u8> {
    let mut frame = 0xfd2f_b528_u32.to_le_bytes().to_vec();
    frame.extend([if claimed.is_some() { 3 << 6 } else { 0 }, (window_log - 10) << 3]);
    frame.extend(claimed.map(u64::to_le_bytes).iter().flatten());
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        frame.extend(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

fn zst_of(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(zstd_safe::compress_bound(text.len()));
    zstd_safe::compress(&mut coded, text, 3).unwrap();
    coded
}
