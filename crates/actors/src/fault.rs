//! Named places where a test can make the ring fail.
//!
//! A place is one relaxed load where nothing is armed, so they are there in every build: what is tested is
//! what runs. Arming is process-wide; nothing outside tests arms anything.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Before a fetcher takes up the visits it was granted.
pub const FETCHER_FETCH: &str = "fetcher.fetch";
/// In a visit's task, before the request.
pub const VISIT_BEFORE: &str = "visit.before";
/// In a visit's task, before links are looked for.
pub const VISIT_EXTRACT: &str = "visit.extract";
/// In a visit's task, after the harvest was offered to storage.
pub const VISIT_AFTER: &str = "visit.after";
/// In storage, before a batch is committed.
pub const STORAGE_BEFORE: &str = "storage.before";
/// In storage, before a batch is committed: the disk is full.
pub const STORAGE_FULL: &str = "storage.full";
/// In storage, after a batch is committed and before anybody is told.
pub const STORAGE_AFTER: &str = "storage.after";
/// In the coordinator, before receipts are taken in.
pub const COORDINATOR_SETTLE: &str = "coordinator.settle";

static ARMED: AtomicBool = AtomicBool::new(false);
static PLAN: Mutex<Option<HashMap<&'static str, Vec<u64>>>> = Mutex::new(None);

/// Makes the place panic at its next visits: `gaps[0]` passages go well, then one panics, then `gaps[1]`
/// go well, …
pub fn arm(place: &'static str, gaps: &[u64]) {
    let mut plan = PLAN.lock().unwrap_or_else(PoisonError::into_inner);
    plan.get_or_insert_default().insert(place, gaps.iter().rev().copied().collect());
    ARMED.store(true, Ordering::Relaxed);
}

/// Disarms every place. Returns how many panics were still to come.
pub fn disarm() -> usize {
    ARMED.store(false, Ordering::Relaxed);
    let plan = PLAN.lock().unwrap_or_else(PoisonError::into_inner).take();
    plan.map_or(0, |places| places.values().map(Vec::len).sum())
}

/// Panics if this passage was armed to.
pub(crate) fn point(place: &'static str) {
    if ARMED.load(Ordering::Relaxed) && is_due(place) {
        panic!("fault injected at {place}");
    }
}

/// True if this passage was armed to fail in an orderly way.
pub(crate) fn fails(place: &'static str) -> bool {
    ARMED.load(Ordering::Relaxed) && is_due(place)
}

fn is_due(place: &'static str) -> bool {
    let mut plan = PLAN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(gaps) = plan.as_mut().and_then(|places| places.get_mut(place)) else { return false };
    match gaps.last_mut() {
        Some(0) => gaps.pop().is_some(),
        Some(gap) => {
            *gap -= 1;
            false
        }
        None => false,
    }
}
