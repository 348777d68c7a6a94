//! What it costs to know many URLs: the time until a writer has them again, their room on the disk and in memory.
//!
//! ```text
//! cargo bench -p dragline-storage --bench remember -- [URLS …]     10000 and 1000000 if none are given
//! cargo bench -p dragline-storage --bench remember -- --build DIR URLS
//! cargo bench -p dragline-storage --bench remember -- --open DIR [log|records|pending]
//! cargo bench -p dragline-storage --bench remember -- --files DIR
//! cargo bench -p dragline-storage --bench remember -- --passes DIR
//! ```
//!
//! A page brings ten new links and one in ten pages is fetched, so that a million URLs are a hundred thousand records.
//! Every opening is a process of its own: memory is counted from its start, and the key is adopted.

// A benchmark is a test: a failed unwrap ends it with a line number.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

use std::{
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use dragline_model::{
    CanonicalUrl, Harvest, Link, Outcome, Page, ResponseHead, Settled, Timestamp, Timings, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Store};

const LINKS: u64 = 10;
const BATCH: u64 = 64;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--build", dir, urls] => build(Path::new(dir), urls.parse().unwrap()),
        ["--open", dir, way] => open(Path::new(dir), way),
        ["--open", dir] => open(Path::new(dir), "log"),
        ["--files", dir] => files(Path::new(dir)),
        ["--passes", dir] => passes(Path::new(dir)),
        [] => compare(&["10000", "1000000"]),
        ref sizes => compare(sizes),
    }
}

/// Builds a store of each size and opens it in each way.
fn compare(sizes: &[&str]) {
    let this = std::env::current_exe().unwrap();
    let run = |args: &[&str]| assert!(Command::new(&this).args(args).status().unwrap().success());
    for urls in sizes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        run(&["--build", path, urls]);
        for way in ["log", "log", "pending", "records"] {
            run(&["--open", path, way]);
        }
        run(&["--files", path]);
        run(&["--passes", path]);
    }
}

fn url(n: u64) -> CanonicalUrl {
    let text = format!("http://docs{}.example.org/manual/{}/chapter-{n}.html", n % 997, n % 1000);
    CanonicalUrl::parse(&text).unwrap()
}

fn harvest(n: u64) -> Harvest {
    let page = Page {
        status: 200,
        request: "GET / HTTP/1.1\r\n\r\n".into(),
        head: ResponseHead::new("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n".into()),
        body: format!("page {n}, which is like no other page and long enough to be looked for by its digest")
            .into(),
        truncated: None,
        peer: None,
        tls: None,
        timings: Timings::default(),
    };
    let visit = Visit { depth: 1, via: Some(url(n / LINKS)), ..Visit::first(VisitId(n + 1), url(n)) };
    let links = (n * LINKS + 1..=(n + 1) * LINKS).map(|n| Link { depth: 2, ..Link::seed(url(n)) }).collect();
    Harvest { links, ..Harvest::bare(visit, Timestamp(n), Outcome::Page(Box::new(page))) }
}

fn build(dir: &Path, urls: u64) {
    let began = Instant::now();
    let store = Store::create_or_open(dir, Options::default()).unwrap();
    let mut sealer = store.sealer();
    let mut writer = store.writer().unwrap();
    let (mut slowest, mut committing) = (Duration::ZERO, Duration::ZERO);
    for first in (0..urls / LINKS).step_by(BATCH as usize) {
        let pages = first..(first + BATCH).min(urls / LINKS);
        let parcels: Vec<_> =
            pages.map(|n| Arc::new(sealer.seal(harvest(n), DecodedFacts::default()))).collect();
        let start = Instant::now();
        writer.commit(&parcels).unwrap();
        committing += start.elapsed();
        slowest = slowest.max(start.elapsed());
    }
    writer.sync().unwrap();
    let known = writer.known();
    let log = fs::metadata(dir.join("frontier/known")).unwrap().len();
    println!(
        "built   {known:>9} URLs in {:.1} s, committing {:.1} s, slowest commit {:.1} ms; known log {:.2} bytes a URL; \
         memory {} MB",
        began.elapsed().as_secs_f64(),
        committing.as_secs_f64(),
        slowest.as_secs_f64() * 1e3,
        log as f64 / known as f64,
        memory_mb("VmRSS"),
    );
}

