//! Every message of the ring, on one page.
//!
//! Data goes one way round; control messages stand apart and carry no URLs. What the messages carry lives in
//! `model`, `storage` and `frontier`.

use std::{net::IpAddr, ops::Range, sync::Arc};

use actix::Message;
use dragline_model::{HostKey, Link, Receipt, Visit, VisitId};
use dragline_storage::{Checkpoint, Parcel, Pending, Replayed, StoreError, Totals};

use crate::StopReason;

// ---- data, one way round ----

/// To the coordinator: URLs to start from.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Admit(pub Vec<Link>);

/// Coordinator to storage: commit these seeds, tell which are new.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Sow(pub Vec<Link>);

/// Coordinator to a fetcher: make these visits. Never more than it has free slots.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Fetch {
    /// The visits.
    pub visits: Vec<Visit>,
    /// Visits of this fetcher that are committed: what it holds of them can go.
    pub kept: Vec<VisitId>,
}

/// Fetcher to storage: commit this, or, `again`, see whether it was committed before the last storage died.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Keep {
    /// The harvest, sealed.
    pub parcel: Arc<Parcel>,
    /// It was offered before, to a storage actor that is gone.
    pub again: bool,
}

/// Storage to the coordinator: these are committed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settle(pub Vec<Receipt>);

/// Storage to the coordinator: the seeds are committed, and these had not been seen before.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Sown {
    /// The new ones.
    pub links: Vec<Link>,
    /// The records that they are in.
    pub seqs: Range<u64>,
}

/// A new coordinator to storage: what is known, and what is left to do?
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recall {
    /// Which question this is: the answers bear it.
    pub number: u32,
    /// From the last checkpoint on, if there is one that can be read; otherwise from the beginning.
    pub from_checkpoint: bool,
}

/// Storage to a new coordinator: a piece of the answer to a [`Recall`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Recalled {
    /// The question's.
    pub number: u32,
    /// The piece.
    pub part: Memory,
}

/// What is left to do, in so many pieces, in this order.
#[derive(Debug)]
pub enum Memory {
    /// A checkpoint; what follows comes behind it.
    Checkpoint(Checkpoint),
    /// What was committed behind the checkpoint, in order.
    Replayed(Vec<Replayed>),
    /// Where there is no checkpoint: URLs without a final outcome, in order of discovery.
    Pending(Vec<Pending>),
    /// Where there is no checkpoint: what was heard of how hosts want to be treated, in order.
    Manners(Vec<Receipt>),
    /// That was all.
    All {
        /// What has been done.
        totals: Totals,
        /// The record that all of this reaches to.
        seq: u64,
    },
}

/// Coordinator to a new storage: what has been committed behind this record? The one before may have died between a
/// commit and its receipts. Answered with [`Settle`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CatchUp {
    /// All before it, itself included, is known.
    pub seq: u64,
}

/// To the coordinator: the address that stands for a host, `None` where there is none.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Found {
    /// The host.
    pub host: HostKey,
    /// Its address.
    pub address: Option<IpAddr>,
}

/// To the coordinator: pages that can be looked at again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub enum Due {
    /// Some of them.
    Pages(Vec<dragline_frontier::Looked>),
    /// That was all, or as much as could be read.
    All(Result<(), StoreError>),
}

/// To the coordinator: its checkpoint is on the disk, or why not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Checkpointed {
    /// The chunks that it needs.
    pub chunks: Vec<dragline_frontier::ChunkId>,
    /// What the store said.
    pub written: Result<(), StoreError>,
}

// ---- control ----

/// To the coordinator, from itself or from another crawl that left a host: there may be more to do.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Again;

/// To the coordinator: grant nothing more until [`Resume`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Pause;

/// To the coordinator: go on after [`Pause`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Resume;

/// To the coordinator: grant nothing more, end when all that is out has come home.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Drain(pub StopReason);

/// Supervisor to the coordinator: this fetcher is there and holds nothing.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct FetcherUp(pub usize);

/// Supervisor to the coordinator: this fetcher died with all it held.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct FetcherLost(pub usize);

/// Supervisor to the coordinator: storage was rebuilt; questions to the old one will not be answered.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct StorageUp;

/// Supervisor to a fetcher: storage was rebuilt; offer what you hold again.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Reoffer;

/// Coordinator to the supervisor: the crawl is over.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Finished(pub StopReason);

/// Storage to the supervisor: the disk or the store refuses; the crawl cannot go on.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StoreFailed(pub StoreError);

/// Supervisor to storage: commit what you have, bring it to disk, answer [`Closed`].
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Close;

/// Storage to the supervisor: all that was offered is on disk.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Closed;

/// Supervisor to any actor: end.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Die;

/// A dying actor's last word to the supervisor.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Down {
    /// The child's place in the supervisor's list.
    pub child: usize,
    /// Which of its lives this was, from 1.
    pub generation: u32,
    /// Why it ended.
    pub reason: ExitReason,
}

/// Why an actor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitReason {
    /// It panicked; the panic's text.
    Panicked(String),
    /// It stopped of itself or was told to.
    Stopped,
    /// It did not move for longer than it may, and was abandoned.
    Stuck,
}

impl std::fmt::Display for ExitReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ExitReason::Panicked(text) => write!(f, "panicked: {text}"),
            ExitReason::Stopped => f.write_str("stopped"),
            ExitReason::Stuck => f.write_str("stuck"),
        }
    }
}
