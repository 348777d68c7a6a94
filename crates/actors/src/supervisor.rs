//! The supervisor: rebuilds children from their factories, and ends the ring in order.
//!
//! Owns every child's lives: generation, deaths, arbiter. Knows no child's work. A child is rebuilt as a new
//! value (never the broken one) on its old thread if that still runs, else on a new one; a child that does
//! not move is abandoned with its thread; a child that dies too often makes the supervisor give up, which is
//! an orderly end with a reason.
//!
//! A child's life: *waiting* for its start → *up* → (death) → *waiting* …, until the ring ends.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use actix::prelude::*;
use tokio::sync::oneshot;

use crate::{
    Line, Progress,
    lifeline::{Lifeline, Pulse},
    messages::{Close, Closed, Die, Down, ExitReason, Finished, StoreFailed},
    restart::{Deaths, Intensity},
    ring::StopReason,
};

/// How often the supervisor looks at its children's pulses.
const PULSE_EVERY: Duration = Duration::from_secs(1);
/// How long storage may take to bring what it has to disk at the end.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a child that was told to die may take before it is abandoned.
const DIE_TIMEOUT: Duration = Duration::from_secs(5);

/// The child that is asked to bring everything to disk at the end: the first in the list.
const STORAGE: usize = 0;

/// What else ends when a child dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Nothing.
    OneForOne,
    /// Every child after it in the list: they rely on what died with it.
    RestForOne,
}

/// The thread a child lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// The supervisor's own.
    Shared,
    /// One of its own.
    Own,
}

/// The ring's end: why, and the threads to be joined.
pub(crate) struct Ended {
    pub reason: StopReason,
    pub arbiters: Vec<Arbiter>,
}

/// Begins one life of a child; the answer ends it.
pub(crate) type Start = Box<dyn Fn(&ArbiterHandle, Lifeline) -> Recipient<Die>>;

/// A child and how to make one.
pub(crate) struct ChildSpec {
    pub name: String,
    pub seat: Seat,
    pub strategy: Strategy,
    pub intensity: Intensity,
    /// Without a pulse for this long it is abandoned.
    pub stuck_after: Duration,
    /// Starts a new life on a thread and connects its lines.
    pub start: Start,
    /// Told after each death.
    pub died: Box<dyn Fn()>,
    /// Told after each start.
    pub born: Box<dyn Fn()>,
}

struct Child {
    spec: ChildSpec,
    arbiter: Option<Arbiter>,
    generation: u32,
    life: Option<Life>,
    deaths: Deaths,
}

struct Life {
    pulse: Pulse,
    end: Recipient<Die>,
}

/// See the module's documentation.
pub(crate) struct Supervisor {
    children: Vec<Child>,
    /// Children to be started, in the order of the list, once nothing is being felled.
    waiting: BTreeSet<usize>,
    /// Children that died and wait out their back-off.
    resting: BTreeSet<usize>,
    /// Children told to die because one that they rely on did.
    felled: BTreeSet<usize>,
    close: Line<Close>,
    ending: Option<StopReason>,
    ended: Option<oneshot::Sender<Ended>>,
    progress: Progress,
    since: Instant,
    /// When the pulses were looked at last.
    checked: Instant,
}

impl Supervisor {
    pub(crate) fn new(
        children: Vec<ChildSpec>,
        close: Line<Close>,
        ended: oneshot::Sender<Ended>,
        progress: Progress,
    ) -> Self {
        let children: Vec<Child> = children
            .into_iter()
            .enumerate()
            .map(|(index, spec)| {
                let deaths = Deaths::new(index as u64);
                Child { spec, arbiter: None, generation: 0, life: None, deaths }
            })
            .collect();
        Self {
            waiting: (0..children.len()).collect(),
            resting: BTreeSet::new(),
            felled: BTreeSet::new(),
            children,
            close,
            ending: None,
            ended: Some(ended),
            progress,
            since: Instant::now(),
            checked: Instant::now(),
        }
    }

    /// Starts whoever waits, in the order of the list: nobody while somebody still has to fall, and nobody
    /// before the one that he relies on.
    fn start_waiting(&mut self, ctx: &mut Context<Self>) {
        if !self.felled.is_empty() || self.ending.is_some() {
            return;
        }
        let relied_on = |index: &&usize| self.children[**index].spec.strategy == Strategy::RestForOne;
        let not_before = self.resting.iter().find(relied_on).copied().unwrap_or(usize::MAX);
        let later = self.waiting.split_off(&not_before);
        for index in std::mem::replace(&mut self.waiting, later) {
            self.start(index, ctx);
        }
    }

    fn start(&mut self, index: usize, ctx: &mut Context<Self>) {
        let child = &mut self.children[index];
        let handle = match child.spec.seat {
            Seat::Shared => Arbiter::current(),
            Seat::Own => {
                let living = child.arbiter.take().filter(|arbiter| arbiter.spawn(async {}));
                child.arbiter.insert(living.unwrap_or_else(Arbiter::new)).handle()
            }
        };
        child.generation += 1;
        let pulse = Pulse::new(self.since);
        let lifeline = Lifeline::new(index, child.generation, ctx.address().recipient(), pulse.clone());
        let end = (child.spec.start)(&handle, lifeline);
        child.life = Some(Life { pulse, end });
        if child.generation > 1 {
            tracing::info!(actor = %child.spec.name, generation = child.generation, "restarted");
        }
        (child.spec.born)();
    }

