//! What the visits of one fetcher share, and what one visit does: ask, harvest, offer.
//!
//! Owns the client with its connections, the harvesters, and the parcels that storage has not committed yet. A
//! panic in a visit is that visit's failure and nobody else's.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use dragline_cookies::Jar;
use dragline_fetch::{Client, Request, Shared};
use dragline_model::{Failure, Ledger, Page, Timestamp, Visit, VisitId};
use dragline_storage::Parcel;
use futures_util::FutureExt;
use tokio::sync::{Notify, Semaphore};

use crate::{
    Line, Progress, fault,
    harvester::{Harvester, Rules},
    messages::Keep,
    panics,
};

/// A body longer than this is decoded, searched and compressed on another thread: a millisecond of work and
/// more, which the other visits of this one should not wait for. One at a time over all fetchers, so that the
/// memory it takes is taken once.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// What a fetcher is made of, for each of its lives.
#[derive(Debug, Clone)]
pub(crate) struct Equipment {
    pub shared: Shared,
    pub cookies: Option<Jar>,
    pub rules: Rules,
    /// Bytes of sealed parcels that may wait for storage before no further visit is begun.
    pub held_bytes_max: u64,
    pub keep: Line<Keep>,
    pub progress: Progress,
    /// Leave to work on a large body.
    pub aside: Arc<Semaphore>,
}

/// What the visits of one fetcher share. It ends with the fetcher: the tasks are aborted.
pub(crate) struct Bench {
    client: Client,
    equipment: Equipment,
    harvester: RefCell<Harvester>,
    /// For large bodies, on another thread.
    harvester_aside: Arc<Mutex<Harvester>>,
    /// Where the time went since it was last published.
    spent: RefCell<Ledger>,
    held: RefCell<HashMap<VisitId, Arc<Parcel>>>,
    held_bytes: Cell<u64>,
    room: Notify,
}

impl Bench {
    /// To be called on the thread of the fetcher.
    pub(crate) fn new(equipment: Equipment) -> Self {
        Self {
            client: Client::new(&equipment.shared),
            harvester: RefCell::new(Harvester::new(equipment.rules.clone())),
            harvester_aside: Arc::new(Mutex::new(Harvester::new(equipment.rules.clone()))),
            spent: RefCell::default(),
            held: RefCell::default(),
            held_bytes: Cell::new(0),
            room: Notify::new(),
            equipment,
        }
    }

    /// One visit from its start to its parcel's offer.
    pub(crate) async fn visit(&self, visit: Visit) {
        let made = AssertUnwindSafe(self.make(visit.clone())).catch_unwind().await;
        let parcel = match made {
            Ok(parcel) => parcel,
            Err(_) => self.harvester.borrow_mut().harvest_of_panic(visit, SystemTime::now().into()),
        };
        self.offer(parcel);
        fault::point(fault::VISIT_AFTER);
    }

    async fn make(&self, visit: Visit) -> Parcel {
        while self.held_bytes.get() > self.equipment.held_bytes_max {
            self.room.notified().await;
        }
        fault::point(fault::VISIT_BEFORE);
        // Holds a large body's share of memory until the harvest is made.
        let mut request = Request::get(visit.url.clone());
        request.cookies = self.equipment.cookies.clone();
        request.headers = conditions(&visit);
        let fetched_at = Timestamp::from(SystemTime::now());
        let answer = self.client.fetch(&request).await;
        self.account(&request, &answer);
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

    /// Storage has these.
    pub(crate) fn let_go(&self, kept: &[VisitId]) {
        let mut held = self.held.borrow_mut();
        for id in kept {
            if let Some(parcel) = held.remove(id) {
                self.held_bytes.set(self.held_bytes.get().saturating_sub(parcel.bytes()));
            }
        }
        self.room.notify_waiters();
    }

    /// Offers everything that is held to a storage that is new.
    pub(crate) fn offer_again(&self) {
        let held = self.held.borrow();
        let mut parcels: Vec<&Arc<Parcel>> = held.values().collect();
        parcels.sort_unstable_by_key(|parcel| parcel.visit());
        for parcel in parcels {
            self.equipment.keep.send(Keep { parcel: parcel.clone(), again: true });
        }
    }

    fn account(&self, request: &Request, answer: &Result<Page, Failure>) {
        let mut spent = self.spent.borrow_mut();
        match answer {
            Ok(page) => spent.add(request.url.authority(), &page.timings, None),
            Err(Failure { kind, timings: Some(timings), .. }) => {
                spent.add(request.url.authority(), timings, Some(*kind));
            }
            Err(_) => {}
        }
    }

    /// Drops connections that nobody will use again, and publishes where the time went.
    pub(crate) fn each_second(&self) {
        self.client.reap();
        self.equipment.progress.add_spent(&self.spent.take());
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.equipment.progress.add_spent(&self.spent.take());
    }
}

/// Asks for an answer only if it is not that of the copy (RFC 9110 §13.1.2, §13.1.3).
fn conditions(visit: &Visit) -> Vec<(String, String)> {
    let Some(copy) = &visit.copy else { return Vec::new() };
    let fields = [("If-None-Match", &copy.etag), ("If-Modified-Since", &copy.last_modified)];
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    // What a server once sent need not be fit to be sent back.
    given.filter(|(name, value)| dragline_fetch::field_objection(name, value).is_none()).collect()
}

/// A coded body is larger than it looks.
fn is_large(page: &Page) -> bool {
    let factor = if page.head.field("content-encoding").is_some() { 8 } else { 1 };
    page.body.len().saturating_mul(factor) > LARGE_BODY_BYTES
}
