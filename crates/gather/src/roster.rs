//! Who is next: what waits, by origin, and what may go.
//!
//! Owns the queues of the origins, their slots and rests, the waits before another attempt, and the pace. Pure: no
//! clock, no thread; what it hands out is anything at all, which is how it is tested.
//!
//! A thing's life here: *put* into its origin's queue, or to *wait* until a moment and then queue; *granted* when
//! its origin has a free slot, does not rest and its turn has come, with the time it has *waited*; its slot is free
//! again when it is *home*.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use crate::rate::Pace;

/// Whose turn it is among origins that could go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Round and round: an origin with much to ask does not go before one with little.
    Turns,
    /// The lowest number first, wherever it goes.
    Numbers,
}

/// How long a thing was here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Waited {
    /// For its turn.
    pub(crate) queued: Duration,
    /// Before it queued, and while its origin rested.
    pub(crate) backed_off: Duration,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Roster<T> {
    per_host: usize,
    order: Order,
    pace: Option<Pace>,
    hosts: HashMap<Arc<str>, Host<T>>,
    /// Origins that could go, by their turn.
    ready: BTreeSet<(u64, Arc<str>)>,
    /// What waits before it queues. Numbers tell those of one moment apart.
    waiting: BTreeMap<(Instant, u64), Waiting<T>>,
    resting: BTreeSet<(Instant, Arc<str>)>,
    turn: u64,
    queued: usize,
}

/// One origin.
#[derive(Debug)]
struct Host<T> {
    /// By number: what was asked first goes first, also for a second time.
    queue: BTreeMap<u64, Queued<T>>,
    out: usize,
    rest: Option<Rest>,
    /// How long it has rested before, all told.
    rested: Duration,
    /// Its place among those that could go.
    turn: Option<u64>,
}

impl<T> Default for Host<T> {
    fn default() -> Self {
        Self { queue: BTreeMap::new(), out: 0, rest: None, rested: Duration::ZERO, turn: None }
    }
}

impl<T> Host<T> {
    /// How long it has rested by a moment, all told. What waits compares it with what it was.
    fn rested(&self, by: Instant) -> Duration {
        self.rested
            + self.rest.map_or(Duration::ZERO, |rest| by.min(rest.until).saturating_duration_since(rest.from))
    }
}

#[derive(Debug, Clone, Copy)]
struct Rest {
    from: Instant,
    until: Instant,
}

#[derive(Debug)]
struct Queued<T> {
    thing: T,
    since: Instant,
    /// How long it waited before.
    waited: Duration,
    /// How long its origin had rested then.
    rested: Duration,
}

#[derive(Debug)]
struct Waiting<T> {
    thing: T,
    origin: Arc<str>,
    since: Instant,
}

impl<T> Roster<T> {
    pub(crate) fn new(per_host: usize, order: Order, pace: Option<Pace>) -> Self {
        Self {
            per_host: per_host.max(1),
            order,
            pace,
            hosts: HashMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeMap::new(),
            resting: BTreeSet::new(),
            turn: 0,
            queued: 0,
        }
    }

    /// Takes in a thing for an origin. No two that are here may have one number.
    pub(crate) fn put(&mut self, number: u64, origin: &str, thing: T, now: Instant) {
        self.queued += 1;
        let origin = self.origin(origin);
        self.queue(number, origin, thing, now, Duration::ZERO);
    }

    /// Takes in a thing that may go no sooner than `until`.
    pub(crate) fn wait(&mut self, number: u64, origin: &str, thing: T, now: Instant, until: Instant) {
        self.queued += 1;
        let origin =
            self.hosts.get_key_value(origin).map_or_else(|| origin.into(), |(known, _)| known.clone());
        self.waiting.insert((until, number), Waiting { thing, origin, since: now });
    }

    /// Nothing goes to an origin before `until`.
    pub(crate) fn rest(&mut self, origin: &str, now: Instant, until: Instant) {
        let origin = self.origin(origin);
        let Some(host) = self.hosts.get_mut(&origin) else { return };
        let mut from = now;
        if let Some(before) = host.rest {
            if before.until >= until {
                return;
            }
            self.resting.remove(&(before.until, origin.clone()));
            from = before.from;
        }
        host.rest = Some(Rest { from, until });
        self.resting.insert((until, origin.clone()));
        self.place(&origin);
    }

    /// A slot of an origin is free again.
    pub(crate) fn home(&mut self, origin: &str) {
        let origin = self.origin(origin);
        if let Some(host) = self.hosts.get_mut(&origin) {
            host.out = host.out.saturating_sub(1);
        }
        self.place(&origin);
    }

