//! What a store refuses, and in which words.

use std::fs;

use dragline_storage::{Store, StoreError};

use crate::world::*;

#[test]
fn one_holder_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let text = Store::open(dir.path(), options()).unwrap_err().to_string();
    assert!(text.contains(&format!("pid {}: ", std::process::id())), "{text}");
    let clone = store.clone();
    drop(store);
    assert!(matches!(Store::rebuild(dir.path(), options()), Err(StoreError::Locked { .. })));
    drop(clone);
    Store::open(dir.path(), options()).unwrap();
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let writer = store.writer().unwrap();
    assert!(matches!(store.writer(), Err(StoreError::WriterOut { .. })));
    drop(writer);
    store.writer().unwrap();
}

#[test]
fn a_newer_format_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::create_or_open(dir.path(), options()).unwrap());
    fs::remove_file(dir.path().join("lock")).unwrap();
    fs::write(dir.path().join("meta.json"), r#"{"format": 3, "what": ["we", "do", "not", "know"]}"#).unwrap();
    let error = Store::create_or_open(dir.path(), options()).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 3, supported: 2, .. }), "{error}");
    assert!(!dir.path().join("lock").exists());
}

#[test]
fn only_an_empty_directory_becomes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photos");
    assert!(matches!(Store::open(&path, options()), Err(StoreError::NotAStore { .. })));
    assert!(!path.exists());
    fs::create_dir(&path).unwrap();
    fs::write(path.join("cat.jpg"), "meow").unwrap();
    let error = Store::create_or_open(&path, options()).unwrap_err();
    assert!(
        matches!(&error, StoreError::NotAStore { .. }) && error.to_string().contains("cat.jpg"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    for garbage in ["", "{}", "[1]", r#"{"format":1}"#, r#"{"format":1,"tool":"","created":"","id":"zz"}"#] {
        fs::write(path.join("meta.json"), garbage).unwrap();
        let error = Store::create_or_open(&path, options()).unwrap_err();
        assert!(matches!(error, StoreError::NotAStore { .. }), "{garbage}: {error}");
    }
    fs::remove_dir_all(&path).unwrap();
    fs::create_dir(&path).unwrap();
    Store::create_or_open(&path, options()).unwrap();
}

#[test]
fn what_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::create_or_open(file.join("store"), options()).unwrap_err();
    assert!(matches!(&error, StoreError::Io { action: "create", .. }), "{error}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    let store = dir.path().join("store");
    drop(Store::create_or_open(&store, options()).unwrap());
    fs::remove_file(store.join("lock")).unwrap();
    fs::create_dir(store.join("lock")).unwrap();
    let error = Store::open(&store, options()).unwrap_err();
    assert!(matches!(&error, StoreError::Io { .. }) && error.to_string().contains("lock"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_read_only_directory_is_an_error_in_words() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(dir.path().join("probe"), "").is_ok() {
        println!("skipped: this user may write anywhere");
        return;
    }
    let error = Store::create_or_open(dir.path(), options()).unwrap_err();
    assert!(matches!(&error, StoreError::Io { .. }) && error.to_string().contains("lock"), "{error}");
}

#[test]
fn an_archive_that_lost_something_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    for n in 0..3 {
        commit(&store, &mut writer, vec![page(n, &format!("http://a/{n}"), "x").links(&["http://b/"])]);
    }
    writer.sync().unwrap();
    drop((writer, store));
    cut(dir.path(), archive_bytes(dir.path()) - 1);
    let error = Store::open(dir.path(), options()).unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { .. }) && error.to_string().contains("dragline rebuild"),
        "{error}"
    );

    let recovery = Store::rebuild(dir.path(), options()).unwrap();
    assert_eq!(recovery.records, 2);
    assert!(recovery.bytes_cut > 0);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(records(&store).len(), 2);
    assert_eq!(pending_urls(&store.writer().unwrap()), [("http://b/".to_owned(), 0)]);
    drop(store);
    fs::remove_file(&segments(dir.path())[0]).unwrap();
    assert!(matches!(Store::open(dir.path(), options()), Err(StoreError::Corrupt { .. })));
}

/// What a run was told is there for its owner, and whole, whatever came of the run before.
#[test]
fn settings_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    assert_eq!(store.settings().unwrap(), None);
    store.writer().unwrap().admit(&[seed("http://a/")]).unwrap();
    store.keep_settings("{\"a\":1, \"b\":2}").unwrap();
    std::fs::write(dir.path().join("crawl.json.new"), "{\"a\":1, \"b\":2, \"c").unwrap();
    store.keep_settings("{}").unwrap();
    drop(store);
    Store::rebuild(dir.path(), options()).unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.settings().unwrap().as_deref(), Some("{}"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = std::fs::metadata(dir.path().join("crawl.json")).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_failure_has_no_payload() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![failure(1, "http://a/", dragline_model::FailureKind::Dns)]);
    let record = store.get(&url("http://a/")).unwrap().unwrap();
    assert!(matches!(store.payload(&record), Err(StoreError::NoPayload { seq: 1, .. })));
}
