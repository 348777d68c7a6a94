//! Actors die at every hop, and the crawl comes out exact.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{assert_true, quick_crawl, records};
use dragline::Report;
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
    WebSpec { hosts: 3, pages_per_host: 200, page_bytes: 2_048, ..WebSpec::default() }.start().unwrap()
}

/// Nine visits out at most: 600 pages then make 67 commits at the least, however many come together in one.
fn crawl(web: &Web, dir: &std::path::Path) -> dragline::Crawl {
    quick_crawl(web, dir).per_host(3)
}

/// Crawls the web with faults armed; none may be left over, and the store must be exact.
fn crawl_through(place: &'static str, gaps: &[u64]) -> Report {
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    fault::arm(place, gaps);
    let report = crawl(&web, dir.path()).run().unwrap();
    assert_eq!(fault::disarm(), 0, "all of the faults at {place} happened");
    assert_eq!(report.stopped_because, "finished", "{:?}", report.detail);
    assert_true(&web, dir.path());
    assert!(
        report.pages >= 600 && report.pages <= report.requests,
        "{} of {}",
        report.pages,
        report.requests
    );
    assert_eq!((report.queued, report.hosts), (0, 3));
    report
}

fn deaths(report: &Report, name: &str) -> u64 {
    report.restarts.iter().filter(|(actor, _)| actor.starts_with(name)).map(|(_, n)| n).sum()
}

#[test]
fn fetchers_die() {
    let _alone = alone();
    let report = crawl_through(fault::FETCHER_FETCH, &[5, 9, 20, 5]);
    assert_eq!(deaths(&report, "fetcher"), 4);
}

#[test]
fn storage_dies_before_a_commit() {
    let _alone = alone();
    let report = crawl_through(fault::STORAGE_BEFORE, &[3, 8, 0, 15]);
    assert_eq!(deaths(&report, "storage"), 4);
}

#[test]
fn storage_dies_after_a_commit_before_anybody_knows() {
    let _alone = alone();
    let report = crawl_through(fault::STORAGE_AFTER, &[3, 8, 0, 15]);
    assert_eq!(deaths(&report, "storage"), 4);
    assert_eq!((report.requests, report.pages), (600, 600), "fetchers offered again what they held");
}

#[test]
fn the_coordinator_dies() {
    let _alone = alone();
    let report = crawl_through(fault::COORDINATOR_SETTLE, &[4, 15]);
    assert_eq!(deaths(&report, "coordinator"), 2);
}

#[test]
fn the_figures_survive_the_coordinator_on_a_resumed_store() {
    let _alone = alone();
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    crawl(&web, dir.path()).max_pages(300).run().unwrap();
    fault::arm(fault::COORDINATOR_SETTLE, &[10]);
    let running = crawl(&web, dir.path()).start().unwrap();
    while !running.wait_timeout(Duration::from_millis(1)) {
        let snapshot = running.snapshot();
        assert!(snapshot.pages() <= 300, "{} pages of this run", snapshot.pages());
    }
    let report = running.wait();
    assert_eq!(fault::disarm(), 0);
    assert_eq!(
        (report.pages, report.pages_in_store, report.stopped_because.as_str()),
        (300, 600, "finished")
    );
    assert_true(&web, dir.path());
}

#[test]
fn visits_panic_and_are_tried_again() {
    let _alone = alone();
    let report = crawl_through(fault::VISIT_BEFORE, &[0, 7, 50, 50]);
    assert!(report.restarts.is_empty(), "a visit's panic is nobody else's: {:?}", report.restarts);
    assert_eq!(report.requests, 604);
}

#[test]
fn a_panic_after_the_offer_changes_nothing() {
    let _alone = alone();
    crawl_through(fault::VISIT_AFTER, &[0, 30, 60]);
}

#[test]
fn a_page_on_which_extraction_panics_is_kept() {
    let _alone = alone();
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    // Past the inner pages, so that no other page hangs on its links.
    fault::arm(fault::VISIT_EXTRACT, &[550]);
    let report = crawl(&web, dir.path()).run().unwrap();
    assert_eq!(fault::disarm(), 0);
    assert_eq!((report.stopped_because.as_str(), report.pages), ("finished", 600));
    let hurt: Vec<_> =
        records(dir.path()).into_iter().filter(|record| record.extract_error.is_some()).collect();
    assert_eq!(hurt.len(), 1);
    assert_eq!(hurt[0].status, Some(200));
    assert!(hurt[0].extract_error.as_deref().unwrap().contains("visit.extract"));
}

#[test]
fn everything_dies_at_once() {
    let _alone = alone();
    for place in [fault::STORAGE_BEFORE, fault::STORAGE_AFTER, fault::COORDINATOR_SETTLE] {
        fault::arm(place, &[12]);
    }
    fault::arm(fault::VISIT_BEFORE, &[5, 5, 5]);
    crawl_through(fault::FETCHER_FETCH, &[10, 10]);
}

#[test]
fn an_actor_that_cannot_live_ends_the_crawl_in_order() {
    let _alone = alone();
    let web = web();
    let dir = tempfile::tempdir().unwrap();
    fault::arm(fault::STORAGE_BEFORE, &[20, 0, 0, 0, 0, 0, 0, 0]);
    let running = crawl(&web, dir.path()).start().unwrap();
    assert!(running.wait_timeout(Duration::from_secs(60)), "it ends");
    let report = running.wait();
    fault::disarm();
    assert_eq!(report.stopped_because, "gave_up");
    let detail = report.detail.unwrap();
    assert!(detail.contains("storage died 6 times") && detail.contains("storage.before"), "{detail}");
    // What was committed is there, and the next run finishes it.
    let report = crawl(&web, dir.path()).run().unwrap();
    assert_eq!(report.stopped_because, "finished");
    assert_true(&web, dir.path());
}
