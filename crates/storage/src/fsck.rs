//! Looking for damage in a store, all of it, without changing anything.
//!
//! Owns what is looked at, in which order, and what is told. The archive is read member by member, the index is compared
//! with it in both directions, and the frontier's files are read. Never writes into the store but its lock; sled cannot
//! be opened without writing, so the index is copied first.
//!
//! Mending is [`Store::rebuild`]: everything but the archive is made of the archive. What the archive lost is lost, unless
//! the index still has the record; that is told too.

mod archive;
mod frontier;
mod index;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub(crate) use archive::Bits;

use crate::{Store, StoreError, compact::swap, error::OPEN_FIRST, home::Home, schema::State};

/// Findings that are told one by one; past it they are counted.
const FINDINGS_MAX: usize = 1000;

/// How a store is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOptions {
    /// Whether digests are computed too, and the payload of every revisit is looked for. Without it every byte is read
    /// all the same, and held to its checksum (CRC-32).
    pub payloads: bool,
    /// Where the index is copied to: the system's directory for such things where it is `None`. The copy is as
    /// large as the index, and goes afterwards.
    pub scratch: Option<PathBuf>,
}

/// What a look at a store found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Checkup {
    /// Files of the archive.
    pub segments: u64,
    /// Their bytes.
    pub archive_bytes: u64,
    /// Bytes of them that were read so far.
    pub bytes_read: u64,
    /// Entries: visits, and links from outside.
    pub records: u64,
    /// Of these, the ones with a payload of their own.
    pub payloads: u64,
    /// Of these, the ones that have another's.
    pub revisits: u64,
    /// Whether the index was compared.
    pub index_compared: bool,
    /// Places where something that cannot be made anew is damaged.
    pub lost: u64,
    /// Places where something derived is: `dragline rebuild` makes it anew.
    pub derived: u64,
    /// What is worth a word and no damage.
    pub notes: u64,
    /// Each of these, the first thousand.
    pub findings: Vec<Finding>,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// No damage.
    Note,
    /// Something derived from the archive is damaged.
    Derived,
    /// Something of the archive is.
    Lost,
}

/// One thing that is not as it should be: what, where, what it means, what helps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, or the directory.
    pub file: PathBuf,
    /// Where in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How many bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Its URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What was found.
    pub what: String,
    /// What that means.
    pub means: &'static str,
    /// What to do.
    pub way_out: &'static str,
}

impl Finding {
    pub(crate) fn new(severity: Severity, file: PathBuf, what: impl Into<String>) -> Self {
        let (offset, bytes, seq, url) = (None, None, None, None);
        Self { severity, file, offset, bytes, seq, url, what: what.into(), means: "", way_out: NOTHING }
    }

    pub(crate) fn at(mut self, offset: u64, bytes: u64) -> Self {
        (self.offset, self.bytes) = (Some(offset), Some(bytes));
        self
    }

    pub(crate) fn of(mut self, seq: u64, url: &str) -> Self {
        self.seq = Some(seq);
        self.url = (!url.is_empty()).then(|| url.to_owned());
        self
    }

    pub(crate) fn means(mut self, means: &'static str, way_out: &'static str) -> Self {
        (self.means, self.way_out) = (means, way_out);
        self
    }
}

/// The way out where nothing need be done.
pub(crate) const NOTHING: &str = "nothing needs to be done";
/// The way out where something derived is damaged.
pub(crate) const REBUILD_IT: &str = "run `dragline rebuild`";

impl Checkup {
    /// True where nothing is damaged.
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.derived == 0
    }

    pub(crate) fn add(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Note => self.notes += 1,
            Severity::Derived => self.derived += 1,
            Severity::Lost => self.lost += 1,
        }
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

impl Store {
    /// Looks for damage in the store of a directory, which nobody else may hold meanwhile. `progress` hears how far it
    /// is from time to time.
    ///
    /// An error means that it could not be looked for; damage is no error. A newer format is refused, as ever.
    pub fn check(
        dir: impl AsRef<Path>,
        options: &CheckOptions,
        progress: &mut dyn FnMut(&Checkup),
    ) -> Result<Checkup, StoreError> {
        let mut checkup = Checkup::default();
        let home = Home::open_for_check(dir.as_ref(), &mut checkup)?;
        if swap::is_on(&home) {
            return Err(StoreError::corrupt(&home.dir, "a compaction of it was interrupted", OPEN_FIRST));
        }
        leftovers(&home, &mut checkup)?;
        let copy = index::Copy::make(&home, options, &mut checkup);
        let mut state = State::default();
        let mut compared = index::Comparison::begin(copy.as_ref(), &mut checkup);
        archive::check(&home, options, &mut checkup, &mut state, &mut compared, progress)?;
        compared.end(&home, &state, &mut checkup);
        frontier::check(&home, &mut checkup)?;
        progress(&checkup);
        Ok(checkup)
    }
}

/// What stands beside a store after something was interrupted or mended.
fn leftovers(home: &Home, checkup: &mut Checkup) -> Result<(), StoreError> {
    for entry in fs::read_dir(&home.dir).map_err(StoreError::io("list", &home.dir))? {
        let entry = entry.map_err(StoreError::io("list", &home.dir))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("index.corrupt-") {
            let what = "an index that was found damaged and moved aside";
            checkup.add(
                Finding::new(Severity::Note, entry.path(), what).means(
                    "it was made anew from the archive",
                    "remove it when nobody wants to look into it",
                ),
            );
        }
    }
    Ok(())
}
