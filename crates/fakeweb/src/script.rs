//! Conversations written by hand: exact bytes, waits, cuts, and gates that a test opens.
//!
//! Owns the words that every answer that is not simply sent is made of, a page's misbehaviour too. Never
//! touches a socket: `connection.rs` does what a script says.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::watch;

/// One thing that the server does in answer to a request.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends these bytes. What comes to be sent together is sent in one write.
    Respond(Bytes),
    /// Sends these bytes again and again: so many times, or `None` for as long as the client takes them.
    Repeat(Bytes, Option<u64>),
    /// Sends one byte, waits, sends the next.
    Drip {
        /// The bytes.
        bytes: Bytes,
        /// The wait after each.
        every: Duration,
    },
    /// Waits.
    Delay(Duration),
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Ends the connection in order (FIN).
    Close,
    /// Ends the connection with a reset (RST); what was sent just before may be lost on the way.
    Reset,
    /// Says nothing until the client gives up.
    Hang,
}

impl Step {
    /// Sends these bytes.
    pub fn respond(bytes: impl Into<Bytes>) -> Self {
        Step::Respond(bytes.into())
    }

    /// Sends an answer in good order: status line, the fields given (`"Name: value"`), `Content-Length`, body.
    ///
    /// ```
    /// use dragline_fakeweb::Step;
    /// let Step::Respond(bytes) = Step::answer("301 Moved", &["Location: /there"], "") else { unreachable!() };
    /// assert_eq!(bytes, "HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
    /// ```
    pub fn answer(status: &str, fields: &[&str], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status}\r\n");
        for field in fields {
            bytes += field;
            bytes += "\r\n";
        }
        bytes += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        Step::Respond(bytes.into())
    }
}

/// What a path answers: to its first request the first list of steps, to the second the second, …, and the last
/// one from then on.
///
/// After its steps the connection is kept for the next request, unless they end it or the client asked for
/// that; the bytes are the script's own affair, framing included.
///
/// ```
/// use dragline_fakeweb::{Script, Step};
/// // Busy once, then a page.
/// let script = Script::new([Step::answer("503 Busy", &["Retry-After: 1"], "")]).then([Step::answer("200 OK", &[], "hello")]);
/// ```
#[derive(Debug, Clone)]
pub struct Script {
    answers: Vec<Arc<[Step]>>,
}

impl Script {
    /// Does these steps at every request.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { answers: vec![steps.into_iter().collect()] }
    }

    /// Sends these bytes at every request.
    pub fn respond(bytes: impl Into<Bytes>) -> Self {
        Self::new([Step::Respond(bytes.into())])
    }

    /// Answers 200 with this page of HTML.
    pub fn html(body: impl AsRef<[u8]>) -> Self {
        Self::new([Step::answer("200 OK", &["Content-Type: text/html; charset=utf-8"], body)])
    }

    /// From the next request on, these steps: with `n` lists so far they are for request `n + 1` and later.
    #[must_use]
    pub fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.answers.push(steps.into_iter().collect());
        self
    }
}

/// A place where the server waits until a test lets it go on. Clones are the same gate; once open it stays open.
#[derive(Clone)]
pub struct Gate(Arc<GateState>);

struct GateState {
    open: watch::Sender<bool>,
    reached: watch::Sender<u64>,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self(Arc::new(GateState { open: watch::Sender::new(false), reached: watch::Sender::new(0) }))
    }

    /// Lets everyone pass, now and later.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Returns when at least `n` requests have come to this gate since it was made; those that passed count.
    pub async fn reached(&self, n: u64) {
        // The sender lives as long as `self`: waiting cannot fail.
        let _ = self.0.reached.subscribe().wait_for(|count| *count >= n).await;
    }

    /// [`Gate::reached`] for a thread without a runtime.
    pub fn reached_blocking(&self, n: u64) {
        block_on(self.reached(n));
    }

    /// The server's side: says that it is here, and waits.
    pub(crate) async fn pass(&self) {
        self.0.reached.send_modify(|count| *count += 1);
        let _ = self.0.open.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("open", &*self.0.open.borrow())
            .field("reached", &*self.0.reached.borrow())
            .finish()
    }
}

