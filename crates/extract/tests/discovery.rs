//! Discoveries in documents of every kind: which URLs, in which role, and which facts.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::time::Duration;

use dragline_extract::{
    ALTERNATES_MAX, Change, Discovery, Document, Entry, FollowJson, Head, JsonPointers, Kind, META_BYTES_MAX,
    Options, Role, discover,
};
use dragline_model::{CanonicalUrl, Fingerprint, Timestamp};

const HTML: Option<&str> = Some("text/html; charset=utf-8");
const XML: Option<&str> = Some("application/xml");

fn url() -> CanonicalUrl {
    CanonicalUrl::parse("http://h.example/dir/page").unwrap()
}

fn read(
    content_type: Option<&str>,
    head: &Head<'_>,
    body: &[u8],
    options: &Options,
) -> (Discovery, Vec<(String, Role)>) {
    let url = url();
    let mut found = Vec::new();
    let document = Document { url: &url, content_type, body };
    let discovery = discover(
        &document,
        head,
        options,
        |_| false,
        |fingerprint, url, role| {
            assert_eq!(fingerprint, Fingerprint::of(&url));
            found.push((url.to_string(), role));
        },
    );
    assert_eq!(discovery.summary.links, found.len());
    (discovery, found)
}

/// `role:URL` of each, without the origin of the document.
fn show(found: &[(String, Role)]) -> Vec<String> {
    let short = |url: &str| url.strip_prefix("http://h.example").unwrap_or(url).to_owned();
    found.iter().map(|(url, role)| format!("{}:{}", role.as_str(), short(url))).collect()
}

fn discovered(content_type: Option<&str>, body: &[u8], options: &Options) -> (Discovery, Vec<String>) {
    let (discovery, found) = read(content_type, &Head::default(), body, options);
    let shown = show(&found);
    (discovery, shown)
}

fn as_sitemap() -> Options {
    Options { as_sitemap: true, ..Options::default() }
}

#[test]
fn a_page_and_its_head() {
    let page = "<base href=/b/><link rel=canonical href=c><link rel='alternate' hreflang=de href=de><link rel=prev href=p>\
        <link rel=alternate type='Application/RSS+XML; x' href=f><link rel=feed href=f2><link rel=sitemap href=s>\
        <link rel='alternate stylesheet' href=n><link rel=next href=2><a href=1>.<area href=c><iframe src=3></iframe>\
        <meta http-equiv=refresh content='3; URL=r'><img srcset='i 2x'>";
    let head = Head {
        links: &[
            "</n>; rel=next, </l>; rel=last; title=\"a, b\"",
            "<x>; rel=canonical, <fr>; rel=alternate; hreflang=fr",
            "<i>; rel=preload",
        ],
        refresh: &["7"],
    };
    let (discovery, found) = read(HTML, &head, page.as_bytes(), &Options::default());
    assert_eq!(
        show(&found),
        [
            "next:/n",
            "header:/l",
            "next:/b/2",
            "link:/b/1",
            "link:/b/c",
            "frame:/b/3",
            "sitemap:/b/s",
            "previous:/b/p",
            "feed:/b/f",
            "feed:/b/f2",
            "alternate:/dir/fr",
            "alternate:/b/de",
            "canonical:/dir/x",
        ]
    );
    assert_eq!(discovery.kind, Kind::Html);
    // The head's comes first, though both are told of; relative to the document's own URL, not to its base.
    assert_eq!(discovery.canonical.unwrap().path(), "/dir/x");
    let alternates: Vec<_> =
        discovery.alternates.iter().map(|(what, url)| (what.as_str(), url.path())).collect();
    assert_eq!(alternates, [("fr", "/dir/fr"), ("de", "/b/de"), ("Application/RSS+XML; x", "/b/f")]);
    // The head's refresh is the one that counts, and it only loads the page again.
    let refresh = discovery.refresh.unwrap();
    assert_eq!((refresh.delay, refresh.url), (Duration::from_secs(7), None));
    assert_eq!(discovery.summary.base.unwrap().path(), "/b/");
}

