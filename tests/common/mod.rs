//! What the tests at the front door share: a fast crawl of a fakeweb, and the store held against the truth.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use dragline::{
    Crawl,
    config::{Config, RobotsName},
    storage::Record,
};
use dragline_fakeweb::{Expect, Web};

/// Settings under which a hostile fakeweb is crawled in seconds.
pub fn quick_config(web: &Web, store: &Path) -> Config {
    let mut config = Config { store: store.into(), resolve: vec![web.resolve_rule()], ..Config::default() };
    config.crawl.delay = Duration::ZERO.into();
    config.crawl.per_host = 8;
    config.crawl.retry_wait = Duration::from_millis(20).into();
    config.crawl.back_off = Duration::from_millis(50).into();
    config.crawl.robots = RobotsName::Ignore;
    config.crawl.fetchers = 2;
    config.fetch.head_timeout = Duration::from_millis(400).into();
    config.fetch.idle_timeout = Duration::from_millis(400).into();
    config.fetch.total_timeout = Duration::from_secs(20).into();
    config.fetch.max_body = dragline::config::ByteSize::from_mib(8);
    config
}

/// The arguments that mean [`quick_config`] on the command line.
pub fn quick_args(web: &Web, store: &Path) -> Vec<String> {
    let mut args: Vec<String> =
        ["--delay", "0s", "--per-host", "8", "--robots", "ignore"].map(String::from).into();
    args.extend(["--resolve".into(), web.resolve_rule(), "--store".into(), store.display().to_string()]);
    for set in [
        "crawl.retry_wait=20ms",
        "crawl.back_off=50ms",
        "fetch.head_timeout=400ms",
        "fetch.idle_timeout=400ms",
        "fetch.max_body=8MiB",
    ] {
        args.extend(["--set".into(), set.into()]);
    }
    args
}

/// A crawl of a whole fakeweb under [`quick_config`].
pub fn quick_crawl(web: &Web, store: &Path) -> Crawl {
    Crawl::new(web.seeds()).config(quick_config(web, store))
}

/// Every URL of a store with its last outcome: a status, or the kind of a failure.
pub fn outcomes(store: &Path) -> BTreeMap<String, String> {
    records(store).into_iter().map(|record| (record.url.to_string(), outcome(&record))).collect()
}

/// The last record of every URL, failures included.
pub fn records(store: &Path) -> Vec<Record> {
    let store = dragline::open(store).expect("the store opens");
    let query = store.pages().with_failures().latest_only(true);
    query.records().expect("the index reads").map(|record| record.expect("the record reads")).collect()
}

fn outcome(record: &Record) -> String {
    match (record.status, &record.error) {
        (Some(status), _) if record.truncated.is_some() => format!("{status} truncated"),
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.kind.to_string(),
        (None, None) => "nothing".into(),
    }
}

/// What [`outcomes`] must be, by the web's own account.
pub fn truth(web: &Web) -> BTreeMap<String, String> {
    let outcome = |expect: &Expect| match expect {
        Expect::Status(status) | Expect::Redirect { status, .. } => status.to_string(),
        Expect::Once(_) | Expect::Disallowed => "200".into(),
        Expect::Endless => "200 truncated".into(),
        Expect::Failure(kind) => (*kind).to_owned(),
        other => panic!("the truth has something new: {other:?}"),
    };
    web.truth(&web.seeds()).iter().map(|(url, expect)| (url.clone(), outcome(expect))).collect()
}

/// Fails with the first differences between a store and the truth.
pub fn assert_true(web: &Web, store: &Path) {
    let (want, got) = (truth(web), outcomes(store));
    let differences: Vec<String> = want
        .keys()
        .chain(got.keys().filter(|url| !want.contains_key(*url)))
        .filter(|url| want.get(*url) != got.get(*url))
        .map(|url| format!("{url}: truth {:?}, store {:?}", want.get(url), got.get(url)))
        .take(10)
        .collect();
    assert!(
        differences.is_empty(),
        "{} differ from the truth, among them:\n{}",
        differences.len(),
        differences.join("\n")
    );
}
