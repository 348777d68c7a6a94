//! A gathering through its front door, against servers whose every move the test decides.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is a failed test")]

mod support;

mod answers;
mod cookies;
mod input;
mod redirects;
mod repeats;
mod stopping;
mod turns;
mod web;
