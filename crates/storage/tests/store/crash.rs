//! Kills, torn ends, flipped bits, lost indexes.

use std::{collections::HashMap, fs, path::Path};

use dragline_model::FailureKind;
use dragline_storage::{Options, Recovery, Store, StoreError};
use proptest::prelude::*;

use crate::world::*;

/// A store of ten pages and a failure, and the archive's length after each.
fn ten_pages(dir: &Path) -> (Store, Vec<u64>) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/0")]).unwrap();
    let mut ends = vec![archive_bytes(dir)];
    for n in 0..10 {
        let next = format!("http://a/{}", n + 1);
        commit(
            &store,
            &mut writer,
            vec![page(n, &format!("http://a/{n}"), format!("{n}").repeat(80)).links(&[&next])],
        );
        ends.push(archive_bytes(dir));
    }
    commit(&store, &mut writer, vec![failure(10, "http://a/10", FailureKind::Closed)]);
    ends.push(archive_bytes(dir));
    (store, ends)
}

#[test]
fn a_kill_loses_nothing_that_was_committed() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, _) = ten_pages(dir.path());
    // Nothing was synced, nothing closed.
    copy(dir.path(), killed.path());
    let copied = Store::open(killed.path(), options()).unwrap();
    assert_eq!(answers(&copied), answers(&store));
    assert_eq!(pending_urls(&copied.writer().unwrap()), [("http://a/10".to_owned(), 1)]);
}

#[test]
fn a_torn_end_loses_the_last_group_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let early = tempfile::tempdir().unwrap();
    {
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        drop(store.writer().unwrap());
    }
    // An index that knows of nothing yet, as after a kill within the first half second.
    copy(dir.path(), early.path());
    let (store, ends) = ten_pages(dir.path());
    drop(store);
    let length = *ends.last().unwrap();
    let near_ends = ends.iter().flat_map(|end| [end - 1, *end, end + 1]);
    let mut cuts: Vec<u64> = near_ends.chain((0..length).step_by(97)).filter(|cut| *cut <= length).collect();
    cuts.sort_unstable();
    cuts.dedup();
    for at in cuts {
        let killed = tempfile::tempdir().unwrap();
        copy(early.path(), killed.path());
        copy(&dir.path().join("archive"), &killed.path().join("archive"));
        cut(killed.path(), at);
        let store = Store::open(killed.path(), options()).unwrap();
        let whole = ends.iter().filter(|end| **end <= at).count();
        assert_eq!(store.last_seq().unwrap(), whole as u64, "cut at {at}");
        let warcinfo_end = if whole == 0 { 0 } else { ends[whole - 1] };
        let recovery = store.recovered();
        assert!(recovery.bytes_cut <= at - warcinfo_end, "cut at {at}: {recovery:?}");
        assert_eq!(recovery.damaged_bytes, 0, "cut at {at}");

        let mut writer = store.writer().unwrap();
        let left = match whole {
            0 => None,
            12 => Some(("http://a/10".to_owned(), 1)),
            n => Some((format!("http://a/{}", n - 1), 0)),
        };
        assert_eq!(pending_urls(&writer), Vec::from_iter(left), "cut at {at}");
        // The store goes on as if nothing had been.
        commit(&store, &mut writer, vec![page(99, "http://b/", "more")]);
        drop(writer);
        let before = answers(&store);
        drop(store);
        assert_eq!(Store::rebuild(killed.path(), options()).unwrap().bytes_cut, 0);
        assert_eq!(answers(&Store::open(killed.path(), options()).unwrap()), before);
    }
}

#[test]
fn an_index_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = ten_pages(dir.path());
    let before = answers(&store);
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(answers(&store), before);
    assert_eq!(store.recovered().records, 12);
    drop(store);

    // A database that is garbage is to sled one that has not begun.
    let db = dir.path().join("index/db");
    let garbage = vec![0xa5; fs::metadata(&db).unwrap().len() as usize];
    fs::write(&db, garbage).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(answers(&store), before);
    assert_eq!((store.recovered().records, store.recovered().index_moved), (12, None));
    drop(store);

    // A snapshot that is garbage it refuses.
    fs::write(dir.path().join("index/snap.0000000000000001"), [0xa5; 64]).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(answers(&store), before);
    let aside = store.recovered().index_moved.unwrap();
    assert_eq!(aside, dir.path().join("index.corrupt-1"));
    assert!(aside.join("db").exists());
    assert_eq!(store.writer().unwrap().recovered().records, 12);
    assert!(store.writer().unwrap().recovered().is_clean());
}

