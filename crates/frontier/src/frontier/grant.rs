//! Whose turn it is: from the state of a host to the list it stands in, and from there to a visit.

use std::{cmp::Reverse, time::Duration};

use dragline_model::{CanonicalUrl, Link, Purpose, Visit, VisitId};
use dragline_politeness::{NextStart, Stamp};

use super::{Alarm, Errand, Frontier, Grant, Out};
use crate::{
    commons::Turn,
    host::{Address, Place},
    queue::{Queue, Rank, Store},
    robots::Gate as RobotsGate,
    waiting::Waiting,
};

/// URLs of one host that are judged in one turn at most: a million forbidden ones must not keep other hosts waiting.
const JUDGED_MAX: usize = 128;
/// A host whose rules led to another, which is busy, is looked at again after this.
const LOOKED_AT_AGAIN: Duration = Duration::from_millis(50);
/// Turns in one call that may come to nothing, so that receipts do not wait for too long either.
const VAIN_TURNS_MAX: usize = 32;

/// What a host could do next.
#[derive(Debug)]
enum Step {
    /// Nothing, until something comes home or comes in.
    Rest,
    /// Nothing before this.
    At(Stamp),
    /// Its address has others to serve first.
    Gate(usize),
    /// Ask for the rules of one of its origins.
    Robots { origin: usize, url: CanonicalUrl, hops: u8, also: Option<usize> },
    /// Ask for the URL in front.
    Url,
}

impl Frontier {
    /// Grants as many visits as slots, turns and budgets allow.
    pub fn grant(&mut self, now: Stamp) -> Vec<Grant> {
        self.wake(now);
        self.answer_calls(now);
        let mut grants = Vec::new();
        let mut vain = 0;
        self.more_to_judge = false;
        while self.has_budget() {
            let Some((fetcher, host)) = self.next_in_turn() else { break };
            let visit = self.visit_next(host, fetcher, now);
            vain += usize::from(visit.is_none());
            grants.extend(visit.map(|visit| Grant { fetcher, visit }));
            self.close_gate_behind(host, now);
            self.place(host, now);
            if vain > VAIN_TURNS_MAX {
                // Most of them wait for something; those that do not go on at once.
                self.more_to_judge = true;
                break;
            }
        }
        grants
    }

    /// The next moment at which [`Frontier::grant`] could grant more without another event; `None` if there
    /// is none.
    pub fn next_wake(&self) -> Option<Stamp> {
        if self.more_to_judge {
            return Some(Stamp::default());
        }
        let turn = self.calendar.peek().map(|Reverse((at, _))| *at);
        let retry = self.retries.peek().map(|Reverse(later)| later.at);
        turn.into_iter().chain(retry).min()
    }

