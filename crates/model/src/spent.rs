//! Where the time of many requests went, by host and by phase, in figures and in words.
//!
//! Owns the adding up and the sentences. Whoever makes requests adds them; whoever reports asks for the
//! sentences. The time is that of requests side by side: ten that wait a second each have waited ten seconds.

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

use crate::{FailureKind, GivenUp, Stale, Timings};

/// Hosts told apart; what comes from further ones is added up as "other hosts".
const HOSTS_MAX: usize = 10_000;

/// The name under which further hosts are added up.
const OTHERS: &str = "other hosts";

/// A share of the time below this is not worth a sentence.
const SHARE_MIN: f64 = 0.10;

/// Shares that are told, the largest first.
const SHARES_MAX: usize = 3;

/// Hosts whose connections are told of, the worst first.
const HOSTS_TOLD_MAX: usize = 3;

/// What requests spent their time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting here for a place: a limit of our own.
    Queue,
    /// Waiting before another attempt, or because the host wanted to be asked nothing.
    BackOff,
    /// Name to address.
    Dns,
    /// TCP handshake.
    Connect,
    /// TLS handshake.
    Tls,
    /// From the request to the answer's first byte.
    FirstByte,
    /// From there to the answer's last byte.
    Body,
    /// On kept connections that were given up.
    GivenUp,
    /// What none of these accounts for: descriptors, memory, our own processor.
    Ours,
}

impl Phase {
    /// All of them, in the order of a request.
    pub const ALL: [Phase; 9] = [
        Phase::Queue,
        Phase::BackOff,
        Phase::Dns,
        Phase::Connect,
        Phase::Tls,
        Phase::FirstByte,
        Phase::Body,
        Phase::GivenUp,
        Phase::Ours,
    ];

    /// The name in reports and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Queue => "queue",
            Phase::BackOff => "back_off",
            Phase::Dns => "dns",
            Phase::Connect => "connect",
            Phase::Tls => "tls",
            Phase::FirstByte => "first_byte",
            Phase::Body => "body",
            Phase::GivenUp => "given_up",
            Phase::Ours => "ours",
        }
    }

    /// What the time went to, as the end of "92 % …".
    fn told(self, host: &str) -> String {
        match self {
            Phase::Queue => format!("waiting for a turn at {host} (our own limits: per host, in all, rate)"),
            Phase::BackOff => format!("waiting before another attempt at {host}"),
            Phase::Dns => format!("looking up the address of {host}"),
            Phase::Connect => format!("connecting to {host}"),
            Phase::Tls => format!("TLS handshakes with {host}"),
            Phase::FirstByte => format!("waiting for the first byte of {host}"),
            Phase::Body => format!("receiving what {host} answered"),
            Phase::GivenUp => format!("kept connections that {host} did not answer on"),
            Phase::Ours => format!("our own side of requests to {host} (processor, memory, open files)"),
        }
    }
}

/// The time that requests to one host took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spent {
    /// Requests, failed ones included.
    pub requests: u64,
    /// Those that brought no answer.
    pub failures: u64,
    /// Those over a kept connection.
    pub reused: u64,
    /// Kept connections given up because they were silent.
    pub silent: u64,
    /// Kept connections given up because they were closed.
    pub closed: u64,
    /// The longest of them.
    pub slowest: Duration,
    phases: [Duration; Phase::ALL.len()],
}

impl Spent {
    /// The time in one phase.
    pub fn phase(&self, phase: Phase) -> Duration {
        self.phases[phase as usize]
    }

    /// The time in all phases.
    pub fn total(&self) -> Duration {
        self.phases.iter().sum()
    }

    fn add(&mut self, phase: Phase, time: Duration) {
        self.phases[phase as usize] += time;
    }

    fn merge(&mut self, other: &Spent) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.reused += other.reused;
        self.silent += other.silent;
        self.closed += other.closed;
        self.slowest = self.slowest.max(other.slowest);
        for (mine, theirs) in self.phases.iter_mut().zip(&other.phases) {
            *mine += *theirs;
        }
    }
}

/// Adds up where the time of requests went.
///
/// ```
/// use dragline_model::{Ledger, Timings};
/// use std::time::Duration;
///
/// let mut ledger = Ledger::default();
/// let second = Duration::from_secs(1);
/// let timings = Timings { first_byte: Some(second * 2), total: second * 2, ..Timings::default() };
/// ledger.add("api.example", &timings, None);
/// assert_eq!(ledger.sentences(), ["100 % of the time went to waiting for the first byte of api.example"]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    hosts: HashMap<Box<str>, Spent>,
}

