//! A small world to put into a store: pages that are one line each, and a store that can be copied as a
//! killed process would have left it.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Harvest, Link, Outcome, Page, Purpose, ResponseHead, RobotsAnswer,
    Settled, Timestamp, Timings, Truncation, Validators, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Order, Parcel, Pending, Record, Store, Writer};

/// 2026-01-01T00:00:00Z.
pub(crate) const EPOCH_MS: u64 = 1_767_225_600_000;

pub(crate) fn url(text: &str) -> CanonicalUrl {
    CanonicalUrl::parse(text).unwrap()
}

pub(crate) fn seed(text: &str) -> Link {
    Link::seed(url(text))
}

/// Nothing syncs behind a test's back.
pub(crate) fn options() -> Options {
    Options { index_memory: 4 << 20, sync_every: Duration::from_secs(3600), ..Options::default() }
}

/// A harvest in the making. The visit's number is also its minute.
pub(crate) struct Visited {
    harvest: Harvest,
    size: u64,
}

/// A page of status 200 whose body is given.
pub(crate) fn page(visit: u64, address: &str, body: impl Into<Bytes>) -> Visited {
    let (url, body) = (url(address), body.into());
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
    let page = Page {
        status: 200,
        request: format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", url.path_and_query(), url.authority()).into(),
        head: ResponseHead::new(head.into()),
        body,
        truncated: None,
        peer: Some(([192, 0, 2, 1], 80).into()),
        tls: None,
        timings: Timings { total: Duration::from_micros(12_345), reused: true, ..Timings::default() },
    };
    visited(visit, url, Outcome::Page(Box::new(page)))
}

/// A visit that brought nothing.
pub(crate) fn failure(visit: u64, address: &str, kind: FailureKind) -> Visited {
    visited(visit, url(address), Outcome::Failure(Failure::new(kind, "said \"no\"\r\n")))
}

fn visited(id: u64, url: CanonicalUrl, outcome: Outcome) -> Visited {
    let visit = Visit::first(VisitId(id), url);
    let fetched_at = Timestamp(EPOCH_MS + id * 60_000);
    Visited { harvest: Harvest::bare(visit, fetched_at, outcome), size: 0 }
}

impl Visited {
    fn page(&mut self) -> &mut Page {
        match &mut self.harvest.outcome {
            Outcome::Page(page) => page,
            Outcome::Failure(_) => panic!("a failure has no page"),
        }
    }

    pub(crate) fn url(&self) -> &CanonicalUrl {
        &self.harvest.visit.url
    }

    pub(crate) fn links(mut self, to: &[&str]) -> Self {
        let depth = self.harvest.visit.depth + 1;
        self.harvest.links = to.iter().map(|t| Link { depth, ..seed(t) }).collect();
        self
    }

    pub(crate) fn via(mut self, page: &str) -> Self {
        self.harvest.visit.via = Some(url(page));
        self.harvest.visit.depth = 1;
        self
    }

    /// Asked for at another moment, milliseconds after [`EPOCH_MS`].
    pub(crate) fn at(mut self, ms: u64) -> Self {
        self.harvest.fetched_at = Timestamp(EPOCH_MS + ms);
        self
    }

    pub(crate) fn attempt(mut self, attempt: u8) -> Self {
        self.harvest.visit.attempt = attempt;
        self
    }

    /// Another head, with its status.
    pub(crate) fn head(mut self, status: u16, head: &str) -> Self {
        self.page().status = status;
        self.page().head = ResponseHead::new(head.to_owned().into());
        self
    }

    pub(crate) fn truncated(mut self, by: Truncation) -> Self {
        self.page().truncated = Some(by);
        self
    }

    pub(crate) fn asked(mut self, purpose: Purpose, copy: Option<Validators>) -> Self {
        self.harvest.visit.purpose = purpose;
        self.harvest.visit.copy = copy.map(Box::new);
        self
    }

    pub(crate) fn robots(mut self, answer: RobotsAnswer) -> Self {
        self.harvest.robots = Some(Box::new(answer));
        self
    }

    pub(crate) fn size(mut self, size: u64) -> Self {
        self.size = size;
        self
    }

    pub(crate) fn extract_error(mut self, text: &str) -> Self {
        self.harvest.extract_error = Some(text.to_owned());
        self
    }

    pub(crate) fn seal(self, store: &Store) -> Arc<Parcel> {
        Arc::new(store.sealer().seal(self.harvest, DecodedFacts { size: self.size }))
    }
}

/// Seals and commits.
pub(crate) fn commit(
    store: &Store,
    writer: &mut Writer,
    visits: Vec<Visited>,
) -> Vec<dragline_model::Receipt> {
    let parcels: Vec<_> = visits.into_iter().map(|v| v.seal(store)).collect();
    writer.commit(&parcels).unwrap()
}

/// What is final in these tests: any response below 500, and the third attempt at anything.
pub(crate) fn is_final(settled: &Settled, attempts: u8) -> bool {
    attempts >= 3 || matches!(settled, Settled::Page { status, .. } if *status < 500)
}

pub(crate) fn pending(writer: &Writer) -> Vec<Pending> {
    let mut found = Vec::new();
    writer.pending(is_final, |p| found.push(p)).unwrap();
    found
}

/// Pending URLs as text, with the attempts so far.
pub(crate) fn pending_urls(writer: &Writer) -> Vec<(String, u8)> {
    pending(writer).into_iter().map(|p| (p.link.url.to_string(), p.attempts)).collect()
}

/// Every record there is, in order.
pub(crate) fn records(store: &Store) -> Vec<Record> {
    store.pages().with_failures().with_robots().records().unwrap().map(Result::unwrap).collect()
}

/// Everything that can be asked of a store, to be compared.
pub(crate) fn answers(store: &Store) -> (Vec<Record>, Vec<Option<Bytes>>, String) {
    let records = records(store);
    let payloads = records.iter().map(|r| r.status.map(|_| store.payload(r).unwrap().body)).collect();
    let by_url: Vec<_> = store
        .pages()
        .with_failures()
        .with_robots()
        .order(Order::Url)
        .records()
        .unwrap()
        .map(|r| r.unwrap().seq)
        .collect();
    let summary = format!("{:?} {:?} {by_url:?}", store.facts().unwrap(), store.stats().unwrap());
    (records, payloads, summary)
}

/// Copies a store as it is on the disk at this moment, as a kill would leave it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The segments of a store, in order.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir.join("archive")).unwrap().map(|e| e.unwrap().path()).collect();
    found.sort();
    found
}

pub(crate) fn archive_bytes(dir: &Path) -> u64 {
    segments(dir).iter().map(|s| fs::metadata(s).unwrap().len()).sum()
}

/// Cuts a store's last segment.
pub(crate) fn cut(dir: &Path, bytes: u64) {
    let last = segments(dir).pop().unwrap();
    fs::OpenOptions::new().write(true).open(last).unwrap().set_len(bytes).unwrap();
}
