//! Making a store smaller: what is to be kept of it, and a new archive with that.
//!
//! Owns the walk from the old archive to the new one. What falls out is [`plan`]'s to say; how the new one takes the
//! place of the old, whenever the process is killed, is [`swap`]'s.
//!
//! A record that falls out loses its payload and its request, and says so ([`Absence::Dropped`]): it is known as
//! before, its links and its place in the order stay, and nothing is asked for again by mistake. Where records are to
//! be forgotten too, only their URLs stay, and the links that were found on them: many of them packed in one entry.
//! A failure, and an answer that says nothing of its page (429, 5xx), are kept as they are: they say what is left to do.

mod plan;
pub(crate) mod swap;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;

use dragline_model::{CanonicalUrl, Link, Purpose, Timestamp};

use crate::{
    Options, Store, StoreError,
    archive::{self, Archive, Rolling, SystemDisk},
    error::FSCK_FIRST,
    groups::{Group, Groups},
    gzip::{Effort, Gzip, Mark},
    payload::read_at,
    record::{self, Absence, Entry, Record},
    schema::Position,
    warc::{self, GroupId, write::Of},
};
use plan::{Fate, Plan};
use swap::{Moment, Swap};

/// URLs and links of one entry that stands for forgotten records.
const FORGOTTEN_PER_ENTRY: usize = 1024;

/// The way out where an archive has nothing whole in it.
const NOTHING_TO_KEEP: &str =
    "nothing was changed; restore the archive from a copy, or crawl into another directory";

/// What of a store is to be kept. Whatever one of the limits lets fall falls out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// Payloads of responses that are no older than this.
    pub age: Option<Duration>,
    /// Of each URL the payloads of its last so many responses.
    pub count: Option<u64>,
    /// The archive is to be no larger than this, in bytes: payloads fall out, the oldest first. What the records take
    /// stays, whatever that is.
    pub bytes: Option<u64>,
    /// Records that fall out are forgotten, all but their URLs.
    pub forget: bool,
    /// What is damaged in the archive is left behind; without it a damaged archive is refused.
    pub drop_damaged: bool,
}

/// What a compaction did, or would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Compaction {
    /// Records there were.
    pub records: u64,
    /// Responses whose payload is kept.
    pub kept: u64,
    /// Payloads that are kept only because a kept record has them too.
    pub needed: u64,
    /// Responses whose payload is dropped.
    pub dropped: u64,
    /// Records that are forgotten.
    pub forgotten: u64,
    /// Bytes of the archive before.
    pub bytes_before: u64,
    /// Bytes of the archive after; of one that was not done, about.
    pub bytes_after: u64,
    /// Bytes of the old archive that were gone through so far.
    pub bytes_done: u64,
    /// Bytes that could not be read and were left behind.
    pub damaged_bytes: u64,
}

impl Store {
    /// Makes a store smaller. Nobody else may hold it meanwhile. The disk has to have room for the new archive beside
    /// the old one. A process that is killed at any moment leaves either the old store or the new one, whole.
    ///
    /// What a frontier remembered beyond the records is dropped, and the index is made anew.
    pub fn compact(
        dir: impl AsRef<Path>,
        options: Options,
        retention: &Retention,
        now: Timestamp,
        tell: &mut dyn FnMut(&Compaction),
    ) -> Result<Compaction, StoreError> {
        compact(dir.as_ref(), options, retention, now, tell, &mut |_| {})
    }

    /// What [`Store::compact`] would do.
    pub fn would_compact(&self, retention: &Retention, now: Timestamp) -> Result<Compaction, StoreError> {
        Ok(Plan::draw_up(self, retention, now)?.foreseen)
    }
}

