//! A server at any loopback address, that counts who comes and speaks TLS where it is spoken to.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The head as received.
    pub(crate) head: String,
    /// Its path and query.
    pub(crate) target: String,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
    /// It came over TLS.
    pub(crate) secure: bool,
}

impl Asked {
    /// The first value of a field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What answers a request: the bytes, after which the next request is waited for.
type Answer = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;

/// A server on threads of its own, until the test process ends.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// Some port of the public of these tests.
pub(crate) const PUBLIC_ANY: &str = "127.0.1.1:0";

/// A public server.
pub(crate) fn public(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Site {
    Site::at(PUBLIC_ANY, None, answer)
}

/// A private server on the port of a public one, whom nobody may ask.
pub(crate) fn private(port: u16) -> Site {
    Site::at(&format!("127.0.9.1:{port}"), None, |_| ok("private"))
}

impl Site {
    /// A server, which answers in TLS too where it has a certificate.
    pub(crate) fn at(
        address: &str,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            asked: Arc::default(),
        };
        let (connections, asked) = (Arc::clone(&site.connections), Arc::clone(&site.asked));
        let answer: Arc<Answer> = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                let (asked, answer, tls) = (Arc::clone(&asked), Arc::clone(&answer), tls.clone());
                // An error is the client's going away.
                thread::spawn(move || serve(stream?, connection, tls, &asked, &*answer));
            }
        });
        site
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    stream: TcpStream,
    connection: usize,
    tls: Option<Arc<ServerConfig>>,
    asked: &Mutex<Vec<Asked>>,
    answer: &Answer,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    // A handshake record (RFC 8446 §5.1) and no letter of a method.
    match tls {
        Some(config) if stream.peek(&mut first)? == 1 && first[0] == 22 => {
            let session = ServerConnection::new(config).map_err(io::Error::other)?;
            converse(StreamOwned::new(session, stream), connection, true, asked, answer)
        }
        _ => converse(stream, connection, false, asked, answer),
    }
}

fn converse(
    mut stream: impl Read + Write,
    connection: usize,
    secure: bool,
    seen: &Mutex<Vec<Asked>>,
    answer: &Answer,
) -> io::Result<()> {
    loop {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let asked = Asked { head, target, connection, secure };
        seen.lock().unwrap().push(asked.clone());
        stream.write_all(&answer(&asked))?;
        stream.flush()?;
    }
}

/// An answer with a length.
pub(crate) fn answer(status: &str, fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A page of HTML.
pub(crate) fn ok(html: &str) -> Vec<u8> {
    answer("200 OK", "Content-Type: text/html\r\n", html)
}

/// A redirect.
pub(crate) fn redirect(status: u16, location: &str) -> Vec<u8> {
    answer(&format!("{status} Over there"), &format!("Location: {location}\r\n"), "")
}

/// A page with these links.
pub(crate) fn links<S: AsRef<str>>(to: impl IntoIterator<Item = S>) -> Vec<u8> {
    ok(&to.into_iter().map(|to| format!("<a href=\"{}\">x</a>\n", to.as_ref())).collect::<String>())
}
