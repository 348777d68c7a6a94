//! Writing behind: how what was held back comes into sled.
//!
//! Owns the order of it, which [`crate::schema`] tells, and the length of a batch. Holds a batch at a time besides what
//! was held back.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, atomic::Ordering},
};

use super::{
    Index,
    held::{Draft, Found, HELD_MAX, Held},
    merge::Batch,
    rows::Row,
    source::Source as _,
    tree::{Tree, lock},
};
use crate::{
    StoreError,
    error::REBUILD,
    record::{self, Glance, Kind},
    schema::{
        FORMAT_KEY, INDEX_FORMAT, LISTED_KEY, STATE_KEY,
        lists::{self, Listed},
        pieces::{RecordList, SeqList, TimeList, UrlList},
    },
};

impl Tree {
    /// Writes what is held back. `before` runs between the moment up to which is written and the writing.
    pub(crate) fn write_held_after(
        &self,
        before: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let _alone = lock(&self.writing);
        let held = std::mem::take(&mut *lock(&self.held));
        if let Err(error) = before() {
            lock(&self.held).put_back(held);
            return Err(error);
        }
        self.write(held).inspect_err(|_| {
            // What was taken is lost to the index until it is opened again and catches up with the archive.
            self.down.store(true, Ordering::Release);
        })
    }

    /// Writes what is held back. After it every commit can be looked up.
    pub(crate) fn write_held(&self) -> Result<(), StoreError> {
        self.write_held_after(|| Ok(()))
    }

    fn write(&self, held: Held) -> Result<(), StoreError> {
        let Some(state) = held.state else { return Ok(()) };
        let json = serde_json::to_vec(&state)
            .map_err(|e| StoreError::IndexDown { path: self.path().to_owned(), what: e.to_string() })?;
        let Draft { records, visits } = held.draft;
        let mut batch = Batch::new(self);
        batch.merge(&RecordList, records)?;
        batch.put(FORMAT_KEY, &INDEX_FORMAT.to_be_bytes());
        batch.put(STATE_KEY, &json);
        batch.apply()?;
        self.list(visits, state.last_seq)
    }

    /// Writes what visits are found by, and then that all up to a record is written: until it says so, a restart
    /// writes it again.
    fn list(&self, visits: Vec<(u64, Found)>, last_seq: u64) -> Result<(), StoreError> {
        if visits.is_empty() {
            return Ok(());
        }
        let mut times: Vec<_> = visits.iter().map(|(seq, found)| (found.fetched_at.0, *seq)).collect();
        times.sort_unstable();
        let lists = sorted_out(&visits);
        let mut urls: Vec<_> = visits.into_iter().map(|(seq, found)| (found.url_key, seq)).collect();
        urls.sort_unstable();
        let mut batch = Batch::new(self);
        batch.merge(&UrlList, urls)?;
        batch.merge(&TimeList, times)?;
        for (prefix, seqs) in lists {
            batch.merge(&SeqList::new(prefix), seqs)?;
        }
        batch.put(LISTED_KEY, &last_seq.to_be_bytes());
        batch.apply()
    }

    /// Writes what `listed` says is not written yet, from the records themselves: of those that were replayed.
    pub(crate) fn catch_up(self: &Arc<Self>) -> Result<(), StoreError> {
        self.write_held()?;
        let mut last_seq = self.listed()?;
        let mut visits = Vec::new();
        for row in Index::new(self.clone()).rows(last_seq + 1)? {
            let row = row?;
            last_seq = row.seq;
            let found = found(&row).map_err(|what| {
                StoreError::corrupt(self.path(), format!("record {}: {what}", row.seq), REBUILD)
            })?;
            visits.extend(found.map(|found| (row.seq, found)));
            if visits.len() >= HELD_MAX {
                self.list(std::mem::take(&mut visits), last_seq)?;
            }
        }
        self.list(visits, last_seq)
    }

    /// The sequence number up to which everything is listed.
    fn listed(&self) -> Result<u64, StoreError> {
        let listed = self.db()?.get(LISTED_KEY).map_err(|e| self.trouble(e))?;
        Ok(listed.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?))).unwrap_or(0))
    }

    /// Applies a batch, of which no reader sees a part.
    pub(super) fn apply(&self, batch: sled::Batch) -> Result<(), StoreError> {
        let _alone = self.batch.write().unwrap_or_else(PoisonError::into_inner);
        self.db()?.apply_batch(batch).map_err(|e| self.trouble(e))
    }

    /// Brings everything to the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db()?.flush().map(drop).map_err(|error| {
            self.down.store(true, Ordering::Release);
            self.trouble(error)
        })
    }
}

/// The visits by what is common to them: the beginnings of lists, and the sequence numbers in order.
pub(super) fn sorted_out(visits: &[(u64, Found)]) -> BTreeMap<Vec<u8>, Vec<u64>> {
    let mut lists: BTreeMap<Vec<u8>, Vec<u64>> = BTreeMap::new();
    let mut prefix = Vec::new();
    for (seq, found) in visits {
        let mut add = |listed: Listed, value: &[u8]| {
            prefix.clear();
            prefix.extend_from_slice(&listed.prefix(found.is_robots));
            prefix.extend_from_slice(value);
            match lists.get_mut(&prefix) {
                Some(seqs) => seqs.push(*seq),
                None => drop(lists.insert(prefix.clone(), vec![*seq])),
            }
        };
        add(Listed::Status, &lists::status_value(found.status));
        add(Listed::Host, lists::host_value(&found.url_key));
        if found.status.is_some() {
            add(Listed::Mime, &lists::mime_value(found.mime.as_deref().unwrap_or_default(), true));
        }
    }
    lists
}

/// What a record is found by; `None` for seeds. The error says what is wrong with it.
pub(crate) fn found(row: &Row) -> Result<Option<Found>, String> {
    if record::kind(row.json())? == Kind::Seeds {
        return Ok(None);
    }
    let glance = Glance::parse(row.json())?;
    let url = glance.url.as_deref().unwrap_or_default();
    let url = dragline_model::CanonicalUrl::parse(url).map_err(|e| e.to_string())?;
    Ok(Some(Found {
        url_key: crate::schema::url_prefix(&url),
        status: glance.status,
        mime: glance.mime.as_deref().map(Box::from),
        fetched_at: glance.fetched_at()?,
        is_robots: glance.purpose == dragline_model::Purpose::Robots,
    }))
}