    /// The next thing that may go of those that are [awake](Self::wake), if its number is no higher than `last`; it takes a slot of its origin.
    pub(crate) fn grant(&mut self, now: Instant, last: u64) -> Option<(T, Waited)> {
        if self.pace.as_ref().is_some_and(|pace| pace.due(now).is_some()) {
            return None;
        }
        let (_, origin) = self.ready.first()?;
        let origin = origin.clone();
        let host = self.hosts.get_mut(&origin)?;
        let first = host.queue.first_entry().filter(|first| *first.key() <= last)?;
        let Queued { thing, since, waited, rested } = first.remove();
        let here = now.saturating_duration_since(since);
        let rested = host.rested(now).saturating_sub(rested).min(here);
        let waited = Waited { queued: here - rested, backed_off: waited + rested };
        host.out += 1;
        // To the end of the line.
        if let Some(turn) = host.turn.take() {
            self.ready.remove(&(turn, origin.clone()));
        }
        self.queued -= 1;
        self.place(&origin);
        if let Some(pace) = &mut self.pace {
            pace.started(now);
        }
        Some((thing, waited))
    }

    /// Some origin could go, if the pace and the numbers let it.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// How many things are here.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// When time alone makes something possible that is not possible now: after `now`, if it was woken then.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let waiting = self.waiting.first_key_value().map(|((until, _), _)| *until);
        let resting = self.resting.first().map(|(until, _)| *until);
        let pace = self.pace.as_ref().filter(|_| self.is_ready()).and_then(|pace| pace.due(now));
        [waiting, resting, pace].into_iter().flatten().min()
    }

    /// Lets those whose time has come into their queues.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > now {
                break;
            }
            let ((until, number), Waiting { thing, origin, since }) = first.remove_entry();
            let origin = self.origin(&origin);
            self.queue(number, origin, thing, until, until.saturating_duration_since(since));
        }
        while let Some((until, origin)) = self.resting.first() {
            if *until > now {
                break;
            }
            let origin = origin.clone();
            self.resting.pop_first();
            if let Some(host) = self.hosts.get_mut(&origin) {
                host.rested = host.rested(now);
                host.rest = None;
            }
            self.place(&origin);
        }
    }

    /// The origin's one name, and its entry.
    fn origin(&mut self, origin: &str) -> Arc<str> {
        if let Some((known, _)) = self.hosts.get_key_value(origin) {
            return known.clone();
        }
        let new: Arc<str> = origin.into();
        self.hosts.insert(new.clone(), Host::default());
        new
    }

    fn queue(&mut self, number: u64, origin: Arc<str>, thing: T, since: Instant, waited: Duration) {
        if let Some(host) = self.hosts.get_mut(&origin) {
            let rested = host.rested(since);
            host.queue.insert(number, Queued { thing, since, waited, rested });
        }
        self.place(&origin);
    }

    /// Sets right whether an origin could go, after anything about it has changed; forgets one with nothing left.
    fn place(&mut self, origin: &Arc<str>) {
        let Some(host) = self.hosts.get_mut(origin) else { return };
        let can_go = host.out < self.per_host && host.rest.is_none();
        let turn = match host.queue.first_key_value().filter(|_| can_go) {
            None => None,
            Some((number, _)) if self.order == Order::Numbers => Some(*number),
            Some(_) => Some(host.turn.unwrap_or_else(|| {
                self.turn += 1;
                self.turn
            })),
        };
        if turn != host.turn {
            if let Some(turn) = host.turn {
                self.ready.remove(&(turn, origin.clone()));
            }
            if let Some(turn) = turn {
                self.ready.insert((turn, origin.clone()));
            }
            host.turn = turn;
        }
        if host.queue.is_empty() && host.out == 0 && host.rest.is_none() {
            self.hosts.remove(origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = u64::MAX;

    fn roster(per_host: usize, order: Order) -> Roster<u64> {
        Roster::new(per_host, order, None)
    }

    fn granted(roster: &mut Roster<u64>, now: Instant, last: u64) -> Vec<u64> {
        roster.wake(now);
        std::iter::from_fn(|| roster.grant(now, last)).map(|(n, _)| n).collect()
    }

    #[test]
    fn origins_take_turns_and_have_slots() {
        let now = Instant::now();
        let mut roster = roster(2, Order::Turns);
        for n in 1..=4 {
            roster.put(n, "a", n, now);
        }
        roster.put(5, "b", 5, now);
        assert_eq!(granted(&mut roster, now, ALL), [1, 5, 2]);
        assert!(!roster.is_ready());
        assert_eq!((roster.queued(), roster.due(now)), (2, None));
        roster.home("a");
        roster.home("b");
        assert_eq!(granted(&mut roster, now, ALL), [3]);
        roster.home("a");
        roster.home("a");
        assert_eq!(granted(&mut roster, now, ALL), [4]);
        roster.home("a");
        assert!(roster.hosts.is_empty(), "nothing is left of what is over");
    }

    #[test]
    fn numbers_go_in_their_order_up_to_the_last_that_may() {
        let now = Instant::now();
        let mut roster = roster(2, Order::Numbers);
        for (n, origin) in [(1, "b"), (2, "a"), (3, "a"), (4, "a"), (5, "b"), (6, "c")] {
            roster.put(n, origin, n, now);
        }
        assert_eq!(granted(&mut roster, now, 3), [1, 2, 3]);
        assert!(roster.is_ready(), "b and c could go if they might");
        // A second attempt of 1 goes before everything else.
        roster.home("b");
        roster.put(1, "b", 1, now);
        assert_eq!(granted(&mut roster, now, ALL), [1, 5, 6]);
        roster.home("a");
        assert_eq!(granted(&mut roster, now, ALL), [4]);
    }

    #[test]
    fn waits_and_rests() {
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        let mut roster = roster(1, Order::Turns);
        roster.wait(1, "a", 1, now, at(5));
        roster.put(2, "a", 2, now);
        roster.put(3, "b", 3, now);
        roster.rest("b", now, at(3));
        roster.rest("b", now, at(2));
        assert_eq!((roster.queued(), roster.due(now)), (3, Some(at(3))), "the longer rest holds");
        assert_eq!(granted(&mut roster, now, ALL), [2]);
        assert_eq!(granted(&mut roster, at(3), ALL), [3]);
        assert_eq!(roster.due(at(3)), Some(at(5)));
        assert_eq!(granted(&mut roster, at(5), ALL), [0u64; 0], "the slot is taken");
        roster.home("a");
        assert_eq!(granted(&mut roster, at(5), ALL), [1]);
        for origin in ["a", "b"] {
            roster.home(origin);
        }
        assert!(roster.hosts.is_empty() && roster.resting.is_empty() && roster.waiting.is_empty());
    }

    #[test]
    fn what_it_waited_for_is_told() {
        let now = Instant::now();
        let s = Duration::from_secs;
        let at = |seconds| now + s(seconds);
        let mut roster = roster(1, Order::Turns);
        let next = |roster: &mut Roster<u64>, at| {
            roster.wake(at);
            roster.grant(at, ALL).map(|(n, waited)| (n, waited.queued, waited.backed_off))
        };
        roster.put(1, "a", 1, now);
        roster.put(2, "a", 2, now);
        assert_eq!(next(&mut roster, at(3)), Some((1, s(3), s(0))));
        // Back for another attempt: its own wait is two seconds; for a slot it waits four.
        roster.wait(1, "a", 1, at(5), at(7));
        roster.home("a");
        assert_eq!(next(&mut roster, at(5)), Some((2, s(5), s(0))));
        assert_eq!(next(&mut roster, at(8)), None);
        roster.home("a");
        assert_eq!(next(&mut roster, at(11)), Some((1, s(4), s(2))));
        // A rest of the origin, and a longer one that begins in it: of nine seconds six were rest.
        roster.put(3, "a", 3, at(12));
        roster.rest("a", at(13), at(15));
        roster.rest("a", at(14), at(19));
        roster.home("a");
        assert_eq!(next(&mut roster, at(18)), None);
        roster.put(4, "a", 4, at(18));
        assert_eq!(next(&mut roster, at(21)), Some((3, s(3), s(6))));
        roster.home("a");
        assert_eq!(next(&mut roster, at(21)), Some((4, s(2), s(1))));
    }

    #[test]
    fn the_pace_holds_over_all_origins() {
        let now = Instant::now();
        let at = |ms| now + Duration::from_millis(ms);
        let pace = Pace::new("10/s".parse().unwrap());
        let mut roster = Roster::new(9, Order::Turns, Some(pace));
        for (n, origin) in [(1, "a"), (2, "b"), (3, "c")] {
            roster.put(n, origin, n, now);
        }
        assert_eq!(granted(&mut roster, now, ALL), [1]);
        assert_eq!(roster.due(now), Some(at(100)));
        assert_eq!(granted(&mut roster, at(99), ALL), [0u64; 0]);
        assert_eq!(granted(&mut roster, at(100), ALL), [2]);
        assert_eq!(granted(&mut roster, at(200), ALL), [3]);
        assert_eq!(roster.due(at(200)), None);
    }
}
