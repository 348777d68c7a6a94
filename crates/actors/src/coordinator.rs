//! The coordinator: tells the fetchers who is next, and learns what became of it.
//!
//! Neighbours: fetchers behind it (`Fetch`), storage before it (`Settle`). Owns the frontier, and with it
//! every visit that is out. A coordinator begins each of its lives by asking storage what is left to do, so
//! its death loses nothing.

use std::{sync::Arc, time::Instant};

use actix::prelude::*;
use dragline_frontier::{Counts, Frontier, Scope, Verdict};
use dragline_model::{Link, Receipt, Settled, VisitId};

use crate::{
    Progress, fault,
    lifeline::Lifeline,
    messages::{
        Admit, Die, Drain, Fetch, FetcherLost, FetcherUp, Finished, Pause, Recall, Recalled, Resume, Settle,
        Sow, Sown, StorageUp,
    },
    ring::{Control, Lines, StopReason},
};

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
    frontier: Frontier,
    scope: Arc<Scope>,
    slots_per_fetcher: usize,
    control: Control,
    lines: Lines,
    progress: Progress,
    lifeline: Lifeline,
    mode: Mode,
    /// Storage has said what is left to do.
    recalled: bool,
    /// Batches of seeds that storage has not answered yet.
    sowing: usize,
    /// Committed visits, by fetcher: told with the next grant.
    kept: Vec<Vec<VisitId>>,
    wake: Option<(Instant, SpawnHandle)>,
}

impl Coordinator {
    pub(crate) fn new(
        frontier: Frontier,
        scope: Arc<Scope>,
        slots_per_fetcher: usize,
        control: Control,
        lifeline: Lifeline,
    ) -> Self {
        Self {
            kept: vec![Vec::new(); control.lines.fetchers.len()],
            frontier,
            scope,
            slots_per_fetcher,
            lines: control.lines.clone(),
            progress: control.progress.clone(),
            control,
            lifeline,
            mode: Mode::Granting,
            recalled: false,
            sowing: 0,
            wake: None,
        }
    }

    fn sow(&mut self, seeds: Vec<Link>) {
        self.sowing += 1;
        self.lines.sow.send(Sow(seeds));
    }

    /// Once storage has said what is left to do: grants what can be granted, sees whether the crawl is over, and
    /// sets the alarm for the next turn.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if !self.recalled {
            return;
        }
        self.grant();
        let counts = self.frontier.counts();
        self.progress.update(|s| {
            s.draining = matches!(self.mode, Mode::Draining(_));
            s.next_turn = self.frontier.next_wake();
            s.counts = counts;
        });
        match self.stop_reason() {
            Some(reason) => self.lines.finished.send(Finished(reason)),
            None => self.set_alarm(ctx),
        }
    }

    fn grant(&mut self) {
        let mut visits: Vec<Vec<_>> = vec![Vec::new(); self.kept.len()];
        if self.mode == Mode::Granting {
            for grant in self.frontier.grant(Instant::now()) {
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
            _ if self.frontier.is_finished() => Some(StopReason::Finished),
            _ if self.frontier.is_budget_spent() => Some(StopReason::PageBudget),
            _ => None,
        }
    }

    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let next = self.frontier.next_wake().filter(|_| self.mode == Mode::Granting);
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

    fn settle(&mut self, receipt: Receipt, now: Instant) {
        let failure = match &receipt.settled {
            Settled::Failure(failure) => Some(failure.to_string()),
            Settled::Page { .. } => None,
        };
        let bytes = match receipt.settled {
            Settled::Page { bytes, .. } => bytes,
            Settled::Failure(_) => 0,
        };
        let fetcher = self.frontier.fetcher_of(receipt.visit.id);
        let verdict = self.frontier.settle(receipt.visit.id, &receipt.visit.url, &receipt.settled, now);
        if verdict == Verdict::Twice {
            return;
        }
        if let Some(fetcher) = fetcher {
            self.kept[fetcher].push(receipt.visit.id);
        }
        if let (Some(failure), Verdict::Final) = (&failure, verdict) {
            tracing::debug!(url = %receipt.visit.url, %failure, "given up");
        }
        let via = Some(receipt.visit.url);
        for link in receipt.new_links {
            self.frontier.admit(link, via.clone(), 0);
        }
        self.progress.update(|s| {
            s.bytes += bytes;
            s.seq = receipt.seq;
            s.last_failure = failure.or(s.last_failure.take());
        });
    }
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
        self.lines.recall.send(Recall);
    }
}

impl Handler<Recalled> for Coordinator {
    type Result = ();

    fn handle(&mut self, Recalled { pending, restored }: Recalled, ctx: &mut Self::Context) {
        if std::mem::replace(&mut self.recalled, true) {
            return;
        }
        let (pages, responses) = (restored.pages, restored.responses);
        self.progress.update(|s| s.begin(pages, responses, pending.len() as u64));
        // What only an earlier life of this run knows, it has published.
        let published = self.progress.snapshot().counts;
        self.frontier.resume(Counts { pages, responses, ..published }, Instant::now());
        let waiting = pending.len();
        for url in pending {
            if self.scope.admits_waiting(&url.link.url, url.link.depth, url.via.as_ref()) {
                self.frontier.admit(url.link, url.via, url.attempts);
            }
        }
        let left = waiting - self.frontier.counts().queued;
        if left > 0 {
            tracing::warn!(urls = left, "waiting in the store, but outside of this run's scope or depth");
        }
        self.sow(self.control.seeds());
        self.turn(ctx);
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

    fn handle(&mut self, Sown(links): Sown, ctx: &mut Self::Context) {
        if !self.recalled {
            // They are in the answer to `Recall`.
            return;
        }
        self.sowing = self.sowing.saturating_sub(1);
        for link in links {
            self.frontier.admit(link, None, 0);
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
        let now = Instant::now();
        for receipt in receipts {
            self.settle(receipt, now);
        }
        self.turn(ctx);
    }
}

impl Handler<FetcherUp> for Coordinator {
    type Result = ();

    fn handle(&mut self, FetcherUp(fetcher): FetcherUp, ctx: &mut Self::Context) {
        self.frontier.fetcher_up(fetcher, self.slots_per_fetcher);
        self.turn(ctx);
    }
}

impl Handler<FetcherLost> for Coordinator {
    type Result = ();

    fn handle(&mut self, FetcherLost(fetcher): FetcherLost, ctx: &mut Self::Context) {
        let visits = self.frontier.lost(fetcher);
        self.kept[fetcher].clear();
        tracing::warn!(fetcher, visits, "visits of a dead fetcher go back to the frontier");
        self.turn(ctx);
    }
}

impl Handler<StorageUp> for Coordinator {
    type Result = ();

    /// A question to the storage that died may not be answered. `Recall` can be asked again; whether seeds were
    /// committed only a new life can learn.
    fn handle(&mut self, _: StorageUp, ctx: &mut Self::Context) {
        if !self.recalled {
            self.lines.recall.send(Recall);
        } else if self.sowing > 0 {
            ctx.terminate();
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
