//! Entries in order, many to a key.
//!
//! Owns how each kind of entry is packed: see [`crate::schema`] for the table. A *list* is what the keys with one
//! beginning hold: entries in ascending order, cut into *pieces*, each piece under a key that is spelled like its first
//! entry, so that the piece which has an entry, or would have it, is the last one whose key is not behind the entry's.
//!
//! The reason: sled takes some 40 bytes of memory and 300 of disk for a key, whatever is under it, keeps its keys in
//! leaves of 16, and asks 15 µs for a new one.

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::{LIST, RECORD, TIME, URL, read_number, write_number};

/// Sequence numbers in a piece: some 300 bytes.
const SEQS_MAX: usize = 256;
/// Moments in a piece: some 500 bytes.
const TIMES_MAX: usize = 192;
/// Visits in a piece: some 500 bytes, since a piece is written again for a visit somewhere in it.
const VISITS_MAX: usize = 16;
/// Bytes of URLs in a piece, of which some have thousands.
const VISITS_BYTES: usize = 4 << 10;
/// Records in a piece: some 1,300 bytes. One that is looked up costs the inflating of them all.
const RECORDS_MAX: usize = 8;
/// Bytes of records in a piece before they are compressed. A leaf of sled has up to 16 pieces, and thousands of leaves
/// may be in memory whatever its cache is allowed (see `index/tree.rs`).
const RECORDS_BYTES: usize = 8 << 10;
/// What deflate makes of a byte at most (RFC 1951 allows 258 bytes for two bits).
const RATIO_MAX: usize = 1032;

/// How one kind of list is kept.
pub(crate) trait Packing {
    type Entry: Clone + Ord;

    /// What all keys of the list begin with.
    fn prefix(&self) -> &[u8];

    /// The key of a piece that begins with an entry. Keys are in the order of entries.
    fn key(&self, entry: &Self::Entry) -> Vec<u8>;

    /// How many of the first of these fit into one piece: one, at least.
    fn fit(&self, entries: &[Self::Entry]) -> usize;

    /// The value of a piece, which is not empty.
    fn pack(&self, entries: &[Self::Entry]) -> Vec<u8>;

    /// The entries of a piece, one at least; `None` where it is damaged.
    fn unpack(&self, key: &[u8], value: &[u8]) -> Option<Vec<Self::Entry>>;
}

/// Records of which one thing holds: `p`, what it is, its value, then the sequence number.
#[derive(Debug, Clone)]
pub(crate) struct SeqList {
    prefix: Vec<u8>,
}

impl SeqList {
    /// By what is common to its keys: see [`super::lists`].
    pub(crate) fn new(prefix: Vec<u8>) -> Self {
        debug_assert_eq!(prefix.first(), Some(&LIST));
        Self { prefix }
    }
}

impl Packing for SeqList {
    type Entry = u64;

    fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    fn key(&self, seq: &u64) -> Vec<u8> {
        [&self.prefix[..], &seq.to_be_bytes()].concat()
    }

    fn fit(&self, seqs: &[u64]) -> usize {
        seqs.len().min(SEQS_MAX)
    }

    /// The distance from each to the next.
    fn pack(&self, seqs: &[u64]) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * seqs.len());
        for pair in seqs.windows(2) {
            write_number(&mut out, pair[1] - pair[0]);
        }
        out
    }

    fn unpack(&self, key: &[u8], mut value: &[u8]) -> Option<Vec<u64>> {
        let mut seq = u64::from_be_bytes(key.strip_prefix(&self.prefix[..])?.try_into().ok()?);
        let mut seqs = vec![seq];
        while !value.is_empty() {
            seq = seq.checked_add(read_number(&mut value)?)?;
            seqs.push(seq);
        }
        Some(seqs)
    }
}

/// Visits by the moment they began: `t`, milliseconds, sequence number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeList;

impl Packing for TimeList {
    /// Milliseconds, and the sequence number.
    type Entry = (u64, u64);

    fn prefix(&self) -> &[u8] {
        &[TIME]
    }

    fn key(&self, (ms, seq): &(u64, u64)) -> Vec<u8> {
        [&[TIME][..], &ms.to_be_bytes(), &seq.to_be_bytes()].concat()
    }

    fn fit(&self, times: &[(u64, u64)]) -> usize {
        times.len().min(TIMES_MAX)
    }

    /// The distance from each to the next, of sequence numbers folded: 0, -1, 1, -2.
    fn pack(&self, times: &[(u64, u64)]) -> Vec<u8> {
        let mut out = Vec::with_capacity(3 * times.len());
        for pair in times.windows(2) {
            write_number(&mut out, pair[1].0 - pair[0].0);
            write_number(&mut out, fold(pair[0].1, pair[1].1));
        }
        out
    }

