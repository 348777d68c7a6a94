//! Drafting a commit: what goes into the archive and into the index for one parcel.
//!
//! Owns the choice between `response` and `revisit`, and which links are new. Changes nothing that
//! [`Writer::commit`] cannot take back.

use std::{sync::Arc, time::SystemTime};

use dragline_model::{CanonicalUrl, Fingerprint, Link, Purpose, Receipt, Timestamp};

use super::{Scratch, Writer};
use crate::{
    Parcel, Record, Store, StoreError,
    gzip::Effort,
    index::Draft,
    known::SHARED_PAYLOAD_BYTES_MIN,
    record, recover,
    schema::{Location, State},
    warc::{
        self, GroupId,
        write::{Of, Original},
    },
};

/// Metadata records below this are stored as they are: compressing one of the usual size would cost the
/// committing thread 8 µs, a third of the page's whole commit, and save 400 bytes of 4,900.
const COMPRESSED_METADATA_BYTES_MIN: usize = 4096;

impl Writer {
    /// Drafts one entry of seeds.
    pub(super) fn draft_seeds(
        &mut self,
        seeds: &[Link],
        state: &mut State,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let seq = state.last_seq + 1;
        let Scratch { json, record, members, .. } = &mut self.scratch;
        [&mut *json, record, members].into_iter().for_each(Vec::clear);
        record::compose_seeds(json, seq, seeds);
        let id = GroupId::of_seeds(self.leave.0.home.mark, seq);
        warc::write::seeds(record, id, Timestamp::from(SystemTime::now()), json);
        let metadata = self.gzip.member(record, Effort::Light, members) as u64;
        let start = self.archive.place(metadata)?;
        self.archive.put(members)?;
        draft.add(seq, &Location { start, metadata, ..Location::default() }, json, None);
        state.last_seq = seq;
        state.entries += 1;
        state.totals.links += seeds.len() as u64;
        Ok(())
    }

    /// Drafts one parcel: its group goes to the archive's end, its record into the batch for the index.
    pub(super) fn draft_page(
        &mut self,
        parcel: &Parcel,
        state: &mut State,
        draft: &mut Draft,
        batch: &mut Batch<'_>,
    ) -> Result<Receipt, StoreError> {
        let seq = state.last_seq + 1;
        let original = self.original_of(parcel, seq, batch)?;
        let Scratch { fresh, json, record, members, .. } = &mut self.scratch;
        [&mut *json, record, members].into_iter().for_each(Vec::clear);

        let own = Fingerprint::of(parcel.url());
        if parcel.record.purpose != Purpose::Robots && !self.known.urls.contains(own) {
            fresh.insert(own);
        }
        let known = &self.known.urls;
        let new: Vec<&Link> = parcel
            .links
            .iter()
            .filter(|l| !known.contains(l.fingerprint) && fresh.insert(l.fingerprint))
            .collect();
        record::compose(json, seq, &parcel.middle, original.as_ref().map(|o| o.seq), &new);

        let (url, peer) = (parcel.url().as_str(), parcel.record.peer);
        let of = Of { id: parcel.id, url, date: parcel.fetched_at, peer };
        let mut location = Location::default();
        if let (Some(answer), Some(original)) = (&parcel.answer, &original) {
            let digest = parcel.record.digest.as_deref().unwrap_or_default();
            warc::write::revisit(
                record,
                of,
                digest,
                parcel.record.truncated,
                original.as_warc(),
                &answer.head,
            );
            location.response = self.gzip.member(record, Effort::Light, members) as u64;
            record.clear();
        }
        let stored = match (&parcel.answer, &original) {
            (Some(answer), None) => {
                location.response = answer.response;
                &answer.members[..]
            }
            (Some(answer), Some(_)) => &answer.members[answer.response as usize..],
            (None, _) => &[],
        };
        location.request = parcel.answer.as_ref().map_or(0, |a| a.request);
        let revisit = members.len();
        warc::write::metadata(record, of, parcel.answer.is_some(), json);
        let effort = if record.len() < COMPRESSED_METADATA_BYTES_MIN { Effort::None } else { Effort::Light };
        location.metadata = self.gzip.member(record, effort, members) as u64;

        location.start = self.archive.place(location.response + location.request + location.metadata)?;
        self.archive.put(&members[..revisit])?;
        self.archive.put(stored)?;
        self.archive.put(&members[revisit..])?;
        draft.add(seq, &location, json, Some(&parcel.url_key));

        state.last_seq = seq;
        state.entries += 1;
        recover::count(state, &parcel.record, original.is_some(), new.len());
        let new_links = new.into_iter().cloned().collect();
        Ok(parcel.receipt(seq, original.is_some(), new_links))
    }

    /// The record that has a payload already, if there is one; otherwise the payload is noted as this one's.
    fn original_of(
        &self,
        parcel: &Parcel,
        seq: u64,
        batch: &mut Batch<'_>,
    ) -> Result<Option<Owner>, StoreError> {
        let (Some(answer), bytes) = (&parcel.answer, parcel.record.bytes) else { return Ok(None) };
        if bytes < SHARED_PAYLOAD_BYTES_MIN {
            return Ok(None);
        }
        let key = answer.payload_key;
        if let Some((_, seq)) = batch.payloads.iter().find(|(k, _)| *k == key) {
            let earlier = &batch.parcels[(seq - batch.first_seq) as usize];
            let same = earlier.record.digest == parcel.record.digest;
            let (id, url, date) = (earlier.id, earlier.url().clone(), earlier.fetched_at);
            return Ok(same.then_some(Owner { seq: *seq, id, url, date }));
        }
        if let Some(seq) = self.known.payload(key) {
            let store = Store { shared: self.shared().clone() };
            // Eight bytes of a digest are a hint; all of them decide.
            let same = |r: &Record| r.digest == parcel.record.digest && r.payload_of.is_none();
            return Ok(store.record(seq)?.filter(same).map(|r| {
                let id = GroupId::of_visit(self.shared().home.mark, r.visit, r.fetched_at, r.url.as_str());
                Owner { seq, id, url: r.url, date: r.fetched_at }
            }));
        }
        batch.payloads.push((key, seq));
        Ok(None)
    }
}

/// The record whose payload is used again.
struct Owner {
    seq: u64,
    id: GroupId,
    url: CanonicalUrl,
    date: Timestamp,
}

impl Owner {
    fn as_warc(&self) -> Original<'_> {
        Original { id: self.id, url: self.url.as_str(), date: self.date }
    }
}

/// The parcels being committed, and the payloads among them that nobody had before.
pub(super) struct Batch<'a> {
    pub(super) parcels: &'a [Arc<Parcel>],
    /// The sequence number of the first parcel.
    pub(super) first_seq: u64,
    pub(super) payloads: Vec<(u64, u64)>,
}
