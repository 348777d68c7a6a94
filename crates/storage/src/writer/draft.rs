//! Drafting a commit: what goes into the archive and into the index for one parcel.
//!
//! Owns the choice between `response` and `revisit`, and which links are new. What earlier records have to do with it
//! is in [`super::earlier`]. Changes nothing that
//! [`Writer::commit`] cannot take back.

use std::time::SystemTime;

use dragline_model::{CanonicalUrl, Fingerprint, Link, Purpose, Receipt, Timestamp};

use super::{
    Scratch, Writer,
    earlier::{Batch, Earlier},
};
use crate::{
    Parcel, StoreError,
    gzip::Effort,
    index::{Draft, Found},
    record, recover,
    schema::{Location, State},
    warc::{
        self, GroupId,
        write::{Of, Profile},
    },
};

/// Metadata records below this are stored as they are: compressing one of the usual size would cost the
/// committing thread 8 µs, a third of the page's whole commit, and save 400 bytes of 4,900.
const COMPRESSED_METADATA_BYTES_MIN: usize = 4096;

impl Writer {
    /// Drafts one entry of seeds.
    pub(super) fn draft_seeds(
        &mut self,
        via: Option<&CanonicalUrl>,
        seeds: &[Link],
        state: &mut State,
        draft: &mut Draft,
    ) -> Result<(), StoreError> {
        let seq = state.last_seq + 1;
        let Scratch { json, record, members, .. } = &mut self.scratch;
        [&mut *json, record, members].into_iter().for_each(Vec::clear);
        record::compose_seeds(json, seq, via, seeds);
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
        let Earlier { owner, belated } = self.earlier(parcel, seq, batch)?;
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
        record::compose(json, seq, &parcel.middle, &belated, &new);

        let (url, peer) = (parcel.url().as_str(), parcel.record.peer);
        let of = Of { id: parcel.id, url, date: parcel.fetched_at, peer };
        let mut location = Location::default();
        let mut stored: &[u8] = &[];
        if let Some(answer) = &parcel.answer {
            let digest = belated.digest.as_deref().or(parcel.record.digest.as_deref()).unwrap_or_default();
            let (is_sealed, cut) = (answer.response > 0, parcel.record.truncated);
            match &owner {
                Some(owner) => {
                    let profile = if is_sealed { Profile::SamePayload } else { Profile::NotModified };
                    warc::write::revisit(record, of, profile, digest, cut, owner.as_warc(), &answer.head);
                }
                None if is_sealed => {}
                // Its copy is lost: it stands for itself.
                None => warc::write::response(record, of, digest, cut, &answer.head, &[]),
            }
            if record.is_empty() {
                location.response = answer.response;
                stored = &answer.members;
            } else {
                location.response = self.gzip.member(record, Effort::Light, members) as u64;
                record.clear();
                stored = &answer.members[answer.response as usize..];
            }
        }
        location.request = parcel.answer.as_ref().map_or(0, |a| a.request);
        let written = members.len();
        warc::write::metadata(record, of, parcel.answer.is_some(), json);
        let effort = if record.len() < COMPRESSED_METADATA_BYTES_MIN { Effort::None } else { Effort::Light };
        location.metadata = self.gzip.member(record, effort, members) as u64;

        location.start = self.archive.place(location.response + location.request + location.metadata)?;
        self.archive.put(&members[..written])?;
        self.archive.put(stored)?;
        self.archive.put(&members[written..])?;
        let found = Found {
            url_key: parcel.url_key.clone(),
            status: parcel.record.status,
            mime: belated.mime.as_deref().or(parcel.record.mime.as_deref()).map(Box::from),
            fetched_at: parcel.fetched_at,
            is_robots: parcel.record.purpose == Purpose::Robots,
        };
        draft.add(seq, &location, json, Some(found));

        state.last_seq = seq;
        state.entries += 1;
        recover::count(state, &parcel.record, owner.is_some(), new.len());
        let new_links = new.into_iter().cloned().collect();
        Ok(parcel.receipt(seq, owner.is_some(), new_links))
    }
}
