//! What became of a visit: counts, the host's pace, its rules, and whether the URL is asked for again.

use std::{
    cmp::Reverse,
    time::{Duration, SystemTime},
};

use dragline_model::{Blame, CanonicalUrl, Fingerprint, Purpose, Receipt, RobotsAnswer, Settled};
use dragline_politeness::{Stamp, Told};

use super::{Errand, Frontier, Later, Out, Returned, Verdict};
use crate::{
    Brought, Retry, Seen,
    host::{Address, Place},
    robots::Answer,
    waiting::Waiting,
};

/// What is parked because no server was heard.
const FAILED: &str = "failed";

impl Frontier {
    /// Takes a visit's outcome in, and the links that were new. `wall` is the time of day, for dates in
    /// `Retry-After`.
    pub fn settle(&mut self, receipt: &Receipt, now: Stamp, wall: SystemTime) -> Verdict {
        let verdict = self.settle_visit(receipt, now, wall);
        // Whatever became of the visit, its links are told of once: they were new to this commit.
        self.learn(receipt, now);
        verdict
    }

    /// What a page brought: its new links, and what the traps make of it.
    pub(super) fn learn(&mut self, receipt: &Receipt, now: Stamp) {
        let url = &receipt.visit.url;
        let links = &receipt.new_links;
        // That a page is as it was says nothing of its kind, and nor does one that nobody looked at.
        let is_known = |status| receipt.visit.sketch || !(200..300).contains(&status);
        let found_on = match receipt.settled {
            Settled::Page { status, .. }
                if receipt.visit.purpose.is_page() && receipt.visit.copy.is_none() && is_known(status) =>
            {
                let seen =
                    Seen { url, status, is_repeat: receipt.is_repeat, sketch: receipt.sketch.as_ref() };
                self.traps.settled(&seen, links.iter().map(|link| &link.url))
            }
            _ => Brought::SOMETHING,
        };
        for link in links {
            self.admit_from(Waiting::new(link.clone(), Some(url.clone()), 0), found_on, now);
        }
    }

    fn settle_visit(&mut self, receipt: &Receipt, now: Stamp, wall: SystemTime) -> Verdict {
        let Some(Out { fetcher, host, started, errand }) = self.out.remove(&receipt.visit.id) else {
            return self.settle_late(receipt);
        };
        self.slots.give_back(fetcher);
        let settled = &receipt.settled;
        self.count(&receipt.visit.purpose, settled);
        self.hosts[host].pages += u64::from(is_page(receipt));
        let told = told(receipt, wall);
        let asked = asked_at(receipt, started, now);
        let url = &receipt.visit.url;
        self.hosts[host].heard(told, settled, now);
        self.home(host, errand.goes_to(), url, started, asked, told, now);
        let verdict = match errand {
            Errand::Url { rank, waiting } => {
                if !self.returned.is_empty() {
                    self.returned.remove(&waiting.fingerprint());
                }
                self.settle_url(host, rank, waiting, receipt, now, wall)
            }
            Errand::Robots { origin, hops, also } => {
                self.robots_out -= 1;
                if let Some(other) = also {
                    let pace = self.hosts[other].rules.of(url).pace;
                    self.hosts[other].pace.ended(&pace, started, now, told);
                    self.hosts[other].pace.assume_started(asked);
                    self.leave_host(other, now);
                    self.place_anew(other, now);
                }
                self.hear_rules(host, origin, hops, receipt, now);
                Verdict::Final
            }
        };
        self.place(host, now);
        verdict
    }

