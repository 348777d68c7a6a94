//! The archive's segments, and appending to them all or nothing.
//!
//! Owns the rolling of segments and where the last commit ended; their names are in [`segments`], what they ask of a
//! disk in [`disk`]. Never knows what is in a group. The writer alone appends; readers open segments by number.
//!
//! A batch is appended in one go: [`Archive::place`] and [`Archive::put`] as often as needed, [`Archive::flush`],
//! and then [`Archive::accept`] or [`Archive::take_back`]. What was taken back leaves no trace.
//!
//! A segment's life: it is **begun** under its open name with the first group in it; **rolled** once the next group
//! would make it too large, or it is too old: then it is brought to the disk and finished, so that a power cut takes
//! from the last segment only; or **finished** when its writer is closed in order, and **taken up** by the next one.

mod disk;
mod segments;

pub(crate) use disk::{Disk, SystemDisk, Unsynced};
pub(crate) use segments::{
    Segment, file_name, finished_path, open_path, open_segment, segment_path, segments,
};

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
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

/// When a segment is left for the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rolling {
    /// Before it grows past this.
    pub(crate) bytes: u64,
    /// Once it is as old as this.
    pub(crate) age: Option<Duration>,
}

/// Appends to the archive.
pub(crate) struct Archive {
    dir: PathBuf,
    rolling: Rolling,
    mark: Mark,
    disk: Arc<dyn Disk>,
    /// The segment that `cursor` is in, once something was appended.
    file: Option<Arc<File>>,
    /// When that segment was begun, where it is known.
    begun: Option<SystemTime>,
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
        rolling: Rolling,
        mark: Mark,
        disk: Arc<dyn Disk>,
        end: Position,
    ) -> Self {
        let unsynced = Arc::new(Unsynced::new(disk.clone(), dir.clone()));
        let begun = if end.offset > 0 && rolling.age.is_some() { begun(&dir, end.segment) } else { None };
        let (file, gathered) = (None, Vec::new());
        Self { dir, rolling, mark, disk, file, begun, accepted: end, cursor: end, gathered, unsynced }
    }

    /// Says where a group of so many bytes will stand, and makes room: the next segment, if it would not fit
    /// into this one, or this one is old. A group is never cut in two.
    pub(crate) fn place(&mut self, bytes: u64) -> Result<Position, StoreError> {
        let is_full = self.cursor.offset + bytes > self.rolling.bytes;
        if self.cursor.offset > 0 && (is_full || self.is_old()) {
            self.flush()?;
            self.finish()?;
            self.cursor = Position { segment: self.cursor.segment + 1, offset: 0 };
        }
        if self.cursor.offset == 0 {
            let now = SystemTime::now();
            self.begun = Some(now);
            let info = self.warcinfo(now);
            self.put(&info)?;
        }
        Ok(self.cursor)
    }

    fn is_old(&self) -> bool {
        // A clock that was put back says nothing of an age.
        let age = self.begun.and_then(|begun| begun.elapsed().ok());
        self.rolling.age.zip(age).is_some_and(|(limit, age)| age >= limit)
    }

    fn warcinfo(&self, now: SystemTime) -> Vec<u8> {
        let segment = self.cursor.segment;
        let (mut record, mut member) = (Vec::new(), Vec::new());
        let id = GroupId::of_segment(self.mark, segment);
        warc::write::warcinfo(&mut record, id, Timestamp::from(now), &file_name(segment));
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

    /// The segment that is being written.
    fn current(&self) -> PathBuf {
        open_path(&self.dir, self.cursor.segment)
    }

    fn file(&mut self) -> Result<Arc<File>, StoreError> {
        if let Some(file) = &self.file {
            return Ok(file.clone());
        }
        let (path, finished) = (self.current(), finished_path(&self.dir, self.cursor.segment));
        // One that was finished is taken up again.
        let taken_up = match self.disk.rename(&finished, &path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(StoreError::io("rename", &finished)(error)),
        };
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = Arc::new(file.map_err(StoreError::io("open", &path))?);
        let is_new = self.cursor.segment != self.accepted.segment || self.accepted.offset == 0;
        self.unsynced.add(&file, taken_up || is_new);
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
        for segment in segments(&self.dir)? {
            let path = segment.path(&self.dir);
            let is_ours = segment.number == self.accepted.segment && self.accepted.offset > 0;
            if segment.number > self.accepted.segment || segment.number == self.accepted.segment && !is_ours {
                fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
            } else if is_ours && segment.bytes > self.accepted.offset {
                let file = OpenOptions::new().append(true).open(&path);
                let file = file.map_err(StoreError::io("open", &path))?;
                self.disk.cut(&file, self.accepted.offset).map_err(StoreError::io("cut", &path))?;
            }
        }
        if self.cursor.segment != self.accepted.segment {
            self.begun = begun(&self.dir, self.accepted.segment);
        }
        self.cursor = self.accepted;
        Ok(())
    }

    /// Brings the current segment to the disk and gives it its final name. Everything was handed to the system before.
    fn finish(&mut self) -> Result<(), StoreError> {
        let path = self.current();
        match self.file.take() {
            Some(file) => self.unsynced.add(&file, true),
            None => match OpenOptions::new().append(true).open(&path) {
                Ok(file) => self.unsynced.add(&Arc::new(file), true),
                // It is finished: nothing was appended to it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(StoreError::io("open", &path)(error)),
            },
        }
        self.unsynced.sync()?;
        let finished = finished_path(&self.dir, self.cursor.segment);
        self.disk.rename(&path, &finished).map_err(StoreError::io("rename", &path))?;
        self.unsynced.renamed();
        Ok(())
    }

    /// Ends in order: what is there is on the disk, and no segment is unfinished. Nothing, where a batch is neither
    /// accepted nor taken back.
    pub(crate) fn close(&mut self) -> Result<(), StoreError> {
        if self.cursor != self.accepted || !self.gathered.is_empty() || self.accepted.offset == 0 {
            return Ok(());
        }
        self.finish()?;
        self.unsynced.sync()
    }

    /// What syncs, on whatever thread.
    pub(crate) fn unsynced(&self) -> Arc<Unsynced> {
        self.unsynced.clone()
    }
}

