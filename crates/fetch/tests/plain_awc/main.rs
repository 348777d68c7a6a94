//! Plain awc beside this crate's client: every defect that the wire exists for, still there in the one and not in
//! the other.
//!
//! Each row is one server and what both make of it. The half about awc is as much a test as the other: where it
//! fails, awc has been mended, and something here may have become needless. awc is taken as it comes, with
//! its own defaults, but for a shorter wait for a head, so that "waits for ever" can be seen. It is built with
//! gzip and deflate and without brotli and zstd, whose truncated bodies it accepts in silence: for those two only
//! the half about this crate is tested.
#![allow(clippy::unwrap_used, reason = "a helper's failed unwrap is a failed test with a line number")]

#[allow(dead_code, reason = "shared with the tests of the wire, which use the rest")]
#[path = "../wire/support.rs"]
mod support;

mod plain;

mod answers;
mod codings;
mod connections;
mod requests;
