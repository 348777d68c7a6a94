//! S13 and S14: heads that are too much, and messages that two readers could read in two ways.
//!
//! Most of these rows are the wire's: `crates/fetch/tests/wire/answers.rs`, `heads_have_a_size`,
//! `interim_answers_have_an_end`, `bodies_that_the_connection_ends` (two lengths, a negative one, a chunk size past
//! all sizes), `bodies_and_how_they_end` (length and chunks, bytes behind the body: read, and the connection
//! closed); `crates/fetch/tests/wire/corpora.rs` for others' collections; `fuzz/` for what nobody thought of.

use dragline::Call;
use dragline_cookies::Jar;

use crate::{
    site::{answer, ok, public},
    world::{ask, config, crawl, gather, settings, told},
};

#[test]
fn s13_a_head_has_a_size() {
    let site = public(|asked| match asked.target.as_str() {
        "/long" => answer("200 OK", &format!("X: {}\r\n", "x".repeat(1 << 20)), "x"),
        "/many" => answer("200 OK", &"X: y\r\n".repeat(30_000), "x"),
        "/cookies" => {
            answer("200 OK", &(0..10_000).map(|n| format!("Set-Cookie: n{n}=v\r\n")).collect::<String>(), "x")
        }
        "/fewer-cookies" => {
            answer("200 OK", &(0..5_000).map(|n| format!("Set-Cookie: n{n}=v\r\n")).collect::<String>(), "x")
        }
        "/interim" => "HTTP/1.1 102 Processing\r\n\r\n".repeat(9).into_bytes(),
        _ => ok("x"),
    });
    let paths = ["/long", "/many", "/cookies", "/interim"];
    let crawled = crawl(paths.map(|path| site.url(path)), config());
    for (answer, path) in ask(paths.map(|path| site.url(path)), settings()).iter().zip(paths) {
        assert_eq!(told(answer), "malformed", "{path}: {answer:?}");
        assert_eq!(crawled.outcome(&site.url(path)), "malformed", "{path}");
    }
    // What fits is taken, and the jar has bounds of its own.
    let jar = Jar::default();
    let answers = gather([site.url("/fewer-cookies")], settings()).cookies(jar.clone()).start().unwrap();
    assert!(answers.map(|answer| told(&answer)).eq(["200"]));
    assert_eq!(jar.len(), 50);
}

#[test]
fn s14_what_can_be_read_in_two_ways_ends_its_connection() {
    // The second answer, where the connection were used again, would be the one that is smuggled in the first.
    const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";
    let rows = [
        ("/length-and-chunks", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("/garbage-behind", "Content-Length: 2\r\n\r\nok"),
        ("/two-lengths", "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"),
        ("/negative", "Content-Length: -2\r\n\r\nok"),
        ("/plus", "Content-Length: +2\r\n\r\nok"),
        ("/hex", "Content-Length: 0x2\r\n\r\nok"),
        ("/chunk-size", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nok"),
        ("/chunk-sign", "Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n"),
        ("/chunk-end", "Transfer-Encoding: chunked\r\n\r\n2\r\nokXX0\r\n\r\n"),
        ("/coding-behind-chunked", "Transfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        ("/bare-line-feeds", "Content-Length: 2\n\nok"),
        ("/folded", "X: y\r\n z\r\nContent-Length: 2\r\n\r\nok"),
        ("/folded-length", "Content-Length:\r\n 2\r\n\r\nok"),
        ("/blank-before-colon", "Content-Length : 2\r\n\r\nok"),
        ("/nul", "X: \0\r\nContent-Length: 2\r\n\r\nok"),
        ("/no-colon", "X\r\nContent-Length: 2\r\n\r\nok"),
    ];
    let site = public(move |asked| {
        let row = rows.iter().find(|(path, _)| *path == asked.target);
        // Right behind it, or not at all: what has not come yet may still be on its way.
        let second = if asked.field("x-second").is_some() { SECOND } else { "" };
        row.map_or(ok("next"), |(_, rest)| format!("HTTP/1.1 200 OK\r\n{rest}{second}").into_bytes())
    });
    for (path, second) in rows.iter().flat_map(|(path, _)| [(path, true), (path, false)]) {
        if !second && *path == "/garbage-behind" {
            continue;
        }
        let before = site.connections();
        let mut odd = Call::get(&site.url(path)).unwrap();
        if second {
            odd = odd.header("X-Second", "yes");
        }
        let urls = [odd, Call::get(&site.url("/next")).unwrap()];
        let answers: Vec<_> = gather(urls, settings())
            .concurrency(1)
            .threads(1)
            .in_order(true)
            .retries(0)
            .start()
            .unwrap()
            .collect();
        assert!(["200", "malformed"].contains(&told(&answers[0]).as_str()), "{path}: {:?}", answers[0]);
        assert!(answers[0].body.is_empty() || answers[0].text() == "ok", "{path}: {:?}", answers[0]);
        assert_eq!((told(&answers[1]).as_str(), &*answers[1].text()), ("200", "next"), "{path}");
        assert_eq!(site.connections() - before, 2, "{path}: its connection was used again");
    }
}
