//! `kill -9` at any moment, and the same command again.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]
#![cfg(unix)]

mod common;

use std::{
    collections::HashMap,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::{assert_true, quick_args};
use dragline_fakeweb::{Faults, Web, WebSpec};

fn crawl(web: &Web, store: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dragline"))
        .arg("crawl")
        .args(quick_args(web, store))
        .args(["-q", "--concurrency", "24"])
        .args(web.seeds())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts")
}

/// Waits until the web has served so many requests, or the program has ended.
fn until(web: &Web, requests: u64, child: &mut Child) -> bool {
    while web.requests() < requests {
        if child.try_wait().expect("the program can be waited for").is_some() {
            return false;
        }
        std::thread::park_timeout(Duration::from_micros(200));
    }
    true
}

#[test]
fn nothing_is_lost_and_little_is_asked_twice() {
    let faults =
        Faults { not_found: 0.05, redirect: 0.05, gzip: 0.05, close_delimited: 0.05, ..Faults::default() };
    let web = WebSpec { hosts: 3, pages_per_host: 700, page_bytes: 2_048, faults, ..WebSpec::default() }
        .start()
        .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut kills = 0;
    // A kill every hundred-odd requests, at moments that drift.
    loop {
        let mut child = crawl(&web, dir.path());
        let target = web.requests() + 90 + 17 * (kills % 7);
        if !until(&web, target, &mut child) {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 5, "it was killed {kills} times");
    assert_true(&web, dir.path());

    let mut asked: HashMap<(String, String), u64> = HashMap::new();
    for served in web.log() {
        *asked.entry((served.host, served.path)).or_default() += 1;
    }
    let twice: u64 = asked.values().map(|times| times - 1).sum();
    assert!(twice <= kills * 24, "{twice} asked again after {kills} kills with 24 requests out at each");
}

#[test]
fn a_kill_while_the_store_is_opened_loses_nothing() {
    let web = WebSpec { hosts: 1, pages_per_host: 400, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut child = crawl(&web, dir.path());
    assert!(until(&web, 200, &mut child));
    child.kill().unwrap();
    child.wait().unwrap();
    // Killed again in the first moments of twenty lives, recovery included.
    for life in 0..20 {
        let mut child = crawl(&web, dir.path());
        std::thread::park_timeout(Duration::from_millis(life));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(crawl(&web, dir.path()).wait().unwrap().success());
    assert_true(&web, dir.path());
}
