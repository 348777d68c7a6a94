//! From a URL's host to an open connection.
//!
//! Owns the order of things: the port and the host judged, name to addresses, every address past the guard, a
//! turn, a share of the open files, TCP, a proxy's part in it, TLS; each timed, each with its own limit, each with
//! its own words when it fails. Never connects to an address that was not judged: the name is not looked up a
//! second time.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dragline_model::{Failure, FailureKind, TlsSession, TlsVersion};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    connector::Wire,
    exchange::Exchange,
    eyeballs::{Lost, Won, race},
    guard,
    proxy::{Destination, Proxy, Refusal},
    shared::Inner,
    stream::{Conn, Stream},
    targets::Targets,
};

/// What `localhost` and every name below it lead to, without a look-up (RFC 6761 §6.3).
const LOOPBACK: [IpAddr; 2] = [IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)];

/// Opens a connection for an exchange, through the proxy that was chosen for it where there is one.
pub(crate) async fn dial(wire: &Wire, exchange: &Exchange) -> Result<Conn, Failure> {
    let opened = match exchange.proxy() {
        None => direct(wire, exchange).await,
        Some(chosen) => {
            let proxy = &wire.shared.settings.proxies[chosen];
            // What few need is a box of its own: every connection would carry room for it otherwise.
            Box::pin(through(wire, exchange, proxy, || wire.proxies.rest(chosen))).await
        }
    };
    let conn = opened?;
    // A proxy that passes requests on is handed those in the clear; for all others there is a tunnel.
    if exchange.url.is_https() {
        Box::pin(secure(&wire.shared, exchange, conn)).await
    } else {
        Ok(conn.into())
    }
}

/// A TCP connection to the target, or to a proxy that stands for it.
struct Opened {
    tcp: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    forward: Option<Arc<str>>,
}

impl From<Opened> for Conn {
    fn from(Opened { tcp, peer, permit, forward }: Opened) -> Self {
        let mut conn = Conn::new(Stream::Plain(tcp), peer, permit);
        conn.forward = forward;
        conn
    }
}

async fn direct(wire: &Wire, exchange: &Exchange) -> Result<Opened, Failure> {
    let name = bare(exchange.url.host());
    let (guard, names) = (&wire.shared.guard, &wire.shared.names);
    let targets = match judge(&wire.shared, exchange)? {
        Place::Wished(address) => Targets::fixed(name, [address]),
        Place::Known(addresses) => Targets::fixed(name, addresses),
        Place::Named => Targets::named(names, name, exchange.url.port(), Some(guard)),
    };
    let (opened, _) = open(wire, exchange, exchange.url.origin(), targets).await?;
    Ok(opened)
}

/// `is_bad` is called where the proxy is no good for anybody, and not where it only does not go there.
async fn through(
    wire: &Wire,
    exchange: &Exchange,
    proxy: &Proxy,
    is_bad: impl Fn(),
) -> Result<Opened, Failure> {
    let shared = &wire.shared;
    let (name, port) = (bare(exchange.url.host()), exchange.url.port());
    // An address is judged here, for it is the same address to the proxy. A name is the proxy's to resolve.
    let (to, is_wish) = match judge(shared, exchange)? {
        Place::Wished(address) => (Destination::Address(address), true),
        Place::Known(addresses) => {
            (addresses.first().map_or(Destination::Name(name, port), |it| Destination::Address(*it)), false)
        }
        Place::Named => (Destination::Name(name, port), false),
    };
    // The proxy's own address is the user's wish: no guard. Its name may be overridden like any other.
    let targets = match shared.override_of(proxy.host()) {
        Some(wish) => Targets::fixed(proxy.name(), [wish.target(proxy.port())]),
        None => match literal_or_loopback(proxy.name()) {
            Some(known) => {
                Targets::fixed(proxy.name(), known.into_iter().map(|ip| (ip, proxy.port()).into()))
            }
            None => Targets::named(&shared.names, proxy.name(), proxy.port(), None),
        },
    };
    let gate = proxy.to_string();
    let unreachable = |failure: Failure| match failure.kind {
        FailureKind::Resources => failure,
        _ => {
            is_bad();
            let why = format!("the proxy {proxy} cannot be reached: {}", failure.detail);
            Failure::new(FailureKind::Proxy, why)
        }
    };
    let (mut opened, started) = open(wire, exchange, &gate, targets).await.map_err(unreachable)?;
    if proxy.forwards() && !exchange.url.is_https() && !is_wish {
        opened.forward = Some(proxy.authorization().into());
        return Ok(opened);
    }
    let limit = shared.settings.limits.connect;
    let tunnel = proxy.tunnel(&mut opened.tcp, to, &shared.settings.user_agent);
    let outcome = timeout_at(until(limit, exchange), tunnel)
        .await
        .unwrap_or_else(|_| Err(Refusal::Proxy(format!("gave no answer within {}", seconds(limit)))));
    exchange.time(|t| t.connect = Some(started.elapsed()));
    outcome.map_err(|refusal| {
        if matches!(refusal, Refusal::Proxy(_)) {
            is_bad();
        }
        proxy.failure(refusal, to)
    })?;
    Ok(opened)
}

