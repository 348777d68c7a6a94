//! Sitemaps, feeds, JSON and heads made to hurt: there is an answer, nothing is expanded or fetched, in time and
//! memory linear in the bytes.
//!
//! Nothing here is timed. The large documents are so large that anything quadratic would never come to its end.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::io::Write as _;

use dragline_extract::{
    Discovery, Document, FollowJson, Head, JsonPointers, Kind, Limits, Options, discover,
};
use dragline_model::CanonicalUrl;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

/// So many that anything quadratic shows; fewer where the compiler does not help.
const MANY: usize = if cfg!(debug_assertions) { 30_000 } else { 1_000_000 };

const XML: Option<&str> = Some("text/xml");
const JSON: Option<&str> = Some("application/json");

fn read_from(
    url: &str,
    content_type: Option<&str>,
    body: &[u8],
    options: &Options,
) -> (Discovery, Vec<String>) {
    let url = CanonicalUrl::parse(url).unwrap();
    let mut found = Vec::new();
    let document = Document { url: &url, content_type, body };
    let discovery =
        discover(&document, &Head::default(), options, |_| false, |_, url, _| found.push(url.to_string()));
    (discovery, found)
}

fn read(content_type: Option<&str>, body: &[u8], options: &Options) -> (Discovery, Vec<String>) {
    read_from("http://h.example/", content_type, body, options)
}

fn as_sitemap() -> Options {
    Options { as_sitemap: true, ..Options::default() }
}

