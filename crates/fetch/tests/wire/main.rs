//! The wire through its front door: a client, and servers that do what they like.
#![allow(clippy::unwrap_used, reason = "a helper's failed unwrap is a failed test with a line number")]

mod dns;
mod proxying;
mod support;

mod answers;
mod connections;
mod corpora;
mod guard;
mod kept;
mod limits;
mod names;
mod proxies;
mod sending;
mod tls;
