//! What a sketch costs a page.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dragline_model::{CanonicalUrl, Sketch};

/// A page of 20 KB as they are: half of it tags, a sentence or two between them.
fn page() -> String {
    let mut page = String::from(
        "<!DOCTYPE html><html><head><title>Page 4711</title><script src=x.js></script></head><body>",
    );
    let words = [
        "gather", "slow", "answers", "frontier", "polite", "host", "of", "the", "a", "crawl", "2031", "page",
    ];
    let mut n = 0;
    while page.len() < 20_000 {
        n += 1;
        page.push_str(&format!("<div class=\"entry item-{n}\"><a href=\"/docs/page-{n}.html\" title=\"x\">"));
        (0..n % 17 + 2).for_each(|m| {
            page.push_str(words[(n * 7 + m * 5) % words.len()]);
            page.push(' ');
        });
        page.push_str("</a></div>\n");
    }
    page
}

fn sketch(c: &mut Criterion) {
    let page = page();
    let json: String =
        (0..400).map(|n| format!("{{\"name\":\"item {n}\",\"url\":\"/api/v2/item/{n}/\"}},")).collect();
    let json = format!("[{}null]", &json[..20_000.min(json.len())]);
    let Ok(url) = CanonicalUrl::parse("http://a.example/docs/2031/05/page-4711.html?x=1") else { return };
    let mut group = c.benchmark_group("sketch");
    for (name, body) in [
        ("html", page.as_bytes()),
        ("json", json.as_bytes()),
        ("lines", page.as_bytes().strip_prefix(b"<").unwrap_or_default()),
    ] {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |b| b.iter(|| black_box(Sketch::of(&url, black_box(body)))));
    }
    group.finish();
}

criterion_group!(benches, sketch);
criterion_main!(benches);
