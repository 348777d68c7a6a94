//! How long a server thread may have kept a request waiting before it saw it.
//!
//! Owns the clock of one thread's turns: it sleeps until something comes, and then works through all that came. What
//! it meets in a turn has come after it went to sleep for the last time; so it has waited for the part of the turn
//! that is over, and for as long as the system let the thread wait for a processor. Both are measured, the second
//! where the system tells (Linux: proc_pid_schedstat). Decides nothing.

use std::{
    fs::File,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Builder;

/// The turns of one thread.
#[derive(Debug)]
pub(crate) struct Turns {
    begun: Instant,
    /// Opened by the thread itself: it is the file of whoever opens it.
    waits: OnceLock<Option<File>>,
    /// All waiting for a processor up to the last sleep, in nanoseconds.
    waited_before: AtomicU64,
    /// The earliest moment at which something can have come that woke the thread, in nanoseconds since `begun`.
    woken: AtomicU64,
}

impl Turns {
    /// The turns of the thread that will run the runtime of a builder.
    pub(crate) fn watch(builder: &mut Builder) -> Arc<Self> {
        let turns = Arc::new(Self {
            begun: Instant::now(),
            waits: OnceLock::new(),
            waited_before: AtomicU64::new(0),
            woken: AtomicU64::new(0),
        });
        let (parked, unparked) = (Arc::clone(&turns), Arc::clone(&turns));
        builder.on_thread_park(move || {
            parked.waited_before.store(parked.waited(), Ordering::Relaxed);
        });
        builder.on_thread_unpark(move || {
            let waited = unparked.waited().saturating_sub(unparked.waited_before.load(Ordering::Relaxed));
            let now = unparked.begun.elapsed().as_nanos() as u64;
            unparked.woken.store(now.saturating_sub(waited), Ordering::Relaxed);
        });
        turns
    }

    /// The earliest moment at which something can have come that is met in this turn.
    pub(crate) fn woken(&self) -> Instant {
        self.begun + Duration::from_nanos(self.woken.load(Ordering::Relaxed))
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
        let before = turns.woken();
        builder.build().unwrap().block_on(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let woken = turns.woken();
            assert!(woken > before && woken <= Instant::now());
            // Work without sleep is one turn.
            assert_eq!(turns.woken(), woken);
        });
    }
}
