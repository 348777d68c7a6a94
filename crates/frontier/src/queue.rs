//! What waits for one host, in order: by class, within it by depth, within that first come, first served.
//!
//! Owns the order, and what of it is in memory: the front of each line as it is, its end packed, what lies between
//! put away ([`Tails`]). Knows no time and no other host.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use serde::{Deserialize, Serialize};

use crate::{
    tails::{ChunkId, Tails},
    waiting::{Pack, Waiting, unpack},
};

/// URLs at the front of a line that are kept ready.
const WINDOW: usize = 32;
/// URLs in a chunk, where few hosts have long lines.
const CHUNK_MAX: usize = 512;
/// And where many have.
const CHUNK_MIN: usize = 32;
/// Packed URLs at the ends of all lines together, about: 40 bytes each.
const PACKED_MAX: usize = 1 << 20;

/// Where a URL stands: what has the smaller one goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Rank {
    /// Smaller is sooner.
    pub class: u8,
    pub depth: u16,
}

/// A chunk that was put away, and how many URLs are in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Away {
    pub id: ChunkId,
    pub count: u32,
}

/// One line.
#[derive(Debug, Default)]
struct Line {
    window: VecDeque<Waiting>,
    away: VecDeque<Away>,
    end: Pack,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    lines: BTreeMap<Rank, Line>,
    count: usize,
}

/// A queue as it is kept in a checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KeptQueue {
    lines: Vec<KeptLine>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptLine {
    rank: Rank,
    window: Vec<u8>,
    away: Vec<Away>,
    end: Vec<u8>,
}

/// What a queue needs to put chunks away and to read them.
pub(crate) struct Store<'a> {
    pub tails: &'a mut dyn Tails,
    /// Hosts with lines, for the size of a chunk.
    pub hosts: usize,
}

impl Store<'_> {
    fn chunk(&self) -> usize {
        (PACKED_MAX / self.hosts.max(1)).clamp(CHUNK_MIN, CHUNK_MAX)
    }
}

impl Queue {
    /// Takes a URL in behind those of its rank. An error means that it is in, but that the end of its line could
    /// not be put away.
    pub(crate) fn push(&mut self, rank: Rank, waiting: Waiting, store: &mut Store<'_>) -> io::Result<()> {
        self.count += 1;
        let line = self.lines.entry(rank).or_default();
        if line.away.is_empty() && line.end.len() == 0 && line.window.len() < WINDOW {
            line.window.push_back(waiting);
            return Ok(());
        }
        line.end.push(&waiting);
        if line.end.len() < store.chunk() {
            return Ok(());
        }
        let id = store.tails.put(line.end.bytes())?;
        let (_, count) = line.end.take();
        line.away.push_back(Away { id, count: count as u32 });
        Ok(())
    }

    /// Takes a URL back in front of those of its rank.
    pub(crate) fn push_front(&mut self, rank: Rank, waiting: Waiting) {
        self.count += 1;
        self.lines.entry(rank).or_default().window.push_front(waiting);
    }

    /// The URL that is next. An error means that a chunk could not be read: its URLs are left out.
    pub(crate) fn front(&mut self, store: &mut Store<'_>) -> io::Result<Option<(Rank, &Waiting)>> {
        loop {
            let Some((&rank, line)) = self.lines.iter_mut().next() else { return Ok(None) };
            let (was, missing) = (line.window.is_empty(), line.fill(store));
            match missing {
                Ok(()) => {}
                Err((count, error)) => {
                    self.count = self.count.saturating_sub(count);
                    return Err(error);
                }
            }
            if was && line.window.is_empty() {
                self.lines.remove(&rank);
                continue;
            }
            break;
        }
        let first = self.lines.iter().next();
        Ok(first.and_then(|(rank, line)| Some((*rank, line.window.front()?))))
    }

