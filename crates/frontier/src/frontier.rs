//! The frontier: all hosts, whose turn it is, and the visits that are out.
//!
//! Owns the state of the crawl between two messages. `now` is an argument everywhere.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
    time::{Duration, Instant},
};

use dragline_model::{
    CanonicalUrl, FailureKind, Fingerprint, FingerprintMap, FingerprintSet, HostKey, Link, Settled, Visit,
    VisitId,
};

use crate::{
    Retry, RetryTable,
    host::{Host, Place, Waiting},
    slots::Slots,
};

/// What a crawl may do, to one host and in all.
#[derive(Debug, Clone)]
pub struct Limits {
    /// From the start of one request to a host to the start of the next.
    pub delay: Duration,
    /// Requests out at one host at a time, at least 1.
    pub per_host: usize,
    /// Pages (responses of status 2xx) after which nothing more is granted.
    pub max_pages: Option<u64>,
    /// When a URL is asked for again.
    pub retry: RetryTable,
}

impl Default for Limits {
    /// One request at a time to a host, a second apart, without a budget.
    fn default() -> Self {
        Self { delay: Duration::from_secs(1), per_host: 1, max_pages: None, retry: RetryTable::default() }
    }
}

/// A visit and the fetcher whose slot it takes.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Index of the fetcher.
    pub fetcher: usize,
    /// The visit.
    pub visit: Visit,
}

/// What became of a settled visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The URL is done, or given up.
    Final,
    /// It is asked for again after this wait.
    Again(Duration),
    /// The visit was not out: its fetcher was declared dead before the receipt came. The URL is asked for again
    /// only if the outcome calls for it, or if it is out again already.
    Late,
    /// The visit was settled before; nothing is counted twice, and its links are known.
    Twice,
}

/// Figures of a crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Responses of status 2xx.
    pub pages: u64,
    /// Responses of any status.
    pub responses: u64,
    /// Visits granted in this run.
    pub requests: u64,
    /// URLs given up, by kind of failure.
    pub failures: BTreeMap<FailureKind, u64>,
    /// Attempts that will be made again.
    pub retries: u64,
    /// URLs that wait, those for another attempt included.
    pub queued: usize,
    /// Visits out.
    pub in_flight: usize,
    /// Hosts seen.
    pub hosts: usize,
}

#[derive(Debug)]
struct Out {
    fetcher: usize,
    host: usize,
    waiting: Waiting,
}

/// A URL that lost its visit.
#[derive(Debug)]
struct Returned {
    visit: VisitId,
    attempt: u8,
    /// It waits in its host's queue: not granted again yet.
    waits: bool,
}

/// See the [crate]'s documentation for a URL's life in it.
#[derive(Debug)]
pub struct Frontier {
    limits: Limits,
    hosts: Vec<Host>,
    by_key: HashMap<HostKey, usize>,
    slots: Slots,
    /// Hosts whose turn it is: by home fetcher where one request at a time is allowed, else in one list.
    ready_at_home: Vec<VecDeque<usize>>,
    ready_anywhere: VecDeque<usize>,
    calendar: BinaryHeap<Reverse<(Instant, usize)>>,
    retries: BinaryHeap<Reverse<Later>>,
    out: HashMap<VisitId, Out>,
    /// URLs that went back to the queue because their fetcher died, until they are settled: the receipt of the
    /// lost visit may still come.
    returned: FingerprintMap<Returned>,
    /// URLs in a queue whose receipt came late: passed over when their turn comes.
    done_already: FingerprintSet,
    /// Hosts that are new to this frontier are not asked before this.
    not_before: Option<Instant>,
    first_visit: u64,
    next_visit: u64,
    counts: Counts,
}

impl Frontier {
    /// An empty frontier for `fetchers` fetchers, all of them down. Visits are numbered from `first_visit`.
    pub fn new(limits: Limits, fetchers: usize) -> Self {
        Self::numbered_from(limits, fetchers, VisitId(0))
    }

    /// As [`Frontier::new`], with the number of the first visit: each run of one crawl needs numbers of its
    /// own.
    pub fn numbered_from(limits: Limits, fetchers: usize, first_visit: VisitId) -> Self {
        let mut slots = Slots::default();
        for fetcher in 0..fetchers {
            slots.up(fetcher, 0);
            slots.down(fetcher);
        }
        Self {
            limits: Limits { per_host: limits.per_host.max(1), ..limits },
            hosts: Vec::new(),
            by_key: HashMap::new(),
            slots,
            ready_at_home: vec![VecDeque::new(); fetchers.max(1)],
            ready_anywhere: VecDeque::new(),
            calendar: BinaryHeap::new(),
            retries: BinaryHeap::new(),
            out: HashMap::new(),
            returned: FingerprintMap::default(),
            done_already: FingerprintSet::default(),
            not_before: None,
            first_visit: first_visit.0,
            next_visit: first_visit.0,
            counts: Counts::default(),
        }
    }

