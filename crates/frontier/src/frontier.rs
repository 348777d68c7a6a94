//! The frontier: all hosts, whose turn it is, and the visits that are out.
//!
//! Owns the state of the crawl between two messages. `now` is an argument everywhere.

mod company;
mod explain;
mod grant;
mod keep;
mod left;
mod replay;
mod revisit;
mod settle;

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap, HashMap, VecDeque},
    fmt, io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use dragline_model::{CanonicalUrl, FingerprintMap, FingerprintSet, HostKey, Link, Purpose, Visit, VisitId};
use dragline_politeness::{PaceRules, RobotsRules, Stamp};

pub use explain::{Explanation, HostStanding, RobotsStanding, Whereabouts};
pub use keep::{Checkpoint, Unreadable};
pub use left::LeftHost;
pub use revisit::Looked;

use crate::{
    Brought, Counts, RetryTable, Scope, TrapRules, Traps,
    addresses::Addresses,
    commons::Seat,
    host::{Address, Host},
    parked::Parked,
    queue::{Rank, Store},
    rules::{Manners, RuleBook},
    slots::Slots,
    tails::Tails,
    waiting::Waiting,
};

/// What a crawl may do, to one host and in all.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How each host is treated.
    pub rules: RuleBook,
    /// How an address is treated that several hosts share; `None` where addresses have no pace.
    pub address: Option<PaceRules>,
    /// How robots.txt files are come by.
    pub robots: RobotsRules,
    /// Who asks: what robots.txt knows the crawler by.
    pub agent: Arc<str>,
    /// What a URL is judged by that an earlier run left waiting.
    pub scope: Option<Arc<Scope>>,
    /// Pages (responses of status 2xx) after which nothing more is granted.
    pub max_pages: Option<u64>,
    /// When a URL is asked for again.
    pub retry: RetryTable,
    /// How long the crawl waits for a host when nothing else is left to do. What waits for a host that is further
    /// away (it rests, is silent, or its robots.txt cannot be had) is left for the next run.
    pub patience: Duration,
    /// Which URLs lead nowhere.
    pub traps: TrapRules,
    /// Raises or lowers the class of a link: 1 goes before all that is 0. `None` leaves the classes as they are.
    pub score: Option<Score>,
}

/// A hook that says how much a link matters, given the page it was found on.
#[derive(Clone)]
pub struct Score(pub Arc<ScoreFn>);

/// See [`Score`].
pub type ScoreFn = dyn Fn(&Link, Option<&CanonicalUrl>) -> i8 + Send + Sync;

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Score")
    }
}

impl Default for Limits {
    /// One request at a time to a host, a second apart, without a budget; robots.txt is obeyed.
    fn default() -> Self {
        Self {
            rules: RuleBook::new(Manners::default(), Vec::new()),
            address: None,
            robots: RobotsRules::default(),
            agent: "dragline".into(),
            scope: None,
            max_pages: None,
            retry: RetryTable::default(),
            patience: Duration::from_secs(300),
            traps: TrapRules::default(),
            score: None,
        }
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
    /// It is asked for again after this wait, or later if its host rests.
    Again(Duration),
    /// The visit was not out: its fetcher was declared dead before the receipt came. The URL is asked for again
    /// only if the outcome calls for it, or if it is out again already.
    Late,
    /// The visit was settled before; nothing is counted twice, and its links are known.
    Twice,
}

/// See [`on_its_way`].
pub(crate) const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// Priorities around which the classes lie: seeds first, then sitemaps, then everything else.
const CLASS: i16 = 100;
const SEED_SOONER: i16 = 20;
const SITEMAP_SOONER: i16 = 10;

/// A visit that is out.
#[derive(Debug)]
struct Out {
    fetcher: usize,
    host: usize,
    started: Stamp,
    errand: Errand,
}

#[derive(Debug)]
enum Errand {
    Url {
        rank: Rank,
        waiting: Waiting,
    },
    Robots {
        /// Index into [`Host::robots`].
        origin: usize,
        hops: u8,
        /// The host that a redirect led to, whose pace counts as well.
        also: Option<usize>,
    },
}

impl Errand {
    /// The other host that it goes to.
    fn goes_to(&self) -> Option<usize> {
        match self {
            Errand::Robots { also, .. } => *also,
            Errand::Url { .. } => None,
        }
    }
}

/// A URL that lost its visit.
#[derive(Debug)]
struct Returned {
    visit: VisitId,
    attempt: u8,
    /// It waits in its host's queue: not granted again yet.
    waits: bool,
}

/// Whom the calendar wakes, or another crawl calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alarm {
    Host(usize),
    Gate(usize),
}

/// A URL that is asked for again.
#[derive(Debug)]
struct Later {
    at: Stamp,
    order: u64,
    host: usize,
    rank: Rank,
    waiting: Waiting,
}

