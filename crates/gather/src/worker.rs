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
                errand.tried(&page.timings, None);
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
                    errand.tried(timings, Some(failure.kind));
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
        let Equipment { rules, aside, .. } = &self.equipment;
        if let Some(decoded) = verdict::decode_small(&page, &rules.bounds, LARGE_BODY_BYTES) {
            return verdict::answer(rules, begun, page, decoded, detail);
        }
        // Never closed; were it, large bodies would only be worked on side by side.
        let leave = aside.acquire().await;
        let rules = Arc::clone(rules);
        let task = tokio::task::spawn_blocking(move || {
            let decoded = verdict::decode(&page, &rules.bounds);
            verdict::answer(&rules, begun, page, decoded, detail)
        });
        let answer = match task.await {
            Ok(answer) => answer,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("a large body could not be worked on: {error}"),
            },
        };
        self.room().await;
        // Only now: a body that is decoded and waits is the only one.
        drop(leave);
        answer
    }

    /// Waits until the consumer has made room; only the consumer makes any, so that there is no circle. In the
    /// order of the questions an earlier one may be what makes room for all others, and nobody waits.
    async fn room(&self) {
        let Equipment { board, in_order, .. } = &self.equipment;
        while !in_order && !board.has_room_for_bytes() {
            let room = board.room.notified();
            if board.has_room_for_bytes() {
                break;
            }
            room.await;
        }
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

/// What a panic says.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no words".to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{future::Future, io::Write, pin::pin, task::Context};

    use actix_rt::System;
    use bytes::Bytes;
    use dragline_fetch::Settings;
    use dragline_model::{FailureKind, ResponseHead, Timings};

    use super::*;
    use crate::Call;

    type Answers = mpsc::UnboundedReceiver<Answer>;
    type Notes = mpsc::UnboundedReceiver<Note>;

    /// Equipment for loopback, and what comes of it.
    pub(crate) fn equipment(board: &Arc<Board>) -> (Equipment, Answers, Notes) {
        let ((answers, arrivals), (notes, notes_out)) =
            (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        let settings = Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() };
        let equipment = Equipment {
            shared: Shared::new(settings).unwrap(),
            rules: Arc::new(Rules { retries: 0, ..Rules::default() }),
            board: Arc::clone(board),
            answers,
            notes,
            aside: Arc::new(Semaphore::new(1)),
            fail_fast: false,
            in_order: false,
        };
        (equipment, arrivals, notes_out)
    }

    /// A kilobyte that becomes so many bytes.
    fn coded(bytes: usize) -> Page {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; bytes]).unwrap();
        Page {
            status: 200,
            request: Vec::new().into(),
            head: ResponseHead::new(Bytes::from_static(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")),
            body: encoder.finish().unwrap().into(),
            truncated: None,
            peer: None,
            tls: None,
            timings: Timings::default(),
        }
    }

    #[tokio::test]
    async fn what_is_decoded_and_waits_for_room_is_one_body() {
        let board = Arc::new(Board::default());
        let (equipment, _answers, _notes) = equipment(&board);
        let (rules, aside) = (Arc::clone(&equipment.rules), Arc::clone(&equipment.aside));
        let bench = Bench { number: 0, client: Client::new(&equipment.shared), equipment };
        let room = 64 << 20;
        board.answered(true, room);

        let small = bench.settle(Answer::empty(), coded(LARGE_BODY_BYTES), None).await;
        assert_eq!((small.body.len(), small.truncated), (LARGE_BODY_BYTES, None), "it waits for nothing");

        let mut large = pin!(bench.settle(Answer::empty(), coded(LARGE_BODY_BYTES + 1), None));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        // Another thread has the rules while it works.
        let known = Arc::strong_count(&rules);
        assert!(large.as_mut().poll(&mut cx).is_pending());
        while Arc::strong_count(&rules) > known {
            std::thread::yield_now();
        }
        for _ in 0..1000 {
            assert!(large.as_mut().poll(&mut cx).is_pending(), "there is no room");
            tokio::task::yield_now().await;
        }
        assert_eq!(aside.available_permits(), 0, "no other is decoded meanwhile");
        board.took(room);
        let large = large.await;
        assert_eq!((large.body.len(), large.truncated), (LARGE_BODY_BYTES + 1, None));
        assert_eq!(aside.available_permits(), 1);
    }

    #[test]
    fn a_panic_over_one_is_its_answer_and_nobody_elses() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let board = Arc::new(Board::default());
        let (equipment, mut answers, mut notes) = equipment(&board);
        let errands = (1..=3).map(|n| {
            let call = Call::get(&format!("http://{closed}/")).unwrap();
            let mut errand = Box::new(Errand::new(n, call, None));
            if n == 2 {
                // No more can be added to it.
                errand.spent = Duration::MAX;
            }
            errand
        });
        System::new().block_on(async {
            let worker = Worker::start(0, &equipment).unwrap();
            assert!(worker.hand(errands.collect()).is_ok());
            let mut kinds = Vec::new();
            for _ in 1..=3 {
                let answer = answers.recv().await.unwrap();
                kinds.push((answer.n, answer.failure.unwrap().kind));
                assert!(matches!(notes.recv().await.unwrap().what, What::Done { rest: None }));
            }
            kinds.sort_unstable_by_key(|(n, _)| *n);
            let (other, own) = (FailureKind::Connect, FailureKind::Panicked);
            assert_eq!(kinds, [(1, other), (2, own), (3, other)]);
            worker.stop();
        });
    }
}
