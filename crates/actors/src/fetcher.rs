//! A fetcher: makes the visits it is granted, many at a time, with one client on one thread.
//!
//! Neighbours: the coordinator before it (`Fetch`), storage behind it (`Keep`). Owns its client, its
//! connections, and the parcels that storage has not committed yet: when storage dies, it offers them to the
//! next one. A visit is a task of its own; a panic in it is that visit's failure and nobody else's.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use dragline_fetch::{Client, Request, Shared};
use dragline_model::{Failure, Page, Timestamp, Visit, VisitId};
use dragline_storage::Parcel;
use futures_util::FutureExt;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};

use crate::{
    Line, fault,
    harvester::{Harvester, Rules},
    lifeline::Lifeline,
    messages::{Die, Fetch, Keep, Reoffer},
    panics,
};

/// How often idle connections are looked through, and the fetcher shows that it moves.
const REAP_EVERY: Duration = Duration::from_secs(1);
/// A body longer than this is decoded, searched and compressed on another thread: a millisecond of work and
/// more, which the other visits of this one should not wait for. One at a time over all fetchers, so that the
/// memory it takes is taken once.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// What a fetcher is made of, for each of its lives.
#[derive(Debug, Clone)]
pub(crate) struct Equipment {
    pub shared: Shared,
    pub rules: Rules,
    /// Bytes of sealed parcels that may wait for storage before no further visit is begun.
    pub held_bytes_max: u64,
    pub keep: Line<Keep>,
    /// Leave to work on a large body.
    pub aside: Arc<Semaphore>,
}

/// See the module's documentation.
pub(crate) struct Fetcher {
    bench: Rc<Bench>,
    visits: JoinSet<()>,
    lifeline: Lifeline,
}

/// What the visits of one fetcher share. It ends with the fetcher: the tasks are aborted.
struct Bench {
    client: Client,
    equipment: Equipment,
    harvester: RefCell<Harvester>,
    /// For large bodies, on another thread.
    harvester_aside: Arc<Mutex<Harvester>>,
    held: RefCell<HashMap<VisitId, Arc<Parcel>>>,
    held_bytes: Cell<u64>,
    room: Notify,
}

impl Fetcher {
    /// To be called on the thread the fetcher lives on.
    pub(crate) fn new(equipment: Equipment, lifeline: Lifeline) -> Self {
        let bench = Bench {
            client: Client::new(&equipment.shared),
            harvester: RefCell::new(Harvester::new(equipment.rules.clone())),
            harvester_aside: Arc::new(Mutex::new(Harvester::new(equipment.rules.clone()))),
            held: RefCell::default(),
            held_bytes: Cell::new(0),
            room: Notify::new(),
            equipment,
        };
        Self { bench: Rc::new(bench), visits: JoinSet::new(), lifeline }
    }
}

impl Actor for Fetcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lifeline.tie();
        ctx.run_interval(REAP_EVERY, |me, _| {
            me.lifeline.beat();
            me.bench.client.reap();
            while me.visits.try_join_next().is_some() {}
        });
    }
}

impl Handler<Fetch> for Fetcher {
    type Result = ();

    fn handle(&mut self, Fetch { visits, kept }: Fetch, ctx: &mut Self::Context) {
        fault::point(fault::FETCHER_FETCH);
        self.bench.let_go(&kept);
        while self.visits.try_join_next().is_some() {}
        for visit in visits {
            let (bench, fetcher) = (self.bench.clone(), ctx.address());
            self.visits.spawn_local(async move {
                if AssertUnwindSafe(bench.visit(visit)).catch_unwind().await.is_err() {
                    // Not even the failure could be told: the visit comes back when this life ends.
                    tracing::error!(panic = panics::take_last(), "a visit could not be reported");
                    fetcher.do_send(Die);
                }
            });
        }
    }
}

impl Handler<Reoffer> for Fetcher {
    type Result = ();

    fn handle(&mut self, _: Reoffer, _: &mut Self::Context) {
        let held = self.bench.held.borrow();
        let mut parcels: Vec<&Arc<Parcel>> = held.values().collect();
        parcels.sort_unstable_by_key(|parcel| parcel.visit());
        for parcel in parcels {
            self.bench.equipment.keep.send(Keep { parcel: parcel.clone(), again: true });
        }
    }
}

impl Handler<Die> for Fetcher {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        ctx.terminate();
    }
}

/// A coded body is larger than it looks.
fn is_large(page: &Page) -> bool {
    let factor = if page.head.field("content-encoding").is_some() { 8 } else { 1 };
    page.body.len().saturating_mul(factor) > LARGE_BODY_BYTES
}

impl Bench {
    /// One visit from its start to its parcel's offer.
    async fn visit(&self, visit: Visit) {
        let fetched_at = Timestamp::from(SystemTime::now());
        let made = AssertUnwindSafe(self.make(visit.clone(), fetched_at)).catch_unwind().await;
        let parcel = match made {
            Ok(parcel) => parcel,
            Err(_) => self.harvester.borrow_mut().harvest_of_panic(visit, fetched_at),
        };
        self.offer(parcel);
        fault::point(fault::VISIT_AFTER);
    }

    async fn make(&self, visit: Visit, fetched_at: Timestamp) -> Parcel {
        while self.held_bytes.get() > self.equipment.held_bytes_max {
            self.room.notified().await;
        }
        fault::point(fault::VISIT_BEFORE);
        // Holds a large body's share of memory until the harvest is made.
        let request = Request::get(visit.url.clone());
        let answer = self.client.fetch(&request).await;
        match &answer {
            Ok(page) if is_large(page) => self.harvest_aside(visit, fetched_at, answer).await,
            _ => self.harvester.borrow_mut().harvest(visit, fetched_at, answer),
        }
    }

    /// As [`Harvester::harvest`], off this thread.
    async fn harvest_aside(
        &self,
        visit: Visit,
        fetched_at: Timestamp,
        answer: Result<Page, Failure>,
    ) -> Parcel {
        // Never closed; were it, large bodies would only be worked on side by side.
        let _leave = self.equipment.aside.acquire().await;
        let harvester = self.harvester_aside.clone();
        let for_panic = visit.clone();
        let task = tokio::task::spawn_blocking(move || {
            panics::supervise_thread();
            let mut harvester = harvester.lock().unwrap_or_else(PoisonError::into_inner);
            let work = AssertUnwindSafe(|| harvester.harvest(visit, fetched_at, answer));
            match std::panic::catch_unwind(work) {
                Ok(parcel) => parcel,
                Err(_) => harvester.harvest_of_panic(for_panic, fetched_at),
            }
        });
        match task.await {
            Ok(parcel) => parcel,
            // It panicked twice, or its thread is gone: let the visit itself panic.
            Err(error) => panic!("a large body could not be worked on: {error}"),
        }
    }

    fn offer(&self, parcel: Parcel) {
        let parcel = Arc::new(parcel);
        self.held_bytes.set(self.held_bytes.get() + parcel.bytes());
        self.held.borrow_mut().insert(parcel.visit(), parcel.clone());
        self.equipment.keep.send(Keep { parcel, again: false });
    }

    fn let_go(&self, kept: &[VisitId]) {
        let mut held = self.held.borrow_mut();
        for id in kept {
            if let Some(parcel) = held.remove(id) {
                self.held_bytes.set(self.held_bytes.get().saturating_sub(parcel.bytes()));
            }
        }
        self.room.notify_waiters();
    }
}
