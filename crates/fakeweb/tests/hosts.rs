//! Hosts as a polite crawler meets them: their addresses, their robots.txt, and who of them refuses.

#![allow(clippy::unwrap_used, reason = "in a test it is a failure with a line number")]

mod client;

use std::{
    io::{Read, Write},
    net::{IpAddr, TcpStream},
    time::{Duration, Instant},
};

use client::{Answer, exchange, get, read_answer};
use dragline_fakeweb::{
    Expect, Faults, Offence, Promise, Refusals, RobotsKinds, Script, Step, TOLERANCE, Web, WebSpec,
};

fn ask(web: &Web, url: &str) -> Answer {
    read_answer(&exchange(web.addr(), get(url)), true).unwrap()
}

#[test]
fn hosts_are_spread_over_addresses_and_the_rules_lead_there() {
    let web = WebSpec { hosts: 7, addresses: 3, threads: 2, ..WebSpec::default() }.start().unwrap();
    let port = web.addr().port();
    assert_eq!(
        web.resolve_rules(),
        [
            format!("*.fakeweb.test=127.0.0.1:{port}"),
            format!("*.n1.fakeweb.test=127.0.0.1:{port}"),
            format!("*.n2.fakeweb.test=127.0.0.2:{port}"),
            format!("*.n3.fakeweb.test=127.0.0.3:{port}"),
        ]
    );
    for host in 0..7 {
        let url = web.url(host, 0);
        let group = format!(".n{}.fakeweb.test/", host % 3 + 1);
        assert!(url.ends_with(&group), "{url}");
        let addr = web.address_of(host);
        assert_eq!(addr, web.addrs()[host % 3]);
        assert_eq!(read_answer(&exchange(addr, get(&url)), true).unwrap().status, 200);
    }
    let asked: Vec<IpAddr> = web.log().iter().map(|served| served.address).collect();
    let want: Vec<IpAddr> = (0..7).map(|host| web.address_of(host).ip()).collect();
    assert_eq!(asked, want);
    assert_eq!(web.manners(&Promise::default()).addresses, 3);

    let alone = WebSpec::default().start().unwrap();
    assert_eq!(alone.resolve_rules(), [alone.resolve_rule()]);
    let error = WebSpec { addresses: 255, ..WebSpec::default() }.start().unwrap_err();
    assert!(error.to_string().contains("addresses is 255"), "{error}");
}

/// Follows redirects from a host's robots.txt; the answers on the way.
fn robots(web: &Web, host: usize) -> Vec<(String, Answer)> {
    let mut url = format!("http://{}/robots.txt", web.host(host));
    let mut answers = Vec::new();
    loop {
        let answer = ask(web, &url);
        let location = answer.field("location").map(str::to_owned);
        answers.push((url, answer));
        match location {
            Some(location) => url = location,
            None => return answers,
        }
    }
}

