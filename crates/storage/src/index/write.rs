//! Writing behind: how what was held back comes into sled.
//!
//! Owns the order of it, which [`crate::schema`] tells. Holds the batches' lengths; never more than a batch.

use std::sync::{Arc, atomic::Ordering};

use super::{
    Index,
    held::{Draft, HELD_MAX, Held},
    rows::Row,
    source::Source as _,
    tree::{Tree, lock},
};
use crate::{
    StoreError,
    error::REBUILD,
    record::{self, Glance, Kind},
    schema::{self, STATE_KEY, URLS_KEY},
};

/// Keys in one sled batch: long enough to share its cost; past some hundred a longer one brings nothing.
const BATCH: usize = 256;

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
        let db = self.db()?;
        let Draft { records, mut urls } = held.draft;
        let written = (|| {
            let mut records = records.into_iter();
            loop {
                let mut batch = sled::Batch::default();
                for (seq, value) in records.by_ref().take(BATCH) {
                    batch.insert(&schema::record_key(seq), value);
                }
                let is_last = records.len() == 0;
                if is_last {
                    batch.insert(STATE_KEY, json);
                    db.apply_batch(batch)?;
                    break;
                }
                db.apply_batch(batch)?;
            }
            write_urls(&db, &mut urls, state.last_seq)
        })();
        written.map_err(|error| self.trouble(error))
    }

    /// Writes the URL keys that `urls` says are not written yet, from the records themselves: those of what was
    /// replayed.
    pub(crate) fn catch_up_urls(self: &Arc<Self>) -> Result<(), StoreError> {
        self.write_held()?;
        let db = self.db()?;
        let known = self.get(URLS_KEY)?.and_then(|bytes| schema::key_seq(&bytes)).unwrap_or(0);
        let (mut urls, mut last_seq) = (Vec::new(), known);
        for row in Index::new(self.clone()).rows(known + 1)? {
            let row = row?;
            last_seq = row.seq;
            if let Some(prefix) = self.url_of(&row)? {
                urls.push([&prefix[..], &row.seq.to_be_bytes()].concat());
                if urls.len() >= HELD_MAX {
                    write_urls(&db, &mut urls, last_seq).map_err(|e| self.trouble(e))?;
                }
            }
        }
        write_urls(&db, &mut urls, last_seq).map_err(|e| self.trouble(e))
    }

    fn url_of(&self, row: &Row) -> Result<Option<Vec<u8>>, StoreError> {
        let wrong =
            |what: String| StoreError::corrupt(self.path(), format!("record {}: {what}", row.seq), REBUILD);
        if record::kind(row.json()).map_err(wrong)? == Kind::Seeds {
            return Ok(None);
        }
        let glance = Glance::parse(row.json()).map_err(wrong)?;
        let url = glance.url.as_deref().unwrap_or_default();
        let url = dragline_model::CanonicalUrl::parse(url).map_err(|e| wrong(e.to_string()))?;
        Ok(Some(schema::url_prefix(&url)))
    }

    /// Brings everything to the disk.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.db()?.flush().map(drop).map_err(|error| {
            self.down.store(true, Ordering::Release);
            self.trouble(error)
        })
    }
}

/// Writes keys of URLs in their order, and then that all up to a record are written: until it says so, a restart
/// writes them again.
fn write_urls(db: &sled::Db, urls: &mut Vec<Vec<u8>>, last_seq: u64) -> sled::Result<()> {
    if urls.is_empty() {
        return Ok(());
    }
    urls.sort_unstable();
    for some in urls.chunks(BATCH) {
        let mut batch = sled::Batch::default();
        some.iter().for_each(|key| batch.insert(&key[..], &[]));
        db.apply_batch(batch)?;
    }
    urls.clear();
    db.insert(URLS_KEY, &last_seq.to_be_bytes()).map(drop)
}
