//! Sites by name, as a naive client finds them.

#![allow(clippy::unwrap_used, reason = "in a test it is a failure with a line number")]

mod client;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use client::{Answer, exchange, get, links, read_answer};
use dragline_fakeweb::{Archive, Endless, Expect, Portal, Trap, Web, WebSpec};
use url::Url;

fn ask(web: &Web, url: &str) -> Answer {
    read_answer(&exchange(web.addr(), get(url)), true).unwrap()
}

/// Follows links from a seed, breadth first, within its last two labels; at most so many pages. The status and the
/// text of each.
fn crawl(web: &Web, seed: &str, most: usize) -> BTreeMap<String, (u16, String)> {
    let domain_of = |url: &str| {
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        host.split_once('.').unwrap().1.to_owned()
    };
    let host_of = |url: &str| Url::parse(url).unwrap().host_str().unwrap().to_owned();
    let is_ours = |url: &str| {
        if seed.contains("fakewild") {
            domain_of(url) == domain_of(seed)
        } else {
            host_of(url) == host_of(seed)
        }
    };
    let mut found = BTreeMap::new();
    let mut seen = HashSet::from([seed.to_owned()]);
    let mut queue = VecDeque::from([seed.to_owned()]);
    while let Some(url) = queue.pop_front()
        && found.len() < most
    {
        let answer = ask(web, &url);
        for link in links(&answer.text(), &url) {
            if is_ours(&link) && seen.insert(link.clone()) {
                queue.push_back(link);
            }
        }
        found.insert(url, (answer.status, answer.text()));
    }
    found
}

fn traps() -> Web {
    WebSpec { traps: true, ..WebSpec::default() }.start().unwrap()
}

#[test]
fn a_trap_does_not_end_and_its_honest_pages_are_found() {
    const MOST: usize = 400;
    let web = traps();
    for (trap, seed) in web.trap_seeds() {
        let truth = web.truth(&[&seed]);
        assert_eq!(truth.len(), 21, "{trap:?}");
        let found = crawl(&web, &seed, MOST);
        assert_eq!(found.len(), MOST, "{trap:?} ends");
        assert!(
            found.iter().all(|(url, (status, _))| *status == 200 && url.starts_with("http://")),
            "{trap:?}"
        );
        for (url, expect) in &truth {
            assert!(found.contains_key(url) && *expect == Expect::Status(200), "{url}");
        }
        assert_eq!(web.trapped()[&trap], (MOST - truth.len()) as u64, "{trap:?}");
        // Honest pages differ.
        let honest: HashSet<_> = truth.keys().map(|url| &found[url].1).collect();
        assert_eq!(honest.len(), truth.len());
    }
    web.rewind();
    assert!(web.trapped().values().all(|count| *count == 0));
    assert!(web.resolve_rules().iter().any(|rule| rule.starts_with("*.fakewild.test=127.0.0.1:")));
}

#[test]
fn what_a_trap_says_is_always_the_same() {
    let web = traps();
    let texts = |trap: Trap| {
        let (_, seed) = web.trap_seeds().into_iter().find(|(it, _)| *it == trap).unwrap();
        let honest = web.truth(&[&seed]);
        let found = crawl(&web, &seed, 300).into_iter().filter(|(url, _)| !honest.contains_key(url));
        let strip = |text: String| {
            // Without its links, a page is what a reader sees of it.
            let mut plain = String::new();
            for part in text.split('<') {
                plain.push_str(part.split_once('>').map_or("", |(_, rest)| rest));
            }
            plain
        };
        found.map(|(_, (_, text))| strip(text)).collect::<BTreeSet<_>>()
    };
    assert_eq!(texts(Trap::Sessions).len(), 30);
    assert_eq!(texts(Trap::SoftNotFound).len(), 1);
    assert_eq!(texts(Trap::Wildcard).len(), 1);
    assert_eq!(texts(Trap::Maze).len(), 2);
    assert!(texts(Trap::Facets).len() <= 31);
    assert!(texts(Trap::Calendar).iter().all(|text| text.contains("There are no events")));
}

