//! What can be wrong with a selection, and with a document that is selected from.

use std::fmt;

/// Why a text is no selection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectError {
    /// There are no columns.
    None,
    /// There are more than [`SELECTED_MAX`](super::SELECTED_MAX); so many there are.
    TooMany(usize),
    /// Two columns have this name.
    Twice(String),
    /// A selector is neither CSS nor a JSON pointer.
    Selector {
        /// The column's name; `None` where it is the one that makes rows.
        column: Option<String>,
        /// The selector as it was given.
        selector: String,
        /// What is wrong with it, and where.
        why: String,
    },
    /// Rows are made by a selector of the other kind than the column's.
    Mixed {
        /// The column's name.
        column: String,
    },
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectError::None => {
                f.write_str("no column is selected; say one as NAME=SELECTOR, as in title=h1")
            }
            SelectError::TooMany(number) => {
                write!(f, "{number} columns are selected, and {} may be", super::SELECTED_MAX)
            }
            SelectError::Twice(name) => {
                write!(
                    f,
                    "two columns are called {name:?}; give one of them another name, as in other=SELECTOR"
                )
            }
            SelectError::Selector { column: Some(column), selector, why } => {
                write!(f, "column {column:?}: {selector:?} {why}")
            }
            SelectError::Selector { column: None, selector, why } => write!(f, "rows: {selector:?} {why}"),
            SelectError::Mixed { column } => write!(
                f,
                "column {column:?} and the rows are selected in two ways; take CSS for both, or JSON pointers for both"
            ),
        }
    }
}

impl std::error::Error for SelectError {}

/// Why a document gives no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectFault {
    /// It is neither HTML nor JSON.
    Foreign,
    /// It is not the JSON that its type says.
    NotJson(String),
    /// It is longer than `max` bytes.
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Its elements are nested deeper than this.
    TooDeep {
        /// The limit.
        max: usize,
    },
    /// Its tree has more nodes than this.
    TooManyNodes {
        /// The limit.
        max: usize,
    },
    /// It has more rows than this.
    TooManyRows {
        /// The limit.
        max: usize,
    },
    /// Its values have more bytes than this.
    TooMuch {
        /// The limit.
        max: usize,
    },
    /// It took longer than the caller had time for.
    OutOfTime,
}

impl fmt::Display for SelectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SelectFault::Foreign => f.write_str("it is neither HTML nor JSON"),
            SelectFault::NotJson(why) => write!(f, "it is no JSON: {why}"),
            SelectFault::TooLarge { bytes, max } => {
                write!(f, "it has {bytes} bytes, and {max} are the limit")
            }
            SelectFault::TooDeep { max } => write!(f, "its elements are nested more than {max} deep"),
            SelectFault::TooManyNodes { max } => write!(f, "its tree has more than {max} nodes"),
            SelectFault::TooManyRows { max } => write!(f, "it has more than {max} rows"),
            SelectFault::TooMuch { max } => write!(f, "what is selected has more than {max} bytes"),
            SelectFault::OutOfTime => f.write_str("it took too long"),
        }
    }
}

impl std::error::Error for SelectFault {}
