//! Asking a store for records.
//!
//! Owns the builder: what can be asked for, in which order, and from where on. How it is found is planned in
//! [`plan`], what a record must be like is in [`filter`], the walk itself in [`records`].

mod cursor;
mod filter;
mod plan;
mod records;

use std::ops::{Bound, RangeBounds, RangeInclusive};

use dragline_model::{CanonicalUrl, Timestamp};

use crate::{Store, StoreError};
use filter::Filter;

pub use cursor::Cursor;
pub(crate) use filter::authority;
pub use records::Records;

/// The order of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Of their commits, which is that of [`crate::Record::seq`].
    Sequence,
    /// Of the moments at which the requests began; those of one millisecond by their sequence.
    Time,
    /// Of URLs, by host from its end, then by path, then http before https; the visits of one by their sequence.
    Url,
}

/// Which records, and in which order. By default every response there is, of any status; but for those to requests for
/// a robots.txt, which are no pages.
///
/// A query sees what was committed before it was run, whole commits only, and nothing that is committed while it runs.
/// It holds a few pieces of the index, of some kilobytes each, whatever the size of the store or of the answer.
///
/// ```no_run
/// # use dragline_storage::{Options, Order, Store};
/// # let store = Store::open("dragline-data", Options::default())?;
/// for record in store.pages().host("example.com").status(400..600).limit(10).records()? {
///     println!("{}", record?.url);
/// }
///
/// // The ten newest pages of a part of a site, and then the ten before these.
/// let newest = || store.pages().under("https://example.com/news/").order(Order::Time).reversed().limit(10);
/// let mut records = newest().records()?;
/// for record in &mut records {
///     println!("{}", record?.url);
/// }
/// let more = newest().after(&records.cursor()).records()?;
/// # Ok::<(), dragline_storage::StoreError>(())
/// ```
///
/// # Order and cost
///
/// Unless [`Query::order`] says otherwise, records come in the order in which they are had for nothing: by URL where a
/// part of a site is asked for ([`Query::under`]), by time where a time is ([`Query::since`], [`Query::until`]), else by
/// sequence.
///
/// | order | is read along | what else was asked for |
/// |---|---|---|
/// | by sequence | the lists of a status, a type, a host, a domain: where several were asked for, what is on all of them; the records themselves where none was | is looked at in each record |
/// | by time | the times asked for | a status, a type, a host on its list, without reading a record; the rest in each record |
/// | by URL | the URLs of the path, the host, the domain asked for, else all | is looked at in each record |
///
/// So a first record costs a few looks into the index where what was asked for is what is read along, however large
/// the store is; [`Query::latest_only`] costs two more for each. A domain of more than 1,024 hosts, a beginning of more
/// types or a range of more statuses than that is looked at in each record instead. [`Query::plan`] says what will be done.
#[derive(Debug, Clone)]
pub struct Query {
    store: Store,
    filter: Filter,
    order: Option<Order>,
    reversed: bool,
    limit: u64,
    after: Option<Cursor>,
    /// What was asked for and makes no sense.
    wrong: Option<String>,
}

impl Query {
    pub(crate) fn new(store: Store) -> Self {
        let (order, reversed, limit, after) = (None, false, u64::MAX, None);
        Self { store, filter: Filter::default(), order, reversed, limit, after, wrong: None }
    }

    /// Of one host only: `example.com`, or `example.com:8080` where the port is not the scheme's own.
    pub fn host(mut self, authority: impl AsRef<str>) -> Self {
        self.filter.host = Some(spelled(authority.as_ref()));
        self
    }

    /// Of one host and all below it, on any port: `example.com` is `www.example.com` and `example.com:8080` too.
    pub fn domain(mut self, name: impl AsRef<str>) -> Self {
        self.filter.domain = Some(spelled(name.as_ref().trim_start_matches('.')));
        self
    }

    /// With a URL that begins like this: `https://example.com/manual/`. An error of [`Query::records`] where it is
    /// none.
    pub fn under(mut self, url: impl AsRef<str>) -> Self {
        match CanonicalUrl::parse(url.as_ref()) {
            Ok(url) => self.filter.under = Some(url),
            Err(error) => {
                self.wrong = Some(format!("under {}: {error}", url.as_ref().escape_debug()));
            }
        }
        self
    }

