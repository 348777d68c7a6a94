//! The formats of an export.

use std::{fmt, str::FromStr};

use crate::ExportError;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A row is a line of JSON.
    Jsonl,
    /// Comma-separated, RFC 4180.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// WARC 1.1, a gzip member a record.
    Warc,
    /// WACZ 1.1.1: a zip with WARC files, their index and a list of pages.
    Wacz,
    /// An index of the store's own archive.
    Cdxj,
}

impl Format {
    /// What its files' names end in.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
            Format::Warc => "warc.gz",
            Format::Wacz => "wacz",
            Format::Cdxj => "cdxj",
        }
    }

    /// Its files have rows, rather than what was received.
    pub fn has_rows(self) -> bool {
        matches!(self, Format::Jsonl | Format::Csv | Format::Parquet)
    }

    fn name(self) -> &'static str {
        match self {
            Format::Warc => "warc",
            other => other.extension(),
        }
    }
}

impl FromStr for Format {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let all = [Format::Jsonl, Format::Csv, Format::Parquet, Format::Warc, Format::Wacz, Format::Cdxj];
        all.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            ExportError::Unfit(format!("{text:?} is no format; jsonl, csv, parquet, warc, wacz and cdxj are"))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What records are divided by into folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partition {
    /// Nothing.
    #[default]
    None,
    /// `host=example.org`, with the port where it is not the scheme's own.
    Host,
    /// `day=2026-01-31`, in UTC.
    Day,
    /// `status=200`; failures are in the folder of what has none.
    Status,
    /// `type=text%2Fhtml`.
    Type,
}

impl Partition {
    fn name(self) -> &'static str {
        match self {
            Partition::None => "none",
            Partition::Host => "host",
            Partition::Day => "day",
            Partition::Status => "status",
            Partition::Type => "type",
        }
    }

    /// The folder of a record; empty for the export's own.
    pub(crate) fn folder(self, record: &dragline_storage::Record) -> String {
        let value = match self {
            Partition::None => return String::new(),
            Partition::Host => Some(record.url.authority().to_string()),
            Partition::Day => crate::cell::time(record.fetched_at).get(..10).map(str::to_owned),
            Partition::Status => record.status.map(|status| status.to_string()),
            Partition::Type => record.mime.clone(),
        };
        crate::names::folder(self.name(), value.as_deref())
    }
}

impl FromStr for Partition {
    type Err = ExportError;

    fn from_str(text: &str) -> Result<Self, ExportError> {
        let all = [Partition::None, Partition::Host, Partition::Day, Partition::Status, Partition::Type];
        all.into_iter().find(|it| it.name() == text).ok_or_else(|| {
            ExportError::Unfit(format!(
                "{text:?} is nothing to divide by; host, day, status, type and none are"
            ))
        })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
