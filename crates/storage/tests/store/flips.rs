//! Flipped bits, anywhere in a store: what is wrong is found or mended, and never served.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use dragline_model::FailureKind;
use dragline_storage::{CheckOptions, Options, Order, Record, Store, StoreError};

use crate::world::*;

/// A flip a round; more of them, and another seed, from the environment.
const FLIPS: &str = "DRAGLINE_FLIPS";
const SEED: &str = "DRAGLINE_SEED";
const FLIPS_DEFAULT: u64 = 60;
/// One in so many flips is looked for by a check, and mended by a rebuild.
const LOOKED_EVERY: u64 = 5;

/// Everything that a store is asked.
#[derive(Debug, Clone, PartialEq)]
struct Truth {
    records: BTreeMap<u64, Record>,
    bodies: HashMap<u64, Bytes>,
    by_url: Vec<u64>,
    pending: Vec<(String, u8)>,
    known: u64,
}

fn options() -> Options {
    Options { segment_bytes: 20_000, ..crate::world::options() }
}

/// Pages of many kinds, in several segments, with revisits, failures, links that wait, a checkpoint and a tail.
fn build(dir: &Path) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut tails = store.tails().unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://h0.example/0"), seed("http://h1.example/never")]).unwrap();
    for n in 0..120u64 {
        let url = format!("http://h{}.example/{n}", n % 7);
        let links = [format!("http://h{}.example/{}", (n + 1) % 7, n + 1), format!("http://x.example/{n}")];
        let links: Vec<_> = links.iter().map(String::as_str).collect();
        let visit = match n % 10 {
            3 => failure(n, &url, FailureKind::HeadTimeout),
            6 => page(n, &url, "the same on many pages ".repeat(40)),
            _ => page(n, &url, format!("<p>{n} {}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).repeat(30)),
        };
        commit(&store, &mut writer, vec![visit.links(&links)]);
        if n % 20 == 0 {
            writer.sync().unwrap();
            store.pages().limit(1).records().unwrap().for_each(drop);
        }
    }
    tails.put(b"http://h0.example/0 http://h1.example/1").unwrap();
    writer.sync().unwrap();
    store.checkpoints().write(store.last_seq().unwrap(), true, &b"turns ".repeat(300)).unwrap();
}

fn ask(store: &Store) -> Result<Truth, StoreError> {
    let mut records = BTreeMap::new();
    for record in store.pages().with_failures().with_robots().records()? {
        let record = record?;
        records.insert(record.seq, record);
    }
    let mut by_url = Vec::new();
    for record in store.pages().with_failures().with_robots().order(Order::Url).records()? {
        by_url.push(record?.seq);
    }
    let mut pending = Vec::new();
    let writer = store.writer()?;
    writer.pending(is_final, |p| pending.push((p.link.url.to_string(), p.attempts)))?;
    Ok(Truth { records, bodies: HashMap::new(), by_url, pending, known: writer.known() })
}

fn bodies(store: &Store, truth: &Truth) -> Result<HashMap<u64, Bytes>, StoreError> {
    let answered = truth.records.values().filter(|record| record.status.is_some());
    answered.map(|record| Ok((record.seq, store.payload(record)?.body))).collect()
}

fn files(dir: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => dirs.push(entry.path()),
                false if entry.file_name() == "lock" => {}
                false => found.push((entry.path(), entry.metadata().unwrap().len())),
            }
        }
    }
    found.sort();
    found
}

/// SplitMix64: the same flips for the same seed, everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % end
    }
}

