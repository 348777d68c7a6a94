//! An explanation as a person reads it, and as JSON.
//!
//! Owns the names, which scripts depend on.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use dragline_frontier::{HostStanding, RobotsStanding, Whereabouts};
use dragline_politeness::Stamp;
use serde_json::{Value, json};

use super::{Explained, outcome, rules::Rules};
use crate::{
    cli::{
        Trouble,
        remembered::Remembered,
        text::{counted, printable, span, time},
    },
    model::{Purpose, Timestamp},
    storage::{Place, Record},
};

/// Visits and pages of a trail that a person is shown; `--json` has all of them.
const SHOWN: usize = 20;
/// Characters of a row.
const WIDTH: usize = 4_000;

pub(super) fn text(explained: &Explained, crawl: &Remembered) -> Result<(), Trouble> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut row = |name: &str, value: &str| writeln!(out, "{name:>10}  {}", printable(value, WIDTH));
    row("url", explained.url().as_str())?;
    if !explained.spelling.changes.is_empty() {
        row("given", &explained.spelling.given)?;
        for change in &explained.spelling.changes {
            row("", change)?;
        }
    }
    row("verdict", &explained.verdict(crawl))?;
    row("scope", &scope(explained))?;
    row("robots.txt", &robots(&explained.rules, crawl.now))?;
    if let Some(trap) = &explained.frontier.trap {
        row("traps", &format!("a new one like it would be left alone: {}", trap.of(explained.url())))?;
    }
    row("known", if explained.is_known() { "yes" } else { "no" })?;
    if let Some(trail) = &explained.trail {
        row("depth", &trail.depth.to_string())?;
        let passed = trail.pages.len().saturating_sub(SHOWN);
        if passed > 0 || !trail.is_whole {
            row("found on", &format!("… ({} before)", counted(passed as u64, "page")))?;
        }
        for (index, page) in trail.pages.iter().enumerate().skip(passed) {
            row(if index == 0 && trail.is_whole { "seed" } else { "→" }, page.as_str())?;
        }
        if trail.pages.is_empty() {
            row("found", "it is a seed")?;
        }
    }
    if let Some(host) = &explained.frontier.host {
        row("host", &format!("{}: {} waiting", host.key, counted(host.waiting as u64, "URL")))?;
        row("", &pace(host, crawl.now))?;
        if let Some(why) = &host.beyond {
            row("", &format!("nobody waits for it any longer: {why}"))?;
        }
    }
    if let Some(due) = explained.due {
        let wait = due.since(crawl.now);
        row(
            "refresh",
            &if wait.is_zero() { "due now".to_owned() } else { format!("due in {}", span(wait)) },
        )?;
    }
    let passed = explained.visits.len().saturating_sub(SHOWN);
    if passed > 0 {
        row("visits", &format!("the last {SHOWN} of {}", explained.visits.len()))?;
    }
    for (record, place) in &explained.visits[passed..] {
        row("visit", &visit(record, place.as_ref()))?;
    }
    out.flush()?;
    Ok(())
}

fn scope(explained: &Explained) -> String {
    match (&explained.scope, &explained.trail) {
        (Err(reason), _) => reason.of(explained.url()).to_string(),
        (Ok(()), Some(_)) => "within it".to_owned(),
        (Ok(()), None) => "within it, as a link of a seed".to_owned(),
    }
}

fn robots(rules: &Rules, now: Stamp) -> String {
    if rules.is_ignored {
        return rules.why.clone();
    }
    let word = if rules.is_allowed { "allowed" } else { "disallowed" };
    let Some(asked) = &rules.asked else { return format!("{word}; {}", rules.why) };
    let brought = asked.status.map_or("no answer".to_owned(), |status| status.to_string());
    let age = span(age(asked.at, now));
    format!("{word}; {} ({}, {age} ago: {brought})", rules.why, asked.url)
}

/// When it may be asked, and how often.
fn pace(host: &HostStanding, now: Stamp) -> String {
    let when = match host.next.at.since(now) {
        Duration::ZERO => "now".to_owned(),
        wait => format!("in {} ({})", span(wait), host.next.because),
    };
    let delay = span(host.delay);
    format!("it may be asked {when}, and every {delay} from start to start ({})", host.delay_because)
}

fn age(at: Timestamp, now: Stamp) -> Duration {
    now.since(Stamp::new(Duration::from_millis(at.0)))
}

fn visit(record: &Record, place: Option<&Place>) -> String {
    let mut text = format!("{}  {}", time(record.fetched_at), outcome(record));
    if record.purpose == Purpose::Robots {
        text.push_str(", as a robots.txt");
    }
    if record.attempts > 1 {
        text.push_str(&format!(", attempt {}", record.attempts));
    }
    if let Some(timings) = &record.timings {
        text.push_str(&format!(", {:.1} ms", timings.total.as_secs_f64() * 1e3));
    }
    text.push_str(&format!(", record {}", record.seq));
    if let Some(Place { file, offset, bytes }) = place {
        let file = file.file_name().unwrap_or_default().to_string_lossy();
        text.push_str(&format!(" ({file}, {bytes} bytes at {offset})"));
    }
    text
}

