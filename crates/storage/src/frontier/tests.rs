//! What a frontier's directory gives is what the records give, whatever became of its files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Fingerprint, Harvest, Link, Outcome, Page, Receipt, ResponseHead,
    Timestamp, Timings, Visit, VisitId,
};
use proptest::prelude::*;

use crate::{
    DecodedFacts, Options, Parcel, Replayed, Store, StoreError,
    archive::tests::SmallDisk,
    frontier::{behind::WORDS_MAX, log::Words},
    known::{self, Known, Loaded},
    schema::frontier::{FILE_HEADER_BYTES, FileHeader, KNOWN_MAGIC},
};

fn options() -> Options {
    Options {
        index_memory: 4 << 20,
        segment_bytes: 4000,
        sync_every: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn url(n: u64) -> CanonicalUrl {
    CanonicalUrl::parse(&format!("http://h{}/{n}", n % 3)).unwrap()
}

/// A visit to URL `n` that brings these links. Every third fails; of the others every fifth has a body that others
/// have too.
fn parcel(store: &Store, visit: u64, n: u64, links: &[u64]) -> Arc<Parcel> {
    let outcome = if visit.is_multiple_of(3) {
        Outcome::Failure(Failure::new(FailureKind::Dns, "no"))
    } else {
        let body = if visit.is_multiple_of(5) { 0 } else { n };
        Outcome::Page(Box::new(Page {
            status: 200,
            request: "GET / HTTP/1.1\r\n\r\n".into(),
            head: ResponseHead::new("HTTP/1.1 200 OK\r\n\r\n".into()),
            body: format!("{body} ").repeat(40).into(),
            truncated: None,
            peer: None,
            tls: None,
            timings: Timings { first_byte: Some(Duration::from_micros(visit)), ..Timings::default() },
        }))
    };
    let links = links.iter().map(|n| Link { depth: 1, ..Link::seed(url(*n)) }).collect();
    let harvest =
        Harvest { links, ..Harvest::bare(Visit::first(VisitId(visit), url(n)), Timestamp(visit), outcome) };
    Arc::new(store.sealer().seal(harvest, DecodedFacts::default()))
}

/// Everything that is known, to be compared.
type Sets = (BTreeSet<u64>, BTreeMap<u64, u64>);

fn sets(known: &Known) -> Sets {
    (known.urls.iter().map(Fingerprint::bits).collect(), known.payloads().collect())
}

fn known_file(store: &Store) -> PathBuf {
    store.shared.frontier.dir.join("known")
}

/// What the files give, and how many records had to be read for it.
fn from_files(store: &Store) -> (Sets, u64) {
    let Loaded { known, records_read, .. } = known::load(&store.shared).unwrap();
    (sets(&known), records_read)
}

/// What the records alone give: the known log is out of the way meanwhile.
fn from_records(store: &Store) -> Sets {
    let (path, aside) = (known_file(store), known_file(store).with_extension("aside"));
    let there = fs::rename(&path, &aside).is_ok();
    let (sets, read) = from_files(store);
    assert_eq!(read, store.shared.index.state().unwrap().entries);
    if there {
        fs::rename(aside, path).unwrap();
    }
    sets
}

/// A store with a known log of four frames and three records behind it, made with the disk at hand.
fn four_frames(dir: &Path) -> (Arc<SmallDisk>, Store) {
    let disk = Arc::new(SmallDisk { left: u64::MAX.into(), ..Default::default() });
    let store = Store::on_disk(dir, options(), disk.clone()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[Link::seed(url(0))]).unwrap();
    for n in 1..=4 {
        let some: Vec<_> =
            (0..3).map(|i| parcel(&store, n * 10 + i, n * 10 + i, &[n * 100, n * 100 + i])).collect();
        writer.commit(&some).unwrap();
        writer.sync().unwrap();
    }
    for n in 5..8 {
        writer.commit(&[parcel(&store, n * 10, n * 10, &[n * 100])]).unwrap();
    }
    drop(writer);
    (disk, store)
}

#[test]
fn a_log_spares_the_reading_of_records() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let whole = from_records(&store);
    assert_eq!(from_files(&store), (whole.clone(), 3));
    let mut writer = store.writer().unwrap();
    assert_eq!(writer.records_read(), 3);
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(from_files(&store), (whole, 0));
}

#[test]
fn a_log_cut_at_any_byte_gives_what_the_records_give() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let (whole, good) = (from_records(&store), fs::read(known_file(&store)).unwrap());
    let mut reads = BTreeSet::new();
    for cut in 0..=good.len() {
        fs::write(known_file(&store), &good[..cut]).unwrap();
        let (sets, read) = from_files(&store);
        assert_eq!(sets, whole, "cut at {cut}");
        reads.insert(read);
    }
    // Each frame that was whole was of use.
    assert_eq!(reads, BTreeSet::from([16, 12, 9, 6, 3]));
}

