//! `dragline stats`: counts what is in a store.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write},
};

use super::{
    Trouble,
    args::{Args, StatsArgs},
    hosts,
    text::{counted, grouped, printable, size},
};
/// Rows of a table.
const ROWS: usize = 12;
/// Characters of the longest bar.
const BAR: usize = 32;

pub(super) fn run(command: &StatsArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let store = crate::open(&config.store)?;
    if command.hosts {
        return hosts::run(command, args, &store);
    }
    let stats = store.stats()?;
    let mut out = BufWriter::new(io::stdout().lock());
    if command.json {
        writeln!(out, "{}", serde_json::to_string(&stats).map_err(io::Error::from)?)?;
    } else {
        writeln!(
            out,
            "{} responses, {} received, {} decoded; {} failed attempts; {} for a robots.txt; the archive takes {}",
            grouped(stats.responses),
            size(stats.bytes),
            size(stats.size),
            grouped(stats.failures),
            counted(stats.robots, "request"),
            size(stats.archive_bytes)
        )?;
        table(&mut out, "status", rows(&stats.by_status, |share| share.responses))?;
        table(&mut out, "failed attempt", rows(&stats.by_failure, |n| *n))?;
        table(&mut out, "type", rows(&stats.by_mime, |share| share.responses))?;
        table(&mut out, "host", rows(&stats.by_host, |share| share.responses))?;
    }
    out.flush()?;
    Ok(0)
}

fn rows<K: ToString, V>(counts: &BTreeMap<K, V>, count: impl Fn(&V) -> u64) -> Vec<(String, u64)> {
    counts.iter().map(|(name, value)| (name.to_string(), count(value))).filter(|(_, n)| *n > 0).collect()
}

/// The largest counts with a bar each, largest first.
fn table(out: &mut impl Write, title: &str, mut rows: Vec<(String, u64)>) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for (name, _) in &mut rows {
        if name.is_empty() {
            *name = "(none)".into();
        }
    }
    let left_out = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let most = rows.first().map_or(1, |(_, n)| (*n).max(1));
    let width = rows.iter().map(|(name, _)| name.chars().count().min(40)).max().unwrap_or(0);
    writeln!(out, "\nby {title}")?;
    for (name, n) in &rows {
        let bar = "█".repeat(((n * BAR as u64) / most).max(1) as usize);
        writeln!(out, "  {:<width$} {:>10}  {bar}", printable(name, 40), grouped(*n))?;
    }
    if left_out > 0 {
        writeln!(out, "  and {} more", grouped(left_out as u64))?;
    }
    Ok(())
}
