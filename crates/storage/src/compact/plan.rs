//! What falls out.
//!
//! Owns the reading of the limits. Reads the index, never the archive; holds some bits a record.

use dragline_model::{Purpose, Timestamp};

use super::{Compaction, Retention};
use crate::{
    Store, StoreError, archive,
    error::REBUILD,
    fsck::Bits,
    index::Row,
    record::{self, Glance, Kind},
    revisits::Standing,
    schema::URL,
};

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// It loses its payload.
    Dropped,
    /// Nothing stays but its URL and its links.
    Forgotten,
}

/// What becomes of every record.
#[derive(Debug, Default)]
pub(super) struct Plan {
    dropped: Bits,
    forgotten: Bits,
    /// The last record that is forgotten; 0 where none is.
    pub(super) last_forgotten: u64,
    pub(super) foreseen: Compaction,
}

impl Plan {
    pub(super) fn fate(&self, seq: u64) -> Fate {
        match (self.forgotten.get(seq), self.dropped.get(seq)) {
            (true, _) => Fate::Forgotten,
            (false, true) => Fate::Dropped,
            (false, false) => Fate::Kept,
        }
    }

    /// Reads every record some times.
    pub(super) fn draw_up(store: &Store, retention: &Retention, now: Timestamp) -> Result<Self, StoreError> {
        let mut out = Bits::default();
        let mut answers = Bits::default();
        let oldest = retention.age.map(|age| now.0.saturating_sub(age.as_millis() as u64));
        each(store, |row, glance| {
            if Standing::of(glance.status).is_some() && glance.purpose == Purpose::Page {
                answers.set(row.seq);
            }
            if says(glance) {
                let at = glance.fetched_at().map_err(|what| wrong(store, row.seq, what))?;
                if oldest.is_some_and(|oldest| at.0 < oldest) {
                    out.set(row.seq);
                }
            }
            Ok(())
        })?;
        if let Some(count) = retention.count {
            by_count(store, count, &answers, &mut out)?;
        }
        let mut needed = Bits::default();
        if let Some(bytes) = retention.bytes {
            by_size(store, bytes, &mut out)?;
        }
        each(store, |row, glance| {
            if let Some(owner) = glance.payload_of.filter(|_| !out.get(row.seq)) {
                needed.set(owner);
            }
            Ok(())
        })?;
        Self::of(store, retention, &out, &needed)
    }

    fn of(store: &Store, retention: &Retention, out: &Bits, needed: &Bits) -> Result<Self, StoreError> {
        let mut plan = Self::default();
        let foreseen = &mut plan.foreseen;
        let there = archive::segments(&store.archive_dir())?;
        foreseen.bytes_before = there.iter().map(|segment| segment.bytes).sum();
        for row in store.shared.index.rows(1)? {
            let row = row?;
            let location = row.location;
            let payload = location.response + location.request;
            foreseen.bytes_after += payload + location.metadata;
            let kind = record::kind(row.json()).map_err(|what| wrong(store, row.seq, what))?;
            if kind == Kind::Seeds {
                continue;
            }
            foreseen.records += 1;
            let glance = Glance::parse(row.json()).map_err(|what| wrong(store, row.seq, what))?;
            let is_out = out.get(row.seq);
            let is_needed = needed.get(row.seq);
            if is_out && !is_needed && retention.forget && says(&glance) {
                plan.forgotten.set(row.seq);
                plan.last_forgotten = row.seq;
                foreseen.forgotten += 1;
                let stays: usize = glance.links.iter().map(|link| link.url.len()).sum();
                let stays = glance.url.as_deref().map_or(0, str::len) + stays;
                // Packed, texts shrink to some third.
                foreseen.bytes_after -=
                    payload + location.metadata - (stays as u64 / 3).min(location.metadata);
            } else if is_out && !is_needed && payload > 0 && glance.absent.is_none() {
                plan.dropped.set(row.seq);
                foreseen.dropped += 1;
                foreseen.bytes_after -= payload;
            } else if payload > 0 {
                foreseen.kept += 1;
                foreseen.needed += u64::from(is_out && is_needed);
            }
        }
        Ok(plan)
    }
}

/// Whether an answer may fall out: what says nothing of its page says what is left to do.
fn says(glance: &Glance<'_>) -> bool {
    Standing::of(glance.status).is_some() || glance.purpose == Purpose::Robots && glance.status.is_some()
}

/// Of each URL all but the last so many answers that say something of the page.
fn by_count(store: &Store, count: u64, answers: &Bits, out: &mut Bits) -> Result<(), StoreError> {
    let (mut url, mut left) = (Vec::new(), count);
    for visit in store.shared.index.visits(&[URL])?.rev() {
        let (key, seq) = visit?;
        if key != url {
            (url, left) = (key, count);
        }
        if answers.get(seq) {
            if left == 0 {
                out.set(seq);
            }
            left = left.saturating_sub(1);
        }
    }
    Ok(())
}

/// The oldest answers, until the rest fits. A payload that a younger one has too counts with that one.
fn by_size(store: &Store, bytes: u64, out: &mut Bits) -> Result<(), StoreError> {
    let index = &store.shared.index;
    let mut taken = 0;
    let mut needed = Bits::default();
    for row in index.rows(1)? {
        let row = row?;
        taken += row.location.metadata;
        let payload = row.location.response + row.location.request;
        if payload > 0 && !says(&Glance::parse(row.json()).map_err(|what| wrong(store, row.seq, what))?) {
            taken += payload;
            needed.set(row.seq);
        }
    }
    let mut is_full = taken > bytes;
    for row in index.rows(1)?.rev() {
        let row = row?;
        let payload = row.location.response + row.location.request;
        // What is needed was counted with the one that has it too.
        if payload == 0 || out.get(row.seq) || needed.get(row.seq) {
            continue;
        }
        let glance = Glance::parse(row.json()).map_err(|what| wrong(store, row.seq, what))?;
        let mut cost = payload;
        let owner = glance.payload_of.filter(|owner| !needed.get(*owner));
        if let Some(owner) = owner
            && let Some(owner) = index.row(owner)?
        {
            cost += owner.location.response + owner.location.request;
        }
        is_full |= taken + cost > bytes;
        if is_full {
            out.set(row.seq);
        } else {
            taken += cost;
            owner.into_iter().for_each(|owner| needed.set(owner));
        }
    }
    Ok(())
}

/// Every visit, in order.
fn each(
    store: &Store,
    mut each: impl FnMut(&Row, &Glance<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for row in store.shared.index.rows(1)? {
        let row = row?;
        if record::kind(row.json()).map_err(|what| wrong(store, row.seq, what))? == Kind::Page {
            let glance = Glance::parse(row.json()).map_err(|what| wrong(store, row.seq, what))?;
            each(&row, &glance)?;
        }
    }
    Ok(())
}

fn wrong(store: &Store, seq: u64, what: String) -> StoreError {
    StoreError::corrupt(store.shared.index.path(), format!("record {seq}: {what}"), REBUILD)
}
