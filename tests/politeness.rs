//! Manners, by the server's own log: what the program promised on its command line, held against every request that
//! arrived. `DRAGLINE_FULL=1` has a thousand hosts in place of a few.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod common;

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use common::outcomes;
use dragline::{
    Crawl, Report, Running,
    config::{ByteSize, Config},
};
use dragline_fakeweb::{Expect, Faults, Manners, Promise, Refusals, RobotsKinds, Web, WebSpec};

/// How many times as many hosts as in a quick run.
fn scale() -> usize {
    if std::env::var_os("DRAGLINE_FULL").is_some() { 20 } else { 1 }
}

/// The command of a crawl of a web that keeps a promise.
fn crawl(web: &Web, store: &Path, promise: &Promise, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command.arg("crawl").args(["-q", "--store"]).arg(store);
    let delay = format!("{}ms", promise.delay.as_millis());
    command.args(["--delay", &delay, "--per-host", &promise.per_host.to_string()]);
    for rule in web.resolve_rules() {
        command.args(["--resolve", &rule]);
    }
    for set in
        ["crawl.retry_wait=20ms", "crawl.back_off=100ms", "crawl.patience=4s", "fetch.head_timeout=400ms"]
    {
        command.args(["--set", set]);
    }
    command.args(more).args(web.seeds()).stdout(Stdio::null());
    command
}

/// Runs it to its end.
fn run(mut command: Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{status}");
}

/// Held by whoever measures: what one test does to the machine is not to be held against another.
static ALONE: Mutex<()> = Mutex::new(());

/// No request against the promise. The gaps are taken at a server that shares its processors with whatever else is
/// running: of a run with one against it, a second has the last word.
#[track_caller]
fn assert_kept(made: impl Fn() -> Manners) -> Manners {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let first = made();
    println!("{first}");
    if first.violations.is_empty() {
        return first;
    }
    let second = made();
    assert!(second.violations.is_empty(), "{first}\nand again:\n{second}");
    second
}

