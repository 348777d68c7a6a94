//! The store of a running crawl, asked with the same commands as one at rest.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]
#![cfg(unix)]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use dragline_fakeweb::{Web, WebSpec};
use serde_json::Value;

/// A crawl that takes a minute if nobody ends it.
fn slow_crawl(web: &Web, store: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_dragline"))
        .args(["crawl", "-q", "--delay", "20ms", "--resolve", &web.resolve_rule(), "--store"])
        .arg(store)
        .args(web.seeds())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts")
}

fn ask(store: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command.args(arguments).arg("--store").arg(store).output().expect("the program starts")
}

#[track_caller]
fn lines(store: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = ask(store, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("it is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn by_seq(lines: Vec<Value>) -> BTreeMap<u64, Value> {
    lines.into_iter().map(|line| (line["seq"].as_u64().expect("it has a number"), line)).collect()
}

#[test]
fn a_running_crawl_is_asked_like_a_store_at_rest() {
    let web = WebSpec { hosts: 2, pages_per_host: 3_000, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path();
    let mut crawl = slow_crawl(&web, store);
    while web.requests() < 60 {
        assert!(crawl.try_wait().unwrap().is_none(), "the crawl ended");
        std::thread::park_timeout(Duration::from_millis(1));
    }

    let running = by_seq(lines(store, &["query", "--jsonl", "--all"]));
    assert!(running.len() > 20, "{}", running.len());
    let seed = web.seeds()[0].clone();
    assert_eq!(lines(store, &["show", &seed, "--json"])[0]["status"], 200);
    let body = ask(store, &["show", &seed, "--body"]);
    assert!(body.status.success() && !body.stdout.is_empty());
    assert!(lines(store, &["stats", "--json"])[0]["responses"].as_u64() >= Some(running.len() as u64));
    let hosts = lines(store, &["stats", "--hosts", "--jsonl"]);
    assert_eq!(hosts.len(), 2, "{hosts:?}");
    assert_eq!(lines(store, &["explain", &seed, "--json"])[0]["url"], seed.as_str());

    // By the library too, from another process than the crawl's: every commit as it comes.
    let own = dragline::open(store).unwrap();
    let seen = own.last_seq().unwrap();
    assert!(own.pages().records().unwrap().all(|record| record.is_ok()));
    assert!(own.writer().is_err());
    drop(own);

    // What changes a store waits for the crawl's end.
    let refused = ask(store, &["rebuild"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use by"), "{refused:?}");

    assert!(crawl.try_wait().unwrap().is_none(), "the crawl ended while it was asked");
    let interrupted = Command::new("kill").args(["-INT", &crawl.id().to_string()]).status();
    assert!(interrupted.expect("there is a kill").success());
    assert_eq!(crawl.wait().unwrap().code(), Some(130));

    let rest = by_seq(lines(store, &["query", "--jsonl", "--all"]));
    assert!(rest.len() as u64 >= seen.saturating_sub(4), "{} of {seen}", rest.len());
    for (seq, line) in &running {
        assert_eq!(rest.get(seq), Some(line), "what was told while it ran is what is there");
    }
}
