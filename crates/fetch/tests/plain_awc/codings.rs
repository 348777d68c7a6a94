//! Content codings: this crate brings the body as it was sent, and `dragline-coding` undoes it.

use std::io::Write;

use dragline_coding::{Bounds, Cut, decode};
use flate2::{Compress, Compression, FlushCompress, write};
use futures_util::StreamExt;

use crate::{
    plain::{asked, plain},
    support::{Reply, Server, client, get, loopback, run},
};

const MIB: usize = 1 << 20;

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// Without zlib's frame.
fn raw_deflate(text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(1000);
    Compress::new(Compression::fast(), false).compress_vec(text, &mut coded, FlushCompress::Finish).unwrap();
    coded
}

/// Fetched and decoded: `"body"`, and what was cut of it.
async fn ours(server: &Server, bounds: &Bounds) -> String {
    let page = client(loopback()).fetch(&get(&server.url("/"))).await.unwrap();
    let decoded = decode(page.head.field_str("content-encoding"), page.body, bounds).unwrap();
    let cut = decoded.truncated.map_or(String::new(), |cut| format!(" cut: {}", cut.as_str()));
    match decoded.bytes.len() {
        0..100 => format!("{:?}{cut}", String::from_utf8_lossy(&decoded.bytes)),
        len => format!("{len} bytes{cut}"),
    }
}

#[test]
fn what_a_server_may_send_and_awc_does_not_take() {
    run(async {
        let whole = gzip(b"hello, ");
        for (defect, coding, body, want) in [
            // Two members are one body (RFC 1952 §2.2).
            ("two members", "gzip", [&whole[..], &gzip(b"you")].concat(), "\"hello, you\""),
            // What follows the last member is nobody's.
            ("bytes behind the member", "gzip", [&whole[..], b"\0\0junk"].concat(), "\"hello, \""),
            // `deflate` is zlib by the book and raw in the wild (RFC 9110 §8.4.1.2).
            ("raw deflate", "deflate", raw_deflate(b"hello"), "\"hello\""),
            // Servers label an empty body as coded.
            ("nothing, gzipped", "gzip", Vec::new(), "\"\""),
        ] {
            let reply = coded(coding, &body);
            let server = Server::new(move |_| Reply::Keep(reply.clone()));
            assert_eq!(asked(&plain(), &server.url("/")).await, "200, then an error", "{defect}: plain awc");
            assert_eq!(ours(&server, &Bounds::default()).await, want, "{defect}: this crate");
        }
    });
}

#[test]
fn what_is_cut_is_called_cut() {
    run(async {
        // "hello" as brotli and as a zstd frame of one raw block, without the last byte.
        let zstd = b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello";
        for (coding, body) in [("br", &b"\x0b\x02\x80hello\x03"[..]), ("zstd", zstd)] {
            let server = |body: &[u8]| {
                let reply = coded(coding, body);
                Server::new(move |_| Reply::Keep(reply.clone()))
            };
            assert_eq!(ours(&server(body), &Bounds::default()).await, "\"hello\"", "{coding}");
            let cut = ours(&server(&body[..body.len() - 1]), &Bounds::default()).await;
            assert!(cut.ends_with(&format!("cut: {}", Cut::Damaged.as_str())), "{coding}: {cut}");
        }
    });
}

#[test]
fn a_bomb_in_one_chunk() {
    run(async {
        // 64 MiB of zeros: flushed so often that it is one part repeated.
        let mut part = Vec::with_capacity(4096);
        Compress::new(Compression::best(), false)
            .compress_vec(&vec![0; MIB], &mut part, FlushCompress::Full)
            .unwrap();
        let bomb = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], &part.repeat(64)[..], &[3, 0], &[0; 8]].concat();
        let bytes = bomb.len();
        let reply = coded("gzip", &bomb);
        let server = Server::new(move |_| Reply::Keep(reply.clone()));

        // A limit of 1 MiB is looked at when a piece of the body has been decoded: all of what one read brought.
        let mut response = plain().get(server.url("/")).send().await.unwrap();
        let mut largest = 0;
        while let Some(Ok(piece)) = response.next().await {
            largest = largest.max(piece.len());
        }
        assert!(largest > 8 * MIB, "{largest} bytes at once, of {bytes}");

        let bounds = Bounds { decoded_bytes: MIB, ..Bounds::default() };
        assert_eq!(ours(&server, &bounds).await, format!("{MIB} bytes cut: {}", Cut::Limit.as_str()));
        // Nor is there anything between the two that would hold more.
        let page = client(loopback()).fetch(&get(&server.url("/"))).await.unwrap();
        assert_eq!(page.body.len(), bytes);
    });
}