/// What a polite crawl finds is in the store, and nothing else of the web.
#[track_caller]
fn assert_found(web: &Web, store: &Path) {
    let found = outcomes(store);
    let mut wrong = Vec::new();
    for (url, expect) in web.truth(&web.seeds()) {
        let want = match expect {
            Expect::Status(status) | Expect::Redirect { status, .. } => Some(status.to_string()),
            Expect::Once(_) => Some("200".into()),
            Expect::Disallowed | Expect::Shut => None,
            other => panic!("the truth has something new: {other:?}"),
        };
        if found.get(&url) != want.as_ref() {
            wrong.push(format!("{url}: truth {want:?}, store {:?}", found.get(&url)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ, among them:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
}

/// A web that is polite to no one: it refuses, rests, hides its rules and changes its mind.
fn moody(hosts: usize) -> WebSpec {
    WebSpec {
        hosts,
        pages_per_host: 12,
        links_per_page: 6,
        page_bytes: 1_024,
        robots: 0.5,
        robots_kinds: RobotsKinds { unavailable: 0.02, hang: 0.02, ..RobotsKinds::mixed(0.04) },
        crawl_delay: Duration::from_millis(500),
        faults: Faults { private: 0.1, not_found: 0.1, redirect: 0.1, ..Faults::default() },
        refusals: Refusals {
            share: 0.04,
            strict: 0.1,
            silent: 0.3,
            interval: Duration::from_millis(200),
            ..Refusals::default()
        },
        ..WebSpec::default()
    }
}

#[test]
fn every_request_is_as_late_as_promised() {
    assert_kept(|| {
        let web = moody(50 * scale()).start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let promise = Promise { delay: Duration::from_millis(200), ..Promise::default() };
        run(crawl(&web, dir.path(), &promise, &[]));
        assert_found(&web, dir.path());
        web.manners(&promise)
    });
}

#[test]
fn hosts_behind_one_address_share_its_pace() {
    let manners = assert_kept(|| {
        let spec = WebSpec { addresses: 4, refusals: Refusals::default(), ..moody(24 * scale()) };
        let web = spec.start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let promise = Promise {
            delay: Duration::from_millis(100),
            ip_delay: Duration::from_millis(40),
            per_ip: 2,
            ..Promise::default()
        };
        run(crawl(&web, dir.path(), &promise, &["--ip-delay", "40ms", "--per-ip", "2"]));
        assert_found(&web, dir.path());
        web.manners(&promise)
    });
    assert_eq!(manners.addresses, 4);
}

/// Waits until the web has been asked so often, or the program has ended; true if it has not.
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
fn a_kill_is_no_excuse() {
    assert_kept(|| {
        let web = moody(30 * scale()).start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        // A program without optimisation, beside others on the same processors, may take as long to write an answer down.
        let forgets = Duration::from_millis(300);
        let mut promise = Promise { delay: Duration::from_millis(200), forgets, ..Promise::default() };
        loop {
            let mut child = crawl(&web, dir.path(), &promise, &[]).spawn().expect("the program starts");
            // At moments that drift.
            let kills = promise.kills.len() as u64;
            let next = web.requests() + (40 + 13 * (kills % 5)) * scale() as u64;
            if !until(&web, next, &mut child) {
                assert!(child.wait().unwrap().success());
                break;
            }
            promise.kills.push(Instant::now());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(promise.kills.len() >= 3, "it was killed {} times", promise.kills.len());
        assert_found(&web, dir.path());
        web.manners(&promise)
    });
}

/// F12: a program that stood still has no turns to make up for.
#[test]
fn standing_still_is_no_excuse() {
    assert_kept(|| {
        let web = moody(12 * scale()).start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let promise = Promise { delay: Duration::from_millis(200), ..Promise::default() };
        let mut child = crawl(&web, dir.path(), &promise, &[]).spawn().expect("the program starts");
        let signal = |name: &str, pid: u32| {
            let sent = Command::new("kill").args([name, &pid.to_string()]).status();
            assert!(sent.expect("kill(1) is there").success());
        };
        // Three times, each for ten turns and more.
        for stop in 1..=3 {
            if !until(&web, stop * 30 * scale() as u64, &mut child) {
                break;
            }
            signal("-STOP", child.id());
            let over = Instant::now() + 12 * promise.delay;
            while let Some(left) = over.checked_duration_since(Instant::now()) {
                std::thread::park_timeout(left);
            }
            signal("-CONT", child.id());
        }
        assert!(child.wait().unwrap().success());
        assert_found(&web, dir.path());
        web.manners(&promise)
    });
}

/// A crawl of a web in this process, which keeps a promise.
fn start(web: &Web, store: &Path, promise: &Promise, change: impl FnOnce(&mut Config)) -> Running {
    let mut config = Config { store: store.into(), resolve: web.resolve_rules(), ..Config::default() };
    config.crawl.delay = promise.delay.into();
    config.crawl.per_host = promise.per_host;
    config.crawl.retry_wait = Duration::from_millis(20).into();
    config.crawl.back_off = Duration::from_millis(100).into();
    config.crawl.patience = Duration::from_secs(4).into();
    config.crawl.fetchers = 1;
    config.fetch.head_timeout = Duration::from_millis(400).into();
    config.fetch.max_body = ByteSize::from_mib(1);
    change(&mut config);
    Crawl::new(web.seeds()).config(config).start().expect("the crawl begins")
}

/// A report of a crawl that came to its end.
#[track_caller]
fn assert_finished(report: &Report) {
    assert_eq!(report.stopped_because, "finished", "{report:?}");
}

/// Crawls of one process, each with a store of its own, are no less polite than one: by the server's log they might be
/// one.
#[test]
fn crawls_of_one_process_are_as_polite_as_one() {
    for crawls in [2, 3] {
        assert_kept(|| {
            let web = moody(12 * scale()).start().unwrap();
            let dirs: Vec<_> = (0..crawls).map(|_| tempfile::tempdir().unwrap()).collect();
            let promise = Promise { delay: Duration::from_millis(200), ..Promise::default() };
            let running: Vec<_> = dirs.iter().map(|dir| start(&web, dir.path(), &promise, |_| ())).collect();
            for (crawl, dir) in running.into_iter().zip(&dirs) {
                assert_finished(&crawl.wait());
                assert_found(&web, dir.path());
            }
            web.manners(&promise)
        });
    }
}

/// So they are where their hosts share addresses.
#[test]
fn crawls_of_one_process_share_addresses() {
    assert_kept(|| {
        let spec = WebSpec { addresses: 3, refusals: Refusals::default(), ..moody(9 * scale()) };
        let web = spec.start().unwrap();
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let ip_delay = Duration::from_millis(40);
        let promise =
            Promise { delay: Duration::from_millis(200), ip_delay, per_ip: 1, ..Promise::default() };
        let running = dirs.each_ref().map(|dir| {
            start(&web, dir.path(), &promise, |config| {
                config.crawl.ip_delay = Some(ip_delay.into());
                config.crawl.per_ip = Some(1);
            })
        });
        for (crawl, dir) in running.into_iter().zip(&dirs) {
            assert_finished(&crawl.wait());
            assert_found(&web, dir.path());
        }
        web.manners(&promise)
    });
}

/// One of two is given up with its requests under way, three times, and begun again: the other goes on as if nothing
/// had been, and no host is asked sooner for it.
#[test]
fn a_crawl_that_is_given_up_leaves_the_others_their_turns() {
    assert_kept(|| {
        let web = moody(12 * scale()).start().unwrap();
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let mut promise = Promise { delay: Duration::from_millis(200), ..Promise::default() };
        let stays = start(&web, dirs[0].path(), &promise, |_| ());
        for _ in 0..3 {
            let crawl = start(&web, dirs[1].path(), &promise, |config| {
                config.crawl.drain_limit = Duration::ZERO.into();
            });
            let enough = web.requests() + 40;
            while web.requests() < enough && !crawl.wait_timeout(Duration::from_millis(1)) {}
            // What was out may have been answered, with a rest that nobody has heard of.
            promise.kills.push(Instant::now());
            crawl.handle().drain();
            crawl.wait();
        }
        assert_finished(&start(&web, dirs[1].path(), &promise, |_| ()).wait());
        assert_finished(&stays.wait());
        for dir in &dirs {
            assert_found(&web, dir.path());
        }
        web.manners(&promise)
    });
}
