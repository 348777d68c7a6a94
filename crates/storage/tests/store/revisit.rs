//! Looking at pages again: what a 304 is kept as, what is remembered of looks, and what is handed out for the next.

use std::{collections::BTreeMap, fs};

use dragline_model::{FailureKind, Purpose, Receipt, Timestamp, Validators};
use dragline_storage::{KeptCopy, Record, Standing, Store};
use proptest::prelude::*;

use crate::{warc::read, world::*};

const PAGE: &str = "http://a/";
const FIRST: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: br\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n";

/// A page of a hundred bytes, looked at once.
fn first(store: &Store) -> KeptCopy {
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed(PAGE)]).unwrap();
    let visit = page(1, PAGE, "x".repeat(100)).head(200, FIRST).via("http://b/");
    commit(store, &mut writer, vec![visit]);
    copy_of(store, PAGE)
}

fn copy_of(store: &Store, address: &str) -> KeptCopy {
    store.copy_of(&url(address)).unwrap().unwrap()
}

/// Looks at a page again, with the copy that is kept of it.
fn look(store: &Store, visit: Visited) -> (Record, Receipt) {
    let address = visit.url().clone();
    let copy = store.copy_of(&address).unwrap().map(|copy| copy.validators);
    let mut writer = store.writer().unwrap();
    let receipt = commit(store, &mut writer, vec![visit.asked(Purpose::Page, copy)]).remove(0);
    (store.record(receipt.seq).unwrap().unwrap(), receipt)
}

fn not_modified(visit: u64, address: &str, fields: &str) -> Visited {
    page(visit, address, "").head(304, &format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n"))
}

#[test]
fn a_304_stands_for_the_copy() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let first = first(&store);
    let original = store.record(first.validators.seq).unwrap().unwrap();
    assert_eq!((first.steady, first.changed_at, first.is_gone), (0, first.fetched_at, false));
    assert_eq!(first.validators.etag.as_deref(), Some("\"1\""));
    assert_eq!((first.link.depth, first.via.as_ref().map(|via| via.as_str())), (1, Some("http://b/")));

    let (second, receipt) = look(&store, not_modified(2, PAGE, ""));
    assert!(receipt.is_repeat);
    assert_eq!((second.status, second.copy, second.payload_of), (Some(304), Some(2), Some(2)));
    assert_eq!((&second.digest, &second.mime), (&original.digest, &original.mime));
    assert_eq!((&second.etag, &second.last_modified), (&original.etag, &original.last_modified));
    assert_eq!((second.bytes, second.size), (0, 0), "nothing came");
    assert_eq!((second.steady, second.changed_at), (1, Some(original.fetched_at)));
    let payload = store.payload(&second).unwrap();
    assert_eq!(payload.body, "x".repeat(100));
    assert!(payload.head.as_bytes().starts_with(b"HTTP/1.1 304"));
    assert_eq!(payload.body_head.content_encoding().as_deref(), Some("br"));
    assert!(payload.request.starts_with(b"GET / HTTP/1.1\r\n"));

    // What it says anew counts from now on, and the payload is the first one's still.
    let (third, _) = look(&store, not_modified(3, PAGE, "ETag: \"2\"\r\nContent-Type: text/x\r\n"));
    assert_eq!((third.copy, third.payload_of, third.steady), (Some(3), Some(2), 2));
    assert_eq!((third.etag.as_deref(), third.mime.as_deref()), (Some("\"2\""), Some("text/x")));
    assert_eq!(third.last_modified, original.last_modified);
    assert_eq!(store.payload(&third).unwrap().body, "x".repeat(100));

    // A server that sends it all again says the same by that.
    let (fourth, _) = look(&store, page(4, PAGE, "x".repeat(100)));
    assert_eq!((fourth.status, fourth.payload_of, fourth.steady), (Some(200), Some(2), 3));
    assert_eq!(fourth.changed_at, Some(original.fetched_at));
    let (fifth, receipt) = look(&store, page(5, PAGE, "y"));
    assert_eq!((fifth.steady, fifth.changed_at, receipt.is_repeat), (0, None, false));
    let (sixth, _) = look(&store, not_modified(6, PAGE, ""));
    assert_eq!((sixth.payload_of, sixth.changed_at), (Some(6), Some(fifth.fetched_at)));
    assert_eq!(store.payload(&sixth).unwrap().body, "y");

    let totals = store.facts().unwrap();
    assert_eq!((totals.responses, totals.pages, totals.unchanged, totals.revisits), (6, 3, 3, 4));
    let before = answers(&store);
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert_eq!(answers(&Store::open(dir.path(), options()).unwrap()), before);
}

