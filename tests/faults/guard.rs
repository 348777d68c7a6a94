//! S1–S3 and S5–S9: private addresses, in every spelling and on every road; other ports, other schemes.
//!
//! The full tables of ranges and ports are beside their code (`crates/fetch/src/guard.rs`:
//! `every_range_is_refused_at_both_ends`, `ports_of_other_protocols`); `crates/fetch/tests/wire/guard.rs` holds
//! the wire to them.

use std::net::TcpListener;

use dragline::{Crawl, CrawlError, model::FailureKind};
use dragline_fakeweb::{Script, WebSpec};

use crate::{
    site::{Site, answer, links, ok, private, public, redirect},
    world::{ask, config, crawl, detail, settings, told},
};

/// An address of each range that is nobody's business.
const PRIVATE_V4: [&str; 14] = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "127.0.9.1",
];

const PRIVATE_V6: [&str; 13] = [
    "[::]",
    "[::1]",
    "[fc00::1]",
    "[fe80::1]",
    "[::ffff:127.0.9.1]",
    "[::127.0.9.1]",
    "[64:ff9b::127.0.9.1]",
    "[64:ff9b:1::1]",
    "[2002:7f00:901::1]",
    "[2001:0:7f00:901::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "[ff0e::1]",
];

/// Follows links to these hosts, asks for them too, and finds all of them refused.
fn check_refused(hosts: &[&str], private: &Site) {
    let port = private.port();
    let urls: Vec<String> = hosts.iter().map(|host| format!("http://{host}:{port}/")).collect();
    let page = links(&urls);
    let home = public(move |_| page.clone());
    let crawled = crawl([home.url("/")], config());
    assert_eq!(crawled.outcome(&home.url("/")), "200");
    let refused = crawled.records.len() - 1;
    assert!(refused > 0 && refused <= urls.len());
    assert_eq!(crawled.report.failures.get("refused"), Some(&(refused as u64)), "{:?}", crawled.report);
    for record in crawled.records.values().filter(|record| record.status.is_none()) {
        let error = record.error.as_ref().unwrap();
        assert!(error.detail.contains("; --allow-net "), "{}: {error:?}", record.url);
    }
    let answers = ask(urls, settings());
    assert_eq!(answers.len(), hosts.len());
    for answer in &answers {
        let why = detail(answer, FailureKind::Refused);
        assert!(why.contains("; --allow-net "), "{}: {why}", answer.url);
    }
    assert_eq!((home.connections(), private.connections()), (1, 0));
}

#[test]
fn s01_private_addresses_are_refused() {
    check_refused(&PRIVATE_V4, &private(0));
}

#[test]
fn s02_private_ipv6_addresses_are_refused_and_what_they_embed() {
    let private = private(0);
    // Where there is no IPv6, nobody can listen, and nobody can be connected to.
    let v6 = TcpListener::bind(format!("[::1]:{}", private.port()));
    check_refused(&PRIVATE_V6, &private);
    if let Ok(v6) = v6 {
        v6.set_nonblocking(true).unwrap();
        assert!(v6.accept().is_err(), "somebody connected to [::1]");
    }
}

#[test]
fn s03_an_address_is_an_address_however_it_is_spelled() {
    let private = private(0);
    let spellings = [
        "127.0.9.1",
        "0x7f.0.9.1",
        "0x7f.0x9.0x1",
        "0x7f000901",
        "2130708737",
        "127.2305",
        "127.0.2305",
        "0177.0.011.01",
        "１２７.０.９.１",
        "127。0。9。1",
        "%31%32%37.0.9.1",
        "127.0.9.1.",
    ];
    // (0x7f.0x9.0x1 is 127.9.0.1, another private one.)
    let port = private.port();
    let urls: Vec<String> = spellings.iter().map(|host| format!("http://{host}:{port}/")).collect();
    let page = links(&urls);
    let home = public(move |_| page.clone());
    let crawled = crawl([home.url("/")], config());
    let known: Vec<&str> = crawled.records.keys().map(String::as_str).collect();
    let (one, other) = (format!("http://127.0.9.1:{port}/"), format!("http://127.9.0.1:{port}/"));
    assert_eq!(known, [&home.url("/"), &one, &other], "one address is one URL");
    assert_eq!((crawled.outcome(&one), crawled.outcome(&other)), ("refused".into(), "refused".into()));
    for answer in ask(urls, settings()) {
        assert_eq!(told(&answer), "refused", "{}", answer.url);
    }
    check_refused(&["localhost", "localhost.", "LOCALHOST", "app.localhost", "ⓛocalhost"], &private);
    // The same spellings of a public address reach it.
    for host in ["127.0.1.1", "0x7f.0.1.1", "2130706689", "127.257", "１２７.０.１.１"] {
        let url = format!("http://{host}:{}/", home.port());
        assert_eq!(told(&ask([url], settings())[0]), "200", "{host}");
    }
    assert_eq!(private.connections(), 0);
}

