//! A store through its front door: what is committed is there, whatever happens in between.

// Allowed in tests, but helpers outside of `#[test]` functions are not seen as such.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed run with a line number")]

mod world;

mod ask;
mod asking;
mod check;
mod commit;
mod compact;
mod crash;
mod feed;
mod fifty;
mod fixture;
mod flips;
mod found;
mod frontier;
mod hosts;
mod import;
mod payload;
mod query;
mod rebuild;
mod refuse;
mod revisit;
mod space;
mod trail;
mod warc;
