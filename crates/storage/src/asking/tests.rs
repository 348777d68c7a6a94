//! Desk and caller against each other, over a map.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use bytes::Bytes;

use super::{
    caller::Caller,
    desk::{Archivist, Desk},
    socket,
};
use crate::{
    StoreError,
    index::{End, Page, Source, Span},
    schema::State,
};

const MARK: [u8; 8] = *b"a store!";

#[derive(Default)]
struct Map {
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    seq: Mutex<u64>,
    news: Condvar,
}

impl Source for Map {
    fn path(&self) -> &Path {
        Path::new("map")
    }

    fn row(&self, seq: u64) -> Result<Option<Bytes>, StoreError> {
        match seq {
            13 => Err(StoreError::IndexDown { path: "map".into(), what: "sled says no".to_owned() }),
            seq => Ok(self.keys.get(&[seq as u8][..]).cloned().map(Bytes::from)),
        }
    }

    fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError> {
        let found = self.keys.range(span.start.clone()..span.end.clone());
        let mut pairs: Vec<_> = found.map(|(k, v)| (k.as_slice().into(), v.as_slice().into())).collect();
        let more = pairs.len() > most;
        match end {
            End::Front => pairs.truncate(most),
            End::Back => drop(pairs.drain(..pairs.len().saturating_sub(most))),
        }
        Ok(Page { pairs, more })
    }

    fn state(&self) -> Result<State, StoreError> {
        Ok(State { last_seq: *self.seq.lock().unwrap(), ..State::default() })
    }

    fn settled(&self) -> Result<State, StoreError> {
        Ok(State { entries: 1, ..self.state()? })
    }

    fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError> {
        let last = self.seq.lock().unwrap();
        let (last, _) = self.news.wait_timeout_while(last, patience, |last| *last <= seq).unwrap();
        Ok(*last)
    }
}

fn map() -> Arc<Map> {
    let keys = (0..10u8).map(|n| (vec![n], vec![n; usize::from(n) * 1000])).collect();
    Arc::new(Map { keys, ..Map::default() })
}

fn desk(dir: &Path) -> Desk {
    desk_of(dir, map())
}

fn desk_of(dir: &Path, source: Arc<Map>) -> Desk {
    Desk::open(dir, Archivist { mark: MARK, source }).unwrap()
}

fn call(dir: &Path) -> Caller {
    Caller::call(dir, MARK).unwrap().unwrap()
}

#[test]
fn what_is_asked_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Caller::call(dir.path(), MARK).unwrap().is_none(), "nobody is there");
    let open = desk(dir.path());
    let caller = call(dir.path());
    assert_eq!(caller.settled().unwrap().entries, 1);
    assert_eq!(caller.row(3).unwrap(), Some(vec![3; 3000].into()));
    assert_eq!(caller.row(0).unwrap(), Some(Bytes::new()));
    assert_eq!(caller.row(30).unwrap(), None);
    let error = caller.row(13).unwrap_err().to_string();
    assert!(error.contains("sled says no"), "{error}");
    // The line goes on after a refusal.
    let span = Span { start: vec![2], end: vec![7] };
    let page = caller.page(&span, End::Front, 2).unwrap();
    assert_eq!(page.pairs.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), [2, 3]);
    assert!(page.more);
    let page = caller.page(&span, End::Back, 3).unwrap();
    assert_eq!(page.pairs.iter().map(|(key, _)| key[0]).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(page.more);
    drop(caller);
    drop(open);
    assert!(Caller::call(dir.path(), MARK).unwrap().is_none());
}

#[test]
fn another_store_and_nonsense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _desk = desk(dir.path());
    let error = Caller::call(dir.path(), [0; 8]).unwrap_err().to_string();
    assert!(error.contains("another store"), "{error}");
    for nonsense in [&b"\x01\0\0\0S"[..], b"\x03\0\0\0xyz", b"\0\0\0\0"] {
        let mut line = socket::connect(dir.path()).unwrap();
        line.write_all(nonsense).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        assert_eq!(answer.get(4), Some(&1), "refused in words");
    }
    let mut line = socket::connect(dir.path()).unwrap();
    line.write_all(b"\xff\xff\xff\xff").unwrap();
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"", "hung up on");
    assert_eq!(call(dir.path()).state().unwrap(), State::default());
}

#[test]
fn news_wake_whoever_waits() {
    let dir = tempfile::tempdir().unwrap();
    let map = map();
    let _desk = desk_of(dir.path(), map.clone());
    let caller = call(dir.path());
    assert_eq!(caller.wait(0, Duration::ZERO).unwrap(), 0);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| caller.wait(6, Duration::from_secs(60)).unwrap());
        *map.seq.lock().unwrap() = 7;
        map.news.notify_all();
        assert_eq!(waits.join().unwrap(), 7);
    });
}

#[test]
fn a_desk_that_closes_hangs_up_and_the_next_one_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let open = desk(dir.path());
    let caller = call(dir.path());
    drop(open);
    let error = caller.row(1).unwrap_err().to_string();
    assert!(error.contains("ask again"), "{error}");
    // Left behind by a process that was killed.
    std::fs::write(dir.path().join("ask.sock"), "").unwrap();
    let _desk = desk(dir.path());
    assert_eq!(caller.row(1).unwrap(), Some(vec![1; 1000].into()));
}

#[test]
fn a_directory_with_a_long_name_has_a_desk_too() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    std::fs::create_dir_all(&deep).unwrap();
    let _desk = desk(&deep);
    assert_eq!(call(&deep).row(1).unwrap(), Some(vec![1; 1000].into()));
}

#[test]
fn only_so_many_are_answered_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let _desk = desk(dir.path());
    let mut callers: Vec<Caller> = Vec::new();
    let why = loop {
        match Caller::call(dir.path(), MARK) {
            Ok(caller) => callers.push(caller.unwrap()),
            Err(error) => break error.to_string(),
        }
        assert!(callers.len() < 100);
    };
    assert!(why.contains("others ask"), "{why}");
    assert_eq!(callers[0].row(1).unwrap(), Some(vec![1; 1000].into()));
}