/// The work; `at` is called at every moment at which a kill would find something else on the disk.
pub(crate) fn compact(
    dir: &Path,
    options: Options,
    retention: &Retention,
    now: Timestamp,
    tell: &mut dyn FnMut(&Compaction),
    at: &mut dyn FnMut(Moment),
) -> Result<Compaction, StoreError> {
    let store = Store::open(dir, options.clone())?;
    // Nobody else writes, and nothing is held back.
    let writer = store.writer()?;
    let plan = Plan::draw_up(&store, retention, now)?;
    let archive = store.archive_dir();
    let Some(last) = archive::segments(&archive)?.last().copied() else { return Ok(plan.foreseen) };
    drop(writer);
    store.shared.home.upgrade()?;

    let swap = Swap::begin(&store.shared.home, last.number)?;
    at(Moment::Begun);
    let mut done = Compaction { bytes_after: 0, ..plan.foreseen };
    let end = match write_new(&store, &swap, &options, retention, now, &plan, &mut done, tell) {
        Ok(end) => end,
        Err(error) => {
            // What went wrong first is what is told; what cannot be removed goes with the next opening.
            if let Err(error) = swap.give_up() {
                tracing::warn!(%error, "the beginning of a new archive is left behind");
            }
            return Err(error);
        }
    };
    at(Moment::Written);
    swap.commit(end.segment)?;
    at(Moment::Committed);
    drop(store);
    // Opening does the rest, as it would after a kill.
    let store = Store::open_after_swap(dir, options, at)?;
    done.bytes_after = archive::segments(&store.archive_dir())?.iter().map(|segment| segment.bytes).sum();
    Ok(done)
}

/// Writes the new archive beside the old one, and gives its end.
#[expect(clippy::too_many_arguments, reason = "one call, of what the caller holds")]
fn write_new(
    store: &Store,
    swap: &Swap,
    options: &Options,
    retention: &Retention,
    now: Timestamp,
    plan: &Plan,
    done: &mut Compaction,
    tell: &mut dyn FnMut(&Compaction),
) -> Result<Position, StoreError> {
    let archive = store.archive_dir();
    let mut copy = Copy::new(store, swap, options, now);
    let mut groups = Groups::new(&archive, copy.mark, Position::default())?;
    while let Some(group) = groups.next()? {
        copy.group(group, plan)?;
        done.bytes_done = copy.bytes_done;
        tell(done);
    }
    if groups.damaged_bytes > 0 && !retention.drop_damaged {
        let what = format!("{} bytes in {} places", groups.damaged_bytes, groups.damaged_places);
        return Err(StoreError::corrupt(&archive, what, FSCK_FIRST));
    }
    done.damaged_bytes = groups.damaged_bytes;
    let end = copy.end(plan)?;
    if end == swap.start() {
        return Err(StoreError::corrupt(&archive, "there is no whole record to keep", NOTHING_TO_KEEP));
    }
    Ok(end)
}

/// The new archive on its way.
struct Copy {
    from: PathBuf,
    to: Archive,
    mark: Mark,
    now: Timestamp,
    gzip: Gzip,
    /// The segment that was read last.
    open: Option<(u32, File)>,
    /// What stands for records that were forgotten and are not written yet.
    links: Vec<Link>,
    urls: Vec<CanonicalUrl>,
    bytes_done: u64,
    buffers: [Vec<u8>; 2],
}

impl Copy {
    fn new(store: &Store, swap: &Swap, options: &Options, now: Timestamp) -> Self {
        let mark = store.shared.home.mark;
        let rolling = Rolling { bytes: options.segment_bytes, age: None };
        let to = Archive::open(swap.dir(), rolling, mark, Arc::new(SystemDisk), swap.start());
        Self {
            from: store.archive_dir(),
            to,
            mark,
            now,
            gzip: Gzip::new(mark),
            open: None,
            links: Vec::new(),
            urls: Vec::new(),
            bytes_done: 0,
            buffers: Default::default(),
        }
    }

