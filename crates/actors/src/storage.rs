//! The storage actor: commits what the fetchers bring, and tells the coordinator.
//!
//! Neighbours: fetchers before it (`Keep`), the coordinator behind it (`Settle`). Owns the store's one
//! writer, on a thread of its own. Everything that is in the mailbox when it gets round to it is one commit
//! (group commit): a slow disk makes larger batches, and in the end fewer free slots. Where it is full everything waits
//! here, in order, until there is room again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::prelude::*;
use dragline_frontier::RetryTable;
use dragline_model::{Link, Receipt};
use dragline_storage::{Parcel, Store, StoreError, Writer};

use crate::{
    fault,
    full_disk::FullDisk,
    lifeline::Lifeline,
    messages::{
        CatchUp, Close, Closed, Die, Finished, Keep, Recall, Recalled, Settle, Sow, Sown, StoreFailed,
    },
    recall,
    ring::{Control, Lines},
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

/// What is asked of the writer. Where the disk is full it waits in line.
#[derive(Debug)]
enum Errand {
    Commit(Vec<Arc<Parcel>>),
    Recommit(Arc<Parcel>),
    Sow(Vec<Link>),
    Recall { number: u32, from_checkpoint: bool },
    CatchUp { seq: u64 },
}

/// See the module's documentation.
pub(crate) struct StorageActor {
    store: Store,
    writer: Option<Writer>,
    retry: RetryTable,
    control: Control,
    lines: Lines,
    lifeline: Lifeline,
    batch: Vec<Arc<Parcel>>,
    disk: FullDisk,
    /// In the order in which they were asked. Fetchers have slots, so there is an end to it.
    waiting: VecDeque<Errand>,
}

impl StorageActor {
    pub(crate) fn new(
        store: Store,
        retry: RetryTable,
        disk_patience: Duration,
        control: Control,
        lifeline: Lifeline,
    ) -> Self {
        Self {
            store,
            writer: None,
            retry,
            lines: control.lines.clone(),
            disk: FullDisk::new(disk_patience, control.progress.clone()),
            control,
            lifeline,
            batch: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Does an errand, behind those that wait.
    fn run(&mut self, errand: Errand, ctx: &mut Context<Self>) {
        self.waiting.push_back(errand);
        if !self.disk.is_waited_for() {
            self.work(ctx);
        }
    }

    /// Does what waits, as far as there is room; a store that refuses for another reason ends the crawl.
    fn work(&mut self, ctx: &mut Context<Self>) {
        while let Some(errand) = self.waiting.pop_front() {
            let Some(done) = self.attempt(&errand) else { return };
            match done {
                Ok(()) => self.disk.has_room(),
                Err(error) => match self.disk.meets(&error, self.store.dir()) {
                    Some(wait) => {
                        self.waiting.push_front(errand);
                        ctx.run_later(wait, Self::try_again);
                        return;
                    }
                    None => return self.fail(error),
                },
            }
        }
    }

    fn try_again(&mut self, ctx: &mut Context<Self>) {
        self.work(ctx);
        self.end_if_wished();
    }

    /// Nobody who wants the crawl to end waits for the disk.
    fn end_if_wished(&self) {
        if self.disk.is_waited_for()
            && let Some(reason) = self.control.draining()
        {
            // What is out cannot come home; it is left for the next run.
            self.lines.finished.send(Finished(reason.clone()));
        }
    }

    fn fail(&mut self, error: StoreError) {
        self.writer = None;
        self.waiting.clear();
        self.lines.store_failed.send(StoreFailed(error));
    }

    /// Does it, wholly or not at all; none without a writer.
    fn attempt(&mut self, errand: &Errand) -> Option<Result<(), StoreError>> {
        let (store, lines) = (&self.store, &self.lines);
        let writer = self.writer.as_mut()?;
        // The mailbox goes before the timers: with many messages waiting this is where it shows that it moves.
        self.lifeline.beat();
        Some(match errand {
            Errand::Commit(batch) => {
                fault::point(fault::STORAGE_BEFORE);
                commit(writer, batch, store).map(|receipts| {
                    fault::point(fault::STORAGE_AFTER);
                    lines.settle.send(Settle(receipts));
                })
            }
            Errand::Recommit(parcel) => writer
                .recommit(std::slice::from_ref(parcel))
                .map(|receipts| lines.settle.send(Settle(receipts))),
            Errand::Sow(seeds) => {
                let before = writer.last_seq();
                writer.admit(seeds).map(|links| {
                    lines.sown.send(Sown { links, seqs: before + 1..writer.last_seq() + 1 });
                })
            }
            Errand::Recall { number, from_checkpoint } => {
                recall::tell(store, writer, self.retry, *from_checkpoint, |part| {
                    lines.recalled.send(Recalled { number: *number, part })
                })
            }
            Errand::CatchUp { seq } => {
                recall::receipts(store, *seq, |receipts| lines.settle.send(Settle(receipts)))
            }
        })
    }

    fn commit(&mut self, ctx: &mut Context<Self>) {
        if !self.batch.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.run(Errand::Commit(batch), ctx);
        }
    }
}

fn commit(writer: &mut Writer, batch: &[Arc<Parcel>], store: &Store) -> Result<Vec<Receipt>, StoreError> {
    if fault::fails(fault::STORAGE_FULL) {
        let source = std::io::ErrorKind::StorageFull.into();
        return Err(StoreError::DiskFull { path: store.dir().to_owned(), source });
    }
    writer.commit(batch)
}

impl Actor for StorageActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.lifeline.tie();
        ctx.run_interval(BEAT_EVERY, |me, _| me.lifeline.beat());
        self.begin(ctx);
    }
}

