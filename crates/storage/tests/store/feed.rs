//! Following what is committed.

use std::{sync::mpsc, time::Duration};

use dragline_model::FailureKind;
use dragline_storage::{Feed, Store};

use crate::world::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

fn some(range: std::ops::Range<u64>) -> Vec<Visited> {
    range
        .map(|n| match n % 5 {
            0 => failure(n, &format!("http://a/{n}"), FailureKind::Dns),
            _ => page(n, &format!("http://a/{n}"), "text"),
        })
        .collect()
}

fn visits(feed: &mut Feed) -> Vec<u64> {
    feed.map(|record| record.unwrap().visit.0).collect()
}

#[test]
fn a_feed_has_every_visit_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let mut feed = store.since(0);
    assert!(feed.next().is_none() && !feed.wait(Duration::ZERO).unwrap());

    writer.admit(&[seed("http://a/")]).unwrap();
    assert!(feed.wait(Duration::ZERO).unwrap(), "seeds are a commit");
    assert!(feed.next().is_none() && feed.seq() == 1);

    commit(&store, &mut writer, some(0..7));
    assert_eq!(visits(&mut feed), (0..7).collect::<Vec<_>>());
    // Far behind, and then close.
    for n in (7..1007).step_by(100) {
        commit(&store, &mut writer, some(n..n + 100));
    }
    let mut first = visits_of(&mut feed, 500);
    commit(&store, &mut writer, some(1007..1017));
    let (place, mut other) = (feed.seq(), store.since(feed.seq()));
    let rest = visits(&mut feed);
    assert_eq!(visits(&mut other), rest, "another goes on from {place}");
    first.extend(rest);
    assert_eq!(first, (7..1017).collect::<Vec<_>>());
    assert_eq!(feed.seq(), store.last_seq().unwrap());
    assert!(!feed.wait(Duration::ZERO).unwrap());
}

fn visits_of(feed: &mut Feed, most: usize) -> Vec<u64> {
    feed.take(most).map(|record| record.unwrap().visit.0).collect()
}

#[test]
fn a_commit_wakes_whoever_waits() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let (tell, told) = mpsc::channel();
    let followers: Vec<_> = (0..3)
        .map(|_| {
            let (tell, mut feed) = (tell.clone(), store.since(0));
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                while seen.len() < 20 {
                    tell.send(()).unwrap();
                    assert!(feed.wait(LONG).unwrap());
                    seen.extend(visits(&mut feed));
                }
                seen
            })
        })
        .collect();
    for n in 0..20 {
        // At least one of them is about to wait, or waits.
        told.recv().unwrap();
        commit(&store, &mut writer, some(n..n + 1));
    }
    for follower in followers {
        assert_eq!(follower.join().unwrap(), (0..20).collect::<Vec<_>>());
    }
}
