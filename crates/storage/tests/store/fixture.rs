//! Stores written by older versions are read by this one.

use std::path::Path;

use dragline_model::FailureKind;
use dragline_storage::Store;

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
