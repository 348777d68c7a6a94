//! Lists of records of which one thing holds, taken together.
//!
//! Owns the walk along several lists at once: records on any of some, records on all of some. Holds one piece a list,
//! two kilobytes at most, and never the whole of one.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use super::{
    packed::{piece_of, unpack},
    source::{End, Pair, Source, Span, behind_prefix},
};
use crate::{
    StoreError,
    schema::pieces::{Packing as _, SeqList},
};

/// Which way a walk goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

impl Way {
    /// Numbers in the order in which a walk meets them, and back.
    fn rank(self, seq: u64) -> u64 {
        match self {
            Way::Up => seq,
            Way::Down => !seq,
        }
    }
}

/// One list.
struct List {
    source: Arc<dyn Source>,
    packing: SeqList,
    /// The key of the piece at hand.
    key: Vec<u8>,
    piece: Vec<u64>,
    /// From this number on there is nothing.
    end: u64,
}

impl List {
    fn new(source: Arc<dyn Source>, packing: SeqList) -> Self {
        Self { source, packing, key: Vec::new(), piece: Vec::new(), end: u64::MAX }
    }

    /// The nearest number at `seq` or beyond it.
    fn seek(&mut self, seq: u64, way: Way) -> Result<Option<u64>, StoreError> {
        if !self.has(seq) {
            match way {
                Way::Up if seq >= self.end => return Ok(None),
                Way::Up => return self.seek_up(seq),
                Way::Down => {
                    let Some(piece) = piece_of(&*self.source, &self.packing, &self.packing.key(&seq))? else {
                        return Ok(None);
                    };
                    self.take(piece)?;
                }
            }
        }
        Ok(match way {
            Way::Up => self.piece.get(self.piece.partition_point(|there| *there < seq)).copied(),
            Way::Down => self.piece[..self.piece.partition_point(|there| *there <= seq)].last().copied(),
        })
    }

    /// Whether the piece at hand settles what is nearest.
    fn has(&self, seq: u64) -> bool {
        matches!((self.piece.first(), self.piece.last()), (Some(first), Some(last)) if (*first..=*last).contains(&seq))
    }

    fn seek_up(&mut self, seq: u64) -> Result<Option<u64>, StoreError> {
        // Mostly it is in the piece behind the one at hand.
        let is_behind = self.piece.last().is_some_and(|last| *last < seq);
        if !(is_behind && self.step()? && self.piece.last() >= Some(&seq)) {
            match piece_of(&*self.source, &self.packing, &self.packing.key(&seq))? {
                Some(piece) => {
                    self.take(piece)?;
                    if self.piece.last() < Some(&seq) && !self.step()? {
                        self.end = seq;
                        return Ok(None);
                    }
                }
                None => {
                    self.key = self.packing.prefix().to_vec();
                    if !self.step()? {
                        self.end = seq;
                        return Ok(None);
                    }
                }
            }
        }
        Ok(self.piece.get(self.piece.partition_point(|there| *there < seq)).copied())
    }

    /// Takes the piece behind the one at hand; false where there is none.
    fn step(&mut self) -> Result<bool, StoreError> {
        let mut start = self.key.clone();
        start.push(0);
        let span = Span { start, end: behind_prefix(self.packing.prefix()) };
        match self.source.page(&span, End::Front, 1)?.pairs.pop() {
            Some(piece) => self.take(piece).map(|()| true),
            None => Ok(false),
        }
    }

    fn take(&mut self, piece: Pair) -> Result<(), StoreError> {
        self.piece = unpack(&*self.source, &self.packing, &piece)?;
        self.key = piece.0.to_vec();
        Ok(())
    }
}

/// The records on any of some lists.
pub(crate) struct AnyOf {
    lists: Vec<List>,
    /// Of each list that is not over, what it has next: its rank, and which list it is.
    heads: BinaryHeap<Reverse<(u64, usize)>>,
    way: Way,
    begun: bool,
}

impl AnyOf {
    pub(super) fn new(source: &Arc<dyn Source>, lists: Vec<SeqList>, way: Way) -> Self {
        let lists: Vec<_> = lists.into_iter().map(|list| List::new(source.clone(), list)).collect();
        Self { lists, heads: BinaryHeap::new(), way, begun: false }
    }

    /// The nearest number at `seq` or beyond it. It is never asked for one that lies before what it was asked for last.
    fn seek(&mut self, seq: u64) -> Result<Option<u64>, StoreError> {
        let (way, wanted) = (self.way, self.way.rank(seq));
        if !self.begun {
            self.begun = true;
            for (n, list) in self.lists.iter_mut().enumerate() {
                self.heads.extend(list.seek(seq, way)?.map(|seq| Reverse((way.rank(seq), n))));
            }
        }
        while let Some(Reverse((rank, n))) = self.heads.peek().copied() {
            if rank >= wanted {
                return Ok(Some(way.rank(rank)));
            }
            self.heads.pop();
            self.heads.extend(self.lists[n].seek(seq, way)?.map(|seq| Reverse((way.rank(seq), n))));
        }
        Ok(None)
    }

    /// Whether a record is on one of them, asked in any order.
    pub(crate) fn has(&mut self, seq: u64) -> Result<bool, StoreError> {
        for list in &mut self.lists {
            if list.seek(seq, Way::Up)? == Some(seq) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How many lists.
    pub(crate) fn len(&self) -> usize {
        self.lists.len()
    }
}

/// The records on one list of each of some, in the order of their numbers or against it.
pub(crate) struct AllOf {
    any: Vec<AnyOf>,
    way: Way,
    /// Where to go on; `None` where it is over.
    next: Option<u64>,
    last: u64,
}

impl AllOf {
    /// From `first` on to `last`; there is one of `any` at least.
    pub(crate) fn new(any: Vec<AnyOf>, way: Way, first: u64, last: u64) -> Self {
        Self { any, way, next: Some(first), last }
    }
}

impl Iterator for AllOf {
    type Item = Result<u64, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut at = self.next.take()?;
        // Each in turn says what it has next; once all say the same, that is one.
        let (mut agreed, mut n) = (0, 0);
        while agreed < self.any.len() {
            let found = match self.any[n].seek(at) {
                Ok(found) => found?,
                Err(error) => return Some(Err(error)),
            };
            if self.way.rank(found) > self.way.rank(self.last) {
                return None;
            }
            agreed = if found == at { agreed + 1 } else { 1 };
            at = found;
            n = (n + 1) % self.any.len();
        }
        self.next = match self.way {
            Way::Up => at.checked_add(1),
            Way::Down => at.checked_sub(1),
        };
        Some(Ok(at))
    }
}
