//! Counting of very many things of which only the frequent ones matter.
//!
//! Owns a table of bounded size (Misra and Gries, "Finding repeated elements", 1982). A count is never too high, and
//! too low by at most the number of all things counted divided by the size of the table.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Things that are counted at a time.
const PLACES: usize = 16_384;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Heavy(HashMap<u64, u64>);

impl Heavy {
    pub(super) fn count(&self, thing: u64) -> u64 {
        self.0.get(&thing).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, thing: u64) {
        if let Some(count) = self.0.get_mut(&thing) {
            *count += 1;
            return;
        }
        if self.0.len() >= PLACES {
            // Everybody pays one: the rare ones leave. What is paid was counted before, so this is cheap on average.
            self.0.retain(|_, count| {
                *count -= 1;
                *count > 0
            });
            if self.0.len() >= PLACES {
                return;
            }
        }
        self.0.insert(thing, 1);
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * 17
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frequent_ones_are_known_among_many() {
        let mut heavy = Heavy::default();
        let all = 400_000u64;
        for n in 0..all {
            // One in ten is the same.
            heavy.add(if n % 10 == 0 { 1 } else { n + 2 });
        }
        let counted = heavy.count(1);
        assert!(counted <= all / 10, "{counted} is too high");
        assert!(counted >= all / 10 - all / PLACES as u64, "{counted} is too low");
        assert!(heavy.0.len() <= PLACES);
    }
}
