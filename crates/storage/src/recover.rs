//! Bringing the index up to the archive.
//!
//! Owns the replay of groups into the index, and the cutting of a torn end. Idempotent: a process killed in the
//! middle of it leaves a store for which it can be done again.

mod decode;

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use dragline_model::Purpose;

use crate::{
    StoreError,
    archive::{Disk, segment_path, segments},
    error::BEHIND,
    groups::Group,
    gzip::Mark,
    index::{Draft, Index, Tree},
    record::{Entry, Record},
    schema::{Position, State},
};

/// Records replayed before they are listed by URL, time and the rest, and brought to the disk: what an interrupted
/// replay may have to do again.
const LISTED_EVERY: u64 = 1 << 13;
/// How often a long replay is told in the log.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What was done to bring index and archive together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// Entries that were in the archive and not in the index.
    pub records: u64,
    /// Bytes of a half-written group cut off the archive's end.
    pub bytes_cut: u64,
    /// Bytes in the middle of the archive that could not be read and were passed over.
    pub damaged_bytes: u64,
    /// In how many places.
    pub damaged_places: u64,
    /// Where an index that sled refused was moved to.
    pub index_moved: Option<PathBuf>,
}

impl Recovery {
    /// True where there was nothing to be done.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what was done later.
    pub(crate) fn add(&mut self, later: Recovery) {
        self.records += later.records;
        self.bytes_cut += later.bytes_cut;
        self.damaged_bytes += later.damaged_bytes;
        self.damaged_places += later.damaged_places;
        self.index_moved = later.index_moved.or(self.index_moved.take());
    }
}

/// How far a replay of the archive into the index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Replaying {
    /// Entries indexed by it so far.
    pub records: u64,
    /// Entries that were in the index already: another replay had been interrupted.
    pub before: u64,
    /// Bytes of the archive behind it.
    pub bytes: u64,
    /// Bytes of the archive.
    pub bytes_in_all: u64,
}

/// Replays what the index lacks, and cuts what is torn. Afterwards the archive ends where the index says. What takes
/// long is told in the log.
pub(crate) fn catch_up(
    tree: &Arc<Tree>,
    archive: &Path,
    mark: Mark,
    disk: &dyn Disk,
) -> Result<(State, Recovery), StoreError> {
    let mut log = Log::default();
    catch_up_telling(tree, archive, mark, disk, false, &mut |now| log.tell(now))
}

/// Tells the log of what takes long.
pub(crate) struct Log {
    told: Instant,
}

impl Default for Log {
    fn default() -> Self {
        Self { told: Instant::now() }
    }
}

impl Log {
    pub(crate) fn tell(&mut self, now: Replaying) {
        if self.told.elapsed() >= TOLD_EVERY {
            self.told = Instant::now();
            let Replaying { records, bytes, bytes_in_all, .. } = now;
            tracing::info!(records, bytes, bytes_in_all, "the archive is being indexed");
        }
    }
}

