//! Files of others taken in: those of wget and warcio, our own, and damaged ones.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use dragline_model::Link;
use dragline_storage::{Absence, ImportOptions, Imported, Importer, Record, Store, StoreError};
use flate2::{Compression, write::GzEncoder};

use crate::world::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import").join(name)
}

fn import(store: &Store, files: &[&Path]) -> Imported {
    let mut writer = store.writer().unwrap();
    let mut importer = Importer::new(store, &mut writer, ImportOptions::default()).unwrap();
    for file in files {
        importer.file(file, &mut |_| {}).unwrap();
    }
    importer.finish().unwrap()
}

fn body(store: &Store, record: &Record) -> String {
    String::from_utf8(store.payload(record).unwrap().body.to_vec()).unwrap()
}

fn request(store: &Store, record: &Record) -> String {
    String::from_utf8(store.payload(record).unwrap().request.to_vec()).unwrap()
}

/// One record as text, of any version; `fields` without the length.
fn record_of(version: &str, fields: &str, block: &str) -> String {
    format!("{version}\r\n{fields}Content-Length: {}\r\n\r\n{block}\r\n\r\n", block.len())
}

fn response_of(n: u64, body: &str) -> String {
    let fields = format!(
        "WARC-Type: response\r\nWARC-Record-ID: <urn:n:{n}>\r\nWARC-Date: 2020-01-01T00:00:{n:02}Z\r\nWARC-Target-URI: http://t.example/{n}\r\nContent-Type: application/http; msgtype=response\r\n"
    );
    record_of("WARC/1.1", &fields, &format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n{body}"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn what_wget_wrote() {
    for (name, pages) in [("wget.warc.gz", 4), ("wget-plain.warc", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let imported = import(&store, &[&fixture(name)]);
        assert_eq!(
            (imported.responses, imported.requests, imported.taken()),
            (pages, pages, pages),
            "{imported:?}"
        );
        assert!(imported.refused.is_empty() && imported.damage.is_empty(), "{imported:?}");
        assert_eq!(imported.bytes, fs::metadata(fixture(name)).unwrap().len());
        let found = records(&store);
        let chunked = found.iter().find(|r| r.url.path_and_query() == "/chunked").unwrap();
        assert_eq!(body(&store, chunked), "first second third");
        assert!(
            request(&store, chunked).starts_with("GET /chunked HTTP/1.1\r\n"),
            "{:?}",
            request(&store, chunked)
        );
        assert_eq!(chunked.peer, Some([127, 0, 0, 1].into()));
        assert_eq!(chunked.fetched_at.0 / 86_400_000, 20_780);
        if pages == 4 {
            let missing = found.iter().find(|r| r.url.path_and_query() == "/missing").unwrap();
            assert_eq!((missing.status, body(&store, missing)), (Some(404), "no such page".to_owned()));
        }
        // What was imported is known, and nothing of it waits.
        let mut writer = store.writer().unwrap();
        assert_eq!((writer.known(), pending_urls(&writer)), (pages, Vec::new()));
        assert!(writer.admit(&[Link::seed(chunked.url.clone())]).unwrap().is_empty());
        drop(writer);
        let checkup = Store::check(
            {
                drop(store);
                dir.path()
            },
            &dragline_storage::CheckOptions { payloads: true, scratch: None },
            &mut |_| {},
        );
        assert!(checkup.unwrap().is_sound());
    }
}

#[test]
fn what_warcio_wrote() {
    for name in ["warcio.warc.gz", "warcio-1.0.warc"] {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let imported = import(&store, &[&fixture(name)]);
        let Imported { responses, resources, revisits, revisits_elsewhere, requests, .. } = imported;
        assert_eq!(
            (responses, resources, revisits, revisits_elsewhere, requests),
            (1, 2, 1, 1, 1),
            "{imported:?}"
        );
        assert_eq!(imported.passed_over.get("metadata"), Some(&1));
        assert_eq!(imported.passed_over.get("response"), Some(&1), "the one of DNS");

        let get = |path: &str| store.get(&url(&format!("http://w.example{path}"))).unwrap().unwrap();
        let (one, two, three) = (get("/1"), get("/2"), get("/3"));
        assert_eq!(two.payload_of, Some(one.seq));
        assert_eq!(body(&store, &two), body(&store, &one));
        assert!(body(&store, &one).starts_with("<html><p>hello from warcio"));
        assert_eq!(one.fetched_at.0, 1_580_702_706_000);
        assert_eq!(one.timings, None);
        assert!(request(&store, &one).contains("User-Agent: warcio"));
        assert_eq!((three.absent, three.status), (Some(Absence::Elsewhere), Some(200)));
        assert!(matches!(
            store.payload(&three),
            Err(StoreError::PayloadGone { why: Absence::Elsewhere, .. })
        ));
        let resource = get("/doc.txt");
        assert_eq!((resource.status, resource.mime.as_deref()), (Some(200), Some("text/plain")));
        assert_eq!(
            (body(&store, &resource), request(&store, &resource)),
            ("a resource".into(), String::new())
        );

        // Again, also in another spelling of the same records: nothing new.
        let before = records(&store);
        let again = import(&store, &[&fixture(name), &fixture(name)]);
        assert_eq!((again.taken(), again.there_already), (0, 2 * imported.taken()));
        assert_eq!(records(&store), before);
        drop(store);
        assert_eq!(Store::rebuild(dir.path(), options()).unwrap().records, before.len() as u64);
        assert_eq!(records(&Store::open(dir.path(), options()).unwrap()), before);
    }
}

#[test]
fn what_we_wrote_ourselves() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::create_or_open(from.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n";
    let visits = vec![
        page(1, "http://a/1", "one ".repeat(50)).links(&["http://a/2"]),
        page(2, "http://a/2", "two ".repeat(50)).head(200, chunked),
        page(3, "http://a/3", "one ".repeat(50)),
        failure(4, "http://a/4", dragline_model::FailureKind::Dns),
    ];
    commit(&store, &mut writer, visits);
    drop(writer);
    let theirs = Store::create_or_open(to.path(), options()).unwrap();
    let files = segments(from.path());
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let imported = import(&theirs, &files);
    assert_eq!((imported.responses, imported.revisits, imported.requests), (2, 1, 3), "{imported:?}");
    for ours in records(&store).iter().filter(|record| record.status.is_some()) {
        let copy = theirs.get(&ours.url).unwrap().unwrap();
        assert_eq!(
            (copy.fetched_at, &copy.digest, copy.status),
            (ours.fetched_at, &ours.digest, ours.status)
        );
        assert_eq!(theirs.payload(&copy).unwrap(), store.payload(ours).unwrap());
    }
}

#[test]
fn an_import_that_was_killed_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("theirs.warc.gz");
    let all: Vec<Vec<u8>> = (0..50).map(|n| gzip(&response_of(n, &format!("{n} ").repeat(50)))).collect();
    let store = Store::create_or_open(dir.path().join("store"), options()).unwrap();
    // What a kill leaves is what was committed: the first of them, as if the file had ended there.
    fs::write(&file, all[..20].concat()).unwrap();
    assert_eq!(import(&store, &[&file]).responses, 20);
    fs::write(&file, all.concat()).unwrap();
    let imported = import(&store, &[&file]);
    assert_eq!((imported.responses, imported.there_already), (30, 20));
    assert_eq!(records(&store).len(), 50);
}

#[test]
fn files_of_every_shape() {
    let texts: Vec<String> = (0..6).map(|n| response_of(n, &format!("{n} ").repeat(50))).collect();
    let plain = texts.concat();
    let members: Vec<Vec<u8>> = texts.iter().map(|text| gzip(text)).collect();
    let bare = plain.replace("\r\n", "\n");
    let lengths_kept = bare.replace("Content-Length: ", "X-Was: ");
    for (name, bytes, want) in [
        ("plain", plain.clone().into_bytes(), 6),
        ("one gzip stream", gzip(&plain), 6),
        ("a member a record", members.concat(), 6),
        ("padding behind it", [members.concat(), vec![0; 99]].concat(), 6),
        ("more line ends than there should be", texts.join("\r\n\r\n").into_bytes(), 6),
        ("nothing", Vec::new(), 0),
        ("without lengths", lengths_kept.into_bytes(), 0),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("theirs");
        fs::write(&file, bytes).unwrap();
        let store = Store::create_or_open(dir.path().join("store"), options()).unwrap();
        let imported = import(&store, &[&file]);
        assert_eq!(imported.responses, want, "{name}: {imported:?}");
        assert_eq!(imported.damage.is_empty(), name != "without lengths", "{name}: {imported:?}");
    }
}

/// One bit anywhere: what is not hit comes, and comes as it was.
#[test]
fn damage_costs_what_it_hits() {
    let texts: Vec<String> = (0..6).map(|n| response_of(n, &format!("{n} ").repeat(50))).collect();
    let compressed: Vec<u8> = texts.iter().flat_map(|text| gzip(text)).collect();
    let plain = texts.concat().into_bytes();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("theirs");
    let store = Store::create_or_open(dir.path().join("store"), options()).unwrap();
    for nth in (0..compressed.len()).step_by(23) {
        let mut damaged = compressed.clone();
        damaged[nth] ^= 4;
        fs::write(&file, damaged).unwrap();
        let imported = import(&store, &[&file]);
        assert!(imported.taken() + imported.there_already >= 5, "byte {nth}: {imported:?}");
    }
    for record in records(&store) {
        let body = body(&store, &record);
        let is_theirs = texts.iter().any(|text| text.ends_with(&format!("\r\n\r\n{body}\r\n\r\n")));
        assert!(is_theirs, "{record:?}: {body}");
    }
    for nth in (0..plain.len()).step_by(31) {
        let mut damaged = plain.clone();
        damaged[nth] = b'\n';
        fs::write(&file, damaged).unwrap();
        let imported = import(&store, &[&file]);
        assert!(imported.taken() + imported.there_already >= 4, "byte {nth}: {imported:?}");
    }
    for cut in [1, 10, compressed.len() / 2 + 7, compressed.len() - 1] {
        fs::write(&file, &compressed[..cut]).unwrap();
        assert_eq!(import(&store, &[&file]).damage.len(), 1, "cut at {cut}");
    }
}

#[test]
fn what_cannot_be_taken_in_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("theirs.warc");
    let fields = "WARC-Type: response\r\nWARC-Record-ID: <urn:x>\r\n";
    let ok = "HTTP/1.1 200 OK\r\n\r\nx";
    let text = [
        record_of("WARC/0.18", &format!("{fields}WARC-Date: 2020\r\nWARC-Target-URI: http://a b/\r\n"), ok),
        record_of("WARC/1.0", &format!("{fields}WARC-Target-URI: http://a/\r\n"), ok),
        record_of(
            "WARC/1.0",
            &format!("{fields}WARC-Date: 2020\r\nWARC-Target-URI: <http://a/>\r\n"),
            "gibberish",
        ),
        record_of("WARC/1.0", &format!("{fields}WARC-Date: 2020\r\nWARC-Target-URI: ftp://a/\r\n"), ok),
        record_of(
            "WARC/1.0",
            &format!("{fields}WARC-Date: 2020\r\nWARC-Target-URI: http://a/\r\n"),
            &"x".repeat(5000),
        ),
        record_of("WARC/1.0", "WARC-Type: conversion\r\n", "x"),
        record_of("WARC/1.0", &format!("{fields}WARC-Date: 2020\r\nWARC-Target-URI: http://a/good\r\n"), ok),
    ];
    fs::write(&file, text.concat()).unwrap();
    let store = Store::create_or_open(dir.path().join("store"), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let small = ImportOptions { record_bytes_max: 4000 };
    let mut importer = Importer::new(&store, &mut writer, small).unwrap();
    importer.file(&file, &mut |_| {}).unwrap();
    let imported = importer.finish().unwrap();
    assert_eq!((imported.records, imported.taken(), imported.responses), (7, 1, 1), "{imported:?}");
    let reasons: Vec<_> = imported.refused.iter().map(|(why, it)| (*why, it.count)).collect();
    let want = [("no HTTP response", 1), ("no URL of the web", 1), ("too large", 1), ("without a date", 1)];
    assert_eq!(reasons, want);
    assert!(imported.refused["no URL of the web"].examples[0].starts_with("http://a b/"), "{imported:?}");
    let passed: Vec<_> = imported.passed_over.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    assert_eq!(passed, [("conversion", 1), ("response", 1)]);
    drop(writer);

    fs::write(&file, "filedesc://x.arc 0.0.0.0 20200101000000 text/plain 77\n1 0 x\n").unwrap();
    let mut writer = store.writer().unwrap();
    let mut importer = Importer::new(&store, &mut writer, ImportOptions::default()).unwrap();
    for bytes in [fs::read(&file).unwrap(), gzip(&fs::read_to_string(&file).unwrap())] {
        fs::write(&file, bytes).unwrap();
        let error = importer.file(&file, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("ARC file") && error.contains("convert"), "{error}");
    }
}
