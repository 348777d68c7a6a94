//! Where the ends of long queues are put away.
//!
//! Owns the contract alone: this crate does no I/O, whoever runs the frontier brings a place for chunks of bytes.

use std::{collections::HashMap, fmt, io};

use serde::{Deserialize, Serialize};

/// Names a chunk that was put away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkId(pub u64);

/// A place for chunks of some kilobytes.
///
/// A chunk stays readable until the checkpoint that no longer names it is durable: who keeps the chunks learns of
/// that, not the frontier.
pub trait Tails: fmt::Debug + Send {
    /// Puts a chunk away. Must be quick: it is called between two messages.
    fn put(&mut self, chunk: &[u8]) -> io::Result<ChunkId>;

    /// Reads one.
    fn get(&mut self, id: ChunkId) -> io::Result<Vec<u8>>;
}

/// Chunks kept in memory: for tests, and for crawls that nobody will go on with.
#[derive(Debug, Clone, Default)]
pub struct MemoryTails {
    chunks: HashMap<ChunkId, Vec<u8>>,
    next: u64,
}

#[cfg(test)]
impl MemoryTails {
    /// A chunk under a name that another gave it.
    pub(crate) fn insert(&mut self, id: ChunkId, chunk: Vec<u8>) {
        self.next = self.next.max(id.0 + 1);
        self.chunks.insert(id, chunk);
    }
}

impl Tails for MemoryTails {
    fn put(&mut self, chunk: &[u8]) -> io::Result<ChunkId> {
        let id = ChunkId(self.next);
        self.next += 1;
        self.chunks.insert(id, chunk.to_vec());
        Ok(id)
    }

    fn get(&mut self, id: ChunkId) -> io::Result<Vec<u8>> {
        self.chunks.get(&id).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}
