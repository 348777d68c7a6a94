//! The table of RFC 9309 §2.3.1, and the life of a record.

use super::*;

const HOUR: u64 = 3600;
const DAYS: u64 = 86_400;
const FILE: &[u8] = b"User-agent: *\nDisallow: /a\n";

fn at(seconds: u64) -> Stamp {
    Stamp::new(Duration::from_secs(seconds))
}

fn answer(status: u16) -> Brought<'static> {
    Brought::Answer { status, location: None, cache_control: None, body: FILE }
}

fn redirect(status: u16) -> Brought<'static> {
    Brought::Answer { status, location: Some("//b.example/robots.txt"), cache_control: None, body: b"" }
}

/// A record under the default rules, its times in seconds.
#[derive(Default)]
struct World {
    rules: RobotsRules,
    record: RobotsRecord,
}

impl World {
    fn take(&mut self, brought: Brought<'_>, now: u64) {
        assert_eq!(self.record.take(&self.rules, brought, 0, at(now)), Next::Settled);
    }

    fn standing(&self, now: u64) -> String {
        match self.record.standing(&self.rules, at(now)) {
            Standing::Unknown => "unknown".into(),
            Standing::Rules { robots, is_stale } => {
                assert!(!robots.verdict_at("any", "/a").allowed);
                format!("rules{}", if is_stale { ", stale" } else { "" })
            }
            Standing::AllowAll(freedom) => format!("all: {freedom:?}"),
            Standing::DisallowUntil { until, since, status } => {
                let seconds = |stamp: Stamp| stamp.since(at(0)).as_secs();
                format!("nothing from {} to {}: {status:?}", seconds(since), seconds(until))
            }
        }
    }

    fn is_due(&self, now: u64) -> bool {
        self.record.is_due(&self.rules, at(now))
    }
}

#[test]
fn the_table() {
    for (brought, want) in [
        (answer(200), "rules"),
        (answer(206), "rules"),
        (answer(304), "all: Status(304)"),
        (answer(300), "all: Status(300)"),
        (answer(301), "all: Redirects"),
        (answer(400), "all: Status(400)"),
        (answer(401), "all: Status(401)"),
        (answer(403), "all: Status(403)"),
        (answer(404), "all: Status(404)"),
        (answer(410), "all: Status(410)"),
        (answer(429), "nothing from 1000 to 1060: Some(429)"),
        (answer(499), "all: Status(499)"),
        (answer(500), "nothing from 1000 to 1060: Some(500)"),
        (answer(503), "nothing from 1000 to 1060: Some(503)"),
        (answer(599), "nothing from 1000 to 1060: Some(599)"),
        (answer(101), "nothing from 1000 to 1060: Some(101)"),
        (answer(999), "nothing from 1000 to 1060: Some(999)"),
        (Brought::Nothing, "nothing from 1000 to 1060: None"),
        (Brought::DeadEnd, "all: Redirects"),
    ] {
        let mut world = World::default();
        assert_eq!(world.standing(1000), "unknown");
        assert!(world.is_due(1000));
        world.take(brought, 1000);
        assert_eq!(world.standing(1001), want, "{brought:?}");
        assert!(!world.is_due(1001));
    }
}

#[test]
fn five_redirects_are_followed() {
    let (rules, mut record) = (RobotsRules::default(), RobotsRecord::default());
    for (hop, status) in [301, 302, 303, 307, 308].into_iter().enumerate() {
        let next = record.take(&rules, redirect(status), hop as u8, at(0));
        assert_eq!(next, Next::Follow("//b.example/robots.txt", hop as u8 + 1));
        assert!(matches!(record.standing(&rules, at(0)), Standing::Unknown), "nothing is settled yet");
    }
    assert_eq!(record.take(&rules, redirect(302), 5, at(0)), Next::Settled);
    assert!(matches!(record.standing(&rules, at(0)), Standing::AllowAll(Freedom::Redirects)));
    assert_eq!(record.take(&rules, answer(200), 5, at(0)), Next::Settled);
    assert!(matches!(record.standing(&rules, at(0)), Standing::Rules { .. }));
}

#[test]
fn rules_hold_for_a_day() {
    let mut world = World::default();
    world.take(answer(200), 0);
    assert!(!world.is_due(DAYS - 1) && world.is_due(DAYS));
    assert_eq!(world.standing(DAYS - 1), "rules");
    assert_eq!(world.standing(DAYS), "rules, stale");
    world.take(answer(404), DAYS);
    assert_eq!(world.standing(DAYS), "all: Status(404)", "the file is gone, and its rules with it");
    world.take(answer(304), 2 * DAYS);
    assert_eq!(world.standing(3 * DAYS - 1), "all: Status(404)");
}

