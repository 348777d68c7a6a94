//! The index: the only file that knows sled.
//!
//! Owns the sled tree, its opening and re-opening, and what is written behind: a commit is safe once it is in the
//! archive, and sled takes a thousand records in one batch for a tenth of what they cost one by one (each batch
//! is a write and a wake-up of a thread of sled's own). Whoever reads writes first, so nobody sees the
//! difference. Never reads the archive and never decides what belongs into the index.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::{
    StoreError,
    error::REBUILD,
    record::{self, Glance, Kind},
    schema::{self, LOCATION_BYTES_MAX, Location, RECORD, STATE_KEY, State, URLS_KEY},
};

/// Keys in one sled batch: long enough to share its cost; past some hundred a longer one brings nothing.
const BATCH: usize = 256;
/// What sled wants to write when it opens: a segment of its log (512 KiB) and a snapshot.
const REOPEN_BYTES: usize = 1 << 20;
/// How long to wait for sled's own lock. We hold the store's, so whoever has it is a thread of a sled that was
/// closed a moment ago and has yet to let go.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Records held back before the keeper is woken for them: a second's worth of a fast crawl, some 6 MB.
const HELD_LONG: usize = 1 << 13;
/// Records held back at most; past it whoever commits writes them itself, and so waits for a slow disk.
const HELD_MAX: usize = 4 * HELD_LONG;

/// A record as it stands in the index.
pub(crate) struct Row {
    pub(crate) seq: u64,
    value: sled::IVec,
    json_at: usize,
    pub(crate) location: Location,
}

impl Row {
    pub(crate) fn json(&self) -> &[u8] {
        &self.value[self.json_at..]
    }

    /// The CRC-32 of location and JSON: the same after a replay, another for any other record.
    pub(crate) fn checksum(&self) -> u32 {
        libdeflater::crc32(&self.value)
    }
}

/// Records on their way into the index, with the keys of their URLs.
#[derive(Default)]
pub(crate) struct Draft {
    records: Vec<(u64, Vec<u8>)>,
    urls: Vec<Vec<u8>>,
}

impl Draft {
    /// Adds an entry; `url_key` where it is of kind page.
    pub(crate) fn add(&mut self, seq: u64, location: &Location, json: &[u8], url_key: Option<&[u8]>) {
        let mut value = Vec::with_capacity(LOCATION_BYTES_MAX + json.len());
        location.encode(&mut value);
        value.extend_from_slice(json);
        self.records.push((seq, value));
        if let Some(prefix) = url_key {
            self.urls.push([prefix, &seq.to_be_bytes()].concat());
        }
    }
}

/// The index of one store.
pub(crate) struct Index {
    dir: PathBuf,
    cache_bytes: u64,
    /// `None` while sled is gone: between its giving up and its being opened again.
    db: RwLock<Option<sled::Db>>,
    /// sled gave up; nothing it says counts until it is opened again.
    down: AtomicBool,
    held: Mutex<Held>,
    /// Held by whoever writes what was held back.
    writing: Mutex<()>,
}

/// What is committed and not yet in sled, in order.
#[derive(Default)]
pub(crate) struct Held {
    draft: Draft,
    /// What holds after the last of it.
    state: Option<State>,
}

/// How much is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// Nothing to speak of.
    Short,
    /// The keeper should write it now.
    Long,
    /// The committing thread should.
    TooLong,
}

impl Held {
    /// Puts what was taken out in front again.
    fn put_back(&mut self, mut taken: Held) {
        taken.draft.records.append(&mut self.draft.records);
        taken.draft.urls.append(&mut self.draft.urls);
        taken.state = self.state.or(taken.state);
        *self = taken;
    }

