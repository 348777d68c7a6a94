//! robots.txt from its bytes to the line that decides: every class of case, in cases of our own.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use dragline_model::CanonicalUrl;
use dragline_politeness::{BYTES_MAX, Group, Robots};

/// The verdicts of one agent, one a target: `+` or `-`, and the number of the line that decides.
fn told(file: &[u8], agent: &str, targets: &str) -> String {
    let robots = Robots::parse(file);
    let reduced = robots.only(agent);
    let one = |target: &str| {
        let verdict = robots.verdict_at(agent, target);
        assert_eq!(reduced.verdict_at(agent, target), verdict, "reduced to one agent: {target}");
        let line = verdict.line.map_or(String::new(), |line| line.number.to_string());
        format!("{}{line}", if verdict.allowed { '+' } else { '-' })
    };
    targets.split(' ').map(one).collect::<Vec<_>>().join(" ")
}

fn check(file: &str, agent: &str, targets: &str, want: &str) {
    assert_eq!(told(file.as_bytes(), agent, targets), want, "{agent} asks for {targets} of\n{file}");
}

#[test]
fn groups() {
    let file = "disallow: /nobody\n\
                User-agent: *\ndisallow: /a\n\
                User-agent: Bee\nUser-agent: cat/2.0\n\nsitemap: /s.xml\nCrawl-delay: 1\ndisallow: /b\n\
                User-agent: bee\ndisallow: /c\n\
                User-agent: dog\n";
    check(file, "any", "/nobody /a /b /c", "+ -3 + +");
    check(file, "bee/1.0 (+x)", "/a /b /c", "+ -9 -11");
    check(file, "CAT", "/a /b /c", "+ -9 +");
    check(file, "dog", "/a /b /c", "+ + +");
    // Names are compared whole.
    check(file, "be", "/a /b", "-3 +");
    check(file, "bees", "/a /b", "-3 +");
    let robots = Robots::parse(file.as_bytes());
    assert_eq!(robots.group_of("Bee/7"), Group::Named("bee".into()));
    assert_eq!(robots.group_of("ant"), Group::Anybody);
    assert_eq!(Robots::parse(b"user-agent: x\ndisallow: /").group_of("ant"), Group::Nobody);
    // Nothing is known of who is asking.
    check(file, "", "/a /b", "-3 +");
    check(file, "*", "/a /b", "-3 +");
}

#[test]
fn the_same_agents_in_any_order_are_one_group() {
    let file = "user-agent: a\nuser-agent: b\ndisallow: /1\nuser-agent: b\nuser-agent: a\nallow: /11\nuser-agent: b\ndisallow: /111\n";
    check(file, "a", "/1 /11 /111", "-3 +6 +6");
    check(file, "b", "/1 /11 /111", "-3 +6 -8");
}

#[test]
fn the_longest_match_decides_and_allow_wins_a_tie() {
    let file = "user-agent: *\ndisallow: /x\nallow: /x/y\ndisallow: /x/y/z\nallow: /x/y/z\nallow: /page\ndisallow: /*.htm\n";
    check(file, "a", "/x /x/y /x/y/z /page /page.htm /other", "-2 +3 +5 +6 -7 +");
    // Length is what counts, not order, and not how much is matched by a wildcard.
    check("user-agent: *\nallow: /aaaa\ndisallow: /*b\n", "a", "/aaaabbbbbbbb /b", "+2 -3");
    check("user-agent: *\ndisallow: /*\nallow: /\n", "a", "/x", "-2");
}

#[test]
fn wildcards_and_ends() {
    let file = "user-agent: *\ndisallow: /*.php$\ndisallow: /a*b*c\ndisallow: *secret\ndisallow: /end$\ndisallow: /mid$dle\n";
    check(file, "a", "/x.php /x.php5 /x.php/y.php /x.php?y", "-2 + -2 +");
    check(file, "a", "/abc /axbxc /acb /my-secret /end /end/ /mid$dle /mid", "-3 -3 + -4 -5 + -6 +");
    // Verbatim.
    check(
        "user-agent: *\ndisallow: /a%2Ab\ndisallow: /c%24\n",
        "x",
        "/a*b /axb /a%2ab /c$ /c",
        "-2 + -2 -3 +",
    );
    check("user-agent: *\ndisallow: $\ndisallow: *$\n", "x", "/ /a", "-3 -3");
}

