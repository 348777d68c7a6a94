//! What a frontier puts into a store and finds again: tails, checkpoints, and the commits behind them.

use std::{collections::BTreeSet, fs, path::Path};

use bytes::Bytes;
use dragline_model::{FailureKind, Link, Purpose, Receipt, RobotsAnswer, Validators};
use dragline_storage::{Checkpoint, ChunkId, Replayed, Store, StoreError, Tails};

use crate::world::*;

fn tail_files(dir: &Path) -> BTreeSet<String> {
    let names =
        fs::read_dir(dir.join("frontier")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("tail-")).collect()
}

fn names(numbers: &[u32]) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("tail-{number}")).collect()
}

/// A megabyte that tells which.
fn megabyte(n: u8) -> Vec<u8> {
    vec![n; 1 << 20]
}

#[test]
fn tails_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    let chunks: Vec<_> = (0..50u8).map(|n| vec![n; usize::from(n) * 37]).collect();
    let ids: Vec<_> = chunks.iter().map(|chunk| tails.put(chunk).unwrap()).collect();
    let check = |tails: &mut Tails| {
        for (id, chunk) in ids.iter().zip(&chunks).rev() {
            let kept = ChunkId::from_bits(id.bits());
            assert_eq!(&tails.take(kept).unwrap(), chunk);
        }
    };
    check(&mut tails);
    check(&mut tails);
    // As a kill leaves them: nothing was closed.
    let killed = tempfile::tempdir().unwrap();
    copy(dir.path(), killed.path());
    let store = Store::open(killed.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    let more = tails.put(b"more").unwrap();
    check(&mut tails);
    assert_eq!(tails.take(more).unwrap(), b"more");
    assert!(!ids.contains(&more));
}

#[test]
fn one_has_the_tails_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let tails = store.tails().unwrap();
    let error = store.tails().unwrap_err();
    assert!(matches!(error, StoreError::TailsOut { .. }), "{error}");
    drop(tails);
    store.tails().unwrap();
}

#[test]
fn a_segment_goes_with_its_last_live_chunk() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    // Fifteen to a segment, for each has a header.
    let ids: Vec<_> = (0..50).map(|n| tails.put(&megabyte(n)).unwrap()).collect();
    assert_eq!(tail_files(dir.path()), names(&[0, 1, 2, 3]));
    tails.retain(ids.iter().copied());
    assert_eq!(tail_files(dir.path()), names(&[0, 1, 2, 3]));
    tails.retain([ids[14], ids[31]].into_iter());
    assert_eq!(tail_files(dir.path()), names(&[0, 2, 3]), "the last one is being written to");
    assert_eq!(tails.take(ids[14]).unwrap(), megabyte(14));
    assert_eq!(tails.take(ids[31]).unwrap(), megabyte(31));
    let error = tails.take(ids[20]).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert_eq!(tails.take(ids[49]).unwrap(), megabyte(49));
    assert!(tails.put(&vec![0; 16 << 20]).is_err(), "too long for a segment");
    assert_eq!(tails.take(ids[49]).unwrap(), megabyte(49));
}

/// A chunk that an old checkpoint speaks of is gone, and never another one: not even where a process that needed
/// none of them died before it had any of its own.
#[test]
fn no_number_is_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let mut given = BTreeSet::new();
    for life in 0..8u8 {
        let store = Store::create_or_open(dir.path(), options()).unwrap();
        let mut tails = store.tails().unwrap();
        tails.retain(std::iter::empty());
        assert!(tail_files(dir.path()).len() <= 1);
        for _ in 0..(life % 2) * 3 {
            assert!(given.insert(tails.put(&[life]).unwrap()), "in life {life}");
        }
    }
    assert_eq!(given.len(), 12);
    let store = Store::open(dir.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    for (place, id) in given.into_iter().enumerate() {
        assert_eq!(tails.take(id).ok(), (place >= 9).then_some(vec![7]));
    }
}

#[test]
fn a_tail_is_whole_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    let chunks = [&b"http://a/1"[..], b"", b"http://b/2 http://b/3"];
    let ids = chunks.map(|chunk| tails.put(chunk).unwrap());
    let path = dir.path().join("frontier/tail-0");
    let good = fs::read(&path).unwrap();
    let mut check = |what: String| {
        let mut lost = 0;
        for (id, chunk) in ids.iter().zip(chunks) {
            match tails.take(*id) {
                Ok(found) => assert_eq!(found, chunk, "{what}"),
                Err(StoreError::Corrupt { .. }) => lost += 1,
                Err(error) => panic!("{what}: {error}"),
            }
        }
        lost
    };
    for cut in 0..good.len() {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(check(format!("cut at {cut}")) >= 1);
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &bad).unwrap();
        assert_eq!(check(format!("bit {bit}")), 1);
    }
    // Whole, but another segment's, and another store's.
    fs::write(dir.path().join("frontier/tail-7"), &good).unwrap();
    let moved = ChunkId::from_bits(7 << 32 | ids[0].bits());
    assert!(matches!(tails.take(moved), Err(StoreError::Corrupt { .. })));
    let other = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(other.path(), options()).unwrap();
    let mut tails = store.tails().unwrap();
    fs::write(other.path().join("frontier/tail-0"), &good).unwrap();
    assert!(matches!(tails.take(ids[0]), Err(StoreError::Corrupt { .. })));
}

