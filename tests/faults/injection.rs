//! S24: nothing that a caller or a server says becomes a second request or a second field.
//!
//! `crates/fetch/tests/wire/guard.rs`, `a_caller_s_fields_cannot_smuggle`, has the wire's part.

use dragline::{Auth, Call, Crawl, CrawlError, config::Config};

use crate::{
    site::{Site, answer, links, ok, public, redirect},
    world::{ask, config, crawl, settings, told},
};

/// What would be a request of its own, if its line ends came through.
const SMUGGLED: &str = "\r\n\r\nGET /canary HTTP/1.1\r\nHost: canary\r\nX-Canary: 1\r\n\r\n";

/// So many requests came, none of them the smuggled one, and each line of them is one of the usual.
fn check(site: &Site, requests: usize, what: &str) {
    let asked = site.asked();
    assert_eq!(asked.len(), requests, "{what}: {asked:?}");
    for asked in asked {
        assert!(!asked.target.starts_with("/canary"), "{what}: {}", asked.head);
        for line in asked.head.lines().skip(1) {
            let name = line.split(':').next().unwrap().to_ascii_lowercase();
            assert!(
                !name.contains("canary") && line.matches("canary").count() == 0,
                "{what}: {}",
                asked.head
            );
        }
        assert!(
            !asked.head.trim_end().contains("\r\n\r\n")
                && !asked.head.replace("\r\n", "").contains(['\r', '\n'])
        );
    }
}

#[test]
fn s24_a_url_is_one_line() {
    let html = format!("<a href=\"/x{SMUGGLED}\">x</a>");
    let site = public(move |asked| if asked.target == "/" { ok(&html) } else { ok("x") });
    let base = site.url("");
    let urls = [
        format!("{base}/a{SMUGGLED}"),
        format!("{base}/a?q={SMUGGLED}"),
        format!("{base}/a#{SMUGGLED}"),
        format!("{base}/%0d%0a%0d%0aGET%20/canary%20HTTP/1.1%0d%0a"),
        format!("{base}/a?%0D%0AX-Canary:%201"),
        format!("{base}/a\u{2028}\u{85}\u{0}b"),
    ];
    for url in &urls {
        let before = site.asked().len();
        assert_eq!(told(&ask([url.clone()], settings())[0]), "200", "{url:?}");
        assert_eq!(site.asked().len(), before + 1);
    }
    // A host with line ends is another host or none, and gets nothing by it.
    for host in ["127.0.1.1\r\nX-Canary: 1", "127.0.1.1%0d%0aX-Canary:1", "127.0.1.1 X"] {
        let answer = &ask([format!("http://{host}:{}/", site.port())], settings())[0];
        assert_eq!(told(answer), "refused", "{host:?}");
    }
    check(&site, urls.len(), "urls");
    crawl(urls[..5].iter().cloned().chain([site.url("/")]), config());
    // Without its line ends "#…" is a fragment: one page less; the link is one more.
    let targets: Vec<String> = site.asked()[urls.len()..].iter().map(|asked| asked.target.clone()).collect();
    assert!(
        targets.iter().all(|target| target.starts_with("/") && !target.starts_with("/canary")),
        "{targets:?}"
    );
    assert_eq!(targets.len(), 7, "{targets:?}");
}

#[test]
fn s24_a_caller_s_words_are_no_lines() {
    let site = public(|_| ok("x"));
    let smuggled = |at: &str| format!("a{SMUGGLED}{at}");
    let call = || Call::get(&site.url("/")).unwrap();
    let calls = [
        call().header("X", smuggled("value")),
        call().header(format!("X{SMUGGLED}"), "name"),
        call().header("X: y\r\nX-Canary", "1"),
        call().header("X", "a\nX-Canary: 1"),
        call().header("X", "a\rX-Canary: 1"),
        call().header("X", "a\0b"),
        call().header("User-Agent", smuggled("")),
        call().header("Cookie", smuggled("")),
        call().header("Transfer-Encoding", "chunked"),
        call().header("Content-Length", "100"),
        call().header("Host", "canary"),
        call().auth(Auth::bearer(&smuggled(""))),
    ];
    for answer in ask(calls, settings()) {
        assert_eq!(told(&answer), "refused", "{answer:?}");
    }
    check(&site, 0, "calls");
    // A password may be anything: it is encoded.
    assert_eq!(told(&ask([call().auth(Auth::basic("user", SMUGGLED))], settings())[0]), "200");
    check(&site, 1, "a password");
    assert!("GET\r\nX-Canary: 1".parse::<dragline_fetch::Method>().is_err());
}

#[test]
fn s24_a_configuration_s_words_are_no_lines() {
    let site = public(|_| ok("x"));
    let dir = tempfile::tempdir().unwrap();
    let start = |config: Config| Crawl::new([site.url("/")]).config(config).store(dir.path()).run();
    let refused = start(Config { user_agent: format!("bot{SMUGGLED}"), ..config() });
    assert!(refused.as_ref().is_err_and(CrawlError::is_usage), "{refused:?}");
    for rule in [format!("a.test{SMUGGLED}=127.0.1.1"), format!("a.test=127.0.1.1{SMUGGLED}x")] {
        let refused = start(Config { resolve: vec![rule], ..config() });
        assert!(refused.as_ref().is_err_and(CrawlError::is_usage), "{refused:?}");
    }
    // A token that cannot be sent is found out where it would be.
    let crawl = Crawl::new([site.url("/")]).config(config()).store(dir.path());
    let crawl = crawl.auth(&site.url("/"), Auth::bearer(&format!("t{SMUGGLED}"))).unwrap();
    let report = crawl.run().unwrap();
    assert_eq!(report.failures.get("refused"), Some(&1), "{report:?}");
    check(&site, 0, "configurations");
}

#[test]
fn s24_a_server_s_words_are_no_lines() {
    // Bare carriage returns and other controls come through a parser of lines.
    let site = public(|asked| match asked.target.as_str() {
        "/" => links(["/cookie", "/location", "/encoded", "/after"]),
        "/cookie" => answer(
            "200 OK",
            "Set-Cookie: a=b\rX-Canary: 1\r\nSet-Cookie: c=d\u{1}\r\nSet-Cookie: e=f\r\n",
            "x",
        ),
        "/location" => redirect(302, "/there\rX-Canary: 1\r"),
        "/encoded" => redirect(302, "/there%0d%0aX-Canary:%201%0d%0a%0d%0aGET%20/canary"),
        _ => ok("x"),
    });
    let mut one = config();
    one.crawl.fetchers = 1;
    crawl([site.url("/")], one);
    ask(["/cookie", "/location", "/encoded"].map(|target| site.url(target)), settings());
    check(&site, 7 + 5, "a server");
}
