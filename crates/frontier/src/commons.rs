//! What the crawls of one process have in common: when each host and each address was asked last, by whichever of
//! them, and what it asked for.
//!
//! Owns who of them is next at a place that several want. Knows nothing of queues and URLs, reads no clock; another
//! process with a store of its own is beyond it.
//!
//! A place's life here: it comes in when a crawl first starts a request to it ([`Seat::start`]), is looked up whenever
//! a crawl wonders when it may ask again ([`Seat::meet`]), told of every end ([`Seat::end`]), and forgotten once
//! nobody has asked it for [`REMEMBERED`] and no rest is due. Where a crawl has to wait for what another does, it
//! stands in the place's line, and who stands there is served before whoever comes later: each gets its turn, however
//! often the others ask. A crawl that dies gives back what it had out; since nobody knows how far those requests came,
//! the place is then taken to have been asked at that moment.

mod place;

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use dragline_model::{Fingerprint, FingerprintMap, HostKey};
use dragline_politeness::{Epoch, NextStart, Pace, PaceRules, Stamp};
use place::{Claim, Place};

use crate::frontier::Alarm;

/// How long a place is remembered that nobody asks any more: as long as the longest `Crawl-delay` that is kept to by
/// default.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Places in one shard at most, about 200 bytes each; past it those that have waited longest are forgotten.
const SHARD_MAX: usize = 16_384;
/// Locks that the places are spread over: crawls meet at one only where they meet at a place, or by chance.
const SHARDS: usize = 16;
/// Below so many places in a shard nobody looks for what can be forgotten.
const SWEPT_FROM: usize = 64;
/// How long whoever is first in line may take to come. It knows the moment; what it may be late by is its turn in a
/// busy coordinator.
const GRACE: Duration = Duration::from_millis(50);
/// Whoever waits for another's request to end is called then; after this it looks for itself.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The hosts and addresses that the crawls of one process ask. Cloning shares it.
///
/// ```
/// use std::{sync::Arc, time::{Duration, Instant, SystemTime}};
/// use dragline_frontier::{Commons, Frontier, Limits, Manners, MemoryTails, RuleBook};
/// use dragline_model::{CanonicalUrl, Link, VisitId};
/// use dragline_politeness::Epoch;
///
/// let (commons, begun) = (Commons::default(), Instant::now());
/// let epoch = Epoch::new(begun, SystemTime::now());
/// let manners = Manners { obey_robots: false, ..Manners::default() };
/// let url = CanonicalUrl::parse("http://a.example/")?;
/// let mut crawls = [0, 1].map(|_| {
///     let limits = Limits { rules: RuleBook::new(manners.clone(), Vec::new()), ..Limits::default() };
///     let mut frontier = Frontier::new(limits, 1, VisitId(0), Box::new(MemoryTails::default()));
///     frontier.join(commons.seat(epoch, Arc::new(|| {})));
///     frontier.fetcher_up(0, 8);
///     frontier.admit(Link::seed(url.clone()), None, 0, epoch.stamp(begun));
///     frontier
/// });
/// let now = epoch.stamp(begun);
/// assert_eq!(crawls[0].grant(now).len(), 1);
/// assert_eq!(crawls[1].grant(now).len(), 0, "somebody of this process has just asked");
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
#[derive(Clone, Default)]
pub struct Commons(Arc<Inner>);

#[derive(Default)]
struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    /// Crawls that are there.
    members: AtomicUsize,
    next_member: AtomicU32,
    /// Nobody outside can prepare two names of one number.
    keys: RandomState,
}

#[derive(Default)]
struct Shard {
    places: FingerprintMap<Place>,
    /// So many places, and it is time to look for what can be forgotten.
    sweep_at: usize,
}

impl fmt::Debug for Commons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commons").field("places", &self.places()).finish_non_exhaustive()
    }
}

impl Commons {
    /// A crawl joins. `epoch` is what its stamps are made by; `call` is called, from any thread, when a place that it
    /// waits for may have become free: it is to see to a [`Frontier::grant`](crate::Frontier::grant) soon.
    pub fn seat(&self, epoch: Epoch, call: Arc<dyn Fn() + Send + Sync>) -> Seat {
        self.0.members.fetch_add(1, Ordering::Relaxed);
        Seat {
            commons: self.clone(),
            member: self.0.next_member.fetch_add(1, Ordering::AcqRel),
            epoch,
            bell: Arc::new(Bell { call, rung: AtomicBool::new(false), for_whom: Mutex::default() }),
            whither: None,
            held: FingerprintMap::default(),
        }
    }

    /// Hosts and addresses that are remembered.
    pub fn places(&self) -> usize {
        self.0.shards.iter().map(|shard| lock(shard).places.len()).sum()
    }

