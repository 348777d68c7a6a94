//! Backing off: a wait that doubles with every failure and shrinks again in quiet times.
//!
//! Owns the ladder. Knows nothing of what failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Stamp;

/// Steps past which no wait doubles any more: two to this power times any wait is past every limit.
const STEPS_MAX: u8 = 40;

/// The shape of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOffRules {
    /// The wait of the first step; each step doubles it.
    pub first: Duration,
    /// No wait is longer.
    pub max: Duration,
    /// After so long without a failure, counted from the end of the last wait, one step is forgiven, and
    /// another after as long again.
    pub forgive: Duration,
}

impl BackOffRules {
    /// The wait of a step, from 1.
    pub fn wait(&self, step: u8) -> Duration {
        let doublings = u32::from(step.saturating_sub(1).min(STEPS_MAX));
        let wait = self.first.as_nanos().saturating_mul(1 << doublings);
        // A limit below the first wait counts too.
        Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX)).min(self.max)
    }

    /// The last step that is longer than the one before it.
    fn top(&self) -> u8 {
        (1..STEPS_MAX).find(|step| self.wait(*step) >= self.max).unwrap_or(STEPS_MAX)
    }
}

/// Where one host is on a ladder.
///
/// It begins on the floor. A failure takes it up a step and makes it wait; failures of requests that were out
/// together count once, for they tell one thing. Quiet time takes it down again, step by step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackOff {
    step: u8,
    stepped_at: Stamp,
    until: Stamp,
}

impl BackOff {
    /// The step it stands on by now: 0 is the floor.
    pub fn step(&self, rules: &BackOffRules, now: Stamp) -> u8 {
        let quiet = now.since(self.until).as_nanos();
        let forgiven = quiet.checked_div(rules.forgive.as_nanos()).unwrap_or(u128::MAX);
        // Without time to forgive, all is forgiven as soon as the wait is over.
        let forgiven = if now <= self.until { 0 } else { forgiven };
        self.step.saturating_sub(u8::try_from(forgiven).unwrap_or(u8::MAX))
    }

    /// Nothing before this.
    pub fn until(&self) -> Stamp {
        self.until
    }

    /// A request that was begun at `started` failed. `wait` says from the step how long to wait from now; no
    /// wait that was set before is made shorter. True if that took it up a step.
    pub fn failed(
        &mut self,
        rules: &BackOffRules,
        started: Stamp,
        now: Stamp,
        wait: impl FnOnce(u8) -> Duration,
    ) -> bool {
        let is_new = self.step == 0 || started > self.stepped_at;
        let stands_on = self.step(rules, now);
        self.step = if is_new {
            self.stepped_at = now;
            // At the top it stays, whatever comes, so that one step down is one step down.
            stands_on.saturating_add(1).min(rules.top())
        } else {
            stands_on.max(1)
        };
        self.until = self.until.max(now + wait(self.step));
        is_new
    }

    /// Nothing before this either; true if that makes the wait longer.
    pub(crate) fn rest_until(&mut self, until: Stamp) -> bool {
        let is_longer = until > self.until;
        self.until = self.until.max(until);
        is_longer
    }

    /// After a restart, with a clock that may have been set back since: no wait is longer than it was.
    pub fn resumed(&mut self, now: Stamp) {
        if self.stepped_at > now {
            self.until = now + self.until.since(self.stepped_at);
            self.stepped_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: BackOffRules = BackOffRules {
        first: Duration::from_secs(60),
        max: Duration::from_secs(86_400),
        forgive: Duration::from_secs(600),
    };

    fn at(seconds: u64) -> Stamp {
        Stamp::new(Duration::from_secs(seconds))
    }

    fn fail(back_off: &mut BackOff, started: u64, now: u64) -> bool {
        back_off.failed(&RULES, at(started), at(now), |step| RULES.wait(step))
    }

    #[test]
    fn waits_double_up_to_a_day() {
        let waits: Vec<u64> = (1..=13).map(|step| RULES.wait(step).as_secs()).collect();
        assert_eq!(waits[..4], [60, 120, 240, 480]);
        assert_eq!(waits[10..], [61_440, 86_400, 86_400]);
        assert_eq!(RULES.wait(255).as_secs(), 86_400);
        assert_eq!(RULES.top(), 12);
        let odd = BackOffRules { first: Duration::MAX, max: Duration::MAX, forgive: Duration::ZERO };
        assert!(odd.wait(200) > Duration::from_secs(86_400));
        let nothing = BackOffRules { first: Duration::ZERO, max: Duration::ZERO, forgive: Duration::ZERO };
        assert_eq!(nothing.wait(9), Duration::ZERO);
    }

    #[test]
    fn what_was_out_together_counts_once() {
        let mut back_off = BackOff::default();
        assert!(fail(&mut back_off, 10, 20));
        assert_eq!((back_off.step(&RULES, at(20)), back_off.until()), (1, at(80)));
        assert!(!fail(&mut back_off, 11, 25), "it was out when the first failed");
        assert!(!fail(&mut back_off, 20, 30));
        assert_eq!((back_off.step(&RULES, at(30)), back_off.until()), (1, at(90)));
        assert!(fail(&mut back_off, 90, 91));
        assert_eq!((back_off.step(&RULES, at(91)), back_off.until()), (2, at(211)));
    }

    #[test]
    fn old_news_is_no_step_and_no_long_wait() {
        let mut back_off = BackOff::default();
        for now in [10, 100, 300, 600] {
            fail(&mut back_off, now, now + 1);
        }
        assert_eq!(back_off.until(), at(601 + 480));
        // It was out all the time, and all was forgiven meanwhile.
        assert!(!fail(&mut back_off, 5, 9000));
        assert_eq!((back_off.step(&RULES, at(9000)), back_off.until()), (1, at(9060)));
    }

    #[test]
    fn quiet_forgives_step_by_step() {
        let mut back_off = BackOff::default();
        fail(&mut back_off, 0, 1);
        fail(&mut back_off, 61, 62);
        fail(&mut back_off, 182, 183);
        let until = 183 + 240;
        assert_eq!(back_off.until(), at(until));
        for (now, step) in
            [(until, 3), (until + 599, 3), (until + 600, 2), (until + 1800, 0), (until + 1_000_000, 0)]
        {
            assert_eq!(back_off.step(&RULES, at(now)), step, "{now}");
        }
        assert!(fail(&mut back_off, until + 600, until + 601));
        assert_eq!(back_off.until(), at(until + 601 + 240), "from the second step to the third");
    }

    #[test]
    fn at_the_top_it_stays() {
        let mut back_off = BackOff::default();
        let mut now = 1;
        for _ in 0..100 {
            fail(&mut back_off, now, now + 1);
            now = back_off.until().since(at(0)).as_secs();
        }
        assert_eq!(back_off.step(&RULES, back_off.until()), 12);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_wait_longer() {
        let mut back_off = BackOff::default();
        fail(&mut back_off, 1_000_000, 1_000_001);
        back_off.resumed(at(500));
        assert_eq!(back_off.until(), at(560));
    }
}
