//! One host's queue and turn.
//!
//! Owns what waits for a host and when the host may be asked again. Knows no other host.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};

use dragline_model::{CanonicalUrl, HostKey, Link};

/// A URL that waits, with what is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub link: Link,
    pub via: Option<CanonicalUrl>,
    /// Attempts made so far.
    pub attempts: u8,
}

/// Where a host stands in the frontier's lists; it is in exactly one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no list: nothing waits, or all it is allowed is out.
    Aside,
    /// In the list of hosts whose turn it is.
    Ready,
    /// In the calendar.
    Calendar,
}

/// A host: its queue by depth, its visits out, its next turn.
#[derive(Debug)]
pub(crate) struct Host {
    pub key: HostKey,
    pub place: Place,
    pub out: usize,
    pub next_turn: Option<Instant>,
    by_depth: BTreeMap<u16, VecDeque<Waiting>>,
    waiting: usize,
}

impl Host {
    pub(crate) fn new(key: HostKey) -> Self {
        Self { key, place: Place::Aside, out: 0, next_turn: None, by_depth: BTreeMap::new(), waiting: 0 }
    }

    /// Takes a URL in behind those of its depth.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        self.by_depth.entry(waiting.link.depth).or_default().push_back(waiting);
        self.waiting += 1;
    }

    /// Takes a URL back in front of those of its depth.
    pub(crate) fn push_front(&mut self, waiting: Waiting) {
        self.by_depth.entry(waiting.link.depth).or_default().push_front(waiting);
        self.waiting += 1;
    }

    /// The shallowest, oldest URL.
    pub(crate) fn pop(&mut self) -> Option<Waiting> {
        let mut shallowest = self.by_depth.first_entry()?;
        let waiting = shallowest.get_mut().pop_front();
        if shallowest.get().is_empty() {
            shallowest.remove();
        }
        self.waiting -= usize::from(waiting.is_some());
        waiting
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }
}
