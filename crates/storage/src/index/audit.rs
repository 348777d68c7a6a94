//! What all lists of the index hold, summed up: for holding them against the archive.
//!
//! Owns the sums: how many entries each kind of list has, and a sum over hashes of them, so that they are the same
//! whichever way the entries come, and another for any entry that is missing, too many or wrong. Holds a page of an
//! index at a time.

use std::hash::{DefaultHasher, Hasher as _};

use super::{
    Index, Row,
    held::Found,
    packed::unpack,
    source::{Scan, Span},
    write::{found, sorted_out},
};
use crate::{
    StoreError,
    schema::{
        LIST, TIME, URL,
        pieces::{Packing, SeqList, TimeList, UrlList},
    },
};

/// The kinds of list, by what they are in order of.
const KINDS: [(u8, &str); 3] = [(URL, "URL"), (TIME, "time"), (LIST, "status, type or host")];

/// How many entries, and the sum of their hashes, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Audit {
    kinds: [(u64, u64); KINDS.len()],
}

impl Audit {
    /// Adds what the lists must have of a record; the error says why that is not to be told.
    pub(crate) fn add_row(&mut self, row: &Row) -> Result<(), String> {
        if let Some(found) = found(row)? {
            self.add(row.seq, found);
        }
        Ok(())
    }

    fn add(&mut self, seq: u64, found: Found) {
        self.entry(0, &UrlList.key(&(found.url_key.clone(), seq)));
        self.entry(1, &TimeList.key(&(found.fetched_at.0, seq)));
        for (prefix, seqs) in sorted_out(&[(seq, found)]) {
            let list = SeqList::new(prefix);
            seqs.iter().for_each(|seq| self.entry(2, &list.key(seq)));
        }
    }

    fn entry(&mut self, kind: usize, key: &[u8]) {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        let (count, sum) = &mut self.kinds[kind];
        *count += 1;
        *sum = sum.wrapping_add(hasher.finish());
    }

    /// In words, which lists are not as these, with how many entries they have and should have.
    pub(crate) fn differences(&self, should: &Audit) -> Vec<String> {
        let pairs = KINDS.iter().zip(self.kinds.iter().zip(&should.kinds));
        let differing = pairs.filter(|(_, (is, should))| is != should);
        differing
            .map(|((_, name), ((is, _), (should, _)))| match is == should {
                true => format!("the list by {name} has {is} entries, and not the right ones"),
                false => format!("the list by {name} has {is} entries of {should}"),
            })
            .collect()
    }
}

impl Index {
    /// Reads all lists.
    pub(crate) fn audit(&self) -> Result<Audit, StoreError> {
        self.source.settled()?;
        let mut audit = Audit::default();
        for (kind, (letter, _)) in KINDS.iter().enumerate() {
            for pair in Scan::new(self.source.clone(), Span::of_prefix(&[*letter])) {
                let pair = pair?;
                let source = &*self.source;
                match *letter {
                    URL => {
                        let entries = unpack(source, &UrlList, &pair)?;
                        entries.iter().for_each(|entry| audit.entry(kind, &UrlList.key(entry)));
                    }
                    TIME => {
                        let entries = unpack(source, &TimeList, &pair)?;
                        entries.iter().for_each(|entry| audit.entry(kind, &TimeList.key(entry)));
                    }
                    _ => {
                        // Its key is the beginning of the list and the first sequence number of the piece.
                        let prefix = pair.0.len().saturating_sub(size_of::<u64>());
                        let list = SeqList::new(pair.0[..prefix].to_vec());
                        let entries = unpack(source, &list, &pair)?;
                        entries.iter().for_each(|entry| audit.entry(kind, &list.key(entry)));
                    }
                }
            }
        }
        Ok(audit)
    }
}
