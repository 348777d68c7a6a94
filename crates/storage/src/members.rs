//! A visit's records as they stand in the archive, for other archives.
//!
//! Owns the reading of whole gzip members, and the two records that a copy may need besides: a response written out in
//! place of a revisit, and the head of a file. Never writes a file. What is handed out has been read: its checksum
//! holds, and it is the record that it should be.

use dragline_model::Timestamp;

use crate::{
    Place, Record, Store, StoreError, archive,
    gzip::{self, Effort, Gzip},
    schema::Location,
    warc::{self, GroupId, Kind, write::Of},
};

/// The gzip members of one visit, each with one WARC record in it. Behind each other they are its group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    /// `response` or `revisit`; empty for a failure.
    pub answer: Vec<u8>,
    /// `request`; empty for a failure.
    pub request: Vec<u8>,
    /// `metadata`.
    pub metadata: Vec<u8>,
}

impl Store {
    /// The members of a record.
    pub fn members(&self, record: &Record) -> Result<Members, StoreError> {
        let row = self.shared.index.row(record.seq)?;
        let location = row.ok_or_else(|| self.shared.index.lacks(record.seq))?.location;
        let Location { start, response, request, metadata } = location;
        let path = archive::segment_path(&self.archive_dir(), start.segment);
        let bytes = archive::open_segment(&self.archive_dir(), start.segment)
            .and_then(|file| crate::payload::read_at(&file, start.offset, response + request + metadata))
            .map_err(StoreError::io("read", &path))?;
        let (answer, rest) = bytes.split_at(response as usize);
        let (request, metadata) = rest.split_at(request as usize);
        let id = self.group_id(record);
        for (member, kind) in [(answer, Kind::Response), (request, Kind::Request), (metadata, Kind::Metadata)]
        {
            if member.is_empty() {
                continue;
            }
            let found = gzip::open(member).and_then(|bytes| warc::read::record(&bytes));
            let found =
                found.map_err(|what| self.lost(&location, format!("record {}: {what}", record.seq)))?;
            if found.head.id() != id.record(kind).as_bytes() {
                return Err(self.lost(&location, format!("another record is where {} should be", record.seq)));
            }
        }
        Ok(Members { answer: answer.to_vec(), request: request.to_vec(), metadata: metadata.to_vec() })
    }

    /// Where the `response` or `revisit` record of a visit stands; `None` where the archive has none of it.
    pub fn answer_place(&self, record: &Record) -> Result<Option<Place>, StoreError> {
        let row = self.shared.index.row(record.seq)?;
        let location = row.ok_or_else(|| self.shared.index.lacks(record.seq))?.location;
        let Location { start, response, .. } = location;
        let file = archive::segment_path(&self.archive_dir(), start.segment);
        Ok((response > 0).then_some(Place { file, offset: start.offset, bytes: response }))
    }

    /// A `response` record with the payload in it, as a gzip member, for a record whose payload the archive has with
    /// another: what that one has of it, and all else its own. It has the id of the `revisit` record that it stands for.
    pub fn response_written_out(&self, record: &Record) -> Result<Vec<u8>, StoreError> {
        let payload = self.payload(record)?;
        let url = record.url.as_str();
        let of = Of { id: self.group_id(record), url, date: record.fetched_at, peer: record.peer };
        let digest = record.digest.as_deref().unwrap_or_default();
        let (mut spelled, mut member) = (Vec::new(), Vec::new());
        let head = payload.head.as_bytes();
        warc::write::response(&mut spelled, of, digest, record.truncated, head, &payload.body);
        Gzip::new(self.shared.home.mark).member(&spelled, Effort::Light, &mut member);
        Ok(member)
    }

    /// A `warcinfo` record for the head of a file of this name, as a gzip member. `about` is told as its description.
    pub fn warcinfo(&self, file: &str, date: Timestamp, about: &str) -> Vec<u8> {
        let one_line = |text: &str| text.replace(|c: char| c.is_control(), " ");
        let (mut spelled, mut member) = (Vec::new(), Vec::new());
        let id = GroupId::of_file(self.shared.home.mark, file, date);
        warc::write::warcinfo_about(&mut spelled, id, date, &one_line(file), &one_line(about));
        Gzip::new(self.shared.home.mark).member(&spelled, Effort::Light, &mut member);
        member
    }

    /// What tells this store from others: 16 hexadecimal digits.
    pub fn mark(&self) -> String {
        warc::hex(&self.shared.home.mark)
    }

    fn group_id(&self, record: &Record) -> GroupId {
        GroupId::of_visit(self.shared.home.mark, record.visit, record.fetched_at, record.url.as_str())
    }
}
