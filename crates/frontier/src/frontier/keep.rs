//! The frontier in a checkpoint, and out of one.
//!
//! Owns what outlives a process: the queues (what of them is in memory), the pace of hosts and addresses, the standing
//! of their robots.txt, what is parked. Visits that are out are kept as URLs that wait. Writes no file.

use std::{fmt, io, net::IpAddr, time::Duration};

use dragline_model::{CanonicalUrl, Fingerprint, HostKey};
use dragline_politeness::{Pace, Stamp};
use serde::{Deserialize, Serialize};

use super::{Errand, Frontier, Later, revisit::REVISITS};
use crate::{
    Brought, Reason, Traps,
    addresses::Addresses,
    host::{Address, Place},
    parked::{KeptParked, Parked},
    queue::{KeptQueue, Queue, Rank, garbled},
    robots::{KeptRobots, OriginRobots},
    tails::ChunkId,
    waiting::{Pack, Waiting, unpack},
};

/// What this file writes; another number is another layout.
const VERSION: u32 = 3;

/// A frontier as bytes, and the chunks that it needs.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// For [`Frontier::restore`].
    pub bytes: Vec<u8>,
    /// They must be there as long as the bytes are.
    pub chunks: Vec<ChunkId>,
}

/// A checkpoint cannot be read; what is in it can be had from the records.
#[derive(Debug)]
pub struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    hosts: Vec<KeptHost>,
    addresses: Vec<(IpAddr, Pace)>,
    parked: KeptParked,
    traps: Traps,
    /// Packed, in the order of the other lists.
    later: Vec<u8>,
    later_at: Vec<(Stamp, u64, Rank)>,
    out: Vec<u8>,
    out_ranks: Vec<Rank>,
    /// URLs in queues that have been asked for since, with their attempts.
    outdated: Vec<(u8, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptHost {
    /// Its authority.
    key: String,
    pace: Pace,
    pages: u64,
    queues: [KeptQueue; 2],
    robots: [Option<KeptRobots>; 2],
}

impl Frontier {
    /// The state as it is.
    pub fn checkpoint(&self) -> Result<Checkpoint, Unreadable> {
        let mut out = Vec::new();
        for (id, it) in &self.out {
            if let Errand::Url { rank, waiting } = &it.errand
                && rank.class != REVISITS
            {
                out.push((id, *rank, waiting));
            }
        }
        out.sort_unstable_by_key(|(id, _, _)| **id);
        let later = self.retries.iter().map(|it| &it.0).filter(|it| it.rank.class != REVISITS);
        let later: Vec<&Later> = later.collect();
        let kept = Kept {
            version: VERSION,
            hosts: self
                .hosts
                .iter()
                .map(|host| KeptHost {
                    key: host.key.as_str().to_owned(),
                    pace: host.pace,
                    pages: host.pages,
                    queues: host.queues.each_ref().map(|queue| queue.keep_below(REVISITS)),
                    robots: host.robots.each_ref().map(OriginRobots::keep),
                })
                .collect(),
            addresses: self.addresses.keep(),
            parked: self.parked.keep(),
            traps: self.traps.clone(),
            later: Pack::of(later.iter().map(|it| &it.waiting)).take().0,
            later_at: later.iter().map(|it| (it.at, it.order, it.rank)).collect(),
            out: Pack::of(out.iter().map(|(_, _, waiting)| *waiting)).take().0,
            out_ranks: out.iter().map(|(_, rank, _)| *rank).collect(),
            outdated: self.outdated.values().map(|(made, url)| (*made, url.as_str().to_owned())).collect(),
        };
        let bytes = postcard::to_allocvec(&kept).map_err(|error| Unreadable(error.to_string()))?;
        Ok(Checkpoint { bytes, chunks: self.chunks() })
    }

    /// The chunks that are needed still.
    pub fn chunks(&self) -> Vec<ChunkId> {
        let of_hosts = self.hosts.iter().flat_map(|host| {
            let robots = host.robots.iter().filter_map(OriginRobots::chunk);
            host.queues.iter().flat_map(Queue::chunks).chain(robots)
        });
        of_hosts.chain(self.parked.chunks()).collect()
    }

    /// Takes a checkpoint's state in; to be called on an empty frontier. After an end in order (`clean`) hosts are
    /// asked when they would have been; otherwise no sooner than a delay from now, for they may have been asked just
    /// before the end.
    pub fn restore(&mut self, bytes: &[u8], clean: bool, now: Stamp) -> Result<(), Unreadable> {
        let kept: Kept = postcard::from_bytes(bytes).map_err(|error| Unreadable(error.to_string()))?;
        if kept.version != VERSION {
            return Err(Unreadable(format!("it is of version {}", kept.version)));
        }
        self.judges_waiting = true;
        if !clean {
            self.asked_perhaps = Some(now);
        }
        self.addresses = Addresses::restore(kept.addresses);
        for pace in self.addresses.each_pace() {
            wake_pace(pace, clean, now, Duration::ZERO);
        }
        for it in kept.hosts {
            self.restore_host(it, clean, now)?;
        }
        let mut later = kept.later_at.into_iter();
        let mut read = Vec::new();
        unpack(&kept.later, |waiting| read.push(waiting)).map_err(|_| garbled())?;
        for waiting in read {
            let Some((at, order, rank)) = later.next() else { return Err(garbled().into()) };
            let host = self.host_of(&waiting.link.url);
            self.retry(host, rank, waiting, order, at.min(now + crate::retry::BACK_OFF_MAX));
        }
        let mut out: Vec<Waiting> = Vec::new();
        unpack(&kept.out, |waiting| out.push(waiting)).map_err(|_| garbled())?;
        if out.len() != kept.out_ranks.len() {
            return Err(garbled().into());
        }
        // The first one granted is to stand in front again.
        for (waiting, rank) in out.into_iter().zip(kept.out_ranks).rev() {
            let host = self.host_of(&waiting.link.url);
            self.hosts[host].queue_of(&waiting.link.url).push_front(rank, waiting);
            self.counts.queued += 1;
        }
        for (made, text) in kept.outdated {
            let url = CanonicalUrl::parse(&text).map_err(|error| Unreadable(error.to_string()))?;
            self.outdated.insert(Fingerprint::of(&url), (made, url));
        }
        self.parked = Parked::restore(kept.parked)?;
        self.traps = kept.traps.under(self.limits.traps);
        Ok(())
    }

    fn restore_host(&mut self, kept: KeptHost, clean: bool, now: Stamp) -> Result<(), Unreadable> {
        // A host key is the authority of its URLs, whatever their scheme.
        let url =
            CanonicalUrl::parse(&format!("http://{}/", kept.key)).map_err(|e| Unreadable(e.to_string()))?;
        let index = self.host_of(&url);
        let host = &mut self.hosts[index];
        (host.pace, host.pages) = (kept.pace, kept.pages);
        let way = super::on_its_way(host);
        wake_pace(&mut host.pace, clean, now, way);
        for (queue, kept) in host.queues.iter_mut().zip(kept.queues) {
            *queue = Queue::restore(kept)?;
        }
        host.robots = kept.robots.map(OriginRobots::restore);
        self.counts.queued += host.queues.iter().map(Queue::len).sum::<usize>();
        Ok(())
    }

    /// A run begins, whose settings may be others than those of the run before: everything that waits is judged again
    /// when its turn comes, and what was parked waits again.
    pub fn begin_run(&mut self, now: Stamp) {
        self.judges_waiting = true;
        let again = self.judge_again(now);
        self.note(again);
    }

    fn judge_again(&mut self, now: Stamp) -> io::Result<()> {
        for (reason, away, end) in std::mem::take(&mut self.parked).into_piles() {
            // What came to no more than its own address has not been counted against any budget yet.
            let is_new = Reason::is_budget(&reason);
            for id in away {
                let chunk = self.tails.get(id)?;
                self.admit_again(&chunk, is_new, now)?;
            }
            self.admit_again(&end, is_new, now)?;
        }
        Ok(())
    }

    /// Where a shape was freed since it was parked, what was taken for a trap waits again; false if nothing does. To
    /// be called when nothing else is left.
    pub fn reconsider(&mut self, now: Stamp) -> bool {
        if !self.traps.take_freed() {
            return false;
        }
        for reason in ["parked", "session"] {
            let Some((away, end)) = self.parked.take_pile(reason) else { continue };
            let again = away.into_iter().try_for_each(|id| {
                let chunk = self.tails.get(id)?;
                self.admit_again(&chunk, true, now)
            });
            let again = again.and_then(|()| self.admit_again(&end, true, now));
            self.note(again);
        }
        !self.is_finished()
    }

    fn admit_again(&mut self, chunk: &[u8], is_new: bool, now: Stamp) -> io::Result<()> {
        let mut all = Vec::new();
        unpack(chunk, |waiting| all.push(waiting)).map_err(|_| garbled())?;
        for waiting in all {
            if is_new {
                self.admit_from(waiting, Brought::SOMETHING, now);
            } else {
                self.enqueue(waiting, now);
            }
        }
        Ok(())
    }

    /// Whatever list a host stands in, it is put where it belongs now.
    pub(super) fn place_anew(&mut self, host: usize, now: Stamp) {
        if matches!(self.hosts[host].place, Place::Calendar(_)) {
            self.hosts[host].place = Place::Aside;
        }
        self.place(host, now);
    }

    /// The hosts and where they stand, for reports.
    pub fn hosts(&self) -> impl Iterator<Item = (&HostKey, usize, &Pace, Option<IpAddr>)> {
        self.hosts.iter().map(|host| {
            let ip = match host.address {
                Address::Known(gate) => Some(self.addresses.ip(gate)),
                _ => None,
            };
            (&host.key, host.waiting(), &host.pace, ip)
        })
    }
}

fn wake_pace(pace: &mut Pace, clean: bool, now: Stamp, way: Duration) {
    pace.resumed(now);
    if !clean {
        pace.assume_started(now + way);
    }
}
