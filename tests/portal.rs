//! A portal of open data, crawled by the links in its JSON as a site is by those of its pages.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod common;

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common::outcomes;
use dragline_fakeweb::{Portal, Promise, Web, WebSpec};

fn start() -> Web {
    let portal = Portal { items: 700, page_size: 20, xml_errors: 0.05, busy: 0.005 };
    WebSpec { hosts: 1, portal: Some(portal), ..WebSpec::default() }.start().expect("the web starts")
}

fn crawl(web: &Web, store: &Path, more: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command.arg("crawl").args(["-q", "--delay", "0s", "--per-host", "8", "--store"]).arg(store);
    // The rest that is asked for counts, not what a crawl thinks of by itself.
    command.args(["--resolve", &web.resolve_rule(), "--set", "crawl.back_off=100ms"]).args(more);
    let seed = web.portal_seed().expect("there is a portal");
    let status = command.arg(seed).stdout(Stdio::null()).status().expect("the program starts");
    assert!(status.success(), "{status}");
}

/// What a whole crawl finds: errors in XML say 200, and who was busy was asked again.
fn truth(web: &Web) -> BTreeMap<String, String> {
    let seed = web.portal_seed().expect("there is a portal");
    web.truth(&[seed]).into_keys().map(|url| (url, "200".to_owned())).collect()
}

#[test]
fn all_of_it_is_found_and_keys_come_back_byte_for_byte() {
    let web = start();
    let dir = tempfile::tempdir().expect("a folder can be made");
    crawl(&web, dir.path(), &["--follow", "json"]);
    assert_eq!(outcomes(dir.path()), truth(&web));
    // The server knows every URL that it was asked for.
    let strange: Vec<String> = web
        .log()
        .into_iter()
        .filter(|it| it.status == Some(404) && it.path != "/robots.txt")
        .map(|it| it.path)
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    // A busy portal was left alone for as long as it asked.
    let manners = web.manners(&Promise {
        delay: Duration::ZERO,
        per_host: 8,
        // Seven others are out when one of eight is refused.
        reacts: Duration::from_millis(250),
        ..Promise::default()
    });
    assert!(manners.violations.is_empty(), "{manners}");
    assert!(web.log().iter().any(|served| served.status == Some(429)));
}

#[test]
fn pointers_say_which_links_count() {
    let web = start();
    let dir = tempfile::tempdir().expect("a folder can be made");
    crawl(&web, dir.path(), &["--follow", "json=/links/next"]);
    let found = outcomes(dir.path());
    let lists: BTreeMap<_, _> =
        truth(&web).into_iter().filter(|(url, _)| url.contains("/api/list")).collect();
    assert_eq!(lists.len(), 35);
    assert_eq!(found, lists);
}

#[test]
fn without_it_json_has_no_links() {
    let web = start();
    let dir = tempfile::tempdir().expect("a folder can be made");
    crawl(&web, dir.path(), &[]);
    assert_eq!(outcomes(dir.path()).len(), 1);
}
