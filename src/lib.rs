//! dragline: a crawler that never lets go of the thread.
//!
//! This is the facade: build a crawl, run it, ask its store; or gather the answers of many slow calls at once. The crates below it can be used on their own;
//! nothing of actix, awc or sled stands in a signature here.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let report = dragline::Crawl::new(["https://example.org/"])
//!     .store("example-data")
//!     .delay(Duration::from_millis(500))
//!     .max_pages(100)
//!     .run()?;
//! println!("{} pages, stopped because {}", report.pages, report.stopped_because);
//!
//! for record in dragline::open("example-data")?.pages().mime("text/html").records()? {
//!     println!("{}", record?.url);
//! }
//! let urls = (1..=50).map(|page| format!("https://api.example/items?page={page}"));
//! for answer in dragline::Gather::new(urls).expect("json,2xx".parse()?).start()? {
//!     println!("{}: {}", answer.url, answer.json()?["total"]);
//! }
//! # Ok(())
//! # }
//! ```

mod crawl;
pub use crawl::{Crawl, CrawlError, Handle, Running};

mod manners;

mod report;
pub use report::Report;

mod slow;
pub use slow::{Slow, SlowHost};

mod keep;
pub use keep::AnswerStore;

pub mod config;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
mod daemon;

/// The store of a crawl: what was kept, and how to ask for it.
pub use dragline_storage as storage;

/// What is in a store as rows and files: JSONL, CSV, Parquet, WARC, WACZ, CDXJ.
#[cfg(feature = "cli")]
pub use dragline_export as export;

/// Documents as links, text and rows: [`extract::Selection`] for one.
#[cfg(feature = "cli")]
pub use dragline_extract as extract;

/// Many questions at once: what goes with [`Gather`].
pub use dragline_gather as gather;

/// One request: settings, limits, proxies, credentials.
pub use dragline_fetch as fetch;

/// The nouns of a crawl.
pub use dragline_model as model;

pub use dragline_actors::{Snapshot, StopReason};
pub use dragline_frontier::{Counts, ScopeKind};
pub use dragline_gather::{Answer, Auth, Call, Gather};

/// Opens the store of a crawl to ask it; it must exist. Where a crawl is running on it, in whatever process, that one is
/// asked, and everything can be read but nothing written.
pub fn open(dir: impl AsRef<std::path::Path>) -> Result<storage::Store, storage::StoreError> {
    storage::Store::open_to_read(dir.as_ref(), storage::Options::default())
}
