//! Documents made to hurt: whatever the bytes are, there is an answer, in time linear in them.
//!
//! Nothing here is timed. The large documents are so large that anything quadratic would never come to its
//! end.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod oracle;

use dragline_extract::{Document, Limits, Summary, all_links, links};
use dragline_model::CanonicalUrl;
use proptest::prelude::*;

/// So many that anything quadratic shows; fewer where the compiler does not help.
const MANY: usize = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };

fn url() -> CanonicalUrl {
    CanonicalUrl::parse("http://h.example/").expect("a URL")
}

fn read(content_type: Option<&str>, body: &[u8], limits: &Limits) -> (Summary, Vec<CanonicalUrl>) {
    let url = url();
    let mut found = Vec::new();
    let summary =
        links(&Document { url: &url, content_type, body }, limits, |_| false, |_, url| found.push(url));
    (summary, found)
}

/// Reads all of it, with a link behind, and answers how many links there are.
fn count(body: &str) -> usize {
    let body = format!("{body}<a href=last>");
    let limits = Limits { bytes_max: usize::MAX, ..Limits::default() };
    read(Some("text/html;charset=utf-8"), body.as_bytes(), &limits).0.links
}

#[test]
fn very_many_of_everything() {
    for piece in [
        "<div>",
        "<b><i>",
        "</div>",
        "<svg>",
        "<svg><desc>",
        "<svg><g></x>",
        "<math><mi><p></mi>",
        "<a>",
        "<a href=x>",
        "<base href='http://['>",
        "<template>",
        "<!-->",
        "<script></script>",
        "<<",
        "< ",
        "</",
        "&",
        "<title>",
        "<style></styl",
        "<script><!--<script",
        "<!-- -",
        "<!-- >",
        "<![CDATA[",
        "<svg><![CDATA[ ]>",
        "<?",
        "<p ",
        "<p a",
        "<p =",
        "<p a='",
    ] {
        // As many as of a few: of both an even number, since quotes come in pairs.
        let few = format!("{}<a href=last>", piece.repeat(10));
        let want = oracle::links(&url(), &oracle::parse(&few).elements).len();
        assert_eq!(count(&piece.repeat(MANY)), want, "{piece}");
    }
}

#[test]
fn one_tag_with_very_many_of_everything() {
    for (open, piece) in [
        ("<a ", "x "),
        ("<p ", "x=y "),
        ("<p ", "x='y' "),
        ("<p ", "= "),
        ("<p ", "/= "),
        ("<p ", "      ="),
        ("<link ", "rel=x "),
        ("<meta ", "charset=x "),
        ("<a href='", "&amp;"),
        ("<a href='", "&#"),
        ("<a href='", "&CounterClockwiseContourIntegra"),
        ("<a href='", "../"),
        ("<a href='", "a/../"),
        ("<a href='", "\t"),
        ("<a href='http://", "a."),
        ("<svg ", "x=y "),
    ] {
        for close in ["", ">", "'>"] {
            let all = count(&format!("{open}{}{close}", piece.repeat(MANY)));
            assert!(all <= 2, "{open}{piece}{close}");
        }
    }
    let limits = Limits { bytes_max: usize::MAX, reference_bytes_max: usize::MAX, ..Limits::default() };
    for piece in ["../", "a/../", "&amp;", "\t", "%2e%2E/", "//", "\u{e9}"] {
        let body = format!("<a href='{}'>", piece.repeat(MANY));
        assert!(read(Some("text/html;charset=koi8-r"), body.as_bytes(), &limits).0.links <= 1, "{piece}");
    }
}

#[test]
fn a_hundred_megabytes_of_text() {
    let body = "lorem ipsum ".repeat(100 << 20 >> 3);
    assert_eq!(count(&body), 1);
}

#[test]
fn limits_cut_and_say_so() {
    let body: String = (0..100).map(|number| format!("<a href={number:02}>")).collect();
    let all = Limits::default();
    for (limits, links, cut) in [
        (all, 100, false),
        (Limits { links_max: 100, ..all }, 100, false),
        (Limits { links_max: 99, ..all }, 99, true),
        (Limits { links_max: 0, ..all }, 0, true),
        (Limits { bytes_max: 110, ..all }, 10, true),
        (Limits { bytes_max: 109, ..all }, 9, true),
        (Limits { bytes_max: 0, ..all }, 0, true),
        (Limits { reference_bytes_max: 1, ..all }, 0, false),
    ] {
        let (summary, found) = read(Some("text/html;charset=utf-8"), body.as_bytes(), &limits);
        assert_eq!((summary.links, summary.cut, found.len()), (links, cut, links), "{limits:?}");
    }
    // A link that was there before does not count against the limit.
    let twice = format!("{body}{body}");
    let limits = Limits { links_max: 100, ..all };
    assert!(!read(None, twice.as_bytes(), &limits).0.cut);
}

#[test]
fn every_encoding_is_survived() {
    let body: Vec<u8> = (0..=255).cycle().take(4096).chain(*b"<a href='x?\xff\x80y'>").collect();
    for label in [
        "utf-8",
        "utf-16le",
        "utf-16be",
        "iso-2022-jp",
        "shift_jis",
        "gb18030",
        "big5",
        "euc-kr",
        "replacement",
    ] {
        read(Some(&format!("text/html; charset={label}")), &body, &Limits::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_a_document(
        content_type in proptest::option::of("(text/html; ?)?(charset=)?\"?(utf-8|utf-16|gbk|shift_jis|iso-2022-jp|[ -~é]{0,9})\"?;?"),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (summary, found) = read(content_type.as_deref(), &body, &Limits::default());
        prop_assert_eq!(summary.links, found.len());
    }

    #[test]
    fn any_markup_may_end_anywhere(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<a href='", "x?\u{e9}&eacute", "'>", "<base href=", "<svg>", "<title>", "</title>", "<script>", "<!--", "-->", "<meta charset=",
            "gbk", "<?xml encoding='", "<![CDATA[", "]]>", "\u{1b}$B", "=", "\"", "&#x", "/", " ",
        ]), 0..30),
        cut in any::<proptest::sample::Index>(),
    ) {
        let body = pieces.concat().into_bytes();
        let end = cut.index(body.len() + 1);
        for content_type in [None, Some("text/html; charset=utf-8"), Some("text/html; charset=utf-16")] {
            read(content_type, &body[..end], &Limits::default());
        }
    }

    #[test]
    fn known_links_are_asked_for_once_and_not_handed_out(numbers in proptest::collection::vec(0..20_u32, 0..60)) {
        let body: String = numbers.iter().map(|number| format!("<a href=/{number}#{number}>")).collect();
        let url = url();
        let document = Document { url: &url, content_type: None, body: body.as_bytes() };
        let all = all_links(&document, &Limits::default());
        let (mut asked, mut found) = (Vec::new(), Vec::new());
        let summary = links(
            &document,
            &Limits::default(),
            |fingerprint| {
                asked.push(fingerprint);
                asked.len() % 2 == 0
            },
            |fingerprint, url| found.push((fingerprint, url)),
        );
        prop_assert_eq!(summary.links, all.len());
        let fingerprints: Vec<_> = all.iter().map(dragline_model::Fingerprint::of).collect();
        prop_assert_eq!(asked, fingerprints.clone());
        let want: Vec<_> = fingerprints.into_iter().zip(all).step_by(2).collect();
        prop_assert_eq!(found, want);
    }
}