    /// Goes on from what an earlier life has done: budgets are the crawl's, and no host is asked sooner than a
    /// delay from now, for nobody knows when it was asked last.
    pub fn resume(&mut self, done: Counts, now: Instant) {
        if done.responses > 0 && !self.limits.delay.is_zero() {
            self.not_before = now.checked_add(self.limits.delay);
        }
        self.counts = Counts { queued: self.counts.queued, ..done };
    }

    /// Takes in a URL that nobody has seen before. `attempts` have been made at it in earlier runs.
    pub fn admit(&mut self, link: Link, via: Option<CanonicalUrl>, attempts: u8) {
        let host = self.host_of(&link.url);
        self.counts.queued += 1;
        self.hosts[host].push(Waiting { link, via, attempts });
        self.place(host);
    }

    /// Grants as many visits as slots, turns and budgets allow.
    pub fn grant(&mut self, now: Instant) -> Vec<Grant> {
        self.wake(now);
        let mut grants = Vec::new();
        while self.has_budget() {
            let Some((fetcher, host)) = self.next_in_turn() else { break };
            if self.hosts[host].next_turn.is_some_and(|turn| turn > now) {
                // It asked for rest after it was put in the list.
                self.place(host);
                continue;
            }
            if let Some(visit) = self.visit_next(host, fetcher, now) {
                grants.push(Grant { fetcher, visit });
            }
            self.place(host);
        }
        grants
    }

    /// The next moment at which [`Frontier::grant`] could grant more without another event; `None` if there
    /// is none.
    pub fn next_wake(&self) -> Option<Instant> {
        let turn = self.calendar.peek().map(|Reverse((at, _))| *at);
        let retry = self.retries.peek().map(|Reverse(later)| later.at);
        turn.into_iter().chain(retry).min()
    }

    /// Takes a visit's outcome in.
    pub fn settle(&mut self, id: VisitId, url: &CanonicalUrl, settled: &Settled, now: Instant) -> Verdict {
        let Some(Out { fetcher, host, waiting }) = self.out.remove(&id) else {
            return self.settle_late(id, url, settled);
        };
        self.count(settled);
        if !self.returned.is_empty() {
            self.returned.remove(&waiting.link.fingerprint);
        }
        self.slots.give_back(fetcher);
        self.hosts[host].out -= 1;
        let attempts = waiting.attempts + 1;
        let verdict = match self.limits.retry.decide(settled, attempts) {
            Retry::Final => {
                if let Settled::Failure(failure) = settled {
                    *self.counts.failures.entry(failure.kind).or_default() += 1;
                }
                Verdict::Final
            }
            Retry::Again { wait, rest } => {
                let at = now + wait;
                if rest {
                    let turn = &mut self.hosts[host].next_turn;
                    *turn = (*turn).max(Some(at));
                }
                self.counts.queued += 1;
                self.counts.retries += 1;
                let order = id.0;
                let waiting = Waiting { attempts, ..waiting };
                self.retries.push(Reverse(Later { at, order, host, waiting }));
                Verdict::Again(wait)
            }
        };
        self.place(host);
        verdict
    }

    /// The receipt of a visit that is not out.
    fn settle_late(&mut self, id: VisitId, url: &CanonicalUrl, settled: &Settled) -> Verdict {
        let fingerprint = Fingerprint::of(url);
        match self.returned.get(&fingerprint) {
            Some(returned) if returned.visit == id => {
                if returned.waits && self.limits.retry.is_final(settled, returned.attempt) {
                    self.done_already.insert(fingerprint);
                }
                self.returned.remove(&fingerprint);
            }
            // A visit that an earlier life granted is new to this one.
            _ if id.0 < self.first_visit => {}
            _ => return Verdict::Twice,
        }
        self.count(settled);
        Verdict::Late
    }

    /// A fetcher is there and holds nothing: it can take `capacity` visits.
    pub fn fetcher_up(&mut self, fetcher: usize, capacity: usize) {
        self.slots.up(fetcher, capacity);
    }

    /// A fetcher died: its visits go back to the front of their queues. Returns how many.
    pub fn lost(&mut self, fetcher: usize) -> usize {
        self.slots.down(fetcher);
        let mut ids: Vec<VisitId> =
            self.out.iter().filter(|(_, out)| out.fetcher == fetcher).map(|(id, _)| *id).collect();
        // The last one granted goes in first, so that the first one granted stands in front again.
        ids.sort_unstable_by_key(|id| Reverse(*id));
        for id in &ids {
            let Some(Out { host, waiting, .. }) = self.out.remove(id) else { continue };
            let returned = Returned { visit: *id, attempt: waiting.attempts + 1, waits: true };
            self.returned.insert(waiting.link.fingerprint, returned);
            self.hosts[host].out -= 1;
            self.hosts[host].push_front(waiting);
            self.counts.queued += 1;
            self.place(host);
        }
        ids.len()
    }

