//! URLs that are in the crawl and are not asked for, with the reason.
//!
//! Owns them until a run whose settings differ, or rules that changed, have them judged again. Judges nothing.

use std::{collections::BTreeMap, io};

use serde::{Deserialize, Serialize};

use crate::{
    queue::{Away, garbled},
    tails::{ChunkId, Tails},
    waiting::{Pack, Waiting, unpack},
};

/// URLs in a chunk.
const CHUNK: usize = 1024;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    by_reason: BTreeMap<String, Pile>,
}

/// Those that are parked for one reason.
#[derive(Debug, Default)]
struct Pile {
    end: Pack,
    away: Vec<Away>,
    count: u64,
}

/// What is kept of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeptParked {
    piles: Vec<(String, Vec<u8>, Vec<Away>)>,
}

impl Parked {
    /// Takes a URL in. `reason` is a word for reports.
    pub(crate) fn push(&mut self, reason: &str, waiting: &Waiting, tails: &mut dyn Tails) -> io::Result<()> {
        if !self.by_reason.contains_key(reason) {
            self.by_reason.insert(reason.to_owned(), Pile::default());
        }
        let Some(pile) = self.by_reason.get_mut(reason) else { return Ok(()) };
        pile.count += 1;
        pile.end.push(waiting);
        if pile.end.len() >= CHUNK {
            let id = tails.put(pile.end.bytes())?;
            let (_, count) = pile.end.take();
            pile.away.push(Away { id, count: count as u32 });
        }
        Ok(())
    }

    /// How many there are, by reason.
    pub(crate) fn by_reason(&self) -> BTreeMap<String, u64> {
        self.by_reason.iter().map(|(reason, pile)| (reason.clone(), pile.count)).collect()
    }

    /// Hands out all of them, with their reasons.
    pub(crate) fn each(&self, tails: &mut dyn Tails, mut each: impl FnMut(&str, Waiting)) -> io::Result<()> {
        for (reason, pile) in &self.by_reason {
            for Away { id, .. } in &pile.away {
                unpack(&tails.get(*id)?, |waiting| each(reason, waiting)).map_err(|_| garbled())?;
            }
            unpack(pile.end.bytes(), |waiting| each(reason, waiting)).map_err(|_| garbled())?;
        }
        Ok(())
    }

    /// All of them, as they are packed: the reason, what was put away, what was not.
    pub(crate) fn into_piles(self) -> impl Iterator<Item = (String, Vec<ChunkId>, Vec<u8>)> {
        let packed = |mut pile: Pile| (pile.away.iter().map(|it| it.id).collect(), pile.end.take().0);
        self.by_reason.into_iter().map(move |(reason, pile)| {
            let (away, end) = packed(pile);
            (reason, away, end)
        })
    }

    /// Those of one reason, as [`Parked::into_piles`] has them.
    pub(crate) fn take_pile(&mut self, reason: &str) -> Option<(Vec<ChunkId>, Vec<u8>)> {
        let mut pile = self.by_reason.remove(reason)?;
        Some((pile.away.iter().map(|it| it.id).collect(), pile.end.take().0))
    }

    /// The chunks that are needed still.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = ChunkId> {
        self.by_reason.values().flat_map(|pile| pile.away.iter().map(|away| away.id))
    }

    pub(crate) fn keep(&self) -> KeptParked {
        let piles = self.by_reason.iter();
        KeptParked {
            piles: piles
                .map(|(reason, it)| (reason.clone(), it.end.bytes().to_vec(), it.away.clone()))
                .collect(),
        }
    }

    pub(crate) fn restore(kept: KeptParked) -> io::Result<Self> {
        let mut parked = Self::default();
        for (reason, packed, away) in kept.piles {
            let mut pile = Pile { away, ..Pile::default() };
            unpack(&packed, |waiting| pile.end.push(&waiting)).map_err(|_| garbled())?;
            pile.count = pile.end.len() as u64 + pile.away.iter().map(|it| u64::from(it.count)).sum::<u64>();
            parked.by_reason.insert(reason, pile);
        }
        Ok(parked)
    }
}

#[cfg(test)]
mod tests {
    use dragline_model::{CanonicalUrl, Link};

    use super::*;
    use crate::tails::MemoryTails;

    #[test]
    fn all_come_out_with_their_reasons_also_after_a_restart() {
        let mut tails = MemoryTails::default();
        let mut parked = Parked::default();
        let waiting =
            |n| Waiting::new(Link::seed(CanonicalUrl::parse(&format!("http://a/{n}")).unwrap()), None, 0);
        for n in 0..CHUNK * 2 + 7 {
            parked.push(if n % 2 == 0 { "even" } else { "odd" }, &waiting(n), &mut tails).unwrap();
        }
        let kept = postcard::to_allocvec(&parked.keep()).unwrap();
        let again = Parked::restore(postcard::from_bytes(&kept).unwrap()).unwrap();
        assert_eq!(again.by_reason(), parked.by_reason());
        let mut out = Vec::new();
        again
            .each(&mut tails, |reason, it| {
                let n: usize = it.link.url.path()[1..].parse().unwrap();
                assert_eq!(reason == "even", n.is_multiple_of(2));
                out.push(n);
            })
            .unwrap();
        out.sort_unstable();
        assert_eq!(out, (0..CHUNK * 2 + 7).collect::<Vec<_>>());
        assert_eq!(again.chunks().count(), 2);
    }
}
