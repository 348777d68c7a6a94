//! The coordinator: tells the fetchers who is next, and learns what became of it.
//!
//! Neighbours: fetchers behind it (`Fetch`), storage before it (`Settle`). Owns the frontier, and with it
//! every visit that is out. A coordinator begins each of its lives by asking storage what is left to do, so
//! its death loses nothing.

mod coming_back;
mod handlers;

use std::{
    sync::LazyLock,
    time::{Duration, Instant, SystemTime},
};

use actix::prelude::*;
use dragline_fetch::Shared;
use dragline_frontier::{Commons, Frontier, Limits, Verdict};
use dragline_model::{HostKey, Link, Receipt, Settled, VisitId};
use dragline_politeness::{Epoch, Stamp};
use dragline_storage::{Store, StoreError};

use crate::{
    Addresses, Progress, Revisiting,
    frontier_files::FrontierFiles,
    heard::Heard,
    lifeline::Lifeline,
    messages::{Again, Fetch, Finished, Found, Sow, StoreFailed},
    revisits::Revisits,
    ring::{Control, Lines, StopReason},
};

use coming_back::new_frontier;

/// The hosts and addresses that the crawls of this process ask: two of them are as polite as one.
static COMMONS: LazyLock<Commons> = LazyLock::new(Commons::default);

/// How often it is looked what of the queues is in memory for want of room on the disk, and need not be.
const FORGET_EVERY: Duration = Duration::from_secs(2);

/// What every life of the coordinator begins with.
#[derive(Debug, Clone)]
pub(crate) struct Orders {
    pub store: Store,
    pub limits: Limits,
    pub slots_per_fetcher: usize,
    /// Finds hosts' addresses.
    pub names: Shared,
    /// Whose pace is shared.
    pub addresses: Option<Addresses>,
    /// Whether what was fetched is looked at again.
    pub revisiting: Option<Revisiting>,
}

/// What the coordinator grants now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    /// Whatever is next.
    Granting,
    /// Nothing, for a while.
    Paused,
    /// Nothing any more.
    Draining(StopReason),
}

/// See the module's documentation.
pub(crate) struct Coordinator {
    orders: Orders,
    frontier: Frontier,
    files: FrontierFiles,
    epoch: Epoch,
    control: Control,
    lines: Lines,
    progress: Progress,
    lifeline: Lifeline,
    mode: Mode,
    /// How often storage was asked what is left to do; the last time counts.
    asked: u32,
    /// Storage has said what is left to do.
    recalled: bool,
    /// The fetchers that are up.
    up: Vec<bool>,
    /// The last checkpoint says that no host was asked after it: that must not be true any more before one is.
    must_unclean: bool,
    heard: Heard,
    revisits: Option<Revisits>,
    /// Batches of seeds that storage has not answered yet.
    sowing: usize,
    /// Committed visits, by fetcher: told with the next grant.
    kept: Vec<Vec<VisitId>>,
    wake: Option<(Instant, SpawnHandle)>,
    /// When it was last looked what of the queues in memory is not needed any more.
    forgot: Option<Instant>,
    /// The crawl is over, once its last checkpoint is written.
    over: Option<StopReason>,
}

impl Coordinator {
    pub(crate) fn new(orders: Orders, control: Control, lifeline: Lifeline) -> Self {
        let files = FrontierFiles::open(&orders.store);
        let fetchers = control.lines.fetchers.len();
        Self {
            frontier: new_frontier(&orders, fetchers, &files),
            files,
            revisits: orders.revisiting.map(Revisits::new),
            orders,
            epoch: Epoch::new(Instant::now(), SystemTime::now()),
            kept: vec![Vec::new(); fetchers],
            lines: control.lines.clone(),
            progress: control.progress.clone(),
            control,
            lifeline,
            mode: Mode::Granting,
            asked: 0,
            recalled: false,
            up: vec![false; fetchers],
            must_unclean: false,
            heard: Heard::default(),
            sowing: 0,
            wake: None,
            forgot: None,
            over: None,
        }
    }

