//! From an answer to a sealed harvest: decode, find links, keep those in scope, seal.
//!
//! Owns what is done with one response on the fetcher's thread; plain code, no messages. Whatever a page does
//! to it, the page is kept.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use dragline_extract::{self as extract, Role};
use dragline_frontier::Scope;
use dragline_model::{
    CanonicalUrl, Facts, Failure, Fingerprint, Harvest, Link, Normaliser, Outcome, Page, Purpose,
    RobotsAnswer, Sketch, Timestamp, Visit,
};
use dragline_politeness::{Robots, meta_robots, x_robots_tag};
use dragline_storage::{DecodedFacts, Parcel, Sealer, Store};

use crate::{fault, panics, recent::RecentLinks};

/// Sitemaps within sitemaps, at most: a list of lists of lists is no sitemap (sitemaps.org has one level).
const SITEMAPS_DEEP_MAX: u8 = 3;
/// Sitemaps taken from one robots.txt.
const SITEMAPS_MAX: usize = 100;

/// What every harvester of a crawl goes by.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Whose archive the harvests are sealed for.
    pub store: Store,
    pub scope: Arc<Scope>,
    /// Redirects followed one after another at most.
    pub redirects_max: u8,
    /// Bytes of a decoded body at most; what is longer is cut and marked.
    pub decoded_bytes_max: usize,
    pub follow: Follow,
}

/// What is looked for in answers, and followed.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Where links are looked for.
    pub extract: extract::Options,
    /// Whom robots directives are read for.
    pub agent: Arc<str>,
    /// Pages may say that their links are not to be followed (`nofollow`), and robots.txt where sitemaps are.
    pub robots: bool,
    /// Sitemaps are asked for, feeds are followed.
    pub sitemaps: bool,
    /// How URLs are spelled, beyond what always holds.
    pub normaliser: Arc<Normaliser>,
}

/// Turns answers into parcels. One per thread: it keeps a compressor and the links it has just seen.
pub(crate) struct Harvester {
    rules: Rules,
    sealer: Sealer,
    recent: RecentLinks,
}

/// What a page's body gave.
#[derive(Default)]
struct Found {
    links: Vec<Link>,
    decoded_bytes: u64,
    error: Option<String>,
    facts: Facts,
    robots: Option<Box<RobotsAnswer>>,
    sketch: Option<Sketch>,
    /// What to remember once the harvest is sealed.
    seen: Vec<Fingerprint>,
}

