//! The client: one request at a time from URL to page, any number of them at once.
//!
//! Owns the course of an exchange: ask, take the answer, read the body to its end, give the connection back.

use std::{fmt, future::poll_fn, rc::Rc, sync::Arc, task::Poll, time::Duration};

use actix_http::body::None as NoBody;
use awc::http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};
use dragline_model::{Failure, FailureKind, Page, ResponseHead, Truncation};
use tokio::time::Instant;

use crate::{
    Method, Request, Shared,
    bodies::{SMALL_BYTES, Share},
    body::Stage,
    connector::{Connector, Wire},
    dial::seconds,
    exchange::{Answer, EXCHANGE, Exchange},
    framing::Malformed,
    patience::Patience,
    request::head_fields,
};

/// The authority of every URL that awc sees. The true one is the exchange's: so no host is parsed twice, and
/// awc keeps no book of hosts.
const AUTHORITY: &str = "wire";

/// awc would give up on a connection after this; the wire's own limits come first, and say why.
const NEVER: Duration = Duration::from_secs(86_400);

/// Makes requests on the thread it was made on. Not `Send`: one for each arbiter, made inside it.
///
/// Cloning shares the kept connections.
#[derive(Clone)]
pub struct Client {
    wire: Rc<Wire>,
    awc: awc::Client,
    authority: Authority,
}

impl Client {
    /// A client without connections. Cheap.
    pub fn new(shared: &Shared) -> Self {
        let wire = Rc::new(Wire::new(Arc::clone(shared.inner())));
        let connector = awc::Connector::new().limit(0).timeout(NEVER).connector(Connector(Rc::clone(&wire)));
        let awc = awc::Client::builder()
            .disable_redirects()
            .disable_timeout()
            .no_default_headers()
            .connector(connector)
            .finish();
        Self { wire, awc, authority: Authority::from_static(AUTHORITY) }
    }