    fn shard(&self, key: Fingerprint) -> MutexGuard<'_, Shard> {
        // The map takes the lowest and the highest bits.
        lock(&self.0.shards[(key.bits() >> 32) as usize % SHARDS])
    }
}

/// The state under a lock is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a crawl is called.
struct Bell {
    call: Arc<dyn Fn() + Send + Sync>,
    rung: AtomicBool,
    for_whom: Mutex<Vec<Alarm>>,
}

impl Bell {
    fn ring(&self, whom: Alarm) {
        lock(&self.for_whom).push(whom);
        if !self.rung.swap(true, Ordering::AcqRel) {
            (self.call)();
        }
    }
}

/// What a host or an address is known by in one [`Commons`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(Fingerprint);

/// A place as one crawl knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spot {
    key: Fingerprint,
    /// Whom a call is for.
    alarm: Alarm,
}

impl Key {
    pub(crate) fn of(self, alarm: Alarm) -> Spot {
        Spot { key: self.0, alarm }
    }
}

/// When a crawl may ask a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// No sooner than this, by the pace.
    Next(NextStart),
    /// A request of its own has to come home first.
    Home,
    /// Another crawl comes first: not before this, unless called.
    After(Stamp),
}

impl Turn {
    /// It may ask now.
    pub(crate) fn is_now(self, now: Stamp) -> bool {
        matches!(self, Turn::Next(next) if next.at <= now)
    }
}

/// Where a crawl sends a host, for once: see [`Seat::sending`].
pub type Whither = dyn Fn(&HostKey) -> Option<SocketAddr> + Send + Sync;

/// A crawl's place in the [`Commons`]. Dropped, it leaves, and gives back what it had out.
pub struct Seat {
    commons: Commons,
    member: u32,
    epoch: Epoch,
    bell: Arc<Bell>,
    whither: Option<Arc<Whither>>,
    /// Its requests out.
    held: FingerprintMap<u32>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("member", &self.member).finish_non_exhaustive()
    }
}

impl Seat {
    /// Some hosts are sent to an address of this crawl's choice: they are others than those of the same name elsewhere.
    pub fn sending(mut self, whither: Arc<Whither>) -> Self {
        self.whither = Some(whither);
        self
    }

    pub(crate) fn host(&self, key: &HostKey) -> Key {
        let sent_to = self.whither.as_ref().and_then(|whither| whither(key));
        Key(Fingerprint::from_bits(self.commons.0.keys.hash_one((key.as_str(), sent_to))))
    }

    pub(crate) fn address(&self, ip: IpAddr) -> Key {
        Key(Fingerprint::from_bits(self.commons.0.keys.hash_one(ip)))
    }

    /// When it may ask a place. Its pace learns what others do there, they what it knows; where it has to wait for
    /// others, it gets in line.
    pub(crate) fn meet(&self, spot: Spot, pace: &mut Pace, rules: &PaceRules, now: Stamp) -> Turn {
        if self.has_always_been_alone() {
            return pace.next_start(rules, now).map_or(Turn::Home, Turn::Next);
        }
        let mut shard = self.commons.shard(spot.key);
        match shard.places.get_mut(&spot.key) {
            Some(place) => self.meet_at(place, spot, pace, rules, now),
            // Whoever was asked for a rest by way of an earlier run has to tell.
            None if pace.to_others().rest.is_some_and(|rest| rest > now) => {
                let place = shard.place(spot.key, self.instant(now));
                self.meet_at(place, spot, pace, rules, now)
            }
            None => {
                pace.hear_of(&Default::default());
                pace.next_start(rules, now).map_or(Turn::Home, Turn::Next)
            }
        }
    }

    /// There is nothing to learn from anybody.
    fn has_always_been_alone(&self) -> bool {
        self.commons.0.next_member.load(Ordering::Acquire) == 1
    }

    fn meet_at(&self, place: &mut Place, spot: Spot, pace: &mut Pace, rules: &PaceRules, now: Stamp) -> Turn {
        let own = self.held.get(&spot.key).copied().unwrap_or_default();
        place.exchange(pace, own, rules, &self.epoch, now);
        let here = self.instant(now);
        match pace.next_start(rules, now) {
            None if pace.out() >= rules.concurrency.max(1) => Turn::Home,
            None => {
                self.claim(place, spot, None, here);
                Turn::After(now + LOOK_AGAIN)
            }
            Some(next) if next.at > now => {
                // Nobody is kept waiting by what is one crawl's own affair.
                if next.because.is_delay() {
                    self.claim(place, spot, Some(self.instant(next.at)), here);
                }
                Turn::Next(next)
            }
            Some(next) => match place.taken_until(self.member, here) {
                Some(until) => {
                    self.claim(place, spot, None, here);
                    Turn::After(self.epoch.stamp(until))
                }
                None => Turn::Next(next),
            },
        }
    }

