//! What pairs of the index mean: records, and visits of URLs.
//!
//! Owns the reading of both. Parses no record's JSON.

use std::path::Path;

use super::{source::Scan, tree::Value};
use crate::{
    StoreError,
    error::REBUILD,
    schema::{self, Location},
};

/// A record as it stands in the index.
pub(crate) struct Row {
    pub(crate) seq: u64,
    value: Value,
    json_at: usize,
    pub(crate) location: Location,
}

impl Row {
    pub(super) fn new(path: &Path, seq: u64, value: Value) -> Result<Self, StoreError> {
        let Some((location, json)) = Location::decode(&value) else {
            return Err(StoreError::corrupt(path, format!("record {seq} has no location"), REBUILD));
        };
        let json_at = value.len() - json.len();
        Ok(Self { seq, json_at, location, value })
    }

    pub(crate) fn json(&self) -> &[u8] {
        &self.value[self.json_at..]
    }

    /// The CRC-32 of location and JSON: the same after a replay, another for any other record.
    pub(crate) fn checksum(&self) -> u32 {
        libdeflater::crc32(&self.value)
    }
}

/// Records in order, from the front or from the back.
pub(crate) struct Rows {
    scan: Scan,
}

impl Rows {
    pub(super) fn new(scan: Scan) -> Self {
        Self { scan }
    }

    fn row(&self, pair: Result<(Value, Value), StoreError>) -> Result<Row, StoreError> {
        let (key, value) = pair?;
        match schema::key_seq(&key) {
            Some(seq) => Row::new(self.scan.path(), seq, value),
            None => Err(StoreError::corrupt(self.scan.path(), "a record's key is cut", REBUILD)),
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.scan.next()?;
        Some(self.row(pair))
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        let pair = self.scan.next_back()?;
        Some(self.row(pair))
    }
}

/// Visits of URLs: the URL's part of the key, and the sequence number.
pub(crate) struct Visits {
    scan: Scan,
}

impl Visits {
    pub(super) fn new(scan: Scan) -> Self {
        Self { scan }
    }

    fn visit(&self, pair: Result<(Value, Value), StoreError>) -> Result<(Vec<u8>, u64), StoreError> {
        let (key, _) = pair?;
        let cut = || StoreError::corrupt(self.scan.path(), "a URL's key is cut", REBUILD);
        let seq = schema::key_seq(&key).ok_or_else(cut)?;
        Ok((key[..key.len() - 8].to_vec(), seq))
    }
}

impl Iterator for Visits {
    type Item = Result<(Vec<u8>, u64), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.scan.next()?;
        Some(self.visit(pair))
    }
}

impl DoubleEndedIterator for Visits {
    fn next_back(&mut self) -> Option<Self::Item> {
        let pair = self.scan.next_back()?;
        Some(self.visit(pair))
    }
}