#[test]
fn every_kind_of_robots_txt_is_served() {
    let only = |set: fn(&mut RobotsKinds)| {
        let mut robots_kinds = RobotsKinds::default();
        set(&mut robots_kinds);
        let crawl_delay = Duration::from_millis(2_500);
        let faults = Faults { private: 0.1, ..Faults::default() };
        WebSpec { robots_kinds, crawl_delay, faults, hosts: 5, ..WebSpec::default() }.start().unwrap()
    };
    let rules = "User-agent: *\nDisallow: /private/\n";
    let private = |web: &Web| web.truth(&web.seeds()).values().any(|expect| *expect == Expect::Disallowed);

    let web = only(|kinds| kinds.crawl_delay = 1.0);
    assert!(robots(&web, 2)[0].1.text().ends_with(&format!("{rules}Crawl-delay: 2.5\n")));
    assert!(private(&web));

    let web = only(|kinds| kinds.late = 1.0);
    let statuses: Vec<_> = (0..4).map(|_| robots(&web, 2)[0].1.status).collect();
    assert_eq!(statuses, [503, 503, 200, 200]);
    web.rewind();
    assert_eq!(robots(&web, 2)[0].1.status, 503);
    assert!(private(&web));

    let web = only(|kinds| kinds.unavailable = 1.0);
    assert!((0..9).all(|_| robots(&web, 1)[0].1.status == 503));
    assert!(web.truth(&web.seeds()).values().all(|expect| *expect == Expect::Shut));

    let web = only(|kinds| kinds.hang = 1.0);
    assert!(exchange(web.addr(), get("http://h000.fakeweb.test/robots.txt")).is_empty());
    let served = web.log().remove(0);
    assert!(served.status.is_none() && served.ended.is_none() && served.left.is_some());

    for (web, away) in
        [(only(|kinds| kinds.redirected = 1.0), false), (only(|kinds| kinds.redirected_away = 1.0), true)]
    {
        for host in 0..5 {
            let stops = robots(&web, host);
            assert!((2..=6).contains(&stops.len()));
            let (last, answer) = &stops[stops.len() - 1];
            assert!(answer.status == 200 && answer.text().ends_with(rules), "{last}");
            let at_home = stops.iter().filter(|(url, _)| url.contains(&web.host(host))).count();
            assert!(if away { at_home < stops.len() } else { at_home == stops.len() }, "{stops:?}");
        }
        assert!(private(&web));
    }

    let web = only(|kinds| kinds.redirected_on = 1.0);
    assert_eq!(robots(&web, 0).len(), 9);
    assert!(!private(&web));

    let web = only(|kinds| kinds.html = 1.0);
    let (_, answer) = &robots(&web, 0)[0];
    assert!(answer.field("content-type").unwrap().starts_with("text/html") && answer.status == 200);
    assert!(!private(&web));

    let web = only(|kinds| kinds.huge = 1.0);
    assert!(robots(&web, 0)[0].1.body.len() > 590 * 1024);

    let web = only(|kinds| kinds.bom = 1.0);
    let body = &robots(&web, 0)[0].1.body;
    assert!(body.starts_with(b"\xef\xbb\xbf#") && !body.contains(&b'\n') && body.contains(&b'\r'));

    let web = only(|kinds| kinds.sitemaps = 1.0);
    assert!(robots(&web, 3)[0].1.text().ends_with("\nSitemap: http://h003.fakeweb.test/sitemap.xml\n"));
    let sitemap = ask(&web, "http://h003.fakeweb.test/sitemap.xml").text();
    assert_eq!(sitemap.matches("<loc>http://h003.fakeweb.test/").count(), 100);
    for page in 0..100 {
        let url = web.url(3, page).replace('&', "&amp;");
        assert!(sitemap.contains(&format!("<loc>{url}</loc>")), "{url}");
    }
}

#[test]
fn refusals_are_sent_logged_and_never_twice_for_a_page() {
    let refusals = Refusals { share: 0.4, silent: 0.3, rest: Duration::from_secs(2), ..Refusals::default() };
    let web = WebSpec { refusals, ..WebSpec::default() }.start().unwrap();
    let refused: Vec<Answer> =
        (0..100).map(|page| ask(&web, &web.url(0, page))).filter(|it| it.status != 200).collect();
    assert!((25..60).contains(&refused.len()), "{}", refused.len());
    let told = refused.iter().filter(|answer| answer.field("retry-after").is_some()).count();
    assert!(told > 10 && told < refused.len());
    let log = web.log();
    assert_eq!(log.iter().filter(|served| served.rest_until.is_some()).count(), told);
    for served in log {
        let is_refusal = matches!(served.status, Some(429 | 503));
        assert!(is_refusal || served.status == Some(200));
        let Some(until) = served.rest_until else { continue };
        let rest = until - served.arrived;
        assert!(
            is_refusal && rest >= Duration::from_secs(2) && rest <= Duration::from_millis(3_100),
            "{rest:?}"
        );
    }
    // What was refused comes when it is asked for again: the truth needs no other word for it.
    for page in 0..100 {
        let url = web.url(0, page);
        assert!(ask(&web, &url).status == 200 || ask(&web, &url).status == 200, "{url}");
    }
    let mut refused_paths: Vec<_> =
        web.log().into_iter().filter(|it| it.status != Some(200)).map(|it| it.path).collect();
    refused_paths.sort();
    assert!(refused_paths.windows(2).all(|pair| pair[0] != pair[1]));
    // The same web refuses the same again.
    web.rewind();
    let again =
        (0..100).map(|page| ask(&web, &web.url(0, page))).filter(|answer| answer.status != 200).count();
    assert_eq!(again, refused.len());
}

