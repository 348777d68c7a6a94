//! Rows as lines of JSON.
//!
//! Owns the promise that a row is one line to every reader: besides what JSON must escape, whatever a terminal obeys
//! and whatever some reader takes for a line's end is escaped too.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::cell::{Cell, Column, time};

/// Appends a row and a line feed. The members are in the order of the columns; what there is none of is `null`.
///
/// ```
/// use dragline_export::{Cell, Column, Kind, jsonl};
///
/// let columns = [Column::new("name", Kind::Text), Column::new("n", Kind::Integer)];
/// let mut out = Vec::new();
/// jsonl::append(&mut out, &columns, &[Cell::from("a\u{9b}\"\n"), Cell::Null]);
/// assert_eq!(out, b"{\"name\":\"a\\u009b\\\"\\n\",\"n\":null}\n");
/// ```
pub fn append(out: &mut Vec<u8>, columns: &[Column], cells: &[Cell]) {
    let mut at = 0;
    out.push(b'{');
    while at < columns.len().min(cells.len()) {
        if at > 0 {
            out.push(b',');
        }
        let Some((object, _)) = columns[at].within else {
            member(out, &columns[at].name, &cells[at]);
            at += 1;
            continue;
        };
        let rest = columns[at..].iter().take_while(|it| it.within.is_some_and(|(name, _)| name == object));
        let end = (at + rest.count()).min(cells.len());
        text(out, object);
        out.push(b':');
        if cells[at..end].iter().all(Cell::is_null) {
            out.extend_from_slice(b"null");
        } else {
            out.push(b'{');
            for index in at..end {
                if index > at {
                    out.push(b',');
                }
                member(out, columns[index].within.map_or("", |(_, name)| name), &cells[index]);
            }
            out.push(b'}');
        }
        at = end;
    }
    out.extend_from_slice(b"}\n");
}

fn member(out: &mut Vec<u8>, name: &str, cell: &Cell) {
    text(out, name);
    out.push(b':');
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(it) => text(out, it),
        Cell::Integer(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Cell::Decimal(n) => json(out, &Value::from(*n)),
        Cell::Flag(it) => out.extend_from_slice(if *it { b"true" } else { b"false" }),
        Cell::Moment(at) => text(out, &time(*at)),
        Cell::Json(value) => json(out, value),
        Cell::Bytes(bytes) => {
            out.push(b'"');
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    // Writing JSON into memory does not fail.
    escape(out, &serde_json::to_string(text).unwrap_or_default());
}

fn json(out: &mut Vec<u8>, value: &Value) {
    escape(out, &value.to_string());
}

/// Escapes what JSON allows and readers do not: outside of strings there is none of it.
pub(crate) fn escape(out: &mut Vec<u8>, json: &str) {
    let mut rest = json;
    while let Some(at) = rest.find(is_unsafe) {
        let mut ahead = rest[at..].chars();
        out.extend_from_slice(&rest.as_bytes()[..at]);
        if let Some(c) = ahead.next() {
            out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
        }
        rest = ahead.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// What a terminal obeys (DEL, C1 controls, bidirectional marks), and the line ends of Unicode. All of them are in the
/// Basic Multilingual Plane.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Kind;

    #[test]
    fn a_line_is_a_line_and_reads_back() {
        let hostile: String = (0..0x300).chain(0x2020..0x2070).filter_map(char::from_u32).collect();
        let columns = [
            Column::new("t", Kind::Text),
            Column { within: Some(("o", "a")), ..Column::new("o_a", Kind::Decimal) },
            Column { within: Some(("o", "b")), ..Column::new("o_b", Kind::Flag) },
            Column::new("j", Kind::Json),
            Column::new("b", Kind::Bytes),
        ];
        let value = json!({ "k\u{85}": [hostile, 1, null] });
        let cells = [
            Cell::Text(hostile.clone()),
            Cell::Decimal(1.5),
            Cell::Null,
            Cell::Json(value.clone()),
            Cell::Bytes(bytes::Bytes::from_static(b"\0\xff")),
        ];
        let mut out = Vec::new();
        append(&mut out, &columns, &cells);
        append(&mut out, &columns, &[Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null]);
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.strip_suffix('\n').unwrap().split('\n').collect();
        assert_eq!(lines.len(), 2);
        assert!(!lines[0].contains(is_unsafe));
        let read: Value = serde_json::from_str(lines[0]).unwrap();
        assert_eq!(read, json!({ "t": hostile, "o": { "a": 1.5, "b": null }, "j": value, "b": "AP8=" }));
        assert_eq!(lines[1], r#"{"t":null,"o":null,"j":null,"b":null}"#);
    }
}