    /// A record that is held back; they are in order of their numbers.
    fn record(&self, seq: u64) -> Option<&[u8]> {
        let found = self.draft.records.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        Some(&self.draft.records[found].1)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything under these locks is whole at every moment: a panic elsewhere takes nothing from it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Opens the index, or makes an empty one. If sled finds the one that is there damaged it is moved aside:
    /// then the second value says whereto, and the index is empty.
    pub(crate) fn open(dir: PathBuf, cache_bytes: u64) -> Result<(Self, Option<PathBuf>), StoreError> {
        let mut moved = None;
        let db = match open_sled(&dir, cache_bytes) {
            Ok(db) => db,
            Err(Refusal::Damaged(_)) => {
                moved = Some(move_aside(&dir)?);
                open_sled(&dir, cache_bytes).map_err(|refusal| refusal.into_error(&dir))?
            }
            Err(refusal) => return Err(refusal.into_error(&dir)),
        };
        let index = Self {
            dir,
            cache_bytes,
            db: RwLock::new(Some(db)),
            down: AtomicBool::new(false),
            held: Mutex::default(),
            writing: Mutex::default(),
        };
        Ok((index, moved))
    }

    /// Opens the index again after sled gave up. Fails while the disk is full (then the old one goes on answering
    /// queries), and while a query still holds the old one.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        self.check_room()?;
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        *db = None;
        // What was held back comes from the archive again.
        *lock(&self.held) = Held::default();
        *db = Some(open_sled(&self.dir, self.cache_bytes).map_err(|refusal| refusal.into_error(&self.dir))?);
        self.down.store(false, Ordering::Release);
        Ok(())
    }

    /// Opening writes: without room for it sled would be gone, and queries with it.
    fn check_room(&self) -> Result<(), StoreError> {
        let probe = self.dir.with_extension("probe");
        let written = fs::write(&probe, vec![0; REOPEN_BYTES]);
        let removed = fs::remove_file(&probe);
        written.and(removed).map_err(StoreError::io("write", &self.dir))
    }

    /// True once sled gave up.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    #[cfg(test)]
    pub(crate) fn give_up(&self) {
        self.down.store(true, Ordering::Release);
    }

    /// Makes a hole.
    #[cfg(test)]
    pub(crate) fn remove(&self, seq: u64) {
        self.write_held().unwrap();
        self.db().unwrap().remove(schema::record_key(seq)).unwrap().unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    fn db(&self) -> Result<sled::Db, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(|| StoreError::IndexDown {
            path: self.dir.clone(),
            what: "it is not open".to_owned(),
        })
    }

    fn trouble(&self, error: sled::Error) -> StoreError {
        trouble(&self.dir, error)
    }

    /// What the index knows of the whole; the beginning of everything where it is empty.
    pub(crate) fn state(&self) -> Result<State, StoreError> {
        if let Some(state) = lock(&self.held).state {
            return Ok(state);
        }
        let _written = lock(&self.writing);
        match self.db()?.get(STATE_KEY).map_err(|e| self.trouble(e))? {
            None => Ok(State::default()),
            Some(json) => serde_json::from_slice(&json)
                .map_err(|e| StoreError::corrupt(&self.dir, format!("its state: {e}"), REBUILD)),
        }
    }

    /// Takes in what was committed, with the state that holds after it.
    pub(crate) fn hold(&self, mut draft: Draft, state: &State) -> Backlog {
        let mut held = lock(&self.held);
        held.draft.records.append(&mut draft.records);
        held.draft.urls.append(&mut draft.urls);
        held.state = Some(*state);
        match held.draft.records.len() {
            0..HELD_LONG => Backlog::Short,
            HELD_LONG..HELD_MAX => Backlog::Long,
            _ => Backlog::TooLong,
        }
    }

    /// Writes what is held back. `before` runs between the moment up to which is written and the writing.
    pub(crate) fn write_held_after(
        &self,
        before: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _alone = lock(&self.writing);
        let held = std::mem::take(&mut *lock(&self.held));
        if let Err(error) = before() {
            lock(&self.held).put_back(held);
            return Err(error);
        }
        self.write(held).inspect_err(|_| {
            // What was taken is lost to the index until it is opened again and catches up with the archive.
            self.down.store(true, Ordering::Release);
        })
    }

    /// Writes what is held back. After it every commit can be looked up.
    pub(crate) fn write_held(&self) -> Result<(), StoreError> {
        self.write_held_after(|| Ok(()))
    }

    fn write(&self, held: Held) -> Result<(), StoreError> {
        let Some(state) = held.state else { return Ok(()) };
        let json = serde_json::to_vec(&state)
            .map_err(|e| StoreError::IndexDown { path: self.dir.clone(), what: e.to_string() })?;
        let db = self.db()?;
        let Draft { records, mut urls } = held.draft;
        let written = (|| {
            let mut records = records.into_iter();
            loop {
                let mut batch = sled::Batch::default();
                for (seq, value) in records.by_ref().take(BATCH) {
                    batch.insert(&schema::record_key(seq), value);
                }
                let is_last = records.len() == 0;
                if is_last {
                    batch.insert(STATE_KEY, json);
                    db.apply_batch(batch)?;
                    break;
                }
                db.apply_batch(batch)?;
            }
            write_urls(&db, &mut urls, state.last_seq)
        })();
        written.map_err(|error| self.trouble(error))
    }