/// See the [crate]'s documentation for a URL's life in it.
#[derive(Debug)]
pub struct Frontier {
    limits: Limits,
    /// Among the other crawls of its process.
    seat: Option<Seat>,
    tails: Box<dyn Tails>,
    hosts: Vec<Host>,
    by_key: HashMap<HostKey, usize>,
    addresses: Addresses,
    /// Hosts whose address is to be asked for.
    nameless: Vec<usize>,
    slots: Slots,
    /// Hosts whose turn it is: by home fetcher where one request at a time is allowed, else in one list.
    ready_at_home: Vec<VecDeque<usize>>,
    ready_anywhere: VecDeque<usize>,
    calendar: BinaryHeap<Reverse<(Stamp, Alarm)>>,
    retries: BinaryHeap<Reverse<Later>>,
    out: HashMap<VisitId, Out>,
    robots_out: usize,
    /// Hosts that are not waited for.
    deferred: BTreeSet<usize>,
    traps: Traps,
    parked: Parked,
    /// URLs that went back to the queue because their fetcher died, until they are settled: the receipt of the
    /// lost visit may still come.
    returned: FingerprintMap<Returned>,
    /// URLs in a queue that have been asked for since they were put there, and how often: what waits with fewer
    /// attempts is passed over when its turn comes.
    outdated: FingerprintMap<(u8, CanonicalUrl)>,
    /// What waits was found in an earlier run, perhaps under another scope.
    judges_waiting: bool,
    /// When an earlier life may last have asked a host.
    asked_perhaps: Option<Stamp>,
    first_visit: u64,
    next_visit: u64,
    counts: Counts,
    /// More URLs are to be judged than one call of [`Frontier::grant`] has time for.
    more_to_judge: bool,
    /// Tails could not be put away or read.
    trouble: Option<io::Error>,
    /// URLs that wait to be looked at again, or are being looked at.
    revisiting: FingerprintSet,
    /// In the middle of a replay: what waits for its end.
    replayed: FingerprintMap<replay::Replayed>,
}

impl Frontier {
    /// An empty frontier for `fetchers` fetchers, all of them down. Visits are numbered from `first_visit`: each
    /// run of one crawl needs numbers of its own.
    pub fn new(limits: Limits, fetchers: usize, first_visit: VisitId, tails: Box<dyn Tails>) -> Self {
        let traps = limits.traps;
        let mut slots = Slots::default();
        for fetcher in 0..fetchers {
            slots.up(fetcher, 0);
            slots.down(fetcher);
        }
        Self {
            limits,
            seat: None,
            tails,
            hosts: Vec::new(),
            by_key: HashMap::new(),
            addresses: Addresses::default(),
            nameless: Vec::new(),
            slots,
            ready_at_home: vec![VecDeque::new(); fetchers.max(1)],
            ready_anywhere: VecDeque::new(),
            calendar: BinaryHeap::new(),
            retries: BinaryHeap::new(),
            out: HashMap::new(),
            robots_out: 0,
            deferred: BTreeSet::new(),
            traps: Traps::new(traps),
            parked: Parked::default(),
            returned: FingerprintMap::default(),
            outdated: FingerprintMap::default(),
            judges_waiting: false,
            asked_perhaps: None,
            first_visit: first_visit.0,
            next_visit: first_visit.0,
            counts: Counts::default(),
            more_to_judge: false,
            trouble: None,
            revisiting: FingerprintSet::default(),
            replayed: FingerprintMap::default(),
        }
    }

    /// Shares the pace of hosts and addresses with the other crawls of the same [`Commons`](crate::Commons). To be
    /// called before anything is granted; the stamps it is called with are to be those of the seat's epoch.
    pub fn join(&mut self, seat: Seat) {
        self.seat = Some(seat);
    }

    /// Begins without a checkpoint: what waits was found by an earlier run, and no host is asked sooner than a delay
    /// from now, for nobody knows when it was asked last.
    pub fn begin_anew(&mut self, now: Stamp) {
        self.asked_perhaps = Some(now);
        self.judges_waiting = true;
    }

    /// What has been done so far, in this run and before it: budgets are the crawl's.
    pub fn resume(&mut self, done: Counts, now: Stamp) {
        if done.responses == 0 && done.requests == 0 {
            // Nobody can have been asked.
            self.asked_perhaps = None;
        }
        self.counts = Counts { queued: self.counts.queued, ..done };
        for host in 0..self.hosts.len() {
            self.place_anew(host, now);
        }
    }

    /// Takes in a URL that nobody has seen before, or that an earlier run left behind; `attempts` have been made at
    /// it.
    pub fn admit(&mut self, link: Link, via: Option<CanonicalUrl>, attempts: u8, now: Stamp) {
        self.admit_from(Waiting::new(link, via, attempts), Brought::SOMETHING, now);
    }

