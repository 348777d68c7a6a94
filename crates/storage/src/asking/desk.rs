//! Answering those who ask a store that this process has.
//!
//! Owns the threads that answer: one that waits for callers, one for each of them. Changes nothing in the store.

use std::{
    io,
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    protocol::{QUESTION_BYTES_MAX, Question, VERSION, WAIT_MAX, encode_page, read_frame, write_frame},
    socket,
};
use crate::{
    StoreError,
    index::{Page, Source},
};

/// Callers that are answered at a time; one more is hung up on and told why. Each takes a thread and an open file.
const CALLERS_MAX: usize = 32;
/// A caller who says nothing for so long is hung up on; asking again calls again.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// A caller who does not take the answer for so long is given up.
const UNHEARD_MAX: Duration = Duration::from_secs(30);
/// Callers may ask on for so long once the desk is to close: a listing under way is finished, a long one is not.
const CLOSING_MAX: Duration = Duration::from_secs(2);
/// A caller who asks nothing for so long has no listing under way.
const QUIET_MIN: Duration = Duration::from_millis(200);

/// What is asked for: an index, and whose it is.
pub(crate) struct Archivist {
    pub(crate) mark: [u8; 8],
    pub(crate) source: Arc<dyn Source>,
}

/// Answers for as long as it lives.
pub(crate) struct Desk {
    dir: PathBuf,
    callers: Arc<Callers>,
    door: Option<JoinHandle<()>>,
}

/// Who is being answered.
#[derive(Default)]
struct Callers {
    state: Mutex<CallersState>,
    fewer: Condvar,
}

#[derive(Default)]
struct CallersState {
    closing: bool,
    next: u64,
    lines: Vec<Line>,
}

/// A caller's line.
struct Line {
    number: u64,
    stream: UnixStream,
    asked: Instant,
}

impl Callers {
    fn lock(&self) -> MutexGuard<'_, CallersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// Opens the desk in the directory of a store that this process has.
    pub(crate) fn open(dir: &Path, archivist: Archivist) -> io::Result<Self> {
        let listener = socket::listen(dir)?;
        let callers = Arc::new(Callers::default());
        let (theirs, archivist) = (callers.clone(), Arc::new(archivist));
        let door = std::thread::Builder::new()
            .name("dragline-desk".to_owned())
            .spawn(move || let_in(&listener, &theirs, &archivist))
            .inspect_err(|_| socket::remove(dir))?;
        Ok(Self { dir: dir.to_owned(), callers, door: Some(door) })
    }
}

