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
    end: Pack,
    away: Vec<Away>,
    by_reason: BTreeMap<String, u64>,
}

/// What is kept of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeptParked {
    end: Vec<u8>,
    away: Vec<Away>,
    by_reason: BTreeMap<String, u64>,
}

impl Parked {
    /// Takes a URL in. `reason` is a word for reports.
    pub(crate) fn push(&mut self, reason: &str, waiting: &Waiting, tails: &mut dyn Tails) -> io::Result<()> {
        match self.by_reason.get_mut(reason) {
            Some(count) => *count += 1,
            None => drop(self.by_reason.insert(reason.to_owned(), 1)),
        }
        self.end.push(waiting);
        if self.end.len() >= CHUNK {
            let id = tails.put(self.end.bytes())?;
            let (_, count) = self.end.take();
            self.away.push(Away { id, count: count as u32 });
        }
        Ok(())
    }

    /// How many there are, by reason.
    pub(crate) fn by_reason(&self) -> &BTreeMap<String, u64> {
        &self.by_reason
    }

    /// Takes all of them out.
    pub(crate) fn drain(&mut self, tails: &mut dyn Tails, mut each: impl FnMut(Waiting)) -> io::Result<()> {
        let Parked { mut end, away, .. } = std::mem::take(self);
        for Away { id, .. } in away {
            unpack(&tails.get(id)?, &mut each).map_err(|_| garbled())?;
        }
        unpack(&end.take().0, &mut each).map_err(|_| garbled())?;
        Ok(())
    }

    /// The chunks that are needed still.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = ChunkId> {
        self.away.iter().map(|away| away.id)
    }

    pub(crate) fn keep(&self) -> KeptParked {
        KeptParked {
            end: self.end.bytes().to_vec(),
            away: self.away.clone(),
            by_reason: self.by_reason.clone(),
        }
    }

    pub(crate) fn restore(kept: KeptParked) -> io::Result<Self> {
        let mut end = Pack::default();
        unpack(&kept.end, |waiting| end.push(&waiting)).map_err(|_| garbled())?;
        Ok(Self { end, away: kept.away, by_reason: kept.by_reason })
    }
}
