//! Who follows whom, and in which order the ring starts and ends.
//!
//! The only place that knows all roles. Start: storage, coordinator, fetchers. End: the coordinator stops
//! granting → the visits that are out come home → storage commits and brings all to disk → everybody goes.

use std::{
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use actix::prelude::*;
use dragline_cookies::Jar;
use dragline_fetch::Shared;
use dragline_frontier::{Limits, Scope};
use dragline_model::{Ledger, Link, Timestamp, VisitId};
use dragline_storage::Store;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::{
    Line, Progress, Revisiting,
    bench::Equipment,
    coordinator::{Coordinator, Orders},
    fetcher::Fetcher,
    harvester::{Follow, Rules},
    lifeline::Lifeline,
    messages::{
        Admit, Again, CatchUp, Checkpointed, Close, Closed, Drain, Due, Fetch, FetcherLost, FetcherUp,
        Finished, Found, Keep, Pause, Recall, Recalled, Reoffer, Resume, Settle, Sow, Sown, StorageUp,
        StoreFailed,
    },
    restart::Intensity,
    storage::StorageActor,
    supervisor::{ChildSpec, Seat, Strategy, Supervisor},
};

/// A fetcher that has not moved for this long is stuck: nothing it does on its thread takes a second. (Actors on
/// the supervisor's own thread have no pulse: it would stand still with them.)
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Storage may wait for a slow disk.
const STORAGE_STUCK_AFTER: Duration = Duration::from_secs(300);

/// How long the actors' threads may take to end.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

/// All that a crawl needs to begin.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it is kept, and resumed from.
    pub store: Store,
    /// Where it starts.
    pub seeds: Vec<Link>,
    /// Which links belong to it.
    pub scope: Scope,
    /// Turns, budgets, retries.
    pub limits: Limits,
    /// The wire.
    pub fetch: Shared,
    /// Whose pace is shared by the hosts of one address.
    pub addresses: Option<dragline_fetch::Addresses>,
    /// The cookies of the whole crawl; without a jar there are none.
    pub cookies: Option<Jar>,
    /// Fetcher threads, at least 1.
    pub fetchers: usize,
    /// Visits out at a time in all, at least 1.
    pub concurrency: usize,
    /// Whether, and how, what was fetched is looked at again.
    pub revisiting: Option<Revisiting>,
    /// What is looked for in answers, and followed.
    pub follow: Follow,
    /// Redirects followed one after another.
    pub redirects_max: u8,
    /// Bytes of a decoded body.
    pub decoded_bytes_max: usize,
    /// Bytes of sealed harvests that may wait for storage, over all fetchers.
    pub held_bytes_max: u64,
    /// After this long it drains.
    pub max_time: Option<Duration>,
    /// How long a drain may take before what is still out is left for the next run.
    pub drain_limit: Duration,
    /// How long a full disk is waited for before the crawl ends over it.
    pub disk_patience: Duration,
    /// How often an actor may die.
    pub intensity: Intensity,
}

/// Why a crawl ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// No URL waits and no visit is out.
    Finished,
    /// The page budget is used up.
    PageBudget,
    /// The time budget is used up.
    TimeBudget,
    /// Somebody asked for it.
    Interrupted,
    /// The store refused; its words.
    Store(String),
    /// An actor died too often; which and why.
    GaveUp(String),
}

impl StopReason {
    /// The word for it in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            StopReason::Finished => "finished",
            StopReason::PageBudget => "max_pages",
            StopReason::TimeBudget => "max_time",
            StopReason::Interrupted => "interrupted",
            StopReason::Store(_) => "store",
            StopReason::GaveUp(_) => "gave_up",
        }
    }

    /// It is no end that anybody wished for.
    pub fn is_trouble(&self) -> bool {
        matches!(self, StopReason::Store(_) | StopReason::GaveUp(_))
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StopReason::Finished => f.write_str("nothing is left to fetch"),
            StopReason::PageBudget => f.write_str("the page budget is used up"),
            StopReason::TimeBudget => f.write_str("the time budget is used up"),
            StopReason::Interrupted => f.write_str("interrupted"),
            StopReason::Store(error) => f.write_str(error),
            StopReason::GaveUp(why) => write!(f, "gave up: {why}"),
        }
    }
}

