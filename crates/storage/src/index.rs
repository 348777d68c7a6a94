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
mod bell;
mod budget;
mod held;
mod merge;
mod open;
mod tree;
mod write;

use std::{path::Path, sync::Arc, time::Duration};

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
pub(crate) use source::{End, Page, Source, Span, behind_prefix};
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

    /// The records from one sequence number to another, both included: of a store that grows, what a state speaks of.
    pub(crate) fn rows_to(
        &self,
        from: u64,
        last: u64,
    ) -> Result<impl Iterator<Item = Result<Row, StoreError>>, StoreError> {
        let within = move |row: &Result<Row, _>| row.as_ref().map_or(true, |row: &Row| row.seq <= last);
        Ok(self.rows(from)?.take_while(within))
    }

    /// Waits until something is committed behind `seq`, but no longer than this; the last sequence number then.
    pub(crate) fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError> {
        self.source.wait(seq, patience)
    }

    /// What answers for it.
    pub(crate) fn source(&self) -> Arc<dyn Source> {
        self.source.clone()
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
