//! What can go wrong with a store, in words a person can act on.
//!
//! Owns the one error type of the crate. Never decides what to do about an error.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::record::Absence;

/// Why the store could not do what it was asked. Every text names the thing and the way out.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another [`crate::Store`] in this one, holds the directory.
    Locked {
        /// The store.
        dir: PathBuf,
        /// The holder as it wrote itself down: `pid 4711: dragline crawl http://…`.
        holder: String,
    },
    /// The process that has the store was asked, and did not answer.
    Unanswered {
        /// The store.
        dir: PathBuf,
        /// Why, in its words.
        why: String,
    },
    /// The directory is no store and must not become one.
    NotAStore {
        /// What was given.
        dir: PathBuf,
        /// What was found instead.
        why: String,
    },
    /// The directory is another user's, or open to all.
    NotOurs {
        /// What was given.
        dir: PathBuf,
        /// What was found.
        why: String,
    },
    /// The store was written by a newer dragline.
    NewerFormat {
        /// The store.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        supported: u32,
    },
    /// [`crate::Store::writer`] was called while a writer is alive.
    WriterOut {
        /// The store.
        dir: PathBuf,
    },
    /// [`crate::Store::tails`] was called while the tails are with somebody.
    TailsOut {
        /// The store.
        dir: PathBuf,
    },
    /// A checkpoint was to be written for tails that somebody else has taken since: see [`crate::Checkpoints`].
    Superseded {
        /// The store.
        dir: PathBuf,
    },
    /// No space, or no quota, left. Nothing was kept of what was being written: the same call can be made
    /// again once there is room.
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The system refused to read or write.
    Io {
        /// What was tried: `write`, `open`, …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The archive could not be brought to the disk. What it holds beyond the last success is not certain
    /// to survive a power cut; this writer accepts nothing more.
    NotDurable {
        /// The archive.
        path: PathBuf,
        /// The system's word.
        what: String,
    },
    /// The index gave up (sled stops at the first error of its disk). It is opened again, and caught up from
    /// the archive, by the next commit or the next [`crate::Store::writer`].
    IndexDown {
        /// The index.
        path: PathBuf,
        /// sled's word.
        what: String,
    },
    /// What is on disk contradicts itself.
    Corrupt {
        /// Where.
        path: PathBuf,
        /// What was found.
        what: String,
        /// What helps.
        way_out: &'static str,
    },
    /// A record was asked for a payload that is not in the archive, on purpose.
    PayloadGone {
        /// The record's sequence number.
        seq: u64,
        /// Its URL.
        url: String,
        /// Why.
        why: Absence,
    },
    /// A body was asked for without its content coding, which cannot be undone.
    Coded {
        /// The record's sequence number.
        seq: u64,
        /// Its URL.
        url: String,
        /// What is wrong with the coding.
        what: String,
    },
    /// What was asked for makes no sense.
    Question {
        /// What, and why.
        what: String,
    },
    /// A failure was asked for its payload: there never was one.
    NoPayload {
        /// The record's sequence number.
        seq: u64,
        /// Its URL.
        url: String,
    },
}

/// The way out where the archive is whole and the index is not.
pub(crate) const REBUILD: &str = "the archive holds everything: run `dragline rebuild` on this store";
/// The way out where the archive ends before the index does.
pub(crate) const BEHIND: &str =
    "put back what is missing, or run `dragline rebuild` to go on with what the archive still has";
/// The way out where a segment is there under both of its names.
pub(crate) const TWICE: &str = "move the one that is not wanted away: the longer one is the later one";
/// The way out where `meta.json` names another archive.
pub(crate) const FOREIGN_ID: &str =
    "put back the one that belongs to the archive, or run `dragline rebuild`, which makes it anew";
/// The way out where a file is in a format that is not read.
pub(crate) const NOT_WARC: &str =
    "convert it first, as `warcio recompress` does, and import what comes of it";
