//! Rows as a table for people.
//!
//! Owns the widths of columns: from the first rows, cut to the terminal where there is one. Nothing in it reaches a
//! terminal that it would obey.

use std::io::{self, IsTerminal, Write};

use dragline_export::{Cell, Column, Kind};

use super::text::printable;

/// Rows that are looked at before the first is written.
const LOOKED_AT: usize = 100;
/// Characters of a cell at most where there is no terminal to fit.
const CELL_MAX: usize = 200;
/// Characters that a column is not made narrower than, so that something of it is left to read.
const CELL_MIN: usize = 8;

/// Writes a table. The last column is not padded.
pub(super) struct Table<'a> {
    columns: &'a [Column],
    /// Rows whose widths are not settled yet.
    ahead: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(columns: &'a [Column]) -> Self {
        Self { columns, ahead: Vec::new(), widths: None }
    }

    pub(super) fn row(&mut self, out: &mut impl Write, cells: &[Cell]) -> io::Result<()> {
        let row: Vec<String> = cells.iter().map(text).collect();
        if self.widths.is_some() {
            return self.write(out, &row);
        }
        self.ahead.push(row);
        if self.ahead.len() >= LOOKED_AT { self.settle(out) } else { Ok(()) }
    }

    /// Writes what is left.
    pub(super) fn end(mut self, out: &mut impl Write) -> io::Result<()> {
        if self.ahead.is_empty() { Ok(()) } else { self.settle(out) }
    }

    fn settle(&mut self, out: &mut impl Write) -> io::Result<()> {
        let names: Vec<String> =
            self.columns.iter().map(|column| printable(&column.name, CELL_MAX)).collect();
        let rows = std::mem::take(&mut self.ahead);
        let mut widths: Vec<usize> = names.iter().map(|name| name.chars().count()).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count().min(CELL_MAX));
            }
        }
        if let Some(all) = width() {
            fit(&mut widths, all);
        }
        self.widths = Some(widths);
        self.write(out, &names)?;
        rows.iter().try_for_each(|row| self.write(out, row))
    }

    fn write(&self, out: &mut impl Write, row: &[String]) -> io::Result<()> {
        let widths = self.widths.as_deref().unwrap_or_default();
        let last = widths.len().saturating_sub(1);
        for (index, ((cell, width), column)) in row.iter().zip(widths).zip(self.columns).enumerate() {
            let cell = printable(
                cell,
                if index == last && !io::stdout().is_terminal() { usize::MAX } else { *width },
            );
            let gap = if index == 0 { "" } else { "  " };
            match column.kind {
                Kind::Integer | Kind::Decimal => write!(out, "{gap}{cell:>width$}")?,
                _ if index == last => write!(out, "{gap}{cell}")?,
                _ => write!(out, "{gap}{cell:<width$}")?,
            }
        }
        writeln!(out)
    }
}

/// A cell in one line.
fn text(cell: &Cell) -> String {
    let text = cell.text();
    if cell.is_null() {
        return "-".to_owned();
    }
    let folded: Vec<&str> = text.split_whitespace().collect();
    printable(&folded.join(" "), usize::MAX)
}

/// The terminal's width, where the table goes to one.
pub(super) fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Takes from the widest columns until all fit, with two blanks between them.
fn fit(widths: &mut [usize], all: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(all);
    while over > 0 {
        let Some(widest) = widths.iter_mut().filter(|width| **width > CELL_MIN).max() else { return };
        *widest -= 1;
        over -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_columns_give_way() {
        let mut widths = [6, 60, 30, 4];
        fit(&mut widths, 60);
        assert_eq!(widths, [6, 22, 22, 4]);
        fit(&mut widths, 10);
        assert_eq!(widths, [6, 8, 8, 4]);
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let columns =
            [Column::new("n", Kind::Integer), Column::new("t", Kind::Text), Column::new("end", Kind::Text)];
        let mut table = Table::new(&columns);
        let mut out = Vec::new();
        table.row(&mut out, &[Cell::from(5_u64), Cell::from("a\n b\u{1b}[1m"), Cell::Null]).unwrap();
        table.row(&mut out, &[Cell::from(500_u64), Cell::Null, Cell::from("x")]).unwrap();
        table.end(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "  n  t        end\n  5  a b\u{fffd}[1m  -\n500  -        x\n"
        );
    }
}