pub(super) fn json(explained: &Explained, crawl: &Remembered) -> Result<(), Trouble> {
    let (spelling, rules, now) = (&explained.spelling, &explained.rules, crawl.now);
    let visits = explained.visits.iter().map(|(record, place)| {
        let mut visit = dragline_export::value(record);
        visit["place"] = json!(place.as_ref().map(|Place { file, offset, bytes }| {
            json!({ "file": file, "offset": offset, "bytes": bytes })
        }));
        visit
    });
    let value = json!({
        "url": explained.url(),
        "given": spelling.given,
        "changes": spelling.changes,
        "verdict": explained.verdict(crawl),
        "scope": {
            "allowed": explained.scope.is_ok(),
            "word": explained.scope.as_ref().err().map(|reason| reason.word()),
            "reason": explained.scope.as_ref().err().map(|reason| reason.of(explained.url()).to_string()),
        },
        "robots": {
            "allowed": rules.is_allowed,
            "why": rules.why,
            "url": rules.asked.as_ref().map(|asked| &asked.url),
            "status": rules.asked.as_ref().and_then(|asked| asked.status),
            "asked_at": rules.asked.as_ref().map(|asked| time(asked.at)),
            "age_s": rules.asked.as_ref().map(|asked| age(asked.at, now).as_secs_f64()),
        },
        "trap": explained.frontier.trap.as_ref().map(|trap| {
            json!({ "word": trap.word(), "reason": trap.of(explained.url()).to_string() })
        }),
        "known": explained.is_known(),
        "depth": explained.trail.as_ref().map(|trail| trail.depth),
        "via": explained.trail.as_ref().and_then(|trail| trail.via.as_ref()),
        "trail": explained.trail.as_ref().map(|trail| &trail.pages),
        "trail_is_whole": explained.trail.as_ref().map(|trail| trail.is_whole),
        "state": state(explained, now),
        "next_in_s": explained.frontier.next.map(|next| next.at.since(now).as_secs_f64()),
        "next_because": explained.frontier.next.map(|next| next.because.to_string()),
        "host": explained.frontier.host.as_ref().map(|host| standing(host, now)),
        "due_in_s": explained.due.map(|due| due.since(now).as_secs_f64()),
        "visits": visits.collect::<Vec<_>>(),
    });
    writeln!(io::stdout().lock(), "{value}")?;
    Ok(())
}

fn state(explained: &Explained, now: Stamp) -> Value {
    match &explained.frontier.whereabouts {
        Whereabouts::Nowhere => json!({ "is": "nowhere" }),
        Whereabouts::Out => json!({ "is": "out" }),
        Whereabouts::Waits { before, attempts, .. } => {
            json!({ "is": "waits", "before": before, "attempts": attempts })
        }
        Whereabouts::Retries { at, attempts } => {
            json!({ "is": "retries", "in_s": at.since(now).as_secs_f64(), "attempts": attempts })
        }
        Whereabouts::Parked { reason, .. } => {
            json!({ "is": "parked", "word": reason, "reason": explained.reason(reason) })
        }
    }
}

/// How a host stands, in the names of `explain` and of `stats --hosts`.
pub(in crate::cli) fn standing(host: &HostStanding, now: Stamp) -> Value {
    json!({
        "host": host.key.as_str(),
        "waiting": host.waiting,
        "delay_s": host.delay.as_secs_f64(),
        "delay_because": host.delay_because.to_string(),
        "next_in_s": host.next.at.since(now).as_secs_f64(),
        "next_because": host.next.because.to_string(),
        "pace": host.pace,
        "address": host.address,
        "robots": { "http": robots_word(&host.robots[0]), "https": robots_word(&host.robots[1]) },
        "crawl_delay_s": crawl_delay(host),
        "beyond": host.beyond,
    })
}

/// Where a robots.txt stands, in a word.
pub(in crate::cli) fn robots_word(standing: &RobotsStanding) -> &'static str {
    match standing {
        RobotsStanding::Ignored => "ignored",
        RobotsStanding::Unknown => "unknown",
        RobotsStanding::Rules { is_stale: false, .. } => "rules",
        RobotsStanding::Rules { is_stale: true, .. } => "stale",
        RobotsStanding::Free(_) => "none",
        RobotsStanding::HeldUntil { .. } => "unreachable",
    }
}

/// The longer `Crawl-delay` of its two files, in seconds.
fn crawl_delay(host: &HostStanding) -> Option<f64> {
    let delays = host.robots.iter().filter_map(|standing| match standing {
        RobotsStanding::Rules { crawl_delay, .. } => *crawl_delay,
        _ => None,
    });
    delays.max().map(|delay| delay.as_secs_f64())
}
