//! What the frontier costs a page: admitting its new link, granting its visit, settling it.

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dragline_frontier::{Commons, Frontier, Limits, Manners, MemoryTails, RuleBook};
use dragline_model::{CanonicalUrl, Link, Receipt, Settled, Timestamp, Visit, VisitId};
use dragline_politeness::{Epoch, PaceRules};

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
    let epoch = Epoch::new(Instant::now(), SystemTime::now());
    let now = epoch.stamp(epoch.begun());
    // Beside how many other crawls of its process; none where it has joined nobody.
    for (hosts, others) in
        [(1, None), (1_000, None), (1, Some(0)), (1_000, Some(0)), (1, Some(1)), (1_000, Some(1))]
    {
        let links = links(hosts);
        let among = others.map_or(String::new(), |others| format!("; among {others} others"));
        group.bench_function(format!("admit, grant, settle; {hosts} hosts{among}"), |b| {
            b.iter_batched(
                || {
                    let mut frontier =
                        Frontier::new(limits(), 2, VisitId(0), Box::new(MemoryTails::default()));
                    frontier.fetcher_up(0, 128);
                    frontier.fetcher_up(1, 128);
                    let commons = Commons::default();
                    let seats = others.map(|others| {
                        frontier.join(commons.seat(epoch, Arc::new(|| {})));
                        (0..others).map(|_| commons.seat(epoch, Arc::new(|| {}))).collect::<Vec<_>>()
                    });
                    (frontier, links.clone(), seats)
                },
                |(mut frontier, links, seats)| {
                    for link in links {
                        frontier.admit(link, None, 0, now);
                    }
                    while !frontier.is_finished() {
                        for grant in frontier.grant(now) {
                            black_box(frontier.settle(&receipt(grant.visit), now, SystemTime::UNIX_EPOCH));
                        }
                    }
                    (frontier, seats)
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, admit_and_next);
criterion_main!(benches);
