//! From records to rows.
//!
//! Owns what the rows of a query are: a record each, or what is selected from its page.

use dragline_extract::{Document, SelectLimits, Selection};
use dragline_storage::{Payload, Record, Store, StoreError};

use crate::{
    cell::{Cell, Column, Kind},
    record::{self, Body},
};

/// What a row is.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum Shape {
    /// A record, perhaps with its body.
    Records(Body),
    /// What is selected from a page, behind the page's `url`, `fetched_at` and `status` unless `only` is said.
    Selected {
        /// The columns.
        selection: Selection,
        /// What was said of them, in words that are the same for the same selection.
        words: String,
        /// Nothing but them.
        only: bool,
        /// How much of a page is worked on.
        limits: SelectLimits,
    },
}

/// Why a record gave no row, or one without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// There was nothing of what is selected.
    Nothing,
    /// It could not be looked for, for this reason.
    Failed(String),
}

/// What stands before selected columns.
const BEFORE: [(&str, Kind); 3] =
    [("url", Kind::Text), ("fetched_at", Kind::Moment), ("status", Kind::Integer)];

impl Shape {
    /// The columns of its rows.
    pub fn columns(&self) -> Vec<Column> {
        match self {
            Shape::Records(body) => record::columns(*body),
            Shape::Selected { selection, only, .. } => {
                let before = BEFORE.map(|(name, kind)| Column::new(name, kind));
                let before = before.into_iter().filter(|column| {
                    // A column of the same name takes its place.
                    !only && !selection.names().any(|name| name == column.name)
                });
                before.chain(selection.names().map(|name| Column::new(name, Kind::Json))).collect()
            }
        }
    }

    /// Whether the archive is read for it.
    pub fn reads_payloads(&self) -> bool {
        !matches!(self, Shape::Records(Body::None))
    }

    /// Calls `each` with every row of a record. `is_late` is asked while its page is worked on.
    ///
    /// # Errors
    ///
    /// Where the store cannot be read. A payload that is lost is not one: the record is passed.
    pub fn rows(
        &self,
        store: &Store,
        record: &Record,
        is_late: &dyn Fn() -> bool,
        mut each: impl FnMut(Vec<Cell>),
    ) -> Result<Option<Passed>, StoreError> {
        match self {
            Shape::Records(wanted) => {
                let mut cells = record::cells(record);
                let mut passed = None;
                if *wanted != Body::None {
                    let found = payload(store, record)?;
                    cells.extend(match found {
                        Ok(payload) => {
                            payload.map_or(record::NO_BODY, |it| record::body(*wanted, record, &it))
                        }
                        Err(why) => {
                            passed = Some(Passed::Failed(why));
                            record::NO_BODY
                        }
                    });
                }
                each(cells);
                Ok(passed)
            }
            Shape::Selected { selection, only, limits, .. } => {
                let payload = match payload(store, record)? {
                    Ok(Some(payload)) => payload,
                    Ok(None) => return Ok(Some(Passed::Nothing)),
                    Err(why) => return Ok(Some(Passed::Failed(why))),
                };
                let rows = select(selection, limits, record, &payload, is_late);
                let rows = match rows {
                    Ok(rows) if rows.is_empty() => return Ok(Some(Passed::Nothing)),
                    Ok(rows) => rows,
                    Err(why) => return Ok(Some(Passed::Failed(why))),
                };
                for row in rows {
                    each(
                        self.before(record, selection, *only)
                            .chain(row.into_iter().map(Cell::Json))
                            .collect(),
                    );
                }
                Ok(None)
            }
        }
    }

    /// What is selected, in words that are the same for the same rows.
    pub(crate) fn words(&self) -> String {
        match self {
            Shape::Records(Body::None) => String::new(),
            Shape::Records(Body::Text) => "text".to_owned(),
            Shape::Records(Body::Bytes) => "bytes".to_owned(),
            Shape::Selected { words, .. } => words.clone(),
        }
    }

    fn before<'a>(
        &self,
        record: &'a Record,
        selection: &'a Selection,
        only: bool,
    ) -> impl Iterator<Item = Cell> + use<'a> {
        let cells = [
            record.url.as_str().into(),
            Cell::Moment(record.fetched_at),
            record.status.map(u64::from).into(),
        ];
        let named = BEFORE.map(|(name, _)| name).into_iter().zip(cells);
        named.filter(move |(name, _)| !only && !selection.names().any(|it| it == *name)).map(|(_, cell)| cell)
    }
}

/// The payload; the inner error is of this one alone, and says why it is lost.
fn payload(store: &Store, record: &Record) -> Result<Result<Option<Payload>, String>, StoreError> {
    if record.status.is_none() {
        return Ok(Ok(None));
    }
    match store.payload(record) {
        Ok(payload) => Ok(Ok(Some(payload))),
        Err(error @ (StoreError::Corrupt { .. } | StoreError::PayloadGone { .. })) => {
            Ok(Err(error.to_string()))
        }
        Err(error) => Err(error),
    }
}

fn select(
    selection: &Selection,
    limits: &SelectLimits,
    record: &Record,
    payload: &Payload,
    is_late: &dyn Fn() -> bool,
) -> Result<Vec<Vec<serde_json::Value>>, String> {
    let body = record::decoded(payload)?;
    let content_type = payload.body_head.field_str("content-type");
    let document = Document { url: &record.url, content_type, body: &body };
    selection.rows(&document, limits, is_late).map_err(|fault| fault.to_string())
}