#[test]
fn a_log_with_any_bit_flipped_gives_what_the_records_give() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let (whole, good) = (from_records(&store), fs::read(known_file(&store)).unwrap());
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(known_file(&store), &bad).unwrap();
        let (sets, read) = from_files(&store);
        assert_eq!(sets, whole, "bit {bit}");
        assert!(read > 3, "bit {bit} was passed over");
    }
}

/// What stands behind the last frame that counts is gone before anything is appended.
#[test]
fn a_damaged_log_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let good = fs::read(known_file(&store)).unwrap();
    for at in [3, FILE_HEADER_BYTES + 5, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(known_file(&store), &bad).unwrap();
        store.writer().unwrap().sync().unwrap();
        assert_eq!(from_files(&store), (from_records(&store), 0), "byte {at}");
    }
}

#[test]
fn a_log_that_is_not_this_stores_is_no_use() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let (whole, good) = (from_records(&store), fs::read(known_file(&store)).unwrap());
    let mark = store.shared.home.mark;
    for header in [
        FileHeader { magic: KNOWN_MAGIC, mark, key: !Fingerprint::key() },
        FileHeader { magic: KNOWN_MAGIC, mark: *b"another!", key: Fingerprint::key() },
        FileHeader { magic: *b"dlcheck\n", mark, key: Fingerprint::key() },
    ] {
        let foreign = [&header.encode(), &good[FILE_HEADER_BYTES..]].concat();
        fs::write(known_file(&store), foreign).unwrap();
        assert_eq!(from_files(&store), (whole.clone(), 16), "{header:?}");
    }
}

/// A power cut takes records that the log has, and others come in their place.
#[test]
fn a_log_of_other_records_is_no_use() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let (_, store) = four_frames(dirs[0].path());
    let log = fs::read(known_file(&store)).unwrap();
    // The same store, as it would have been with other records: more of them, and then fewer.
    fs::copy(dirs[0].path().join("meta.json"), dirs[1].path().join("meta.json")).unwrap();
    let other = Store::open(dirs[1].path(), options()).unwrap();
    let mut writer = other.writer().unwrap();
    for visits in [1..5, 5..40] {
        let some: Vec<_> = visits.map(|n| parcel(&other, n, n, &[n + 1])).collect();
        writer.commit(&some).unwrap();
        fs::write(known_file(&other), &log).unwrap();
        let entries = other.shared.index.state().unwrap().entries;
        assert_eq!(from_files(&other), (from_records(&other), entries));
    }
}

/// A rebuild lost a record in the middle: what only it had must not be known, or nobody would ever ask for it.
#[test]
fn a_log_of_more_records_is_no_use() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let log = fs::read(known_file(&store)).unwrap();
    drop(store);
    let first = crate::archive::segment_path(&dir.path().join("archive"), 0);
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(first, bytes).unwrap();
    Store::rebuild(dir.path(), options()).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.shared.index.state().unwrap().entries, 15);
    store.shared.frontier.make().unwrap();
    fs::write(known_file(&store), log).unwrap();
    assert_eq!(from_files(&store), (from_records(&store), 15));
}

/// sled passes over what it cannot read. A log spares the reading, but what is left to do is not told with a hole.
#[test]
fn a_hole_that_the_log_spared_is_told_by_the_full_pass() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    store.writer().unwrap().sync().unwrap();
    store.shared.tree.remove(5);
    let writer = store.writer().unwrap();
    assert_eq!(writer.records_read(), 0);
    let error = writer.pending(|_, _| true, |_| {}).unwrap_err().to_string();
    assert!(error.contains("15 records of 16"), "{error}");
    let error = store.replay(3, |_| {}).unwrap_err().to_string();
    assert!(error.contains("12 records behind 3 of 13"), "{error}");
    store.replay(5, |_| {}).unwrap();
}

/// A disk without room for the log: the commits are not told, and the log catches up once there is some.
#[test]
fn a_full_disk_only_keeps_the_log_back() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = four_frames(dir.path());
    let mut writer = store.writer().unwrap();
    for left in [0, 1, 50, 100] {
        writer.commit(&[parcel(&store, 1000 + left, 1000 + left, &[2000 + left])]).unwrap();
        disk.left.store(left, Ordering::SeqCst);
        writer.sync().unwrap();
        disk.left.store(u64::MAX, Ordering::SeqCst);
        disk.cut_fails.store(left == 50, Ordering::SeqCst);
    }
    disk.cut_fails.store(false, Ordering::SeqCst);
    drop(writer);
    let whole = from_records(&store);
    assert_eq!(from_files(&store), (whole.clone(), 7));

    // With no room a writer opens too, and knows as much.
    disk.left.store(0, Ordering::SeqCst);
    fs::remove_file(known_file(&store)).unwrap();
    let mut writer = store.writer().unwrap();
    assert_eq!(writer.records_read(), 20);
    writer.sync().unwrap();
    disk.left.store(u64::MAX, Ordering::SeqCst);
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(from_files(&store), (whole, 0));
}

