//! Which proxy is next.
//!
//! Owns the turns of one client's proxies, and the rest of those that failed.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use tokio::time::Instant;

/// How long a proxy that failed is left out. Long enough that most requests are spared the time it takes to fail,
/// short enough that it is soon back.
const REST: Duration = Duration::from_secs(30);

/// Proxies by their place in the settings.
#[derive(Debug)]
pub(crate) struct Rotation {
    next: Cell<usize>,
    rested: RefCell<Vec<Option<Instant>>>,
}

impl Rotation {
    pub(crate) fn new(proxies: usize) -> Self {
        Self { next: Cell::new(0), rested: RefCell::new(vec![None; proxies]) }
    }

    /// The proxy for the next request; `None` where there are none. Where all rest, they go on in turn: a
    /// request that fails tells more than one that waits.
    pub(crate) fn choose(&self) -> Option<usize> {
        let rested = self.rested.borrow();
        let (count, first, now) = (rested.len(), self.next.get(), Instant::now());
        let in_turn = || (0..count).map(|i| (first + i) % count);
        let chosen =
            in_turn().find(|i| rested[*i].is_none_or(|until| until <= now)).or_else(|| in_turn().next())?;
        self.next.set((chosen + 1) % count);
        Some(chosen)
    }

    /// Leaves a proxy out for a while.
    pub(crate) fn rest(&self, proxy: usize) {
        if let Some(rested) = self.rested.borrow_mut().get_mut(proxy) {
            *rested = Some(Instant::now() + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(rotation: &Rotation, requests: usize) -> Vec<usize> {
        (0..requests).filter_map(|_| rotation.choose()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn they_take_turns_and_rest() {
        assert_eq!(Rotation::new(0).choose(), None);
        let three = Rotation::new(3);
        assert_eq!(next(&three, 4), [0, 1, 2, 0]);
        three.rest(2);
        assert_eq!(next(&three, 4), [1, 0, 1, 0]);
        three.rest(0);
        three.rest(1);
        assert_eq!(next(&three, 4), [1, 2, 0, 1], "all rest");
        tokio::time::advance(REST).await;
        three.rest(1);
        assert_eq!(next(&three, 3), [2, 0, 2]);
    }
}
