//! What a compaction keeps, and what it says of what it does not.

use std::{path::Path, time::Duration};

use dragline_model::{FailureKind, Timestamp, Validators};
use dragline_storage::{Absence, CheckOptions, Compaction, Retention, Store, StoreError};

use crate::world::*;

fn compact(dir: &Path, retention: &Retention) -> Compaction {
    // A day behind the first visits.
    let now = Timestamp(1_767_225_600_000 + 86_400_000);
    let foreseen = {
        let store = Store::open(dir, options()).unwrap();
        store.would_compact(retention, now).unwrap()
    };
    let done = Store::compact(dir, options(), retention, now, &mut |_| {}).unwrap();
    let Compaction { bytes_after, .. } = done;
    let counts =
        |it: &Compaction| [it.records, it.kept, it.needed, it.dropped, it.forgotten, it.bytes_before];
    assert_eq!(counts(&done), counts(&foreseen));
    let off = bytes_after.abs_diff(foreseen.bytes_after);
    assert!(off < 2000 + bytes_after / 5, "{bytes_after} and {} foreseen", foreseen.bytes_after);
    let checkup = Store::check(dir, &CheckOptions { payloads: true, scratch: None }, &mut |_| {}).unwrap();
    assert!(checkup.is_sound(), "{checkup:?}");
    done
}

/// Three looks at a page, one of them with the payload of the first; a failure, and a robots.txt.
fn build(dir: &Path) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/")]).unwrap();
    let [first, second] = ["one ".repeat(200), "two ".repeat(200)];
    let visits = vec![
        page(1, "http://a/", first.clone()).links(&["http://a/x"]),
        page(2, "http://a/", second).links(&["http://a/y"]),
        page(3, "http://a/", first),
        page(4, "http://b/", "other ".repeat(200)).links(&["http://b/z"]),
        failure(5, "http://c/", FailureKind::Dns),
        page(6, "http://b/", "other and newer ".repeat(200)),
    ];
    commit(&store, &mut writer, visits);
}

fn gone(store: &Store, seq: u64) -> bool {
    let record = store.record(seq).unwrap().unwrap();
    match store.payload(&record) {
        Err(StoreError::PayloadGone { why: Absence::Dropped, .. }) => true,
        Err(error) => panic!("{error}"),
        Ok(_) => false,
    }
}

#[test]
fn by_count() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let before = records(&Store::open(dir.path(), options()).unwrap());
    let done = compact(dir.path(), &Retention { count: Some(1), ..Retention::default() });
    // The second look at a/ and the first at b/ go; the first at a/ stays for the third, whose payload it is.
    assert_eq!((done.records, done.kept, done.needed, done.dropped), (6, 3, 1, 2), "{done:?}");
    assert!(done.bytes_after < done.bytes_before);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(
        (2..8).filter(|seq| *seq != 6).map(|seq| gone(&store, seq)).collect::<Vec<_>>(),
        [false, true, false, true, false]
    );
    let after: Vec<_> = records(&store);
    let unmarked: Vec<_> =
        after.iter().map(|r| dragline_storage::Record { absent: None, ..r.clone() }).collect();
    assert_eq!(unmarked, before, "records are as they were");
    // The same again changes nothing more.
    drop(store);
    let again = compact(dir.path(), &Retention { count: Some(1), ..Retention::default() });
    assert_eq!((again.dropped, again.kept), (0, 3));

    // What was dropped is stored again when it comes again, and is no copy to ask for.
    let store = Store::open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(7, "http://d/", "two ".repeat(200))]);
    let newest = store.get(&url("http://d/")).unwrap().unwrap();
    assert_eq!((newest.payload_of, newest.seq), (None, 8));
    assert_eq!(store.payload(&newest).unwrap().body, "two ".repeat(200));
}

