//! A disk that fails: at the Nth thing that is asked of it, or by losing what it was never asked to keep.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use dragline_model::{
    CanonicalUrl, Harvest, Link, Outcome, Page, ResponseHead, Timestamp, Timings, Visit, VisitId,
};

use crate::{
    DecodedFacts, Options, Parcel, Store, StoreError,
    archive::{Disk, SystemDisk},
    schema::Position,
};

/// All of the faults instead of some: slow.
const ALL: &str = "DRAGLINE_FAULTS";
const FAULTS_MAX: u64 = 500;
/// One in so many faults otherwise.
const FAULTS_STEP: usize = 29;

fn options() -> Options {
    Options {
        index_memory: 4 << 20,
        segment_bytes: 5000,
        sync_every: Duration::from_secs(3600),
        ..Options::default()
    }
}

fn url(n: u64) -> CanonicalUrl {
    CanonicalUrl::parse(&format!("http://a/{n}")).unwrap()
}

fn body(n: u64) -> String {
    format!("{n} {} ", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(20)
}

fn parcel(store: &Store, n: u64) -> Arc<Parcel> {
    let page = Page {
        status: 200,
        request: "GET / HTTP/1.1\r\n\r\n".into(),
        head: ResponseHead::new("HTTP/1.1 200 OK\r\n\r\n".into()),
        body: body(n).into(),
        truncated: None,
        peer: None,
        tls: None,
        timings: Timings::default(),
    };
    let links = vec![Link::seed(url(n + 1))];
    let harvest = Harvest {
        links,
        ..Harvest::bare(Visit::first(VisitId(n), url(n)), Timestamp(n), Outcome::Page(Box::new(page)))
    };
    Arc::new(store.sealer().seal(harvest, DecodedFacts::default()))
}

/// Fails once, at the Nth call; an append fails half done.
struct Failing {
    calls: AtomicU64,
    fails_at: u64,
    kind: io::ErrorKind,
}

impl Failing {
    fn check(&self) -> io::Result<()> {
        let is_it = self.calls.fetch_add(1, Ordering::SeqCst) + 1 == self.fails_at;
        if is_it { Err(self.error()) } else { Ok(()) }
    }

    /// As the system says it.
    fn error(&self) -> io::Error {
        const EIO: i32 = 5;
        match self.kind {
            io::ErrorKind::Other => io::Error::from_raw_os_error(EIO),
            kind => kind.into(),
        }
    }
}

impl Disk for Failing {
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.check() {
            SystemDisk.append(file, &bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        SystemDisk.append(file, bytes)
    }

    fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.check()?;
        SystemDisk.cut(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.check()?;
        SystemDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        SystemDisk.rename(from, to)
    }
}

/// What a caller does who takes the store at its word: tries again what it says nothing was kept of, opens the store
/// again where it says so. Gives the last number that was acknowledged, and the texts of the errors.
fn crawl(dir: &Path, disk: &Arc<Failing>, pages: u64) -> (u64, Vec<String>) {
    let mut texts = Vec::new();
    let mut done = 0;
    let mut synced = 0;
    'open: while done < pages {
        assert!(texts.len() < 20, "it does not go on: {texts:?}");
        let opened = Store::on_disk(dir, options(), disk.clone()).and_then(|store| {
            let writer = store.writer()?;
            Ok((store, writer))
        });
        let (store, mut writer) = match opened {
            Ok(open) => open,
            Err(error) => {
                texts.push(error.to_string());
                continue;
            }
        };
        // What was committed and not acknowledged is not committed twice.
        while done < pages {
            let committed = writer.recommit(&[parcel(&store, done)]);
            match committed {
                Ok(receipts) => {
                    assert_eq!(receipts[0].visit.id, VisitId(done));
                    done += 1;
                }
                Err(error @ StoreError::NotDurable { .. }) => {
                    texts.push(error.to_string());
                    // What was not brought to the disk may be lost: it is offered again.
                    done = synced;
                    continue 'open;
                }
                Err(error) => {
                    texts.push(error.to_string());
                    assert!(texts.len() < 20, "it does not go on: {texts:?}");
                    continue;
                }
            }
            if done % 4 == 0 {
                match writer.sync() {
                    Ok(()) => synced = done,
                    Err(error) => {
                        texts.push(error.to_string());
                        done = synced;
                        continue 'open;
                    }
                }
            }
        }
    }
    (done, texts)
}

fn check(dir: &Path, pages: u64, what: &str) {
    for rebuilt in [false, true] {
        if rebuilt {
            let recovery = Store::rebuild(dir, options()).unwrap();
            assert_eq!((recovery.bytes_cut, recovery.damaged_bytes), (0, 0), "{what}");
        }
        let store = Store::open(dir, options()).unwrap();
        let found: Vec<_> = store.pages().records().unwrap().map(Result::unwrap).collect();
        let visits: Vec<u64> = found.iter().map(|record| record.visit.0).collect();
        assert_eq!(visits, (0..pages).collect::<Vec<_>>(), "{what}, rebuilt: {rebuilt}");
        for record in &found {
            assert_eq!(store.payload(record).unwrap().body, body(record.visit.0), "{what}");
        }
    }
}

#[test]
fn the_nth_call_to_the_disk_fails() {
    const PAGES: u64 = 60;
    let calm = Arc::new(Failing { calls: 0.into(), fails_at: 0, kind: io::ErrorKind::Other });
    let dir = tempfile::tempdir().unwrap();
    crawl(dir.path(), &calm, PAGES);
    check(dir.path(), PAGES, "a calm disk");
    let calls = calm.calls.load(Ordering::SeqCst);
    assert!(calls > 100, "{calls}");

    let all = std::env::var_os(ALL).is_some();
    let step = if all { 1 } else { FAULTS_STEP };
    let mut told = 0;
    for kind in [io::ErrorKind::Other, io::ErrorKind::StorageFull] {
        for fails_at in (1..=FAULTS_MAX.min(calls)).step_by(step) {
            let what = format!("{kind:?} at call {fails_at} of {calls}");
            let disk = Arc::new(Failing { calls: 0.into(), fails_at, kind });
            let dir = tempfile::tempdir().unwrap();
            let (_, texts) = crawl(dir.path(), &disk, PAGES);
            for text in &texts {
                assert!(text.contains(&*dir.path().to_string_lossy()), "{what}: {text}");
                let helps =
                    ["free some space", "check the disk", "cannot "].iter().any(|it| text.contains(it));
                assert!(helps, "{what}: {text}");
            }
            told += u64::from(!texts.is_empty());
            check(dir.path(), PAGES, &what);
        }
    }
    assert!(told > 3, "no fault was noticed");
}

/// Remembers of each file what was synced of it.
#[derive(Default)]
struct Remembering {
    /// By inode: it stays when the name does not.
    synced: Mutex<HashMap<u64, u64>>,
    calls: AtomicU64,
    cut_at: AtomicU64,
    image: Mutex<Option<tempfile::TempDir>>,
    of: Mutex<Option<std::path::PathBuf>>,
}

impl Remembering {
    /// Takes a picture of the disk as it is, once the moment has come.
    fn tick(&self) {
        if self.calls.fetch_add(1, Ordering::SeqCst) + 1 != self.cut_at.load(Ordering::SeqCst) {
            return;
        }
        let image = tempfile::tempdir().unwrap();
        self.picture(self.of.lock().unwrap().as_ref().unwrap(), image.path());
        *self.image.lock().unwrap() = Some(image);
    }

    /// Of every file as much as was synced, and some of what was not; of that, some is garbage.
    fn picture(&self, from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        let synced = self.synced.lock().unwrap().clone();
        let mut dirs = vec![(from.to_owned(), to.to_owned())];
        while let Some((from, to)) = dirs.pop() {
            for entry in fs::read_dir(from).unwrap() {
                let entry = entry.unwrap();
                let (path, target) = (entry.path(), to.join(entry.file_name()));
                if entry.file_type().unwrap().is_dir() {
                    fs::create_dir_all(&target).unwrap();
                    dirs.push((path, target));
                    continue;
                }
                let mut bytes = fs::read(&path).unwrap();
                let is_seen = path.components().any(|part| part.as_os_str() == "archive");
                if is_seen {
                    let kept = synced.get(&entry.metadata().unwrap().ino()).copied().unwrap_or(0) as usize;
                    let at = self.cut_at.load(Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                    let unsynced = bytes.len() - kept.min(bytes.len());
                    if unsynced > 0 {
                        let survives = (at >> 20) as usize % (unsynced + 1);
                        bytes.truncate(kept + survives);
                        // A sector that never came is zeros.
                        if at & 1 == 1 && survives > 1 {
                            let hole = kept + (at >> 40) as usize % survives;
                            let end = (hole + 512).min(bytes.len());
                            bytes[hole..end].fill(0);
                        }
                    }
                }
                fs::write(&target, bytes).unwrap();
            }
        }
    }
}

impl Disk for Remembering {
    fn append(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        SystemDisk.append(file, bytes)?;
        self.tick();
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.tick();
        SystemDisk.sync(file)?;
        let file = file.metadata()?;
        self.synced.lock().unwrap().insert(file.ino(), file.len());
        self.tick();
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)?;
        self.tick();
        Ok(())
    }
}

#[test]
fn the_power_goes() {
    const PAGES: u64 = 60;
    let cuts: u64 = if std::env::var_os(ALL).is_some() { 500 } else { 24 };
    let (mut lost_in_all, mut holes_in_all) = (0, 0);
    for nth in 0..cuts {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Remembering::default());
        *disk.of.lock().unwrap() = Some(dir.path().to_owned());
        disk.cut_at.store(3 + nth * 7919 % 150, Ordering::SeqCst);
        let store = Store::on_disk(dir.path(), options(), disk.clone()).unwrap();
        let mut writer = store.writer().unwrap();
        let (mut acknowledged, mut synced) = (0, 0);
        for n in 0..PAGES {
            writer.commit(&[parcel(&store, n)]).unwrap();
            if disk.image.lock().unwrap().is_some() {
                break;
            }
            acknowledged = n + 1;
            if n % 7 == 3 {
                // Whoever reads has the index written before the archive is on the disk.
                assert_eq!(store.pages().records().unwrap().count() as u64, acknowledged);
            }
            if n % 5 == 4 {
                writer.sync().unwrap();
                if disk.image.lock().unwrap().is_some() {
                    break;
                }
                synced = n + 1;
            }
        }
        let image = disk.image.lock().unwrap().take();
        drop((writer, store));
        let Some(image) = image else { continue };
        let what = format!("cut {nth}: {synced} synced of {acknowledged}");
        let store = Store::open(image.path(), options()).unwrap_or_else(|error| panic!("{what}: {error}"));
        let found: Vec<_> = store.pages().records().unwrap().map(Result::unwrap).collect();
        let visits: Vec<u64> = found.iter().map(|record| record.visit.0).collect();
        // Of a store whose index has never been written nobody can tell a hole from old damage, which is passed over.
        let is_beginning = visits.iter().copied().eq(0..visits.len() as u64);
        assert!(is_beginning || synced == 0, "{what}: {visits:?} is no beginning");
        assert!(visits.len() as u64 >= synced, "{what}: {} are there", visits.len());
        let mut holes = 0;
        for record in &found {
            match store.payload(record) {
                Ok(payload) => assert_eq!(payload.body, body(record.visit.0), "{what}"),
                // Only of what was never said to be on the disk, and only where the index has to be made anew.
                Err(StoreError::Corrupt { .. }) if record.visit.0 >= synced => holes += 1,
                Err(error) => panic!("{what}: {error}"),
            }
        }
        holes_in_all += holes;
        lost_in_all += acknowledged.saturating_sub(visits.len() as u64);
        // And it goes on.
        let mut writer = store.writer().unwrap();
        let next = store.last_seq().unwrap() + 1;
        assert_eq!(writer.commit(&[parcel(&store, PAGES)]).unwrap()[0].seq, next);
    }
    println!(
        "{cuts} cuts: of what was committed and not synced {lost_in_all} records lost, {holes_in_all} without their payload"
    );
}

