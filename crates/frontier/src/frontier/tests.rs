use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    time::SystemTime,
};

use dragline_model::{Failure, FailureKind, Receipt, Settled, Timestamp};
use dragline_politeness::BackOffRules;
use proptest::prelude::*;

use super::*;
use crate::{Counts, MemoryTails};

mod edges;
mod restarts;

const SECOND: Duration = Duration::from_secs(1);
/// Where the time of these tests begins.
const BEGUN: Duration = Duration::from_secs(1_790_000_000);

fn t0() -> Stamp {
    Stamp::new(BEGUN)
}

fn wall(now: Stamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + now.since(Stamp::default())
}

fn seed(text: &str) -> Link {
    Link::seed(CanonicalUrl::parse(text).unwrap())
}

fn ok(status: u16) -> Settled {
    Settled::Page { status, bytes: 1, retry_after: None }
}

/// Rules for all hosts; hosts that refuse rest for a tenth of a second, those that are silent not at all.
fn paced(delay: Duration, concurrency: u32) -> RuleBook {
    let forgive = Duration::from_secs(60);
    let pace = PaceRules {
        delay,
        concurrency,
        refused: BackOffRules { first: Duration::ZERO, max: Duration::ZERO, forgive },
        unreached: BackOffRules { first: Duration::ZERO, max: Duration::ZERO, forgive },
        ..PaceRules::default()
    };
    RuleBook::new(Manners { pace, obey_robots: false, ..Manners::default() }, Vec::new())
}

/// A frontier that remembers its visits, so that a test need not.
struct Tested {
    f: Frontier,
    visits: HashMap<VisitId, Visit>,
}

impl Deref for Tested {
    type Target = Frontier;

    fn deref(&self) -> &Frontier {
        &self.f
    }
}

impl DerefMut for Tested {
    fn deref_mut(&mut self) -> &mut Frontier {
        &mut self.f
    }
}

impl Tested {
    fn admit(&mut self, link: Link, via: Option<CanonicalUrl>, attempts: u8) {
        self.f.admit(link, via, attempts, t0());
    }

    fn grant(&mut self, now: Stamp) -> Vec<Grant> {
        let grants = self.f.grant(now);
        self.visits.extend(grants.iter().map(|g| (g.visit.id, g.visit.clone())));
        grants
    }

    fn settle(&mut self, id: VisitId, _: &CanonicalUrl, settled: &Settled, now: Stamp) -> Verdict {
        let receipt = receipt(self.visits[&id].clone(), settled.clone());
        self.f.settle(&receipt, now, wall(now))
    }

    fn lost(&mut self, fetcher: usize) -> usize {
        self.f.lost(fetcher, t0())
    }
}

fn receipt(visit: Visit, settled: Settled) -> Receipt {
    Receipt {
        visit,
        fetched_at: Timestamp(0),
        timings: None,
        is_repeat: false,
        sketch: None,
        robots: None,
        seq: 1,
        settled,
        new_links: Vec::new(),
    }
}

/// A frontier with two fetchers of eight slots, and some URLs.
fn frontier(limits: Limits, urls: &[&str]) -> Tested {
    let f = Frontier::new(limits, 2, VisitId(0), Box::new(MemoryTails::default()));
    let mut frontier = Tested { f, visits: HashMap::new() };
    frontier.fetcher_up(0, 8);
    frontier.fetcher_up(1, 8);
    for url in urls {
        frontier.admit(seed(url), None, 0);
    }
    frontier
}

fn urls(grants: &[Grant]) -> Vec<&str> {
    grants.iter().map(|g| g.visit.url.as_str()).collect()
}

#[test]
fn the_delay_runs_from_start_to_start() {
    let mut f = frontier(
        Limits { rules: paced(SECOND, 1), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://b/1"],
    );
    let now = t0();
    let first = f.grant(now);
    let mut hosts: Vec<_> = first.iter().map(|g| g.visit.host.as_str()).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["a", "b"], "one of each host");
    for grant in &first {
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), now + SECOND / 4);
    }
    assert!(f.grant(now + SECOND / 2).is_empty(), "the delay is not over");
    assert_eq!(f.next_wake(), Some(now + SECOND));
    assert_eq!(urls(&f.grant(now + SECOND)), ["http://a/2"]);
}

#[test]
fn a_slow_answer_holds_the_host_past_its_delay() {
    let mut f =
        frontier(Limits { rules: paced(SECOND, 1), ..Limits::default() }, &["http://a/1", "http://a/2"]);
    let now = t0();
    let first = f.grant(now);
    assert!(f.grant(now + 5 * SECOND).is_empty());
    f.settle(first[0].visit.id, &first[0].visit.url, &ok(200), now + 5 * SECOND);
    assert_eq!(f.grant(now + 5 * SECOND).len(), 1);
}

