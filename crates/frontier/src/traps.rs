//! Traps: what a crawl does not go into, however many links lead there.
//!
//! Owns what has to be remembered for that: budgets of hosts, domains and paths, and which shapes of URLs have
//! stopped bringing anything. Asks for nothing and drops nothing itself: the frontier does, told by these answers.
//!
//! It is asked at three moments: when a URL that nobody has seen is admitted ([`Traps::admit`]), when its visit is about
//! to be granted, which may be an hour and many lessons later ([`Traps::recheck`]), and when a page is settled
//! ([`Traps::settled`]).
//!
//! # What a trap is
//!
//! A trap makes URLs out of nothing: pages without anything new that lead to more of their kind. Hence a URL is
//! *parked* only if both hold:
//! 1. URLs of its shape have become *stale*: the last 30 pages of them in a row brought nothing that pages of the
//!    same shape had not brought before: no piece of text (see [`Sketch`]), no new link to another shape that is not
//!    stale itself; ten will do where each is a copy of one a moment ago;
//! 2. it was found on a page that brought nothing either. What an honest page links to is asked for, even where
//!    hundreds of such documents in a row turn out to be empty. (A URL with a random token in it needs no such
//!    page: a session's id makes every page of a site new once more.)
//!
//! What is a session's id in a URL is learned apart ([`sessions`]), by pages that stay the same under another one:
//! their URLs vouch for each other without end, and each brings some more.
//!
//! So an archive of ten thousand articles is never parked: each article has text of its own. Shapes are looked at in
//! three widths ([`shape`](mod@shape)): a calendar is stale by its template, a faceted search, whose templates are
//! endless, by its path, a garden of random paths by its host. A page without any text is evidence of nothing.
//!
//! Of what is parked a sample is still tried: the 50th candidate, then the 100th after it, then the 200th, … so that a
//! wrong judgement is found out and a right one costs a handful of requests. A sample that brings something frees
//! its shape.
//!
//! # What it takes
//!
//! The guard and the sessions at most some 34 MiB, whatever the crawl: [`SHAPES_MAX`](guard::SHAPES_MAX) shapes of 250 bytes, and
//! their pieces of text in 4 bytes each, 16 MiB of them; usually less than one. Budgets that are set cost some 40
//! bytes for each host; that of queries half a megabyte in all.

use dragline_model::{CanonicalUrl, Sketch};
use serde::{Deserialize, Serialize};

use crate::Reason;

mod bench;
mod budgets;
mod guard;
mod heavy;
mod seen;
mod sessions;
mod shape;
mod spot;

use budgets::Budgets;
use guard::Guard;
pub use guard::Parked;
use sessions::Sessions;

/// Pages of which one is sketched, while all is well: every fourth cost a tenth of what a plain crawl costs, and what
/// turns into a trap is nearly always a shape that is new.
const SKETCH_EVERY: u64 = 16;

/// How much of one thing a crawl takes. The defaults leave every ordinary site alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrapRules {
    /// URLs of one host. None: a large site is no trap.
    pub per_host_max: Option<u64>,
    /// URLs of one registrable domain. None, for the same reason.
    pub per_domain_max: Option<u64>,
    /// Hosts of one registrable domain. Ten thousand: more than any organisation has; names that a wildcard in DNS
    /// makes up have no end. Providers whose customers have a name each are mostly on the Public Suffix List, where
    /// each is a domain of its own.
    pub subdomains_max: Option<u32>,
    /// Queries of one path. A hundred thousand: a forum keeps all its threads under one path
    /// (`viewtopic.php?t=…`), and at one a second this is more than a day's work. Counted with an error of at most a
    /// ten-thousandth of all queries of the crawl, in the site's favour.
    pub query_variations_max: Option<u32>,
    /// The learned guard; none turns it off.
    pub guard: Option<GuardRules>,
}

/// When a shape of URLs counts as a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardRules {
    /// Pages in a row without anything new after which a template's URLs are stale; a path's after twice, a host's after four
    /// times as many. Thirty: an honest page is taken for a barren one where it has nothing but numbers that are on
    /// others too, and thirty of those in a row that only lead to each other are no loss.
    pub barren_max: u32,
    /// The first of the parked that is tried nonetheless; each next one after twice as many.
    pub sample: u32,
}

impl Default for GuardRules {
    fn default() -> Self {
        Self { barren_max: 30, sample: 50 }
    }
}

impl Default for TrapRules {
    fn default() -> Self {
        Self {
            per_host_max: None,
            per_domain_max: None,
            subdomains_max: Some(10_000),
            query_variations_max: Some(100_000),
            guard: Some(GuardRules::default()),
        }
    }
}

/// What a page brought, for the links that were found on it: [`Traps::settled`] says it, [`Traps::admit`] takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Brought(u8);

impl Brought {
    /// It brought something, or nobody can tell: seeds, what a sitemap lists, what an earlier run left.
    pub const SOMETHING: Self = Self(0);

    /// It brought nothing new, by one measure at least.
    pub fn is_barren(self) -> bool {
        self.0 != 0
    }
}

/// A page that is settled, as far as the traps have to know.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its URL.
    pub url: &'a CanonicalUrl,
    /// Its status.
    pub status: u16,
    /// Its payload is one that was there before.
    pub is_repeat: bool,
    /// What it says; none where it is no text, or where that is not known any more.
    pub sketch: Option<&'a Sketch>,
}

