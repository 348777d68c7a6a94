//! `dragline stats --hosts`: each host, the delay that it was promised, and the one that it was given.
//!
//! Owns the table and the names of its lines, which scripts depend on.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
    time::Duration,
};

use dragline_frontier::{HostStanding, RobotsStanding};
use dragline_politeness::Stamp;
use serde_json::{Value, json};

use super::{
    Trouble,
    args::{Args, StatsArgs},
    explain::report::{robots_word, standing},
    remembered::Remembered,
    text::{counted, grouped, printable, size, span},
};
use crate::{
    model::CanonicalUrl,
    storage::{HostShare, Store},
};

/// Hosts in the table, those with the most requests first; `--jsonl` has all of them.
const ROWS: usize = 50;
/// Characters of a host's name in the table.
const NAME: usize = 40;

/// What is known of a host.
#[derive(Default)]
struct Known {
    /// From its records.
    share: HostShare,
    /// From the frontier.
    standing: Option<HostStanding>,
    /// What the settings promise it, whatever its robots.txt asks for.
    delay: Duration,
}

pub(super) fn run(command: &StatsArgs, args: &Args, store: &Store) -> Result<u8, Trouble> {
    let mut crawl = Remembered::read(store, args)?;
    let mut hosts: BTreeMap<String, Known> = BTreeMap::new();
    for (host, share) in store.hosts()? {
        hosts.entry(host).or_default().share = share;
    }
    let now = crawl.now;
    for standing in crawl.frontier.standings(now) {
        let known = hosts.entry(standing.key.to_string()).or_default();
        known.standing = Some(standing);
    }
    for (host, known) in &mut hosts {
        if let Ok(url) = CanonicalUrl::parse(&format!("http://{host}/")) {
            known.delay = crawl.limits.rules.of_host(url.host(), host).base().pace.delay;
        }
    }
    let mut out = BufWriter::new(io::stdout().lock());
    if command.jsonl {
        for (host, known) in &hosts {
            writeln!(out, "{}", line(host, known, now))?;
        }
    } else if command.json {
        let all: Vec<Value> = hosts.iter().map(|(host, known)| line(host, known, now)).collect();
        writeln!(out, "{}", Value::from(all))?;
    } else {
        table(&mut out, hosts, now)?;
    }
    out.flush()?;
    Ok(0)
}

fn line(host: &str, known: &Known, now: Stamp) -> Value {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let share = &known.share;
    let mut value = match &known.standing {
        Some(known) => standing(known, now),
        None => json!({ "host": host, "delay_s": known.delay.as_secs_f64(), "waiting": 0 }),
    };
    value["pages"] = json!(share.pages);
    value["responses"] =
        share.by_class.iter().map(|(class, n)| (format!("{class}xx"), json!(n))).collect::<Value>();
    value["failures"] = json!(share.failures);
    value["refusals"] = json!(share.refusals);
    value["bytes"] = json!(share.bytes);
    value["robots_visits"] = json!(share.robots);
    value["requests"] = json!(share.requests);
    value["gap_min_s"] = json!(seconds(share.gap_min));
    value["gap_median_s"] = json!(seconds(share.gap_median));
    value
}

fn table(out: &mut impl Write, hosts: BTreeMap<String, Known>, now: Stamp) -> io::Result<()> {
    let mut hosts: Vec<(String, Known)> = hosts.into_iter().collect();
    hosts
        .sort_by(|(a, of_a), (b, of_b)| of_b.share.requests.cmp(&of_a.share.requests).then_with(|| a.cmp(b)));
    let left_out = hosts.len().saturating_sub(ROWS);
    hosts.truncate(ROWS);
    let name = |host: &str| printable(host, NAME);
    let width = hosts.iter().map(|(host, _)| name(host).chars().count()).max().unwrap_or(0).max("host".len());
    writeln!(
        out,
        "{:<width$} {:>9} {:>9} {:>8} {:>8} {:>9}  {:<11} {:>9} {:>9} {:>9} {:>9}  next",
        "host",
        "pages",
        "responses",
        "failures",
        "refusals",
        "received",
        "robots.txt",
        "promised",
        "shortest",
        "median",
        "waiting"
    )?;
    for (host, Known { share, standing, delay }) in &hosts {
        let short = |time: Option<Duration>| time.map_or("-".to_owned(), seconds);
        let known = standing.as_ref();
        writeln!(
            out,
            "{:<width$} {:>9} {:>9} {:>8} {:>8} {:>9}  {:<11} {:>9} {:>9} {:>9} {:>9}  {}",
            name(host),
            grouped(share.pages),
            grouped(share.by_class.values().sum()),
            grouped(share.failures),
            grouped(share.refusals),
            size(share.bytes),
            known.map_or("-", robots),
            seconds(known.map_or(*delay, |it| it.delay)),
            short(share.gap_min),
            short(share.gap_median),
            grouped(known.map_or(0, |it| it.waiting as u64)),
            known.map_or_else(String::new, |it| next(it, now)),
        )?;
    }
    if left_out > 0 {
        writeln!(out, "and {} more; --jsonl lists all", counted(left_out as u64, "host"))?;
    }
    Ok(())
}

/// The state of that of its two robots.txt files of which more is known.
fn robots(host: &HostStanding) -> &'static str {
    let [http, https] = &host.robots;
    robots_word(if *https == RobotsStanding::Unknown { http } else { https })
}

/// When it may be asked next, and why not sooner, where anything waits for it.
fn next(host: &HostStanding, now: Stamp) -> String {
    if host.waiting == 0 {
        return String::new();
    }
    match (&host.beyond, host.next.at.since(now)) {
        (Some(why), _) => printable(why, 80),
        (None, Duration::ZERO) => "now".to_owned(),
        (None, wait) => format!("in {}: {}", span(wait), host.next.because),
    }
}

/// `1.25 s`.
fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
