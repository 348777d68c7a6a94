//! The archive's segments, and appending to them all or nothing.
//!
//! Owns the files under `archive/`: their names, their rolling, and where the last commit ended. Never knows
//! what is in a group. The writer alone appends; readers open segments by name.
//!
//! A batch is appended in one go: [`Archive::place`] and [`Archive::put`] as often as needed, [`Archive::flush`],
//! and then [`Archive::accept`] or [`Archive::take_back`]. What was taken back leaves no trace.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use dragline_model::Timestamp;

use crate::{
    StoreError,
    gzip::{Effort, Gzip, Mark},
    schema::Position,
    warc::{self, GroupId},
};

/// A batch is gathered in memory up to this, then goes out in more than one write: 64 pages are some 300 KB,
/// and one body of ten megabytes need not be copied.
const GATHER_BYTES: usize = 1 << 20;

/// What a segment's file must be able to do: the seam at which a test lets a disk run full.
pub(crate) trait Disk: Send + Sync {
    /// Appends all of it, or fails having appended any part of it.
    fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    /// Cuts the file.
    fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    /// Brings what was appended to the disk.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The disk as the system gives it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {}

/// The name of a segment.
pub(crate) fn segment_path(archive: &Path, segment: u32) -> PathBuf {
    archive.join(format!("dragline-{segment:05}.warc.gz"))
}

/// The segments that are there, by number, with their lengths in bytes.
pub(crate) fn segments(archive: &Path) -> Result<Vec<(u32, u64)>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(archive).map_err(StoreError::io("list", archive))? {
        let entry = entry.map_err(StoreError::io("list", archive))?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|n| n.strip_prefix("dragline-")?.strip_suffix(".warc.gz"))
            .and_then(|n| n.parse().ok());
        if let Some(number) = number {
            let path = entry.path();
            found.push((number, fs::metadata(&path).map_err(StoreError::io("read", &path))?.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Appends to the archive.
pub(crate) struct Archive {
    dir: PathBuf,
    segment_bytes: u64,
    mark: Mark,
    disk: Arc<dyn Disk>,
    /// The segment that `cursor` is in, once something was appended.
    file: Option<Arc<File>>,
    /// Where the last accepted batch ended.
    accepted: Position,
    /// Where the next byte goes, `gathered` included.
    cursor: Position,
    gathered: Vec<u8>,
    unsynced: Arc<Unsynced>,
}

impl Archive {
    /// Goes on at `end`, which is where the files end.
    pub(crate) fn open(
        dir: PathBuf,
        segment_bytes: u64,
        mark: Mark,
        disk: Arc<dyn Disk>,
        end: Position,
    ) -> Self {
        let unsynced = Arc::new(Unsynced::new(disk.clone(), dir.clone()));
        let (file, gathered) = (None, Vec::new());
        Self { dir, segment_bytes, mark, disk, file, accepted: end, cursor: end, gathered, unsynced }
    }

    /// Says where a group of so many bytes will stand, and makes room: the next segment, if it would not fit
    /// into this one. A group is never cut in two.
    pub(crate) fn place(&mut self, bytes: u64) -> Result<Position, StoreError> {
        if self.cursor.offset > 0 && self.cursor.offset + bytes > self.segment_bytes {
            self.flush()?;
            self.file = None;
            self.cursor = Position { segment: self.cursor.segment + 1, offset: 0 };
        }
        if self.cursor.offset == 0 {
            let info = self.warcinfo();
            self.put(&info)?;
        }
        Ok(self.cursor)
    }

    fn warcinfo(&self) -> Vec<u8> {
        let segment = self.cursor.segment;
        let path = segment_path(&self.dir, segment);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (mut record, mut member) = (Vec::new(), Vec::new());
        let id = GroupId::of_segment(self.mark, segment);
        warc::write::warcinfo(&mut record, id, Timestamp::from(SystemTime::now()), &name);
        Gzip::new(self.mark).member(&record, Effort::Light, &mut member);
        member
    }

    /// Appends.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.cursor.offset += bytes.len() as u64;
        if self.gathered.len() + bytes.len() <= GATHER_BYTES {
            self.gathered.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        if bytes.len() < GATHER_BYTES {
            self.gathered.extend_from_slice(bytes);
            return Ok(());
        }
        let file = self.file()?;
        self.disk.append(&file, bytes).map_err(StoreError::io("write", &self.current()))
    }

    /// Hands everything to the system: from here on it survives the process.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let file = self.file()?;
        self.disk.append(&file, &self.gathered).map_err(StoreError::io("write", &self.current()))?;
        self.gathered.clear();
        Ok(())
    }

    fn current(&self) -> PathBuf {
        segment_path(&self.dir, self.cursor.segment)
    }

    fn file(&mut self) -> Result<Arc<File>, StoreError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let path = self.current();
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = Arc::new(file.map_err(StoreError::io("open", &path))?);
        self.unsynced.add(&file, self.cursor.segment != self.accepted.segment || self.accepted.offset == 0);
        self.file = Some(file.clone());
        Ok(file)
    }

    /// Where the next commit will begin.
    pub(crate) fn cursor(&self) -> Position {
        self.cursor
    }

    /// The batch counts.
    pub(crate) fn accept(&mut self) {
        self.accepted = self.cursor;
        if let Some(file) = &self.file {
            self.unsynced.add(file, false);
        }
    }

    /// The batch does not count: the files are again as [`Archive::accept`] last left them. If that fails it
    /// can be tried again, and must succeed before anything else is appended.
    pub(crate) fn take_back(&mut self) -> Result<(), StoreError> {
        self.gathered.clear();
        self.file = None;
        for (segment, bytes) in segments(&self.dir)? {
            let path = segment_path(&self.dir, segment);
            if segment > self.accepted.segment {
                fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            } else if segment == self.accepted.segment && bytes > self.accepted.offset {
                let file = OpenOptions::new().append(true).open(&path);
                let file = file.map_err(StoreError::io("open", &path))?;
                self.disk.cut(&file, self.accepted.offset).map_err(StoreError::io("cut", &path))?;
            }
        }
        self.cursor = self.accepted;
        Ok(())
    }

    /// What syncs, on whatever thread.
    pub(crate) fn unsynced(&self) -> Arc<Unsynced> {
        self.unsynced.clone()
    }
}

/// The files of a directory that were written to since they were last synced.
pub(crate) struct Unsynced {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    state: Mutex<UnsyncedFiles>,
}

#[derive(Default)]
struct UnsyncedFiles {
    files: Vec<Arc<File>>,
    names: bool,
    failed: Option<String>,
}

impl Unsynced {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf) -> Self {
        Self { disk, dir, state: Mutex::default() }
    }

    /// A file was written to; `new_name` where it was made just now.
    pub(crate) fn add(&self, file: &Arc<File>, new_name: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.names |= new_name;
        if !state.files.last().is_some_and(|last| Arc::ptr_eq(last, file)) {
            state.files.push(file.clone());
        }
    }

    /// Brings everything appended so far to the disk.
    ///
    /// A failed `fsync` is final: the system may have dropped the pages it could not write, and a second call
    /// would succeed without them. So the failure is kept and told to everyone who asks.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let (files, names) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut state.files), std::mem::take(&mut state.names))
        };
        let synced = files
            .iter()
            .try_for_each(|file| self.disk.sync(file))
            .and_then(|()| if names { File::open(&self.dir)?.sync_all() } else { Ok(()) });
        if let Err(error) = synced {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.failed.get_or_insert(error.to_string());
        }
        self.check()
    }

    /// Fails if a sync ever failed.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.failed {
            None => Ok(()),
            Some(what) => Err(StoreError::NotDurable { path: self.dir.clone(), what: what.clone() }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A disk with so many bytes left; a write that does not fit is done in part, as a real one is.
    #[derive(Default)]
    pub(crate) struct SmallDisk {
        pub(crate) left: AtomicU64,
        pub(crate) sync_fails: std::sync::atomic::AtomicBool,
        pub(crate) cut_fails: std::sync::atomic::AtomicBool,
    }

    impl Disk for SmallDisk {
        fn append(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
            let left = self.left.load(Ordering::SeqCst);
            let fits = left.min(bytes.len() as u64);
            file.write_all(&bytes[..fits as usize])?;
            self.left.store(left - fits, Ordering::SeqCst);
            if (fits as usize) < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn cut(&self, file: &File, bytes: u64) -> io::Result<()> {
            if self.cut_fails.load(Ordering::SeqCst) {
                return Err(io::Error::other("cannot cut"));
            }
            file.set_len(bytes)
        }

        fn sync(&self, file: &File) -> io::Result<()> {
            if self.sync_fails.load(Ordering::SeqCst) {
                return Err(io::Error::other("cannot sync"));
            }
            file.sync_data()
        }
    }

    fn archive(dir: &Path, disk: Arc<dyn Disk>) -> Archive {
        Archive::open(dir.to_owned(), 1000, [1; 8], disk, Position::default())
    }

    fn lengths(dir: &Path) -> Vec<u64> {
        segments(dir).unwrap().into_iter().map(|(_, bytes)| bytes).collect()
    }

    #[test]
    fn a_segment_rolls_between_groups() {
        let dir = tempfile::tempdir().unwrap();
        let mut archive = archive(dir.path(), Arc::new(SystemDisk));
        let first = archive.place(400).unwrap();
        archive.put(&[1; 400]).unwrap();
        let second = archive.place(5000).unwrap();
        archive.put(&[2; 5000]).unwrap();
        let third = archive.place(10).unwrap();
        archive.put(&[3; 10]).unwrap();
        archive.flush().unwrap();
        archive.accept();
        assert_eq!([first.segment, second.segment, third.segment], [0, 1, 2]);
        assert_eq!(lengths(dir.path()), [first.offset + 400, second.offset + 5000, third.offset + 10]);
        archive.unsynced().sync().unwrap();
    }

    #[test]
    fn a_batch_taken_back_leaves_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(SmallDisk { left: 2000.into(), ..Default::default() });
        let mut archive = archive(dir.path(), disk.clone());
        archive.place(100).unwrap();
        archive.put(&[1; 100]).unwrap();
        archive.flush().unwrap();
        archive.accept();
        let (before, place) = (lengths(dir.path()), archive.cursor());

        // Through the next segment, and past the end of the disk.
        archive.place(50).unwrap();
        archive.put(&[2; 50]).unwrap();
        archive.place(900).unwrap();
        archive.put(&[2; 900]).unwrap();
        archive.place(900).unwrap();
        archive.put(&[2; 900]).unwrap();
        assert!(archive.flush().unwrap_err().is_disk_full());
        disk.cut_fails.store(true, Ordering::SeqCst);
        assert!(archive.take_back().is_err());
        disk.cut_fails.store(false, Ordering::SeqCst);
        archive.take_back().unwrap();
        assert_eq!((lengths(dir.path()), archive.cursor()), (before, place));
    }

    #[test]
    fn a_failed_sync_is_final() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(SmallDisk { left: u64::MAX.into(), ..Default::default() });
        let mut archive = archive(dir.path(), disk.clone());
        archive.place(1).unwrap();
        archive.put(&[1]).unwrap();
        archive.flush().unwrap();
        archive.accept();
        disk.sync_fails.store(true, Ordering::SeqCst);
        assert!(matches!(archive.unsynced().sync(), Err(StoreError::NotDurable { .. })));
        disk.sync_fails.store(false, Ordering::SeqCst);
        assert!(archive.unsynced().sync().is_err());
    }
}
