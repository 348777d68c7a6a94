//! What the coordinator is told, a short handler a message.
//!
//! Owns nothing: a handler turns a message into a call, and the turn that follows from it.

use std::time::SystemTime;

use actix::prelude::*;

use super::{Coordinator, Mode};
use crate::{
    fault,
    messages::{
        Admit, Again, CatchUp, Checkpointed, Die, Drain, Due, FetcherLost, FetcherUp, Finished, Found, Pause,
        Resume, Settle, Sown, StorageUp,
    },
};

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
                if self.must_unclean {
                    // It says that nobody was asked after it, and that is about to be untrue.
                    self.files.discard();
                }
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
