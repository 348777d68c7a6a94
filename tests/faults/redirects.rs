//! S16: redirects without an end.
//!
//! The rules of a single hop: `crates/gather/src/redirect.rs`; chains of calls: `crates/gather/tests/gather/redirects.rs`,
//! `chains_end`.

use std::time::Duration;

use crate::{
    site::{Asked, PUBLIC_ANY, Site, answer, public, redirect},
    tls,
    world::{ask, config, crawl, settings},
};

fn hops(asked: &Asked) -> Vec<u8> {
    let target = asked.target.as_str();
    match target {
        "/self" => redirect(302, "/self#again"),
        "/ping" => redirect(302, "/pong"),
        "/pong" => redirect(307, "/ping"),
        "/sticky" => {
            let cookie = if asked.field("cookie").is_some() { "" } else { "Set-Cookie: seen=1\r\n" };
            answer("302 Found", &format!("Location: /sticky\r\n{cookie}"), "")
        }
        // Between the two schemes of one host and port.
        "/scheme" if asked.secure => redirect(302, "http://a.test/scheme"),
        "/scheme" => redirect(302, "https://a.test/scheme"),
        chain => {
            let n: usize = chain[1..].parse().unwrap();
            redirect(302, &format!("/{}", n + 1))
        }
    }
}

#[test]
fn s16_redirects_end() {
    for (target, crawled, asked) in
        [("/self", 1, 1), ("/ping", 2, 2), ("/sticky", 1, 2), ("/scheme", 2, 2), ("/0", 11, 11)]
    {
        let rule = |site: &Site| format!("a.test={}", site.address);
        let site = Site::at(PUBLIC_ANY, Some(tls::usual()), hops);
        let mut wished = config();
        (wished.resolve, wished.insecure) = (vec![rule(&site)], vec!["a.test".to_owned()]);
        let seed = format!("http://a.test{target}");
        let done = crawl([seed.clone()], wished);
        assert_eq!((done.records.len(), site.asked().len()), (crawled, crawled), "{target}");
        assert!(done.records.values().all(|record| record.status.is_some()), "{target}");

        let site = Site::at(PUBLIC_ANY, Some(tls::usual()), hops);
        let mut wished = settings();
        wished.overrides = vec![rule(&site).parse().unwrap()];
        wished.unverified = vec!["a.test".parse().unwrap()];
        let answer = ask([seed], wished).remove(0);
        assert_eq!(site.asked().len(), asked, "{target}");
        assert!(!answer.is_ok() && answer.status.is_some_and(|status| status / 100 == 3), "{target}");
        let why = answer.detail.unwrap();
        let want = if target == "/0" { "redirected more than 10 times" } else { "redirected in a circle: " };
        assert!(why.starts_with(want), "{target}: {why}");
    }
}

#[test]
fn s16_each_hop_waits_its_turn() {
    let site = public(hops);
    let mut polite = config();
    let delay = Duration::from_millis(30);
    polite.crawl.delay = delay.into();
    let done = crawl([site.url("/0")], polite);
    assert_eq!(done.report.requests, 11);
    // Ten delays between eleven starts, whatever else took its time.
    assert!(done.report.elapsed_s >= (10 * delay).as_secs_f64(), "{} s", done.report.elapsed_s);
}
