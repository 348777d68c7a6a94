//! What the threads of one gathering tell each other without a message: figures, room, and the wish to stop.
//!
//! Owns the counters and the two bells: one wakes the dispatcher, one the workers that hold a large answer. Never
//! waits itself.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use tokio::sync::Notify;

/// Answers beyond those that are out, that may lie there before the consumer has taken them. So many that one
/// who is slow for a moment stops nobody.
pub(crate) const AHEAD: u64 = 256;

/// Answers over which the size of a body is averaged: enough for one that is large not to count for all, few enough
/// to learn soon.
const AVERAGED: u64 = 16;

/// Bytes of bodies that may lie there before nothing more is asked.
const UNTAKEN_BYTES_MAX: u64 = 64 << 20;

/// A total that is not known.
const UNKNOWN: u64 = u64::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Board {
    total: AtomicU64,
    asked: AtomicU64,
    out: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    taken: AtomicU64,
    untaken_bytes: AtomicU64,
    /// What a body has had lately, on average.
    usual_bytes: AtomicU64,
    has_ended: AtomicBool,
    is_stopped: AtomicBool,
    /// The dispatcher waits for room.
    is_starved: AtomicBool,
    /// Wakes the dispatcher.
    pub(crate) bell: Notify,
    /// Wakes those who wait for room.
    pub(crate) room: Notify,
}

/// How far a gathering has come. All but `total` only ever grow, `out` and `waiting` aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Calls in all, where the source knows or has ended.
    pub total: Option<u64>,
    /// Calls that were taken from the source.
    pub asked: u64,
    /// Requests that are on their way.
    pub out: u64,
    /// Calls with an answer, of whatever kind.
    pub answered: u64,
    /// Of those, the ones that are not [`ok`](crate::Answer::is_ok).
    pub failed: u64,
    /// Calls that wait for their turn, or for another attempt.
    pub waiting: u64,
    /// Bytes of bodies as received.
    pub bytes: u64,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            total: AtomicU64::new(UNKNOWN),
            asked: AtomicU64::default(),
            out: AtomicU64::default(),
            answered: AtomicU64::default(),
            failed: AtomicU64::default(),
            bytes: AtomicU64::default(),
            taken: AtomicU64::default(),
            untaken_bytes: AtomicU64::default(),
            usual_bytes: AtomicU64::default(),
            has_ended: AtomicBool::default(),
            is_stopped: AtomicBool::default(),
            is_starved: AtomicBool::default(),
            bell: Notify::new(),
            room: Notify::new(),
        }
    }
}

impl Board {
    pub(crate) fn progress(&self) -> Progress {
        // In this order, so that what waits is never less than nothing for long.
        let (answered, out) = (self.answered.load(SeqCst), self.out.load(SeqCst));
        let asked = self.asked.load(SeqCst);
        let total = match self.total.load(SeqCst) {
            _ if self.has_ended.load(SeqCst) => Some(asked),
            UNKNOWN => None,
            total => Some(total),
        };
        Progress {
            total,
            asked,
            out,
            answered,
            failed: self.failed.load(SeqCst),
            waiting: asked.saturating_sub(answered + out),
            bytes: self.bytes.load(SeqCst),
        }
    }

    /// The source knows how many there are.
    pub(crate) fn expects(&self, total: u64) {
        self.total.store(total, SeqCst);
    }

    pub(crate) fn asked(&self) {
        self.asked.fetch_add(1, SeqCst);
    }

    /// The source has ended.
    pub(crate) fn ended(&self) {
        self.has_ended.store(true, SeqCst);
    }

    pub(crate) fn out(&self, out: u64) {
        self.out.store(out, SeqCst);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, SeqCst);
    }

    /// An answer is there for the consumer.
    pub(crate) fn answered(&self, is_ok: bool, bytes: usize) {
        self.untaken_bytes.fetch_add(bytes as u64, SeqCst);
        // What has no body says nothing about those that have one.
        if bytes > 0 {
            let _ =
                self.usual_bytes.fetch_update(SeqCst, SeqCst, |usual| Some(averaged(usual, bytes as u64)));
        }
        self.failed.fetch_add(u64::from(!is_ok), SeqCst);
        self.answered.fetch_add(1, SeqCst);
    }

    /// The consumer has taken it.
    pub(crate) fn took(&self, bytes: usize) {
        self.untaken_bytes.fetch_sub(bytes as u64, SeqCst);
        self.taken.fetch_add(1, SeqCst);
        self.room.notify_waiters();
        if self.is_starved.swap(false, SeqCst) {
            self.bell.notify_one();
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(SeqCst)
    }

    /// Answers that nobody has taken yet.
    pub(crate) fn untaken(&self) -> u64 {
        self.answered.load(SeqCst).saturating_sub(self.taken.load(SeqCst))
    }

    /// There is room for the bytes of another answer.
    pub(crate) fn has_room_for_bytes(&self) -> bool {
        self.untaken_bytes.load(SeqCst) < UNTAKEN_BYTES_MAX
    }

    /// There is room for the bytes of so many answers that have not come yet, if they are as others were.
    pub(crate) fn has_room_for(&self, answers: u64) -> bool {
        let expected = self.usual_bytes.load(SeqCst).saturating_mul(answers);
        self.untaken_bytes.load(SeqCst).saturating_add(expected) <= UNTAKEN_BYTES_MAX
    }

    /// The bell shall ring when something is taken. To be said before the room is looked at for the last time.
    pub(crate) fn starve(&self) {
        self.is_starved.store(true, SeqCst);
    }

    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, SeqCst);
        self.bell.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.is_stopped.load(SeqCst)
    }
}

/// An average that has seen one more; the first is all that is known.
fn averaged(usual: u64, bytes: u64) -> u64 {
    if usual == 0 { bytes } else { usual - usual / AVERAGED + bytes / AVERAGED }
}
