//! Entries put among those that are there.
//!
//! Owns the growing and splitting of pieces, and the batch in which that happens: what is moved from one piece to
//! another is never in both, nor in neither, whenever the process dies.

use super::{
    packed::{piece_of, unpack},
    source::{End, Source as _, Span, behind_prefix},
    tree::Tree,
};
use crate::{StoreError, schema::pieces::Packing};

/// Keys in one sled batch: long enough to share its cost; past some hundred a longer one brings nothing.
const KEYS: usize = 128;
/// Bytes after which a batch is applied, however few keys it has.
const BYTES: usize = 512 << 10;

/// What is to be written next.
pub(super) struct Batch<'a> {
    tree: &'a Tree,
    batch: sled::Batch,
    keys: usize,
    bytes: usize,
}

impl<'a> Batch<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self { tree, batch: sled::Batch::default(), keys: 0, bytes: 0 }
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.batch.insert(key, value);
        self.keys += 1;
        self.bytes += key.len() + value.len();
    }

    /// Writes what was put.
    pub(super) fn apply(&mut self) -> Result<(), StoreError> {
        if self.keys == 0 {
            return Ok(());
        }
        (self.keys, self.bytes) = (0, 0);
        self.tree.apply(std::mem::take(&mut self.batch))
    }

    fn apply_if_long(&mut self) -> Result<(), StoreError> {
        if self.keys >= KEYS || self.bytes >= BYTES { self.apply() } else { Ok(()) }
    }

    /// Puts entries into their list; those that it has already make no difference. They are in ascending order.
    pub(super) fn merge<P: Packing>(
        &mut self,
        packing: &P,
        entries: Vec<P::Entry>,
    ) -> Result<(), StoreError> {
        let mut rest = &entries[..];
        // Most lists grow at their end: then one look is enough.
        let list = Span::of_prefix(packing.prefix());
        let last = self.tree.page(&list, End::Back, 1)?.pairs.pop();
        while let Some(first) = rest.first() {
            let key = packing.key(first);
            let (piece, until) = match &last {
                None => (None, None),
                Some(last) if *last.0 <= *key => (Some(last.clone()), None),
                Some(_) => (piece_of(self.tree, packing, &key)?, self.key_behind(packing, key)?),
            };
            let here =
                until.map_or(rest.len(), |until| rest.partition_point(|entry| packing.key(entry) < until));
            let (new, later) = rest.split_at(here);
            rest = later;
            let (merged, is_appended) = match &piece {
                None => (new.to_vec(), true),
                Some(piece) => merged(unpack(self.tree, packing, piece)?, new),
            };
            self.put_pieces(packing, &merged, is_appended)?;
            self.apply_if_long()?;
        }
        Ok(())
    }

    /// The first key of the list that is behind a key.
    fn key_behind<P: Packing>(&self, packing: &P, mut key: Vec<u8>) -> Result<Option<Vec<u8>>, StoreError> {
        key.push(0);
        let span = Span { start: key, end: behind_prefix(packing.prefix()) };
        let next = self.tree.page(&span, End::Front, 1)?.pairs.pop();
        Ok(next.map(|(key, _)| key.to_vec()))
    }

    /// Cuts entries into pieces: full ones where the list grows at its end, else two halves, so that each has room.
    fn put_pieces<P: Packing>(
        &mut self,
        packing: &P,
        mut entries: &[P::Entry],
        is_appended: bool,
    ) -> Result<(), StoreError> {
        while !entries.is_empty() {
            let (fits, left) = (packing.fit(entries), entries.len());
            let length = match fits >= left {
                true => left,
                false if is_appended => fits,
                false => fits.min(left.div_ceil(2)),
            };
            let (piece, behind) = entries.split_at(length);
            self.put(&packing.key(&piece[0]), &packing.pack(piece));
            entries = behind;
            if is_appended {
                // Nothing has left the piece that was there.
                self.apply_if_long()?;
            }
        }
        Ok(())
    }
}

/// Both in order, each once; and whether all that is new is behind what was there.
fn merged<E: Clone + Ord>(mut there: Vec<E>, new: &[E]) -> (Vec<E>, bool) {
    let is_appended = there.last() < new.first();
    there.extend_from_slice(new);
    if !is_appended {
        there.sort();
        there.dedup();
    }
    (there, is_appended)
}
