//! The tails of long queues: chunks on the disk that a frontier puts there and takes back.
//!
//! Owns the files `frontier/tail-N`. Never knows what is in a chunk, and never waits for the disk to turn: a chunk
//! is handed to the system, where a killed process leaves it, and a checkpoint brings it to the disk.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{StoreError, error::RECALL, gzip::Mark, store::Shared};

/// A segment is left for the next one before it grows past this: what one live chunk can keep from being freed.
const SEGMENT_BYTES: u32 = 16 << 20;
/// Before each chunk: its length and its checksum.
pub(crate) const CHUNK_HEADER_BYTES: usize = 8;
/// A chunk is no longer than this: it is read as a whole, and fits into a segment.
const CHUNK_BYTES_MAX: usize = SEGMENT_BYTES as usize - CHUNK_HEADER_BYTES;

/// Where a chunk is: the segment's number in the upper half, the place in it in the lower. Never given to another
/// chunk of the same store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChunkId(u64);

impl ChunkId {
    pub(crate) fn new(segment: u32, offset: u32) -> Self {
        Self(u64::from(segment) << 32 | u64::from(offset))
    }

    fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    fn offset(self) -> u32 {
        self.0 as u32
    }

    /// The id as a number, to be kept.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The id of which that is the number. One that was never given out names nothing.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

/// Queues' tails on the disk. There is one at a time for a store: see [`crate::Store::tails`].
///
/// A chunk's life: **put**, it is with the system and outlives the process; named by a [`crate::Checkpoints`]
/// written later, it is on the disk and outlives the machine; no longer **live**, it goes with the last live one of
/// its segment. Taking it changes nothing.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let store = dragline_storage::Store::create_or_open(dir.path(), Default::default())?;
/// let mut tails = store.tails()?;
/// let [one, two] = [tails.put(b"http://a/1 http://a/2")?, tails.put(b"http://b/1")?];
/// assert_eq!(tails.take(one)?, b"http://a/1 http://a/2");
/// tails.retain([two].into_iter());
/// assert_eq!(tails.take(two)?, b"http://b/1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tails {
    /// The one that is written to.
    current: Option<Segment>,
    /// The number of the next: none of an earlier life is written to again, and none is used twice.
    next: u32,
    buffer: Vec<u8>,
    leave: Leave,
}

struct Segment {
    number: u32,
    file: Arc<File>,
    bytes: u32,
}

/// The right to have the tails, given back on drop.
struct Leave(Arc<Shared>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.frontier.tails_out.store(false, Ordering::Release);
    }
}

impl std::fmt::Debug for Tails {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tails").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Tails {
    pub(crate) fn open(shared: Arc<Shared>) -> Result<Self, StoreError> {
        if shared.frontier.tails_out.swap(true, Ordering::AcqRel) {
            return Err(StoreError::TailsOut { dir: shared.home.dir.clone() });
        }
        let leave = Leave(shared);
        {
            // What the last holder has begun to write is there before anybody reads; what it has not is refused.
            let _alone = leave.0.frontier.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
            leave.0.frontier.holders.fetch_add(1, Ordering::AcqRel);
        }
        let is_ours = leave.0.home.check_ours().is_ok();
        if is_ours {
            leave.0.frontier.make()?;
        }
        let mut tails = Self { current: None, next: 0, buffer: Vec::new(), leave };
        // Of a store that another process has there may be no directory yet; nothing is written there either.
        let there = if is_ours { tails.segments()? } else { Vec::new() };
        let last = there.into_iter().map(|(number, _)| number).max();
        tails.next = last.map_or(0, |last| last.wrapping_add(1));
        Ok(tails)
    }

    /// Keeps a chunk of less than 16 MiB; some KB are best. It survives the process from here on.
    ///
    /// After an error nothing was kept, and what was kept before is untouched.
    pub fn put(&mut self, chunk: &[u8]) -> Result<ChunkId, StoreError> {
        self.leave.0.home.check_ours()?;
        if chunk.len() > CHUNK_BYTES_MAX {
            let what = format!("a chunk of {} bytes, {CHUNK_BYTES_MAX} are allowed", chunk.len());
            let source = io::Error::new(io::ErrorKind::InvalidInput, what);
            return Err(StoreError::io("write a tail in", &self.leave.0.frontier.dir)(source));
        }
        let bytes = (CHUNK_HEADER_BYTES + chunk.len()) as u32;
        let segment = match self.current.take() {
            Some(segment) if segment.bytes + bytes <= SEGMENT_BYTES => segment,
            _ => self.begin()?,
        };
        let Segment { number, file, bytes: offset } = segment;
        let id = ChunkId::new(number, offset);
        self.buffer.clear();
        self.buffer.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        self.buffer.extend_from_slice(&self.checksum(id, chunk).to_le_bytes());
        self.buffer.extend_from_slice(chunk);
        // Of what cannot be written whole something may stand there: then the segment gets nothing more, which is
        // why it was taken out.
        let written = self.leave.0.disk.append(&file, &self.buffer);
        written.map_err(StoreError::io("write", &self.path(number)))?;
        self.leave.0.frontier.tails.add(&file, false);
        self.current = Some(Segment { number, file, bytes: offset + bytes });
        Ok(id)
    }