impl Ledger {
    /// Adds one request to `host`, and what became of it.
    pub fn add(&mut self, host: &str, timings: &Timings, failure: Option<FailureKind>) {
        let spent = self.host(host);
        spent.requests += 1;
        spent.failures += u64::from(failure.is_some());
        spent.reused += u64::from(timings.reused);
        spent.slowest = spent.slowest.max(timings.total);
        match timings.given_up {
            Some(GivenUp { how: Stale::Silent, .. }) => spent.silent += 1,
            Some(GivenUp { how: Stale::Closed, .. }) => spent.closed += 1,
            None => {}
        }
        for (phase, time) in [
            (Phase::Dns, timings.dns),
            (Phase::Connect, timings.connect),
            (Phase::Tls, timings.tls),
            (Phase::FirstByte, timings.first_byte),
            (Phase::Body, timings.body),
            (Phase::GivenUp, timings.given_up.map(|it| it.after)),
        ] {
            spent.add(phase, time.unwrap_or_default());
        }
        spent.add(unfinished(timings, failure), timings.unaccounted());
    }

    /// Adds the time that a request to `host` waited here before it was begun.
    pub fn add_wait(&mut self, host: &str, waited: Duration) {
        self.host(host).add(Phase::Queue, waited);
    }

    /// Adds the time that a request to `host` waited because one before it had come to nothing.
    pub fn add_back_off(&mut self, host: &str, time: Duration) {
        self.host(host).add(Phase::BackOff, time);
    }

    /// Adds everything of another ledger.
    pub fn merge(&mut self, other: &Ledger) {
        for (host, spent) in &other.hosts {
            self.host(host).merge(spent);
        }
    }

    /// True while nothing was added.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The hosts, those that took the most time first.
    pub fn hosts(&self) -> Vec<(&str, &Spent)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(host, spent)| (&**host, spent)).collect();
        hosts.sort_unstable_by(|(a, one), (b, two)| two.total().cmp(&one.total()).then(a.cmp(b)));
        hosts
    }

    /// All hosts in one.
    pub fn all(&self) -> Spent {
        let mut all = Spent::default();
        self.hosts.values().for_each(|spent| all.merge(spent));
        all
    }

    /// Where the time went, in words, the most important first. Empty where there was no time to speak of.
    pub fn sentences(&self) -> Vec<String> {
        let (all, hosts) = (self.all(), self.hosts());
        let total = all.total().as_secs_f64();
        if total <= 0.0 {
            return Vec::new();
        }
        let mut told = shares(&hosts, total);
        if told.is_empty() {
            let everyone = format!("{} hosts", hosts.len());
            told = shares(&[(&everyone, &all)], total);
        }
        told.extend(unkept(&hosts, |spent| spent.silent, "never answered when reused"));
        told.extend(unkept(&hosts, |spent| spent.closed, "closed as they were reused"));
        told.extend(fruitless(&hosts, total));
        told
    }

    fn host(&mut self, host: &str) -> &mut Spent {
        let known = self.hosts.len() < HOSTS_MAX || self.hosts.contains_key(host);
        let name = if known { host } else { OTHERS };
        self.hosts.entry(name.into()).or_default()
    }
}

/// The phase a request was in when it ended, for time that no finished phase has claimed.
fn unfinished(timings: &Timings, failure: Option<FailureKind>) -> Phase {
    match failure {
        Some(FailureKind::Dns) => Phase::Dns,
        Some(FailureKind::Connect | FailureKind::Proxy) => Phase::Connect,
        Some(FailureKind::Tls) => Phase::Tls,
        Some(FailureKind::HeadTimeout | FailureKind::Closed) if timings.first_byte.is_none() => {
            Phase::FirstByte
        }
        // A head that drips, or breaks off: something came, and the rest was waited for.
        Some(FailureKind::HeadTimeout | FailureKind::Closed | FailureKind::Malformed) => Phase::Body,
        _ => Phase::Ours,
    }
}

/// The largest shares of the time, each a host's phase.
fn shares(hosts: &[(&str, &Spent)], total: f64) -> Vec<String> {
    let mut shares: Vec<(f64, Phase, &str)> = hosts
        .iter()
        .flat_map(|(host, spent)| {
            Phase::ALL.map(|phase| (spent.phase(phase).as_secs_f64() / total, phase, *host))
        })
        .filter(|(share, ..)| *share >= SHARE_MIN)
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    shares
        .into_iter()
        .take(SHARES_MAX)
        .map(|(share, phase, host)| {
            format!("{:.0} % of the time went to {}", share * 100.0, phase.told(host))
        })
        .collect()
}

