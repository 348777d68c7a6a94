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

/// Draws the status line from a thread of its own: the other one writes answers.
pub(super) struct Watch {
    over: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(handle: Handle, quiet: bool) -> Self {
        let over: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let signal = over.clone();
        let wanted = !quiet && screen::is_terminal();
        let thread = wanted.then(|| std::thread::spawn(move || draw(&handle, &signal)));
        Self { over, thread }
    }

    pub(super) fn end(mut self) {
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
    let mut over = over.lock().unwrap_or_else(PoisonError::into_inner);
    while !*over {
        over = bell.wait_timeout(over, DRAW_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        if !*over {
            screen::status(line(&handle.progress(), begun.elapsed()));
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

/// The final summary.
pub(super) fn summary(progress: &Progress, elapsed: Duration, interrupted: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if interrupted {
        lines.push("interrupted: what was out is given up".to_owned());
    }
    let rate = progress.answered as f64 / elapsed.as_secs_f64().max(0.001);
    let failed = match progress.failed {
        0 => String::new(),
        failed => format!(", {} not as wished (\"error\" or a status other than 2xx)", grouped(failed)),
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
