//! The coordinator: tells the fetchers who is next, and learns what became of it.
//!
//! Neighbours: fetchers behind it (`Fetch`), storage before it (`Settle`). Owns the frontier, and with it
//! every visit that is out. A coordinator begins each of its lives by asking storage what is left to do, so
//! its death loses nothing.

use std::{
    sync::{Arc, LazyLock},
    time::{Instant, SystemTime},
};

use actix::prelude::*;
use dragline_fetch::Shared;
use dragline_frontier::{Commons, Counts, Frontier, Limits, Verdict};
use dragline_model::{Link, Receipt, Settled, VisitId};
use dragline_politeness::{Epoch, Stamp};
use dragline_storage::{Replayed, Store, StoreError};

use crate::{
    Addresses, Progress, Revisiting, fault,
    frontier_files::FrontierFiles,
    heard::Heard,
    lifeline::Lifeline,
    messages::{
        Admit, Again, CatchUp, Checkpointed, Die, Drain, Due, Fetch, FetcherLost, FetcherUp, Finished, Found,
        Memory, Pause, Recall, Recalled, Resume, Settle, Sow, Sown, StorageUp, StoreFailed,
    },
    revisits::Revisits,
    ring::{Control, Lines, StopReason, first_visit},
};

/// The hosts and addresses that the crawls of this process ask: two of them are as polite as one.
static COMMONS: LazyLock<Commons> = LazyLock::new(Commons::default);

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
            let name = host.as_str();
            let colon = name.rfind(':').filter(|_| !name.ends_with(']')).unwrap_or(name.len());
            let address = self.orders.names.whereabouts(&name[..colon], which);
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

    /// Asks storage where the crawl stands, from nothing: an answer that was begun before does not count.
    fn ask(&mut self, from_checkpoint: bool) {
        self.asked += 1;
        self.frontier = new_frontier(&self.orders, self.kept.len(), &self.files);
        let again = self.lines.again.clone();
        self.frontier.join(COMMONS.seat(self.epoch, Arc::new(move || again.send(Again))));
        for (fetcher, is_up) in self.up.iter().enumerate() {
            if *is_up {
                self.frontier.fetcher_up(fetcher, self.orders.slots_per_fetcher);
            }
        }
        // Without the files there is nothing that a checkpoint could refer to.
        let from_checkpoint = from_checkpoint && self.files.is_lasting();
        self.lines.recall.send(Recall { number: self.asked, from_checkpoint });
    }

    /// A checkpoint, or a part of what came behind it, or of what is left to do without one.
    fn recall(&mut self, part: Memory) {
        let now = self.now();
        match part {
            Memory::Checkpoint(checkpoint) => {
                match self.frontier.restore(&checkpoint.bytes, checkpoint.clean, now) {
                    Ok(()) => self.must_unclean = checkpoint.clean,
                    Err(error) => {
                        tracing::warn!(%error, "the checkpoint cannot be used: all records are read");
                        self.ask(false);
                    }
                }
            }
            Memory::Replayed(piece) => {
                for it in piece {
                    match it {
                        Replayed::Seeds(links) => self.frontier.replay_seeds(links, now),
                        Replayed::Settled(receipt) => self.frontier.replay(receipt, now),
                    }
                }
            }
            Memory::Pending(pending) => {
                self.frontier.begin_anew(now);
                for url in pending {
                    self.frontier.admit(url.link, url.via, url.attempts, now);
                }
            }
            Memory::Manners(receipts) => {
                for receipt in &receipts {
                    self.frontier.recall_manners(receipt, now);
                }
            }
            Memory::All { totals, seq } => {
                self.frontier.end_replay();
                self.heard = Heard::all_to(seq);
                if !self.progress.snapshot().has_begun() {
                    self.frontier.begin_run(now);
                }
                // What only an earlier life of this run knows, it has published.
                let published = self.progress.snapshot().counts;
                let (pages, responses) = (totals.pages, totals.responses);
                self.frontier.resume(Counts { pages, responses, ..published }, now);
                let waiting = self.frontier.counts().queued as u64;
                self.progress.update(|s| s.begin(pages, responses, waiting));
                self.recalled = true;
            }
        }
    }
}

/// An empty frontier with numbers of its own.
fn new_frontier(orders: &Orders, fetchers: usize, files: &FrontierFiles) -> Frontier {
    Frontier::new(orders.limits.clone(), fetchers, first_visit(), files.tails())
}

impl Actor for Coordinator {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.lifeline.tie();
        // Now that the lines lead here: whatever was wished before is read, whatever is wished later arrives.
        self.mode = match (self.control.draining(), self.control.is_paused()) {
            (Some(reason), _) => Mode::Draining(reason.clone()),
            (None, true) => Mode::Paused,
            (None, false) => Mode::Granting,
        };
        self.ask(true);
    }
}

impl Handler<Recalled> for Coordinator {
    type Result = ();

    fn handle(&mut self, Recalled { number, part }: Recalled, ctx: &mut Self::Context) {
        if self.recalled || number != self.asked {
            // Storage died over it, or what it had could not be used: it was asked again.
            return;
        }
        self.recall(part);
        if self.recalled {
            self.sow(self.control.seeds());
            if self.must_unclean && !self.checkpoint(false) {
                self.must_unclean = false;
            }
            self.turn(ctx);
        }
    }
}

