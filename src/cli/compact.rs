//! `dragline compact`: makes a store smaller.

use std::time::{Duration, Instant, SystemTime};

use super::{
    Trouble,
    args::{Args, CompactArgs},
    screen,
    text::{counted, grouped, size},
};
use crate::storage::{Compaction, Retention, Store};

/// How often the status line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(command: &CompactArgs, args: &Args) -> Result<u8, Trouble> {
    let limits = [command.keep_age.is_some(), command.keep_count.is_some(), command.max_size.is_some()];
    if !limits.contains(&true) {
        return Err(Trouble::Usage(
            "what is to be kept? give --keep-age, --keep-count or --max-size, as in --keep-count 3".into(),
        ));
    }
    let config = args.config()?;
    let retention = Retention {
        age: command.keep_age.map(|span| span.get()),
        count: command.keep_count,
        bytes: command.max_size.map(|size| size.get()),
        forget: command.forget,
        drop_damaged: command.drop_damaged,
    };
    let now = SystemTime::now().into();
    if command.dry_run {
        let would =
            Store::open_to_read(&config.store, config.keep.options())?.would_compact(&retention, now)?;
        say(&would, "would be");
        return Ok(0);
    }
    let mut drawn = Instant::now();
    let done = Store::compact(&config.store, config.keep.options(), &retention, now, &mut |now| {
        if drawn.elapsed() >= DRAWN_EVERY && screen::is_terminal() && !args.output.quiet {
            drawn = Instant::now();
            screen::status(format!("{} of {} gone through", size(now.bytes_done), size(now.bytes_before)));
        }
    });
    screen::clear_status();
    say(&done?, "were");
    Ok(0)
}

fn say(done: &Compaction, were: &str) {
    let about = if were == "were" { "" } else { "about " };
    screen::say(&format!(
        "the archive: {} before, {about}{} after",
        size(done.bytes_before),
        size(done.bytes_after)
    ));
    screen::say(&format!(
        "of {} {} {were} dropped, {} kept{}",
        counted(done.records, "record"),
        counted(done.dropped, "payload"),
        grouped(done.kept),
        match done.needed {
            0 => String::new(),
            needed => format!(", {} of them because a kept record has the same", grouped(needed)),
        }
    ));
    if done.forgotten > 0 {
        screen::say(&format!(
            "{} {were} forgotten; their URLs stay known",
            counted(done.forgotten, "record")
        ));
    }
    if done.damaged_bytes > 0 {
        screen::say(&format!("{} that could not be read {were} left behind", size(done.damaged_bytes)));
    }
}
