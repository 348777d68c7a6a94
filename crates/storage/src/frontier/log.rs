//! The known log: fingerprints and payloads of every commit, appended behind the index.
//!
//! Owns the file `frontier/known`: its frames, their checking, and the cutting of what is torn or damaged. Never
//! knows what a record is. Reading it costs eight bytes a URL where reading the records costs three
//! microseconds.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    StoreError,
    archive::Disk,
    frontier,
    gzip::Mark,
    schema::frontier::{
        FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FileHeader, FrameHeader, KNOWN_MAGIC, Reached,
    },
};

/// A frame's body that is read at most: four times what is gathered at most. A longer one was not written by us.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// What the records between two points of the archive add to what is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Words {
    /// The bits of fingerprints, each new when it was noted.
    pub(crate) urls: Vec<u64>,
    /// The first eight bytes of a payload's digest, and the record that has it.
    pub(crate) payloads: Vec<(u64, u64)>,
}

impl Words {
    pub(crate) fn len(&self) -> usize {
        self.urls.len() + self.payloads.len()
    }

    pub(crate) fn clear(&mut self) {
        self.urls.clear();
        self.payloads.clear();
    }
}

/// The file, open for appending.
pub(crate) struct KnownLog {
    path: PathBuf,
    disk: Arc<dyn Disk>,
    file: File,
    header: [u8; FILE_HEADER_BYTES],
    /// Bytes that count; what is behind them is cut before anything is appended.
    end: u64,
    /// Something may stand behind `end`.
    untidy: bool,
    reached: Reached,
    buffer: Vec<u8>,
}

/// The key of the fingerprints that a directory keeps, if it keeps any of this store's.
pub(crate) fn kept_key(dir: &Path, mark: Mark) -> Option<u64> {
    let mut bytes = [0; FILE_HEADER_BYTES];
    File::open(dir.join(FILE)).and_then(|mut file| file.read_exact(&mut bytes)).ok()?;
    FileHeader::decode(&bytes).filter(|it| it.magic == KNOWN_MAGIC && it.mark == mark).map(|it| it.key)
}

const FILE: &str = "known";

impl KnownLog {
    /// Opens the log and reads it, frame by frame; makes an empty one where there is none, or another store's, or
    /// one with another key. What is torn or damaged is cut off, and all that follows it.
    pub(crate) fn open(
        dir: &Path,
        mark: Mark,
        key: u64,
        disk: Arc<dyn Disk>,
        each: impl FnMut(&Words),
    ) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let file = frontier::open_private(&path).map_err(StoreError::io("open", &path))?;
        let header = FileHeader { magic: KNOWN_MAGIC, mark, key }.encode();
        let (end, reached, buffer) = (0, Reached::default(), Vec::new());
        let mut log = Self { path, disk, file, header, end, untidy: true, reached, buffer };
        let bytes = log.read(each).map_err(StoreError::io("read", &log.path))?;
        if log.end < bytes && log.end > 0 {
            tracing::warn!(
                path = %log.path.display(),
                bytes = bytes - log.end,
                "the end of the known log is torn or damaged: the records behind it are read instead"
            );
        }
        Ok(log)
    }

    /// How far the log goes.
    pub(crate) fn reached(&self) -> Reached {
        self.reached
    }

    /// Begins anew: nothing of what was read counts.
    pub(crate) fn restart(&mut self) {
        (self.end, self.untidy, self.reached) = (0, true, Reached::default());
    }

    /// Appends what the records between [`KnownLog::reached`] and `reached` add. After an error nothing was appended.
    pub(crate) fn append(&mut self, words: &Words, reached: Reached) -> Result<(), StoreError> {
        debug_assert!(self.reached.anchor.seq <= reached.anchor.seq);
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        if self.end == 0 {
            bytes.extend_from_slice(&self.header);
        }
        let frame = bytes.len();
        bytes.resize(frame + FRAME_HEADER_BYTES, 0);
        bytes.extend(words.urls.iter().flat_map(|bits| bits.to_le_bytes()));
        bytes.extend(
            words.payloads.iter().flat_map(|(key, seq)| [key.to_le_bytes(), seq.to_le_bytes()]).flatten(),
        );
        let header = FrameHeader {
            from: self.reached.anchor.seq,
            reached,
            urls: words.urls.len() as u32,
            payloads: words.payloads.len() as u32,
            body: libdeflater::crc32(&bytes[frame + FRAME_HEADER_BYTES..]),
        };
        bytes[frame..frame + FRAME_HEADER_BYTES].copy_from_slice(&header.encode(&self.header));
        let written = self.write(&bytes);
        self.buffer = bytes;
        written.map_err(StoreError::io("write", &self.path))?;
        self.end += self.buffer.len() as u64;
        self.reached = reached;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.untidy {
            self.disk.cut(&self.file, self.end)?;
        }
        self.untidy = true;
        self.disk.append(&self.file, bytes)?;
        self.untidy = false;
        Ok(())
    }

    /// Reads what is whole; gives the length of the file.
    fn read(&mut self, mut each: impl FnMut(&Words)) -> io::Result<u64> {
        let bytes = self.file.metadata()?.len();
        self.file.seek(SeekFrom::Start(0))?;
        let mut header = [0; FILE_HEADER_BYTES];
        if bytes >= header.len() as u64 {
            self.file.read_exact(&mut header)?;
        }
        if header != self.header {
            if bytes > 0 {
                tracing::info!(
                    path = %self.path.display(),
                    "the known log is damaged, or was made with another key: the records are read instead"
                );
            }
            return Ok(bytes);
        }
        self.end = header.len() as u64;
        let mut words = Words::default();
        while let Some(reached) = self.read_frame(bytes, &mut words)? {
            self.reached = reached;
            each(&words);
        }
        self.untidy = self.end < bytes;
        Ok(bytes)
    }

    /// The next frame; `None` where there is no further one that is whole and follows on the last.
    fn read_frame(&mut self, bytes: u64, words: &mut Words) -> io::Result<Option<Reached>> {
        let mut header = [0; FRAME_HEADER_BYTES];
        if bytes < self.end + header.len() as u64 {
            return Ok(None);
        }
        self.file.read_exact(&mut header)?;
        let Some(frame) = FrameHeader::decode(&header, &self.header) else { return Ok(None) };
        let (body, end) = (frame.body_bytes(), self.end + header.len() as u64 + frame.body_bytes());
        let follows = frame.from == self.reached.anchor.seq && frame.from <= frame.reached.anchor.seq;
        if body > BODY_BYTES_MAX || end > bytes || !follows {
            return Ok(None);
        }
        self.buffer.resize(body as usize, 0);
        self.file.read_exact(&mut self.buffer)?;
        if libdeflater::crc32(&self.buffer) != frame.body {
            return Ok(None);
        }
        words.clear();
        let (urls, payloads) = self.buffer.split_at(frame.urls as usize * 8);
        words.urls.extend(urls.as_chunks().0.iter().copied().map(u64::from_le_bytes));
        let mut numbers = payloads.as_chunks().0.iter().copied().map(u64::from_le_bytes);
        while let (Some(key), Some(seq)) = (numbers.next(), numbers.next()) {
            words.payloads.push((key, seq));
        }
        self.end = end;
        Ok(Some(frame.reached))
    }
}