fn block_on(future: impl Future<Output = ()>) {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    while future.as_mut().poll(&mut context).is_pending() {
        thread::park();
    }
}

/// The scripts of a running web, and how often each was asked for.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    by_host: RwLock<HashMap<String, HashMap<String, Playing>>>,
    /// So that a web without scripts never takes the lock.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Playing {
    script: Script,
    asked: AtomicUsize,
}

impl Scripts {
    /// Puts a script in its place; one that was there goes.
    pub(crate) fn insert(&self, host: &str, path: String, script: Script) {
        let playing = Playing { script, asked: AtomicUsize::new(0) };
        let mut by_host = self.by_host.write().unwrap_or_else(PoisonError::into_inner);
        by_host.entry(host.to_ascii_lowercase()).or_default().insert(path, playing);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// The steps for the next request of a path, if there is a script for it. `host` in lower case.
    pub(crate) fn next(&self, host: &str, path: &str) -> Option<Arc<[Step]>> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let by_host = self.by_host.read().unwrap_or_else(PoisonError::into_inner);
        let playing = [host, "*"]
            .iter()
            .filter_map(|host| by_host.get(*host))
            .find_map(|paths| paths.get(path).or_else(|| paths.get("*")))?;
        let nth = playing.asked.fetch_add(1, Ordering::Relaxed);
        let answers = &playing.script.answers;
        answers.get(nth).or(answers.last()).cloned()
    }

    /// Starts every script from its first answer again.
    pub(crate) fn rewind(&self) {
        let by_host = self.by_host.read().unwrap_or_else(PoisonError::into_inner);
        for playing in by_host.values().flat_map(HashMap::values) {
            playing.asked.store(0, Ordering::Relaxed);
        }
    }
}

/// The status of the first answer among some steps: the three digits behind `HTTP/1.x `.
pub(crate) fn status_of(steps: &[Step]) -> Option<u16> {
    let bytes = steps.iter().find_map(|step| match step {
        Step::Respond(bytes) | Step::Repeat(bytes, _) | Step::Drip { bytes, .. } => Some(bytes),
        _ => None,
    })?;
    let digits = bytes.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The rest that some steps ask for: a `Retry-After` in seconds, in the first bytes that they send.
pub(crate) fn rest_of(steps: &[Step]) -> Option<Duration> {
    let Some(Step::Respond(bytes)) = steps.first() else { return None };
    let head = std::str::from_utf8(&bytes[..memchr::memmem::find(bytes, b"\r\n\r\n")?]).ok()?;
    let fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))?;
    value.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_request_gets_the_nth_answer_and_then_the_last() {
        let scripts = Scripts::default();
        assert!(scripts.next("h", "/").is_none());
        let one = || Step::answer("503 Busy", &[], "");
        scripts.insert("H", "/".into(), Script::new([one()]).then([one(), Step::Close]));
        let lengths: Vec<_> = (0..3).map(|_| scripts.next("h", "/").unwrap().len()).collect();
        assert_eq!(lengths, [1, 2, 2]);
        scripts.rewind();
        assert_eq!(scripts.next("h", "/").unwrap().len(), 1);
    }

    #[test]
    fn an_exact_host_goes_before_any() {
        let scripts = Scripts::default();
        for (host, path, status) in [("*", "/x", 201), ("h", "*", 202), ("h", "/x", 203)] {
            scripts.insert(host, path.into(), Script::respond(format!("HTTP/1.1 {status} x\r\n\r\n")));
        }
        let status = |host, path| scripts.next(host, path).and_then(|steps| status_of(&steps));
        assert_eq!(status("h", "/x"), Some(203));
        assert_eq!(status("h", "/y"), Some(202));
        assert_eq!(status("g", "/x"), Some(201));
        assert_eq!(status("g", "/y"), None);
    }

    #[test]
    fn a_gate_counts_and_stays_open() {
        let gate = Gate::new();
        let server = gate.clone();
        let thread = thread::spawn(move || block_on(server.pass()));
        gate.reached_blocking(1);
        gate.open();
        thread.join().unwrap();
        block_on(gate.pass());
        gate.reached_blocking(2);
    }
}
