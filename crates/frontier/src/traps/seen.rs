//! What pages have said: a set of bounded size that forgets what it has not met for long, and one page in 32 bytes.
//!
//! Owns the pieces of text that a shape's pages have had. To forget errs in the site's favour: what is not known counts
//! as new.

use dragline_model::Sketch;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Slots of a table that has anything in it.
const SLOTS_MIN: usize = 64;

/// Pieces in two generations: what is met goes into the young one, and where that is full it becomes the old one. So
/// what was met among the last so many is known, whatever came between.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Pieces {
    young: Table,
    old: Table,
}

impl Pieces {
    /// Takes a piece in; true if it was not there. No generation gets more slots than `most`, nor fewer than it has.
    pub(super) fn insert(&mut self, piece: u32, most: usize) -> bool {
        if self.young.has(piece) {
            return false;
        }
        if self.young.is_full() {
            let slots = self.young.slots.len();
            if slots * 2 <= most.max(SLOTS_MIN) {
                self.young.grow();
            } else {
                self.old = std::mem::replace(&mut self.young, Table::of(slots));
            }
        }
        self.young.put(piece);
        !self.old.has(piece)
    }

    /// Slots in all.
    pub(super) fn slots(&self) -> usize {
        self.young.slots.len() + self.old.slots.len()
    }
}

/// Pieces of a page that is told from another by so few bits: past it nearly every bit is set.
const SAID_PIECES_MAX: usize = 64;

/// What one page says, in so many bits: of two short pages of which one says something more, that is missed once in
/// five times at the most.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Said([u64; 4]);

impl Said {
    /// None of a page that says nothing, or too much to be held in it.
    pub(super) fn of(sketch: &Sketch) -> Option<Self> {
        let pieces = sketch.pieces();
        if pieces.is_empty() || pieces.len() > SAID_PIECES_MAX {
            return None;
        }
        let mut bits = [0; 4];
        for piece in pieces {
            bits[*piece as usize >> 6 & 3] |= 1 << (piece & 63);
        }
        Some(Self(bits))
    }

    /// All that the other says, this one says too.
    pub(super) fn has(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(this, other)| other & !this == 0)
    }
}

/// Open addressing; 0 is a free slot. A power of two of them, or none.
#[derive(Debug, Clone, Default)]
struct Table {
    slots: Vec<u32>,
    used: usize,
}

impl Table {
    fn of(slots: usize) -> Self {
        Self { slots: vec![0; slots], used: 0 }
    }

    fn is_full(&self) -> bool {
        self.used * 4 >= self.slots.len() * 3
    }

    /// The slot where a piece is or would be; none in a table without slots.
    fn slot(&self, piece: u32) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = (u64::from(piece).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & mask;
        // A quarter is free, always: this ends.
        while self.slots[slot] != 0 && self.slots[slot] != piece.max(1) {
            slot = (slot + 1) & mask;
        }
        Some(slot)
    }

    fn has(&self, piece: u32) -> bool {
        self.slot(piece).is_some_and(|slot| self.slots[slot] != 0)
    }

    /// Takes a piece in that is not there; the table is not full.
    fn put(&mut self, piece: u32) {
        if let Some(slot) = self.slot(piece) {
            self.slots[slot] = piece.max(1);
            self.used += 1;
        }
    }

    fn grow(&mut self) {
        let old = std::mem::replace(self, Self::of((self.slots.len() * 2).max(SLOTS_MIN)));
        old.slots.into_iter().filter(|piece| *piece != 0).for_each(|piece| self.put(piece));
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // As bytes: as numbers they would take five each in most formats.
        let bytes: Vec<u8> = self.slots.iter().flat_map(|piece| piece.to_le_bytes()).collect();
        to.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }
}

struct Bytes;

impl<'de> de::Visitor<'de> for Bytes {
    type Value = Table;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("slots of four bytes each, a power of two of them, a quarter of them free")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Table, E> {
        let (slots, rest) = bytes.as_chunks::<4>();
        let slots: Vec<u32> = slots.iter().map(|piece| u32::from_le_bytes(*piece)).collect();
        let used = slots.iter().filter(|piece| **piece != 0).count();
        let is_table = slots.is_empty() || slots.len().is_power_of_two() && used * 4 <= slots.len() * 3;
        if !rest.is_empty() || !is_table {
            return Err(E::invalid_length(bytes.len(), &self));
        }
        Ok(Table { slots, used })
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Table, A::Error> {
        let mut bytes = Vec::new();
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        self.visit_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde::de::Visitor;

    use super::*;

    const MOST: usize = 1024;

    fn piece(n: u32) -> u32 {
        n.wrapping_mul(0x85eb_ca6b) | 1 << 31
    }

    #[test]
    fn what_was_met_of_late_is_known() {
        let mut pieces = Pieces::default();
        for n in 0..10_000 {
            pieces.insert(piece(n), MOST);
        }
        assert_eq!(pieces.slots(), 2 * MOST);
        let known = |pieces: &Pieces, n: u32| !pieces.clone().insert(piece(n), MOST);
        assert!((9_300..10_000).all(|n| known(&pieces, n)));
        assert!(!known(&pieces, 0), "the first is forgotten");
    }

    #[test]
    fn what_is_met_again_and_again_is_never_forgotten() {
        let mut pieces = Pieces::default();
        for n in 0..10_000 {
            pieces.insert(piece(n), MOST);
            let is_new = pieces.insert(7, MOST);
            assert_eq!(is_new, n == 0, "{n}");
        }
    }

    #[test]
    fn a_set_that_may_not_grow_still_works() {
        let mut pieces = Pieces::default();
        (0..500).for_each(|n| assert!(pieces.insert(piece(n), 0)));
        assert_eq!(pieces.slots(), 2 * SLOTS_MIN);
    }

    #[test]
    fn a_table_that_would_not_end_is_refused() {
        let read = |slots: Vec<u32>| {
            let bytes: Vec<u8> = slots.iter().flat_map(|s| s.to_le_bytes()).collect();
            Bytes.visit_bytes::<de::value::Error>(&bytes).is_ok()
        };
        assert!(read(vec![]) && read(vec![0; 64]));
        assert!(!read(vec![1; 64]) && !read(vec![0; 63]));
    }

    proptest::proptest! {
        #[test]
        fn it_is_a_set_while_it_is_small(all in proptest::collection::vec(1u32..400, 1..600)) {
            let (mut pieces, mut exact) = (Pieces::default(), std::collections::HashSet::new());
            for p in all {
                proptest::prop_assert_eq!(pieces.insert(p, MOST), exact.insert(p));
            }
        }
    }
}
