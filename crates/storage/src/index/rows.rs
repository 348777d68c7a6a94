//! What entries of the index mean: records, and visits of URLs.
//!
//! Owns the reading of both. Parses no record's JSON.

use std::path::Path;

use bytes::Bytes;

use super::packed::Packed;
use crate::{
    StoreError,
    error::REBUILD,
    schema::{
        Location,
        pieces::{RecordList, UrlList},
    },
};

/// A record as it stands in the index.
pub(crate) struct Row {
    pub(crate) seq: u64,
    value: Bytes,
    json_at: usize,
    pub(crate) location: Location,
}

impl Row {
    pub(super) fn new(path: &Path, seq: u64, value: Bytes) -> Result<Self, StoreError> {
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
pub(crate) struct Rows(pub(super) Packed<RecordList>);

impl Rows {
    fn row(&self, entry: Result<(u64, Bytes), StoreError>) -> Result<Row, StoreError> {
        let (seq, value) = entry?;
        Row::new(self.0.path(), seq, value)
    }
}

impl Iterator for Rows {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.0.next()?;
        Some(self.row(entry))
    }
}

impl DoubleEndedIterator for Rows {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.0.next_back()?;
        Some(self.row(entry))
    }
}

/// Visits of URLs: the key of the URL ([`crate::schema::url_prefix`]), and the sequence number.
pub(crate) type Visits = Packed<UrlList>;
