//! The archive's groups in batches, decoded ahead of whoever takes them in.
//!
//! Owns the threads that do it. Decompressing a page and checking it costs more than indexing it, and segments know
//! nothing of each other: so each is read by a thread of its own, some at a time, and their batches are handed out in
//! the order of the archive. Little to read is read by the caller's own thread.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use crate::{
    StoreError,
    archive::{self, Segment},
    groups::{Group, Groups},
    gzip::Mark,
    schema::Position,
};

/// Groups of one batch at most, and bytes of their entries.
const BATCH_GROUPS: usize = 512;
const BATCH_BYTES: usize = 4 << 20;
/// Batches decoded ahead in each segment.
const AHEAD: usize = 4;
/// Threads at most: the index takes in no more than some of them bring.
const THREADS_MAX: usize = 8;
/// Below so many bytes threads are not worth their making.
const THREADED_BYTES_MIN: u64 = 16 << 20;

/// Some groups, one behind the other.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) groups: Vec<Group>,
    /// Where they end.
    pub(crate) reached: Position,
}

/// What was come by on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Walked {
    /// Behind the last group.
    pub(crate) reached: Position,
    pub(crate) damaged_bytes: u64,
    pub(crate) damaged_places: u64,
    pub(crate) torn_bytes: u64,
}

/// Hands out everything from a position on; see [`Groups::ends_at_damage`].
pub(crate) fn each(
    archive: &Path,
    mark: Mark,
    from: Position,
    ends_at_damage: bool,
    mut each: impl FnMut(Batch) -> Result<(), StoreError>,
) -> Result<Walked, StoreError> {
    let mut segments = archive::segments(archive)?;
    segments.retain(|segment| segment.number >= from.segment);
    let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let bytes = bytes.saturating_sub(from.offset);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    if bytes < THREADED_BYTES_MIN || threads < 2 || ends_at_damage {
        let mut groups = Groups::new(archive, mark, from)?;
        groups.ends_at_damage = ends_at_damage;
        walk(&mut groups, &mut each)?;
        return Ok(Walked::of(&groups));
    }
    threaded(archive, mark, from, &segments, threads, each)
}

/// What a thread says of its segment.
enum Word {
    Some(Batch),
    End(Walked),
}

fn threaded(
    archive: &Path,
    mark: Mark,
    from: Position,
    segments: &[Segment],
    threads: usize,
    mut each: impl FnMut(Batch) -> Result<(), StoreError>,
) -> Result<Walked, StoreError> {
    type Ends =
        (Vec<Mutex<Option<SyncSender<Result<Word, StoreError>>>>>, Vec<Receiver<Result<Word, StoreError>>>);
    let (senders, receivers): Ends = segments
        .iter()
        .map(|_| sync_channel(AHEAD))
        .map(|(sender, receiver)| (Mutex::new(Some(sender)), receiver))
        .unzip();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(segment) = segments.get(nth) else { return };
            let Some(sender) = senders[nth].lock().unwrap_or_else(PoisonError::into_inner).take() else {
                return;
            };
            let offset = if segment.number == from.segment { from.offset } else { 0 };
            let is_last = nth + 1 == segments.len();
            let mut groups = match Groups::of_segment(archive, mark, *segment, offset, is_last) {
                Ok(groups) => groups,
                Err(error) => return drop(sender.send(Err(error))),
            };
            // Nobody listens any more where somebody failed.
            let walked = walk(&mut groups, &mut |batch| {
                sender.send(Ok(Word::Some(batch))).map_err(|_| StoreError::Io {
                    action: "go on reading",
                    path: archive.to_owned(),
                    source: std::io::ErrorKind::Interrupted.into(),
                })
            });
            let _ = sender.send(walked.map(|()| Word::End(Walked::of(&groups))));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(segments.len()) {
            scope.spawn(work);
        }
        let mut all = Walked { reached: from, ..Walked::default() };
        for receiver in receivers {
            for word in receiver {
                match word? {
                    Word::Some(batch) => each(batch)?,
                    Word::End(walked) => all.add(walked),
                }
            }
        }
        Ok(all)
    })
}

fn walk(
    groups: &mut Groups<'_>,
    each: &mut dyn FnMut(Batch) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut batch, mut bytes) = (Batch::default(), 0);
    while let Some(group) = groups.next()? {
        bytes += group.json.len();
        batch.groups.push(group);
        batch.reached = groups.reached();
        if batch.groups.len() >= BATCH_GROUPS || bytes >= BATCH_BYTES {
            each(std::mem::take(&mut batch))?;
            bytes = 0;
        }
    }
    if batch.groups.is_empty() { Ok(()) } else { each(batch) }
}

impl Walked {
    fn of(groups: &Groups<'_>) -> Self {
        let Groups { damaged_bytes, damaged_places, torn_bytes, .. } = *groups;
        Self { reached: groups.reached(), damaged_bytes, damaged_places, torn_bytes }
    }

    fn add(&mut self, later: Walked) {
        self.reached = later.reached;
        self.damaged_bytes += later.damaged_bytes;
        self.damaged_places += later.damaged_places;
        self.torn_bytes += later.torn_bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Options, Store, archive::open_path, record::Entry};

    /// Whoever reads, the batches are the same: sound, damaged in the middle, torn at the end.
    #[test]
    fn threads_bring_what_one_would() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 3000, ..Options::default() };
        let store = Store::create_or_open(dir.path(), options).unwrap();
        let mut writer = store.writer().unwrap();
        for n in 0..40 {
            let url =
                dragline_model::CanonicalUrl::parse(&format!("http://a/{n}/{}", "x".repeat(300))).unwrap();
            writer.admit(&[dragline_model::Link::seed(url)]).unwrap();
        }
        let (archive, mark) = (store.archive_dir(), store.shared.home.mark);
        let there = archive::segments(&archive).unwrap();
        assert!(there.len() > 3, "{there:?}");
        let middle = there[1].path(&archive);
        let mut bytes = std::fs::read(&middle).unwrap();
        bytes[1000] ^= 1;
        std::fs::write(&middle, bytes).unwrap();
        let last = there[there.len() - 1];
        let open = std::fs::OpenOptions::new().write(true).open(open_path(&archive, last.number)).unwrap();
        open.set_len(last.bytes - 3).unwrap();

        for from in [Position::default(), Position { segment: 1, offset: 0 }] {
            let segments: Vec<_> = archive::segments(&archive)
                .unwrap()
                .into_iter()
                .filter(|segment| segment.number >= from.segment)
                .collect();
            let seqs = |into: &mut Vec<u64>, batch: Batch| {
                into.extend(batch.groups.iter().map(|group| match &group.entry {
                    Entry::Seeds { seq, .. } => *seq,
                    Entry::Page(record) => record.seq,
                }));
                Ok(())
            };
            let (mut alone, mut together) = (Vec::new(), Vec::new());
            let one = each(&archive, mark, from, false, |batch| seqs(&mut alone, batch)).unwrap();
            let many =
                threaded(&archive, mark, from, &segments, 3, |batch| seqs(&mut together, batch)).unwrap();
            assert_eq!((one, &alone), (many, &together));
            assert!(one.damaged_places == 1 && one.torn_bytes > 0 && alone.len() > 20, "{one:?}");
            // An error of who takes them in ends the threads too.
            let failed = threaded(&archive, mark, from, &segments, 3, |_| {
                Err(StoreError::WriterOut { dir: archive.clone() })
            });
            assert!(matches!(failed, Err(StoreError::WriterOut { .. })));
        }
    }
}