    /// Writes the URL keys that `urls` says are not written yet, from the records themselves: those of what was
    /// replayed.
    pub(crate) fn catch_up_urls(&self) -> Result<(), StoreError> {
        self.write_held()?;
        let db = self.db()?;
        let known = db.get(URLS_KEY).map_err(|e| self.trouble(e))?;
        let known = known.and_then(|bytes| schema::key_seq(&bytes)).unwrap_or(0);
        let (mut urls, mut last_seq) = (Vec::new(), known);
        for row in self.rows(known + 1)? {
            let row = row?;
            last_seq = row.seq;
            if let Some(prefix) = self.url_of(&row)? {
                urls.push([&prefix[..], &row.seq.to_be_bytes()].concat());
                if urls.len() >= HELD_MAX {
                    write_urls(&db, &mut urls, last_seq).map_err(|e| self.trouble(e))?;
                }
            }
        }
        write_urls(&db, &mut urls, last_seq).map_err(|e| self.trouble(e))
    }

    fn url_of(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        let wrong =
            |what: String| StoreError::corrupt(&self.dir, format!("record {}: {what}", row.seq), REBUILD);
        if record::kind(row.json()).map_err(wrong)? == Kind::Seeds {
            return Ok(None);
        }
        let glance = Glance::parse(row.json()).map_err(wrong)?;
        let url = glance.url.as_deref().unwrap_or_default();
        let url = dragline_model::CanonicalUrl::parse(url).map_err(|e| wrong(e.to_string()))?;
        Ok(Some(schema::url_prefix(&url)))
    }

    /// For a record that must be there and is not.
    pub(crate) fn lacks(&self, seq: u64) -> StoreError {
        StoreError::corrupt(&self.dir, format!("record {seq} is not there"), REBUILD)
    }

    /// One record.
    pub(crate) fn row(&self, seq: u64) -> Result<Option<Row>, StoreError> {
        if let Some(value) = lock(&self.held).record(seq) {
            return row(&self.dir, seq, value.into()).map(Some);
        }
        let get = || self.db()?.get(schema::record_key(seq)).map_err(|e| self.trouble(e));
        // A record never changes: the one that sled has is the one, whatever is being written, and for however long.
        let value = match get()? {
            Some(value) => Some(value),
            None => {
                let _written = lock(&self.writing);
                get()?
            }
        };
        value.map(|value| row(&self.dir, seq, value)).transpose()
    }

    /// Every record from a sequence number on, in order.
    pub(crate) fn rows(&self, from: u64) -> Result<Rows, StoreError> {
        self.write_held()?;
        let iter = self.db()?.range(schema::record_key(from).to_vec()..vec![RECORD + 1]);
        Ok(Rows { dir: self.dir.clone(), iter })
    }

    /// The visits of all URLs whose key begins with `prefix`, in order of URL and then of sequence, from the
    /// front or from the back.
    pub(crate) fn visits(&self, prefix: &[u8]) -> Result<Visits, StoreError> {
        self.write_held()?;
        Ok(Visits { dir: self.dir.clone(), iter: self.db()?.scan_prefix(prefix) })
    }

    /// Brings everything to the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db()?.flush().map(drop).map_err(|error| {
            self.down.store(true, Ordering::Release);
            self.trouble(error)
        })
    }
}

/// Records in order, from the front or from the back.
pub(crate) struct Rows {
    dir: PathBuf,
    iter: sled::Iter,
}

impl Rows {
    fn row(&self, pair: sled::Result<(sled::IVec, sled::IVec)>) -> Result<Row, StoreError> {
        let (key, value) = pair.map_err(|error| trouble(&self.dir, error))?;
        match schema::key_seq(&key) {
            Some(seq) => row(&self.dir, seq, value),
            None => Err(StoreError::corrupt(&self.dir, "a record's key is cut", REBUILD)),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.iter.next()?;
        Some(self.row(pair))
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        let pair = self.iter.next_back()?;
        Some(self.row(pair))
    }
}

/// Visits of URLs: the URL's part of the key, and the sequence number.
pub(crate) struct Visits {
    dir: PathBuf,
    iter: sled::Iter,
}

impl Visits {
    fn visit(&self, pair: sled::Result<(sled::IVec, sled::IVec)>) -> Result<(Vec<u8>, u64), StoreError> {
        let (key, _) = pair.map_err(|error| trouble(&self.dir, error))?;
        let cut = || StoreError::corrupt(&self.dir, "a URL's key is cut", REBUILD);
        let seq = schema::key_seq(&key).ok_or_else(cut)?;
        Ok((key[..key.len() - 8].to_vec(), seq))
    }
}

impl Iterator for Visits {
    type Item = Result<(Vec<u8>, u64), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.iter.next()?;
        Some(self.visit(pair))
    }
}

