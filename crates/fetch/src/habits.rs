//! What is known of the servers' habits with kept connections.
//!
//! Owns the memory of who answers how fast, and of who keeps connections that are never answered again. Some
//! servers, and more of the boxes before them, accept a second request on a connection and say nothing for
//! ever; a client that waits for them waits for its timeout. Decides how long silence on a kept connection is
//! believed, and whose connections are not kept at all. Never touches a connection.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use dragline_model::Stale;
use tokio::time::Instant;

/// Silence shorter than this is never held against a connection: a pause of the server's own, a lost packet
/// sent again.
const SILENCE_MIN: Duration = Duration::from_millis(500);

/// Added to one and a half of the slowest answer: fast answers vary by more than their half.
const SILENCE_SLACK: Duration = Duration::from_millis(250);

/// How often a host may have its kept connections given up before they are no longer used.
const STRIKES_MAX: u8 = 2;

/// How long a host gets fresh connections only. Servers are mended and addresses move.
const FRESH_FOR: Duration = Duration::from_secs(600);

/// How long an origin is remembered that nobody asks.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// Origins remembered at most. One more forgets those that are not known for anything.
const ORIGINS_MAX: usize = 16_384;

/// How far the patience with a host can be stretched by alarms that proved false.
const STRETCH_MAX: u32 = 16;

/// A slow answer is believed in for about this many faster ones.
const DECAY: u32 = 16;

/// The habits of every origin this client has asked of late.
#[derive(Debug, Default)]
pub(crate) struct Habits(RefCell<HashMap<Box<str>, Habit>>);

#[derive(Debug)]
struct Habit {
    /// The slowest first byte of late.
    slowest: Duration,
    /// Kept connections given up since one last held.
    strikes: u8,
    /// Until when no connection is kept.
    fresh_until: Option<Instant>,
    /// Doubled by each alarm that proved false: the server is slow, not silent.
    stretch: u32,
    /// A kept connection has been answered.
    proven: bool,
    last: Instant,
}

impl Habits {
    /// Whether a kept connection may carry the next request. One that cannot be repeated goes over one only where
    /// a kept connection has held before.
    pub(crate) fn may_reuse(&self, origin: &str, repeatable: bool) -> bool {
        match self.0.borrow().get(origin) {
            Some(habit) => {
                habit.fresh_until.is_none_or(|until| until <= Instant::now()) && (repeatable || habit.proven)
            }
            None => repeatable,
        }
    }

    /// How long a kept connection may be silent after a request.
    pub(crate) fn silence(&self, origin: &str) -> Duration {
        let habits = self.0.borrow();
        let Some(habit) = habits.get(origin) else { return SILENCE_MIN };
        (habit.slowest * 3 / 2 + SILENCE_SLACK).max(SILENCE_MIN) * habit.stretch
    }

    /// An answer's first byte came after this long.
    pub(crate) fn answered(&self, origin: &str, first_byte: Duration, reused: bool) {
        self.with(origin, |habit| {
            habit.slowest = if first_byte > habit.slowest {
                first_byte
            } else {
                habit.slowest - (habit.slowest - first_byte) / DECAY
            };
            if reused {
                habit.proven = true;
                habit.strikes = 0;
            }
        });
    }

    /// A kept connection was given up after `limit`, and a fresh one answered after `first_byte`. Whether this is
    /// kept in mind is what [`Habits::may_reuse`] tells.
    pub(crate) fn replaced(&self, origin: &str, how: Stale, limit: Duration, first_byte: Duration) {
        self.with(origin, |habit| {
            if how == Stale::Silent && first_byte >= limit {
                // It would have taken that long anyway.
                habit.stretch = (habit.stretch * 2).min(STRETCH_MAX);
                return;
            }
            habit.strikes = habit.strikes.saturating_add(1);
            if habit.strikes >= STRIKES_MAX {
                habit.strikes = 0;
                habit.proven = false;
                habit.fresh_until = Some(Instant::now() + FRESH_FOR);
            }
        });
    }

