//! One host or one address, as all crawls of a process see it: what is out, what was asked for, who stands in line.
//!
//! Knows no other place, and no crawl but by its number.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use dragline_politeness::{Elsewhere, Epoch, Pace, PaceRules, Stamp};

use super::{Bell, GRACE, LOOK_AGAIN};
use crate::frontier::{Alarm, ON_ITS_WAY};

/// See the module's documentation. Times are instants, for each crawl's stamps begin elsewhere.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// Requests of all crawls.
    pub out: u32,
    /// A crawl has died with requests out, and nobody has looked since.
    pub is_abandoned: bool,
    pub last_start: Option<Instant>,
    rest: Option<Instant>,
    is_asked: bool,
    crawl_delay: Option<Duration>,
    line: Vec<Claim>,
}

/// One crawl in a place's line.
pub(super) struct Claim {
    pub member: u32,
    /// When it will come; none where it waits for what another does.
    pub at: Option<Instant>,
    /// When it said so.
    pub said: Instant,
    pub bell: Arc<Bell>,
    pub alarm: Alarm,
}

impl Claim {
    /// From then on nobody stands back for it.
    fn lapses(&self) -> Instant {
        self.at.map_or(self.said + 2 * LOOK_AGAIN, |at| at + GRACE)
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("member", &self.member).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Place {
    /// Tells a pace what others do here, and takes in what it knows. `own` of the requests out are its.
    pub(super) fn exchange(
        &mut self,
        pace: &mut Pace,
        own: u32,
        rules: &PaceRules,
        epoch: &Epoch,
        now: Stamp,
    ) {
        if std::mem::take(&mut self.is_abandoned) {
            let perhaps = epoch.instant(now + ON_ITS_WAY.min(rules.delay));
            self.last_start = self.last_start.max(perhaps);
        }
        self.learn(pace, epoch);
        pace.hear_of(&Elsewhere {
            out: self.out.saturating_sub(own),
            last_start: self.last_start.map(|at| epoch.stamp(at)),
            rest: self.rest.map(|at| epoch.stamp(at)),
            is_asked: self.is_asked,
            crawl_delay: self.crawl_delay,
        });
    }

    /// Takes in what a pace knows.
    pub(super) fn learn(&mut self, pace: &Pace, epoch: &Epoch) {
        let known = pace.to_others();
        self.last_start = self.last_start.max(known.last_start.and_then(|at| epoch.instant(at)));
        let rest = known.rest.and_then(|at| epoch.instant(at));
        if rest > self.rest {
            (self.rest, self.is_asked) = (rest, known.is_asked);
        }
        self.crawl_delay = self.crawl_delay.max(known.crawl_delay);
    }

    /// Until when another comes first, if nothing is heard of it: one that stands before this crawl in line and has
    /// not let its moment pass.
    pub(super) fn taken_until(&self, member: u32, now: Instant) -> Option<Instant> {
        let before = self.line.iter().take_while(|claim| claim.member != member);
        before.map(Claim::lapses).filter(|until| *until > now).max()
    }

    /// Stands in line from now on, at the end if it did not; `at` is when it will come.
    pub(super) fn claim(
        &mut self,
        member: u32,
        at: Option<Instant>,
        said: Instant,
        new: impl FnOnce() -> Claim,
    ) {
        match self.line.iter_mut().find(|claim| claim.member == member) {
            Some(claim) => (claim.at, claim.said) = (at, said),
            None => self.line.push(new()),
        }
    }

    /// Stands in line no longer.
    pub(super) fn leave(&mut self, member: u32) {
        self.line.retain(|claim| claim.member != member);
    }

    /// Something has changed: those in line who could not know when to come, or who wait for one before them, are to
    /// look again; but for the crawl that changed it.
    pub(super) fn called(&mut self, now: Instant, by: u32) -> Vec<(Arc<Bell>, Alarm)> {
        let mut called = Vec::new();
        for claim in self.line.iter_mut().filter(|claim| claim.member != by) {
            // One that has let its moment pass is not called for ever.
            if claim.at.is_none_or(|at| at <= now) && now < claim.lapses() {
                (claim.at, claim.said) = (Some(now), now);
                called.push((claim.bell.clone(), claim.alarm));
            }
        }
        called
    }

    /// All who stand in line.
    pub(super) fn all(&self) -> impl Iterator<Item = (Arc<Bell>, Alarm)> {
        self.line.iter().map(|claim| (claim.bell.clone(), claim.alarm))
    }

    /// When it asked, or was asked, for something last; none while a request is out.
    pub(super) fn ends(&self) -> Option<Instant> {
        if self.out > 0 { None } else { self.last_start.max(self.rest) }
    }

    /// It has to be remembered.
    pub(super) fn is_wanted(&self, now: Instant, remembered: Duration) -> bool {
        let quiet = |at: Instant| now.saturating_duration_since(at) > remembered;
        self.out > 0 || self.rest.is_some_and(|rest| rest > now) || !self.last_start.is_none_or(quiet)
    }
}
