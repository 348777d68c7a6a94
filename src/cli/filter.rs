//! Which records a command is about: from what was said to a query.
//!
//! Owns the reading of `--status` and its like.

use std::{ops::RangeInclusive, time::SystemTime};

use super::{
    Trouble,
    args::{FilterArgs, RecordOrder},
    when::When,
};
use crate::storage::{Order, Query, Store};

/// What was said, read; a store is needed for nothing of it.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    args: &'a FilterArgs,
    status: Option<RangeInclusive<u16>>,
    since: Option<When>,
    until: Option<When>,
    /// What a length of time is counted back from.
    now: SystemTime,
}

impl<'a> Filter<'a> {
    pub(super) fn read(args: &'a FilterArgs) -> Result<Self, Trouble> {
        let status = args.status.as_deref().map(status_range).transpose()?;
        let since = args.since.as_deref().map(|text| When::read("--since", text)).transpose()?;
        let until = args.until.as_deref().map(|text| When::read("--until", text)).transpose()?;
        if let Some(When::Seq(seq)) = until {
            return Err(Trouble::Usage(format!(
                "--until {seq}: it takes a time, as in 2026-01-31 or 2h for two hours ago"
            )));
        }
        Ok(Self { args, status, since, until, now: SystemTime::now() })
    }

    /// Of what is gone on with later, a time must be the same later.
    pub(super) fn is_lasting(&self) -> Result<(), Trouble> {
        for (flag, when) in [("--since", self.since), ("--until", self.until)] {
            if let Some(When::Ago(_)) = when {
                return Err(Trouble::Usage(format!(
                    "{flag}: say it as a date here, as in 2026-01-31: an export may be gone on with later"
                )));
            }
        }
        Ok(())
    }

    /// The same query in the same words.
    pub(super) fn words(&self) -> String {
        let args = self.args;
        let order = args.order.map(|order| format!("{order:?}").to_lowercase());
        let said = [
            ("host", args.host.clone()),
            ("domain", args.domain.clone()),
            ("under", args.under.clone()),
            ("status", args.status.clone()),
            ("mime", args.mime.clone()),
            ("since", args.since.clone()),
            ("until", args.until.clone()),
            ("order", order),
            ("reverse", args.reverse.then(String::new)),
            ("failures", args.failures.then(String::new)),
            ("robots", args.robots.then(String::new)),
            ("all", args.all.then(String::new)),
        ];
        let said: Vec<String> = said
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| format!("--{name} {value}").trim_end().to_owned()))
            .collect();
        if said.is_empty() { "all pages".to_owned() } else { said.join(" ") }
    }

    /// The query that is meant, without its limit: that counts rows.
    pub(super) fn query(&self, store: &Store) -> Query {
        let args = self.args;
        let mut query = store.pages().latest_only(!args.all);
        if args.failures {
            query = query.failures_only();
        }
        // A host that was never reached has failed at its robots.txt.
        if args.robots || args.failures {
            query = query.with_robots();
        }
        if let Some(host) = &args.host {
            query = query.host(host);
        }
        if let Some(domain) = &args.domain {
            query = query.domain(domain);
        }
        if let Some(under) = &args.under {
            query = query.under(under);
        }
        if let Some(status) = &self.status {
            query = query.status(status.clone());
        }
        if let Some(mime) = &args.mime {
            query = query.mime(mime);
        }
        if let Some(When::Seq(seq)) = self.since {
            query = query.from_seq(seq);
        }
        if let Some(since) = self.since.and_then(|it| it.moment(self.now)) {
            query = query.since(since);
        }
        if let Some(until) = self.until.and_then(|it| it.moment(self.now)) {
            query = query.until(until);
        }
        if let Some(order) = args.order {
            query = query.order(match order {
                RecordOrder::Seq => Order::Sequence,
                RecordOrder::Time => Order::Time,
                RecordOrder::Url => Order::Url,
            });
        }
        if args.reverse { query.reversed() } else { query }
    }
}

/// `404`, `4xx` or `200-299`.
fn status_range(text: &str) -> Result<RangeInclusive<u16>, Trouble> {
    let wrong =
        || Trouble::Usage(format!("--status {}: write it as 404, 4xx or 200-299", text.escape_debug()));
    let number = |text: &str| text.parse::<u16>().ok().filter(|n| (100..=999).contains(n)).ok_or_else(wrong);
    if let Some(class) = text.strip_suffix("xx") {
        let class = number(&format!("{class}00"))?;
        return Ok(class..=class + 99);
    }
    match text.split_once('-') {
        Some((from, to)) => {
            let range = number(from)?..=number(to)?;
            if range.is_empty() { Err(wrong()) } else { Ok(range) }
        }
        None => number(text).map(|n| n..=n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, want) in [
            ("404", Some(404..=404)),
            ("4xx", Some(400..=499)),
            ("200-299", Some(200..=299)),
            ("", None),
            ("xx", None),
            ("300-200", None),
            ("40", None),
            ("2xx-", None),
            ("1000", None),
        ] {
            assert_eq!(status_range(text).ok(), want, "{text}");
        }
    }
}