impl StorageActor {
    /// Gets the store's writer, which may have to write for that.
    fn begin(&mut self, ctx: &mut Context<Self>) {
        match self.store.writer() {
            Ok(writer) => {
                self.writer = Some(writer);
                self.disk.has_room();
                self.work(ctx);
            }
            Err(error) => match self.disk.meets(&error, self.store.dir()) {
                Some(wait) => {
                    ctx.run_later(wait, |me, ctx| {
                        me.begin(ctx);
                        me.end_if_wished();
                    });
                }
                None => self.fail(error),
            },
        }
    }
}

impl Handler<Keep> for StorageActor {
    type Result = ();

    fn handle(&mut self, Keep { parcel, again }: Keep, ctx: &mut Self::Context) {
        let id = parcel.visit();
        if again {
            self.commit(ctx);
            self.run(Errand::Recommit(parcel), ctx);
        } else if !self.batch.iter().any(|other| other.visit() == id) {
            if self.batch.is_empty() {
                ctx.notify(Commit { gathered: false });
            }
            self.batch.push(parcel);
            if self.batch.len() >= BATCH_MAX {
                self.commit(ctx);
            }
        }
    }
}

impl Handler<Commit> for StorageActor {
    type Result = ();

    fn handle(&mut self, Commit { gathered }: Commit, ctx: &mut Self::Context) {
        if gathered {
            self.commit(ctx);
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

    fn handle(&mut self, Sow(seeds): Sow, ctx: &mut Self::Context) {
        self.commit(ctx);
        self.run(Errand::Sow(seeds), ctx);
    }
}

impl Handler<Recall> for StorageActor {
    type Result = ();

    fn handle(&mut self, Recall { number, from_checkpoint }: Recall, ctx: &mut Self::Context) {
        self.commit(ctx);
        self.run(Errand::Recall { number, from_checkpoint }, ctx);
    }
}

impl Handler<CatchUp> for StorageActor {
    type Result = ();

    fn handle(&mut self, CatchUp { seq }: CatchUp, ctx: &mut Self::Context) {
        self.commit(ctx);
        self.run(Errand::CatchUp { seq }, ctx);
    }
}

impl Handler<Close> for StorageActor {
    type Result = ();

    /// What cannot be committed now is fetched again by the next run.
    fn handle(&mut self, _: Close, ctx: &mut Self::Context) {
        self.commit(ctx);
        if self.disk.is_waited_for() {
            self.waiting.clear();
        }
        if let Some(Err(error)) = self.writer.as_mut().map(Writer::sync) {
            tracing::warn!(%error, "not everything is on the disk at the end");
        }
        self.lines.closed.send(Closed);
    }
}

impl Handler<Die> for StorageActor {
    type Result = ();

    fn handle(&mut self, _: Die, ctx: &mut Self::Context) {
        ctx.terminate();
    }
}
