use dragline_model::Failure;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn seed(text: &str) -> Link {
    Link::seed(CanonicalUrl::parse(text).unwrap())
}

fn ok(status: u16) -> Settled {
    Settled::Page { status, bytes: 1, retry_after: None }
}

/// A frontier with two fetchers of eight slots, and some URLs.
fn frontier(limits: Limits, urls: &[&str]) -> Frontier {
    let mut frontier = Frontier::new(limits, 2);
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
    let mut f =
        frontier(Limits { delay: SECOND, ..Limits::default() }, &["http://a/1", "http://a/2", "http://b/1"]);
    let now = Instant::now();
    let first = f.grant(now);
    let mut hosts: Vec<_> = first.iter().map(|g| g.visit.host.as_str()).collect();
    hosts.sort_unstable();
    assert_eq!(hosts, ["a", "b"], "one of each host");
    for grant in &first {
        f.settle(grant.visit.id, &ok(200), now + SECOND / 4);
    }
    assert!(f.grant(now + SECOND / 2).is_empty(), "the delay is not over");
    assert_eq!(f.next_wake(), Some(now + SECOND));
    assert_eq!(urls(&f.grant(now + SECOND)), ["http://a/2"]);
}

#[test]
fn a_slow_answer_holds_the_host_past_its_delay() {
    let mut f = frontier(Limits { delay: SECOND, ..Limits::default() }, &["http://a/1", "http://a/2"]);
    let now = Instant::now();
    let first = f.grant(now);
    assert!(f.grant(now + 5 * SECOND).is_empty());
    f.settle(first[0].visit.id, &ok(200), now + 5 * SECOND);
    assert_eq!(f.grant(now + 5 * SECOND).len(), 1);
}

#[test]
fn per_host_visits_spread_over_the_fetchers() {
    let pages: Vec<String> = (0..40).map(|n| format!("http://a/{n}")).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let mut f = frontier(Limits { delay: Duration::ZERO, per_host: 6, ..Limits::default() }, &pages);
    let grants = f.grant(Instant::now());
    assert_eq!(grants.len(), 6);
    assert_eq!(grants.iter().filter(|g| g.fetcher == 0).count(), 3);
    let mut f = frontier(Limits { delay: Duration::ZERO, per_host: 99, ..Limits::default() }, &pages);
    assert_eq!(f.grant(Instant::now()).len(), 16, "slots bound what is out");
}

