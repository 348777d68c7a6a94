//! A name server over UDP that says what a test tells it to (RFC 1035 §4).

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    thread,
};

/// What a name leads to, at the n-th question (from 0): addresses, and the name they are really those of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leads {
    pub(crate) to: Vec<Ipv4Addr>,
    pub(crate) alias: Option<&'static str>,
}

impl Leads {
    pub(crate) fn to(addresses: &[&str]) -> Self {
        Self { to: addresses.iter().map(|text| text.parse().unwrap()).collect(), alias: None }
    }
}

/// Starts it. Answers are good for no time at all: each connection asks anew. There is no IPv6 address of
/// anything.
pub(crate) fn name_server(leads: impl Fn(&str, usize) -> Leads + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut asked: HashMap<String, usize> = HashMap::new();
        let mut datagram = [0; 1500];
        while let Ok((length, asker)) = socket.recv_from(&mut datagram) {
            let query = &datagram[..length];
            let (name, end) = name_of(query);
            let is_a = query[end + 1] == 1;
            let found = if is_a {
                let nth = asked.entry(name.clone()).or_default();
                *nth += 1;
                leads(&name, *nth - 1)
            } else {
                Leads::default()
            };
            socket.send_to(&reply(query, &name, end, &found), asker).unwrap();
        }
    });
    address
}

/// The name that is asked for, and where its type begins.
fn name_of(query: &[u8]) -> (String, usize) {
    let (mut labels, mut at) = (Vec::new(), 12);
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_ascii_lowercase());
        at = end;
    }
    (labels.join("."), at + 1)
}

fn reply(query: &[u8], name: &str, end: usize, found: &Leads) -> Vec<u8> {
    let mut records = Vec::new();
    let owner = match found.alias {
        Some(alias) => {
            records.push(record(name, 5, &spelled(alias)));
            alias
        }
        None => name,
    };
    records.extend(found.to.iter().map(|address| record(owner, 1, &address.octets())));
    // The id, an answer with recursion, one question, the records, no more.
    let mut reply = [&query[..2], &[0x81, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]].concat();
    reply.extend(&query[12..end + 4]);
    reply.extend(records.concat());
    reply
}

/// A record of class IN that is not to be kept.
fn record(name: &str, kind: u8, data: &[u8]) -> Vec<u8> {
    [&spelled(name)[..], &[0, kind, 0, 1, 0, 0, 0, 0, 0, data.len() as u8], data].concat()
}

fn spelled(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        name.split('.').flat_map(|l| [&[l.len() as u8], l.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}