#[test]
fn s05_every_hop_is_gated() {
    // The roads from one page to another, to where `to` says.
    fn road(target: &str, to: &str) -> Vec<u8> {
        let html = "Content-Type: text/html\r\n";
        match target {
            "/301" | "/302" | "/303" | "/307" | "/308" => redirect(target[1..].parse().unwrap(), to),
            "/chain" => redirect(302, "/302"),
            "/meta" => ok(&format!("<meta http-equiv=refresh content=\"0; url={to}\">")),
            "/refresh" => answer("200 OK", &format!("{html}Refresh: 0; url={to}\r\n"), "x"),
            "/link" => answer("200 OK", &format!("{html}Link: <{to}>; rel=\"next preload\"\r\n"), "x"),
            "/base" => ok(&format!("<base href=\"{to}\"><a href=\"x\">x</a>")),
            "/frame" => {
                ok(&format!("<iframe src=\"{to}\"></iframe><img src=\"{to}\"><form action=\"{to}\">"))
            }
            "/robots.txt" => redirect(302, to),
            "/sitemap.xml" => ok(&format!("<urlset><url><loc>{to}</loc></url></urlset>")),
            _ => ok("there"),
        }
    }
    let roads = [
        "/301",
        "/302",
        "/303",
        "/307",
        "/308",
        "/chain",
        "/meta",
        "/refresh",
        "/link",
        "/base",
        "/frame",
        "/robots.txt",
        "/sitemap.xml",
    ];
    let private = private(0);
    let to = format!("http://127.0.9.1:{}/", private.port());
    let home = public(move |asked| road(&asked.target, &to));
    let seeds = roads.map(|road| home.url(road));
    let crawled = crawl(seeds.clone(), config());
    let there = format!("http://127.0.9.1:{}/", private.port());
    assert_eq!(crawled.outcome(&there), "refused");
    for (answer, road) in ask(seeds, settings()).iter().zip(roads) {
        let is_redirect = ["/3", "/chain", "/robots.txt"].iter().any(|start| road.starts_with(start));
        assert_eq!(told(answer), if is_redirect { "refused" } else { "200" }, "{road}");
    }
    assert_eq!(private.connections(), 0);

    // The same roads to a public place are taken: by the crawl all that lead to a page, by a call the redirects.
    let there = public(|_| ok("there"));
    let to = there.url("/");
    let home = public(move |asked| road(&asked.target, &to));
    let crawled = crawl(roads.map(|road| home.url(road)), config());
    assert_eq!(crawled.outcome(&there.url("/")), "200");
    assert_eq!(crawled.outcome(&there.url("/x")), "200", "by way of <base>");
    assert!(ask(roads.map(|road| home.url(road)), settings()).iter().all(|answer| told(answer) == "200"));
}

#[test]
fn s06_a_kept_connection_is_one_host_s() {
    let site = public(|asked| match asked.target.as_str() {
        "/" => links((0..5).map(|n| format!("/{n}"))),
        _ => ok("x"),
    });
    let mut one_thread = config();
    one_thread.crawl.fetchers = 1;
    one_thread.resolve = vec![format!("*.test={}", site.address)];
    crawl(["http://a.test/", "http://b.test/"], one_thread);
    let calls = ["http://a.test/0", "http://b.test/0", "http://a.test/1", "http://b.test/1"];
    let mut wished = settings();
    wished.overrides = vec![format!("*.test={}", site.address).parse().unwrap()];
    ask(calls, wished);
    let asked = site.asked();
    assert_eq!(asked.len(), 12 + 4);
    let host_of = |connection| asked.iter().find(|it| it.connection == connection).unwrap().field("host");
    assert!(asked.iter().all(|it| it.field("host") == host_of(it.connection)));
    assert!(site.connections() < asked.len(), "connections are used again");
}

