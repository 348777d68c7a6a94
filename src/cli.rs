//! The command line: reads the arguments, runs a command, turns its end into an exit code.
//!
//! Owns the exit codes: 0 finished or budget reached, 1 internal error, 2 bad usage or configuration, 3
//! nothing could be fetched, 4 some answers of `fetch` are not as wished, 130 interrupted and drained.

mod args;

mod crawl;
mod credentials;
mod demo;
mod fetch;
mod gathering;

mod compact;
mod explain;
mod export;
mod fsck;
mod hosts;
mod import;
mod links_in;
mod query;
mod rebuild;
mod remembered;
mod reparse;
mod show;
mod slow;
mod stats;

mod filter;
mod scan;
mod selection;
mod table;
mod when;

mod checkers;
mod robots;

mod progress;
mod screen;
mod text;

use std::{fmt, io, process::ExitCode};

use clap::Parser;
use dragline_export::ExportError;

use crate::{CrawlError, config::ConfigError, storage::StoreError};
use args::{Args, Command};

/// Runs the program.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    screen::log_to_stderr(&args.output);
    let done = match &args.command {
        Command::Crawl(command) => crawl::run(command, &args),
        Command::Fetch(command) => fetch::run(command, &args),
        Command::Demo(command) => demo::run(command, &args),
        Command::Query(command) => query::run(command, &args),
        Command::Export(command) => export::run(command, &args),
        Command::Reparse(command) => reparse::run(command, &args),
        Command::Show(command) => show::run(command, &args),
        Command::Stats(command) => stats::run(command, &args),
        Command::Explain(command) => explain::run(command, &args),
        Command::Rebuild => rebuild::run(&args),
        Command::Fsck(command) => fsck::run(command, &args),
        Command::Import(command) => import::run(command, &args),
        Command::Compact(command) => compact::run(command, &args),
        Command::Robots(command) => robots::run(command, &args),
        Command::Url(command) => checkers::url(command, &args),
        Command::Links(command) => checkers::links(command),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        // Whoever reads our output has seen enough (`| head`).
        Err(Trouble::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(trouble) => {
            screen::say(&format!("dragline: {}", text::printable(&trouble.to_string(), usize::MAX)));
            ExitCode::from(trouble.code())
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
enum Trouble {
    Usage(String),
    Config(ConfigError),
    Crawl(CrawlError),
    Store(StoreError),
    Export(ExportError),
    Output(io::Error),
    /// A want of this machine's.
    Ours(String),
    File {
        path: String,
        error: io::Error,
    },
}

impl Trouble {
    fn code(&self) -> u8 {
        match self {
            Trouble::Usage(_) | Trouble::Config(_) => 2,
            Trouble::Crawl(error) if error.is_usage() => 2,
            Trouble::Export(error) if error.is_usage() => 2,
            Trouble::Store(StoreError::Question { .. } | StoreError::NotAStore { .. }) => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Usage(text) | Trouble::Ours(text) => f.write_str(text),
            Trouble::Config(error) => error.fmt(f),
            Trouble::Crawl(error) => error.fmt(f),
            Trouble::Store(error) => error.fmt(f),
            Trouble::Export(error) => error.fmt(f),
            Trouble::Output(error) => write!(f, "writing the output: {error}"),
            Trouble::File { path, error } => write!(f, "{path}: {error}"),
        }
    }
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Trouble::Config(error)
    }
}

impl From<CrawlError> for Trouble {
    fn from(error: CrawlError) -> Self {
        Trouble::Crawl(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Store(error)
    }
}

impl From<ExportError> for Trouble {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Store(error) => Trouble::Store(error),
            error => Trouble::Export(error),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Output(error)
    }
}
