//! A fetcher: makes the visits it is granted, many at a time, with one client on one thread.
//!
//! Neighbours: the coordinator before it (`Fetch`), storage behind it (`Keep`). Owns the tasks, one a visit; what
//! they share, and what they do, is the [`Bench`]'s. When storage dies, what it had not committed is offered to
//! the next one.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Duration};

use actix::prelude::*;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::{
    bench::{Bench, Equipment},
    fault,
    lifeline::Lifeline,
    messages::{Die, Fetch, Reoffer},
    panics,
};

/// How often idle connections are looked through, times are published, and the fetcher shows that it moves.
const PULSE_EVERY: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(crate) struct Fetcher {
    bench: Rc<Bench>,
    visits: JoinSet<()>,
    lifeline: Lifeline,
}

impl Fetcher {
    /// To be called on the thread the fetcher lives on.
    pub(crate) fn new(equipment: Equipment, lifeline: Lifeline) -> Self {
        Self { bench: Rc::new(Bench::new(equipment)), visits: JoinSet::new(), lifeline }
    }
}

impl Actor for Fetcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lifeline.tie();
        ctx.run_interval(PULSE_EVERY, |me, _| {
            me.lifeline.beat();
            me.bench.each_second();
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
        self.bench.offer_again();
    }
}

impl Handler<Die> for Fetcher {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        ctx.terminate();
    }
}