impl Drop for Archive {
    fn drop(&mut self) {
        // A panic is not an end in order.
        if !std::thread::panicking()
            && let Err(error) = self.close()
        {
            tracing::warn!(%error, "the last segment of the archive is left unfinished");
        }
    }
}

/// When a segment was begun, as its first record says.
fn begun(dir: &Path, segment: u32) -> Option<SystemTime> {
    let file = open_segment(dir, segment).ok()?;
    let record = warc::read::member(&mut io::BufReader::new(file), |_| false).ok()?.ok()?;
    let date = std::str::from_utf8(record.head.get("WARC-Date")?).ok()?;
    humantime::parse_rfc3339(date).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        io::Write as _,
        sync::atomic::{AtomicU64, Ordering},
    };

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
        let rolling = Rolling { bytes: 1000, age: None };
        Archive::open(dir.to_owned(), rolling, [1; 8], disk, Position::default())
    }

    fn append(archive: &mut Archive, bytes: usize) -> Position {
        let at = archive.place(bytes as u64).unwrap();
        archive.put(&vec![1; bytes]).unwrap();
        archive.flush().unwrap();
        archive.accept();
        at
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.iter().map(|name| name.replace("dragline-0000", "").replace(".warc.gz", "")).collect()
    }

    #[test]
    fn only_what_is_being_written_is_unfinished() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = archive(dir.path(), Arc::new(SystemDisk));
        append(&mut first, 400);
        assert_eq!(names(dir.path()), ["0.open"]);
        append(&mut first, 5000);
        assert_eq!(names(dir.path()), ["0", "1.open"]);
        let end = first.cursor();
        first.close().unwrap();
        assert_eq!(names(dir.path()), ["0", "1"]);
        drop(first);

        // The next one goes on in it, and what it takes back it takes back from there.
        let rolling = Rolling { bytes: 1 << 20, age: None };
        let mut second = Archive::open(dir.path().to_owned(), rolling, [1; 8], Arc::new(SystemDisk), end);
        assert_eq!(names(dir.path()), ["0", "1"], "nothing is written yet");
        assert_eq!(append(&mut second, 10), end);
        assert_eq!(names(dir.path()), ["0", "1.open"]);
        second.rolling.bytes = 1;
        second.place(10).unwrap();
        second.put(&[1; 10]).unwrap();
        second.flush().unwrap();
        assert_eq!(names(dir.path()), ["0", "1", "2.open"]);
        // A panic in the middle of a batch, as it were: what was neither accepted nor taken back is left.
        second.close().unwrap();
        assert_eq!(names(dir.path()), ["0", "1", "2.open"]);
        second.take_back().unwrap();
        assert_eq!(names(dir.path()), ["0", "1"]);
        second.rolling.bytes = 1 << 20;
        append(&mut second, 10);
        assert_eq!(names(dir.path()), ["0", "1.open"]);
        drop(second);
        assert_eq!(names(dir.path()), ["0", "1"]);
    }

    #[test]
    fn a_segment_rolls_when_it_is_old() {
        let dir = tempfile::tempdir().unwrap();
        let rolling = |age| Rolling { bytes: 1 << 20, age };
        let open =
            |age, end| Archive::open(dir.path().to_owned(), rolling(age), [1; 8], Arc::new(SystemDisk), end);
        let mut young = open(Some(Duration::from_secs(3600)), Position::default());
        assert_eq!(append(&mut young, 10).segment, 0);
        assert_eq!(append(&mut young, 10).segment, 0);
        let end = young.cursor();
        drop(young);
        // Its age is that of its first record, whoever goes on in it.
        assert!(open(Some(Duration::from_secs(3600)), end).begun.is_some());
        let mut old = open(Some(Duration::ZERO), end);
        assert_eq!(append(&mut old, 10).segment, 1);
        assert_eq!(append(&mut old, 10).segment, 2);
        // A clock that was put back.
        old.begun = Some(SystemTime::now() + Duration::from_secs(3600));
        assert_eq!(append(&mut old, 10).segment, 2);
    }

    fn lengths(dir: &Path) -> Vec<u64> {
        segments(dir).unwrap().into_iter().map(|s| s.bytes).collect()
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
