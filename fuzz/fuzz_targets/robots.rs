//! robots.txt: any bytes are a file, its verdicts have their lines, and the rules for one agent alone are the same
//! rules.
#![no_main]

use dragline_politeness::{BYTES_MAX, Robots, Verdict, target_of};
use libfuzzer_sys::fuzz_target;

const AGENTS: [&str; 4] = ["dragline", "Googlebot/2.1 (+http://g.example/bot)", "a-b_c", ""];

// The first byte chooses who asks; the first line is the URL that is asked about, the rest is the file.
fuzz_target!(|input: &[u8]| {
    let [which, rest @ ..] = input else { return };
    let agent = AGENTS[usize::from(*which) % AGENTS.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let target = target_of(&String::from_utf8_lossy(&rest[..end]));
    assert!(target.starts_with('/'));
    let file = &rest[(end + 1).min(rest.len())..];

    let robots = Robots::parse(file);
    let verdict = robots.verdict_at(agent, &target);
    if let Some(line) = &verdict.line {
        assert!(line.number >= 1 && line.number as usize <= file.len());
        assert!(line.text.contains(&*line.pattern));
    } else {
        assert!(verdict.allowed, "who forbids has a line");
    }
    let only = robots.only(agent);
    let same = only.verdict_at(agent, &target);
    // Where rules of one length say the same, either of their lines may speak for them.
    let told = |it: &Verdict<'_>| (it.allowed, it.line.is_some());
    assert_eq!((told(&same), &same.group), (told(&verdict), &verdict.group));
    assert_eq!(only.sitemaps(), robots.sitemaps());
    assert!(only.rule_count() <= robots.rule_count());
    assert!(robots.rule_count() <= file.len().min(BYTES_MAX));
    // A few times the file at most: a host must not be able to fill the memory with its rules.
    assert!(robots.bytes_held() <= 64 * file.len() + 4_096, "{} for {}", robots.bytes_held(), file.len());
});