impl Handler<Found> for Coordinator {
    type Result = ();

    fn handle(&mut self, Found { host, address }: Found, ctx: &mut Self::Context) {
        let now = self.now();
        self.frontier.found(&host, address, now);
        self.turn(ctx);
    }
}

impl Handler<Again> for Coordinator {
    type Result = ();

    fn handle(&mut self, _: Again, ctx: &mut Self::Context) {
        self.turn(ctx);
    }
}

impl Handler<Due> for Coordinator {
    type Result = ();

    fn handle(&mut self, due: Due, ctx: &mut Self::Context) {
        let now = self.now();
        let Some(revisits) = &mut self.revisits else { return };
        match due {
            Due::Pages(pages) => {
                for page in pages {
                    if let Some(at) = self.frontier.revisit(page, now) {
                        revisits.later(at);
                    }
                }
            }
            Due::All(read) => {
                revisits.ended();
                if let Err(error) = read {
                    tracing::warn!(%error, "not all that was fetched could be looked through for what is due");
                }
            }
        }
        self.turn(ctx);
    }
}

impl Handler<Checkpointed> for Coordinator {
    type Result = ();

    fn handle(&mut self, Checkpointed { chunks, written }: Checkpointed, ctx: &mut Self::Context) {
        let chunks = match written {
            Ok(()) => Some(chunks),
            Err(error) => {
                tracing::warn!(%error, "no checkpoint was written; the one before still holds");
                None
            }
        };
        self.must_unclean = false;
        self.files.written(chunks, self.frontier.chunks());
        match self.over.clone() {
            Some(reason) => self.lines.finished.send(Finished(reason)),
            None => self.turn(ctx),
        }
    }
}

impl Handler<Admit> for Coordinator {
    type Result = ();

    fn handle(&mut self, Admit(seeds): Admit, ctx: &mut Self::Context) {
        // Before the recall they are sown with all the others.
        if self.recalled {
            self.sow(seeds);
            self.turn(ctx);
        }
    }
}

impl Handler<Sown> for Coordinator {
    type Result = ();

    fn handle(&mut self, Sown { links, seqs }: Sown, ctx: &mut Self::Context) {
        if !self.recalled {
            // They are in the answer to `Recall`.
            return;
        }
        self.sowing = self.sowing.saturating_sub(1);
        for seq in seqs {
            self.heard.note(seq);
        }
        let now = self.now();
        for link in links {
            self.frontier.admit(link, None, 0, now);
        }
        self.turn(ctx);
    }
}

impl Handler<Settle> for Coordinator {
    type Result = ();

    fn handle(&mut self, Settle(receipts): Settle, ctx: &mut Self::Context) {
        fault::point(fault::COORDINATOR_SETTLE);
        if !self.recalled {
            // Meant for the coordinator before this one; what it tells is in the answer to `Recall`.
            return;
        }
        let (now, wall) = (self.now(), SystemTime::now());
        for receipt in receipts {
            self.settle(receipt, now, wall);
        }
        self.turn(ctx);
    }
}

impl Handler<FetcherUp> for Coordinator {
    type Result = ();

    fn handle(&mut self, FetcherUp(fetcher): FetcherUp, ctx: &mut Self::Context) {
        self.up[fetcher] = true;
        self.frontier.fetcher_up(fetcher, self.orders.slots_per_fetcher);
        self.turn(ctx);
    }
}

impl Handler<FetcherLost> for Coordinator {
    type Result = ();

    fn handle(&mut self, FetcherLost(fetcher): FetcherLost, ctx: &mut Self::Context) {
        self.up[fetcher] = false;
        let visits = self.frontier.lost(fetcher, self.now());
        self.kept[fetcher].clear();
        tracing::warn!(fetcher, visits, "visits of a dead fetcher go back to the frontier");
        self.turn(ctx);
    }
}

impl Handler<StorageUp> for Coordinator {
    type Result = ();

    /// A question to the storage that died may not be answered. `Recall` can be asked again; whether seeds were
    /// committed only a new life can learn. Receipts that were not passed on are asked for: their fetchers may not
    /// be there any more to offer the parcels again.
    fn handle(&mut self, _: StorageUp, ctx: &mut Self::Context) {
        if !self.recalled {
            self.ask(true);
        } else if self.sowing > 0 {
            ctx.terminate();
        } else {
            self.lines.catch_up.send(CatchUp { seq: self.heard.up_to() });
        }
    }
}

impl Handler<Pause> for Coordinator {
    type Result = ();

    fn handle(&mut self, _: Pause, ctx: &mut Self::Context) {
        if self.mode == Mode::Granting {
            self.mode = Mode::Paused;
            self.turn(ctx);
        }
    }
}

impl Handler<Resume> for Coordinator {
    type Result = ();

    fn handle(&mut self, _: Resume, ctx: &mut Self::Context) {
        if self.mode == Mode::Paused {
            self.mode = Mode::Granting;
            self.turn(ctx);
        }
    }
}

impl Handler<Drain> for Coordinator {
    type Result = ();

    fn handle(&mut self, Drain(reason): Drain, ctx: &mut Self::Context) {
        if !matches!(self.mode, Mode::Draining(_)) {
            self.mode = Mode::Draining(reason);
            self.turn(ctx);
        }
    }
}

impl Handler<Die> for Coordinator {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        ctx.terminate();
    }
}
