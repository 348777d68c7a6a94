//! The other side: SQLite with one table, as one would write it in an afternoon who knows SQLite.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    sync::mpsc,
    time::{Duration, Instant},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rusqlite::{Connection, Params, Row, Statement, params};
use sha2::{Digest as _, Sha256};

use crate::{
    figures::Figures,
    pages::{BEGUN_MS, EVERY_MS, Page, Pages},
};

/// As much memory as the store's cache gets, in KiB; negative is SQLite's way to say so.
const SETTINGS: &str = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-49152;";

const SCHEMA: &str = "
    CREATE TABLE page (
        seq INTEGER PRIMARY KEY, url TEXT NOT NULL, host TEXT NOT NULL, status INTEGER, mime TEXT,
        fetched_at INTEGER NOT NULL, visit INTEGER, depth INTEGER, via TEXT, size INTEGER, digest TEXT,
        links TEXT, request BLOB, head BLOB, body BLOB);
    CREATE INDEX by_url ON page (url);
    CREATE INDEX by_host ON page (host);
    CREATE INDEX by_status ON page (status);
    CREATE INDEX by_mime ON page (mime);
    CREATE INDEX by_time ON page (fetched_at);";

const INSERT: &str = "INSERT INTO page (url, host, status, mime, fetched_at, visit, depth, via, size, digest, links, \
                      request, head, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

/// All that a record tells, but for the body.
const COLUMNS: &str = "seq, url, host, status, mime, fetched_at, visit, depth, via, size, digest, links";

/// A record that is ready to be inserted.
struct Sealed {
    page: Page,
    visit: u64,
    link: String,
    digest: String,
    size: u64,
    body: Vec<u8>,
}

fn seal(pages: &Pages, n: u64) -> Sealed {
    let mut page = pages.page(n);
    let body = std::mem::take(&mut page.body);
    let digest = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut gzip = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::new(1));
    gzip.write_all(&body).expect("memory takes everything");
    let size = body.len() as u64;
    let body = gzip.finish().expect("memory takes everything");
    Sealed { visit: n + 1, link: pages.url(n + 1), digest, size, body, page }
}

/// Builds a database of all records, in transactions of a group each.
pub fn build(dir: &Path, pages: &Pages, group: usize) -> Figures {
    let mut db = Connection::open(dir.join("pages.db")).expect("a database");
    db.execute_batch(SETTINGS).expect("settings");
    db.execute_batch(SCHEMA).expect("a schema");
    let (made, committed) = mpsc::sync_channel::<Vec<Sealed>>(8);
    let began = Instant::now();
    let (mut committing, mut payload) = (Duration::ZERO, 0);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for first in (0..pages.records).step_by(group) {
                let some = first..(first + group as u64).min(pages.records);
                made.send(some.map(|n| seal(pages, n)).collect()).expect("somebody commits");
            }
        });
        for records in committed {
            let start = Instant::now();
            insert(&mut db, &records);
            committing += start.elapsed();
            payload += records.iter().map(|it| it.size).sum::<u64>();
        }
    });
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a disk");
    let took = began.elapsed();
    drop(db);
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

fn insert(db: &mut Connection, records: &[Sealed]) {
    let transaction = db.transaction().expect("nobody else writes");
    {
        let mut insert = transaction.prepare_cached(INSERT).expect("the schema is ours");
        for it in records {
            let page = &it.page;
            let fields = params![
                page.url,
                page.host,
                page.status,
                page.mime,
                page.fetched_ms as i64,
                it.visit as i64,
                1,
                page.via,
                it.size as i64,
                it.digest,
                it.link,
                page.request.as_bytes(),
                page.head.as_bytes(),
                it.body
            ];
            insert.execute(fields).expect("there is room");
        }
    }
    transaction.commit().expect("there is room");
}

/// Reads every column of a row, as a record does.
fn touch(row: &Row<'_>) -> usize {
    let text = |at: usize| row.get::<_, String>(at).expect("it is text").len();
    let number = |at: usize| row.get::<_, i64>(at).expect("it is a number") as usize;
    [0, 3, 5, 6, 7, 9].map(number).iter().fold(0, |sum, it| sum ^ it)
        ^ [1, 2, 4, 8, 10, 11].map(text).iter().sum::<usize>()
}

/// The rows of a query, read one by one.
fn all<P: Params>(statement: &mut Statement<'_>, params: P) -> u64 {
    let mut rows = statement.query(params).expect("it makes sense");
    let mut found = 0;
    while let Some(row) = rows.next().expect("it reads") {
        std::hint::black_box(touch(row));
        found += 1;
    }
    found
}

/// Opens it and asks.
pub fn ask(dir: &Path, pages: &Pages) -> Figures {
    let mut figures = Figures::default();
    let by_url = format!("SELECT {COLUMNS} FROM page WHERE url = ? ORDER BY seq DESC LIMIT 1");
    let began = Instant::now();
    let db = Connection::open(dir.join("pages.db")).expect("the database");
    db.execute_batch(SETTINGS).expect("settings");
    let mut look_up = db.prepare(&by_url).expect("the schema is ours");
    assert_eq!(all(&mut look_up, [pages.url(0)]), 1);
    figures.time("4 opening, and one look-up, ms", began.elapsed());

    let mut times = Vec::new();
    for n in pages.some(20_000) {
        let url = pages.url(n);
        let began = Instant::now();
        assert_eq!(all(&mut look_up, [&url]), 1);
        times.push(began.elapsed());
    }
    figures.spread("4 look-up by URL", times);

    let (from, to) = (pages.records / 2, pages.records / 2 + pages.records / 10);
    let (since, until) = (BEGUN_MS + from * EVERY_MS, BEGUN_MS + to * EVERY_MS);
    let times = format!("WHERE fetched_at >= {since} AND fetched_at < {until} ORDER BY fetched_at, seq");
    let host = format!("WHERE host = '{}' ORDER BY seq", pages.host(3));
    let plain = pages.count(|n| Pages::mime(n) == "text/plain");
    for (name, want, rest) in [
        ("host", pages.count(|n| n % pages.hosts == 3), host.as_str()),
        ("status", pages.count(|n| Pages::status(n) == 404), "WHERE status = 404 ORDER BY seq"),
        ("type", plain, "WHERE mime = 'text/plain' ORDER BY seq"),
        ("time", to - from, &times),
        ("in the order of URLs", pages.records, "ORDER BY url, seq"),
        ("in the order of commits", pages.records, "ORDER BY seq"),
    ] {
        let query = format!("SELECT {COLUMNS} FROM page {rest}");
        let began = Instant::now();
        let mut statement = db.prepare(&query).expect("it makes sense");
        let mut rows = statement.query([]).expect("it makes sense");
        touch(rows.next().expect("it reads").expect("there is one"));
        figures.time(&format!("5 {name}: first row, ms"), began.elapsed());
        drop(rows);
        let began = Instant::now();
        assert_eq!(all(&mut statement, []), want, "{name}");
        figures.time(&format!("6 {name}: all {want} rows, ms"), began.elapsed());
    }

    let mut body = db.prepare("SELECT body FROM page WHERE seq = ?").expect("the schema is ours");
    let (began, some) = (Instant::now(), pages.some(5_000));
    for n in &some {
        let packed: Vec<u8> = body.query_row([*n as i64 + 1], |row| row.get(0)).expect("it is there");
        let mut bytes = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut bytes).expect("it is gzip");
        assert!(!bytes.is_empty());
    }
    figures.add("7 bodies a second", some.len() as f64 / began.elapsed().as_secs_f64());
    figures.memory("7 memory at most while asking, MB");
    figures
}
