//! Sizes and times: what is cut, where, and what it is called.

use std::time::Duration;

use crate::support::{Reply, Server, client, detail, get, keep, loopback, run, told};
use dragline_fetch::{Limits, Settings};
use dragline_model::{FailureKind, Truncation};

fn limited(limits: Limits) -> Settings {
    Settings { limits, ..loopback() }
}

#[test]
fn a_body_is_cut_at_its_limit_and_the_connection_is_closed() {
    run(async {
        let server = Server::new(|asked| match asked.target.as_str() {
            "/fits" => keep("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
            "/fits-chunks" => {
                keep("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            }
            "/fits-close" => Reply::Close(b"HTTP/1.1 200 OK\r\n\r\nhello".to_vec()),
            "/length" => keep("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello!"),
            "/terabyte" => {
                Reply::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\nhello".to_vec())
            }
            "/chunks" => Reply::Endless(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n".to_vec(),
            ),
            _ => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\nhello!".to_vec()),
        });
        let client = client(limited(Limits { body_bytes: 5, ..Limits::default() }));
        for (target, want, kept) in [
            ("/length", "200 length \"hello\"", 0),
            ("/terabyte", "200 length \"hello\"", 0),
            ("/chunks", "200 length \"hello\"", 0),
            ("/endless", "200 length \"hello\"", 0),
            ("/fits-close", "200 whole \"hello\"", 0),
            ("/fits-chunks", "200 whole \"hello\"", 1),
            ("/fits", "200 whole \"hello\"", 1),
        ] {
            let outcome = client.fetch(&get(&server.url(target))).await;
            assert_eq!((told(&outcome).as_str(), client.idle()), (want, kept), "{target}");
        }
    });
}

#[test]
fn an_endless_body_is_cut_without_being_held() {
    run(async {
        let server =
            Server::new(|_| Reply::Endless([&b"HTTP/1.1 200 OK\r\n\r\n"[..], &[b'x'; 65_536]].concat()));
        let client = client(limited(Limits { body_bytes: 1 << 20, ..Limits::default() }));
        let page = client.fetch(&get(&server.url("/"))).await.unwrap();
        assert_eq!((page.body.len(), page.truncated), (1 << 20, Some(Truncation::Length)));
    });
}

#[test]
fn a_body_still_coming_when_time_is_up_is_kept_as_far_as_it_came() {
    run(async {
        let server = Server::new(|asked| match asked.target.as_str() {
            "/close" => Reply::Endless(b"HTTP/1.1 200 OK\r\n\r\nhello!".repeat(100)),
            _ => Reply::Endless(
                [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..], &b"1\r\nx\r\n".repeat(1000)]
                    .concat(),
            ),
        });
        let total = Duration::from_millis(200);
        let client = client(limited(Limits { total, body_bytes: u64::MAX, ..Limits::default() }));
        let page = client.fetch(&get(&server.url("/close"))).await.unwrap();
        assert_eq!(page.truncated, Some(Truncation::Time));
        assert!(!page.body.is_empty());
        assert!(page.timings.total >= total);
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn the_whole_time_bounds_a_silent_body_too() {
    run(async {
        let server =
            Server::new(|_| Reply::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".to_vec()));
        let client = client(limited(Limits { total: Duration::from_millis(100), ..Limits::default() }));
        assert_eq!(told(&client.fetch(&get(&server.url("/"))).await), "200 time \"ab\"");
    });
}

#[test]
fn the_whole_time_bounds_the_wait_for_a_head() {
    run(async {
        let server = Server::new(|_| Reply::Silence(Vec::new()));
        let client = client(limited(Limits { total: Duration::from_millis(100), ..Limits::default() }));
        let outcome = client.fetch(&get(&server.url("/"))).await;
        assert_eq!(detail(outcome, FailureKind::HeadTimeout), "no answer within 0.1 s");
    });
}

#[test]
fn failures_say_how_far_it_went() {
    run(async {
        let server = Server::new(|asked| match asked.target.as_str() {
            "/length" => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_vec()),
            "/chunks" => {
                Reply::Close(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n".to_vec())
            }
            "/head" => Reply::Close(b"HTTP/1.1 ".to_vec()),
            "/drip" => Reply::Silence(b"HTTP/1.1 200 OK\r\n".to_vec()),
            _ => Reply::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789".to_vec()),
        });
        let brief = Duration::from_millis(50);
        let client = client(limited(Limits { head: brief, idle: brief, ..Limits::default() }));
        for (target, kind, want) in [
            (
                "/length",
                FailureKind::Truncated,
                "the connection was closed after 10 of 100 bytes of the body",
            ),
            ("/chunks", FailureKind::Truncated, "the connection was closed after 5 bytes of the body"),
            ("/head", FailureKind::Closed, "the connection was closed after 9 bytes of the answer's head"),
            (
                "/drip",
                FailureKind::HeadTimeout,
                "17 bytes of the answer's head within 0.05 s, and not its end",
            ),
            ("/silent", FailureKind::BodyTimeout, "silence for 0.05 s after 10 bytes of the body"),
        ] {
            assert_eq!(detail(client.fetch(&get(&server.url(target))).await, kind), want, "{target}");
        }
    });
}
