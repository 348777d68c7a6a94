//! The index as sled has it, in the process that holds the store. Only the files of this folder know sled.
//!
//! Owns the sled tree, its closing and re-opening, and what is written behind: a commit is safe once it is in the
//! archive, and sled takes a thousand records in one batch for a tenth of what they cost one by one (each batch
//! is a write and a wake-up of a thread of sled's own). Whoever reads writes first, so nobody sees the
//! difference. Never reads the archive and never decides what belongs into the index.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;

use super::{
    bell::Bell,
    budget,
    held::{Backlog, Draft, Held},
    open::{Refusal, move_aside, open_sled},
    packed::{piece_of, unpack},
    source::{End, PAGE_BYTES, Page, Source, Span},
};
use crate::{
    StoreError,
    error::REBUILD,
    schema::{
        FORMAT_KEY, INDEX_FORMAT, STATE_KEY, State,
        pieces::{Packing as _, RecordList},
    },
};

/// A key, or a value. Sharing one is free; any bytes can be made into one.
pub(crate) type Value = sled::IVec;

/// What sled wants to write when it opens: a segment of its log (512 KiB) and a snapshot.
const REOPEN_BYTES: usize = 1 << 20;

/// How often what was read is asked for again, at least: see [`Tree::touch`].
const TOUCHES: usize = 6;

/// The tree of one store.
pub(crate) struct Tree {
    dir: PathBuf,
    index_memory: u64,
    /// `None` while sled is gone: between its giving up and its being opened again.
    db: RwLock<Option<sled::Db>>,
    /// sled gave up; nothing it says counts until it is opened again.
    pub(super) down: AtomicBool,
    pub(super) held: Mutex<Held>,
    /// Held by whoever writes what was held back.
    pub(super) writing: Mutex<()>,
    /// Written by a batch, which an iterator of sled's could otherwise see the half of.
    pub(super) batch: RwLock<()>,
    bell: Bell,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything under these locks is whole at every moment: a panic elsewhere takes nothing from it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tree {
    /// Opens the index, or makes an empty one. If sled finds the one that is there damaged it is moved aside:
    /// then the second value says whereto, and the index is empty.
    pub(crate) fn open(dir: PathBuf, index_memory: u64) -> Result<(Self, Option<PathBuf>), StoreError> {
        let mut moved = None;
        let db = match open_sled(&dir, budget::cache_bytes(index_memory, &dir)) {
            Ok(db) => db,
            Err(Refusal::Damaged(_)) => {
                moved = Some(move_aside(&dir)?);
                open_sled(&dir, budget::cache_bytes(index_memory, &dir))
                    .map_err(|refusal| refusal.into_error(&dir))?
            }
            Err(refusal) => return Err(refusal.into_error(&dir)),
        };
        let tree = Self { db: RwLock::new(Some(db)), index_memory, ..Self::of_another(dir) };
        Ok((tree, moved))
    }

    /// The tree of a store that another process has: nothing can be read from it, nor written to it.
    pub(crate) fn of_another(dir: PathBuf) -> Self {
        Self {
            dir,
            index_memory: 0,
            db: RwLock::default(),
            down: AtomicBool::new(false),
            held: Mutex::default(),
            writing: Mutex::default(),
            batch: RwLock::default(),
            bell: Bell::default(),
        }
    }

    /// True where it holds something and was written in another format, older or newer.
    pub(crate) fn is_of_another_format(&self) -> Result<bool, StoreError> {
        let get = |key| self.db()?.get(key).map_err(|e| self.trouble(e));
        Ok(get(STATE_KEY)?.is_some()
            && get(FORMAT_KEY)?.is_none_or(|format| *format != INDEX_FORMAT.to_be_bytes()))
    }

    /// Opens the index again after sled gave up. Fails while the disk is full: then the old one goes on answering
    /// queries.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        self.check_room()?;
        let mut db = self.db.write().unwrap_or_else(PoisonError::into_inner);
        *db = None;
        // What was held back comes from the archive again.
        *lock(&self.held) = Held::default();
        *db = Some(
            open_sled(&self.dir, budget::cache_bytes(self.index_memory, &self.dir))
                .map_err(|refusal| refusal.into_error(&self.dir))?,
        );
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
        let piece = piece_of(self, &RecordList, &RecordList.key(&(seq, Bytes::new()))).unwrap().unwrap();
        let mut records = unpack(self, &RecordList, &piece).unwrap();
        records.retain(|(there, _)| *there != seq);
        let db = self.db().unwrap();
        db.remove(&piece.0).unwrap().unwrap();
        if let Some(first) = records.first() {
            db.insert(RecordList.key(first), RecordList.pack(&records)).unwrap();
        }
    }

