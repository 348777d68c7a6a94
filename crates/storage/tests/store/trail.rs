//! How a URL came into a store, and where its records stand.

use std::{fs, io::Read as _};

use dragline_storage::{Named, Store};

use crate::world::*;

#[test]
fn a_url_is_named_by_the_page_that_had_it_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/"), seed("http://a/other")]).unwrap();
    // A query may have a backslash in it, which JSON spells with two.
    let odd = "http://a/odd?x=\\y'&z";
    let visits = vec![
        page(1, "http://a/", "one").links(&["http://a/1", "http://a/12", odd]),
        page(2, "http://a/other", "two").links(&["http://a/1", "http://a/2"]),
    ];
    commit(&store, &mut writer, visits);
    let named = |address: &str| store.named(&url(address)).unwrap();
    for (address, seq, by) in [
        ("http://a/", 1, None),
        ("http://a/1", 2, Some("http://a/")),
        ("http://a/12", 2, Some("http://a/")),
        (odd, 2, Some("http://a/")),
        ("http://a/2", 3, Some("http://a/other")),
    ] {
        let Named { seq: found, page, link } = named(address).unwrap();
        assert_eq!((found, page), (seq, by.map(url)), "{address}");
        assert_eq!((link.url, link.depth), (url(address), u16::from(by.is_some())));
    }
    assert_eq!(named("http://a/3"), None);

    writer.admit(&[seed("http://a/2"), seed("http://b/")]).unwrap();
    let seeds = ["http://a/", "http://a/other", "http://b/"].map(url);
    assert_eq!(store.seeds(10).unwrap(), seeds);
    assert_eq!(store.seeds(2).unwrap(), seeds[..2]);

    let mut waiting = Vec::new();
    let restored = store.pending(is_final, |it| waiting.push(it)).unwrap();
    assert_eq!(waiting, pending(&writer));
    assert_eq!((restored.pending, restored.pages, restored.last_seq), (5, 2, 4));
}

#[test]
fn a_record_is_where_it_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    commit(&store, &mut writer, vec![page(1, "http://a/", "one"), page(2, "http://a/2", "two")]);
    let place = store.place(2).unwrap().unwrap();
    assert_eq!(place.file, segments(dir.path())[0]);
    let archive = fs::read(&place.file).unwrap();
    assert_eq!(place.offset + place.bytes, archive.len() as u64);
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&archive[place.offset as usize..]).read_to_string(&mut text).unwrap();
    assert!(text.starts_with("WARC/1.1\r\nWARC-Type: response\r\n"));
    assert_eq!(text.matches("WARC-Target-URI: http://a/2\r\n").count(), 3);
    assert_eq!(store.place(3).unwrap(), None);
}
