//! What a person sees of a crawl while it runs, and at its end.
//!
//! Owns the status line on a terminal, the log line elsewhere, and the summary.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    screen,
    text::{clock, counted, grouped, printable, size},
};
use crate::{Report, Snapshot};

/// How often the status line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often a log line is written where there is no terminal.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// Traps, and hosts that were left, in the summary; the report has all.
const SHOWN_MAX: usize = 5;
/// The rate is that of the last five seconds.
const RATE_SAMPLES: usize = 25;

/// Watches one crawl.
pub(super) struct Watch {
    begun: Instant,
    samples: VecDeque<(Instant, u64)>,
    logged: Instant,
    frame: usize,
    quiet: bool,
}

impl Watch {
    pub(super) fn new(quiet: bool) -> Self {
        let now = Instant::now();
        Self { begun: now, samples: VecDeque::new(), logged: now, frame: 0, quiet }
    }

    /// The time between two calls of [`Watch::show`].
    pub(super) fn interval(&self) -> Duration {
        DRAW_EVERY
    }

    /// Shows the figures.
    pub(super) fn show(&mut self, snapshot: &Snapshot, now: Instant) {
        if self.quiet {
            return;
        }
        let done = snapshot.responses();
        self.samples.push_back((now, done));
        if self.samples.len() > RATE_SAMPLES {
            self.samples.pop_front();
        }
        if screen::is_terminal() {
            screen::status(self.line(snapshot, now));
        } else if now - self.logged >= LOG_EVERY {
            self.logged = now;
            let counts = &snapshot.counts;
            tracing::info!(
                pages = snapshot.pages(),
                rate = format!("{:.1}/s", self.rate()),
                bytes = snapshot.bytes,
                queued = counts.queued,
                in_flight = counts.in_flight,
                hosts = counts.hosts,
                failed = counts.failures.values().sum::<u64>(),
                degraded = snapshot.degraded.as_deref(),
                next_in_s = resting(snapshot, now).map(|wait| wait.as_secs()),
                "crawling"
            );
        }
    }

    fn line(&mut self, snapshot: &Snapshot, now: Instant) -> String {
        const FRAMES: [&str; 8] = ["⠁", "⠂", "⠄", "⡀", "⢀", "⠠", "⠐", "⠈"];
        self.frame += 1;
        let counts = &snapshot.counts;
        let failed: u64 = counts.failures.values().sum();
        let paint = |code: &str, text: String| {
            if screen::is_colourful() { format!("\x1b[{code}m{text}\x1b[0m") } else { text }
        };
        let mut parts = vec![
            paint("1;32", counted(snapshot.pages(), "page")),
            format!("{}/s", grouped(self.rate().round() as u64)),
            size(snapshot.bytes),
            format!("{} queued", grouped(counts.queued as u64)),
            format!("{} in flight", counts.in_flight),
            counted(counts.hosts as u64, "host"),
        ];
        if counts.retries > 0 {
            parts.push(format!("{} retries", grouped(counts.retries)));
        }
        if failed > 0 {
            parts.push(paint("31", format!("{} failed", grouped(failed))));
        }
        if let Some(wait) = resting(snapshot, now) {
            parts.push(paint("33", format!("all hosts rest, {} to go", clock(wait))));
        }
        parts.push(clock(now - self.begun));
        let mood = match &snapshot.degraded {
            Some(why) => paint("1;33", format!("waiting, {why} ")),
            None if snapshot.draining => paint("33", "draining ".into()),
            None => String::new(),
        };
        format!(
            "{} {mood}{}",
            paint("36", FRAMES[self.frame % FRAMES.len()].into()),
            parts.join(&paint("2", " · ".into()))
        )
    }

    /// Responses a second.
    fn rate(&self) -> f64 {
        match (self.samples.front(), self.samples.back()) {
            (Some((from, before)), Some((to, after))) if to > from => {
                after.saturating_sub(*before) as f64 / (*to - *from).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// How long every host with something to ask for rests yet, where that is worth a word.
fn resting(snapshot: &Snapshot, now: Instant) -> Option<Duration> {
    let idle = snapshot.counts.in_flight == 0 && snapshot.counts.queued > 0;
    let wait = snapshot.next_turn?.saturating_duration_since(now);
    (idle && wait > Duration::from_secs(2)).then_some(wait)
}

/// The final summary, for people.
pub(super) fn summary(report: &Report, store: &std::path::Path) -> String {
    let mut lines = Vec::new();
    let headline = match report.stopped_because.as_str() {
        "finished" if report.queued > 0 => "finished: what is left has to wait for another run".to_owned(),
        "finished" => "finished: nothing is left to fetch".to_owned(),
        "max_pages" => "stopped: the page budget is used up".to_owned(),
        "max_time" => "stopped: the time budget is used up".to_owned(),
        "interrupted" => "interrupted: the same command goes on where this stopped".to_owned(),
        _ => report.detail.clone().unwrap_or_default(),
    };
    lines.push(printable(&headline, 2_000));
    lines.push(format!(
        "{} in {:.1} s ({}/s), {}, {}, {}",
        counted(report.pages, "page"),
        report.elapsed_s,
        grouped(report.pages_per_s.round() as u64),
        counted(report.responses, "response"),
        size(report.bytes),
        counted(report.hosts as u64, "host"),
    ));
    if report.failed() > 0 {
        let kinds: Vec<String> =
            report.failures.iter().map(|(kind, n)| format!("{kind} {}", grouped(*n))).collect();
        lines.push(format!("{} given up: {}", counted(report.failed(), "URL"), kinds.join(", ")));
    }
    if !report.left_alone.is_empty() {
        let kinds: Vec<String> =
            report.left_alone.iter().map(|(reason, n)| format!("{reason} {}", grouped(*n))).collect();
        let all = report.left_alone.values().sum();
        lines.push(format!("{} left alone: {}", counted(all, "URL"), kinds.join(", ")));
    }
    for trap in report.traps.iter().take(SHOWN_MAX) {
        let (shape, example) = (printable(&trap.shape, 200), printable(&trap.example, 300));
        lines
            .push(format!("  a trap? {shape}: {} left alone, as {example}", counted(trap.left_alone, "URL")));
    }
    for left in report.left_hosts.iter().take(SHOWN_MAX) {
        let host = printable(&left.host, 200);
        lines.push(format!(
            "{host} was left with {} to ask: {}",
            counted(left.waiting as u64, "URL"),
            left.why
        ));
    }
    if report.left_hosts.len() > SHOWN_MAX {
        lines.push(format!(
            "and so were {} more",
            counted((report.left_hosts.len() - SHOWN_MAX) as u64, "host")
        ));
    }
    if !report.restarts.is_empty() {
        let actors: Vec<String> = report.restarts.iter().map(|(name, n)| format!("{name} {n}")).collect();
        lines.push(format!("actors rebuilt after a death: {}", actors.join(", ")));
    }
    if report.queued > 0 {
        lines.push(format!("{} not asked for yet", counted(report.queued as u64, "URL")));
    }
    let store = printable(&store.display().to_string(), 500);
    lines.push(match report.responses_in_store.saturating_sub(report.responses) {
        0 => format!("kept in {store}"),
        earlier => format!("kept in {store}, with {} of earlier runs", counted(earlier, "response")),
    });
    lines.join("\n")
}
