//! Checkpoints: what a frontier wants to find again, as of one record.
//!
//! Owns the file `frontier/checkpoint`. Never knows what is in it.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::PathBuf,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use crate::{
    StoreError, frontier,
    schema::frontier::{
        CHECKPOINT_HEADER_BYTES, CHECKPOINT_MAGIC, CheckpointHeader, FILE_HEADER_BYTES, FileHeader,
    },
    store::Shared,
};

const FILE: &str = "checkpoint";
/// A checkpoint that is not whole yet; left behind by a process that died writing it.
const FILE_NEW: &str = "checkpoint.new";

/// What was found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last record that it takes into account; what follows is for [`crate::Store::replay`].
    pub seq: u64,
    /// The crawl had come to rest: nothing was on its way.
    pub clean: bool,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// Writes and reads the checkpoint of a store. Cheap to clone, good for any thread that may wait for a disk.
///
/// There is one checkpoint; writing another replaces it, or, where that fails, leaves it. It must not hold
/// fingerprints: the next process may have another key.
///
/// It goes with the tails it refers to: take those first ([`crate::Store::tails`]). Once they are given to another,
/// this one only reads, so that what a frontier that died had on its way cannot replace what its
/// successor goes by.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let store = dragline_storage::Store::create_or_open(dir.path(), Default::default())?;
/// let checkpoints = store.checkpoints();
/// assert_eq!(checkpoints.read(), None);
/// checkpoints.write(store.last_seq()?, false, b"hosts and turns")?;
/// assert_eq!(checkpoints.read().map(|found| found.bytes), Some(b"hosts and turns".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Checkpoints {
    shared: Arc<Shared>,
    /// See [`frontier::FrontierHome::holders`].
    holder: u64,
}

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoints").field("path", &self.path(FILE)).finish_non_exhaustive()
    }
}

impl Checkpoints {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let holder = shared.frontier.holders.load(Ordering::Acquire);
        Self { shared, holder }
    }

    /// Writes what holds after the record `seq` (0: before the first), and brings it to the disk, with every chunk
    /// put into [`crate::Tails`] until now. Blocks for several turns of the disk, and until nobody else writes one.
    ///
    /// An error is worth a warning and no more: the checkpoint before it still holds, and the records since are
    /// replayed after it.
    pub fn write(&self, seq: u64, clean: bool, bytes: &[u8]) -> Result<(), StoreError> {
        self.shared.home.check_ours()?;
        let frontier = &self.shared.frontier;
        let _alone = frontier.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        if frontier.holders.load(Ordering::Acquire) != self.holder {
            return Err(StoreError::Superseded { dir: self.shared.home.dir.clone() });
        }
        frontier.make()?;
        let anchor = frontier::anchor(&self.shared.index, seq)?;
        frontier.tails.sync()?;
        // So that after a power cut the record is there that this is tied to.
        let archive = frontier.archive().clone();
        archive.map_or(Ok(()), |archive| archive.sync())?;

        let file_header = self.file_header();
        let (length, body) = (bytes.len() as u64, libdeflater::crc32(bytes));
        let header = CheckpointHeader { anchor, bytes: length, clean, body }.encode(&file_header);
        let (new, path) = (self.path(FILE_NEW), self.path(FILE));
        let written = fs::remove_file(&new).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        });
        let written = written.and_then(|()| {
            let (file, disk) = (frontier::open_private(&new)?, &self.shared.disk);
            disk.append(&file, &[&file_header[..], &header].concat())?;
            disk.append(&file, bytes)?;
            disk.sync(&file)
        });
        if let Err(error) = written {
            // Its room may be what others lack.
            let _ = fs::remove_file(&new);
            return Err(StoreError::io("write", &new)(error));
        }
        fs::rename(&new, &path).map_err(StoreError::io("write", &path))?;
        File::open(&frontier.dir)
            .and_then(|dir| dir.sync_all())
            .map_err(StoreError::io("sync", &frontier.dir))
    }

    /// Takes the checkpoint away, if there is one: it cannot be used.
    pub fn discard(&self) -> Result<(), StoreError> {
        self.shared.home.check_ours()?;
        let path = self.path(FILE);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// The checkpoint, if there is one that is whole, this store's, and whose record the archive still has. Where
    /// there is another the log says what is wrong with it. Waits for whoever is writing one.
    pub fn read(&self) -> Option<Checkpoint> {
        let _alone = self.shared.frontier.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(FILE);
        let pass_over = |what: &dyn std::fmt::Display| {
            tracing::warn!(path = %path.display(), %what, "the checkpoint is passed over: all records are read");
            None
        };
        let (header, bytes) = match self.read_file() {
            Ok(Ok(found)) => found,
            Ok(Err(what)) => return pass_over(&what),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return pass_over(&error),
        };
        match frontier::holds(&self.shared.index, header.anchor) {
            Ok(true) => Some(Checkpoint { seq: header.anchor.seq, clean: header.clean, bytes }),
            Ok(false) => pass_over(&"the archive does not have its record"),
            Err(error) => pass_over(&error),
        }
    }

    /// The file's parts, or what is wrong with them.
    fn read_file(&self) -> io::Result<Result<(CheckpointHeader, Vec<u8>), &'static str>> {
        let mut file = File::open(self.path(FILE))?;
        let length = file.metadata()?.len();
        let (mut file_header, mut header) = ([0; FILE_HEADER_BYTES], [0; CHECKPOINT_HEADER_BYTES]);
        let headers = (FILE_HEADER_BYTES + CHECKPOINT_HEADER_BYTES) as u64;
        if length < headers {
            return Ok(Err("it is cut"));
        }
        file.read_exact(&mut file_header)?;
        file.read_exact(&mut header)?;
        if file_header != self.file_header() {
            return Ok(Err("it is damaged, another store's, or another version's"));
        }
        let Some(header) = CheckpointHeader::decode(&header, &file_header) else {
            return Ok(Err("it is damaged"));
        };
        if header.bytes != length - headers {
            return Ok(Err("it is cut"));
        }
        let mut bytes = Vec::with_capacity(header.bytes as usize);
        file.read_to_end(&mut bytes)?;
        if libdeflater::crc32(&bytes) != header.body {
            return Ok(Err("it is damaged"));
        }
        Ok(Ok((header, bytes)))
    }

    fn file_header(&self) -> [u8; FILE_HEADER_BYTES] {
        FileHeader { magic: CHECKPOINT_MAGIC, mark: self.shared.home.mark, key: 0 }.encode()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.shared.frontier.dir.join(name)
    }
}