/// More than is gathered: it is let go, and the log written from the records.
#[test]
fn what_is_too_much_to_gather_comes_from_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let mut writer = store.writer().unwrap();
    writer.commit(&[parcel(&store, 1, 1, &[2])]).unwrap();
    let mut flood = Words { urls: vec![0; WORDS_MAX], payloads: Vec::new() };
    writer.behind.add(&mut flood, &store.shared.index.state().unwrap());
    assert_eq!(flood, Words::default());
    writer.commit(&[parcel(&store, 2, 2, &[3])]).unwrap();
    writer.sync().unwrap();
    writer.commit(&[parcel(&store, 4, 4, &[5])]).unwrap();
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(from_files(&store), (from_records(&store), 0));
}

/// A frontier directory that cannot be made is a loss of time.
#[test]
fn without_a_directory_the_records_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let whole = from_records(&store);
    fs::remove_dir_all(&store.shared.frontier.dir).unwrap();
    fs::write(&store.shared.frontier.dir, "in the way").unwrap();
    let mut writer = store.writer().unwrap();
    assert_eq!((sets(&writer.known), writer.records_read()), (whole, 16));
    writer.commit(&[parcel(&store, 1, 1, &[])]).unwrap();
    writer.sync().unwrap();
    assert!(matches!(store.tails(), Err(StoreError::Io { action: "create", .. })));
    assert!(store.checkpoints().write(1, false, b"").is_err());
    assert_eq!(store.checkpoints().read(), None);
}

/// An index that gives up takes nothing from the log.
#[test]
fn an_index_that_gave_up_leaves_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (_, store) = four_frames(dir.path());
    let mut writer = store.writer().unwrap();
    for n in 50..56 {
        writer.commit(&[parcel(&store, n, n, &[n + 1])]).unwrap();
        if n.is_multiple_of(2) {
            store.shared.tree.give_up();
            writer.sync().unwrap();
        }
    }
    writer.sync().unwrap();
    drop(writer);
    assert_eq!(from_files(&store), (from_records(&store), 0));
}

/// What does not fit is not kept, what was kept stays, and there is room again for what comes later.
#[test]
fn a_full_disk_refuses_a_tail_and_keeps_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(SmallDisk { left: 100.into(), ..Default::default() });
    let store = Store::on_disk(dir.path(), options(), disk.clone()).unwrap();
    let mut tails = store.tails().unwrap();
    let one = tails.put(&[1; 50]).unwrap();
    for _ in 0..3 {
        assert!(tails.put(&[2; 50]).unwrap_err().is_disk_full());
    }
    disk.left.store(u64::MAX, Ordering::SeqCst);
    let three = tails.put(&[3; 50]).unwrap();
    assert_eq!([tails.take(one).unwrap(), tails.take(three).unwrap()], [vec![1; 50], vec![3; 50]]);
    tails.retain([one, three].into_iter());
    assert_eq!([tails.take(one).unwrap(), tails.take(three).unwrap()], [vec![1; 50], vec![3; 50]]);
}

#[test]
fn a_full_disk_leaves_the_checkpoint_there_was() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = four_frames(dir.path());
    let checkpoints = store.checkpoints();
    checkpoints.write(7, true, b"the one before").unwrap();
    for left in [0, 10, 64, 70] {
        disk.left.store(left, Ordering::SeqCst);
        assert!(checkpoints.write(8, false, b"another one").unwrap_err().is_disk_full());
        let found = checkpoints.read().unwrap();
        assert_eq!((found.seq, found.clean, &*found.bytes), (7, true, &b"the one before"[..]));
        assert!(!store.shared.frontier.dir.join("checkpoint.new").exists(), "it takes no room");
    }
    disk.left.store(u64::MAX, Ordering::SeqCst);
    checkpoints.write(8, false, b"another one").unwrap();
    assert_eq!(checkpoints.read().unwrap().seq, 8);
}

