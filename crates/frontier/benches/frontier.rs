//! What the frontier costs a page: admitting its new link, granting its visit, settling it.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dragline_frontier::{Frontier, Limits};
use dragline_model::{CanonicalUrl, Link, Settled};

const PAGES: usize = 10_000;

fn links(hosts: usize) -> Vec<Link> {
    (0..PAGES)
        .filter_map(|n| {
            CanonicalUrl::parse(&format!("http://host{}.example/docs/page-{n}.html", n % hosts)).ok()
        })
        .map(Link::seed)
        .collect()
}

fn admit_and_next(c: &mut Criterion) {
    let mut group = c.benchmark_group("frontier");
    group.throughput(Throughput::Elements(PAGES as u64));
    let settled = Settled::Page { status: 200, bytes: 20_000, retry_after: None };
    for hosts in [1, 1_000] {
        let links = links(hosts);
        group.bench_function(format!("admit, grant, settle; {hosts} hosts"), |b| {
            b.iter_batched(
                || {
                    let limits = Limits { delay: Duration::ZERO, per_host: 16, ..Limits::default() };
                    let mut frontier = Frontier::new(limits, 2);
                    frontier.fetcher_up(0, 128);
                    frontier.fetcher_up(1, 128);
                    (frontier, links.clone(), Instant::now())
                },
                |(mut frontier, links, now)| {
                    for link in links {
                        frontier.admit(link, None, 0);
                    }
                    while !frontier.is_finished() {
                        for grant in frontier.grant(now) {
                            black_box(frontier.settle(grant.visit.id, &grant.visit.url, &settled, now));
                        }
                    }
                    frontier
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, admit_and_next);
criterion_main!(benches);
