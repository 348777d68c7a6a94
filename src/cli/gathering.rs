//! What a person sees of a gathering while it runs, and at its end.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    screen,
    text::{clock, counted, grouped, size},
};
use crate::gather::{Handle, Progress};

/// How often the status line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// How often a log line is written where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// Draws the status line from a thread of its own: the other one writes answers.
pub(super) struct Watch {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(handle: Handle, quiet: bool) -> Self {
        let over: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let signal = over.clone();
        let wanted = !quiet;
        let thread = wanted.then(|| std::thread::spawn(move || draw(&handle, &signal)));
        Self { over, thread }
    }

    pub(super) fn end(self) {
        drop(self);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (over, bell) = &*self.over;
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        bell.notify_all();
        if let Some(thread) = self.thread.take() {
            // It only draws; there is nothing to lose if it has panicked.
            let _ = thread.join();
        }
        screen::clear_status();
    }
}

fn draw(handle: &Handle, (over, bell): &(Mutex<bool>, Condvar)) {
    let begun = Instant::now();
    let mut logged = begun;
    let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
    while !*over {
        over = bell.wait_timeout(over, DRAW_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        if *over {
            break;
        }
        if screen::is_terminal() {
            screen::status(line(&handle.progress(), begun.elapsed()));
        } else if logged.elapsed() >= LOG_EVERY {
            logged = Instant::now();
            let Progress { total, answered, out, waiting, failed, .. } = handle.progress();
            tracing::info!(answered, total, out, waiting, failed, "gathering");
        }
    }
}

fn line(progress: &Progress, elapsed: Duration) -> String {
    let paint = |code: &str, text: String| {
        if screen::is_colourful() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
    };
    let of = progress.total.map_or_else(String::new, |total| format!(" of {}", grouped(total)));
    let rate = progress.answered as f64 / elapsed.as_secs_f64().max(0.001);
    let mut parts = vec![
        paint("1;32", format!("{}{of} answered", grouped(progress.answered))),
        format!("{}/s", grouped(rate.round() as u64)),
        format!("{} out", grouped(progress.out)),
        format!("{} waiting", grouped(progress.waiting)),
        size(progress.bytes),
    ];
    if progress.failed > 0 {
        parts.push(paint("31", format!("{} failed", grouped(progress.failed))));
    }
    parts.push(clock(elapsed));
    parts.join(&paint("2", " · ".into()))
}

/// What ended a gathering before its end.
pub(super) enum Cut {
    Not,
    Interrupted,
    Late,
}

impl Cut {
    pub(super) fn of(interrupted: bool, late: bool) -> Self {
        match (interrupted, late) {
            (true, _) => Cut::Interrupted,
            (_, true) => Cut::Late,
            _ => Cut::Not,
        }
    }
}

/// Calls without an answer, as far as they are known.
pub(super) fn unanswered(progress: &Progress) -> u64 {
    progress.total.unwrap_or(progress.asked).saturating_sub(progress.answered)
}

/// The final summary.
pub(super) fn summary(progress: &Progress, elapsed: Duration, cut: Cut) -> Vec<String> {
    let mut lines = Vec::new();
    let unanswered = unanswered(progress);
    let left = if unanswered == 0 {
        String::new()
    } else {
        let more = if progress.total.is_some() { "" } else { " at least" };
        format!("; {} not answered{more}", counted(unanswered, "call"))
    };
    match cut {
        Cut::Not => {}
        Cut::Interrupted => lines.push(format!("interrupted: what was out is given up{left}")),
        Cut::Late => lines.push(format!("stopped: the time is up{left}")),
    }
    let rate = progress.answered as f64 / elapsed.as_secs_f64().max(0.001);
    let failed = match progress.failed {
        0 => String::new(),
        failed => {
            format!(", {} not as wished (an error, a cut, or a status other than 2xx)", grouped(failed))
        }
    };
    lines.push(format!(
        "{} in {:.2} s ({}/s), {}{failed}",
        counted(progress.answered, "answer"),
        elapsed.as_secs_f64(),
        grouped(rate.round() as u64),
        size(progress.bytes),
    ));
    lines
}
