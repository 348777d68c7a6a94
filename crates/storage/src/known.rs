//! What a writer must have in memory: every URL ever seen, and the payloads that can be used again.
//!
//! Owns the two sets, and how they come about when a writer opens: from the known log, and from the records behind
//! what it reached; from all records where the log cannot be trusted. Both ways lead to the same.

use std::collections::HashMap;

use dragline_model::{Fingerprint, FingerprintSet, Purpose};

use crate::{
    StoreError,
    error::REBUILD,
    frontier::{
        self,
        behind::{Behind, FRAME_WORDS, Gathered},
        log::{KnownLog, Words},
    },
    index::{Index, Row},
    record::Glance,
    schema::frontier::{Anchor, Reached},
    store::Shared,
    warc,
};

/// Payloads below this are stored again: a revisit record would be no smaller.
pub(crate) const SHARED_PAYLOAD_BYTES_MIN: u64 = 64;
/// Payloads remembered at most, the first ones: 70 MB. Storing a payload once is an economy, not a promise.
const PAYLOADS_MAX: usize = 3_670_016;

/// Parts of a [`UrlSet`]: one of them grows at a time, by itself, so that the pause is a two-hundredth of what it
/// would be, and so is the memory that is there twice.
const PARTS: usize = 256;
/// The bits of a fingerprint that choose the part: hash tables take theirs from both ends.
const PART_SHIFT: u32 = 48;

/// A set of URLs, exact on the 64 bits of their fingerprints: 10 to 21 bytes each.
pub(crate) struct UrlSet {
    parts: Vec<FingerprintSet>,
}

impl UrlSet {
    pub(crate) fn with_room(urls: u64) -> Self {
        let each = urls as usize / PARTS;
        let part = || FingerprintSet::with_capacity_and_hasher(each, Default::default());
        Self { parts: (0..PARTS).map(|_| part()).collect() }
    }

    fn part(url: Fingerprint) -> usize {
        (url.bits() >> PART_SHIFT) as usize % PARTS
    }

    pub(crate) fn contains(&self, url: Fingerprint) -> bool {
        self.parts[Self::part(url)].contains(&url)
    }

    /// False if it was there.
    pub(crate) fn insert(&mut self, url: Fingerprint) -> bool {
        self.parts[Self::part(url)].insert(url)
    }

    pub(crate) fn remove(&mut self, url: Fingerprint) {
        self.parts[Self::part(url)].remove(&url);
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(FingerprintSet::len).sum()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = Fingerprint> {
        self.parts.iter().flatten().copied()
    }
}

/// See the module's documentation.
pub(crate) struct Known {
    pub(crate) urls: UrlSet,
    /// By the first eight bytes of the digest: the record that has the payload.
    payloads: HashMap<u64, u64>,
}

impl Known {
    fn with_room(urls: u64) -> Self {
        Self { urls: UrlSet::with_room(urls), payloads: HashMap::new() }
    }

    /// The record that has a payload whose digest begins like that.
    pub(crate) fn payload(&self, key: u64) -> Option<u64> {
        self.payloads.get(&key).copied()
    }

    /// Notes who has a payload, if nobody is noted and there is room; true if it was.
    pub(crate) fn note_payload(&mut self, key: u64, seq: u64) -> bool {
        if self.payloads.len() >= PAYLOADS_MAX || self.payloads.contains_key(&key) {
            return false;
        }
        self.payloads.insert(key, seq);
        true
    }

    #[cfg(test)]
    pub(crate) fn payloads(&self) -> impl Iterator<Item = (u64, u64)> {
        self.payloads.iter().map(|(key, seq)| (*key, *seq))
    }

