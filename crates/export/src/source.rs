//! The records of an export, from a place on.
//!
//! Owns the cursor: what the query had committed when the export began is what is exported, however long it takes and
//! whatever is committed meanwhile.

use dragline_storage::{Cursor, Query, Record, Records};

use crate::ExportError;

/// Records behind a cursor.
pub(crate) struct Source {
    records: Records,
    /// Before the first record, of the same moment.
    first: Cursor,
}

impl Source {
    /// From the beginning, or behind a cursor that this query gave; `first` is that of its beginning.
    pub(crate) fn open(query: Query, cursors: Option<(&str, &str)>) -> Result<Self, ExportError> {
        let Some((cursor, first)) = cursors else {
            let records = query.records()?;
            let first = records.cursor();
            return Ok(Self { records, first });
        };
        Ok(Self { records: query.after(&cursor.parse()?).records()?, first: first.parse()? })
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ExportError> {
        Ok(self.records.next().transpose()?)
    }

    /// The cursor before the first record.
    pub(crate) fn first(&self) -> String {
        self.first.to_string()
    }

    /// The place behind the last record that was given.
    pub(crate) fn cursor(&self) -> String {
        self.records.cursor().to_string()
    }
}
