//! What a writer does when the disk or the index fails under it.

use std::{path::Path, time::Duration};

use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Visit,
    VisitId,
};

use super::*;
use crate::{DecodedFacts, Options, archive::tests::SmallDisk, groups::Groups, schema::Position};

fn options() -> Options {
    Options {
        index_memory: 4 << 20,
        segment_bytes: 4000,
        sync_every: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn parcel(store: &Store, n: u64) -> Arc<Parcel> {
    let url = CanonicalUrl::parse(&format!("http://a/{n}")).unwrap();
    let links = vec![Link::seed(CanonicalUrl::parse(&format!("http://a/{}", n + 1)).unwrap())];
    let outcome = if n.is_multiple_of(3) {
        Outcome::Failure(Failure::new(FailureKind::Dns, "no"))
    } else {
        Outcome::Page(Box::new(Page {
            status: 200,
            request: "GET / HTTP/1.1\r\n\r\n".into(),
            head: ResponseHead::new("HTTP/1.1 200 OK\r\n\r\n".into()),
            body: format!("{n} ").repeat(100).into(),
            truncated: None,
            peer: None,
            tls: None,
            timings: Timings::default(),
        }))
    };
    let visit = Visit::first(VisitId(n), url);
    let harvest = Harvest { links, ..Harvest::bare(visit, Timestamp(n), outcome) };
    Arc::new(store.sealer().seal(harvest, DecodedFacts::default()))
}

pub(crate) fn parcels(store: &Store, visits: std::ops::Range<u64>) -> Vec<Arc<Parcel>> {
    visits.map(|n| parcel(store, n)).collect()
}

pub(crate) fn seqs(store: &Store) -> Vec<(u64, u64)> {
    store
        .pages()
        .with_failures()
        .order(crate::Order::Url)
        .records()
        .unwrap()
        .map(|r| r.map(|r| (r.visit.0, r.seq)).unwrap())
        .collect()
}

fn small_disk(dir: &Path) -> (Arc<SmallDisk>, Store) {
    let disk = Arc::new(SmallDisk { left: u64::MAX.into(), ..Default::default() });
    let store = Store::on_disk(dir, options(), disk.clone()).unwrap();
    (disk, store)
}

#[test]
fn a_full_disk_is_waited_out() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = small_disk(dir.path());
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 1..4)).unwrap();
    let batch = parcels(&store, 4..20);
    let before = (seqs(&store), store.facts().unwrap(), writer.known());
    for left in [0, 1, 500, 3000, 9000] {
        disk.left.store(left, Ordering::SeqCst);
        assert!(writer.commit(&batch).unwrap_err().is_disk_full());
        assert_eq!((seqs(&store), store.facts().unwrap(), writer.known()), before);
        let there: u64 =
            crate::archive::segments(&store.archive_dir()).unwrap().iter().map(|s| s.bytes).sum();
        assert_eq!(there, store.stats().unwrap().archive_bytes);
    }
    // Another writer sees exactly what was committed, and goes on.
    drop(writer);
    let mut writer = store.writer().unwrap();
    assert!(writer.recovered().is_clean());
    disk.left.store(u64::MAX, Ordering::SeqCst);
    let receipts = writer.commit(&batch).unwrap();
    assert!(receipts.iter().all(|r| r.new_links.len() == 1), "{receipts:?}");
    assert_eq!(receipts.iter().map(|r| r.seq).collect::<Vec<_>>(), (4..20).collect::<Vec<_>>());
    drop((writer, store));
    assert_eq!(Store::rebuild(dir.path(), options()).unwrap().records, 19);
}

#[test]
fn a_cut_that_fails_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = small_disk(dir.path());
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 1..3)).unwrap();
    disk.left.store(300, Ordering::SeqCst);
    disk.cut_fails.store(true, Ordering::SeqCst);
    assert!(writer.commit(&parcels(&store, 3..5)).unwrap_err().is_disk_full());
    disk.left.store(u64::MAX, Ordering::SeqCst);
    // Nothing may be appended behind the torn group.
    assert!(matches!(writer.commit(&parcels(&store, 3..5)), Err(StoreError::Io { action: "cut", .. })));
    disk.cut_fails.store(false, Ordering::SeqCst);
    assert_eq!(writer.commit(&parcels(&store, 3..5)).unwrap()[0].seq, 3);
    drop((writer, store));
    let recovery = Store::rebuild(dir.path(), options()).unwrap();
    assert_eq!((recovery.records, recovery.bytes_cut, recovery.damaged_bytes), (4, 0, 0));
}

#[test]
fn what_cannot_be_synced_stops_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = small_disk(dir.path());
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 1..3)).unwrap();
    disk.sync_fails.store(true, Ordering::SeqCst);
    assert!(matches!(writer.sync(), Err(StoreError::NotDurable { .. })));
    disk.sync_fails.store(false, Ordering::SeqCst);
    assert!(matches!(writer.commit(&parcels(&store, 3..4)), Err(StoreError::NotDurable { .. })));
    drop(writer);
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 3..4)).unwrap();
    writer.sync().unwrap();
}

