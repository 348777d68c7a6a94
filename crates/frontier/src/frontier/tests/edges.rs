//! What once went wrong: hosts that lost their turn, links that were lost with a receipt, rules that were forgotten.

use dragline_model::Validators;

use super::*;

fn obeying() -> Limits {
    let mut manners = paced(Duration::ZERO, 1).default_manners().clone();
    manners.obey_robots = true;
    Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() }
}

fn ignoring() -> Limits {
    Limits { rules: paced(Duration::ZERO, 2), ..Limits::default() }
}

/// Another life with a checkpoint of this one, and with what was committed behind it.
fn reborn(f: &mut Tested, limits: Limits, behind: Vec<Receipt>, now: Stamp, run: u64) -> Tested {
    let checkpoint = f.f.checkpoint().unwrap();
    let mut tails = MemoryTails::default();
    for id in &checkpoint.chunks {
        tails.insert(*id, f.f.tails.get(*id).unwrap());
    }
    from(&checkpoint.bytes, limits, tails, behind, now, run)
}

fn from(
    bytes: &[u8],
    limits: Limits,
    tails: MemoryTails,
    behind: Vec<Receipt>,
    now: Stamp,
    run: u64,
) -> Tested {
    let f = Frontier::new(limits, 2, VisitId(run << 32), Box::new(tails));
    let mut f = Tested { f, visits: HashMap::new() };
    f.f.restore(bytes, true, now).unwrap();
    for receipt in behind {
        f.f.replay(receipt, now);
    }
    f.f.end_replay();
    f.f.resume(Counts { responses: 9, ..Counts::default() }, now);
    f.fetcher_up(0, 8);
    f.fetcher_up(1, 8);
    f
}

fn committed(visit: &Visit, settled: Settled) -> Receipt {
    Receipt { fetched_at: Timestamp(BEGUN.as_millis() as u64), ..receipt(visit.clone(), settled) }
}

#[test]
fn a_host_that_rules_lead_to_gets_its_turn_again() {
    let mut f = obedient(&["http://a/x"]);
    let now = t0();
    let first = f.grant(now).remove(0).visit;
    f.f.settle(&rules(&first, 301, "", Some("http://b/r.txt")), now, wall(now));
    let second = f.grant(now).remove(0).visit;
    f.admit(seed("http://b/y"), None, 0);
    f.f.settle(&rules(&second, 200, "", None), now, wall(now));
    let mut asked: Vec<String> = f.grant(now).into_iter().map(|g| g.visit.url.to_string()).collect();
    asked.sort();
    assert_eq!(asked, ["http://a/x", "http://b/robots.txt"]);
}

#[test]
fn an_address_lets_one_through_at_a_time_whoever_comes_home() {
    let now = t0();
    let address = PaceRules { delay: SECOND, concurrency: 2, ..PaceRules::default() };
    let limits = Limits { rules: paced(Duration::ZERO, 1), address: Some(address), ..Limits::default() };
    let mut f = frontier(limits, &["http://a/1", "http://b/1", "http://c/1", "http://d/1"]);
    f.grant(now);
    for host in f.nameless() {
        f.found(&host, Some(IpAddr::from([192, 0, 2, 1])), now);
    }
    let out = [f.grant(now), f.grant(now + SECOND)].concat();
    assert_eq!(out.len(), 2);
    let later = now + 10 * SECOND;
    for grant in out {
        f.settle(grant.visit.id, &grant.visit.url, &ok(200), later);
    }
    assert_eq!(f.grant(later).len(), 1, "the other a second later");
    assert_eq!(f.grant(later + SECOND).len(), 1);
}

#[test]
fn nobody_waits_a_day_for_one_url() {
    let now = t0();
    let mut f = frontier(ignoring(), &["http://a/1"]);
    let visit = f.grant(now).remove(0).visit;
    let busy = Settled::Page { status: 503, bytes: 0, retry_after: Some("80000".into()) };
    f.settle(visit.id, &visit.url, &busy, now);
    assert!(f.is_finished());
    assert_eq!((f.counts().deferred, f.counts().queued), (1, 1));
}

#[test]
fn links_of_a_receipt_that_comes_late_are_not_lost() {
    let now = t0();
    let mut f = obedient(&["http://a/x"]);
    let grant = f.grant(now).remove(0);
    f.lost(grant.fetcher);
    let mut late = rules(&grant.visit, 200, "", None);
    late.new_links = vec![Link { purpose: Purpose::Sitemap, ..seed("http://a/sitemap.xml") }];
    f.f.settle(&late, now, wall(now));
    assert_eq!(f.counts().queued, 2);
}