fn open(dir: &Path, way: &str) {
    if way == "records" {
        fs::remove_dir_all(dir.join("frontier")).unwrap();
    }
    let began = Instant::now();
    let store = Store::open(dir, Options::default()).unwrap();
    let (opened, before) = (began.elapsed(), memory_mb("VmRSS"));
    let began = Instant::now();
    let writer = store.writer().unwrap();
    let (ready, after) = (began.elapsed(), memory_mb("VmRSS"));
    println!(
        "{way:<7} {:>9} URLs, {:>7} of {} records read: store {:>5.0} ms, writer {:>6.0} ms; memory {before} MB, with \
         the writer {after} MB, at most {} MB",
        writer.known(),
        writer.records_read(),
        store.last_seq().unwrap(),
        opened.as_secs_f64() * 1e3,
        ready.as_secs_f64() * 1e3,
        memory_mb("VmHWM"),
    );
    if way == "pending" {
        let began = Instant::now();
        let mut pending = 0u64;
        let is_final = |settled: &Settled, _| matches!(settled, Settled::Page { .. });
        writer.pending(is_final, |_| pending += 1).unwrap();
        println!(
            "{way:<7} {pending:>9} URLs handed out in {:.0} ms; memory at most {} MB",
            began.elapsed().as_secs_f64() * 1e3,
            memory_mb("VmHWM")
        );
    }
}

/// What a coordinator pays for a chunk of some hundred URLs, and another thread for a checkpoint.
fn files(dir: &Path) {
    const CHUNKS: usize = 50_000;
    let store = Store::open(dir, Options::default()).unwrap();
    let mut tails = store.tails().unwrap();
    let chunk = vec![b'u'; 8 << 10];
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    let ids: Vec<_> = (0..CHUNKS)
        .map(|_| {
            let start = Instant::now();
            let id = tails.put(&chunk).unwrap();
            slowest = slowest.max(start.elapsed());
            id
        })
        .collect();
    let put = began.elapsed();
    let began = Instant::now();
    // In an order that has nothing to do with theirs.
    for place in 0..CHUNKS {
        assert_eq!(tails.take(ids[place * 7919 % CHUNKS]).unwrap().len(), chunk.len());
    }
    let take = began.elapsed();
    let seq = store.last_seq().unwrap();
    let mut writes = Vec::new();
    for bytes in [1 << 20, 1 << 20, 32 << 20] {
        let state = vec![b's'; bytes];
        let began = Instant::now();
        store.checkpoints().write(seq, false, &state).unwrap();
        writes.push(format!("{} MB {:.0} ms", bytes >> 20, began.elapsed().as_secs_f64() * 1e3));
    }
    let began = Instant::now();
    tails.retain(std::iter::once(ids[0]));
    println!(
        "files   chunks of 8 KB: put {:.1} µs (slowest {:.1} ms), take {:.1} µs; checkpoints (the first with {} MB of \
         tails): {}; tails freed in {:.0} ms",
        put.as_secs_f64() * 1e6 / CHUNKS as f64,
        slowest.as_secs_f64() * 1e3,
        take.as_secs_f64() * 1e6 / CHUNKS as f64,
        (CHUNKS * chunk.len()) >> 20,
        writes.join(", "),
        began.elapsed().as_secs_f64() * 1e3,
    );
}

/// What goes through all records, and how long that takes.
fn passes(dir: &Path) {
    let store = Store::open(dir, Options::default()).unwrap();
    let records = store.last_seq().unwrap() as f64;
    let timed = |name: &str, pass: &mut dyn FnMut() -> u64| {
        let began = Instant::now();
        let found = pass();
        let took = began.elapsed().as_secs_f64();
        println!(
            "pass    {name:<8} {found:>9} found in {:>6.0} ms, {:.1} µs a record; memory at most {} MB",
            took * 1e3,
            took * 1e6 / records,
            memory_mb("VmHWM")
        );
    };
    // The first one warms sled's cache, as far as that reaches.
    timed("stats", &mut || store.stats().unwrap().responses);
    timed("named", &mut || u64::from(store.named(&url(u64::MAX)).unwrap().is_some()));
    timed("hosts", &mut || store.hosts().unwrap().len() as u64);
    timed("revisits", &mut || {
        let mut copies = 0;
        store.revisits(|_| copies += 1).unwrap();
        copies
    });
}

/// A figure of this process from the system; 0 where it keeps none.
fn memory_mb(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|kb| kb.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() / 1024
}
