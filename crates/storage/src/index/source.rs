//! Where an index is read from: the one door to its keys and values.
//!
//! Owns what a [`Source`] must answer, and the [`Scan`] over a range of keys that is made of such answers, a page at a
//! time. Never knows what a key means, and holds a page of each end at most: so a scan may take its time, keeps
//! nothing open, and may as well be answered by another process.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;

use super::tree::Value;
use crate::{StoreError, schema::State};

/// Pairs asked for first: a look-up is often content with one.
const PAGE_FIRST: usize = 8;
/// Pairs asked for at most, after doubling from page to page.
const PAGE_MAX: usize = 512;
/// Bytes of keys and values after which a page ends, whatever was asked for: a record with fifty thousand links has
/// megabytes.
pub(crate) const PAGE_BYTES: usize = 256 << 10;

/// What answers for an index: sled in this process, or whoever can ask it elsewhere.
pub(crate) trait Source: Send + Sync {
    /// What errors call it.
    fn path(&self) -> &Path;

    /// A record: location and JSON. One that is committed is found, whether it has been written behind yet or not.
    fn row(&self, seq: u64) -> Result<Option<Bytes>, StoreError>;

    /// The pairs next to one end of a span, in ascending order: no more than `most`, no more than it takes to pass
    /// [`PAGE_BYTES`], and at least one where there are any.
    fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError>;

    /// What is known of the whole, everything committed included.
    fn state(&self) -> Result<State, StoreError>;

    /// The same, once pages have everything that it speaks of.
    fn settled(&self) -> Result<State, StoreError>;

    /// Waits until something is committed behind `seq`, but no longer than this; the last sequence number then.
    fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError>;
}

/// A key and its value.
pub(crate) type Pair = (Value, Value);

/// A part of a span.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) pairs: Vec<Pair>,
    /// The span may have more.
    pub(crate) more: bool,
}

/// The ends of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// Keys from `start` on and before `end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl Span {
    /// Every key with a beginning.
    pub(crate) fn of_prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: behind_prefix(prefix) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Takes a page that came from one of its ends off it.
    fn take_off(&mut self, page: &Page, end: End) {
        match (end, page.pairs.first(), page.pairs.last()) {
            _ if !page.more => self.start.clone_from(&self.end),
            (End::Front, _, Some((last, _))) => {
                self.start.clear();
                self.start.extend_from_slice(last);
                // The least key behind it.
                self.start.push(0);
            }
            (End::Back, Some((first, _)), _) => {
                self.end.clear();
                self.end.extend_from_slice(first);
            }
            _ => {}
        }
    }
}

