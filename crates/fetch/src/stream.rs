//! A connection: bytes both ways, with or without TLS, and what is known of it.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::BufMut;
use dragline_model::TlsSession;
use futures_util::FutureExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::Instant,
};
use tokio_rustls::client::TlsStream;

/// The bytes of a connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// One connection to one origin, in use or idle.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) stream: Stream,
    /// The address that answers.
    pub(crate) peer: SocketAddr,
    /// Requests that were answered on it.
    pub(crate) served: u32,
    /// When the last of them ended.
    pub(crate) idle_since: Instant,
    /// The TLS session, where there is one.
    pub(crate) tls: Option<TlsSession>,
    /// Set where the other end is a proxy that passes requests on: they name their target in full, and have this
    /// field (or nothing) for the proxy alone.
    pub(crate) forward: Option<Arc<str>>,
    /// Its share of the open files; given back when the connection goes.
    _permit: OwnedSemaphorePermit,
}

impl Conn {
    /// A connection that has served nobody yet.
    pub(crate) fn new(stream: Stream, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        let idle_since = Instant::now();
        Self { stream, peer, served: 0, idle_since, tls: None, forward: None, _permit: permit }
    }

    /// Reads to the end of `buffer`: the bytes read, 0 at the connection's end. The buffer must have room.
    pub(crate) fn poll_read_buf(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        // The future holds nothing between two polls, so a new one each time is the same read going on.
        pin!(self.stream.read_buf(buffer)).poll(cx)
    }

    /// True while an idle connection is open and silent. One that has something to say has nothing good to
    /// say: it is closing, or it answers a question nobody asked.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let read = self.stream.read(&mut byte);
        // Outside the task's budget: inside it, a task that has done much is told "pending" by every socket,
        // the dead ones too.
        tokio::task::unconstrained(read).now_or_never().is_none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
