//! How long a server thread may have kept a request waiting before it saw it.
//!
//! Owns the clock of one thread's turns: it sleeps until something comes, and then works through all that came. What
//! it meets in a turn has come since the beginning of the turn before, or, where it has really slept in between, since
//! it was woken; and it may have waited for as long as the system let the thread wait for a processor. All of it is
//! measured, the last where the system tells (Linux: proc_pid_schedstat). Decides nothing.

use std::{
    fs::File,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Builder;

/// Sleep that may be none: what was there already ends it as soon as the system has been asked, which takes longer
/// the more the system has to do for others meanwhile.
const NAP: Duration = Duration::from_millis(5);

/// The turns of one thread.
#[derive(Debug)]
pub(crate) struct Turns {
    begun: Instant,
    /// Opened by the thread itself: it is the file of whoever opens it.
    waits: OnceLock<Option<File>>,
    /// All waiting for a processor up to the last sleep, in nanoseconds.
    waited_before: AtomicU64,
    /// When it last went to sleep; as all that follows, in nanoseconds since `begun`.
    parked: AtomicU64,
    /// When this turn began, or would have begun if the thread had been let run at once.
    turn: AtomicU64,
    /// The earliest moment at which something can have come that is met in this turn.
    earliest: AtomicU64,
}

impl Turns {
    /// The turns of the thread that will run the runtime of a builder.
    pub(crate) fn watch(builder: &mut Builder) -> Arc<Self> {
        let turns = Arc::new(Self {
            begun: Instant::now(),
            waits: OnceLock::new(),
            waited_before: AtomicU64::new(0),
            parked: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            earliest: AtomicU64::new(0),
        });
        let (parked, unparked) = (Arc::clone(&turns), Arc::clone(&turns));
        builder.on_thread_park(move || parked.end());
        builder.on_thread_unpark(move || unparked.begin());
        turns
    }

    fn end(&self) {
        self.waited_before.store(self.waited(), Ordering::Relaxed);
        self.parked.store(self.now(), Ordering::Relaxed);
    }

    fn begin(&self) {
        // The clock first: what the thread waits between the two readings may count twice, but not be missed.
        let now = self.now();
        let waited = self.waited().saturating_sub(self.waited_before.load(Ordering::Relaxed));
        let turn = now.saturating_sub(waited);
        let slept = turn.saturating_sub(self.parked.load(Ordering::Relaxed));
        let before = self.turn.swap(turn, Ordering::Relaxed);
        let earliest = if slept > NAP.as_nanos() as u64 { turn } else { before };
        self.earliest.store(earliest, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.begun.elapsed().as_nanos() as u64
    }

    /// The earliest moment at which something can have come that is met in this turn.
    pub(crate) fn earliest(&self) -> Instant {
        self.begun + Duration::from_nanos(self.earliest.load(Ordering::Relaxed))
    }

    /// How long this thread has waited for a processor, in nanoseconds; 0 where the system does not tell.
    fn waited(&self) -> u64 {
        let file = self.waits.get_or_init(|| File::open("/proc/thread-self/schedstat").ok());
        file.as_ref().and_then(read_wait).unwrap_or_default()
    }
}

/// The second of three numbers.
#[cfg(unix)]
fn read_wait(file: &File) -> Option<u64> {
    use std::os::unix::fs::FileExt;

    let mut text = [0; 64];
    let length = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..length]).ok()?.split(' ').nth(1)?.parse().ok()
}

#[cfg(not(unix))]
fn read_wait(_: &File) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_begins_when_the_thread_wakes() {
        let mut builder = Builder::new_current_thread();
        let turns = Turns::watch(builder.enable_time());
        let before = turns.earliest();
        builder.build().unwrap().block_on(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let earliest = turns.earliest();
            assert!(earliest > before && earliest <= Instant::now());
            // Work without sleep is one turn.
            assert_eq!(turns.earliest(), earliest);
        });
    }
}
