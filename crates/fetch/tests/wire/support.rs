//! A server on loopback that answers with the bytes it is told to, and the world around one client.

use std::{
    future::Future,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dragline_fetch::{Client, Limits, Request, Settings, Shared};
use dragline_model::{CanonicalUrl, Failure, FailureKind, Page};

/// One request, as the server sees it.
pub(crate) struct Asked {
    /// The request's head as received.
    pub(crate) head: String,
    /// The path and query of its request line.
    pub(crate) target: String,
    /// The body, as long as its `Content-Length` says.
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
    /// Which request on that connection it is, from 0.
    pub(crate) nth: usize,
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// Sends the bytes and waits for the next request.
    Keep(Vec<u8>),
    /// Sends the bytes and closes.
    Close(Vec<u8>),
    /// Sends the bytes, then nothing until the client closes.
    Silence(Vec<u8>),
    /// Sends the bytes again and again until the client closes.
    Endless(Vec<u8>),
    /// Sends the bytes, then a single one at each tick until the client closes.
    Drip(Vec<u8>, Duration),
    /// Waits, sends the bytes, and waits for the next request.
    After(Duration, Vec<u8>),
}

/// Shorthand: the bytes of an answer that is sent and followed by closing.
pub(crate) fn close(text: &str) -> Reply {
    Reply::Close(text.as_bytes().to_vec())
}

/// Shorthand: the bytes of an answer on a connection that stays.
pub(crate) fn keep(text: &str) -> Reply {
    Reply::Keep(text.as_bytes().to_vec())
}

/// A server on its own threads, until the test process ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", answer)
    }

    pub(crate) fn at(address: &str, answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heads: Arc::default(),
        };
        let (connections, heads) = (Arc::clone(&server.connections), Arc::clone(&server.heads));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                let (heads, answer) = (Arc::clone(&heads), Arc::clone(&answer));
                // An error here is the client's going away; what the client made of it is the test's matter.
                std::thread::spawn(move || serve(stream?, connection, &heads, &*answer));
            }
        });
        server
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

#[allow(clippy::disallowed_methods, reason = "a slow server is what is played here, on a thread of its own")]
fn serve(
    mut stream: TcpStream,
    connection: usize,
    heads: &Mutex<Vec<String>>,
    answer: &dyn Fn(&Asked) -> Reply,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    for nth in 0.. {
        let Some(head) = read_head(&mut stream)? else { return Ok(()) };
        heads.lock().unwrap().push(head.clone());
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = if target.contains("unread") { Vec::new() } else { read_body(&mut stream, &head)? };
        match answer(&Asked { head, target, body, connection, nth }) {
            Reply::Keep(bytes) => stream.write_all(&bytes)?,
            Reply::Close(bytes) => return stream.write_all(&bytes),
            Reply::Silence(bytes) => {
                stream.write_all(&bytes)?;
                stream.read_to_end(&mut Vec::new())?;
                return Ok(());
            }
            Reply::Endless(bytes) => loop {
                stream.write_all(&bytes)?;
            },
            Reply::Drip(bytes, tick) => {
                stream.write_all(&bytes)?;
                loop {
                    std::thread::sleep(tick);
                    stream.write_all(b"x")?;
                }
            }
            Reply::After(time, bytes) => {
                std::thread::sleep(time);
                stream.write_all(&bytes)?;
            }
        }
    }
    Ok(())
}

/// `None` where the client has closed.
pub(crate) fn read_head(stream: &mut impl Read) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    Ok(Some(String::from_utf8(head).unwrap()))
}

fn read_body(stream: &mut impl Read, head: &str) -> std::io::Result<Vec<u8>> {
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Limits that a test can wait for.
pub(crate) fn short() -> Limits {
    let brief = Duration::from_millis(200);
    Limits { head: brief, idle: brief, ..Limits::default() }
}

/// Settings under which loopback may be asked.
pub(crate) fn loopback() -> Settings {
    Settings { allow_net: vec!["127.0.0.0/8".parse().unwrap()], ..Settings::default() }
}

pub(crate) fn client(settings: Settings) -> Client {
    Client::new(&Shared::new(settings).unwrap())
}

pub(crate) fn get(url: &str) -> Request {
    Request::get(CanonicalUrl::parse(url).unwrap())
}

/// Runs a test on a runtime as an arbiter has it.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(test)
}

/// One line for what came of a request: `200 whole "body"`, or the kind of the failure.
pub(crate) fn told(outcome: &Result<Page, Failure>) -> String {
    match outcome {
        Ok(page) => {
            let cut = page.truncated.map_or("whole", |cut| cut.as_str());
            format!("{} {cut} {:?}", page.status, String::from_utf8_lossy(&page.body))
        }
        Err(failure) => failure.kind.to_string(),
    }
}

/// The detail of a failure that must be of one kind.
pub(crate) fn detail(outcome: Result<Page, Failure>, kind: FailureKind) -> String {
    match outcome {
        Err(failure) if failure.kind == kind => failure.detail,
        other => panic!("expected {kind}, got {}: {other:?}", told(&other)),
    }
}