#[test]
fn by_age_and_by_size() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    // Visits are a minute apart; the first three are too old.
    let retention = Retention { age: Some(Duration::from_secs(86_400 - 4 * 60)), ..Retention::default() };
    let done = compact(dir.path(), &retention);
    assert_eq!((done.dropped, done.kept), (3, 2));

    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    for n in 0..40u64 {
        let noise: String =
            (0..900).map(|i| char::from(b'a' + (n * 7919 + i * i * (n + 3)) as u8 % 26)).collect();
        commit(&store, &mut writer, vec![page(n, &format!("http://a/{n}"), noise)]);
    }
    drop((writer, store));
    let all = archive_bytes(dir.path());
    let done = compact(dir.path(), &Retention { bytes: Some(all * 3 / 4), ..Retention::default() });
    assert!(done.bytes_after <= all * 3 / 4 + 500, "{done:?} of {all}");
    assert!(done.bytes_after > all / 2 && done.dropped > 5, "{done:?} of {all}");
    let store = Store::open(dir.path(), options()).unwrap();
    let fates: Vec<_> = (1..=40).map(|seq| gone(&store, seq)).collect();
    assert!(fates.is_sorted_by(|a, b| a >= b), "the oldest go: {fates:?}");
}

#[test]
fn forgetting_keeps_urls_known() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let (known, last) = {
        let store = Store::open(dir.path(), options()).unwrap();
        let writer = store.writer().unwrap();
        (writer.known(), writer.last_seq())
    };
    let retention = Retention { age: Some(Duration::ZERO), forget: true, ..Retention::default() };
    let done = compact(dir.path(), &retention);
    assert_eq!((done.forgotten, done.dropped, done.kept), (5, 0, 0), "{done:?}");
    for rebuilt in [false, true] {
        if rebuilt {
            Store::rebuild(dir.path(), options()).unwrap();
        }
        let store = Store::open(dir.path(), options()).unwrap();
        let left: Vec<_> = records(&store).iter().map(|record| record.url.to_string()).collect();
        assert_eq!(left, ["http://c/"], "a failure is kept: it says what is left to do");
        let writer = store.writer().unwrap();
        assert_eq!((writer.known(), writer.last_seq()), (known, last));
        // The pages are done, their links wait.
        let mut waiting: Vec<_> = pending_urls(&writer).into_iter().map(|(url, _)| url).collect();
        waiting.sort();
        assert_eq!(waiting, ["http://a/x", "http://a/y", "http://b/z", "http://c/"]);
    }
    let store = Store::open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    assert!(writer.admit(&[seed("http://a/"), seed("http://b/")]).unwrap().is_empty());
    commit(&store, &mut writer, vec![page(9, "http://a/", "again ".repeat(50))]);
    assert_eq!(store.get(&url("http://a/")).unwrap().unwrap().seq, last + 1);
}

/// The server says that a copy still holds which a compaction has dropped meanwhile.
#[test]
fn a_304_to_a_dropped_copy() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    compact(dir.path(), &Retention { age: Some(Duration::ZERO), ..Retention::default() });
    let store = Store::open(dir.path(), options()).unwrap();
    let copy = store.copy_of(&url("http://b/")).unwrap().unwrap();
    assert_eq!((copy.validators.etag, copy.validators.last_modified), (None, None));
    let mut writer = store.writer().unwrap();
    let asked = Validators { etag: Some("\"x\"".into()), last_modified: None, seq: 7 };
    let visit = page(20, "http://b/", "")
        .head(304, "HTTP/1.1 304 Not Modified\r\n\r\n")
        .asked(dragline_model::Purpose::Page, Some(asked));
    commit(&store, &mut writer, vec![visit]);
    let record = store.get(&url("http://b/")).unwrap().unwrap();
    assert_eq!((record.payload_of, store.payload(&record).unwrap().body.len()), (None, 0));
}

#[test]
fn damage_is_not_left_behind_unasked() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    let path = segments(dir.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let text = b"\"seq\":3,\"visit\":2";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let now = Timestamp(1_767_225_600_000);
    let mut retention = Retention { count: Some(1), ..Retention::default() };
    let error = Store::compact(dir.path(), options(), &retention, now, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("dragline fsck") && error.contains("--drop-damaged"), "{error}");
    assert_eq!(std::fs::read(&segments(dir.path())[0]).unwrap(), bytes, "nothing was changed");
    retention.drop_damaged = true;
    let done = Store::compact(dir.path(), options(), &retention, now, &mut |_| {}).unwrap();
    assert!(done.damaged_bytes > 0);
    assert_eq!(records(&Store::open(dir.path(), options()).unwrap()).len(), 5);
}