#[test]
fn per_host_visits_spread_over_the_fetchers() {
    let pages: Vec<String> = (0..40).map(|n| format!("http://a/{n}")).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let mut f = frontier(Limits { rules: paced(Duration::ZERO, 6), ..Limits::default() }, &pages);
    let grants = f.grant(t0());
    assert_eq!(grants.len(), 6);
    assert_eq!(grants.iter().filter(|g| g.fetcher == 0).count(), 3);
    let mut f = frontier(Limits { rules: paced(Duration::ZERO, 99), ..Limits::default() }, &pages);
    assert_eq!(f.grant(t0()).len(), 16, "slots bound what is out");
}

#[test]
fn one_host_stays_with_one_fetcher() {
    let mut f = frontier(
        Limits { rules: paced(Duration::ZERO, 1), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    let now = t0();
    let mut fetchers = Vec::new();
    loop {
        let grants = f.grant(now);
        let Some(grant) = grants.first() else { break };
        fetchers.push(grant.fetcher);
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
    }
    assert_eq!(fetchers, [fetchers[0]; 3]);
    assert!(f.is_finished());
}

#[test]
fn shallow_pages_come_first() {
    let mut f = frontier(Limits { rules: paced(Duration::ZERO, 1), ..Limits::default() }, &[]);
    for (depth, url) in
        [(2, "http://a/deep"), (0, "http://a/seed"), (1, "http://a/page"), (1, "http://a/page2")]
    {
        f.admit(Link { depth, ..seed(url) }, None, 0);
    }
    let now = t0();
    let mut order = Vec::new();
    while let Some(grant) = f.grant(now).pop() {
        order.push(grant.visit.url.path().to_owned());
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
    }
    assert_eq!(order, ["/seed", "/page", "/page2", "/deep"]);
}

#[test]
fn a_failure_is_tried_again_and_then_given_up() {
    let limits =
        Limits { rules: paced(Duration::ZERO, 1), retry: RetryTable { base: SECOND }, ..Limits::default() };
    let mut f = frontier(limits, &["http://a/1"]);
    let failed = Settled::Failure(Failure::new(FailureKind::Closed, ""));
    let mut now = t0();
    for (attempt, wait) in [(1, Some(SECOND)), (2, Some(3 * SECOND)), (3, None)] {
        let grant = f.grant(now).pop().expect("granted");
        assert_eq!(grant.visit.attempt, attempt);
        let verdict = f.settle(grant.visit.id, &grant.visit.url, &failed, now);
        let Some(wait) = wait else {
            assert_eq!(verdict, Verdict::Final);
            break;
        };
        assert_eq!(verdict, Verdict::Again(wait));
        assert!(f.grant(now + (wait - Duration::from_millis(1))).is_empty());
        assert!(!f.is_finished());
        now = now + wait;
    }
    assert!(f.is_finished());
    assert_eq!(f.counts().failures[&FailureKind::Closed], 1);
}

#[test]
fn a_host_that_asks_for_rest_gets_it() {
    let mut f = frontier(
        Limits { rules: paced(Duration::ZERO, 2), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    let now = t0();
    let grants = f.grant(now);
    assert_eq!(grants.len(), 2);
    let busy = Settled::Page { status: 429, bytes: 0, retry_after: Some("30".into()) };
    f.settle(grants[0].visit.id, &grants[0].visit.url, &busy, now);
    f.settle(grants[1].visit.id, &grants[1].visit.url, &ok(200), now);
    assert!(f.grant(now + 29 * SECOND).is_empty(), "the third page waits too");
    assert_eq!(f.next_wake(), Some(now + 30 * SECOND));
    assert_eq!(f.grant(now + 30 * SECOND).len(), 2);
}

#[test]
fn the_page_budget_is_never_passed() {
    let mut f = frontier(
        Limits { rules: paced(Duration::ZERO, 8), max_pages: Some(2), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3", "http://a/4"],
    );
    let now = t0();
    let grants = f.grant(now);
    assert_eq!(grants.len(), 2);
    f.settle(grants[0].visit.id, &grants[0].visit.url, &ok(404), now);
    f.settle(grants[1].visit.id, &grants[1].visit.url, &ok(200), now);
    let grants = f.grant(now);
    assert_eq!(grants.len(), 1, "a 404 is no page");
    f.settle(grants[0].visit.id, &grants[0].visit.url, &ok(200), now);
    assert!(f.grant(now).is_empty());
    assert!(f.is_budget_spent());
    assert_eq!(f.counts().queued, 1);
}

#[test]
fn visits_of_a_dead_fetcher_go_back_in_order() {
    let mut f = frontier(
        Limits { rules: paced(Duration::ZERO, 3), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    f.lost(1);
    let now = t0();
    let before = f.grant(now);
    assert_eq!(f.lost(0), 3);
    assert!(f.grant(now).is_empty(), "no fetcher is up");
    // The first one had reached storage before its fetcher died.
    assert_eq!(f.settle(before[0].visit.id, &before[0].visit.url, &ok(200), now), Verdict::Late);
    f.fetcher_up(0, 8);
    assert_eq!(urls(&f.grant(now)), ["http://a/2", "http://a/3"]);
}

#[test]
fn a_late_receipt_that_is_not_final_leaves_the_url_in_its_queue() {
    let limits =
        Limits { rules: paced(Duration::ZERO, 1), retry: RetryTable { base: SECOND }, ..Limits::default() };
    let mut f = frontier(limits, &["http://a/1"]);
    f.lost(1);
    let now = t0();
    let first = f.grant(now).pop().expect("granted");
    f.lost(0);
    let failed = Settled::Failure(Failure::new(FailureKind::Closed, ""));
    assert_eq!(f.settle(first.visit.id, &first.visit.url, &failed, now), Verdict::Late);
    f.fetcher_up(0, 8);
    assert_eq!(urls(&f.grant(now)), ["http://a/1"]);
}

#[test]
fn a_receipt_that_comes_twice_counts_once() {
    let mut f = frontier(Limits { rules: paced(Duration::ZERO, 1), ..Limits::default() }, &["http://a/1"]);
    let now = t0();
    let visit = f.grant(now).pop().expect("granted").visit;
    assert_eq!(f.settle(visit.id, &visit.url, &ok(200), now), Verdict::Final);
    assert_eq!(f.settle(visit.id, &visit.url, &ok(200), now), Verdict::Twice);
    assert_eq!(f.counts().pages, 1);
}

#[test]
fn the_budget_holds_when_receipts_come_late() {
    let limits = Limits { rules: paced(Duration::ZERO, 4), max_pages: Some(3), ..Limits::default() };
    let mut f = frontier(limits, &["http://a/1", "http://a/2", "http://a/3", "http://a/4"]);
    f.lost(1);
    let now = t0();
    let lost = f.grant(now);
    assert_eq!(lost.len(), 3);
    f.lost(0);
    f.fetcher_up(0, 8);
    let mut out = f.grant(now);
    for grant in lost {
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
    }
    while let Some(grant) = out.pop() {
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
        out.extend(f.grant(now));
    }
    assert_eq!(f.counts().pages, 3 + f.counts().requests - 3, "every page was asked for");
    assert!(f.counts().pages <= 4, "one URL that was out again at most: {:?}", f.counts());
}

#[test]
fn a_resumed_crawl_waits_a_delay_before_it_asks_anybody() {
    let mut f = frontier(Limits { rules: paced(SECOND, 1), ..Limits::default() }, &[]);
    let now = t0();
    f.f.begin_anew(now);
    f.admit(seed("http://a/1"), None, 0);
    f.f.resume(Counts { pages: 5, responses: 5, ..Counts::default() }, now);
    // A request of the life before may have been on its way.
    let then = now + ON_ITS_WAY + SECOND;
    assert!(f.grant(now + SECOND).is_empty());
    assert_eq!(f.next_wake(), Some(then));
    assert_eq!(f.grant(then).len(), 1);
}

proptest! {
    /// Whatever happens in whatever order, receipts that come late or twice included: nothing is lost, no host
    /// gets more than it may, slots hold.
    #[test]
    fn nothing_is_lost(events in prop::collection::vec((0u8..12, any::<u16>()), 1..400), per_host in 1usize..4, delay_ms in 0u64..3) {
        let limits = Limits { rules: paced(Duration::from_millis(delay_ms), per_host as u32), retry: RetryTable { base: Duration::from_millis(1) }, ..Limits::default() };
        let mut f = frontier(limits, &[]);
        let mut now = t0();
        let mut admitted = std::collections::BTreeSet::new();
        let mut finished = std::collections::BTreeSet::new();
        let mut out: Vec<Grant> = Vec::new();
        // Granted to fetchers that died; and settled once.
        let (mut ghosts, mut settled_once): (Vec<Grant>, Vec<Grant>) = (Vec::new(), Vec::new());
        let mut up = [true, true];
        for (event, pick) in events {
            let settled = match pick % 4 {
                0 => Settled::Failure(Failure::new(FailureKind::Closed, "")),
                1 => ok(503),
                _ => ok(200),
            };
            match event {
                0..=3 => {
                    let url = format!("http://h{}/{}", pick % 5, admitted.len());
                    f.admit(seed(&url), None, 0);
                    admitted.insert(url);
                }
                4..=6 if !out.is_empty() => {
                    let grant = out.swap_remove(usize::from(pick) % out.len());
                    match f.settle(grant.visit.id, &grant.visit.url, &settled, now) {
                        Verdict::Final => { finished.insert(grant.visit.url.to_string()); }
                        Verdict::Again(_) => {}
                        other => prop_assert!(false, "a visit that was out is {other:?}"),
                    }
                    settled_once.push(grant);
                }
                7 => {
                    let dead = usize::from(pick % 2);
                    let lost = f.lost(dead);
                    prop_assert_eq!(lost, out.iter().filter(|g| g.fetcher == dead).count());
                    let (gone, left) = out.into_iter().partition(|g| g.fetcher == dead);
                    out = left;
                    ghosts.extend::<Vec<Grant>>(gone);
                    up[dead] = false;
                }
                8 => {
                    let back = usize::from(pick % 2);
                    if !up[back] { f.fetcher_up(back, 8); up[back] = true; }
                }
                9 if !ghosts.is_empty() => {
                    let grant = ghosts.swap_remove(usize::from(pick) % ghosts.len());
                    let table = RetryTable { base: Duration::from_millis(1) };
                    let late = f.settle(grant.visit.id, &grant.visit.url, &settled, now);
                    prop_assert!(matches!(late, Verdict::Late | Verdict::Twice), "{late:?}");
                    if late == Verdict::Late && table.is_final(&settled, grant.visit.attempt) {
                        finished.insert(grant.visit.url.to_string());
                    }
                }
                10 if !settled_once.is_empty() => {
                    let grant = &settled_once[usize::from(pick) % settled_once.len()];
                    prop_assert_eq!(f.settle(grant.visit.id, &grant.visit.url, &settled, now), Verdict::Twice);
                }
                _ => now = now + Duration::from_millis(u64::from(pick % 8)),
            }
            out.extend(f.grant(now));
            for (fetcher, up) in up.iter().enumerate() {
                let held = out.iter().filter(|g| g.fetcher == fetcher).count();
                let slots = if *up { 8 } else { 0 };
                prop_assert!(held <= slots);
            }
            let mut by_host = HashMap::<&str, usize>::new();
            for grant in &out { *by_host.entry(grant.visit.host.as_str()).or_default() += 1; }
            prop_assert!(by_host.values().all(|n| *n <= per_host));
            prop_assert_eq!(f.in_flight(), out.len());
        }
        // Left alone with working fetchers, it comes to an end.
        for (fetcher, up) in up.into_iter().enumerate() { if !up { f.fetcher_up(fetcher, 8); } }
        for _ in 0..10_000 {
            out.extend(f.grant(now));
            if f.is_finished() { break; }
            match out.pop() {
                Some(grant) => {
                    f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
                    finished.insert(grant.visit.url.to_string());
                }
                None => now = f.next_wake().expect("something waits, so something will wake it"),
            }
        }
        prop_assert_eq!(finished, admitted);
    }
}

/// As [`frontier`], with robots.txt obeyed and no delay.
fn obedient(urls: &[&str]) -> Tested {
    let mut manners = paced(Duration::ZERO, 1).default_manners().clone();
    manners.obey_robots = true;
    frontier(Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() }, urls)
}

/// What a robots.txt brought.
fn rules(visit: &Visit, status: u16, body: &'static str, location: Option<&str>) -> Receipt {
    let answer = dragline_model::RobotsAnswer {
        location: location.map(str::to_owned),
        cache_control: None,
        body: body.into(),
    };
    Receipt { robots: Some(Box::new(answer)), ..receipt(visit.clone(), ok(status)) }
}

#[test]
fn the_rules_come_first_and_are_kept() {
    let mut f = obedient(&["http://a/x", "http://a/private", "http://a/y"]);
    let now = t0();
    let first = f.grant(now).remove(0).visit;
    assert_eq!((first.url.as_str(), first.purpose), ("http://a/robots.txt", Purpose::Robots));
    assert!(f.grant(now).is_empty(), "nothing before the rules are there");
    f.f.settle(
        &rules(&first, 200, "User-agent: *\nDisallow: /private\nCrawl-delay: 3", None),
        now,
        wall(now),
    );
    let later = now + 3 * SECOND;
    assert!(f.grant(now + 2 * SECOND).is_empty(), "Crawl-delay counts from the rules on");
    assert_eq!(urls(&f.grant(later)), ["http://a/x"]);
    let x = f.visits.values().find(|v| v.url.path() == "/x").cloned().unwrap();
    f.settle(x.id, &x.url, &ok(200), later);
    assert_eq!(urls(&f.grant(later + 3 * SECOND)), ["http://a/y"]);
    assert_eq!(f.counts().parked["robots"], 1);
    assert_eq!(f.counts().robots, 1);
}

#[test]
fn rules_are_followed_to_where_they_are() {
    let mut f = obedient(&["http://a/x"]);
    let now = t0();
    let first = f.grant(now).remove(0).visit;
    f.f.settle(&rules(&first, 301, "", Some("http://b/r.txt")), now, wall(now));
    let second = f.grant(now).remove(0).visit;
    assert_eq!((second.url.as_str(), second.hops, second.host.as_str()), ("http://b/r.txt", 1, "a"));
    f.f.settle(&rules(&second, 200, "User-agent: *\nDisallow: /x", None), now, wall(now));
    assert!(f.grant(now).is_empty());
    assert!(f.is_finished());
    assert_eq!(f.counts().parked["robots"], 1);
}

#[test]
fn a_host_whose_rules_cannot_be_had_is_not_waited_for_for_ever() {
    let mut f = obedient(&["http://a/x", "http://b/x"]);
    let mut now = t0();
    let mut asked = 0;
    while !f.is_finished() {
        for grant in f.grant(now) {
            let visit = grant.visit;
            match (visit.host.as_str(), visit.purpose) {
                ("a", Purpose::Robots) => {
                    asked += 1;
                    f.f.settle(&rules(&visit, 503, "", None), now, wall(now));
                }
                (_, Purpose::Robots) => drop(f.f.settle(&rules(&visit, 404, "", None), now, wall(now))),
                (host, _) => {
                    assert_eq!(host, "b");
                    f.settle(visit.id, &visit.url, &ok(200), now);
                }
            }
        }
        now = f.next_wake().expect("it is asked again").max(now);
    }
    assert!(now.since(t0()) >= Duration::from_secs(240), "not within the first minutes");
    assert!((3..8).contains(&asked), "{asked} times");
    let counts = f.counts();
    assert_eq!((counts.queued, counts.deferred, counts.hosts_deferred), (1, 1, 1));
}

#[test]
fn a_host_that_was_never_reached_is_given_three_chances() {
    let mut f = obedient(&["http://a/x"]);
    let mut now = t0();
    let mut asked = 0;
    while !f.is_finished() {
        for grant in f.grant(now) {
            asked += 1;
            let failure = Settled::Failure(Failure::new(FailureKind::Dns, "no such name"));
            f.settle(grant.visit.id, &grant.visit.url, &failure, now);
        }
        now = f.next_wake().unwrap_or(now).max(now);
    }
    assert_eq!((asked, f.counts().deferred), (3, 1));
}

#[test]
fn hosts_of_one_address_share_its_pace() {
    let address = PaceRules { delay: SECOND, concurrency: 1, ..PaceRules::default() };
    let mut f = frontier(
        Limits { rules: paced(Duration::ZERO, 1), address: Some(address), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://b/1", "http://c/1", "http://d/1"],
    );
    let mut now = t0();
    assert!(f.grant(now).is_empty(), "nobody knows their addresses");
    for host in f.nameless() {
        let last = if host.as_str() == "d" { 2 } else { 1 };
        f.found(&host, Some(IpAddr::from([192, 0, 2, last])), now);
    }
    let mut starts: Vec<(Duration, String)> = Vec::new();
    while !f.is_finished() {
        for grant in f.grant(now) {
            let visit = grant.visit;
            starts.push((now.since(t0()), visit.url.to_string()));
            f.settle(visit.id, &visit.url, &ok(200), now);
        }
        now = f.next_wake().unwrap_or(now).max(now);
    }
    let of_d: Vec<_> = starts.extract_if(.., |(_, url)| url.contains("//d/")).collect();
    assert_eq!(of_d, [(Duration::ZERO, "http://d/1".to_owned())], "it has its own");
    let times: Vec<u64> = starts.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [0, 1, 2, 3], "{starts:?}");
    let hosts: std::collections::BTreeSet<&str> = starts[..3].iter().map(|(_, url)| &url[7..8]).collect();
    assert_eq!(hosts.len(), 3, "each host before any has its second turn: {starts:?}");
}
