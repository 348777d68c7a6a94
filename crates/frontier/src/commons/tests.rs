use std::{collections::HashMap, time::SystemTime};

use dragline_model::{CanonicalUrl, Link, Receipt, Settled, Timestamp, Visit, VisitId};

use super::*;
use crate::{Frontier, Limits, Manners, MemoryTails, RuleBook};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Some crawls of one process, in a time of their own; what they ask takes `takes`.
struct Process {
    commons: Commons,
    epoch: Epoch,
    now: Stamp,
    takes: Duration,
    crawls: Vec<Option<Frontier>>,
    /// Who asked what, and when.
    asked: Vec<(usize, String, Stamp)>,
    out: Vec<(Stamp, usize, Visit, Settled)>,
    most_out: usize,
}

fn rules(delay: Duration, concurrency: u32) -> PaceRules {
    PaceRules { delay, concurrency, ..PaceRules::default() }
}

impl Process {
    fn new(takes: Duration) -> Self {
        let epoch = Epoch::new(Instant::now(), SystemTime::UNIX_EPOCH + 1_790_000_000 * SECOND);
        Self {
            commons: Commons::default(),
            epoch,
            now: epoch.stamp(epoch.begun()),
            takes,
            crawls: Vec::new(),
            asked: Vec::new(),
            out: Vec::new(),
            most_out: 0,
        }
    }

    /// A crawl whose own clock reads an hour more than that of the one before.
    fn crawl(&mut self, pace: PaceRules, address: Option<PaceRules>, urls: &[String]) {
        let hours = self.crawls.len() as u32;
        let manners = Manners { pace, obey_robots: false, ..Manners::default() };
        let limits = Limits { rules: RuleBook::new(manners, Vec::new()), address, ..Limits::default() };
        let mut frontier = Frontier::new(limits, 1, VisitId(0), Box::new(MemoryTails::default()));
        let skewed = SystemTime::UNIX_EPOCH + 1_790_000_000 * SECOND + hours * 3_600 * SECOND;
        frontier.join(self.commons.seat(Epoch::new(self.epoch.begun(), skewed), Arc::new(|| {})));
        frontier.fetcher_up(0, 64);
        let now = self.now + hours * 3_600 * SECOND;
        for url in urls {
            frontier.admit(Link::seed(CanonicalUrl::parse(url).unwrap()), None, 0, now);
        }
        for host in frontier.nameless() {
            frontier.found(&host, Some([192, 0, 2, 1].into()), now);
        }
        self.crawls.push(Some(frontier));
    }

    /// The visits of each crawl that can be granted now, in an order that changes, and what is home by now.
    fn step(&mut self) {
        let now = self.now;
        let (home, out) = std::mem::take(&mut self.out).into_iter().partition(|it| it.0 <= now);
        self.out = out;
        let home: Vec<(Stamp, usize, Visit, Settled)> = home;
        for (_, who, visit, settled) in home {
            let here = now + who as u32 * 3_600 * SECOND;
            let Some(frontier) = &mut self.crawls[who] else { continue };
            let receipt = Receipt {
                visit,
                fetched_at: Timestamp(0),
                timings: None,
                is_repeat: false,
                sketch: None,
                robots: None,
                seq: 1,
                settled,
                new_links: Vec::new(),
            };
            frontier.settle(&receipt, here, SystemTime::UNIX_EPOCH + here.since(Stamp::default()));
        }
        // Whoever is first, the others are to come to their turn.
        for who in 0..self.crawls.len() {
            let here = now + who as u32 * 3_600 * SECOND;
            let Some(frontier) = &mut self.crawls[who] else { continue };
            for host in frontier.nameless() {
                frontier.found(&host, Some([192, 0, 2, 1].into()), here);
            }
            for grant in frontier.grant(here) {
                self.asked.push((who, grant.visit.host.to_string(), now));
                let settled = Settled::Page { status: 200, bytes: 1, retry_after: None };
                self.out.push((now + self.takes, who, grant.visit, settled));
            }
        }
        self.most_out = self.most_out.max(self.out.len());
    }

    /// Until all are finished, in steps of a millisecond; no longer than an hour.
    fn run(&mut self, mut each: impl FnMut(&mut Self)) {
        for _ in 0..3_600_000 {
            self.step();
            each(self);
            if self.crawls.iter().flatten().all(Frontier::is_finished) {
                return;
            }
            self.now = self.now + MS;
        }
        panic!("not finished: {:?}", self.crawls);
    }

    /// The shortest time between two starts to one host, and to any.
    fn gaps(&self) -> (Duration, Duration) {
        let mut last = HashMap::new();
        let (mut of_hosts, mut of_all) = (Duration::MAX, Duration::MAX);
        let mut before: Option<Stamp> = None;
        for (_, host, at) in &self.asked {
            if let Some(before) = last.insert(host, *at) {
                of_hosts = of_hosts.min(at.since(before));
            }
            of_all = of_all.min(before.map_or(Duration::MAX, |before| at.since(before)));
            before = Some(*at);
        }
        (of_hosts, of_all)
    }
}

