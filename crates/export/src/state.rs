//! The account of an export, from which it goes on.
//!
//! Owns the file: what the export is of, how far it has come, which files are whole and how long the others were then.
//! It is replaced in one step, so that a killed process leaves this one or the one before.

use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{ExportError, place::Folder};

/// Readers of folders of data pass over names with this first letter.
pub(crate) const NAME: &str = "_dragline-export.json";
/// Behind the name of an export that is one file.
pub(crate) const SUFFIX: &str = ".export";

/// The version of the account.
const VERSION: u32 = 1;

/// How far an export has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) version: u32,
    /// What is exported, and how: another is refused.
    pub(crate) what: String,
    /// Everything is written.
    pub(crate) whole: bool,
    /// Where the query began.
    pub(crate) first: String,
    /// Where the query is gone on with.
    pub(crate) cursor: String,
    /// How many records were before that place.
    pub(crate) records: u64,
    /// Rows written into the files that are told here.
    pub(crate) rows: u64,
    /// Records that gave nothing, and that could not be read.
    pub(crate) passed: [u64; 2],
    /// Each folder, by name; the export's own is the empty name.
    pub(crate) folders: BTreeMap<String, Progress>,
}

/// A folder's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Files that are whole: they have the numbers below this.
    pub(crate) files: u32,
    /// Records up to which everything is in those, where the one that is being written begins anew.
    #[serde(default)]
    pub(crate) records: u64,
    /// Bytes of the file that is being written, and rows in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) open: Option<(u64, u64)>,
}

impl State {
    pub(crate) fn new(what: String, cursor: String) -> Self {
        let folders = BTreeMap::new();
        let first = cursor.clone();
        Self {
            version: VERSION,
            what,
            whole: false,
            first,
            cursor,
            records: 0,
            rows: 0,
            passed: [0; 2],
            folders,
        }
    }

    /// Reads the account; `None` where there is none.
    pub(crate) fn read(folder: &Folder, name: &str) -> Result<Option<Self>, ExportError> {
        let Some(file) = folder.reopen(name)? else { return Ok(None) };
        let path = folder.at(name)?;
        let wrong = |path: PathBuf, what: String| ExportError::State { path, what };
        let state: State = serde_json::from_reader(std::io::BufReader::new(file))
            .map_err(|error| wrong(path.clone(), error.to_string()))?;
        if state.version != VERSION {
            return Err(wrong(
                path,
                format!("it is of version {}, this program knows {VERSION}", state.version),
            ));
        }
        Ok(Some(state))
    }

    /// Replaces the account.
    pub(crate) fn write(&self, folder: &Folder, name: &str) -> Result<(), ExportError> {
        let new = format!("{name}.new");
        folder.remove(&new)?;
        let mut file = folder.create(&new)?;
        // Numbers and strings: all of it has a spelling.
        let json = serde_json::to_vec(self).unwrap_or_default();
        file.write_all(&json).map_err(ExportError::io("write", folder.at(&new)?))?;
        folder.rename(&new, name)
    }
}
