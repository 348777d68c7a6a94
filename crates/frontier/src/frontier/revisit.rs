//! URLs that are asked for again: when, and where they stand meanwhile.
//!
//! Owns the interval. A URL that is to be looked at again waits behind everything that is new, and in no checkpoint:
//! what is due can always be told from the records.

use std::time::Duration;

use dragline_model::{CanonicalUrl, Link, Validators};
use dragline_politeness::Stamp;

use super::Frontier;
use crate::{queue::Rank, rules::Refresh, waiting::Waiting};

/// A page that is gone is left alone for so many times the longest interval of one that is there.
const GONE: u32 = 16;

/// Where all revisits stand: behind every class that a priority can come to.
pub(super) const REVISITS: u8 = u8::MAX;

/// A page that was fetched, as far as its next visit depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The URL with its place in the crawl.
    pub link: Link,
    /// The page it was found on.
    pub via: Option<CanonicalUrl>,
    /// What the next answer is compared with.
    pub copy: Validators,
    /// When it was last asked for, with or without success.
    pub at: Stamp,
    /// How many looks in a row found it as it was.
    pub steady: u8,
    /// It was gone (404, 410).
    pub is_gone: bool,
}

impl Refresh {
    /// How long a page is left alone that was found unchanged so many times in a row: from
    /// [`first`](Refresh::first) on twice as long each time, within the bounds. One that is gone is hardly
    /// ever looked at.
    pub fn interval(&self, steady: u8, is_gone: bool) -> Duration {
        if is_gone {
            return self.max.saturating_mul(GONE);
        }
        let grown = self.first.saturating_mul(1u32 << steady.min(30));
        grown.clamp(self.min, self.max.max(self.min))
    }
}

impl Frontier {
    /// Queues a page to be looked at again, if that is due. Otherwise says when it will be; `None` for never.
    pub fn revisit(&mut self, looked: Looked, now: Stamp) -> Option<Stamp> {
        let host = self.host_of(&looked.link.url);
        let refresh = self.hosts[host].rules.of(&looked.link.url).refresh?;
        let due = looked.at + refresh.interval(looked.steady, looked.is_gone);
        if due > now {
            return Some(due);
        }
        let Looked { link, via, copy, .. } = looked;
        if !self.revisiting.insert(link.fingerprint) {
            return None;
        }
        let rank = Rank { class: REVISITS, depth: link.depth };
        let waiting = Waiting { copy: Some(Box::new(copy)), ..Waiting::new(link, via, 0) };
        self.push(host, rank, waiting);
        self.place(host, now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_change_is_looked_at_less_and_less() {
        let hours = |n: u64| Duration::from_secs(n * 3600);
        let refresh = Refresh { min: hours(1), max: hours(30), first: hours(2) };
        let intervals: Vec<u64> = (0..6).map(|n| refresh.interval(n, false).as_secs() / 3600).collect();
        assert_eq!(intervals, [2, 4, 8, 16, 30, 30]);
        assert_eq!(refresh.interval(0, true), hours(480));
        assert_eq!(refresh.interval(255, false), hours(30));
    }
}