fn pages(of: usize, hosts: usize, each: usize) -> Vec<String> {
    (0..hosts * each).map(|n| format!("http://host{}.example/of-{of}/{n}", n % hosts)).collect()
}

#[test]
fn crawls_share_a_host_and_each_gets_its_turn() {
    for takes in [30 * MS, 700 * MS, 1_500 * MS] {
        let mut process = Process::new(takes);
        for who in 0..3 {
            process.crawl(rules(SECOND, 1), None, &pages(who, 2, 20));
        }
        process.run(|_| ());
        assert!(process.gaps().0 >= SECOND, "{:?}", process.gaps());
        assert_eq!(process.asked.len(), 120);
        // While all three want it, of any nine requests to a host each crawl made two at the least.
        let of_host: Vec<usize> =
            process.asked.iter().filter(|it| it.1 == "host0.example").map(|it| it.0).collect();
        for nine in of_host[..50].windows(9) {
            for who in 0..3 {
                let turns = nine.iter().filter(|it| **it == who).count();
                assert!(turns >= 2, "{who} in {nine:?}, each taking {takes:?}");
            }
        }
        // And next to no time is lost over it: 60 turns a host.
        let (first, last) = (process.asked[0].2, process.asked[119].2);
        let turn = takes.max(SECOND);
        assert!(last.since(first) < turn * 62, "{:?}, each taking {takes:?}", last.since(first));
    }
}

#[test]
fn the_one_with_the_longer_delay_is_not_starved() {
    let mut process = Process::new(10 * MS);
    process.crawl(rules(100 * MS, 1), None, &pages(0, 1, 40));
    process.crawl(rules(SECOND, 1), None, &pages(1, 1, 10));
    process.run(|_| ());
    let of_slow: Vec<usize> = (0..50).filter(|n| process.asked[*n].0 == 1).collect();
    assert!(*of_slow.last().unwrap() <= 20, "turn by turn: {of_slow:?}");
    for pair in process.asked.windows(2) {
        let promised = if pair[1].0 == 1 { SECOND } else { 100 * MS };
        assert!(pair[1].2.since(pair[0].2) >= promised, "{pair:?}");
    }
}

#[test]
fn requests_out_count_over_all_crawls() {
    let mut process = Process::new(40 * MS);
    for who in 0..2 {
        process.crawl(rules(Duration::ZERO, 3), None, &pages(who, 1, 60));
    }
    process.run(|process| assert!(process.out.len() <= 3));
    assert_eq!(process.most_out, 3);
    let first = process.asked[..60].iter().filter(|it| it.0 == 0).count();
    assert!((27..=33).contains(&first), "{first} of the first 60");
}

#[test]
fn one_at_a_time_gets_its_turn_among_many_at_a_time() {
    let mut process = Process::new(30 * MS);
    process.crawl(rules(Duration::ZERO, 8), None, &pages(0, 1, 400));
    process.crawl(rules(20 * MS, 1), None, &pages(1, 1, 20));
    process.run(|process| {
        let of = |who: usize| process.out.iter().filter(|it| it.1 == who).count();
        assert!(of(0) + of(1) <= 8 && of(1) <= 1);
    });
    let last = process.asked.iter().rposition(|it| it.0 == 1).unwrap();
    assert!(last < 300, "the last of its 20 was request {last} of 420");
}

#[test]
fn hosts_that_are_sent_elsewhere_are_others() {
    let commons = Commons::default();
    let epoch = Epoch::new(Instant::now(), SystemTime::now());
    let seat = || commons.seat(epoch, Arc::new(|| {}));
    let key = CanonicalUrl::parse("http://a.example/").unwrap().host_key();
    let sent = |port: u16| seat().sending(Arc::new(move |_| Some(([127, 0, 0, 1], port).into()))).host(&key);
    assert_eq!(seat().host(&key), seat().host(&key));
    assert_eq!(sent(80), sent(80));
    assert_ne!(sent(80), sent(81));
    assert_ne!(sent(80), seat().host(&key));
}

#[test]
fn hosts_of_one_address_share_it_over_all_crawls() {
    let mut process = Process::new(20 * MS);
    let address = rules(100 * MS, 2);
    for who in 0..2 {
        let pages: Vec<String> = (0..30).map(|n| format!("http://h{n}.of{who}.example/")).collect();
        process.crawl(rules(SECOND, 1), Some(address), &pages);
    }
    process.run(|_| ());
    assert_eq!(process.asked.len(), 60);
    assert!(process.gaps().1 >= 100 * MS, "{:?}", process.gaps());
    let first = process.asked[..40].iter().filter(|it| it.0 == 0).count();
    assert!((17..=23).contains(&first), "{first} of the first 40");
}

