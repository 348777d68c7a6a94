//! A host's pace under answers, refusals and failures, and what holds under any of them.

use dragline_model::Failure;
use proptest::prelude::*;

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(time: u64) -> Stamp {
    Stamp::new(ms(time))
}

fn next(pace: &Pace, rules: &PaceRules, now: u64) -> (u64, Because) {
    let next = pace.earliest(rules, at(now));
    (next.at.since(Stamp::default()).as_millis() as u64, next.because)
}

/// A request from `start` to `end`.
fn request(pace: &mut Pace, rules: &PaceRules, start: u64, end: u64, told: Told) {
    pace.started(at(start), 0.0);
    pace.ended(rules, at(start), at(end), told);
}

#[test]
fn a_delay_is_from_start_to_start() {
    let rules = PaceRules::default();
    let mut pace = Pace::default();
    assert_eq!(next(&pace, &rules, 5), (5, Because::Free));
    request(&mut pace, &rules, 5, 400, Told::Answered(ms(300)));
    assert_eq!(next(&pace, &rules, 400), (1005, Because::Delay));
    assert_eq!(next(&pace, &rules, 1005), (1005, Because::Free));
    request(&mut pace, &rules, 1005, 9000, Told::Answered(ms(300)));
    assert_eq!(next(&pace, &rules, 9000), (9000, Because::Free), "it took longer than the delay");
}

#[test]
fn starts_may_be_told_in_the_wrong_order() {
    let rules = PaceRules { concurrency: 2, ..PaceRules::default() };
    let mut pace = Pace::default();
    pace.started(at(2000), 0.0);
    pace.started(at(1000), 0.0);
    assert_eq!(next(&pace, &rules, 2000), (3000, Because::Delay));
}

#[test]
fn no_more_are_out_than_may_be() {
    let rules = PaceRules { concurrency: 2, ..PaceRules::default() };
    let mut pace = Pace::default();
    pace.started(at(0), 0.0);
    assert_eq!(pace.next_start(&rules, at(0)).map(|next| next.at), Some(at(1000)));
    pace.started(at(1000), 0.0);
    assert_eq!(pace.next_start(&rules, at(5000)), None);
    assert_eq!(
        pace.explain(&rules, at(1500)),
        "2 of 2 requests out; the next may start in 500ms, once one of them is home: the delay between two starts"
    );
    pace.ended(&rules, at(0), at(5000), Told::Nothing);
    assert_eq!(pace.next_start(&rules, at(5000)).map(|next| next.at), Some(at(5000)));
    let none = PaceRules { concurrency: 0, ..rules };
    assert!(Pace::default().next_start(&none, at(0)).is_some(), "none at all is no pace");
}

#[test]
fn a_crawl_delay_lengthens_up_to_its_cap() {
    let rules = PaceRules { crawl_delay_max: ms(30_000), ..PaceRules::default() };
    let mut pace = Pace::default();
    request(&mut pace, &rules, 0, 100, Told::Answered(ms(100)));
    for (asked, want) in [
        (Some(ms(10_000)), (10_000, Because::CrawlDelay)),
        (Some(ms(200)), (1000, Because::Delay)),
        (Some(Duration::MAX), (30_000, Because::CrawlDelay)),
        (None, (1000, Because::Delay)),
    ] {
        pace.set_crawl_delay(asked);
        assert_eq!(next(&pace, &rules, 100), want, "{asked:?}");
    }
}

#[test]
fn jitter_only_lengthens() {
    let rules = PaceRules { jitter: 0.5, ..PaceRules::default() };
    for (chance, want) in [(0.0, 1000), (0.5, 1250), (1.0, 1500), (7.0, 1500), (-3.0, 1000), (f32::NAN, 1000)]
    {
        let mut pace = Pace::default();
        pace.started(at(0), chance);
        assert_eq!(next(&pace, &rules, 0).0, want, "{chance}");
    }
    let odd = PaceRules { jitter: f32::NAN, ..rules };
    let mut pace = Pace::default();
    pace.started(at(0), 1.0);
    assert_eq!(next(&pace, &odd, 0).0, 1000);
}

