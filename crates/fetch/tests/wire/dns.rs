//! A name server on loopback that answers as it is told to, over UDP and TCP (RFC 1035 §4).

use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
};

use dragline_fetch::Settings;

use crate::support::loopback;

/// The kinds of questions; the discriminant is the type's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    A = 1,
    Aaaa = 28,
}

const CNAME: u16 = 5;
const SOA: u16 = 6;

/// What the server says to a question.
#[derive(Debug, Clone)]
pub(crate) enum Says {
    /// These addresses, for so many seconds. Those of the other kind than asked for are left out.
    Addresses(&'static [&'static str], u32),
    /// The name is another's alias, for so many seconds, and that one has these addresses, for so many.
    Alias(&'static str, u32, &'static [&'static str], u32),
    /// There is no such name; believe it for so many seconds.
    NoName(Option<u32>),
    /// It has no address of this kind; believe it for so many seconds.
    NoAddress(Option<u32>),
    /// An error code.
    Code(u8),
    /// More than fits: ask over TCP.
    Truncated,
    /// Nothing.
    Silence,
}

/// A question, as the server sees it.
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// How often that was asked before. A datagram that is sent again is the same question.
    pub(crate) nth: usize,
    /// The datagram was there before; the client had waited in vain.
    pub(crate) again: bool,
    pub(crate) tcp: bool,
}

/// A server on its own threads, until the test process ends.
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Vec<Entry>>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    id: u16,
    name: String,
    kind: Kind,
}

impl NameServer {
    pub(crate) fn new(says: impl Fn(&Question) -> Says + Send + Sync + 'static) -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            // The same port may be taken for TCP; then try another.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let server = Self { address: udp.local_addr().unwrap(), log: Arc::default() };
        let (log, says) = (Arc::clone(&server.log), Arc::new(says));
        let (tcp_log, tcp_says) = (Arc::clone(&server.log), Arc::clone(&says));
        std::thread::spawn(move || {
            let mut datagram = [0; 1500];
            while let Ok((length, asker)) = udp.recv_from(&mut datagram) {
                if let Some(reply) = answer(&datagram[..length], false, &log, &*says) {
                    udp.send_to(&reply, asker).unwrap();
                }
            }
        });
        std::thread::spawn(move || {
            for stream in tcp.incoming() {
                let (log, says) = (Arc::clone(&tcp_log), Arc::clone(&tcp_says));
                std::thread::spawn(move || -> std::io::Result<()> {
                    let mut stream = stream?;
                    loop {
                        let mut length = [0; 2];
                        stream.read_exact(&mut length)?;
                        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
                        stream.read_exact(&mut query)?;
                        if let Some(reply) = answer(&query, true, &log, &*says) {
                            stream.write_all(&[&(reply.len() as u16).to_be_bytes(), &reply[..]].concat())?;
                        }
                    }
                });
            }
        });
        server
    }

    /// Settings under which loopback may be asked, and names are asked for here.
    pub(crate) fn settings(&self) -> Settings {
        Settings { name_servers: vec![self.address], ..loopback() }
    }

    /// How often a name was asked for, each datagram that was sent again counted once.
    pub(crate) fn asked(&self, name: &str, kind: Kind) -> usize {
        self.log.lock().unwrap().iter().filter(|it| it.name == name && it.kind == kind).count()
    }

    /// All questions so far.
    pub(crate) fn asked_in_all(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

fn answer(
    query: &[u8],
    tcp: bool,
    log: &Mutex<Vec<Entry>>,
    says: &dyn Fn(&Question) -> Says,
) -> Option<Vec<u8>> {
    let id = u16::from_be_bytes([query[0], query[1]]);
    let (mut name, mut at) = (String::new(), 12);
    while query[at] != 0 {
        let label = &query[at + 1..at + 1 + usize::from(query[at])];
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(std::str::from_utf8(label).unwrap());
        at += 1 + label.len();
    }
    let question = &query[12..at + 5];
    let kind = match query[at + 2] {
        1 => Kind::A,
        28 => Kind::Aaaa,
        other => panic!("a question of type {other}"),
    };
    let entry = Entry { id, name: name.clone(), kind };
    let (nth, again) = {
        let mut log = log.lock().unwrap();
        let again = log.contains(&entry);
        let nth = log.iter().filter(|it| it.name == name && it.kind == kind && it.id != id).count();
        if !again {
            log.push(entry);
        }
        (nth, again)
    };

    let (mut code, mut answers, mut soa, mut truncated) = (0, Vec::new(), None, false);
    match says(&Question { name: name.clone(), kind, nth, again, tcp }) {
        Says::Addresses(addresses, ttl) => answers = addresses_of(&name, addresses, kind, ttl),
        Says::Alias(other, ttl, addresses, other_ttl) => {
            answers.push(record(&name, CNAME, ttl, &spelled(other)));
            answers.extend(addresses_of(other, addresses, kind, other_ttl));
        }
        Says::NoName(ttl) => (code, soa) = (3, ttl),
        Says::NoAddress(ttl) => soa = ttl,
        Says::Code(number) => code = number,
        Says::Truncated => truncated = true,
        Says::Silence => return None,
    }
    let authority = soa.map(|ttl| {
        let numbers = [1, 1, 1, 1, ttl].map(u32::to_be_bytes).concat();
        record("test", SOA, ttl, &[&spelled("ns.test"), &spelled("hostmaster.test"), &numbers[..]].concat())
    });
    let mut reply = id.to_be_bytes().to_vec();
    // An answer, recursion desired and available.
    reply.extend([0x81 | u8::from(truncated) << 1, 0x80 | code]);
    for count in [1, answers.len(), usize::from(authority.is_some()), 0] {
        reply.extend((count as u16).to_be_bytes());
    }
    reply.extend(question);
    reply.extend(answers.concat());
    reply.extend(authority.unwrap_or_default());
    Some(reply)
}

fn addresses_of(name: &str, addresses: &[&str], kind: Kind, ttl: u32) -> Vec<Vec<u8>> {
    let of_kind = addresses.iter().filter_map(|text| match (text.parse().unwrap(), kind) {
        (IpAddr::V4(v4), Kind::A) => Some(v4.octets().to_vec()),
        (IpAddr::V6(v6), Kind::Aaaa) => Some(v6.octets().to_vec()),
        _ => None,
    });
    of_kind.map(|data| record(name, kind as u16, ttl, &data)).collect()
}

fn record(name: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = spelled(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn spelled(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.') {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
