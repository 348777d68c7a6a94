//! The truth, which is computed, against what a client finds, which asks.

#![allow(clippy::unwrap_used, reason = "in a test it is a failure with a line number")]

mod client;

use std::collections::{BTreeMap, HashSet, VecDeque};

use client::{exchange, get, links, read_answer};
use dragline_fakeweb::{Expect, Faults, Scope, Web, WebSpec};
use url::Url;

/// Crawls from the seeds by the rules of a polite crawler that asks once more where it was told to come back.
fn crawl(web: &Web, seeds: &[String], scope: Scope) -> BTreeMap<String, Expect> {
    let host_of = |url: &str| Url::parse(url).unwrap().host_str().unwrap().to_owned();
    let hosts: HashSet<String> = seeds.iter().map(|seed| host_of(seed)).collect();
    let mut private = BTreeMap::new();
    let mut forbidden = |url: &str| {
        *private.entry(host_of(url)).or_insert_with(|| {
            let robots = Url::parse(url).unwrap().join("/robots.txt").unwrap();
            let answer = read_answer(&exchange(web.addr(), get(robots.as_str())), true).unwrap();
            answer.status == 200 && answer.text().ends_with("User-agent: *\nDisallow: /private/\n")
        }) && url.contains("/private/")
    };
    let mut found = BTreeMap::new();
    let mut seen: HashSet<String> = seeds.iter().cloned().collect();
    let mut queue: VecDeque<String> = seeds.iter().cloned().collect();
    while let Some(url) = queue.pop_front() {
        let (expect, next) =
            if forbidden(&url) { (Expect::Disallowed, Vec::new()) } else { visit(web, &url) };
        found.insert(url, expect);
        for link in next {
            if (scope == Scope::Any || hosts.contains(&host_of(&link))) && seen.insert(link.clone()) {
                queue.push_back(link);
            }
        }
    }
    found
}

/// What one URL holds, and where it leads.
fn visit(web: &Web, url: &str) -> (Expect, Vec<String>) {
    let ask = || exchange(web.addr(), get(url));
    let bytes = ask();
    if bytes.is_empty() {
        // Closed, or silent until the client left: only the server knows that it never meant to answer.
        let ended = web.log().pop().unwrap().ended;
        return (Expect::Failure(if ended.is_some() { "closed" } else { "head_timeout" }), Vec::new());
    }
    let Some(answer) = read_answer(&bytes, true) else { return (Expect::Failure("malformed"), Vec::new()) };
    match (answer.status, answer.defect) {
        (_, Some("endless")) => (Expect::Endless, links(&answer.text(), url)),
        (_, Some(defect)) => (Expect::Failure(defect), Vec::new()),
        (status @ 300..400, None) => {
            let location = answer.field("location").unwrap();
            let location = Url::parse(url).unwrap().join(location).unwrap().to_string();
            (Expect::Redirect { status, location: location.clone() }, vec![location])
        }
        (status @ (429 | 503), None) => {
            assert_eq!(answer.field("retry-after").is_some(), status == 429);
            let again = read_answer(&ask(), true).unwrap();
            assert_eq!(again.status, 200, "{url}, asked again");
            (Expect::Once(status), links(&again.text(), url))
        }
        (200, None) => (Expect::Status(200), links(&answer.text(), url)),
        (status, None) => (Expect::Status(status), Vec::new()),
    }
}

