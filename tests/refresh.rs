//! Looking again at what was fetched: conditional requests, what changed, what is gone, and the rhythm.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::{path::Path, time::Duration};

use common::{quick_config, records};
use dragline::{Crawl, config::Config};
use dragline_fakeweb::{Script, Step, Web, WebSpec};

const HOST: &str = "h000.fakeweb.test";

/// A page that stays, one that changes, one that goes, and the page that leads to them.
fn web() -> Web {
    let html = "Content-Type: text/html";
    let script = |first: Step| Script::new([first]);
    WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }
        .script(HOST, "/", Script::html("<a href=/same>.</a> <a href=/changing>.</a> <a href=/gone>.</a>"))
        .script(
            HOST,
            "/same",
            script(Step::answer(
                "200 OK",
                &[html, "ETag: \"one\""],
                "as it was, and is, and will be for ever, a page",
            ))
            .then([Step::respond("HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n")]),
        )
        .script(
            HOST,
            "/changing",
            script(Step::answer("200 OK", &[html, "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], "first"))
                .then([Step::answer("200 OK", &[html], "second <a href=/new>.</a>")]),
        )
        .script(
            HOST,
            "/gone",
            script(Step::answer("200 OK", &[html], "here")).then([Step::answer("410 Gone", &[], "")]),
        )
        .script(HOST, "/new", Script::html("new"))
        .start()
        .unwrap()
}

fn config(web: &Web, store: &Path, refresh: Duration) -> Config {
    let mut config = quick_config(web, store);
    config.crawl.refresh = Some(refresh.into());
    config.crawl.once = true;
    config
}

/// The last status of each path.
fn statuses(store: &Path) -> Vec<(String, Option<u16>)> {
    let mut all: Vec<_> =
        records(store).into_iter().map(|record| (record.url.path().to_owned(), record.status)).collect();
    all.sort();
    all
}

#[test]
fn what_is_due_is_asked_for_again_and_nothing_else() {
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    Crawl::new(web.seeds()).config(quick_config(&web, dir.path())).run().unwrap();
    assert_eq!(web.requests(), 4);

    let report =
        Crawl::new(web.seeds()).config(config(&web, dir.path(), Duration::from_secs(3600))).run().unwrap();
    assert_eq!((report.requests, report.stopped_because.as_str()), (0, "finished"), "nothing is due");

    Crawl::new(web.seeds()).config(config(&web, dir.path(), Duration::from_millis(1))).run().unwrap();
    let log: Vec<_> = web.log().into_iter().skip(4).collect();
    let mut paths: Vec<&str> = log.iter().map(|served| served.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/", "/changing", "/gone", "/new", "/same"], "each once, and what was new");
    let head_of = |path: &str| {
        let served = log.iter().find(|served| served.path == path).unwrap();
        String::from_utf8_lossy(served.head.as_ref().unwrap()).to_ascii_lowercase()
    };
    assert!(head_of("/same").contains("if-none-match: \"one\"\r\n"), "{}", head_of("/same"));
    assert!(head_of("/changing").contains("if-modified-since: sun, 06 nov 1994 08:49:37 gmt\r\n"));
    assert!(!head_of("/gone").contains("if-"), "there is nothing to compare it with");

    let path = |path: &str, status| (path.to_owned(), Some(status));
    let want =
        [path("/", 200), path("/changing", 200), path("/gone", 410), path("/new", 200), path("/same", 304)];
    assert_eq!(statuses(dir.path()), want);
    let same = records_of(dir.path(), "/same");
    let store = dragline::open(dir.path()).unwrap();
    assert!(same.copy.is_some() && same.payload_of == same.copy);
    let payload = store.payload(&same).unwrap();
    assert!(payload.body.starts_with(b"as it was"), "an unchanged page has the body of its copy");
}

fn records_of(store: &Path, path: &str) -> dragline::storage::Record {
    records(store).into_iter().find(|record| record.url.path() == path).unwrap()
}

#[test]
fn a_crawl_can_go_on_looking() {
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(&web, dir.path(), Duration::from_millis(50));
    config.crawl.once = false;
    let running = Crawl::new(web.seeds()).config(config).start().unwrap();
    // Four pages, then all of them and a new one, twice.
    while web.requests() < 4 + 2 * 5 && !running.wait_timeout(Duration::from_millis(5)) {}
    running.drain();
    let report = running.wait();
    assert_eq!(report.stopped_because, "interrupted", "it does not end of itself");
    let same = web.log().iter().filter(|served| served.path == "/same").count();
    assert!(same >= 3, "{same} times");
}
