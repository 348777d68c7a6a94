//! Who is next: the state of a crawl, without a clock, an actor or a disk.
//!
//! A URL's life here: *admitted* ([`Frontier::admit`]) into its host's queue, in order of class and depth; *granted*
//! ([`Frontier::grant`]) as a visit when its host's turn has come, its robots.txt has been read and a fetcher has a
//! free slot; then *settled* ([`Frontier::settle`]): done, or waiting for another attempt, or given up. A visit whose
//! fetcher died goes back to the front of its queue ([`Frontier::lost`]). A URL that is not to be asked for is
//! *parked*, with the reason.
//!
//! All of it outlives the process: [`Frontier::checkpoint`], [`Frontier::restore`], [`Frontier::replay`].
//!
//! Crawls of one process share the pace of hosts and addresses: [`Commons`].
//!
//! Politeness is *who holds what*: a host's next turn is fixed when a visit is granted, and a visit that is
//! out counts against the host until it is settled, so nobody has to check a rate anywhere else.
//!
//! ```
//! use std::time::Duration;
//! use dragline_frontier::{Frontier, Limits, Manners, MemoryTails, RuleBook};
//! use dragline_model::{CanonicalUrl, Link, VisitId};
//! use dragline_politeness::Stamp;
//!
//! // A second between two requests; robots.txt would come first.
//! let manners = Manners { obey_robots: false, ..Manners::default() };
//! let limits = Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() };
//! let mut frontier = Frontier::new(limits, 1, VisitId(0), Box::new(MemoryTails::default()));
//! frontier.fetcher_up(0, 8);
//! let now = Stamp::new(Duration::from_secs(1_790_000_000));
//! for page in ["http://a.example/1", "http://a.example/2"] {
//!     frontier.admit(Link::seed(CanonicalUrl::parse(page)?), None, 0, now);
//! }
//! assert_eq!(frontier.grant(now).len(), 1, "one at a time");
//! assert_eq!(frontier.grant(now + Duration::from_secs(1)).len(), 0, "the first is still out");
//! # Ok::<(), dragline_model::UrlError>(())
//! ```

mod frontier;
pub use frontier::{
    Checkpoint, Frontier, Grant, LeftHost, Limits, Looked, Score, ScoreFn, Unreadable, Verdict,
};
pub use frontier::{Explanation, HostStanding, RobotsStanding, Whereabouts};

mod commons;
pub use commons::{Commons, Seat, Whither};

mod counts;
pub use counts::Counts;

mod addresses;
mod host;
mod parked;
mod queue;
mod robots;
mod slots;
mod waiting;

mod tails;
pub use tails::{ChunkId, MemoryTails, Tails};

mod retry;
pub use retry::{Retry, RetryTable};

mod scope;
pub use scope::{OnPage, Scope, ScopeKind, ScopeRules};

mod patterns;
pub use patterns::Patterns;

mod repeats;

mod domain;

mod rules;
pub use rules::{HostRules, Manners, Reach, Refresh, Rule, RuleBook};

mod traps;
pub use traps::{Brought, GuardRules, Parked, Seen, TrapRules, Traps};

mod reason;
pub use reason::Reason;

mod error;
pub use error::RuleError;
