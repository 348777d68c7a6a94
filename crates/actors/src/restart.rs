//! How often a child may die, and how long to wait before its next life.
//!
//! Owns restart intensity and back-off as plain values; `now` is an argument.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The bounds on one child's deaths.
#[derive(Debug, Clone, Copy)]
pub struct Intensity {
    /// One death more than this within [`Intensity::period`] and the supervisor gives up.
    pub deaths_max: usize,
    /// The window in which deaths are counted.
    pub period: Duration,
    /// The wait before the first restart; doubled with each death in the window.
    pub backoff_min: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl Default for Intensity {
    /// Five deaths in a minute, from 10 ms to 5 s apart.
    fn default() -> Self {
        Self {
            deaths_max: 5,
            period: Duration::from_secs(60),
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_secs(5),
        }
    }
}

/// The deaths of one child.
#[derive(Debug)]
pub(crate) struct Deaths {
    recent: VecDeque<Instant>,
    total: u64,
    salt: u64,
}

impl Deaths {
    /// None so far. Children of one supervisor have salts of their own.
    pub(crate) fn new(salt: u64) -> Self {
        Self { recent: VecDeque::new(), total: 0, salt }
    }

    /// Counts a death; the wait before the next life, or `None` when it was one too many.
    pub(crate) fn record(&mut self, now: Instant, intensity: &Intensity) -> Option<Duration> {
        while self.recent.front().is_some_and(|first| now - *first >= intensity.period) {
            self.recent.pop_front();
        }
        self.recent.push_back(now);
        self.total += 1;
        if self.recent.len() > intensity.deaths_max {
            return None;
        }
        let doubled = intensity.backoff_min * 2u32.pow((self.recent.len() as u32 - 1).min(16));
        Some(jittered(doubled.min(intensity.backoff_max), self.salt << 32 | self.total))
    }
}

/// Between three quarters and the whole of a wait, so that children that died together do not come back
/// together.
fn jittered(wait: Duration, salt: u64) -> Duration {
    let share = (salt.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u32;
    wait - wait / 4 * share / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_the_limit_is_the_limit() {
        let intensity = Intensity { deaths_max: 3, period: Duration::from_secs(10), ..Intensity::default() };
        let mut deaths = Deaths::new(1);
        let start = Instant::now();
        for doubling in 0..3u32 {
            let wait = deaths.record(start, &intensity).expect("within the limit");
            let full = intensity.backoff_min * 2u32.pow(doubling);
            assert!(wait <= full && wait >= full * 3 / 4, "{wait:?} of {full:?}");
        }
        assert_eq!(deaths.record(start, &intensity), None, "the fourth is one too many");
    }

    #[test]
    fn children_that_die_together_come_back_apart() {
        let waits: std::collections::BTreeSet<_> =
            (0..8).map(|child| Deaths::new(child).record(Instant::now(), &Intensity::default())).collect();
        assert!(waits.len() > 4, "{waits:?}");
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let intensity = Intensity { deaths_max: 1, period: Duration::from_secs(10), ..Intensity::default() };
        let mut deaths = Deaths::new(0);
        let start = Instant::now();
        assert!(deaths.record(start, &intensity).is_some());
        assert!(deaths.record(start + Duration::from_secs(10), &intensity).is_some());
        assert!(deaths.record(start + Duration::from_secs(11), &intensity).is_none());
    }
}
