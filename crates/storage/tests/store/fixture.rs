//! Stores written by older versions are read by this one.

use std::path::Path;

use dragline_model::{FailureKind, Timestamp};
use dragline_storage::{ImportOptions, Importer, Options, Retention, Store, StoreError};

use crate::world::*;

/// `fixtures/format-1` is the store of `write_format_1`, without its index, as the first version wrote it.
#[test]
fn format_1_opens_rebuilds_and_answers() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.recovered().records, 4);
    check_format_1(&store);
    drop(store);
    assert_eq!(Store::rebuild(dir.path(), options()).unwrap().records, 4);
    check_format_1(&Store::open(dir.path(), options()).unwrap());
}

/// What is written today is what was written then.
#[test]
fn the_fixture_is_of_this_shape() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    write_format_1(&store);
    check_format_1(&store);
}

fn write_format_1(store: &Store) {
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a.example/")]).unwrap();
    let body = "<a href=/b>".repeat(20);
    let visits = vec![
        page(1, "http://a.example/", body.clone()).links(&["http://a.example/b", "http://a.example/c"]),
        page(2, "http://a.example/b", body).via("http://a.example/").size(220),
        failure(3, "http://a.example/c", FailureKind::HeadTimeout).via("http://a.example/"),
    ];
    commit(store, &mut writer, visits);
    writer.sync().unwrap();
}

fn check_format_1(store: &Store) {
    let found = records(store);
    assert_eq!(found.iter().map(|r| r.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(found[1].payload_of, Some(2));
    assert_eq!(found[1].size, 220);
    assert_eq!(found[2].error.as_ref().unwrap().kind, FailureKind::HeadTimeout);
    for record in &found[..2] {
        assert_eq!(store.payload(record).unwrap().body, "<a href=/b>".repeat(20));
    }
    let writer = store.writer().unwrap();
    assert_eq!(pending_urls(&writer), [("http://a.example/c".to_owned(), 1)]);
}

/// `fixtures/format-2` is the store of `write_format_2`, without what is derived, as a killed process left it.
#[test]
fn format_2_opens_rebuilds_and_answers() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-2");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    let is_open = |path: &&std::path::PathBuf| path.to_string_lossy().ends_with(".open");
    assert_eq!(segments(dir.path()).iter().filter(is_open).count(), 1, "one was being written");
    check_format_2(&Store::open(dir.path(), options()).unwrap());
    Store::rebuild(dir.path(), options()).unwrap();
    check_format_2(&Store::open(dir.path(), options()).unwrap());
}

#[test]
fn the_second_fixture_is_of_this_shape() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_format_2(dir.path(), killed.path());
    check_format_2(&Store::open(killed.path(), options()).unwrap());
}

/// A store of the first format is one of the second from its next writer on, and not before.
#[test]
fn a_store_is_upgraded_when_it_is_written_to() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    let meta = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(dir.path().join("meta.json")).unwrap()).unwrap()
    };
    let before = meta();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!((meta(), before["format"].as_u64()), (before.clone(), Some(1)));
    let mut writer = store.writer().unwrap();
    let after = meta();
    assert_eq!(after["format"], 2);
    assert_eq!((&after["id"], &after["created"]), (&before["id"], &before["created"]));
    commit(&store, &mut writer, vec![page(9, "http://a.example/new", "new")]);
    assert!(segments(dir.path())[0].to_string_lossy().ends_with(".open"));
    drop((writer, store));
    let found = records(&Store::open(dir.path(), options()).unwrap());
    assert_eq!(found.iter().map(|r| r.seq).collect::<Vec<_>>(), [2, 3, 4, 5]);
}

fn write_format_2(dir: &Path, killed: &Path) {
    let small = Options { segment_bytes: 2500, ..options() };
    let store = Store::create_or_open(dir, small.clone()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a.example/")]).unwrap();
    let [one, two] = ["one ".repeat(40), "two ".repeat(40)];
    let visits = vec![
        page(1, "http://a.example/", one.clone()).links(&["http://a.example/b"]),
        page(2, "http://a.example/", two),
        failure(3, "http://a.example/c", FailureKind::HeadTimeout).via("http://a.example/"),
    ];
    commit(&store, &mut writer, visits);
    drop((writer, store));
    // The first look at the page is forgotten.
    let last = Retention { count: Some(1), forget: true, ..Retention::default() };
    Store::compact(dir, small.clone(), &last, Timestamp(0), &mut |_| {}).unwrap();

    let store = Store::open(dir, small.clone()).unwrap();
    let mut writer = store.writer().unwrap();
    let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import/warcio.warc.gz");
    let mut importer = Importer::new(&store, &mut writer, ImportOptions::default()).unwrap();
    importer.file(theirs, &mut |_| {}).unwrap();
    importer.finish().unwrap();
    let png = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n";
    let visits = vec![
        page(4, "http://b.example/", "older ".repeat(40)),
        page(5, "http://b.example/", "newer ".repeat(40)),
        page(6, "http://b.example/x.png", "x".repeat(20_000)).head(200, png),
    ];
    commit(&store, &mut writer, visits);
    drop((writer, store));
    // The older one loses its payload.
    let last = Retention { count: Some(1), ..Retention::default() };
    Store::compact(dir, small.clone(), &last, Timestamp(0), &mut |_| {}).unwrap();

    let store = Store::open(dir, small).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(7, "http://c.example/", one)]);
    copy(dir, killed);
    for derived in ["index", "frontier"] {
        std::fs::remove_dir_all(killed.join(derived)).unwrap();
    }
}

fn check_format_2(store: &Store) {
    let found = records(store);
    let told: Vec<_> = found
        .iter()
        .map(|record| {
            let payload = match store.payload(record) {
                Ok(payload) => payload.body[..payload.body.len().min(4)].escape_ascii().to_string(),
                Err(StoreError::PayloadGone { why, .. }) => format!("{why:?}"),
                Err(StoreError::NoPayload { .. }) => "none".to_owned(),
                Err(error) => panic!("{error}"),
            };
            (record.seq, record.url.to_string(), payload)
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(seq, url, payload)| (*seq, &**url, &**payload)).collect();
    assert_eq!(
        told,
        [
            (3, "http://a.example/", "two "),
            (4, "http://a.example/c", "none"),
            (5, "http://w.example/1", "<htm"),
            (6, "http://w.example/2", "<htm"),
            (7, "http://w.example/3", "Elsewhere"),
            (8, "http://w.example/doc.txt", "a re"),
            (9, "http://w.example/odd", "x"),
            (10, "http://b.example/", "Dropped"),
            (11, "http://b.example/", "newe"),
            (12, "http://b.example/x.png", "xxxx"),
            (13, "http://c.example/", "one "),
        ]
    );
    assert_eq!(found[3].payload_of, Some(5));
    let writer = store.writer().unwrap();
    let mut waiting: Vec<_> = pending_urls(&writer).into_iter().map(|(url, _)| url).collect();
    waiting.sort();
    assert_eq!(waiting, ["http://a.example/b", "http://a.example/c"]);
    assert_eq!(writer.known(), 11);
}
