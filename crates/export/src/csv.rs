//! Rows as CSV (RFC 4180).
//!
//! Owns the quoting, and what keeps a cell from being run by whoever opens the file: spreadsheets take a cell that
//! begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a formula.

use crate::cell::{Cell, Column};

/// How cells are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// A cell that a spreadsheet would run stays as it is; otherwise an apostrophe is put before it.
    pub raw: bool,
    /// What a terminal would obey is written as U+FFFD: for output that goes to one.
    pub for_terminal: bool,
}

/// Appends the line with the columns' names.
pub fn append_names(out: &mut Vec<u8>, columns: &[Column], style: Style) {
    line(out, columns.iter().map(|column| (column.name.as_str().into(), true)), style);
}

/// Appends a row; lines end in CR LF. What there is none of is an empty cell, an empty text is one in quotes.
///
/// ```
/// use dragline_export::{Cell, csv};
///
/// let mut out = Vec::new();
/// let row = [Cell::from("=1+2"), Cell::from("say \"x\""), Cell::Null, Cell::from(5_u64)];
/// csv::append(&mut out, &row, csv::Style::default());
/// assert_eq!(out, b"'=1+2,\"say \"\"x\"\"\",,5\r\n");
/// ```
pub fn append(out: &mut Vec<u8>, cells: &[Cell], style: Style) {
    // A number is no formula, whatever it begins with.
    line(out, cells.iter().map(|cell| (cell.text(), is_texty(cell))), style);
}

fn is_texty(cell: &Cell) -> bool {
    !cell.is_null() && !matches!(cell, Cell::Json(serde_json::Value::Number(_)))
}

fn line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = (std::borrow::Cow<'a, str>, bool)>, style: Style) {
    for (index, (text, is_texty)) in cells.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let is_formula = is_texty && !style.raw && text.starts_with(FORMULAS);
        let apostrophe = if is_formula { "'" } else { "" };
        let shown;
        let text = if style.for_terminal {
            shown = text.replace(crate::jsonl::is_unsafe, "\u{fffd}");
            &shown
        } else {
            &*text
        };
        // Spaces at the ends are part of the cell, which some readers believe only in quotes.
        let is_quoted = text.contains(['"', ',', '\r', '\n'])
            || text.starts_with(' ')
            || text.ends_with(' ')
            || is_texty && text.is_empty();
        if is_quoted {
            out.push(b'"');
            out.extend_from_slice(apostrophe.as_bytes());
            out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
            out.push(b'"');
        } else {
            out.extend_from_slice(apostrophe.as_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// What a formula begins with; the wide forms are taken for the narrow ones by some.
const FORMULAS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4180, read.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        let mut quoted = false;
        while let Some(c) = rest.next() {
            match c {
                '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {
                    assert_eq!(rest.next(), Some('\n'));
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                c => cell.push(c),
            }
        }
        assert!(row.is_empty() && cell.is_empty() && !quoted);
        rows
    }

    const HOSTILE: [&str; 14] = [
        "plain",
        "=HYPERLINK(\"http://a/\")",
        "+1",
        "-1+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "a\r\nb",
        "\"",
        " a ",
        "",
        "\0\u{1b}[31m",
        "a,b",
        "\u{ff1d}1",
    ];

    #[test]
    fn hostile_cells_read_back() {
        let cells: Vec<Cell> = HOSTILE.map(Cell::from).into();
        let written = |style: Style| {
            let mut out = Vec::new();
            append(&mut out, &cells, style);
            append(&mut out, &cells, style);
            read(&String::from_utf8(out).unwrap())
        };
        let raw = written(Style { raw: true, ..Style::default() });
        assert_eq!(raw, [HOSTILE.map(str::to_owned).to_vec(), HOSTILE.map(str::to_owned).to_vec()]);
        for (cell, want) in written(Style::default())[0].iter().zip(HOSTILE) {
            assert!(!cell.starts_with(FORMULAS), "{cell:?}");
            assert_eq!(cell.strip_prefix('\'').unwrap_or(cell), want);
        }
        let shown = written(Style { for_terminal: true, ..Style::default() });
        assert!(shown.concat().iter().all(|cell| !cell.contains(crate::jsonl::is_unsafe)));
    }

    #[test]
    fn nothing_differs_from_an_empty_text() {
        let mut out = Vec::new();
        append(
            &mut out,
            &[Cell::Null, Cell::from(""), Cell::Json((-5).into()), Cell::from("-5")],
            Style::default(),
        );
        assert_eq!(String::from_utf8(out).unwrap(), ",\"\",-5,'-5\r\n");
    }
}