impl Drop for Desk {
    /// Takes no more callers, lets those there are finish, and hangs up on who does not.
    fn drop(&mut self) {
        self.callers.lock().closing = true;
        // Wakes the door, which waits for the next caller.
        let woken = socket::connect(&self.dir).is_ok();
        socket::remove(&self.dir);
        if let Some(door) = self.door.take().filter(|_| woken) {
            let _ = door.join();
        }
        let closed = Instant::now();
        let mut callers = self.callers.lock();
        while !callers.lines.is_empty() {
            for line in &callers.lines {
                if line.asked.elapsed() > QUIET_MIN || closed.elapsed() > CLOSING_MAX {
                    // Its thread ends as soon as it notices, and strikes it off.
                    let _ = line.stream.shutdown(Shutdown::Both);
                }
            }
            let fewer = self.callers.fewer.wait_timeout(callers, QUIET_MIN);
            callers = fewer.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Lets callers in until the desk closes.
fn let_in(listener: &UnixListener, callers: &Arc<Callers>, archivist: &Arc<Archivist>) {
    for line in listener.incoming() {
        if callers.lock().closing {
            return;
        }
        let Ok(line) = line else {
            // No open file left, most likely: somebody has to hang up first.
            std::thread::park_timeout(Duration::from_millis(50));
            continue;
        };
        if let Err(error) = take_up(line, callers, archivist) {
            tracing::warn!(%error, "somebody who asks for the store's records cannot be answered");
        }
    }
}

/// Gives a caller a thread.
fn take_up(mut line: UnixStream, callers: &Arc<Callers>, archivist: &Arc<Archivist>) -> io::Result<()> {
    line.set_read_timeout(Some(SILENCE_MAX))?;
    line.set_write_timeout(Some(UNHEARD_MAX))?;
    let ours = line.try_clone()?;
    let number = {
        let mut state = callers.lock();
        if state.lines.len() >= CALLERS_MAX {
            drop(state);
            return refuse(&mut line, &format!("{CALLERS_MAX} others ask it already; try again later"));
        }
        state.next += 1;
        let number = state.next;
        state.lines.push(Line { number, stream: ours, asked: Instant::now() });
        number
    };
    let leaving = Leaving { callers: callers.clone(), number };
    let archivist = archivist.clone();
    std::thread::Builder::new()
        .name("dragline-answer".to_owned())
        .spawn(move || {
            let leaving = leaving;
            // However it ends: the caller hears it.
            let _ = answer_all(&mut line, &archivist, &leaving);
        })
        .map(drop)
}

/// Strikes a caller off the list, also where the thread panics or never comes to be.
struct Leaving {
    callers: Arc<Callers>,
    number: u64,
}

impl Leaving {
    fn asks(&self) {
        let mut callers = self.callers.lock();
        if let Some(line) = callers.lines.iter_mut().find(|line| line.number == self.number) {
            line.asked = Instant::now();
        }
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.callers.lock().lines.retain(|line| line.number != self.number);
        self.callers.fewer.notify_all();
    }
}

/// Answers until the caller hangs up, says nothing, or says what nobody can understand.
fn answer_all(line: &mut UnixStream, archivist: &Archivist, caller: &Leaving) -> io::Result<()> {
    let mut greeted = false;
    while let Some(frame) = read_frame(line, QUESTION_BYTES_MAX)? {
        let Some(question) = Question::decode(&frame) else { return refuse(line, "that is no question") };
        caller.asks();
        let answer = match question {
            Question::Hello { version, .. } if version != VERSION => {
                Err("the dragline that has it is of another version; ask with that one".to_owned())
            }
            Question::Hello { mark, .. } if mark != archivist.mark => Err("it is another store".to_owned()),
            Question::Hello { .. } => {
                greeted = true;
                Ok(Vec::new())
            }
            _ if !greeted => return refuse(line, "a question before the greeting"),
            Question::Wait { seq, patience } => match wait(archivist, seq, patience, caller) {
                Some(answer) => answer,
                None => return Ok(()),
            },
            question => answer(archivist, &question),
        };
        match answer {
            Ok(answer) => write_frame(line, &[&[0], &answer])?,
            Err(why) => refuse(line, &why)?,
        }
    }
    Ok(())
}

fn answer(archivist: &Archivist, question: &Question) -> Result<Vec<u8>, String> {
    let source = &archivist.source;
    let in_words = |error: StoreError| error.to_string();
    match question {
        Question::Hello { .. } => Ok(Vec::new()),
        Question::State { settled } => {
            let state = if *settled { source.settled() } else { source.state() };
            state
                .map_err(in_words)
                .and_then(|state| serde_json::to_vec(&state).map_err(|error| error.to_string()))
        }
        Question::Row { seq } => Ok(match source.row(*seq).map_err(in_words)? {
            None => vec![0],
            Some(value) => [&[1], &value[..]].concat(),
        }),
        Question::Page { span, .. } if span.is_empty() => Ok(encode_page(&Page::default())),
        Question::Page { span, end, most } => {
            let page = source.page(span, *end, (*most).max(1) as usize);
            page.map(|page| encode_page(&page)).map_err(in_words)
        }
        Question::Wait { seq, .. } => source.wait(*seq, Duration::ZERO).map(of_number).map_err(in_words),
    }
}

/// Waits for news; `None` once the desk closes, which whoever waits does not keep open.
fn wait(
    archivist: &Archivist,
    seq: u64,
    patience: Duration,
    caller: &Leaving,
) -> Option<Result<Vec<u8>, String>> {
    let until = Instant::now() + patience.min(WAIT_MAX);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match archivist.source.wait(seq, left.min(QUIET_MIN)) {
            Err(error) => return Some(Err(error.to_string())),
            Ok(last) if last > seq || left.is_zero() => return Some(Ok(of_number(last))),
            Ok(_) if caller.callers.lock().closing => return None,
            Ok(_) => {}
        }
    }
}

fn of_number(number: u64) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

fn refuse(line: &mut UnixStream, why: &str) -> io::Result<()> {
    write_frame(line, &[&[1], why.as_bytes()])
}
