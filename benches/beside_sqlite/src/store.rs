//! The one side: dragline's store, by its library alone.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime},
};

use dragline_model::{
    CanonicalUrl, Harvest, Link, Outcome, Page, ResponseHead, Timestamp, Timings, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Order, Parcel, Query, Store};

use crate::{
    figures::Figures,
    pages::{BEGUN_MS, EVERY_MS, Pages},
};

fn url(text: &str) -> CanonicalUrl {
    CanonicalUrl::parse(text).expect("it is a URL")
}

fn harvest(pages: &Pages, n: u64) -> Harvest {
    let it = pages.page(n);
    let page = Page {
        status: it.status,
        request: it.request.into(),
        head: ResponseHead::new(it.head.into()),
        body: it.body.into(),
        truncated: None,
        peer: None,
        tls: None,
        timings: Timings::default(),
    };
    let visit = Visit { depth: 1, via: Some(url(&it.via)), ..Visit::first(VisitId(n + 1), url(&it.url)) };
    // Each record is found on an earlier one.
    let links = vec![Link { depth: 2, ..Link::seed(url(&pages.url(n + 1))) }];
    Harvest { links, ..Harvest::bare(visit, Timestamp(it.fetched_ms), Outcome::Page(Box::new(page))) }
}

/// Builds a store of all records, in groups.
pub fn build(dir: &Path, pages: &Pages, group: usize) -> Figures {
    let store = Store::create_or_open(dir, Options::default()).expect("a store");
    let mut writer = store.writer().expect("its writer");
    let mut sealer = store.sealer();
    let (made, committed) = mpsc::sync_channel::<Vec<Arc<Parcel>>>(8);
    let began = Instant::now();
    let (mut committing, mut payload) = (Duration::ZERO, 0);
    std::thread::scope(|scope| {
        let maker = scope.spawn(move || {
            let mut payload = 0;
            for first in (0..pages.records).step_by(group) {
                let parcels = (first..(first + group as u64).min(pages.records)).map(|n| {
                    let harvest = harvest(pages, n);
                    let size = match &harvest.outcome {
                        Outcome::Page(page) => page.body.len() as u64,
                        Outcome::Failure(_) => 0,
                    };
                    payload += size;
                    Arc::new(sealer.seal(harvest, DecodedFacts { size }))
                });
                made.send(parcels.collect()).expect("somebody commits");
            }
            payload
        });
        for parcels in committed {
            let start = Instant::now();
            writer.commit(&parcels).expect("there is room");
            committing += start.elapsed();
        }
        payload = maker.join().expect("the maker ends");
    });
    writer.sync().expect("a disk");
    let took = began.elapsed();
    drop((writer, store));
    let mut figures = Figures::default();
    let records = pages.records as f64;
    figures.add(format!("1 whole, pages/s in groups of {group:>3}"), records / took.as_secs_f64());
    figures.add(
        format!("1 committing alone, pages/s in groups of {group:>3}"),
        records / committing.as_secs_f64(),
    );
    figures.disk(dir, pages.records, payload);
    figures.memory("3 memory at most while building, MB");
    figures
}

/// Opens it and asks.
pub fn ask(dir: &Path, pages: &Pages) -> Figures {
    let mut figures = Figures::default();
    let began = Instant::now();
    let store = Store::open(dir, Options::default()).expect("the store");
    assert!(store.get(&url(&pages.url(0))).expect("the index reads").is_some());
    figures.time("4 opening, and one look-up, ms", began.elapsed());

    let mut times = Vec::new();
    for n in pages.some(20_000) {
        let url = url(&pages.url(n));
        let began = Instant::now();
        assert!(store.get(&url).expect("the index reads").is_some());
        times.push(began.elapsed());
    }
    figures.spread("4 look-up by URL", times);

    let all = |query: Query| query.records().expect("it makes sense").map(|record| record.expect("it reads"));
    let at = |n: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(BEGUN_MS + n * EVERY_MS);
    let host = pages.host(3);
    let (from, to) = (pages.records / 2, pages.records / 2 + pages.records / 10);
    figures.scan("host", pages.count(|n| n % pages.hosts == 3), || all(store.pages().host(&host)));
    figures.scan("status", pages.count(|n| Pages::status(n) == 404), || all(store.pages().status(404..=404)));
    let plain = pages.count(|n| Pages::mime(n) == "text/plain");
    figures.scan("type", plain, || all(store.pages().mime("text/plain")));
    figures.scan("time", to - from, || all(store.pages().since(at(from)).until(at(to)).order(Order::Time)));
    figures.scan("in the order of URLs", pages.records, || all(store.pages().order(Order::Url)));
    figures.scan("in the order of commits", pages.records, || all(store.pages()));

    let some = pages.some(5_000);
    let records: Vec<_> = some
        .iter()
        .map(|n| store.get(&url(&pages.url(*n))).expect("the index reads").expect("it is there"))
        .collect();
    let (began, mut bytes) = (Instant::now(), 0);
    for record in &records {
        bytes += store.body(record, 1 << 20).expect("it has a body").bytes.len();
    }
    assert!(bytes > 0);
    figures.add("7 bodies a second", records.len() as f64 / began.elapsed().as_secs_f64());
    figures.memory("7 memory at most while asking, MB");
    figures
}