/// WARC 1.1 §6.7.3, as another reader sees it.
#[test]
fn a_304_is_a_revisit_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    first(&store);
    look(&store, not_modified(2, PAGE, "ETag: \"1\"\r\n"));
    drop(store);
    let records = read(&segments(dir.path())[0]);
    let types: Vec<_> = records.iter().map(|r| r.get("WARC-Type")).collect();
    assert_eq!(types.join(" "), "warcinfo metadata response request metadata revisit request metadata");
    let (response, revisit, request) = (&records[2], &records[5], &records[6]);
    assert_eq!(revisit.get("WARC-Profile"), "http://netpreserve.org/warc/1.1/revisit/server-not-modified");
    assert_eq!(revisit.get("WARC-Target-URI"), PAGE);
    assert_eq!(revisit.get("WARC-Refers-To"), response.get("WARC-Record-ID"));
    assert_eq!(revisit.get("WARC-Refers-To-Target-URI"), PAGE);
    assert_eq!(revisit.get("WARC-Refers-To-Date"), response.get("WARC-Date"));
    assert_eq!(revisit.get("WARC-Payload-Digest"), response.get("WARC-Payload-Digest"));
    assert_eq!(revisit.block, b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n");
    assert_eq!(request.get("WARC-Concurrent-To"), revisit.get("WARC-Record-ID"));
}

/// Nothing is made up where there is no copy: the answer stands for itself.
#[test]
fn a_304_without_a_copy_is_a_response() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    first(&store);
    let lost = Validators { etag: Some("\"7\"".into()), last_modified: None, seq: 77 };
    // A copy that is another URL's is none, either.
    let other = Validators { seq: 2, ..lost.clone() };
    let mut writer = store.writer().unwrap();
    let visits = vec![
        not_modified(2, PAGE, ""),
        not_modified(3, PAGE, "").asked(Purpose::Page, Some(lost)),
        not_modified(4, "http://a/other", "").asked(Purpose::Page, Some(other)),
    ];
    let receipts = commit(&store, &mut writer, visits);
    for receipt in receipts {
        let record = store.record(receipt.seq).unwrap().unwrap();
        assert_eq!((record.status, record.payload_of, record.steady), (Some(304), None, 0));
        assert_eq!(store.payload(&record).unwrap().body, "");
        assert!(!receipt.is_repeat);
    }
    assert_eq!(store.facts().unwrap().unchanged, 0);
    drop((writer, store));
    let types = read(&segments(dir.path())[0]);
    assert_eq!(types.iter().filter(|r| r.get("WARC-Type") == "response").count(), 4);
    assert!(Store::rebuild(dir.path(), options()).unwrap().damaged_places == 0);
}

#[test]
fn a_page_that_is_gone_stays_gone_and_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    first(&store);
    let gone = |visit, body: &'static str| page(visit, PAGE, body).head(404, "HTTP/1.1 404 no\r\n\r\n");
    let (record, _) = look(&store, gone(2, "no"));
    assert_eq!((record.steady, copy_of(&store, PAGE).is_gone), (0, true));
    // Pages that say so often say when.
    let (record, _) = look(&store, gone(3, "no, at noon"));
    assert_eq!(record.steady, 1);
    let (record, _) = look(&store, page(4, PAGE, "x".repeat(100)));
    assert_eq!((record.steady, copy_of(&store, PAGE).is_gone), (0, false));
}

/// A look that says nothing of the page is no look at it.
#[test]
fn a_look_in_vain_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let first = first(&store);
    look(&store, page(2, PAGE, "busy").head(503, "HTTP/1.1 503 no\r\n\r\n"));
    let (failed, _) = look(&store, failure(3, PAGE, FailureKind::HeadTimeout));
    assert_eq!((failed.copy, failed.steady), (Some(first.validators.seq), 0));
    let copy = copy_of(&store, PAGE);
    assert_eq!(copy, KeptCopy { tried_at: Some(failed.fetched_at), ..first });
    let (record, _) = look(&store, not_modified(4, PAGE, ""));
    assert_eq!((record.steady, copy_of(&store, PAGE).tried_at), (1, None));
}