/// The same; `tell` hears how far it is. Where the archive was just opened and the index is no beginning of a new one,
/// damage behind what the index knows, in a segment that was not finished, is what a power cut left: the archive
/// `may_end_at_damage`.
pub(crate) fn catch_up_telling(
    tree: &Arc<Tree>,
    archive: &Path,
    mark: Mark,
    disk: &dyn Disk,
    may_end_at_damage: bool,
    tell: &mut dyn FnMut(Replaying),
) -> Result<(State, Recovery), StoreError> {
    let mut state = Index::new(tree.clone()).state()?;
    check_not_behind(archive, state.reached)?;
    let there = segments(archive)?;
    let behind = |at: Position| {
        there.iter().filter(|s| s.number < at.segment).map(|s| s.bytes).sum::<u64>() + at.offset
    };
    let bytes_in_all = there.iter().map(|segment| segment.bytes).sum();
    let mut recovery = Recovery::default();
    let (from, before) = (state.reached, state.entries);
    let mut unlisted = 0;
    let ends_at_damage =
        may_end_at_damage && from.offset > 0 && there.last().is_some_and(|last| last.is_open);
    let walked = decode::each(archive, mark, from, ends_at_damage, |batch| {
        let mut draft = Draft::default();
        for group in batch.groups {
            if add(&mut draft, &mut state, group) {
                recovery.records += 1;
                unlisted += 1;
            }
        }
        state.reached = batch.reached;
        tree.hold(draft, &state);
        tree.write_held()?;
        if unlisted >= LISTED_EVERY {
            // So that a process that is killed now has not done it in vain.
            tree.catch_up()?;
            tree.flush()?;
            unlisted = 0;
        }
        let (records, bytes) = (recovery.records, behind(state.reached));
        tell(Replaying { records, before, bytes, bytes_in_all });
        Ok(())
    })?;
    if state.reached != walked.reached {
        state.reached = walked.reached;
        tree.hold(Draft::default(), &state);
    }
    recovery.bytes_cut = walked.torn_bytes;
    recovery.damaged_bytes = walked.damaged_bytes;
    recovery.damaged_places = walked.damaged_places;
    if recovery.bytes_cut > 0 {
        let path = segment_path(archive, state.reached.segment);
        let file = OpenOptions::new().append(true).open(&path).map_err(StoreError::io("open", &path))?;
        disk.cut(&file, state.reached.offset).map_err(StoreError::io("cut", &path))?;
    }
    tree.catch_up()?;
    Ok((state, recovery))
}

/// Whether the archive ends before the index does, in a segment that was being written: a power cut takes what was not
/// brought to the disk, and may leave an index that was. From a finished segment nothing goes by itself.
pub(crate) fn lost_its_end(archive: &Path, reached: Position) -> Result<bool, StoreError> {
    let last = segments(archive)?.last().copied();
    Ok(last.is_some_and(|last| {
        let end = Position { segment: last.number, offset: last.bytes };
        last.is_open && end < reached && last.number == reached.segment
    }))
}

/// The archive is the log: where it ends before the index does, something took from it.
pub(crate) fn check_not_behind(archive: &Path, reached: Position) -> Result<(), StoreError> {
    if reached.offset == 0 {
        return Ok(());
    }
    let there = segments(archive)?;
    let path = segment_path(archive, reached.segment);
    let what = match there.iter().find(|segment| segment.number == reached.segment) {
        Some(found) if found.bytes >= reached.offset => return Ok(()),
        Some(found) => format!("it has {} bytes, the index knows of {}", found.bytes, reached.offset),
        None => "the index knows of it and it is not there".to_owned(),
    };
    Err(StoreError::corrupt(&path, what, BEHIND))
}

/// Adds a group; `false` where the index has it, which a group copied into the archive twice would be.
fn add(draft: &mut Draft, state: &mut State, group: Group) -> bool {
    let seq = match &group.entry {
        Entry::Page(record) => record.seq,
        Entry::Seeds { seq, .. } => *seq,
    };
    if seq <= state.last_seq {
        return false;
    }
    // URL keys are written once the replay is done, all together.
    draft.add(seq, &group.location, &group.json, None);
    state.last_seq = seq;
    state.entries += 1;
    match &group.entry {
        Entry::Page(record) => count(state, record, record.payload_of.is_some(), record.links.len()),
        Entry::Seeds { links, .. } => state.totals.links += links.len() as u64,
    }
    true
}

/// Counts a visit.
pub(crate) fn count(state: &mut State, record: &Record, revisit: bool, new_links: usize) {
    let totals = &mut state.totals;
    totals.links += new_links as u64;
    if record.purpose == Purpose::Robots {
        totals.robots += 1;
        return;
    }
    match record.status {
        Some(status) => {
            totals.responses += 1;
            totals.pages += u64::from((200..300).contains(&status));
        }
        None => totals.failures += 1,
    }
    totals.revisits += u64::from(revisit);
    totals.unchanged += u64::from(revisit && record.is_not_modified());
    totals.bytes += record.bytes;
}
