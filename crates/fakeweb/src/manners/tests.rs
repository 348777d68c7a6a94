use std::time::{Duration, Instant};

use super::{
    judge::{events, judge},
    *,
};
use crate::{
    Faults, Method, RobotsKinds, WebSpec,
    log::{Record, Target},
    plan::Place,
    robots::RobotsKind,
};

/// A log written by hand, in milliseconds from its beginning.
struct Story {
    plan: Plan,
    log: Log,
    begun: Instant,
    slack: Duration,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn promise() -> Promise {
    Promise { delay: ms(100), robots: false, ..Promise::default() }
}

impl Story {
    fn new(spec: WebSpec) -> Self {
        Self {
            plan: Plan::new(&spec).unwrap(),
            log: Log::new(1, true),
            begun: Instant::now(),
            slack: Duration::ZERO,
        }
    }

    /// A request from `arrived` to `over`, or to no end.
    fn ask(&self, place: Place, arrived: u64, over: impl Into<Option<u64>>) -> &Self {
        self.told(place, arrived, over, Some(200), |_| {})
    }

    fn told(
        &self,
        place: Place,
        arrived: u64,
        over: impl Into<Option<u64>>,
        status: Option<u16>,
        more: impl FnOnce(&mut Record),
    ) -> &Self {
        let mut record = Record {
            arrived: self.begun + ms(arrived),
            held: Duration::ZERO,
            ended: over.into().map(|over| self.begun + ms(over)),
            left: None,
            rest_until: None,
            address: self.plan.address_of(place.host()) as u8,
            target: Target::Place(place),
            method: Method::Get,
            status,
            connection: 0,
            nth: 1,
            head: None,
        };
        more(&mut record);
        self.log.begin(0, || record);
        self
    }

    fn judge(&self, promise: &Promise) -> Manners {
        judge(&self.plan, &events(&self.plan, &self.log), promise, self.slack)
    }

    #[track_caller]
    fn offences(&self, promise: &Promise, want: &[(u64, Offence)]) {
        let manners = self.judge(promise);
        let got: Vec<_> =
            manners.violations.iter().map(|it| (it.at.as_millis() as u64, it.offence)).collect();
        assert_eq!(got, want, "{manners}");
    }

