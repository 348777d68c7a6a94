//! Servers on loopback that answer as a closure says, and remember what they were asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use dragline_fetch::Settings;
use dragline_frontier::RetryTable;
use dragline_gather::{Answer, Call, Gather, GatherError};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Barrier, Semaphore},
};

/// Turns of the server's runtime, in which it looks at its sockets some times.
const LET_IN: usize = 1000;

/// One request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    /// Which request on its connection, from 1.
    pub(crate) nth: usize,
    pub(crate) method: String,
    pub(crate) target: String,
    /// Request line and fields.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What becomes of a request.
pub(crate) enum Reply {
    Now(String),
    /// When so many are at the barrier.
    Together(Arc<Barrier>, String),
    /// For a permit, which is used up.
    For(Arc<Semaphore>, String),
    Never,
}

/// An answer with a length.
pub(crate) fn reply(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

pub(crate) fn json(body: &str) -> Reply {
    Reply::Now(reply("200 OK", "Content-Type: application/json\r\n", body))
}

pub(crate) fn redirect(status: u16, to: &str) -> Reply {
    Reply::Now(reply(&format!("{status} Over there"), &format!("Location: {to}\r\n"), ""))
}

#[derive(Default)]
struct Book {
    seen: Mutex<Vec<Seen>>,
    here: AtomicUsize,
    most: AtomicUsize,
}

/// A server; it ends with the process.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    book: Arc<Book>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book::default());
        let for_server = Arc::clone(&book);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let answer: Arc<dyn Fn(&Seen) -> Reply + Send + Sync> = Arc::new(answer);
                while let Ok((socket, _)) = listener.accept().await {
                    tokio::spawn(serve(socket, Arc::clone(&for_server), Arc::clone(&answer)));
                }
            });
        });
        Self { address, book }
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn origin(&self) -> String {
        self.url("")
    }

    /// What was asked, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.book.seen.lock().unwrap().clone()
    }

    /// `METHOD target` of what was asked, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
    }

    /// The most requests that were unanswered at once.
    pub(crate) fn most(&self) -> usize {
        self.book.most.load(SeqCst)
    }

    /// Returns when so many requests have come.
    pub(crate) fn wait_for(&self, requests: usize) {
        while self.book.seen.lock().unwrap().len() < requests {
            thread::yield_now();
        }
    }
}

async fn serve(mut socket: TcpStream, book: Arc<Book>, answer: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>) {
    let mut bytes = Vec::new();
    for nth in 1.. {
        let Some(seen) = read(&mut socket, &mut bytes, nth).await else { return };
        book.seen.lock().unwrap().push(seen.clone());
        let here = book.here.fetch_add(1, SeqCst) + 1;
        book.most.fetch_max(here, SeqCst);
        let text = match answer(&seen) {
            Reply::Now(text) => text,
            Reply::Together(barrier, text) => {
                barrier.wait().await;
                // Whoever else is on the way is let in.
                for _ in 0..LET_IN {
                    tokio::task::yield_now().await;
                }
                text
            }
            Reply::For(permits, text) => {
                permits.acquire().await.unwrap().forget();
                text
            }
            Reply::Never => return std::future::pending().await,
        };
        book.here.fetch_sub(1, SeqCst);
        if socket.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(socket: &mut TcpStream, bytes: &mut Vec<u8>, nth: usize) -> Option<Seen> {
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let mut words = head.split(' ');
            let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
            let mut seen = Seen { at: Instant::now(), nth, method, target, head, body: String::new() };
            let length: usize = seen.field("content-length").map_or(0, |it| it.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                seen.body = String::from_utf8_lossy(&bytes[end + 4..end + 4 + length]).into_owned();
                bytes.drain(..end + 4 + length);
                return Some(seen);
            }
        }
        if socket.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

pub(crate) fn loopback() -> Settings {
    Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() }
}

/// A gathering that may go to loopback and does not wait long before another attempt.
pub(crate) fn gather<C>(calls: C) -> Gather
where
    C: IntoIterator + Send + 'static,
    C::Item: TryInto<Call>,
    <C::Item as TryInto<Call>>::Error: Into<GatherError>,
{
    Gather::new(calls).settings(loopback()).retry_table(RetryTable { base: Duration::from_millis(1) })
}

/// The answer to one call.
pub(crate) fn ask<C>(call: C) -> Answer
where
    C: TryInto<Call> + Send + 'static,
    C::Error: Into<GatherError>,
{
    one(gather([call]))
}

/// The only answer there is.
pub(crate) fn one(gather: Gather) -> Answer {
    let mut answers: Vec<Answer> = gather.start().unwrap().collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

/// What went wrong, or did not.
pub(crate) fn told(answer: &Answer) -> String {
    match &answer.failure {
        Some(failure) => failure.to_string(),
        None => format!("{} {}", answer.status.unwrap(), answer.detail.as_deref().unwrap_or_default()),
    }
}
