//! An index made anew: with progress, and gone on with after a kill.

use std::path::Path;

use dragline_model::FailureKind;
use dragline_storage::{Options, Replaying, Store};

use crate::world::*;

/// More than an interrupted rebuild may have to do again.
const RECORDS: u64 = 20_000;

fn many(dir: &Path) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    for from in (0..RECORDS).step_by(1000) {
        let visits = (from..from + 1000).map(|n| failure(n, &format!("http://a/{n}"), FailureKind::Dns));
        commit(&store, &mut writer, visits.collect());
    }
}

#[test]
fn a_rebuild_that_was_killed_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    many(dir.path());
    let mut killed = Vec::new();
    let mut told = Vec::new();
    let recovery = Store::rebuild_telling(dir.path(), options(), &mut |now| {
        told.push(now);
        if told.len() % 12 == 0 {
            let kill = tempfile::tempdir().unwrap();
            copy(dir.path(), kill.path());
            killed.push((now, kill));
        }
    })
    .unwrap();
    assert_eq!(recovery.records, RECORDS);
    assert!(told.is_sorted_by_key(|now| (now.records, now.bytes)), "{told:?}");
    let last = told.last().unwrap();
    assert_eq!((last.records, last.before, last.bytes), (RECORDS, 0, last.bytes_in_all));

    let mut gone_on = 0;
    for (nth, (at, dir)) in killed.iter().enumerate() {
        let mut first = None;
        // By a rebuild or by opening, whichever comes.
        let done = if nth % 2 == 0 {
            let mut told = |now: Replaying| {
                first.get_or_insert(now);
            };
            Store::rebuild_telling(dir.path(), options(), &mut told).unwrap().records
        } else {
            Store::open(dir.path(), options()).unwrap().recovered().records
        };
        // What was decoded and not yet brought to the disk is done again, no more.
        assert!(done <= RECORDS - at.records + 9_000, "{done} behind {at:?}");
        gone_on += u64::from(done < RECORDS);
        assert_eq!(first.map_or(RECORDS - done, |now| now.before), RECORDS - done);
        let store = Store::open(dir.path(), options()).unwrap();
        assert!(store.recovered().is_clean());
        assert_eq!(records(&store).len() as u64, RECORDS);
        assert!(!dir.path().join("rebuilding").exists() && !dir.path().join("index.old").exists());
        drop(store);
        assert_eq!(
            Store::rebuild(dir.path(), options()).unwrap().records,
            RECORDS,
            "a whole one begins anew"
        );
    }
    assert!(gone_on >= 2, "{gone_on} of {}", killed.len());
}

/// The index that is on its way ends far from where the archive was last written: damage behind it is no torn end.
#[test]
fn a_rebuild_that_goes_on_cuts_nothing_off() {
    let options = || Options { segment_bytes: 1 << 30, ..options() };
    let dir = tempfile::tempdir().unwrap();
    let mut killed = None;
    {
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let mut writer = store.writer().unwrap();
        for from in (0..RECORDS).step_by(1000) {
            let visits = (from..from + 1000).map(|n| failure(n, &format!("http://a/{n}"), FailureKind::Dns));
            commit(&store, &mut writer, visits.collect());
        }
    }
    // As a killed writer leaves it.
    let finished = segments(dir.path()).remove(0);
    let open = dir.path().join("archive/dragline-00000.warc.gz.open");
    std::fs::rename(&finished, &open).unwrap();
    let mut bytes = std::fs::read(&open).unwrap();
    let at = bytes.len() * 7 / 10;
    bytes[at] ^= 1;
    std::fs::write(&open, &bytes).unwrap();
    Store::rebuild_telling(dir.path(), options(), &mut |now| {
        // What comes before it is on the disk by then.
        if killed.is_none() && now.records > 9000 {
            let kill = tempfile::tempdir().unwrap();
            copy(dir.path(), kill.path());
            killed = Some(kill);
        }
    })
    .unwrap();
    for opened in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        copy(killed.as_ref().unwrap().path(), dir.path());
        let recovery = match opened {
            true => Store::open(dir.path(), options()).unwrap().recovered(),
            false => Store::rebuild(dir.path(), options()).unwrap(),
        };
        assert!(recovery.records < RECORDS, "it went on: {recovery:?}");
        assert_eq!((recovery.bytes_cut, recovery.damaged_places), (0, 1), "{recovery:?}");
        assert_eq!(records(&Store::open(dir.path(), options()).unwrap()).len() as u64, RECORDS - 1);
    }
}
