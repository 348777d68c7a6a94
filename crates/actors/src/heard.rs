//! Which commits a coordinator has heard of.
//!
//! Owns the promise behind a checkpoint: everything up to its record is in it. Receipts mostly come in the order of
//! their commits, but after a death of storage some come late, and some twice.

use std::collections::BTreeSet;

/// The numbers of records that were told of.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    up_to: u64,
    beyond: BTreeSet<u64>,
}

impl Heard {
    /// All up to a record.
    pub(crate) fn all_to(seq: u64) -> Self {
        Self { up_to: seq, beyond: BTreeSet::new() }
    }

    /// Notes a record; false if it had been noted before.
    pub(crate) fn note(&mut self, seq: u64) -> bool {
        if seq <= self.up_to || !self.beyond.insert(seq) {
            return false;
        }
        while self.beyond.first() == Some(&(self.up_to + 1)) {
            self.beyond.pop_first();
            self.up_to += 1;
        }
        true
    }

    /// All before this record, itself included, were told of.
    pub(crate) fn up_to(&self) -> u64 {
        self.up_to
    }

    /// None is missing in between.
    pub(crate) fn is_whole(&self) -> bool {
        self.beyond.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_close() {
        let mut heard = Heard::all_to(3);
        assert!(!heard.note(3));
        assert!(heard.note(5) && heard.note(6) && !heard.note(5));
        assert_eq!((heard.up_to(), heard.is_whole()), (3, false));
        assert!(heard.note(4));
        assert_eq!((heard.up_to(), heard.is_whole()), (6, true));
    }
}
