//! What a complete crawl must find, computed without serving anything.
//!
//! Owns the walk over the plan and the meaning of each behaviour for a crawler. Never asks the server, so that
//! the two can be held against each other.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::{
    behaviour::Behaviour,
    naming::split_url,
    plan::{Place, Plan},
    robots::RobotsKind,
};

/// What is found at one URL.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// An answer with this status, every time and complete.
    Status(u16),
    /// A redirect to an absolute URL.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The target, `Location` resolved.
        location: String,
    },
    /// This status the first time, 200 from then on: what is found depends on whether the crawler asks again.
    Once(u16),
    /// 200 and a body without end: the beginning of it, cut by the crawler's own limit.
    Endless,
    /// No answer that can be used: `"truncated"`, `"closed"`, `"head_timeout"` or `"malformed"`.
    Failure(&'static str),
    /// robots.txt forbids it: a polite crawler finds it linked and never asks. One that does gets a 200.
    Disallowed,
    /// The host's robots.txt cannot be had, now or later: a polite crawler never asks. One that does finds a host
    /// like another.
    Shut,
}

/// How far a crawl goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// The hosts of the seeds.
    #[default]
    Host,
    /// Every host that a link leads to.
    Any,
}

impl Plan {
    /// Everything that is reachable from the seeds; URLs as keys, spelled as a URL parser would (no port).
    pub(crate) fn truth<S: AsRef<str>>(&self, seeds: &[S], scope: Scope) -> BTreeMap<String, Expect> {
        let mut found = BTreeMap::new();
        let mut hosts = HashSet::new();
        let mut queue = VecDeque::new();
        for seed in seeds.iter().map(AsRef::as_ref) {
            hosts.extend(split_url(seed).and_then(|(authority, _)| self.host_number(authority)));
            match self.find_url(seed) {
                Some(place) => queue.push_back(place),
                // The server knows neither such a host nor such a page.
                None => {
                    found.insert(seed.to_owned(), Expect::Status(404));
                }
            }
        }
        let mut seen: HashSet<Place> = queue.iter().copied().collect();
        while let Some(place) = queue.pop_front() {
            let expect = self.expect(place);
            let mut meet = |to: Place| {
                if (scope == Scope::Any || hosts.contains(&to.host())) && seen.insert(to) {
                    queue.push_back(to);
                }
            };
            match (&expect, place) {
                (Expect::Redirect { .. }, _) => self.redirect(place).into_iter().for_each(|r| meet(r.to)),
                (Expect::Status(200) | Expect::Once(_) | Expect::Endless, Place::Page { host, page }) => {
                    self.links(host, page).for_each(|(host, page)| meet(Place::Page { host, page }));
                }
                _ => {}
            }
            found.insert(self.url(place), expect);
        }
        found
    }

    /// What is found at a place.
    fn expect(&self, place: Place) -> Expect {
        if self.is_shut(place.host()) {
            return Expect::Shut;
        }
        if let Some(redirect) = self.redirect(place) {
            return Expect::Redirect { status: redirect.status, location: self.url(redirect.to) };
        }
        let (host, page) = match place {
            Place::Page { host, page } | Place::Hop { host, page, .. } => (host, page),
            Place::Robots { host } => return self.expect_robots(host, 0),
            Place::RobotsHop { of, hop, .. } => return self.expect_robots(of, hop),
            Place::Sitemap { .. } => return Expect::Status(200),
        };
        match self.behaviour(host, page) {
            Behaviour::NotFound => Expect::Status(404),
            Behaviour::Gone => Expect::Status(410),
            Behaviour::ServerError => Expect::Status(500),
            Behaviour::Busy => Expect::Once(503),
            Behaviour::Throttled => Expect::Once(429),
            Behaviour::ShortBody | Behaviour::CutChunked => Expect::Failure("truncated"),
            Behaviour::Closed | Behaviour::Reset => Expect::Failure("closed"),
            Behaviour::Hang => Expect::Failure("head_timeout"),
            Behaviour::MalformedHead => Expect::Failure("malformed"),
            Behaviour::Endless => Expect::Endless,
            Behaviour::Private if self.has_robots(host) => Expect::Disallowed,
            _ => Expect::Status(200),
        }
    }

    /// What is found where a robots.txt is, or on the way to it.
    fn expect_robots(&self, of: u32, hop: u32) -> Expect {
        match self.robots_kind(of) {
            RobotsKind::Missing => Expect::Status(404),
            RobotsKind::Late => Expect::Once(503),
            _ if hop < self.robots_hops(of) => {
                let location = self.url(self.robots_stop(of, hop + 1));
                Expect::Redirect { status: Plan::robots_redirect(hop), location }
            }
            _ => Expect::Status(200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faults, RobotsKinds, WebSpec};

    #[test]
    fn a_scope_of_hosts_ends_at_their_borders() {
        let plan =
            Plan::new(&WebSpec { hosts: 5, faults: Faults::mixed(0.02), ..WebSpec::default() }).unwrap();
        let seeds = ["http://h001.fakeweb.test", "http://h003.fakeweb.test/"];
        let truth = plan.truth(&seeds, Scope::Host);
        assert!(truth.keys().all(|url| url.contains("//h001.") || url.contains("//h003.")));
        let hops = truth.keys().filter(|url| url.contains("/go/")).count();
        assert_eq!(truth.len() - hops, 2 * 100);
        assert_eq!(hops, 2 * (2 * 3 + 2 * 2));
        assert!(plan.truth(&seeds, Scope::Any).keys().any(|url| url.contains("//h004.")));
    }

    #[test]
    fn a_host_without_robots_txt_is_not_entered() {
        let robots_kinds = RobotsKinds { unavailable: 0.2, hang: 0.2, ..RobotsKinds::default() };
        let plan = Plan::new(&WebSpec { hosts: 10, robots_kinds, ..WebSpec::default() }).unwrap();
        let seeds: Vec<_> = (0..10).map(|host| plan.url(Place::Page { host, page: 0 })).collect();
        let truth = plan.truth(&seeds, Scope::Host);
        let shut: Vec<_> = truth.iter().filter(|(_, expect)| **expect == Expect::Shut).collect();
        assert!(shut.len() >= 4 && shut.len() < 4 * 100, "{}", shut.len());
        assert!(truth.len() - shut.len() == 6 * 100);
    }

    #[test]
    fn a_seed_that_is_not_there_is_a_404() {
        let plan = Plan::new(&WebSpec::default()).unwrap();
        let seeds = ["http://h000.fakeweb.test/nothing", "http://elsewhere.test/"];
        let truth = plan.truth(&seeds, Scope::Host);
        assert_eq!(truth.len(), 2);
        assert!(truth.values().all(|expect| *expect == Expect::Status(404)));
    }
}
