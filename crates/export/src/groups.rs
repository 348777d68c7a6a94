//! Records as WARC records.
//!
//! Owns the choice between a copy and a response written out: a revisit refers to a payload, and what is exported has
//! to have it.

use dragline_storage::{Record, Store, StoreError};

use crate::ExportError;

/// What came of a record.
pub(crate) enum Group {
    /// Its gzip members.
    Members(Members),
    /// It could not be read, for this reason.
    Lost(String),
}

/// Gzip members, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) bytes: Vec<u8>,
    /// Those with what servers answered; they are the first.
    pub(crate) answers: Vec<Answer>,
}

/// A `response` or a `revisit`.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Of its member.
    pub(crate) bytes: usize,
    pub(crate) is_revisit: bool,
    /// Whose it is; `None` where it is the record's own.
    pub(crate) of: Option<Record>,
}

impl Members {
    fn answer(&mut self, member: &[u8], is_revisit: bool, of: Option<Record>) {
        if !member.is_empty() {
            self.answers.push(Answer { bytes: member.len(), is_revisit, of });
            self.bytes.extend_from_slice(member);
        }
    }
}

/// Which payloads an export has by now: a bit for each number.
#[derive(Debug, Default)]
pub(crate) struct Payloads {
    bits: Vec<u64>,
}

impl Payloads {
    fn has(&self, seq: u64) -> bool {
        self.bits.get((seq / 64) as usize).is_some_and(|bits| bits >> (seq % 64) & 1 == 1)
    }

    /// A record that has a payload of its own is in the export.
    pub(crate) fn note(&mut self, record: &Record) {
        if record.status.is_none() || record.payload_of.is_some() {
            return;
        }
        let at = (record.seq / 64) as usize;
        if self.bits.len() <= at {
            self.bits.resize(at + 1, 0);
        }
        self.bits[at] |= 1 << (record.seq % 64);
    }
}

/// The members of a record. A revisit whose payload is in the export is copied as it is; where it is not, a repeated
/// payload is written out as a response, and a 304 has the response that it stands for put before it.
pub(crate) fn of(store: &Store, record: &Record, payloads: &mut Payloads) -> Result<Group, ExportError> {
    let found = members(store, record, payloads);
    match found {
        Ok(members) => {
            payloads.note(record);
            Ok(Group::Members(members))
        }
        Err(error @ (StoreError::Corrupt { .. } | StoreError::PayloadGone { .. })) => {
            Ok(Group::Lost(error.to_string()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Notes what [`of`] has noted of a record.
pub(crate) fn recall(store: &Store, record: &Record, payloads: &mut Payloads) -> Result<(), ExportError> {
    if record.is_not_modified()
        && let Some(owner) = record.payload_of
        && let Some(owner) = store.record(owner)?
    {
        payloads.note(&owner);
    }
    payloads.note(record);
    Ok(())
}

fn members(store: &Store, record: &Record, payloads: &mut Payloads) -> Result<Members, StoreError> {
    let own = store.members(record)?;
    let mut members = Members::default();
    match record.payload_of.filter(|owner| !payloads.has(*owner)) {
        None => members.answer(&own.answer, record.payload_of.is_some(), None),
        Some(owner) if record.is_not_modified() => {
            if let Some(owner) = store.record(owner)? {
                members.answer(&store.members(&owner)?.answer, false, Some(owner.clone()));
                payloads.note(&owner);
            }
            members.answer(&own.answer, true, None);
        }
        Some(_) => members.answer(&store.response_written_out(record)?, false, None),
    }
    members.bytes.extend_from_slice(&own.request);
    members.bytes.extend_from_slice(&own.metadata);
    Ok(members)
}
