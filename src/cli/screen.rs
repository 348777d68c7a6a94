//! Standard error as a place that log lines, messages and one living status line share.
//!
//! Owns the status line: whatever else is written goes above it. Where standard error is no terminal there
//! is no status line.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{filter::Targets, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt};

use super::args::{LogFormat, OutputArgs};

static STATUS: Mutex<String> = Mutex::new(String::new());

/// Sends log lines to standard error, at the level that was asked for.
///
/// By default a terminal sees warnings (the status line says the rest), a file sees what goes on.
pub(super) fn log_to_stderr(output: &OutputArgs) {
    let level = match (output.quiet, output.verbose) {
        (true, _) => LevelFilter::ERROR,
        (_, 0) if is_terminal() => LevelFilter::WARN,
        (_, 0) => LevelFilter::INFO,
        (_, 1) => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    // Other people's crates are heard when they warn.
    let targets = Targets::new()
        .with_target("dragline", level)
        .with_default(level.min(Level::WARN.into()))
        // It warns of every name server's nonsense; what matters is in the failure.
        .with_targets(
            ["hickory_resolver", "hickory_net", "hickory_proto"]
                .map(|it| (it, level.min(Level::ERROR.into()))),
        );
    let registry = tracing_subscriber::registry().with(targets);
    let lines = tracing_subscriber::fmt::layer().with_writer(Screen).with_ansi(is_terminal());
    // A subscriber that somebody has installed before stays.
    let _ = match output.log_format {
        LogFormat::Text => registry.with(lines.with_target(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
}

/// Standard error is a terminal that can redraw a line.
pub(super) fn is_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Colours are wanted there.
pub(super) fn is_colourful() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Writes a line above the status line.
pub(super) fn say(line: &str) {
    let _ = writeln!(Screen.make_writer(), "{line}");
}

/// Draws the status line anew.
pub(super) fn status(line: String) {
    let mut status = lock();
    // Without wrapping, so that a line longer than the screen is cut and can be cleared.
    let _ = write!(io::stderr(), "\r\x1b[2K\x1b[?7l{line}\x1b[?7h");
    *status = line;
}

/// Takes the status line away.
pub(super) fn clear_status() {
    let mut status = lock();
    if !status.is_empty() {
        let _ = write!(io::stderr(), "\r\x1b[2K");
        status.clear();
    }
}

fn lock() -> MutexGuard<'static, String> {
    STATUS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes writers that go above the status line.
struct Screen;

/// One write above the status line, which is drawn again behind it.
struct Above {
    status: MutexGuard<'static, String>,
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = Above;

    fn make_writer(&'a self) -> Above {
        let status = lock();
        if !status.is_empty() {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
        Above { status }
    }
}

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Drop for Above {
    fn drop(&mut self) {
        if !self.status.is_empty() {
            let _ = write!(io::stderr(), "\x1b[?7l{}\x1b[?7h", self.status);
        }
    }
}