#[test]
fn what_waits_to_be_looked_at_again_waits_once() {
    let now = t0();
    let mut manners = paced(Duration::ZERO, 1).default_manners().clone();
    manners.refresh = Some(crate::rules::Refresh { min: SECOND, max: SECOND, first: SECOND });
    let mut f = frontier(Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() }, &[]);
    let copy = Validators { etag: None, last_modified: None, seq: 1 };
    let looked = Looked { link: seed("http://a/1"), via: None, copy, at: now, steady: 0, is_gone: false };
    let due = now + 5 * SECOND;
    for _ in 0..3 {
        f.f.revisit(looked.clone(), due);
    }
    assert_eq!(f.counts().queued, 1);
    let visit = f.grant(due).remove(0).visit;
    f.settle(visit.id, &visit.url, &ok(304), due);
    f.f.revisit(Looked { at: due, ..looked }, due + 5 * SECOND);
    assert_eq!(f.counts().queued, 1, "and again after that");
}

#[test]
fn rules_outlive_restarts_in_which_nobody_needs_them() {
    let now = t0();
    let mut f = obedient(&["https://a/x"]);
    let visit = f.grant(now).remove(0).visit;
    f.f.settle(&rules(&visit, 200, "User-agent: *\nCrawl-delay: 30\nDisallow: /p", None), now, wall(now));
    let then = now + 40 * SECOND;
    let visit = f.grant(then).remove(0).visit;
    f.settle(visit.id, &visit.url, &ok(200), then);
    let mut second = reborn(&mut f, obeying(), Vec::new(), then, 2);
    let mut third = reborn(&mut second, obeying(), Vec::new(), then, 3);
    third.f.admit(seed("https://a/z"), None, 0, then);
    assert_eq!(urls(&third.grant(then + 100 * SECOND)), ["https://a/z"], "the rules are known");
    // The other origin of the host has no rules: that takes nothing from the first one's delay.
    let mut again = reborn(&mut second, obeying(), Vec::new(), then, 4);
    again.f.admit(seed("http://a/h"), None, 0, then);
    let later = then + 100 * SECOND;
    let visit = again.grant(later).remove(0).visit;
    assert_eq!(visit.url.as_str(), "http://a/robots.txt");
    again.f.settle(&rules(&visit, 404, "", None), later, wall(later));
    assert!(again.grant(later + 29 * SECOND).is_empty());
    assert_eq!(again.grant(later + 30 * SECOND).len(), 1);
}

#[test]
fn a_failure_behind_a_checkpoint_is_tried_by_the_next_run_too() {
    let now = t0();
    let failed = Settled::Failure(Failure::new(FailureKind::Dns, ""));
    let mut f = frontier(ignoring(), &[]);
    f.admit(seed("http://a/1"), None, 2);
    let visit = f.grant(now).remove(0).visit;
    let mut second = reborn(&mut f, ignoring(), vec![committed(&visit, failed)], now, 2);
    assert_eq!(second.counts().parked["failed"], 1);
    second.f.begin_run(now);
    assert_eq!(urls(&second.grant(now + 60 * SECOND)), ["http://a/1"]);
}

#[test]
fn an_origin_whose_rules_cannot_be_had_holds_itself_alone() {
    let now = t0();
    let mut f = obedient(&["https://a/x"]);
    for n in 0..50 {
        f.f.admit(Link { depth: 3, ..seed(&format!("http://a/{n}")) }, None, 0, now);
    }
    let mut at = now;
    let mut pages = 0;
    while !f.is_finished() {
        for grant in f.grant(at) {
            let visit = grant.visit;
            match visit.purpose {
                Purpose::Robots => {
                    let status = if visit.url.is_https() { 503 } else { 404 };
                    f.f.settle(&rules(&visit, status, "", None), at, wall(at));
                }
                _ => {
                    pages += 1;
                    f.settle(visit.id, &visit.url, &ok(200), at);
                }
            }
        }
        at = f.next_wake().map_or(at, |wake| wake.max(at));
    }
    assert_eq!((pages, f.counts().deferred), (50, 1));
}

#[test]
fn what_was_done_stays_done_over_several_restarts() {
    let now = t0();
    let mut f = frontier(ignoring(), &["http://a/1", "http://a/2", "http://a/3"]);
    let grants = f.grant(now);
    let two = grants.iter().find(|g| g.visit.url.path() == "/2").unwrap().visit.clone();
    let mut second = reborn(&mut f, ignoring(), vec![committed(&two, ok(200))], now, 2);
    let mut third = reborn(&mut second, ignoring(), Vec::new(), now, 3);
    for life in [&mut second, &mut third] {
        assert_eq!(urls(&life.grant(now + SECOND)), ["http://a/1", "http://a/3"]);
    }
}