#[test]
fn a_strict_host_lets_nobody_in_who_hurries() {
    let refusals = Refusals { strict: 1.0, interval: Duration::from_secs(3_600), ..Refusals::default() };
    let web = WebSpec { refusals, ..WebSpec::default() }.start().unwrap();
    assert_eq!(ask(&web, &web.url(0, 0)).status, 200);
    let refused = ask(&web, &web.url(0, 1));
    assert_eq!(refused.status, 429);
    let seconds: u64 = refused.field("retry-after").unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&seconds), "{seconds}");
    // Others are others, and rules are for free.
    assert_eq!(ask(&web, &web.url(1, 0)).status, 200);
    assert!((0..5).all(|_| ask(&web, "http://h000.fakeweb.test/robots.txt").status == 404));
}

#[test]
fn the_log_alone_tells_how_polite_somebody_was() {
    let spec =
        WebSpec { robots: 1.0, faults: Faults { private: 0.2, ..Faults::default() }, ..WebSpec::default() };
    let rest = [Step::answer("503 Busy", &["Retry-After: 60"], "")];
    let web = spec.script("h001.fakeweb.test", "/tired", Script::new(rest)).start().unwrap();
    let private = (0..100).map(|page| web.url(1, page)).find(|url| url.contains("/private/")).unwrap();
    for url in [
        "http://h000.fakeweb.test/robots.txt",
        "http://h000.fakeweb.test/",
        "http://h001.fakeweb.test/",
        "http://h001.fakeweb.test/robots.txt",
        "http://h001.fakeweb.test/tired",
        &private,
    ] {
        exchange(web.addr(), get(url));
    }
    let hurried = Promise { delay: Duration::ZERO, ..Promise::default() };
    let manners = web.manners(&hurried);
    let offences: Vec<_> = manners.violations.iter().map(|it| it.offence).collect();
    assert!(
        matches!(offences[..], [Offence::BeforeRobots, Offence::Restless { .. }, Offence::Forbidden]),
        "{manners}"
    );
    assert_eq!((manners.requests, manners.hosts), (6, 2));
    let polite = web.manners(&Promise { delay: Duration::from_secs(3_600), ..Promise::default() });
    let soon = polite.violations.iter().filter(|it| matches!(it.offence, Offence::TooSoon { .. })).count();
    assert_eq!(soon, 4);
}

#[test]
fn who_leaves_before_the_answer_is_seen_to() {
    let slow = Script::new([Step::Delay(Duration::from_secs(3_600)), Step::answer("200 OK", &[], "")]);
    let web = WebSpec::default().script("*", "/slow", slow).start().unwrap();
    let mut stream = TcpStream::connect(web.addr()).unwrap();
    stream.write_all(get("http://a.test/slow").as_bytes()).unwrap();
    // The answer to this shows that the server has had the time to read that.
    ask(&web, "http://a.test/");
    assert_eq!(web.log().iter().filter(|served| served.left.is_some()).count(), 0);
    drop(stream);
    while web.log().iter().all(|served| served.left.is_none()) {
        ask(&web, "http://a.test/");
    }
    let left: Vec<_> = web.log().into_iter().filter(|served| served.left.is_some()).collect();
    assert!(left.len() == 1 && left[0].path == "/slow" && left[0].ended.is_none());
}

#[test]
fn what_the_server_kept_waiting_it_says() {
    let web = WebSpec { page_bytes: 64 << 10, ..WebSpec::default() }.start().unwrap();
    // So many at once that the last ones have to wait for the first ones, in connections and then in requests.
    let mut streams: Vec<_> = (0..200).map(|_| None).collect();
    for round in 1..=3 {
        web.clear_log();
        let mut written = Vec::new();
        for (number, stream) in streams.iter_mut().enumerate() {
            let stream = stream.get_or_insert_with(|| TcpStream::connect(web.addr()).unwrap());
            let request = get(&web.url(number % 10, number % 100));
            stream.write_all(request.as_bytes()).unwrap();
            written.push(Instant::now());
        }
        for stream in streams.iter_mut().flatten() {
            stream.read_exact(&mut [0; 1_000]).unwrap();
        }
        let mut log = web.log();
        log.sort_by_key(|served| served.connection);
        assert_eq!(log.len(), written.len());
        for (served, written) in log.iter().zip(&written) {
            let came = served.arrived - served.held;
            let late = came.saturating_duration_since(*written);
            assert!(
                late <= TOLERANCE,
                "round {round}: it came {late:?} after it was sent, at the earliest: {served:?}"
            );
        }
        let longest = log.iter().map(|served| served.held).max();
        println!("round {round}: kept waiting for up to {longest:?}");
        streams.iter_mut().for_each(|stream| *stream = None);
    }
}
