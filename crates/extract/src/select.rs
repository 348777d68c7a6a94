//! Documents into rows: CSS selectors over HTML, JSON pointers over JSON.
//!
//! Owns [`Selection`]: what is said of columns and rows, and what comes of it. Never fetches, never looks at a
//! clock, and never works without a bound: html5ever's tree costs the square of its depth, and a page may be made
//! to cost the most.

mod css;
mod data;
mod error;
mod spec;
mod tree;
mod words;

use serde_json::Value;

pub use error::{SelectError, SelectFault};

use crate::charset::Source;
use crate::kind::{Form, form};
use crate::{Document, FollowJson, Options};
use spec::{Column, Selector};

/// Columns of one selection at most: a table that is wider is read by nobody.
pub const SELECTED_MAX: usize = 256;

/// How much of a document is worked on. All of it is for one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectLimits {
    /// Bytes of a document; a longer one is refused, for half a tree would give wrong rows. A tree takes some ten
    /// times as much memory.
    pub bytes_max: usize,
    /// Elements within one another. Browsers stop at 512, too.
    pub depth_max: usize,
    /// Nodes of the tree. Markup can make many of few bytes: formatting that was left open is repeated in each
    /// paragraph.
    pub nodes_max: usize,
    /// Rows.
    pub rows_max: usize,
    /// Bytes of all values.
    pub value_bytes_max: usize,
}

impl Default for SelectLimits {
    fn default() -> Self {
        Self {
            bytes_max: 16 << 20,
            depth_max: 512,
            nodes_max: 1_000_000,
            rows_max: 100_000,
            value_bytes_max: 64 << 20,
        }
    }
}

/// What is to be had of each document: columns, and which parts of a document are rows.
///
/// A column is `NAME=SELECTOR`, or a selector alone, which then names it.
///
/// | selector | value |
/// |---|---|
/// | `h1`, `h1::text` | the text of the first element that a CSS selector matches, white space folded |
/// | `.price@content` | its attribute |
/// | `article::html` | its markup |
/// | `@href`, `::text` | of the row's own element |
/// | `/items/0/name` | what a JSON pointer (RFC 6901, `*` for any one step) leads to first, as it stands |
///
/// A name that ends in `[]` stands for all matches, as a list: `links[]=a@href`. What is not there is `null` (or an
/// empty list). A document that has nothing for any column gives no row. CSS columns are `null` in JSON documents,
/// and the other way round.
///
/// ```
/// use dragline_extract::{Document, SelectLimits, Selection};
/// use dragline_model::CanonicalUrl;
///
/// let url = CanonicalUrl::parse("http://example.com/list")?;
/// let document = Document {
///     url: &url,
///     content_type: Some("text/html"),
///     body: b"<li><a href=/1>One <b>big</b>  thing</a> <i>5</i><li><a href=/2>Two</a>",
/// };
/// let selection = Selection::parse(["title=a", "to=a@href", "n[]=i"])?.each("li")?;
/// let rows = selection.rows(&document, &SelectLimits::default(), &|| false)?;
/// assert_eq!(serde_json::to_string(&rows)?, r#"[["One big thing","/1",["5"]],["Two","/2",[]]]"#);
///
/// let error = Selection::parse(["price=.price >"]).unwrap_err();
/// assert_eq!(error.to_string(), "column \"price\": \".price >\" is no CSS selector: it ends too soon, at character 9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Selection {
    each: Option<Selector>,
    columns: Vec<Column>,
}

impl Selection {
    /// Reads columns.
    ///
    /// # Errors
    ///
    /// Where a selector is none, a name stands twice, or there are none or too many.
    pub fn parse<S: AsRef<str>>(columns: impl IntoIterator<Item = S>) -> Result<Self, SelectError> {
        let mut read: Vec<Column> = Vec::new();
        for text in columns {
            let column = Column::parse(text.as_ref())?;
            if read.iter().any(|it| it.name == column.name) {
                return Err(SelectError::Twice(column.name));
            }
            read.push(column);
        }
        match read.len() {
            0 => Err(SelectError::None),
            n if n > SELECTED_MAX => Err(SelectError::TooMany(n)),
            _ => Ok(Self { each: None, columns: read }),
        }
    }

