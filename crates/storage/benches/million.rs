//! What a store of a million records takes: memory while it is written, opened, scanned and looked into; time and disk.
//!
//! `cargo bench -p dragline-storage --bench million -- [RECORDS [MEGABYTES...]]`: for each allowance of memory, one
//! process fills a store (a tiny body each, a record of some 700 bytes, URLs of 60 to 90 bytes, 40 hosts) and tells its
//! memory at a tenth, at three tenths and at the end; then one process each opens it, scans it and looks URLs up.
//! Memory is what the kernel counts as resident; what a process of this kind has without a store is told too.

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
    CanonicalUrl, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Parcel, Sealer, Store};

const RECORDS: u64 = 1_000_000;
const MEGABYTES: [u64; 4] = [8, 16, 48, 128];
const HOSTS: u64 = 40;
/// Parcels in a commit.
const BATCH: u64 = 32;
const LOOKUPS: u64 = 20_000;

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().unwrap();
    match &args[..] {
        ["fill", dir, records, megabytes] => fill(Path::new(dir), number(records), number(megabytes)),
        ["weigh", dir, ..] => weigh(Path::new(dir)),
        [task @ ("open" | "scan" | "look"), dir, records, megabytes] => {
            ask(task, Path::new(dir), number(records), number(megabytes));
        }
        [] => all(RECORDS, &MEGABYTES),
        [records] => all(number(records), &MEGABYTES),
        [records, megabytes @ ..] => {
            all(number(records), &megabytes.iter().map(|m| number(m)).collect::<Vec<_>>());
        }
    }
}

fn all(records: u64, megabytes: &[u64]) {
    println!("a process without a store: {} MB", resident());
    for allowed in megabytes {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_str().unwrap();
        for task in ["fill", "open", "scan", "look", "weigh"] {
            let [records, allowed] = [records, *allowed].map(|n| n.to_string());
            let status = Command::new(std::env::current_exe().unwrap())
                .args([task, path, &records, &allowed])
                .status()
                .unwrap();
            assert!(status.success());
        }
    }
}

fn options(megabytes: u64) -> Options {
    Options { index_memory: megabytes << 20, ..Options::default() }
}

fn fill(dir: &Path, records: u64, megabytes: u64) {
    let store = Store::create_or_open(dir, options(megabytes)).unwrap();
    let (mut sealer, mut writer) = (store.sealer(), store.writer().unwrap());
    let (mut spent, mut next) = (Duration::ZERO, 0);
    for stop in [records / 10, records * 3 / 10, records] {
        while next < stop {
            let batch: Vec<_> = (next..(next + BATCH).min(stop)).map(|n| seal(&mut sealer, n)).collect();
            next += batch.len() as u64;
            let start = Instant::now();
            writer.commit(&batch).unwrap();
            spent += start.elapsed();
        }
        let start = Instant::now();
        writer.sync().unwrap();
        spent += start.elapsed();
        println!(
            "{megabytes} MB allowed, {next} records written: resident {} MB (peak {}), {:.1} s in commits, \
             {:.1} s of processor in all, index {} bytes a record, archive {}",
            resident(),
            peak(),
            spent.as_secs_f64(),
            processor(),
            disk(&dir.join("index")) / next,
            disk(&dir.join("archive")) / next,
        );
    }
}

fn ask(task: &str, dir: &Path, records: u64, megabytes: u64) {
    let start = Instant::now();
    let store = Store::open(dir, options(megabytes)).unwrap();
    let what = match task {
        "scan" => {
            let (mut found, mut bytes) = (0, 0);
            for record in store.pages().records().unwrap() {
                bytes += record.unwrap().bytes;
                found += 1;
            }
            assert!(found == records && bytes > 0);
            "scanned".to_owned()
        }
        "look" => {
            let mut times: Vec<Duration> = (0..LOOKUPS).map(|n| look_up(&store, n, records)).collect();
            times.sort_unstable();
            let at = |share: usize| times[times.len() * share / 100].as_micros();
            format!("{LOOKUPS} looked up (p50 {} µs, p99 {} µs)", at(50), at(99))
        }
        _ => "opened".to_owned(),
    };
    println!(
        "{megabytes} MB allowed, {records} records {what} in {:.2} s: resident {} MB (peak {})",
        start.elapsed().as_secs_f64(),
        resident(),
        peak()
    );
}

