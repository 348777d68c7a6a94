//! Bad input and faults, through the front door: a test for each row of the list of what a crawler meets.
//!
//! The guard is on, as it is by default, and lifted for 127.0.1.0/24, which stands for the public; servers at
//! 127.0.9.1 stand for the private, and must see no connection. Rows that a crate below tests in full are named in a comment, with the file, and have here what
//! only the whole product can show.
//!
//! The large ones (`big.rs`) are sized for a debug build on a busy machine. `DRAGLINE_FULL=1` runs them in full:
//! 1,000 dripping servers, 5,000 hosts, bombs of gibibytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests: a failure there is a failed test with a line number"
)]

mod names;
mod site;
mod tls;
mod world;

mod guard;
mod rebinding;

mod bodies;
mod heads;

mod redirects;
mod secrets;

mod cookies;
mod injection;

mod protocol;

mod big;
