//! What a page costs: sealing it, on the thread that fetched it, and committing it, on the one that stores.
//!
//! The page is 21 KB of HTML with 92 links, of which one is new; a batch is 32 pages. A page that is looked at
//! again and found as it was has no body, and a record before it.

// A benchmark is a test: a failed unwrap ends it with a line number.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use dragline_model::{
    CanonicalUrl, Harvest, Link, Outcome, Page, ResponseHead, Timestamp, Timings, Validators, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Parcel, Sealer, Store};

const BATCH: u64 = 32;
const PAGE_BYTES: usize = 21 << 10;
const LINKS: u64 = 92;

/// A page of a site with a thousand directories; its text differs from that of every other.
fn harvest(n: u64) -> Harvest {
    let scrambled = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let url = |n: u64| {
        let text = format!("http://docs{}.example.org/manual/{}/chapter-{n}.html", n % 50, n % 1000);
        CanonicalUrl::parse(&text).unwrap()
    };
    let mut body = format!("<!doctype html><title>Chapter {scrambled:x}</title><body>");
    let mut word = scrambled;
    while body.len() < PAGE_BYTES {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let name =
            ["storage", "actor", "archive", "frontier", "politeness", "segment"][(word >> 33) as usize % 6];
        let target = (word >> 40) % 97;
        body.push_str(&format!(
            "<li><a href=\"../{target}/chapter-{}.html\">The {name} of {target}</a></li>\n",
            word >> 54
        ));
    }
    let head = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 18:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\nETag: \"5f3c1d2e-5400\"\r\n\r\n";
    let url_of = url(scrambled >> 40);
    let page = Page {
        status: 200,
        request: format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: dragline\r\nAccept: */*\r\n\r\n",
            url_of.path_and_query(),
            url_of.authority()
        )
        .into(),
        head: ResponseHead::new(head.into()),
        body: body.into(),
        truncated: None,
        peer: Some(([127, 0, 0, 1], 80).into()),
        tls: None,
        timings: Timings {
            first_byte: Some(Duration::from_micros(1234)),
            total: Duration::from_micros(2345),
            ..Timings::default()
        },
    };
    let link = |n| {
        let seed = Link::seed(url(n));
        Link { depth: 1, ..seed }
    };
    // The last one is new; the others were new on earlier pages.
    let links = (0..LINKS).map(|back| link((1 << 40) + (n + 1).saturating_sub(back))).collect();
    let visit = Visit { via: Some(url(1)), depth: 1, ..Visit::first(VisitId(n + 1), url_of) };
    let fetched_at = Timestamp(1_790_000_000_000 + n);
    Harvest { links, ..Harvest::bare(visit, fetched_at, Outcome::Page(Box::new(page))) }
}

fn seal(sealer: &mut Sealer, n: u64) -> Arc<Parcel> {
    Arc::new(sealer.seal(harvest(n), DecodedFacts { size: PAGE_BYTES as u64 }))
}

/// An answer that says that a page is as it was.
fn again(sealer: &mut Sealer, store: &Store, seq: u64) -> Arc<Parcel> {
    let record = store.record(seq).unwrap().unwrap();
    let copy = Validators { etag: record.etag, last_modified: None, seq };
    let visit = Visit { copy: Some(Box::new(copy)), ..Visit::first(VisitId(seq), record.url) };
    let page = Page {
        status: 304,
        request: "GET / HTTP/1.1\r\nIf-None-Match: \"5f3c1d2e-5400\"\r\n\r\n".into(),
        head: ResponseHead::new("HTTP/1.1 304 Not Modified\r\nServer: nginx/1.22.1\r\n\r\n".into()),
        body: "".into(),
        truncated: None,
        peer: None,
        tls: None,
        timings: Timings::default(),
    };
    let harvest = Harvest::bare(visit, record.fetched_at, Outcome::Page(Box::new(page)));
    Arc::new(sealer.seal(harvest, DecodedFacts::default()))
}

fn benches(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), Options::default()).unwrap();
    let mut sealer = store.sealer();
    let mut writer = store.writer().unwrap();

    let mut group = c.benchmark_group("page");
    group.throughput(Throughput::Elements(1));
    let mut n = 0;
    group.bench_function("seal", |b| {
        b.iter_batched(
            || {
                n += 1;
                harvest(n)
            },
            |harvest| black_box(sealer.seal(harvest, DecodedFacts { size: PAGE_BYTES as u64 })),
            BatchSize::SmallInput,
        );
    });

    let mut n = 1 << 32;
    group.bench_function("commit", |b| {
        b.iter_custom(|pages| {
            let mut spent = Duration::ZERO;
            for _ in 0..pages.div_ceil(BATCH) {
                let batch: Vec<_> = (n..n + BATCH).map(|n| seal(&mut sealer, n)).collect();
                n += BATCH;
                let start = Instant::now();
                black_box(writer.commit(&batch).unwrap());
                spent += start.elapsed();
            }
            spent.mul_f64(pages as f64 / (pages.div_ceil(BATCH) * BATCH) as f64)
        });
    });

    // Each of these has a record before it to be looked up: one of the last thousands, in no order.
    let last = store.last_seq().unwrap();
    let mut n = 0;
    group.bench_function("commit of a 304", |b| {
        b.iter_custom(|pages| {
            let mut spent = Duration::ZERO;
            for _ in 0..pages.div_ceil(BATCH) {
                let batch: Vec<_> = (n..n + BATCH)
                    .map(|n| again(&mut sealer, &store, last - n * 7919 % last.min(1 << 14)))
                    .collect();
                n += BATCH;
                let start = Instant::now();
                black_box(writer.commit(&batch).unwrap());
                spent += start.elapsed();
            }
            spent.mul_f64(pages as f64 / (pages.div_ceil(BATCH) * BATCH) as f64)
        });
    });
    group.finish();
}

criterion_group! {
    name = commit;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_secs(1));
    targets = benches
}
criterion_main!(commit);
