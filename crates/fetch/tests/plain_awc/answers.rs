//! Answers and how they end.

use std::time::Duration;

use dragline_fetch::{Limits, Settings};

use crate::{
    plain::{FOR_EVER, asked, plain},
    support::{Reply, Server, client, close, get, keep, loopback, run, told},
};

/// How fast a server drips.
const TICK: Duration = Duration::from_millis(20);

/// One defect: a server's behaviour, what awc says of it, and what this crate does.
struct Row {
    defect: &'static str,
    reply: fn() -> Reply,
    awc: &'static str,
    ours: &'static str,
}

fn check(rows: &[Row]) {
    run(async {
        for &Row { defect, reply, awc, ours } in rows {
            let server = Server::new(move |_| reply());
            assert_eq!(asked(&plain(), &server.url("/")).await, awc, "{defect}: plain awc");
            let limits = Limits {
                head: FOR_EVER / 2,
                idle: FOR_EVER / 2,
                rate_bytes: 1000,
                rate_window: FOR_EVER / 2,
                ..Limits::default()
            };
            let outcome = client(Settings { limits, ..loopback() }).fetch(&get(&server.url("/"))).await;
            let told = match &outcome {
                Ok(page) if page.body.len() > 100 => format!("{} {} bytes", page.status, page.body.len()),
                _ => told(&outcome),
            };
            assert_eq!(told, ours, "{defect}: this crate, {outcome:?}");
        }
    });
}

#[test]
fn bodies_that_are_lost_or_cut() {
    check(&[
        // A body that ends with the connection is thrown away.
        Row {
            defect: "a body that ends at close",
            reply: || close("HTTP/1.1 200 OK\r\n\r\n<html>all of it"),
            awc: "200 \"\"",
            ours: "200 whole \"<html>all of it\"",
        },
        // The same with the close announced.
        Row {
            defect: "a body that ends at close, announced",
            reply: || close("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it"),
            awc: "200 \"\"",
            ours: "200 whole \"all of it\"",
        },
        // A fifth of a body passes for all of it.
        Row {
            defect: "20 bytes of 100",
            reply: || close("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n01234567890123456789"),
            awc: "200 \"01234567890123456789\"",
            ours: "truncated",
        },
        // A chunked body without its end passes for whole, wherever it is cut.
        Row {
            defect: "cut in a chunk",
            reply: || close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello"),
            awc: "200 \"hello\"",
            ours: "truncated",
        },
        Row {
            defect: "cut between chunks",
            reply: || close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            awc: "200 \"hello\"",
            ours: "truncated",
        },
        // Bodies of more than 2 MiB are refused; here the limit is a setting, 16 MiB, and what is longer is cut.
        Row {
            defect: "3 MB",
            reply: || {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
                Reply::Keep([&head[..], &[b'x'; 3_000_000]].concat())
            },
            awc: "200, then too large",
            ours: "200 3000000 bytes",
        },
    ]);
}

#[test]
fn answers_that_are_not_the_last_word() {
    const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal";
    check(&[
        // Hints before an answer are taken for the answer.
        Row {
            defect: "103 first",
            reply: || keep(&format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{FINAL}")),
            awc: "103 \"\"",
            ours: "200 whole \"final\"",
        },
        Row {
            defect: "100 first",
            reply: || keep(&format!("HTTP/1.1 100 Continue\r\n\r\n{FINAL}")),
            awc: "100 \"\"",
            ours: "200 whole \"final\"",
        },
    ]);
}

#[test]
fn waits_without_an_end() {
    check(&[
        // Fatal for conditional requests: the length is that of the body that is not sent (RFC 9112 §6.3).
        Row {
            defect: "304 with a length",
            reply: || keep("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"),
            awc: "304 waits for the body",
            ours: "304 whole \"\"",
        },
        Row {
            defect: "204 with a length",
            reply: || keep("HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n"),
            awc: "204 waits for the body",
            ours: "204 whole \"\"",
        },
        // There is a limit on the wait for a head and none on a body.
        Row {
            defect: "a body that stalls",
            reply: || Reply::Silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab".to_vec()),
            awc: "200 waits for the body",
            ours: "body_timeout",
        },
        Row {
            defect: "a body that drips",
            reply: || Reply::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec(), TICK),
            awc: "200 waits for the body",
            ours: "body_timeout",
        },
    ]);
}

#[test]
fn heads_that_are_odd() {
    check(&[
        // The parser has room for 96 fields.
        Row {
            defect: "97 fields",
            reply: || {
                let fields: String = (0..96).map(|i| format!("X-H{i}: v\r\n")).collect();
                keep(&format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"))
            },
            awc: "an error",
            ours: "200 whole \"ok\"",
        },
        // There is no limit that could be set. This one is 128 KiB, and what is past it is called by its name.
        Row {
            defect: "140 KB",
            reply: || {
                keep(&format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\nok", "x".repeat(140_000)))
            },
            awc: "an error",
            ours: "malformed",
        },
        // Two lengths that agree are one length (RFC 9110 §8.6).
        Row {
            defect: "a repeated length",
            reply: || keep("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
            awc: "an error",
            ours: "200 whole \"ok\"",
        },
        // A user agent has to read a folded line as one (RFC 9112 §5.2).
        Row {
            defect: "a folded line",
            reply: || keep("HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok"),
            awc: "an error",
            ours: "200 whole \"ok\"",
        },
    ]);
}