#[test]
fn every_page_is_handed_out_once_as_it_was_last_seen() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let found = |visit, address: &str, status: u16| {
        page(visit, address, format!("{status}")).head(status, &format!("HTTP/1.1 {status} x\r\n\r\n"))
    };
    writer.admit(&[seed("http://a/"), seed("http://a/never")]).unwrap();
    let visits = vec![
        found(1, "http://a/", 200),
        found(2, "http://a/moved", 200),
        found(3, "http://a/gone", 410),
        found(4, "http://a/busy", 503),
        found(5, "http://a/secret", 403),
        found(6, "http://a/robots.txt", 200).asked(Purpose::Robots, None),
        found(7, "http://a/sitemap.xml", 200).asked(Purpose::Sitemap, None),
        found(8, "http://a/moved", 301),
        found(9, "http://a/", 200).attempt(2),
        found(10, "http://a/", 404).asked(Purpose::Robots, None),
        failure(11, "http://a/dead", FailureKind::Dns),
        failure(12, "http://a/gone", FailureKind::Connect),
        found(13, "http://a/gone", 500),
        found(14, "http://a/late", 204).via("http://a/"),
    ];
    commit(&store, &mut writer, visits);

    let mut handed = Vec::new();
    store.revisits(|copy| handed.push(copy)).unwrap();
    let told: Vec<_> =
        handed.iter().map(|c| (c.link.url.as_str(), c.validators.seq - 1, c.is_gone)).collect();
    assert_eq!(told, [("http://a/late", 14, false), ("http://a/", 9, false), ("http://a/gone", 3, true)]);
    let of_13 = records(&store)[12].fetched_at;
    assert_eq!(handed.iter().map(|c| c.tried_at).collect::<Vec<_>>(), [None, None, Some(of_13)]);
    let by_url: BTreeMap<_, _> = handed.into_iter().map(|c| (c.link.url.clone(), c)).collect();
    for record in records(&store) {
        let want = by_url.get(&record.url).cloned();
        assert_eq!(store.copy_of(&record.url).unwrap(), want, "{}", record.url);
    }
    assert_eq!(store.copy_of(&url("http://a/never")).unwrap(), None);
}

#[test]
fn what_a_status_says_of_a_page() {
    for (status, want) in [
        (None, None),
        (Some(200), Some(Standing::There)),
        (Some(206), Some(Standing::There)),
        (Some(304), Some(Standing::There)),
        (Some(301), Some(Standing::Else)),
        (Some(401), Some(Standing::Else)),
        (Some(404), Some(Standing::Gone)),
        (Some(410), Some(Standing::Gone)),
        (Some(408), None),
        (Some(429), None),
        (Some(500), None),
        (Some(999), None),
    ] {
        assert_eq!(Standing::of(status), want, "{status:?}");
    }
}

/// A record of before there were any of these.
#[test]
fn old_records_are_looked_at_again_too() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    copy(&fixture, dir.path());
    let store = Store::open(dir.path(), options()).unwrap();
    let mut handed = Vec::new();
    store.revisits(|copy| handed.push((copy.link.url.to_string(), copy.validators))).unwrap();
    let bare = |seq| Validators { etag: None, last_modified: None, seq };
    let want = [("http://a.example/b".to_owned(), bare(3)), ("http://a.example/".to_owned(), bare(2))];
    assert_eq!(handed, want);
    let (record, _) = look(&store, page(9, "http://a.example/", "<a href=/b>".repeat(20)));
    assert_eq!((record.steady, record.changed_at), (1, Some(Timestamp(1_767_225_660_000))));
}

/// What a look may bring.
#[derive(Debug, Clone, Copy)]
enum Brings {
    Body(u8),
    NotModified,
    Gone,
    Moved,
    Busy,
    Nothing,
    Rules,
}

/// What is to be known of a page after its looks.
#[derive(Debug, Clone, Copy)]
struct Model {
    standing: Standing,
    body: Option<u8>,
    steady: u8,
    seq: u64,
    fetched_at: Timestamp,
    changed_at: Timestamp,
    tried_at: Option<Timestamp>,
}

impl Model {
    /// What was handed out must be.
    fn handed(&self, copy: &KeptCopy) -> bool {
        let times = (copy.fetched_at, copy.changed_at, copy.tried_at);
        times == (self.fetched_at, self.changed_at, self.tried_at)
            && (copy.validators.seq, copy.steady) == (self.seq, self.steady)
            && copy.is_gone == (self.standing == Standing::Gone)
    }
}

