//! What the frontier knows of one URL, and of one host, for whoever asks why something is or is not asked for.
//!
//! Owns the facts, not the sentences they become. Decides nothing and changes nothing that decides; a crawl asks none
//! of this while it runs.

use std::{cmp::Reverse, io, net::IpAddr, time::Duration};

use dragline_model::{CanonicalUrl, Fingerprint, HostKey};
use dragline_politeness::{Because, Freedom, NextStart, Stamp, Standing};

use super::{Errand, Frontier};
use crate::{Reason, host::Address, waiting::Waiting};

/// What is known of one URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Where it is.
    pub whereabouts: Whereabouts,
    /// What the traps have against URLs like it: one that nobody has found yet would not be admitted, if it were found
    /// on a page that brings nothing.
    pub trap: Option<Reason>,
    /// How its host stands; `None` where the frontier knows nothing of it.
    pub host: Option<HostStanding>,
    /// The earliest moment at which it could be asked for, were it the first of its host.
    pub next: Option<NextStart>,
}

/// Where a URL is.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts {
    /// It neither waits nor is parked: it is settled, or nobody has found it.
    Nowhere,
    /// It waits in its host's queue.
    Waits {
        /// So many stand before it.
        before: usize,
        /// Attempts made at it.
        attempts: u8,
        /// The page it was found on; `None` for a seed.
        via: Option<CanonicalUrl>,
        /// Links followed since the seed.
        depth: u16,
    },
    /// It waits for another attempt.
    Retries {
        /// No sooner than this.
        at: Stamp,
        /// Attempts made at it.
        attempts: u8,
    },
    /// A visit to it is out.
    Out,
    /// It is not asked for.
    Parked {
        /// A word: a [`Reason::word`], `robots`, or `failed`.
        reason: String,
        /// The page it was found on; `None` for a seed.
        via: Option<CanonicalUrl>,
        /// Links followed since the seed.
        depth: u16,
    },
}

/// How a host stands.
#[derive(Debug, Clone, PartialEq)]
pub struct HostStanding {
    /// Name, and port where that is not the scheme's own.
    pub key: HostKey,
    /// URLs that wait, those for another attempt too.
    pub waiting: usize,
    /// From the start of one request to the start of the next, at least.
    pub delay: Duration,
    /// Whose delay it is.
    pub delay_because: Because,
    /// When the next request may start, by the host's pace and its address's.
    pub next: NextStart,
    /// The host's pace in a sentence.
    pub pace: String,
    /// The address whose pace it shares, once that is known.
    pub address: Option<IpAddr>,
    /// Where its robots.txt files stand: by http, by https.
    pub robots: [RobotsStanding; 2],
    /// Why nobody waits for it any longer.
    pub beyond: Option<String>,
}

/// Where a robots.txt stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RobotsStanding {
    /// Nobody asks for it.
    Ignored,
    /// Nobody has asked yet, or what was kept of it is lost.
    Unknown,
    /// There is one.
    Rules {
        /// Its `Crawl-delay`, as it stands there.
        crawl_delay: Option<Duration>,
        /// It is past its time, and holds because a newer one cannot be had.
        is_stale: bool,
    },
    /// There is none.
    Free(Freedom),
    /// It cannot be had: nothing is asked for.
    HeldUntil {
        /// When it is asked for again.
        until: Stamp,
        /// The last status; `None` where there was no answer.
        status: Option<u16>,
    },
}

impl Frontier {
    /// Where a URL is, and what it waits for. Looks through its host's queue and through all that is parked: an error
    /// means that a part of these could not be read.
    pub fn explain(&mut self, url: &CanonicalUrl, now: Stamp) -> io::Result<Explanation> {
        let whereabouts = self.whereabouts(url)?;
        let trap = self.traps.explain(url);
        let index = self.by_key.get(&url.host_key()).copied();
        let host = index.map(|index| self.standing(index, now));
        let next = host.as_ref().map(|host| {
            let mut next = host.next;
            if let RobotsStanding::HeldUntil { until, .. } = host.robots[usize::from(url.is_https())] {
                next = NextStart { at: next.at.max(until), ..next };
            }
            if let Whereabouts::Retries { at, .. } = whereabouts {
                next = NextStart { at: next.at.max(at), ..next };
            }
            next
        });
        Ok(Explanation { whereabouts, trap, host, next })
    }