    /// Moves what is due from the calendar and the retries to where it can be granted.
    fn wake(&mut self, now: Stamp) {
        while self.retries.peek().is_some_and(|Reverse(later)| later.at <= now) {
            let Some(Reverse(later)) = self.retries.pop() else { break };
            self.hosts[later.host].retrying -= 1;
            self.counts.queued -= 1;
            self.push(later.host, later.rank, later.waiting);
            self.place(later.host, now);
        }
        while self.calendar.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((at, alarm))) = self.calendar.pop() else { break };
            match alarm {
                Alarm::Host(host) => {
                    if self.hosts[host].place == Place::Calendar(at) {
                        self.hosts[host].place = Place::Aside;
                        self.place(host, now);
                    }
                }
                Alarm::Gate(gate) => {
                    self.addresses.gate(gate).in_calendar = false;
                    self.open_gate(gate, now);
                }
            }
        }
    }

    /// Puts a host that stands aside into the list it belongs in.
    pub(super) fn place(&mut self, host: usize, now: Stamp) {
        if self.hosts[host].place != Place::Aside {
            return;
        }
        match self.step(host, now) {
            Step::Rest => {
                let it = &self.hosts[host];
                // What waits for another attempt waits for the host's rest, too.
                let rests = it.queues.iter().all(Queue::is_empty) && it.retrying > 0;
                let at = if rests { it.pace.earliest(&it.rules.base().pace, now).at } else { now };
                self.wait_for(host, at, now);
            }
            Step::At(at) => {
                self.hosts[host].place = Place::Calendar(at);
                self.calendar.push(Reverse((at, Alarm::Host(host))));
                self.wait_for(host, at, now);
            }
            Step::Gate(gate) => {
                self.deferred.remove(&host);
                self.hosts[host].place = Place::Gate;
                self.addresses.gate(gate).line.push_back(host);
                self.set_gate_alarm(gate, now);
            }
            Step::Robots { .. } | Step::Url => {
                self.hosts[host].place = Place::Ready;
                self.deferred.remove(&host);
                if self.stays_at_home(host) {
                    let home = self.slots.home(&self.hosts[host].key);
                    self.ready_at_home[home].push_back(host);
                } else {
                    self.ready_anywhere.push_back(host);
                }
            }
        }
    }

    /// A host with one request at a time keeps its connections in one place.
    fn stays_at_home(&mut self, host: usize) -> bool {
        let host = &mut self.hosts[host];
        // Any URL of it will do: rules of prefixes rarely differ in this, and nothing depends on it.
        host.rules.base().pace.concurrency <= 1
    }

    /// Notes whether anybody is to wait for a host that cannot be asked before `at`.
    fn wait_for(&mut self, host: usize, at: Stamp, now: Stamp) {
        if self.hosts[host].is_beyond(self.limits.patience, at, now) {
            self.deferred.insert(host);
        } else {
            self.deferred.remove(&host);
        }
    }

    /// See [`Step`]. Finds, on the way, the URL in front.
    fn step(&mut self, index: usize, now: Stamp) -> Step {
        let fronts = [0, 1].map(|origin| self.front(index, origin));
        let https_first = match &fronts {
            [Some((http, _)), Some((https, _))] => https < http,
            [None, Some(_)] => true,
            _ => false,
        };
        let mut until: Option<Stamp> = None;
        for origin in if https_first { [1, 0] } else { [0, 1] } {
            let Some((_, url)) = &fronts[origin] else { continue };
            if until.is_none() {
                self.hosts[index].front_origin = origin;
            }
            match self.step_at(index, url, now) {
                Step::Rest => {}
                Step::At(at) => until = Some(until.map_or(at, |other| other.min(at))),
                step => {
                    self.hosts[index].front_origin = origin;
                    return step;
                }
            }
        }
        until.map_or(Step::Rest, Step::At)
    }

    /// The same for the URL in front of one of its queues.
    fn step_at(&mut self, index: usize, url: &CanonicalUrl, now: Stamp) -> Step {
        let (rules, agent) = (self.limits.robots, self.limits.agent.clone());
        let host = &mut self.hosts[index];
        let manners = host.rules.of(url);
        let (pace, obeys) = (manners.pace, manners.obey_robots);
        let out = u64::from(host.pace.out());
        if out > 0 && manners.max_pages.is_some_and(|max| host.pages + out >= max) {
            // What is out may be the last.
            return Step::Rest;
        }
        if self.limits.max_pages == Some(0) {
            return Step::Rest;
        }
        let next = match self.turn_of(index, &pace, now) {
            Turn::Next(next) => next,
            Turn::Home => return Step::Rest,
            Turn::After(at) => return Step::At(at),
        };
        let host = &mut self.hosts[index];
        let mut robots = None;
        if obeys {
            let origin = usize::from(url.is_https());
            let state = &mut host.robots[origin];
            state.wake(&agent, &rules, &mut *self.tails);
            match state.gate(url, &rules, now) {
                RobotsGate::Open => {}
                RobotsGate::Wait => return Step::Rest,
                RobotsGate::Until(at) => {
                    return Step::At(next.or_later(NextStart { at, because: next.because }).at);
                }
                RobotsGate::Ask(url, hops) => robots = Some((origin, url, hops)),
            }
        }
        if next.at > now {
            return Step::At(next.at);
        }
        let also = match &robots {
            Some((_, url, hops)) if *hops > 0 => Some(self.host_of(url)).filter(|other| *other != index),
            _ => None,
        };
        if let Some(step) = self.step_through(index, also, now) {
            return step;
        }
        let Some((origin, url, hops)) = robots else { return Step::Url };
        if let Some(other) = also {
            let pace = self.hosts[other].rules.of(&url).pace;
            match self.turn_of(other, &pace, now) {
                Turn::Next(next) if next.at <= now => {}
                Turn::Next(next) => return Step::At(next.at),
                // It is told of no end of its visits; a moment later it is looked at again.
                Turn::Home | Turn::After(_) => return Step::At(now + LOOKED_AT_AGAIN),
            }
        }
        Step::Robots { origin, url, hops, also }
    }

    /// What holds a request at the address that it goes to: that of the host, or of the one that its rules led to.
    fn step_through(&mut self, index: usize, also: Option<usize>, now: Stamp) -> Option<Step> {
        let rules = self.limits.address?;
        // A host in another's errand stands in no line of its own for that: it is looked at again.
        let soon = |also: Option<usize>| {
            Some(if also.is_some() { Step::At(now + LOOKED_AT_AGAIN) } else { Step::Rest })
        };
        let at = also.unwrap_or(index);
        match self.hosts[at].address {
            Address::Free => None,
            Address::Asked => soon(also),
            Address::Unasked => {
                self.hosts[at].address = Address::Asked;
                self.nameless.push(at);
                soon(also)
            }
            Address::Known(gate) => {
                // Others may have gone through since this one was let through.
                let in_turn = self.hosts[index].through_gate || also.is_some();
                let is_alone = self.addresses.gate(gate).line.is_empty();
                match self.opens(gate, &rules, now) {
                    Some(opens) if opens <= now && (in_turn || is_alone) => None,
                    Some(opens) if also.is_some() => Some(Step::At(opens)),
                    None if also.is_some() => soon(also),
                    _ => Some(Step::Gate(gate)),
                }
            }
        }
    }

    /// The URL in front of one of a host's queues, those that are outdated passed over.
    fn front(&mut self, index: usize, origin: usize) -> Option<(Rank, CanonicalUrl)> {
        loop {
            let hosts = self.hosts.len();
            let mut store = Store { tails: &mut *self.tails, hosts };
            let before = self.hosts[index].queues[origin].len();
            let front = self.hosts[index].queues[origin].front(&mut store);
            match front {
                Ok(Some((rank, waiting))) => {
                    let is_outdated = !self.outdated.is_empty()
                        && self
                            .outdated
                            .get(&waiting.fingerprint())
                            .is_some_and(|(made, _)| waiting.attempts < *made);
                    if !is_outdated {
                        return Some((rank, waiting.link.url.clone()));
                    }
                    self.outdated.remove(&waiting.fingerprint());
                    self.hosts[index].queues[origin].pop();
                    self.counts.queued -= 1;
                }
                Ok(None) => return None,
                Err(error) => {
                    self.counts.queued -= before - self.hosts[index].queues[origin].len();
                    self.note(Err(error));
                }
            }
        }
    }

    /// Takes the next ready host for which a fetcher has a free slot out of its list.
    fn next_in_turn(&mut self) -> Option<(usize, usize)> {
        let found = match (self.slots.freest(), self.ready_anywhere.front()) {
            (Some(fetcher), Some(_)) => self.ready_anywhere.pop_front().map(|host| (fetcher, host)),
            _ => (0..self.slots.len())
                .filter(|f| self.slots.free(*f) > 0)
                .find_map(|f| self.ready_at_home[f].pop_front().map(|host| (f, host))),
        };
        if let Some((_, host)) = found {
            self.hosts[host].place = Place::Aside;
        }
        found
    }

    fn visit_next(&mut self, index: usize, fetcher: usize, now: Stamp) -> Option<Visit> {
        for _ in 0..JUDGED_MAX {
            match self.step(index, now) {
                Step::Rest | Step::At(_) | Step::Gate(_) => return None,
                Step::Robots { origin, url, hops, also } => {
                    if !self.begin(index, &url, also, now) {
                        return None;
                    }
                    return Some(self.ask_for_rules(index, fetcher, origin, url, hops, also, now));
                }
                Step::Url => {
                    let host = &mut self.hosts[index];
                    let (rank, waiting) = host.queues[host.front_origin].pop()?;
                    self.counts.queued -= 1;
                    let is_left = self.is_over_budget(index, &waiting)
                        || self.is_out_of_scope(&waiting)
                        || self.is_trap(&waiting)
                        || self.is_forbidden(index, &waiting, now);
                    if !is_left {
                        if !self.begin(index, &waiting.link.url, None, now) {
                            self.hosts[index].queue_of(&waiting.link.url).push_front(rank, waiting);
                            self.counts.queued += 1;
                            return None;
                        }
                        return Some(self.ask(index, fetcher, rank, waiting, now));
                    }
                }
            }
        }
        None
    }

    /// Has its host had as many pages as a rule gives it? Then it is parked.
    fn is_over_budget(&mut self, index: usize, waiting: &Waiting) -> bool {
        let host = &self.hosts[index];
        let max = host.rules.of(&waiting.link.url).max_pages;
        if waiting.copy.is_some() || max.is_none_or(|max| host.pages < max) {
            return false;
        }
        self.park("max_pages", waiting);
        true
    }

    /// Was it left waiting by an earlier run, and does this one not reach it? Then it is parked.
    fn is_out_of_scope(&mut self, waiting: &Waiting) -> bool {
        let Some(scope) = self.limits.scope.clone().filter(|_| self.judges_waiting) else { return false };
        let Link { url, depth, off, .. } = &waiting.link;
        match scope.judge_waiting(url, *depth, *off, waiting.via.as_ref()) {
            Ok(()) => false,
            Err(reason) => {
                self.park(reason.word(), waiting);
                true
            }
        }
    }

    /// Have URLs of its shape stopped bringing anything since it was admitted? Then it is parked.
    fn is_trap(&mut self, waiting: &Waiting) -> bool {
        if waiting.via.is_none() {
            return false;
        }
        let verdict = self.traps.recheck(&waiting.link.url);
        verdict.inspect_err(|reason| self.park(reason.word(), waiting)).is_err()
    }

    /// Has the host's robots.txt a line against it? Then it is parked.
    fn is_forbidden(&mut self, index: usize, waiting: &Waiting, now: Stamp) -> bool {
        let (host, url) = (&self.hosts[index], &waiting.link.url);
        if !host.rules.of(url).obey_robots {
            return false;
        }
        let robots = &host.robots[usize::from(url.is_https())];
        if robots.forbids(&self.limits.agent, url, &self.limits.robots, now).is_none() {
            return false;
        }
        self.park("robots", waiting);
        true
    }

    pub(super) fn park(&mut self, reason: &str, waiting: &Waiting) {
        if waiting.copy.is_some() {
            // It is kept already; whether it is looked at again will be asked again.
            self.revisiting.remove(&waiting.fingerprint());
            return;
        }
        let parked = self.parked.push(reason, waiting, &mut *self.tails);
        self.note(parked);
    }

    fn ask(&mut self, index: usize, fetcher: usize, rank: Rank, waiting: Waiting, now: Stamp) -> Visit {
        if let Some(returned) = self.returned.get_mut(&waiting.fingerprint()) {
            returned.waits = false;
        }
        let Waiting { link, via, attempts, copy } = waiting.clone();
        let id = self.number();
        let visit = Visit {
            sketch: link.purpose.is_page() && self.traps.wants_sketch(&link.url, id.0),
            id,
            host: self.hosts[index].key.clone(),
            url: link.url,
            depth: link.depth,
            hops: link.hops,
            attempt: attempts.saturating_add(1),
            via,
            off: link.off,
            purpose: link.purpose,
            copy,
        };
        self.send(index, fetcher, &visit, Errand::Url { rank, waiting }, now);
        visit
    }

    #[expect(clippy::too_many_arguments, reason = "what a robots visit is made of")]
    fn ask_for_rules(
        &mut self,
        index: usize,
        fetcher: usize,
        origin: usize,
        url: CanonicalUrl,
        hops: u8,
        also: Option<usize>,
        now: Stamp,
    ) -> Visit {
        let host = &mut self.hosts[index];
        host.robots[origin].out = true;
        let key = host.key.clone();
        let visit = Visit { host: key, hops, purpose: Purpose::Robots, ..Visit::first(self.number(), url) };
        if let Some(other) = also {
            self.hosts[other].pace.started(now, 0.0);
        }
        self.robots_out += 1;
        self.counts.robots += 1;
        self.send(index, fetcher, &visit, Errand::Robots { origin, hops, also }, now);
        visit
    }

    /// What every visit has: it takes a slot, and fixes its host's and its address's next turn.
    fn send(&mut self, host: usize, fetcher: usize, visit: &Visit, errand: Errand, now: Stamp) {
        let chance = chance(visit.id);
        self.hosts[host].pace.started(now, chance);
        if let Address::Known(gate) = self.hosts[errand.goes_to().unwrap_or(host)].address {
            self.addresses.gate(gate).pace.started(now, chance);
        }
        self.slots.take(fetcher);
        self.counts.requests += 1;
        self.out.insert(visit.id, Out { fetcher, host, started: now, errand });
    }

    fn number(&mut self) -> VisitId {
        let id = VisitId(self.next_visit);
        self.next_visit += 1;
        id
    }

    /// A host that came through its address's gate has had its chance: the next one can.
    fn close_gate_behind(&mut self, host: usize, now: Stamp) {
        if std::mem::take(&mut self.hosts[host].through_gate)
            && let Address::Known(gate) = self.hosts[host].address
        {
            self.open_gate(gate, now);
        }
    }

    /// Lets one host through, if there is one and it may.
    pub(super) fn open_gate(&mut self, gate: usize, now: Stamp) {
        let Some(rules) = self.limits.address else { return };
        while self.opens(gate, &rules, now).is_some_and(|at| at <= now) {
            let Some(host) = self.addresses.gate(gate).line.pop_front() else { return };
            let it = &mut self.hosts[host];
            it.place = Place::Aside;
            it.through_gate = true;
            self.place(host, now);
            if self.hosts[host].place == Place::Ready {
                return;
            }
            // It has nothing to ask for by now.
            self.hosts[host].through_gate = false;
        }
        self.set_gate_alarm(gate, now);
    }

    fn set_gate_alarm(&mut self, number: usize, now: Stamp) {
        let Some(rules) = self.limits.address else { return };
        if self.addresses.gate(number).line.is_empty() {
            return;
        }
        // Where one has to come home first, that opens it.
        let Some(at) = self.opens(number, &rules, now) else { return };
        let gate = self.addresses.gate(number);
        if !gate.in_calendar {
            gate.in_calendar = true;
            self.calendar.push(Reverse((at, Alarm::Gate(number))));
        }
    }
}

/// A number from 0 to 1 for the jitter, even over the visits (the finaliser of SplitMix64).
fn chance(id: VisitId) -> f32 {
    let mut bits = id.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 40) as f32 / (1u64 << 24) as f32
}