    /// Makes a row of each element that a CSS selector matches, or of each element of the array that a JSON pointer
    /// leads to; the columns' selectors are relative to it.
    ///
    /// # Errors
    ///
    /// Where it is none, or of another kind than the columns.
    pub fn each(mut self, selector: &str) -> Result<Self, SelectError> {
        let each = Selector::parse_each(selector)?;
        if let Some(column) = self.columns.iter().find(|it| it.selector.is_css() != each.is_css()) {
            return Err(SelectError::Mixed { column: column.name.clone() });
        }
        self.each = Some(each);
        Ok(self)
    }

    /// The columns' names, in order, without `[]`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| &*column.name)
    }

    /// There are CSS columns.
    pub fn wants_html(&self) -> bool {
        self.columns.iter().any(|column| column.selector.is_css())
    }

    /// There are JSON pointers among the columns.
    pub fn wants_json(&self) -> bool {
        self.columns.iter().any(|column| !column.selector.is_css())
    }

    /// The rows of a document, a value for each column in each. `is_late` is asked again and again, and once it says
    /// `true` the document is given up; whatever is asked between two times is a small piece of work.
    ///
    /// # Errors
    ///
    /// Where the document is too much, or is not what its type says. There are no rows then: some of a table is not
    /// the table.
    pub fn rows(
        &self,
        document: &Document<'_>,
        limits: &SelectLimits,
        is_late: &dyn Fn() -> bool,
    ) -> Result<Vec<Vec<Value>>, SelectFault> {
        if document.body.len() > limits.bytes_max {
            return Err(SelectFault::TooLarge { bytes: document.body.len(), max: limits.bytes_max });
        }
        let options = Options { json: FollowJson::Everywhere, ..Options::default() };
        let mut out = Out { rows: Vec::new(), bytes: 0, limits, is_late };
        match form(document, &options) {
            Form::Html(_) if self.wants_html() => {
                let source = Source::of(document, limits.bytes_max);
                let text = source.encoding.decode_without_bom_handling(&source.bytes).0;
                let tree = tree::grow(&text, limits, is_late)?;
                css::rows(self, &tree, &mut out)?;
            }
            Form::Json { lines } if self.wants_json() => {
                let source = Source::of_json(document, limits.bytes_max);
                let text = source.encoding.decode_without_bom_handling(&source.bytes).0;
                data::rows(self, &text, lines, &mut out)?;
            }
            Form::Html(_) | Form::Json { .. } => {}
            _ => return Err(SelectFault::Foreign),
        }
        Ok(out.rows)
    }
}

/// The rows so far, and what is left of the limits.
struct Out<'a> {
    rows: Vec<Vec<Value>>,
    bytes: usize,
    limits: &'a SelectLimits,
    is_late: &'a dyn Fn() -> bool,
}

impl Out<'_> {
    /// Takes a row, unless there is nothing in it.
    fn push(&mut self, row: Vec<Value>) -> Result<(), SelectFault> {
        if row.iter().all(is_nothing) {
            return Ok(());
        }
        if self.rows.len() >= self.limits.rows_max {
            return Err(SelectFault::TooManyRows { max: self.limits.rows_max });
        }
        self.rows.push(row);
        Ok(())
    }

    /// Counts a value that was made.
    fn count(&mut self, bytes: usize) -> Result<(), SelectFault> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.value_bytes_max {
            return Err(SelectFault::TooMuch { max: self.limits.value_bytes_max });
        }
        self.time()
    }

    fn time(&self) -> Result<(), SelectFault> {
        if (self.is_late)() { Err(SelectFault::OutOfTime) } else { Ok(()) }
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