    /// Gets in line, or says anew when it will come.
    fn claim(&self, place: &mut Place, spot: Spot, at: Option<Instant>, said: Instant) {
        if self.commons.0.members.load(Ordering::Relaxed) > 1 {
            let (member, bell) = (self.member, || self.bell.clone());
            place.claim(member, at, said, || Claim { member, at, said, bell: bell(), alarm: spot.alarm });
        }
    }

    /// A request is to start now. False, and nothing has happened, if another crawl was quicker; otherwise the pace is
    /// told by the caller.
    pub(crate) fn start(&mut self, spot: Spot, pace: &mut Pace, rules: &PaceRules, now: Stamp) -> bool {
        let here = self.instant(now);
        let commons = self.commons.clone();
        let mut shard = commons.shard(spot.key);
        let place = shard.place(spot.key, here);
        if !self.meet_at(place, spot, pace, rules, now).is_now(now) {
            return false;
        }
        place.out += 1;
        place.last_start = place.last_start.max(Some(here));
        place.leave(self.member);
        let called = place.called(here, self.member);
        drop(shard);
        *self.held.entry(spot.key).or_default() += 1;
        ring(called);
        true
    }

    /// A request that was [started](Self::start) will not be made after all. That it was to start is not forgotten.
    pub(crate) fn undo(&mut self, spot: Spot, now: Stamp) {
        self.give_back(spot, None, now);
    }

    /// A request is over, and its pace has been told.
    pub(crate) fn end(&mut self, spot: Spot, pace: &Pace, now: Stamp) {
        self.give_back(spot, Some(pace), now);
    }

    fn give_back(&mut self, spot: Spot, pace: Option<&Pace>, now: Stamp) {
        if let Some(held) = self.held.get_mut(&spot.key) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&spot.key);
            }
            let here = self.instant(now);
            let mut shard = self.commons.shard(spot.key);
            // What is held is not forgotten.
            let Some(place) = shard.places.get_mut(&spot.key) else { return };
            place.out = place.out.saturating_sub(1);
            if let Some(pace) = pace {
                place.learn(pace, &self.epoch);
            }
            let called = place.called(here, self.member);
            drop(shard);
            ring(called);
        }
    }

    /// The hosts and addresses for which it was called since it asked last.
    pub(crate) fn calls(&self) -> Vec<Alarm> {
        if !self.bell.rung.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let mut calls = std::mem::take(&mut *lock(&self.bell.for_whom));
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    /// A stamp beyond the system's clock is taken for its beginning or its end, which is now.
    fn instant(&self, stamp: Stamp) -> Instant {
        self.epoch.instant(stamp).unwrap_or_else(|| self.epoch.begun())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.commons.0.members.fetch_sub(1, Ordering::Relaxed);
        for shard in &self.commons.0.shards {
            let mut called = Vec::new();
            for (key, place) in &mut lock(shard).places {
                place.leave(self.member);
                if let Some(held) = self.held.get(key) {
                    place.out = place.out.saturating_sub(*held);
                    place.is_abandoned = true;
                    called.extend(place.all());
                }
            }
            ring(called);
        }
    }
}

/// Outside every lock: whoever is called may want one.
fn ring(called: Vec<(Arc<Bell>, Alarm)>) {
    for (bell, whom) in called {
        bell.ring(whom);
    }
}

impl Shard {
    /// A place, made if it is not there.
    fn place(&mut self, key: Fingerprint, now: Instant) -> &mut Place {
        if self.places.len() >= self.sweep_at.max(SWEPT_FROM) && !self.places.contains_key(&key) {
            self.sweep(now);
        }
        self.places.entry(key).or_default()
    }

    fn sweep(&mut self, now: Instant) {
        self.places.retain(|_, place| place.is_wanted(now, REMEMBERED));
        if self.places.len() >= SHARD_MAX {
            let mut ends: Vec<Instant> = self.places.values().filter_map(Place::ends).collect();
            if !ends.is_empty() {
                // The half that has been quiet for longest: so this is not to be done again soon.
                let middle = ends.len() / 2;
                let middle = *ends.select_nth_unstable(middle).1;
                self.places.retain(|_, place| place.ends().is_none_or(|end| end > middle));
            }
        }
        let len = self.places.len();
        self.sweep_at = (len * 2).min(SHARD_MAX).max(len + SWEPT_FROM);
    }
}

#[cfg(test)]
mod tests;
