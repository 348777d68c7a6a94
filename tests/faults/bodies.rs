//! S10–S12: bombs, bodies without an end, and bytes that hardly come (a handshake that drips: `protocol.rs`).
//!
//! The decoders' own tables: `crates/coding/tests` and the tests beside their code. Bodies without an end, on the
//! wire (S11): `crates/fetch/tests/wire/limits.rs`, `a_body_is_cut_at_its_limit_and_the_connection_is_closed` and
//! `an_endless_body_is_cut_without_being_held`. What bombs cost in memory: `big.rs`.

use std::{io::Write, time::Duration};

use dragline::{config::ByteSize, gather::Cut, model::Truncation};
use dragline_fakeweb::{Script, Step, WebSpec};
use dragline_fetch::{Limits, Settings};
use flate2::{Compression, write};

use crate::{
    site::{answer, public},
    world::{ask, config, crawl, gather, settings, told},
};

/// The limit of these tests.
const LIMIT: usize = 1 << 20;

/// What bombs and bodies come to, all of it zeros.
const LONG: usize = 4 * LIMIT;

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = write::ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn raw(text: &[u8]) -> Vec<u8> {
    let mut encoder = write::DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn br(text: &[u8]) -> Vec<u8> {
    let mut encoder = brotli::CompressorWriter::new(Vec::new(), 1 << 16, 5, 22);
    encoder.write_all(text).unwrap();
    encoder.into_inner()
}

/// A zstd frame of so many blocks, each one byte 128 Ki times (RFC 8878 §3.1.1.2).
pub(crate) fn zstd(blocks: usize) -> Vec<u8> {
    /// The widest window that may be asked for (RFC 9659): 8 MiB, as an exponent over 1 KiB.
    const WINDOW: u8 = 13 << 3;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW];
    for block in 1..=blocks {
        let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b' ');
    }
    frame
}

#[test]
fn s10_bombs_are_cut_at_the_limit_and_marked() {
    let zeros = vec![0; LONG];
    let layers = br(&gzip(&gzip(&zeros)));
    let ten = (0..10).fold(zeros.clone(), |body, _| gzip(&body));
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        ("gzip", gzip(&zeros)),
        ("gzip", gzip(&zeros[..LIMIT]).repeat(4)),
        ("deflate", zlib(&zeros)),
        ("deflate", raw(&zeros)),
        ("br", br(&zeros)),
        ("zstd", zstd(LONG >> 17)),
        ("gzip, gzip, br", layers),
        ("gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip, gzip", ten),
    ];
    let count = bombs.len();
    let wires: Vec<usize> = bombs.iter().map(|(_, body)| body.len()).collect();
    let site = public(move |asked| {
        let (coding, body) = &bombs[asked.target[1..].parse::<usize>().unwrap()];
        answer("200 OK", &format!("Content-Type: text/html\r\nContent-Encoding: {coding}\r\n"), body)
    });
    let urls: Vec<String> = (0..count).map(|n| site.url(&format!("/{n}"))).collect();

    let mut small = config();
    small.fetch.max_body = ByteSize::from_mib(1);
    let crawled = crawl(urls.clone(), small);
    let answers: Vec<_> =
        gather(urls.clone(), settings()).body_limit(LIMIT).in_order(true).start().unwrap().collect();
    for (n, url) in urls.iter().enumerate() {
        let record = &crawled.records[url];
        assert_eq!((record.status, record.bytes as usize), (Some(200), wires[n]), "{n}");
        assert!(record.size as usize <= LIMIT, "{n}: {record:?}");
        let why = record.extract_error.as_deref().unwrap_or_default();
        let answer = &answers[n];
        if n < 6 {
            assert!(why.starts_with("the decoded body is cut after 1048576 bytes"), "{n}: {why:?}");
            assert!(matches!(answer.truncated, Some(Cut::Coding(_))), "{n}: {answer:?}");
            assert_eq!(answer.body.len(), LIMIT, "{n}");
        } else {
            assert!(why.contains("codings"), "{n}: {why:?}");
            assert!(answer.body.len() <= wires[n] && !answer.is_ok(), "{n}: {answer:?}");
        }
    }
}

