//! A store of pages that nobody would want, and exports of it.

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use dragline_export::{Body, Every, Export, ExportError, Format, Partition, Progress, Shape, csv};
use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Validators,
    Visit, VisitId,
};
use dragline_storage::{DecodedFacts, Options, Store};

/// 2026-01-01T00:00:00Z.
const EPOCH_MS: u64 = 1_767_225_600_000;

/// What servers say that others have to read.
pub(crate) const HOSTILE: [&str; 8] = [
    "=HYPERLINK(\"http://evil.example/\")",
    "a\"b,c",
    "line\nline\r\nline",
    "\u{1b}[31mred\u{9b}0m\u{202e}",
    "nul\0nul",
    "@SUM(A1:A9)",
    " spaces ",
    "\u{feff}ü\u{2028}日本",
];

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
}

impl World {
    /// So many pages, of some hosts, types and statuses; every fifth has the body of an earlier one, every seventh is a
    /// failure, every eleventh a 304 for the copy of the one before.
    pub(crate) fn of(pages: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { sync_every: Duration::from_secs(3600), ..Options::default() };
        let store = Store::create_or_open(dir.path().join("store"), options).unwrap();
        let mut writer = store.writer().unwrap();
        let mut sealer = store.sealer();
        for n in 1..=pages {
            let parcel = sealer.seal(harvest(n), DecodedFacts { size: body(n).len() as u64 });
            writer.commit(&[Arc::new(parcel)]).unwrap();
        }
        drop(writer);
        Self { dir, store }
    }

    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An export of everything.
    pub(crate) fn export(&self, format: Format, out: impl Into<PathBuf>) -> Export {
        Export {
            store: self.store.clone(),
            query: self.store.pages().with_failures().with_robots(),
            query_words: "everything".into(),
            limit: u64::MAX,
            format,
            shape: Shape::Records(Body::None),
            csv: csv::Style::default(),
            out: out.into(),
            partition: Partition::None,
            rows_per_file: None,
            bytes_per_file: None,
            every: Every { bytes: u64::MAX, records: 7 },
            wants: Box::new(|_| true),
            deadline: Box::new(|| Box::new(|| false)),
        }
    }
}

pub(crate) fn run(export: &Export) -> Result<Progress, ExportError> {
    export.run(&mut |_| ControlFlow::Continue(()))
}

fn harvest(n: u64) -> Harvest {
    let hostile = HOSTILE[n as usize % HOSTILE.len()];
    let not_modified = n.is_multiple_of(11);
    let of_page = if not_modified { n - 1 } else { n };
    let address = format!("http://h{}.example/p/{of_page}?q={}", of_page % 3, of_page % 5);
    let url = CanonicalUrl::parse(&address).unwrap();
    let mut visit = Visit::first(VisitId(n), url.clone());
    let at = Timestamp(EPOCH_MS + n * 3_600_000);
    if n.is_multiple_of(7) {
        return Harvest::bare(visit, at, Outcome::Failure(Failure::new(FailureKind::Connect, hostile)));
    }
    let mime = ["text/html", "application/json", "text/plain; charset=x\tx", "image/png"][n as usize % 4];
    let status = if not_modified { 304 } else { [200, 404, 200][n as usize % 3] };
    let body = if not_modified { Bytes::new() } else { body(n) };
    if not_modified {
        visit.copy =
            Some(Box::new(Validators { etag: Some("\"x\"".into()), last_modified: None, seq: n - 1 }));
    }
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: {mime}\r\nContent-Length: {}\r\n\r\n", body.len());
    let page = Page {
        status,
        request: format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", url.path_and_query()).into(),
        head: ResponseHead::new(head.into()),
        body,
        truncated: None,
        peer: Some(([192, 0, 2, 1], 80).into()),
        tls: None,
        timings: Timings { total: Duration::from_micros(12_345), reused: true, ..Timings::default() },
    };
    Harvest::bare(visit, at, Outcome::Page(Box::new(page)))
}

/// Every fifth is that of an earlier one.
pub(crate) fn body(n: u64) -> Bytes {
    let n = if n.is_multiple_of(5) { n - 4 } else { n };
    let hostile = HOSTILE[n as usize % HOSTILE.len()];
    match n % 4 {
        0 => format!("<!doctype html><title>{n}</title><h1>{hostile}</h1><p class=price content={n}>").into(),
        1 => serde_json::json!({ "number of the page": n, "name": hostile, "list": [1, null, true], "end": "." })
            .to_string()
            .into(),
        // From 64 bytes on a payload is kept once.
        2 => Bytes::from([hostile.as_bytes(), b"\xff\xfe", &n.to_be_bytes().repeat(9)].concat()),
        _ => Bytes::from(n.to_be_bytes().repeat(200)),
    }
}

/// Every file below a folder, by its path there.
pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What a killed process would leave: a copy of the folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
