//! Many slow questions asked at once, and every answer as it arrives.
//!
//! Owns the second main job beside crawling: which question goes when, where redirects lead and what goes along,
//! what is asked again, and what counts as an answer. Never touches a socket (that is `dragline-fetch`'s) and
//! never keeps anything: an answer can carry what came over the wire for whoever has a store.
//!
//! Five calls that take two seconds each take two seconds, whatever the server makes of kept connections:
//!
//! ```no_run
//! use dragline_gather::Gather;
//!
//! let urls = (1..=5).map(|page| format!("https://api.example/items?page={page}"));
//! for answer in Gather::new(urls).expect("json,2xx".parse()?).start()? {
//!     match answer.parse::<Vec<String>>() {
//!         Ok(items) => println!("{}: {} items after {:?}", answer.url, items.len(), answer.elapsed),
//!         Err(error) => eprintln!("{error}"),
//!     }
//! }
//! # Ok::<(), dragline_gather::GatherError>(())
//! ```
//!
//! # How it works
//!
//! ```text
//!   source ──calls──► dispatcher ──errands──► worker 0 … N-1 ──answers──► Answers
//!   (own thread)      (own thread)            (one thread, one client each)  (the caller's)
//!      ≤ 256            roster: origins,          one task an errand
//!                       slots, rests, pace ◄──notes──┘
//! ```
//!
//! | what is bounded | by | default |
//! |---|---|---|
//! | requests out | [`Gather::concurrency`], and the open files there are | 1,024 |
//! | requests out to one origin | [`Gather::per_host`] | 32 |
//! | starts in a time | [`Gather::rate`] | |
//! | answers not yet taken, with those that are out | concurrency + 256; 64 MiB of bodies | |
//! | calls drawn from the source that wait for their origin | | 65,536 |
//! | a call's redirects, further attempts | [`Gather::redirects`], [`Gather::retries`] | 10, 2 |
//! | one body | [`Gather::body_limit`] | 16 MiB |
//! | large bodies (over 256 KiB) worked on at a time | one permit over all workers | 1 |
//!
//! A call that waits, for its turn, for a rest that a server asked for, or for another attempt, holds no slot.

mod call;
pub use call::Call;
pub use dragline_fetch::Auth;

mod glob;
pub use glob::Glob;

mod input;
pub use input::Input;

mod error;
pub use error::GatherError;

mod gather;
pub use gather::Gather;

mod rate;
pub use rate::Rate;

mod expect;
pub use expect::Expect;

mod answers;
pub use answers::{AnswerStream, Answers, Handle};

mod answer;
pub use answer::{Answer, Cut, Hop, Kept, NotJson};

mod line;
pub use line::Line;

mod board;
pub use board::Progress;

mod dispatcher;
mod feed;
mod roster;
mod worker;

mod errand;
mod redirect;
mod rules;
mod verdict;

mod glimpse;