impl Harvester {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { sealer: rules.store.sealer(), rules, recent: RecentLinks::new() }
    }

    /// The parcel of one visit.
    pub(crate) fn harvest(
        &mut self,
        visit: Visit,
        fetched_at: Timestamp,
        answer: Result<Page, Failure>,
    ) -> Parcel {
        let (found, outcome) = match answer {
            Ok(page) => (self.look_into(&visit, &page), Outcome::Page(Box::new(page))),
            Err(failure) => (Found::default(), Outcome::Failure(failure)),
        };
        let Found { links, decoded_bytes, error, facts, robots, sketch, seen } = found;
        let harvest =
            Harvest { visit, fetched_at, outcome, links, extract_error: error, facts, robots, sketch };
        let parcel = self.sealer.seal(harvest, DecodedFacts { size: decoded_bytes });
        // Only now: had anything above panicked, these links would be remembered and lost.
        for fingerprint in seen {
            self.recent.insert(fingerprint);
        }
        parcel
    }

    /// The parcel of a visit on which our own code panicked.
    pub(crate) fn harvest_of_panic(&mut self, visit: Visit, fetched_at: Timestamp) -> Parcel {
        let text = panics::take_last().unwrap_or_default();
        self.sealer = self.rules.store.sealer();
        let failure = Failure::new(dragline_model::FailureKind::Panicked, text);
        self.harvest(visit, fetched_at, Err(failure))
    }

    /// What [`Harvester::harvest`] takes of a page, and what is wrong with that.
    pub(crate) fn links_of(&self, visit: &Visit, page: &Page) -> (Vec<Link>, Option<String>) {
        let found = self.look_into(visit, page);
        (found.links, found.error)
    }

    fn look_into(&self, visit: &Visit, page: &Page) -> Found {
        if visit.purpose == Purpose::Robots {
            return self.read_robots(visit, page);
        }
        if let Some(location) = redirect(page) {
            return self.follow(visit, page, &location);
        }
        let (body, is_readable, error) = self.decode(page);
        let decoded_bytes = body.len() as u64;
        let mut found = Found { decoded_bytes, error, ..Found::default() };
        found.facts = self.facts_of_head(page);
        if !is_readable || !(200..300).contains(&page.status) {
            return found;
        }
        let looked = catch_unwind(AssertUnwindSafe(|| {
            fault::point(fault::VISIT_EXTRACT);
            self.links(visit, page, &body, found.facts.clone())
        }));
        match looked {
            Ok(links) => Found { decoded_bytes, error: found.error.or(links.error.clone()), ..links },
            Err(_) => Found { error: panics::take_last(), ..found },
        }
    }

    /// The body without its content coding, whether it could be had so, and what is wrong with it.
    fn decode(&self, page: &Page) -> (Bytes, bool, Option<String>) {
        let coding = page.head.content_encoding();
        let bounds = dragline_coding::Bounds {
            decoded_bytes: self.rules.decoded_bytes_max,
            ..dragline_coding::Bounds::default()
        };
        match dragline_coding::decode(coding.as_deref(), page.body.clone(), &bounds) {
            Ok(decoded) => {
                let error = decoded.truncated.map(|cut| {
                    let len = decoded.bytes.len();
                    format!("the decoded body is cut after {len} bytes ({cut}); links behind are missing")
                });
                (decoded.bytes, true, error)
            }
            Err(error) => (page.body.clone(), false, Some(error.to_string())),
        }
    }

    /// What its head asks of crawlers.
    fn facts_of_head(&self, page: &Page) -> Facts {
        let fields: Vec<_> = page.head.values("x-robots-tag").map(String::from_utf8_lossy).collect();
        if fields.is_empty() {
            return Facts::default();
        }
        let now = SystemTime::now();
        let asked = x_robots_tag(fields.iter().map(|it| &**it), &self.rules.follow.agent, now);
        Facts { noindex: asked.noindex, nofollow: asked.nofollow, ..Facts::default() }
    }

    /// The links of a document that are in scope and were not seen a moment ago, and what it says of itself.
    fn links(&self, visit: &Visit, page: &Page, body: &[u8], mut facts: Facts) -> Found {
        let follow = &self.rules.follow;
        let Follow { extract: options, agent, robots, .. } = follow;
        let as_sitemap = visit.purpose == Purpose::Sitemap;
        let document =
            extract::Document { url: &visit.url, content_type: page.head.field_str("content-type"), body };
        let texts = |name| page.head.values(name).filter_map(|it| std::str::from_utf8(it).ok()).collect();
        let (links, refresh): (Vec<_>, Vec<_>) = (texts("link"), texts("refresh"));
        let head = extract::Head { links: &links, refresh: &refresh };
        let for_sitemap;
        let options = if as_sitemap {
            for_sitemap = extract::Options { as_sitemap, ..options.clone() };
            &for_sitemap
        } else {
            options
        };
        let scope = &self.rules.scope;
        let page_scope = scope.on(&visit.url, visit.depth, visit.off);
        // A sitemap is no page of the crawl: it is as near as a seed, and has no depth of its own.
        let near = scope.on(&visit.url, 0, visit.off);
        let (mut links, mut seen) = (Vec::new(), Vec::new());
        let discovery = extract::discover(
            &document,
            &head,
            options,
            |fingerprint| self.recent.contains(fingerprint),
            |fingerprint, url, role| {
                let Some((purpose, hops)) = self.purpose(visit, role) else { return };
                let (url, spelled) = self.spell(url, fingerprint);
                let judged = match purpose {
                    Purpose::Sitemap => near.judge(&url),
                    _ if hops > 0 => page_scope.judge_redirect(&url),
                    _ => page_scope.judge(&url),
                };
                if let Ok(off) = judged {
                    let further = u16::from(purpose == Purpose::Page && hops == 0);
                    let depth = visit.depth.saturating_add(further);
                    seen.push(fingerprint);
                    links.push(Link { url, fingerprint: spelled, depth, hops, off, purpose });
                }
            },
        );
        let now = SystemTime::now();
        for (name, content) in &discovery.metas {
            let asked = meta_robots(name, content, agent, now);
            facts.noindex |= asked.noindex;
            facts.nofollow |= asked.nofollow;
        }
        if facts.nofollow && *robots {
            links.clear();
            seen.clear();
        }
        facts.canonical = discovery.canonical.filter(|canonical| *canonical != visit.url);
        facts.alternates = discovery.alternates;
        let sketch = visit.sketch.then(|| Sketch::of(&visit.url, body));
        Found { links, seen, facts, error: discovery.error, sketch: sketch.flatten(), ..Found::default() }
    }

    /// A URL as this crawl spells it, with the fingerprint of that.
    fn spell(&self, url: CanonicalUrl, fingerprint: Fingerprint) -> (CanonicalUrl, Fingerprint) {
        let normaliser = &self.rules.follow.normaliser;
        if normaliser.is_idle() {
            return (url, fingerprint);
        }
        let url = normaliser.apply(url);
        let fingerprint = Fingerprint::of(&url);
        (url, fingerprint)
    }

    /// What a URL that was found in this role is asked for, and how many redirects that is; `None` where it is not
    /// followed.
    fn purpose(&self, visit: &Visit, role: Role) -> Option<(Purpose, u8)> {
        let sitemaps = self.rules.follow.sitemaps;
        match role {
            Role::Link
            | Role::Frame
            | Role::Next
            | Role::Previous
            | Role::Header
            | Role::Json
            | Role::Srcset => Some((Purpose::Page, 0)),
            // A page that sends its reader on at once is a redirect by another name; bounded like one.
            Role::Refresh => (visit.hops < self.rules.redirects_max).then(|| (Purpose::Page, visit.hops + 1)),
            Role::SitemapEntry(_) | Role::FeedEntry(_) => Some((Purpose::Page, 0)),
            Role::Sitemap(_) => {
                let deeper = if visit.purpose == Purpose::Sitemap { visit.hops + 1 } else { 0 };
                (sitemaps && deeper <= SITEMAPS_DEEP_MAX).then_some((Purpose::Sitemap, deeper))
            }
            Role::Feed => sitemaps.then_some((Purpose::Page, 0)),
            // Named, not linked to: facts.
            _ => None,
        }
    }

    /// A robots.txt: what its host's rules follow from, and the sitemaps that it names.
    fn read_robots(&self, visit: &Visit, page: &Page) -> Found {
        let (body, is_readable, error) = self.decode(page);
        let decoded_bytes = body.len() as u64;
        let joined = |name: &str| {
            let all: Vec<_> = page.head.values(name).map(String::from_utf8_lossy).collect();
            (!all.is_empty()).then(|| all.join(","))
        };
        let body = if is_readable { body } else { Bytes::new() };
        let body = body.slice(..body.len().min(dragline_politeness::BYTES_MAX));
        let mut links = Vec::new();
        if (200..300).contains(&page.status) && self.rules.follow.sitemaps {
            let sitemaps = Robots::parse(&body);
            let urls = sitemaps.sitemaps().iter().filter_map(|text| visit.url.join(text).ok());
            // Wherever a redirect led: by the host whose rules they are.
            let home =
                CanonicalUrl::parse(&format!("http://{}/", visit.host)).unwrap_or_else(|_| visit.url.clone());
            let home = self.rules.scope.on(&home, 0, 0);
            let urls = urls.filter(|url: &CanonicalUrl| home.judge(url).is_ok());
            links.extend(
                urls.take(SITEMAPS_MAX).map(|url| Link { purpose: Purpose::Sitemap, ..Link::seed(url) }),
            );
        }
        let location = redirect(page);
        let answer = RobotsAnswer { location, cache_control: joined("cache-control"), body };
        Found { links, decoded_bytes, error, robots: Some(Box::new(answer)), ..Found::default() }
    }

    /// A redirect's target is a discovered link of the same depth, one hop further.
    fn follow(&self, visit: &Visit, page: &Page, location: &str) -> Found {
        let decoded_bytes = page.body.len() as u64;
        let target = match visit.url.join(location) {
            Ok(target) => target,
            Err(error) => {
                let error = Some(format!("redirect to \"{location}\": {error}"));
                return Found { decoded_bytes, error, ..Found::default() };
            }
        };
        if visit.hops >= self.rules.redirects_max {
            let error = Some(format!("redirect number {} is not followed", u16::from(visit.hops) + 1));
            return Found { decoded_bytes, error, ..Found::default() };
        }
        let mut found = Found { decoded_bytes, ..Found::default() };
        // To spell the target of a redirect otherwise than the server does could lead round in a circle.
        let page = self.rules.scope.on(&visit.url, visit.depth, visit.off);
        // A sitemap has a seed's depth, and not its freedom.
        let judged = if visit.purpose.is_page() { page.judge_redirect(&target) } else { page.judge(&target) };
        if let Ok(off) = judged {
            let (depth, hops) = (visit.depth, visit.hops.saturating_add(1));
            let link = Link { depth, hops, off, purpose: visit.purpose, ..Link::seed(target) };
            found.links.push(link);
        }
        found
    }
}

/// The `Location` of a redirect (RFC 9110 §15.4).
fn redirect(page: &Page) -> Option<String> {
    if !matches!(page.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    page.head.field("location").map(|location| String::from_utf8_lossy(location).into_owned())
}
