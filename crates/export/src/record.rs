//! A record as a row.
//!
//! Owns the columns' names and order, which are the same in every format, and what of a body is told.

use std::time::Duration;

use bytes::Bytes;
use dragline_extract::{Document, document_text, is_html};
use dragline_storage::{Payload, Record};
use serde_json::Value;

use crate::{
    cell::{Cell, Column, Kind},
    jsonl,
};

/// Bytes of a decoded body at most: a row is held in memory, some of its spellings have several bytes for one, and what
/// was received may be a bomb.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Names and kinds, in order.
const COLUMNS: [(&str, Kind); 16] = [
    ("seq", Kind::Integer),
    ("url", Kind::Text),
    ("status", Kind::Integer),
    ("fetched_at", Kind::Moment),
    ("mime", Kind::Text),
    ("size", Kind::Integer),
    ("bytes", Kind::Integer),
    ("digest", Kind::Text),
    ("purpose", Kind::Text),
    ("depth", Kind::Integer),
    ("via", Kind::Text),
    ("location", Kind::Text),
    ("truncated", Kind::Text),
    ("attempts", Kind::Integer),
    ("error", Kind::Text),
    ("detail", Kind::Text),
];

/// The phases of a visit in milliseconds, to the microsecond: members of `timings` in JSON, `timings_…` elsewhere.
const TIMINGS: [(&str, &str, Kind); 7] = [
    ("timings_dns", "dns", Kind::Decimal),
    ("timings_connect", "connect", Kind::Decimal),
    ("timings_tls", "tls", Kind::Decimal),
    ("timings_first_byte", "first_byte", Kind::Decimal),
    ("timings_body", "body", Kind::Decimal),
    ("timings_total", "total", Kind::Decimal),
    ("timings_reused", "reused", Kind::Flag),
];

/// How a body is told, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Body {
    /// Not at all.
    #[default]
    None,
    /// As text, in Unicode, where its type is one of text; `body` is null elsewhere.
    Text,
    /// Byte for byte, content coding undone: in base64 as `body_base64`, in a format that has bytes as `body`.
    Bytes,
}

/// The columns of a record.
pub(crate) fn columns(body: Body) -> Vec<Column> {
    let mut columns: Vec<Column> = COLUMNS.map(|(name, kind)| Column::new(name, kind)).into();
    let timings = TIMINGS
        .map(|(name, member, kind)| Column { within: Some(("timings", member)), ..Column::new(name, kind) });
    columns.extend(timings);
    columns.push(Column::new("peer", Kind::Text));
    columns.push(Column::new("tls", Kind::Json));
    match body {
        Body::None => {}
        Body::Text => columns.push(Column::new("body", Kind::Text)),
        Body::Bytes => columns.push(Column::new("body_base64", Kind::Bytes)),
    }
    if body != Body::None {
        // Why it is a beginning only; null where it is all.
        columns.push(Column::new("body_cut", Kind::Text));
    }
    columns
}

/// The cells of a record, without its body.
pub(crate) fn cells(record: &Record) -> Vec<Cell> {
    let word = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::String(text)) => Cell::Text(text),
        _ => Cell::Null,
    };
    let timings = record.timings.as_ref();
    let ms = |time: Option<Duration>| Cell::from(time.map(|time| time.as_micros() as f64 / 1e3));
    let detail = record.error.as_ref().map(|error| &error.detail).or(record.extract_error.as_ref());
    vec![
        record.seq.into(),
        record.url.as_str().into(),
        record.status.map(u64::from).into(),
        Cell::Moment(record.fetched_at),
        record.mime.clone().into(),
        record.size.into(),
        record.bytes.into(),
        record.digest.clone().into(),
        word(serde_json::to_value(record.purpose)),
        u64::from(record.depth).into(),
        record.via.as_ref().map(|via| via.as_str()).into(),
        record.location.clone().into(),
        record.truncated.map(|cut| cut.as_str()).into(),
        u64::from(record.attempts).into(),
        record.error.as_ref().map(|error| error.kind.to_string()).into(),
        detail.cloned().into(),
        ms(timings.and_then(|it| it.dns)),
        ms(timings.and_then(|it| it.connect)),
        ms(timings.and_then(|it| it.tls)),
        ms(timings.and_then(|it| it.first_byte)),
        ms(timings.and_then(|it| it.body)),
        ms(timings.map(|it| it.total)),
        timings.map(|it| it.reused).into(),
        record.peer.map(|peer| peer.to_string()).into(),
        record.tls.as_ref().and_then(|tls| serde_json::to_value(tls).ok()).into(),
    ]
}

/// A record as a line of JSON, in the names that scripts depend on; what is absent is `null`.
pub fn line(record: &Record) -> String {
    let mut line = Vec::new();
    jsonl::append(&mut line, &columns(Body::None), &cells(record));
    line.pop();
    String::from_utf8(line).unwrap_or_default()
}

/// The same as a value.
pub fn value(record: &Record) -> Value {
    serde_json::from_str(&line(record)).unwrap_or_default()
}

/// The body of a response with its content coding undone; the error is a sentence for people.
pub(crate) fn decoded(payload: &Payload) -> Result<Bytes, String> {
    payload.decoded(BODY_BYTES_MAX).map(|body| body.bytes)
}

/// The cells of a body: itself, and why it is a beginning only. One whose coding cannot be undone is null.
pub(crate) fn body(wanted: Body, record: &Record, payload: &Payload) -> [Cell; 2] {
    let Ok(body) = payload.decoded(BODY_BYTES_MAX) else { return NO_BODY };
    let told = match wanted {
        Body::None => Cell::Null,
        Body::Bytes => Cell::Bytes(body.bytes),
        Body::Text => {
            let content_type = payload.body_head.field_str("content-type");
            let is_text = record.mime.as_deref().map_or_else(|| is_html(content_type, &body.bytes), is_text);
            if !is_text {
                return NO_BODY;
            }
            let document = Document { url: &record.url, content_type, body: &body.bytes };
            Cell::Text(document_text(&document, usize::MAX).0.into_owned())
        }
    };
    [told, body.cut.into()]
}

/// The cells of a body that is not told.
pub(crate) const NO_BODY: [Cell; 2] = [Cell::Null, Cell::Null];

/// Types whose bodies are read by people.
fn is_text(mime: &str) -> bool {
    const OTHERS: [&str; 9] = [
        "application/json",
        "application/xml",
        "application/javascript",
        "application/x-javascript",
        "application/ecmascript",
        "application/x-ndjson",
        "application/jsonl",
        "application/yaml",
        "application/sql",
    ];
    mime.starts_with("text/") || mime.ends_with("+xml") || mime.ends_with("+json") || OTHERS.contains(&mime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_column_for_each_cell() {
        let json = r#"{"seq":3,"visit":1,"url":"http://a/","fetched_at":"2026-01-01T00:00:00Z"}"#;
        let record: Record = serde_json::from_str(json).unwrap();
        assert_eq!(cells(&record).len(), columns(Body::None).len());
        let line = value(&record);
        assert_eq!(line["timings"], Value::Null);
        assert_eq!((&line["seq"], &line["fetched_at"]), (&3.into(), &"2026-01-01T00:00:00.000Z".into()));
    }
}