#[test]
fn one_that_dies_gives_back_what_it_had_out() {
    let mut process = Process::new(SECOND / 2);
    for who in 0..2 {
        process.crawl(rules(SECOND, 1), None, &pages(who, 1, 10));
    }
    let mut died = None;
    process.run(|process| {
        let has_out = process.out.iter().any(|it| it.1 == 0);
        if died.is_none() && process.asked.len() == 7 && has_out {
            process.crawls[0] = None;
            died = Some(process.now);
        }
    });
    let died = died.unwrap();
    let (who, _, next) = process.asked[7];
    // It may have asked up to its end, and a moment after.
    assert!(who == 1 && next.since(died) >= SECOND, "{:?}", next.since(died));
    assert!(next.since(died) < SECOND * 2, "{:?}", next.since(died));
    assert_eq!(process.asked.iter().filter(|it| it.0 == 1).count(), 10);
}

#[test]
fn a_rest_that_one_was_asked_for_is_the_rest_of_all() {
    let mut process = Process::new(10 * MS);
    for who in 0..2 {
        process.crawl(rules(100 * MS, 1), None, &pages(who, 1, 5));
    }
    let mut is_told = false;
    let mut asked_for_rest = Stamp::default();
    process.run(|process| {
        if !is_told && process.asked.len() == 3 {
            is_told = true;
            asked_for_rest = process.now;
            let retry_after = Some("30".into());
            process.out[0].3 = Settled::Page { status: 503, bytes: 0, retry_after };
        }
    });
    let next = process.asked[3].2;
    assert!(next.since(asked_for_rest) >= 30 * SECOND, "{:?}", next.since(asked_for_rest));
    assert!(next.since(asked_for_rest) < 31 * SECOND, "{:?}", next.since(asked_for_rest));
}

/// One that pauses stands in nobody's way for long.
#[test]
fn one_that_does_not_come_is_passed_over() {
    let mut process = Process::new(10 * MS);
    process.crawl(rules(200 * MS, 1), None, &pages(0, 1, 10));
    process.crawl(rules(200 * MS, 1), None, &pages(1, 1, 10));
    for _ in 0..500 {
        process.step();
        process.now = process.now + MS;
    }
    let mut paused = process.crawls[1].take();
    let before = process.asked.len();
    process.crawls.truncate(1);
    for _ in 0..1_000 {
        process.step();
        process.now = process.now + MS;
    }
    assert!(process.asked.len() - before >= 4, "{:?}", process.asked);
    process.crawls.push(paused.take());
    process.run(|_| ());
    assert!(process.gaps().0 >= 200 * MS);
}

#[test]
fn what_is_quiet_is_forgotten_and_what_is_not_is_not() {
    let commons = Commons::default();
    let epoch = Epoch::new(Instant::now(), SystemTime::now());
    let mut seat = commons.seat(epoch, Arc::new(|| {}));
    let pace_rules = rules(SECOND, 1);
    let begun = epoch.stamp(epoch.begun());
    let mut ask = |n: usize, now: Stamp, is_home: bool| {
        let url = CanonicalUrl::parse(&format!("http://host{n}.example/")).unwrap();
        let spot = seat.host(&url.host_key()).of(Alarm::Host(n));
        let mut pace = Pace::default();
        assert!(seat.start(spot, &mut pace, &pace_rules, now), "host {n}");
        pace.started(now, 0.0);
        if is_home {
            pace.ended(&pace_rules, now, now, dragline_politeness::Told::Nothing);
            seat.end(spot, &pace, now);
        }
    };
    // A hundred hosts a second, a thousand of them out all the time: what was asked in the last five minutes stays.
    const HOSTS: usize = 100_000;
    for n in 0..HOSTS {
        ask(n, begun + n as u32 * 10 * MS, n >= 1_000);
    }
    let remembered = commons.places();
    assert!((31_000..2 * 31_000).contains(&remembered), "{remembered}");
    // All at once: the bound holds, whatever was asked just now.
    let now = begun + HOSTS as u32 * 10 * MS;
    for n in HOSTS..4 * HOSTS {
        ask(n, now, true);
    }
    assert!(commons.places() <= SHARDS * SHARD_MAX * 11 / 10, "{}", commons.places());
    drop(seat);
    assert_eq!(commons.0.members.load(Ordering::Relaxed), 0);
    let mut late = commons.seat(epoch, Arc::new(|| {}));
    let url = |n: usize| CanonicalUrl::parse(&format!("http://host{n}.example/")).unwrap();
    let mut meet = |n: usize| {
        let spot = late.host(&url(n).host_key()).of(Alarm::Host(n));
        late.start(spot, &mut Pace::default(), &pace_rules, now)
    };
    assert!(!meet(4 * HOSTS - 1), "just asked");
    assert!(!meet(7), "it was out until its crawl died");
    assert!(meet(20_000), "quiet for ten minutes");
}
