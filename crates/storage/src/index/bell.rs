//! Who waits for commits, and who wakes them.
//!
//! Owns the last sequence number that was rung for. Costs a commit nothing to speak of while nobody waits.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<Rung>,
    wake: Condvar,
}

#[derive(Default)]
struct Rung {
    last_seq: u64,
    /// Waking costs a call of the system, even where nobody sleeps.
    waiting: u32,
}

impl Bell {
    /// Something is committed, up to a record.
    pub(super) fn ring(&self, last_seq: u64) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.last_seq = last_seq;
        if rung.waiting > 0 {
            self.wake.notify_all();
        }
    }

    /// Waits until it has rung for something behind a record, at most so long; what it has rung for last.
    pub(super) fn wait(&self, seq: u64, patience: Duration) -> u64 {
        // Longer than anybody lives is as good as no end.
        let until = Instant::now().checked_add(patience);
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.waiting += 1;
        while rung.last_seq <= seq {
            let left = until.map_or(patience, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            rung = self.wake.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        rung.waiting -= 1;
        rung.last_seq
    }
}
