//! The walk of a query.
//!
//! Owns the places at which it begins and stops. Holds one record at a time besides the pieces that the walk is on.

use dragline_model::Timestamp;

use super::{
    Cursor, Order, Query,
    cursor::{self, Place},
    plan::{Lists, Plan},
};
use crate::{
    Record, StoreError,
    error::REBUILD,
    index::{AllOf, Packed, Row, Rows, Snapshot, Visits, Way},
    schema::{
        self,
        pieces::{Packing as _, TimeList, UrlList},
    },
};

/// The records of a [`Query`], read as they are asked for.
pub struct Records {
    query: Query,
    snapshot: Snapshot,
    walk: Walk,
    way: Way,
    left: u64,
    cursor: Cursor,
}

/// What is read along.
enum Walk {
    /// Nothing.
    Nowhere,
    Records(Rows),
    Lists(AllOf),
    Times(Packed<TimeList>, Vec<Lists>),
    Urls(Visits),
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records")
            .field("query", &self.query)
            .field("left", &self.left)
            .field("cursor", &self.cursor)
            .finish_non_exhaustive()
    }
}

impl Records {
    pub(super) fn new(query: Query) -> Result<Self, StoreError> {
        query.check()?;
        let (order, reversed) = (query.in_order(), query.reversed);
        let mark = cursor::mark_of(query.store.shared.home.mark);
        let mut snapshot = query.store.shared.index.snapshot()?;
        if let Some(after) = &query.after {
            check_cursor(after, order, reversed, mark)?;
            snapshot = snapshot.up_to(after.last_seq);
        }
        let plan = Plan::of(&query, &snapshot)?;
        let way = plan.way;
        let place = query.after.and_then(|after| after.place);
        let cursor = Cursor { order, reversed, mark, place, last_seq: snapshot.last_seq };
        let walk = Walk::new(&query, plan, &mut snapshot, place)?;
        Ok(Self { left: query.limit, query, snapshot, walk, way, cursor })
    }

    /// Where it has got to: for [`Query::after`] of the same question. After an error, that is before what could not be
    /// read.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    fn find(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            let Some((row, ms)) = self.walk.next(self.way, &mut self.snapshot)? else { return Ok(None) };
            let wants = row.seq <= self.snapshot.last_seq
                && self.query.filter.wants(&row).map_err(|what| self.wrong(row.seq, what))?;
            if !wants {
                continue;
            }
            let Some(record) = self.query.store.parse(&row)? else { continue };
            if self.query.filter.latest_only && self.has_later(&record)? {
                continue;
            }
            self.cursor.place = Some(Place { seq: record.seq, ms });
            return Ok(Some(record));
        }
    }

    /// Whether the URL has a later record that counts.
    fn has_later(&mut self, record: &Record) -> Result<bool, StoreError> {
        for visit in self.snapshot.visits(&schema::url_prefix(&record.url))?.rev() {
            let (_, seq) = visit?;
            if seq <= record.seq {
                break;
            }
            if seq > self.snapshot.last_seq {
                continue;
            }
            let Some(row) = self.snapshot.row(seq)? else { continue };
            if !self.query.filter.passes_over(&row).map_err(|what| self.wrong(seq, what))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wrong(&self, seq: u64, what: String) -> StoreError {
        StoreError::corrupt(self.snapshot.path(), format!("record {seq}: {what}"), REBUILD)
    }
}

impl Iterator for Records {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let found = self.find().transpose()?;
        // After an error nothing more can be trusted to come in order.
        self.left = if found.is_ok() { self.left - 1 } else { 0 };
        Some(found)
    }
}