#[test]
fn a_url_has_its_strongest_role() {
    let page = "<link rel=canonical href=x><link rel=alternate type=application/atom+xml href=y><a href=y><link rel=next href=y>\
        <link rel=canonical href=z>";
    let (discovery, found) = discovered(HTML, page.as_bytes(), &Options::default());
    assert_eq!(found, ["link:/dir/y", "canonical:/dir/x", "canonical:/dir/z"]);
    assert_eq!(discovery.canonical.unwrap().path(), "/dir/x");
}

#[test]
fn refreshes_lead_on() {
    for (head, page, want) in [
        (None, "<meta http-equiv=refresh content='0; url=/x'>", &["refresh:/x"][..]),
        (
            None,
            "<meta http-equiv=REFRESH content=\"0;URL='x?a=1&amp;b'\"><a href=y>",
            &["link:/dir/y", "refresh:/dir/x?a=1&b"],
        ),
        (None, "<meta http-equiv=refresh content='0'><meta http-equiv=refresh content='0; url=x'>", &[]),
        (
            None,
            "<meta http-equiv=refresh content=x><meta http-equiv=refresh content='0; url=x'>",
            &["refresh:/dir/x"],
        ),
        (None, "<meta http-equiv=refresh content='0; url=mailto:x'>", &[]),
        (
            None,
            "<script><meta http-equiv=refresh content='0; url=x'></script><!--<meta http-equiv=refresh content='0; url=x'>-->",
            &[],
        ),
        (None, "<noscript><meta http-equiv=refresh content='0; url=x'></noscript>", &["refresh:/dir/x"]),
        (Some("0; url=h"), "<meta http-equiv=refresh content='0; url=x'>", &["refresh:/dir/h"]),
    ] {
        let fields: Vec<&str> = head.into_iter().collect();
        let (_, found) =
            read(HTML, &Head { refresh: &fields, ..Head::default() }, page.as_bytes(), &Options::default());
        assert_eq!(show(&found), want, "{head:?} {page}");
    }
}

#[test]
fn links_with_an_anchor_are_of_something_else() {
    let head = Head {
        links: &[
            "<1>; rel=next; anchor=\"/other\", <2>; rel=next; anchor=\"#part\", <3>; rel=canonical; anchor=\"http://x/\"",
        ],
        ..Head::default()
    };
    let (discovery, found) = read(Some("image/png"), &head, b"\x89PNG", &Options::default());
    assert_eq!(show(&found), ["next:/dir/2"]);
    assert_eq!((discovery.kind, discovery.canonical, discovery.summary.charset), (Kind::Other, None, ""));
}

#[test]
fn metas_that_are_asked_for() {
    let long = "é".repeat(META_BYTES_MAX);
    let page = format!(
        "<meta name=robots content='noindex, nofollow'><meta name=' DragLine ' content=none><meta name=description content=n>\
         <meta content=all name=ROBOTS><meta name=robots><meta name=robots content='{long}'>"
    );
    let options = Options { meta_names: vec!["Dragline".into()], ..Options::default() };
    let (discovery, _) = discovered(HTML, page.as_bytes(), &options);
    let metas: Vec<_> =
        discovery.metas.iter().map(|(name, content)| (name.as_str(), content.as_str())).collect();
    assert_eq!(metas[..3], [("robots", "noindex, nofollow"), ("dragline", "none"), ("robots", "all")]);
    assert_eq!((metas.len(), metas[3].1.len()), (4, META_BYTES_MAX));
}

#[test]
fn options_of_a_page() {
    let page = b"<a rel=nofollow href=1><a rel='x ugc' href=2><a href=1><img srcset='a 1x, b 2x'><picture><source srcset=c></picture>";
    assert_eq!(discovered(HTML, page, &Options::default()).1, ["link:/dir/1", "link:/dir/2"]);
    let options = Options { srcset: true, nofollow: true, ..Options::default() };
    let (discovery, found) = discovered(HTML, page, &options);
    assert_eq!(found, ["link:/dir/1", "srcset:/dir/a", "srcset:/dir/b", "srcset:/dir/c"]);
    assert_eq!(discovery.nofollow, 2);
    let only_srcset = Options { srcset: true, ..Options::default() };
    assert_eq!(discovered(HTML, b"<a rel=nofollow href=1>", &only_srcset).1, ["link:/dir/1"]);
    let only_nofollow = Options { nofollow: true, ..Options::default() };
    assert_eq!(discovered(HTML, b"<img srcset=a><a href=1>", &only_nofollow).1, ["link:/dir/1"]);
}