#[track_caller]
fn assert_same(found: &BTreeMap<String, Expect>, truth: &BTreeMap<String, Expect>) {
    let differences: Vec<_> = (found.iter().filter(|(url, expect)| truth.get(*url) != Some(expect)))
        .map(|(url, expect)| format!("{url}: found {expect:?}, truth {:?}", truth.get(url)))
        .chain(truth.keys().filter(|url| !found.contains_key(*url)).map(|url| format!("{url}: not found")))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_client_finds_the_truth_on_hosts_full_of_faults() {
    for seed in 1..=2 {
        println!("seed {seed}");
        // One page of every fault on each host, and some malformed pages with children.
        let faults = Faults { malformed_html: 0.1, ..Faults::mixed(0.01) };
        let spec = WebSpec { seed, hosts: 3, faults, robots: 0.5, big_bytes: 300_000, ..WebSpec::default() };
        let web = WebSpec { slow_delay: std::time::Duration::from_millis(1), ..spec }.start().unwrap();
        let seeds = [web.url(0, 0), web.url(2, 0)];
        let truth = web.truth(&seeds);
        assert_same(&crawl(&web, &seeds, Scope::Host), &truth);

        let kinds = |wanted: &dyn Fn(&Expect) -> bool| truth.values().filter(|e| wanted(e)).count();
        assert_eq!(kinds(&|e| *e == Expect::Endless), 2);
        assert_eq!(kinds(&|e| matches!(e, Expect::Failure(_))), 2 * 6);
        assert_eq!(kinds(&|e| matches!(e, Expect::Redirect { .. })), 2 * (1 + 1 + 4 + 3));
        assert_eq!(kinds(&|e| matches!(e, Expect::Once(_))), 2 * 2);
        assert_eq!(kinds(&|e| matches!(e, Expect::Status(404 | 410 | 500))), 2 * 3);
    }
}

#[test]
fn a_client_finds_the_truth_of_the_whole_web() {
    let faults = Faults { busy: 0.1, redirect_away: 0.1, private: 0.1, closed: 0.1, ..Faults::default() };
    let spec = WebSpec {
        hosts: 8,
        pages_per_host: 30,
        cross_links: 0.02,
        faults,
        robots: 0.5,
        ..WebSpec::default()
    };
    let web = spec.start().unwrap();
    let seeds = [web.url(3, 0)];
    let truth = web.truth_in(Scope::Any, &seeds);
    assert_same(&crawl(&web, &seeds, Scope::Any), &truth);
    assert!(truth.len() > web.truth(&seeds).len());
    assert!(truth.values().any(|expect| *expect == Expect::Disallowed));
}

#[test]
fn a_second_crawl_finds_the_same_after_rewinding() {
    let faults = Faults { busy: 0.2, throttled: 0.2, ..Faults::default() };
    let web = WebSpec { hosts: 1, pages_per_host: 20, faults, ..WebSpec::default() }.start().unwrap();
    let seeds = web.seeds();
    for _ in 0..2 {
        assert_same(&crawl(&web, &seeds, Scope::Host), &web.truth(&seeds));
        web.rewind();
    }
}

#[test]
fn one_spec_is_one_web() {
    let start = |seed, threads| {
        let faults =
            Faults { gzip: 0.1, redirect: 0.1, malformed_html: 0.3, chunked: 0.1, ..Faults::default() };
        WebSpec { seed, threads, hosts: 2, pages_per_host: 40, faults, ..WebSpec::default() }.start().unwrap()
    };
    let (one, same, other) = (start(1, 1), start(1, 3), start(2, 1));
    let mut different = 0;
    for (host, page) in (0..2).flat_map(|host| (0..40).map(move |page| (host, page))) {
        let url = one.url(host, page);
        assert_eq!(url, same.url(host, page));
        let bytes = exchange(one.addr(), get(&url));
        assert_eq!(bytes, exchange(same.addr(), get(&url)), "{url}");
        different += usize::from(bytes != exchange(other.addr(), get(&other.url(host, page))));
    }
    // Only gone pages and the like could be equal, and there are none.
    assert_eq!(different, 80);
    assert_eq!(one.truth(&one.seeds()), same.truth(&same.seeds()));
}

#[test]
fn ten_million_pages_are_there_at_once() {
    let faults = Faults::mixed(0.001);
    let web = WebSpec { hosts: 10_000, pages_per_host: 1_000, faults, ..WebSpec::default() }.start().unwrap();
    assert_eq!(web.seeds().len(), 10_000);
    assert_eq!(web.host(9_999), "h9999.fakeweb.test");
    for (host, page) in [(0, 0), (9_999, 0), (5_000, 1)] {
        let answer = read_answer(&exchange(web.addr(), get(&web.url(host, page))), true).unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(links(&answer.text(), &web.url(host, page)).len(), 20);
    }
}

#[test]
fn a_spec_that_makes_no_sense_is_refused_by_name() {
    let refusal = |spec: WebSpec| spec.start().map(drop).unwrap_err().to_string();
    assert!(refusal(WebSpec { hosts: 0, ..WebSpec::default() }).starts_with("hosts is 0"));
    assert!(refusal(WebSpec { pages_per_host: 0, ..WebSpec::default() }).starts_with("pages_per_host is 0"));
    assert!(refusal(WebSpec { threads: 0, ..WebSpec::default() }).starts_with("threads is 0"));
    assert!(refusal(WebSpec { robots: 1.5, ..WebSpec::default() }).starts_with("robots is 1.5"));
    assert!(
        refusal(WebSpec { faults: Faults::mixed(0.2), ..WebSpec::default() }).contains("lower the shares")
    );
}
