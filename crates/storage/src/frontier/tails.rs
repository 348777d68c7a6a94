//! The tails of long queues: chunks on the disk that a frontier puts there and takes back.
//!
//! Owns the files `frontier/tail-N`. Never knows what is in a chunk, and never waits for the disk to turn: a chunk
//! is handed to the system, where a killed process leaves it, and a checkpoint brings it to the disk.

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{StoreError, error::RECALL, store::Shared};

/// A segment is left for the next one before it grows past this: what one live chunk can keep from being freed.
const SEGMENT_BYTES: u32 = 16 << 20;
/// A chunk is no longer than this: it is read as a whole.
const CHUNK_BYTES_MAX: usize = SEGMENT_BYTES as usize;

/// Where a chunk is, and what it must be: whatever else is found there is not taken for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkId {
    segment: u32,
    offset: u32,
    bytes: u32,
    /// CRC-32.
    checksum: u32,
}

impl ChunkId {
    /// Bytes of the chunk.
    pub fn len(&self) -> usize {
        self.bytes as usize
    }

    /// True for a chunk with nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
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
    /// The number of the next: none of an earlier life is written to again.
    next: u32,
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
        leave.0.frontier.make()?;
        let mut tails = Self { current: None, next: 0, leave };
        let last = tails.segments()?.into_iter().map(|(number, _)| number).max();
        tails.next = last.map_or(0, |last| last.wrapping_add(1));
        Ok(tails)
    }

    /// Keeps a chunk of at most 16 MiB; some KB are best. It survives the process from here on.
    ///
    /// After an error nothing was kept, and what was kept before is untouched.
    pub fn put(&mut self, chunk: &[u8]) -> Result<ChunkId, StoreError> {
        if chunk.len() > CHUNK_BYTES_MAX {
            let what = format!("a chunk of {} bytes, {CHUNK_BYTES_MAX} are allowed", chunk.len());
            let source = io::Error::new(io::ErrorKind::InvalidInput, what);
            return Err(StoreError::io("write a tail in", &self.leave.0.frontier.dir)(source));
        }
        let bytes = chunk.len() as u32;
        let segment = match self.current.take() {
            Some(segment) if segment.bytes + bytes <= SEGMENT_BYTES => segment,
            _ => self.begin()?,
        };
        let Segment { number, file, bytes: offset } = segment;
        // Of what cannot be written whole something may stand there: then the segment gets nothing more, which is
        // why it was taken out.
        let written = self.leave.0.disk.append(&file, chunk);
        written.map_err(StoreError::io("write", &self.path(number)))?;
        self.leave.0.frontier.tails.add(&file, false);
        self.current = Some(Segment { number, file, bytes: offset + bytes });
        Ok(ChunkId { segment: number, offset, bytes, checksum: libdeflater::crc32(chunk) })
    }

    /// Reads a chunk; it stays where it is. [`StoreError::Corrupt`] where it is not what was put.
    pub fn take(&mut self, id: ChunkId) -> Result<Vec<u8>, StoreError> {
        let path = self.path(id.segment);
        let lost = |what: String| {
            let at = format!("the {} bytes at {}: {what}", id.bytes, id.offset);
            StoreError::corrupt(&path, at, RECALL)
        };
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            // Before anything is allocated for it.
            if file.metadata()?.len() < u64::from(id.offset) + u64::from(id.bytes) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            file.seek(SeekFrom::Start(id.offset.into()))?;
            let mut chunk = vec![0; id.len()];
            file.read_exact(&mut chunk)?;
            Ok(chunk)
        };
        match read() {
            Ok(chunk) if libdeflater::crc32(&chunk) == id.checksum => Ok(chunk),
            Ok(_) => Err(lost("they are not what was put there".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(lost("the file is gone".to_owned())),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(lost("the file is too short".to_owned()))
            }
            Err(error) => Err(StoreError::io("read", &path)(error)),
        }
    }

    /// Removes every segment without a live chunk, but for the one that is written to.
    ///
    /// Live is what the last checkpoint that is on the disk refers to (or the one that [`crate::Checkpoints::read`]
    /// gave), and what was put since that one was drawn up. Call it when a checkpoint has become durable, and never
    /// with less: what is removed here and still referred to is an error of [`Tails::take`] after a restart.
    pub fn retain(&mut self, live: impl Iterator<Item = ChunkId>) {
        let live: HashSet<u32> =
            live.map(|id| id.segment).chain(self.current.as_ref().map(|s| s.number)).collect();
        let removed = self.segments().and_then(|there| {
            there
                .into_iter()
                .filter(|(number, _)| !live.contains(number))
                .try_for_each(|(_, path)| fs::remove_file(&path).map_err(StoreError::io("remove", &path)))
        });
        if let Err(error) = removed {
            tracing::warn!(%error, "tails that are no longer needed stay where they are");
        }
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