/// How a crawl ended, and what it did.
#[derive(Debug, Clone)]
pub struct End {
    /// Why.
    pub reason: StopReason,
    /// The last figures.
    pub snapshot: crate::Snapshot,
    /// Where the time of the requests went.
    pub spent: Ledger,
}

/// What the roles are reached by. Cloning shares the lines.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub fetchers: Vec<Line<Fetch>>,
    pub reoffer: Vec<Line<Reoffer>>,
    pub keep: Line<Keep>,
    pub sow: Line<Sow>,
    pub recall: Line<Recall>,
    pub close: Line<Close>,
    pub settle: Line<Settle>,
    pub sown: Line<Sown>,
    pub recalled: Line<Recalled>,
    pub catch_up: Line<CatchUp>,
    pub found: Line<Found>,
    pub checkpointed: Line<Checkpointed>,
    pub due: Line<Due>,
    pub again: Line<Again>,
    pub admit: Line<Admit>,
    pub pause: Line<Pause>,
    pub resume: Line<Resume>,
    pub drain: Line<Drain>,
    pub fetcher_up: Line<FetcherUp>,
    pub fetcher_lost: Line<FetcherLost>,
    pub storage_up: Line<StorageUp>,
    pub finished: Line<Finished>,
    pub store_failed: Line<StoreFailed>,
    pub closed: Line<Closed>,
}

/// A handle on a crawl from any thread; it may be made before the crawl runs. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Control {
    pub(crate) lines: Lines,
    pub(crate) progress: Progress,
    wishes: Arc<Wishes>,
}

/// What was wished of the coordinator: it outlives the life that it was told to.
#[derive(Debug, Default)]
struct Wishes {
    seeds: Mutex<Vec<Link>>,
    paused: AtomicBool,
    drain: OnceLock<StopReason>,
    draining: Notify,
}

impl Control {
    /// A handle for a ring of `fetchers` fetchers.
    pub fn new(fetchers: usize) -> Self {
        let lines = Lines {
            fetchers: (0..fetchers).map(|_| Line::default()).collect(),
            reoffer: (0..fetchers).map(|_| Line::default()).collect(),
            keep: Line::default(),
            sow: Line::default(),
            recall: Line::default(),
            close: Line::default(),
            settle: Line::default(),
            sown: Line::default(),
            recalled: Line::default(),
            catch_up: Line::default(),
            found: Line::default(),
            checkpointed: Line::default(),
            due: Line::default(),
            again: Line::default(),
            admit: Line::default(),
            pause: Line::default(),
            resume: Line::default(),
            drain: Line::default(),
            fetcher_up: Line::default(),
            fetcher_lost: Line::default(),
            storage_up: Line::default(),
            finished: Line::default(),
            store_failed: Line::default(),
            closed: Line::default(),
        };
        Self { lines, progress: Progress::default(), wishes: Arc::default() }
    }

