//! `dragline robots`: what a robots.txt says of URLs, and which line says it.
//!
//! Owns what a person reads of it. The file comes from [`source`]; scripts ask through [`lines`]. Decides nothing
//! itself: verdicts are `dragline-politeness`'s, the same that a crawl goes by.

mod lines;
mod source;

use std::{
    io::{self, BufWriter, Write},
    time::{Duration, Instant, SystemTime},
};

use dragline_politeness::{
    Epoch, Freedom, Group, PaceRules, Robots, RobotsRules, Stamp, Standing, VisitTime, target_of,
};

use super::{
    Trouble,
    args::{Args, RobotsArgs},
    text::printable,
};
use crate::model::CanonicalUrl;
use source::Source;

/// Nothing could be fetched.
const NOTHING: u8 = 3;

/// Characters that are shown of one line or URL; what is longer is no line that a person wrote.
const SHOWN_CHARS: usize = 2_000;

pub(super) fn run(command: &RobotsArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let agent = command.agent.as_ref().unwrap_or(&config.user_agent);
    if command.jsonl {
        return lines::answer(agent);
    }
    let now = Epoch::new(Instant::now(), SystemTime::now()).stamp(Instant::now());
    let from = command.from.as_deref().unwrap_or_default();
    let source = Source::open(from, &config, now)?;
    let standing = source.standing(now);
    let mut out = BufWriter::new(io::stdout().lock());
    for url in &command.urls {
        let (allowed, why) = verdict(&standing, &source, agent, url, now);
        let word = if allowed { "allowed   " } else { "disallowed" };
        writeln!(out, "{word}  {}  {}", shown(url), shown(&why))?;
    }
    if !command.urls.is_empty() {
        writeln!(out)?;
    }
    for (name, value) in facts(&standing, &source, agent, now) {
        writeln!(out, "{name:<12}  {}", shown(&value))?;
    }
    out.flush()?;
    Ok(if source.is_answered() { 0 } else { NOTHING })
}

/// May it be asked for, and why.
fn verdict(standing: &Standing<'_>, source: &Source, agent: &str, url: &str, now: Stamp) -> (bool, String) {
    let (allowed, mut why) = judged(standing, agent, url, now);
    if let (Some(origin), Ok(url)) = (source.origin(), CanonicalUrl::parse(url))
        && url.origin() != origin
    {
        why.push_str(&format!(
            "; but it is not on {origin}: the robots.txt of {} holds for it",
            url.origin()
        ));
    }
    (allowed, why)
}

/// The same, where the rules are known to be those of the URL's origin.
pub(super) fn judged(standing: &Standing<'_>, agent: &str, url: &str, now: Stamp) -> (bool, String) {
    match standing {
        Standing::Rules { robots, .. } => by_rules(robots, agent, url),
        Standing::AllowAll(freedom) => (true, free(*freedom)),
        Standing::DisallowUntil { until, status, .. } => (false, held(*status, until.since(now))),
        Standing::Unknown => (false, "nothing is known of its robots.txt yet".into()),
    }
}

fn by_rules(robots: &Robots, agent: &str, url: &str) -> (bool, String) {
    let target = target_of(url);
    let verdict = robots.verdict_at(agent, &target);
    let why = match (&verdict.line, &verdict.group) {
        (Some(line), _) => format!("line {}: {}", line.number, line.text),
        (None, _) if target == "/robots.txt" => "robots.txt itself always is (RFC 9309 §2.2.2)".into(),
        (None, Group::Nobody) => "no group is for this agent".into(),
        (None, Group::Anybody) => "no line of the group * matches".into(),
        (None, Group::Named(name)) => format!("no line of the group {name} matches"),
    };
    (verdict.allowed, why)
}

/// Why everything is allowed.
fn free(freedom: Freedom) -> String {
    match freedom {
        Freedom::Status(status) => {
            format!("{status}: there is no robots.txt, so everything is allowed (RFC 9309 §2.3.1.3)")
        }
        Freedom::Redirects => {
            "its redirects lead nowhere or on and on: as if there were none (RFC 9309 §2.3.1.2)".into()
        }
        Freedom::GaveIn => {
            "it could not be had for so long that it no longer counts (RFC 9309 §2.3.1.4)".into()
        }
    }
}

/// Why nothing is.
fn held(status: Option<u16>, wait: Duration) -> String {
    let what = match status {
        Some(429) => "429: too many requests, which does not say that there are no rules".into(),
        Some(status) => format!("{status}: the rules cannot be had"),
        None => "no answer: the rules cannot be had".into(),
    };
    let wait = humantime::format_duration(Duration::from_secs(wait.as_secs_f64().round() as u64));
    format!("{what}, so nothing is allowed; a crawl asks again in {wait} (RFC 9309 §2.3.1.4)")
}

/// What there is to say besides verdicts, each with its name.
fn facts(standing: &Standing<'_>, source: &Source, agent: &str, now: Stamp) -> Vec<(&'static str, String)> {
    let mut facts: Vec<_> = source.trail().iter().map(|hop| ("asked", hop.clone())).collect();
    facts.push(("agent", dragline_politeness::product_token(agent)));
    let robots = match standing {
        Standing::Rules { robots, .. } => robots,
        Standing::AllowAll(freedom) => {
            facts.push(("robots.txt", free(*freedom)));
            return facts;
        }
        Standing::DisallowUntil { until, status, .. } => {
            facts.push(("robots.txt", held(*status, until.since(now))));
            return facts;
        }
        Standing::Unknown => return facts,
    };
    facts.push((
        "group",
        match robots.group_of(agent) {
            Group::Named(name) => format!("{name}, which does not see the rules of *"),
            Group::Anybody => "*".into(),
            Group::Nobody => "none: everything is allowed".into(),
        },
    ));
    if let Some(asked) = robots.crawl_delay(agent, Duration::MAX) {
        let kept_to = PaceRules::default().crawl_delay_max;
        let mut text = seconds(asked);
        if asked > kept_to {
            text.push_str(&format!(", of which a crawl keeps to {}", seconds(kept_to)));
        }
        facts.push(("crawl-delay", text));
    }
    if let Some(rate) = robots.request_rate(agent) {
        let during = rate.during.map_or_else(String::new, |time| format!(", {}", day_time(time)));
        let text = format!("{} in {}{during}; not kept to", rate.requests, seconds(rate.per));
        facts.push(("request-rate", text));
    }
    if let Some(time) = robots.visit_time(agent) {
        facts.push(("visit-time", format!("{}; not kept to", day_time(time))));
    }
    facts.extend(robots.sitemaps().iter().map(|sitemap| ("sitemap", sitemap.clone())));
    facts
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// `04:00 to 08:45 UTC`.
fn day_time(time: VisitTime) -> String {
    format!("{} to {} UTC", clock(time.from), clock(time.until))
}

/// A minute of the day as `08:45`.
fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn shown(text: &str) -> String {
    printable(text, SHOWN_CHARS)
}

/// The bounds of coming by a file, here as in a crawl.
fn rules() -> RobotsRules {
    RobotsRules::default()
}