#[test]
fn damage_in_the_middle_costs_what_it_hit() {
    let dir = tempfile::tempdir().unwrap();
    let (store, ends) = ten_pages(dir.path());
    let whole = records(&store);
    drop(store);
    let path = segments(dir.path()).remove(0);
    let good = fs::read(&path).unwrap();
    for at in (0..good.len()).step_by(131) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let recovery = Store::rebuild(dir.path(), options()).unwrap();
        let store = Store::open(dir.path(), options()).unwrap();
        let found = records(&store);
        assert!(found.iter().all(|r| whole.contains(r)), "flip at {at}");
        let lost = whole.len() - found.len();
        assert!(lost <= 1, "flip at {at} lost {lost}");
        for record in found.iter().filter(|r| r.status.is_some()) {
            match store.payload(record) {
                Ok(payload) => assert_eq!(payload.body, format!("{}", record.visit.0).repeat(80)),
                Err(error) => {
                    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
                    let end = ends[record.seq as usize - 1] as usize;
                    assert!(at < end && end - at < 2000, "flip at {at} cost the payload of {}", record.url);
                }
            }
        }
        let told = recovery.damaged_bytes + recovery.bytes_cut > 0;
        assert!(told || lost == 0, "flip at {at}: {recovery:?}");
        drop(store);
        fs::write(&path, &good).unwrap();
    }
}

#[test]
fn a_payload_is_never_taken_for_records() {
    // Somebody publishes an archive whose records are well-formed; it is stored as it is, and then damaged.
    let theirs = tempfile::tempdir().unwrap();
    drop(ten_pages(theirs.path()));
    let forged = fs::read(&segments(theirs.path())[0]).unwrap();
    let bait = [&forged[..], &forged, &forged, &forged].concat();
    assert!(bait.len() > 16 << 10, "large enough to be stored without compression");

    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let coded = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
    commit(&store, &mut writer, vec![page(1, "http://bait/", bait).head(200, coded)]);
    commit(&store, &mut writer, vec![page(2, "http://good/", "good")]);
    drop((writer, store));
    let path = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&path).unwrap();
    let marker = b"WARC-Target-URI: http://bait/";
    let at = bytes.windows(marker.len()).position(|w| w == marker).unwrap();
    bytes[at] ^= 1;
    fs::write(&path, &bytes).unwrap();

    let recovery = Store::rebuild(dir.path(), options()).unwrap();
    assert!(recovery.damaged_bytes > 16 << 10);
    let store = Store::open(dir.path(), options()).unwrap();
    let hosts: Vec<_> = records(&store).iter().map(|r| r.url.host().to_owned()).collect();
    assert_eq!(hosts, ["bait", "good"]);
}

/// What a store should say, from the commits alone.
#[derive(Default, Clone)]
struct Model {
    records: Vec<String>,
    /// In order of discovery.
    known: Vec<String>,
    /// The last outcome of a URL: attempts, settled.
    tried: HashMap<String, (u8, bool)>,
}

impl Model {
    fn see(&mut self, url: &str) {
        if !self.known.iter().any(|k| k == url) {
            self.known.push(url.to_owned());
        }
    }

