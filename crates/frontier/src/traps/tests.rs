//! Small sites, honest ones and traps, crawled breadth first under the guard alone.

use std::collections::{HashSet, VecDeque};

use super::*;

/// What a site answers: a status, a body, and links (or a redirect's target).
type Site<'a> = dyn FnMut(&str) -> (u16, String, Vec<String>) + 'a;

struct Crawled {
    fetched: HashSet<String>,
    requests: usize,
    traps: Traps,
}

const HEAD: &str = "<title>The house</title><nav><a>Home</a><a>About us</a><a>Contact</a></nav><footer>All rights reserved</footer>";

/// Crawls a site from its root to the end, or to so many requests.
fn crawl(rules: TrapRules, most: usize, site: &mut Site<'_>) -> Crawled {
    let mut traps = Traps::new(rules);
    let mut known = HashSet::new();
    let mut bodies = HashSet::new();
    let mut queue = VecDeque::from([CanonicalUrl::parse("http://www.site.example/").unwrap()]);
    let mut crawled = HashSet::new();
    let mut requests = 0;
    while let Some(url) = queue.pop_front() {
        if requests == most {
            break;
        }
        if traps.recheck(&url).is_err() {
            continue;
        }
        requests += 1;
        crawled.insert(url.as_str().to_owned());
        let (status, body, links) = site(url.as_str());
        let links: Vec<CanonicalUrl> = links.iter().map(|link| url.join(link).unwrap()).collect();
        let new: Vec<CanonicalUrl> = links.into_iter().filter(|link| known.insert(link.clone())).collect();
        let sketch = Sketch::of(&url, body.as_bytes());
        let is_repeat = !bodies.insert(body);
        let brought = traps.settled(&Seen { url: &url, status, is_repeat, sketch: sketch.as_ref() }, &new);
        queue.extend(new.into_iter().filter(|link| traps.admit(link, brought).is_ok()));
    }
    Crawled { fetched: crawled, requests, traps }
}

fn page(text: &str) -> String {
    format!("{HEAD}{text}")
}

/// The numbers of a URL, in order.
fn numbers(url: &str) -> Vec<u64> {
    let after = &url[url.find(".example").unwrap()..];
    after.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

/// A word of a vocabulary, by number.
fn word(n: u64) -> String {
    let letters = "bcdfghklmnprstvw".as_bytes();
    let vowels = b"aeiou";
    let mut n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    (0..6)
        .map(|at| {
            let from: &[u8] = if at % 2 == 0 { letters } else { vowels };
            let letter = from[n as usize % from.len()];
            n /= from.len() as u64;
            char::from(letter)
        })
        .collect()
}

fn sentence(n: u64, words: u64) -> String {
    (0..words).map(|w| word(n * 131 + w)).collect::<Vec<_>>().join(" ")
}

/// Nothing of an honest site is parked.
fn assert_whole(site: &str, pages: usize, crawled: &Crawled) {
    assert_eq!(crawled.traps.report(), [], "{site}");
    assert_eq!(crawled.fetched.len(), pages, "{site}");
}

#[test]
fn an_archive_of_articles_is_crawled_whole() {
    let articles = 4_000;
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| match (
        url.contains("/article/"),
        &numbers(url)[..],
    ) {
        (true, [n]) => {
            (200, page(&format!("<p>{}</p><p>Posted 5 May 2031</p>", sentence(*n, 40))), vec!["/".into()])
        }
        (_, at) => {
            let p = at.first().copied().unwrap_or(1);
            let list = (p * 10 - 10..p * 10).map(|n| format!("/article/{n}"));
            let next = (p * 10 < articles).then(|| format!("/?page={}", p + 1));
            (200, page(&format!("<h1>Archive</h1>Page {p}")), list.chain(next).collect())
        }
    });
    assert_whole("archive", articles as usize + articles as usize / 10, &crawled);
}

#[test]
fn a_gallery_with_a_word_a_page_is_crawled_whole() {
    // Each photo leads to the next alone, and differs from it in one word.
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| {
        let n = numbers(url).first().copied().unwrap_or(0);
        let next = (n < 5_000).then(|| format!("/photo/{}", n + 1));
        (200, page(&format!("<h1>Photo {n}</h1><p>{}</p>", word(n))), next.into_iter().collect())
    });
    assert_whole("gallery", 5_001, &crawled);
}