/// The hosts with the most kept connections that were no good.
fn unkept(hosts: &[(&str, &Spent)], count: impl Fn(&Spent) -> u64, how: &str) -> Vec<String> {
    let mut hosts: Vec<_> = hosts.iter().map(|(host, spent)| (count(spent), *host, *spent)).collect();
    hosts.retain(|(count, ..)| *count > 0);
    hosts.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    hosts
        .into_iter()
        .take(HOSTS_TOLD_MAX)
        .map(|(count, host, spent)| {
            let (were, s) = if count == 1 { ("was", "") } else { ("were", "s") };
            let lost = spent.phase(Phase::GivenUp).as_secs_f64();
            format!("{count} connection{s} to {host} {were} {how}; that cost {lost:.1} s")
        })
        .collect()
}

/// The hosts that took a good part of the time and answered nothing.
fn fruitless(hosts: &[(&str, &Spent)], total: f64) -> Vec<String> {
    hosts
        .iter()
        .filter(|(_, spent)| spent.failures == spent.requests)
        .filter(|(_, spent)| spent.total().as_secs_f64() / total >= SHARE_MIN)
        .take(HOSTS_TOLD_MAX)
        .map(|(host, spent)| format!("{host} answered none of {} requests", spent.requests))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn answered(first_byte: Duration, body: Duration) -> Timings {
        Timings {
            first_byte: Some(first_byte),
            body: Some(body),
            total: first_byte + body,
            ..Timings::default()
        }
    }

    #[test]
    fn the_largest_share_comes_first() {
        let mut ledger = Ledger::default();
        ledger.add("slow", &answered(9 * S, Duration::ZERO), None);
        ledger.add("large", &answered(Duration::ZERO, 6 * S), None);
        ledger.add("quick", &answered(S / 100, S / 100), None);
        assert_eq!(
            ledger.sentences(),
            [
                "60 % of the time went to waiting for the first byte of slow",
                "40 % of the time went to receiving what large answered",
            ]
        );
    }

    #[test]
    fn many_hosts_are_told_together() {
        let mut ledger = Ledger::default();
        for i in 0..40 {
            ledger.add(&format!("h{i}"), &answered(S, Duration::ZERO), None);
        }
        assert_eq!(ledger.sentences(), ["100 % of the time went to waiting for the first byte of 40 hosts"]);
    }

    #[test]
    fn kept_connections_that_lied_are_told() {
        let mut ledger = Ledger::default();
        let given_up = Some(GivenUp { how: Stale::Silent, after: S / 2 });
        for _ in 0..3 {
            ledger.add(
                "a",
                &Timings { given_up, total: S, first_byte: Some(S / 2), ..Timings::default() },
                None,
            );
        }
        assert_eq!(
            ledger.sentences(),
            [
                "50 % of the time went to waiting for the first byte of a",
                "50 % of the time went to kept connections that a did not answer on",
                "3 connections to a were never answered when reused; that cost 1.5 s",
            ]
        );
    }

    #[test]
    fn a_failure_spent_its_time_in_the_phase_it_failed_in() {
        let after = |total| Timings { total, ..Timings::default() };
        for (kind, phase) in [
            (FailureKind::Dns, Phase::Dns),
            (FailureKind::Connect, Phase::Connect),
            (FailureKind::Tls, Phase::Tls),
            (FailureKind::HeadTimeout, Phase::FirstByte),
            (FailureKind::Malformed, Phase::Body),
            (FailureKind::Resources, Phase::Ours),
        ] {
            let mut ledger = Ledger::default();
            ledger.add("a", &after(S), Some(kind));
            assert_eq!(ledger.all().phase(phase), S, "{kind}");
            assert!(ledger.sentences().contains(&"a answered none of 1 requests".to_owned()));
        }
    }

    #[test]
    fn ledgers_add_up() {
        let (mut one, mut two) = (Ledger::default(), Ledger::default());
        one.add("a", &answered(S, S), None);
        two.add("a", &answered(S, 3 * S), None);
        two.add_wait("a", 5 * S);
        two.add_back_off("a", 9 * S);
        one.merge(&two);
        let all = one.all();
        assert_eq!((all.requests, all.slowest, all.total()), (2, 4 * S, 20 * S));
        assert_eq!((all.phase(Phase::Queue), all.phase(Phase::BackOff)), (5 * S, 9 * S));
        assert_eq!(one.sentences()[0], "45 % of the time went to waiting before another attempt at a");
        assert!(Ledger::default().sentences().is_empty());
    }

    #[test]
    fn every_phase_has_its_place_and_its_name() {
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, place);
            assert_eq!(serde_json::to_value(phase).unwrap(), phase.as_str());
        }
    }

    #[test]
    fn hosts_past_the_bound_are_one() {
        let mut ledger = Ledger::default();
        for i in 0..HOSTS_MAX + 5 {
            ledger.add(&i.to_string(), &answered(S, S), None);
        }
        assert_eq!(ledger.hosts().len(), HOSTS_MAX + 1);
        assert_eq!(ledger.hosts()[0].1.requests, 5);
    }
}
