//! How fast links are taken, and references resolved.
//!
//! ```text
//! cargo bench -p dragline-extract
//! ```

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dragline_extract::{Document, FollowJson, Head, Limits, Options, discover, links};
use dragline_model::{CanonicalUrl, Fingerprint, FingerprintSet, Resolver};

/// A page of a manual: 92 links in some 21 KB of the markup that documentation tools write.
fn manual_page() -> String {
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>A page of the manual</title>\n\
         <link rel=\"stylesheet\" type=\"text/css\" href=\"../_static/style.css\"><script src=\"x.js\"></script>\n\
         <style>body { color: #333 } a > b { margin: 0 }</style></head><body>\n",
    );
    for number in 0..92 {
        let href = match number % 6 {
            0 => format!("../library/module-{}.html#section", number / 12),
            1 => format!("chapter{number}.html"),
            2 => format!("#entry-{number}"),
            3 => format!("../../reference/part.{number}.html"),
            4 => format!("/glossary.html?term={number}&amp;view=all"),
            _ => format!("https://www.example.org/{number}"),
        };
        let _ = write!(
            page,
            "<dt class=\"sig py\" id=\"entry-{number}\"><em class='x'>argument</em> <a class=\"reference internal\" \
             href=\"{href}\" title=\"See it\"><span class=\"pre\">a link</span></a></dt>\n\
             <dd><p>And some prose about it, a line or two.</p></dd>\n",
        );
    }
    page + "</body></html>\n"
}

fn documents(criterion: &mut Criterion) {
    let url = CanonicalUrl::parse("http://docs.example/3/library/page.html").expect("a URL");
    let limits = Limits::default();
    let manual = manual_page();
    let prose = "<p>Only words, and every now and then an &amp;.</p>\n".repeat(20_000);
    let script = format!("<script>{}</script>", "if (a < b && c > d) { e('</p>') }\n".repeat(30_000));
    for (name, body) in [("manual_21k", &manual), ("prose_1m", &prose), ("script_1m", &script)] {
        let mut group = criterion.benchmark_group("links");
        group.throughput(Throughput::Bytes(body.len() as u64));
        let document =
            Document { url: &url, content_type: Some("text/html; charset=utf-8"), body: body.as_bytes() };
        group.bench_function(format!("{name}/all_new"), |bencher| {
            bencher.iter(|| {
                links(&document, &limits, |_| false, |fingerprint, url| drop(black_box((fingerprint, url))))
            });
        });
        let (head, options) = (Head::default(), Options::default());
        group.bench_function(format!("{name}/discover"), |bencher| {
            bencher.iter(|| {
                discover(&document, &head, &options, |_| false, |_, url, role| drop(black_box((url, role))))
            });
        });
        let mut known = FingerprintSet::default();
        links(
            &document,
            &limits,
            |_| false,
            |fingerprint, _| {
                known.insert(fingerprint);
            },
        );
        group.bench_function(format!("{name}/all_known"), |bencher| {
            bencher.iter(|| links(&document, &limits, |fingerprint| known.contains(&fingerprint), |_, _| {}));
        });
        group.finish();
    }
}

/// A sitemap of as many entries as it may have, and a listing of an API.
fn lists(criterion: &mut Criterion) {
    let url = CanonicalUrl::parse("http://docs.example/3/library/page.html").expect("a URL");
    let (mut sitemap, mut listing) = (String::from("<urlset>"), String::from("{\"results\":["));
    for number in 0..50_000 {
        let _ = write!(
            sitemap,
            "<url>\n  <loc>http://docs.example/item/{number}?a=1&amp;b=2</loc>\n  <lastmod>2004-12-23T18:00:15+00:00</lastmod>\n</url>\n"
        );
        let _ = write!(
            listing,
            "{{\"name\": \"the {number}th\", \"count\": {number}, \"url\": \"/api/item/{number}/\"}},"
        );
    }
    sitemap += "</urlset>";
    listing += "null]}";
    let options = Options { json: FollowJson::Everywhere, ..Options::default() };
    for (name, content_type, body) in
        [("sitemap_5m", "text/xml", &sitemap), ("json_3m", "application/json", &listing)]
    {
        let mut group = criterion.benchmark_group("lists");
        group.throughput(Throughput::Bytes(body.len() as u64));
        let document = Document { url: &url, content_type: Some(content_type), body: body.as_bytes() };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                discover(
                    &document,
                    &Head::default(),
                    &options,
                    |_| false,
                    |_, url, role| {
                        drop(black_box((url, role)));
                    },
                )
            });
        });
        group.finish();
    }
}

fn references(criterion: &mut Criterion) {
    let base = CanonicalUrl::parse("http://docs.example/3/library/page.html").expect("a URL");
    for (name, reference) in [
        ("sibling", "chapter12.html"),
        ("parent", "../../reference/part.12.html#section"),
        ("absolute_path", "/glossary.html?term=12&view=all"),
        ("other_host", "https://www.example.org/12"),
        ("escaped", "a b"),
    ] {
        let mut group = criterion.benchmark_group(format!("reference/{name}"));
        let mut resolver = Resolver::new(base.clone());
        group.bench_function("resolver", |bencher| {
            bencher.iter(|| resolver.resolve(black_box(reference)).map(|resolved| resolved.fingerprint()));
        });
        let parsed = url::Url::parse(base.as_str()).expect("a URL");
        group.bench_function("url_join", |bencher| {
            bencher.iter(|| {
                let url = CanonicalUrl::from_url(parsed.join(black_box(reference)).ok()?).ok()?;
                Some(Fingerprint::of(&url))
            });
        });
        group.finish();
    }
}

criterion_group!(benches, documents, lists, references);
criterion_main!(benches);
