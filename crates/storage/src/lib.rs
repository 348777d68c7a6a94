//! The store of a crawl: a WARC archive that is the log, and an index derived from it.
//!
//! Owns everything that is kept of a crawl, and is the sole importer of sled. Usable alone: it knows no actor,
//! no crawler and no network, and starts no thread but the one that syncs and those that answer others
//! ([`Store::serve`]).
//!
//! ```text
//! <store>/lock           held while a process has the store; says who
//! <store>/meta.json      format, tool, created, the archive's mark
//! <store>/archive/       dragline-00000.warc.gz …: WARC 1.1, one gzip member a record; the one being written
//!                        ends in .open
//! <store>/index/         sled; made anew from the archive whenever it is missing or damaged
//! <store>/frontier/      what a frontier remembers: made anew likewise
//! <store>/crawl.json     the settings of the last run, if it kept them
//! <store>/ask.sock       where a process that has the store answers others that want to read it
//! ```
//!
//! A page is kept as a *group* of records: `response` (or `revisit`, where its payload was stored before, or the
//! server said that a copy of it still holds), `request`, and last a `metadata` record with the [`Record`] as JSON, new links included; its presence
//! says that the group is whole. A failure is a `metadata` record alone, and so are seeds.
//!
//! What survives what: a killed process loses nothing that was committed; a power cut loses what was
//! committed within [`Options::sync_every`], pages and their links together.
//!
//! ```
//! use std::sync::Arc;
//! use dragline_model::{CanonicalUrl, Failure, FailureKind, Harvest, Link, Outcome, Timestamp, Visit, VisitId};
//! use dragline_storage::{DecodedFacts, Options, Store};
//!
//! let dir = tempfile::tempdir()?;
//! let store = Store::create_or_open(dir.path(), Options::default())?;
//! let mut writer = store.writer()?;
//!
//! let seed = Link::seed(CanonicalUrl::parse("http://example.com/")?);
//! assert_eq!(writer.admit(&[seed.clone(), seed.clone()])?, [seed.clone()]);
//!
//! let visit = Visit::first(VisitId(1), seed.url.clone());
//! let outcome = Outcome::Failure(Failure::new(FailureKind::Connect, "connection refused"));
//! let harvest = Harvest::bare(visit, Timestamp(0), outcome);
//! let parcel = Arc::new(store.sealer().seal(harvest, DecodedFacts::default()));
//! writer.commit(&[parcel])?;
//!
//! assert_eq!(store.get(&seed.url)?.and_then(|record| record.error).map(|e| e.kind), Some(FailureKind::Connect));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod asking;
mod error;
mod schema;

mod record;

mod gzip;
mod warc;

mod seal;

mod archive;
mod groups;
mod index;

mod compact;
mod fsck;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod home;
mod import;
mod members;
mod payload;
mod rebuild;
mod recover;
mod store;

mod frontier;
mod known;
mod known_urls;

mod keeper;
mod pending;
mod replay;
mod writer;

mod feed;
mod hosts;
mod query;
mod revisits;
mod settings;
mod stats;
mod trail;

pub use compact::{Compaction, Retention};
pub use error::StoreError;
pub use feed::Feed;
pub use frontier::{
    checkpoint::{Checkpoint, Checkpoints},
    tails::{ChunkId, Tails},
};
pub use fsck::{CheckOptions, Checkup, Finding, Severity};
pub use hosts::HostShare;
pub use import::{Damaged, ImportOptions, Imported, Importer, Refused};
pub use known_urls::KnownUrls;
pub use members::Members;
pub use payload::{Body, Payload};
pub use pending::{Pending, Restored};
pub use query::{Cursor, Order, Query, Records};
pub use record::{Absence, Record};
pub use recover::{Recovery, Replaying};
pub use replay::Replayed;
pub use revisits::{KeptCopy, Standing};
pub use schema::{FORMAT, Totals};
pub use seal::{DecodedFacts, Parcel, Sealer};
pub use stats::{Share, Stats};
pub use store::{Desk, Options, Store};
pub use trail::{Named, Place};
pub use writer::Writer;