    /// Reads a chunk; it stays where it is. [`StoreError::Corrupt`] where it is not what was put.
    pub fn take(&mut self, id: ChunkId) -> Result<Vec<u8>, StoreError> {
        let path = self.path(id.segment());
        let found = read_chunk(&path, id.offset());
        let what = match found {
            Ok((checksum, chunk)) if checksum == self.checksum(id, &chunk) => return Ok(chunk),
            Ok(_) => "it is not what was put there",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "the file is gone",
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => "the file is too short",
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        };
        Err(StoreError::corrupt(&path, format!("the chunk at {}: {what}", id.offset()), RECALL))
    }

    fn checksum(&self, id: ChunkId, chunk: &[u8]) -> u32 {
        checksum(self.leave.0.home.mark, id, chunk)
    }

    /// Removes every segment without a live chunk, but for the one that is written to.
    ///
    /// Live is what the last checkpoint that is on the disk refers to (or the one that [`crate::Checkpoints::read`]
    /// gave), and what was put since that one was drawn up. Call it when a checkpoint has become durable, and never
    /// with less: what is removed here and still referred to is an error of [`Tails::take`] after a restart.
    pub fn retain(&mut self, live: impl Iterator<Item = ChunkId>) {
        let live: HashSet<u32> = live.map(ChunkId::segment).collect();
        let freed = self.leave.0.home.check_ours().and_then(|()| self.segments()).and_then(|there| {
            there
                .into_iter()
                .filter(|(number, _)| !live.contains(number))
                .try_for_each(|dead| self.free(dead))
        });
        if let Err(error) = freed {
            tracing::warn!(%error, "tails that are no longer needed stay where they are");
        }
    }

    /// Removes a segment. The last one stays: empty, if nobody writes to it, but with its name, which says which
    /// numbers were used. A checkpoint from before must not find other chunks in place of its own.
    fn free(&self, (number, path): (u32, PathBuf)) -> Result<(), StoreError> {
        if self.current.as_ref().is_some_and(|current| current.number == number) {
            return Ok(());
        }
        if number.wrapping_add(1) == self.next {
            let emptied = OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0));
            return emptied.map_err(StoreError::io("empty", &path));
        }
        fs::remove_file(&path).map_err(StoreError::io("remove", &path))
    }

    /// The next segment, empty.
    fn begin(&mut self) -> Result<Segment, StoreError> {
        let number = self.next;
        let path = self.path(number);
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Arc::new(options.open(&path).map_err(StoreError::io("create", &path))?);
        self.next = number.wrapping_add(1);
        self.leave.0.frontier.tails.add(&file, true);
        Ok(Segment { number, file, bytes: 0 })
    }

    fn path(&self, number: u32) -> PathBuf {
        self.leave.0.frontier.dir.join(format!("tail-{number}"))
    }

    /// The segments that are there.
    fn segments(&self) -> Result<Vec<(u32, PathBuf)>, StoreError> {
        let dir = &self.leave.0.frontier.dir;
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
            let entry = entry.map_err(StoreError::io("list", dir))?;
            let name = entry.file_name();
            if let Some(number) = name.to_str().and_then(|n| n.strip_prefix("tail-")?.parse().ok()) {
                found.push((number, entry.path()));
            }
        }
        Ok(found)
    }
}

/// Of the chunk with its place, its length and the store: a chunk that got anywhere else is none.
pub(crate) fn checksum(mark: Mark, id: ChunkId, chunk: &[u8]) -> u32 {
    let mut crc = libdeflater::Crc::new();
    crc.update(&mark);
    crc.update(&id.0.to_le_bytes());
    crc.update(&(chunk.len() as u32).to_le_bytes());
    crc.update(chunk);
    crc.sum()
}

/// A chunk as it stands there, and the checksum that stands before it.
pub(crate) fn read_chunk(path: &Path, offset: u32) -> io::Result<(u32, Vec<u8>)> {
    let mut file = File::open(path)?;
    let left = file.metadata()?.len().checked_sub(u64::from(offset) + CHUNK_HEADER_BYTES as u64);
    file.seek(SeekFrom::Start(offset.into()))?;
    let (mut bytes, mut checksum) = ([0; 4], [0; 4]);
    file.read_exact(&mut bytes)?;
    file.read_exact(&mut checksum)?;
    let bytes = u32::from_le_bytes(bytes);
    // Before anything is allocated for it.
    if left.is_none_or(|left| left < bytes.into()) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut chunk = vec![0; bytes as usize];
    file.read_exact(&mut chunk)?;
    Ok((u32::from_le_bytes(checksum), chunk))
}
