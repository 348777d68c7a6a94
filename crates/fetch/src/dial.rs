//! From a URL's host to an open connection.
//!
//! Owns the order of things: name to addresses, every address past the guard, a share of the open files,
//! TCP, TLS; each timed, each with its own limit, each with its own words when it fails. Never connects to
//! an address that was not judged: the name is not looked up a second time.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use dragline_model::{Failure, FailureKind};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    exchange::Exchange,
    guard,
    idle::Idle,
    shared::Inner,
    stream::{Conn, Stream},
};

/// Most addresses of one name that are tried. Each may cost its share of the time limit.
const ADDRESSES_MAX: usize = 8;

/// Opens a connection for an exchange.
pub(crate) async fn dial(shared: &Inner, idle: &Idle, exchange: &Exchange) -> Result<Conn, Failure> {
    let limits = &shared.settings.limits;
    let host = exchange.url.host();
    let name = host.trim_start_matches('[').trim_end_matches(']');

    let addresses = addresses(shared, exchange, name).await?;
    let permit = permit(shared, idle, until(limits.connect, exchange)).await?;

    let started = Instant::now();
    let (tcp, peer) = connect(&addresses, until(limits.connect, exchange)).await?;
    exchange.time(|t| t.connect = Some(started.elapsed()));
    if !exchange.url.is_https() {
        return Ok(Conn::new(Stream::Plain(tcp), peer, permit));
    }

    let started = Instant::now();
    let failed = |why: String| Failure::new(FailureKind::Tls, why);
    // A certificate never names the final dot of a fully qualified name (RFC 6066 §3).
    let certified = name.strip_suffix('.').unwrap_or(name).to_owned();
    let server = ServerName::try_from(certified)
        .map_err(|_| failed(format!("{host} is no name that a certificate could be for")))?;
    let (config, verified) = shared.tls.of(host);
    let handshake = TlsConnector::from(config).connect(server, tcp);
    let tls = timeout_at(until(limits.tls, exchange), handshake)
        .await
        .map_err(|_| failed(format!("no TLS session with {host} within {}", seconds(limits.tls))))?
        .map_err(|error| failed(crate::tls::reason(&error, host)))?;
    exchange.time(|t| t.tls = Some(started.elapsed()));
    let mut conn = Conn::new(Stream::Tls(Box::new(tls)), peer, permit);
    if let Some(session) = &mut conn.tls {
        session.verified = verified;
    }
    Ok(conn)
}

/// The addresses to try: the override's, the literal's, or those of the name that pass the guard.
async fn addresses(shared: &Inner, exchange: &Exchange, name: &str) -> Result<Vec<SocketAddr>, Failure> {
    let (host, port) = (exchange.url.host(), exchange.url.port());
    let wish = shared.override_of(host);
    if !wish.is_some_and(|wish| wish.names_port()) {
        guard::admit_port(host, port)?;
    }
    if let Some(wish) = wish {
        return Ok(vec![wish.target(port)]);
    }
    if let Ok(literal) = name.parse::<IpAddr>() {
        shared.guard.admit(literal)?;
        return Ok(vec![(literal, port).into()]);
    }
    let found = look_up(shared, exchange, name, port).await?;
    let mut refusal = None;
    let mut admitted = Vec::with_capacity(found.len());
    for address in found {
        match shared.guard.admit(address.ip()) {
            Ok(()) => admitted.push(address),
            Err(failure) => refusal = refusal.or(Some(failure)),
        }
    }
    match refusal {
        Some(refusal) if admitted.is_empty() => Err(refusal),
        _ => Ok(admitted),
    }
}

async fn look_up(
    shared: &Inner,
    exchange: &Exchange,
    name: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Failure> {
    let failed = |why: String| Failure::new(FailureKind::Dns, why);
    let started = Instant::now();
    let limit = shared.settings.limits.connect;
    let found: Vec<SocketAddr> = timeout_at(until(limit, exchange), tokio::net::lookup_host((name, port)))
        .await
        .map_err(|_| failed(format!("no address of {name} within {}", seconds(limit))))?
        .map_err(|error| match ours(&error) {
            Some(failure) => failure,
            None => failed(format!("{name}: {error}")),
        })?
        .take(ADDRESSES_MAX)
        .collect();
    exchange.time(|t| t.dns = Some(started.elapsed()));
    if found.is_empty() { Err(failed(format!("{name} has no address"))) } else { Ok(found) }
}

/// A share of the open files. Where none is left, connections that are only kept give theirs up first.
async fn permit(shared: &Inner, idle: &Idle, deadline: Instant) -> Result<OwnedSemaphorePermit, Failure> {
    loop {
        if let Ok(permit) = Arc::clone(&shared.permits).try_acquire_owned() {
            return Ok(permit);
        }
        if !idle.drop_oldest() {
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

/// Tries one address after the other; each has an equal share of the time that is left.
async fn connect(addresses: &[SocketAddr], deadline: Instant) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut refusals = String::new();
    for (i, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let share = deadline.saturating_duration_since(now) / (addresses.len() - i) as u32;
        let why = match timeout_at(now + share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                // Without it a request may wait for an acknowledgement; it is only slower if this fails.
                let _ = tcp.set_nodelay(true);
                return Ok((tcp, *address));
            }
            Ok(Err(error)) => match ours(&error) {
                Some(failure) => return Err(failure),
                None => error.to_string(),
            },
            Err(_) => format!("no connection within {}", seconds(share)),
        };
        let separator = if refusals.is_empty() { "" } else { "; " };
        refusals.push_str(&format!("{separator}{address}: {why}"));
    }
    Err(Failure::new(FailureKind::Connect, refusals))
}

/// The failure, where an error is this machine's want and not the other side's doing.
fn ours(error: &io::Error) -> Option<Failure> {
    /// ENFILE and EMFILE on every Unix.
    const NO_FILES: [i32; 2] = [23, 24];
    let wants = error.raw_os_error().is_some_and(|code| NO_FILES.contains(&code))
        || matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::OutOfMemory);
    wants.then(|| Failure::new(FailureKind::Resources, error.to_string()))
}

/// The end of a phase: its own limit, or the exchange's.
pub(crate) fn until(limit: Duration, exchange: &Exchange) -> Instant {
    (Instant::now() + limit).min(exchange.deadline)
}

/// A duration for a person.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}