/// sled gives up with commits that are written, and with some that are held back.
#[test]
fn an_index_that_gave_up_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = small_disk(dir.path());
    let mut writer = store.writer().unwrap();
    writer.commit(&parcels(&store, 1..4)).unwrap();
    store.shared.tree.write_held().unwrap();
    writer.commit(&parcels(&store, 4..6)).unwrap();
    store.shared.tree.give_up();

    writer.commit(&parcels(&store, 6..8)).unwrap();
    assert_eq!(seqs(&store), (1..8).map(|n| (n, n)).collect::<Vec<_>>());
    assert_eq!(store.facts().unwrap().failures, 2);
    store.shared.tree.give_up();
    drop(writer);
    assert_eq!(store.writer().unwrap().known(), 8);
}

/// A record is there for every reader from its commit on, whether sled has it yet or not.
#[test]
fn what_is_held_back_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = small_disk(dir.path());
    let mut writer = store.writer().unwrap();
    for n in 1..9 {
        writer.commit(&parcels(&store, n..n + 1)).unwrap();
        assert_eq!(store.last_seq().unwrap(), n);
        assert_eq!(store.record(n).unwrap().unwrap().visit, VisitId(n));
        if n.is_multiple_of(2) {
            assert_eq!(seqs(&store), (1..=n).map(|n| (n, n)).collect::<Vec<_>>());
        }
        assert_eq!(store.record(1).unwrap().unwrap().visit, VisitId(1));
    }
}

#[test]
fn a_hole_in_the_index_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = small_disk(dir.path());
    store.writer().unwrap().commit(&parcels(&store, 1..6)).unwrap();
    let mut state = store.shared.index.state().unwrap();
    state.entries += 1;
    store.shared.tree.hold(Draft::default(), &state);
    let error = store.writer().unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { .. }) && error.to_string().contains("5 records of 6"),
        "{error}"
    );
    drop(store);
    Store::rebuild(dir.path(), options()).unwrap();
    Store::open(dir.path(), options()).unwrap().writer().unwrap();
}

/// The walk alone, at every byte: the index would take too long.
#[test]
fn every_torn_end_is_cut_at_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let large = Options { segment_bytes: 1 << 30, ..options() };
    let store = Store::create_or_open(dir.path(), large).unwrap();
    let mut writer = store.writer().unwrap();
    let mut ends = Vec::new();
    for n in 1..9 {
        writer.commit(&[parcel(&store, n)]).unwrap();
        ends.push(writer.archive.cursor().offset);
    }
    let path = crate::archive::segment_path(&store.archive_dir(), 0);
    let whole = std::fs::read(&path).unwrap();
    let torn = tempfile::tempdir().unwrap();
    // The last four groups, as after a kill with an index that knew the others.
    let from = Position { segment: 0, offset: ends[3] };
    for bytes in ends[3] as usize..=whole.len() {
        std::fs::write(crate::archive::segment_path(torn.path(), 0), &whole[..bytes]).unwrap();
        let mut groups = Groups::new(torn.path(), store.shared.home.mark, from).unwrap();
        let mut found = 4;
        while groups.next().unwrap().is_some() {
            found += 1;
        }
        let want = ends.iter().filter(|end| **end <= bytes as u64).count();
        assert_eq!(found, want, "{bytes} bytes");
        assert_eq!(groups.reached().offset + groups.torn_bytes, bytes as u64);
        assert_eq!(groups.damaged_bytes, 0, "{bytes} bytes");
        assert_eq!(groups.reached().offset, ends[want - 1], "{bytes} bytes");
    }
}

#[test]
fn links_of_too_many_bytes_are_cut() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let url = |path: &str| CanonicalUrl::parse(&format!("http://a/{path}")).unwrap();
    let link = Link::seed(url(&"x".repeat(8000)));
    let failure = Outcome::Failure(Failure::new(FailureKind::Dns, "no"));
    let sealed = |links| {
        let visit = Visit::first(VisitId(1), url(""));
        let harvest = Harvest { links, ..Harvest::bare(visit, Timestamp(1), failure.clone()) };
        store.sealer().seal(harvest, DecodedFacts::default())
    };
    let parcel = sealed(vec![link.clone(); 2000]);
    assert_eq!((parcel.links.len(), &parcel.record.extract_error), (2000, &None));
    let parcel = sealed(vec![link.clone(); 3000]);
    let bytes = parcel.links.len() * link.url.as_str().len();
    assert!((15 << 20..=16 << 20).contains(&bytes), "{bytes}");
    let said = format!("{} links beyond 16 MiB of them were left out", 3000 - parcel.links.len());
    assert_eq!(parcel.record.extract_error, Some(said));
}