#[test]
fn a_sitemap_in_every_dress() {
    let plain = "<?xml version='1.0'?>\n<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>http://h.example/1</loc></url>\
        <url><loc><![CDATA[http://h.example/2?a=1&b=2]]></loc></url><url><loc>\n http://h.example/\u{e4} </loc></url></urlset>";
    let want = ["sitemap_entry:/1", "sitemap_entry:/2?a=1&b=2", "sitemap_entry:/%C3%A4"];
    let prefixed = plain
        .replace("<url", "<s:url")
        .replace("</url", "</s:url")
        .replace("<loc", "<s:loc")
        .replace("</loc", "</s:loc");
    let other_namespace = plain.replace("www.sitemaps.org", "example.org");
    let no_namespace = plain.replace("xmlns", "x");
    let shouted = plain.replace("urlset", "URLSET").replace("loc>", "Loc>");
    for text in [plain, &prefixed, &other_namespace, &no_namespace, &shouted] {
        for mark in ["", "\u{feff}", "\n\t \n", "\u{feff}\r\n"] {
            let body = format!("{mark}{text}");
            for content_type in [
                "text/xml",
                "application/xml; charset=utf-8",
                "application/octet-stream",
                "application/rss+xml",
            ] {
                let (discovery, found) = discovered(Some(content_type), body.as_bytes(), &Options::default());
                assert_eq!(found, want, "{content_type} {body}");
                assert_eq!((discovery.kind, discovery.error), (Kind::Sitemap, None));
            }
            for content_type in
                [None, Some("text/html"), Some("text/plain"), Some("image/png"), Some("application/gzip")]
            {
                assert_eq!(
                    discovered(content_type, body.as_bytes(), &as_sitemap()).1,
                    want,
                    "{content_type:?} {body}"
                );
            }
        }
    }
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(plain.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    for options in [Options::default(), as_sitemap()] {
        let (discovery, found) = discovered(XML, &wide, &options);
        assert_eq!(found, want);
        assert_eq!(discovery.summary.charset, "UTF-16BE");
    }
    let latin = plain.replace("1.0'", "1.0' encoding='ISO-8859-1'");
    let latin: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    assert_eq!(discovered(XML, &latin, &Options::default()).1, want);
}

#[test]
fn what_a_sitemap_says_of_its_pages() {
    let body = "<urlset><url><loc>/1</loc><lastmod>2004-12-23T18:00:15+00:00</lastmod><changefreq> Weekly </changefreq><priority>0.8</priority></url>\
        <url><lastmod>2004-12-23</lastmod><loc>/2</loc><priority>7</priority><changefreq>often</changefreq></url>\
        <url><loc>/3</loc><image:image><image:loc>/no.jpg</image:loc></image:image><image:loc>/no</image:loc>\
        <video:video><video:content_loc>/no</video:content_loc><url>/no</url></video:video></url></urlset>";
    let (_, found) = read(XML, &Head::default(), body.as_bytes(), &Options::default());
    let entries: Vec<Entry> = found.iter().map(|(_, role)| role.entry()).collect();
    let first = Entry {
        modified: Some(Timestamp(1_103_824_815_000)),
        change: Some(Change::Weekly),
        priority: Some(80),
    };
    let second = Entry { modified: Some(Timestamp(1_103_760_000_000)), ..Entry::default() };
    assert_eq!(entries, [first, second, Entry::default()]);
    assert_eq!(show(&found), ["sitemap_entry:/1", "sitemap_entry:/2", "sitemap_entry:/3"]);
}

#[test]
fn forms_of_pages_in_a_sitemap_are_facts() {
    let body = "<urlset><url><loc>/en</loc><xhtml:link rel='alternate' hreflang='de' href='/de?a&amp;b'/>\
        <xhtml:link rel='alternate' hreflang='en' href='/en'/><xhtml:link rel='self' href='/no'/><xhtml:link rel='alternate'/></url></urlset>";
    let (discovery, found) = discovered(XML, body.as_bytes(), &Options::default());
    assert_eq!(found, ["sitemap_entry:/en", "alternate:/de?a&b"]);
    let alternates: Vec<_> =
        discovery.alternates.iter().map(|(what, url)| (what.as_str(), url.path_and_query())).collect();
    assert_eq!(alternates, [("de", "/de?a&b"), ("en", "/en")]);
    let many: String =
        (0..1000).map(|n| format!("<xhtml:link rel='alternate' hreflang='x' href='/{n}'/>")).collect();
    let body = format!("<urlset><url><loc>/en</loc>{many}</url></urlset>");
    assert_eq!(discovered(XML, body.as_bytes(), &Options::default()).0.alternates.len(), ALTERNATES_MAX);
}

#[test]
fn sitemaps_that_are_broken_every_day() {
    for (body, want, error) in [
        ("<urlset><url><loc>/1", &[][..], true),
        ("<urlset><url><loc>/1</lo", &["sitemap_entry:/1"], true),
        ("<urlset><url><loc>/1</loc>", &["sitemap_entry:/1"], true),
        (
            "<urlset><url><loc>/1</loc></url><url><loc>/2</loc><las",
            &["sitemap_entry:/1", "sitemap_entry:/2"],
            true,
        ),
        (
            "<urlset><url><loc>/1</loc></url></url><url><loc>/2</loc></url></urlset>",
            &["sitemap_entry:/1", "sitemap_entry:/2"],
            true,
        ),
        ("<urlset><url><loc>/1<url><loc>/2</loc></url></urlset>", &["sitemap_entry:/1/2"], true),
        (
            "<urlset><url><loc>/1</loc><url><loc>/2</loc></url></urlset>",
            &["sitemap_entry:/1", "sitemap_entry:/2"],
            true,
        ),
        ("<urlset><url><loc>/1?a=1&b=2</loc></url></urlset>", &["sitemap_entry:/1?a=1&b=2"], false),
        (
            "<urlset><url><loc>/1</loc><loc>/2</loc></url></urlset>",
            &["sitemap_entry:/1", "sitemap_entry:/2"],
            false,
        ),
        ("<urlset><url>http://h.example/1</url><url>text</url></urlset>", &["sitemap_entry:/1"], false),
        ("<urlset><url><loc><url>/1</url></loc></url></urlset>", &["sitemap_entry:/1"], false),
        ("<urlset><url><loc/></url><url><loc> </loc></url><url/></urlset>", &[], false),
        (
            "<urlset><url><loc>www.x.example/1</loc></url><url><loc>H.example/2</loc></url></urlset>",
            &["sitemap_entry:http://www.x.example/1", "sitemap_entry:/2"],
            false,
        ),
        (
            "<urlset><url><loc>ftp://h.example/1</loc></url><url><loc>http://[/</loc></url></urlset>",
            &[],
            false,
        ),
        ("<urlset><sitemap><loc>/s</loc></sitemap></urlset>", &["sitemap:/s"], false),
        ("<urlset></urlset>trailing <url><loc>/1</loc></url>", &["sitemap_entry:/1"], false),
    ] {
        let (discovery, found) = discovered(XML, body.as_bytes(), &Options::default());
        assert_eq!(found, want, "{body}");
        assert_eq!(discovery.error.is_some(), error, "{body} {:?}", discovery.error);
        assert_eq!(discovery.kind, Kind::Sitemap, "{body}");
    }
}

#[test]
fn lists_of_sitemaps() {
    let body = "<sitemapindex><sitemap><loc>/1.xml.gz</loc><lastmod>2005-01-01</lastmod></sitemap><sitemap><loc>/2</loc></sitemap></sitemapindex>";
    let (discovery, found) = read(XML, &Head::default(), body.as_bytes(), &Options::default());
    assert_eq!(discovery.kind, Kind::SitemapIndex);
    assert_eq!(show(&found), ["sitemap:/1.xml.gz", "sitemap:/2"]);
    assert_eq!(found[0].1.entry().modified, Some(Timestamp(1_104_537_600_000)));
}

#[test]
fn sitemaps_that_are_lines() {
    let body = b"\xef\xbb\xbfhttp://h.example/1\r\n\r\n# a comment\n  HTTPS://h.example/2 \rwww.h.example/3\nhttp://h.example/a b\nno/4";
    let want =
        ["sitemap_entry:/1", "sitemap_entry:https://h.example/2", "sitemap_entry:http://www.h.example/3"];
    for content_type in [None, Some("text/plain"), Some("application/x-bogus"), Some("text/xml")] {
        let (discovery, found) = discovered(content_type, body, &as_sitemap());
        assert_eq!(found, want, "{content_type:?}");
        assert_eq!((discovery.kind, discovery.error), (Kind::TextSitemap, None));
    }
    assert_eq!(discovered(Some("text/plain"), body, &Options::default()).0.kind, Kind::Other);
}

#[test]
fn what_is_no_sitemap_says_so() {
    for (body, kind, error) in [
        (
            &b"this is a bogus sitemap"[..],
            Kind::Other,
            "it is no sitemap: neither XML, nor is any of its lines a URL",
        ),
        (b"", Kind::Other, "it is no sitemap: neither XML, nor is any of its lines a URL"),
        (b"<svg><a/></svg>", Kind::Other, "<svg> begins no sitemap; <urlset> and <sitemapindex> do"),
        (
            b"<!doctype html><title>404</title><a href=x>",
            Kind::Html,
            "a sitemap was asked for, and a page came",
        ),
        (b"<p>Not found", Kind::Html, "a sitemap was asked for, and a page came"),
        (b"\x1f\x8b\x08", Kind::Other, "it is no sitemap"),
    ] {
        let (discovery, _) = discovered(XML, body, &as_sitemap());
        assert_eq!(discovery.kind, kind, "{body:?}");
        let said = discovery.error.unwrap();
        assert!(said.starts_with(error) || body.starts_with(b"\x1f"), "{said}");
    }
    // XML that nobody asked for is no fault.
    assert_eq!(discovered(XML, b"<svg/>", &Options::default()).0.error, None);
}

#[test]
fn xhtml_by_its_type_or_by_its_root() {
    let body = b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'><a href='x'>x</a></html>";
    for content_type in ["application/xhtml+xml", "application/xml", "text/xml"] {
        let (discovery, found) = discovered(Some(content_type), body, &Options::default());
        assert_eq!((discovery.kind, found), (Kind::Xhtml, vec!["link:/dir/x".to_owned()]), "{content_type}");
    }
}

#[test]
fn feeds() {
    let rss = "<rss version='2.0' xmlns:atom='a'><channel><link>http://h.example/home</link><atom:link rel='self' href='/no'/>\
        <atom:link rel='next' href='/feed?2'/><image><url>/no</url><link>/no</link></image>\
        <item><title>/no</title><link> /1 </link><guid>http://h.example/no</guid><pubDate>Sun, 06 Nov 1994 08:49:37 GMT</pubDate></item>\
        <item><guid isPermaLink='false'>http://h.example/2</guid></item><item><guid>urn:x</guid></item>\
        <item><link><![CDATA[/3?a&b]]></link><enclosure url='/no'/><comments>/no</comments><dc:date>1994-11-06</dc:date></item></channel></rss>";
    let (discovery, found) =
        read(Some("application/rss+xml"), &Head::default(), rss.as_bytes(), &Options::default());
    assert_eq!(show(&found), ["next:/feed?2", "feed_entry:/1", "feed_entry:/2", "feed_entry:/3?a&b"]);
    assert_eq!((discovery.kind, discovery.error), (Kind::Rss, None));
    assert_eq!(found[1].1.entry().modified, Some(Timestamp(784_111_777_000)));
    assert_eq!(found[3].1.entry().modified, Some(Timestamp(784_080_000_000)));

    let rdf = "<rdf:RDF xmlns:rdf='r' xmlns='http://purl.org/rss/1.0/'><channel rdf:about='/no'><link>/no</link></channel>\
        <item rdf:about='http://h.example/1'><link>/1</link></item><item rdf:about='http://h.example/2'/></rdf:RDF>";
    let (discovery, found) = discovered(XML, rdf.as_bytes(), &Options::default());
    assert_eq!(
        (discovery.kind, found),
        (Kind::Rss, vec!["feed_entry:/1".to_owned(), "feed_entry:/2".to_owned()])
    );
    assert_eq!(
        discovered(XML, b"<rdf:RDF xmlns='x'><item><link>/1</link></item></rdf:RDF>", &Options::default())
            .0
            .kind,
        Kind::Other
    );

    let atom = "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='/base/'><link href='/no'/><link rel='next' href='2'/><link rel='prev' href='0'/>\
        <entry xml:base='sub/'><link rel='edit' href='no'/><link href='1'/><link rel='alternate' href='no'/><published>2003-12-13T18:30:02Z</published>\
        <updated>2004-12-23</updated><content><a href='no'>x</a></content></entry><entry><id>http://h.example/id</id></entry><entry><id>urn:x</id></entry></feed>";
    let (discovery, found) =
        read(Some("application/atom+xml"), &Head::default(), atom.as_bytes(), &Options::default());
    assert_eq!(
        show(&found),
        ["next:/base/2", "feed_entry:/base/sub/1", "feed_entry:/id", "previous:/base/0"]
    );
    assert_eq!(
        (discovery.kind, found[1].1.entry().modified),
        (Kind::Atom, Some(Timestamp(1_103_760_000_000)))
    );
    // A feed where a sitemap was asked for is as good as one.
    assert_eq!(discovered(HTML, atom.as_bytes(), &as_sitemap()).0.error, None);
}

#[test]
fn json_as_it_is_asked_for() {
    let body = br#"{"next":"?page=2","previous":null,"results":[{"url":"\/api\/1\/"},{"url":"http://other.example/2","self":"//h.example/3"}],"note":"see http://h.example/no"}"#;
    let json = Some("application/vnd.api+json; charset=utf-8");
    let (discovery, found) = discovered(json, body, &Options::default());
    assert_eq!((discovery.kind, found.len()), (Kind::Json, 0));
    let everywhere = Options { json: FollowJson::Everywhere, ..Options::default() };
    let all = ["json:/api/1/", "json:http://other.example/2", "json:/3"];
    assert_eq!(discovered(json, body, &everywhere).1, all);
    assert_eq!(discovered(Some("text/plain"), body, &everywhere).1, all);
    let pointers = JsonPointers::parse(["/results/*/url", "/previous"]).unwrap();
    let pointed = Options { json: FollowJson::Pointers(pointers), ..Options::default() };
    assert_eq!(discovered(json, body, &pointed).1, all[..2]);
    let lines = b"{\"a\":\"/1\"}\n{\"a\":\"/2\n{\"a\":\"/3\"}";
    let (discovery, found) = discovered(Some("application/x-ndjson"), lines, &everywhere);
    assert_eq!(found, ["json:/1", "json:/3"]);
    assert_eq!(
        discovery.error.as_deref(),
        Some("broken JSON at byte 16: the string that begins here is not closed")
    );
    let wide: Vec<u8> = "\u{feff}[\"/ä\"]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(discovered(json, &wide, &everywhere).1, ["json:/%C3%A4"]);
    // Pages of an API are often named in the head.
    let head = Head { links: &["<?page=2>; rel=\"next\""], ..Head::default() };
    assert_eq!(show(&read(json, &head, body, &Options::default()).1), ["next:/dir/page?page=2"]);
}

#[test]
fn known_urls_are_asked_for_once_and_not_handed_out() {
    let url = url();
    let body = b"<urlset><url><loc>/1</loc></url><url><loc>/2</loc></url><url><loc>/1#x</loc></url></urlset>";
    let document = Document { url: &url, content_type: XML, body };
    let one = Fingerprint::of(&url.join("/1").unwrap());
    let (mut asked, mut found) = (Vec::new(), Vec::new());
    let discovery = discover(
        &document,
        &Head::default(),
        &Options::default(),
        |fingerprint| {
            asked.push(fingerprint);
            fingerprint == one
        },
        |_, url, _| found.push(url.path().to_owned()),
    );
    assert_eq!((asked.len(), discovery.summary.links, found), (2, 2, vec!["/2".to_owned()]));
}
