//! The index: what is where, to whoever asks.
//!
//! Owns the questions that the rest of the crate has for an index. All of them are answered by a [`Source`], and by
//! nothing else; writing is the [`Tree`]'s, which is the source in the process that holds the store. Never reads the
//! archive.

pub(crate) mod source;

mod packed;
mod rows;

mod lists;
mod snapshot;

mod audit;
mod held;
mod merge;
mod open;
mod tree;
mod write;

use std::{path::Path, sync::Arc};

use bytes::Bytes;

use crate::{
    StoreError,
    error::REBUILD,
    schema::{
        State,
        pieces::{Packing as _, RecordList, UrlList},
    },
};

pub(crate) use audit::Audit;
pub(crate) use held::{Backlog, Draft, Found};
pub(crate) use lists::{AllOf, AnyOf, Way};
pub(crate) use packed::Packed;
pub(crate) use rows::{Row, Rows, Visits};
pub(crate) use snapshot::Snapshot;
pub(crate) use source::{Source, Span, behind_prefix};
pub(crate) use tree::Tree;

/// The index of one store, for reading. What was committed before a question is in its answer.
#[derive(Clone)]
pub(crate) struct Index {
    source: Arc<dyn Source>,
}

impl Index {
    pub(crate) fn new(source: Arc<dyn Source>) -> Self {
        Self { source }
    }

    /// What errors call it.
    pub(crate) fn path(&self) -> &Path {
        self.source.path()
    }

    /// What the index knows of the whole; the beginning of everything where it is empty.
    pub(crate) fn state(&self) -> Result<State, StoreError> {
        self.source.state()
    }

    /// For a record that must be there and is not.
    pub(crate) fn lacks(&self, seq: u64) -> StoreError {
        StoreError::corrupt(self.path(), format!("record {seq} is not there"), REBUILD)
    }

    /// One record.
    pub(crate) fn row(&self, seq: u64) -> Result<Option<Row>, StoreError> {
        let value = self.source.row(seq)?;
        value.map(|value| Row::new(self.path(), seq, value)).transpose()
    }

    /// Every record from a sequence number on, in order.
    pub(crate) fn rows(&self, from: u64) -> Result<Rows, StoreError> {
        self.source.settled()?;
        let start = RecordList.key(&(from, Bytes::new()));
        let span = Span { start, end: behind_prefix(RecordList.prefix()) };
        Packed::new(self.source.clone(), RecordList, span).map(Rows)
    }

    /// The visits of all URLs whose key begins with `prefix`, in order of URL and then of sequence, from the
    /// front or from the back.
    pub(crate) fn visits(&self, prefix: &[u8]) -> Result<Visits, StoreError> {
        self.source.settled()?;
        Packed::new(self.source.clone(), UrlList, Span::of_prefix(prefix))
    }
}

#[cfg(test)]
mod tests;