    /// No URL waits and no visit is out.
    pub fn is_finished(&self) -> bool {
        self.counts.queued == 0 && self.out.is_empty()
    }

    /// The page budget is used up, or all that is left of it is out.
    pub fn is_budget_spent(&self) -> bool {
        !self.has_budget()
    }

    /// The fetcher that a visit is out with.
    pub fn fetcher_of(&self, id: VisitId) -> Option<usize> {
        self.out.get(&id).map(|out| out.fetcher)
    }

    /// The visits out.
    pub fn in_flight(&self) -> usize {
        self.out.len()
    }

    /// The figures as they stand.
    pub fn counts(&self) -> Counts {
        Counts {
            in_flight: self.out.len(),
            hosts: self.hosts.len().max(self.counts.hosts),
            ..self.counts.clone()
        }
    }

    fn has_budget(&self) -> bool {
        // The receipts of lost visits may still bring pages, as long as anything is under way.
        let late = if self.out.is_empty() { 0 } else { self.returned.len() };
        self.limits.max_pages.is_none_or(|max| self.counts.pages + ((self.out.len() + late) as u64) < max)
    }

    fn host_of(&mut self, url: &CanonicalUrl) -> usize {
        let key = url.host_key();
        if let Some(host) = self.by_key.get(&key) {
            return *host;
        }
        let host = self.hosts.len();
        let mut new = Host::new(key.clone());
        new.next_turn = self.not_before;
        self.hosts.push(new);
        self.by_key.insert(key, host);
        host
    }

    /// Moves what is due from the calendar and the retries to where it can be granted.
    fn wake(&mut self, now: Instant) {
        while self.retries.peek().is_some_and(|Reverse(later)| later.at <= now) {
            let Some(Reverse(later)) = self.retries.pop() else { break };
            self.hosts[later.host].push(later.waiting);
            self.place(later.host);
        }
        while self.calendar.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            let Some(Reverse((_, host))) = self.calendar.pop() else { break };
            self.hosts[host].place = Place::Aside;
            if self.hosts[host].next_turn.is_some_and(|turn| turn <= now) {
                self.hosts[host].next_turn = None;
            }
            self.place(host);
        }
    }

    /// Puts a host that stands aside into the list it belongs in.
    fn place(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.place != Place::Aside || host.is_empty() || host.out >= self.limits.per_host {
            return;
        }
        if let Some(turn) = host.next_turn {
            host.place = Place::Calendar;
            self.calendar.push(Reverse((turn, index)));
        } else {
            host.place = Place::Ready;
            if self.limits.per_host == 1 {
                self.ready_at_home[self.slots.home(&host.key)].push_back(index);
            } else {
                self.ready_anywhere.push_back(index);
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

    fn visit_next(&mut self, index: usize, fetcher: usize, now: Instant) -> Option<Visit> {
        let waiting = loop {
            let waiting = self.hosts[index].pop()?;
            self.counts.queued -= 1;
            if let Some(returned) = self.returned.get_mut(&waiting.link.fingerprint) {
                returned.waits = false;
            }
            if self.done_already.is_empty() || !self.done_already.remove(&waiting.link.fingerprint) {
                break waiting;
            }
        };
        let host = &mut self.hosts[index];
        host.out += 1;
        if !self.limits.delay.is_zero() {
            host.next_turn = Some(now + self.limits.delay);
        }
        self.slots.take(fetcher);
        self.counts.requests += 1;
        let id = VisitId(self.next_visit);
        self.next_visit += 1;
        let visit = Visit {
            id,
            url: waiting.link.url.clone(),
            host: host.key.clone(),
            depth: waiting.link.depth,
            hops: waiting.link.hops,
            attempt: waiting.attempts + 1,
            off: waiting.link.off,
            purpose: waiting.link.purpose,
            copy: None,
            via: waiting.via.clone(),
        };
        self.out.insert(id, Out { fetcher, host: index, waiting });
        Some(visit)
    }

    fn count(&mut self, settled: &Settled) {
        if let Settled::Page { status, .. } = settled {
            self.counts.responses += 1;
            self.counts.pages += u64::from((200..300).contains(status));
        }
    }
}

/// A URL that waits for another attempt, ordered by its time, then by its last visit.
#[derive(Debug)]
struct Later {
    at: Instant,
    order: u64,
    host: usize,
    waiting: Waiting,
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Later {}

#[cfg(test)]
mod tests;