    #[expect(clippy::too_many_arguments, reason = "three moments, two hosts")]
    /// A request has come home: what its host and its address learn of it.
    fn home(
        &mut self,
        index: usize,
        goes_to: Option<usize>,
        url: &CanonicalUrl,
        started: Stamp,
        asked: Stamp,
        told: Told,
        now: Stamp,
    ) {
        let host = &mut self.hosts[index];
        let rules = host.rules.of(url).pace;
        host.pace.ended(&rules, started, now, told);
        // The server saw the request when its connection stood, not when it was granted.
        host.pace.assume_started(asked);
        self.leave_host(index, now);
        self.leave_address(goes_to.unwrap_or(index), started, asked, now);
        // Wherever it stood, its next turn may be another.
        if let Place::Calendar(_) = self.hosts[index].place {
            self.hosts[index].place = Place::Aside;
        }
    }

    /// A request to a host's address is over: the next can go.
    fn leave_address(&mut self, host: usize, started: Stamp, asked: Stamp, now: Stamp) {
        let (Address::Known(number), Some(rules)) = (self.hosts[host].address, self.limits.address) else {
            return;
        };
        let gate = self.addresses.gate(number);
        gate.pace.ended(&rules, started, now, Told::Nothing);
        gate.pace.assume_started(asked);
        self.leave_gate(number, now);
        self.open_gate(number, now);
    }

    fn settle_url(
        &mut self,
        host: usize,
        rank: crate::queue::Rank,
        waiting: Waiting,
        receipt: &Receipt,
        now: Stamp,
        wall: SystemTime,
    ) -> Verdict {
        let attempts = waiting.attempts.saturating_add(1);
        match self.limits.retry.decide(&receipt.settled, attempts, wall) {
            Retry::Final => {
                if waiting.copy.is_some() {
                    self.revisiting.remove(&waiting.fingerprint());
                }
                if let Settled::Failure(failure) = &receipt.settled {
                    *self.counts.failures.entry(failure.kind).or_default() += 1;
                }
                self.park_unheard(&receipt.settled, || Waiting { attempts, ..waiting });
                Verdict::Final
            }
            Retry::Again { wait, .. } => {
                self.retry(host, rank, Waiting { attempts, ..waiting }, receipt.visit.id.0, now + wait);
                self.counts.retries += 1;
                Verdict::Again(wait)
            }
        }
    }

    /// Parks a URL that failed before a server had its say: the next run tries once more, for the address may be
    /// allowed then, the network back.
    pub(super) fn park_unheard(&mut self, settled: &Settled, waiting: impl FnOnce() -> Waiting) {
        if let Settled::Failure(failure) = settled
            && failure.kind.blame() != Blame::Server
        {
            self.park(FAILED, &waiting());
        }
    }

    pub(super) fn retry(
        &mut self,
        host: usize,
        rank: crate::queue::Rank,
        waiting: Waiting,
        order: u64,
        at: Stamp,
    ) {
        self.counts.queued += 1;
        self.hosts[host].retrying += 1;
        self.retries.push(Reverse(Later { at, order, host, rank, waiting }));
    }

    /// Takes in what a request for a robots.txt brought.
    pub(super) fn hear_rules(&mut self, host: usize, origin: usize, hops: u8, receipt: &Receipt, now: Stamp) {
        if matches!(receipt.settled, Settled::Page { status: 200..=299, .. }) && receipt.robots.is_none() {
            // Its text was not kept, it was too long: to be asked for again.
            self.hosts[host].robots[origin].out = false;
            return;
        }
        let none = RobotsAnswer::default();
        let brought = receipt.robots.as_deref().unwrap_or(&none);
        let (rules, agent) = (self.limits.robots, self.limits.agent.clone());
        let answer = Answer {
            asked: &receipt.visit.url,
            hops,
            settled: &receipt.settled,
            location: brought.location.as_deref(),
            cache_control: brought.cache_control.as_deref(),
            body: &brought.body,
            agent: &agent,
        };
        let state = &mut self.hosts[host].robots[origin];
        if !state.take(&answer, &rules, now) {
            return;
        }
        let put_away = state.put_away(&answer, &mut *self.tails);
        for origin in &mut self.hosts[host].robots {
            origin.wake(&agent, &rules, &mut *self.tails);
        }
        let delays = self.hosts[host].robots.each_ref().map(|it| it.crawl_delay(&agent, &rules, now));
        self.hosts[host].pace.set_crawl_delay(delays.into_iter().flatten().max());
        self.note(put_away);
    }