#[test]
fn spellings_are_one() {
    let file = "user-agent: *\ndisallow: /%7ejoe\ndisallow: /ü\ndisallow: /a%2fb\ndisallow: /q?x='y'\ndisallow: /<b>\n";
    check(file, "a", "/~joe /%7Ejoe /%C3%BC /%c3%bc /a%2Fb /a/b /<b> /%3Cb%3E", "-2 -2 -3 -3 -4 + -6 -6");
    let robots = Robots::parse(file.as_bytes());
    // As the URL Standard spells them.
    for (url, allowed) in [
        ("http://h/~joe", false),
        ("http://h/%7Ejoe", false),
        ("http://h/ü", false),
        ("http://h/q?x='y'", false),
        ("http://h/<b>", false),
        ("http://h/./x/../%7ejoe", false),
        ("http://h/x", true),
    ] {
        let url = CanonicalUrl::parse(url).unwrap();
        assert_eq!(robots.allows("a", &url), allowed, "{url}");
        assert_eq!(robots.verdict("a", &url).allowed, allowed, "{url}");
    }
}

#[test]
fn what_matches_nothing() {
    for line in
        ["disallow:", "disallow: x", "disallow: http://h/", "allow:", "disallow: # /", "disallow", "/"]
    {
        check(&format!("user-agent: *\n{line}\n"), "a", "/ /x /http://h/", "+ + +");
    }
    // An empty rule ends the list of agents all the same.
    check("user-agent: a\ndisallow:\nuser-agent: b\ndisallow: /\n", "a", "/x", "+");
    // A line that is unknown does not.
    check("user-agent: a\nnoindex: /\nuser-agent: b\ndisallow: /\n", "a", "/x", "-4");
}

#[test]
fn robots_txt_itself_is_always_allowed() {
    check(
        "user-agent: *\ndisallow: /\n",
        "a",
        "/robots.txt /robots.txt?x /robots.txtx /x/robots.txt",
        "+ -2 -2 -2",
    );
}

#[test]
fn an_index_page_is_its_folder() {
    let file =
        "user-agent: *\nallow: /d/index.html\nallow: /e/index.htm\nallow: /f/index.htmlx\ndisallow: /\n";
    check(file, "a", "/d/ /d/index.html /d/index.htmx /d/x /e/ /f/ /", "+2 +2 -5 -5 +3 -5 -5");
    check("user-agent: *\ndisallow: /d/index.html\n", "a", "/d/", "+");
}

#[test]
fn misspellings() {
    let file = "useragent: *\nDisalow: /1\ndissallow: /2\nDISSALOW: /3\ndiasllow: /4\nDisallaw: /5\ndisallow /6\n disallow : /7 # why\n";
    check(file, "a", "/1 /2 /3 /4 /5 /6 /7", "-2 -3 -4 -5 -6 -7 -8");
}

#[test]
fn line_ends_and_encodings() {
    let lines = ["user-agent: *", "disallow: /a", "", "allow: /ab"];
    for end in ["\n", "\r", "\r\n"] {
        check(&lines.join(end), "x", "/a /ab", "-2 +4");
        check(&format!("\u{feff}{}", lines.join(end)), "x", "/a /ab", "-2 +4");
        let wide = |mark: bool, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let text = lines.join(end);
            mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).flat_map(unit).collect()
        };
        assert_eq!(told(&wide(true, u16::to_le_bytes), "x", "/a /ab"), "-2 +4");
        assert_eq!(told(&wide(true, u16::to_be_bytes), "x", "/a /ab"), "-2 +4");
        assert_eq!(told(&wide(false, u16::to_le_bytes), "x", "/a /ab"), "-2 +4");
    }
    check("\x0cuser-agent:\x0b*\x0c\n\tdisallow:\t/a\x0c", "x", "/a", "-2");
    check("user-agent: *\ndis\0allow: /\0a", "x", "/a /", "-2 +");
    assert_eq!(told(b"user-agent: *\ndisallow: /\xff\xfe", "x", "/%FF%FE /"), "-2 +");
}

#[test]
fn pages_of_html_have_no_rules() {
    for page in [
        "<!doctype html><title>404</title><a href=\"/x\">x</a>",
        "<html>\n<body>\nNot found: /robots.txt\n</body>\n</html>",
        "{\"error\": \"not found\"}",
    ] {
        check(page, "a", "/ /x", "+ +");
        assert_eq!(Robots::parse(page.as_bytes()).bytes_held(), 0, "{page}");
    }
    // Unless they are a robots.txt in disguise.
    check("<html>\nUser-agent: *<br>\nDisallow: /x<br>\n", "a", "/x<br> /x", "-3 +");
}

