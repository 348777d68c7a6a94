//! The storage actor: commits what the fetchers bring, and tells the coordinator.
//!
//! Neighbours: fetchers before it (`Keep`), the coordinator behind it (`Settle`). Owns the store's one
//! writer, on a thread of its own. Everything that is in the mailbox when it gets round to it is one commit
//! (group commit): a slow disk makes larger batches, and in the end fewer free slots.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use dragline_frontier::RetryTable;
use dragline_storage::{Parcel, Store, StoreError, Writer};

use crate::{
    fault,
    lifeline::Lifeline,
    messages::{CatchUp, Close, Closed, Die, Keep, Recall, Recalled, Settle, Sow, Sown, StoreFailed},
    recall,
    ring::Lines,
};

/// How often storage shows that it moves.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Parcels in one commit at most: past some hundred a batch brings nothing, and a receipt should not wait.
const BATCH_MAX: usize = 256;

/// How often storage lets others go first before it commits. Where processors are scarce, whoever is about to bring
/// a parcel then brings it into this commit, which spares wake-ups all round the ring (measured: 0.6 switches of
/// threads a page instead of 1.5); where they are not, it costs a microsecond.
const TURNS_GIVEN: usize = 4;

/// Ask to commit what has come together, behind the messages that wait already.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Commit {
    /// The others have had their chance to bring more.
    gathered: bool,
}

/// See the module's documentation.
pub(crate) struct StorageActor {
    store: Store,
    writer: Option<Writer>,
    retry: RetryTable,
    lines: Lines,
    lifeline: Lifeline,
    batch: Vec<Arc<Parcel>>,
}

impl StorageActor {
    pub(crate) fn new(store: Store, retry: RetryTable, lines: Lines, lifeline: Lifeline) -> Self {
        Self { store, writer: None, retry, lines, lifeline, batch: Vec::new() }
    }

    /// Runs something on the writer; a store that refuses ends the crawl.
    fn write<T>(&mut self, work: impl FnOnce(&mut Writer) -> Result<T, StoreError>) -> Option<T> {
        match work(self.writer.as_mut()?) {
            Ok(done) => Some(done),
            Err(error) => {
                self.writer = None;
                self.lines.store_failed.send(StoreFailed(error));
                None
            }
        }
    }

    fn commit(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        // The mailbox goes before the timers: with many messages waiting this is where it shows that it moves.
        self.lifeline.beat();
        fault::point(fault::STORAGE_BEFORE);
        let batch = std::mem::take(&mut self.batch);
        if let Some(receipts) = self.write(|writer| writer.commit(&batch)) {
            fault::point(fault::STORAGE_AFTER);
            self.lines.settle.send(Settle(receipts));
        }
    }
}

impl Actor for StorageActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lifeline.tie();
        ctx.run_interval(BEAT_EVERY, |me, _| me.lifeline.beat());
        match self.store.writer() {
            Ok(writer) => self.writer = Some(writer),
            Err(error) => self.lines.store_failed.send(StoreFailed(error)),
        }
    }
}

impl Handler<Keep> for StorageActor {
    type Result = ();

    fn handle(&mut self, Keep { parcel, again }: Keep, ctx: &mut Self::Context) {
        let id = parcel.visit();
        if again {
            self.commit();
            if let Some(receipts) = self.write(|writer| writer.recommit(std::slice::from_ref(&parcel))) {
                self.lines.settle.send(Settle(receipts));
            }
        } else if !self.batch.iter().any(|other| other.visit() == id) {
            if self.batch.is_empty() {
                ctx.notify(Commit { gathered: false });
            }
            self.batch.push(parcel);
            if self.batch.len() >= BATCH_MAX {
                self.commit();
            }
        }
    }
}

impl Handler<Commit> for StorageActor {
    type Result = ();

    fn handle(&mut self, Commit { gathered }: Commit, ctx: &mut Self::Context) {
        if gathered {
            self.commit();
        } else {
            for _ in 0..TURNS_GIVEN {
                std::thread::yield_now();
            }
            ctx.notify(Commit { gathered: true });
        }
    }
}

impl Handler<Sow> for StorageActor {
    type Result = ();

    fn handle(&mut self, Sow(seeds): Sow, _: &mut Self::Context) {
        self.commit();
        let sown = self.write(|writer| {
            let before = writer.last_seq();
            let links = writer.admit(&seeds)?;
            Ok(Sown { links, seqs: before + 1..writer.last_seq() + 1 })
        });
        if let Some(sown) = sown {
            self.lines.sown.send(sown);
        }
    }
}

impl Handler<Recall> for StorageActor {
    type Result = ();

    fn handle(&mut self, Recall { number, from_checkpoint }: Recall, _: &mut Self::Context) {
        self.commit();
        let (store, retry, lines) = (self.store.clone(), self.retry, self.lines.clone());
        self.write(|writer| {
            recall::tell(&store, writer, retry, from_checkpoint, |part| {
                lines.recalled.send(Recalled { number, part })
            })
        });
    }
}

impl Handler<CatchUp> for StorageActor {
    type Result = ();

    fn handle(&mut self, CatchUp { seq }: CatchUp, _: &mut Self::Context) {
        self.commit();
        let (store, lines) = (self.store.clone(), self.lines.clone());
        self.write(|_| recall::receipts(&store, seq, |receipts| lines.settle.send(Settle(receipts))));
    }
}

impl Handler<Close> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Close, _: &mut Self::Context) {
        self.commit();
        self.write(Writer::sync);
        self.lines.closed.send(Closed);
    }
}

impl Handler<Die> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        ctx.terminate();
    }
}