    /// Adds what a record has, and passes on what of it was new.
    fn add(&mut self, words: &Words, new: &mut Words) {
        new.urls.extend(words.urls.iter().filter(|bits| self.urls.insert(Fingerprint::from_bits(**bits))));
        new.payloads.extend(words.payloads.iter().filter(|(key, seq)| self.note_payload(*key, *seq)));
    }
}

/// What opening found.
pub(crate) struct Loaded {
    pub(crate) known: Known,
    pub(crate) behind: Behind,
    /// Records that had to be read.
    pub(crate) records_read: u64,
}

/// Finds everything that is known.
pub(crate) fn load(shared: &Shared) -> Result<Loaded, StoreError> {
    let index = &shared.index;
    let state = index.state()?;
    let (mut known, mut log) = open_log(shared, state.totals.links);
    let kept = log.as_ref().map(KnownLog::reached).unwrap_or_default();
    if kept.entries > 0 {
        if frontier::holds(index, kept.anchor)? {
            let (records_read, rest) = read_behind(index, kept, &mut known, &mut log)?;
            if kept.entries + records_read == state.entries {
                return Ok(Loaded { known, behind: Behind::new(log, rest), records_read });
            }
        }
        tracing::warn!(
            seq = kept.anchor.seq,
            "the known log speaks of other records than the archive has: all records are read instead"
        );
        known = Known::with_room(state.totals.links);
        log.iter_mut().for_each(KnownLog::restart);
    }
    let (records_read, rest) = read_behind(index, Reached::default(), &mut known, &mut log)?;
    if records_read != state.entries {
        // sled passes over what it cannot read: this is where a hole shows.
        let what = format!("it has {records_read} records of {}", state.entries);
        return Err(StoreError::corrupt(index.path(), what, REBUILD));
    }
    Ok(Loaded { known, behind: Behind::new(log, rest), records_read })
}

/// Opens the known log and takes in what it holds. Without one it is as if it were empty.
fn open_log(shared: &Shared, urls: u64) -> (Known, Option<KnownLog>) {
    let mut known = Known::with_room(urls);
    let (home, frontier) = (&shared.home, &shared.frontier);
    let opened = frontier.make().and_then(|()| {
        let mut taken = Words::default();
        KnownLog::open(&frontier.dir, home.mark, Fingerprint::key(), shared.disk.clone(), |words| {
            known.add(words, &mut taken);
            taken.clear();
        })
    });
    match opened {
        Ok(log) => (known, Some(log)),
        Err(error) => {
            tracing::warn!(%error, "no known log: all records are read instead, now and when next it is opened");
            (Known::with_room(urls), None)
        }
    }
}

/// Reads the records behind `from`; what is new in them is appended to the log but for the rest, which is handed
/// back. The first value counts the records.
fn read_behind(
    index: &Index,
    from: Reached,
    known: &mut Known,
    log: &mut Option<KnownLog>,
) -> Result<(u64, Gathered), StoreError> {
    let mut gathered = Gathered::after(from);
    let mut taken = Words::default();
    let mut records = 0;
    let mut refused = false;
    read_records(index, from, u64::MAX, |words, reached| {
        known.add(words, &mut taken);
        gathered.add(&mut taken, reached.anchor.seq, reached.entries);
        records += 1;
        let Some(open) = log.as_mut().filter(|_| !refused && gathered.words.len() >= FRAME_WORDS) else {
            return;
        };
        match open.append(&gathered.words, reached) {
            Ok(()) => gathered = Gathered::after(reached),
            // It is gathered then, and tried again by whoever writes behind the commits.
            Err(error) => {
                refused = true;
                tracing::warn!(%error, "the known log is not continued for now");
            }
        }
    })?;
    Ok((records, gathered))
}

/// Reads the records behind `from` and up to `until`, and says of each what it adds to what is known.
pub(crate) fn read_records(
    index: &Index,
    from: Reached,
    until: u64,
    mut each: impl FnMut(&Words, Reached),
) -> Result<(), StoreError> {
    let mut words = Words::default();
    for (before, row) in (from.entries..).zip(index.rows(from.anchor.seq + 1)?) {
        let row = row?;
        if row.seq > until {
            break;
        }
        read_words(index, &row, &mut words)?;
        let anchor = Anchor { seq: row.seq, row: row.checksum() };
        each(&words, Reached { anchor, entries: before + 1 });
    }
    Ok(())
}

/// What one record adds: its links, its own URL, and its payload, if that can be used again.
fn read_words(index: &Index, row: &Row, words: &mut Words) -> Result<(), StoreError> {
    let glance = Glance::parse(row.json())
        .map_err(|what| StoreError::corrupt(index.path(), format!("record {}: {what}", row.seq), REBUILD))?;
    words.clear();
    // A URL that was asked for as a robots.txt may be a page all the same, and be waited for as one.
    let own = glance.url.as_deref().filter(|_| glance.purpose != Purpose::Robots);
    let texts = glance.links.iter().map(|link| &*link.url).chain(own);
    let texts = texts.chain(glance.forgotten.iter().map(|url| &**url));
    words.urls.extend(texts.map(|text| Fingerprint::of_canonical(text).bits()));
    let own_payload = glance.payload_of.is_none() && glance.bytes >= SHARED_PAYLOAD_BYTES_MIN;
    if own_payload
        && row.location.response > 0
        && let Some(key) = glance.digest.as_deref().and_then(warc::digest_key)
    {
        words.payloads.push((key, row.seq));
    }
    Ok(())
}