#[test]
fn a_flipped_bit_is_never_served() {
    let flips = std::env::var(FLIPS).map_or(FLIPS_DEFAULT, |n| n.parse().unwrap());
    let seed = std::env::var(SEED).map_or_else(|_| u64::from(std::process::id()), |n| n.parse().unwrap());
    println!("{SEED}={seed} {FLIPS}={flips}");
    let whole = tempfile::tempdir().unwrap();
    build(whole.path());
    let truth = {
        let store = Store::open(whole.path(), options()).unwrap();
        let truth = ask(&store).unwrap();
        Truth { bodies: bodies(&store, &truth).unwrap(), ..truth }
    };
    let there = files(whole.path());
    let mut random = Random(seed);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for n in 0..flips {
        // Half of them anywhere, byte for byte; half in a file of each kind, however small.
        let (path, bytes) = if n % 2 == 0 {
            let mut at = random.below(there.iter().map(|(_, bytes)| bytes).sum());
            there.iter().find(|(_, bytes)| at.checked_sub(*bytes).map(|rest| at = rest).is_none()).unwrap()
        } else {
            &there[random.below(there.len() as u64) as usize]
        };
        let (byte, bit) = (random.below(*bytes), random.below(8));
        let name = path.strip_prefix(whole.path()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let mut damaged = fs::read(path).unwrap();
        damaged[byte as usize] ^= 1 << bit;
        fs::write(dir.path().join(name), damaged).unwrap();
        let kind = name.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        let what = format!("{} byte {byte} bit {bit}", name.display());
        let sound = (n % LOOKED_EVERY == 0).then(|| {
            let looked = Store::check(dir.path(), &CheckOptions::default(), &mut |_| {});
            looked.is_ok_and(|checkup| checkup.is_sound())
        });
        let outcome = outcome(dir.path(), &truth, &what);
        let is_served = outcome.starts_with("WRONG") || outcome.starts_with("MISSING");
        assert!(!is_served, "{SEED}={seed}: {outcome}");
        // Whatever shows in an answer shows in a check.
        assert!(
            outcome == "harmless" || sound != Some(true),
            "{SEED}={seed}: {what} is {outcome}, and not found"
        );
        if sound.is_some() && !outcome.contains("newer") {
            mended(dir.path(), &truth, &kind, &what);
        }
        let found = match sound {
            Some(true) => ", a check finds nothing",
            Some(false) => ", a check finds it",
            None => "",
        };
        *counts.entry(format!("{kind}: {outcome}{found}")).or_default() += 1;
    }
    println!("{counts:#?}");
}

/// A rebuild brings everything back that the archive has, and tells what it has not.
fn mended(dir: &Path, truth: &Truth, kind: &str, what: &str) {
    let recovery = Store::rebuild(dir, options()).unwrap();
    let store = Store::open(dir, options()).unwrap();
    let found = ask(&store).unwrap();
    if kind != "archive" {
        assert_eq!(found, Truth { bodies: HashMap::new(), ..truth.clone() }, "{what}");
        assert_eq!(bodies(&store, &found).unwrap(), truth.bodies, "{what}");
        return;
    }
    assert!(found.records.iter().all(|(seq, record)| truth.records.get(seq) == Some(record)), "{what}");
    let lost = truth.records.len() - found.records.len();
    assert!(lost <= 1, "{what}: {lost} records");
    assert!(lost == 0 || recovery.damaged_bytes + recovery.bytes_cut > 0, "{what}: {recovery:?}");
    for record in found.records.values().filter(|record| record.status.is_some()) {
        if let Ok(payload) = store.payload(record) {
            assert_eq!(payload.body, truth.bodies[&record.seq], "{what}");
        }
    }
}

/// What came of one flip.
fn outcome(dir: &Path, truth: &Truth, what: &str) -> String {
    let store = match Store::open(dir, options()) {
        Ok(store) => store,
        Err(error) => return format!("refused: {}", class(&error)),
    };
    let recovery = store.recovered();
    let found = match ask(&store) {
        Ok(found) => found,
        Err(error) => return format!("refused when asked: {}", class(&error)),
    };
    for (seq, record) in &found.records {
        if truth.records.get(seq) != Some(record) {
            return format!("WRONG record {seq} at {what}");
        }
    }
    let mut payloads_refused = 0;
    for record in found.records.values().filter(|record| record.status.is_some()) {
        match store.payload(record) {
            Ok(payload) if truth.bodies[&record.seq] == payload.body => {}
            Ok(_) => return format!("WRONG body of {} at {what}", record.seq),
            Err(_) => payloads_refused += 1,
        }
    }
    let told = !recovery.is_clean();
    let whole = found.records.len() == truth.records.len()
        && found.by_url == truth.by_url
        && found.pending == truth.pending
        && found.known == truth.known;
    match (whole, payloads_refused, told) {
        (true, 0, false) => "harmless".to_owned(),
        (true, 0, true) => "mended".to_owned(),
        (true, _, _) => "payload refused".to_owned(),
        (false, _, true) => "lost and told".to_owned(),
        (false, _, false) => format!(
            "MISSING at {what}: {} of {} records, {} of {} by url, {} of {} pending, {} of {} known",
            found.records.len(),
            truth.records.len(),
            found.by_url.len(),
            truth.by_url.len(),
            found.pending.len(),
            truth.pending.len(),
            found.known,
            truth.known
        ),
    }
}

fn class(error: &StoreError) -> &'static str {
    match error {
        StoreError::Corrupt { .. } => "damaged",
        StoreError::NotAStore { .. } => "no store",
        StoreError::NewerFormat { .. } => "newer",
        StoreError::IndexDown { .. } => "index down",
        StoreError::Io { .. } => "io",
        _ => "else",
    }
}