#[test]
fn rules_too_long_to_be_kept_are_asked_for_again() {
    let now = t0();
    let mut f = obedient(&["http://a/private"]);
    let visit = f.grant(now).remove(0).visit;
    let mut second = reborn(&mut f, obeying(), vec![committed(&visit, ok(200))], now, 2);
    assert_eq!(urls(&second.grant(now + 5 * SECOND)), ["http://a/robots.txt"]);
}

#[test]
fn what_a_redirect_of_the_rules_led_to_is_nobody_else_s_rules() {
    let now = t0();
    let mut f = obedient(&["http://a/x", "http://b/secret"]);
    let of = |id, url: &str, hops| Visit {
        purpose: Purpose::Robots,
        hops,
        ..Visit::first(VisitId(id), seed(url).url)
    };
    let moved = rules(&of(1, "http://a/robots.txt", 0), 301, "", Some("http://b/"));
    let home = rules(&of(2, "http://b/", 1), 200, "<html>home</html>", None);
    let behind = [moved, home].map(|it| Receipt { fetched_at: Timestamp(BEGUN.as_millis() as u64), ..it });
    let mut second = reborn(&mut f, obeying(), behind.into(), now, 2);
    let asked: Vec<_> =
        (5..9).flat_map(|s| second.grant(now + s * SECOND)).map(|g| g.visit.url.to_string()).collect();
    assert_eq!(asked, ["http://b/"], "that, for the one; the other waits for the end of it");
}

#[test]
fn a_rule_can_give_a_host_so_many_pages() {
    let now = t0();
    let mut manners = paced(Duration::ZERO, 4).default_manners().clone();
    manners.max_pages = Some(3);
    let pages: Vec<String> = (0..9).map(|n| format!("http://a/{n}")).collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    let mut f = frontier(Limits { rules: RuleBook::new(manners, Vec::new()), ..Limits::default() }, &pages);
    let mut given = 0;
    loop {
        let grants = f.grant(now);
        if grants.is_empty() {
            break;
        }
        for grant in grants {
            given += 1;
            f.settle(grant.visit.id, &grant.visit.url, &ok(200), now);
        }
    }
    assert_eq!((given, f.counts().parked["max_pages"]), (3, 6));
    assert!(f.is_finished());
}

/// Listings that say nothing lead to files that do: what was taken for a trap on the way comes back before the end.
#[test]
fn an_index_of_directories_is_no_trap_for_its_files() {
    const DAYS: usize = 600;
    let now = t0();
    let mut f = frontier(ignoring(), &["http://a/"]);
    let mut known = std::collections::HashSet::new();
    let mut fetched = std::collections::BTreeSet::new();
    loop {
        let grants = f.grant(now);
        if grants.is_empty() && !f.f.reconsider(now) {
            break;
        }
        for Grant { visit, .. } in grants {
            let path = visit.url.path().to_owned();
            fetched.insert(path.clone());
            let (body, links): (String, Vec<String>) = match path.trim_matches('/').split_once('/') {
                None if path == "/" => {
                    ("<p>Index</p>".into(), (0..DAYS).map(|day| format!("/{day}/")).collect())
                }
                None => ("<p>Index</p> <p>data.csv</p>".into(), vec![format!("{path}data.csv")]),
                Some((day, _)) => {
                    let letters = |n: usize| char::from(b'a' + (n % 26) as u8);
                    let day: usize = day.parse().unwrap();
                    let word: String = [day, day / 26, day / 676].map(letters).iter().collect();
                    (format!("station {word}x measured much {word}y"), Vec::new())
                }
            };
            let links = links.into_iter().map(|link| seed(visit.url.join(&link).unwrap().as_str()));
            let new_links = links.filter(|link| known.insert(link.url.clone()));
            let new_links = new_links.map(|link| Link { depth: visit.depth + 1, ..link }).collect();
            let sketch = dragline_model::Sketch::of(&visit.url, body.as_bytes()).filter(|_| visit.sketch);
            let receipt = Receipt { sketch, new_links, ..receipt(visit, ok(200)) };
            f.f.settle(&receipt, now, wall(now));
        }
    }
    assert_eq!(fetched.len(), 1 + 2 * DAYS, "{:?} {:?}", f.counts().parked, f.f.parked_shapes());
}
