//! How a query is answered.
//!
//! Owns the choice of what is read along, by fixed rules: see the table at [`super::Query`]. They need no statistics,
//! because lists are walked together: where several things were asked for, the rarest leads by itself.

use std::fmt;

use super::{Order, Query, filter::Filter};
use crate::{
    StoreError,
    index::{AnyOf, Snapshot, Span, Way, behind_prefix},
    schema::{
        self,
        lists::{self, Listed},
    },
};

/// Lists of one condition walked at the same time at most: each holds a piece of two kilobytes.
const LISTS_MAX: usize = 1024;
/// Lists that are asked whether they have a record, at most: past it the record itself says it sooner.
const ASKED_MAX: usize = 4;

/// What is read along, and what is looked at besides.
pub(super) struct Plan {
    pub(super) order: Order,
    pub(super) way: Way,
    /// The lists of each condition that has any.
    pub(super) lists: Vec<Lists>,
    /// By URL: the entries to read.
    pub(super) urls: Span,
    /// Nothing can be found.
    pub(super) is_empty: bool,
    words: String,
}

/// The lists of one condition.
pub(super) struct Lists {
    pub(super) any: AnyOf,
    words: String,
}

impl Plan {
    pub(super) fn of(query: &Query, snapshot: &Snapshot) -> Result<Self, StoreError> {
        let filter = &query.filter;
        let (order, way) = (query.in_order(), if query.reversed { Way::Down } else { Way::Up });
        let mut plan = Self {
            order,
            way,
            lists: Vec::new(),
            urls: urls(filter),
            is_empty: is_empty(filter),
            words: String::new(),
        };
        if !plan.is_empty && order != Order::Url {
            plan.lists = conditions(filter, snapshot, way)?;
            if order == Order::Time {
                plan.lists.retain(|lists| lists.any.len() <= ASKED_MAX);
            }
        }
        plan.words = plan.in_words(query);
        Ok(plan)
    }

    fn in_words(&self, query: &Query) -> String {
        let filter = &query.filter;
        if self.is_empty {
            return "nothing can match".to_owned();
        }
        let on: Vec<&str> = self.lists.iter().map(|lists| &*lists.words).collect();
        let on = on.join(" and on ");
        let mut words = match self.order {
            Order::Sequence if on.is_empty() => "by sequence: every record".to_owned(),
            Order::Sequence => format!("by sequence: records on {on}"),
            Order::Time => {
                let range = match (filter.since, filter.until) {
                    (None, None) => "every visit",
                    _ => "the visits of that time",
                };
                let on = if on.is_empty() { on } else { format!(", if on {on}") };
                format!("by time: {range}{on}")
            }
            Order::Url => {
                let range = match filter {
                    Filter { under: Some(under), .. } => format!("the visits under {under}"),
                    Filter { host: Some(host), .. } => format!("the visits of host {host}"),
                    Filter { domain: Some(domain), .. } => format!("the visits of domain {domain}"),
                    _ => "every visit".to_owned(),
                };
                format!("by URL: {range}")
            }
        };
        if self.way == Way::Down {
            words.push_str(", the last one first");
        }
        if filter.from_seq > 1 && self.order == Order::Sequence {
            words.push_str(&format!(", from {} on", filter.from_seq));
        }
        if query.after.is_some() {
            words.push_str(", behind the cursor");
        }
        words.push_str("; each is looked at");
        if filter.latest_only {
            words.push_str(", and whether it is the last of its URL");
        }
        words
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Where two conditions exclude each other.
fn is_empty(filter: &Filter) -> bool {
    let times = filter.since.zip(filter.until).is_some_and(|(since, until)| until <= since);
    let status = filter.status.as_ref().is_some_and(|range| range.is_empty() || !filter.responses);
    times || status || !filter.responses && !filter.failures
}

/// The lists that say something of what was asked for; those of several values are found by a look for each value.
fn conditions(filter: &Filter, snapshot: &Snapshot, way: Way) -> Result<Vec<Lists>, StoreError> {
    let robots = filter.robots;
    let one = |listed, value: &[u8], words| Lists { any: snapshot.listed(listed, value, robots, way), words };
    let within = |listed, start: Vec<u8>, end: Vec<u8>, words| {
        let values = Span { start, end };
        let any = snapshot.listed_within(listed, &values, robots, way, LISTS_MAX)?;
        Ok::<_, StoreError>(any.map(|any| Lists { any, words }))
    };
    let mut found = Vec::new();
    if !filter.responses {
        found.push(one(Listed::Status, &lists::status_value(None), "the list of failures".to_owned()));
    } else if let Some(status) = &filter.status {
        let (first, last) = (*status.start(), *status.end());
        // A list with the value 0 is that of failures.
        let start = lists::status_value(Some(first.max(1))).to_vec();
        let end = last.checked_add(1).map_or_else(Vec::new, |end| lists::status_value(Some(end)).to_vec());
        if first == last {
            found.push(one(Listed::Status, &start, format!("the list of status {first}")));
        } else {
            let words = format!("the lists of status {first} to {last}");
            found.extend(within(Listed::Status, start, end, words)?);
        }
    }
    if let Some(host) = &filter.host {
        found.push(one(Listed::Host, &schema::host_prefix(host)[1..], format!("the list of host {host}")));
    } else if let Some(under) = &filter.under {
        let host = under.authority();
        found.push(one(Listed::Host, &schema::host_prefix(host)[1..], format!("the list of host {host}")));
    }
    if let Some(domain) = &filter.domain {
        let start = schema::domain_prefix(domain)[1..].to_vec();
        let end = behind_prefix(&start);
        found.extend(within(Listed::Host, start, end, format!("the lists of the hosts of {domain}"))?);
    }
    match filter.mime.as_deref() {
        Some(mime) if mime.ends_with('/') => {
            let start = lists::mime_value(mime, false);
            let end = behind_prefix(&start);
            found.extend(within(Listed::Mime, start, end, format!("the lists of types {mime}*"))?);
        }
        Some(mime) if !filter.failures => {
            let value = lists::mime_value(mime, true);
            found.push(one(Listed::Mime, &value, format!("the list of type {mime}")));
        }
        // A failure has no type, and matches one without a name.
        _ => {}
    }
    Ok(found)
}

/// The entries of URLs that can match.
fn urls(filter: &Filter) -> Span {
    Span::of_prefix(&match filter {
        Filter { under: Some(under), .. } => {
            let mut prefix = schema::url_prefix(under);
            // Without the 0 and the scheme.
            prefix.truncate(prefix.len() - 2);
            prefix
        }
        Filter { host: Some(host), .. } => schema::host_prefix(host),
        Filter { domain: Some(domain), .. } => schema::domain_prefix(domain),
        _ => vec![schema::URL],
    })
}
