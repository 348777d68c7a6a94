//! Killed at any moment of a compaction, a store is the old one or the new one.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

use std::{fs, path::Path, sync::Arc};

use dragline_model::{Harvest, Link, Outcome, Page, ResponseHead, Timestamp, Timings, Visit, VisitId};

use super::*;
use crate::{CheckOptions, DecodedFacts, Parcel};

fn options() -> Options {
    Options { index_memory: 4 << 20, segment_bytes: 6000, ..Options::default() }
}

fn parcel(store: &Store, n: u64) -> Arc<Parcel> {
    let url = |n: u64| CanonicalUrl::parse(&format!("http://a/{n}")).unwrap();
    let page = Page {
        status: 200,
        request: "GET / HTTP/1.1\r\n\r\n".into(),
        head: ResponseHead::new("HTTP/1.1 200 OK\r\n\r\n".into()),
        // Every fifth has the payload of the first.
        body: format!("{} ", if n.is_multiple_of(5) { 0 } else { n }).repeat(100).into(),
        truncated: None,
        peer: None,
        tls: None,
        timings: Timings::default(),
    };
    let links = vec![Link::seed(url(1000 + n))];
    let visit = Visit::first(VisitId(n), url(n % 20));
    let harvest =
        Harvest { links, ..Harvest::bare(visit, Timestamp(1000 * n), Outcome::Page(Box::new(page))) };
    Arc::new(store.sealer().seal(harvest, DecodedFacts::default()))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A record, and its body or why there is none.
type Told = (Record, Result<Vec<u8>, String>);

/// Everything there is to be known: records, what waits, how much is known, the last number.
fn answers(store: &Store) -> (Vec<Told>, Vec<String>, u64, u64) {
    let body = |record: &Record| {
        store.payload(record).map(|payload| payload.body.to_vec()).map_err(|error| error.to_string())
    };
    let records = store.pages().records().unwrap().map(Result::unwrap);
    let records = records.map(|record| (record.clone(), body(&record))).collect();
    let writer = store.writer().unwrap();
    let mut pending = Vec::new();
    writer.pending(|_, _| true, |it| pending.push(it.link.url.to_string())).unwrap();
    pending.sort();
    let (known, last) = (writer.known(), writer.last_seq());
    (records, pending, known, last)
}

#[test]
fn killed_at_any_moment() {
    for forget in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        {
            let store = Store::create_or_open(dir.path(), options()).unwrap();
            let mut writer = store.writer().unwrap();
            for n in 0..40 {
                writer.commit(&[parcel(&store, n)]).unwrap();
            }
            writer.sync().unwrap();
        }
        let old = answers(&Store::open(dir.path(), options()).unwrap());
        let retention = Retention { count: Some(1), forget, ..Retention::default() };
        let mut kills = Vec::new();
        let mut at = |moment| {
            let killed = tempfile::tempdir().unwrap();
            copy(dir.path(), killed.path());
            kills.push((moment, killed));
        };
        let done = compact(dir.path(), options(), &retention, Timestamp(0), &mut |_| {}, &mut at).unwrap();
        let new = answers(&Store::open(dir.path(), options()).unwrap());
        assert!(done.bytes_after < done.bytes_before * 3 / 4, "{done:?}");
        assert_ne!(old.0, new.0);
        assert_eq!(
            (&old.1, old.2, old.3),
            (&new.1, new.2, new.3),
            "what waits, what is known, where it ends"
        );
        assert!(kills.len() > 10, "{} moments", kills.len());

        for (moment, killed) in kills {
            let is_new = !matches!(moment, Moment::Begun | Moment::Written);
            let should = if is_new { &new } else { &old };
            // The finishing is interrupted too, at each of its own moments.
            let mut nested = Vec::new();
            let store = Store::open_after_swap(killed.path(), options(), &mut |inner| {
                if moment == Moment::Committed {
                    let again = tempfile::tempdir().unwrap();
                    copy(killed.path(), again.path());
                    nested.push((inner, again));
                }
            })
            .unwrap();
            assert_eq!(&answers(&store), should, "{moment:?}");
            drop(store);
            assert!(
                !killed.path().join("archive/new").exists() && !killed.path().join("compaction").exists()
            );
            let sound = Store::check(killed.path(), &CheckOptions::default(), &mut |_| {}).unwrap();
            assert!(sound.is_sound(), "{moment:?}: {sound:?}");
            for (inner, again) in nested.into_iter().step_by(3) {
                let store = Store::open(again.path(), options()).unwrap();
                assert_eq!(&answers(&store), should, "{moment:?}, then {inner:?}");
            }
        }
    }
}

#[test]
fn a_file_that_is_missing_is_not_taken_for_a_smaller_archive() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    store.writer().unwrap().commit(&[parcel(&store, 1)]).unwrap();
    drop(store);
    let killed = tempfile::tempdir().unwrap();
    let mut at = |moment| {
        if moment == Moment::Committed {
            copy(dir.path(), killed.path());
        }
    };
    let retention = Retention { count: Some(0), ..Retention::default() };
    compact(dir.path(), options(), &retention, Timestamp(0), &mut |_| {}, &mut at).unwrap();
    fs::remove_file(killed.path().join("archive/new/dragline-00001.warc.gz")).unwrap();
    let error = Store::open(killed.path(), options()).unwrap_err().to_string();
    assert!(error.contains("dragline-00001.warc.gz"), "{error}");
    assert!(killed.path().join("archive/dragline-00000.warc.gz").exists(), "the old one stays");
}
