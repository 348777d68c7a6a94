//! The walk through the log: every request in the order of time, held against what was before it.
//!
//! Owns what is remembered of a host and of an address. Never looks at lateness: [`waiting`](super::waiting) does.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::{Lateness, Manners, Offence, Promise, TOLERANCE, Violation, waiting::Waiting};
use crate::{
    behaviour::Behaviour,
    log::{Log, Record, Target, address},
    plan::{Place, Plan},
    robots::{HOPS_MUST, RobotsKind},
};

/// A request, as far as manners go.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) arrived: Instant,
    /// How long before that it may have come.
    pub(super) held: Duration,
    /// When its answer was over, or the client had left.
    pub(super) over: Option<Instant>,
    /// The client has stayed to the end.
    pub(super) is_complete: bool,
    pub(super) host: Host,
    pub(super) address: u8,
    pub(super) what: What,
    pub(super) status: Option<u16>,
    pub(super) rest_until: Option<Instant>,
    /// It was not the first on its connection.
    on_kept: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Numbered(u32),
    Named(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The host's robots.txt.
    Robots,
    /// A stop on the way to the robots.txt of a host.
    RobotsHop { of: u32, hop: u32 },
    /// A page of a host of numbers.
    Page(u32),
    /// Anything else.
    Other(Box<str>),
}

impl Event {
    pub(super) fn is_robots(&self) -> bool {
        matches!(self.what, What::Robots | What::RobotsHop { .. })
    }

    fn path(&self, plan: &Plan) -> String {
        let place = match (&self.host, &self.what) {
            (_, What::Robots) => return "/robots.txt".into(),
            (_, What::Other(path)) => return path.to_string(),
            (Host::Numbered(host), What::Page(page)) => Place::Page { host: *host, page: *page },
            (_, What::RobotsHop { of, hop }) => plan.robots_stop(*of, *hop),
            (Host::Named(_), What::Page(_)) => return String::new(),
        };
        let mut path = Vec::new();
        plan.push_path(place, &mut path);
        String::from_utf8_lossy(&path).into_owned()
    }
}

/// The log's requests in the order of arrival.
pub(super) fn events(plan: &Plan, log: &Log) -> Vec<Event> {
    let mut events = log.each(|record| event(plan, record));
    events.sort_by_key(|event| event.arrived);
    events
}

fn event(plan: &Plan, record: &Record) -> Event {
    let other = |place: Place| {
        let mut path = Vec::new();
        plan.push_path(place, &mut path);
        What::Other(String::from_utf8_lossy(&path).into())
    };
    let (host, what) = match &record.target {
        Target::Named(names) => {
            let what =
                if names.1 == "/robots.txt" { What::Robots } else { What::Other(names.1.as_str().into()) };
            // A script can stand in for a page of a host of numbers.
            let host = plan.host_number(&names.0).filter(|host| *host < plan.hosts);
            (host.map_or_else(|| Host::Named(names.0.as_str().into()), Host::Numbered), what)
        }
        Target::Place(place) => {
            let what = match *place {
                Place::Robots { .. } => What::Robots,
                Place::RobotsHop { of, hop, .. } => What::RobotsHop { of, hop },
                Place::Page { page, .. } => What::Page(page),
                Place::Hop { .. } | Place::Sitemap { .. } => other(*place),
            };
            (Host::Numbered(place.host()), what)
        }
    };
    let over = match (record.ended, record.left) {
        (Some(ended), Some(left)) => Some(ended.min(left)),
        (ended, left) => ended.or(left),
    };
    Event {
        arrived: record.arrived,
        held: record.held,
        over,
        is_complete: record.ended.is_some() && record.left.is_none(),
        host,
        address: record.address,
        what,
        status: record.status,
        rest_until: record.rest_until,
        on_kept: record.nth > 1,
    }
}

/// Whom a request is made to: a host, or an address.
#[derive(Debug, Default)]
pub(super) struct Asked<'a> {
    /// The last request that counts.
    pub(super) last: Option<&'a Event>,
    /// When those that may still be out are over; none where that is never.
    pub(super) out: Vec<Option<Instant>>,
}