/// The last segment, cut at each of its last 64 KiB.
#[test]
fn a_tail_torn_anywhere() {
    use crate::groups::Groups;
    const TAIL: u64 = 64 << 10;
    let dir = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 1 << 30, ..options() };
    let store = Store::create_or_open(dir.path(), options.clone()).unwrap();
    let mut writer = store.writer().unwrap();
    let segment = crate::archive::open_path(&store.archive_dir(), 0);
    let mut ends = Vec::new();
    while ends.last().is_none_or(|end| *end < TAIL + 8000) {
        writer.commit(&[parcel(&store, ends.len() as u64)]).unwrap();
        ends.push(fs::metadata(&segment).unwrap().len());
    }
    drop((writer, store));
    let whole = fs::read(crate::archive::finished_path(&dir.path().join("archive"), 0)).unwrap();
    let mark = crate::gzip::mark_of(&whole).unwrap();
    let last = *ends.last().unwrap();

    // The walk that an opening makes, from two groups before the cut on.
    let torn = tempfile::tempdir().unwrap();
    let path = crate::archive::open_path(torn.path(), 0);
    fs::write(&path, &whole).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    // All of them take a minute.
    let step = if std::env::var_os(ALL).is_some() { 1 } else { 11 };
    for cut in (last - TAIL..last).rev().step_by(step) {
        file.set_len(cut).unwrap();
        let reached = ends.partition_point(|end| *end <= cut);
        let from = Position { segment: 0, offset: ends[reached - 3] };
        let mut groups = Groups::new(torn.path(), mark, from).unwrap();
        let mut found = 0;
        while groups.next().unwrap().is_some() {
            found += 1;
        }
        let end = ends[reached - 1];
        assert_eq!((found, groups.reached().offset), (2, end), "cut at {cut}");
        assert_eq!((groups.torn_bytes, groups.damaged_bytes), (cut - end, 0), "cut at {cut}");
    }
    // The whole of it, now and then.
    for cut in (last - TAIL..last).step_by(6007) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("archive")).unwrap();
        fs::write(crate::archive::open_path(&dir.path().join("archive"), 0), &whole[..cut as usize]).unwrap();
        let recovery = Store::rebuild(dir.path(), options.clone()).unwrap();
        let reached = ends.partition_point(|end| *end <= cut);
        assert_eq!((recovery.records, recovery.bytes_cut), (reached as u64, cut - ends[reached - 1]));
    }
}
