//! The one hand that writes into a store.
//!
//! Owns the order of a commit, and with it the promise that a commit happens wholly or not at all:
//!
//! 1. the groups of all parcels are appended to the archive, in one write: this is the commit;
//! 2. their records are handed to the index, which writes them behind, with the archive position reached;
//! 3. only then are the links known and the receipts made.
//!
//! A process killed after 1 leaves whole groups that the next opening puts into the index; a sled that gives up
//! is opened again and catches up in the same way. An error in 1 takes the archive back to where it was.
//! Nothing ever waits for the disk to turn: see [`crate::keeper`].

mod draft;
mod earlier;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use dragline_model::{CanonicalUrl, FingerprintSet, Link, Receipt, Settled};

use crate::{
    Parcel, Pending, Recovery, Restored, Store, StoreError,
    archive::{Archive, Rolling},
    frontier::{behind::Behind, log::Words},
    gzip::Gzip,
    index::{Backlog, Draft},
    keeper::{self, Keeper},
    known::{self, Known, Loaded},
    pending, recover,
    schema::State,
    store::Shared,
};
use earlier::Batch;

/// Seeds in one entry: an entry is read as a whole.
const SEEDS_PER_ENTRY: usize = 1024;
/// The last visits of a URL among which a parcel's is looked for: no more than a URL's retries are ever in doubt.
const VISITS_LOOKED_AT: usize = 64;

/// Commits harvests. Dropped in a panic, it leaves the store able to give another, which sees exactly what was
/// committed.
pub struct Writer {
    // In the order in which they must go: the thread, the files, then the leave to have another writer.
    keeper: Keeper,
    archive: Archive,
    pub(crate) known: Known,
    pub(crate) behind: Arc<Behind>,
    records_read: u64,
    state: State,
    recovery: Recovery,
    /// The last commit failed, and the archive is not yet as it was before it.
    untidy: bool,
    gzip: Gzip,
    scratch: Scratch,
    leave: Leave,
}

/// Buffers used again by each commit.
#[derive(Default)]
struct Scratch {
    fresh: FingerprintSet,
    words: Words,
    json: Vec<u8>,
    record: Vec<u8>,
    members: Vec<u8>,
}

/// The right to be the writer, given back on drop.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.writer_out.store(false, Ordering::Release);
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("state", &self.state)
            .field("known", &self.known.urls.len())
            .finish_non_exhaustive()
    }
}

impl Writer {
    pub(crate) fn open(shared: Arc<Shared>) -> Result<Self, StoreError> {
        if shared.writer_out.swap(true, Ordering::AcqRel) {
            return Err(StoreError::WriterOut { dir: shared.home.dir.clone() });
        }
        let leave = Leave(shared.clone());
        // Before anything is written that an older program would take for something else.
        shared.home.upgrade()?;
        if shared.tree.is_down() {
            shared.tree.reopen()?;
        }
        let dir = shared.home.archive();
        let (state, later) = recover::catch_up(&shared.tree, &dir, shared.home.mark, &*shared.disk)?;
        let mut recovery =
            std::mem::take(&mut *shared.recovery.lock().unwrap_or_else(PoisonError::into_inner));
        recovery.add(later);
        let Loaded { known, behind, records_read } = known::load(&shared)?;
        let behind = Arc::new(behind);
        let mark = shared.home.mark;
        let rolling = Rolling { bytes: shared.options.segment_bytes, age: shared.options.segment_age };
        let archive = Archive::open(dir, rolling, mark, shared.disk.clone(), state.reached);
        *shared.frontier.archive() = Some(archive.unsynced());
        let every = shared.options.sync_every;
        let keeper = Keeper::start(shared, archive.unsynced(), behind.clone(), every)?;
        let (gzip, scratch, untidy) = (Gzip::new(mark), Scratch::default(), false);
        Ok(Self {
            keeper,
            archive,
            known,
            behind,
            records_read,
            state,
            recovery,
            untidy,
            gzip,
            scratch,
            leave,
        })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.leave.0
    }

    /// What had to be put right before this writer could begin, since the store was opened.
    pub fn recovered(&self) -> &Recovery {
        &self.recovery
    }

