//! The hold that one run has on an export.
//!
//! Owns the lock file: it is there while a run is, and what a killed one leaves is taken over. Everything that is read,
//! removed or written of an export happens under it.

use std::fs::File;

use crate::{ExportError, place::Folder};

/// Behind the name of the account.
const SUFFIX: &str = ".lock";
/// Attempts to get a file that is still there once it is locked: each failure is another run that ended just then.
const ATTEMPTS: usize = 16;

/// See the module's documentation.
pub(crate) struct Hold {
    folder: Folder,
    name: String,
    /// Locked as long as it is open.
    _file: File,
}

impl Hold {
    /// Takes the hold on the export with this account.
    ///
    /// # Errors
    ///
    /// Where another run has it.
    pub(crate) fn take(folder: &Folder, account: &str) -> Result<Self, ExportError> {
        let name = Self::name(account);
        let busy = |folder: &Folder| {
            let what = account.strip_suffix(crate::state::SUFFIX).map(|name| folder.at(name)).transpose()?;
            let what = what.unwrap_or_else(|| folder.path().to_owned());
            Err(ExportError::Unfit(format!(
                "{} is being written by another process; wait for its end, or give another --out",
                what.display()
            )))
        };
        for _ in 0..ATTEMPTS {
            let file = match folder.reopen(&name)? {
                Some(file) => file,
                None => match folder.create(&name) {
                    // Somebody was faster.
                    Err(ExportError::Occupied { .. }) => continue,
                    made => made?,
                },
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => return busy(folder),
                Err(std::fs::TryLockError::Error(error)) => {
                    return Err(ExportError::io("lock", folder.at(&name)?)(error));
                }
            }
            // The one who had it removes it: a lock on a file without a name keeps nobody out.
            if folder.is(&name, &file)? {
                return Ok(Self { folder: folder.again()?, name, _file: file });
            }
        }
        busy(folder)
    }

    /// The name of the lock file of an export with this account.
    pub(crate) fn name(account: &str) -> String {
        format!("{account}{SUFFIX}")
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Err(error) = self.folder.remove(&self.name) {
            tracing::debug!(%error, "a lock file stays; it is taken over by the next run");
        }
    }
}