#[test]
fn an_adaptive_delay_follows_the_host() {
    let adaptive = Adaptive { factor: 5.0, min: ms(500), max: ms(10_000) };
    let rules = PaceRules { delay: ms(100), adaptive: Some(adaptive), ..PaceRules::default() };
    let mut pace = Pace::default();
    request(&mut pace, &rules, 0, 10, Told::Answered(ms(10)));
    assert_eq!(next(&pace, &rules, 10), (500, Because::Adaptive), "never under its least");
    request(&mut pace, &rules, 1000, 1990, Told::Answered(ms(990)));
    assert_eq!(
        next(&pace, &rules, 1990),
        (1000 + 2500, Because::Adaptive),
        "five times the mean of 10 and 990"
    );
    for start in [10_000, 20_000, 30_000, 40_000] {
        request(&mut pace, &rules, start, start + 9000, Told::Answered(ms(9000)));
    }
    assert_eq!(next(&pace, &rules, 49_000), (50_000, Because::Adaptive), "never over its most");
    request(&mut pace, &rules, 60_000, 60_001, Told::Refused(Some(ms(1))));
    assert_eq!(next(&pace, &rules, 60_001).1, Because::Adaptive, "a quick refusal is no quick answer");
    let odd = Adaptive { factor: f32::NAN, min: ms(3000), max: ms(1) };
    assert_eq!(pace.delay(&PaceRules { adaptive: Some(odd), ..rules }).0, ms(3000));
}

#[test]
fn refusals_double_and_are_forgiven() {
    let rules = PaceRules::default();
    let mut pace = Pace::default();
    let mut now = 0;
    for (step, wait) in [(1, 60_000), (2, 120_000), (3, 240_000)] {
        request(&mut pace, &rules, now, now + 10, Told::Refused(None));
        assert_eq!(next(&pace, &rules, now + 10), (now + 10 + wait, Because::BackOff { step }));
        now += 10 + wait;
    }
    // Ten minutes each.
    now += 3 * 600_000;
    request(&mut pace, &rules, now, now + 10, Told::Refused(None));
    assert_eq!(next(&pace, &rules, now + 10), (now + 10 + 60_000, Because::BackOff { step: 1 }));
}

#[test]
fn refusals_of_one_moment_are_one_step() {
    let rules = PaceRules { concurrency: 8, delay: Duration::ZERO, ..PaceRules::default() };
    let mut pace = Pace::default();
    for start in 0..8 {
        pace.started(at(start), 0.0);
    }
    for start in 0..8 {
        pace.ended(&rules, at(start), at(100 + start), Told::Refused(None));
    }
    assert_eq!(next(&pace, &rules, 200), (60_107, Because::BackOff { step: 1 }));
}

#[test]
fn a_server_gets_the_rest_it_asks_for() {
    let rules = PaceRules::default();
    let mut pace = Pace::default();
    request(&mut pace, &rules, 0, 10, Told::Refused(Some(ms(7000))));
    assert_eq!(next(&pace, &rules, 10), (7010, Because::RetryAfter));
    request(&mut pace, &rules, 7010, 7020, Told::Refused(Some(ms(1000))));
    assert_eq!(next(&pace, &rules, 7020), (8020, Because::RetryAfter), "that may happen");
    // It was not enough, and nor is what it asks for now.
    request(&mut pace, &rules, 8020, 8030, Told::Refused(Some(ms(1000))));
    assert_eq!(next(&pace, &rules, 8030), (68_030, Because::BackOff { step: 3 }));
    request(&mut pace, &rules, 68_030, 68_040, Told::Refused(Some(Duration::MAX)));
    assert_eq!(next(&pace, &rules, 68_040), (68_040 + 86_400_000, Because::RetryAfter), "a day and no more");
}

#[test]
fn a_shorter_rest_takes_nothing_from_a_longer_one() {
    let rules = PaceRules { concurrency: 2, delay: Duration::ZERO, ..PaceRules::default() };
    let mut pace = Pace::default();
    pace.started(at(0), 0.0);
    pace.started(at(0), 0.0);
    pace.ended(&rules, at(0), at(10), Told::Refused(Some(ms(100_000))));
    pace.ended(&rules, at(0), at(20), Told::Refused(None));
    assert_eq!(next(&pace, &rules, 20), (100_010, Because::RetryAfter));
}

