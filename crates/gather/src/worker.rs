//! A thread that asks: one client, one task for each errand.
//!
//! Neighbours: the dispatcher before it (errands in, notes back), the consumer behind it (answers). A panic over
//! one errand is that errand's answer and nobody else's.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, resume_unwind},
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix_rt::Arbiter;
use dragline_fetch::{Client, Shared};
use dragline_model::{CanonicalUrl, Page};
use futures_util::FutureExt;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Answer,
    board::Board,
    errand::Errand,
    rules::Rules,
    verdict::{self, Next},
};

/// A body longer than this is decoded and judged on another thread: a millisecond of work and more, which the
/// other calls of this one should not wait for.
const LARGE_BODY_BYTES: usize = 256 << 10;

/// What a coded body may be larger than it looks, for that question.
const CODED_FACTOR: usize = 8;

/// How often idle connections are looked through.
const REAP_EVERY: Duration = Duration::from_secs(1);

/// What the workers are made of.
#[derive(Clone)]
pub(crate) struct Equipment {
    pub(crate) shared: Shared,
    pub(crate) rules: Arc<Rules>,
    pub(crate) board: Arc<Board>,
    pub(crate) answers: mpsc::UnboundedSender<Answer>,
    pub(crate) notes: mpsc::UnboundedSender<Note>,
    /// Leave to work on a large body: one at a time, so that the memory it takes is taken once.
    pub(crate) aside: Arc<Semaphore>,
    /// The first answer that is not what was wished for is the last.
    pub(crate) fail_fast: bool,
    /// Answers are taken in the order of the questions: one that is held back must not hold up an earlier one.
    pub(crate) in_order: bool,
}

/// An errand is over, or back.
pub(crate) struct Note {
    /// Which worker had it.
    pub(crate) worker: usize,
    /// Where its slot is free again.
    pub(crate) at: CanonicalUrl,
    pub(crate) what: What,
}

/// What of an errand.
pub(crate) enum What {
    /// It was answered.
    Done {
        /// The server wants to be asked nothing for so long.
        rest: Option<Duration>,
    },
    /// It has more to ask.
    Back {
        errand: Box<Errand>,
        /// No sooner than this from now.
        wait: Duration,
        /// And nothing else of the same origin before that either.
        rest: bool,
    },
}

/// Errands on their way to a worker. Boxed: each moves from queue to batch to task, and back.
pub(crate) type Batch = Vec<Box<Errand>>;

/// The dispatcher's end of a worker.
pub(crate) struct Worker {
    arbiter: Arbiter,
    errands: mpsc::UnboundedSender<Batch>,
}

impl Worker {
    /// Starts a thread. To be called where an actix system runs.
    pub(crate) fn start(number: usize, equipment: &Equipment) -> std::io::Result<Self> {
        let arbiter = Arbiter::try_new()?;
        // Bounded by what may be out at once.
        let (errands, inbox) = mpsc::unbounded_channel();
        let equipment = equipment.clone();
        arbiter.spawn_fn(move || {
            actix_rt::spawn(work(number, equipment, inbox));
        });
        Ok(Self { arbiter, errands })
    }

    /// Hands over errands; has them back where the worker is no more.
    pub(crate) fn hand(&self, errands: Batch) -> Result<(), Batch> {
        self.errands.send(errands).map_err(|error| error.0)
    }

    /// Ends the thread; what is out is dropped.
    pub(crate) fn stop(self) {
        self.arbiter.stop();
        if self.arbiter.join().is_err() {
            tracing::error!("a worker of a gathering panicked");
        }
    }
}

/// What the errands of one worker share.
struct Bench {
    number: usize,
    client: Client,
    equipment: Equipment,
}

async fn work(number: usize, equipment: Equipment, mut inbox: mpsc::UnboundedReceiver<Batch>) {
    let bench = Rc::new(Bench { number, client: Client::new(&equipment.shared), equipment });
    let mut reap = tokio::time::interval(REAP_EVERY);
    loop {
        tokio::select! {
            errands = inbox.recv() => match errands {
                Some(errands) => {
                    for errand in errands {
                        actix_rt::spawn(Rc::clone(&bench).run(errand));
                    }
                }
                None => return,
            },
            _ = reap.tick() => {
                bench.client.reap();
            }
        }
    }
}

