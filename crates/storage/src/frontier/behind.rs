//! Between the commits and the known log: what is known and not yet written down.
//!
//! Owns the buffer, and the writing of it by the thread behind the index. The committing thread adds to a list and
//! is done; it neither writes nor waits, and a log that cannot be written costs it nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    StoreError,
    frontier::{
        self,
        log::{KnownLog, Words},
    },
    index::Index,
    known,
    schema::{State, frontier::Reached},
};

/// Fingerprints and payloads in a frame: 64 KB, so that a frame's header is nothing beside them.
pub(crate) const FRAME_WORDS: usize = 1 << 13;
/// Records that may be behind the log although they hold too little for a frame, as a store's that is refreshed do:
/// opening reads them in some 30 ms.
const RECORDS_BEHIND: u64 = 1 << 13;
/// What is gathered at most, 8 to 16 MB, while the log cannot be written. Past it the log is brought up from the
/// records.
pub(crate) const WORDS_MAX: usize = 1 << 20;

/// What some commits, one behind the other, added.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The last record before them.
    from: u64,
    /// The last record of theirs.
    seq: u64,
    /// How many records there were up to that.
    entries: u64,
    pub(crate) words: Words,
    /// There were too many: `words` is empty.
    missed: bool,
}

impl Gathered {
    /// Nothing yet, behind a point of the archive.
    pub(crate) fn after(reached: Reached) -> Self {
        let (seq, entries) = (reached.anchor.seq, reached.entries);
        Self { from: seq, seq, entries, ..Self::default() }
    }

    /// Takes in what comes next.
    pub(crate) fn add(&mut self, words: &mut Words, seq: u64, entries: u64) {
        (self.seq, self.entries) = (seq, entries);
        if self.missed || self.words.len() + words.len() > WORDS_MAX {
            self.missed = true;
            self.words = Words::default();
            words.clear();
        } else {
            self.words.urls.append(&mut words.urls);
            self.words.payloads.append(&mut words.payloads);
        }
    }

    fn is_worth_a_frame(&self) -> bool {
        self.missed || self.words.len() >= FRAME_WORDS || self.seq - self.from >= RECORDS_BEHIND
    }
}

/// The buffer and the log.
pub(crate) struct Behind {
    gathered: Mutex<Gathered>,
    log: Mutex<Log>,
}

struct Log {
    /// `None` where it could not be opened: the records are there to be read.
    open: Option<KnownLog>,
    /// The log has said that it cannot be written.
    told: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything under these locks is whole at every moment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Behind {
    /// Goes on with a log, and with what opening found behind it.
    pub(crate) fn new(open: Option<KnownLog>, rest: Gathered) -> Self {
        Self { gathered: Mutex::new(rest), log: Mutex::new(Log { open, told: false }) }
    }

    /// Takes in a commit: `words` is empty afterwards.
    pub(crate) fn add(&self, words: &mut Words, state: &State) {
        lock(&self.gathered).add(words, state.last_seq, state.entries);
    }

    /// Runs `before`, which brings archive and index to the disk, and then writes what was gathered before it, if
    /// it is worth a frame or `all` is wished for. So the log never speaks of what a power cut can take.
    ///
    /// Only `before` can fail. What could not be written to the log is tried again next time.
    pub(crate) fn write_after(
        &self,
        index: &Index,
        all: bool,
        before: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut log = lock(&self.log);
        let gathered = {
            let mut gathered = lock(&self.gathered);
            let worth = gathered.is_worth_a_frame() || all && gathered.seq > gathered.from;
            (worth && log.open.is_some()).then(|| {
                let (seq, entries) = (gathered.seq, gathered.entries);
                std::mem::replace(&mut *gathered, Gathered { from: seq, seq, entries, ..Gathered::default() })
            })
        };
        let done = before();
        let Some((gathered, open)) = gathered.zip(log.open.as_mut()) else { return done };
        if done.is_err() {
            self.put_back(gathered);
            return done;
        }
        match write(open, index, &gathered) {
            Ok(()) => log.told = false,
            Err(error) => {
                self.put_back(gathered);
                if !std::mem::replace(&mut log.told, true) {
                    tracing::warn!(%error, "the known log is not continued for now");
                }
            }
        }
        Ok(())
    }

    /// Puts what was taken in front again.
    fn put_back(&self, mut taken: Gathered) {
        let mut gathered = lock(&self.gathered);
        let (seq, entries) = (gathered.seq, gathered.entries);
        taken.missed |= gathered.missed;
        taken.add(&mut gathered.words, seq, entries);
        *gathered = taken;
    }
}

/// Continues the log: from what was gathered where that follows on it, else from the records.
fn write(log: &mut KnownLog, index: &Index, gathered: &Gathered) -> Result<(), StoreError> {
    let anchor = frontier::anchor(index, gathered.seq)?;
    if !gathered.missed && gathered.from == log.reached().anchor.seq {
        return log.append(&gathered.words, Reached { anchor, entries: gathered.entries });
    }
    let (mut words, mut last, mut written) = (Words::default(), log.reached(), Ok(()));
    known::read_records(index, last, gathered.seq, |some, reached| {
        words.urls.extend(&some.urls);
        words.payloads.extend(&some.payloads);
        last = reached;
        if words.len() >= FRAME_WORDS && written.is_ok() {
            written = log.append(&words, reached);
            words.clear();
        }
    })?;
    written?;
    log.append(&words, last)
}