/// A store of five pages.
fn five_pages(dir: &Path) -> Store {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    for n in 1..=5 {
        commit(&store, &mut writer, vec![page(n, &format!("http://a/{n}"), "text")]);
    }
    drop(writer);
    store
}

#[test]
fn a_checkpoint_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = five_pages(dir.path());
    let checkpoints = store.checkpoints();
    assert_eq!(checkpoints.read(), None);
    for (seq, clean, bytes) in
        [(0, false, vec![]), (3, true, megabyte(3)), (2, false, b"an older one".to_vec())]
    {
        checkpoints.write(seq, clean, &bytes).unwrap();
        assert_eq!(checkpoints.read(), Some(Checkpoint { seq, clean, bytes: bytes.clone() }));
        let killed = tempfile::tempdir().unwrap();
        copy(dir.path(), killed.path());
        fs::write(killed.path().join("frontier/checkpoint.new"), "the beginning of another").unwrap();
        let store = Store::open(killed.path(), options()).unwrap();
        assert_eq!(store.checkpoints().read(), Some(Checkpoint { seq, clean, bytes }));
        store.checkpoints().write(5, false, b"the next").unwrap();
        assert_eq!(store.checkpoints().read().unwrap().bytes, b"the next");
    }
    let error = checkpoints.write(6, false, b"of the future").unwrap_err();
    assert!(error.to_string().contains("record 6"), "{error}");
    assert_eq!(checkpoints.read().unwrap().bytes, b"an older one");
}

/// A frontier dies with a checkpoint on its way: it must not come after the one that its successor goes by.
#[test]
fn a_checkpoint_is_the_tails_holders_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let store = five_pages(dir.path());
    let first = store.tails().unwrap();
    let late = store.checkpoints();
    late.write(3, false, b"the first holder's").unwrap();
    drop(first);
    late.write(4, false, b"the first holder's last").unwrap();
    let _second = store.tails().unwrap();
    let checkpoints = store.checkpoints();
    assert_eq!(checkpoints.read().unwrap().bytes, b"the first holder's last");
    let error = late.write(5, false, b"too late").unwrap_err();
    assert!(matches!(error, StoreError::Superseded { .. }), "{error}");
    assert_eq!(checkpoints.read().unwrap().seq, 4);
    checkpoints.write(5, false, b"the second holder's").unwrap();
}

#[test]
fn a_checkpoint_is_whole_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = five_pages(dir.path());
    let checkpoints = store.checkpoints();
    checkpoints.write(4, true, b"hosts and turns").unwrap();
    let path = dir.path().join("frontier/checkpoint");
    let good = fs::read(&path).unwrap();
    let mut longer = good.clone();
    longer.push(0);
    let cuts = (0..good.len()).map(|cut| good[..cut].to_vec());
    let flips = (0..good.len() * 8).map(|bit| {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        bad
    });
    for bad in cuts.chain(flips).chain([longer]) {
        fs::write(&path, &bad).unwrap();
        assert_eq!(checkpoints.read(), None, "{bad:?}");
    }
    fs::write(&path, &good).unwrap();
    assert!(checkpoints.read().is_some());

    let other = tempfile::tempdir().unwrap();
    let theirs = five_pages(other.path());
    theirs.checkpoints().write(1, false, b"").unwrap();
    fs::write(other.path().join("frontier/checkpoint"), &good).unwrap();
    assert_eq!(theirs.checkpoints().read(), None, "another store's");
}

/// After a power cut the archive may be shorter, and then longer again with other records.
#[test]
fn a_checkpoint_goes_with_its_record() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(1, "http://a/", "text")]);
    writer.sync().unwrap();
    let early = tempfile::tempdir().unwrap();
    copy(dir.path(), early.path());
    commit(&store, &mut writer, vec![page(2, "http://b/", "text")]);
    store.checkpoints().write(2, false, b"b is done").unwrap();

    copy(&dir.path().join("frontier"), &early.path().join("frontier"));
    let store = Store::open(early.path(), options()).unwrap();
    assert_eq!(store.checkpoints().read(), None, "the record is not there");
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(3, "http://c/", "text")]);
    assert_eq!(store.checkpoints().read(), None, "another record is there");
    let mut settled = 0;
    store.replay(0, |_| settled += 1).unwrap();
    assert_eq!(settled, 2);
}

