//! Exports of a small hostile store, through the front door.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod resume;
mod rows;
mod wacz;
mod warc;
mod world;