#[test]
fn s11_bodies_without_an_end_are_cut_and_marked() {
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    let part = vec![b'x'; 1 << 16];
    let chunk = [&b"10000\r\n"[..], &part, b"\r\n"].concat();
    for (path, head, part) in [
        ("/close", "HTTP/1.1 200 OK\r\n\r\n", &part),
        ("/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &chunk),
        ("/terabyte", "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", &part),
    ] {
        let endless = Step::Repeat(part.clone().into(), None);
        web.script("*", path, Script::new([Step::respond(head), endless]));
    }
    let urls = ["/close", "/chunks", "/terabyte"].map(|path| format!("http://{}{path}", web.host(0)));
    let mut small = config();
    small.fetch.max_body = ByteSize::from_mib(1);
    small.resolve = vec![web.resolve_rule()];
    let fetch = Settings { overrides: vec![web.resolve_rule().parse().unwrap()], ..settings() };
    let crawled = crawl(urls.clone(), small);
    let answers = gather(urls.clone(), fetch).body_limit(LIMIT).in_order(true).start().unwrap();
    for (answer, url) in answers.zip(&urls) {
        assert_eq!(answer.truncated, Some(Cut::Wire(Truncation::Length)), "{url}");
        assert_eq!(answer.body.len(), LIMIT, "{url}");
        let record = &crawled.records[url];
        assert_eq!((record.truncated, record.bytes as usize), (Some(Truncation::Length), LIMIT), "{url}");
    }
    let connections: std::collections::BTreeSet<u64> =
        web.log().iter().map(|served| served.connection).collect();
    assert_eq!(connections.len(), 6, "none is used again");
}

#[test]
fn s12_whoever_drips_is_given_up() {
    // One byte at a time, each well before any silence is too long; only a bound on the whole, or on the rate, helps.
    let every = Duration::from_millis(20);
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    let drip = |bytes: &[u8]| Step::Drip { bytes: bytes.repeat(10_000).into(), every };
    for (path, first, then) in [
        ("/head", "HTTP/1.1 200 OK\r\nX: ", &b"x"[..]),
        ("/fields", "HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        ("/interim", "", b"HTTP/1.1 102 Processing\r\n\r\n"),
        ("/body", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        ("/close", "HTTP/1.1 200 OK\r\n\r\n", b"x"),
        ("/chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        ("/chunk-header", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
        ("/trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ] {
        web.script("*", path, Script::new([Step::respond(first), drip(then)]));
    }
    let url = |path: &str| format!("http://{}{path}", web.host(0));
    let paths = ["/head", "/fields", "/interim", "/body", "/close", "/chunks", "/chunk-header", "/trailer"];
    let limits = Limits {
        head: 10 * every,
        idle: Duration::from_secs(60),
        rate_bytes: 1_000,
        rate_window: 10 * every,
        ..Limits::default()
    };
    let fetch = Settings { overrides: vec![web.resolve_rule().parse().unwrap()], limits, ..settings() };
    let answers: Vec<_> = gather(paths.map(url), fetch).retries(0).in_order(true).start().unwrap().collect();
    for (answer, path) in answers.iter().zip(paths) {
        let want = match path {
            "/head" | "/fields" | "/interim" => "head_timeout",
            _ => "body_timeout",
        };
        assert_eq!(told(answer), want, "{path}: {:?}", answer.failure);
    }
    // And without a bound on the rate there is the one on the whole.
    let limits = Limits { total: 10 * every, rate_bytes: 0, ..Limits::default() };
    let fetch = Settings { overrides: vec![web.resolve_rule().parse().unwrap()], limits, ..settings() };
    for answer in ask(["/body", "/chunk-header"].map(url), fetch) {
        assert_eq!(answer.truncated, Some(Cut::Wire(Truncation::Time)), "{answer:?}");
    }
}