#[test]
fn a_rebuild_begins_with_an_empty_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = five_pages(dir.path());
    store.checkpoints().write(5, true, b"").unwrap();
    store.tails().unwrap().put(b"chunk").unwrap();
    drop(store);
    Store::rebuild(dir.path(), options()).unwrap();
    assert!(!dir.path().join("frontier").exists());
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.writer().unwrap().records_read(), 5);
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_look() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let store = five_pages(dir.path());
    store.writer().unwrap().sync().unwrap();
    store.checkpoints().write(5, true, b"").unwrap();
    store.tails().unwrap().put(b"chunk").unwrap();
    let frontier = dir.path().join("frontier");
    assert_eq!(fs::metadata(&frontier).unwrap().permissions().mode() & 0o777, 0o700);
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(frontier).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        files.insert(entry.file_name().into_string().unwrap());
    }
    assert_eq!(files.into_iter().collect::<Vec<_>>(), ["checkpoint", "known", "tail-0"]);
}

/// Everything behind a record, as it was told.
fn replayed(store: &Store, after: u64) -> (Vec<Link>, Vec<Receipt>) {
    let (mut seeds, mut receipts) = (Vec::new(), Vec::new());
    let each = |one| match one {
        Replayed::Seeds(links) | Replayed::Found { links, .. } => seeds.extend(links),
        Replayed::Settled(receipt) => receipts.push(receipt),
    };
    store.replay(after, each).unwrap();
    (seeds, receipts)
}

fn told(receipts: &[Receipt]) -> Vec<String> {
    receipts.iter().map(|receipt| format!("{receipt:?}")).collect()
}

#[test]
fn a_replay_tells_what_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    let seeds = writer.admit(&[seed("http://a/"), seed("http://b/")]).unwrap();
    let body = "the same on every page".repeat(9);
    let tagged = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\n";
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n";
    let copy = Validators {
        etag: Some("\"1\"".into()),
        last_modified: Some("Mon, 23 Nov 2026 00:00:00 GMT".into()),
        seq: 2,
    };
    let rules = RobotsAnswer {
        location: Some("/other.txt".into()),
        cache_control: Some("max-age=60".into()),
        body: Bytes::from_static(b"User-agent: *\r\nDisallow: /\xc3\xa4\n"),
    };
    let garbled = RobotsAnswer { body: Bytes::from_static(b"\xff\xfe\0Disallow"), ..RobotsAnswer::default() };
    let visits = vec![
        page(1, "http://a/", body.clone()).head(200, tagged).links(&[
            "http://a/x",
            "https://c/",
            "http://b/",
        ]),
        page(2, "http://a/x", body).via("http://a/").attempt(3).head(503, busy),
        failure(3, "https://c/", FailureKind::HeadTimeout).via("http://a/"),
        page(4, "http://a/", "").asked(Purpose::Page, Some(copy)),
        page(5, "http://a/robots.txt", "x").asked(Purpose::Robots, None).robots(rules),
        page(6, "http://b/robots.txt", "x").asked(Purpose::Robots, None).robots(garbled),
        page(7, "http://b/sitemap.xml", "x").asked(Purpose::Sitemap, None).links(&["http://b/y"]),
    ];
    let receipts: Vec<_> =
        visits.into_iter().flat_map(|visit| commit(&store, &mut writer, vec![visit])).collect();
    assert!(receipts[1].is_repeat && receipts[4].robots.is_some());

    let (found_seeds, found) = replayed(&store, 0);
    assert_eq!((found_seeds, told(&found)), (seeds, told(&receipts)));
    for after in 1..=8 {
        let (found_seeds, found) = replayed(&store, after);
        assert!(found_seeds.is_empty());
        assert_eq!(told(&found), told(&receipts[after as usize - 1..]), "after {after}");
    }
    assert!(replayed(&store, 99).1.is_empty());
}

/// What a replay cannot tell is absent, never wrong.
#[test]
fn a_long_robots_file_is_not_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    for (visit, bytes) in [(1, 64 << 10), (2, (64 << 10) + 1)] {
        let answer = RobotsAnswer { body: vec![b'#'; bytes].into(), ..RobotsAnswer::default() };
        let address = format!("http://h{visit}/robots.txt");
        let visit = page(visit, &address, "x").asked(Purpose::Robots, None).robots(answer);
        assert!(commit(&store, &mut writer, vec![visit])[0].robots.is_some());
    }
    let found: Vec<_> = replayed(&store, 0).1.iter().map(|receipt| receipt.robots.is_some()).collect();
    assert_eq!(found, [true, false]);
}

/// Records from before there were purposes, copies and facts.
#[test]
fn old_records_are_replayed() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/format-1");
    let dir = tempfile::tempdir().unwrap();
    copy(&fixture, dir.path());
    let store = Store::open(dir.path(), options()).unwrap();
    let (seeds, receipts) = replayed(&store, 0);
    assert_eq!(seeds, [seed("http://a.example/")]);
    assert_eq!(receipts.iter().map(|receipt| receipt.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert!(receipts.iter().all(|it| it.visit.purpose == Purpose::Page && it.visit.copy.is_none()));
    assert_eq!(receipts[0].new_links.len(), 2);
}
