//! Proxies on loopback, of both kinds, that write down what they are asked.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::read_head;

/// A proxy on its own threads, until the test process ends. It takes everybody to one server, wherever they
/// want to go.
pub(crate) struct TestProxy {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// An HTTP proxy. What it is asked is the heads of the requests.
    pub(crate) fn http(to: SocketAddr) -> Self {
        Self::new(move |stream, asked| serve_http(stream, to, asked))
    }

    /// A SOCKS proxy that wants `user:password`, or nothing where that is empty. What it is asked is
    /// `user:password` as given and where to go: `name a.test:80` or `address 1.2.3.4:80`.
    pub(crate) fn socks(to: SocketAddr, sign_in: &'static str) -> Self {
        Self::new(move |stream, asked| serve_socks(stream, to, sign_in, asked))
    }

    /// Something that answers the first head with these bytes and then says nothing more.
    pub(crate) fn saying(bytes: &'static [u8]) -> Self {
        Self::new(move |mut stream, asked| {
            if let Some(head) = read_head(&mut stream)? {
                asked(head);
                stream.write_all(bytes)?;
                stream.read_to_end(&mut Vec::new())?;
            }
            Ok(())
        })
    }

    /// Something that reads so many bytes and then sends these, part by part, and closes.
    pub(crate) fn blurting(parts: Vec<(usize, Vec<u8>)>) -> Self {
        Self::new(move |mut stream, _| {
            for (reads, says) in &parts {
                stream.read_exact(&mut vec![0; *reads])?;
                stream.write_all(says)?;
            }
            stream.shutdown(Shutdown::Write)?;
            stream.read_to_end(&mut Vec::new())?;
            Ok(())
        })
    }

    fn new(serve: impl Fn(TcpStream, &dyn Fn(String)) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            asked: Arc::default(),
        };
        let (connections, asked) = (Arc::clone(&proxy.connections), Arc::clone(&proxy.asked));
        let serve = Arc::new(serve);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (serve, asked) = (Arc::clone(&serve), Arc::clone(&asked));
                // An error is somebody's going away.
                std::thread::spawn(move || serve(stream?, &|what| asked.lock().unwrap().push(what)));
            }
        });
        proxy
    }

    /// Connections accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve_http(mut stream: TcpStream, to: SocketAddr, asked: &dyn Fn(String)) -> io::Result<()> {
    let mut server = None;
    while let Some(head) = read_head(&mut stream)? {
        asked(head.clone());
        if head.starts_with("CONNECT ") {
            let server = TcpStream::connect(to)?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n")?;
            return relay(stream, server);
        }
        let server = match &mut server {
            Some(server) => server,
            None => server.insert(TcpStream::connect(to)?),
        };
        // `GET http://host/path HTTP/1.1` becomes `GET /path HTTP/1.1`; what is the proxy's stays with it.
        let (line, fields) = head.split_once("\r\n").unwrap();
        let target = line.split(' ').nth(1).unwrap();
        let path = target.strip_prefix("http://").and_then(|rest| rest.find('/').map(|i| &rest[i..]));
        let line = line.replace(target, path.unwrap());
        let fields: String =
            fields.split_inclusive("\r\n").filter(|it| !it.starts_with("Proxy-Authorization:")).collect();
        server.write_all(format!("{line}\r\n{fields}").as_bytes())?;
        let Some(head) = read_head(server)? else { return Ok(()) };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        server.read_exact(&mut body)?;
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}

fn serve_socks(
    mut stream: TcpStream,
    to: SocketAddr,
    sign_in: &str,
    asked: &dyn Fn(String),
) -> io::Result<()> {
    let [_, ways] = read(&mut stream)?;
    let mut offered = vec![0; usize::from(ways)];
    stream.read_exact(&mut offered)?;
    let way = if sign_in.is_empty() { 0 } else { 2 };
    if !offered.contains(&way) {
        return stream.write_all(&[5, 0xff]);
    }
    stream.write_all(&[5, way])?;
    let mut given = String::new();
    if way == 2 {
        let [1] = read(&mut stream)? else { panic!("no sub-negotiation") };
        let pair = format!("{}:{}", read_text(&mut stream)?, read_text(&mut stream)?);
        let is_right = pair == sign_in;
        given = pair + " ";
        stream.write_all(&[1, u8::from(!is_right)])?;
        if !is_right {
            return Ok(());
        }
    }
    let [5, 1, 0, kind] = read(&mut stream)? else { panic!("no request to connect") };
    let place = match kind {
        1 => format!("address {}", std::net::Ipv4Addr::from(read::<4>(&mut stream)?)),
        4 => format!("address [{}]", std::net::Ipv6Addr::from(read::<16>(&mut stream)?)),
        3 => format!("name {}", read_text(&mut stream)?),
        other => panic!("an address of kind {other}"),
    };
    let port = u16::from_be_bytes(read(&mut stream)?);
    asked(format!("{given}{place}:{port}"));
    // A name as the bound address: its length has to be understood.
    stream.write_all(b"\x05\x00\x00\x03\x04test\x00\x50")?;
    relay(stream, TcpStream::connect(to)?)
}

fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn read_text(stream: &mut TcpStream) -> io::Result<String> {
    let [length] = read(stream)?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap())
}

fn relay(client: TcpStream, server: TcpStream) -> io::Result<()> {
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    let (mut from_server, mut to_client) = (server, client);
    io::copy(&mut from_server, &mut to_client)?;
    to_client.shutdown(Shutdown::Write)
}