#[test]
fn a_portal_of_numbers_is_crawled_whole() {
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| {
        let p = numbers(url).first().copied().unwrap_or(0);
        let chance = |n: u64| {
            (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
                >> 33
        };
        let rows: Vec<String> = (p * 20..p * 20 + 20)
            .map(|n| {
                format!(
                    r#"{{"station":"Berlin","time":"2031-05-17T08:00:00","value":{}.{},"wind":{}.{}}}"#,
                    10 + chance(n) % 20,
                    chance(n + 7_000_000) % 10,
                    chance(n + 9_000_000) % 9,
                    n % 10
                )
            })
            .collect();
        let next = (p < 3_000).then(|| format!("/data?page={}", p + 1));
        (200, format!(r#"{{"page":{p},"rows":[{}]}}"#, rows.join(",")), next.into_iter().collect())
    });
    assert_whole("portal", 3_001, &crawled);
}

#[test]
fn an_api_with_empty_documents_is_crawled_whole() {
    // As an open API is: lists, documents, and for each a redirect to a list that is mostly empty.
    let things = 1_351;
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| {
        let n = numbers(url).first().copied().unwrap_or(0);
        if url.ends_with("/encounters") {
            return (301, String::new(), vec![format!("/api/thing/{n}/encounters/")]);
        }
        if url.ends_with("/encounters/") {
            let body = if n < 500 { format!(r#"[{{"place":"{}"}}]"#, word(n)) } else { "[]".into() };
            return (200, body, vec![]);
        }
        if url.contains("/thing/") {
            return (
                200,
                format!(r#"{{"id":{n},"name":"{}"}}"#, word(n)),
                vec![format!("/api/thing/{n}/encounters")],
            );
        }
        (200, "{\"things\":\"all\"}".into(), (1..=things).map(|n| format!("/api/thing/{n}/")).collect())
    });
    assert_whole("api", 1 + 3 * things, &crawled);
}

#[test]
fn broken_links_of_honest_pages_are_asked_for() {
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| {
        if url.contains("/gone/") {
            return (404, page("Not found"), vec!["/".into()]);
        }
        let n = numbers(url).first().copied().unwrap_or(0);
        let next = (n < 2_000).then(|| format!("/entry/{}", n + 1));
        (200, page(&sentence(n, 5)), next.into_iter().chain([format!("/gone/{n}")]).collect())
    });
    assert_whole("broken links", 4_002, &crawled);
}

#[test]
fn an_hour_of_errors_parks_nothing() {
    // Documents by random names, of which a hundred in a row are gone, and a hundred could not be had.
    let crawled = crawl(TrapRules::default(), 100_000, &mut |url| {
        if url.contains("/doc/") {
            let n = u64::from_str_radix(&url[url.len() - 4..], 16).unwrap();
            return match n {
                100..200 => (404, page("Gone"), vec![]),
                300..400 => (503, page("Try again later"), vec![]),
                _ => (200, page(&sentence(n, 5)), vec![]),
            };
        }
        let n = numbers(url).first().copied().unwrap_or(0);
        let next = (n < 500).then(|| format!("/list/{}", n + 1));
        (
            200,
            page(&sentence(n + 10_000, 5)),
            next.into_iter().chain([format!("/doc/7f3a90c1d2e4{n:04x}")]).collect(),
        )
    });
    assert_whole("documents", 1_002, &crawled);
}

/// A trap: it ends after at most so many requests, and what is honest in it is had.
#[track_caller]
fn assert_ends(name: &str, most: usize, site: &mut Site<'_>) -> Crawled {
    let crawled = crawl(TrapRules::default(), 20_000, site);
    assert!(
        crawled.requests <= most,
        "{name} took {} requests: {:#?}",
        crawled.requests,
        crawled.traps.report()
    );
    assert!(crawled.traps.parked_urls() > 0, "{name}");
    println!("{name}: {} requests, {:?}", crawled.requests, crawled.traps.report().first());
    crawled
}

#[test]
fn a_calendar_ends() {
    assert_ends("calendar", 500, &mut |url| {
        let (year, month, day) = match numbers(url)[..] {
            [year, month] => (year, month, None),
            [year, month, day] => (year, month, Some(day)),
            _ => (2031, 1, None),
        };
        let months = year * 12 + month - 1;
        let at = |months: u64| format!("/cal/{}/{:02}", months / 12, months % 12 + 1);
        let days = (1..=28).map(|day| format!("{}/{day:02}", at(months)));
        let links: Vec<String> = days.chain([at(months + 1), at(months - 1)]).collect();
        let grid: String = (1..=28).map(|day| format!("<td>{day}</td>")).collect();
        let title = day.map_or_else(String::new, |day| format!("<h2>{day}. {month}. {year}: no events</h2>"));
        (
            200,
            page(&format!(
                "<h1>{} {year}</h1><table>{grid}</table>{title}",
                ["Jan", "Feb", "March"][month as usize % 3]
            )),
            links,
        )
    });
}

#[test]
fn session_ids_end() {
    for in_query in [false, true] {
        let mut session = 0u64;
        let pages = 40;
        let crawled = assert_ends("sessions", 4_000, &mut |url| {
            session += 1;
            let id =
                format!("{:016x}", (session).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 0x1000_0000_0000_0000);
            let n = numbers(url.split(['?', ';']).next().unwrap())
                .last()
                .copied()
                .filter(|_| url.contains("page"))
                .unwrap_or(0);
            let links = (0..pages).map(|n| {
                if in_query { format!("/page-{n}.html?sid={id}") } else { format!("/{id}/page-{n}.html") }
            });
            (
                200,
                page(&format!("<h1>Page</h1><p>{}</p><p>Your session {id}</p>", sentence(n, 30))),
                links.collect(),
            )
        });
        let had: HashSet<u64> = crawled
            .fetched
            .iter()
            .filter(|url| url.contains("page"))
            .map(|url| *numbers(url.split('?').next().unwrap()).last().unwrap())
            .collect();
        assert_eq!(had.len(), pages, "each page is had once");
    }
}

#[test]
fn a_faceted_search_ends() {
    let facets = [
        "brand", "colour", "size", "price", "sort", "stock", "rating", "sale", "new", "view", "fabric", "fit",
    ];
    let crawled = assert_ends("facets", 2_500, &mut |url| {
        if url.contains("/item/") {
            let n = numbers(url)[0];
            return (200, page(&format!("<h1>{}</h1><p>{}</p>", word(n), sentence(n, 20))), vec![]);
        }
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let set: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        let more = facets.iter().filter(|facet| !query.contains(**facet)).map(|facet| {
            let mut all: Vec<String> = set.iter().map(|pair| (*pair).to_owned()).collect();
            all.push(format!("{facet}=1"));
            all.sort();
            format!("/shop?{}", all.join("&"))
        });
        // Each filter takes a part of the hundred things away.
        let things = (0..100u64).filter(|n| set.iter().enumerate().all(|(at, _)| n >> at & 1 == 0));
        let (text, items): (String, Vec<String>) =
            things.map(|n| (format!("<li>{}<b>{}.90</b>", word(n), n + 100), format!("/item/{n}"))).unzip();
        (200, page(&text), more.chain(items).collect())
    });
    let items = crawled.fetched.iter().filter(|url| url.contains("/item/")).count();
    assert_eq!(items, 100);
}

#[test]
fn a_garden_of_paths_ends() {
    // Everything is found, with the same text, and has relative links: `x/`, `y/`.
    let crawled = assert_ends("garden", 400, &mut |url| {
        let names = ["red", "green", "blue", "up", "down", "left", "right"];
        let links = names.iter().filter(|name| !url.contains(**name)).map(|name| format!("{name}/"));
        (200, page("<h1>Welcome</h1>"), links.collect())
    });
    assert_eq!(crawled.traps.report()[0].shape, "www.site.example");
}

#[test]
fn soft_404s_end() {
    assert_ends("soft 404", 400, &mut |url| {
        let n = url.len() as u64 * 1_000 + numbers(url).last().copied().unwrap_or(0);
        let links = (0..8).map(|m| format!("/{}-{}", word(n * 8 + m), n * 8 + m));
        (
            200,
            page(&format!("Sorry, there is no page {} here", url.rsplit('/').next().unwrap())),
            links.collect(),
        )
    });
}

#[test]
fn wildcard_subdomains_end() {
    let mut n = 0;
    assert_ends("subdomains", 400, &mut |_| {
        let links = (0..5).map(|m| format!("http://{}.site.example/", word(n * 5 + m)));
        let links = links.collect();
        n += 1;
        (200, page("<h1>Welcome</h1>"), links)
    });
}

#[test]
fn redirects_into_a_trap_end() {
    assert_ends("redirects", 600, &mut |url| {
        let n = numbers(url).first().copied().unwrap_or(0);
        if url.contains("/go") {
            return (302, String::new(), vec![format!("/page/{n}")]);
        }
        (200, page("<h1>Again</h1>"), vec![format!("/go/{}", n * 2 + 1), format!("/go/{}", n * 2 + 2)])
    });
}

#[test]
fn what_was_parked_wrongly_is_freed() {
    // A hundred empty pages that lead to each other; the sample finds that there is more behind them.
    let mut traps = Traps::new(TrapRules::default());
    let url = |n: u32| CanonicalUrl::parse(&format!("http://a.example/n/{n}")).unwrap();
    let settle = |traps: &mut Traps, n: u32, text: &str, next: u32| {
        let (url, next) = (url(n), url(next));
        let sketch = Sketch::of(&url, text.as_bytes());
        traps.settled(&Seen { url: &url, status: 200, is_repeat: false, sketch: sketch.as_ref() }, [&next])
    };
    let mut brought = Brought::SOMETHING;
    for n in 0..11 {
        assert!(traps.admit(&url(n), brought).is_ok(), "{n}");
        brought = settle(&mut traps, n, "nothing here", n + 1);
    }
    assert!(brought.is_barren());
    let tried: Vec<u32> = (100..400).filter(|n| traps.admit(&url(*n), brought).is_ok()).collect();
    assert_eq!(tried, [149, 249], "the fiftieth, and the hundredth after it");
    let report = traps.report();
    assert_eq!((report[0].parked_urls, report[0].tried), (298, 2));
    assert_eq!(report[0].example, "http://a.example/n/100");
    assert!(traps.admit(&url(500), Brought::SOMETHING).is_ok(), "an honest page's links are asked for");
    assert!(traps.recheck(&url(149)).is_ok(), "what is tried is not parked again");
    assert!(!settle(&mut traps, 149, "a treasure", 150).is_barren());
    assert_eq!(traps.report(), []);
    assert!(traps.admit(&url(600), brought).is_ok());
}

#[test]
fn what_waits_is_looked_at_again() {
    let mut traps = Traps::new(TrapRules::default());
    let url = |n: u32| CanonicalUrl::parse(&format!("http://a.example/n/{n}")).unwrap();
    let sketch = Sketch::of(&url(0), b"nothing here");
    let settled = |traps: &mut Traps, n: u32| {
        traps.settled(&Seen { url: &url(n), status: 200, is_repeat: false, sketch: sketch.as_ref() }, [])
    };
    settled(&mut traps, 0);
    let barren = settled(&mut traps, 1);
    assert!(traps.admit(&url(50), barren).is_ok(), "two are not thirty");
    assert!(traps.admit(&url(51), Brought::SOMETHING).is_ok());
    (2..40).for_each(|n| {
        settled(&mut traps, n);
    });
    assert!(traps.recheck(&url(50)).is_err());
    assert!(traps.recheck(&url(51)).is_ok());
}

#[test]
fn budgets() {
    let url = |text: &str| CanonicalUrl::parse(text).unwrap();
    let rules = TrapRules {
        per_host_max: Some(3),
        per_domain_max: Some(5),
        subdomains_max: Some(3),
        query_variations_max: Some(2),
        guard: None,
    };
    let mut traps = Traps::new(rules);
    for (text, want) in [
        ("http://a.example/1", Ok(())),
        ("http://a.example/x?1", Ok(())),
        ("http://a.example/x?2", Ok(())),
        ("http://a.example/2", Err(Reason::HostBudget { max: 3 })),
        ("https://a.example/2", Err(Reason::HostBudget { max: 3 })),
        ("http://b.a.example/x?3", Ok(())),
        ("http://c.a.example/", Ok(())),
        ("http://c.a.example/2", Err(Reason::DomainBudget { max: 5 })),
        ("http://z.example/x?1", Ok(())),
        ("http://z.example/x?2", Ok(())),
        ("http://z.example/x?3", Err(Reason::QueryVariations { max: 2 })),
        ("http://z.example/y?3", Ok(())),
        ("http://1.w.example/", Ok(())),
        ("http://2.w.example/", Ok(())),
        ("http://3.w.example/", Ok(())),
        ("http://4.w.example/", Err(Reason::Subdomains { max: 3 })),
        ("http://3.w.example/2", Ok(())),
    ] {
        let explained = traps.explain(&url(text));
        let got = traps.admit(&url(text), Brought::SOMETHING);
        assert_eq!(got, want, "{text}");
        assert_eq!(explained, want.err(), "{text}");
    }
}

#[test]
fn the_guard_can_be_turned_off() {
    let crawled = crawl(TrapRules { guard: None, ..TrapRules::default() }, 2_000, &mut |url| {
        let n = numbers(url).first().copied().unwrap_or(0);
        (200, page("same"), vec![format!("/n/{}", n + 1)])
    });
    assert_eq!((crawled.requests, crawled.traps.parked_urls()), (2_000, 0));
}

#[test]
fn what_was_learned_is_kept() {
    let mut n = 0;
    let site = &mut |_: &str| {
        n += 1;
        (
            200,
            page("same"),
            vec![format!("/n/{n}a"), format!("/n/{n}?q=1"), format!("http://s{n}.site.example/{n}")],
        )
    };
    let rules = TrapRules { per_host_max: Some(300), per_domain_max: Some(700), ..TrapRules::default() };
    let traps = crawl(rules, 400, site).traps;
    assert!(traps.parked_urls() > 0);
    let bytes = postcard::to_stdvec(&traps).unwrap();
    let mut kept = postcard::from_bytes::<Traps>(&bytes).unwrap().under(rules);
    assert_eq!(kept.report(), traps.report());
    assert_eq!(kept.parked_urls(), traps.parked_urls());
    // From here on both go the same way.
    let mut traps = traps;
    for n in 0..2_000u64 {
        let url = CanonicalUrl::parse(&format!("http://s{}.site.example/{}/{n}?q={n}", n % 50, word(n % 7)))
            .unwrap();
        let found_on = Brought((n % 8) as u8);
        assert_eq!(kept.explain(&url), traps.explain(&url));
        assert_eq!(kept.admit(&url, found_on), traps.admit(&url, found_on));
        assert_eq!(kept.recheck(&url), traps.recheck(&url));
        let sketch = Sketch::of(&url, page(&sentence(n % 40, 4)).as_bytes());
        let seen = Seen { url: &url, status: 200, is_repeat: n % 3 == 0, sketch: sketch.as_ref() };
        assert_eq!(kept.settled(&seen, []), traps.settled(&seen, []));
    }
}

#[test]
fn the_memory_is_bounded() {
    let mut traps = Traps::new(TrapRules { subdomains_max: None, ..TrapRules::default() });
    for n in 0..150_000u64 {
        let url = CanonicalUrl::parse(&format!("http://h{}.example/{}/{n}", n % 5_000, word(n))).unwrap();
        let sketch = Sketch::of(&url, sentence(n, 3).as_bytes());
        traps.settled(&Seen { url: &url, status: 200, is_repeat: false, sketch: sketch.as_ref() }, []);
    }
    assert!(traps.bytes() < 32 << 20, "{}", traps.bytes());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Pages that each say something new are never parked, whatever their URLs are and however they are linked.
    #[test]
    fn what_says_something_is_never_parked(shapes in proptest::collection::vec("(/[a-c]{1,2}){0,2}/N|/x\\?p=N&q=N|/s/HEX/[ab]|/d/2031-0N", 1..4), fan in 1u64..4) {
        let mut traps = Traps::new(TrapRules::default());
        let mut queue = VecDeque::from([(0u64, Brought::SOMETHING)]);
        let url = |n: u64| {
            let shape = &shapes[n as usize % shapes.len()];
            let text = shape.replace("HEX", &format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).replace('N', &n.to_string());
            CanonicalUrl::parse(&format!("http://a.example{text}")).unwrap()
        };
        let (mut known, mut settled) = (1, 0);
        while let Some((n, found_on)) = queue.pop_front() {
            proptest::prop_assert!(traps.admit(&url(n), found_on).is_ok());
            proptest::prop_assert!(traps.recheck(&url(n)).is_ok());
            settled += 1;
            let sketch = Sketch::of(&url(n), page(&sentence(n, 4)).as_bytes());
            let links: Vec<CanonicalUrl> = (known..known + fan).map(url).collect();
            let brought = traps.settled(&Seen { url: &url(n), status: 200, is_repeat: false, sketch: sketch.as_ref() }, &links);
            if settled < 400 {
                queue.extend((known..known + fan).map(|n| (n, brought)));
                known += fan;
            }
        }
        proptest::prop_assert_eq!(traps.parked_urls(), 0);
    }
}
