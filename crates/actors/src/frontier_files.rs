//! The frontier's files: queue tails and checkpoints, as the store keeps them.
//!
//! Owns the translation between the two, and the rhythm of checkpoints. Neither knows the other.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use dragline_frontier::{ChunkId, MemoryTails, Tails};
use dragline_storage::{Checkpoints, Store, StoreError};

use crate::{Line, messages::Checkpointed};

/// The first comes soon: a crawl that is killed early begins with it.
const FIRST_AFTER: Duration = Duration::from_millis(300);
/// Between the end of one checkpoint and the next, at least: replaying so much of a crawl takes a moment.
const EVERY_MIN: Duration = Duration::from_secs(2);
/// And so many times what the last one took the coordinator: a large frontier is kept less often.
const TIMES_WHAT_IT_TOOK: u32 = 50;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct FrontierFiles {
    tails: SharedTails,
    checkpoints: Checkpoints,
    next: Instant,
    /// The record that the last one reaches to.
    seq: u64,
    under_way: bool,
}

impl FrontierFiles {
    /// The files of a store. Without them queues are kept in memory, and the next run reads its records.
    pub(crate) fn open(store: &Store) -> Self {
        let tails = store.tails().inspect_err(|error| {
            tracing::warn!(%error, "long queues are kept in memory");
        });
        Self {
            tails: SharedTails(Arc::new(Mutex::new(tails.map_or_else(
                |_| Place::Memory(MemoryTails::default()),
                |tails| Place::Store(tails, Spilled::default()),
            )))),
            checkpoints: store.checkpoints(),
            next: Instant::now() + FIRST_AFTER,
            seq: 0,
            under_way: false,
        }
    }

    /// For the frontier.
    pub(crate) fn tails(&self) -> Box<dyn Tails> {
        Box::new(self.tails.clone())
    }

    /// It is time for a checkpoint.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        !self.under_way && now >= self.next && self.is_lasting()
    }

    /// When the next checkpoint is due, if there is anything that the last one lacks.
    pub(crate) fn wants(&self, seq: u64) -> Option<Instant> {
        (self.seq != seq && !self.under_way && self.is_lasting()).then_some(self.next)
    }

    /// A checkpoint is being written.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// What is put away outlives the process, all of it.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(&*self.tails.lock(), Place::Store(_, spilled) if spilled.ids.is_empty())
    }

    /// Some of it does not: there was no room on the disk.
    pub(crate) fn has_spilled(&self) -> bool {
        matches!(&*self.tails.lock(), Place::Store(_, spilled) if !spilled.ids.is_empty())
    }

    /// Lets go of what had no room on the disk and is not `live` any more.
    pub(crate) fn forget_spilled(&mut self, live: &[ChunkId]) {
        if let Place::Store(_, spilled) = &mut *self.tails.lock() {
            let live: HashSet<ChunkId> = live.iter().copied().collect();
            spilled.ids.retain(|id| live.contains(id));
            if spilled.ids.is_empty() {
                spilled.chunks = MemoryTails::default();
            }
        }
    }

    /// None could be made now: it is tried again later, and not at once.
    pub(crate) fn postpone(&mut self) {
        self.next = Instant::now() + EVERY_MIN;
    }

    /// Writes a checkpoint that took `took` to make, on another thread; the answer comes over the line.
    pub(crate) fn write(
        &mut self,
        seq: u64,
        clean: bool,
        checkpoint: dragline_frontier::Checkpoint,
        took: Duration,
        answer: Line<Checkpointed>,
    ) {
        self.under_way = true;
        self.seq = seq;
        self.next = Instant::now() + EVERY_MIN.max(took * TIMES_WHAT_IT_TOOK);
        let checkpoints = self.checkpoints.clone();
        actix_rt::task::spawn_blocking(move || {
            let written = checkpoints.write(seq, clean, &checkpoint.bytes);
            answer.send(Checkpointed { chunks: checkpoint.chunks, written });
        });
    }

    /// Takes the checkpoint away: what it refers to cannot be read.
    pub(crate) fn discard(&self) {
        if let Err(error) = self.checkpoints.discard() {
            tracing::warn!(%error, "a checkpoint that cannot be used stays");
        }
    }

    /// The checkpoint that needs these is on the disk, or there is none; `live` are needed by the frontier as it is.
    pub(crate) fn written(&mut self, chunks: Option<Vec<ChunkId>>, live: Vec<ChunkId>) {
        self.under_way = false;
        if let (Some(chunks), Place::Store(tails, _)) = (chunks, &mut *self.tails.lock()) {
            let on_disk = chunks.into_iter().chain(live).filter(|id| id.0 & IN_MEMORY == 0);
            let all = on_disk.map(|id| dragline_storage::ChunkId::from_bits(id.0));
            tails.retain(all);
        }
    }
}

/// The tails, for the frontier that fills them and for its files that clear them.
#[derive(Debug, Clone)]
struct SharedTails(Arc<Mutex<Place>>);

#[derive(Debug)]
enum Place {
    Store(dragline_storage::Tails, Spilled),
    Memory(MemoryTails),
}

/// Marks chunks that are in memory: a place in a file has no such number.
const IN_MEMORY: u64 = 1 << 63;

/// Chunks that there was no room for on the disk. While there are any no checkpoint is made. Nothing is committed then,
/// and so nothing new comes into the queues: they are few.
#[derive(Debug, Default)]
struct Spilled {
    chunks: MemoryTails,
    ids: HashSet<ChunkId>,
}

impl Spilled {
    fn put(&mut self, chunk: &[u8]) -> io::Result<ChunkId> {
        let id = ChunkId(self.chunks.put(chunk)?.0 | IN_MEMORY);
        self.ids.insert(id);
        Ok(id)
    }
}

impl SharedTails {
    fn lock(&self) -> std::sync::MutexGuard<'_, Place> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tails for SharedTails {
    fn put(&mut self, chunk: &[u8]) -> io::Result<ChunkId> {
        match &mut *self.lock() {
            Place::Store(tails, spilled) => match tails.put(chunk) {
                Ok(id) => Ok(ChunkId(id.bits())),
                Err(error) if error.is_disk_full() => spilled.put(chunk),
                Err(error) => Err(into_io(error)),
            },
            Place::Memory(tails) => tails.put(chunk),
        }
    }

    fn get(&mut self, id: ChunkId) -> io::Result<Vec<u8>> {
        match &mut *self.lock() {
            Place::Store(_, spilled) if id.0 & IN_MEMORY > 0 => {
                spilled.chunks.get(ChunkId(id.0 & !IN_MEMORY))
            }
            Place::Store(tails, _) => tails.take(dragline_storage::ChunkId::from_bits(id.0)).map_err(into_io),
            Place::Memory(tails) => tails.get(id),
        }
    }
}

fn into_io(error: StoreError) -> io::Error {
    io::Error::other(error)
}
