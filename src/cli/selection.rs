//! Rows of a query as a command makes them: of records, or selected from their pages.
//!
//! Owns what is asked for where nothing is said (pages of status 200 that can have what is selected), the time that a
//! page gets, and what is said of pages that gave nothing.

use std::time::{Duration, Instant};

use dragline_export::{Body, Cell, Passed, Shape};
use dragline_extract::{SelectLimits, Selection};

use super::{
    Trouble,
    args::{FilterArgs, SelectArgs},
    screen,
    text::counted,
};
use crate::storage::{Record, Store};

/// For one page: a page of a megabyte takes a hundredth of it.
const PAGE_TIME: Duration = Duration::from_secs(2);
/// Pages that are named, of those that could not be read.
const NAMED_MAX: u64 = 3;

/// See the module's documentation.
pub(super) struct Rows {
    pub shape: Shape,
    /// Nothing was said of status or type.
    any_status: bool,
    any_mime: bool,
    nothing: u64,
    failed: u64,
}

impl Rows {
    pub(super) fn new(select: &SelectArgs, filter: &FilterArgs, body: Body) -> Result<Self, Trouble> {
        let shape = match select.select.is_empty() {
            true => Shape::Records(body),
            false => {
                let usage =
                    |error: dragline_extract::SelectError| Trouble::Usage(format!("--select: {error}"));
                let mut selection = Selection::parse(&select.select).map_err(usage)?;
                if let Some(each) = &select.each {
                    selection = selection.each(each).map_err(usage)?;
                }
                Shape::Selected { selection, only: select.only, limits: SelectLimits::default() }
            }
        };
        let (any_status, any_mime) = (filter.status.is_none(), filter.mime.is_none());
        Ok(Self { shape, any_status, any_mime, nothing: 0, failed: 0 })
    }

    /// The rows of a record.
    pub(super) fn of(&mut self, store: &Store, record: &Record) -> Result<Vec<Vec<Cell>>, Trouble> {
        if !self.is_wanted(record) {
            return Ok(Vec::new());
        }
        let began = Instant::now();
        let mut rows = Vec::new();
        let passed = self.shape.rows(store, record, &|| began.elapsed() > PAGE_TIME, |row| rows.push(row))?;
        match passed {
            None => {}
            Some(Passed::Nothing) => self.nothing += 1,
            Some(Passed::Failed(why)) => {
                self.failed += 1;
                if self.failed <= NAMED_MAX {
                    screen::say(&format!("{}: {}", record.url, super::text::printable(&why, 400)));
                }
            }
        }
        Ok(rows)
    }

    /// Where a page is selected from and nothing is said of status and type, those that can have it.
    fn is_wanted(&self, record: &Record) -> bool {
        let Shape::Selected { selection, .. } = &self.shape else { return true };
        let mime = record.mime.as_deref().unwrap_or("text/html");
        let is_html = matches!(mime, "text/html" | "application/xhtml+xml");
        let is_json = mime.contains("json");
        (!self.any_status || record.status == Some(200))
            && (!self.any_mime || selection.wants_html() && is_html || selection.wants_json() && is_json)
    }

    /// Says what there was nothing of.
    pub(super) fn say_what_was_passed(&self) {
        if self.nothing > 0 {
            screen::say(&format!("{} had nothing of what is selected", counted(self.nothing, "page")));
        }
        if self.failed > 0 {
            screen::say(&format!("{} could not be read", counted(self.failed, "page")));
        }
    }
}