    fn on_death(&mut self, index: usize, reason: &ExitReason, ctx: &mut Context<Self>) {
        let child = &mut self.children[index];
        child.life = None;
        if self.ending.is_some() {
            if index == STORAGE {
                // It will not answer any more; what it had committed is safe.
                self.leave(ctx);
            }
            return;
        }
        (child.spec.died)();
        if self.felled.remove(&index) {
            self.waiting.insert(index);
            self.start_waiting(ctx);
            return;
        }
        tracing::warn!(actor = %child.spec.name, generation = child.generation, %reason, "actor died");
        self.progress.update(|s| *s.deaths.entry(child.spec.name.clone()).or_default() += 1);
        let Some(wait) = child.deaths.record(Instant::now(), &child.spec.intensity) else {
            let why = format!(
                "{} died {} times within {} s; the last time it {reason}",
                child.spec.name,
                child.spec.intensity.deaths_max + 1,
                child.spec.intensity.period.as_secs(),
            );
            self.end(StopReason::GaveUp(why), ctx);
            return;
        };
        if child.spec.strategy == Strategy::RestForOne {
            for later in index + 1..self.children.len() {
                self.fell(later, ctx);
            }
        }
        self.resting.insert(index);
        ctx.run_later(wait, move |me, ctx| {
            me.resting.remove(&index);
            me.waiting.insert(index);
            me.start_waiting(ctx);
        });
    }

    /// Tells a child to die; one that does not within its time is abandoned.
    fn fell(&mut self, index: usize, ctx: &mut Context<Self>) {
        let child = &self.children[index];
        let Some(life) = &child.life else { return };
        life.end.do_send(Die);
        self.felled.insert(index);
        let generation = child.generation;
        ctx.run_later(DIE_TIMEOUT, move |me, ctx| {
            if me.children[index].generation == generation && me.children[index].life.is_some() {
                me.abandon(index, ctx);
            }
        });
    }

    /// Gives a child up for dead with its thread, which cannot be killed.
    fn abandon(&mut self, index: usize, ctx: &mut Context<Self>) {
        let child = &mut self.children[index];
        if let Some(arbiter) = child.arbiter.take() {
            // Ends the thread if it ever comes round to its queue again.
            arbiter.stop();
        }
        self.on_death(index, &ExitReason::Stuck, ctx);
    }

    fn check_pulses(&mut self, ctx: &mut Context<Self>) {
        let since_last = self.checked.elapsed();
        self.checked = Instant::now();
        if since_last > 2 * PULSE_EVERY {
            // The whole process stood still (a suspended machine, SIGSTOP): that is nobody's fault.
            return;
        }
        let stuck: Vec<usize> = (0..self.children.len())
            .filter(|index| {
                let child = &self.children[*index];
                let limit_ms = child.spec.stuck_after.as_millis() as u64;
                child.spec.seat == Seat::Own
                    && child.life.as_ref().is_some_and(|life| life.pulse.still_for_ms() > limit_ms)
            })
            .collect();
        for index in stuck {
            self.abandon(index, ctx);
        }
    }

    /// The ring's end, in order: storage first brings to disk what it was given; then everybody goes.
    fn end(&mut self, reason: StopReason, ctx: &mut Context<Self>) {
        if self.ending.is_some() {
            return;
        }
        self.ending = Some(reason);
        self.close.send(Close);
        ctx.run_later(CLOSE_TIMEOUT, |me, ctx| me.leave(ctx));
        if self.children.get(STORAGE).is_none_or(|storage| storage.life.is_none()) {
            self.leave(ctx);
        }
    }

    fn leave(&mut self, ctx: &mut Context<Self>) {
        for life in self.children.iter().filter_map(|child| child.life.as_ref()) {
            life.end.do_send(Die);
        }
        if let (Some(ended), Some(reason)) = (self.ended.take(), self.ending.clone()) {
            let arbiters = self.children.iter_mut().filter_map(|child| child.arbiter.take()).collect();
            let _ = ended.send(Ended { reason, arbiters });
        }
        ctx.stop();
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        crate::panics::supervise_thread();
        self.start_waiting(ctx);
        ctx.run_interval(PULSE_EVERY, |me, ctx| me.check_pulses(ctx));
    }
}

impl Handler<Down> for Supervisor {
    type Result = ();

    fn handle(&mut self, down: Down, ctx: &mut Self::Context) {
        if self.children[down.child].generation == down.generation && self.children[down.child].life.is_some()
        {
            self.on_death(down.child, &down.reason, ctx);
        }
    }
}

impl Handler<Finished> for Supervisor {
    type Result = ();

    fn handle(&mut self, Finished(reason): Finished, ctx: &mut Self::Context) {
        self.end(reason, ctx);
    }
}

impl Handler<StoreFailed> for Supervisor {
    type Result = ();

    fn handle(&mut self, StoreFailed(error): StoreFailed, ctx: &mut Self::Context) {
        self.end(StopReason::Store(error.to_string()), ctx);
    }
}

impl Handler<Closed> for Supervisor {
    type Result = ();

    fn handle(&mut self, _: Closed, ctx: &mut Self::Context) {
        if self.ending.is_some() {
            self.leave(ctx);
        }
    }
}