#[test]
fn a_session_is_new_at_every_visit_and_can_be_left_out() {
    let web = traps();
    let url = "http://sessions.fakeweb.test/shop/";
    let (one, two) = (links(&ask(&web, url).text(), url), links(&ask(&web, url).text(), url));
    assert_eq!((one.len(), two.len()), (30, 30));
    assert!(one.iter().all(|link| !two.contains(link)));
    for sign in ["/s/", "?PHPSESSID=", ";jsessionid="] {
        assert_eq!(one.iter().filter(|link| link.contains(sign)).count(), 10, "{sign}");
    }
    assert_eq!(ask(&web, "http://sessions.fakeweb.test/shop/item/7").status, 200);
    assert_eq!(ask(&web, "http://sessions.fakeweb.test/shop/item/30").status, 404);
}

#[test]
fn what_is_in_no_trap_is_not_there() {
    let web = traps();
    for url in [
        "http://calendar.fakeweb.test/calendar/2024/13/",
        "http://calendar.fakeweb.test/calendar/2024/03/",
        "http://calendar.fakeweb.test/calendar/2024/3/29",
        "http://facets.fakeweb.test/search?size=1&colour=1",
        "http://facets.fakeweb.test/search?",
        "http://maze.fakeweb.test/b/",
        "http://maze.fakeweb.test/a/a/",
        "http://maze.fakeweb.test/a/b",
        "http://blog.fakewild.test/x",
        "http://maze.fakeweb.test/robots.txt",
        "http://blog.fakewild.test/robots.txt",
    ] {
        assert_eq!(ask(&web, url).status, 404, "{url}");
    }
    assert_eq!(ask(&web, "http://soft.fakeweb.test/robots.txt").status, 200);
    assert_eq!(ask(&web, "http://facets.fakeweb.test/search?colour=1&size=1").status, 200);
    // Without traps there is nothing of it.
    let plain = WebSpec::default().start().unwrap();
    assert_eq!(ask(&plain, "http://maze.fakeweb.test/a/").status, 404);
    assert!(plain.trap_seeds().is_empty() && plain.trapped().values().all(|count| *count == 0));
}

#[test]
fn the_archive_is_honest_to_its_last_article() {
    let archive = Archive { articles: 333, page_size: 20, article_bytes: 600 };
    let web = WebSpec { archive: Some(archive), ..WebSpec::default() }.start().unwrap();
    let seed = web.archive_seed().unwrap();
    let truth = web.truth(&[&seed]);
    assert_eq!(truth.len(), 333 + 17);
    let found = crawl(&web, &seed, 1_000);
    let wanted: BTreeMap<_, _> = truth.keys().map(|url| (url, 200)).collect();
    let got: BTreeMap<_, _> = found.iter().map(|(url, (status, _))| (url, *status)).collect();
    assert_eq!(got, wanted);
    let texts: HashSet<_> = found.values().map(|(_, text)| text).collect();
    assert_eq!(texts.len(), found.len());
    for wrong in ["/archive?page=1", "/archive?page=18", "/archive?page=02", "/x-1.html", "/-.html"] {
        assert_eq!(ask(&web, &format!("http://archive.fakeweb.test{wrong}")).status, 404, "{wrong}");
    }
    let error =
        WebSpec { archive: Some(Archive { page_size: 0, ..Archive::default() }), ..WebSpec::default() };
    assert!(error.start().unwrap_err().to_string().contains("archive.page_size is 0"));
}