    /// Takes in a URL that was found on a page that brought so much, unless the traps have something against it.
    fn admit_from(&mut self, waiting: Waiting, found_on: Brought, now: Stamp) {
        match self.traps.admit(&waiting.link.url, found_on) {
            Err(reason) if waiting.via.is_some() => self.park(reason.word(), &waiting),
            // Seeds were asked for by name.
            _ => self.enqueue(waiting, now),
        }
    }

    fn enqueue(&mut self, waiting: Waiting, now: Stamp) {
        let host = self.host_of(&waiting.link.url);
        let rank = self.rank(host, &waiting);
        self.push(host, rank, waiting);
        self.place(host, now);
    }

    fn rank(&self, host: usize, waiting: &Waiting) -> Rank {
        let link = &waiting.link;
        let mut class = CLASS - i16::from(self.hosts[host].rules.of(&link.url).priority);
        if let Some(Score(score)) = &self.limits.score {
            class -= i16::from(score(link, waiting.via.as_ref()));
        }
        class -= match link.purpose {
            Purpose::Sitemap => SITEMAP_SOONER,
            _ if link.depth == 0 => SEED_SOONER,
            _ => 0,
        };
        // The last class is that of the revisits.
        Rank { class: class.clamp(0, 254) as u8, depth: link.depth }
    }

    fn push(&mut self, host: usize, rank: Rank, waiting: Waiting) {
        self.counts.queued += 1;
        let hosts = self.hosts.len();
        let mut store = Store { tails: &mut *self.tails, hosts };
        let pushed = self.hosts[host].queue_of(&waiting.link.url).push(rank, waiting, &mut store);
        self.note(pushed);
    }

    /// Remembers the first thing that went wrong with the tails.
    fn note(&mut self, done: io::Result<()>) {
        if let Err(error) = done
            && self.trouble.is_none()
        {
            self.trouble = Some(error);
        }
    }

    /// What went wrong with the tails, once: the crawl cannot go on with a part of its queue missing, but the next
    /// run can read all of it from the records.
    pub fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }

    /// Something went wrong with the tails that nobody has asked for yet.
    pub fn has_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    /// Hosts whose address somebody is to find out: name and port as in a URL. The answer goes to
    /// [`Frontier::found`].
    pub fn nameless(&mut self) -> Vec<HostKey> {
        let nameless = std::mem::take(&mut self.nameless);
        nameless.into_iter().map(|host| self.hosts[host].key.clone()).collect()
    }

    /// The address of a host; `None` where it has none, or none that counts.
    pub fn found(&mut self, key: &HostKey, ip: Option<IpAddr>, now: Stamp) {
        let Some(&host) = self.by_key.get(key) else { return };
        self.hosts[host].address = match ip {
            Some(ip) => Address::Known(self.addresses.number(ip, self.asked_perhaps)),
            None => Address::Free,
        };
        self.place(host, now);
    }

    /// A fetcher is there and holds nothing: it can take `capacity` visits.
    pub fn fetcher_up(&mut self, fetcher: usize, capacity: usize) {
        self.slots.up(fetcher, capacity);
    }

    /// No URL waits and no visit is out, but for what is [deferred](Counts::deferred).
    pub fn is_finished(&self) -> bool {
        self.out.is_empty() && self.counts.queued <= self.deferred_urls()
    }

    fn deferred_urls(&self) -> usize {
        self.deferred.iter().map(|host| self.hosts[*host].waiting()).sum()
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
        let with_urls = self.deferred.iter().filter(|host| self.hosts[**host].waiting() > 0);
        Counts {
            in_flight: self.out.len(),
            hosts: self.hosts.len().max(self.counts.hosts),
            deferred: self.deferred_urls(),
            hosts_deferred: with_urls.count(),
            parked: self.parked.by_reason(),
            ..self.counts.clone()
        }
    }

    fn has_budget(&self) -> bool {
        // The receipts of lost visits may still bring pages, as long as anything is under way.
        let late = if self.out.is_empty() { 0 } else { self.returned.len() };
        let pages_out = self.out.len() - self.robots_out;
        self.limits.max_pages.is_none_or(|max| self.counts.pages + ((pages_out + late) as u64) < max)
    }

    fn host_of(&mut self, url: &CanonicalUrl) -> usize {
        let key = url.host_key();
        if let Some(host) = self.by_key.get(&key) {
            return *host;
        }
        let host = self.hosts.len();
        let mut new = Host::new(key.clone(), self.limits.rules.of_host(url.host(), url.authority()));
        if self.limits.address.is_none() {
            new.address = Address::Free;
        }
        if let Some(at) = self.asked_perhaps {
            new.pace.assume_started(at + on_its_way(&new));
        }
        self.hosts.push(new);
        self.by_key.insert(key, host);
        host
    }
}

/// How long after its end a process's last request may still reach a host that is promised a delay.
fn on_its_way(host: &Host) -> Duration {
    ON_ITS_WAY.min(host.rules.base().pace.delay)
}

impl PartialEq for Later {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Later {}

impl PartialOrd for Later {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Later {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[cfg(test)]
mod tests;