    fn now(&self) -> Stamp {
        self.epoch.stamp(Instant::now())
    }

    fn sow(&mut self, seeds: Vec<Link>) {
        self.sowing += 1;
        self.lines.sow.send(Sow(seeds));
    }

    /// Once storage has said what is left to do: grants what can be granted, sees whether the crawl is over, and
    /// sets the alarm for the next turn.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if !self.recalled || self.over.is_some() {
            return;
        }
        self.look_again();
        self.grant();
        self.name_hosts();
        let counts = self.frontier.counts();
        let next_turn = self.frontier.next_wake().and_then(|at| self.epoch.instant(at));
        self.progress.update(|s| {
            s.draining = matches!(self.mode, Mode::Draining(_));
            s.next_turn = next_turn;
            s.counts = counts;
        });
        if let Some(error) = self.frontier.take_trouble() {
            // The next run reads the records instead.
            self.files.discard();
            let path = self.orders.store.dir().to_owned();
            let error = StoreError::Io { action: "keep the queues of", path, source: error };
            return self.lines.store_failed.send(StoreFailed(error));
        }
        match self.stop_reason() {
            // What was taken for a trap and was none is asked for before the end.
            Some(StopReason::Finished) if self.frontier.reconsider(self.now()) => ctx.notify(Again),
            Some(reason) => self.end(reason),
            None => {
                if self.files.has_spilled() {
                    self.forget_spilled();
                }
                if self.files.is_due(Instant::now()) && !self.checkpoint(false) {
                    self.files.postpone();
                }
                self.set_alarm(ctx);
            }
        }
    }

    /// Asks the store what is due, when something may be.
    fn look_again(&mut self) {
        let now = self.now();
        let Some(revisits) = self.revisits.as_mut().filter(|_| self.mode == Mode::Granting) else { return };
        revisits.read(&self.orders.store, &self.lines.due, self.frontier.is_finished(), now);
    }

    /// Something may be due later, and the crawl is to wait for it.
    fn waits_for_more(&self) -> bool {
        self.revisits.as_ref().is_some_and(|revisits| revisits.is_reading() || revisits.next().is_some())
    }

    /// Ends the crawl, with a checkpoint that says so if there can be one.
    fn end(&mut self, reason: StopReason) {
        if self.files.is_under_way() {
            // Its answer brings another turn.
            return;
        }
        self.over = Some(reason.clone());
        let (left, parked) = (self.frontier.left_hosts(self.now()), self.frontier.parked_shapes());
        self.progress.update(|s| (s.left_hosts, s.parked_shapes) = (left, parked));
        if !self.checkpoint(true) {
            self.lines.finished.send(Finished(reason));
        }
    }

    /// Looks, now and then, whether what had no room on the disk is still needed.
    fn forget_spilled(&mut self) {
        if self.forgot.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
            self.forgot = Some(Instant::now());
            self.files.forget_spilled(&self.frontier.chunks());
        }
    }

    /// Begins to write a checkpoint, unless something is missing that would have to be in it.
    fn checkpoint(&mut self, clean: bool) -> bool {
        if !self.heard.is_whole() || !self.files.is_lasting() || self.frontier.has_trouble() {
            return false;
        }
        let begun = Instant::now();
        match self.frontier.checkpoint() {
            Ok(checkpoint) => {
                let answer = self.lines.checkpointed.clone();
                self.files.write(self.heard.up_to(), clean, checkpoint, begun.elapsed(), answer);
                true
            }
            Err(error) => {
                tracing::warn!(%error, "no checkpoint could be made");
                false
            }
        }
    }

    /// Asks for the addresses of hosts that share them.
    fn name_hosts(&mut self) {
        let Some(which) = self.orders.addresses else { return };
        for host in self.frontier.nameless() {
            let found = self.lines.found.clone();
            let address = self.orders.names.whereabouts(name_of(&host), which);
            actix_rt::spawn(async move {
                let address = address.await;
                found.send(Found { host, address });
            });
        }
    }

    fn grant(&mut self) {
        let mut visits: Vec<Vec<_>> = vec![Vec::new(); self.kept.len()];
        if self.mode == Mode::Granting && !self.must_unclean {
            for grant in self.frontier.grant(self.now()) {
                visits[grant.fetcher].push(grant.visit);
            }
        }
        for (fetcher, visits) in visits.into_iter().enumerate() {
            let kept = std::mem::take(&mut self.kept[fetcher]);
            // What is kept is told in any case: a visit of that fetcher may be waiting for the room.
            if !visits.is_empty() || !kept.is_empty() {
                self.lines.fetchers[fetcher].send(Fetch { visits, kept });
            }
        }
    }

    fn stop_reason(&self) -> Option<StopReason> {
        let home = self.frontier.in_flight() == 0;
        match &self.mode {
            _ if !home => None,
            Mode::Draining(reason) => Some(reason.clone()),
            _ if self.sowing > 0 => None,
            _ if self.frontier.is_finished() && self.waits_for_more() => None,
            _ if self.frontier.is_finished() => Some(StopReason::Finished),
            _ if self.frontier.is_budget_spent() => Some(StopReason::PageBudget),
            _ => None,
        }
    }

    /// When there may be something to do without anything having happened.
    fn next_wake(&self) -> Option<Stamp> {
        let idle = self.revisits.as_ref().filter(|it| !it.is_reading() && self.frontier.is_finished());
        let due = idle.and_then(|it| Some(it.next()?.max(self.epoch.stamp(it.not_before()))));
        let checkpoint = self.files.wants(self.heard.up_to()).map(|at| self.epoch.stamp(at));
        self.frontier.next_wake().into_iter().chain(due).chain(checkpoint).min()
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let next = self.next_wake().filter(|_| self.mode == Mode::Granting && !self.must_unclean);
        // What is past is now: an instant before the process began there is not.
        let next = next.map(|at| self.epoch.instant(at).unwrap_or_else(Instant::now));
        if self.wake.map(|(at, _)| at) == next {
            return;
        }
        if let Some((_, handle)) = self.wake.take() {
            ctx.cancel_future(handle);
        }
        self.wake = next.map(|at| {
            let wait = at.saturating_duration_since(Instant::now());
            let handle = ctx.run_later(wait, |me, ctx| {
                me.wake = None;
                me.turn(ctx);
            });
            (at, handle)
        });
    }

    fn settle(&mut self, receipt: Receipt, now: Stamp, wall: SystemTime) {
        if !self.heard.note(receipt.seq) {
            return;
        }
        let failure = match &receipt.settled {
            Settled::Failure(failure) => Some(failure.to_string()),
            Settled::Page { .. } => None,
        };
        let bytes = match receipt.settled {
            Settled::Page { bytes, .. } => bytes,
            Settled::Failure(_) => 0,
        };
        let fetcher = self.frontier.fetcher_of(receipt.visit.id);
        let verdict = self.frontier.settle(&receipt, now, wall);
        if verdict == Verdict::Twice {
            return;
        }
        if let Some(fetcher) = fetcher {
            self.kept[fetcher].push(receipt.visit.id);
        }
        if let (Some(failure), Verdict::Final) = (&failure, verdict) {
            tracing::debug!(url = %receipt.visit.url, %failure, "given up");
        }
        self.progress.update(|s| {
            s.bytes += bytes;
            s.seq = receipt.seq;
            s.last_failure = failure.or(s.last_failure.take());
        });
    }
}

/// A host without its port.
fn name_of(host: &HostKey) -> &str {
    let name = host.as_str();
    let colon = name.rfind(':').filter(|_| !name.ends_with(']')).unwrap_or(name.len());
    &name[..colon]
}
