//! The nouns of a crawl: what travels round the ring, and the words for it.
//!
//! Owns the types that more than one crate speaks of. Never does I/O, never reads a clock, and knows
//! nothing of actors, sled or awc.

mod url;
pub use url::{CanonicalUrl, HostKey, URL_BYTES_MAX, UrlError};

mod fingerprint;
pub use fingerprint::{Fingerprint, FingerprintMap, FingerprintSet};

mod normalise;
pub use normalise::{Normaliser, ParamNameError, ParamNames};

mod resolve;
pub use resolve::{Resolved, Resolver};

mod day;
pub use day::days_since_1970;

mod visit;
pub use visit::{Link, Purpose, Validators, Visit, VisitId};

mod head;
pub use head::ResponseHead;

mod page;
pub use page::{Page, TlsSession, TlsVersion, Truncation};

mod timings;
pub use timings::{GivenUp, Stale, Timings};

mod sketch;
pub use sketch::Sketch;

mod spent;
pub use spent::{Ledger, Phase, Spent};

mod failure;
pub use failure::{Blame, Failure, FailureKind};

mod harvest;
pub use harvest::{Facts, Harvest, Outcome, Receipt, RobotsAnswer, Settled, Timestamp};