impl Walk {
    /// Begins behind a place.
    fn new(
        query: &Query,
        plan: Plan,
        snapshot: &mut Snapshot,
        place: Option<Place>,
    ) -> Result<Self, StoreError> {
        let (filter, way, last_seq) = (&query.filter, plan.way, snapshot.last_seq);
        if plan.is_empty {
            return Ok(Walk::Nowhere);
        }
        match plan.order {
            Order::Sequence => {
                let (mut first, mut last) = (filter.from_seq.max(1), last_seq);
                match (place, way) {
                    (Some(place), Way::Up) => first = first.max(place.seq.saturating_add(1)),
                    (Some(place), Way::Down) => last = last.min(place.seq.saturating_sub(1)),
                    (None, _) => {}
                }
                if first > last {
                    return Ok(Walk::Nowhere);
                }
                if plan.lists.is_empty() {
                    return snapshot.rows(first, last).map(Walk::Records);
                }
                let (from, to) = if way == Way::Up { (first, last) } else { (last, first) };
                let any = plan.lists.into_iter().map(|lists| lists.any).collect();
                Ok(Walk::Lists(AllOf::new(any, way, from, to)))
            }
            Order::Time => {
                let mut from = (filter.since.map_or(0, |Timestamp(ms)| ms), 0);
                let mut until = (filter.until.map_or(u64::MAX, |Timestamp(ms)| ms), 0);
                match (place, way) {
                    (Some(Place { seq, ms }), Way::Up) => from = from.max((ms, seq.saturating_add(1))),
                    (Some(Place { seq, ms }), Way::Down) => until = until.min((ms, seq)),
                    (None, _) => {}
                }
                if from >= until {
                    return Ok(Walk::Nowhere);
                }
                Ok(Walk::Times(snapshot.times(from, until)?, plan.lists))
            }
            Order::Url => {
                let mut span = plan.urls;
                if let Some(place) = place {
                    let at = UrlList.key(&(url_key(query, snapshot, place.seq)?, place.seq));
                    match way {
                        Way::Up => span.start = span.start.max([&at[..], &[0]].concat()),
                        Way::Down => span.end = span.end.min(at),
                    }
                }
                if span.is_empty() { Ok(Walk::Nowhere) } else { snapshot.visits_in(span).map(Walk::Urls) }
            }
        }
    }

    /// The next record, and its moment where the walk is along moments.
    fn next(&mut self, way: Way, snapshot: &mut Snapshot) -> Result<Option<(Row, u64)>, StoreError> {
        loop {
            let (seq, ms) = match self {
                Walk::Nowhere => return Ok(None),
                Walk::Records(rows) => {
                    return Ok(step(rows, way).transpose()?.map(|row| (row, 0)));
                }
                Walk::Lists(seqs) => match seqs.next().transpose()? {
                    Some(seq) => (seq, 0),
                    None => return Ok(None),
                },
                Walk::Times(times, lists) => match step(times, way).transpose()? {
                    Some((ms, seq)) => {
                        if !on_all(lists, seq)? {
                            continue;
                        }
                        (seq, ms)
                    }
                    None => return Ok(None),
                },
                Walk::Urls(visits) => match step(visits, way).transpose()? {
                    Some((_, seq)) => (seq, 0),
                    None => return Ok(None),
                },
            };
            // What is behind the snapshot may not even have its record yet.
            if seq <= snapshot.last_seq
                && let Some(row) = snapshot.row(seq)?
            {
                return Ok(Some((row, ms)));
            }
        }
    }
}

fn step<I: DoubleEndedIterator>(iter: &mut I, way: Way) -> Option<I::Item> {
    match way {
        Way::Up => iter.next(),
        Way::Down => iter.next_back(),
    }
}

fn on_all(lists: &mut [Lists], seq: u64) -> Result<bool, StoreError> {
    for lists in lists {
        if !lists.any.has(seq)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn check_cursor(cursor: &Cursor, order: Order, reversed: bool, mark: u16) -> Result<(), StoreError> {
    let what = if cursor.mark != mark {
        "the cursor is of another store"
    } else if (cursor.order, cursor.reversed) != (order, reversed) {
        "the cursor is of another order"
    } else {
        return Ok(());
    };
    Err(StoreError::Question { what: what.to_owned() })
}

/// The key of a record's URL.
fn url_key(query: &Query, snapshot: &mut Snapshot, seq: u64) -> Result<Vec<u8>, StoreError> {
    let row = snapshot.row(seq)?;
    let record = row.map_or(Ok(None), |row| query.store.parse(&row))?;
    record.map(|record| schema::url_prefix(&record.url)).ok_or_else(|| StoreError::Question {
        what: format!("the record {seq}, behind which to go on, is gone"),
    })
}