    /// Takes the URL out that [`Queue::front`] showed.
    pub(crate) fn pop(&mut self) -> Option<(Rank, Waiting)> {
        let mut first = self.lines.first_entry()?;
        let rank = *first.key();
        let waiting = first.get_mut().window.pop_front()?;
        self.count -= 1;
        if first.get().is_empty() {
            first.remove();
        }
        Some((rank, waiting))
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The chunks that are needed still.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = ChunkId> {
        self.lines.values().flat_map(|line| line.away.iter().map(|away| away.id))
    }

    /// All URLs, in order, until `each` has seen enough (answers true); how many stand before it.
    pub(crate) fn find(
        &self,
        tails: &mut dyn Tails,
        mut each: impl FnMut(&Waiting) -> bool,
    ) -> io::Result<Option<usize>> {
        let mut before = 0;
        for line in self.lines.values() {
            for waiting in &line.window {
                if each(waiting) {
                    return Ok(Some(before));
                }
                before += 1;
            }
            let ends = line.away.iter().map(|away| Some(away.id)).chain([None]);
            for id in ends {
                let chunk = match id {
                    Some(id) => tails.get(id)?,
                    None => line.end.bytes().to_vec(),
                };
                let mut found = None;
                let read = unpack(&chunk, |waiting| {
                    if found.is_none() && each(&waiting) {
                        found = Some(before);
                    }
                    before += 1;
                });
                read.map_err(|_| garbled())?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// All but the class given, and those behind it.
    pub(crate) fn keep_below(&self, class: u8) -> KeptQueue {
        let lines = self.lines.iter().filter(|(rank, _)| rank.class < class);
        let lines = lines.map(|(rank, line)| KeptLine {
            rank: *rank,
            window: Pack::of(&line.window).take().0,
            away: line.away.iter().copied().collect(),
            end: line.end.bytes().to_vec(),
        });
        KeptQueue { lines: lines.collect() }
    }

    pub(crate) fn restore(kept: KeptQueue) -> io::Result<Self> {
        let mut queue = Self::default();
        for kept in kept.lines {
            let mut line = Line { away: kept.away.into(), ..Line::default() };
            unpack(&kept.window, |waiting| line.window.push_back(waiting)).map_err(|_| garbled())?;
            unpack(&kept.end, |waiting| line.end.push(&waiting)).map_err(|_| garbled())?;
            let away: usize = line.away.iter().map(|away| away.count as usize).sum();
            queue.count += line.window.len() + away + line.end.len();
            if !line.is_empty() {
                queue.lines.insert(kept.rank, line);
            }
        }
        Ok(queue)
    }
}

impl Line {
    fn is_empty(&self) -> bool {
        self.window.is_empty() && self.away.is_empty() && self.end.len() == 0
    }

    /// Fills an empty window from what was put away, or else from the end. An error says how many are missing.
    fn fill(&mut self, store: &mut Store<'_>) -> Result<(), (usize, io::Error)> {
        if !self.window.is_empty() {
            return Ok(());
        }
        let window = &mut self.window;
        if let Some(Away { id, count }) = self.away.pop_front() {
            let read = store
                .tails
                .get(id)
                .and_then(|chunk| unpack(&chunk, |waiting| window.push_back(waiting)).map_err(|_| garbled()));
            return match read {
                Ok(_) => Ok(()),
                Err(error) => {
                    let missing = (count as usize).saturating_sub(window.len());
                    Err((missing, error))
                }
            };
        }
        let (end, _) = self.end.take();
        // We packed it ourselves, in this process.
        let _ = unpack(&end, |waiting| window.push_back(waiting));
        Ok(())
    }
}

pub(crate) fn garbled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "packed URLs are damaged")
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use dragline_model::{CanonicalUrl, Link};
    use proptest::prelude::*;

    use super::*;
    use crate::tails::MemoryTails;

    fn waiting(n: usize, depth: u16) -> Waiting {
        let url = CanonicalUrl::parse(&format!("http://a.example/{n}")).unwrap();
        Waiting::new(Link { depth, ..Link::seed(url) }, None, 0)
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push { class: u8, depth: u16, many: usize },
        Pop(usize),
        Back,
        Restart,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..2u8, 0..3u16, 1..200usize).prop_map(|(class, depth, many)| Step::Push { class, depth, many }),
            (1..150usize).prop_map(Step::Pop),
            Just(Step::Back),
            Just(Step::Restart),
        ];
        proptest::collection::vec(step, 1..30)
    }

    proptest! {
        /// A queue is what a sorted list of plain queues is, whatever is put away and however often it is kept
        /// and restored.
        #[test]
        fn order_is_rank_then_arrival(steps in steps(), hosts in prop_oneof![Just(1usize), Just(1 << 20)]) {
            let mut tails = MemoryTails::default();
            let mut queue = Queue::default();
            let mut model: BTreeMap<Rank, VecDeque<Waiting>> = BTreeMap::new();
            let (mut n, mut last) = (0, None);
            for step in steps {
                let mut store = Store { tails: &mut tails, hosts };
                match step {
                    Step::Push { class, depth, many } => for _ in 0..many {
                        n += 1;
                        let rank = Rank { class, depth };
                        queue.push(rank, waiting(n, depth), &mut store).unwrap();
                        model.entry(rank).or_default().push_back(waiting(n, depth));
                    },
                    Step::Pop(many) => for _ in 0..many {
                        let front = queue.front(&mut store).unwrap().map(|(_, it)| it.clone());
                        let popped = queue.pop();
                        prop_assert_eq!(&front, &popped.as_ref().map(|(_, it)| it.clone()));
                        let want = model.first_entry().map(|mut e| (*e.key(), e.get_mut().pop_front().unwrap()));
                        if model.first_entry().is_some_and(|e| e.get().is_empty()) {
                            model.pop_first();
                        }
                        prop_assert_eq!(&popped, &want);
                        last = popped;
                    },
                    Step::Back => if let Some((rank, it)) = last.take() {
                        queue.push_front(rank, it.clone());
                        model.entry(rank).or_default().push_front(it);
                    },
                    Step::Restart => {
                        let kept = postcard::to_allocvec(&queue.keep_below(u8::MAX)).unwrap();
                        queue = Queue::restore(postcard::from_bytes(&kept).unwrap()).unwrap();
                    }
                }
                prop_assert_eq!(queue.len(), model.values().map(VecDeque::len).sum::<usize>());
            }
            let mut found = Vec::new();
            queue.find(&mut tails, |it| { found.push(it.clone()); false }).unwrap();
            prop_assert_eq!(found, model.into_values().flatten().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_chunk_that_is_lost_is_told_and_left_out() {
        let mut tails = MemoryTails::default();
        let mut queue = Queue::default();
        let rank = Rank { class: 0, depth: 0 };
        for n in 0..WINDOW + CHUNK_MAX + 1 {
            queue.push(rank, waiting(n, 0), &mut Store { tails: &mut tails, hosts: 1 }).unwrap();
        }
        let mut gone = MemoryTails::default();
        let mut store = Store { tails: &mut gone, hosts: 1 };
        let mut seen = 0;
        let mut errors = 0;
        while !queue.is_empty() {
            match queue.front(&mut store) {
                Ok(Some(_)) => {
                    queue.pop();
                    seen += 1;
                }
                Ok(None) => break,
                Err(_) => errors += 1,
            }
        }
        assert_eq!((seen, errors), (WINDOW + 1, 1));
    }
}
