//! Work that waits, and how long it waits beyond its turn.
//!
//! Owns what is known of links by the answers that were served. Never judges: being late is no offence.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use super::{
    Promise, TOLERANCE,
    judge::{Asked, Event, Host, HostState, What},
};
use crate::plan::Plan;

/// Which pages could be known of when, and the lateness of those that had only their turn to wait for.
pub(super) struct Waiting<'a> {
    promise: &'a Promise,
    /// When the first answer was over that links to a page.
    known: HashMap<(u32, u32), Instant>,
    asked: HashSet<(u32, u32)>,
    lateness: Vec<Duration>,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(plan: &Plan, events: &[Event], promise: &'a Promise) -> Self {
        let mut known: HashMap<(u32, u32), Instant> = HashMap::new();
        let mut learn = |page, at: Instant| {
            known.entry(page).and_modify(|first| *first = at.min(*first)).or_insert(at);
        };
        for event in events {
            match (&event.host, &event.what, event.over) {
                (Host::Numbered(host), What::Page(page), Some(over))
                    if event.is_complete && event.status == Some(200) =>
                {
                    plan.links(*host, *page).for_each(|page| learn(page, over));
                }
                // Who asks for the rules of a host knows something of it; at the least, its front page.
                (Host::Numbered(host), What::Robots, _) => learn((*host, 0), event.arrived),
                _ => {}
            }
        }
        Self { promise, known, asked: HashSet::new(), lateness: Vec::new() }
    }

    /// Takes in a request, before host and address have.
    pub(super) fn look_at(&mut self, event: &Event, host: &HostState<'_>, address: &Asked<'_>) {
        let (Host::Numbered(number), What::Page(page)) = (&event.host, &event.what) else { return };
        let page = (*number, *page);
        if !self.asked.insert(page) {
            return;
        }
        let (Some(known), Some(last)) = (self.known.get(&page), host.asked.last) else { return };
        if event.held > TOLERANCE || last.held > TOLERANCE {
            return;
        }
        if !is_ordinary(last) || self.is_about_a_kill(last.arrived, event.arrived) {
            return;
        }
        let (delay, _) = host.delay(self.promise, event.arrived);
        let mut turn = last.arrived + delay;
        turn = turn.max(place_free(&host.asked, self.promise.per_host, turn));
        turn = turn.max(host.rest(event.arrived).unwrap_or(turn));
        if let Some(last) = address.last {
            turn = turn.max(last.arrived + self.promise.ip_delay);
            turn = turn.max(place_free(address, self.promise.per_ip, turn));
        }
        if self.promise.robots {
            let Some(answered) = host.robots else { return };
            turn = turn.max(answered);
        }
        if *known + self.promise.settles <= turn {
            self.lateness.push(event.arrived.saturating_duration_since(turn));
        }
    }

    pub(super) fn lateness(self) -> Vec<Duration> {
        self.lateness
    }

    fn is_about_a_kill(&self, from: Instant, until: Instant) -> bool {
        self.promise.kills.iter().any(|kill| (from..=until).contains(kill))
    }
}

/// The answer asks for nothing that a crawler decides by itself: no rest of a length that it chooses, no other
/// attempt.
fn is_ordinary(event: &Event) -> bool {
    match event.status {
        None => false,
        Some(429 | 503) => event.rest_until.is_some(),
        Some(status) => event.is_complete && status < 500,
    }
}

/// When fewer than so many are out, at or after a moment.
fn place_free(asked: &Asked<'_>, places: usize, moment: Instant) -> Instant {
    let mut out: Vec<Instant> = asked.out.iter().filter_map(|over| *over).filter(|it| *it > moment).collect();
    let forever = asked.out.iter().filter(|over| over.is_none()).count();
    out.sort_unstable();
    let surplus = (out.len() + forever + 1).saturating_sub(places);
    if surplus == 0 { moment } else { out.get(surplus - 1).copied().unwrap_or(moment) }
}
