//! What a parcel has to do with records before it.
//!
//! Owns two questions: who has its payload, and has its page changed since it was last looked at. Reads, and writes
//! nothing; a record is looked up only for a payload that there is, or for a visit that had a copy.

use std::sync::Arc;

use dragline_model::{CanonicalUrl, Timestamp};

use super::Writer;
use crate::{
    Parcel, Record, Store, StoreError,
    known::SHARED_PAYLOAD_BYTES_MIN,
    record::Belated,
    revisits::Standing,
    store::Shared,
    warc::{self, GroupId, write::Original},
};

/// The parcels being committed, and the payloads among them that nobody had before.
pub(super) struct Batch<'a> {
    pub(super) parcels: &'a [Arc<Parcel>],
    /// The sequence number of the first parcel.
    pub(super) first_seq: u64,
    pub(super) payloads: Vec<(u64, u64)>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Earlier {
    /// The record whose payload is used again.
    pub(super) owner: Option<Owner>,
    pub(super) belated: Belated,
}

/// A record whose payload is used again.
pub(super) struct Owner {
    seq: u64,
    id: GroupId,
    url: CanonicalUrl,
    date: Timestamp,
}

impl Owner {
    fn new(shared: &Shared, record: Record) -> Self {
        let Record { seq, visit, url, fetched_at: date, .. } = record;
        Self { seq, id: GroupId::of_visit(shared.home.mark, visit, date, url.as_str()), url, date }
    }

    pub(super) fn as_warc(&self) -> Original<'_> {
        Original { id: self.id, url: self.url.as_str(), date: self.date }
    }
}

impl Writer {
    /// Looks at what there was before the parcel, which becomes the record `seq`.
    pub(super) fn earlier(
        &self,
        parcel: &Parcel,
        seq: u64,
        batch: &mut Batch<'_>,
    ) -> Result<Earlier, StoreError> {
        let Some(answer) = &parcel.answer else { return Ok(Earlier::default()) };
        let mut earlier = Earlier::default();
        let copy = match parcel.record.copy {
            Some(copy) => self.store().record(copy)?.filter(|copy| copy.url == *parcel.url()),
            None => None,
        };
        if answer.response > 0 {
            earlier.owner = self.owner_of(parcel, answer.payload_key, seq, batch)?;
        } else {
            earlier.not_modified(parcel, copy.as_ref(), self.shared(), &self.store())?;
        }
        earlier.belated.payload_of = earlier.owner.as_ref().map(|owner| owner.seq);
        if let Some(copy) = copy {
            earlier.compare(parcel, &copy);
        }
        Ok(earlier)
    }

    fn store(&self) -> Store {
        Store { shared: self.shared().clone() }
    }

    /// The record that has a payload already, if there is one; otherwise the payload is noted as this one's.
    fn owner_of(
        &self,
        parcel: &Parcel,
        key: u64,
        seq: u64,
        batch: &mut Batch<'_>,
    ) -> Result<Option<Owner>, StoreError> {
        if parcel.record.bytes < SHARED_PAYLOAD_BYTES_MIN {
            return Ok(None);
        }
        if let Some((_, seq)) = batch.payloads.iter().find(|(k, _)| *k == key) {
            let earlier = &batch.parcels[(seq - batch.first_seq) as usize];
            let same = earlier.record.digest == parcel.record.digest;
            let (id, url, date) = (earlier.id, earlier.url().clone(), earlier.fetched_at);
            return Ok(same.then_some(Owner { seq: *seq, id, url, date }));
        }
        if let Some(seq) = self.known.payload(key) {
            // Eight bytes of a digest are a hint; all of them decide.
            let same =
                |r: &Record| r.digest == parcel.record.digest && r.payload_of.is_none() && r.absent.is_none();
            return Ok(self.store().record(seq)?.filter(same).map(|r| Owner::new(self.shared(), r)));
        }
        batch.payloads.push((key, seq));
        Ok(None)
    }
}

impl Earlier {
    /// The server said that the copy still holds: what it is a copy of is this record's, too.
    fn not_modified(
        &mut self,
        parcel: &Parcel,
        copy: Option<&Record>,
        shared: &Shared,
        store: &Store,
    ) -> Result<(), StoreError> {
        let owner = match copy {
            Some(Record { payload_of: Some(owner), .. }) => store.record(*owner)?,
            copy => copy.filter(|copy| copy.status.is_some()).cloned(),
        };
        let owner = owner.filter(|owner| owner.absent.is_none());
        let (Some(copy), Some(owner)) = (copy, owner) else {
            // A damaged archive lacks it, or a compaction dropped it while it was asked for. The answer has a payload all the same: none.
            self.belated.digest = Some(warc::digest(&[]).1);
            return Ok(());
        };
        let belated = &mut self.belated;
        belated.digest = copy.digest.clone();
        belated.truncated = copy.truncated.filter(|_| parcel.record.truncated.is_none());
        belated.mime = copy.mime.clone().filter(|_| parcel.record.mime.is_none());
        self.owner = Some(Owner::new(shared, owner));
        Ok(())
    }

    /// Counts the looks that found the page as it was. One that says nothing of the page does not count.
    fn compare(&mut self, parcel: &Parcel, copy: &Record) {
        let (now, before) = (Standing::of(parcel.record.status), Standing::of(copy.status));
        let digest = self.belated.digest.as_ref().or(parcel.record.digest.as_ref());
        let is_same = match (now, before) {
            (Some(Standing::Gone), Some(Standing::Gone)) => true,
            (Some(Standing::There), Some(Standing::There)) => digest == copy.digest.as_ref(),
            _ => false,
        };
        if is_same {
            self.belated.steady = copy.steady.saturating_add(1);
            self.belated.changed_at = copy.changed_at.or(Some(copy.fetched_at));
        }
    }
}
