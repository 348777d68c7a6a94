//! What the web was asked, when, and over which connection.
//!
//! Owns the log of requests, one part a server thread so that nobody waits for a lock. Never decides anything.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::plan::{Place, Plan};

/// One request that the web was asked.
#[derive(Debug, Clone)]
pub struct Served {
    /// When its head had been read.
    pub arrived: Instant,
    /// How long before that it may have come, at most: the server was busy, or not let run.
    pub held: Duration,
    /// When the last byte of the answer had been handed to the system, or the web was about to cut the
    /// connection on purpose. `None` until then (a client may see the answer a moment before it is noted
    /// here), and for ever where the client left first.
    pub ended: Option<Instant>,
    /// When the client was seen to have left before that.
    pub left: Option<Instant>,
    /// The address it came to.
    pub address: IpAddr,
    /// When the rest is over that the answer asked for with `Retry-After`, counted from when it was written.
    pub rest_until: Option<Instant>,
    /// The host that was asked for: the request's own spelling in lower case, without a port.
    pub host: String,
    /// The path that was asked for, with its query.
    pub path: String,
    /// The method.
    pub method: Method,
    /// The status of the answer, where it has one.
    pub status: Option<u16>,
    /// The number of the connection, from 0 in the order of accepting.
    pub connection: u64,
    /// Which request on its connection it was, from 1.
    pub nth: u32,
    /// The request's head as received, if it was kept (see [`crate::WebSpec::keep_heads`]).
    pub head: Option<Bytes>,
}

/// A request's method, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// Another one; pages answer 405 to it, scripts what they say.
    Other,
}

/// A request as it is kept: names are made when somebody reads the log.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) arrived: Instant,
    pub(crate) held: Duration,
    pub(crate) ended: Option<Instant>,
    pub(crate) left: Option<Instant>,
    pub(crate) rest_until: Option<Instant>,
    /// The number of the address it came to, from 0.
    pub(crate) address: u8,
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) status: Option<u16>,
    pub(crate) connection: u64,
    pub(crate) nth: u32,
    pub(crate) head: Option<Bytes>,
}

/// What was asked for.
#[derive(Debug)]
pub(crate) enum Target {
    /// A place, whose names follow from its numbers.
    Place(Place),
    /// Anything else: host and path.
    Named(Box<(String, String)>),
}

/// Leave to write down a request's end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    generation: u64,
    index: usize,
}

/// The log of a web.
#[derive(Debug)]
pub(crate) struct Log {
    shards: Vec<Shard>,
    keep: bool,
}

/// The log of one thread.
#[derive(Debug, Default)]
struct Shard {
    requests: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// How often the log was cleared: a ticket from before says nothing about an entry of now.
    generation: u64,
    records: Vec<Record>,
}

impl Log {
    /// An empty log for so many threads; if `keep` is false it only counts.
    pub(crate) fn new(threads: usize, keep: bool) -> Self {
        Self { shards: (0..threads).map(|_| Shard::default()).collect(), keep }
    }

    /// Counts a request, and writes it down.
    pub(crate) fn begin(&self, thread: usize, record: impl FnOnce() -> Record) -> Option<Ticket> {
        let shard = &self.shards[thread];
        shard.requests.fetch_add(1, Ordering::Relaxed);
        self.keep.then(|| {
            let mut kept = shard.lock();
            kept.records.push(record());
            Ticket { generation: kept.generation, index: kept.records.len() - 1 }
        })
    }

    /// Writes down that requests were answered.
    pub(crate) fn end(&self, thread: usize, tickets: &mut Vec<Ticket>) {
        if tickets.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut kept = self.shards[thread].lock();
        let generation = kept.generation;
        for ticket in tickets.drain(..).filter(|ticket| ticket.generation == generation) {
            kept.records[ticket.index].ended = Some(now);
        }
    }

    /// Writes down that clients have left before their answers were over.
    pub(crate) fn left(&self, thread: usize, tickets: impl IntoIterator<Item = Ticket>) {
        let now = Instant::now();
        let mut kept = self.shards[thread].lock();
        let generation = kept.generation;
        for ticket in tickets.into_iter().filter(|ticket| ticket.generation == generation) {
            kept.records[ticket.index].left.get_or_insert(now);
        }
    }

    /// Every request in the order of arrival.
    pub(crate) fn read(&self, plan: &Plan) -> Vec<Served> {
        let mut served = self.each(|record| record.served(plan));
        served.sort_by_key(|s| s.arrived);
        served
    }

    /// Something made of every record, in no order.
    pub(crate) fn each<T>(&self, mut make: impl FnMut(&Record) -> T) -> Vec<T> {
        let mut all = Vec::new();
        for shard in &self.shards {
            all.extend(shard.lock().records.iter().map(&mut make));
        }
        all
    }

    /// How many threads write it.
    pub(crate) fn threads(&self) -> usize {
        self.shards.len()
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.shards.iter().map(|shard| shard.requests.load(Ordering::Relaxed)).sum()
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            shard.requests.store(0, Ordering::Relaxed);
            let mut kept = shard.lock();
            kept.generation += 1;
            kept.records = Vec::new();
        }
    }
}

impl Shard {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn served(&self, plan: &Plan) -> Served {
        let (host, path) = match &self.target {
            Target::Named(names) => (**names).clone(),
            Target::Place(place) => {
                let mut path = Vec::new();
                plan.push_path(*place, &mut path);
                (plan.host_name(place.host()), String::from_utf8_lossy(&path).into_owned())
            }
        };
        Served {
            arrived: self.arrived,
            held: self.held,
            ended: self.ended,
            left: self.left,
            address: address(self.address),
            rest_until: self.rest_until,
            host,
            path,
            method: self.method,
            status: self.status,
            connection: self.connection,
            nth: self.nth,
            head: self.head.clone(),
        }
    }
}

/// The address of a number: 127.0.0.1 is that of 0.
pub(crate) fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, number.saturating_add(1)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebSpec;

    fn record(path: &str) -> Record {
        Record {
            arrived: Instant::now(),
            held: Duration::ZERO,
            ended: None,
            left: None,
            rest_until: None,
            address: 0,
            target: Target::Named(Box::new(("h".into(), path.into()))),
            method: Method::Get,
            status: Some(200),
            connection: 0,
            nth: 1,
            head: None,
        }
    }

    #[test]
    fn threads_are_merged_in_the_order_of_arrival() {
        let log = Log::new(2, true);
        let plan = Plan::new(&WebSpec::default()).unwrap();
        for (thread, path) in [(1, "/a"), (0, "/b"), (1, "/c")] {
            log.begin(thread, || record(path));
        }
        let paths: Vec<_> = log.read(&plan).into_iter().map(|s| s.path).collect();
        assert_eq!(paths, ["/a", "/b", "/c"]);
        assert_eq!(log.requests(), 3);
    }

    #[test]
    fn an_end_from_before_the_clearing_is_not_anothers() {
        let log = Log::new(1, true);
        let plan = Plan::new(&WebSpec::default()).unwrap();
        let mut old = Vec::from_iter(log.begin(0, || record("/old")));
        log.clear();
        assert_eq!(log.requests(), 0);
        let mut new = Vec::from_iter(log.begin(0, || record("/new")));
        log.end(0, &mut old);
        assert_eq!(log.read(&plan)[0].ended, None);
        log.end(0, &mut new);
        assert!(log.read(&plan)[0].ended.is_some());
    }

    #[test]
    fn a_log_that_is_not_kept_counts() {
        let log = Log::new(1, false);
        assert!(log.begin(0, || unreachable!()).is_none());
        assert_eq!(log.requests(), 1);
    }
}
