//! Fifty questions, answered alike before the index is deleted and after it was made anew.

use std::fs;

use dragline_model::{FailureKind, Purpose, Timestamp};
use dragline_storage::{Order, Query, Store};

use crate::world::*;

const EPOCH_MS: u64 = 1_767_225_600_000;

fn build(dir: &std::path::Path) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://www.a.example/0"), seed("https://b.example:8443/never")]).unwrap();
    for n in 0..300u64 {
        let host = ["www.a.example", "a.example", "b.example", "deep.down.b.example", "c.example:81"]
            [n as usize % 5];
        let url = format!("http://{host}/{}/{}", ["docs", "blog", "x"][n as usize % 3], n % 90);
        let links = [format!("http://{host}/docs/{}", n + 1), format!("http://far.example/{n}")];
        let links: Vec<_> = links.iter().map(String::as_str).collect();
        let head = |status: u16, kind: &str| format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n\r\n");
        // Not in the order of the commits.
        let visit = n * 17 % 300;
        let visited = match n % 10 {
            0 => failure(visit, &url, FailureKind::Dns),
            1 => page(visit, &url, "nothing here").head(404, &head(404, "text/plain")),
            2 => page(visit, &url, "").head(301, &head(301, "text/html")),
            3 => page(visit, &url, "{}".repeat(50)).head(200, &head(200, "application/json")),
            4 => page(visit, &url, "User-agent: *").asked(Purpose::Robots, None),
            5 => page(visit, &url, "the same everywhere ".repeat(20)),
            6 => page(visit, &url, "p".repeat(700)).head(503, &head(503, "text/html")),
            _ => page(visit, &url, format!("{n} ").repeat(100)),
        };
        commit(&store, &mut writer, vec![visited.links(&links)]);
    }
}

/// The questions: each way to narrow, each order, either direction, and some of them together.
fn fifty(store: &Store) -> Vec<(String, Query)> {
    let at = |minute: u64| Timestamp(EPOCH_MS + minute * 60_000);
    let narrowed: Vec<(&str, Query)> = vec![
        ("all", store.pages()),
        ("with failures", store.pages().with_failures()),
        ("with robots", store.pages().with_robots().with_failures()),
        ("failures", store.pages().failures_only()),
        ("host", store.pages().host("a.example")),
        ("host and port", store.pages().host("c.example:81")),
        ("domain", store.pages().domain("b.example")),
        ("under", store.pages().under("http://www.a.example/docs/")),
        ("status", store.pages().status(200..300)),
        ("one status", store.pages().status(404..=404)),
        ("redirects or worse", store.pages().status(300..)),
        ("type", store.pages().mime("application/json")),
        ("since", store.pages().since(at(120))),
        ("until", store.pages().until(at(40))),
        ("between", store.pages().since(at(50)).until(at(60)).with_failures()),
        ("from a number", store.pages().from_seq(250)),
        ("latest", store.pages().latest_only(true)),
    ];
    let mut all = Vec::new();
    for (name, query) in narrowed {
        for (order, spelled) in [(Order::Sequence, "sequence"), (Order::Time, "time"), (Order::Url, "URL")] {
            all.push((format!("{name} by {spelled}"), query.clone().order(order)));
        }
    }
    all.truncate(45);
    for (name, query) in [
        ("newest first", store.pages().order(Order::Time).reversed().limit(20)),
        ("last of a host", store.pages().host("a.example").reversed().limit(3)),
        ("HTML of a domain since", store.pages().domain("b.example").mime("text/html").since(at(100))),
        (
            "errors under a path",
            store.pages().under("http://a.example/blog/").status(400..).order(Order::Url),
        ),
        ("the last by URL", store.pages().order(Order::Url).reversed().limit(7)),
    ] {
        all.push((name.to_owned(), query));
    }
    all
}

#[test]
fn fifty_answers_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let ask = |store: &Store| -> Vec<(String, Vec<dragline_storage::Record>)> {
        let all = fifty(store).into_iter();
        all.map(|(name, query)| (name, query.records().unwrap().map(Result::unwrap).collect())).collect()
    };
    let store = Store::open(dir.path(), options()).unwrap();
    let (before, others) = (ask(&store), answers(&store));
    assert_eq!(before.len(), 50);
    let empty: Vec<_> = before.iter().filter(|(_, found)| found.is_empty()).map(|(name, _)| name).collect();
    assert!(empty.is_empty(), "questions that ask nothing: {empty:?}");
    drop(store);
    for whole in [true, false] {
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        if whole {
            Store::rebuild(dir.path(), options()).unwrap();
        }
        let store = Store::open(dir.path(), options()).unwrap();
        for (was, is) in before.iter().zip(ask(&store)) {
            assert_eq!(was, &is);
        }
        assert_eq!(others, answers(&store));
    }
}
