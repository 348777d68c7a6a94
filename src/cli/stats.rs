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
use crate::storage::Share;

/// Rows of a table.
const ROWS: usize = 12;
/// Days that are told.
const DAYS: usize = 14;
/// Characters of the longest bar.
const BAR: usize = 32;

pub(super) fn run(command: &StatsArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let store = config.open_store()?;
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
        histogram(&mut out, "size, decoded", &sizes(&stats.by_size))?;
        histogram(&mut out, "day (UTC)", &days(&stats.by_day))?;
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
    histogram(out, title, &rows)?;
    if left_out > 0 {
        writeln!(out, "  and {} more", grouped(left_out as u64))?;
    }
    Ok(())
}

/// Counts with a bar each, in the order in which they are given.
fn histogram(out: &mut impl Write, title: &str, rows: &[(String, u64)]) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let most = rows.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    let width = rows.iter().map(|(name, _)| name.chars().count().min(40)).max().unwrap_or(0);
    writeln!(out, "\nby {title}")?;
    for (name, n) in rows {
        let bar = match n {
            0 => String::new(),
            n => "█".repeat(((n * BAR as u64) / most).max(1) as usize),
        };
        writeln!(out, "  {:<width$} {:>10}  {bar}", printable(name, 40), grouped(*n))?;
    }
    Ok(())
}

/// Classes of sizes from the smallest to the largest, those without a response between them too.
fn sizes(by_size: &BTreeMap<u64, Share>) -> Vec<(String, u64)> {
    let count = |from: u64| by_size.get(&from).map_or(0, |share| share.responses);
    let mut rows = Vec::new();
    if count(0) > 0 {
        rows.push(("empty".to_owned(), count(0)));
    }
    let mut there = by_size.keys().filter(|from| **from > 0);
    let (Some(first), last) = (there.next(), there.next_back()) else { return rows };
    let classes = first.ilog2()..=last.unwrap_or(first).ilog2();
    rows.extend(classes.map(|n| 1u64 << n).map(|from| (size_class(from), count(from))));
    rows
}

/// `4–8 KiB`: from so many bytes, a power of two, to twice as many.
fn size_class(from: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let unit = from.ilog2() / 10;
    let in_unit = from >> (10 * unit);
    format!("{in_unit}–{} {}", in_unit * 2, UNITS[unit as usize])
}

/// The last days on which anything was asked for.
fn days(by_day: &BTreeMap<String, Share>) -> Vec<(String, u64)> {
    let days = by_day.iter().map(|(day, share)| (day.clone(), share.responses));
    days.skip(by_day.len().saturating_sub(DAYS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_without_gaps() {
        let share = |responses| Share { responses, ..Share::default() };
        let by_size = BTreeMap::from([(0, share(2)), (512, share(3)), (2048, share(1))]);
        let want = [("empty", 2), ("512–1024 B", 3), ("1–2 KiB", 0), ("2–4 KiB", 1)];
        assert_eq!(sizes(&by_size), want.map(|(name, n)| (name.to_owned(), n)));
        assert_eq!(sizes(&BTreeMap::from([(1 << 63, share(1))]))[0].0, "8–16 EiB");
        assert!(sizes(&BTreeMap::new()).is_empty());
    }
}
