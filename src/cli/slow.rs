//! `--explain-slow`: where the time went, for people.

use super::text::{counted, grouped, printable};
use crate::{Slow, SlowHost, model::Phase};

/// Characters of a host's name that are shown.
const HOST_WIDTH: usize = 40;

/// The lines of an explanation: the sentences, then a table of the hosts that took the most time.
pub(super) fn lines(slow: &Slow) -> Vec<String> {
    let mut lines = vec!["where the time went:".to_owned()];
    if slow.hosts.is_empty() {
        lines.push("  nothing was asked".to_owned());
        return lines;
    }
    if slow.because.is_empty() {
        lines.push("  it took no time to speak of".to_owned());
    }
    lines.extend(slow.because.iter().map(|sentence| format!("  {}", printable(sentence, 500))));
    lines.push(format!("  {} out at a time on average", requests(slow.out_on_average)));
    lines.extend(table(&slow.hosts));
    lines
}

fn requests(number: f64) -> String {
    if number >= 9.5 { counted(number.round() as u64, "request") } else { format!("{number:.1} requests") }
}

/// A row a host, a column a phase that took any time.
fn table(hosts: &[SlowHost]) -> Vec<String> {
    let phases: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| hosts.iter().any(|it| it.phases_s.contains_key(phase)))
        .collect();
    let mut head = format!("  {:>9} {:>9} {:>9}", "requests", "total", "slowest");
    for phase in &phases {
        head.push_str(&format!(" {:>10}", phase.as_str().replace('_', " ")));
    }
    head.push_str("  host");
    let row = |it: &SlowHost| {
        let mut row =
            format!("  {:>9} {:>9} {:>9}", grouped(it.requests), time(it.total_s), time(it.slowest_s));
        for phase in &phases {
            let spent = it.phases_s.get(phase).map_or_else(|| "-".to_owned(), |seconds| time(*seconds));
            row.push_str(&format!(" {spent:>10}"));
        }
        format!("{row}  {}", printable(&it.host, HOST_WIDTH))
    };
    std::iter::once(head).chain(hosts.iter().map(row)).collect()
}

fn time(seconds: f64) -> String {
    if seconds >= 99.95 {
        format!("{} s", grouped(seconds.round() as u64))
    } else {
        format!("{seconds:.2} s")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Ledger, Timings};

    #[test]
    fn hosts_and_phases_that_matter() {
        let mut ledger = Ledger::default();
        let second = Duration::from_secs(1);
        let timings = Timings { first_byte: Some(second), total: second, ..Timings::default() };
        for _ in 0..5 {
            ledger.add("api.example", &timings, None);
        }
        assert_eq!(
            lines(&Slow::of(&ledger, second)).join("\n"),
            "where the time went:\n  \
             100 % of the time went to waiting for the first byte of api.example\n  \
             5.0 requests out at a time on average\n   \
             requests     total   slowest first byte  host\n          \
             5    5.00 s    1.00 s     5.00 s  api.example"
        );
        assert_eq!(lines(&Slow::default()).len(), 2);
    }
}