impl DoubleEndedIterator for Visits {
    fn next_back(&mut self) -> Option<Self::Item> {
        let pair = self.iter.next_back()?;
        Some(self.visit(pair))
    }
}

/// Writes keys of URLs in their order, and then that all up to a record are written: until it says so, a restart
/// writes them again.
fn write_urls(db: &sled::Db, urls: &mut Vec<Vec<u8>>, last_seq: u64) -> sled::Result<()> {
    if urls.is_empty() {
        return Ok(());
    }
    urls.sort_unstable();
    for some in urls.chunks(BATCH) {
        let mut batch = sled::Batch::default();
        some.iter().for_each(|key| batch.insert(&key[..], &[]));
        db.apply_batch(batch)?;
    }
    urls.clear();
    db.insert(URLS_KEY, &last_seq.to_be_bytes()).map(drop)
}

fn row(dir: &Path, seq: u64, value: sled::IVec) -> Result<Row, StoreError> {
    let Some((location, json)) = Location::decode(&value) else {
        return Err(StoreError::corrupt(dir, format!("record {seq} has no location"), REBUILD));
    };
    let json_at = value.len() - json.len();
    Ok(Row { seq, json_at, location, value })
}

fn trouble(dir: &Path, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) => match StoreError::io("use", dir)(error) {
            full @ StoreError::DiskFull { .. } => full,
            other => StoreError::IndexDown { path: dir.to_owned(), what: other.to_string() },
        },
        sled::Error::Corruption { .. } => StoreError::corrupt(dir, error.to_string(), REBUILD),
        other => StoreError::IndexDown { path: dir.to_owned(), what: other.to_string() },
    }
}

/// Why sled did not open.
enum Refusal {
    /// What is there is no index that sled understands.
    Damaged(String),
    /// The system does not let it.
    Barred(std::io::Error),
    /// Somebody still has it.
    Locked(std::io::Error),
}

impl Refusal {
    fn into_error(self, dir: &Path) -> StoreError {
        match self {
            Refusal::Damaged(what) => StoreError::corrupt(dir, what, REBUILD),
            Refusal::Barred(error) | Refusal::Locked(error) => StoreError::io("open the index", dir)(error),
        }
    }
}

fn open_sled(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Refusal> {
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match try_open_sled(dir, cache_bytes) {
            Err(Refusal::Locked(_)) if Instant::now() < until => {
                std::thread::park_timeout(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn try_open_sled(dir: &Path, cache_bytes: u64) -> Result<sled::Db, Refusal> {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    // No flusher of sled's own: ours syncs the archive first, so that the index on disk is never ahead.
    let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
    // sled asserts what it believes of its files: on damaged ones it panics as often as it errs.
    match catch_unwind(AssertUnwindSafe(|| config.open())) {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(sled::Error::Io(error))) => match error.kind() {
            InvalidData | InvalidInput | UnexpectedEof => Err(Refusal::Damaged(error.to_string())),
            Other if error.to_string().contains("could not acquire lock") => Err(Refusal::Locked(error)),
            Other => Err(Refusal::Damaged(error.to_string())),
            _ => Err(Refusal::Barred(error)),
        },
        Ok(Err(error)) => Err(Refusal::Damaged(error.to_string())),
        Err(_) => Err(Refusal::Damaged("sled panicked on it".to_owned())),
    }
}

/// Gives the index the first free name `index.corrupt-N`.
fn move_aside(dir: &Path) -> Result<PathBuf, StoreError> {
    let mut n = 1;
    loop {
        let mut name = dir.as_os_str().to_owned();
        name.push(format!(".corrupt-{n}"));
        let aside = PathBuf::from(name);
        if !aside.exists() {
            fs::rename(dir, &aside).map_err(StoreError::io("move aside", dir))?;
            return Ok(aside);
        }
        n += 1;
    }
}