/// The least key that is behind every key with a beginning. (All of ours begin with a letter.)
pub(crate) fn behind_prefix(prefix: &[u8]) -> Vec<u8> {
    let kept = prefix.iter().rposition(|byte| *byte < u8::MAX).map_or(0, |last| last + 1);
    let mut end = prefix[..kept].to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// Pairs in the order of keys, from the front or from the back. After an error there is nothing more.
pub(crate) struct Scan {
    source: Arc<dyn Source>,
    /// What has not been asked for yet.
    span: Span,
    front: VecDeque<Pair>,
    back: VecDeque<Pair>,
    most: usize,
}

impl Scan {
    pub(crate) fn new(source: Arc<dyn Source>, span: Span) -> Self {
        Self { source, span, front: VecDeque::new(), back: VecDeque::new(), most: PAGE_FIRST }
    }

    /// Fetches what is next at an end; the span is empty afterwards where there is nothing.
    fn fetch(&mut self, end: End) -> Result<(), StoreError> {
        while !self.span.is_empty() {
            let page = self.source.page(&self.span, end, self.most).inspect_err(|_| {
                self.span.start.clone_from(&self.span.end);
            })?;
            self.most = (2 * self.most).min(PAGE_MAX);
            self.span.take_off(&page, end);
            if !page.pairs.is_empty() {
                *self.side(end) = page.pairs.into();
                break;
            }
        }
        Ok(())
    }

    fn side(&mut self, end: End) -> &mut VecDeque<Pair> {
        match end {
            End::Front => &mut self.front,
            End::Back => &mut self.back,
        }
    }
}

impl Iterator for Scan {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.front.is_empty()
            && let Err(error) = self.fetch(End::Front)
        {
            return Some(Err(error));
        }
        self.front.pop_front().or_else(|| self.back.pop_front()).map(Ok)
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.back.is_empty()
            && let Err(error) = self.fetch(End::Back)
        {
            return Some(Err(error));
        }
        self.back.pop_back().or_else(|| self.front.pop_back()).map(Ok)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        collections::BTreeMap,
        sync::atomic::{AtomicU64, Ordering},
    };

    use super::*;

    /// A source that is a map; it gives short pages.
    struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

    impl Source for Map {
        fn path(&self) -> &Path {
            Path::new("map")
        }

        fn row(&self, _: u64) -> Result<Option<Bytes>, StoreError> {
            Ok(None)
        }

        fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError> {
            assert!(!span.is_empty());
            let range = self.0.range(span.start.clone()..span.end.clone());
            let pair = |(k, v): (&Vec<u8>, &Vec<u8>)| (k.as_slice().into(), v.as_slice().into());
            let most = most.min(3);
            let mut pairs: Vec<Pair> = match end {
                End::Front => range.clone().take(most).map(pair).collect(),
                End::Back => range.clone().rev().take(most).map(pair).collect(),
            };
            if end == End::Back {
                pairs.reverse();
            }
            Ok(Page { more: pairs.len() == most, pairs })
        }

        fn state(&self) -> Result<State, StoreError> {
            Ok(State::default())
        }

        fn settled(&self) -> Result<State, StoreError> {
            self.state()
        }

        fn wait(&self, _: u64, _: Duration) -> Result<u64, StoreError> {
            Ok(0)
        }
    }

    /// Counts what is read through it: keys got, and pairs in pages.
    pub(crate) struct Counting {
        pub(crate) inner: Arc<dyn Source>,
        pub(crate) read: AtomicU64,
    }

    impl Source for Counting {
        fn path(&self) -> &Path {
            self.inner.path()
        }

        fn row(&self, seq: u64) -> Result<Option<Bytes>, StoreError> {
            self.read.fetch_add(1, Ordering::Relaxed);
            self.inner.row(seq)
        }

        fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError> {
            let page = self.inner.page(span, end, most)?;
            self.read.fetch_add(1 + page.pairs.len() as u64, Ordering::Relaxed);
            Ok(page)
        }

        fn state(&self) -> Result<State, StoreError> {
            self.inner.state()
        }

        fn settled(&self) -> Result<State, StoreError> {
            self.inner.settled()
        }

        fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError> {
            self.inner.wait(seq, patience)
        }
    }

    proptest::proptest! {
        /// Taken from both ends in any order, every pair comes once, and in order.
        #[test]
        fn a_scan_is_the_range(
            keys in proptest::collection::btree_set(proptest::collection::vec(0u8..4, 0..4), 0..40),
            start in proptest::collection::vec(0u8..4, 0..4),
            end in proptest::collection::vec(0u8..4, 0..4),
            turns in proptest::collection::vec(proptest::bool::ANY, 64),
        ) {
            let map: BTreeMap<_, _> = keys.into_iter().map(|key| (key.clone(), key)).collect();
            let want: Vec<Vec<u8>> =
                map.keys().filter(|key| **key >= start && **key < end).cloned().collect();
            let mut scan = Scan::new(Arc::new(Map(map)), Span { start, end });
            let (mut front, mut back) = (Vec::new(), Vec::new());
            for from_front in turns {
                match if from_front { scan.next() } else { scan.next_back() } {
                    Some(pair) if from_front => front.push(pair.unwrap().0.to_vec()),
                    Some(pair) => back.push(pair.unwrap().0.to_vec()),
                    None => break,
                }
            }
            proptest::prop_assert!(scan.next().is_none() && scan.next_back().is_none());
            front.extend(back.into_iter().rev());
            proptest::prop_assert_eq!(front, want);
        }
    }

    #[test]
    fn what_is_behind_a_prefix() {
        for (prefix, want) in [(&b"uab"[..], &b"uac"[..]), (b"u\xff", b"v"), (b"u", b"v")] {
            assert_eq!(behind_prefix(prefix), want);
        }
    }
}
