//! What a link costs: whether it is in scope, and what the traps have to say of it.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use dragline_frontier::{Brought, Patterns, Scope, ScopeKind, ScopeRules, Seen, TrapRules, Traps};
use dragline_model::{CanonicalUrl, Sketch};

fn url(text: &str) -> CanonicalUrl {
    CanonicalUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn links() -> Vec<CanonicalUrl> {
    let on = (0..90).map(|n| format!("http://www.example.org/docs/library/part-{n}/page.html"));
    let off = (0..10).map(|n| format!("https://cdn{n}.example.net/asset/{n}?v=3"));
    on.chain(off).map(|text| url(&text)).collect()
}

/// A hundred links of a page, nine in ten of them in scope: divide by a hundred.
fn judge(c: &mut Criterion) {
    let links = links();
    let page = url("http://www.example.org/docs/index.html");
    let seeds = std::slice::from_ref(&page);
    let patterns = |texts: &[&str]| Patterns::parse(texts).unwrap_or_default();
    let with_patterns = || ScopeRules {
        include: patterns(&["/docs/", "/blog/"]),
        exclude: patterns(&[r"\.(pdf|zip|jpg)$", "[?&]print=1"]),
        ..ScopeRules::default()
    };
    let mut group = c.benchmark_group("100 links");
    for (name, scope) in [
        ("host", Scope::new(ScopeKind::Host, seeds, None)),
        ("domain", Scope::new(ScopeKind::Domain, seeds, None)),
        ("prefix", Scope::new(ScopeKind::Prefix, seeds, None)),
        ("any", Scope::new(ScopeKind::Any, seeds, None)),
        ("host, four patterns", Scope::with_rules(ScopeKind::Host, seeds, with_patterns())),
    ] {
        group.bench_function(name, |b| {
            b.iter(|| {
                let page = scope.on(&page, 1, 0);
                links.iter().filter(|link| page.judge(black_box(link)).is_ok()).count()
            });
        });
    }
    group.finish();
}

/// A page of a crawl with one new link, as it goes through the traps: admitted, asked for again, settled.
fn traps(c: &mut Criterion) {
    let urls: Vec<CanonicalUrl> = (0..10_000)
        .map(|n| url(&format!("http://www.example.org/item/{}/{n}?page={}", n % 100, n % 7)))
        .collect();
    let body: String = (0..120).map(|n| format!("<p>piece of text number {}</p>", n + 1000)).collect();
    let sketches: Vec<Option<Sketch>> = urls
        .iter()
        .enumerate()
        .map(|(n, url)| Sketch::of(url, format!("{body}<p>its own {}</p>", n + 5000).as_bytes()))
        .collect();
    c.bench_function("10,000 pages through the traps", |b| {
        b.iter(|| {
            let mut traps = Traps::new(TrapRules::default());
            for (n, url) in urls.iter().enumerate() {
                let _ = black_box(traps.admit(url, Brought::SOMETHING));
                let _ = black_box(traps.recheck(url));
                let seen = Seen { url, status: 200, is_repeat: false, sketch: sketches[n].as_ref() };
                black_box(traps.settled(&seen, [&urls[(n + 1) % urls.len()]]));
            }
            traps
        });
    });
}

criterion_group!(benches, judge, traps);
criterion_main!(benches);
