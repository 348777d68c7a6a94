//! S17: what is said to one origin is not said to another.
//!
//! The rules: `crates/gather/src/redirect.rs`, `what_goes_along`; `crates/fetch/src/auth.rs`, `an_origin_is_scheme_host_and_port`;
//! over redirects between ports: `crates/gather/tests/gather/redirects.rs`, `credentials_stay_at_their_origin`;
//! of proxies: `crates/fetch/tests/wire/proxies.rs`, `credentials_stay_with_their_proxy`.

use dragline::{Auth, Call, Crawl};

use crate::{
    site::{Asked, PUBLIC_ANY, Site, answer, redirect},
    tls,
    world::{config, crawl_with, gather, settings, told},
};

/// Every neighbour of `http://a.test`: another scheme, port, host, a name below it and above it.
const OTHERS: [&str; 6] = [
    "https://a.test",
    "http://a.test:8080",
    "http://b.test",
    "https://b.test",
    "http://x.a.test",
    "http://a.test.",
];

/// A site that is all of them: `/` links to each of them, directly and by a redirect.
fn everybody() -> Site {
    Site::at(PUBLIC_ANY, Some(tls::usual()), |asked| match asked.target.as_str() {
        "/" => {
            let links: String = OTHERS
                .iter()
                .enumerate()
                .map(|(n, other)| {
                    let with_user = other.replace("://", "://user:canary@");
                    format!("<a href=\"{other}/link\">x</a><a href=\"/to/{n}\">x</a><a href=\"{with_user}/user\">x</a>")
                })
                .collect();
            answer("200 OK", "Content-Type: text/html\r\nSet-Cookie: sid=canary\r\n", links)
        }
        to if to.starts_with("/to/") => {
            redirect(302, &format!("{}/hop", OTHERS[to[4..].parse::<usize>().unwrap()]))
        }
        to if to.starts_with("/with-user") => redirect(302, "http://user:canary@b.test/hop"),
        _ => answer("200 OK", "", "x"),
    })
}

fn is_home(asked: &Asked) -> bool {
    !asked.secure && asked.field("host") == Some("a.test")
}

fn without_cookie(asked: &Asked) -> Asked {
    let head = asked.head.lines().filter(|line| *line != "Cookie: sid=canary");
    Asked { head: head.map(|line| format!("{line}\r\n")).collect(), ..asked.clone() }
}

fn check_others(site: &Site) {
    let asked = site.asked();
    for asked in asked.iter().filter(|asked| !is_home(asked)) {
        // The one thing that goes along, and upward only, as the jar's own table has it: what a host set in the clear,
        // to the same host over TLS.
        let upward = asked.secure && asked.field("host") == Some("a.test");
        let asked = &if upward { without_cookie(asked) } else { asked.clone() };
        let head = &asked.head;
        assert!(!head.contains("canary") && !head.contains("dXNlcjpjYW5hcnk"), "{head}");
        for name in ["authorization", "cookie", "x-api-key", "referer"] {
            assert_eq!(asked.field(name), None, "{head}");
        }
    }
    for other in OTHERS {
        let (scheme, host) = other.split_once("://").unwrap();
        let came = asked.iter().any(|it| it.secure == (scheme == "https") && it.field("host") == Some(host));
        assert!(came, "{other} was asked");
    }
}

#[test]
fn s17_a_crawl_s_secrets_stay_at_their_origin() {
    let site = everybody();
    let mut wished = config();
    wished.resolve = ["a.test", "*.test", "a.test."].map(|name| format!("{name}={}", site.address)).into();
    wished.insecure = ["a.test", "*.test", "a.test."].map(String::from).into();
    let crawl = Crawl::new(["http://a.test/"]).config(wished);
    let crawled = crawl_with(crawl.auth("http://a.test", Auth::basic("user", "canary")).unwrap());
    check_others(&site);
    let home: Vec<Asked> = site.asked().into_iter().filter(is_home).collect();
    assert!(home.iter().all(|asked| asked.field("authorization") == Some("Basic dXNlcjpjYW5hcnk=")));
    assert!(home.iter().skip(1).all(|asked| asked.field("cookie") == Some("sid=canary")));
    assert_eq!(home.len(), 1 + OTHERS.len());
    let told = format!("{:?} {:?}", crawled.records, crawled.report);
    assert!(!told.contains("canary") && !told.contains("user:"), "{told}");
}

#[test]
fn s17_a_call_s_secrets_stay_at_their_origin() {
    let site = everybody();
    let mut wished = settings();
    for name in ["a.test", "*.test", "a.test."] {
        wished.overrides.push(format!("{name}={}", site.address).parse().unwrap());
        wished.unverified.push(name.parse().unwrap());
    }
    let calls: Vec<Call> = (0..OTHERS.len())
        .map(|n| format!("/to/{n}"))
        .chain(["/with-user".to_owned()])
        .map(|target| {
            Call::get(&format!("http://user:canary@a.test{target}"))
                .unwrap()
                .header("X-Api-Key", "canary")
                .header("Cookie", "sid=canary")
                .header("Referer", "http://a.test/?canary")
        })
        .collect();
    let answers: Vec<_> = gather(calls, wished).keep_pages(true).start().unwrap().collect();
    check_others(&site);
    let home: Vec<Asked> = site.asked().into_iter().filter(is_home).collect();
    assert_eq!(home.len(), OTHERS.len() + 1);
    for asked in home {
        assert_eq!(asked.field("authorization"), Some("Basic dXNlcjpjYW5hcnk="));
        assert_eq!((asked.field("x-api-key"), asked.field("cookie")), (Some("canary"), Some("sid=canary")));
    }
    for answer in &answers {
        assert_eq!(told(answer), "200", "{answer:?}");
        // What is told and what would be stored of it: the values of these two fields are the caller's own.
        let line = answer.line().headers(true).to_string();
        assert!(!line.contains("canary") && !line.contains("dXNlcjpjYW5hcnk"), "{line}");
        for kept in &answer.pages {
            let request = String::from_utf8_lossy(&kept.page.request).into_owned();
            assert!(!request.contains("dXNlcjpjYW5hcnk") && !request.contains("sid=canary"), "{request}");
        }
    }
}

#[test]
fn s17_what_was_said_over_tls_is_not_said_in_the_clear() {
    let site = Site::at(PUBLIC_ANY, Some(tls::usual()), |asked| match asked.target.as_str() {
        "/" => {
            let links = "<a href=http://a.test/link>x</a><a href=/down>x</a><a href=/stay>x</a>";
            answer("200 OK", "Content-Type: text/html\r\nSet-Cookie: sid=canary\r\n", links)
        }
        "/down" => redirect(302, "http://a.test/hop"),
        _ => answer("200 OK", "", "x"),
    });
    let mut wished = config();
    (wished.resolve, wished.insecure) = (vec![format!("a.test={}", site.address)], vec!["a.test".to_owned()]);
    let crawl = Crawl::new(["https://a.test/"]).config(wished);
    crawl_with(crawl.auth("https://a.test", Auth::bearer("canary")).unwrap());
    let asked = site.asked();
    let clear: Vec<&Asked> = asked.iter().filter(|asked| !asked.secure).collect();
    assert_eq!((asked.len(), clear.len()), (5, 2));
    assert!(clear.iter().all(|asked| !asked.head.contains("canary")), "{clear:?}");
    let stayed = asked.iter().find(|asked| asked.target == "/stay").unwrap();
    assert_eq!(
        (stayed.field("cookie"), stayed.field("authorization")),
        (Some("sid=canary"), Some("Bearer canary"))
    );
}