    fn host_of(&self, kind: RobotsKind) -> u32 {
        (0..self.plan.hosts).find(|host| self.plan.robots_kind(*host) == kind).unwrap()
    }
}

fn page(host: u32, page: u32) -> Place {
    Place::Page { host, page }
}

#[test]
fn a_host_is_not_asked_too_soon() {
    let story = Story::new(WebSpec::default());
    story.ask(page(0, 0), 0, 1).ask(page(1, 0), 10, 11).ask(page(0, 1), 100, 101).ask(page(0, 2), 196, 197);
    story.offences(&promise(), &[]);
    assert_eq!(story.judge(&promise()).within_tolerance, 1);
    story.ask(page(0, 3), 290, 291);
    let too_soon = Offence::TooSoon { after: ms(94), promised: ms(100), crawl_delay: false };
    story.offences(&promise(), &[(290, too_soon)]);
    let said = story.judge(&promise()).violations[0].to_string();
    assert!(said.starts_with("0.290 s: http://h000.fakeweb.test/"), "{said}");
    assert!(
        said.ends_with("(127.0.0.1): asked 94 ms after the request before; 100 ms were promised"),
        "{said}"
    );
}

#[test]
fn a_request_that_the_server_kept_waiting_is_evidence_of_nothing() {
    let story = Story::new(WebSpec::default());
    story.told(page(0, 0), 30, 31, Some(200), |record| record.held = ms(30)).ask(page(0, 1), 100, 101);
    story.offences(&promise(), &[]);
    assert_eq!(story.judge(&promise()).uncertain, 1);
    story.ask(page(0, 2), 170, 171);
    assert_eq!(story.judge(&promise()).violations.len(), 1, "the second was not kept waiting");
}

#[test]
fn hosts_at_one_address_share_its_pace() {
    let story = Story::new(WebSpec { addresses: 2, ..WebSpec::default() });
    let promise = Promise { ip_delay: ms(20), per_ip: 2, ..promise() };
    // 0, 2 and 4 are at one address, 1 is not.
    story.ask(page(0, 0), 0, 90).ask(page(1, 0), 1, 2).ask(page(2, 0), 20, 90).ask(page(4, 0), 30, 31);
    let too_soon = Offence::AddressTooSoon { after: ms(10), promised: ms(20) };
    let too_many = Offence::AddressTooMany { out: 3, promised: 2 };
    story.offences(&promise, &[(30, too_soon), (30, too_many)]);
    assert_eq!(story.judge(&promise).addresses, 2);
}

#[test]
fn no_more_are_out_than_promised() {
    let story = Story::new(WebSpec::default());
    // No end at all is one for ever.
    story.ask(page(0, 0), 0, 100).ask(page(0, 1), 100, None).ask(page(0, 2), 200, 201);
    let too_many = Offence::TooMany { out: 2, promised: 1 };
    story.offences(&promise(), &[(200, too_many)]);
    story.offences(&Promise { per_host: 2, ..promise() }, &[]);

    // Where threads note on their own, an end may be noted a moment late.
    let mut story = Story::new(WebSpec::default());
    story.ask(page(0, 0), 0, 104).ask(page(0, 1), 100, 101);
    story.offences(&promise(), &[(100, too_many)]);
    story.slack = TOLERANCE;
    story.offences(&promise(), &[]);

    // Who leaves is no longer there.
    let story = Story::new(WebSpec::default());
    let left = |record: &mut Record| record.left = Some(record.arrived + ms(90));
    story.told(page(0, 0), 0, None, None, left).ask(page(0, 1), 100, 101);
    story.offences(&promise(), &[]);
}

#[test]
fn a_rest_that_was_asked_for_is_given() {
    let resting = |over: Option<u64>| {
        let story = Story::new(WebSpec::default());
        let rest = |record: &mut Record| record.rest_until = Some(record.arrived + ms(1_000));
        story.told(page(0, 0), 0, over, Some(429), rest).ask(page(0, 1), 900, 901).ask(
            page(0, 2),
            1_000,
            1_001,
        );
        story
    };
    let restless = Offence::Restless { left: ms(100) };
    resting(Some(1)).offences(&promise(), &[(900, restless)]);
    // What was not sent whole asks for nothing, nor what is more than is given.
    let story = resting(None);
    story.offences(&Promise { per_host: 9, ..promise() }, &[]);
    resting(Some(1)).offences(&Promise { rest_max: ms(800), ..promise() }, &[]);
    // Who has several out cannot stop them all at once.
    resting(Some(1)).offences(&Promise { reacts: ms(900), ..promise() }, &[]);
    // What a kill may have wiped out was not known.
    let story = resting(Some(1));
    let kills = vec![story.begun + ms(50)];
    story.offences(&Promise { kills: kills.clone(), ..promise() }, &[]);
    story.offences(&Promise { kills, forgets: ms(10), ..promise() }, &[(900, restless)]);
}

#[test]
fn robots_txt_comes_first() {
    let spec =
        WebSpec { robots: 1.0, faults: Faults { private: 0.1, ..Faults::default() }, ..WebSpec::default() };
    let story = Story::new(spec);
    let private =
        (0..100).find(|it| story.plan.behaviour(0, *it) == crate::behaviour::Behaviour::Private).unwrap();
    story
        .ask(page(0, 0), 0, 1)
        .told(Place::Robots { host: 0 }, 100, 101, Some(503), |_| {})
        .ask(page(0, 0), 200, 201)
        .ask(Place::Robots { host: 0 }, 300, 301)
        .ask(page(0, 0), 400, 401)
        .ask(page(0, private), 500, 501);
    let obeying = Promise { robots: true, ..promise() };
    story.offences(
        &obeying,
        &[(0, Offence::BeforeRobots), (200, Offence::BeforeRobots), (500, Offence::Forbidden)],
    );
    story.offences(&promise(), &[]);
}

#[test]
fn redirects_of_robots_txt_are_followed_to_their_end() {
    let robots_kinds = RobotsKinds { redirected_away: 0.5, redirected_on: 0.5, ..RobotsKinds::default() };
    let obeying = Promise { robots: true, robots_paced: false, ..promise() };
    for (kind, stops) in [(RobotsKind::RedirectedAway, None), (RobotsKind::RedirectedOn, Some(5))] {
        let story = Story::new(WebSpec { robots_kinds: robots_kinds.clone(), ..WebSpec::default() });
        let host = story.host_of(kind);
        story.told(Place::Robots { host }, 0, 1, Some(301), |_| {}).ask(page(host, 0), 2, 3);
        let last = stops.unwrap_or(story.plan.robots_hops(host));
        for hop in 1..=last {
            story.ask(story.plan.robots_stop(host, hop), 10 * u64::from(hop), 10 * u64::from(hop) + 1);
        }
        story.ask(page(host, 0), 200, 201);
        story.offences(&obeying, &[(2, Offence::BeforeRobots)]);
    }
}

#[test]
fn a_crawl_delay_counts_once_it_is_known() {
    let robots_kinds = RobotsKinds { crawl_delay: 1.0, ..RobotsKinds::default() };
    let story = Story::new(WebSpec { robots_kinds, crawl_delay: ms(300), ..WebSpec::default() });
    story.ask(Place::Robots { host: 0 }, 0, 5).ask(page(0, 0), 300, 301).ask(page(0, 1), 500, 501);
    let too_soon = Offence::TooSoon { after: ms(200), promised: ms(300), crawl_delay: true };
    let obeying = Promise { robots: true, ..promise() };
    story.offences(&obeying, &[(500, too_soon)]);
    story.offences(&Promise { crawl_delay_max: ms(150), ..obeying }, &[]);
}

#[test]
fn an_unanswered_request_on_a_kept_connection_may_be_repeated() {
    let kept = |record: &mut Record| record.nth = 3;
    let story = Story::new(WebSpec::default());
    story.told(page(0, 0), 0, 1, None, kept).ask(page(0, 0), 2, 3);
    assert_eq!(story.judge(&promise()).violations.len(), 1);
    story.offences(&Promise { repeats: true, ..promise() }, &[]);
    story.ask(page(0, 0), 4, 5);
    assert_eq!(story.judge(&Promise { repeats: true, ..promise() }).violations.len(), 1);
}

#[test]
fn lateness_is_of_what_had_only_its_turn_to_wait_for() {
    let story = Story::new(WebSpec { hosts: 1, ..WebSpec::default() });
    let children: Vec<u32> = story.plan.links(0, 0).map(|(_, page)| page).filter(|page| *page > 0).collect();
    story
        .ask(page(0, 0), 0, 1)
        // Known for 99 ms only when its turn came.
        .ask(page(0, children[0]), 107, 108)
        .ask(page(0, children[1]), 210, 211)
        // Asked again: the crawler's own decision.
        .ask(page(0, children[1]), 400, 401)
        .told(page(0, children[2]), 520, 521, Some(429), |_| {})
        // Behind a rest of the crawler's own choice.
        .ask(page(0, children[3]), 9_000, 9_001)
        .ask(page(0, children[4]), 9_150, 9_151);
    let lateness = story.judge(&promise()).lateness;
    assert_eq!(lateness, Lateness { samples: 3, p50: ms(20), p99: ms(50), max: ms(50) });
    let killed = Promise { kills: vec![story.begun + ms(9_100)], ..promise() };
    assert_eq!(story.judge(&killed).lateness.samples, 2);
}
