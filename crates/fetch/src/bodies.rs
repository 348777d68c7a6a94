//! The bytes that large bodies take in the whole process.
//!
//! Owns the one budget for them. A body takes its share once, before it grows large, and for as much as it can
//! become: nobody who holds a share waits for another, so there is no circle to wait in. Who gets none reads on
//! when his turn comes; until then the sender is held up by TCP.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body up to this size takes no share: most pages never ask, and a few hundred of them at once are bounded by
/// the requests that are out.
pub(crate) const SMALL_BYTES: u64 = 256 << 10;

/// The unit of the budget: a permit for each byte would be more than a semaphore counts.
const UNIT: u64 = 64 << 10;

/// The budget.
#[derive(Debug)]
pub(crate) struct Bodies {
    units: Arc<Semaphore>,
    all: u32,
}

/// A body's part of the budget, given back on drop.
#[derive(Debug)]
pub(crate) struct Share(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Bodies {
    pub(crate) fn new(bytes: u64) -> Self {
        let all = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, 1 << 28);
        Self { units: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Waits for a share of so many bytes, or for all there is.
    pub(crate) async fn share(&self, bytes: u64) -> Option<Share> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.all);
        // The semaphore is never closed.
        self.units.clone().acquire_many_owned(units).await.ok().map(Share)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn shares_are_bounded_and_come_back() {
        let bodies = Bodies::new(1 << 20);
        let whole = bodies.share(u64::MAX).now_or_never().flatten().unwrap();
        assert!(bodies.share(1).now_or_never().is_none(), "nothing is left");
        drop(whole);
        let halves = [1 << 19, 1 << 19].map(|bytes| bodies.share(bytes).now_or_never().flatten().unwrap());
        assert!(bodies.share(1).now_or_never().is_none());
        drop(halves);
        assert!(bodies.share(1 << 20).now_or_never().is_some());
    }
}
