//! How a supervisor learns of a death.
//!
//! Owns the drop guard that every supervised actor carries: whatever ends the actor drops it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use actix::Recipient;

use crate::{
    messages::{Down, ExitReason},
    panics,
};

/// Held by an actor for as long as it lives; dropping it sends [`Down`].
pub(crate) struct Lifeline {
    child: usize,
    generation: u32,
    supervisor: Recipient<Down>,
    pulse: Pulse,
}

impl Lifeline {
    pub(crate) fn new(child: usize, generation: u32, supervisor: Recipient<Down>, pulse: Pulse) -> Self {
        Self { child, generation, supervisor, pulse }
    }

    /// To be called as the actor starts, on its own thread.
    pub(crate) fn tie(&self) {
        panics::supervise_thread();
        self.beat();
    }

    /// Shows that the actor's thread still gets round to its messages.
    pub(crate) fn beat(&self) {
        self.pulse.beat();
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        let reason = if std::thread::panicking() {
            ExitReason::Panicked(panics::take_last().unwrap_or_default())
        } else {
            ExitReason::Stopped
        };
        self.supervisor.do_send(Down { child: self.child, generation: self.generation, reason });
    }
}

impl fmt::Debug for Lifeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lifeline({} generation {})", self.child, self.generation)
    }
}

/// When an actor last moved: milliseconds since the supervisor started.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    since: Instant,
    last_ms: Arc<AtomicU64>,
}

impl Pulse {
    pub(crate) fn new(since: Instant) -> Self {
        let pulse = Self { since, last_ms: Arc::default() };
        pulse.beat();
        pulse
    }

    fn beat(&self) {
        self.last_ms.store(self.since.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Milliseconds since the last beat.
    pub(crate) fn still_for_ms(&self) -> u64 {
        (self.since.elapsed().as_millis() as u64).saturating_sub(self.last_ms.load(Ordering::Relaxed))
    }
}