/// See the module's documentation. Its memory is kept with serde; its rules are not, and are given again
/// ([`Traps::under`]).
///
/// ```
/// use dragline_frontier::{Brought, Seen, TrapRules, Traps};
/// use dragline_model::{CanonicalUrl, Sketch};
///
/// let mut traps = Traps::new(TrapRules::default());
/// let url = |day: u32| CanonicalUrl::parse(&format!("http://a.example/calendar/{day}"));
/// // Each day links to the next, and says nothing else.
/// let (mut day, mut found_on) = (1, Brought::SOMETHING);
/// while traps.admit(&url(day)?, found_on).is_ok() {
///     let page = url(day)?;
///     let sketch = Sketch::of(&page, format!("<h1>Day {day}</h1> <p>No events</p>").as_bytes());
///     let seen = Seen { url: &page, status: 200, is_repeat: false, sketch: sketch.as_ref() };
///     found_on = traps.settled(&seen, [&url(day + 1)?]);
///     day += 1;
/// }
/// assert!(day < 40);
/// let said = traps.explain(&url(day)?).map(|reason| reason.to_string()).unwrap_or_default();
/// assert!(said.starts_with("parked: the last 10 pages of the shape a.example/calendar/N brought nothing new"));
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Traps {
    #[serde(skip)]
    rules: TrapRules,
    budgets: Budgets,
    guard: Guard,
    sessions: Sessions,
}

impl Traps {
    /// Nothing learned yet.
    pub fn new(rules: TrapRules) -> Self {
        Self { rules, guard: Guard::new(), ..Self::default() }
    }

    /// The same memory under these rules.
    pub fn under(self, rules: TrapRules) -> Self {
        Self { rules, ..self }
    }

    /// May a URL be admitted? It counts against its budgets then, so it is asked once for each URL. `found_on` is
    /// what the page brought that it was found on.
    ///
    /// Seeds are asked for by name: whoever admits one need not mind the answer, but should still ask, so that it
    /// counts.
    pub fn admit(&mut self, url: &CanonicalUrl, found_on: Brought) -> Result<(), Reason> {
        self.budgets.judge(&self.rules, url)?;
        if let Some(rules) = &self.rules.guard {
            self.sessions.judge(rules, url)?;
            let is_wild = self.budgets.has_many_hosts(url);
            self.guard.admit(rules, url, is_wild, found_on.0)?;
        }
        self.budgets.count(&self.rules, url);
        Ok(())
    }

    /// May a URL that was admitted still be asked for, with all that has been learned since? To be asked when its
    /// visit is about to be granted; what is parked here is gone.
    pub fn recheck(&mut self, url: &CanonicalUrl) -> Result<(), Reason> {
        let Some(rules) = &self.rules.guard else { return Ok(()) };
        self.sessions.judge(rules, url)?;
        let is_wild = self.budgets.has_many_hosts(url);
        self.guard.recheck(rules, url, is_wild)
    }

    /// Is a sketch of this page worth its making (a tenth of what a page costs)? The first pages of a shape are looked
    /// at; then, as long as they bring something, every sixteenth will do, by the visit's number; from the first that does
    /// not, each is.
    pub fn wants_sketch(&self, url: &CanonicalUrl, visit: u64) -> bool {
        self.rules.guard.is_some()
            && (visit.is_multiple_of(SKETCH_EVERY)
                || self.guard.is_in_doubt(url, self.budgets.has_many_hosts(url))
                || self.sessions.is_in_doubt(url))
    }

    /// Was a shape that had been parked freed since this was asked last?
    pub fn take_freed(&mut self) -> bool {
        self.guard.take_freed() | self.sessions.take_freed()
    }

    /// Learns from a page, and says what it brought. `new_links` are those of its links that nobody had seen, a
    /// redirect's target included. To be called before they are admitted, and not for failures.
    pub fn settled<'a>(
        &mut self,
        page: &Seen<'_>,
        new_links: impl IntoIterator<Item = &'a CanonicalUrl>,
    ) -> Brought {
        let Some(rules) = &self.rules.guard else { return Brought::SOMETHING };
        if let (200, Some(sketch)) = (page.status, page.sketch.filter(|sketch| !sketch.is_empty())) {
            self.sessions.settled(page.url, sketch);
        }
        let budgets = &self.budgets;
        Brought(self.guard.settled(rules, page, new_links, |url| budgets.has_many_hosts(url)))
    }

    /// Why a URL would not be admitted, if it were found on a page that brings nothing. Changes nothing.
    pub fn explain(&self, url: &CanonicalUrl) -> Option<Reason> {
        let by_budget = self.budgets.judge(&self.rules, url).err();
        by_budget.or_else(|| {
            let rules = self.rules.guard.as_ref()?;
            let by_session = self.sessions.explain(url);
            by_session.or_else(|| self.guard.explain(rules, url, self.budgets.has_many_hosts(url)))
        })
    }

    /// The shapes that are parked, those with the most URLs first.
    pub fn report(&self) -> Vec<Parked> {
        let mut parked = self.guard.report();
        parked.extend(self.sessions.report());
        parked.sort_unstable_by(|a, b| (b.parked_urls, &a.shape).cmp(&(a.parked_urls, &b.shape)));
        parked
    }

    /// URLs that the guard has left alone.
    pub fn parked_urls(&self) -> u64 {
        self.guard.parked_urls() + self.sessions.parked_urls()
    }

    /// Bytes that the memory takes, about.
    pub fn bytes(&self) -> usize {
        self.budgets.bytes() + self.guard.bytes() + self.sessions.bytes()
    }
}

#[cfg(test)]
mod tests;