#[test]
fn no_more_than_the_limit_is_read() {
    let mut file = b"user-agent: *\ndisallow: /first\n".to_vec();
    while file.len() < BYTES_MAX - 12 {
        file.extend(b"# filler\n");
    }
    file.truncate(BYTES_MAX - 12);
    file.extend(b"\ndisallow: /s");
    assert_eq!(file.len(), BYTES_MAX + 1);
    assert_eq!(&told(&file, "a", "/first /s /")[..2], "-2");
    assert!(told(&file, "a", "/s").starts_with('+'), "a line that is cut is dropped");
    file.truncate(BYTES_MAX);
    assert!(told(&file, "a", "/").starts_with('-'), "its last line ends with it");
    assert!(
        !Robots::parse_within(&[file, b"secret\n".to_vec()].concat(), 1 << 20)
            .verdict_at("a", "/secret")
            .allowed
    );
}

#[test]
fn one_line_of_a_megabyte() {
    let long = "/a".repeat(1 << 19);
    check(
        &format!("user-agent: *\ndisallow: /b\ndisallow: {long}\ndisallow: /c\n"),
        "a",
        "/b /a /c",
        "-2 + +",
    );
    check(&format!("user-agent: *\ndisallow: /b\n#{long}"), "a", "/b", "-2");
    let almost = "/a".repeat(BYTES_MAX / 2 - 20);
    check(&format!("user-agent: *\ndisallow: {almost}\n"), "a", &format!("{almost} /a"), "-2 +");
}

#[test]
fn a_verdict_shows_its_line() {
    let robots = Robots::parse("User-Agent: *\n\n  Disallow :  /Ü*$  # why\n".as_bytes());
    let verdict = robots.verdict_at("a", "/%C3%9Cx");
    let line = verdict.line.unwrap();
    assert_eq!((line.number, &*line.text, &*line.pattern), (3, "Disallow :  /Ü*$", "/Ü*$"));
    assert_eq!(robots.verdict_at("a", "/x").line, None);
}

#[test]
fn delays_rates_and_times() {
    let file = b"user-agent: *\ncrawl-delay: 7\nvisit-time: 0200-0630\n\
                 user-agent: a\ncrawl-delay: 2\nuser-agent: b\ncrawl-delay: 3.5\ndisallow: /\n\
                 user-agent: a\ncrawl-delay: 1\nrequest-rate: 1/10s\nrequest-rate: 1/5\n\
                 user-agent: big\ncrawl-delay: 1e9\n\
                 user-agent: odd\ncrawl-delay: -4\ncrawl-delay: nan\nrequest-rate: often\nvisit-time: always\n";
    let robots = Robots::parse(file);
    let cap = Duration::from_secs(60);
    for (agent, delay) in
        [("x", Some(7.0)), ("a", Some(2.0)), ("b", Some(3.5)), ("big", Some(60.0)), ("odd", None)]
    {
        let told = robots.crawl_delay(agent, cap).map(|delay| delay.as_secs_f64());
        assert_eq!(told, delay, "{agent}");
        assert_eq!(
            robots.only(agent).crawl_delay(agent, cap).map(|delay| delay.as_secs_f64()),
            delay,
            "{agent}"
        );
    }
    assert_eq!(robots.crawl_delay("big", Duration::MAX), Some(Duration::from_secs(1_000_000_000)));
    let endless = Robots::parse(b"user-agent: *\ncrawl-delay: 1e999\n");
    assert_eq!(endless.crawl_delay("a", Duration::MAX), Some(Duration::MAX));
    assert_eq!(robots.request_rate("a").map(|rate| rate.interval()), Some(Duration::from_secs(10)));
    assert_eq!(robots.request_rate("x"), None);
    assert_eq!(robots.request_rate("odd"), None);
    assert_eq!(robots.visit_time("x").map(|time| (time.from, time.until)), Some((120, 390)));
    assert_eq!(robots.visit_time("a"), None, "who is named does not see what everybody is told");
    assert_eq!(robots.visit_time("odd"), None);
}

#[test]
fn sitemaps_are_of_the_whole_file() {
    let file = "Sitemap: https://a.example/1.xml\nuser-agent: a\nsitemap:/2.xml # two\n\
                SITE-MAP: https://b.example/3.xml?x=1\nsitemap: /2.xml\nsitemap:\nhttps://a.example/sitemap-4.xml\n";
    let robots = Robots::parse(file.as_bytes());
    let want = [
        "https://a.example/1.xml",
        "/2.xml",
        "https://b.example/3.xml?x=1",
        "https://a.example/sitemap-4.xml",
    ];
    assert_eq!(robots.sitemaps(), want);
    assert_eq!(robots.only("x").sitemaps(), want);
}
