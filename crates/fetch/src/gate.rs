//! How many connects may be in progress at once, for each place that is connected to.
//!
//! Owns the turns. A server takes new connections out of a queue of a few hundred; what comes in when that is
//! full is dropped by its kernel, and comes again a second later at the earliest. The bound is for each place by
//! itself: one that does not answer holds up nobody but those who want to go there.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connects in progress to one place on one thread. Half of the queue that nginx asks for (511): two threads
/// fill it, and over a distance of 100 ms it still allows 2,560 new connections a second.
pub(crate) const CONNECTS_MAX: usize = 256;

/// The gates of one client.
#[derive(Debug, Default)]
pub(crate) struct Gates {
    by_place: RefCell<HashMap<Box<str>, Arc<Semaphore>>>,
}

impl Gates {
    /// Waits for a turn to connect to a place; first come, first served. Dropping the turn gives it back.
    pub(crate) async fn turn<'a>(&'a self, place: &'a str) -> Turn<'a> {
        let gate = {
            let mut by_place = self.by_place.borrow_mut();
            match by_place.get(place) {
                Some(gate) => Arc::clone(gate),
                None => {
                    let gate = Arc::new(Semaphore::new(CONNECTS_MAX));
                    by_place.insert(place.into(), Arc::clone(&gate));
                    gate
                }
            }
        };
        // Made before the wait, so that a wait that is given up leaves no gate behind either.
        let mut turn = Turn { gates: self, place, permit: None };
        turn.permit = gate.acquire_owned().await.ok();
        turn
    }
}

/// A turn to connect.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    gates: &'a Gates,
    place: &'a str,
    /// Always there once the wait is over: nobody closes a gate.
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.permit = None;
        let mut by_place = self.gates.by_place.borrow_mut();
        if by_place.get(self.place).is_some_and(|gate| Arc::strong_count(gate) == 1) {
            by_place.remove(self.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn one_place_waits_and_another_does_not() {
        let gates = Gates::default();
        let mut turns: Vec<_> =
            (0..CONNECTS_MAX).map(|_| gates.turn("a").now_or_never().expect("a free turn")).collect();
        let mut late = Box::pin(gates.turn("a"));
        assert!(late.as_mut().now_or_never().is_none(), "all turns are out");
        assert!(gates.turn("b").now_or_never().is_some(), "another place");
        turns.pop();
        let late = late.now_or_never().expect("the turn that was given back");
        drop((late, turns));
        assert!(gates.by_place.borrow().is_empty(), "no gate stays behind");
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_nothing_behind() {
        let gates = Gates::default();
        let turns: Vec<_> = (0..CONNECTS_MAX).map(|_| gates.turn("a").now_or_never()).collect();
        let mut late = Box::pin(gates.turn("a"));
        assert!(late.as_mut().now_or_never().is_none());
        drop(turns);
        drop(late);
        assert!(gates.by_place.borrow().is_empty());
    }
}
