//! What can go wrong with an export, in words a person can act on.

use std::{fmt, io, path::PathBuf};

use dragline_storage::StoreError;

/// Why an export could not begin, or not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The store cannot be read.
    Store(StoreError),
    /// The system refused to make, write or remove a file.
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// There is something already where the export should go, and it is no part of it.
    Occupied {
        /// What is there.
        path: PathBuf,
    },
    /// What is there belongs to another export.
    Another {
        /// Where.
        path: PathBuf,
        /// What that one is of.
        theirs: String,
        /// What this one is of.
        ours: String,
    },
    /// The account of an export that was begun cannot be read.
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Two things were asked for that do not go together.
    Unfit(String),
    /// A file of a format could not be made.
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl ExportError {
    /// It is what was asked for that is wrong, not what happened.
    pub fn is_usage(&self) -> bool {
        matches!(self, ExportError::Occupied { .. } | ExportError::Another { .. } | ExportError::Unfit(_))
    }

    /// For `map_err`.
    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> ExportError {
        let path = path.into();
        move |source| ExportError::Io { action, path, source }
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Store(error) => error.fmt(f),
            ExportError::Io { action, path, source } => {
                write!(f, "cannot {action} {}: {source}", path.display())
            }
            ExportError::Occupied { path } => write!(
                f,
                "{} is there already and no part of this export; give another --out, or remove it",
                path.display()
            ),
            ExportError::Another { path, theirs, ours } => write!(
                f,
                "{} has another export in it ({theirs}), not {ours}; give another --out, or say the same again",
                path.display()
            ),
            ExportError::State { path, what } => write!(
                f,
                "{} cannot be read ({what}), so the export cannot go on; remove it and what it was written for",
                path.display()
            ),
            ExportError::Unfit(what) => f.write_str(what),
            ExportError::Format { path, what } => write!(f, "cannot write {}: {what}", path.display()),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExportError::Io { source, .. } => Some(source),
            ExportError::Store(error) => Some(error),
            _ => None,
        }
    }
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        ExportError::Store(error)
    }
}
