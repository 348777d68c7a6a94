//! What awc takes for a connection: good for one request and the head of its answer.
//!
//! Owns the passage of both: awc says when to send, what is sent is the exchange's; the answer's head goes to
//! the exchange as it came, and awc is shown its status, no body and the connection's end. Anything unclean
//! drops the connection.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_rt::net::{ActixStream, Ready};
use bytes::Bytes;
use dragline_model::{Failure, FailureKind, Stale};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use crate::{
    body::Body,
    connector::Wire,
    dial::{seconds, until},
    exchange::{Answer, Exchange},
    framing::{Head, Malformed},
    heads::{Found, Heads},
    patience::Patience,
    stream::Conn,
};

/// What awc sees of every answer, but for the status.
const SHOWN: [u8; 55] = *b"HTTP/1.1 000 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const SHOWN_STATUS: std::ops::Range<usize> = 9..12;

/// A body up to this size goes out in one piece with its head.
const JOINED_BODY_MAX: usize = 16 << 10;

/// One request and the head of its answer, on one connection.
#[derive(Debug)]
pub(crate) struct WireIo {
    wire: Rc<Wire>,
    exchange: Rc<Exchange>,
    /// Gone when the answer took it along, or when it was dropped for cause.
    conn: Option<Conn>,
    request: Sending,
    reply: Heads,
    /// When the request was out: the time to the first byte counts from there.
    sent_at: Instant,
    head_deadline: Instant,
    patience: Patience,
}

/// The request on its way out.
#[derive(Debug)]
enum Sending {
    /// awc has not written its own head yet. What it writes is not sent: it keeps fields in a hash map, adds
    /// `date`, and knows neither proxies nor a query that is not to be touched.
    Awaited,
    /// A part, how much of it is out, and the part behind it.
    Writing(Bytes, usize, Bytes),
    Done,
    /// The server does not take the rest. It may have answered all the same.
    Refused(io::Error),
}

impl WireIo {
    pub(crate) fn new(wire: Rc<Wire>, exchange: Rc<Exchange>, conn: Conn) -> Self {
        let limits = &wire.shared.settings.limits;
        Self {
            head_deadline: until(limits.head, &exchange),
            reply: Heads::new(limits.head_bytes),
            wire,
            exchange,
            conn: Some(conn),
            request: Sending::Awaited,
            sent_at: Instant::now(),
            patience: Patience::default(),
        }
    }

    /// What goes out: the head, as this connection wants it, and the body.
    fn begin(&mut self) {
        let (head, body) = (self.exchange.head.clone(), self.exchange.body.clone());
        let forward = self.conn.as_ref().and_then(|conn| conn.forward.as_deref());
        let head = forward.map_or(head.clone(), |field| in_full(&head, &self.exchange, field).into());
        self.request = if body.is_empty() || body.len() > JOINED_BODY_MAX {
            Sending::Writing(head, 0, body)
        } else {
            Sending::Writing([head, body].concat().into(), 0, Bytes::new())
        };
    }

    /// Writes what the connection takes. Never waits for all of it to be taken: an answer may come first.
    fn send(&mut self, cx: &mut Context<'_>) {
        let limit = self.wire.shared.settings.limits.head;
        let Some(conn) = &mut self.conn else { return };
        while let Sending::Writing(part, at, behind) = &mut self.request {
            if *at == part.len() && !behind.is_empty() {
                (*part, *at) = (std::mem::take(behind), 0);
            }
            let written = if *at < part.len() {
                Pin::new(&mut conn.stream).poll_write(cx, &part[*at..])
            } else {
                Pin::new(&mut conn.stream).poll_flush(cx).map_ok(|()| 0)
            };
            match written {
                Poll::Ready(Ok(0)) if *at < part.len() => {
                    self.request = Sending::Refused(io::ErrorKind::WriteZero.into());
                }
                Poll::Ready(Ok(0)) => {
                    self.sent_at = Instant::now();
                    self.request = Sending::Done;
                }
                Poll::Ready(Ok(n)) => *at += n,
                Poll::Ready(Err(error)) => self.request = Sending::Refused(error),
                Poll::Pending => return,
            }
            // The time for the answer's head begins when the server has all it needs.
            self.head_deadline = until(limit, &self.exchange);
        }
    }