    /// The figures of the crawl.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Adds seeds to a running crawl.
    pub fn admit(&self, seeds: Vec<Link>) {
        self.wishes.seeds.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&seeds);
        self.lines.admit.send(Admit(seeds));
    }

    /// Grants nothing more until [`Control::resume`]; what is out comes home.
    pub fn pause(&self) {
        self.wishes.paused.store(true, Ordering::Release);
        self.lines.pause.send(Pause);
    }

    /// Goes on after [`Control::pause`].
    pub fn resume(&self) {
        self.wishes.paused.store(false, Ordering::Release);
        self.lines.resume.send(Resume);
    }

    /// Ends the crawl in order: grants nothing more, waits for what is out, keeps it. The first reason
    /// stands.
    pub fn drain(&self, reason: StopReason) {
        if self.wishes.drain.set(reason.clone()).is_ok() {
            self.wishes.draining.notify_one();
            self.lines.drain.send(Drain(reason));
        }
    }

    /// The reason of a drain that was asked for.
    pub fn draining(&self) -> Option<&StopReason> {
        self.wishes.drain.get()
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.wishes.paused.load(Ordering::Acquire)
    }

    /// All seeds so far.
    pub(crate) fn seeds(&self) -> Vec<Link> {
        self.wishes.seeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs a crawl to its end. To be called within an actix `System`, on its thread.
pub async fn run(plan: Plan, control: Control) -> End {
    let (ended, end) = oneshot::channel();
    let lines = &control.lines;
    control.admit(plan.seeds.clone());
    let mut children = vec![storage(&plan, &control), coordinator(&plan, &control)];
    let aside = Arc::new(Semaphore::new(1));
    children.extend((0..lines.fetchers.len()).map(|index| fetcher(&plan, &control, index, &aside)));
    let supervisor = Supervisor::new(children, lines.close.clone(), ended, control.progress.clone()).start();
    lines.finished.connect(supervisor.clone().recipient());
    lines.store_failed.connect(supervisor.clone().recipient());
    lines.closed.connect(supervisor.recipient());

    let limits = actix_rt::spawn(keep_time(control.clone(), plan.max_time, plan.drain_limit));
    let ended = end.await;
    limits.abort();
    let reason = match ended {
        Ok(ended) => {
            join(ended.arbiters).await;
            ended.reason
        }
        Err(_) => StopReason::GaveUp("the supervisor itself panicked".into()),
    };
    End { reason, snapshot: control.progress.snapshot(), spent: control.progress.spent() }
}

/// Waits for the actors' threads: the store is free for the next one who wants it once they are gone. One that
/// hangs is left behind.
async fn join(arbiters: Vec<Arbiter>) {
    let joined = tokio::task::spawn_blocking(move || {
        for arbiter in arbiters {
            arbiter.stop();
            let _ = arbiter.join();
        }
    });
    if tokio::time::timeout(JOIN_TIMEOUT, joined).await.is_err() {
        tracing::warn!("a thread of the crawl does not end; it is left behind");
    }
}

/// Drains when the time budget is used up, and ends a drain that takes too long.
async fn keep_time(control: Control, max_time: Option<Duration>, drain_limit: Duration) {
    if let Some(max_time) = max_time {
        tokio::select! {
            () = tokio::time::sleep(max_time) => control.drain(StopReason::TimeBudget),
            () = control.wishes.draining.notified() => {}
        }
    } else {
        control.wishes.draining.notified().await;
    }
    tokio::time::sleep(drain_limit).await;
    if let Some(reason) = control.draining() {
        tracing::warn!(
            limit_s = drain_limit.as_secs(),
            "the drain limit is over; what is out is left for the next run"
        );
        control.lines.finished.send(Finished(reason.clone()));
    }
}

fn storage(plan: &Plan, control: &Control) -> ChildSpec {
    let (store, retry, patience) = (plan.store.clone(), plan.limits.retry, plan.disk_patience);
    let (control, after) = (control.clone(), control.lines.clone());
    ChildSpec {
        name: "storage".into(),
        seat: Seat::Own,
        strategy: Strategy::OneForOne,
        intensity: plan.intensity,
        stuck_after: STORAGE_STUCK_AFTER,
        start: Box::new(move |arbiter, lifeline| {
            let (store, theirs, own) = (store.clone(), control.clone(), &control.lines);
            let address = StorageActor::start_in_arbiter(arbiter, move |_| {
                StorageActor::new(store, retry, patience, theirs, lifeline)
            });
            own.keep.connect(address.clone().recipient());
            own.sow.connect(address.clone().recipient());
            own.recall.connect(address.clone().recipient());
            own.catch_up.connect(address.clone().recipient());
            own.close.connect(address.clone().recipient());
            address.recipient()
        }),
        died: Box::new(|| {}),
        born: Box::new(move || {
            for fetcher in &after.reoffer {
                fetcher.send(Reoffer);
            }
            after.storage_up.send(StorageUp);
        }),
    }
}

fn coordinator(plan: &Plan, control: &Control) -> ChildSpec {
    let control = control.clone();
    let fetchers = control.lines.fetchers.len();
    let orders = Orders {
        store: plan.store.clone(),
        limits: Limits {
            address: plan.limits.address.filter(|_| plan.addresses.is_some()),
            ..plan.limits.clone()
        },
        slots_per_fetcher: plan.concurrency.div_ceil(fetchers).max(1),
        names: plan.fetch.clone(),
        addresses: plan.limits.address.and(plan.addresses),
        revisiting: plan.revisiting,
    };
    ChildSpec {
        name: "coordinator".into(),
        seat: Seat::Shared,
        // The visits that are out are its: fetchers that outlived it would hold visits that nobody granted.
        strategy: Strategy::RestForOne,
        intensity: plan.intensity,
        stuck_after: STUCK_AFTER,
        start: Box::new(move |_, lifeline| {
            let address = Coordinator::new(orders.clone(), control.clone(), lifeline).start();
            let lines = &control.lines;
            lines.settle.connect(address.clone().recipient());
            lines.sown.connect(address.clone().recipient());
            lines.recalled.connect(address.clone().recipient());
            lines.found.connect(address.clone().recipient());
            lines.checkpointed.connect(address.clone().recipient());
            lines.due.connect(address.clone().recipient());
            lines.again.connect(address.clone().recipient());
            lines.admit.connect(address.clone().recipient());
            lines.pause.connect(address.clone().recipient());
            lines.resume.connect(address.clone().recipient());
            lines.drain.connect(address.clone().recipient());
            lines.fetcher_up.connect(address.clone().recipient());
            lines.fetcher_lost.connect(address.clone().recipient());
            lines.storage_up.connect(address.clone().recipient());
            address.recipient()
        }),
        died: Box::new(|| {}),
        born: Box::new(|| {}),
    }
}

fn fetcher(plan: &Plan, control: &Control, index: usize, aside: &Arc<Semaphore>) -> ChildSpec {
    let lines = &control.lines;
    let equipment = Equipment {
        shared: plan.fetch.clone(),
        cookies: plan.cookies.clone(),
        rules: Rules {
            store: plan.store.clone(),
            scope: Arc::new(plan.scope.clone()),
            redirects_max: plan.redirects_max,
            decoded_bytes_max: plan.decoded_bytes_max,
            follow: plan.follow.clone(),
        },
        held_bytes_max: plan.held_bytes_max / lines.fetchers.len() as u64,
        keep: lines.keep.clone(),
        progress: control.progress.clone(),
        aside: aside.clone(),
    };
    let (fetch, reoffer) = (lines.fetchers[index].clone(), lines.reoffer[index].clone());
    let (up, lost) = (lines.fetcher_up.clone(), lines.fetcher_lost.clone());
    ChildSpec {
        name: format!("fetcher {index}"),
        seat: Seat::Own,
        strategy: Strategy::OneForOne,
        intensity: plan.intensity,
        stuck_after: STUCK_AFTER,
        start: Box::new(move |arbiter, lifeline: Lifeline| {
            let equipment = equipment.clone();
            let address = Fetcher::start_in_arbiter(arbiter, move |_| Fetcher::new(equipment, lifeline));
            fetch.connect(address.clone().recipient());
            reoffer.connect(address.clone().recipient());
            address.recipient()
        }),
        died: Box::new(move || lost.send(FetcherLost(index))),
        born: Box::new(move || up.send(FetcherUp(index))),
    }
}

/// Visits are numbered by the millisecond their coordinator began in, so that no two lives share a number.
pub(crate) fn first_visit() -> VisitId {
    VisitId(Timestamp::from(SystemTime::now()).0 << 20)
}
