//! Files made to hurt, and any bytes at all: no panic, no blow-up, and the right verdict.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{fmt::Write, time::Duration};

use dragline_politeness::{BYTES_MAX, Robots, product_token, target_of};
use proptest::prelude::*;

/// Memory that a file may cost: a rule is 36 bytes beside its text, and the shortest takes 9 bytes of the file;
/// normalising can treble a value.
fn bytes_allowed(file: &[u8]) -> usize {
    12 * file.len().min(BYTES_MAX) + 1024
}

#[track_caller]
fn parse(file: &str) -> Robots {
    let robots = Robots::parse(file.as_bytes());
    let (held, allowed) = (robots.bytes_held(), bytes_allowed(file.as_bytes()));
    assert!(held <= allowed, "{held} bytes are held, {allowed} allowed");
    let reduced = robots.only("dragline").bytes_held();
    assert!(reduced <= allowed, "{reduced} bytes are held by the rules of one agent, {allowed} allowed");
    robots
}

#[test]
fn a_million_rules() {
    let mut file = "user-agent: *\n".to_owned();
    for n in 0..1_000_000 {
        writeln!(file, "disallow: /{n:x}/").unwrap();
    }
    let robots = parse(&file);
    assert!(!robots.verdict_at("dragline", "/1/").allowed);
    assert!(robots.verdict_at("dragline", "/f4240/").allowed, "beyond the limit");
    // And every one of them, where somebody wants that.
    let robots = Robots::parse_within(file.as_bytes(), file.len());
    assert_eq!(robots.rule_count(), 1_000_000);
    assert_eq!(robots.verdict_at("dragline", "/f423f/x").line.unwrap().number, 1_000_001);
}

#[test]
fn one_rule_a_million_times_is_one_rule() {
    let file = format!("user-agent: *\n{}", "disallow: /\nallow: /\n".repeat(50_000));
    let robots = parse(&file);
    assert_eq!(robots.rule_count(), 1);
    assert!(robots.verdict_at("dragline", "/x").allowed);
}

#[test]
fn a_thousand_wildcards() {
    let path = format!("/{}", "a".repeat(8000));
    for (pattern, allowed) in [
        ("/".to_owned() + &"*a".repeat(1000), false),
        ("/".to_owned() + &"*a".repeat(1000) + "b", true),
        ("/".to_owned() + &"a*".repeat(1000) + "b$", true),
        ("/".to_owned() + &"*".repeat(1000), false),
        ("*".repeat(1000) + "$", false),
        ("/".to_owned() + &"*aa".repeat(4000), false),
        ("/".to_owned() + &"*aa".repeat(4001), true),
    ] {
        let robots = parse(&format!("user-agent: *\ndisallow: {pattern}\n"));
        assert_eq!(robots.verdict_at("dragline", &path).allowed, allowed, "{}…", &pattern[..20]);
    }
}

#[test]
fn a_file_full_of_wildcards() {
    let mut file = "user-agent: *\n".to_owned();
    for n in 0..20_000 {
        writeln!(file, "disallow: /*a*b*{n}").unwrap();
    }
    let robots = parse(&file);
    let path = format!("/{}", "ab".repeat(2000));
    assert!(robots.verdict_at("dragline", &path).allowed);
    assert!(!robots.verdict_at("dragline", &(path + "777")).allowed);
}

#[test]
fn agents_times_rules_are_not_multiplied() {
    // Each agent is in the large group and in a group of its own: a copy of the rules for each of them would be
    // seventy million.
    let mut file = String::new();
    for n in 0..6_000 {
        writeln!(file, "user-agent: b{n}").unwrap();
    }
    for n in 0..12_000 {
        writeln!(file, "disallow: /{n}").unwrap();
    }
    for n in 0..6_000 {
        writeln!(file, "user-agent: b{n}\nallow: /{n}/").unwrap();
    }
    assert!(file.len() < BYTES_MAX);
    let robots = parse(&file);
    assert!(!robots.verdict_at("b7", "/7").allowed);
    assert!(robots.verdict_at("b7", "/7/").allowed);
    assert!(!robots.verdict_at("b8", "/7/").allowed);
}

#[test]
fn one_agent_in_many_groups() {
    let mut same = String::new();
    let mut different = String::new();
    for n in 0..12_000 {
        writeln!(same, "user-agent: *\ndisallow: /{n}").unwrap();
        writeln!(different, "user-agent: *\nuser-agent: {n}\ndisallow: /{n}").unwrap();
    }
    for file in [same, different] {
        let robots = parse(&file);
        let line = robots.verdict_at("dragline", "/777/").line.unwrap();
        assert_eq!(&*line.pattern, "/777");
        assert_eq!(robots.only("dragline").verdict_at("dragline", "/777/").line, Some(line));
    }
}

#[test]
fn many_agents_and_many_delays() {
    let mut file = String::new();
    for n in 0..15_000 {
        writeln!(file, "user-agent: {n}").unwrap();
    }
    file.push_str(&"crawl-delay: 3\n".repeat(15_000));
    let robots = parse(&file);
    assert_eq!(robots.crawl_delay("14999", Duration::MAX), Some(Duration::from_secs(3)));
}