    fn unpack(&self, key: &[u8], mut value: &[u8]) -> Option<Vec<(u64, u64)>> {
        let (ms, seq) = key.strip_prefix(&[TIME])?.split_first_chunk()?;
        let (mut ms, mut seq) = (u64::from_be_bytes(*ms), u64::from_be_bytes(seq.try_into().ok()?));
        let mut times = vec![(ms, seq)];
        while !value.is_empty() {
            ms = ms.checked_add(read_number(&mut value)?)?;
            seq = unfold(seq, read_number(&mut value)?);
            times.push((ms, seq));
        }
        Some(times)
    }
}

/// Visits by URL: `u`, SURT, 0, `h` or `s`, sequence number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UrlList;

impl Packing for UrlList {
    /// The key of the URL ([`super::url_prefix`]), and the sequence number.
    type Entry = (Vec<u8>, u64);

    fn prefix(&self) -> &[u8] {
        &[URL]
    }

    fn key(&self, (url, seq): &(Vec<u8>, u64)) -> Vec<u8> {
        [&url[..], &seq.to_be_bytes()].concat()
    }

    fn fit(&self, visits: &[(Vec<u8>, u64)]) -> usize {
        fit(visits.iter().map(|(url, _)| url.len()), VISITS_MAX, VISITS_BYTES)
    }

    /// Of each but the first: how many bytes it has in common with the one before, how many more there are, these, and
    /// the distance of its sequence number, folded.
    fn pack(&self, visits: &[(Vec<u8>, u64)]) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 * visits.len());
        for pair in visits.windows(2) {
            let ((before, seq_before), (url, seq)) = (&pair[0], &pair[1]);
            let common = before.iter().zip(url).take_while(|(a, b)| a == b).count();
            write_number(&mut out, common as u64);
            write_number(&mut out, (url.len() - common) as u64);
            out.extend_from_slice(&url[common..]);
            write_number(&mut out, fold(*seq_before, *seq));
        }
        out
    }

    fn unpack(&self, key: &[u8], mut value: &[u8]) -> Option<Vec<(Vec<u8>, u64)>> {
        let (url, seq) = key.split_last_chunk()?;
        let mut visits = vec![(url.to_vec(), u64::from_be_bytes(*seq))];
        while let (false, Some((before, seq))) = (value.is_empty(), visits.last()) {
            let common = before.get(..read_number(&mut value)?.try_into().ok()?)?;
            let length = read_number(&mut value)?.try_into().ok()?;
            let (more, rest) = value.split_at_checked(length)?;
            let url = [common, more].concat();
            value = rest;
            visits.push((url, unfold(*seq, read_number(&mut value)?)));
        }
        Some(visits)
    }
}

/// Records: `r`, sequence number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordList;

impl Packing for RecordList {
    /// The sequence number; [`super::Location`] and JSON.
    type Entry = (u64, Bytes);

    fn prefix(&self) -> &[u8] {
        &[RECORD]
    }

    fn key(&self, (seq, _): &(u64, Bytes)) -> Vec<u8> {
        [&[RECORD][..], &seq.to_be_bytes()].concat()
    }

    fn fit(&self, records: &[(u64, Bytes)]) -> usize {
        fit(records.iter().map(|(_, record)| record.len()), RECORDS_MAX, RECORDS_BYTES)
    }

    /// Length and CRC-32 (4 bytes, big-endian) of what follows once it is inflated; that, deflated (RFC 1951): of each
    /// record the distance of its number from the one before, its length, itself.
    fn pack(&self, records: &[(u64, Bytes)]) -> Vec<u8> {
        let mut raw = Vec::with_capacity(records.iter().map(|(_, record)| record.len() + 8).sum());
        let mut before = records.first().map_or(0, |(seq, _)| *seq);
        for (seq, record) in records {
            write_number(&mut raw, seq - before);
            write_number(&mut raw, record.len() as u64);
            raw.extend_from_slice(record);
            before = *seq;
        }
        let mut out = Vec::new();
        write_number(&mut out, raw.len() as u64);
        out.extend_from_slice(&libdeflater::crc32(&raw).to_be_bytes());
        let head = out.len();
        let mut deflate = Compressor::new(CompressionLvl::new(1).unwrap_or_default());
        out.resize(head + deflate.deflate_compress_bound(raw.len()), 0);
        // It does not fail: there is room for the bound.
        let deflated = deflate.deflate_compress(&raw, &mut out[head..]).unwrap_or_default();
        out.truncate(head + deflated);
        out
    }

