//! S15 and S31, and S12's handshake: HTTP/2 and TLS.
//!
//! Each certificate that will not do, with its words (expired, not valid yet, another name, unknown issuer, signed by
//! itself, not for servers), and the good one: `crates/fetch/tests/wire/tls.rs`. Revocation is not looked up.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
    time::Duration,
};

use dragline::{Answer, model::FailureKind};
use dragline_fetch::Settings;

use crate::{
    site::{PUBLIC_ANY, Site, ok},
    tls,
    world::{config, crawl, detail, gather, settings, told},
};

/// Answers whatever is said with these bytes, then says nothing until the client goes. The first thing that was said
/// comes out of the channel.
fn blunt(says: Vec<u8>) -> (SocketAddr, std::sync::mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(PUBLIC_ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, hear) = std::sync::mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (says, heard) = (says.clone(), heard.clone());
            thread::spawn(move || -> std::io::Result<()> {
                let mut stream = stream?;
                let mut first = vec![0; 4096];
                let length = stream.read(&mut first)?;
                first.truncate(length);
                let _ = heard.send(first);
                stream.write_all(&says)?;
                stream.read_to_end(&mut Vec::new())?;
                Ok(())
            });
        }
    });
    (address, hear)
}

/// `a.test` is there.
fn at(address: SocketAddr) -> Settings {
    Settings { overrides: vec![format!("a.test={address}").parse().unwrap()], ..settings() }
}

fn once(url: &str, settings: Settings) -> Answer {
    let mut answers = gather([url.to_owned()], settings).retries(0).start().unwrap();
    answers.next().unwrap()
}

#[test]
fn s15_http_2_is_neither_offered_nor_understood() {
    // The whole of the extension (RFC 7301 §3.1): its type, and a list of one name.
    const ALPN: &[u8] = b"\x00\x10\x00\x0b\x00\x09\x08http/1.1";
    let (address, hear) = blunt(Vec::new());
    let mut brief = at(address);
    brief.limits.tls = Duration::from_millis(100);
    assert_eq!(told(&once("https://a.test/", brief)), "tls");
    let hello = hear.recv().unwrap();
    assert!(hello.windows(ALPN.len()).any(|window| window == ALPN), "{hello:?}");
    assert!(!hello.windows(3).any(|window| window == b"\x02h2"), "{hello:?}");

    // A server that speaks nothing else.
    let site = Site::at(PUBLIC_ANY, Some(tls::server(["a.test".to_owned()], &["h2"])), |_| ok("x"));
    let mut unverified = at(site.address);
    unverified.unverified = vec!["a.test".parse().unwrap()];
    assert_eq!(told(&once("https://a.test/", unverified)), "tls");

    // Its frames, unasked: settings, a flood of resets, a promise, a header block without an end.
    let frame = |kind: u8, flags: u8, stream: u32, body: &[u8]| {
        [&(body.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), body].concat()
    };
    let settings_frame = frame(4, 0, 0, &[]);
    for says in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        settings_frame.clone(),
        [settings_frame.clone(), frame(3, 0, 1, &[0, 0, 0, 8]).repeat(1000)].concat(),
        [settings_frame.clone(), frame(5, 4, 1, &[0, 0, 0, 2])].concat(),
        [settings_frame, frame(1, 0, 1, &[0x88]), frame(9, 0, 1, &[0x40; 1000]).repeat(100)].concat(),
    ] {
        let (address, _hear) = blunt(says);
        assert_eq!(told(&once("http://a.test/", at(address))), "malformed");
    }
}

#[test]
fn s12_a_handshake_that_drips_is_given_up() {
    let listener = TcpListener::bind(PUBLIC_ANY).unwrap();
    let address = listener.local_addr().unwrap();
    let (tick, wait) = std::sync::mpsc::channel::<()>();
    thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        // A handshake record of 16 KB, a byte at a time.
        stream.write_all(&[22, 3, 3, 0x40, 0])?;
        while wait.recv_timeout(Duration::from_millis(10)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            stream.write_all(&[2])?;
        }
        Ok(())
    });
    let mut brief = at(address);
    brief.limits.tls = Duration::from_millis(200);
    let answer = once("https://a.test/", brief);
    assert_eq!(detail(&answer, FailureKind::Tls), "no TLS session with a.test within 0.2 s");
    drop(tick);
}

#[test]
fn s31_versions_before_1_2_are_refused() {
    // A server's hello (RFC 5246 §7.4.1.3): version, random, no session, a suite, no compression.
    let hello = |version: [u8; 2]| {
        let body = [&version[..], &[7; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let message = [&[2, 0, 0, body.len() as u8], &body[..]].concat();
        [&[22, version[0], version[1], 0, message.len() as u8], &message[..]].concat()
    };
    // A fatal alert: protocol_version.
    let alert = vec![21, 3, 1, 0, 2, 2, 70];
    for says in [hello([3, 0]), hello([3, 1]), hello([3, 2]), alert] {
        let (address, _hear) = blunt(says.clone());
        let answer = once("https://a.test/", at(address));
        let why = detail(&answer, FailureKind::Tls);
        assert_eq!(
            why, "a.test speaks no version or cipher of TLS that is safe (1.2 or 1.3 is wanted)",
            "{says:?}"
        );
    }
}

#[test]
fn s31_certificates_without_measure_are_refused() {
    let many = (0..100_000).map(|n| format!("n{n}.test"));
    for (name, config) in [
        ("a hundred thousand names", tls::server(many, &[])),
        ("a thousand certificates", tls::chain(["a.test".to_owned()], &[], 1_000)),
    ] {
        let site = Site::at(PUBLIC_ANY, Some(config), |_| ok("x"));
        let mut unverified = at(site.address);
        unverified.unverified = vec!["a.test".parse().unwrap()];
        let answer = once("https://a.test/", unverified);
        // Too large even for those who look at nothing.
        let why = detail(&answer, FailureKind::Tls);
        assert_eq!(why, "a.test sends more than 64 KiB of certificates", "{name}");
    }
}

#[test]
fn s31_the_check_is_on_and_who_goes_without_it_is_told() {
    let site = Site::at(PUBLIC_ANY, Some(tls::usual()), |_| ok("x"));
    let mut wished = config();
    wished.resolve = vec![format!("*.test={}", site.address)];
    let urls = ["https://a.test/", "https://b.test/"];
    let crawled = crawl(urls, wished.clone());
    for url in urls {
        assert_eq!(crawled.outcome(url), "tls");
        let why = &crawled.records[url].error.as_ref().unwrap().detail;
        assert!(why.contains("unknown issuer") && why.contains("--ca-file"), "{why}");
    }
    assert!(site.asked().is_empty());
    wished.insecure = vec!["a.test".to_owned()];
    let crawled = crawl(urls, wished.clone());
    assert_eq!((crawled.outcome(urls[0]), crawled.outcome(urls[1])), ("200".into(), "tls".into()));
    let answer = once(urls[0], wished.fetch_settings().unwrap());
    assert_eq!(answer.tls.map(|session| session.verified), Some(false));
    assert!(site.asked().iter().all(|asked| asked.secure));
}
