//! `dragline query`: lists what is in a store.
//!
//! Owns the forms of that list: a table for people, lines of JSON, CSV, a number.

use std::io::{self, BufWriter, IsTerminal, Write};

use dragline_export::{Body, Cell, Column, Kind, Shape, csv, jsonl};

use super::{
    Trouble,
    args::{Args, QueryArgs},
    filter::Filter,
    screen,
    selection::Rows,
    table::Table,
    text::{counted, printable, size},
};
use crate::storage::Record;

/// Rows whose bytes are gathered before they are written.
const GATHER_BYTES: usize = 64 << 10;

pub(super) fn run(command: &QueryArgs, args: &Args) -> Result<u8, Trouble> {
    let filter = Filter::read(&command.filter)?;
    let mut rows = Rows::new(&command.select, &command.filter, Body::None)?;
    let config = args.config()?;
    let store = config.open_store()?;
    let is_of_records = matches!(rows.shape, Shape::Records(_));
    let mut query = filter.query(&store);
    let mut left = command.filter.limit.unwrap_or(u64::MAX);
    if is_of_records {
        query = query.limit(left);
    }
    let columns = if is_of_records && is_for_people(command) { overview() } else { rows.shape.columns() };
    let mut printer = Printer::new(command, &columns);
    let mut told = 0;
    if let Some(cursor) = &command.cursor {
        query = query.after(&cursor.parse()?);
    }
    let mut records = query.records()?;
    while left > 0 {
        let Some(record) = records.next().transpose()? else { break };
        let found = match is_of_records && is_for_people(command) {
            true => vec![overview_of(&record)],
            false => rows.of(&store, &record)?,
        };
        for row in found {
            printer.row(&row)?;
            (left, told) = (left.saturating_sub(1), told + 1);
        }
    }
    let nothing = || format!("nothing in {} matches", printable(&config.store.display().to_string(), 500));
    printer.end(told, nothing)?;
    // Behind the rows of a page whole pages follow: none of them are told twice, or not at all.
    if left == 0 && !command.count && !is_for_people(command) {
        screen::say(&format!("more may follow: --cursor {}", records.cursor()));
    }
    rows.say_what_was_passed();
    Ok(0)
}

fn is_for_people(command: &QueryArgs) -> bool {
    !command.jsonl && !command.csv && !command.csv_raw
}

/// What a table for people has of a record.
fn overview() -> Vec<Column> {
    [("status", Kind::Integer), ("size", Kind::Integer), ("type", Kind::Text), ("url", Kind::Text)]
        .map(|(name, kind)| Column::new(name, kind))
        .into()
}

fn overview_of(record: &Record) -> Vec<Cell> {
    vec![
        status_text(record).into(),
        size(record.size).into(),
        record.mime.clone().into(),
        record.url.as_str().into(),
    ]
}

pub(super) fn status_text(record: &Record) -> String {
    match (record.status, &record.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.kind.to_string(),
        (None, None) => "-".into(),
    }
}

/// Writes rows to standard output.
struct Printer<'a> {
    out: BufWriter<io::StdoutLock<'static>>,
    form: Form<'a>,
    columns: &'a [Column],
    line: Vec<u8>,
}

enum Form<'a> {
    Table(Table<'a>),
    Jsonl,
    Csv(csv::Style),
    Count,
}

impl<'a> Printer<'a> {
    fn new(command: &QueryArgs, columns: &'a [Column]) -> Self {
        let stdout = io::stdout();
        let style = csv::Style { raw: command.csv_raw, for_terminal: stdout.is_terminal() };
        let mut line = Vec::new();
        let form = if command.count {
            Form::Count
        } else if command.jsonl {
            Form::Jsonl
        } else if command.csv || command.csv_raw {
            csv::append_names(&mut line, columns, style);
            Form::Csv(style)
        } else {
            Form::Table(Table::new(columns))
        };
        Self { out: BufWriter::with_capacity(GATHER_BYTES, stdout.lock()), form, columns, line }
    }

    fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        match &mut self.form {
            Form::Table(table) => return table.row(&mut self.out, cells),
            Form::Count => {}
            Form::Jsonl => jsonl::append(&mut self.line, self.columns, cells),
            Form::Csv(style) => csv::append(&mut self.line, cells, *style),
        }
        self.out.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }

    fn end(mut self, rows: u64, nothing: impl Fn() -> String) -> io::Result<()> {
        // The names of a CSV without rows.
        self.out.write_all(&self.line)?;
        match self.form {
            Form::Table(table) => {
                table.end(&mut self.out)?;
                let words = if rows == 0 { nothing() } else { counted(rows, "row") };
                writeln!(self.out, "{words}")?;
            }
            Form::Count => writeln!(self.out, "{rows}")?,
            Form::Jsonl | Form::Csv(_) => {}
        }
        self.out.flush()
    }
}
