//! What the archive has of a record.
//!
//! Owns the way from a record to its bytes, and the checks on it: nothing is handed out that is not what was received.
//! Never changes anything.

use std::fs;

use bytes::Bytes;

use dragline_coding::Bounds;
use dragline_model::ResponseHead;

use crate::{
    Record, Store, StoreError, archive,
    error::REFETCH,
    gzip,
    schema::Location,
    warc::{self, GroupId, Kind},
};

/// What was received and what was asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The response's head as it is stored: as received, but that a `Transfer-Encoding: chunked` is called
    /// `X-Archive-Orig-Transfer-Encoding`.
    pub head: ResponseHead,
    /// The body as received, chunking undone, content coding not. By a 304 to a visit that had a copy: that of the
    /// copy.
    pub body: Bytes,
    /// The head that speaks of the body, its coding and its type: [`Payload::head`] itself, or by such a 304 that of
    /// the response which brought the body.
    pub body_head: ResponseHead,
    /// The request's head as sent; empty where it is not known: of what was imported without it.
    pub request: Bytes,
}

/// A body as a reader wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its bytes, content coding undone.
    pub bytes: Bytes,
    /// The head that speaks of its type: [`Payload::body_head`].
    pub head: ResponseHead,
    /// Why the bytes are only the beginning of it, in words: the limit, a coding that breaks off, or that less was
    /// received; `None` where they are all of it.
    pub cut: Option<String>,
}

impl Payload {
    /// The body with its content coding undone, at most so many bytes of it. The error says why it cannot be undone at
    /// all; [`Payload::body`] has the body as it came.
    pub fn decoded(&self, bytes_max: usize) -> Result<Body, String> {
        let bounds = Bounds { decoded_bytes: bytes_max, ..Bounds::default() };
        let coding = self.body_head.content_encoding();
        let decoded = dragline_coding::decode(coding.as_deref(), self.body.clone(), &bounds)
            .map_err(|error| error.to_string())?;
        let cut = decoded.truncated.map(|cut| cut.to_string());
        Ok(Body { bytes: decoded.bytes, head: self.body_head.clone(), cut })
    }
}

impl Store {
    /// The body of a response with its content coding undone, at most so many bytes of it.
    ///
    /// An error where there is none ([`StoreError::NoPayload`]) or where its coding cannot be undone at all
    /// ([`StoreError::Coded`]); a body that breaks off is no error, [`Body::cut`] says so.
    pub fn body(&self, record: &Record, bytes_max: usize) -> Result<Body, StoreError> {
        let coded = |what| StoreError::Coded { seq: record.seq, url: record.url.to_string(), what };
        let mut body = self.payload(record)?.decoded(bytes_max).map_err(coded)?;
        if body.cut.is_none() {
            body.cut = record.truncated.map(|by| format!("it was not received whole ({})", by.as_str()));
        }
        Ok(body)
    }

    /// The payload of a response, from wherever in the archive it is; checked against the record's digest.
    pub fn payload(&self, record: &Record) -> Result<Payload, StoreError> {
        if record.status.is_none() {
            return Err(StoreError::NoPayload { seq: record.seq, url: record.url.to_string() });
        }
        if let Some(why) = record.absent {
            return Err(StoreError::PayloadGone { seq: record.seq, url: record.url.to_string(), why });
        }
        let mut group = self.read_group(record)?;
        let (head, body_head, body) = match record.payload_of {
            None => {
                let (head, body) = group.split(self, record)?;
                (head.clone(), head, body)
            }
            Some(owner) => {
                let lost = || self.lost(&group.location, format!("record {owner} is not there"));
                let owner = self.record(owner)?.ok_or_else(lost)?;
                let (owners, body) = self.read_group(&owner)?.split(self, &owner)?;
                let head = Bytes::from(group.answer);
                let body_head = if record.is_not_modified() { owners } else { head.clone() };
                (head, body_head, body)
            }
        };
        if Some(warc::digest(&body).1) != record.digest {
            return Err(self
                .lost(&group.location, format!("the payload of record {} has another digest", record.seq)));
        }
        let (head, body_head) = (ResponseHead::new(head), ResponseHead::new(body_head));
        Ok(Payload { head, body, body_head, request: group.request.into() })
    }

    pub(crate) fn lost(&self, location: &Location, what: String) -> StoreError {
        let path = archive::segment_path(&self.archive_dir(), location.start.segment);
        StoreError::corrupt(&path, what, REFETCH)
    }

    /// Reads the response and the request of a record from the archive.
    fn read_group(&self, record: &Record) -> Result<GroupBytes, StoreError> {
        let row = self.shared.index.row(record.seq)?;
        let location = row.ok_or_else(|| self.shared.index.lacks(record.seq))?.location;
        let path = archive::segment_path(&self.archive_dir(), location.start.segment);
        if location.response == 0 {
            return Err(
                self.lost(&location, format!("the response of record {} could not be read", record.seq))
            );
        }
        let bytes = archive::open_segment(&self.archive_dir(), location.start.segment)
            .and_then(|file| read_at(&file, location.start.offset, location.response + location.request))
            .map_err(StoreError::io("read", &path))?;
        let (response, request) = bytes.split_at(location.response as usize);
        let id =
            GroupId::of_visit(self.shared.home.mark, record.visit, record.fetched_at, record.url.as_str());
        let open = |member: &[u8], kind: Kind| {
            let found = gzip::open(member).and_then(|bytes| warc::read::record(&bytes));
            let found =
                found.map_err(|what| self.lost(&location, format!("record {}: {what}", record.seq)))?;
            if found.head.id() != id.record(kind).as_bytes() {
                return Err(self.lost(&location, format!("another record is where {} should be", record.seq)));
            }
            Ok(found.block)
        };
        let answer = open(response, Kind::Response)?;
        let request = if request.is_empty() { Vec::new() } else { open(request, Kind::Request)? };
        Ok(GroupBytes { answer, request, location })
    }
}

/// A group's blocks.
struct GroupBytes {
    answer: Vec<u8>,
    request: Vec<u8>,
    location: Location,
}

impl GroupBytes {
    /// Head and body of a `response` block: the record says how long the body is.
    fn split(&mut self, store: &Store, record: &Record) -> Result<(Bytes, Bytes), StoreError> {
        let answer = Bytes::from(std::mem::take(&mut self.answer));
        let head = (answer.len() as u64).checked_sub(record.bytes).ok_or_else(|| {
            store.lost(&self.location, format!("the payload of record {} is too short", record.seq))
        })?;
        Ok((answer.slice(..head as usize), answer.slice(head as usize..)))
    }
}

pub(crate) fn read_at(mut file: &fs::File, offset: u64, bytes: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _};
    let length = file.metadata()?.len();
    // Before anything is allocated for it.
    if length < offset.saturating_add(bytes) {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    file.seek(std::io::SeekFrom::Start(offset))?;
    let mut found = Vec::with_capacity(bytes as usize);
    file.take(bytes).read_to_end(&mut found)?;
    Ok(found)
}
