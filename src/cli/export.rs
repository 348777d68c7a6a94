//! `dragline export`: what is in a store, in files.
//!
//! Owns what is said while it runs and at its end.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use dragline_export::{Body, Event, Every, Export, Partition, Progress, csv};

use super::{
    Trouble,
    args::{Args, BodyName, ExportArgs},
    filter::Filter,
    screen,
    selection::{deadline, say_failed, say_passed, shape, wanted},
    text::{counted, grouped, printable},
};
use crate::{
    config::ByteSize,
    daemon,
    storage::{Order, Query},
};

/// Between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_millis(250);
/// The exit code of an export that was interrupted.
const INTERRUPTED: u8 = 130;
/// The exit code where something that should be in it could not be read.
const PASSED_OVER: u8 = 1;

pub(super) fn run(command: &ExportArgs, args: &Args) -> Result<u8, Trouble> {
    let filter = Filter::read(&command.filter)?;
    filter.is_lasting()?;
    let body = match command.body {
        BodyName::None => Body::None,
        BodyName::Text => Body::Text,
        BodyName::Base64 => Body::Bytes,
    };
    let shape = shape(&command.select, body)?;
    let bytes_per_file = match &command.bytes_per_file {
        None => None,
        Some(text) => {
            let size: ByteSize =
                text.parse().map_err(|why| Trouble::Usage(format!("--bytes-per-file: {why}")))?;
            Some(size.get().max(1))
        }
    };
    let config = args.config()?;
    let (format, partition) = (command.format.parse()?, command.partition.parse::<Partition>()?);
    let store = config.open_store()?;
    let export = Export {
        query: in_order(filter.query(&store), command, partition),
        query_words: filter.words(),
        limit: command.filter.limit.unwrap_or(u64::MAX),
        format,
        wants: wanted(&shape, &command.filter),
        shape,
        csv: csv::Style { raw: command.csv_raw, for_terminal: false },
        out: command.out.clone(),
        partition,
        rows_per_file: command.rows_per_file,
        bytes_per_file,
        every: Every::default(),
        deadline: Box::new(deadline),
        store,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let asked = stop.clone();
    daemon::on_interrupt(move |nth| {
        asked.store(true, Ordering::Relaxed);
        if nth > 1 {
            daemon::stop_at_once(INTERRUPTED);
        }
    })
    .map_err(|error| Trouble::Ours(format!("no thread for signals: {error}")))?;
    let (mut told, mut failed) = (Instant::now(), 0);
    let is_shown = screen::is_terminal() && !args.output.quiet;
    let progress = export.run(&mut |event| {
        match event {
            Event::Failed(record, why) => {
                failed += 1;
                say_failed(failed, record, why);
            }
            Event::Progress(progress) => {
                if is_shown && told.elapsed() > TOLD_EVERY {
                    told = Instant::now();
                    screen::status(format!(
                        "{} read, {} written",
                        counted(progress.records, "record"),
                        counted(progress.rows, "row")
                    ));
                }
            }
        }
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    screen::clear_status();
    let progress = progress?;
    say_passed(progress.nothing, progress.failed);
    if !args.output.quiet {
        screen::say(&end(&progress, command));
    }
    Ok(match (progress.stopped, progress.failed) {
        (true, _) => INTERRUPTED,
        (false, 0) => 0,
        (false, _) => PASSED_OVER,
    })
}

/// By host where there is a folder for each, so that one is written after the other.
fn in_order(query: Query, command: &ExportArgs, partition: Partition) -> Query {
    match (partition, command.filter.order) {
        (Partition::Host, None) => query.order(Order::Url),
        _ => query,
    }
}

fn end(progress: &Progress, command: &ExportArgs) -> String {
    let out = printable(&command.out.display().to_string(), 500);
    if progress.was_whole {
        return format!("{out} is whole already: nothing is left to do");
    }
    let records = counted(progress.records, "record");
    let rows = counted(progress.rows, "row");
    if progress.stopped {
        return format!("stopped after {records}, {rows}; the same command goes on");
    }
    let resumed = if progress.resumed { ", gone on with" } else { "" };
    format!("{records} read, {rows} in {} of {out}{resumed}", files(progress.files))
}

fn files(number: u64) -> String {
    format!("{} file{}", grouped(number), if number == 1 { "" } else { "s" })
}
