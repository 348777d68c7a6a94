//! The ring: coordinator, fetchers and storage as actors, and the supervisor that rebuilds them.
//!
//! ```text
//!  seeds ─Admit─► Coordinator ─Fetch─► Fetcher 1..N ─Keep─► Storage ─Settle─► Coordinator
//! ```
//!
//! Data goes one way round ([`messages`] is the whole protocol on one page). Actors hold [`Line`]s to roles,
//! never each other's addresses; only [`ring`] knows who follows whom. There are no business rules here: a
//! handler turns a message into one call of `frontier`, `fetch`, `extract` or `storage`, and the answer into
//! a message.

pub mod messages;

pub mod ring;
pub use ring::{Control, End, Plan, StopReason};

mod coordinator;
mod frontier_files;
mod heard;

mod bench;
mod fetcher;
mod harvester;
pub use harvester::Follow;
mod recent;
mod reread;
pub use reread::Rereader;

mod recall;
mod revisits;
pub use revisits::Revisiting;
mod full_disk;
mod storage;

mod lifeline;
mod panics;
mod restart;
pub use restart::Intensity;
mod supervisor;

mod line;
pub use line::Line;

mod progress;
pub use progress::{Progress, Snapshot};

pub use dragline_fetch::Addresses;

pub mod fault;