    /// How every host stands, in the order in which they were met.
    pub fn standings(&mut self, now: Stamp) -> impl Iterator<Item = HostStanding> {
        (0..self.hosts.len()).map(move |index| self.standing(index, now))
    }

    fn whereabouts(&mut self, url: &CanonicalUrl) -> io::Result<Whereabouts> {
        let fingerprint = Fingerprint::of(url);
        let is_it = |waiting: &Waiting| waiting.link.url == *url;
        let errands = self.out.values().map(|out| &out.errand);
        if errands.into_iter().any(|it| matches!(it, Errand::Url { waiting, .. } if is_it(waiting))) {
            return Ok(Whereabouts::Out);
        }
        if let Some(Reverse(later)) = self.retries.iter().find(|it| is_it(&it.0.waiting)) {
            return Ok(Whereabouts::Retries { at: later.at, attempts: later.waiting.attempts });
        }
        if let Some(&host) = self.by_key.get(&url.host_key()) {
            // What waits with fewer attempts than were made is passed over when its turn comes.
            let made = self.outdated.get(&fingerprint).map_or(0, |(made, _)| *made);
            let mut found = None;
            let before = self.hosts[host].queue_of(url).find(&mut *self.tails, |waiting| {
                let hit = is_it(waiting) && waiting.attempts >= made;
                if hit {
                    found = Some((waiting.attempts, waiting.via.clone(), waiting.link.depth));
                }
                hit
            })?;
            if let (Some(before), Some((attempts, via, depth))) = (before, found) {
                return Ok(Whereabouts::Waits { before, attempts, via, depth });
            }
        }
        let mut parked = None;
        self.parked.each(&mut *self.tails, |reason, waiting| {
            if is_it(&waiting) {
                let (via, depth) = (waiting.via, waiting.link.depth);
                parked = Some(Whereabouts::Parked { reason: reason.to_owned(), via, depth });
            }
        })?;
        Ok(parked.unwrap_or(Whereabouts::Nowhere))
    }