/// Where a URL's host is to be found.
enum Place {
    /// Where the user says.
    Wished(SocketAddr),
    /// At these addresses, which the guard lets pass.
    Known(Vec<SocketAddr>),
    /// Where its name leads to.
    Named,
}

fn judge(shared: &Inner, exchange: &Exchange) -> Result<Place, Failure> {
    let (host, port) = (exchange.url.host(), exchange.url.port());
    let wish = shared.override_of(host);
    if !wish.is_some_and(|wish| wish.names_port()) {
        guard::admit_port(host, port)?;
    }
    if let Some(wish) = wish {
        return Ok(Place::Wished(wish.target(port)));
    }
    let Some(known) = literal_or_loopback(bare(host)) else { return Ok(Place::Named) };
    let mut refusal = None;
    let mut admitted = Vec::with_capacity(known.len());
    for address in known {
        match shared.guard.admit(address) {
            Ok(()) => admitted.push((address, port).into()),
            Err(failure) => refusal = Some(failure),
        }
    }
    match refusal {
        Some(refusal) if admitted.is_empty() => Err(refusal),
        _ => Ok(Place::Known(admitted)),
    }
}

/// The addresses of a host that need no look-up.
fn literal_or_loopback(name: &str) -> Option<Vec<IpAddr>> {
    if let Ok(literal) = name.parse() {
        return Some(vec![literal]);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    (name == "localhost" || name.ends_with(".localhost")).then(|| LOOPBACK.to_vec())
}

/// A host without an IPv6 address's brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Opens a TCP connection to one of the targets; and when that was begun. `gate` is the place whose turns are
/// waited for.
async fn open(
    wire: &Wire,
    exchange: &Exchange,
    gate: &str,
    mut targets: Targets<'_>,
) -> Result<(Opened, Instant), Failure> {
    let shared = &*wire.shared;
    let limit = shared.settings.limits.connect;
    if targets.awaits_more() {
        let asked = Instant::now();
        let begun = Box::pin(timeout_at(until(limit, exchange), targets.begin())).await;
        exchange.time(|t| t.dns = Some(asked.elapsed()));
        if begun.is_err() {
            return Err(targets.silence(limit));
        }
    }
    if targets.is_empty() {
        return Err(targets.failure());
    }

    let _turn = timeout_at(exchange.deadline.get(), wire.gates.turn(gate)).await.map_err(|_| {
        Failure::new(
            FailureKind::Connect,
            format!("no turn to connect to {gate}: too many connects to it hang"),
        )
    })?;
    let permit = permit(wire, until(limit, exchange)).await?;

    let started = Instant::now();
    let deadline = until(limit, exchange);
    let connected = match targets.only() {
        Some(address) => connect_to(address, permit, deadline).await,
        None => {
            let another = || Arc::clone(&shared.permits).try_acquire_owned().ok();
            Box::pin(race(&mut targets, permit, another, TcpStream::connect, deadline)).await
        }
    };
    exchange.time(|t| t.connect = Some(started.elapsed()));
    match connected {
        Ok(Won { connection: tcp, address: peer, permit }) => {
            // Without it a request may wait for an acknowledgement; it is only slower if this fails.
            let _ = tcp.set_nodelay(true);
            Ok((Opened { tcp, peer, permit, forward: None }, started))
        }
        Err(lost) => Err(unconnected(&lost, limit)),
    }
}

/// A race of one.
async fn connect_to(
    address: SocketAddr,
    permit: OwnedSemaphorePermit,
    deadline: Instant,
) -> Result<Won<TcpStream, OwnedSemaphorePermit>, Vec<Lost>> {
    match timeout_at(deadline, TcpStream::connect(address)).await {
        Ok(Ok(connection)) => Ok(Won { connection, address, permit }),
        Ok(Err(error)) => Err(vec![(address, Some(error))]),
        Err(_) => Err(vec![(address, None)]),
    }
}

/// Why none of the addresses would do.
fn unconnected(lost: &[Lost], limit: Duration) -> Failure {
    // One of several may be out of reach for a machine without IPv6; that is no want of files.
    if let [(_, Some(error)), ..] = lost
        && lost.iter().all(|(_, error)| error.as_ref().is_some_and(is_ours))
    {
        return Failure::new(FailureKind::Resources, error.to_string());
    }
    let reasons: Vec<String> = lost
        .iter()
        .map(|(address, error)| match error {
            Some(error) => format!("{address}: {error}"),
            None => format!("{address}: no connection within {}", seconds(limit)),
        })
        .collect();
    Failure::new(FailureKind::Connect, reasons.join("; "))
}

/// TLS on an open connection.
async fn secure(shared: &Inner, exchange: &Exchange, opened: Opened) -> Result<Conn, Failure> {
    let (limit, host) = (shared.settings.limits.tls, exchange.url.host());
    let name = bare(host);
    let started = Instant::now();
    let failed = |why: String| Failure::new(FailureKind::Tls, why);
    // A certificate never names the final dot of a fully qualified name (RFC 6066 §3).
    let certified = name.strip_suffix('.').unwrap_or(name).to_owned();
    let server = ServerName::try_from(certified)
        .map_err(|_| failed(format!("{host} is no name that a certificate could be for")))?;
    let (config, verified) = shared.tls.of(host);
    let handshake = TlsConnector::from(config).connect(server, opened.tcp);
    let tls = timeout_at(until(limit, exchange), handshake)
        .await
        .map_err(|_| {
            failed(format!("no TLS session with {host} within {}", seconds(limit.min(exchange.total))))
        })?
        .map_err(|error| failed(crate::tls::reason(&error, host)))?;
    exchange.time(|t| t.tls = Some(started.elapsed()));
    let version = match tls.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => TlsVersion::V1_3,
        _ => TlsVersion::V1_2,
    };
    let mut conn = Conn::new(Stream::Tls(Box::new(tls)), opened.peer, opened.permit);
    conn.tls = Some(TlsSession { version, verified });
    Ok(conn)
}

/// A share of the open files. Where none is left, connections that are only kept give theirs up first.
async fn permit(wire: &Wire, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
    let shared = &wire.shared;
    loop {
        if let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() {
            return Ok(permit);
        }
        if !wire.idle.drop_oldest() {
            break;
        }
    }
    match timeout_at(deadline, Arc::clone(&shared.permits).acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::new(
            FailureKind::Resources,
            format!(
                "all {} connections are in use; a higher limit on open files (ulimit -n) allows more",
                shared.connections
            ),
        )),
    }
}

/// True where an error is this machine's want and not the other side's doing.
pub(crate) fn is_ours(error: &io::Error) -> bool {
    /// ENFILE and EMFILE on every Unix.
    const NO_FILES: [i32; 2] = [23, 24];
    error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory)
}

/// The end of a phase: its own limit, or the exchange's.
pub(crate) fn until(limit: Duration, exchange: &Exchange) -> Instant {
    (Instant::now() + limit).min(exchange.deadline.get())
}

/// A duration for a person.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}
