//! The consumer's end: answers as they arrive, or in the order of the questions.
//!
//! Owns the end of everything: who drops this ends the threads.

use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    panic::resume_unwind,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker, ready},
    thread::{self, JoinHandle, Thread},
};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::{Answer, Progress, board::Board};

/// The answers of a gathering: an iterator that waits for the next one. [`stream`](Self::stream) makes it one that
/// is awaited.
///
/// Each call has one answer. What is not taken stops what is not asked yet, so that a slow consumer has no pile
/// before it. Dropping it stops everything, and returns when the threads are gone; only one that draws the calls
/// from a source that makes it wait is left to end with its next call.
pub struct Answers {
    arrivals: mpsc::UnboundedReceiver<Answer>,
    board: Arc<Board>,
    dispatcher: Option<JoinHandle<()>>,
    /// Answers whose turn has not come, where they are wished for in order, and whose turn it is.
    held: Option<(BTreeMap<u64, Answer>, u64)>,
}

impl Answers {
    pub(crate) fn new(
        arrivals: mpsc::UnboundedReceiver<Answer>,
        board: Arc<Board>,
        dispatcher: JoinHandle<()>,
        in_order: bool,
    ) -> Self {
        let held = in_order.then(|| (BTreeMap::new(), 1));
        Self { arrivals, board, dispatcher: Some(dispatcher), held }
    }

    /// The same to be awaited, on any runtime.
    pub fn stream(self) -> AnswerStream {
        AnswerStream(self)
    }

    /// How far it has come. Cheap.
    pub fn progress(&self) -> Progress {
        self.board.progress()
    }

    /// True where the next answer is there, and taking it waits for nothing. One that has arrived only just now may
    /// be missed. Whoever writes answers out can so tell when to flush:
    ///
    /// ```no_run
    /// # use std::io::Write;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let mut out = std::io::stdout();
    /// let mut answers = dragline_gather::Gather::new(["http://a.example/"]).start()?;
    /// while let Some(answer) = answers.next() {
    ///     writeln!(out, "{}", answer.line())?;
    ///     if !answers.is_next_ready() {
    ///         out.flush()?;
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_next_ready(&self) -> bool {
        match &self.held {
            None => !self.arrivals.is_empty(),
            Some((held, next)) => held.contains_key(next),
        }
    }

    /// Stops: what is out is dropped, and what has arrived can still be taken.
    pub fn stop(&self) {
        self.board.stop();
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.board))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let answer = ready!(self.poll_arrival(cx));
        match &answer {
            Some(answer) => self.board.took(answer.body.len()),
            None => self.join(),
        }
        Poll::Ready(answer)
    }

    fn poll_arrival(&mut self, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        let Some((held, next)) = &mut self.held else { return self.arrivals.poll_recv(cx) };
        // All that is there, so that it is known what is ready.
        let has_ended = loop {
            match self.arrivals.poll_recv(cx) {
                Poll::Ready(Some(answer)) => held.insert(answer.n, answer),
                Poll::Ready(None) => break true,
                Poll::Pending => break false,
            };
        };
        match held.remove(next) {
            Some(due) => {
                *next += 1;
                Poll::Ready(Some(due))
            }
            // Stopped: whose turn it was never comes.
            None if has_ended => Poll::Ready(held.pop_first().map(|(_, answer)| answer)),
            None => Poll::Pending,
        }
    }

    /// Waits for the threads, which are at their end. A panic of theirs goes on here: answers are missing.
    fn join(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take()
            && let Err(panic) = dispatcher.join()
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}

impl Iterator for Answers {
    type Item = Answer;

    /// The next answer. Waits for it, without a runtime and within any.
    fn next(&mut self) -> Option<Answer> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        let mut next = pin!(poll_fn(|cx| self.poll_next(cx)));
        loop {
            match next.as_mut().poll(&mut cx) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.board.stop();
        self.join();
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

/// [`Answers`] that are awaited. Needs no particular runtime.
#[derive(Debug)]
pub struct AnswerStream(Answers);

impl AnswerStream {
    /// As [`Answers::progress`].
    pub fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// As [`Answers::handle`].
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }
}

impl Stream for AnswerStream {
    type Item = Answer;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Answer>> {
        self.0.poll_next(cx)
    }
}

/// A gathering, seen from another thread: it can be watched and stopped.
#[derive(Clone)]
pub struct Handle(Arc<Board>);

impl Handle {
    /// As [`Answers::progress`].
    pub fn progress(&self) -> Progress {
        self.0.progress()
    }

    /// As [`Answers::stop`].
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.progress()).finish()
    }
}

/// Wakes a thread that waits for an answer.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_go_to_other_threads() {
        fn sent<T: Send + 'static>() {}
        fn shared<T: Send + Sync + 'static>() {}
        sent::<crate::Gather>();
        sent::<Answers>();
        sent::<AnswerStream>();
        shared::<Answer>();
        shared::<Handle>();
    }
}
