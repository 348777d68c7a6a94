//! Where awc gets its connections from.
//!
//! Owns the choice between a kept connection and a new one. awc's own pool stays empty: it is never told
//! that a connection could be used again.

use std::{
    cell::RefCell,
    future::{Ready, ready},
    io,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use dragline_model::{Failure, FailureKind};
use futures_util::future::{Either, LocalBoxFuture};

use crate::{
    dial::dial,
    exchange::{EXCHANGE, Exchange},
    gate::Gates,
    habits::Habits,
    idle::Idle,
    proxy::{Rotation, SIGN_IN},
    shared::Inner,
    stream::Conn,
    wire_io::WireIo,
};

/// Bytes read at once where they cannot go to their place directly. A page and its head fit; larger bodies
/// go straight where they belong.
const SCRATCH_BYTES: usize = 64 << 10;

/// What the connections of one client share. One thread's, like the client.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) shared: Arc<Inner>,
    pub(crate) idle: Idle,
    pub(crate) habits: Habits,
    pub(crate) gates: Gates,
    pub(crate) proxies: Rotation,
    /// What was just read. Only borrowed within one poll, so one is enough for all.
    pub(crate) scratch: RefCell<Vec<u8>>,
}

impl Wire {
    pub(crate) fn new(shared: Arc<Inner>) -> Self {
        let limits = &shared.settings.limits;
        Self {
            idle: Idle::new(limits.keep_idle, limits.idle_per_host),
            habits: Habits::default(),
            gates: Gates::default(),
            proxies: Rotation::new(shared.settings.proxies.len()),
            scratch: RefCell::new(Vec::with_capacity(SCRATCH_BYTES)),
            shared,
        }
    }

    /// The best connection kept for an exchange's origin, by way of its proxy.
    fn kept(&self, exchange: &Exchange) -> Option<Conn> {
        let origin = exchange.place();
        if exchange.fresh || !self.habits.may_reuse(origin, exchange.repeatable) {
            return None;
        }
        let conn = self.idle.take(origin)?;
        exchange.silence.set(Some(self.habits.silence(origin)));
        Some(conn)
    }

    /// A 407 from a proxy that passes requests on is no answer of the target's (RFC 9110 §15.5.8).
    pub(crate) fn signed_in_badly(&self, exchange: &Exchange) -> Failure {
        let chosen = exchange.proxy().inspect(|chosen| self.proxies.rest(*chosen));
        let proxy = chosen.and_then(|chosen| self.shared.settings.proxies.get(chosen));
        let proxy = proxy.map_or_else(String::new, |proxy| format!(" {proxy}"));
        Failure::new(FailureKind::Proxy, format!("the proxy{proxy} {SIGN_IN} (407)"))
    }
}

/// awc's view of the wire.
#[derive(Debug, Clone)]
pub(crate) struct Connector(pub(crate) Rc<Wire>);

type Connected = Result<Connection<Uri, WireIo>, ConnectError>;

impl Service<ConnectInfo<Uri>> for Connector {
    type Response = Connection<Uri, WireIo>;
    type Error = ConnectError;
    // A kept connection is there at once: no future of the size of a handshake need be made for it.
    type Future = Either<Ready<Connected>, LocalBoxFuture<'static, Connected>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let wire = Rc::clone(&self.0);
        let Ok(exchange) = EXCHANGE.try_with(Rc::clone) else {
            return Either::Left(ready(Err(refused("a request outside an exchange"))));
        };
        let uri = info.request().clone();
        if let Some(proxy) = wire.proxies.choose() {
            exchange.go_through(proxy);
        }
        if let Some(conn) = wire.kept(&exchange) {
            exchange.time(|t| t.reused = true);
            return Either::Left(ready(Ok(Connection::new(uri, WireIo::new(wire, exchange, conn)))));
        }
        Either::Right(Box::pin(async move {
            match dial(&wire, &exchange).await {
                Ok(conn) => Ok(Connection::new(uri, WireIo::new(wire, exchange, conn))),
                Err(failure) => {
                    exchange.failure.replace(Some(failure));
                    Err(refused("see the exchange"))
                }
            }
        }))
    }
}

/// awc's error is never shown; the exchange has the true one.
fn refused(why: &'static str) -> ConnectError {
    ConnectError::Io(io::Error::other(why))
}
