//! How a new archive takes the place of the old one.
//!
//! Owns `archive/new/` and the file `compaction`. The new segments are written into the one, numbered behind the old
//! ones, and brought to the disk; then the other is written, and renamed to its name: **that is the moment**. Before it
//! the store is the old one, and what is in `archive/new/` is thrown away by whoever opens it next; behind it the
//! store is the new one, and whoever opens it next finishes what is left to do: everything derived is removed, the new
//! segments are moved to where they belong, then the old ones are removed, then the file. Each of these can be done
//! again, so it does not matter how often it is interrupted.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    StoreError,
    archive::{file_name, segments},
    error::FSCK_FIRST,
    home::{Home, make_private},
    schema::Position,
};

const NEW: &str = "new";
const FILE: &str = "compaction";
const FILE_NEW: &str = "compaction.new";

/// What stands in the file.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Numbers {
    /// The first of the new segments: all below it are old.
    first: u32,
    /// The last of them.
    last: u32,
}

/// The moments between which what is on the disk changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Begun,
    Written,
    Committed,
    DerivedRemoved,
    Moved,
    OldRemoved,
    Done,
}

/// A compaction that is not committed yet.
pub(crate) struct Swap {
    store: PathBuf,
    archive: PathBuf,
    first: u32,
}

impl Swap {
    /// Makes room for the new segments behind the last old one.
    pub(crate) fn begin(home: &Home, last: u32) -> Result<Self, StoreError> {
        let swap = Self { store: home.dir.clone(), archive: home.archive(), first: last + 1 };
        remove_dir(&swap.dir())?;
        make_private(&swap.dir()).map_err(StoreError::io("create", &swap.dir()))?;
        Ok(swap)
    }

    /// Where the new segments are written.
    pub(crate) fn dir(&self) -> PathBuf {
        self.archive.join(NEW)
    }

    /// Where they begin.
    pub(crate) fn start(&self) -> Position {
        Position { segment: self.first, offset: 0 }
    }

    /// Leaves the old archive as it is.
    pub(crate) fn give_up(self) -> Result<(), StoreError> {
        remove_dir(&self.dir())
    }

    /// From here on the store is the new one. The segments are on the disk.
    pub(crate) fn commit(self, last: u32) -> Result<(), StoreError> {
        sync_dir(&self.dir())?;
        let (new, path) = (self.store.join(FILE_NEW), self.store.join(FILE));
        let numbers = Numbers { first: self.first, last };
        let text = serde_json::to_vec(&numbers).map_err(|e| StoreError::io("write", &path)(e.into()))?;
        File::create(&new)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .map_err(StoreError::io("write", &new))?;
        fs::rename(&new, &path).map_err(StoreError::io("write", &path))?;
        sync_dir(&self.store)
    }
}

/// A compaction was committed and is not finished.
pub(crate) fn is_on(home: &Home) -> bool {
    home.dir.join(FILE).exists()
}

/// Finishes a compaction that was committed, and removes what one that was not left. To be done before anything of the
/// store is read.
pub(crate) fn settle(home: &Home, at: &mut dyn FnMut(Moment)) -> Result<(), StoreError> {
    let (archive, path) = (home.archive(), home.dir.join(FILE));
    let new = archive.join(NEW);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return remove_dir(&new),
        Err(error) => return Err(StoreError::io("read", &path)(error)),
    };
    // Renamed when it was whole: whatever else stands there was put there.
    let Numbers { first, last } =
        serde_json::from_slice(&text).map_err(|e| StoreError::corrupt(&path, e.to_string(), FSCK_FIRST))?;
    let there =
        |number: u32| new.join(file_name(number)).exists() || archive.join(file_name(number)).exists();
    if let Some(missing) = (first..=last).find(|number| !there(*number)) {
        let what = format!("{} of the compacted archive is not there", file_name(missing));
        return Err(StoreError::corrupt(&archive, what, FSCK_FIRST));
    }
    for derived in [home.index(), home.frontier()] {
        remove_dir(&derived)?;
    }
    at(Moment::DerivedRemoved);
    for number in first..=last {
        let from = new.join(file_name(number));
        match fs::rename(&from, archive.join(file_name(number))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::io("rename", &from)(error));
            }
            _ => {}
        }
        at(Moment::Moved);
    }
    sync_dir(&archive)?;
    for old in segments(&archive)?.into_iter().filter(|segment| segment.number < first) {
        let path = old.path(&archive);
        fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
        at(Moment::OldRemoved);
    }
    sync_dir(&archive)?;
    remove_dir(&new)?;
    fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
    sync_dir(&home.dir)?;
    at(Moment::Done);
    Ok(())
}

fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(StoreError::io("sync", dir))
}

fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", dir)(error)),
        _ => Ok(()),
    }
}
