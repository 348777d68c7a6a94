//! The index as it was at one moment.
//!
//! Owns what a query is answered from: everything that was committed up to a record, and nothing that was committed
//! behind it. The rest of a list is there, too; whoever walks along one leaves out what is behind [`Snapshot::last_seq`].

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Index,
    lists::{AnyOf, Way},
    packed::{Packed, piece_of, unpack},
    rows::{Row, Rows, Visits},
    source::{End, Source, Span, behind_prefix},
};
use crate::{
    StoreError,
    schema::{
        lists::Listed,
        pieces::{Packing as _, RecordList, SeqList, TimeList, UrlList},
    },
};

/// Everything up to a record.
pub(crate) struct Snapshot {
    source: Arc<dyn Source>,
    /// The last record.
    pub(crate) last_seq: u64,
    /// The piece with the record that was asked for last: the next one is often in it.
    piece: Vec<(u64, Bytes)>,
}

impl Index {
    /// Everything that is committed now.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let last_seq = self.source.settled()?.last_seq;
        Ok(Snapshot { source: self.source.clone(), last_seq, piece: Vec::new() })
    }
}

impl Snapshot {
    /// The same, as it was earlier.
    pub(crate) fn up_to(self, last_seq: u64) -> Self {
        Self { last_seq: last_seq.min(self.last_seq), ..self }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.source.path()
    }

    /// One record.
    pub(crate) fn row(&mut self, seq: u64) -> Result<Option<Row>, StoreError> {
        let at = |piece: &[(u64, Bytes)]| piece.binary_search_by_key(&seq, |(seq, _)| *seq);
        let mut found = at(&self.piece);
        if found.is_err() {
            let key = RecordList.key(&(seq, Bytes::new()));
            let Some(piece) = piece_of(&*self.source, &RecordList, &key)? else { return Ok(None) };
            self.piece = unpack(&*self.source, &RecordList, &piece)?;
            found = at(&self.piece);
        }
        found.ok().map(|at| Row::new(self.path(), seq, self.piece[at].1.clone())).transpose()
    }

    /// The records from one to another.
    pub(crate) fn rows(&self, first: u64, last: u64) -> Result<Rows, StoreError> {
        let key = |seq| RecordList.key(&(seq, Bytes::new()));
        let end = last.checked_add(1).map_or_else(|| behind_prefix(RecordList.prefix()), key);
        let span = Span { start: key(first), end };
        Packed::new(self.source.clone(), RecordList, span).map(Rows)
    }

    /// The visits of all URLs whose key begins with `prefix`.
    pub(crate) fn visits(&self, prefix: &[u8]) -> Result<Visits, StoreError> {
        self.visits_in(Span::of_prefix(prefix))
    }

    /// The visits with entries in a span: see [`UrlList`].
    pub(crate) fn visits_in(&self, span: Span) -> Result<Visits, StoreError> {
        Packed::new(self.source.clone(), UrlList, span)
    }

    /// The visits from one moment up to another, each a time in milliseconds and a sequence number.
    pub(crate) fn times(&self, from: (u64, u64), until: (u64, u64)) -> Result<Packed<TimeList>, StoreError> {
        let span = Span { start: TimeList.key(&from), end: TimeList.key(&until) };
        Packed::new(self.source.clone(), TimeList, span)
    }

    /// The records that are listed with a value from one up to another; `None` where more values than `most` are.
    pub(crate) fn listed_within(
        &self,
        listed: Listed,
        values: &Span,
        with_robots: bool,
        way: Way,
        most: usize,
    ) -> Result<Option<AnyOf>, StoreError> {
        let mut lists = Vec::new();
        for prefix in kinds(listed, with_robots) {
            let end = if values.end.is_empty() {
                behind_prefix(&prefix)
            } else {
                [&prefix, &values.end[..]].concat()
            };
            let mut span = Span { start: [&prefix, &values.start[..]].concat(), end };
            while !span.is_empty()
                && let Some((key, _)) = self.source.page(&span, End::Front, 1)?.pairs.pop()
            {
                if lists.len() == most {
                    return Ok(None);
                }
                // What is behind the value is a sequence number.
                let list = key[..key.len().saturating_sub(8)].to_vec();
                span.start = behind_prefix(&list);
                lists.push(SeqList::new(list));
            }
        }
        Ok(Some(AnyOf::new(&self.source, lists, way)))
    }

    /// The records that are listed with one value.
    pub(crate) fn listed(&self, listed: Listed, value: &[u8], with_robots: bool, way: Way) -> AnyOf {
        let list = |prefix: [u8; 2]| SeqList::new([&prefix[..], value].concat());
        AnyOf::new(&self.source, kinds(listed, with_robots).map(list).collect(), way)
    }
}

/// What the lists of a kind begin with: those of pages, then those of robots.txt files where they are wanted.
fn kinds(listed: Listed, with_robots: bool) -> impl Iterator<Item = [u8; 2]> {
    [false, true].into_iter().take(1 + usize::from(with_robots)).map(move |robots| listed.prefix(robots))
}