#[test]
fn a_file_says_how_long_it_is_fresh() {
    for (cache_control, seconds) in [
        ("max-age=7200", 2 * HOUR),
        ("public, MAX-AGE = \"7200\"", 2 * HOUR),
        ("max-age=7200, max-age=9000", 2 * HOUR),
        ("max-age=1", 600),
        ("max-age=-1", 600),
        ("max-age=x", 600),
        ("no-cache", 600),
        ("max-age=7200, no-store", 600),
        ("max-age=99999999999999999999999", DAYS),
        ("max-age=604800", DAYS),
        ("s-maxage=60, private", DAYS),
        ("", DAYS),
    ] {
        let mut world = World::default();
        let cache_control = Some(cache_control);
        world.take(Brought::Answer { status: 200, location: None, cache_control, body: FILE }, 0);
        assert!(!world.is_due(seconds - 1) && world.is_due(seconds), "{cache_control:?}");
    }
}

#[test]
fn a_file_that_is_unchanged_is_fresh_again() {
    let mut world = World::default();
    world.take(answer(200), 0);
    world.take(answer(304), DAYS);
    assert_eq!(world.standing(DAYS + 1), "rules");
    assert!(!world.is_due(2 * DAYS - 1));
}

#[test]
fn old_rules_hold_while_there_are_no_new_ones() {
    let mut world = World::default();
    world.take(answer(200), 0);
    world.take(answer(503), DAYS);
    assert_eq!(world.standing(DAYS + 1), "rules, stale");
    assert!(!world.is_due(DAYS + 59) && world.is_due(DAYS + 60));
    assert_eq!(world.standing(60 * DAYS), "rules, stale", "after 30 days too: that beats no rules");
    world.take(answer(200), 60 * DAYS);
    assert_eq!(world.standing(60 * DAYS), "rules");
}

#[test]
fn that_there_is_no_file_is_not_believed_for_longer_than_a_day() {
    let mut world = World::default();
    world.take(answer(404), 0);
    world.take(Brought::Nothing, DAYS / 2);
    assert_eq!(world.standing(DAYS / 2), "all: Status(404)", "still fresh");
    assert_eq!(world.standing(DAYS), "nothing from 43200 to 43260: None");
}

#[test]
fn retries_back_off_and_thirty_days_are_enough() {
    let mut world = World::default();
    let (mut now, mut waits) = (0, Vec::new());
    while now < 30 * DAYS {
        world.take(answer(500), now);
        let until = world.record.next_fetch().unwrap().since(at(0)).as_secs();
        assert!(!world.is_due(until - 1));
        assert!(now + 1 >= 30 * DAYS || world.standing(now + 1).starts_with("nothing from 0 to "));
        waits.push(until - now);
        now = until;
    }
    assert_eq!(waits[..5], [60, 120, 240, 480, 960]);
    assert_eq!(waits.last(), Some(&(DAYS / 4)));
    assert!(world.standing(30 * DAYS - 1).starts_with("nothing from 0"));
    assert_eq!(world.standing(30 * DAYS), "all: GaveIn");
    world.take(answer(500), now);
    assert_eq!(world.standing(now), "all: GaveIn", "it is asked again, and that changes nothing");
    world.take(answer(200), now);
    assert_eq!(world.standing(now), "rules");
}

#[test]
fn a_record_outlives_a_restart() {
    let rules = RobotsRules::default();
    for (brought, before, after) in [
        (answer(200), "unknown", "rules"),
        (answer(404), "all: Status(404)", "all: Status(404)"),
        (answer(503), "nothing from 0 to 60: Some(503)", "nothing from 0 to 60: Some(503)"),
    ] {
        let mut world = World::default();
        world.take(brought, 0);
        let kept = serde_json::to_string(&world.record).unwrap();
        let mut again = World { rules, record: serde_json::from_str(&kept).unwrap() };
        assert_eq!(again.standing(1), before);
        assert_eq!(again.is_due(1), before == "unknown", "without its bytes a file is asked for again");
        again.record.put_back(&rules, FILE);
        assert_eq!(again.standing(1), after);
        assert!(!again.is_due(1));
    }
}

#[test]
fn a_clock_that_was_set_back_makes_nothing_last() {
    let mut world = World::default();
    world.take(answer(200), 400 * DAYS);
    assert!(world.is_due(0), "it would be due in more than a year");
    assert_eq!(world.standing(0), "rules, stale");
    let mut world = World::default();
    world.take(answer(503), 400 * DAYS);
    assert!(world.is_due(0));
}

#[test]
fn rules_for_one_agent_are_smaller() {
    let mut world = World::default();
    let mut file = FILE.to_vec();
    for n in 0..100 {
        file.extend(format!("User-agent: bot{n}\nDisallow: /{n}\n").bytes());
    }
    world.take(Brought::Answer { status: 200, location: None, cache_control: None, body: &file }, 0);
    let held = |world: &World| match world.record.standing(&world.rules, at(0)) {
        Standing::Rules { robots, .. } => robots.bytes_held(),
        other => panic!("{other:?}"),
    };
    let whole = held(&world);
    world.record.reduce_to("dragline/1");
    assert!(held(&world) < whole / 20, "{} of {whole}", held(&world));
    assert_eq!(world.standing(0), "rules");
}
