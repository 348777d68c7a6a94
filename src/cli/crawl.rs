//! `dragline crawl`: runs a crawl in the foreground.
//!
//! Owns what a person meets: the status line, Ctrl-C, the summary, the report, the exit code.

use std::{path::Path, time::Instant};

use super::{
    Trouble,
    args::{Args, CrawlArgs},
    credentials,
    progress::{self, Watch},
    screen, slow,
};
use crate::{Crawl, CrawlError, Report, Running, daemon};

/// Interrupted and drained.
const INTERRUPTED: u8 = 130;
/// Nothing could be fetched.
const NOTHING: u8 = 3;

pub(super) fn run(command: &CrawlArgs, args: &Args) -> Result<u8, Trouble> {
    let config = args.config()?;
    if command.seeds.is_empty() {
        return Err(CrawlError::NoSeed.into());
    }
    if let Some(path) = &command.report {
        // Better now than after three days.
        write_file(path, b"")?;
    }
    let store = config.store.clone();
    let mut crawl = Crawl::new(command.seeds.clone()).config(config);
    let credentials = credentials::read(&command.auth)?;
    crawl = crawl.auth_for_origins(credentials.for_origins);
    for (seed, auth) in command.seeds.iter().zip(std::iter::repeat(credentials.for_all)) {
        if let Some(auth) = auth {
            crawl = crawl.auth(seed.trim(), auth)?;
        }
    }
    let running = crawl.start()?;
    let report = watch(running, args.output.quiet);
    if !args.output.quiet {
        for line in progress::summary(&report, &store).lines() {
            screen::say(line);
        }
        if command.explain_slow {
            slow::lines(&report.slow).iter().for_each(|line| screen::say(line));
        }
        if let Some(hint) = hint(&report) {
            screen::say(&hint);
        }
    }
    if let Some(path) = &command.report {
        let mut json = serde_json::to_vec_pretty(&report).map_err(std::io::Error::from)?;
        json.push(b'\n');
        write_file(path, &json)?;
    }
    Ok(exit_code(&report))
}

/// Shows a crawl until it ends. The first Ctrl-C (or SIGTERM) drains it, a second one stops the process at
/// once.
pub(super) fn watch(running: Running, quiet: bool) -> Report {
    let mut watch = Watch::new(quiet);
    let handle = running.handle();
    let listening = daemon::on_interrupt(move |nth| {
        if nth > 1 {
            screen::clear_status();
            daemon::stop_at_once(INTERRUPTED);
        }
        handle.drain();
        if !quiet {
            let out = handle.snapshot().counts.in_flight;
            screen::say(&format!("draining: {out} requests are out; Ctrl-C again stops at once"));
        }
    });
    if let Err(error) = listening {
        tracing::warn!(%error, "no signals are heard: Ctrl-C stops at once");
    }
    while !running.wait_timeout(watch.interval()) {
        watch.show(&running.snapshot(), Instant::now());
    }
    let report = running.wait();
    screen::clear_status();
    report
}

/// The exit code of a crawl that ended like this.
pub(super) fn exit_code(report: &Report) -> u8 {
    match report.stopped_because.as_str() {
        "store" | "gave_up" => 1,
        "interrupted" => INTERRUPTED,
        _ if report.responses_in_store == 0 => NOTHING,
        _ => 0,
    }
}

/// What to do about a crawl that brought nothing.
fn hint(report: &Report) -> Option<String> {
    let only = |kind: &str| report.failures.len() == 1 && report.failures.contains_key(kind);
    if report.responses_in_store == 0 && report.stopped_because != "interrupted" {
        return Some(if only("refused") {
            "every address is private: --allow-net lifts the guard for a range; \
             `dragline query --failures --jsonl` tells which"
                .into()
        } else {
            "nothing could be fetched; `dragline query --failures --jsonl` tells why; \
             another --store begins anew"
                .into()
        });
    }
    match report.stopped_because.as_str() {
        "finished" if report.requests == 0 => Some(
            "an earlier run has asked for everything that its settings let it find (`dragline query \
             --failures` lists what failed); wider ones find more in another --store"
                .into(),
        ),
        "max_pages" if report.requests == 0 => {
            Some("the store holds that many pages already; raise --max-pages to go on".into())
        }
        _ => None,
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    std::fs::write(path, bytes).map_err(|error| Trouble::File { path: path.display().to_string(), error })
}
