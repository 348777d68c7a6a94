//! The thread that says who is next.
//!
//! Neighbours: the feed before it (calls), the workers behind it (errands out, notes back). Owns the roster and the
//! workers. Calls are drawn only when nothing that is there could go: what an origin cannot take waits here, and
//! others are looked for, up to a bound.

use std::{
    io,
    panic::{AssertUnwindSafe, resume_unwind},
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use actix_rt::System;
use dragline_cookies::Jar;
use futures_util::FutureExt;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    Answer,
    board::AHEAD,
    errand::Errand,
    feed::Drawn,
    roster::Roster,
    worker::{self, Batch, Equipment, Note, What, Worker},
};

/// Calls that wait here for their origin before no further one is drawn. So many of one origin do not hold up
/// another's behind them; each takes half a kilobyte.
const QUEUED_MAX: usize = 65_536;

/// Errands handed to a worker at once: it shall begin before the last of ten thousand is granted.
const BATCH_MAX: usize = 256;

/// Notes read at once.
const NOTES_MAX: usize = 1024;

/// Errands that one worker has before another is started. Few calls share one thread and its connections.
const WORKER_FULL: usize = 128;

/// When nothing is due, or what is due lies beyond all clocks.
const FAR: Duration = Duration::from_secs(86_400);

/// See the module's documentation.
pub(crate) struct Dispatcher {
    pub(crate) roster: Roster<Box<Errand>>,
    pub(crate) equipment: Equipment,
    pub(crate) drawn: mpsc::Receiver<Drawn>,
    pub(crate) notes: mpsc::UnboundedReceiver<Note>,
    /// Requests that may be out at once.
    pub(crate) concurrency: u64,
    /// Threads that may be started.
    pub(crate) threads: usize,
    /// Everybody's cookies.
    pub(crate) jar: Option<Jar>,
    pub(crate) staff: Staff,
    pub(crate) out: u64,
    pub(crate) has_ended: bool,
}

impl Dispatcher {
    /// Works until everything is answered, or the wish to stop is known. Ends the workers before it returns. `begun`
    /// learns whether there is a worker to begin with.
    pub(crate) fn run(mut self, runtime: tokio::runtime::Runtime, begun: &SyncSender<io::Result<()>>) {
        let system = System::with_tokio_rt(move || runtime);
        system.block_on(async {
            let first = Worker::start(0, &self.equipment).map(|worker| self.staff.add(worker));
            let is_staffed = first.is_ok();
            // Whoever waits for this has not gone away.
            let _ = begun.send(first);
            if !is_staffed {
                return;
            }
            let over = AssertUnwindSafe(self.dispatch()).catch_unwind().await;
            // Also after a panic: the workers hold the other end of what the consumer waits for.
            self.staff.stop();
            if let Err(panic) = over {
                resume_unwind(panic);
            }
        });
    }

