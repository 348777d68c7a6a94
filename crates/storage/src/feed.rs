//! What is committed, as it is committed.
//!
//! Owns the place that a follower has reached. Never polls: whoever waits is woken by the commit.

use std::time::Duration;

use crate::{Record, Store, StoreError, index::Rows};

/// So many records behind, they are looked up one by one: what was committed a moment ago is still in memory, and need
/// not be written into the index for whoever follows closely.
const NEAR: u64 = 256;

/// Everything that was committed behind a record, in order, and then what is committed: every visit, a failure or a
/// robots.txt too.
///
/// [`Iterator::next`] never waits: `None` says that there is nothing now, and there may be something later.
///
/// ```no_run
/// # use std::time::Duration;
/// # use dragline_storage::{Options, Store};
/// # let store = Store::open("dragline-data", Options::default())?;
/// # let reached = 0;
/// let mut feed = store.since(reached);
/// while feed.wait(Duration::from_secs(60))? {
///     for record in &mut feed {
///         println!("{}", record?.url);
///     }
///     // All up to `feed.seq()` is done with: a later process goes on from there.
/// }
/// # Ok::<(), dragline_storage::StoreError>(())
/// ```
pub struct Feed {
    store: Store,
    seq: u64,
    /// What lies far behind, in one walk up to a record.
    walk: Option<(Rows, u64)>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("store", &self.store).field("seq", &self.seq).finish_non_exhaustive()
    }
}

impl Feed {
    pub(crate) fn new(store: Store, seq: u64) -> Self {
        Self { store, seq, walk: None }
    }

    /// Everything up to this record was given: for [`Store::since`], to go on from here. It stays where it is when an
    /// error is given; one more passes over what could not be read.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Waits until something is committed behind what was given, at most so long; true where there is something. It may
    /// be seeds alone, which are no records.
    pub fn wait(&self, timeout: Duration) -> Result<bool, StoreError> {
        let last_seq = self.store.shared.index.wait(self.seq, timeout)?;
        self.check(last_seq)?;
        Ok(last_seq > self.seq)
    }

    /// A place ahead of all there is: what it was reached with is gone, and other records will get those numbers.
    fn check(&self, last_seq: u64) -> Result<(), StoreError> {
        if self.seq <= last_seq {
            return Ok(());
        }
        let what = format!(
            "the feed has reached {}, and the store ends at {last_seq}: a power cut took the last half second, or it is \
             another store; go on from {last_seq}",
            self.seq
        );
        Err(StoreError::Question { what })
    }

    fn find(&mut self) -> Result<Option<Record>, StoreError> {
        loop {
            if let Some((rows, last_seq)) = &mut self.walk {
                let Some(row) = rows.next().transpose()? else {
                    // Of the numbers that a damaged archive has lost, the last may be among these.
                    self.seq = *last_seq;
                    self.walk = None;
                    continue;
                };
                let record = self.store.parse(&row)?;
                self.seq = row.seq;
                if record.is_some() {
                    return Ok(record);
                }
                continue;
            }
            let index = &self.store.shared.index;
            let last_seq = index.state()?.last_seq;
            self.check(last_seq)?;
            match last_seq - self.seq {
                0 => return Ok(None),
                1..=NEAR => {
                    let record = self.store.record(self.seq + 1)?;
                    self.seq += 1;
                    if record.is_some() {
                        return Ok(record);
                    }
                }
                _ => {
                    let snapshot = index.snapshot()?;
                    let rows = snapshot.rows(self.seq + 1, snapshot.last_seq)?;
                    self.walk = Some((rows, snapshot.last_seq));
                }
            }
        }
    }
}

impl Iterator for Feed {
    type Item = Result<Record, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.find().transpose()
    }
}
