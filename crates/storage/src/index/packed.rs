//! A list of the index, read entry by entry.
//!
//! Owns the way from pieces to entries, in either direction. Holds one piece of each end, and a page of pairs in
//! [`Scan`].

use std::{collections::VecDeque, sync::Arc};

use super::source::{End, Pair, Scan, Source, Span};
use crate::{StoreError, error::REBUILD, schema::pieces::Packing};

/// The piece that has the entry of a key, or would have it: the last one that does not begin behind it. A place
/// in a list is found by one such look.
pub(super) fn piece_of<P: Packing>(
    source: &dyn Source,
    packing: &P,
    key: &[u8],
) -> Result<Option<Pair>, StoreError> {
    let mut span = Span { start: packing.prefix().to_vec(), end: key.to_vec() };
    span.end.push(0);
    Ok(source.page(&span, End::Back, 1)?.pairs.pop())
}

pub(super) fn unpack<P: Packing>(
    source: &dyn Source,
    packing: &P,
    (key, value): &Pair,
) -> Result<Vec<P::Entry>, StoreError> {
    packing.unpack(key, value).ok_or_else(|| {
        let what = format!("what is under the key {} cannot be read", key.escape_ascii());
        StoreError::corrupt(source.path(), what, REBUILD)
    })
}

/// Entries in ascending order, from the front or from the back.
pub(crate) struct Packed<P: Packing> {
    source: Arc<dyn Source>,
    packing: P,
    scan: Scan,
    /// Entries are from this key on.
    start: Vec<u8>,
    /// And before this one.
    end: Vec<u8>,
    front: VecDeque<P::Entry>,
    back: VecDeque<P::Entry>,
    /// The last entry of the last piece that came from the front: what is not behind it was split off that piece
    /// meanwhile, and has been given.
    given: Option<P::Entry>,
}

impl<P: Packing> Packed<P> {
    /// The entries whose keys are in a span.
    pub(super) fn new(source: Arc<dyn Source>, packing: P, span: Span) -> Result<Self, StoreError> {
        let Span { start, end } = span;
        let first = match start == packing.prefix() {
            true => None,
            false => piece_of(&*source, &packing, &start)?,
        };
        let from = first.map_or_else(|| start.clone(), |(key, _)| key.to_vec());
        let scan = Scan::new(source.clone(), Span { start: from, end: end.clone() });
        let (front, back) = (VecDeque::new(), VecDeque::new());
        Ok(Self { source, packing, scan, start, end, front, back, given: None })
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.source.path()
    }

    /// Takes the next piece at an end; false where there is none.
    fn fetch(&mut self, end: End) -> Result<bool, StoreError> {
        let pair = match end {
            End::Front => self.scan.next(),
            End::Back => self.scan.next_back(),
        };
        let Some(pair) = pair.transpose()? else { return Ok(false) };
        let mut entries: VecDeque<_> = unpack(&*self.source, &self.packing, &pair)?.into();
        // Only the ends can have what is not asked for.
        while entries.front().is_some_and(|entry| self.packing.key(entry) < self.start) {
            entries.pop_front();
        }
        while entries.back().is_some_and(|entry| self.packing.key(entry) >= self.end) {
            entries.pop_back();
        }
        match end {
            End::Front => {
                if let Some(given) = &self.given {
                    entries.retain(|entry| entry > given);
                }
                self.given = entries.back().cloned().or(self.given.take());
                self.front = entries;
            }
            End::Back => self.back = entries,
        }
        Ok(true)
    }
}

impl<P: Packing> Iterator for Packed<P> {
    type Item = Result<P::Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.front.is_empty() {
            match self.fetch(End::Front) {
                Ok(true) => {}
                Ok(false) => return self.back.pop_front().map(Ok),
                Err(error) => return Some(Err(error)),
            }
        }
        self.front.pop_front().map(Ok)
    }
}

impl<P: Packing> DoubleEndedIterator for Packed<P> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.back.is_empty() {
            match self.fetch(End::Back) {
                Ok(true) => {}
                Ok(false) => return self.front.pop_back().map(Ok),
                Err(error) => return Some(Err(error)),
            }
        }
        self.back.pop_back().map(Ok)
    }
}