    /// Reads until the final head is whole; its status, for awc.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u16>> {
        let wire = Rc::clone(&self.wire);
        let mut scratch = wire.scratch.borrow_mut();
        loop {
            let Some(conn) = &mut self.conn else { return Poll::Ready(Err(taken())) };
            scratch.clear();
            match conn.poll_read_buf(cx, &mut *scratch) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.lost(None))),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.lost(Some(error)))),
                // Nothing came, and nothing can.
                Poll::Pending if matches!(self.request, Sending::Refused(_)) => {
                    return Poll::Ready(Err(self.lost(None)));
                }
                Poll::Pending => return self.wait(cx),
            }
            if self.exchange.first_byte_at.get().is_none() {
                let now = Instant::now();
                self.exchange.first_byte_at.set(Some(now));
                self.exchange.time(|t| t.first_byte = Some(now - self.sent_at));
            }
            let status = self.reply.take_in(&scratch, self.exchange.is_head).and_then(|found| match found {
                Some(found) => self.hand_over(found, &scratch).map(Some),
                None => Ok(None),
            });
            match status {
                Ok(Some(status)) => return Poll::Ready(Ok(status)),
                Ok(None) => {}
                Err(malformed) => {
                    return Poll::Ready(Err(self.fail(FailureKind::Malformed, malformed.to_string())));
                }
            }
        }
    }

    /// Gives head, connection and the body's beginning to the exchange.
    fn hand_over(&mut self, found: Found, scratch: &[u8]) -> Result<u16, Malformed> {
        let Head::Final { status, framing, keep } = found.head else { return Err(Malformed::Interims) };
        let behind = &scratch[scratch.len() - found.behind..];
        let mut body = Body::new(framing, self.wire.shared.settings.limits.body_bytes);
        let used = body.feed(behind)?;
        if let Some(conn) = self.conn.take() {
            // A request that is not all out has left the connection in the middle of a message.
            let keep = keep && used == behind.len() && matches!(self.request, Sending::Done);
            self.exchange.answer.replace(Some(Answer { head: found.raw, body, conn, keep }));
        }
        Ok(status)
    }

    /// The deadline's turn, when the socket has nothing.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let silent_at = self.silent_at();
        let deadline = silent_at.map_or(self.head_deadline, |at| at.min(self.head_deadline));
        ready!(self.patience.poll(deadline, cx));
        if silent_at.is_some_and(|at| at <= Instant::now()) {
            self.exchange.stale.set(Some(Stale::Silent));
            let why = "the kept connection was silent for longer than this host ever takes".to_owned();
            return Poll::Ready(Err(self.fail(FailureKind::HeadTimeout, why)));
        }
        let limit = seconds(self.wire.shared.settings.limits.head.min(self.exchange.total));
        let why = match self.reply.received {
            0 if !matches!(self.request, Sending::Done) => {
                format!("the server took no more of the request for {limit}")
            }
            0 => format!("no answer within {limit}"),
            n => format!("{n} bytes of the answer's head within {limit}, and not its end"),
        };
        Poll::Ready(Err(self.fail(FailureKind::HeadTimeout, why)))
    }

    /// When silence on a kept connection is no longer believed to be work.
    fn silent_at(&self) -> Option<Instant> {
        let is_sent = matches!(self.request, Sending::Done);
        let limit = self.exchange.silence.get().filter(|_| is_sent && self.reply.received == 0)?;
        self.exchange.repeatable.then_some(self.sent_at + limit)
    }

    /// The connection's end, where an answer was expected.
    fn lost(&mut self, error: Option<io::Error>) -> io::Error {
        let refused = match std::mem::replace(&mut self.request, Sending::Done) {
            Sending::Refused(error) => Some(error),
            _ => None,
        };
        let how = error.or(refused).map_or_else(|| "closed".to_owned(), |error| format!("lost ({error})"));
        let served = self.conn.as_ref().map_or(0, |conn| conn.served);
        let why = match self.reply.received {
            0 if served > 0 => {
                self.exchange.stale.set(Some(Stale::Closed));
                format!("the kept connection was {how} before an answer came")
            }
            0 => format!("the connection was {how} before an answer came"),
            n => format!("the connection was {how} after {n} bytes of the answer's head"),
        };
        self.fail(FailureKind::Closed, why)
    }

    fn fail(&mut self, kind: FailureKind, why: String) -> io::Error {
        self.conn = None;
        self.exchange.failure.replace(Some(Failure::new(kind, why)));
        io::Error::other("see the exchange")
    }
}

/// A request's head for a proxy that passes it on: the target in full (RFC 9112 §3.2.2), and a field that is the
/// proxy's own.
fn in_full(head: &[u8], exchange: &Exchange, field: &str) -> Vec<u8> {
    let line = memchr::memchr(b'\n', head).map_or(head.len(), |i| i + 1);
    let method = memchr::memchr(b' ', head).map_or(0, |i| i + 1);
    let origin = exchange.url.origin();
    [&head[..method], origin.as_bytes(), &head[method..line], field.as_bytes(), &head[line..]].concat()
}

impl AsyncRead for WireIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.conn.is_none() {
            return Poll::Ready(Ok(()));
        }
        me.send(cx);
        let status = ready!(me.poll_head(cx))?;
        let mut shown = SHOWN;
        shown[SHOWN_STATUS].copy_from_slice(&[100, 10, 1].map(|place| b'0' + (status / place % 10) as u8));
        if buf.remaining() < shown.len() {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        buf.put_slice(&shown);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WireIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if matches!(me.request, Sending::Awaited) {
            me.begin();
            me.send(cx);
        }
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sending goes on while the answer is waited for.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's life is not awc's to end.
        Poll::Ready(Ok(()))
    }
}

impl ActixStream for WireIo {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

/// More was asked of a connection than one request and one answer.
fn taken() -> io::Error {
    io::Error::other("this connection has served its one request")
}
