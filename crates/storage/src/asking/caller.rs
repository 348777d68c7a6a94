//! Asking the process that has a store.
//!
//! Owns the connection, and calling again where it is lost: every question can be asked twice.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    protocol::{ANSWER_BYTES_MAX, Question, VERSION, WAIT_MAX, decode_page, read_frame, write_frame},
    socket,
};
use crate::{
    StoreError,
    index::{End, Page, Source, Span},
    schema::State,
};

/// How long an answer may take: longer than the longest wait for news, and than a disk that is slow.
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

/// Lines to the process that has a store: as many as there are questions at a time, for one that waits for news keeps
/// its own meanwhile.
#[derive(Debug)]
pub(crate) struct Caller {
    dir: PathBuf,
    mark: [u8; 8],
    /// Those over which nothing is being asked.
    lines: Mutex<Vec<UnixStream>>,
}

impl Caller {
    /// Calls whoever has the store; `None` where nobody answers.
    pub(crate) fn call(dir: &Path, mark: [u8; 8]) -> Result<Option<Self>, StoreError> {
        let caller = Self { dir: dir.to_owned(), mark, lines: Mutex::default() };
        match caller.connect() {
            Ok(Ok(line)) => caller.lines().push(line),
            Ok(Err(why)) => return Err(caller.refused(why)),
            Err(_) => return Ok(None),
        }
        Ok(Some(caller))
    }

    fn ask_state(&self, settled: bool) -> Result<State, StoreError> {
        let json = self.ask(&Question::State { settled })?;
        serde_json::from_slice(&json).map_err(|_| self.nonsense())
    }

    fn ask(&self, question: &Question) -> Result<Vec<u8>, StoreError> {
        let question = question.encode();
        // A line that was cut for its silence is not noticed before it is used; nor are the others like it.
        loop {
            // A statement of its own, so that the lock is let go before anything is asked.
            let kept = self.lines().pop();
            let Some(mut open) = kept else { break };
            match exchange(&mut open, &question) {
                Ok(answer) => return self.heard(open, answer),
                Err(_) => self.lines().clear(),
            }
        }
        let mut open = match self.connect() {
            Ok(connected) => connected.map_err(|why| self.refused(why))?,
            Err(error) => return Err(self.gone(&error)),
        };
        let answer = exchange(&mut open, &question).map_err(|error| self.gone(&error))?;
        self.heard(open, answer)
    }

    /// The line is good for the next question, whatever the answer was.
    fn heard(&self, line: UnixStream, answer: Result<Vec<u8>, String>) -> Result<Vec<u8>, StoreError> {
        self.lines().push(line);
        answer.map_err(|why| self.refused(why))
    }

    fn lines(&self) -> MutexGuard<'_, Vec<UnixStream>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line over which we were greeted, or why we were not.
    fn connect(&self) -> io::Result<Result<UnixStream, String>> {
        let mut line = socket::connect(&self.dir)?;
        line.set_read_timeout(Some(ANSWER_PATIENCE))?;
        line.set_write_timeout(Some(ANSWER_PATIENCE))?;
        let hello = Question::Hello { version: VERSION, mark: self.mark };
        Ok(exchange(&mut line, &hello.encode())?.map(|_| line))
    }

    fn refused(&self, why: String) -> StoreError {
        StoreError::Unanswered { dir: self.dir.clone(), why }
    }

    fn gone(&self, error: &io::Error) -> StoreError {
        self.refused(format!("it has ended meanwhile ({error}); ask again"))
    }

    fn nonsense(&self) -> StoreError {
        self.refused("its answer cannot be understood; is it of another version?".to_owned())
    }
}

impl Source for Caller {
    fn path(&self) -> &Path {
        &self.dir
    }

    fn row(&self, seq: u64) -> Result<Option<Bytes>, StoreError> {
        let answer = Bytes::from(self.ask(&Question::Row { seq })?);
        match answer.first() {
            Some(0) => Ok(None),
            Some(1) => Ok(Some(answer.slice(1..))),
            _ => Err(self.nonsense()),
        }
    }

    fn page(&self, span: &Span, end: End, most: usize) -> Result<Page, StoreError> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let answer = self.ask(&Question::Page { span: span.clone(), end, most })?;
        decode_page(&answer).ok_or_else(|| self.nonsense())
    }

    fn state(&self) -> Result<State, StoreError> {
        self.ask_state(false)
    }

    fn settled(&self) -> Result<State, StoreError> {
        self.ask_state(true)
    }

    fn wait(&self, seq: u64, patience: Duration) -> Result<u64, StoreError> {
        let until = Instant::now().checked_add(patience);
        loop {
            // The other side does not wait for longer than it likes.
            let left = until.map_or(WAIT_MAX, |until| until.saturating_duration_since(Instant::now()));
            let question = Question::Wait { seq, patience: left.min(WAIT_MAX) };
            let answer = self.ask(&question)?;
            let last = answer.try_into().map(u64::from_le_bytes).map_err(|_| self.nonsense())?;
            if last > seq || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(last);
            }
        }
    }
}

/// One question and its answer; the inner error is the other side's.
fn exchange(line: &mut UnixStream, question: &[u8]) -> io::Result<Result<Vec<u8>, String>> {
    write_frame(line, &[question])?;
    let mut frame = read_frame(line, ANSWER_BYTES_MAX)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    match frame.first() {
        Some(0) => {
            frame.remove(0);
            Ok(Ok(frame))
        }
        Some(1) => Ok(Err(String::from_utf8_lossy(&frame[1..]).into_owned())),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
