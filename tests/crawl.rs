//! A crawl through the library's front door, held against what the web knows of itself.

mod common;

use std::{collections::HashMap, time::Duration};

use common::{assert_true, outcomes, quick_config, quick_crawl, records};
use dragline::{Crawl, ScopeKind};
use dragline_fakeweb::{Faults, Gate, Script, Step, WebSpec};

/// A web of several hosts, a bit of every misbehaviour.
fn hostile(seed: u64) -> WebSpec {
    WebSpec {
        seed,
        hosts: 4,
        pages_per_host: 120,
        faults: Faults::mixed(0.01),
        big_bytes: 2 << 20,
        slow_delay: Duration::from_millis(100),
        ..WebSpec::default()
    }
}

#[test]
fn a_hostile_web_is_crawled_exactly() {
    for seed in [1, 2] {
        let web = hostile(seed).start().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let report = quick_crawl(&web, dir.path()).run().unwrap();
        assert_eq!(report.stopped_because, "finished", "seed {seed}");
        assert_true(&web, dir.path());
    }
}

#[test]
fn every_page_of_a_well_behaved_web_is_asked_for_once() {
    let web = WebSpec { hosts: 3, pages_per_host: 300, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let report = quick_crawl(&web, dir.path()).run().unwrap();
    assert_eq!((report.pages, report.requests, report.queued), (900, 900, 0));
    assert_true(&web, dir.path());
    let mut asked = HashMap::new();
    for served in web.log() {
        *asked.entry((served.host, served.path)).or_insert(0) += 1;
    }
    assert_eq!(asked.len(), 900);
    assert!(asked.values().all(|times| *times == 1));
}

#[test]
fn the_delay_is_kept_from_start_to_start() {
    let web = WebSpec { hosts: 3, pages_per_host: 8, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut config = quick_config(&web, dir.path());
    let delay = Duration::from_millis(60);
    (config.crawl.delay, config.crawl.per_host) = (delay.into(), 1);
    let report = Crawl::new(web.seeds()).config(config).run().unwrap();
    assert_eq!(report.requests, 24);
    // Seven delays between eight starts, whatever else took its time.
    assert!(report.elapsed_s >= (7 * delay).as_secs_f64(), "{} s", report.elapsed_s);
}

#[test]
fn a_drained_crawl_goes_on_and_asks_nothing_twice() {
    let web =
        WebSpec { hosts: 2, pages_per_host: 400, latency: Duration::from_millis(2), ..WebSpec::default() }
            .start()
            .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut runs = 0;
    loop {
        runs += 1;
        let before = web.requests();
        let running = quick_crawl(&web, dir.path()).start().unwrap();
        while web.requests() < before + 150 && !running.wait_timeout(Duration::from_millis(1)) {}
        running.drain();
        let report = running.wait();
        if report.stopped_because == "finished" {
            break;
        }
        assert_eq!(report.stopped_because, "interrupted");
        assert!(report.queued > 0);
    }
    assert!(runs > 2, "it was drained {runs} times");
    assert_eq!(web.requests(), 800);
    assert_true(&web, dir.path());
}

#[test]
fn the_page_budget_is_the_crawls() {
    let web = WebSpec { hosts: 1, pages_per_host: 200, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    for (budget, pages) in [(50, 50), (50, 0), (80, 30)] {
        let report = quick_crawl(&web, dir.path()).max_pages(budget).run().unwrap();
        assert_eq!((report.pages, report.stopped_because.as_str()), (pages, "max_pages"));
    }
    assert_eq!(web.requests(), 80);
}

#[test]
fn depth_and_scope_bound_a_crawl() {
    let web =
        WebSpec { hosts: 5, pages_per_host: 60, cross_links: 0.5, ..WebSpec::default() }.start().unwrap();
    let seed = web.url(0, 0);
    let crawl = |scope, depth: Option<u16>| {
        let dir = tempfile::tempdir().unwrap();
        let mut config = quick_config(&web, dir.path());
        config.crawl.max_depth = depth;
        Crawl::new([seed.clone()]).config(config).scope(scope).run().unwrap();
        let records = records(dir.path());
        assert!(records.iter().all(|record| depth.is_none_or(|max| record.depth <= max)));
        records.len()
    };
    assert_eq!(crawl(ScopeKind::Host, Some(0)), 1);
    assert_eq!(crawl(ScopeKind::Host, None), 60);
    assert_eq!(crawl(ScopeKind::Any, None), 300);
    assert_eq!(crawl(ScopeKind::Domain, None), 300, "all hosts are of one registrable domain");
    let near = crawl(ScopeKind::Host, Some(1));
    assert!(near > 1 && near < 60, "{near} pages within one link");
}

#[test]
fn a_seed_may_move_house() {
    let web = WebSpec { hosts: 2, pages_per_host: 10, ..WebSpec::default() }.start().unwrap();
    let home = web.url(1, 0);
    let moved = Step::answer("301 Moved", &[&format!("Location: {home}")], "");
    web.script("old.fakeweb.test", "/", Script::new([moved]));
    let dir = tempfile::tempdir().unwrap();
    let config = quick_config(&web, dir.path());
    let report = Crawl::new(["http://old.fakeweb.test/"]).config(config).run().unwrap();
    assert_eq!(report.pages, 10);
    let first = &records(dir.path())[0];
    assert_eq!((first.status, first.location.as_deref()), (Some(301), Some(home.as_str())));
}

#[test]
fn an_endless_chain_of_redirects_ends() {
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    let host = web.host(0);
    for n in 0..40 {
        let next = Step::answer("302 Found", &[&format!("Location: /hop/{}", n + 1)], "");
        web.script(&host, format!("/hop/{n}"), Script::new([next]));
    }
    let dir = tempfile::tempdir().unwrap();
    let config = quick_config(&web, dir.path());
    let report = Crawl::new([format!("http://{host}/hop/0")]).config(config).run().unwrap();
    assert_eq!(report.responses, 11, "the first and ten hops");
}

#[test]
fn odd_pages_are_kept_and_the_crawl_goes_on() {
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    let host = web.host(0);
    let page = |kind: &str, body: &[u8]| {
        Script::new([Step::answer("200 OK", &[&format!("Content-Type: {kind}")], body)])
    };
    let mut many = String::from("<title>many</title>");
    (0..10_000).for_each(|n| many += &format!("<a href='/leaf?n={}'>x</a>", n % 50));
    let mut odd: Vec<(&str, Vec<u8>)> = vec![
        ("text/html", many.into_bytes()),
        ("text/html", [b"<div>".repeat(1_000_000), b"<a href=/leaf?deep>".to_vec()].concat()),
        ("text/html; charset=utf-16", b"<a href=/leaf?lies>not utf-16</a>".to_vec()),
        ("text/html; charset=no-such", b"<a href=/leaf?nosuch>x</a>".to_vec()),
        ("text/html", b"<title>a\0b</title><a href=/leaf?nul>x</a>".to_vec()),
        ("text/html", b"<a href='http://[broken'>x</a><a href='http://user:pw@host:99999/'>x</a>".to_vec()),
        ("TEXT/HTML;;;", b"<!-- unclosed <a href=/no>".to_vec()),
        ("text/html", Vec::new()),
        ("\x01\x02", b"<a href=/leaf?odd>".to_vec()),
    ];
    let mut index = String::new();
    for (n, (kind, body)) in odd.drain(..).enumerate() {
        web.script(&host, format!("/odd/{n}"), page(kind, &body));
        index += &format!("<a href=/odd/{n}>{n}</a>");
    }
    web.script(&host, "/odd/", page("text/html", index.as_bytes()));
    let dir = tempfile::tempdir().unwrap();
    let mut config = quick_config(&web, dir.path());
    config.fetch.max_body = dragline::config::ByteSize::from_mib(16);
    let report = Crawl::new([format!("http://{host}/odd/")]).config(config).run().unwrap();
    assert_eq!(report.stopped_because, "finished");
    let got = outcomes(dir.path());
    for n in 0..9 {
        assert_eq!(got.get(&format!("http://{host}/odd/{n}")).map(String::as_str), Some("200"), "/odd/{n}");
    }
    for found in ["n=49", "deep", "nosuch", "nul"] {
        assert!(got.contains_key(&format!("http://{host}/leaf?{found}")), "the link {found} was found");
    }
    assert!(!got.keys().any(|url| url.ends_with("/no")));
}

#[test]
fn what_is_out_bounds_what_is_asked() {
    let gate = Gate::new();
    let web = WebSpec { hosts: 1, pages_per_host: 60, ..WebSpec::default() }.start().unwrap();
    // Nobody gets an answer until the gate opens.
    web.script(&web.host(0), "*", Script::new([Step::Wait(gate.clone()), Step::answer("200 OK", &[], "")]));
    let dir = tempfile::tempdir().unwrap();
    let mut config = quick_config(&web, dir.path());
    config.fetch.head_timeout = Duration::from_secs(60).into();
    (config.crawl.per_host, config.crawl.concurrency) = (100, 6);
    let seeds: Vec<String> = (0..30).map(|n| format!("http://{}/{n}", web.host(0))).collect();
    let running = Crawl::new(seeds).config(config).start().unwrap();
    gate.reached_blocking(6);
    let snapshot = running.snapshot();
    assert_eq!((snapshot.counts.in_flight, web.requests()), (6, 6), "no more than --concurrency");
    gate.open();
    assert_eq!(running.wait().responses, 30);
}

#[test]
fn a_crawl_with_hardly_any_memory_for_harvests_ends() {
    let web = WebSpec { hosts: 2, pages_per_host: 60, ..WebSpec::default() }.start().unwrap();
    for round in 0..5 {
        let dir = tempfile::tempdir().unwrap();
        let mut config = quick_config(&web, dir.path());
        config.fetch.bodies_in_flight = "4KiB".parse().unwrap();
        let running = Crawl::new(web.seeds()).config(config).start().unwrap();
        assert!(
            running.wait_timeout(Duration::from_secs(60)),
            "round {round} hangs: {:?}",
            running.snapshot().counts
        );
        assert_eq!(running.wait().pages, 120);
    }
}

#[test]
fn a_pause_holds_and_a_resume_goes_on() {
    let web = WebSpec { hosts: 1, pages_per_host: 40, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let running = quick_crawl(&web, dir.path()).start().unwrap();
    // Before its coordinator can have begun.
    running.pause();
    assert!(!running.wait_timeout(Duration::from_millis(200)), "a paused crawl does not end");
    assert_eq!(web.requests(), 0);
    running.resume();
    assert_eq!(running.wait().pages, 40);
}

#[test]
fn a_time_budget_drains() {
    let web = WebSpec { hosts: 1, pages_per_host: 400, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = quick_config(&web, dir.path());
    let report = Crawl::new(web.seeds())
        .config(config)
        .per_host(1)
        .delay(Duration::from_millis(20))
        .max_time(Duration::from_secs(1))
        .run()
        .unwrap();
    assert_eq!(report.stopped_because, "max_time");
    assert!(report.queued > 0 && report.pages > 0, "{report:?}");
}

#[test]
fn a_drain_does_not_wait_for_ever() {
    let gate = Gate::new();
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    web.script(&web.host(0), "*", Script::new([Step::Wait(gate.clone())]));
    let dir = tempfile::tempdir().unwrap();
    let mut config = quick_config(&web, dir.path());
    config.fetch.head_timeout = Duration::from_secs(600).into();
    config.crawl.drain_limit = Duration::from_millis(100).into();
    let running = Crawl::new(web.seeds()).config(config).start().unwrap();
    gate.reached_blocking(1);
    running.drain();
    let report = running.wait();
    assert_eq!((report.stopped_because.as_str(), report.queued), ("interrupted", 1));
    gate.open();
}