#[test]
fn one_host_stays_with_one_fetcher() {
    let mut f = frontier(
        Limits { delay: Duration::ZERO, ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    let now = Instant::now();
    let mut fetchers = Vec::new();
    loop {
        let grants = f.grant(now);
        let Some(grant) = grants.first() else { break };
        fetchers.push(grant.fetcher);
        f.settle(grant.visit.id, &ok(200), now);
    }
    assert_eq!(fetchers, [fetchers[0]; 3]);
    assert!(f.is_finished());
}

#[test]
fn shallow_pages_come_first() {
    let mut f = frontier(Limits { delay: Duration::ZERO, ..Limits::default() }, &[]);
    for (depth, url) in
        [(2, "http://a/deep"), (0, "http://a/seed"), (1, "http://a/page"), (1, "http://a/page2")]
    {
        f.admit(Link { depth, ..seed(url) }, None, 0);
    }
    let now = Instant::now();
    let mut order = Vec::new();
    while let Some(grant) = f.grant(now).pop() {
        order.push(grant.visit.url.path().to_owned());
        f.settle(grant.visit.id, &ok(200), now);
    }
    assert_eq!(order, ["/seed", "/page", "/page2", "/deep"]);
}

#[test]
fn a_failure_is_tried_again_and_then_given_up() {
    let limits = Limits { delay: Duration::ZERO, retry: RetryTable { base: SECOND }, ..Limits::default() };
    let mut f = frontier(limits, &["http://a/1"]);
    let failed = Settled::Failure(Failure::new(FailureKind::Closed, ""));
    let mut now = Instant::now();
    for (attempt, wait) in [(1, Some(SECOND)), (2, Some(3 * SECOND)), (3, None)] {
        let grant = f.grant(now).pop().expect("granted");
        assert_eq!(grant.visit.attempt, attempt);
        let verdict = f.settle(grant.visit.id, &failed, now);
        let Some(wait) = wait else {
            assert_eq!(verdict, Verdict::Final);
            break;
        };
        assert_eq!(verdict, Verdict::Again(wait));
        assert!(f.grant(now + wait - Duration::from_millis(1)).is_empty());
        assert!(!f.is_finished());
        now += wait;
    }
    assert!(f.is_finished());
    assert_eq!(f.counts().failures[&FailureKind::Closed], 1);
}

#[test]
fn a_host_that_asks_for_rest_gets_it() {
    let mut f = frontier(
        Limits { delay: Duration::ZERO, per_host: 2, ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    let now = Instant::now();
    let grants = f.grant(now);
    assert_eq!(grants.len(), 2);
    let busy = Settled::Page { status: 429, bytes: 0, retry_after: Some("30".into()) };
    f.settle(grants[0].visit.id, &busy, now);
    f.settle(grants[1].visit.id, &ok(200), now);
    assert!(f.grant(now + 29 * SECOND).is_empty(), "the third page waits too");
    assert_eq!(f.next_wake(), Some(now + 30 * SECOND));
    assert_eq!(f.grant(now + 30 * SECOND).len(), 2);
}

#[test]
fn the_page_budget_is_never_passed() {
    let mut f = frontier(
        Limits { delay: Duration::ZERO, per_host: 8, max_pages: Some(2), ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3", "http://a/4"],
    );
    let now = Instant::now();
    let grants = f.grant(now);
    assert_eq!(grants.len(), 2);
    f.settle(grants[0].visit.id, &ok(404), now);
    f.settle(grants[1].visit.id, &ok(200), now);
    let grants = f.grant(now);
    assert_eq!(grants.len(), 1, "a 404 is no page");
    f.settle(grants[0].visit.id, &ok(200), now);
    assert!(f.grant(now).is_empty());
    assert!(f.is_budget_spent());
    assert_eq!(f.counts().queued, 1);
}

#[test]
fn visits_of_a_dead_fetcher_go_back_in_order() {
    let mut f = frontier(
        Limits { delay: Duration::ZERO, per_host: 3, ..Limits::default() },
        &["http://a/1", "http://a/2", "http://a/3"],
    );
    f.lost(1);
    let now = Instant::now();
    let before = f.grant(now);
    assert_eq!(f.lost(0), 3);
    assert!(f.grant(now).is_empty(), "no fetcher is up");
    // The first one had reached storage before its fetcher died.
    assert_eq!(f.settle(before[0].visit.id, &ok(200), now), Verdict::Late);
    f.fetcher_up(0, 8);
    assert_eq!(urls(&f.grant(now)), ["http://a/2", "http://a/3"]);
}

proptest! {
    /// Whatever happens in whatever order: nothing is lost, no host gets more than it may, slots hold.
    #[test]
    fn nothing_is_lost(events in prop::collection::vec((0u8..10, any::<u16>()), 1..400), per_host in 1usize..4, delay_ms in 0u64..3) {
        let limits = Limits { delay: Duration::from_millis(delay_ms), per_host, retry: RetryTable { base: Duration::from_millis(1) }, ..Limits::default() };
        let mut f = frontier(limits, &[]);
        let mut now = Instant::now();
        let (mut admitted, mut finished) = (0u64, 0u64);
        let mut out: Vec<Grant> = Vec::new();
        let mut up = [true, true];
        for (event, pick) in events {
            match event {
                0..=3 => {
                    f.admit(seed(&format!("http://h{}/{admitted}", pick % 5)), None, 0);
                    admitted += 1;
                }
                4..=6 if !out.is_empty() => {
                    let grant = out.swap_remove(usize::from(pick) % out.len());
                    let settled = match pick % 4 {
                        0 => Settled::Failure(Failure::new(FailureKind::Closed, "")),
                        1 => ok(503),
                        _ => ok(200),
                    };
                    if f.settle(grant.visit.id, &settled, now) == Verdict::Final { finished += 1; }
                }
                7 => {
                    let dead = usize::from(pick % 2);
                    let lost = f.lost(dead);
                    prop_assert_eq!(lost, out.iter().filter(|g| g.fetcher == dead).count());
                    out.retain(|g| g.fetcher != dead);
                    up[dead] = false;
                }
                8 => {
                    let back = usize::from(pick % 2);
                    if !up[back] { f.fetcher_up(back, 8); up[back] = true; }
                }
                _ => now += Duration::from_millis(u64::from(pick % 8)),
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
            prop_assert_eq!(f.counts().queued as u64 + out.len() as u64 + finished, admitted);
        }
        // Left alone with working fetchers, it comes to an end.
        for (fetcher, up) in up.into_iter().enumerate() { if !up { f.fetcher_up(fetcher, 8); } }
        for _ in 0..10_000 {
            out.extend(f.grant(now));
            if f.is_finished() { break; }
            match out.pop() {
                Some(grant) => { if f.settle(grant.visit.id, &ok(200), now) == Verdict::Final { finished += 1; } }
                None => now = f.next_wake().expect("something waits, so something will wake it"),
            }
        }
        prop_assert_eq!(finished, admitted);
    }
}