impl Bench {
    /// One request of an errand, and what follows from it.
    async fn run(self: Rc<Self>, mut errand: Box<Errand>) {
        let at = errand.target.url.clone();
        let over = match AssertUnwindSafe(self.ask(&mut errand)).catch_unwind().await {
            Ok(Over::Answered { answer, rest }) => {
                self.answer(*answer);
                What::Done { rest }
            }
            Ok(Over::Back { wait, rest }) => What::Back { errand, wait, rest },
            Err(panic) => {
                self.answer(verdict::panicked(&mut errand, words(&*panic)));
                What::Done { rest: None }
            }
        };
        // The dispatcher is gone only when everything ends.
        let _ = self.equipment.notes.send(Note { worker: self.number, at, what: over });
    }

    async fn ask(&self, errand: &mut Errand) -> Over {
        let Equipment { rules, board, .. } = &self.equipment;
        let request = errand.request(rules);
        let fetched_at = SystemTime::now();
        // The request holds a large body's share of memory until it is dropped.
        match self.client.fetch(&request).await {
            Ok(page) => {
                board.received(page.body.len());
                errand.spent(&page.timings);
                match verdict::of_page(rules, errand, &page) {
                    Next::Again { wait, rest } => Over::again(errand, wait, rest),
                    Next::Hop => {
                        if rules.keep_pages {
                            errand.keep(request.url.clone(), page, fetched_at);
                        }
                        Over::Back { wait: Duration::ZERO, rest: false }
                    }
                    Next::Answer { detail, rest } => {
                        if rules.keep_pages {
                            errand.keep(request.url.clone(), page.clone(), fetched_at);
                        }
                        let begun = errand.answer(fetched_at);
                        Over::Answered { answer: Box::new(self.settle(begun, page, detail).await), rest }
                    }
                }
            }
            Err(failure) => {
                if let Some(timings) = &failure.timings {
                    errand.spent(timings);
                }
                match verdict::of_failure(rules, errand, &failure) {
                    Next::Again { wait, rest } => Over::again(errand, wait, rest),
                    _ => {
                        let answer = Box::new(verdict::failed(errand.answer(fetched_at), failure));
                        Over::Answered { answer, rest: None }
                    }
                }
            }
        }
    }

    /// Makes the answer, off this thread where that takes long.
    async fn settle(&self, begun: Answer, page: Page, detail: Option<String>) -> Answer {
        let Equipment { rules, board, aside, in_order, .. } = &self.equipment;
        if !is_large(&page) {
            return verdict::answer(rules, begun, page, detail);
        }
        // Never closed; were it, large bodies would only be worked on side by side.
        let leave = aside.acquire().await;
        let rules = Arc::clone(rules);
        let task = tokio::task::spawn_blocking(move || verdict::answer(&rules, begun, page, detail));
        let answer = match task.await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("a large body could not be worked on: {error}"),
            },
        };
        drop(leave);
        // It keeps its share of memory until the consumer has made room for it.
        while !in_order && !board.has_room_for_bytes() {
            let room = board.room.notified();
            if board.has_room_for_bytes() {
                break;
            }
            room.await;
        }
        answer
    }

    fn answer(&self, answer: Answer) {
        let Equipment { board, answers, fail_fast, .. } = &self.equipment;
        send(board, answers, answer, *fail_fast);
    }
}

/// Gives the consumer an answer.
pub(crate) fn send(board: &Board, answers: &mpsc::UnboundedSender<Answer>, answer: Answer, fail_fast: bool) {
    let is_last = fail_fast && !answer.is_ok();
    board.answered(answer.is_ok(), answer.body.len());
    // A consumer that is gone wants nothing more.
    let _ = answers.send(answer);
    if is_last {
        board.stop();
    }
}

/// What one request led to.
enum Over {
    Answered { answer: Box<Answer>, rest: Option<Duration> },
    Back { wait: Duration, rest: bool },
}

impl Over {
    fn again(errand: &mut Errand, wait: Duration, rest: bool) -> Self {
        errand.attempts += 1;
        Over::Back { wait, rest }
    }
}

fn is_large(page: &Page) -> bool {
    let factor = if page.head.field("content-encoding").is_some() { CODED_FACTOR } else { 1 };
    page.body.len().saturating_mul(factor) > LARGE_BODY_BYTES
}

/// What a panic says.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}