#[test]
fn connections_have_a_ladder_of_their_own() {
    let rules = PaceRules::default();
    let mut pace = Pace::default();
    request(&mut pace, &rules, 0, 10, Told::Unreached);
    assert_eq!(next(&pace, &rules, 10), (15_010, Because::Unreached { step: 1 }));
    request(&mut pace, &rules, 15_010, 15_020, Told::Refused(None));
    assert_eq!(next(&pace, &rules, 15_020), (75_020, Because::BackOff { step: 1 }));
    request(&mut pace, &rules, 75_020, 75_030, Told::Unreached);
    assert_eq!(next(&pace, &rules, 75_030), (105_030, Because::Unreached { step: 2 }));
}

#[test]
fn outcomes_tell() {
    let page = |status, asked: Option<&str>| Settled::Page {
        status,
        bytes: 1,
        retry_after: asked.map(str::to_owned),
    };
    let failed = |kind| Settled::Failure(Failure::new(kind, ""));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for (settled, want) in [
        (page(200, None), Told::Answered(ms(5))),
        (page(404, Some("9")), Told::Answered(ms(5))),
        (page(500, None), Told::Answered(ms(5))),
        (page(429, None), Told::Refused(None)),
        (page(503, Some("9")), Told::Refused(Some(ms(9000)))),
        (page(503, Some("Sun, 06 Nov 1994 08:49:47 GMT")), Told::Refused(Some(ms(10_000)))),
        (page(503, Some("soon")), Told::Refused(None)),
        (failed(FailureKind::Connect), Told::Unreached),
        (failed(FailureKind::HeadTimeout), Told::Silent),
        (failed(FailureKind::Truncated), Told::Answered(ms(5))),
        (failed(FailureKind::Tls), Told::Nothing),
        (failed(FailureKind::Refused), Told::Nothing),
        (failed(FailureKind::Panicked), Told::Nothing),
    ] {
        assert_eq!(Told::of(&settled, ms(5), now), want, "{settled:?}");
    }
}

#[test]
fn a_restart_keeps_the_pace() {
    let rules = PaceRules { concurrency: 2, ..PaceRules::default() };
    let mut pace = Pace::default();
    pace.set_crawl_delay(Some(ms(20_000)));
    request(&mut pace, &rules, 100_000, 100_010, Told::Refused(Some(ms(50_000))));
    pace.started(at(150_010), 0.5);
    let kept = serde_json::to_string(&pace).unwrap();
    let mut again: Pace = serde_json::from_str(&kept).unwrap();
    again.resumed(at(150_500));
    assert_eq!(again.out(), 0, "what was out is over");
    assert_eq!(again.earliest(&rules, at(150_500)), pace.earliest(&rules, at(150_500)));
    assert_eq!(next(&again, &rules, 150_500), (170_010, Because::CrawlDelay));
    again.resumed(at(50));
    assert_eq!(
        next(&again, &rules, 50),
        (50_050, Because::RetryAfter),
        "a clock set back costs no more than the rest"
    );
}

/// What happens to a host: a wait before a request, how long that takes, and what it tells.
fn events() -> impl Strategy<Value = Vec<(u64, u64, Told, f32)>> {
    let told = prop_oneof![
        4 => (0u64..5000).prop_map(|took| Told::Answered(ms(took))),
        1 => proptest::option::of(0u64..200_000_000).prop_map(|rest| Told::Refused(rest.map(ms))),
        1 => Just(Told::Unreached),
        1 => Just(Told::Silent),
        1 => Just(Told::Nothing),
    ];
    proptest::collection::vec((0u64..100_000, 0u64..5000, told, 0.0f32..=1.0), 1..60)
}

