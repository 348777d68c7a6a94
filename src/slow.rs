//! Where the time went, for a report and for people.

use std::{collections::BTreeMap, time::Duration};

use dragline_model::{Ledger, Phase, Spent};
use serde::Serialize;

/// Hosts that are listed one by one, those that took the most time first.
const HOSTS_LISTED: usize = 10;

/// Where the time of a run's requests went. Times are those of requests side by side: ten that wait a second each
/// have waited ten seconds.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Slow {
    /// In words, the most important first.
    pub because: Vec<String>,
    /// Seconds by phase, over all hosts.
    pub phases_s: BTreeMap<Phase, f64>,
    /// The hosts that took the most time, ten at most.
    pub hosts: Vec<SlowHost>,
    /// Requests that were out at a time, on average.
    pub out_on_average: f64,
}

/// One host's part.
#[derive(Debug, Clone, Serialize)]
pub struct SlowHost {
    /// `host` or `host:port`.
    pub host: String,
    /// Requests, failed ones included.
    pub requests: u64,
    /// Those that brought no answer.
    pub failures: u64,
    /// Those over a kept connection.
    pub reused: u64,
    /// Kept connections that were silent and given up.
    pub silent: u64,
    /// Kept connections that were closed under a request.
    pub closed: u64,
    /// Seconds in all.
    pub total_s: f64,
    /// Seconds of the longest request.
    pub slowest_s: f64,
    /// Seconds by phase; phases that took none are left out.
    pub phases_s: BTreeMap<Phase, f64>,
}

impl Slow {
    /// Makes the report of a run that took so long.
    pub fn of(ledger: &Ledger, elapsed: Duration) -> Self {
        let all = ledger.all();
        let waited = all.phase(Phase::Queue) + all.phase(Phase::BackOff);
        let out = all.total().saturating_sub(waited);
        Self {
            because: ledger.sentences(),
            phases_s: phases(&all),
            hosts: ledger
                .hosts()
                .into_iter()
                .take(HOSTS_LISTED)
                .map(|(host, spent)| listed(host, spent))
                .collect(),
            out_on_average: rounded(out.as_secs_f64() / elapsed.as_secs_f64().max(1e-3)),
        }
    }
}

fn listed(host: &str, spent: &Spent) -> SlowHost {
    SlowHost {
        host: host.to_owned(),
        requests: spent.requests,
        failures: spent.failures,
        reused: spent.reused,
        silent: spent.silent,
        closed: spent.closed,
        total_s: rounded(spent.total().as_secs_f64()),
        slowest_s: rounded(spent.slowest.as_secs_f64()),
        phases_s: phases(spent),
    }
}

fn phases(spent: &Spent) -> BTreeMap<Phase, f64> {
    let seconds = Phase::ALL.map(|phase| (phase, rounded(spent.phase(phase).as_secs_f64())));
    seconds.into_iter().filter(|(_, time)| *time > 0.0).collect()
}

/// To the millisecond.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}
