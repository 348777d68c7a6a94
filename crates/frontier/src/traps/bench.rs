//! What waits outside because of one verdict: how many, an example, and which of them is tried nonetheless.

use serde::{Deserialize, Serialize};

/// See the module's documentation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Bench {
    pub example: Box<str>,
    /// URLs that the verdict was spoken over.
    pub candidates: u64,
    /// Those that were let through, to see.
    pub tried: u32,
    /// The candidate that is tried next.
    next_try: u64,
}

impl Bench {
    /// Nobody waits yet; the first that is tried will be the one of this number.
    pub(super) fn new(example: &str, first: u64) -> Self {
        Self { example: example.into(), candidates: 0, tried: 0, next_try: first }
    }

    /// One more: true if it is to be tried. Each next one comes after twice as many.
    pub(super) fn tries(&mut self, first: u64) -> bool {
        self.candidates += 1;
        let is_tried = self.candidates >= self.next_try;
        if is_tried {
            self.tried += 1;
            self.next_try = self.candidates.saturating_add(first << self.tried.min(32));
        }
        is_tried
    }
}
