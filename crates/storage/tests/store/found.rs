//! Links that were found on pages when those were looked at again.

use dragline_model::{CanonicalUrl, Link};
use dragline_storage::{Replayed, Store, Writer};

use crate::world::*;

fn link(text: &str, depth: u16) -> Link {
    Link { depth, ..seed(text) }
}

/// What waits: URL, depth, and the page that it was found on.
fn waiting(writer: &Writer) -> Vec<(String, u16, Option<String>)> {
    let told = |it: dragline_storage::Pending| {
        (it.link.url.to_string(), it.link.depth, it.via.map(|via: CanonicalUrl| via.to_string()))
    };
    pending(writer).into_iter().map(told).collect()
}

#[test]
fn they_wait_like_links_of_their_pages() {
    let (dir, killed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::create_or_open(dir.path(), options()).unwrap();
    let mut writer = store.writer().unwrap();
    writer.admit(&[seed("http://a/")]).unwrap();
    commit(&store, &mut writer, vec![page(1, "http://a/", "x").links(&["http://a/old"])]);
    let page_of = |text: &str| url(text);
    let found = [
        (
            page_of("http://a/"),
            vec![link("http://a/old", 1), link("http://a/new", 3), link("http://a/new", 3)],
        ),
        (page_of("http://a/b"), vec![link("http://a/new", 9), link("http://a/newer", 4)]),
        (page_of("http://a/c"), vec![link("http://a/", 1)]),
    ];
    assert_eq!(writer.admit_found(&found).unwrap(), 2);
    assert_eq!(writer.admit_found(&found).unwrap(), 0);
    assert!(store.known_urls().unwrap().contains(link("http://a/newer", 0).fingerprint));
    assert_eq!(store.known_urls().unwrap().len(), writer.known());

    let want = [
        ("http://a/old".to_owned(), 1, Some("http://a/".to_owned())),
        ("http://a/new".to_owned(), 3, Some("http://a/".to_owned())),
        ("http://a/newer".to_owned(), 4, Some("http://a/b".to_owned())),
    ];
    assert_eq!(waiting(&writer), want);
    let mut told = Vec::new();
    store
        .replay(0, |it| {
            if let Replayed::Found { via, links } = it {
                told.extend(links.into_iter().map(|link| (via.to_string(), link.url.to_string())));
            }
        })
        .unwrap();
    let pair = |via: &str, url: &str| (via.to_owned(), url.to_owned());
    assert_eq!(told, [pair("http://a/", "http://a/new"), pair("http://a/b", "http://a/newer")]);
    assert_eq!(store.seeds(10).unwrap(), [url("http://a/")]);
    let named = store.named(&url("http://a/newer")).unwrap().unwrap();
    assert_eq!(named.page, Some(url("http://a/b")));

    // After a kill, and out of the archive alone.
    copy(dir.path(), killed.path());
    let again = Store::open(killed.path(), options()).unwrap();
    assert_eq!(waiting(&again.writer().unwrap()), want);
    drop(again);
    Store::rebuild(killed.path(), options()).unwrap();
    let again = Store::open(killed.path(), options()).unwrap();
    assert_eq!(waiting(&again.writer().unwrap()), want);
}