    /// With a status in this range, `200..300` or `400..=599`; leaves out failures.
    pub fn status(mut self, range: impl RangeBounds<u16>) -> Self {
        let first = match range.start_bound() {
            Bound::Included(n) => Some(*n),
            Bound::Excluded(n) => n.checked_add(1),
            Bound::Unbounded => Some(0),
        };
        let last = match range.end_bound() {
            Bound::Included(n) => Some(*n),
            Bound::Excluded(n) => n.checked_sub(1),
            Bound::Unbounded => Some(u16::MAX),
        };
        // An empty range is asked for with its ends crossed.
        let crossed = RangeInclusive::new(1, 0);
        self.filter.status = Some(first.zip(last).map_or(crossed, |(first, last)| first..=last));
        self
    }

    /// Of one type: `text/html`; or of all with a beginning: `image/`.
    pub fn mime(mut self, mime: impl Into<String>) -> Self {
        self.filter.mime = Some(mime.into().to_ascii_lowercase());
        self
    }

    /// Asked for at this moment or later.
    pub fn since(mut self, time: impl Into<Timestamp>) -> Self {
        self.filter.since = Some(time.into());
        self
    }

    /// Asked for before this moment.
    pub fn until(mut self, time: impl Into<Timestamp>) -> Self {
        self.filter.until = Some(time.into());
        self
    }

    /// From this sequence number on.
    pub fn from_seq(mut self, seq: u64) -> Self {
        self.filter.from_seq = seq;
        self
    }

    /// At most so many.
    pub fn limit(mut self, records: u64) -> Self {
        self.limit = records;
        self
    }

    /// Failures, and nothing else.
    pub fn failures_only(mut self) -> Self {
        (self.filter.responses, self.filter.failures) = (false, true);
        self
    }

    /// Failures too.
    pub fn with_failures(mut self) -> Self {
        self.filter.failures = true;
        self
    }

    /// What was asked for as a robots.txt, too.
    pub fn with_robots(mut self) -> Self {
        self.filter.robots = true;
        self
    }

    /// Of each URL only the last record, whatever it is; the other conditions then apply to that one. Where a
    /// robots.txt is none of the records, it is not the last one either: of a page that some host's robots.txt
    /// redirects to, the last visit to the page is.
    pub fn latest_only(mut self, latest_only: bool) -> Self {
        self.filter.latest_only = latest_only;
        self
    }

    /// In this order: see above for the one without it.
    pub fn order(mut self, order: Order) -> Self {
        self.order = Some(order);
        self
    }

    /// The last one first.
    pub fn reversed(mut self) -> Self {
        self.reversed = true;
        self
    }

    /// Goes on where the same question, asked earlier, has stopped ([`Records::cursor`]): with the next record, as if
    /// it had never stopped, whatever was committed since and whichever process asks. [`Query::limit`] counts anew.
    pub fn after(mut self, cursor: &Cursor) -> Self {
        self.after = Some(*cursor);
        self
    }

    /// Runs it. An error where what was asked for makes no sense, or where the cursor is of another store or order.
    pub fn records(self) -> Result<Records, StoreError> {
        Records::new(self)
    }

    /// What [`Query::records`] would do, in words.
    pub fn plan(&self) -> Result<String, StoreError> {
        self.check()?;
        let snapshot = self.store.shared.index.snapshot()?;
        Ok(plan::Plan::of(self, &snapshot)?.to_string())
    }

    /// What makes no sense is an error.
    fn check(&self) -> Result<(), StoreError> {
        match &self.wrong {
            Some(what) => Err(StoreError::Question { what: what.clone() }),
            None => Ok(()),
        }
    }

    fn in_order(&self) -> Order {
        self.order.unwrap_or(match &self.filter {
            Filter { under: Some(_), .. } => Order::Url,
            Filter { since, until, .. } if since.or(*until).is_some() => Order::Time,
            _ => Order::Sequence,
        })
    }
}

/// A host as canonical URLs spell it, where it can be one.
fn spelled(authority: &str) -> String {
    match CanonicalUrl::parse(&format!("http://{authority}/")) {
        Ok(url) => url.authority().to_owned(),
        Err(_) => authority.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests;
