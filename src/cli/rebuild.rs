//! `dragline rebuild`: makes a store's index anew from its archive.

use std::time::{Duration, Instant};

use super::{
    Trouble,
    args::Args,
    screen,
    text::{clock, counted, grouped, printable, size},
};
use crate::storage::{Recovery, Replaying, Store};

/// How often the status line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LOGGED_EVERY: Duration = Duration::from_secs(5);
/// Characters of the bar.
const BAR: u64 = 24;

pub(super) fn run(args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let begun = Instant::now();
    let mut told = begun;
    let every = if screen::is_terminal() { DRAWN_EVERY } else { LOGGED_EVERY };
    let rebuilt = Store::rebuild_telling(&config.store, config.keep.options(), &mut |now| {
        if told.elapsed() < every || args.output.quiet {
            return;
        }
        told = Instant::now();
        let line = line(&now, begun.elapsed());
        if screen::is_terminal() { screen::status(line) } else { screen::say(&line) }
    });
    screen::clear_status();
    say(&rebuilt?, begun.elapsed());
    Ok(0)
}

fn line(now: &Replaying, spent: Duration) -> String {
    let done = now.bytes * BAR / now.bytes_in_all.max(1);
    let bar: String = (0..BAR).map(|at| if at < done { '█' } else { '░' }).collect();
    let went_on = if now.before > 0 { format!(", {} before", grouped(now.before)) } else { String::new() };
    format!(
        "{bar} {} of {}, {}{went_on}, {} pages/s, {}",
        size(now.bytes),
        size(now.bytes_in_all),
        counted(now.records, "record"),
        grouped(rate(now.records, spent)),
        clock(spent)
    )
}

fn rate(records: u64, spent: Duration) -> u64 {
    (records as f64 / spent.as_secs_f64().max(1e-3)) as u64
}

fn say(rebuilt: &Recovery, spent: Duration) {
    screen::say(&format!(
        "{} records indexed from the archive in {:.1} s ({} pages/s)",
        grouped(rebuilt.records),
        spent.as_secs_f64(),
        grouped(rate(rebuilt.records, spent))
    ));
    if rebuilt.bytes_cut > 0 {
        screen::say(&format!(
            "{} of a page that was not written whole were cut off",
            size(rebuilt.bytes_cut)
        ));
    }
    if rebuilt.damaged_places > 0 {
        screen::say(&format!(
            "{} in {} could not be read: `dragline fsck` says where",
            size(rebuilt.damaged_bytes),
            counted(rebuilt.damaged_places, "place")
        ));
    }
    if let Some(moved) = &rebuilt.index_moved {
        let moved = printable(&moved.display().to_string(), 500);
        screen::say(&format!("what was there of an index was damaged too; it is now {moved}"));
    }
}
