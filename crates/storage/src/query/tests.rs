//! What a first record costs: looks into the index, counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Visit,
    VisitId,
};

use super::*;
use crate::{
    DecodedFacts, Options, Writer,
    index::{Index, source::tests::Counting},
};

/// More than any first record takes, at any size: four lists, each with three looks, and a page of eight pairs.
const READS_MAX: u64 = 32;

type Narrow = fn(Query) -> Query;

fn harvest(n: u64) -> Harvest {
    let host = n % 40;
    let url = CanonicalUrl::parse(&format!("http://www.host{host}.example/{}/{n}", n % 11)).unwrap();
    let outcome = if n.is_multiple_of(50) {
        Outcome::Failure(Failure::new(FailureKind::Dns, "no"))
    } else {
        let (status, kind) = if n.is_multiple_of(9) { (404, "plain") } else { (200, "html") };
        Outcome::Page(Box::new(Page {
            status,
            request: "GET / HTTP/1.1\r\n\r\n".into(),
            head: ResponseHead::new(
                format!("HTTP/1.1 {status} x\r\nContent-Type: text/{kind}\r\n\r\n").into(),
            ),
            body: "".into(),
            truncated: None,
            peer: None,
            tls: None,
            timings: Timings::default(),
        }))
    };
    Harvest::bare(Visit::first(VisitId(n), url), Timestamp(n * 100), outcome)
}

fn fill(writer: &mut Writer, store: &Store, visits: std::ops::Range<u64>) {
    let mut sealer = store.sealer();
    for n in visits.step_by(500) {
        let seal = |n| Arc::new(sealer.seal(harvest(n), DecodedFacts::default()));
        writer.commit(&(n..n + 500).map(seal).collect::<Vec<_>>()).unwrap();
    }
    writer.sync().unwrap();
}

#[test]
fn a_first_record_costs_the_same_in_any_store() {
    let questions: [(&str, Narrow); 14] = [
        ("a host", |q| q.host("www.host7.example")),
        ("a host by URL", |q| q.host("www.host7.example").order(Order::Url)),
        ("a domain", |q| q.domain("host7.example")),
        ("a prefix", |q| q.under("http://www.host7.example/3/")),
        ("a status", |q| q.status(404..=404)),
        ("statuses", |q| q.status(400..)),
        ("a type", |q| q.mime("text/plain")),
        ("types", |q| q.mime("text/")),
        ("a time", |q| q.since(Timestamp(50_000))),
        ("until a time", |q| q.until(Timestamp(50_000))),
        ("from a record on", |q| q.from_seq(500)),
        ("failures", |q| q.failures_only()),
        ("the latest", |q| q.latest_only(true)),
        ("several things", |q| q.host("www.host9.example").status(404..=404).mime("text/plain")),
    ];
    let dir = tempfile::tempdir().unwrap();
    let options = Options { index_memory: 8 << 20, ..Options::default() };
    let mut most = Vec::new();
    for (from, until) in [(0, 1000), (1000, 30_000)] {
        let mut store = Store::create_or_open(dir.path(), options.clone()).unwrap();
        fill(&mut store.writer().unwrap(), &store, from..until);
        let shared = Arc::get_mut(&mut store.shared).unwrap();
        let counting = Arc::new(Counting { inner: shared.tree.clone(), read: AtomicU64::new(0) });
        shared.index = Index::new(counting.clone());
        for (name, narrow) in &questions {
            for reversed in [false, true] {
                let query = narrow(store.pages());
                let query = if reversed { query.reversed() } else { query };
                counting.read.store(0, Relaxed);
                assert!(query.records().unwrap().next().unwrap().is_ok(), "{name}");
                let read = counting.read.load(Relaxed);
                assert!(read <= READS_MAX, "{name}, reversed: {reversed}: {read} reads of {until} records");
                most.push(read);
            }
        }
        counting.read.store(0, Relaxed);
        let url = harvest(901).visit.url;
        assert!(store.get(&url).unwrap().is_some() && store.history(&url).unwrap().len() == 1);
        assert!(counting.read.load(Relaxed) <= READS_MAX);
    }
    assert!(most.iter().any(|read| *read > 4), "nothing was counted");
}

#[test]
fn plans_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), Options::default()).unwrap();
    let plan = |narrow: Narrow| narrow(store.pages()).plan().unwrap();
    for (plan, want) in [
        (plan(|q| q), "by sequence: every record; each is looked at"),
        (
            plan(|q| q.host("A.b").status(404..=404).mime("text/html").from_seq(7)),
            "by sequence: records on the list of status 404 and on the list of host a.b and on the list of type \
             text/html, from 7 on; each is looked at",
        ),
        (
            plan(|q| q.failures_only().since(Timestamp(7)).latest_only(true)),
            "by time: the visits of that time, if on the list of failures; each is looked at, and whether it is the \
             last of its URL",
        ),
        (
            plan(|q| q.under("https://a.b/x").reversed()),
            "by URL: the visits under https://a.b/x, the last one first; each is looked at",
        ),
        (plan(|q| q.status(5..5)), "nothing can match"),
        (plan(|q| q.since(Timestamp(9)).until(Timestamp(9))), "nothing can match"),
    ] {
        assert_eq!(plan, want);
    }
}
