//! Keeps the answers of a gathering in a store, where they can be asked for like the pages of a crawl.
//!
//! Owns the road from an answer to a commit. Sealing and committing happen on a thread of its own, so that the
//! answers are told the moment they are in.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::SystemTime,
};

use dragline_gather::{Answer, Kept};
use dragline_model::{CanonicalUrl, Failure, Harvest, Outcome, Timestamp, Visit, VisitId};
use dragline_storage::{DecodedFacts, Options, Parcel, Sealer, Store, StoreError, Writer};

/// Answers that wait for the disk at most; whoever brings one more waits with them.
const WAITING_MAX: usize = 256;

/// Answers of one commit at most.
const BATCH_MAX: usize = 256;

/// A store that answers are put into.
///
/// They are no part of a crawl: a crawl on the same store does not take their URLs for visited ones.
#[derive(Debug)]
pub struct AnswerStore {
    door: Option<mpsc::SyncSender<Vec<Harvest>>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    next_visit: u64,
}

impl AnswerStore {
    /// Opens the store, or makes it.
    pub fn create_or_open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let store = Store::create_or_open(dir, Options::default())?;
        let writer = store.writer()?;
        let (door, inside) = mpsc::sync_channel(WAITING_MAX);
        let thread = std::thread::spawn(move || keep(store.sealer(), writer, &inside));
        // Visits are numbered by the clock, so that those of two runs differ.
        let next_visit = Timestamp::from(SystemTime::now()).0 << 20;
        Ok(Self { door: Some(door), thread: Some(thread), next_visit })
    }

    /// Takes what there is to keep of an answer: its pages (every redirect too), or the reason for none. Returns
    /// false where the store has failed; [`AnswerStore::close`] says why.
    pub fn keep(&mut self, answer: &mut Answer) -> bool {
        let attempt = u8::try_from(answer.attempts).unwrap_or(u8::MAX);
        let fetched_at = answer.fetched_at;
        let pages = std::mem::take(&mut answer.pages);
        let mut harvests: Vec<Harvest> = pages
            .into_iter()
            .map(|Kept { url, fetched_at, page }| {
                self.harvest(url, attempt, fetched_at, Outcome::Page(Box::new(page)))
            })
            .collect();
        let asked = || CanonicalUrl::parse(&answer.url).ok();
        if let Some(failure) = answer.failure.as_ref().filter(|_| answer.status.is_none())
            && let Some(url) = answer.final_url.clone().or_else(asked)
        {
            let failure = Failure::new(failure.kind, failure.detail.clone());
            harvests.push(self.harvest(url, attempt, fetched_at, Outcome::Failure(failure)));
        }
        harvests.is_empty() || self.door.as_ref().is_some_and(|door| door.send(harvests).is_ok())
    }

    /// Waits until everything is on disk.
    pub fn close(mut self) -> Result<(), StoreError> {
        drop(self.door.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(kept)) => kept,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Ok(()),
        }
    }

    fn harvest(&mut self, url: CanonicalUrl, attempt: u8, at: SystemTime, outcome: Outcome) -> Harvest {
        let id = VisitId(self.next_visit);
        self.next_visit += 1;
        let visit = Visit { id, host: url.host_key(), url, depth: 0, hops: 0, attempt, via: None };
        Harvest { visit, fetched_at: at.into(), outcome, links: Vec::new(), extract_error: None }
    }
}

fn keep(
    mut sealer: Sealer,
    mut writer: Writer,
    inside: &mpsc::Receiver<Vec<Harvest>>,
) -> Result<(), StoreError> {
    while let Ok(first) = inside.recv() {
        let mut batch: Vec<Arc<Parcel>> = Vec::new();
        for harvest in std::iter::once(first).chain(inside.try_iter()).flatten() {
            let decoded = decoded(&harvest);
            batch.push(Arc::new(sealer.seal(harvest, decoded)));
            if batch.len() >= BATCH_MAX {
                writer.commit(&std::mem::take(&mut batch))?;
            }
        }
        writer.commit(&batch)?;
    }
    writer.sync()
}

/// The size of the decoded body, as a record tells it.
fn decoded(harvest: &Harvest) -> DecodedFacts {
    let Outcome::Page(page) = &harvest.outcome else { return DecodedFacts::default() };
    let coding = page.head.field_str("content-encoding");
    let bounds = dragline_coding::Bounds::default();
    let size = dragline_coding::decode(coding, page.body.clone(), &bounds)
        .map_or(page.body.len(), |decoded| decoded.bytes.len());
    DecodedFacts { size: size as u64 }
}
