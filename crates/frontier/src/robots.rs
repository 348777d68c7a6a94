//! The robots.txt of one origin, from the frontier's side: when it is asked for, and what it lets through.
//!
//! Owns what is under way. The file's meaning and the rules of its age are [`dragline_politeness`]'s.

use std::io;

use dragline_model::{CanonicalUrl, Settled};
use dragline_politeness::{Brought, Next, RobotsRecord, RobotsRules, Stamp, Standing};
use serde::{Deserialize, Serialize};

use crate::tails::{ChunkId, Tails};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct OriginRobots {
    record: RobotsRecord,
    /// A request is out.
    pub out: bool,
    /// Where a redirect led, and how many have been followed.
    follow: Option<(CanonicalUrl, u8)>,
    /// The file's bytes, for the next run.
    body: Option<ChunkId>,
    /// They are to be read before the record is used.
    is_asleep: bool,
}

/// What is kept of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeptRobots {
    record: RobotsRecord,
    body: Option<ChunkId>,
}

/// What is to be done before a URL of this origin may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing: its rules are known, or there are none.
    Open,
    /// Its rules are on their way.
    Wait,
    /// Ask this for its rules, which is so many redirects away from where they were asked for first.
    Ask(CanonicalUrl, u8),
    /// Nothing may be asked for until then.
    Until(Stamp),
}

impl OriginRobots {
    /// See [`Gate`]. `url` is one of the origin's. To be asked of an origin that is [awake](Self::wake).
    pub(crate) fn gate(&self, url: &CanonicalUrl, rules: &RobotsRules, now: Stamp) -> Gate {
        if self.out {
            return Gate::Wait;
        }
        if let Some((url, hops)) = &self.follow {
            return Gate::Ask(url.clone(), *hops);
        }
        let ask = || match url.join("/robots.txt") {
            Ok(robots) => Gate::Ask(robots, 0),
            // Not of a URL that is one.
            Err(_) => Gate::Open,
        };
        if self.record.is_due(rules, now) {
            return ask();
        }
        match self.record.standing(rules, now) {
            Standing::Rules { .. } | Standing::AllowAll(_) => Gate::Open,
            Standing::Unknown => ask(),
            Standing::DisallowUntil { until, .. } => Gate::Until(until),
        }
    }

    /// The number of the line that forbids this URL; 0 where nothing is allowed as a whole.
    pub(crate) fn forbids(
        &self,
        agent: &str,
        url: &CanonicalUrl,
        rules: &RobotsRules,
        now: Stamp,
    ) -> Option<u32> {
        match self.record.standing(rules, now) {
            Standing::Rules { robots, .. } => {
                let verdict = robots.verdict(agent, url);
                (!verdict.allowed).then(|| verdict.line.map_or(0, |line| line.number))
            }
            Standing::AllowAll(_) => None,
            Standing::Unknown | Standing::DisallowUntil { .. } => Some(0),
        }
    }

    /// Reads the rules that an earlier run put away. Where they are lost, they are asked for again.
    pub(crate) fn wake(&mut self, agent: &str, rules: &RobotsRules, tails: &mut dyn Tails) {
        if !std::mem::take(&mut self.is_asleep) {
            return;
        }
        if let Some(bytes) = self.body.and_then(|id| tails.get(id).ok()) {
            self.record.put_back(rules, &bytes);
            self.record.reduce_to(agent);
        }
    }

    /// Takes an answer in; true if that settles where the origin stands, false if a redirect is to be followed.
    pub(crate) fn take(&mut self, answer: &Answer<'_>, rules: &RobotsRules, now: Stamp) -> bool {
        self.out = false;
        self.follow = None;
        self.is_asleep = false;
        let brought = match answer.settled {
            Settled::Page { status, .. } => Brought::Answer {
                status: *status,
                location: answer.location,
                cache_control: answer.cache_control,
                body: answer.body,
            },
            Settled::Failure(failure) if failure.kind == dragline_model::FailureKind::Refused => {
                Brought::DeadEnd
            }
            Settled::Failure(_) => Brought::Nothing,
        };
        if let Next::Follow(location, hops) = self.record.take(rules, brought, answer.hops, now) {
            match answer.asked.join(location) {
                Ok(target) => self.follow = Some((target, hops)),
                Err(_) => {
                    self.record.take(rules, Brought::DeadEnd, answer.hops, now);
                }
            }
        }
        let is_settled = self.follow.is_none();
        if is_settled {
            self.record.reduce_to(answer.agent);
        }
        is_settled
    }

    /// Puts the bytes of the file that was just taken in away, for the next run.
    pub(crate) fn put_away(&mut self, answer: &Answer<'_>, tails: &mut dyn Tails) -> io::Result<()> {
        match answer.settled {
            Settled::Page { status: 200..=299, .. } => self.body = Some(tails.put(answer.body)?),
            Settled::Page { status: 304 | 429, .. } => {}
            Settled::Page { status: 300..=499, .. } => self.body = None,
            // What was known before goes on to hold.
            _ => {}
        }
        Ok(())
    }

    /// `Crawl-delay` for this agent.
    pub(crate) fn crawl_delay(
        &self,
        agent: &str,
        rules: &RobotsRules,
        now: Stamp,
    ) -> Option<std::time::Duration> {
        match self.record.standing(rules, now) {
            Standing::Rules { robots, .. } => robots.crawl_delay(agent, std::time::Duration::MAX),
            _ => None,
        }
    }

    /// Where the origin stands. To be asked of one that is [awake](Self::wake).
    pub(crate) fn standing(&self, rules: &RobotsRules, now: Stamp) -> Standing<'_> {
        self.record.standing(rules, now)
    }

    /// Since when nothing is allowed, for want of an answer.
    pub(crate) fn held_since(&self, now: Stamp) -> Option<Stamp> {
        match self.record.standing(&RobotsRules::default(), now) {
            Standing::DisallowUntil { since, .. } => Some(since),
            _ => None,
        }
    }

    /// The chunk with its bytes.
    pub(crate) fn chunk(&self) -> Option<ChunkId> {
        self.body
    }

    pub(crate) fn keep(&self) -> Option<KeptRobots> {
        // Rules that were not read back yet look as if there were none.
        let is_known = self.is_asleep || self.record.next_fetch().is_some();
        is_known.then(|| KeptRobots { record: self.record.clone(), body: self.body })
    }

    pub(crate) fn restore(kept: Option<KeptRobots>) -> Self {
        let Some(KeptRobots { record, body }) = kept else { return Self::default() };
        Self { record, body, is_asleep: body.is_some(), ..Self::default() }
    }
}

/// What a request for a robots.txt brought.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub asked: &'a CanonicalUrl,
    pub hops: u8,
    pub settled: &'a Settled,
    pub location: Option<&'a str>,
    pub cache_control: Option<&'a str>,
    pub body: &'a [u8],
    pub agent: &'a str,
}