/// What the index has of each kind of entry, as sled sees it.
fn weigh(dir: &Path) {
    let db = sled::open(dir.join("index")).unwrap();
    for (name, prefix) in [("records", "r"), ("URLs", "u"), ("times", "t"), ("status, type, host", "p")] {
        let (mut keys, mut bytes) = (0, 0);
        for pair in db.scan_prefix(prefix) {
            let (key, value) = pair.unwrap();
            keys += 1;
            bytes += key.len() + value.len();
        }
        println!("  {name}: {keys} keys, {bytes} bytes");
    }
}

fn look_up(store: &Store, n: u64, records: u64) -> Duration {
    let url = url(scrambled(n) % records);
    let start = Instant::now();
    assert!(store.get(&url).unwrap().is_some());
    start.elapsed()
}

fn scrambled(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
}

/// 60 to 90 bytes, in no order.
fn url(n: u64) -> CanonicalUrl {
    let scrambled = scrambled(n);
    let (host, folder) = (n % HOSTS, scrambled % 5000);
    let pad = "-and-what-it-says-of-itself".get(..(scrambled >> 16) as usize % 27).unwrap_or_default();
    let text = format!("https://www{host}.example.org/manual/{folder:x}/chapter{pad}-{n:08}.html");
    CanonicalUrl::parse(&text).unwrap()
}

fn seal(sealer: &mut Sealer, n: u64) -> Arc<Parcel> {
    let url = url(n);
    let head = "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html; charset=utf-8\r\n\
                Last-Modified: Sun, 22 Nov 2026 18:00:00 GMT\r\nETag: \"5f3c1d2e-5400\"\r\n\r\n";
    let status = if n.is_multiple_of(97) { 404 } else { 200 };
    let page = Page {
        status,
        request: format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", url.path_and_query(), url.authority()).into(),
        head: ResponseHead::new(head.replace("200", &status.to_string()).into()),
        body: format!("<title>{n:x}</title>").into(),
        truncated: None,
        peer: Some(([192, 0, 2, 1], 443).into()),
        tls: None,
        timings: Timings {
            dns: Some(Duration::from_micros(3456)),
            connect: Some(Duration::from_micros(1234)),
            tls: Some(Duration::from_micros(2345)),
            first_byte: Some(Duration::from_micros(3456 + n % 1000)),
            body: Some(Duration::from_micros(567)),
            total: Duration::from_micros(12_345 + n % 1000),
            ..Timings::default()
        },
    };
    let via = CanonicalUrl::parse(&format!("https://www{}.example.org/manual/", n % HOSTS)).unwrap();
    let visit = Visit { via: Some(via), depth: 3, ..Visit::first(VisitId(n + 1), url) };
    // Not quite in the order in which they are committed.
    let fetched_at = Timestamp(1_790_000_000_000 + n * 5 + scrambled(n) % 2000);
    let harvest = Harvest::bare(visit, fetched_at, Outcome::Page(Box::new(page)));
    Arc::new(sealer.seal(harvest, DecodedFacts { size: 1 }))
}

/// Megabytes, of what the kernel says of this process.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

fn resident() -> u64 {
    status("VmRSS")
}

fn peak() -> u64 {
    status("VmHWM")
}

/// Seconds of processor time, the system's included; a tick is a hundredth.
fn processor() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Bytes that a directory takes on the disk.
fn disk(dir: &Path) -> u64 {
    let mut bytes = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let data = entry.metadata().unwrap();
        bytes += if data.is_dir() {
            disk(&entry.path())
        } else {
            std::os::unix::fs::MetadataExt::blocks(&data) * 512
        };
    }
    bytes
}