    /// The sequence number of the last commit; 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.state.last_seq
    }

    /// URLs ever seen.
    pub fn known(&self) -> u64 {
        self.known.urls.len() as u64
    }

    /// Records that had to be read for this writer to know them: all of them where the log of what is known was
    /// of no use, otherwise those of the moments before the last one ended.
    pub fn records_read(&self) -> u64 {
        self.records_read
    }

    /// Commits the seeds nobody has seen before, and gives them back.
    pub fn admit(&mut self, seeds: &[Link]) -> Result<Vec<Link>, StoreError> {
        self.ready()?;
        self.scratch.fresh.clear();
        let fresh = &mut self.scratch.fresh;
        let new: Vec<Link> = seeds
            .iter()
            .filter(|s| !self.known.urls.contains(s.fingerprint) && fresh.insert(s.fingerprint))
            .cloned()
            .collect();
        if new.is_empty() {
            return Ok(new);
        }
        let mut state = self.state;
        let mut draft = Draft::default();
        let drafted = new
            .chunks(SEEDS_PER_ENTRY)
            .try_for_each(|some| self.draft_seeds(None, some, &mut state, &mut draft));
        self.conclude(drafted, draft, state, &[])?;
        Ok(new)
    }

    /// Commits links that were found on pages when those were looked at again, all of them or none: those that nobody
    /// has seen before, of which it gives the number. They come to be visited like links of these pages.
    pub fn admit_found(&mut self, found: &[(CanonicalUrl, Vec<Link>)]) -> Result<u64, StoreError> {
        self.ready()?;
        self.scratch.fresh.clear();
        let mut state = self.state;
        let mut draft = Draft::default();
        let mut admitted = 0;
        let mut drafted = Ok(());
        for (via, links) in found {
            let fresh = &mut self.scratch.fresh;
            let new = links
                .iter()
                .filter(|link| !self.known.urls.contains(link.fingerprint) && fresh.insert(link.fingerprint));
            let new: Vec<Link> = new.cloned().collect();
            admitted += new.len() as u64;
            let mut pieces = new.chunks(SEEDS_PER_ENTRY);
            drafted = pieces.try_for_each(|some| self.draft_seeds(Some(via), some, &mut state, &mut draft));
            if drafted.is_err() {
                break;
            }
        }
        if admitted > 0 {
            self.conclude(drafted, draft, state, &[])?;
        }
        Ok(admitted)
    }

    /// Commits parcels, all of them or none. A link is new if no commit before this one had it, nor an
    /// earlier parcel of this one.
    ///
    /// After an error the store is as before, and the same parcels can be offered again.
    pub fn commit(&mut self, parcels: &[Arc<Parcel>]) -> Result<Vec<Receipt>, StoreError> {
        self.ready()?;
        if parcels.is_empty() {
            return Ok(Vec::new());
        }
        self.scratch.fresh.clear();
        let mut state = self.state;
        let mut draft = Draft::default();
        let mut receipts = Vec::with_capacity(parcels.len());
        let mut batch = Batch { parcels, first_seq: state.last_seq + 1, payloads: Vec::new() };
        let drafted = parcels.iter().try_for_each(|parcel| {
            receipts.push(self.draft_page(parcel, &mut state, &mut draft, &mut batch)?);
            Ok(())
        });
        self.conclude(drafted, draft, state, &batch.payloads)?;
        Ok(receipts)
    }

    /// Commits parcels of which some may have been committed already: their receipts were lost with the
    /// actor that was to pass them on. A parcel whose visit is that of a record gets that record's receipt,
    /// the others are committed; the receipts come in the order of the parcels.
    pub fn recommit(&mut self, parcels: &[Arc<Parcel>]) -> Result<Vec<Receipt>, StoreError> {
        self.ready()?;
        let mut receipts: Vec<Option<Receipt>> = Vec::with_capacity(parcels.len());
        let mut missing: Vec<Arc<Parcel>> = Vec::new();
        for parcel in parcels {
            let old = self.receipt_of(parcel)?;
            if old.is_none() && !missing.iter().any(|p| p.visit() == parcel.visit()) {
                missing.push(parcel.clone());
            }
            receipts.push(old);
        }
        let new: HashMap<_, _> = self.commit(&missing)?.into_iter().map(|r| (r.visit.id, r)).collect();
        let visits = parcels.iter().map(|p| p.visit());
        Ok(receipts
            .into_iter()
            .zip(visits)
            .filter_map(|(old, v)| old.or_else(|| new.get(&v).cloned()))
            .collect())
    }

    /// Goes through every URL that is known and not settled, in the order in which they were found.
    ///
    /// `is_final` judges the last outcome of a URL that was tried, given the attempts so far. A URL that was
    /// visited without having been a link is known from its first visit on, and comes at that place; unless it
    /// was visited as a robots.txt, which is nothing that waits.
    pub fn pending(
        &self,
        is_final: impl Fn(&Settled, u8) -> bool,
        each: impl FnMut(Pending),
    ) -> Result<Restored, StoreError> {
        let mut restored = pending::collect(&self.shared().index, is_final, each)?;
        let totals = self.state.totals;
        (restored.pages, restored.responses, restored.bytes) = (totals.pages, totals.responses, totals.bytes);
        (restored.known, restored.last_seq) = (self.known(), self.state.last_seq);
        Ok(restored)
    }

    /// Waits until everything committed is on the disk.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        self.ready()?;
        keeper::sync(self.shared(), &self.archive.unsynced(), &self.behind, true)
    }

    /// Puts right what the last failure left behind; an error means that nothing can be committed yet.
    fn ready(&mut self) -> Result<(), StoreError> {
        self.archive.unsynced().check()?;
        if self.untidy {
            self.archive.take_back()?;
            self.untidy = false;
        }
        if self.shared().tree.is_down() {
            self.revive_index()?;
        }
        Ok(())
    }

    /// Opens the index again. What sled lost comes from the archive.
    fn revive_index(&mut self) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        shared.tree.reopen()?;
        let dir = shared.home.archive();
        let (state, recovery) = recover::catch_up(&shared.tree, &dir, shared.home.mark, &*shared.disk)?;
        debug_assert_eq!(state, self.state);
        self.recovery.add(recovery);
        Ok(())
    }

    /// Ends a commit: keeps what was drafted, or undoes it.
    fn conclude(
        &mut self,
        drafted: Result<(), StoreError>,
        draft: Draft,
        state: State,
        payloads: &[(u64, u64)],
    ) -> Result<(), StoreError> {
        if let Err(error) = drafted.and_then(|()| self.archive.flush()) {
            self.untidy = self.archive.take_back().is_err();
            return Err(error);
        }
        self.archive.accept();
        self.state = State { reached: self.archive.cursor(), ..state };
        let backlog = self.leave.0.tree.hold(draft, &self.state);
        self.learn(payloads);
        match backlog {
            Backlog::Short => {}
            Backlog::Long => self.keeper.ring(),
            Backlog::TooLong => {
                // If it fails, the index is down: the next commit revives it from the archive, or says why not.
                let _ = self.leave.0.tree.write_held();
            }
        }
        Ok(())
    }

    /// What is committed is known, and on its way into the log.
    fn learn(&mut self, payloads: &[(u64, u64)]) {
        let Scratch { fresh, words, .. } = &mut self.scratch;
        for url in fresh.drain() {
            self.known.urls.insert(url);
            words.urls.push(url.bits());
        }
        words.payloads.extend(payloads.iter().filter(|(key, seq)| self.known.note_payload(*key, *seq)));
        self.behind.add(words, &self.state);
    }

    fn receipt_of(&self, parcel: &Parcel) -> Result<Option<Receipt>, StoreError> {
        let store = Store { shared: self.shared().clone() };
        for visit in self.shared().index.visits(&parcel.url_key)?.rev().take(VISITS_LOOKED_AT) {
            if let Some(record) = store.record(visit?.1)?
                && record.visit == parcel.visit()
            {
                return Ok(Some(parcel.receipt(record.seq, record.payload_of.is_some(), record.links)));
            }
        }
        Ok(None)
    }
}

#[cfg(all(test, unix))]
mod faults;
#[cfg(test)]
pub(crate) mod tests;
