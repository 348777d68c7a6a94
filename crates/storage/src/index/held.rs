//! What is committed and not yet in sled.
//!
//! Owns the order of it, and how much is much. Never writes anything.

use bytes::Bytes;

use dragline_model::Timestamp;

use crate::schema::{LOCATION_BYTES_MAX, Location, State};

/// Records held back before the keeper is woken for them: a second's worth of a fast crawl, some 6 MB.
const HELD_LONG: usize = 1 << 13;
/// Records held back at most; past it whoever commits writes them itself, and so waits for a slow disk.
pub(super) const HELD_MAX: usize = 4 * HELD_LONG;

/// Records on their way into the index, with what they are found by.
#[derive(Default)]
pub(crate) struct Draft {
    pub(super) records: Vec<(u64, Bytes)>,
    pub(super) visits: Vec<(u64, Found)>,
}

/// What a visit is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The key of its URL: [`crate::schema::url_prefix`].
    pub(crate) url_key: Vec<u8>,
    /// `None` for a failure.
    pub(crate) status: Option<u16>,
    pub(crate) mime: Option<Box<str>>,
    pub(crate) fetched_at: Timestamp,
    pub(crate) is_robots: bool,
}

impl Draft {
    /// Adds an entry; `found` where it is of kind page, and is not to be had from the record later.
    pub(crate) fn add(&mut self, seq: u64, location: &Location, json: &[u8], found: Option<Found>) {
        let mut value = Vec::with_capacity(LOCATION_BYTES_MAX + json.len());
        location.encode(&mut value);
        value.extend_from_slice(json);
        self.records.push((seq, value.into()));
        self.visits.extend(found.map(|found| (seq, found)));
    }

    fn append(&mut self, later: &mut Draft) {
        self.records.append(&mut later.records);
        self.visits.append(&mut later.visits);
    }
}

/// What is committed and not yet in sled, in order.
#[derive(Default)]
pub(super) struct Held {
    pub(super) draft: Draft,
    /// What holds after the last of it.
    pub(super) state: Option<State>,
}

/// How much is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// Nothing to speak of.
    Short,
    /// The keeper should write it now.
    Long,
    /// The committing thread should.
    TooLong,
}

impl Held {
    /// Takes in what was committed, with the state that holds after it.
    pub(super) fn add(&mut self, mut draft: Draft, state: &State) -> Backlog {
        self.draft.append(&mut draft);
        self.state = Some(*state);
        match self.draft.records.len() {
            0..HELD_LONG => Backlog::Short,
            HELD_LONG..HELD_MAX => Backlog::Long,
            _ => Backlog::TooLong,
        }
    }

    /// Puts what was taken out in front again.
    pub(super) fn put_back(&mut self, mut taken: Held) {
        taken.draft.append(&mut self.draft);
        taken.state = self.state.or(taken.state);
        *self = taken;
    }

    /// A record that is held back; they are in order of their numbers.
    pub(super) fn record(&self, seq: u64) -> Option<Bytes> {
        let found = self.draft.records.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        Some(self.draft.records[found].1.clone())
    }
}