    /// Forgets who has not been asked for long.
    pub(crate) fn forget_old(&self) {
        let now = Instant::now();
        self.0.borrow_mut().retain(|_, habit| {
            now - habit.last < REMEMBERED_FOR || habit.fresh_until.is_some_and(|until| until > now)
        });
    }

    fn with(&self, origin: &str, note: impl FnOnce(&mut Habit)) {
        let now = Instant::now();
        let mut habits = self.0.borrow_mut();
        // The entry API wants an owned key; the origin is nearly always known.
        if let Some(habit) = habits.get_mut(origin) {
            habit.last = now;
            return note(habit);
        }
        if habits.len() >= ORIGINS_MAX {
            habits.retain(|_, habit| habit.fresh_until.is_some_and(|until| until > now));
            if habits.len() >= ORIGINS_MAX {
                return;
            }
        }
        let new = Habit {
            slowest: Duration::ZERO,
            strikes: 0,
            fresh_until: None,
            stretch: 1,
            proven: false,
            last: now,
        };
        note(habits.entry(origin.into()).or_insert(new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "http://a";
    const MS: Duration = Duration::from_millis(1);

    fn paused(test: impl Future<Output = ()>) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(test);
    }

    #[test]
    fn silence_is_measured_by_the_slowest_answer() {
        paused(async {
            let habits = Habits::default();
            assert_eq!(habits.silence(A), SILENCE_MIN);
            habits.answered(A, MS, false);
            assert_eq!(habits.silence(A), SILENCE_MIN);
            habits.answered(A, 2000 * MS, false);
            assert_eq!(habits.silence(A), 3250 * MS);
            for _ in 0..100 {
                habits.answered(A, MS, true);
            }
            assert_eq!(habits.silence(A), SILENCE_MIN, "one slow answer is not for ever");
        });
    }

    #[test]
    fn who_does_it_again_gets_fresh_connections_for_a_while() {
        paused(async {
            let habits = Habits::default();
            habits.answered(A, 200 * MS, false);
            habits.replaced(A, Stale::Silent, 550 * MS, 200 * MS);
            assert!(habits.may_reuse(A, true));
            habits.replaced(A, Stale::Silent, 550 * MS, 200 * MS);
            assert!(!habits.may_reuse(A, true));
            assert!(habits.may_reuse("http://b", true), "nobody else's fault");
            habits.forget_old();
            tokio::time::advance(FRESH_FOR / 2).await;
            habits.forget_old();
            assert!(!habits.may_reuse(A, true), "not forgotten while it counts");
            tokio::time::advance(FRESH_FOR / 2).await;
            assert!(habits.may_reuse(A, true), "servers are mended");
            habits.forget_old();
            assert!(habits.0.borrow().is_empty());
        });
    }

    #[test]
    fn a_kept_connection_that_holds_clears_the_record() {
        paused(async {
            let habits = Habits::default();
            for _ in 0..5 {
                habits.replaced(A, Stale::Closed, MS, MS);
                habits.answered(A, MS, true);
            }
            assert!(habits.may_reuse(A, true));
        });
    }

    #[test]
    fn a_slow_server_is_not_a_silent_one() {
        paused(async {
            let habits = Habits::default();
            for _ in 0..5 {
                let before = habits.silence(A);
                habits.replaced(A, Stale::Silent, 500 * MS, 900 * MS);
                assert!(habits.silence(A) >= before);
            }
            assert!(habits.may_reuse(A, true));
            assert_eq!(habits.silence(A), SILENCE_MIN * STRETCH_MAX);
        });
    }

    #[test]
    fn what_cannot_be_repeated_wants_a_proven_host() {
        paused(async {
            let habits = Habits::default();
            assert!(!habits.may_reuse(A, false));
            habits.answered(A, MS, false);
            assert!(!habits.may_reuse(A, false));
            habits.answered(A, MS, true);
            assert!(habits.may_reuse(A, false));
        });
    }
}
