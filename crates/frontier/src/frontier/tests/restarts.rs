//! What becomes of every URL is the same, however often the process dies, and no host is asked sooner than it would
//! have been.

use super::*;

/// A web as a function: pages link to others, some fail at first.
fn links_of(url: &CanonicalUrl) -> Vec<Link> {
    let n: u64 = url.path()[1..].parse().unwrap();
    let host = |n: u64| format!("http://h{}/{n}", n % 5);
    (1..=3)
        .map(|i| n * 3 + i)
        .filter(|n| *n < 400)
        .map(|n| seed(&host(n)))
        .map(|link| Link { depth: 1, ..link })
        .collect()
}

struct Machine {
    tails: MemoryTails,
    /// What the store would have: everything settled, in order.
    log: Vec<Receipt>,
    /// A checkpoint, and how much of the log it takes into account.
    kept: Option<(Vec<u8>, usize, bool, MemoryTails)>,
    runs: u64,
    known: std::collections::HashSet<String>,
}

impl Machine {
    fn limits() -> Limits {
        let mut manners = paced(SECOND, 1).default_manners().clone();
        manners.obey_robots = true;
        let retry = RetryTable { base: SECOND };
        Limits { rules: RuleBook::new(manners, Vec::new()), retry, ..Limits::default() }
    }

    fn begin(&mut self, now: Stamp) -> Tested {
        self.runs += 1;
        let (kept, upto, clean, tails) = match self.kept.clone() {
            Some((bytes, upto, clean, tails)) => (Some(bytes), upto, clean, tails),
            None => (None, 0, false, self.tails.clone()),
        };
        let f = Frontier::new(Self::limits(), 2, VisitId(self.runs << 32), Box::new(tails));
        let mut f = Tested { f, visits: HashMap::new() };
        match kept {
            Some(bytes) => f.f.restore(&bytes, clean && self.log.len() == upto, now).unwrap(),
            None => {
                f.f.begin_anew(now);
                f.f.admit(seed("http://h0/0"), None, 0, now);
            }
        }
        for receipt in &self.log[upto..] {
            f.f.replay(receipt.clone(), now);
        }
        f.f.end_replay();
        f.f.begin_run(now);
        let done = Counts { responses: self.log.len() as u64, ..Counts::default() };
        f.f.resume(done, now);
        f.fetcher_up(0, 8);
        f.fetcher_up(1, 8);
        f
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn lose_nothing_and_ask_nobody_sooner(events in prop::collection::vec((0u8..20, any::<u16>()), 50..600)) {
        let mut m = Machine { tails: MemoryTails::default(), log: Vec::new(), kept: None, runs: 0, known: Default::default() };
        m.known.insert("http://h0/0".into());
        let mut now = t0();
        let mut f = m.begin(now);
        let mut out: Vec<Visit> = Vec::new();
        // When each host was asked last.
        let mut asked: HashMap<String, Stamp> = HashMap::new();
        let settle = |f: &mut Tested, m: &mut Machine, visit: Visit, pick: u16, now: Stamp| {
            let settled = match (visit.purpose, pick % 8) {
                (Purpose::Robots, _) => ok(404),
                (_, 0) => Settled::Failure(Failure::new(FailureKind::Truncated, "")),
                _ => ok(200),
            };
            let mut receipt = receipt(visit.clone(), settled.clone());
            receipt.seq = m.log.len() as u64 + 1;
            receipt.fetched_at = Timestamp(now.since(Stamp::default()).as_millis() as u64);
            if settled == ok(200) {
                receipt.new_links = links_of(&visit.url).into_iter().filter(|l| m.known.insert(l.url.to_string())).collect();
            }
            f.f.settle(&receipt, now, wall(now));
            m.log.push(receipt);
        };
        let mut steps = events.into_iter();
        for turn in 0..200_000 {
            let (event, pick) = steps.next().unwrap_or((10, 1));
            match event {
                0 => {
                    // Killed: what was out is gone, and so is what was put away since.
                    out.clear();
                    now = now + Duration::from_millis(u64::from(pick % 3000));
                    f = m.begin(now);
                }
                1 => {
                    let bytes = f.f.checkpoint().unwrap();
                    // The chunks are in the frontier's own tails: a copy of them is what the disk has.
                    let mut tails = MemoryTails::default();
                    for id in bytes.chunks { tails.insert(id, f.f.tails.get(id).unwrap()); }
                    m.kept = Some((bytes.bytes, m.log.len(), false, tails));
                }
                2..12 if !out.is_empty() => {
                    let visit = out.swap_remove(usize::from(pick) % out.len());
                    settle(&mut f, &mut m, visit, pick >> 4, now);
                }
                _ => now = f.next_wake().filter(|_| out.is_empty()).map_or(now + Duration::from_millis(u64::from(pick % 700)), |at| at.max(now)),
            }
            for grant in f.grant(now) {
                let host = grant.visit.host.as_str().to_owned();
                if let Some(last) = asked.insert(host, now) {
                    prop_assert!(now.since(last) >= SECOND, "{} after {:?}", grant.visit.url, now.since(last));
                }
                out.push(grant.visit);
            }
            if f.is_finished() && out.is_empty() { break; }
            prop_assert!(turn < 190_000, "it does not end");
        }
        let done: std::collections::HashSet<String> = m.log.iter().filter(|r| r.visit.purpose.is_page()).map(|r| r.visit.url.to_string()).collect();
        let lost: Vec<_> = m.known.difference(&done).collect();
        prop_assert!(lost.is_empty(), "lost: {lost:?}");
        prop_assert_eq!(f.counts().queued, 0);
    }
}
