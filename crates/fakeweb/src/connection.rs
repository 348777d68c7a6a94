//! One connection: requests in, answers out, in order.
//!
//! Owns the socket, its buffers and the doing of steps. Answers to requests that came together leave together:
//! one write for an answer, or for several that were pipelined. Never decides what an answer says.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::sleep,
};

use crate::{
    Method, Step,
    answer::{Answer, Writer},
    log::{Record, Target, Ticket},
    naming::without_port,
    request::{self, Parsed, Persistence, Request},
    web::Shared,
};

/// Least room for a read, in bytes: several requests of a crawler.
const READ_BYTES: usize = 4 << 10;

/// Answers that wait to leave together are sent at this size at the latest.
const OUT_BYTES_MAX: usize = 256 << 10;

/// Small bytes that are repeated are sent in blocks of about this size.
const REPEAT_BYTES: usize = 64 << 10;

/// Serves a connection to its end.
pub(crate) async fn serve(stream: TcpStream, shared: Arc<Shared>, thread: usize, label: Label) {
    let mut connection = Connection {
        stream,
        shared,
        thread,
        label,
        served: 0,
        out: Vec::with_capacity(READ_BYTES),
        body: Vec::new(),
        answered: Vec::new(),
        current: None,
    };
    // An error of the socket means that the client is gone, and it is the client that is being tested.
    let _ = connection.run().await;
    let unanswered = connection.current.take().into_iter().chain(connection.answered.drain(..));
    connection.shared.log.left(thread, unanswered);
}

/// Which connection it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// From 0, in the order of accepting.
    pub(crate) number: u64,
    /// The number of the address that it came to, from 0.
    pub(crate) address: u8,
    /// The earliest moment at which it can have come.
    pub(crate) since: Instant,
}

struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    thread: usize,
    label: Label,
    served: u32,
    /// Answers that have not been sent.
    out: Vec<u8>,
    /// Room for [`Writer::body`].
    body: Vec<u8>,
    /// Whose answers are in `out`.
    answered: Vec<Ticket>,
    /// Whose answer is being made.
    current: Option<Ticket>,
}

/// Whether a connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    End,
}

impl Connection {
    async fn run(&mut self) -> io::Result<()> {
        let mut inbox = Inbox::default();
        loop {
            match request::parse(inbox.unread()) {
                Parsed::Request(request) => {
                    let (consumed, body_bytes) = (request.consumed, request.body_bytes);
                    if self.answer(&request).await? == Next::End {
                        return self.close().await;
                    }
                    inbox.consume(consumed);
                    self.skip(&mut inbox, body_bytes).await?;
                }
                Parsed::Partial => {
                    self.flush().await?;
                    if inbox.fill(&mut self.stream).await? == 0 {
                        return Ok(());
                    }
                }
                Parsed::Bad(status) => {
                    self.writer(Method::Get, Persistence::Close).refuse(status);
                    return self.close().await;
                }
            }
        }
    }

    async fn answer(&mut self, request: &Request<'_>) -> io::Result<Next> {
        let arrived = Instant::now();
        let mut host = without_port(request.authority);
        let lower;
        if host.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = host.to_ascii_lowercase();
            host = &lower;
        }
        if let Some(steps) = self.shared.scripts.next(host, request.path) {
            let target = Target::Named(Box::new((host.to_owned(), request.path.to_owned())));
            let status = crate::script::status_of(&steps);
            let rest = crate::script::rest_of(&steps).map(|rest| Instant::now() + rest);
            let ticket = self.begin(request, arrived, target, status, rest, true);
            return self.perform(&steps, request, ticket).await;
        }