    fn pending(&self) -> Vec<(String, u8)> {
        let state = |u: &String| self.tried.get(u).copied().unwrap_or((0, false));
        self.known
            .iter()
            .map(|u| (u.clone(), state(u)))
            .filter(|(_, s)| !s.1)
            .map(|(u, s)| (u, s.0))
            .collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// URL, links, whether it answers.
    Commit(Vec<(u8, Vec<u8>, bool)>),
    Admit(Vec<u8>),
    Sync,
    /// The writer dies and another takes over.
    NewWriter,
    /// The process dies; so many thousandths of what was appended since the last sync reach the disk.
    Kill(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let visit = (0u8..12, prop::collection::vec(0u8..24, 0..4), any::<bool>());
    let step = prop_oneof![
        6 => prop::collection::vec(visit, 1..4).prop_map(Step::Commit),
        1 => prop::collection::vec(0u8..24, 1..4).prop_map(Step::Admit),
        1 => Just(Step::Sync),
        1 => Just(Step::NewWriter),
        2 => (0u64..=1000).prop_map(Step::Kill),
    ];
    prop::collection::vec(step, 1..14)
}

fn address(n: u8) -> String {
    format!("http://h{}/{n}", n % 3)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_store_is_always_a_prefix_of_what_was_committed(steps in steps()) {
        let small = Options { segment_bytes: 6000, ..options() };
        let mut dir = tempfile::tempdir().unwrap();
        let mut store = Store::create_or_open(dir.path(), small.clone()).unwrap();
        let mut writer = store.writer().unwrap();
        let mut visit = 0;
        // After each entry of the log: what the store should say.
        let mut log = vec![Model::default()];
        let mut synced = 0;
        for step in steps {
            match step {
                Step::Commit(visits) => {
                    let mut batch = Vec::new();
                    for (n, links, answers) in visits {
                        visit += 1;
                        let mut model = log.last().unwrap().clone();
                        let (url, links) = (address(n), links.into_iter().map(address).collect::<Vec<_>>());
                        model.see(&url);
                        links.iter().for_each(|l| model.see(l));
                        let attempts = model.tried.get(&url).map_or(0, |t| t.0).min(8) + 1;
                        model.tried.insert(url.clone(), (attempts, answers || attempts >= 3));
                        model.records.push(format!("{visit} {url} {answers}"));
                        log.push(model);
                        let to: Vec<_> = links.iter().map(String::as_str).collect();
                        let visited = if answers { page(visit, &url, url.repeat(9)) } else { failure(visit, &url, FailureKind::Dns) };
                        batch.push(visited.links(&to).attempt(attempts));
                    }
                    commit(&store, &mut writer, batch);
                }
                Step::Admit(seeds) => {
                    let mut model = log.last().unwrap().clone();
                    let seeds: Vec<_> = seeds.into_iter().map(|n| seed(&address(n))).collect();
                    seeds.iter().for_each(|s| model.see(s.url.as_str()));
                    if !writer.admit(&seeds).unwrap().is_empty() {
                        log.push(model);
                    }
                }
                Step::Sync => {
                    writer.sync().unwrap();
                    synced = log.len() - 1;
                }
                Step::NewWriter => {
                    drop(writer);
                    writer = store.writer().unwrap();
                }
                Step::Kill(share) => {
                    let next = tempfile::tempdir().unwrap();
                    copy(dir.path(), next.path());
                    drop((writer, store));
                    dir = next;
                    // Cuts only within the last segment, and only where the disk would not have it yet.
                    if share < 1000 && let Some(last) = segments(dir.path()).pop() {
                        let bytes = fs::metadata(&last).unwrap().len();
                        cut(dir.path(), bytes - bytes.min(900) * (1000 - share) / 1000);
                    }
                    let opened = Store::open(dir.path(), small.clone());
                    store = match opened {
                        Ok(store) => store,
                        Err(StoreError::Corrupt { .. }) => {
                            let _: Recovery = Store::rebuild(dir.path(), small.clone()).unwrap();
                            Store::open(dir.path(), small.clone()).unwrap()
                        }
                        Err(error) => panic!("{error}"),
                    };
                    writer = store.writer().unwrap();
                    let reached = store.last_seq().unwrap() as usize;
                    prop_assert!(reached < log.len());
                    prop_assert!(share < 1000 || reached == log.len() - 1);
                    log.truncate(reached + 1);
                    synced = synced.min(reached);
                }
            }
            let model = log.last().unwrap();
            let found: Vec<_> = records(&store).iter().map(|r| format!("{} {} {}", r.visit.0, r.url, r.status.is_some())).collect();
            prop_assert_eq!(&found, &model.records);
            prop_assert_eq!(pending_urls(&writer), model.pending());
            prop_assert_eq!(writer.known() as usize, model.known.len());
        }
        prop_assert!(synced < log.len());
    }
}