#[test]
fn s07_a_proxy_is_no_way_round_the_guard() {
    // More of it, tunnels and SOCKS too: `crates/fetch/tests/wire/proxies.rs`, `the_guard_stands_before_a_proxy_too`.
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    let private = private(0);
    let port = private.port();
    let mut page: String =
        ["127.0.9.1", "127.0.0.1", "0x7f.0.9.1", "[::1]", "[::ffff:127.0.9.1]", "localhost"]
            .iter()
            .flat_map(|host| {
                ["http", "https"].map(|scheme| format!("<a href=\"{scheme}://{host}:{port}/\">x</a>"))
            })
            .collect();
    page += "<a href=\"http://h000.fakeweb.test:6379/\">x</a><a href=\"/there\">x</a>";
    web.script("h000.fakeweb.test", "/page", Script::html(page));
    // The proxy's own address is private and not allowed for: naming it is leave enough.
    let mut proxied = config();
    proxied.proxy = vec![format!("http://{}", web.addr())].into();
    let crawled = crawl(["http://h000.fakeweb.test/page"], proxied.clone());
    let asked: Vec<String> = web.log().into_iter().map(|served| served.host + &served.path).collect();
    assert_eq!(asked, ["h000.fakeweb.test/page", "h000.fakeweb.test/there"]);
    assert_eq!(crawled.report.failures.get("refused"), Some(&11), "{:?}", crawled.report);

    let urls = [format!("http://127.0.9.1:{port}/"), "http://169.254.169.254/latest/meta-data/".to_owned()];
    for answer in ask(urls, proxied.fetch_settings().unwrap()) {
        assert_eq!(told(&answer), "refused", "{}", answer.url);
    }
    assert_eq!((web.requests(), private.connections()), (2, 0));
}

#[test]
fn s08_ports_of_other_protocols_are_refused() {
    let ports =
        [22, 23, 25, 53, 110, 111, 143, 445, 465, 587, 993, 2049, 3306, 5060, 5432, 6379, 6667, 9200, 11211];
    let urls = ports.map(|port| format!("http://127.0.1.1:{port}/"));
    let page = links(&urls);
    let home = public(move |asked| match asked.target.as_str() {
        "/" => page.clone(),
        _ => redirect(302, "http://127.0.1.1:6379/SET%20x%20y"),
    });
    let crawled = crawl([home.url("/"), home.url("/redirect")], config());
    for (url, port) in urls.iter().zip(ports) {
        assert_eq!(crawled.outcome(url), "refused", "{url}");
        let why = &crawled.records[url].error.as_ref().unwrap().detail;
        assert!(why.starts_with(&format!("port {port} belongs to ")), "{why}");
    }
    assert_eq!(crawled.outcome("http://127.0.1.1:6379/SET%20x%20y"), "refused");
    let answer = &ask([home.url("/redirect")], settings())[0];
    assert!(detail(answer, FailureKind::Refused).starts_with("port 6379 belongs to Redis"));
}

#[test]
fn s09_other_schemes_are_refused() {
    let others = [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "data:text/html,<a href=http://127.0.9.1/>x</a>",
        "javascript:alert(1)",
        "gopher://127.0.1.1:70/1",
        "ftp://127.0.1.1/x",
        "unix:/var/run/docker.sock",
        "s3://bucket/key",
        "blob:http://127.0.1.1/x",
        "view-source:http://127.0.1.1/x",
        "ws://127.0.1.1/x",
        "mailto:a@b.test",
    ];
    for url in others {
        let seed = Crawl::new([url]).store("never-made").run();
        assert!(matches!(&seed, Err(CrawlError::Seed(text, _)) if text == url), "{url}: {seed:?}");
        let answers = ask([url], settings());
        assert_eq!(told(&answers[0]), "refused", "{url}");
    }
    assert!(!std::path::Path::new("never-made").exists());
    let home = public(move |asked| match asked.target.strip_prefix("/to/") {
        None => links(others),
        Some(n) => redirect(302, others[n.parse::<usize>().unwrap()]),
    });
    let hops: Vec<String> = (0..others.len()).map(|n| home.url(&format!("/to/{n}"))).collect();
    let crawled = crawl(hops.iter().cloned().chain([home.url("/")]), config());
    assert_eq!(crawled.records.len(), others.len() + 1, "{:?}", crawled.records.keys());
    for (answer, hop) in ask(hops.clone(), settings()).iter().zip(&hops) {
        assert_eq!(crawled.outcome(hop), "302");
        assert_eq!((told(answer).as_str(), answer.is_ok()), ("302", false));
        let why = answer.detail.as_deref().unwrap();
        assert!(why.starts_with("redirected to a URL of scheme "), "{why}");
    }
}