    /// The receipt of a visit that is not out.
    fn settle_late(&mut self, receipt: &Receipt) -> Verdict {
        let id = receipt.visit.id;
        let fingerprint = Fingerprint::of(&receipt.visit.url);
        match self.returned.get(&fingerprint) {
            Some(returned) if returned.visit == id => {
                if returned.waits && self.limits.retry.is_final(&receipt.settled, returned.attempt) {
                    self.outdated.insert(fingerprint, (returned.attempt, receipt.visit.url.clone()));
                }
                self.returned.remove(&fingerprint);
            }
            // A visit that an earlier life granted is new to this one.
            _ if id.0 < self.first_visit => {}
            _ => return Verdict::Twice,
        }
        self.count(&receipt.visit.purpose, &receipt.settled);
        Verdict::Late
    }

    /// A fetcher died: its visits go back to the front of their queues. Returns how many.
    pub fn lost(&mut self, fetcher: usize, now: Stamp) -> usize {
        self.slots.down(fetcher);
        let mut ids: Vec<_> =
            self.out.iter().filter(|(_, out)| out.fetcher == fetcher).map(|(id, _)| *id).collect();
        // The last one granted goes in first, so that the first one granted stands in front again.
        ids.sort_unstable_by_key(|id| Reverse(*id));
        for id in &ids {
            let Some(Out { host, started, errand, .. }) = self.out.remove(id) else { continue };
            match errand {
                Errand::Url { rank, waiting } => {
                    let returned = Returned { visit: *id, attempt: waiting.attempts + 1, waits: true };
                    self.returned.insert(waiting.fingerprint(), returned);
                    let url = waiting.link.url.clone();
                    self.hosts[host].queue_of(&waiting.link.url).push_front(rank, waiting);
                    self.counts.queued += 1;
                    self.home(host, None, &url, started, now, Told::Nothing, now);
                }
                Errand::Robots { origin, also, .. } => {
                    self.robots_out -= 1;
                    self.hosts[host].robots[origin].out = false;
                    let rules = self.hosts[host].rules.base().pace;
                    for it in [Some(host), also].into_iter().flatten() {
                        self.hosts[it].pace.ended(&rules, started, now, Told::Nothing);
                        self.leave_host(it, now);
                        self.place_anew(it, now);
                    }
                    self.leave_address(also.unwrap_or(host), started, now, now);
                }
            }
            self.place(host, now);
        }
        ids.len()
    }

    pub(super) fn count(&mut self, purpose: &Purpose, settled: &Settled) {
        if let (Settled::Page { status, .. }, false) = (settled, *purpose == Purpose::Robots) {
            self.counts.responses += 1;
            self.counts.pages += u64::from((200..300).contains(status));
        }
    }
}

/// It counts against a host's budget of pages.
pub(super) fn is_page(receipt: &Receipt) -> bool {
    let is_ok = matches!(receipt.settled, Settled::Page { status: 200..=299, .. });
    is_ok && receipt.visit.purpose.is_page() && receipt.visit.copy.is_none()
}

/// What an outcome tells of the host.
pub(super) fn told(receipt: &Receipt, wall: SystemTime) -> Told {
    let took = receipt.timings.and_then(|timings| timings.first_byte).unwrap_or_default();
    Told::of(&receipt.settled, took, wall)
}

/// When the server can have seen the request at the latest: not when the visit was granted, but when it had been
/// sent. The two clocks agree but for jumps of the system's.
fn asked_at(receipt: &Receipt, started: Stamp, now: Stamp) -> Stamp {
    let sent_after = receipt.timings.map_or(Duration::ZERO, |timings| timings.sent_after());
    let begun = Stamp::new(Duration::from_millis(receipt.fetched_at.0 + 1));
    (begun + sent_after).clamp(started, now.max(started))
}