    fn standing(&mut self, index: usize, now: Stamp) -> HostStanding {
        let (rules, agent) = (self.limits.robots, self.limits.agent.clone());
        let host = &mut self.hosts[index];
        let manners = host.rules.base().clone();
        let robots = host.robots.each_mut().map(|origin| {
            if !manners.obey_robots {
                return RobotsStanding::Ignored;
            }
            origin.wake(&agent, &rules, &mut *self.tails);
            match origin.standing(&rules, now) {
                Standing::Unknown => RobotsStanding::Unknown,
                Standing::AllowAll(freedom) => RobotsStanding::Free(freedom),
                Standing::DisallowUntil { until, status, .. } => RobotsStanding::HeldUntil { until, status },
                Standing::Rules { robots, is_stale } => {
                    let crawl_delay = robots.crawl_delay(&agent, Duration::MAX);
                    RobotsStanding::Rules { crawl_delay, is_stale }
                }
            }
        });
        let (delay, delay_because) = host.pace.delay(&manners.pace);
        let mut next = host.pace.earliest(&manners.pace, now);
        let mut address = None;
        if let Address::Known(number) = host.address {
            address = Some(self.addresses.ip(number));
            if let Some(rules) = &self.limits.address {
                next = next.or_later(self.addresses.gate(number).pace.earliest(rules, now));
            }
        }
        let host = &self.hosts[index];
        let is_beyond = host.is_beyond(self.limits.patience, next.at, now);
        HostStanding {
            key: host.key.clone(),
            waiting: host.waiting(),
            delay,
            delay_because,
            next,
            pace: host.pace.explain(&manners.pace, now),
            address,
            robots,
            beyond: is_beyond.then(|| host.why_beyond(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::SystemTime};

    use dragline_model::{Link, Receipt, RobotsAnswer, Settled, Timestamp, Visit, VisitId};

    use super::*;
    use crate::{Limits, MemoryTails, Scope, ScopeKind, TrapRules};

    const SECOND: Duration = Duration::from_secs(1);

    fn url(text: &str) -> CanonicalUrl {
        CanonicalUrl::parse(text).unwrap()
    }

    fn t0() -> Stamp {
        Stamp::new(Duration::from_secs(1_790_000_000))
    }

    /// One fetcher, whose host has a seed and what it links to.
    fn frontier(limits: Limits, pages: &[&str]) -> Frontier {
        let mut f = Frontier::new(limits, 1, VisitId(0), Box::new(MemoryTails::default()));
        f.fetcher_up(0, 8);
        f.admit(Link::seed(url("http://a/")), None, 0, t0());
        for page in pages {
            let link = Link { depth: 1, ..Link::seed(url(page)) };
            f.admit(link, Some(url("http://a/")), 0, t0());
        }
        f
    }

    fn settle(f: &mut Frontier, visit: Visit, status: u16, robots: Option<&'static str>, now: Stamp) {
        let body = robots.unwrap_or_default().into();
        let receipt = Receipt {
            visit,
            fetched_at: Timestamp(now.since(Stamp::default()).as_millis() as u64),
            timings: None,
            is_repeat: false,
            sketch: None,
            robots: robots.map(|_| Box::new(RobotsAnswer { body, ..RobotsAnswer::default() })),
            seq: 1,
            settled: Settled::Page { status, bytes: 1, retry_after: None },
            new_links: Vec::new(),
        };
        f.settle(&receipt, now, SystemTime::UNIX_EPOCH + now.since(Stamp::default()));
    }

    /// Grants the one visit that can be granted, by now at the latest.
    fn next(f: &mut Frontier, now: Stamp) -> Visit {
        for host in f.nameless() {
            f.found(&host, None, now);
        }
        let mut grants = f.grant(now);
        if grants.is_empty() {
            for host in f.nameless() {
                f.found(&host, None, now);
            }
            grants = f.grant(now);
        }
        assert_eq!(grants.len(), 1);
        grants.remove(0).visit
    }

    fn whereabouts(f: &mut Frontier, text: &str, now: Stamp) -> Whereabouts {
        f.explain(&url(text), now).unwrap().whereabouts
    }

    #[test]
    fn a_url_is_followed_from_its_queue_to_its_end() {
        let pages: Vec<String> = (0..2_000).map(|n| format!("http://a/{n}")).collect();
        let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
        let mut f = frontier(Limits::default(), &pages);
        let waits = |before, depth| {
            let via = (depth > 0).then(|| url("http://a/"));
            Whereabouts::Waits { before, attempts: 0, via, depth }
        };
        assert_eq!(whereabouts(&mut f, "http://a/", t0()), waits(0, 0));
        // The seed goes first; most of the others have been put away by now.
        for n in [0, 40, 700, 1_999] {
            assert_eq!(whereabouts(&mut f, pages[n], t0()), waits(n + 1, 1));
        }
        assert_eq!(whereabouts(&mut f, "http://a/none", t0()), Whereabouts::Nowhere);
        assert_eq!(whereabouts(&mut f, "http://b/", t0()), Whereabouts::Nowhere);
        assert_eq!(f.explain(&url("http://b/"), t0()).unwrap().host, None);

        let visit = next(&mut f, t0());
        settle(&mut f, visit, 404, Some(""), t0());
        let visit = next(&mut f, t0() + SECOND);
        assert_eq!(visit.url, url("http://a/"));
        assert_eq!(whereabouts(&mut f, "http://a/", t0() + SECOND), Whereabouts::Out);
        settle(&mut f, visit, 500, None, t0() + SECOND);
        let explained = f.explain(&url("http://a/"), t0() + SECOND).unwrap();
        let Whereabouts::Retries { at, attempts: 1 } = explained.whereabouts else {
            panic!("{explained:?}");
        };
        assert_eq!(explained.next.map(|next| next.at), Some(at));
        assert!(at > t0() + SECOND);
        let visit = next(&mut f, t0() + SECOND * 2);
        settle(&mut f, visit, 200, None, t0() + SECOND * 2);
        assert_eq!(whereabouts(&mut f, pages[0], t0() + SECOND * 2), Whereabouts::Nowhere);
        assert_eq!(whereabouts(&mut f, pages[1], t0() + SECOND * 2), waits(0, 1));
    }

    #[test]
    fn a_host_says_what_it_promised_and_why() {
        let mut f = frontier(Limits::default(), &["http://a/secret", "http://a/open"]);
        let explained = f.explain(&url("http://a/open"), t0()).unwrap();
        let host = explained.host.unwrap();
        assert_eq!((host.waiting, host.delay, &host.robots[0]), (3, SECOND, &RobotsStanding::Unknown));
        assert_eq!(explained.next.unwrap().because, Because::Free);

        let visit = next(&mut f, t0());
        let rules = "User-agent: *\nDisallow: /secret\nCrawl-delay: 7\n";
        settle(&mut f, visit, 200, Some(rules), t0());
        let explained = f.explain(&url("http://a/open"), t0() + SECOND).unwrap();
        let (host, next_at) = (explained.host.unwrap(), explained.next.unwrap());
        let crawl_delay = Some(SECOND * 7);
        assert_eq!(host.robots[0], RobotsStanding::Rules { crawl_delay, is_stale: false });
        assert_eq!((host.delay, host.delay_because), (SECOND * 7, Because::CrawlDelay));
        assert_eq!((next_at.at, next_at.because), (t0() + SECOND * 7, Because::CrawlDelay));
        assert!(host.pace.contains("Crawl-delay"), "{}", host.pace);

        // Its turn comes, and a line is against it.
        let visit = next(&mut f, t0() + SECOND * 7);
        settle(&mut f, visit, 200, None, t0() + SECOND * 7);
        let visit = next(&mut f, t0() + SECOND * 14);
        assert_eq!(visit.url, url("http://a/open"));
        let parked = Whereabouts::Parked { reason: "robots".into(), via: Some(url("http://a/")), depth: 1 };
        assert_eq!(whereabouts(&mut f, "http://a/secret", t0() + SECOND * 14), parked);

        // So it does out of a checkpoint.
        let kept = f.checkpoint().unwrap();
        let mut again = Frontier::new(Limits::default(), 1, VisitId(9), Box::new(MemoryTails::default()));
        again.restore(&kept.bytes, true, t0() + SECOND * 14).unwrap();
        assert_eq!(whereabouts(&mut again, "http://a/secret", t0() + SECOND * 14), parked);
        let hosts: Vec<_> = again.standings(t0()).map(|host| (host.key.to_string(), host.waiting)).collect();
        assert_eq!(hosts, [("a".to_owned(), 1)], "what was out waits");
    }

    #[test]
    fn a_host_without_rules_is_held() {
        let mut f = frontier(Limits::default(), &[]);
        let visit = next(&mut f, t0());
        settle(&mut f, visit, 503, Some(""), t0());
        let explained = f.explain(&url("http://a/"), t0()).unwrap();
        let held = &explained.host.as_ref().unwrap().robots[0];
        let RobotsStanding::HeldUntil { until, status: Some(503) } = *held else { panic!("{held:?}") };
        assert!(explained.next.unwrap().at >= until);
    }

    #[test]
    fn the_reason_of_what_is_out_of_scope_or_past_a_budget() {
        let scope = Scope::new(ScopeKind::Host, &[url("http://a/")], Some(1));
        let limits = Limits {
            scope: Some(Arc::new(scope)),
            traps: TrapRules { per_host_max: Some(2), ..TrapRules::default() },
            ..Limits::default()
        };
        let mut f = frontier(limits, &["http://a/1", "http://a/2"]);
        let explained = f.explain(&url("http://a/2"), t0()).unwrap();
        assert_eq!(explained.trap, Some(Reason::HostBudget { max: 2 }));
        let Whereabouts::Parked { reason, .. } = explained.whereabouts else { panic!("{explained:?}") };
        assert_eq!(reason, "host_budget");
    }
}
