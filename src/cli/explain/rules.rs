//! What the robots.txt of a URL's origin says of it, from the records.
//!
//! Owns the walk through what was asked and answered. What it means is the politeness crate's affair.

use std::time::Duration;

use dragline_coding::Bounds;
use dragline_politeness::{Brought, Next, RobotsRecord, RobotsRules, Stamp};

use crate::{
    cli::{Trouble, remembered::Remembered, robots::judged},
    config::RobotsName,
    model::{CanonicalUrl, FailureKind, Purpose, Timestamp},
    storage::{Record, Store},
};

/// Visits to one robots.txt that are gone through: what holds follows from the last few.
const VISITS_MAX: usize = 64;

/// See the module's documentation.
pub(super) struct Rules {
    pub is_allowed: bool,
    /// The line that decides, or why none does.
    pub why: String,
    /// The last time that it was asked for.
    pub asked: Option<Asked>,
    /// The crawl does not ask for it.
    pub is_ignored: bool,
}

/// A request for a robots.txt.
pub(super) struct Asked {
    pub url: CanonicalUrl,
    pub at: Timestamp,
    pub status: Option<u16>,
}

impl Rules {
    pub(super) fn of(store: &Store, crawl: &Remembered, url: &CanonicalUrl) -> Result<Self, Trouble> {
        let is_ignored = crawl.config.crawl.robots == RobotsName::Ignore;
        let mut rules = Self { is_allowed: true, why: String::new(), asked: None, is_ignored };
        if is_ignored {
            rules.why = "it is not asked for (--robots ignore)".to_owned();
            return Ok(rules);
        }
        let bounds = &crawl.limits.robots;
        let mut standing = RobotsRecord::default();
        if let Ok(address) = url.join("/robots.txt") {
            for visit in visits(store, &address)? {
                let (at, status) = (visit.fetched_at, visit.status);
                rules.asked = Some(Asked { url: visit.url.clone(), at, status });
                take(store, &mut standing, bounds, visit)?;
            }
        }
        let held = standing.standing(bounds, crawl.now);
        (rules.is_allowed, rules.why) = judged(&held, &crawl.agent, url.as_str(), crawl.now);
        if rules.asked.is_none() {
            // Nothing is against it yet.
            rules.is_allowed = true;
            rules.why = "it has not been asked for yet".to_owned();
        }
        Ok(rules)
    }
}

/// Takes one answer in, with those that its redirects led to.
fn take(
    store: &Store,
    standing: &mut RobotsRecord,
    bounds: &RobotsRules,
    mut visit: Record,
) -> Result<(), Trouble> {
    let mut hops = 0;
    loop {
        let body = body(store, &visit, bounds)?;
        let answer = visit.robots.as_deref();
        let brought = match (visit.status, &visit.error) {
            (Some(status), _) => Brought::Answer {
                status,
                location: answer.and_then(|it| it.location.as_deref()).or(visit.location.as_deref()),
                cache_control: answer.and_then(|it| it.cache_control.as_deref()),
                body: &body,
            },
            (None, Some(failure)) if failure.kind == FailureKind::Refused && hops > 0 => Brought::DeadEnd,
            (None, _) => Brought::Nothing,
        };
        let at = Stamp::new(Duration::from_millis(visit.fetched_at.0));
        let Next::Follow(location, hop) = standing.take(bounds, brought, hops, at) else { return Ok(()) };
        let next = match visit.url.join(location) {
            Ok(target) => visits(store, &target)?.find(|later| later.fetched_at >= visit.fetched_at),
            Err(_) => {
                standing.take(bounds, Brought::DeadEnd, hop, at);
                return Ok(());
            }
        };
        // The crawl ended on the way there.
        let Some(next) = next else { return Ok(()) };
        (visit, hops) = (next, hop);
    }
}

/// The last visits to a URL as a robots.txt, the oldest first.
fn visits(store: &Store, url: &CanonicalUrl) -> Result<impl Iterator<Item = Record> + use<>, Trouble> {
    let mut visits = store.history(url)?;
    visits.retain(|record| record.purpose == Purpose::Robots);
    let passed = visits.len().saturating_sub(VISITS_MAX);
    Ok(visits.into_iter().skip(passed))
}

/// Its body without content coding: from the record, or where it is too long for one, from the archive.
fn body(store: &Store, visit: &Record, bounds: &RobotsRules) -> Result<Vec<u8>, Trouble> {
    match &visit.robots {
        Some(answer) => return Ok(answer.body.to_vec()),
        None if visit.status.is_none_or(|status| !(200..300).contains(&status)) => return Ok(Vec::new()),
        None => {}
    }
    let payload = store.payload(visit)?;
    let bounds = Bounds { decoded_bytes: bounds.bytes_max + 1, ..Bounds::default() };
    let coding = payload.body_head.content_encoding();
    let decoded = dragline_coding::decode(coding.as_deref(), payload.body.clone(), &bounds);
    // What cannot be decoded has no rules in it; so a crawl takes it, too.
    Ok(decoded.map(|it| it.bytes.to_vec()).unwrap_or_default())
}
