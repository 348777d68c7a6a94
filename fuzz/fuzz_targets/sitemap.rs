//! Sitemaps, feeds and pages: any bytes are a document, bounds hold, and nothing is told twice.
#![no_main]

use std::collections::HashSet;

use dragline_extract::{ALTERNATES_MAX, Document, Head, Options, discover};
use dragline_model::CanonicalUrl;
use libfuzzer_sys::fuzz_target;

const TYPES: [Option<&str>; 6] = [
    None,
    Some("text/xml"),
    Some("application/xml; charset=utf-16"),
    Some("text/html"),
    Some("text/plain"),
    Some("application/octet-stream"),
];

// Flags, the bound on entries, a line with the value of a field, and the document.
fuzz_target!(|input: &[u8]| {
    let [flags, entries, rest @ ..] = input else { return };
    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (field, body) = rest.split_at(line);
    let field = String::from_utf8_lossy(field);
    let (entries, as_sitemap) = (usize::from(*entries), flags & 0x20 != 0);
    let Ok(url) = CanonicalUrl::parse("http://h.example/dir/a.xml.gz") else { return };
    let content_type = TYPES[usize::from(flags & 0x1f) % TYPES.len()];
    let document = Document { url: &url, content_type, body };
    let head = Head { links: &[&field], refresh: &[&field] };
    let options = Options {
        srcset: flags & 0x80 != 0,
        nofollow: flags & 0x40 != 0,
        as_sitemap,
        sitemap_entries_max: entries,
        sitemap_bytes: 1 << 16,
        ..Options::default()
    };
    let mut told = HashSet::new();
    let discovery = discover(
        &document,
        &head,
        &options,
        |_| false,
        |_, url, _| {
            assert!(told.insert(url.clone()), "{url} is told twice");
        },
    );
    assert_eq!(told.len(), discovery.summary.links);
    assert!(!discovery.kind.is_list() || told.len() <= entries.max(head_links(&field)));
    assert!(discovery.alternates.len() <= ALTERNATES_MAX);
    assert!(discovery.error.is_none_or(|error| !error.is_empty()));
});

/// No field has more links than this, and the head comes before the list.
fn head_links(field: &str) -> usize {
    field.matches('<').count() + 1
}