    pub(super) fn db(&self) -> Result<sled::Db, StoreError> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        db.clone().ok_or_else(|| StoreError::IndexDown {
            path: self.dir.clone(),
            what: "it is not open".to_owned(),
        })
    }

    /// Takes in what was committed, with the state that holds after it.
    pub(crate) fn hold(&self, draft: Draft, state: &State) -> Backlog {
        let backlog = lock(&self.held).add(draft, state);
        self.bell.ring(state.last_seq);
        backlog
    }

    /// sled's cache has 256 parts, each of which forgets pages no sooner than after 64 accesses to any of its own: a scan,
    /// which comes by each leaf once, would leave 16,384 of them in memory, whatever the cache may have. So each leaf is
    /// asked for some times more, at half a microsecond each.
    fn touch(&self, page: &Page) -> Result<(), StoreError> {
        let db = self.db()?;
        let times = TOUCHES.div_ceil(page.pairs.len().max(1));
        for (key, _) in &page.pairs {
            for _ in 0..times {
                db.contains_key(key).map_err(|e| self.trouble(e))?;
            }
        }
        Ok(())
    }

    fn written_row(&self, seq: u64) -> Result<Option<Bytes>, StoreError> {
        let Some(piece) = piece_of(self, &RecordList, &RecordList.key(&(seq, Bytes::new())))? else {
            return Ok(None);
        };
        let records = unpack(self, &RecordList, &piece)?;
        let found = records.binary_search_by_key(&seq, |(seq, _)| *seq);
        Ok(found.ok().map(|found| records[found].1.clone()))
    }

    /// The state as it was written last.
    fn written(&self) -> Result<State, StoreError> {
        let _written = lock(&self.writing);
        match self.db()?.get(STATE_KEY).map_err(|e| self.trouble(e))? {
            None => Ok(State::default()),
            Some(json) => serde_json::from_slice(&json)
                .map_err(|e| StoreError::corrupt(&self.dir, format!("its state: {e}"), REBUILD)),
        }
    }

    /// sled's word as ours.
    pub(super) fn trouble(&self, error: sled::Error) -> StoreError {
        match error {
            sled::Error::Io(error) => match StoreError::io("use", &self.dir)(error) {
                full @ StoreError::DiskFull { .. } => full,
                other => StoreError::IndexDown { path: self.dir.clone(), what: other.to_string() },
            },
            sled::Error::Corruption { .. } => StoreError::corrupt(&self.dir, error.to_string(), REBUILD),
            other => StoreError::IndexDown { path: self.dir.clone(), what: other.to_string() },
        }
    }
}

impl Source for Tree {
    fn path(&self) -> &Path {
        &self.dir
    }

    fn row(&self, seq: u64) -> Result<Option<Bytes>, StoreError> {
        if let Some(record) = lock(&self.held).record(seq) {
            return Ok(Some(record));
        }
        // A record never changes: the one that sled has is the one, whatever is being written, and for however long.
        if let Some(record) = self.written_row(seq)? {
            return Ok(Some(record));
        }
        let _written = lock(&self.writing);
        self.written_row(seq)
    }

    fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError> {
        let _whole = self.batch.read().unwrap_or_else(PoisonError::into_inner);
        let mut iter = self.db()?.range(&span.start[..]..&span.end[..]);
        let mut page = Page { more: true, ..Page::default() };
        let mut bytes = 0;
        while page.pairs.len() < most && bytes < PAGE_BYTES {
            let next = match end {
                End::Front => iter.next(),
                End::Back => iter.next_back(),
            };
            let Some(pair) = next else {
                page.more = false;
                break;
            };
            let pair = pair.map_err(|e| self.trouble(e))?;
            bytes += pair.0.len() + pair.1.len();
            page.pairs.push(pair);
        }
        self.touch(&page)?;
        if end == End::Back {
            page.pairs.reverse();
        }
        Ok(page)
    }

    fn state(&self) -> Result<State, StoreError> {
        if let Some(state) = lock(&self.held).state {
            return Ok(state);
        }
        self.written()
    }

    fn settled(&self) -> Result<State, StoreError> {
        self.write_held()?;
        self.written()
    }

    fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError> {
        let last_seq = self.state()?.last_seq;
        // It rings behind what is there to be found, so that no commit is missed between the look and the wait.
        Ok(if last_seq > seq { last_seq } else { self.bell.wait(seq, patience).max(last_seq) })
    }
}
