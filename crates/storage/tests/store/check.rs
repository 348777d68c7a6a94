//! What a look for damage finds, and that it changes nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use dragline_model::FailureKind;
use dragline_storage::{CheckOptions, Checkup, Finding, Severity, Store};

use crate::world::*;

fn check(dir: &Path) -> Checkup {
    let options = CheckOptions { payloads: true, ..CheckOptions::default() };
    let before = contents(dir);
    let checkup = Store::check(dir, &options, &mut |_| {}).unwrap();
    assert!(contents(dir) == before, "a check changed the store");
    checkup
}

/// Every file but the lock.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(contents(&entry.path())),
            false if entry.file_name() == "lock" => {}
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap())),
        }
    }
    found
}

fn some_pages(dir: &Path) {
    let store = Store::create_or_open(dir, options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/0")]).unwrap();
    for n in 0..12 {
        let url = format!("http://a/{n}");
        let next = format!("http://a/{}", n + 1);
        let visit = match n {
            4 => failure(n, &url, FailureKind::Dns),
            5 | 6 => page(n, &url, "the same twice ".repeat(20)),
            _ => page(n, &url, format!("{n} ").repeat(90)),
        };
        commit(&store, &mut writer, vec![visit.links(&[&next])]);
    }
    writer.sync().unwrap();
    store.tails().unwrap().put(b"http://a/12").unwrap();
    store.checkpoints().write(13, true, b"turns").unwrap();
}

fn worst(checkup: &Checkup) -> Vec<&Finding> {
    checkup.findings.iter().filter(|it| it.severity > Severity::Note).collect()
}

/// Flips a bit in the member that holds a text that is stored as it is, and gives what was found.
fn flipped(dir: &Path, name: &str, text: &[u8]) -> Checkup {
    let path = if name.is_empty() { segments(dir).remove(0) } else { dir.join(name) };
    let good = fs::read(&path).unwrap();
    let at = good.windows(text.len()).position(|window| window == text).unwrap();
    let mut bad = good.clone();
    bad[at] ^= 1;
    fs::write(&path, bad).unwrap();
    let checkup = check(dir);
    fs::write(&path, good).unwrap();
    checkup
}

#[test]
fn a_sound_store_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    some_pages(dir.path());
    let checkup = check(dir.path());
    assert!(checkup.is_sound() && checkup.notes == 0 && checkup.index_compared, "{checkup:?}");
    assert_eq!((checkup.segments, checkup.records, checkup.payloads, checkup.revisits), (1, 13, 10, 1));
    assert_eq!(
        (checkup.archive_bytes, checkup.bytes_read),
        (archive_bytes(dir.path()), archive_bytes(dir.path()))
    );

    // What a kill leaves is no damage.
    let killed = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(90, "http://a/90", "late")]);
    copy(dir.path(), killed.path());
    cut(killed.path(), archive_bytes(killed.path()) - 1);
    let checkup = check(killed.path());
    assert!(checkup.is_sound(), "{checkup:?}");
    assert!(checkup.findings.iter().any(|it| it.what.contains("not written to its end")), "{checkup:?}");
    copy(dir.path(), killed.path());
    let checkup = check(killed.path());
    assert!(checkup.is_sound(), "{checkup:?}");
    assert!(checkup.findings.iter().any(|it| it.what.contains("1 records behind")), "{checkup:?}");
}

#[test]
fn damage_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    some_pages(dir.path());
    // A record's JSON is stored as it is: the entry is lost to the archive, and the index still has it.
    let checkup = flipped(dir.path(), "", b"\"seq\":5,\"visit\":3");
    let [place, alone] = worst(&checkup)[..] else { panic!("{checkup:?}") };
    assert_eq!((place.severity, alone.severity), (Severity::Lost, Severity::Lost));
    assert!(place.file.ends_with("archive/dragline-00000.warc.gz") && place.offset > Some(0), "{place:?}");
    assert_eq!((alone.seq, alone.url.as_deref()), (Some(5), Some("http://a/3")));

    let checkup = flipped(dir.path(), "frontier/checkpoint", b"turns");
    let [derived] = worst(&checkup)[..] else { panic!("{checkup:?}") };
    assert!(derived.severity == Severity::Derived && derived.what.contains("damaged"), "{derived:?}");
    let checkup = flipped(dir.path(), "frontier/tail-0", b"http://a/12");
    assert!(worst(&checkup)[0].what.contains("the chunk at byte 0"), "{checkup:?}");
    let checkup = flipped(dir.path(), "meta.json", b"\"id\": \"");
    assert_eq!(checkup.derived, 1, "{checkup:?}");

    // The archive of one store with the index of another.
    let other = tempfile::tempdir().unwrap();
    some_pages(other.path());
    let longer = Store::open(other.path(), options()).unwrap();
    let mut writer = longer.writer().unwrap();
    commit(&longer, &mut writer, vec![page(50, "http://b/", "x")]);
    writer.sync().unwrap();
    drop((writer, longer));
    let ours = dir.path().join("index");
    fs::remove_dir_all(&ours).unwrap();
    copy(&other.path().join("index"), &ours);
    let checkup = check(dir.path());
    assert!(!checkup.is_sound());
    assert!(
        checkup.findings.iter().any(|it| it.what.contains("in the index and not in the archive")),
        "{checkup:?}"
    );
    Store::rebuild(dir.path(), options()).unwrap();
    assert!(check(dir.path()).is_sound());

    fs::remove_dir_all(&ours).unwrap();
    let checkup = check(dir.path());
    assert!(checkup.is_sound() && !checkup.index_compared, "{checkup:?}");
}