fn looks() -> impl Strategy<Value = Vec<(u8, Brings)>> {
    let brings = prop_oneof![
        3 => (0u8..2).prop_map(Brings::Body),
        3 => Just(Brings::NotModified),
        1 => Just(Brings::Gone),
        1 => Just(Brings::Moved),
        1 => Just(Brings::Busy),
        1 => Just(Brings::Nothing),
        1 => Just(Brings::Rules),
    ];
    prop::collection::vec((0u8..3, brings), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever looks bring: what is handed out for the next is what the last that counts found, every payload can be
    /// had, and the archive alone says the same.
    #[test]
    fn what_is_remembered_follows_from_the_looks(looks in looks()) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let mut writer = store.writer().unwrap();
        let mut model: BTreeMap<String, Model> = BTreeMap::new();
        for (at, (n, brings)) in looks.into_iter().enumerate() {
            let (visit, address) = (at as u64 + 1, format!("http://a/{n}"));
            let before = model.get(&address).copied();
            let body = |n: u8| format!("{n}").repeat(100);
            let status = |status: u16| page(visit, &address, "x").head(status, &format!("HTTP/1.1 {status} x\r\n\r\n"));
            let (looked, standing, found) = match brings {
                Brings::Body(n) => (page(visit, &address, body(n)), Some(Standing::There), Some(n)),
                Brings::NotModified => {
                    let kept = before.and_then(|it| it.body);
                    (not_modified(visit, &address, ""), Some(Standing::There), kept)
                }
                Brings::Gone => (status(410), Some(Standing::Gone), None),
                Brings::Moved => (status(301), Some(Standing::Else), None),
                Brings::Busy => (status(503), None, None),
                Brings::Nothing => (failure(visit, &address, FailureKind::Connect), None, None),
                Brings::Rules => (page(visit, &address, "Allow:"), None, None),
            };
            let copy = store.copy_of(&url(&address)).unwrap();
            // A server that is asked without a copy has nothing to compare with, and one whose page is gone does not.
            if matches!(brings, Brings::NotModified) && copy.as_ref().is_none_or(|copy| copy.is_gone) {
                continue;
            }
            let purpose = if matches!(brings, Brings::Rules) { Purpose::Robots } else { Purpose::Page };
            let looked = looked.asked(purpose, copy.map(|copy| copy.validators));
            let receipt = commit(&store, &mut writer, vec![looked]).remove(0);
            let now = receipt.fetched_at;
            match (standing, before) {
                _ if purpose == Purpose::Robots => {}
                (None, Some(it)) => {
                    model.insert(address.clone(), Model { tried_at: Some(now), ..it });
                }
                (None, None) => {}
                (Some(standing), before) => {
                    let same = before.filter(|it| it.standing == standing && it.body == found && standing != Standing::Else);
                    let (steady, changed_at) = same.map_or((0, now), |it| (it.steady + 1, it.changed_at));
                    let tried_at = None;
                    let it = Model { standing, body: found, steady, seq: receipt.seq, fetched_at: now, changed_at, tried_at };
                    model.insert(address.clone(), it);
                }
            }
            if let (Brings::Body(_) | Brings::NotModified, Some(n)) = (brings, found) {
                let record = store.record(receipt.seq).unwrap().unwrap();
                prop_assert_eq!(&store.payload(&record).unwrap().body, &body(n));
            }
        }
        let check = |store: &Store| {
            let mut handed = BTreeMap::new();
            store.revisits(|copy| assert!(handed.insert(copy.link.url.to_string(), copy).is_none())).unwrap();
            let want = model.iter().filter(|(_, it)| it.standing != Standing::Else);
            prop_assert_eq!(handed.len(), want.clone().count());
            for (address, it) in want {
                prop_assert!(it.handed(&handed[address]), "{}: {:?} is not {:?}", address, handed[address], it);
                prop_assert_eq!(&copy_of(store, address), &handed[address]);
            }
            Ok(())
        };
        check(&store)?;
        let before = answers(&store);
        drop((writer, store));
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        let store = Store::open(dir.path(), options()).unwrap();
        prop_assert_eq!(answers(&store), before);
        check(&store)?;
    }
}
