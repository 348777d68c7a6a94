//! What the frontier costs a page: admitting its new link, granting its visit, settling it.

use std::{
    hint::black_box,
    time::{Duration, SystemTime},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dragline_frontier::{Frontier, Limits, Manners, MemoryTails, RuleBook};
use dragline_model::{CanonicalUrl, Link, Receipt, Settled, Timestamp, Visit, VisitId};
use dragline_politeness::{PaceRules, Stamp};

const PAGES: usize = 10_000;

fn links(hosts: usize) -> Vec<Link> {
    (0..PAGES)
        .filter_map(|n| {
            CanonicalUrl::parse(&format!("http://host{}.example/docs/page-{n}.html", n % hosts)).ok()
        })
        .map(Link::seed)
        .collect()
}

/// Sixteen requests to a host at a time, without a delay.
fn limits() -> Limits {
    let pace = PaceRules { delay: Duration::ZERO, concurrency: 16, ..PaceRules::default() };
    let manners = Manners { pace, obey_robots: false, ..Manners::default() };
    Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() }
}

fn receipt(visit: Visit) -> Receipt {
    Receipt {
        visit,
        fetched_at: Timestamp(0),
        timings: None,
        is_repeat: false,
        sketch: None,
        robots: None,
        seq: 1,
        settled: Settled::Page { status: 200, bytes: 20_000, retry_after: None },
        new_links: Vec::new(),
    }
}

fn admit_and_next(c: &mut Criterion) {
    let mut group = c.benchmark_group("frontier");
    group.throughput(Throughput::Elements(PAGES as u64));
    for hosts in [1, 1_000] {
        let links = links(hosts);
        group.bench_function(format!("admit, grant, settle; {hosts} hosts"), |b| {
            b.iter_batched(
                || {
                    let mut frontier =
                        Frontier::new(limits(), 2, VisitId(0), Box::new(MemoryTails::default()));
                    frontier.fetcher_up(0, 128);
                    frontier.fetcher_up(1, 128);
                    (frontier, links.clone(), Stamp::new(Duration::from_secs(1_790_000_000)))
                },
                |(mut frontier, links, now)| {
                    for link in links {
                        frontier.admit(link, None, 0, now);
                    }
                    while !frontier.is_finished() {
                        for grant in frontier.grant(now) {
                            black_box(frontier.settle(&receipt(grant.visit), now, SystemTime::UNIX_EPOCH));
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
