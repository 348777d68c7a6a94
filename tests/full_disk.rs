//! A full disk (F5): the crawl waits for room, says so, and goes on by itself; nothing that was committed is lost.
//!
//! What no room is like is shown twice: by a fault at the commit, and by a real file system of a few megabytes where
//! this test may mount one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failure there is a failed test with a line number"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{assert_true, quick_config, quick_crawl};
use dragline::{Crawl, Running};
use dragline_actors::fault;
use dragline_fakeweb::{Web, WebSpec};

/// Faults are armed for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    fault::disarm();
    guard
}

fn web() -> Web {
    WebSpec { hosts: 3, pages_per_host: 100, page_bytes: 2_048, ..WebSpec::default() }.start().unwrap()
}

/// Waits until the crawl says that it waits; false if it ended before.
fn until_degraded(crawl: &Running) -> bool {
    while crawl.snapshot().degraded.is_none() {
        if crawl.wait_timeout(Duration::from_millis(1)) {
            return false;
        }
    }
    true
}

#[test]
fn a_full_disk_is_waited_for() {
    let _alone = alone();
    let (web, dir) = (web(), tempfile::tempdir().unwrap());
    // Twice, the second time for three tries.
    fault::arm(fault::STORAGE_FULL, &[5, 4, 0, 0]);
    let crawl = quick_crawl(&web, dir.path()).start().unwrap();
    assert!(until_degraded(&crawl));
    let degraded = crawl.snapshot().degraded;
    assert!(degraded.is_none_or(|why| why == "the disk is full"));
    let report = crawl.wait();
    assert_eq!(fault::disarm(), 0);
    assert_eq!((report.stopped_because.as_str(), report.pages), ("finished", 300));
    assert_eq!(report.requests, 300, "nothing is fetched twice over it");
    assert!(report.restarts.is_empty(), "{:?}", report.restarts);
    assert_true(&web, dir.path());
}

/// Full for more tries than anybody makes.
const FOR_EVER: [u64; 1_000] = [0; 1_000];

#[test]
fn who_wants_it_to_end_need_not_wait() {
    let _alone = alone();
    let (web, dir) = (web(), tempfile::tempdir().unwrap());
    fault::arm(fault::STORAGE_FULL, &FOR_EVER);
    let mut config = quick_config(&web, dir.path());
    config.crawl.drain_limit = Duration::from_secs(3_600).into();
    let crawl = Crawl::new(web.seeds()).config(config).start().unwrap();
    assert!(until_degraded(&crawl));
    crawl.drain();
    let report = crawl.wait();
    assert_eq!((report.stopped_because.as_str(), report.pages), ("interrupted", 0));
    fault::disarm();
    assert_eq!(quick_crawl(&web, dir.path()).run().unwrap().stopped_because, "finished");
    assert_true(&web, dir.path());
}

#[test]
fn patience_has_an_end() {
    let _alone = alone();
    let (web, dir) = (web(), tempfile::tempdir().unwrap());
    for patience in [Duration::ZERO, Duration::from_millis(250)] {
        fault::arm(fault::STORAGE_FULL, &FOR_EVER);
        let mut config = quick_config(&web, dir.path());
        config.crawl.disk_patience = patience.into();
        let report = Crawl::new(web.seeds()).config(config).run().unwrap();
        assert_eq!(report.stopped_because, "store");
        assert!(report.detail.is_some_and(|why| why.contains("no room to write")));
    }
    fault::disarm();
    assert_eq!(quick_crawl(&web, dir.path()).run().unwrap().stopped_because, "finished");
    assert_true(&web, dir.path());
}

/// A file system of so many mebibytes, until it is dropped.
struct Small(tempfile::TempDir);

impl Small {
    /// None where this process may not mount anything, which it says.
    fn mount(mebibytes: usize) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(Self(dir));
        }
        println!("skipped: a small file system cannot be mounted here (it takes root)");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the room there is; what does not fit is left out.
    fn fill(&self) {
        let _ = fs::write(self.path("ballast"), vec![1; 1 << 20]);
        let mut ballast =
            fs::OpenOptions::new().append(true).create(true).open(self.path("ballast")).unwrap();
        while std::io::Write::write_all(&mut ballast, &[1; 4096]).is_ok() {}
    }

    fn free(&self) {
        fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// A crawl of some megabytes.
fn large_web() -> Web {
    WebSpec { hosts: 3, pages_per_host: 300, page_bytes: 8_192, ..WebSpec::default() }.start().unwrap()
}

fn settled(store: &Path) -> usize {
    common::records(store).len()
}

#[test]
fn a_real_disk_fills_up_and_gets_room_again() {
    let _alone = alone();
    let Some(disk) = Small::mount(64) else { return };
    let (web, store) = (large_web(), disk.path("store"));
    let mut times_full = 0;
    let mut config = quick_config(&web, &store);
    config.crawl.per_host = 2;
    let crawl = Crawl::new(web.seeds()).config(config).start().unwrap();
    // Full in the middle of the crawl, three times, each for as long as it takes to be said.
    for pages in [30, 250, 500] {
        while crawl.snapshot().pages() < pages && !crawl.wait_timeout(Duration::from_millis(1)) {}
        disk.fill();
        if until_degraded(&crawl) {
            times_full += 1;
        }
        disk.free();
        while crawl.snapshot().degraded.is_some() && !crawl.wait_timeout(Duration::from_millis(1)) {}
    }
    let report = crawl.wait();
    assert_eq!((report.stopped_because.as_str(), report.queued), ("finished", 0), "{:?}", report.detail);
    assert!(times_full >= 2, "it was full {times_full} times");
    assert!(report.restarts.is_empty(), "{:?}", report.restarts);
    assert_true(&web, &store);
}

#[test]
fn an_end_on_a_full_disk_loses_nothing() {
    let _alone = alone();
    let Some(disk) = Small::mount(64) else { return };
    let (web, store) = (large_web(), disk.path("store"));
    let mut acknowledged = 0;
    for _ in 0..3 {
        let crawl = quick_crawl(&web, &store).start().unwrap();
        let enough = acknowledged + 100;
        while crawl.snapshot().counts.pages < enough && !crawl.wait_timeout(Duration::from_millis(1)) {}
        disk.fill();
        until_degraded(&crawl);
        crawl.drain();
        let report = crawl.wait();
        assert!(!matches!(report.stopped_because.as_str(), "store" | "gave_up"), "{:?}", report.detail);
        acknowledged = report.pages_in_store;
        disk.free();
        assert!(settled(&store) as u64 >= acknowledged, "{} of {acknowledged}", settled(&store));
    }
    assert_eq!(quick_crawl(&web, &store).run().unwrap().stopped_because, "finished");
    assert_true(&web, &store);
}