    async fn dispatch(&mut self) {
        let board = Arc::clone(&self.equipment.board);
        let mut notes = Vec::with_capacity(NOTES_MAX);
        loop {
            if board.is_stopped() {
                return;
            }
            let now = Instant::now();
            let bounds = self.bounds();
            self.advance(now);
            self.staff.hand_all(&self.equipment);
            board.out(self.out);
            if self.has_ended && self.out == 0 && self.roster.queued() == 0 {
                return;
            }
            if !self.has_room() || self.roster.is_ready() {
                board.starve();
                // What was taken since it was looked at rings no bell.
                if self.bounds() != bounds {
                    continue;
                }
            }
            // While nothing may go, a moment that makes something possible is none worth waking for.
            let due = self.may_grant().then(|| self.roster.due(now)).flatten().unwrap_or(now + FAR);
            let may_draw = self.may_draw();
            tokio::select! {
                _ = self.notes.recv_many(&mut notes, NOTES_MAX) => {
                    for note in notes.drain(..) {
                        self.take_note(note);
                    }
                }
                drawn = self.drawn.recv(), if may_draw => self.take_in(drawn),
                () = board.bell.notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }

    /// Grants what can go, and draws more where nothing can.
    fn advance(&mut self, now: Instant) {
        // Also where nothing may go: what is due stays due, and would be waited for in no time.
        self.roster.wake(now);
        loop {
            if let Some(errand) = self.grant(now) {
                self.out += 1;
                self.staff.give(errand, self.threads, &self.equipment);
                continue;
            }
            if !self.may_draw() {
                return;
            }
            match self.drawn.try_recv() {
                Ok(drawn) => self.take_in(Some(drawn)),
                Err(mpsc::error::TryRecvError::Disconnected) => self.take_in(None),
                Err(mpsc::error::TryRecvError::Empty) => return,
            }
        }
    }

    fn grant(&mut self, now: Instant) -> Option<Box<Errand>> {
        if !self.may_grant() {
            return None;
        }
        let last = self.last();
        let (mut errand, waited) = self.roster.grant(now, last)?;
        errand.waited(waited);
        Some(errand)
    }

    /// Something may go, if only the one that is due.
    fn may_grant(&self) -> bool {
        self.out < self.concurrency && (self.equipment.in_order || self.has_room())
    }

    /// What the consumer's pace allows: room for more, and the highest number.
    fn bounds(&self) -> (bool, u64) {
        (self.has_room(), self.last())
    }

    /// There is room for another answer, those included that are being asked for.
    fn has_room(&self) -> bool {
        let board = &self.equipment.board;
        board.untaken() + self.out < self.concurrency + AHEAD && board.has_room_for_bytes()
    }

    /// The highest number that may go.
    ///
    /// Taken in order of arrival, any answer makes room for any other. Taken in the order of the questions, only
    /// one does: that one may always go, and only so many that come after it. Nobody there waits with a body in
    /// hand, so that what is out is reckoned with before it comes.
    fn last(&self) -> u64 {
        let Equipment { board, in_order, .. } = &self.equipment;
        match (in_order, board.has_room_for(self.out + 1)) {
            (false, _) => u64::MAX,
            (true, true) => board.taken() + self.concurrency + AHEAD,
            (true, false) => board.taken() + 1,
        }
    }

    fn may_draw(&self) -> bool {
        !self.has_ended
            && !self.roster.is_ready()
            && self.roster.queued() < QUEUED_MAX
            && self.out < self.concurrency
            && self.has_room()
    }

    fn take_in(&mut self, drawn: Option<Drawn>) {
        let Equipment { board, answers, fail_fast, .. } = &self.equipment;
        match drawn {
            None => {
                self.has_ended = true;
                board.ended();
            }
            Some((n, Ok(call))) => {
                board.asked();
                let errand = Errand::new(n, call, self.jar.clone());
                let url = errand.target.url.clone();
                self.roster.put(n, url.origin(), Box::new(errand), Instant::now());
            }
            Some((n, Err(error))) => {
                board.asked();
                worker::send(board, answers, Answer::impossible(n, &error), *fail_fast);
            }
        }
    }

    fn take_note(&mut self, Note { worker, at, what }: Note) {
        self.out -= 1;
        self.staff.home(worker);
        let now = Instant::now();
        let after = |wait| now.checked_add(wait).unwrap_or(now + FAR);
        match what {
            What::Done { rest: None } => {}
            What::Done { rest: Some(rest) } => self.roster.rest(at.origin(), now, after(rest)),
            What::Back { errand, wait, rest } => {
                let (n, to) = (errand.n, errand.target.url.clone());
                if rest {
                    self.roster.rest(at.origin(), now, after(wait));
                }
                if rest || wait.is_zero() {
                    self.roster.put(n, to.origin(), errand, now);
                } else {
                    self.roster.wait(n, to.origin(), errand, now, after(wait));
                }
            }
        }
        self.roster.home(at.origin());
    }
}

/// The workers, and what each has.
#[derive(Default)]
pub(crate) struct Staff {
    workers: Vec<Place>,
}

struct Place {
    worker: Worker,
    /// Errands it has, those of the batch included.
    out: usize,
    /// What it will be handed next.
    batch: Batch,
}

impl Staff {
    /// Gives an errand to who has the fewest; the first of those, whose connections are the likeliest to be used
    /// again.
    fn give(&mut self, errand: Box<Errand>, threads: usize, equipment: &Equipment) {
        let fewest = self.workers.iter().enumerate().min_by_key(|(_, place)| place.out);
        let (number, fewest) = fewest.map_or((0, WORKER_FULL), |(number, place)| (number, place.out));
        // Where the system has no thread for one more, those who are there take it.
        let more = (fewest >= WORKER_FULL && self.workers.len() < threads.max(1))
            .then(|| Worker::start(self.workers.len(), equipment).ok())
            .flatten();
        let number = more.map_or(number, |worker| {
            self.add(worker);
            self.workers.len() - 1
        });
        let place = &mut self.workers[number];
        place.out += 1;
        place.batch.push(errand);
        if place.batch.len() >= BATCH_MAX {
            place.hand(number, equipment);
        }
    }

    fn add(&mut self, worker: Worker) {
        self.workers.push(Place { worker, out: 0, batch: Batch::new() });
    }

    fn hand_all(&mut self, equipment: &Equipment) {
        for (number, place) in self.workers.iter_mut().enumerate() {
            if !place.batch.is_empty() {
                place.hand(number, equipment);
            }
        }
    }

    fn home(&mut self, number: usize) {
        if let Some(place) = self.workers.get_mut(number) {
            place.out -= 1;
        }
    }

    fn stop(&mut self) {
        for place in self.workers.drain(..) {
            place.worker.stop();
        }
    }
}

impl Place {
    /// Hands over the batch; to a new worker, where the old one is no more.
    fn hand(&mut self, number: usize, equipment: &Equipment) {
        let batch = std::mem::take(&mut self.batch);
        if let Err(batch) = self.worker.hand(batch) {
            tracing::error!(worker = number, "a worker of a gathering is gone, and replaced");
            self.worker = start(number, equipment);
            // A worker that was just started takes everything in.
            let _ = self.worker.hand(batch);
        }
    }
}

/// Where the system has no thread left there is nothing to go on with; who consumes learns it.
fn start(number: usize, equipment: &Equipment) -> Worker {
    match Worker::start(number, equipment) {
        Ok(worker) => worker,
        Err(error) => panic!("no thread for a worker: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        sync::atomic::{AtomicBool, Ordering::SeqCst},
        task::{Context, Wake, Waker},
    };

    use super::*;
    use crate::{Call, board::Board, roster::Order, worker::tests::equipment};

    /// A dispatcher whose only request is out, while another waits for a second.
    fn waiting(board: &Arc<Board>) -> Dispatcher {
        let (equipment, _, notes) = equipment(board);
        let mut roster = Roster::new(1, Order::Turns, None);
        let errand = Errand::new(2, Call::get("http://a.test/").unwrap(), None);
        let now = Instant::now();
        roster.wait(2, "http://a.test", Box::new(errand), now, now + Duration::from_secs(1));
        Dispatcher {
            roster,
            equipment,
            drawn: mpsc::channel(1).1,
            notes,
            concurrency: 1,
            threads: 1,
            jar: None,
            staff: Staff::default(),
            out: 1,
            has_ended: true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_due_and_may_not_go_keeps_nobody_busy() {
        struct Bell(AtomicBool);
        impl Wake for Bell {
            fn wake(self: Arc<Self>) {
                self.0.store(true, SeqCst);
            }
        }
        let board = Arc::new(Board::default());
        let mut dispatcher = waiting(&board);
        let mut work = pin!(dispatcher.dispatch());
        let rung = Arc::new(Bell(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&rung));
        for seconds in [0, 2, 0] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            // It may have something to do, but not again and again.
            for _ in 0..4 {
                if rung.0.swap(false, SeqCst) {
                    assert!(work.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                }
                tokio::task::yield_now().await;
            }
            assert!(!rung.0.load(SeqCst), "it runs in a circle");
        }
        board.stop();
        assert!(work.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }
}
