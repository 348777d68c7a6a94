//! What is committed and not yet in sled.
//!
//! Owns the order of it, and how much is much. Never writes anything.

use crate::schema::{LOCATION_BYTES_MAX, Location, State};

/// Records held back before the keeper is woken for them: a second's worth of a fast crawl, some 6 MB.
const HELD_LONG: usize = 1 << 13;
/// Records held back at most; past it whoever commits writes them itself, and so waits for a slow disk.
pub(super) const HELD_MAX: usize = 4 * HELD_LONG;

/// Records on their way into the index, with the keys of their URLs.
#[derive(Default)]
pub(crate) struct Draft {
    pub(super) records: Vec<(u64, Vec<u8>)>,
    pub(super) urls: Vec<Vec<u8>>,
}

impl Draft {
    /// Adds an entry; `url_key` where it is of kind page.
    pub(crate) fn add(&mut self, seq: u64, location: &Location, json: &[u8], url_key: Option<&[u8]>) {
        let mut value = Vec::with_capacity(LOCATION_BYTES_MAX + json.len());
        location.encode(&mut value);
        value.extend_from_slice(json);
        self.records.push((seq, value));
        if let Some(prefix) = url_key {
            self.urls.push([prefix, &seq.to_be_bytes()].concat());
        }
    }

    fn append(&mut self, later: &mut Draft) {
        self.records.append(&mut later.records);
        self.urls.append(&mut later.urls);
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
    pub(super) fn record(&self, seq: u64) -> Option<&[u8]> {
        let found = self.draft.records.binary_search_by_key(&seq, |(seq, _)| *seq).ok()?;
        Some(&self.draft.records[found].1)
    }
}