impl<'a> Asked<'a> {
    /// Forgets what was over at a moment; how many are left.
    fn out_at(&mut self, moment: Instant, slack: Duration) -> usize {
        self.out.retain(|over| over.is_none_or(|over| over > moment + slack));
        self.out.len()
    }

    fn note(&mut self, event: &'a Event) {
        self.last = Some(event);
        self.out.push(event.over);
    }
}

/// What is remembered of a host.
#[derive(Debug, Default)]
pub(super) struct HostState<'a> {
    pub(super) asked: Asked<'a>,
    /// Rests that it has asked for: from when it could be known, until when.
    rests: Vec<(Instant, Instant)>,
    /// When its robots.txt was answered; none: never.
    pub(super) robots: Option<Instant>,
    crawl_delay: Option<Duration>,
}

impl HostState<'_> {
    /// The time from start to start that was promised for a request at a moment, and whether it is the
    /// `Crawl-delay`.
    pub(super) fn delay(&self, promise: &Promise, moment: Instant) -> (Duration, bool) {
        let wished = self.crawl_delay.filter(|_| self.robots.is_some_and(|answered| answered <= moment));
        let wished = wished.unwrap_or_default().min(promise.crawl_delay_max);
        if promise.robots && wished > promise.delay { (wished, true) } else { (promise.delay, false) }
    }

    /// The end of the last rest that whoever asks at a moment knows of.
    pub(super) fn rest(&self, moment: Instant) -> Option<Instant> {
        self.rests.iter().filter(|(known, _)| *known <= moment).map(|(_, until)| *until).max()
    }
}

/// Holds a log against a promise. `slack` is how late the end of an answer may have been noted.
pub(super) fn judge(plan: &Plan, events: &[Event], promise: &Promise, slack: Duration) -> Manners {
    let robots = robots_answered(plan, events);
    let mut hosts: HashMap<&Host, HostState<'_>> = HashMap::new();
    let mut addresses: HashMap<u8, Asked<'_>> = HashMap::new();
    let mut waiting = Waiting::new(plan, events, promise);
    let mut manners = Manners { requests: events.len() as u64, ..Manners::default() };
    let Some(first) = events.first() else { return manners };
    for event in events {
        let state = hosts.entry(&event.host).or_insert_with(|| HostState {
            robots: robots.get(&event.host).copied(),
            crawl_delay: crawl_delay(plan, &event.host),
            ..HostState::default()
        });
        let address_state = addresses.entry(event.address).or_default();
        if let Some(rest) = event.rest_until
            && event.is_complete
            && let Some(over) = event.over
            // Whoever was killed before it came, or a moment after, cannot know of it.
            && !promise.kills.iter().any(|kill| event.arrived <= *kill && *kill <= over + promise.forgets)
        {
            let until = rest.min(event.arrived.max(over) + promise.rest_max);
            state.rests.push((over + promise.reacts, until));
        }
        let is_counted = promise.robots_paced || !event.is_robots();
        let mut offences = Vec::new();
        if is_counted {
            waiting.look_at(event, state, address_state);
            offences.extend(pace(event, state, address_state, promise, slack, &mut manners));
        }
        if promise.robots {
            offences.extend(manner_of_robots(plan, event, state, slack));
        }
        manners.violations.extend(offences.into_iter().map(|offence| Violation {
            offence,
            host: match &event.host {
                Host::Numbered(host) => plan.host_name(*host),
                Host::Named(name) => name.to_string(),
            },
            path: event.path(plan),
            address: address(event.address),
            at: event.arrived - first.arrived,
        }));
        if is_counted {
            state.asked.note(event);
            address_state.note(event);
        }
    }
    manners.hosts = hosts.len();
    manners.addresses = addresses.len();
    manners.lateness = Lateness::of(waiting.lateness());
    manners
}

