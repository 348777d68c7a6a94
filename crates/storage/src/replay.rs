//! What was committed behind a checkpoint, told once more as it was told then.
//!
//! Owns the making of receipts from records. Never decides what follows from them.

use dragline_model::{CanonicalUrl, Link, Receipt, Validators, Visit};

use crate::{Record, Store, StoreError, error::REBUILD, record::Entry};

/// One commit, told again.
#[derive(Debug, Clone)]
#[allow(clippy::large_enum_variant, reason = "handed out one at a time, and most are receipts")]
pub enum Replayed {
    /// Links that came from outside and had not been seen before.
    Seeds(Vec<Link>),
    /// Links that were found on a page when it was looked at again: see [`crate::Writer::admit_found`].
    Found {
        /// The page.
        via: CanonicalUrl,
        /// Those that had not been seen before.
        links: Vec<Link>,
    },
    /// A visit that is over.
    Settled(Receipt),
}

/// Hands out everything behind `after_seq`, in order.
pub(crate) fn replay(
    store: &Store,
    after_seq: u64,
    mut each: impl FnMut(Replayed),
) -> Result<(), StoreError> {
    let index = &store.shared.index;
    let state = index.state()?;
    let mut found = 0;
    for row in index.rows_to(after_seq + 1, state.last_seq)? {
        let row = row?;
        found += 1;
        let wrong = |what| StoreError::corrupt(index.path(), format!("record {}: {what}", row.seq), REBUILD);
        match Entry::parse(row.json()).map_err(wrong)? {
            Entry::Seeds { via: Some(via), links, .. } => each(Replayed::Found { via, links }),
            Entry::Seeds { links, .. } => each(Replayed::Seeds(links)),
            Entry::Page(record) => each(Replayed::Settled(receipt(store, *record)?)),
        }
    }
    // Where the archive was never damaged no number is missing; sled passes over what it cannot read.
    if state.entries == state.last_seq && found != state.last_seq.saturating_sub(after_seq) {
        let what = format!("it has {found} records behind {after_seq} of {}", state.last_seq - after_seq);
        return Err(StoreError::corrupt(index.path(), what, REBUILD));
    }
    Ok(())
}

/// The receipt that a record was given.
fn receipt(store: &Store, record: Record) -> Result<Receipt, StoreError> {
    let copy = match record.copy {
        None => None,
        Some(seq) => {
            let (etag, last_modified) =
                store.record(seq)?.map(|copy| (copy.etag, copy.last_modified)).unwrap_or_default();
            Some(Box::new(Validators { etag, last_modified, seq }))
        }
    };
    let settled = record.settled();
    let visit = Visit {
        id: record.visit,
        host: record.url.host_key(),
        url: record.url,
        depth: record.depth,
        hops: record.hops,
        attempt: record.attempts,
        via: record.via,
        off: record.off,
        purpose: record.purpose,
        copy,
        sketch: false,
    };
    Ok(Receipt {
        visit,
        fetched_at: record.fetched_at,
        timings: record.timings,
        is_repeat: record.payload_of.is_some(),
        sketch: None,
        robots: record.robots,
        seq: record.seq,
        settled,
        new_links: record.links,
    })
}
