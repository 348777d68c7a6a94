//! A value, and the column that it stands in.
//!
//! Owns what kinds of value there are and their plain spelling. Knows no format.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use dragline_model::Timestamp;
use serde_json::Value;

/// What a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number, not negative.
    Integer,
    /// A number.
    Decimal,
    /// True or false.
    Flag,
    /// A moment, in UTC, to the millisecond.
    Moment,
    /// Any JSON value. Where there is only text it is spelled as JSON, a string as itself.
    Json,
    /// Bytes.
    Bytes,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; scripts depend on it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// In JSON it is this member of the object that its neighbours of the same object are in.
    pub within: Option<(&'static str, &'static str)>,
}

impl Column {
    /// A column that stands alone.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, within: None }
    }
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// There is none.
    Null,
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::Integer`].
    Integer(u64),
    /// Of [`Kind::Decimal`].
    Decimal(f64),
    /// Of [`Kind::Flag`].
    Flag(bool),
    /// Of [`Kind::Moment`].
    Moment(Timestamp),
    /// Of [`Kind::Json`].
    Json(Value),
    /// Of [`Kind::Bytes`].
    Bytes(Bytes),
}

impl Cell {
    /// As text: a time in RFC 3339, JSON as JSON unless it is a string, bytes in base64; nothing for null.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Cell::Null | Cell::Json(Value::Null) => Cow::Borrowed(""),
            Cell::Text(text) | Cell::Json(Value::String(text)) => Cow::Borrowed(text),
            Cell::Integer(n) => n.to_string().into(),
            Cell::Decimal(n) => n.to_string().into(),
            Cell::Flag(it) => Cow::Borrowed(if *it { "true" } else { "false" }),
            Cell::Moment(at) => time(*at).into(),
            Cell::Json(value) => value.to_string().into(),
            Cell::Bytes(bytes) => STANDARD.encode(bytes).into(),
        }
    }

    /// There is no value.
    pub fn is_null(&self) -> bool {
        matches!(self, Cell::Null | Cell::Json(Value::Null))
    }

    /// About how many bytes of memory it takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Cell::Text(text) => text.len(),
                Cell::Bytes(bytes) => bytes.len(),
                Cell::Json(value) => json_weight(value),
                _ => 0,
            }
    }
}

fn json_weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(|it| size_of::<Value>() + json_weight(it)).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, it)| name.len() + 2 * size_of::<Value>() + json_weight(it)).sum()
        }
        _ => 0,
    }
}

/// `2026-01-01T00:00:00.000Z`.
pub(crate) fn time(at: Timestamp) -> String {
    humantime::format_rfc3339_millis(at.into()).to_string()
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Cell::Integer(number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Cell::Decimal(number)
    }
}

impl From<bool> for Cell {
    fn from(it: bool) -> Self {
        Cell::Flag(it)
    }
}

impl From<Value> for Cell {
    fn from(value: Value) -> Self {
        Cell::Json(value)
    }
}
