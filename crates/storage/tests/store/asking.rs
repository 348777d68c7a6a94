//! A store that somebody has, read by somebody else.

use std::time::Duration;

use dragline_storage::{Order, Query, Record, Store, StoreError};

use crate::world::*;

fn all(query: Query) -> Vec<Record> {
    query.records().unwrap().map(|record| record.unwrap()).collect()
}

#[test]
fn who_asks_reads_what_the_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    assert!(
        matches!(Store::open_to_read(dir.path(), options()), Err(StoreError::Locked { .. })),
        "no desk yet"
    );
    let _desk = store.serve().unwrap();
    // More than a page of what is asked for first, and of what is asked for next.
    let address = |n: u64| format!("http://h{}.example/{n}", n % 7);
    let visits = (1..=700).map(|n| page(n, &address(n), format!("page {n}")).links(&["http://x.example/"]));
    commit(&store, &mut writer, visits.collect());

    let other = Store::open_to_read(dir.path(), options()).unwrap();
    for narrow in [
        (|q| q) as fn(Query) -> Query,
        |q| q.order(Order::Url),
        |q| q.host("h3.example"),
        |q| q.host("h3.example").order(Order::Url).limit(5),
        |q| q.from_seq(650),
        |q| q.from_seq(701),
        |q| q.latest_only(true),
    ] {
        assert_eq!(all(narrow(other.pages())), all(narrow(store.pages())));
    }
    for n in [1, 350, 700] {
        let url = url(&address(n));
        let record = other.get(&url).unwrap().unwrap();
        assert_eq!(Some(&record), store.get(&url).unwrap().as_ref());
        assert_eq!(other.payload(&record).unwrap(), store.payload(&record).unwrap());
        assert_eq!(other.history(&url).unwrap(), store.history(&url).unwrap());
    }
    assert_eq!(other.get(&url("http://nowhere.example/")).unwrap(), None);
    assert_eq!(other.facts().unwrap(), store.facts().unwrap());
    assert_eq!(other.stats().unwrap(), store.stats().unwrap());
    assert_eq!(
        other.named(&url("http://x.example/")).unwrap(),
        store.named(&url("http://x.example/")).unwrap()
    );

    // What is committed after the call is seen by the next question.
    commit(&store, &mut writer, vec![page(701, "http://late.example/", "late")]);
    assert_eq!(other.last_seq().unwrap(), store.last_seq().unwrap());
    assert!(other.get(&url("http://late.example/")).unwrap().is_some());
}

#[test]
fn who_asks_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let _desk = store.serve().unwrap();
    let other = Store::open_to_read(dir.path(), options()).unwrap();
    assert!(matches!(other.writer(), Err(StoreError::Locked { .. })));
    assert!(matches!(other.serve().map(drop), Err(StoreError::Locked { .. })));
    assert!(matches!(other.keep_settings("{}"), Err(StoreError::Locked { .. })));
    assert!(matches!(other.checkpoints().write(0, true, b""), Err(StoreError::Locked { .. })));
    assert!(matches!(other.tails().unwrap().put(b"x"), Err(StoreError::Locked { .. })));
    assert!(!dir.path().join("frontier").exists());
    assert_eq!(store.settings().unwrap(), None);
}

#[test]
fn once_the_owner_is_gone_the_store_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(1, "http://a.example/", "one")]);
    let desk = store.serve().unwrap();
    let other = Store::open_to_read(dir.path(), options()).unwrap();
    drop((desk, writer, store));
    assert!(matches!(other.get(&url("http://a.example/")), Err(StoreError::Unanswered { .. })));
    let own = Store::open_to_read(dir.path(), options()).unwrap();
    assert!(own.get(&url("http://a.example/")).unwrap().is_some());
    assert!(own.writer().is_ok());
}

#[test]
fn who_asks_is_told_of_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let _desk = store.serve().unwrap();
    let other = Store::open_to_read(dir.path(), options()).unwrap();
    let mut feed = other.since(0);
    assert!(feed.next().is_none());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| feed.wait(Duration::from_secs(100)).unwrap());
        // While one waits others are answered.
        assert_eq!(other.last_seq().unwrap(), 0);
        commit(&store, &mut writer, vec![page(1, "http://a.example/", "one")]);
        assert!(waits.join().unwrap());
    });
    let seqs: Vec<u64> = feed.by_ref().map(|record| record.unwrap().seq).collect();
    assert_eq!(seqs, [store.last_seq().unwrap()]);
    assert!(!feed.wait(Duration::ZERO).unwrap());
}