    /// Asks once, and answers with the response, whatever its status, or the reason for none.
    ///
    /// A kept connection that turns out closed before the answer's first byte is replaced by a new one,
    /// once. Dropping the future closes the connection.
    pub async fn fetch(&self, request: &Request) -> Result<Page, Failure> {
        let settings = &self.wire.shared.settings;
        let started = Instant::now();
        let deadline = started + settings.limits.total;
        let mut fresh = false;
        loop {
            let fields = head_fields(request, &settings.user_agent)?;
            let exchange =
                Rc::new(Exchange::new(request.url.clone(), request.method, fields, fresh, deadline));
            match self.ask(&exchange).await {
                Ok((status, answer)) => return self.page(request, &exchange, status, answer, started).await,
                Err(_) if exchange.stale.get() && !fresh => fresh = true,
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Drops the kept connections that are closed or have waited too long; how many that were. To be called
    /// each second: a socket whose server has closed it is a descriptor held for nothing.
    pub fn reap(&self) -> usize {
        self.wire.idle.reap()
    }

    /// How many connections are kept.
    pub fn idle(&self) -> usize {
        self.wire.idle.len()
    }

    /// Sends the request and waits for the answer's head.
    async fn ask(&self, exchange: &Rc<Exchange>) -> Result<(u16, Answer), Failure> {
        let method = match exchange.method {
            Method::Get => awc::http::Method::GET,
            Method::Head => awc::http::Method::HEAD,
        };
        let request = self.awc.request(method, self.target(exchange)?);
        let sent = EXCHANGE.scope(Rc::clone(exchange), request.send_body(NoBody::new())).await;
        match (sent, exchange.answer.take()) {
            (Ok(response), Some(answer)) => Ok((response.status().as_u16(), answer)),
            (Err(_), _) if exchange.failure.borrow().is_some() => {
                Err(exchange.failure.take().unwrap_or_else(|| unreadable("")))
            }
            (Err(error), _) => Err(unreadable(&error.to_string())),
            (Ok(_), None) => Err(unreadable("")),
        }
    }

    /// The URL as awc is to see it.
    fn target(&self, exchange: &Exchange) -> Result<Uri, Failure> {
        let refuse = |error: String| {
            Failure::new(FailureKind::Refused, format!("{} cannot stand in a request: {error}", exchange.url))
        };
        let mut parts = Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(
            PathAndQuery::try_from(exchange.url.path_and_query())
                .map_err(|error| refuse(error.to_string()))?,
        );
        Uri::from_parts(parts).map_err(|error| refuse(error.to_string()))
    }

    /// Reads the body to its end, and makes the page.
    async fn page(
        &self,
        request: &Request,
        exchange: &Exchange,
        status: u16,
        mut answer: Answer,
        started: Instant,
    ) -> Result<Page, Failure> {
        let truncated = self.receive(request, exchange, &mut answer).await?;
        let Answer { head, body, mut conn, keep } = answer;
        let peer = Some(conn.peer);
        if keep && truncated.is_none() {
            conn.served += 1;
            self.wire.idle.park(exchange.url.origin(), conn);
        }
        let now = Instant::now();
        exchange.time(|t| {
            t.body = exchange.first_byte_at.get().map(|first| now - first);
            t.total = now - started;
        });
        Ok(Page {
            status,
            request: exchange.sent.take(),
            head: ResponseHead::new(head),
            body: body.into_bytes(),
            truncated,
            peer,
            timings: exchange.timings.get(),
        })
    }

    /// Reads until the body is whole, or a limit cuts it.
    async fn receive(
        &self,
        request: &Request,
        exchange: &Exchange,
        answer: &mut Answer,
    ) -> Result<Option<Truncation>, Failure> {
        let idle = self.wire.shared.settings.limits.idle;
        let mut patience = Patience::default();
        let mut heard = exchange.first_byte_at.get().unwrap_or_else(Instant::now);
        let mut is_small = true;
        loop {
            if is_small && answer.body.len() as u64 >= SMALL_BYTES {
                is_small = false;
                let share = self.share(exchange, answer).await?;
                request.share.replace(Some(share));
                heard = Instant::now();
            }
            match answer.body.stage() {
                Stage::Whole => return Ok(None),
                Stage::Cut => return Ok(Some(Truncation::Length)),
                Stage::More => {}
            }
            let read = poll_fn(|cx| match self.poll_body(answer, cx) {
                Poll::Ready(read) => Poll::Ready(Some(read)),
                Poll::Pending => patience.poll(exchange.deadline.min(heard + idle), cx).map(|()| None),
            });
            match read.await {
                Some(Ok(0)) if answer.body.ends_with_connection() => return Ok(None),
                Some(Ok(0)) => return Err(cut_short(answer, "closed")),
                Some(Ok(_)) => heard = Instant::now(),
                // A TLS connection that ends without its goodbye; servers of bodies without a length are
                // often that careless.
                Some(Err(Broken::Io(error)))
                    if answer.body.ends_with_connection()
                        && error.kind() == std::io::ErrorKind::UnexpectedEof =>
                {
                    return Ok(None);
                }
                Some(Err(Broken::Io(error))) => return Err(cut_short(answer, &format!("lost ({error})"))),
                Some(Err(Broken::Framing(malformed))) => {
                    return Err(Failure::new(FailureKind::Malformed, malformed.to_string()));
                }
                None if Instant::now() >= exchange.deadline => return Ok(Some(Truncation::Time)),
                None => return Err(silent(answer, idle)),
            }
            if Instant::now() >= exchange.deadline && answer.body.stage() == Stage::More {
                return Ok(Some(Truncation::Time));
            }
        }
    }

    /// Waits for a share of the memory for large bodies, for as much as this one can become.
    async fn share(&self, exchange: &Exchange, answer: &Answer) -> Result<Share, Failure> {
        let shared = &self.wire.shared;
        let bytes = answer
            .body
            .missing()
            .map_or(u64::MAX, |missing| missing.saturating_add(answer.body.len() as u64))
            .min(shared.settings.limits.body_bytes);
        let waited = tokio::time::timeout_at(exchange.deadline, shared.bodies.share(bytes)).await;
        waited.ok().flatten().ok_or_else(|| {
            Failure::new(FailureKind::Resources, "other large bodies took all the memory there is for them")
        })
    }

    /// One read of body bytes, to their place where nothing needs undoing; the bytes that came off the wire.
    fn poll_body(&self, answer: &mut Answer, cx: &mut std::task::Context<'_>) -> Poll<Result<usize, Broken>> {
        if let Some(mut landing) = answer.body.landing() {
            let read = answer.conn.poll_read_buf(cx, &mut landing).map_err(Broken::Io);
            if let Poll::Ready(Ok(n)) = read {
                answer.body.landed(n);
            }
            return read;
        }
        let mut scratch = self.wire.scratch.borrow_mut();
        scratch.clear();
        answer.conn.poll_read_buf(cx, &mut *scratch).map(|read| {
            let n = read.map_err(Broken::Io)?;
            let used = answer.body.feed(&scratch).map_err(Broken::Framing)?;
            // Bytes behind the message: nobody asked for them, and what they mean is anybody's guess.
            answer.keep &= used == n;
            Ok(n)
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("idle", &self.idle()).finish_non_exhaustive()
    }
}

/// Why a read brought nothing that can be used.
enum Broken {
    Io(std::io::Error),
    Framing(Malformed),
}

fn cut_short(answer: &Answer, how: &str) -> Failure {
    let came = answer.body.len();
    let of =
        answer.body.missing().map_or_else(String::new, |missing| format!(" of {}", came as u64 + missing));
    Failure::new(
        FailureKind::Truncated,
        format!("the connection was {how} after {came}{of} bytes of the body"),
    )
}

fn silent(answer: &Answer, idle: Duration) -> Failure {
    let came = answer.body.len();
    Failure::new(
        FailureKind::BodyTimeout,
        format!("silence for {} after {came} bytes of the body", seconds(idle)),
    )
}

/// awc was not content with what the wire showed it. There is no input known that leads here.
fn unreadable(why: &str) -> Failure {
    Failure::new(FailureKind::Malformed, format!("the answer could not be read: {why}"))
}