/// The way out where something must be looked into before it is built upon.
pub(crate) const FSCK_FIRST: &str =
    "`dragline fsck` says where; `--drop-damaged` leaves it behind, and what is in it is lost for good";
/// The way out where opening finishes what was begun.
pub(crate) const OPEN_FIRST: &str =
    "nothing is lost: any command that opens it, as `dragline stats`, finishes it";
/// The way out where the archive is gone.
pub(crate) const NO_ARCHIVE: &str = "put its segments back; the index alone is left as it is";
/// The way out where a payload in the archive is damaged.
pub(crate) const REFETCH: &str = "the payload is lost, the record is not: fetch the URL again";
/// The way out where a part of a queue is lost.
pub(crate) const RECALL: &str = "the archive holds everything: what is left to do is found in the records";

impl StoreError {
    /// True where waiting helps: the disk is full now, and may not be later.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, StoreError::DiskFull { .. })
    }

    /// For `map_err`: an error of the system, with what was tried and on what.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                StoreError::DiskFull { path, source }
            }
            _ => StoreError::Io { action, path, source },
        }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>, way_out: &'static str) -> StoreError {
        StoreError::Corrupt { path: path.to_owned(), what: what.into(), way_out }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unanswered { dir, why } => {
                write!(
                    f,
                    "{}: the process that has the store was asked and did not answer: {why}",
                    dir.display()
                )
            }
            StoreError::Locked { dir, holder } => write!(
                f,
                "the store {} is in use by {holder}; wait for it to end, or give another --store",
                dir.display()
            ),
            StoreError::NotAStore { dir, why } => write!(
                f,
                "{} is not a store: {why}; --store names the directory of one, or an empty or new one where one is to be made",
                dir.display()
            ),
            StoreError::NotOurs { dir, why } => write!(
                f,
                "the store {} is not trusted: {why}; make it yours alone (chown, chmod 700), or run as its owner",
                dir.display()
            ),
            StoreError::NewerFormat { dir, found, supported } => write!(
                f,
                "the store {} has format {found}, this program knows up to {supported}; use a newer dragline",
                dir.display()
            ),
            StoreError::WriterOut { dir } => write!(
                f,
                "the store {} has a writer already; only one at a time, drop the first",
                dir.display()
            ),
            StoreError::TailsOut { dir } => write!(
                f,
                "the queues' tails of the store {} are in use already; only once at a time, drop the first",
                dir.display()
            ),
            StoreError::Superseded { dir } => write!(
                f,
                "the checkpoint of the store {} is another's by now; take the tails, then ask for the checkpoints",
                dir.display()
            ),
            StoreError::DiskFull { path, source } => write!(
                f,
                "no room to write {}: {source}; free some space, then the same can be written again",
                path.display()
            ),
            StoreError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
            StoreError::NotDurable { path, what } => write!(
                f,
                "cannot bring {} to the disk: {what}; check the disk, then open the store again",
                path.display()
            ),
            StoreError::IndexDown { path, what } => write!(
                f,
                "the index {} gave up: {what}; it is opened again by the next commit",
                path.display()
            ),
            StoreError::Corrupt { path, what, way_out } => {
                write!(f, "{} is damaged: {what}; {way_out}", path.display())
            }
            StoreError::PayloadGone { seq, url, why: Absence::Dropped } => write!(
                f,
                "the payload of record {seq} ({url}) was dropped by a compaction; fetch the URL again to have one"
            ),
            StoreError::PayloadGone { seq, url, why: Absence::Elsewhere } => write!(
                f,
                "record {seq} ({url}) was imported without its payload; import the archive that has it, or fetch the URL"
            ),
            StoreError::Coded { seq, url, what } => {
                write!(f, "the body of record {seq} ({url}): {what}; its payload has it as it came")
            }
            StoreError::Question { what } => write!(f, "that cannot be asked for: {what}"),
            StoreError::NoPayload { seq, url } => {
                write!(f, "record {seq} ({url}) is a failure: it never had a payload")
            }
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StoreError::DiskFull { source, .. } | StoreError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
