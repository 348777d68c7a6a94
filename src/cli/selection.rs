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
    text::{counted, printable},
};
use crate::storage::{Record, Store};

/// For one page: a page of a megabyte takes a hundredth of it. The clock on the wall is what is looked at, and a machine
/// may be busy.
const PAGE_TIME: Duration = Duration::from_secs(10);
/// Pages that are named, of those that could not be read.
const NAMED_MAX: u64 = 3;

/// Which records rows are made of, where the query gives them.
pub(super) type Wanted = Box<dyn Fn(&Record) -> bool>;

/// See the module's documentation.
pub(super) struct Rows {
    pub shape: Shape,
    wanted: Wanted,
    nothing: u64,
    failed: u64,
}

/// What a row is.
pub(super) fn shape(select: &SelectArgs, body: Body) -> Result<Shape, Trouble> {
    if select.select.is_empty() {
        return Ok(Shape::Records(body));
    }
    let usage = |error: dragline_extract::SelectError| Trouble::Usage(format!("--select: {error}"));
    let mut selection = Selection::parse(&select.select).map_err(usage)?;
    if let Some(each) = &select.each {
        selection = selection.each(each).map_err(usage)?;
    }
    let words = format!("{:?} each {:?}", select.select, select.each);
    Ok(Shape::Selected { selection, words, only: select.only, limits: SelectLimits::default() })
}

/// Where pages are selected from and nothing is said of status and type, those that can have it.
pub(super) fn wanted(shape: &Shape, filter: &FilterArgs) -> Wanted {
    let Shape::Selected { selection, .. } = shape else { return Box::new(|_| true) };
    let (any_status, any_mime) = (filter.status.is_none(), filter.mime.is_none());
    let (html, json) = (selection.wants_html(), selection.wants_json());
    Box::new(move |record| {
        let mime = record.mime.as_deref().unwrap_or("text/html");
        let is_html = matches!(mime, "text/html" | "application/xhtml+xml");
        (!any_status || record.status == Some(200))
            && (!any_mime || html && is_html || json && mime.contains("json"))
    })
}

/// Made for each page: says when its time is up.
pub(super) fn deadline() -> Box<dyn Fn() -> bool> {
    let began = Instant::now();
    Box::new(move || began.elapsed() > PAGE_TIME)
}

/// Names a record that could not be read, of the first few.
pub(super) fn say_failed(nth: u64, record: &Record, why: &str) {
    if nth <= NAMED_MAX {
        screen::say(&format!("{}: {}", record.url, printable(why, 400)));
    }
}

/// Says what there was nothing of.
pub(super) fn say_passed(nothing: u64, failed: u64) {
    if nothing > 0 {
        screen::say(&format!("{} had nothing of what is selected", counted(nothing, "page")));
    }
    if failed > 0 {
        screen::say(&format!("{} could not be read", counted(failed, "page")));
    }
}

impl Rows {
    pub(super) fn new(select: &SelectArgs, filter: &FilterArgs, body: Body) -> Result<Self, Trouble> {
        let shape = shape(select, body)?;
        let wanted = wanted(&shape, filter);
        Ok(Self { shape, wanted, nothing: 0, failed: 0 })
    }

    /// The rows of a record.
    pub(super) fn of(&mut self, store: &Store, record: &Record) -> Result<Vec<Vec<Cell>>, Trouble> {
        if !(self.wanted)(record) {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        match self.shape.rows(store, record, &*deadline(), |row| rows.push(row))? {
            None => {}
            Some(Passed::Nothing) => self.nothing += 1,
            Some(Passed::Failed(why)) => {
                self.failed += 1;
                say_failed(self.failed, record, &why);
            }
        }
        Ok(rows)
    }

    /// Says what there was nothing of.
    pub(super) fn say_what_was_passed(&self) {
        say_passed(self.nothing, self.failed);
    }
}