    fn unpack(&self, key: &[u8], mut value: &[u8]) -> Option<Vec<(u64, Bytes)>> {
        let mut seq = super::record_key_seq(key)?;
        let length = usize::try_from(read_number(&mut value)?).ok()?;
        let (crc, deflated) = value.split_first_chunk()?;
        if length > deflated.len().saturating_mul(RATIO_MAX) {
            return None;
        }
        let mut raw = vec![0; length];
        let inflated = Decompressor::new().deflate_decompress(deflated, &mut raw).ok()?;
        if inflated != length || libdeflater::crc32(&raw) != u32::from_be_bytes(*crc) {
            return None;
        }
        let raw = Bytes::from(raw);
        let mut rest = &raw[..];
        let mut records = Vec::with_capacity(RECORDS_MAX);
        while !rest.is_empty() {
            seq = seq.checked_add(read_number(&mut rest)?)?;
            let length = read_number(&mut rest)?.try_into().ok()?;
            let (record, behind) = rest.split_at_checked(length)?;
            records.push((seq, raw.slice_ref(record)));
            rest = behind;
        }
        (!records.is_empty()).then_some(records)
    }
}

fn fit(lengths: impl Iterator<Item = usize>, most: usize, bytes_max: usize) -> usize {
    let mut bytes = 0;
    let fitting = lengths.take(most).take_while(|length| {
        bytes += length;
        bytes <= bytes_max
    });
    fitting.count().max(1)
}

/// A distance in either direction as a small number.
fn fold(from: u64, to: u64) -> u64 {
    let distance = to.wrapping_sub(from) as i64;
    ((distance << 1) ^ (distance >> 63)) as u64
}

fn unfold(from: u64, folded: u64) -> u64 {
    from.wrapping_add((folded >> 1) ^ (folded & 1).wrapping_neg())
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;

    use super::*;

    /// Every piece of a list is read as it was written, and no cut or bent one does any harm.
    fn check<P: Packing>(packing: &P, mut entries: Vec<P::Entry>, bend: usize)
    where
        P::Entry: Debug,
    {
        entries.sort();
        entries.dedup();
        let mut keys = Vec::new();
        let mut rest = &entries[..];
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(packing.fit(rest));
            let (key, mut value) = (packing.key(&piece[0]), packing.pack(piece));
            assert!(key.starts_with(packing.prefix()));
            assert_eq!(packing.unpack(&key, &value).unwrap(), piece);
            keys.push(key.clone());
            if !value.is_empty() {
                let at = bend % value.len();
                packing.unpack(&key, &value[..at]);
                value[at] ^= 1 << (bend % 8);
                packing.unpack(&key, &value);
            }
            rest = behind;
        }
        assert!(keys.is_sorted());
    }

    proptest! {
        #[test]
        fn seqs(entries in prop::collection::vec(any::<u64>(), 0..600), bend: usize) {
            check(&SeqList::new(b"ps\x01\x02".to_vec()), entries, bend);
        }

        #[test]
        fn times(entries in prop::collection::vec(any::<(u64, u64)>(), 0..600), bend: usize) {
            check(&TimeList, entries, bend);
        }

        #[test]
        fn urls(entries in prop::collection::vec(("[ab]{0,9}", any::<u64>()), 0..99), bend: usize) {
            let url = |(text, seq): (String, u64)| (format!("ucom,{text},)/\0s").into_bytes(), seq);
            check(&UrlList, entries.into_iter().map(url).collect(), bend);
        }

        #[test]
        fn records(entries in prop::collection::btree_map(any::<u64>(), "[ab]{0,900}", 0..40), bend: usize) {
            let record = |(seq, text): (u64, String)| (seq, Bytes::from(text));
            check(&RecordList, entries.into_iter().map(record).collect(), bend);
        }

        #[test]
        fn distances(from: u64, to: u64) {
            prop_assert_eq!(unfold(from, fold(from, to)), to);
        }
    }

    /// A record that is not what was written is told from one that is.
    #[test]
    fn a_bent_record_is_found_out() {
        let entries: Vec<_> = (1..9).map(|seq| (seq, Bytes::from(format!("{{\"seq\":{seq}}}")))).collect();
        let (key, value) = (RecordList.key(&entries[0]), RecordList.pack(&entries));
        for bit in 0..value.len() * 8 {
            let mut bent = value.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let read = RecordList.unpack(&key, &bent);
            assert!(read.is_none_or(|read| read == entries), "bit {bit}");
        }
    }
}