        let place = self
            .shared
            .plan
            .host_number(host)
            .and_then(|h| self.shared.plan.find(h, request.path.as_bytes()));
        let site = if place.is_none() { self.shared.sites.of(host) } else { None };
        let target = match place {
            Some(place) => Target::Place(place),
            None => Target::Named(Box::new((host.to_owned(), request.path.to_owned()))),
        };
        let latency = self.shared.plan.latency;
        if !latency.is_zero() {
            // What was asked before must not wait for this answer.
            self.flush().await?;
        }
        let mut writer = self.writer(request.method, request.connection);
        let answer = match site {
            Some(site) => writer.site(request, site, host),
            None => writer.answer(request, place),
        };
        let rest = writer.rest_until;
        let ticket = self.begin(request, arrived, target, answer.status(), rest, false);
        if !latency.is_zero() {
            self.current = ticket;
            sleep(latency).await;
            self.current = None;
        }
        match answer {
            Answer::Steps(steps) => self.perform(&steps, request, ticket).await,
            Answer::Written(_) => {
                self.answered.extend(ticket);
                if self.out.len() >= OUT_BYTES_MAX {
                    self.flush().await?;
                }
                Ok(after(request))
            }
        }
    }

    fn writer(&mut self, method: Method, connection: Persistence) -> Writer<'_> {
        Writer {
            plan: &self.shared.plan,
            memory: &self.shared.memory,
            sites: &self.shared.sites,
            body: &mut self.body,
            out: &mut self.out,
            head_only: method == Method::Head,
            connection,
            rest_until: None,
        }
    }

    fn begin(
        &mut self,
        request: &Request<'_>,
        arrived: Instant,
        target: Target,
        status: Option<u16>,
        rest_until: Option<Instant>,
        scripted: bool,
    ) -> Option<Ticket> {
        self.served += 1;
        let (Label { number: connection, address, since }, nth) = (self.label, self.served);
        // The first request may have come with its connection.
        let earliest = self.shared.turns[self.thread].earliest();
        let held = arrived.saturating_duration_since(if nth == 1 { since.min(earliest) } else { earliest });
        let keep_head = scripted || self.shared.keep_heads;
        self.shared.log.begin(self.thread, || Record {
            arrived,
            held,
            ended: None,
            left: None,
            rest_until,
            address,
            target,
            method: request.method,
            status,
            connection,
            nth,
            head: keep_head.then(|| Bytes::copy_from_slice(request.head)),
        })
    }

    /// Does what a script says, up to its end or the connection's.
    async fn perform(
        &mut self,
        steps: &[Step],
        request: &Request<'_>,
        ticket: Option<Ticket>,
    ) -> io::Result<Next> {
        self.current = ticket;
        for step in steps {
            match step {
                Step::Respond(bytes) => {
                    self.out.extend_from_slice(bytes);
                    continue;
                }
                _ => self.flush().await?,
            }
            match step {
                Step::Respond(_) => {}
                Step::Repeat(bytes, times) => self.repeat(bytes, *times).await?,
                Step::Drip { bytes, every } => {
                    for byte in bytes {
                        self.stream.write_all(&[*byte]).await?;
                        sleep(*every).await;
                    }
                }
                Step::Delay(wait) => self.pause(*wait).await,
                Step::Wait(gate) => gate.pass().await,
                Step::Close => {
                    self.answered.extend(self.current.take());
                    return Ok(Next::End);
                }
                Step::Reset => {
                    self.stream.set_zero_linger()?;
                    self.answered.extend(self.current.take());
                    self.shared.log.end(self.thread, &mut self.answered);
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Step::Hang => {
                    while self.stream.read(&mut [0; 256]).await? > 0 {}
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        self.answered.extend(self.current.take());
        Ok(after(request))
    }

    /// Waits, and writes down when the client leaves meanwhile. What it did not wait for is done all the same: one
    /// that has only said all it had to say looks no different.
    async fn pause(&mut self, wait: Duration) {
        let mut sleep = std::pin::pin!(sleep(wait));
        let mut byte = [0];
        let ahead = tokio::select! {
            () = &mut sleep => return,
            ahead = self.stream.peek(&mut byte) => ahead,
        };
        if !matches!(ahead, Ok(1..)) {
            self.shared.log.left(self.thread, self.current);
        }
        sleep.await;
    }

    async fn repeat(&mut self, bytes: &[u8], times: Option<u64>) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let at_once = (REPEAT_BYTES / bytes.len()).max(1) as u64;
        let block = bytes.repeat(at_once.min(times.unwrap_or(u64::MAX)) as usize);
        let mut left = times.unwrap_or(u64::MAX);
        while left > 0 {
            let now = left.min(at_once);
            self.stream.write_all(&block[..now as usize * bytes.len()]).await?;
            if times.is_some() {
                left -= now;
            }
        }
        Ok(())
    }

    /// Reads and drops a request's body.
    async fn skip(&mut self, inbox: &mut Inbox, mut bytes: u64) -> io::Result<()> {
        loop {
            let here = bytes.min(inbox.unread().len() as u64);
            inbox.consume(here as usize);
            bytes -= here;
            if bytes == 0 {
                return Ok(());
            }
            if inbox.fill(&mut self.stream).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Sends what there is to send.
    async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            // A page of ten thousand links must not be paid for by each of ten thousand connections.
            self.out.shrink_to(OUT_BYTES_MAX);
            self.body.clear();
            self.body.shrink_to(OUT_BYTES_MAX);
        }
        self.shared.log.end(self.thread, &mut self.answered);
        Ok(())
    }

    /// Sends what there is to send and ends the connection in order. Who sees the end finds it in the log.
    async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.stream.shutdown().await
    }
}

/// What the client wants after a complete answer.
fn after(request: &Request<'_>) -> Next {
    if request.connection == Persistence::Close { Next::End } else { Next::Request }
}

/// Bytes that were received and not yet read.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

impl Inbox {
    fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Waits for more; 0 at the end of the connection. What is unread is bounded by
    /// [`request::HEAD_BYTES_MAX`].
    async fn fill(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.reserve(READ_BYTES);
        stream.read_buf(&mut self.bytes).await
    }
}
