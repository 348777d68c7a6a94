//! A tunnel through a SOCKS proxy (RFC 1928), signed in with user name and password where there are some
//! (RFC 1929).
//!
//! Owns the handshake's bytes. Every part of it says its own length, so no byte of what follows is ever read.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{Destination, Refusal};

const VERSION: u8 = 5;
/// Of the sub-negotiation (RFC 1929 §2).
const SIGN_IN_VERSION: u8 = 1;

/// Ways to sign in (RFC 1928 §3).
const NO_SIGN_IN: u8 = 0;
const PASSWORD: u8 = 2;
const NO_WAY: u8 = 0xff;

const CONNECT: u8 = 1;

/// Kinds of addresses (RFC 1928 §5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Asks for the tunnel; it stands when this is done.
pub(super) async fn tunnel(
    tcp: &mut TcpStream,
    to: Destination<'_>,
    credentials: Option<(&[u8], &[u8])>,
) -> Result<(), Refusal> {
    let request = request(to)?;
    let ways: &[u8] = if credentials.is_some() { &[NO_SIGN_IN, PASSWORD] } else { &[NO_SIGN_IN] };
    send(tcp, &[&[VERSION, ways.len() as u8], ways].concat()).await?;
    let [version, way] = receive(tcp).await?;
    if version != VERSION {
        return Err(Refusal::Proxy("does not speak SOCKS 5".to_owned()));
    }
    match (way, credentials) {
        (NO_SIGN_IN, _) => {}
        (PASSWORD, Some((user, password))) => {
            // Both lengths were checked when the proxy was written down.
            let (u, p) = ([user.len() as u8], [password.len() as u8]);
            send(tcp, &[&[SIGN_IN_VERSION], &u[..], user, &p[..], password].concat()).await?;
            let [_, status] = receive(tcp).await?;
            if status != 0 {
                return Err(Refusal::Proxy("does not accept the user name and password".to_owned()));
            }
        }
        (NO_WAY, Some(_)) => {
            return Err(Refusal::Proxy("accepts neither a user name with a password nor none".to_owned()));
        }
        (NO_WAY, None) => {
            return Err(Refusal::Proxy(
                "wants us signed in; write user:password@ before its host".to_owned(),
            ));
        }
        (other, _) => {
            return Err(Refusal::Proxy(format!("chose a way to sign in that was not offered ({other})")));
        }
    }
    send(tcp, &request).await?;
    let [version, code, _, kind] = receive(tcp).await?;
    if version != VERSION {
        return Err(Refusal::Proxy("does not speak SOCKS 5".to_owned()));
    }
    if code != 0 {
        return Err(refusal(code));
    }
    // The address it connects from, which nobody needs, and a port.
    match kind {
        IPV4 => receive::<6>(tcp).await.map(drop),
        IPV6 => receive::<18>(tcp).await.map(drop),
        NAME => {
            let [length] = receive(tcp).await?;
            let mut rest = vec![0; usize::from(length) + 2];
            tcp.read_exact(&mut rest).await.map(drop).map_err(lost)
        }
        other => Err(Refusal::Proxy(format!("answered with an address of no known kind ({other})"))),
    }
}

fn request(to: Destination<'_>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    let port = match to {
        Destination::Address(SocketAddr::V4(address)) => {
            bytes.push(IPV4);
            bytes.extend(address.ip().octets());
            address.port()
        }
        Destination::Address(SocketAddr::V6(address)) => {
            bytes.push(IPV6);
            bytes.extend(address.ip().octets());
            address.port()
        }
        Destination::Name(name, port) => {
            let length = u8::try_from(name.len()).map_err(|_| {
                Refusal::Target("a name of more than 255 bytes cannot be asked for".to_owned())
            })?;
            bytes.extend([NAME, length]);
            bytes.extend(name.as_bytes());
            port
        }
    };
    bytes.extend(port.to_be_bytes());
    Ok(bytes)
}

/// A reply's code in words (RFC 1928 §6).
fn refusal(code: u8) -> Refusal {
    match code {
        1 => Refusal::Proxy("failed for reasons of its own (SOCKS 1)".to_owned()),
        2 => Refusal::NotThere("does not allow it by its rules (SOCKS 2)".to_owned()),
        3 => Refusal::Target("network unreachable (SOCKS 3)".to_owned()),
        4 => Refusal::Target("host unreachable (SOCKS 4)".to_owned()),
        5 => Refusal::Target("connection refused (SOCKS 5)".to_owned()),
        6 => Refusal::Target("too many hops (SOCKS 6)".to_owned()),
        7 => Refusal::Proxy("does not know how to connect (SOCKS 7)".to_owned()),
        8 => Refusal::NotThere("does not know this kind of address (SOCKS 8)".to_owned()),
        other => Refusal::Proxy(format!("refuses with a code that has no meaning (SOCKS {other})")),
    }
}

async fn send(tcp: &mut TcpStream, bytes: &[u8]) -> Result<(), Refusal> {
    tcp.write_all(bytes).await.map_err(lost)
}

async fn receive<const N: usize>(tcp: &mut TcpStream) -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    tcp.read_exact(&mut bytes).await.map_err(lost)?;
    Ok(bytes)
}

fn lost(error: io::Error) -> Refusal {
    Refusal::Proxy(match error.kind() {
        io::ErrorKind::UnexpectedEof => "closed the connection within the SOCKS handshake".to_owned(),
        _ => format!("broke the connection off within the SOCKS handshake ({error})"),
    })
}
