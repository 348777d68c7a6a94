//! Looking again: when the store is asked what is due.
//!
//! Owns the rhythm of asking. Reading all records takes three seconds a million, so it is done on a thread that may
//! block, as seldom as what is due allows, and never twice at a time.

use std::time::{Duration, Instant};

use dragline_frontier::Looked;
use dragline_politeness::Stamp;
use dragline_storage::{KeptCopy, Store};

use crate::{Line, messages::Due};

/// Pages in one message.
const PIECE: usize = 4096;
/// Between two readings at least, and so many times what the last one took.
const EVERY_MIN: Duration = Duration::from_secs(1);
const TIMES_WHAT_IT_TOOK: u32 = 20;

/// How a crawl looks again at what it has fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisiting {
    /// It ends when nothing is due, instead of waiting for what will be.
    pub once: bool,
    /// No page is looked at again sooner.
    pub min: Duration,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Revisits {
    plan: Revisiting,
    /// Since when the store is being read.
    reading: Option<Instant>,
    not_before: Instant,
    /// When the next page will be due, as far as that is known.
    next: Option<Stamp>,
    has_read: bool,
}

impl Revisits {
    pub(crate) fn new(plan: Revisiting) -> Self {
        Self { plan, reading: None, not_before: Instant::now(), next: None, has_read: false }
    }

    /// The store is being read, or has not been read yet.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.is_some() || !self.has_read
    }

    /// When it is to be read again; `None` where the crawl does not wait for that.
    pub(crate) fn next(&self) -> Option<Stamp> {
        self.next.filter(|_| !self.plan.once)
    }

    /// Reads the store if something may be due; the answers come over the line. `calm`: nothing that was due before
    /// is under way any more.
    pub(crate) fn read(&mut self, store: &Store, due: &Line<Due>, calm: bool, now: Stamp) {
        let is_time = !self.has_read || (calm && self.next().is_some_and(|next| next <= now));
        if !is_time || self.reading.is_some() || Instant::now() < self.not_before {
            return;
        }
        self.has_read = true;
        self.reading = Some(Instant::now());
        // What this run fetches is due no sooner than this.
        self.next = Some(now + self.plan.min);
        let (store, due) = (store.clone(), due.clone());
        actix_rt::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let read = store.revisits(|copy| {
                piece.push(looked(copy));
                if piece.len() >= PIECE {
                    due.send(Due::Pages(std::mem::take(&mut piece)));
                }
            });
            due.send(Due::Pages(piece));
            due.send(Due::All(read));
        });
    }

    /// A page will be due then.
    pub(crate) fn later(&mut self, at: Stamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// All has been read. `epoch_now` is the frontier's time.
    pub(crate) fn ended(&mut self) {
        let took = self.reading.take().map_or(Duration::ZERO, |begun| begun.elapsed());
        self.not_before = Instant::now() + EVERY_MIN.max(took * TIMES_WHAT_IT_TOOK);
    }

    /// The store will not be read before this.
    pub(crate) fn not_before(&self) -> Instant {
        self.not_before
    }
}

fn looked(copy: KeptCopy) -> Looked {
    let at = copy.tried_at.unwrap_or(copy.fetched_at).max(copy.fetched_at);
    Looked {
        link: copy.link,
        via: copy.via,
        copy: copy.validators,
        at: Stamp::new(Duration::from_millis(at.0)),
        steady: copy.steady,
        is_gone: copy.is_gone,
    }
}
