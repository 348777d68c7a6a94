//! S18: cookies that nobody may set, and too many of them.
//!
//! The rules in full: `crates/cookies/tests/jar` (`faults.rs`: public suffixes, addresses, final dots, prefixes,
//! floods; `promise.rs`: one crawl's jar is no other's).

use crate::{
    site::{Asked, answer, ok, public},
    world::{config, crawl},
};

/// What a request to `host` and `/check` brought along.
fn cookie_at<'a>(asked: &'a [Asked], host: &str) -> Option<&'a str> {
    let is_it = |it: &&Asked| it.target == "/check" && it.field("host").is_some_and(|h| h.starts_with(host));
    let found: Vec<&Asked> = asked.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{host} was asked");
    found[0].field("cookie")
}

#[test]
fn s18_cookies_go_back_to_whom_they_are_for() {
    const SET: [&str; 12] = [
        "suffix=canary; Domain=co.uk",
        "suffix2=canary; Domain=co.UK",
        "suffix3=canary; Domain=.github.io",
        "other=canary; Domain=b.co.uk",
        "__Host-a=canary; Path=/",
        "__Secure-a=canary",
        "secure=canary; Secure",
        "top=canary; Domain=uk",
        "dot=canary; Domain=a.co.uk.",
        "long=x",
        "whole=1; Domain=A.co.uk",
        "own=1",
    ];
    const HOSTS: [&str; 7] =
        ["a.co.uk", "b.co.uk", "x.a.co.uk", "co.uk", "me.github.io", "a.co.uk.", "127.0.1.1"];
    let site = public(|asked| match asked.target.as_str() {
        "/" => {
            let port = asked.field("host").unwrap().rsplit(':').next().unwrap().to_owned();
            let fields: String = SET.iter().map(|set| format!("Set-Cookie: {set}\r\n")).collect();
            let fields = fields.replace("long=x", &format!("long={}", "x".repeat(5000)));
            let links: String =
                HOSTS.iter().map(|host| format!("<a href=http://{host}:{port}/check>x</a>")).collect();
            answer("200 OK", &format!("Content-Type: text/html\r\n{fields}"), links)
        }
        _ => ok("x"),
    });
    let (port, address) = (site.port(), site.address.ip());
    let mut wished = config();
    wished.resolve =
        ["co.uk", "*.co.uk", "*.github.io", "a.co.uk."].map(|it| format!("{it}={address}")).into();
    crawl([format!("http://a.co.uk:{port}/")], wished.clone());
    let asked = site.asked();
    for host in HOSTS {
        let want = match host {
            "a.co.uk" => Some("whole=1; own=1"),
            "x.a.co.uk" => Some("whole=1"),
            _ => None,
        };
        let host = format!("{host}:{port}");
        assert_eq!(cookie_at(&asked, &host), want, "{host}");
    }
    // Another crawl knows nothing of it, nor does one that takes none.
    wished.crawl.cookies = false;
    for config in [wished.clone(), {
        wished.crawl.cookies = true;
        wished
    }] {
        let before = site.asked().len();
        crawl([format!("http://a.co.uk:{port}/check")], config);
        assert_eq!(cookie_at(&site.asked()[before..], "a.co.uk"), None);
    }
}

#[test]
fn s18_ten_thousand_cookies_are_fifty() {
    let site = public(|asked| {
        let n: usize = asked.target[1..].parse().unwrap_or(100);
        let fields: String =
            (0..100).map(|i| format!("Set-Cookie: n{}=v; Path=/\r\n", n * 100 + i)).collect();
        let next = if n < 99 { format!("<a href=/{}>x</a>", n + 1) } else { "<a href=/check>x</a>".into() };
        answer("200 OK", &format!("Content-Type: text/html\r\n{fields}"), next)
    });
    crawl([site.url("/0")], config());
    let asked = site.asked();
    assert_eq!(asked.len(), 101);
    let most = asked.iter().filter_map(|it| Some(it.field("cookie")?.split("; ").count())).max();
    assert_eq!(most, Some(50));
    let last = cookie_at(&asked, "127.0.1.1").unwrap();
    assert!(last.contains("n9999=v") && last.len() < 4096, "{last}");
}