    fn group(&mut self, group: Group, plan: &Plan) -> Result<(), StoreError> {
        let location = group.location;
        self.bytes_done += location.response + location.request + location.metadata;
        let seq = match &group.entry {
            Entry::Page(record) => record.seq,
            Entry::Seeds { seq, .. } => *seq,
        };
        if seq > plan.last_forgotten {
            self.pack_rest(plan)?;
        }
        match &group.entry {
            Entry::Page(record) => match plan.fate(record.seq) {
                Fate::Kept => self.copy(&group),
                Fate::Dropped => self.without_payload(&group, record),
                Fate::Forgotten => self.forget(record, plan),
            },
            Entry::Seeds { .. } => self.copy(&group),
        }
    }

    /// The members as they stand.
    fn copy(&mut self, group: &Group) -> Result<(), StoreError> {
        let location = group.location;
        let number = location.start.segment;
        let path = archive::segment_path(&self.from, number);
        let file = match self.open.take() {
            Some((open, file)) if open == number => file,
            _ => archive::open_segment(&self.from, number).map_err(StoreError::io("open", &path))?,
        };
        let bytes = location.response + location.request + location.metadata;
        let members = read_at(&file, location.start.offset, bytes).map_err(StoreError::io("read", &path))?;
        self.open = Some((number, file));
        self.append(&members)
    }

    fn append(&mut self, members: &[u8]) -> Result<(), StoreError> {
        self.to.place(members.len() as u64)?;
        self.to.put(members)
    }

    /// The record alone, saying that its payload was dropped.
    fn without_payload(&mut self, group: &Group, record: &Record) -> Result<(), StoreError> {
        let json = record::without_payload(&group.json, Absence::Dropped).map_err(|what| {
            StoreError::corrupt(&self.from, format!("record {}: {what}", record.seq), FSCK_FIRST)
        })?;
        let id = GroupId::of_visit(self.mark, record.visit, record.fetched_at, record.url.as_str());
        let of = Of { id, url: record.url.as_str(), date: record.fetched_at, peer: record.peer };
        self.metadata(|out| warc::write::metadata(out, of, false, &json))
    }

    fn metadata(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
        let [mut text, mut member] = std::mem::take(&mut self.buffers);
        text.clear();
        member.clear();
        write(&mut text);
        self.gzip.member(&text, Effort::Light, &mut member);
        let appended = self.append(&member);
        self.buffers = [text, member];
        appended
    }

    /// Packs what stays known of a record. The entry gets the number of the last of them: numbers rise.
    fn forget(&mut self, record: &Record, plan: &Plan) -> Result<(), StoreError> {
        if record.purpose != Purpose::Robots {
            self.urls.push(record.url.clone());
        }
        self.links.extend(record.links.iter().cloned());
        if self.urls.len() + self.links.len() < FORGOTTEN_PER_ENTRY && record.seq != plan.last_forgotten {
            return Ok(());
        }
        self.pack(record.seq)
    }

    /// What is left where the last record that is forgotten was damaged, and never came: its number is free.
    fn pack_rest(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let is_empty = self.urls.is_empty() && self.links.is_empty();
        if is_empty { Ok(()) } else { self.pack(plan.last_forgotten) }
    }

    fn pack(&mut self, seq: u64) -> Result<(), StoreError> {
        let (links, urls) = (std::mem::take(&mut self.links), std::mem::take(&mut self.urls));
        let mut json = Vec::new();
        record::compose_forgotten(&mut json, seq, &links, &urls);
        let (id, now) = (GroupId::of_seeds(self.mark, seq), self.now);
        self.metadata(|out| warc::write::seeds(out, id, now, &json))
    }

    /// Brings everything to the disk; gives the end.
    fn end(mut self, plan: &Plan) -> Result<Position, StoreError> {
        self.pack_rest(plan)?;
        self.to.flush()?;
        self.to.accept();
        let end = self.to.cursor();
        self.to.close()?;
        Ok(end)
    }
}

#[cfg(test)]
mod tests;