/// A checkpoint may speak of nothing that the disk might not have.
#[test]
fn what_cannot_be_synced_is_in_no_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (disk, store) = four_frames(dir.path());
    let mut tails = store.tails().unwrap();
    let checkpoints = store.checkpoints();
    checkpoints.write(7, false, b"before").unwrap();
    tails.put(b"a chunk").unwrap();
    disk.sync_fails.store(true, Ordering::SeqCst);
    assert!(matches!(checkpoints.write(8, false, b"after"), Err(StoreError::NotDurable { .. })));
    // The system may have dropped what it could not write: a second sync that succeeds says nothing.
    disk.sync_fails.store(false, Ordering::SeqCst);
    assert!(matches!(checkpoints.write(8, false, b"after"), Err(StoreError::NotDurable { .. })));
    assert_eq!(checkpoints.read().unwrap().bytes, b"before");
}

fn told(receipt: &Receipt) -> String {
    format!("{receipt:?}")
}

fn replayed(store: &Store, after: u64) -> Vec<String> {
    let mut all = Vec::new();
    let each = |one| {
        all.push(match one {
            Replayed::Seeds(links) => format!("{links:?}"),
            Replayed::Found { via, links } => format!("{via} {links:?}"),
            Replayed::Settled(receipt) => told(&receipt),
        })
    };
    store.replay(after, each).unwrap();
    all
}

#[derive(Debug, Clone)]
enum Step {
    /// URL and links.
    Commit(Vec<(u8, Vec<u8>)>),
    Admit(Vec<u8>),
    Sync,
    /// Beneath, the disk has room for so many bytes of the log.
    FullSync(u64),
    NewWriter,
    /// A checkpoint.
    Note,
    /// The process dies: it leaves the files as they are, but for so many bytes of the known log.
    Kill(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let visit = (0u8..20, prop::collection::vec(any::<u8>(), 0..5));
    let step = prop_oneof![
        6 => prop::collection::vec(visit, 1..4).prop_map(Step::Commit),
        1 => prop::collection::vec(any::<u8>(), 1..4).prop_map(Step::Admit),
        2 => Just(Step::Sync),
        1 => (0u64..200).prop_map(Step::FullSync),
        1 => Just(Step::NewWriter),
        1 => Just(Step::Note),
        2 => (0u64..200).prop_map(Step::Kill),
    ];
    prop::collection::vec(step, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happens to a crawl, the files and the records give the same, and a replay what was told.
    #[test]
    fn the_files_never_disagree_with_the_records(steps in steps()) {
        let mut dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(SmallDisk { left: u64::MAX.into(), ..Default::default() });
        let mut store = Store::on_disk(dir.path(), options(), disk.clone()).unwrap();
        let mut writer = store.writer().unwrap();
        let (mut visit, mut log, mut noted) = (0, Vec::new(), None);
        for step in steps {
            match step {
                Step::Commit(visits) => {
                    let parcels: Vec<_> = visits.iter().map(|(n, links)| {
                        visit += 1;
                        let links: Vec<_> = links.iter().map(|n| u64::from(*n)).collect();
                        parcel(&store, visit, u64::from(*n), &links)
                    }).collect();
                    log.extend(writer.commit(&parcels).unwrap().iter().map(told));
                }
                Step::Admit(seeds) => {
                    let seeds: Vec<_> = seeds.iter().map(|n| Link::seed(url(u64::from(*n)))).collect();
                    let new = writer.admit(&seeds).unwrap();
                    log.extend((!new.is_empty()).then(|| format!("{new:?}")));
                }
                Step::Sync => writer.sync().unwrap(),
                Step::FullSync(left) => {
                    disk.left.store(left, Ordering::SeqCst);
                    writer.sync().unwrap();
                    disk.left.store(u64::MAX, Ordering::SeqCst);
                }
                Step::NewWriter => {
                    drop(writer);
                    writer = store.writer().unwrap();
                }
                Step::Note => {
                    let seq = store.last_seq().unwrap();
                    store.checkpoints().write(seq, false, &seq.to_le_bytes()).unwrap();
                    noted = Some(seq);
                }
                Step::Kill(lost) => {
                    let next = tempfile::tempdir().unwrap();
                    copy(dir.path(), next.path());
                    drop((writer, store));
                    dir = next;
                    let path = dir.path().join("frontier/known");
                    let bytes = fs::read(&path).unwrap();
                    fs::write(&path, &bytes[..bytes.len().saturating_sub(lost as usize)]).unwrap();
                    store = Store::on_disk(dir.path(), options(), disk.clone()).unwrap();
                    writer = store.writer().unwrap();
                }
            }
            let found = store.checkpoints().read();
            prop_assert_eq!(found.as_ref().map(|it| it.seq), noted);
            let after = found.map_or(0, |it| it.seq);
            prop_assert_eq!(replayed(&store, after), &log[after as usize..]);
            prop_assert_eq!(sets(&writer.known), from_records(&store));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