fn any_rules() -> impl Strategy<Value = PaceRules> {
    (0u64..20_000, 0.0f32..=1.0, 1u32..5, proptest::option::of(0.0f32..10.0)).prop_map(
        |(delay, jitter, concurrency, factor)| PaceRules {
            delay: ms(delay),
            jitter,
            concurrency,
            adaptive: factor.map(|factor| Adaptive { factor, min: ms(100), max: ms(60_000) }),
            ..PaceRules::default()
        },
    )
}

proptest! {
    /// Requests that start as early as they may, some of them out together.
    #[test]
    fn never_earlier_than_promised(rules in any_rules(), events in events(), crawl_delay in proptest::option::of(0u64..600_000)) {
        let mut pace = Pace::default();
        pace.set_crawl_delay(crawl_delay.map(ms));
        let floor = rules.delay.max(crawl_delay.map_or(Duration::ZERO, ms).min(rules.crawl_delay_max));
        let mut now = at(1_000_000);
        let (mut out, mut last, mut rest_until) = (Vec::new(), None, Stamp::default());
        for (idle, took, told, chance) in events {
            let mut next = pace.next_start(&rules, now);
            while next.is_none() {
                // All that may be out are out: the first one comes home.
                let (started, ends, told): (Stamp, Stamp, Told) = out.remove(0);
                now = now.max(ends);
                pace.ended(&rules, started, now, told);
                if let Told::Refused(Some(rest)) = told {
                    rest_until = rest_until.max(now + rest.min(rules.rest_max));
                }
                next = pace.next_start(&rules, now);
            }
            let start = next.map_or(now, |next| next.at);
            prop_assert!(start >= now);
            prop_assert!(start >= rest_until, "a rest that was asked for is kept");
            if let Some(last) = last {
                prop_assert!(start.since(last) >= floor, "{:?} after the last, {floor:?} promised", start.since(last));
            }
            prop_assert!(out.len() < rules.concurrency as usize);
            pace.started(start, chance);
            last = Some(start);
            out.push((start, start + ms(took), told));
            now = start + ms(idle % 50);
        }
    }

    #[test]
    fn bad_news_never_brings_a_start_forward(rules in any_rules(), events in events()) {
        let mut pace = Pace::default();
        let mut now = at(1_000_000);
        for (idle, took, told, chance) in events {
            pace.started(now, chance);
            let (started, end) = (now, now + ms(took));
            let before = pace.earliest(&rules, end).at;
            pace.ended(&rules, started, end, told);
            if !matches!(told, Told::Answered(_)) {
                prop_assert!(pace.earliest(&rules, end).at >= before);
            }
            now = end + ms(idle);
        }
    }

    #[test]
    fn everything_is_forgiven_in_the_end(rules in any_rules(), events in events()) {
        let mut pace = Pace::default();
        let mut now = at(1_000_000);
        for (idle, took, told, chance) in events {
            pace.started(now, chance);
            pace.ended(&rules, now, now + ms(took), told);
            now = now + ms(took + idle);
        }
        // The longest rest, and ten minutes for each step of the higher ladder.
        let later = now + DAY + 12 * (10 * MINUTE);
        prop_assert_eq!(pace.earliest(&rules, later).because, Because::Free);
        pace.started(later, 0.0);
        pace.ended(&rules, later, later, Told::Refused(None));
        let rest = pace.earliest(&rules, later).at.since(later);
        prop_assert!(rest <= MINUTE.max(pace.delay(&rules).0), "as if it were the first: {:?}", rest);
    }

    #[test]
    fn a_restart_is_never_sooner(rules in any_rules(), events in events(), away in 0u64..1_000_000) {
        let mut pace = Pace::default();
        let mut now = at(1_000_000);
        for (idle, took, told, chance) in events {
            pace.started(now, chance);
            pace.ended(&rules, now, now + ms(took), told);
            now = now + ms(took + idle);
        }
        let kept = serde_json::to_vec(&pace).unwrap();
        let mut again: Pace = serde_json::from_slice(&kept).unwrap();
        again.resumed(now + ms(away));
        prop_assert_eq!(again.earliest(&rules, now + ms(away)), pace.earliest(&rules, now + ms(away)));
    }
}
