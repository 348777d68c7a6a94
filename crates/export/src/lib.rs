//! What a query of a store finds, in formats that others read.
//!
//! Owns the columns of a record, the rows of a page, how a value is spelled in each format, and the files of an
//! export. Never changes a store, never fetches.
//!
//! From below: a [`Cell`] is a value, a row has one for each [`Column`]; a [`Shape`] makes rows of records; [`jsonl`]
//! and [`csv`] spell them.

mod error;
pub use error::ExportError;

mod format;
pub use format::{Format, Partition};

mod cell;
pub use cell::{Cell, Column, Kind};

mod record;
pub use record::{Body, line, value};

mod shape;
pub use shape::{Passed, Shape};

// How a row, or a record, is spelled.
pub mod csv;
mod groups;
mod hold;
pub mod jsonl;
#[cfg(feature = "parquet")]
mod parquet;

// Files.
mod cdxj;
mod index;
mod lines;
mod names;
mod parts;
mod place;
mod sorted;
mod state;
mod wacz;
mod zip;

mod source;

mod export;
pub use export::{Event, Every, Export, Progress, Watch};
