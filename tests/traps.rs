//! Sites that never end: the crawl does, finds what is honest on them, and does not waste much. Beside them an archive
//! that looks like a trap and is crawled to its last article. `DRAGLINE_FULL=1` has ten thousand of these.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod common;

use std::{
    path::Path,
    process::{Command, Stdio},
};

use common::outcomes;
use dragline_fakeweb::{Archive, Trap, Web, WebSpec};
use serde_json::Value;

/// Requests that may go into one trap. The guard needs some tens of pages to learn a shape of URLs, a trap has a few
/// shapes or some thirty items that are worth it, and of what is parked a sample is tried.
const WASTED_MAX: u64 = 200;
/// Of a hundred requests so many may go into traps, with as many honest pages beside them as here.
const WASTED_SHARE_MAX: u64 = 15;

fn start(articles: usize) -> Web {
    let archive = Archive { articles, ..Archive::default() };
    WebSpec { hosts: 1, traps: true, archive: Some(archive), ..WebSpec::default() }
        .start()
        .expect("it starts")
}

/// A crawl that is cut after a while: a trap that is not seen through is one that the crawl does not get out of.
fn crawl(web: &Web, store: &Path, seeds: &[&str], more: &[&str]) -> Value {
    let report = store.with_file_name("report.json");
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command
        .arg("crawl")
        .args(["-q", "--delay", "0s", "--per-host", "4", "--max-time", "4m", "--store"])
        .arg(store);
    command.arg("--report").arg(&report);
    for rule in web.resolve_rules() {
        command.args(["--resolve", &rule]);
    }
    let status = command.args(more).args(seeds).stdout(Stdio::null()).status().expect("the program starts");
    assert!(status.success(), "{status}");
    serde_json::from_slice(&std::fs::read(report).expect("there is a report")).expect("the report is JSON")
}

/// Everything honest is in the store.
#[track_caller]
fn assert_honest(web: &Web, store: &Path, seeds: &[&str]) {
    let found = outcomes(store);
    let missing: Vec<_> =
        web.truth(seeds).into_keys().filter(|url| found.get(url).is_none_or(|it| it != "200")).collect();
    assert!(
        missing.is_empty(),
        "{} are missing, among them {:?}",
        missing.len(),
        &missing[..missing.len().min(10)]
    );
}

#[test]
fn a_crawl_of_traps_ends_with_all_that_is_honest() {
    let articles = if std::env::var_os("DRAGLINE_FULL").is_some() { 10_000 } else { 1_500 };
    let web = start(articles);
    let dir = tempfile::tempdir().expect("a folder can be made");
    let store = dir.path().join("store");
    let traps = web.trap_seeds();
    let archive = web.archive_seed().expect("there is an archive");
    let mut seeds: Vec<&str> =
        traps.iter().filter(|(trap, _)| *trap != Trap::Wildcard).map(|(_, seed)| seed.as_str()).collect();
    seeds.push(&archive);
    let report = crawl(&web, &store, &seeds, &[]);
    let (trapped, requests) = (web.trapped(), web.requests());
    let wasted: u64 = trapped.values().sum();
    println!(
        "{wasted} of {requests} requests ({:.0} %) went into traps: {trapped:?}",
        100.0 * wasted as f64 / requests as f64
    );
    assert_eq!(report["stopped_because"], "finished", "{trapped:?}");
    assert_honest(&web, &store, &seeds);
    assert!(wasted * 100 < requests * WASTED_SHARE_MAX, "{wasted} of {requests}: {trapped:?}");
    for (trap, count) in trapped.iter().filter(|(trap, _)| **trap != Trap::Wildcard) {
        assert!(*count > 0 && *count <= WASTED_MAX, "{trap:?}: {count}");
    }
}

#[test]
fn subdomains_without_end_have_a_budget() {
    let web = start(1);
    let dir = tempfile::tempdir().expect("a folder can be made");
    let store = dir.path().join("store");
    let (_, seed) = web.trap_seeds().pop().expect("there are traps");
    let options = ["--scope", "domain", "--max-subdomains", "50"];
    let report = crawl(&web, &store, &[&seed], &options);
    assert_eq!(report["stopped_because"], "finished");
    assert_honest(&web, &store, &[&seed]);
    let hosts: std::collections::HashSet<String> = web.log().into_iter().map(|served| served.host).collect();
    assert!((10..=50).contains(&hosts.len()), "{}", hosts.len());
}

#[test]
fn without_session_ids_there_are_thirty_items() {
    let web = start(1);
    let dir = tempfile::tempdir().expect("a folder can be made");
    let store = dir.path().join("store");
    let seeds = web.trap_seeds();
    let (_, seed) = seeds.iter().find(|(trap, _)| *trap == Trap::Sessions).expect("there are sessions");
    crawl(&web, &store, &[seed], &["--drop-session-ids", "--exclude", "/shop/s/"]);
    assert_honest(&web, &store, &[seed]);
    // The shop, and the items of which no URL has its session in the path.
    assert_eq!(web.trapped()[&Trap::Sessions], 21);
}
