//! The names of the archive's files.
//!
//! Owns how a segment is called, finished and unfinished, and the finding of it under either name. Never looks into
//! one.
//!
//! A segment that is being written ends in `.open`; the end of its name goes when it is rolled, or when its writer is
//! closed in order, and comes back when a writer goes on in it. So whoever looks into the directory, or copies it,
//! knows which file is whole: what has no `.open` is complete and on the disk. A killed process leaves one that has.
//!
//! A rename does not disturb who reads: whoever has the file open keeps it, and who opens it looks for both names.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{StoreError, error::TWICE};

const PREFIX: &str = "dragline-";
const SUFFIX: &str = ".warc.gz";
const OPEN: &str = ".open";
/// Looks at both names before a segment is taken for missing: it is renamed once in a crawl's lifetime or once a
/// gibibyte, so that two renames between two looks do not happen, and eight leave no doubt.
const LOOKS: usize = 8;

/// A file of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    /// Its number.
    pub(crate) number: u32,
    /// Its length.
    pub(crate) bytes: u64,
    /// It is not finished.
    pub(crate) is_open: bool,
}

impl Segment {
    /// Where it is.
    pub(crate) fn path(&self, archive: &Path) -> PathBuf {
        if self.is_open { open_path(archive, self.number) } else { finished_path(archive, self.number) }
    }
}

/// The name of a finished segment: the one in its `warcinfo` record.
pub(crate) fn file_name(segment: u32) -> String {
    format!("{PREFIX}{segment:05}{SUFFIX}")
}

/// Where a finished segment is.
pub(crate) fn finished_path(archive: &Path, segment: u32) -> PathBuf {
    archive.join(file_name(segment))
}

/// Where an unfinished segment is.
pub(crate) fn open_path(archive: &Path, segment: u32) -> PathBuf {
    archive.join(file_name(segment) + OPEN)
}

/// Where a segment is, under whichever name; the finished one where it is not there at all.
pub(crate) fn segment_path(archive: &Path, segment: u32) -> PathBuf {
    let (finished, open) = (finished_path(archive, segment), open_path(archive, segment));
    if !finished.exists() && open.exists() { open } else { finished }
}

/// Opens a segment for reading, under whichever name.
pub(crate) fn open_segment(archive: &Path, segment: u32) -> io::Result<File> {
    let (finished, open) = (finished_path(archive, segment), open_path(archive, segment));
    let names = [&finished, &open];
    let mut look = 0;
    loop {
        match File::open(names[look % 2]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && look < LOOKS => look += 1,
            done => return done,
        }
    }
}

/// The segments that are there, in order of their numbers.
pub(crate) fn segments(archive: &Path) -> Result<Vec<Segment>, StoreError> {
    let mut look = 0;
    loop {
        let found = list(archive)?;
        match found.windows(2).find(|pair| pair[0].number == pair[1].number) {
            None => return Ok(found),
            // It may have been renamed while the directory was read.
            Some(_) if look < LOOKS => look += 1,
            Some(pair) => {
                let name = file_name(pair[0].number);
                let what = format!("it has both {name} and {name}{OPEN}");
                return Err(StoreError::corrupt(archive, what, TWICE));
            }
        }
    }
}

fn list(archive: &Path) -> Result<Vec<Segment>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(archive).map_err(StoreError::io("list", archive))? {
        let entry = entry.map_err(StoreError::io("list", archive))?;
        let Some((number, is_open)) = entry.file_name().to_str().and_then(parse) else { continue };
        let path = entry.path();
        match fs::metadata(&path) {
            Ok(file) => found.push(Segment { number, bytes: file.len(), is_open }),
            // Renamed a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let other = if is_open { finished_path(archive, number) } else { open_path(archive, number) };
                let bytes = fs::metadata(&other).map_err(StoreError::io("read", &other))?.len();
                found.push(Segment { number, bytes, is_open: !is_open });
            }
            Err(error) => return Err(StoreError::io("read", &path)(error)),
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The number in a name that is spelled as we spell it, and whether it is an unfinished segment's.
fn parse(name: &str) -> Option<(u32, bool)> {
    let (finished, is_open) = match name.strip_suffix(OPEN) {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    let number = finished.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == finished).then_some((number, is_open))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for (name, want) in [
            ("dragline-00007.warc.gz", Some((7, false))),
            ("dragline-00007.warc.gz.open", Some((7, true))),
            ("dragline-123456.warc.gz", Some((123_456, false))),
            ("dragline-7.warc.gz", None),
            ("dragline-+0007.warc.gz", None),
            ("dragline-00007.warc.gz.open.open", None),
            ("dragline-00007.warc", None),
            ("other-00007.warc.gz", None),
        ] {
            assert_eq!(parse(name), want, "{name}");
        }
    }

    #[test]
    fn a_segment_is_found_under_either_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(open_segment(dir.path(), 3).is_err());
        fs::write(open_path(dir.path(), 3), "abc").unwrap();
        fs::write(finished_path(dir.path(), 1), "ab").unwrap();
        open_segment(dir.path(), 3).unwrap();
        assert_eq!(segment_path(dir.path(), 3), open_path(dir.path(), 3));
        let found: Vec<_> =
            segments(dir.path()).unwrap().iter().map(|s| (s.number, s.bytes, s.is_open)).collect();
        assert_eq!(found, [(1, 2, false), (3, 3, true)]);
        fs::write(finished_path(dir.path(), 3), "abcd").unwrap();
        assert!(segments(dir.path()).unwrap_err().to_string().contains("dragline-00003.warc.gz.open"));
    }
}
