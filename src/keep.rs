//! Keeps the answers of a gathering in a store, where they can be asked for like the pages of a crawl.
//!
//! Owns the road from an answer to a commit. Sealing and committing happen on a thread of its own, so that the
//! answers are told the moment they are in.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::SystemTime,
};

use dragline_gather::{Answer, Cut};
use dragline_model::{CanonicalUrl, Failure, FailureKind, Harvest, Outcome, Timestamp, Visit, VisitId};
use dragline_storage::{DecodedFacts, Options, Parcel, Sealer, Store, StoreError, Writer};

/// Answers that wait for the disk at most, and bytes of them; whoever brings one more waits with them.
const WAITING_MAX: usize = 256;
const WAITING_BYTES_MAX: u64 = 64 << 20;

/// Answers of one commit at most, and bytes of them.
const BATCH_MAX: usize = 256;
const BATCH_BYTES_MAX: u64 = 8 << 20;

/// A store that answers are put into.
///
/// They are no part of a crawl: a crawl on the same store does not take their URLs for visited ones.
#[derive(Debug)]
pub struct AnswerStore {
    door: Option<mpsc::SyncSender<Vec<Kept>>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
    weight: Arc<Weight>,
    next_visit: u64,
}

/// What is to be kept of one request, and what is known of its decoded body.
type Kept = (Harvest, DecodedFacts);

/// The bytes that wait for the disk.
#[derive(Debug, Default)]
struct Weight {
    bytes: Mutex<u64>,
    lighter: Condvar,
}

impl Weight {
    /// Waits until there is room, and takes it. One that is larger than all the room goes alone.
    fn take(&self, bytes: u64) {
        let mut waiting = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        while *waiting > 0 && *waiting + bytes > WAITING_BYTES_MAX {
            waiting = self.lighter.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        *waiting += bytes;
    }

    fn give_back(&self, bytes: u64) {
        *self.bytes.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
        self.lighter.notify_all();
    }
}

/// Gives all room back, also where the thread ends with an error: nobody shall wait for it.
struct Lifting<'a>(&'a Weight);

impl Drop for Lifting<'_> {
    fn drop(&mut self) {
        *self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner) = 0;
        self.0.lighter.notify_all();
    }
}

impl AnswerStore {
    /// Opens the store, or makes it.
    pub fn create_or_open(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let store = Store::create_or_open(dir, options)?;
        let writer = store.writer()?;
        let desk = store.serve().ok();
        let (door, inside) = mpsc::sync_channel(WAITING_MAX);
        let weight: Arc<Weight> = Arc::default();
        let room = weight.clone();
        let thread = std::thread::spawn(move || {
            let kept = keep(store.sealer(), writer, &inside, &room);
            drop(desk);
            kept
        });
        // Visits are numbered by the clock, so that those of two runs differ.
        let next_visit = Timestamp::from(SystemTime::now()).0 << 20;
        Ok(Self { door: Some(door), thread: Some(thread), weight, next_visit })
    }

    /// Takes what there is to keep of an answer: its pages (every redirect too), or the reason for none. Returns
    /// false where the store has failed; [`AnswerStore::close`] says why.
    pub fn keep(&mut self, answer: &mut Answer) -> bool {
        let attempt = u8::try_from(answer.attempts).unwrap_or(u8::MAX);
        let fetched_at = answer.fetched_at;
        let pages = std::mem::take(&mut answer.pages);
        let mut harvests: Vec<Kept> = pages
            .into_iter()
            .map(|it| {
                let size = it.page.body.len() as u64;
                let outcome = Outcome::Page(Box::new(it.page));
                (self.harvest(it.url, attempt, it.fetched_at, outcome), DecodedFacts { size })
            })
            .collect();
        // The last of them is the answer's own, whose body has been decoded already.
        if let Some((harvest, decoded)) = harvests.last_mut().filter(|_| answer.status.is_some()) {
            decoded.size = answer.body.len() as u64;
            harvest.extract_error = damage(answer);
        }
        let asked = || CanonicalUrl::parse(&answer.url).ok();
        if let Some(failure) = answer.failure.as_ref().filter(|_| answer.status.is_none())
            && let Some(url) = answer.final_url.clone().or_else(asked)
        {
            let failure = Failure::new(failure.kind, failure.detail.clone());
            let harvest = self.harvest(url, attempt, fetched_at, Outcome::Failure(failure));
            harvests.push((harvest, DecodedFacts::default()));
        }
        if harvests.is_empty() {
            return true;
        }
        self.weight.take(harvests.iter().map(|(harvest, _)| bytes(harvest)).sum());
        self.door.as_ref().is_some_and(|door| door.send(harvests).is_ok())
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
        let visit = Visit { attempt, ..Visit::first(id, url) };
        Harvest::bare(visit, at.into(), outcome)
    }
}

fn keep(
    mut sealer: Sealer,
    mut writer: Writer,
    inside: &mpsc::Receiver<Vec<Kept>>,
    weight: &Weight,
) -> Result<(), StoreError> {
    let _lifting = Lifting(weight);
    while let Ok(first) = inside.recv() {
        let mut batch: Vec<Arc<Parcel>> = Vec::new();
        let mut held = 0;
        for (harvest, decoded) in std::iter::once(first).chain(inside.try_iter()).flatten() {
            held += bytes(&harvest);
            batch.push(Arc::new(sealer.seal(harvest, decoded)));
            if batch.len() >= BATCH_MAX || held >= BATCH_BYTES_MAX {
                writer.commit(&std::mem::take(&mut batch))?;
                weight.give_back(std::mem::take(&mut held));
            }
        }
        writer.commit(&batch)?;
        weight.give_back(held);
    }
    writer.sync()
}

/// Why the decoded body of an answer is not all there is.
fn damage(answer: &Answer) -> Option<String> {
    let malformed = answer.failure.as_ref().filter(|failure| failure.kind == FailureKind::Malformed);
    match (answer.truncated, malformed) {
        (_, Some(failure)) => Some(failure.detail.clone()),
        (Some(Cut::Coding(cut)), None) => {
            Some(format!("the decoded body is cut after {} bytes: {cut}", answer.body.len()))
        }
        _ => None,
    }
}

/// What a harvest weighs while it waits.
fn bytes(harvest: &Harvest) -> u64 {
    match &harvest.outcome {
        Outcome::Page(page) => (page.body.len() + page.head.as_bytes().len()) as u64,
        Outcome::Failure(_) => 0,
    }
}
