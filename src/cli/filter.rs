//! Which records a command is about: from what was said to a query.
//!
//! Owns the reading of `--status` and its like.

use std::ops::RangeInclusive;

use super::{Trouble, args::FilterArgs};
use crate::storage::{Query, Store};

/// What was said, read; a store is needed for nothing of it.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    args: &'a FilterArgs,
    status: Option<RangeInclusive<u16>>,
}

impl<'a> Filter<'a> {
    pub(super) fn read(args: &'a FilterArgs) -> Result<Self, Trouble> {
        Ok(Self { args, status: args.status.as_deref().map(status_range).transpose()? })
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
        if let Some(status) = &self.status {
            query = query.status(status.clone());
        }
        if let Some(mime) = &args.mime {
            query = query.mime(mime);
        }
        if let Some(seq) = args.since {
            query = query.from_seq(seq);
        }
        query
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