fn json() -> Options {
    Options { json: FollowJson::Everywhere, ..Options::default() }
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn sitemap(entries: usize) -> String {
    let entries: String =
        (0..entries).map(|n| format!("<url><loc>http://h.example/{n:06}</loc></url>")).collect();
    format!("<urlset>{entries}</urlset>")
}

#[test]
fn very_many_of_everything_in_xml() {
    for root in ["<urlset>", "<feed>"] {
        for piece in [
            "<url>",
            "</url>",
            "<loc>",
            "<url><loc>",
            "<url/>",
            "<item>",
            "<entry>",
            "<entry><link href='",
            "<item><link>",
            "<!--",
            "<!-->",
            "<![CDATA[",
            "<![CDATA[]]>",
            "<?x",
            "<?x?>",
            "<!DOCTYPE x>",
            "<!DOCTYPE [",
            "&",
            "&amp;",
            "&x;",
            "&#",
            "&#x110000;",
            "<",
            ">",
            "]]>",
            "<a:",
            "<a b='",
            "<a b='c' ",
            "\u{a0}",
            "x ",
            "<link rel=",
            "</",
            "<loc>x",
            "<sitemap>http://h.example/",
        ] {
            let body = format!("{root}{}", piece.repeat(MANY));
            let (discovery, found) = read(XML, body.as_bytes(), &Options::default());
            assert!(found.len() <= 1 && discovery.error.is_some(), "{root} {piece} {found:?}");
        }
    }
}

#[test]
fn one_tag_with_very_many_attributes() {
    for (open, piece, close) in [
        ("<urlset ", "a='b' ", "><url><loc>/x</loc></url></urlset>"),
        ("<urlset><url ", "a='b' ", "><loc>/x</loc></url></urlset>"),
        ("<urlset><url><xhtml:link rel='alternate' ", "href='/x' ", "/></url></urlset>"),
        ("<urlset><url><loc ", "xmlns:a='b' ", ">/x</loc></url></urlset>"),
        ("<feed ", "xml:base='/a/' ", "><entry><link href='/x'/></entry></feed>"),
        ("<feed><entry><link rel='alternate' ", "hrefx='n' ", " href='/x'/></entry></feed>"),
    ] {
        let body = format!("{open}{}{close}", piece.repeat(MANY));
        let (discovery, found) = read(XML, body.as_bytes(), &Options::default());
        assert_eq!((found, discovery.error), (vec!["http://h.example/x".to_owned()], None), "{open}");
    }
}

#[test]
fn one_very_long_text() {
    let long = "x".repeat(10 * MANY);
    for body in [
        format!("<urlset><url><loc>/{long}</loc></url><url><loc>/a</loc></url></urlset>"),
        format!("<urlset><url>http://{long}</url><url><loc>/a</loc></url></urlset>"),
        format!("<urlset><url><loc>/a</loc><lastmod>{long}</lastmod></url></urlset>"),
        format!("<rss><item><link>/{long}</link></item><item><link>/a</link></item></rss>"),
        format!("<feed><entry><link href='/{long}'/></entry><entry><link href='/a'/></entry></feed>"),
    ] {
        assert_eq!(read(XML, body.as_bytes(), &Options::default()).1, ["http://h.example/a"]);
    }
    let lines = format!("http://h.example/{long}\nhttp://h.example/a\n");
    assert_eq!(read(None, lines.as_bytes(), &as_sitemap()).1, ["http://h.example/a"]);
    let strings = format!("[\"/{long}\",\"/{}\",\"/a\"]", "\\u0041".repeat(MANY));
    assert_eq!(read(JSON, strings.as_bytes(), &json()).1, ["http://h.example/a"]);
}

#[test]
fn entities_are_neither_fetched_nor_expanded() {
    let mut laughs = "<!ENTITY a0 'http://h.example/ha'>".to_owned();
    for n in 1..30 {
        laughs +=
            &format!("<!ENTITY a{n} '&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};&a{0};'>", n - 1);
    }
    for (declared, want) in [
        (laughs.as_str(), &["http://h.example/x"][..]),
        ("<!ENTITY a29 SYSTEM 'file:///etc/passwd'>", &["http://h.example/x"]),
        ("<!ENTITY % p SYSTEM 'http://h.example/dtd'>%p;", &["http://h.example/x"]),
        ("<!ENTITY amp 'n'>", &["http://h.example/x"]),
    ] {
        let body = format!(
            "<?xml version='1.0'?><!DOCTYPE urlset [{declared}]><urlset><url><loc>&a29;</loc></url>\
             <url><loc>/x&a29;</loc></url><xi:include href='file:///etc/passwd'/></urlset>"
        );
        let (discovery, found) = read(XML, body.as_bytes(), &as_sitemap());
        assert_eq!(
            (found, discovery.error, discovery.kind),
            (want.iter().map(ToString::to_string).collect(), None, Kind::Sitemap)
        );
    }
}

#[test]
fn sitemaps_inside_gzip() {
    let packed = gzip(sitemap(3).as_bytes());
    let lines = gzip(b"http://h.example/1\n");
    for content_type in
        [None, Some("application/gzip"), Some("application/x-gzip"), Some("text/xml"), Some("text/html")]
    {
        let (discovery, found) = read(content_type, &packed, &as_sitemap());
        assert_eq!(
            (discovery.kind, found.len(), discovery.error),
            (Kind::Sitemap, 3, None),
            "{content_type:?}"
        );
        assert_eq!(read(content_type, &lines, &as_sitemap()).0.kind, Kind::TextSitemap);
        // Its name is enough, too.
        let named = read_from("http://h.example/a.xml.gz", content_type, &packed, &Options::default());
        assert_eq!((named.0.kind, named.1.len()), (Kind::Sitemap, 3), "{content_type:?}");
    }
    assert_eq!(read(Some("application/gzip"), &packed, &Options::default()).0.kind, Kind::Other);
    // What it holds before the damage is taken.
    let packed = gzip(sitemap(10_000).as_bytes());
    let (discovery, found) = read(None, &packed[..packed.len() / 2], &as_sitemap());
    assert!(found.len() > 1000 && found.len() < 10_000 && discovery.summary.cut);
    let error = discovery.error.unwrap();
    assert!(
        error.starts_with("what is inside gzip is cut after ")
            && error.ends_with("breaks off or is damaged)"),
        "{error}"
    );
}

#[test]
fn a_bomb_ends_at_its_bound() {
    let bomb = gzip(format!("<urlset><url><loc>/x</loc></url>{}", " ".repeat(8 << 20)).as_bytes());
    let options = Options { sitemap_bytes: 1 << 16, ..as_sitemap() };
    let (discovery, found) = read(None, &bomb, &options);
    assert_eq!((found.len(), discovery.summary.cut), (1, true));
    let error = discovery.error.unwrap();
    assert_eq!(
        error,
        "what is inside gzip is cut after 65536 bytes (it is larger than the limit for decoded bodies)"
    );
    // One inside of another is no sitemap.
    let (discovery, found) = read(None, &gzip(&bomb), &options);
    assert_eq!((found.len(), discovery.kind), (0, Kind::Other));
}

#[test]
fn bounds_cut_and_say_so() {
    let text = sitemap(100);
    let lines: String = (0..100).map(|n| format!("http://h.example/{n:06}\n")).collect();
    let strings: String = (0..100).map(|n| format!("\"/{n:02}\"\n")).collect();
    let all = as_sitemap();
    let bytes = |sitemap_bytes| Options { sitemap_bytes, ..all.clone() };
    let entries = |sitemap_entries_max| Options { sitemap_entries_max, ..all.clone() };
    for (body, options, links, cut) in [
        (&text, all.clone(), 100, false),
        (&text, entries(100), 100, false),
        (&text, entries(99), 99, true),
        (&text, entries(0), 0, true),
        (&text, bytes(text.len()), 100, false),
        (&text, bytes(text.len() / 2), 50, true),
        (&text, bytes(text.len() / 2 - 16), 49, true),
        (&lines, all.clone(), 100, false),
        (&lines, entries(10), 10, true),
        (&strings, Options { limits: Limits { links_max: 10, ..Limits::default() }, ..json() }, 10, true),
        (&strings, Options { limits: Limits { bytes_max: 12, ..Limits::default() }, ..json() }, 2, true),
        (
            &strings,
            Options { limits: Limits { reference_bytes_max: 2, ..Limits::default() }, ..json() },
            0,
            false,
        ),
    ] {
        let content_type = if options.as_sitemap { XML } else { JSON };
        let (discovery, found) = read(content_type, body.as_bytes(), &options);
        assert_eq!((found.len(), discovery.summary.cut, discovery.error), (links, cut, None), "{options:?}");
    }
    // The bounds of pages are not those of sitemaps.
    let options =
        Options { limits: Limits { links_max: 1, bytes_max: 1, ..Limits::default() }, ..Options::default() };
    assert_eq!(read(XML, text.as_bytes(), &options).1.len(), 100);
}

#[test]
fn very_many_of_everything_in_json() {
    let pointers = JsonPointers::parse(["/*/*/*", "/0/a", "/a/0"]).unwrap();
    for options in [json(), Options { json: FollowJson::Pointers(pointers), ..Options::default() }] {
        for piece in [
            "[",
            "{\"a\":",
            "]",
            "}",
            "\"",
            "\"/a",
            "\\",
            "\"\\\"",
            "\"/a\"",
            ",",
            ":",
            "1",
            "-",
            "tru",
            "null ",
            "\"/a\",",
            "{\"a\":[",
            "\n",
            "[\n",
            "\"\n",
            "{\"a\":\"/b\"}",
            "{\"a\":\"/b\"}\n",
            "{\"a\"\n",
            "\u{1e}",
            "\"\\u",
            "\0",
        ] {
            for content_type in [JSON, Some("application/x-ndjson")] {
                assert!(read(content_type, piece.repeat(MANY).as_bytes(), &options).1.len() <= 1, "{piece}");
            }
        }
    }
    let wide = format!("{{\"a\":[{}0]}}", "{\"b\":\"/x\"},".repeat(MANY));
    assert_eq!(read(JSON, wide.as_bytes(), &json()).1.len(), 1);
}

#[test]
fn very_many_of_everything_in_heads_and_facts() {
    let url = CanonicalUrl::parse("http://h.example/").unwrap();
    let document = Document { url: &url, content_type: Some("text/html"), body: b"" };
    for piece in [
        "<",
        ">",
        "<a>",
        "<a>;",
        "<a>; rel=next,",
        ",",
        ";",
        "\"",
        "<a>; a=\"",
        "<a>; a=\"\\",
        "<,",
        "<a>; rel=\"next ",
        "=",
        " ",
        "0",
        ";url=",
    ] {
        let value = piece.repeat(MANY);
        let head = Head { links: &[&value], refresh: &[&value, &format!("0; {value}")] };
        let discovery = discover(&document, &head, &Options::default(), |_| false, |_, _, _| {});
        assert!(discovery.summary.links <= 2, "{piece}");
    }
    let options = Options { srcset: true, nofollow: true, ..Options::default() };
    for piece in [
        "<link rel=canonical href=a>",
        "<link rel='alternate' hreflang=x href=a>",
        "<meta name=robots content=none>",
        "<meta http-equiv=refresh content='x'>",
        "<img srcset='a 1x, b 2x'>",
        "<a rel=nofollow href=x>",
        "<meta ",
        "<link ",
        "<img srcset='",
    ] {
        let (discovery, found) = read(Some("text/html"), piece.repeat(MANY).as_bytes(), &options);
        assert!(
            found.len() <= 2 && discovery.metas.len() <= 256 && discovery.alternates.len() <= 256,
            "{piece}"
        );
    }
    for piece in [",", "a,", "a ,", "a (", "a 1x,", "("] {
        let body = format!("<img srcset='{}'>", piece.repeat(MANY));
        let limits = Limits { reference_bytes_max: usize::MAX, bytes_max: usize::MAX, ..Limits::default() };
        let found = read(Some("text/html"), body.as_bytes(), &Options { limits, ..options.clone() }).1;
        assert!(found.len() <= 1, "{piece}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_bytes_are_a_document(
        content_type in proptest::option::of("(text/(xml|html|plain)|application/(json|x-ndjson|octet-stream|gzip))(; charset=(utf-16|gbk))?"),
        as_sitemap in any::<bool>(),
        body in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let options = Options { as_sitemap, srcset: true, nofollow: true, ..json() };
        let (discovery, found) = read(content_type.as_deref(), &body, &options);
        prop_assert_eq!(discovery.summary.links, found.len());
        read_from("http://h.example/x.xml.gz", None, &[b"\x1f\x8b\x08", &body[..]].concat(), &options);
    }

    #[test]
    fn any_markup_may_end_anywhere(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<urlset>", "</urlset>", "<sitemapindex>", "<url>", "</url>", "<loc>", "</loc>", "http://h.example/", "<sitemap>", "</sitemap>",
            "<rss>", "<feed>", "<item>", "<entry>", "</entry>", "<link>", "<link href='/x'/>", "</link>", "<guid>", "<![CDATA[", "]]>", "&amp;", "&x;",
            "<!DOCTYPE x [", "]>", "<?xml version='1.0' encoding='", "'?>", "<!--", "-->", "\u{feff}", "\u{e9}", "xml:base='", " ", "'", ">", "<lastmod>",
            "2004-12-23", "<priority>0.5", "<html>",
        ]), 0..30),
        cut in any::<proptest::sample::Index>(),
    ) {
        let body = pieces.concat().into_bytes();
        let end = cut.index(body.len() + 1);
        for options in [Options::default(), as_sitemap()] {
            let (discovery, found) = read(XML, &body[..end], &options);
            prop_assert_eq!(discovery.summary.links, found.len());
        }
    }

    /// However a sitemap is cut, what it lists is a beginning of what the whole lists.
    #[test]
    fn a_cut_sitemap_lists_a_beginning(cut in 0..2000_usize) {
        let body = sitemap(40);
        let whole = read(XML, body.as_bytes(), &Options::default()).1;
        let part = read(XML, &body.as_bytes()[..cut.min(body.len())], &Options::default()).1;
        prop_assert_eq!(&whole[..part.len()], &part);
    }
}
