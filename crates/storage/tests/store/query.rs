//! Asking.

use dragline_model::{FailureKind, Purpose};
use dragline_storage::{Order, Query, Store};

use crate::world::*;

fn store(dir: &std::path::Path) -> Store {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    let png = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n";
    let visits = vec![
        page(1, "http://b.example/", "one"),
        page(2, "http://a.b.example/z", "two").head(404, "HTTP/1.1 404 no\r\n\r\n"),
        page(3, "https://b.example/a.png", "three").head(200, png),
        failure(4, "http://b.example:81/", FailureKind::Dns),
        page(5, "http://b.example/", "five").head(500, "HTTP/1.1 500 no\r\nContent-Type: text/html\r\n\r\n"),
        failure(6, "http://127.0.0.1/", FailureKind::Refused),
        page(7, "http://127.0.0.1/", "seven"),
    ];
    writer.admit(&[seed("http://b.example/")]).unwrap();
    commit(&store, &mut writer, visits);
    store
}

#[test]
fn conditions_and_orders() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let ask = |narrow: fn(Query) -> Query| -> Vec<u64> {
        // The seeds were first: a visit's number is one below its place.
        narrow(store.pages()).records().unwrap().map(|r| r.unwrap().seq - 1).collect()
    };
    for (narrow, want) in [
        ((|q| q) as fn(Query) -> Query, &[1, 2, 3, 5, 7][..]),
        (|q| q.with_failures(), &[1, 2, 3, 4, 5, 6, 7]),
        (|q| q.failures_only(), &[4, 6]),
        (|q| q.host("B.example"), &[1, 3, 5]),
        (|q| q.host("B.example").order(Order::Url), &[1, 5, 3]),
        (|q| q.host("b.example:81").failures_only().order(Order::Url), &[4]),
        (|q| q.host("b.example").limit(2), &[1, 3]),
        (|q| q.limit(0), &[]),
        (|q| q.status(400..), &[2, 5]),
        (|q| q.status(..=404).with_failures(), &[1, 2, 3, 7]),
        (|q| q.status(200..500), &[1, 2, 3, 7]),
        (|q| q.status(..0), &[]),
        (|q| q.mime("image/"), &[3]),
        (|q| q.mime("text/html"), &[1, 5, 7]),
        (|q| q.mime("text"), &[]),
        (|q| q.from_seq(5), &[5, 7]),
        (|q| q.latest_only(true), &[2, 3, 5, 7]),
        (|q| q.latest_only(true).with_failures(), &[2, 3, 4, 5, 7]),
        (|q| q.latest_only(true).order(Order::Url).with_failures(), &[7, 5, 3, 4, 2]),
        (|q| q.latest_only(true).host("b.example").status(200..300), &[3]),
        (|q| q.order(Order::Url).with_failures(), &[6, 7, 1, 5, 3, 4, 2]),
    ] {
        let got = ask(narrow);
        assert_eq!(got.iter().map(|n| *n as i32).collect::<Vec<_>>(), want);
    }
}

/// A robots.txt is kept like any visit, and is a page only where somebody asked for it as one.
#[test]
fn a_robots_file_is_no_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let robots = |visit, address: &str| page(visit, address, "Disallow:").asked(Purpose::Robots, None);
    // A robots.txt that redirects to the front page, one that cannot be had, and one that is linked to.
    let visits = vec![
        robots(1, "http://a/robots.txt"),
        page(2, "http://a/", "front").links(&["http://a/robots.txt", "http://b/"]),
        robots(3, "http://a/"),
        failure(4, "http://b/robots.txt", FailureKind::Dns).asked(Purpose::Robots, None),
        page(5, "http://a/robots.txt", "Disallow:"),
        robots(6, "http://a/robots.txt"),
    ];
    let receipts = commit(&store, &mut writer, visits);
    assert_eq!(receipts[1].new_links.len(), 2, "what was a robots.txt may be found as a page");

    let totals = store.facts().unwrap();
    assert_eq!((totals.pages, totals.responses, totals.failures, totals.robots), (2, 2, 0, 4));
    assert_eq!((totals.bytes, totals.links), (14, 2));
    let stats = store.stats().unwrap();
    assert_eq!((stats.responses, stats.failures, stats.robots, stats.bytes), (2, 0, 4, 14));
    assert!(stats.by_failure.is_empty() && !stats.by_host.contains_key("b"));

    let seqs = |query: Query| query.records().unwrap().map(|r| r.unwrap().seq).collect::<Vec<_>>();
    for by_url in [false, true] {
        let ask = || if by_url { store.pages().order(Order::Url) } else { store.pages() };
        assert_eq!(seqs(ask()), [2, 5]);
        assert_eq!(seqs(ask().latest_only(true)), [2, 5], "by url: {by_url}");
        let all = if by_url { vec![2, 3, 1, 5, 6, 4] } else { vec![1, 2, 3, 4, 5, 6] };
        assert_eq!(seqs(ask().with_robots().with_failures()), all);
        let latest = if by_url { [3, 6, 4] } else { [3, 4, 6] };
        assert_eq!(seqs(ask().with_robots().with_failures().latest_only(true)), latest);
    }
    for (address, seq) in [("http://a/", 2), ("http://a/robots.txt", 5), ("http://b/robots.txt", 4)] {
        assert_eq!(store.get(&url(address)).unwrap().unwrap().seq, seq, "the last page, where there is one");
    }

    // Nor does it wait as one.
    assert_eq!(pending_urls(&writer), [("http://b/".to_owned(), 0)]);
    drop((writer, store));
    // The log of what is known says the same as the records do.
    std::fs::remove_dir_all(dir.path().join("frontier")).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let writer = store.writer().unwrap();
    assert_eq!((writer.known(), store.facts().unwrap()), (3, totals));
}

#[test]
fn latest_and_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    assert_eq!(store.get(&url("http://b.example/")).unwrap().unwrap().status, Some(500));
    assert_eq!(store.get(&url("http://127.0.0.1/")).unwrap().unwrap().status, Some(200));
    assert_eq!(store.get(&url("https://b.example/")).unwrap(), None);
    assert_eq!(store.history(&url("http://b.example/")).unwrap().len(), 2);
    assert_eq!(store.last_seq().unwrap(), 8);
}

#[test]
fn sums() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let (facts, stats) = (store.facts().unwrap(), store.stats().unwrap());
    assert_eq!((facts.responses, facts.pages, facts.failures, facts.links), (5, 3, 2, 1));
    assert_eq!((stats.responses, stats.failures, stats.bytes), (5, 2, facts.bytes));
    assert_eq!(stats.by_status.keys().copied().collect::<Vec<_>>(), [200, 404, 500]);
    assert_eq!(stats.by_host["b.example"].responses, 3);
    assert_eq!(stats.by_host["b.example:81"].failures, 1);
    assert_eq!(stats.by_mime[""].responses, 1);
    assert_eq!(stats.by_failure[&FailureKind::Dns], 1);
    assert_eq!(stats.archive_bytes, archive_bytes(dir.path()));
}
