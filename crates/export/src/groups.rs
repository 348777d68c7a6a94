//! Records as WARC records.
//!
//! Owns the choice between a copy and a response written out: a revisit refers to a payload, and what is exported has
//! to have it.

use dragline_storage::{Record, Store, StoreError};

use crate::ExportError;

/// What came of a record.
pub(crate) enum Group {
    /// Its gzip members, one behind the other.
    Members(Vec<u8>),
    /// It could not be read, for this reason.
    Lost(String),
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
    let found = match record.payload_of.filter(|owner| !payloads.has(*owner)) {
        None => store.members(record).map(|it| [it.answer, it.request, it.metadata].concat()),
        Some(owner) if record.is_not_modified() => with_owner(store, record, owner, payloads),
        Some(_) => store.members(record).and_then(|it| {
            let answer = store.response_written_out(record)?;
            Ok([answer, it.request, it.metadata].concat())
        }),
    };
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

fn with_owner(
    store: &Store,
    record: &Record,
    owner: u64,
    payloads: &mut Payloads,
) -> Result<Vec<u8>, StoreError> {
    let mut members = Vec::new();
    if let Some(owner) = store.record(owner)? {
        members.extend(store.members(&owner)?.answer);
        payloads.note(&owner);
    }
    let own = store.members(record)?;
    members.extend([own.answer, own.request, own.metadata].concat());
    Ok(members)
}