#[test]
fn prefixes_of_prefixes() {
    let mut file = "user-agent: *\n".to_owned();
    for length in 1..900 {
        writeln!(file, "{}: /{}", if length % 2 == 0 { "allow" } else { "disallow" }, "a".repeat(length))
            .unwrap();
    }
    let robots = parse(&file);
    for length in 1..1000 {
        let verdict = robots.verdict_at("dragline", &format!("/{}b", "a".repeat(length)));
        assert_eq!(verdict.line.unwrap().number as usize, length.min(899) + 1);
    }
}

#[test]
fn most_files_are_small() {
    let robots = Robots::parse(
        b"User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n\nSitemap: https://a.example/wp-sitemap.xml\n",
    );
    let held = robots.bytes_held() + size_of::<Robots>();
    println!("a file of 115 bytes is held in {held}");
    assert!(held <= 400, "{held}");
    assert_eq!(Robots::parse(b"").bytes_held(), 0);
}

/// A file made of groups, so that the verdict can be found without a parser.
#[derive(Debug, Clone)]
struct Made {
    groups: Vec<Group>,
}

/// Agents, and rules: allowed or not, and the pattern.
type Group = (Vec<&'static str>, Vec<(bool, String)>);

impl Made {
    fn text(&self) -> String {
        let mut text = String::new();
        for (agents, rules) in &self.groups {
            for agent in agents {
                writeln!(text, "User-agent: {agent}").unwrap();
            }
            for (allows, pattern) in rules {
                writeln!(text, "{}: {pattern}", if *allows { "Allow" } else { "Disallow" }).unwrap();
            }
        }
        text
    }

    /// All rules of the agent's groups tried, one by one, as the RFC describes it.
    fn allows(&self, agent: &str, path: &str) -> bool {
        let is_named = self.groups.iter().any(|(agents, _)| agents.contains(&agent));
        let name = if is_named { agent } else { "*" };
        let rules =
            self.groups.iter().filter(|(agents, _)| agents.contains(&name)).flat_map(|(_, rules)| rules);
        let matching = rules.filter(|(_, pattern)| matches(pattern.as_bytes(), path.as_bytes()));
        matching.map(|(allows, pattern)| (pattern.len(), *allows)).max().is_none_or(|(_, allows)| allows)
    }
}

fn matches(pattern: &[u8], path: &[u8]) -> bool {
    match pattern {
        [] => true,
        b"$" => path.is_empty(),
        [b'*', rest @ ..] => (0..=path.len()).any(|skip| matches(rest, &path[skip..])),
        [byte, rest @ ..] => path.first() == Some(byte) && matches(rest, &path[1..]),
    }
}

fn made() -> impl Strategy<Value = Made> {
    let agents = proptest::collection::vec(prop::sample::select(vec!["*", "bee", "cat"]), 1..3);
    let rule = (any::<bool>(), "/[ab/*]{0,5}\\$?");
    // A group without rules would run on into the next.
    let group = (agents, proptest::collection::vec(rule, 1..8));
    proptest::collection::vec(group, 0..6).prop_map(|groups| Made { groups })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn verdicts_are_those_of_the_definition(made in made(), paths in proptest::collection::vec("/[ab/]{0,6}", 1..8)) {
        let robots = Robots::parse(made.text().as_bytes());
        for agent in ["bee", "cat", "dog"] {
            let reduced = robots.only(agent);
            for path in &paths {
                let verdict = robots.verdict_at(agent, path);
                prop_assert_eq!(verdict.allowed, made.allows(agent, path), "{} asks for {} of\n{}", agent, path, made.text());
                prop_assert_eq!(reduced.verdict_at(agent, path).allowed, verdict.allowed);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_file(bytes in proptest::collection::vec(any::<u8>(), 0..300), limit in 0usize..300) {
        let robots = Robots::parse_within(&bytes, limit);
        robots.verdict_at("a", "/a");
        prop_assert!(robots.bytes_held() <= bytes_allowed(&bytes));
    }

    #[test]
    fn anything_like_a_file_is_one(
        text in "((user-agent|allow|disallow|crawl-delay|sitemap|request-rate|visit-time|x)[: ]{1,2}([*/a$%\u{0}\u{fc}\u{b}0-9.-]{0,6})[\r\n#]{1,2}){0,12}",
        target in "/[*a$%\u{fc}0-9]{0,6}",
    ) {
        let robots = Robots::parse(text.as_bytes());
        for agent in ["a", "*", ""] {
            let verdict = robots.verdict_at(agent, &target);
            // A verdict can be checked by hand: its line is in the file and says what it did.
            if let Some(line) = verdict.line {
                prop_assert!(line.pattern.starts_with(['/', '*']));
                prop_assert!(line.text.contains(&*line.pattern));
                prop_assert_eq!(line.text.to_ascii_lowercase().contains("disallow"), !verdict.allowed);
            } else {
                prop_assert!(verdict.allowed);
            }
            let _ = (robots.crawl_delay(agent, Duration::MAX), robots.request_rate(agent), robots.visit_time(agent));
            prop_assert_eq!(robots.only(agent).verdict_at(agent, &target).allowed, verdict.allowed);
        }
    }

    #[test]
    fn any_text_has_a_target_and_a_token(text in ".{0,40}") {
        prop_assert!(target_of(&text).starts_with('/'));
        let token = product_token(&text);
        prop_assert_eq!(product_token(&token), token);
    }
}
