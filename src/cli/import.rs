//! `dragline import`: takes WARC files of other tools into a store.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use super::{
    Trouble,
    args::{Args, ImportArgs},
    screen,
    text::{counted, grouped, printable, size},
};
use crate::storage::{ImportOptions, Imported, Importer, Store, StoreError};

/// The exit code where a file is damaged or could not be read.
const DAMAGED: u8 = 1;
/// How often the status line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// Characters of a line.
const LINE: usize = 500;

pub(super) fn run(command: &ImportArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    let store = Store::create_or_open(&config.store, config.keep.options())?;
    let mut writer = store.writer()?;
    let options = ImportOptions { record_bytes_max: command.max_record.get() };
    let mut importer = Importer::new(&store, &mut writer, options)?;
    let begun = Instant::now();
    let mut drawn = begun;
    let mut unread = false;
    for file in &command.files {
        let name = file.display().to_string();
        let read = importer.file(file, &mut |now| {
            if drawn.elapsed() >= DRAWN_EVERY && screen::is_terminal() && !args.output.quiet {
                drawn = Instant::now();
                screen::status(format!(
                    "{}: {} read, {} taken in, {} there already",
                    printable(&name, 60),
                    size(now.bytes),
                    grouped(now.taken()),
                    grouped(now.there_already)
                ));
            }
        });
        if let Err(error) = read {
            // One file that cannot be read keeps nobody from the others.
            let (StoreError::Io { path, .. } | StoreError::Corrupt { path, .. }) = &error else {
                return Err(error.into());
            };
            if path != file {
                return Err(error.into());
            }
            unread = true;
            screen::clear_status();
            screen::say(&printable(&error.to_string(), LINE));
        }
    }
    let imported = importer.finish()?;
    screen::clear_status();
    if command.json {
        writeln!(io::stdout().lock(), "{}", serde_json::to_string(&imported).map_err(io::Error::from)?)?;
    } else {
        summary(&imported, begun.elapsed());
    }
    Ok(if unread || !imported.damage.is_empty() { DAMAGED } else { 0 })
}

fn summary(imported: &Imported, spent: Duration) {
    let rate = imported.records as f64 / spent.as_secs_f64().max(1e-3);
    screen::say(&format!(
        "{} of {} in {} ({}) taken in, {} there already; {:.1} s, {} records/s",
        grouped(imported.taken()),
        counted(imported.records, "record"),
        counted(imported.files, "file"),
        size(imported.bytes),
        grouped(imported.there_already),
        spent.as_secs_f64(),
        grouped(rate as u64)
    ));
    let parts = [
        (imported.responses, "response"),
        (imported.resources, "resource"),
        (imported.revisits, "revisit"),
        (imported.revisits_elsewhere, "revisit without its payload"),
        (imported.requests, "request with them"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| match what.split_once(' ') {
            Some((noun, rest)) => format!("{} {rest}", counted(*n, noun)),
            None => counted(*n, what),
        })
        .collect();
    if !parts.is_empty() {
        screen::say(&format!("  {}", parts.join(", ")));
    }
    for (kind, n) in &imported.passed_over {
        screen::say(&format!("  passed over: {} of type {}", grouped(*n), printable(kind, 60)));
    }
    for (why, refused) in &imported.refused {
        screen::say(&format!("  refused, {why}: {}", grouped(refused.count)));
        for example in &refused.examples {
            screen::say(&format!("    {}", printable(example, LINE)));
        }
    }
    for damaged in &imported.damage {
        let file = damaged.file.display();
        screen::say(&printable(
            &format!("  damaged: {file} at byte {}: {}", damaged.offset, damaged.what),
            LINE,
        ));
    }
}