#[test]
fn the_site_without_end_has_new_links_on_every_page() {
    let endless = Endless { hosts: 2, links: 100 };
    let web = WebSpec { endless: Some(endless), ..WebSpec::default() }.start().unwrap();
    let seeds = web.endless_seeds();
    assert_eq!(seeds, ["http://i000.fakeweb.test/", "http://i001.fakeweb.test/"]);
    let (mut seen, mut asked) = (HashSet::new(), 0);
    for seed in &seeds {
        let mut url = seed.clone();
        for _ in 0..20 {
            let answer = ask(&web, &url);
            assert!(answer.body.len() < 4_000);
            let found = links(&answer.text(), &url);
            assert_eq!(found, links(&ask(&web, &url).text(), &url), "the same page has the same links");
            assert_eq!(found.len(), 100);
            url = found[asked % 100].clone();
            seen.extend(found);
            asked += 1;
        }
    }
    assert_eq!(seen.len(), asked * 100);
    assert!(seen.iter().all(|url| url.starts_with(&seeds[0]) || url.starts_with(&seeds[1])));
    assert_eq!(ask(&web, "http://i002.fakeweb.test/").status, 404);
    assert!(web.truth(&seeds).is_empty());
}

/// The URLs under `next` and `url` of a document, as they are spelled in it.
fn portal_links(text: &str, base: &str) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["\"next\":\"", "\"url\":\""] {
        for part in text.split(key).skip(1) {
            let link = &part[..part.find('"').unwrap()];
            let root = Url::parse(base).unwrap().origin().ascii_serialization();
            found.push(if link.starts_with('/') { format!("{root}{link}") } else { link.to_owned() });
        }
    }
    found
}

#[test]
fn the_portal_is_walked_by_its_links() {
    let portal = Portal { items: 205, page_size: 10, xml_errors: 0.1, busy: 0.1 };
    let web = WebSpec { portal: Some(portal), ..WebSpec::default() }.start().unwrap();
    let seed = web.portal_seed().unwrap();
    assert_eq!(seed, "http://portal.fakeweb.test/api/list?page=1&size=10");
    let raw = |url: &str| {
        let path = url.strip_prefix("http://portal.fakeweb.test").unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: portal.fakeweb.test\r\n\r\n");
        read_answer(&exchange(web.addr(), request), true).unwrap()
    };
    let truth = web.truth(&[&seed]);
    assert_eq!(truth.len(), 205 + 21);
    let (mut found, mut errors, mut absolute) = (BTreeMap::new(), 0, 0);
    let mut queue = vec![seed];
    while let Some(url) = queue.pop() {
        let mut answer = raw(&url);
        let mut expect = Expect::Status(200);
        if answer.status == 429 {
            assert_eq!(answer.field("retry-after"), Some("1"));
            (answer, expect) = (raw(&url), Expect::Once(429));
        }
        assert_eq!(answer.status, 200);
        let text = answer.text();
        if text.starts_with("<?xml") {
            assert_eq!(answer.field("content-type"), Some("application/xml"));
            errors += 1;
        } else if url.contains("/list") {
            assert!(text.contains("\"total\":205"), "{text}");
        }
        absolute += usize::from(text.contains("\"url\":\"http://"));
        queue.extend(portal_links(&text, &url).into_iter().filter(|link| !found.contains_key(link)));
        found.insert(url, expect);
    }
    assert_eq!(found, truth);
    assert!((8..40).contains(&errors), "{errors}");
    assert_eq!(absolute, 10, "every other page");

    // Byte for byte: what is equal in meaning is another key.
    let keys: Vec<_> = found.keys().filter(|url| url.contains("%c3%bc")).collect();
    assert!(!keys.is_empty());
    for url in keys {
        assert_eq!(raw(&url.replace("%c3%bc", "%C3%BC")).status, 404, "{url}");
    }
    for (one, other) in [("%7E", "~"), ("%2B", "+"), ("%20", "+"), ("%3D%3D", "==")] {
        let url = found.keys().find(|url| url.contains(one)).unwrap();
        assert_eq!(raw(&url.replace(one, other)).status, 404, "{url}");
    }
    assert!(web.log().iter().any(|served| served.status == Some(429) && served.rest_until.is_some()));
}