/// What a request does to delays, places and rests.
fn pace(
    event: &Event,
    host: &mut HostState<'_>,
    address: &mut Asked<'_>,
    promise: &Promise,
    slack: Duration,
    manners: &mut Manners,
) -> Vec<Offence> {
    let mut offences = Vec::new();
    let (delay, crawl_delay) = host.delay(promise, event.arrived);
    let mut early = |last: Option<&Event>, promised: Duration| {
        let last = last?;
        let after = event.arrived - last.arrived;
        let lacks = promised.checked_sub(after).filter(|lacks| !lacks.is_zero())?;
        if lacks <= TOLERANCE {
            manners.within_tolerance += 1;
            return None;
        }
        if lacks <= last.held + TOLERANCE {
            manners.uncertain += 1;
            return None;
        }
        Some(after)
    };
    let is_repeat = promise.repeats
        && host
            .asked
            .last
            .is_some_and(|last| last.on_kept && last.status.is_none() && last.what == event.what);
    if !is_repeat {
        if let Some(after) = early(host.asked.last, delay) {
            offences.push(Offence::TooSoon { after, promised: delay, crawl_delay });
        }
        if let Some(after) = early(address.last, promise.ip_delay) {
            offences.push(Offence::AddressTooSoon { after, promised: promise.ip_delay });
        }
    }
    let out = host.asked.out_at(event.arrived, slack) + 1;
    if out > promise.per_host {
        offences.push(Offence::TooMany { out, promised: promise.per_host });
    }
    let out = address.out_at(event.arrived, slack) + 1;
    if out > promise.per_ip {
        offences.push(Offence::AddressTooMany { out, promised: promise.per_ip });
    }
    if let Some(until) = host.rest(event.arrived)
        && let Some(left) = until.checked_duration_since(event.arrived + TOLERANCE)
        && !left.is_zero()
    {
        offences.push(Offence::Restless { left: left + TOLERANCE });
    }
    offences
}

fn manner_of_robots(plan: &Plan, event: &Event, host: &HostState<'_>, slack: Duration) -> Option<Offence> {
    if event.is_robots() {
        return None;
    }
    if host.robots.is_none_or(|answered| answered > event.arrived + slack) {
        return Some(Offence::BeforeRobots);
    }
    match (&event.host, &event.what) {
        (Host::Numbered(host), What::Page(page)) => {
            let is_private = plan.behaviour(*host, *page) == Behaviour::Private;
            (is_private && plan.has_robots(*host)).then_some(Offence::Forbidden)
        }
        _ => None,
    }
}

fn crawl_delay(plan: &Plan, host: &Host) -> Option<Duration> {
    let Host::Numbered(host) = host else { return None };
    (plan.robots_kind(*host) == RobotsKind::CrawlDelay).then_some(plan.crawl_delay)
}

/// When the robots.txt of each host was first answered in a way that settles what may be asked for: not with 429
/// or 5xx, and at the end of its redirects, or after as many as a crawler must follow.
fn robots_answered<'a>(plan: &Plan, events: &'a [Event]) -> HashMap<&'a Host, Instant> {
    let mut ends: HashMap<u32, Instant> = HashMap::new();
    let mut answered = HashMap::new();
    for event in events.iter().filter(|event| event.is_complete) {
        let (Some(status), Some(over)) = (event.status, event.over) else { continue };
        if status == 429 || status >= 500 {
            continue;
        }
        match (&event.what, &event.host) {
            (What::Robots, Host::Numbered(host)) if plan.robots_hops(*host) == 0 => {
                answered.entry(&event.host).or_insert(over);
            }
            (What::Robots, Host::Named(_)) => {
                answered.entry(&event.host).or_insert(over);
            }
            (What::RobotsHop { of, hop }, _) if *hop >= plan.robots_hops(*of).min(HOPS_MUST) => {
                ends.entry(*of).or_insert(over);
            }
            _ => {}
        }
    }
    for event in events {
        if let Host::Numbered(host) = &event.host
            && let Some(over) = ends.get(host)
        {
            answered.entry(&event.host).or_insert(*over);
        }
    }
    answered
}