/// What says nothing of the page takes no copy's place, and stays.
#[test]
fn an_answer_in_vain_is_no_copy() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let mut writer = store.writer().unwrap();
        let busy = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
        let unchanged = "HTTP/1.1 304 Not Modified\r\n\r\n";
        let [old, new, kept, sorry] = ["old ", "new ", "kept ", "sorry "].map(|text| text.repeat(200));
        commit(&store, &mut writer, vec![page(1, "http://a/", old), page(2, "http://a/", new)]);
        commit(&store, &mut writer, vec![page(3, "http://b/", kept)]);
        let asked = Validators { etag: Some("\"x\"".into()), last_modified: None, seq: 3 };
        let again =
            page(4, "http://b/", "").head(304, unchanged).asked(dragline_model::Purpose::Page, Some(asked));
        commit(&store, &mut writer, vec![again]);
        let in_vain = ["http://a/", "http://b/"].into_iter().zip(5..);
        let in_vain = in_vain.map(|(url, n)| page(n, url, format!("{sorry}{n}")).head(503, busy));
        commit(&store, &mut writer, in_vain.collect());
    }
    let fates = |retention| {
        compact(dir.path(), &retention);
        let store = Store::open(dir.path(), options()).unwrap();
        (1..=6).map(|seq| gone(&store, seq)).collect::<Vec<_>>()
    };
    let by_count = Retention { count: Some(1), ..Retention::default() };
    assert_eq!(fates(by_count), [true, false, false, false, false, false]);
    let by_size = Retention { bytes: Some(1), ..Retention::default() };
    assert_eq!(fates(by_size)[4..], [false, false]);
    let by_age = Retention { age: Some(Duration::ZERO), ..Retention::default() };
    assert_eq!(fates(by_age)[4..], [false, false]);
}

/// The last record that was to be forgotten cannot be read: what was packed with it in mind is written all the same.
#[test]
fn what_is_forgotten_before_damage_stays_known() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    // So that the index has them all before they are damaged.
    Store::rebuild(dir.path(), options()).unwrap();
    let path = segments(dir.path()).remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let text = b"\"seq\":7,\"visit\":6";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let retention =
        Retention { age: Some(Duration::ZERO), forget: true, drop_damaged: true, ..Retention::default() };
    let now = Timestamp(1_767_225_600_000 + 86_400_000);
    Store::compact(dir.path(), options(), &retention, now, &mut |_| {}).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let mut waiting: Vec<_> = pending_urls(&writer).into_iter().map(|(url, _)| url).collect();
    waiting.sort();
    assert_eq!(waiting, ["http://a/x", "http://a/y", "http://b/z", "http://c/"]);
    assert!(writer.admit(&[seed("http://a/"), seed("http://b/")]).unwrap().is_empty());
}

#[test]
fn an_archive_with_nothing_whole_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    build(dir.path());
    // So that the index has them all before they are damaged.
    Store::rebuild(dir.path(), options()).unwrap();
    let path = segments(dir.path()).remove(0);
    let garbage = vec![0xa5; std::fs::metadata(&path).unwrap().len() as usize];
    std::fs::write(&path, &garbage).unwrap();
    let retention = Retention { count: Some(1), drop_damaged: true, ..Retention::default() };
    for _ in 0..2 {
        let done = Store::compact(dir.path(), options(), &retention, Timestamp(0), &mut |_| {});
        let error = done.unwrap_err().to_string();
        assert!(error.contains("nothing was changed") && !error.contains("fsck"), "{error}");
        assert!(!dir.path().join("archive/new").exists() && !dir.path().join("compaction").exists());
        assert!(std::fs::read(&path).unwrap() == garbage, "it stays as it was");
    }
}
