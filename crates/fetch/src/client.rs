//! The client: one request at a time from URL to page, any number of them at once.
//!
//! Owns the course of an exchange: ask, take the answer, read the body to its end, give the connection back.

use std::{
    fmt,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::Poll,
    time::{Duration, SystemTime},
};

use actix_http::body::None as NoBody;
use awc::http::uri::Uri;
use dragline_model::{Failure, FailureKind, GivenUp, Page, ResponseHead, Truncation};
use tokio::time::Instant;

use crate::{
    Auth, Request, Shared,
    bodies::{SMALL_BYTES, Share},
    body::Stage,
    connector::{Connector, Wire},
    dial::seconds,
    exchange::{Answer, EXCHANGE, Exchange},
    framing::Malformed,
    patience::Patience,
    request::{Company, head},
};

/// The URL that awc sees of every request. The true one is the exchange's: so no URL is parsed twice, awc keeps
/// no book of hosts, and nothing in a URL is too much for it.
const SHOWN_URL: &str = "http://wire/";

/// awc would give up on a connection after this; the wire's own limits come first, and say why.
const NEVER: Duration = Duration::from_secs(86_400);

/// Makes requests on the thread it was made on. Not `Send`: one for each arbiter, made inside it.
///
/// Cloning shares the kept connections.
#[derive(Clone)]
pub struct Client {
    wire: Rc<Wire>,
    awc: awc::Client,
    shown: Uri,
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
        Self { wire, awc, shown: Uri::from_static(SHOWN_URL) }
    }

    /// Asks once, and answers with the response, whatever its status, or the reason for none.
    ///
    /// A kept connection that is closed before the answer's first byte, or silent for longer than this host ever
    /// takes, is given up for a new one, once, where the method allows the question to be asked again. Dropping
    /// the future closes the connection.
    pub async fn fetch(&self, request: &Request) -> Result<Page, Failure> {
        let settings = &self.wire.shared.settings;
        let started = Instant::now();
        let total = request.total.unwrap_or(settings.limits.total);
        let deadline = started + total;
        let cookie = request.cookies.as_ref().and_then(|jar| jar.header_for(&request.url, SystemTime::now()));
        let mut given_up: Option<(GivenUp, Duration)> = None;
        loop {
            let authorization = settings.auth.iter().find_map(|it| it.of(request.url.origin()));
            let company = Company {
                user_agent: &settings.user_agent,
                cookie: cookie.as_deref(),
                authorization: authorization.map(Auth::value),
            };
            let head = head(request, company)?;
            let exchange = Rc::new(Exchange::new(request, head, given_up.is_some(), total, deadline));
            let page = match self.ask(&exchange).await {
                Ok((status, answer)) => self.page(request, &exchange, status, answer).await,
                Err(failure) => Err(failure),
            };
            self.learn(&exchange, given_up);
            if let (Err(_), Some(how), None, true) =
                (&page, exchange.stale.get(), given_up, exchange.repeatable)
            {
                self.wire.idle.forget(exchange.place());
                let silence = exchange.silence.get().unwrap_or_default();
                given_up = Some((GivenUp { how, after: started.elapsed() }, silence));
                continue;
            }
            exchange.time(|t| {
                t.total = started.elapsed();
                t.given_up = given_up.map(|(what, _)| what);
            });
            let timings = exchange.timings.get();
            return match page {
                Ok(page) => Ok(Page { timings, ..page }),
                Err(failure) => Err(failure.after(timings)),
            };
        }
    }

    /// Remembers how the host took it: the time to its first byte, and whether a kept connection was worth its
    /// keep.
    fn learn(&self, exchange: &Exchange, given_up: Option<(GivenUp, Duration)>) {
        let timings = exchange.timings.get();
        let Some(first_byte) = timings.first_byte else { return };
        let (habits, origin) = (&self.wire.habits, exchange.place());
        habits.answered(origin, first_byte, timings.reused);
        if let Some((GivenUp { how, .. }, silence)) = given_up {
            habits.replaced(origin, how, silence, first_byte);
            if !habits.may_reuse(origin, true) {
                self.wire.idle.forget(origin);
            }
        }
    }

    /// Drops the kept connections that are closed or have waited too long; how many that were. To be called
    /// each second: a socket whose server has closed it is a descriptor held for nothing.
    pub fn reap(&self) -> usize {
        self.wire.habits.forget_old();
        self.wire.idle.reap()
    }

    /// How many connections are kept.
    pub fn idle(&self) -> usize {
        self.wire.idle.len()
    }

    /// Sends the request and waits for the answer's head.
    async fn ask(&self, exchange: &Rc<Exchange>) -> Result<(u16, Answer), Failure> {
        let request = self.awc.request(awc::http::Method::GET, self.shown.clone());
        let sent = EXCHANGE.scope(Rc::clone(exchange), request.send_body(NoBody::new())).await;
        match (sent, exchange.answer.take()) {
            (Ok(response), Some(answer)) => match response.status().as_u16() {
                407 if answer.conn.forward.is_some() => Err(self.wire.signed_in_badly(exchange)),
                status => Ok((status, answer)),
            },
            (Err(_), _) if exchange.failure.borrow().is_some() => {
                Err(exchange.failure.take().unwrap_or_else(|| unreadable("")))
            }
            (Err(error), _) => Err(unreadable(&error.to_string())),
            (Ok(_), None) => Err(unreadable("")),
        }
    }

    /// Reads the body to its end, and makes the page.
    async fn page(
        &self,
        request: &Request,
        exchange: &Exchange,
        status: u16,
        mut answer: Answer,
    ) -> Result<Page, Failure> {
        let received = self.receive(request, exchange, &mut answer).await;
        exchange.time(|t| t.body = exchange.first_byte_at.get().map(|first| first.elapsed()));
        let truncated = received?;
        let Answer { head, body, mut conn, keep } = answer;
        let head = ResponseHead::new(head);
        take_cookies(request, &head);
        let (peer, tls) = (Some(conn.peer), conn.tls);
        let origin = exchange.place();
        if keep && !request.fresh && truncated.is_none() && self.wire.habits.may_reuse(origin, true) {
            conn.served += 1;
            self.wire.idle.park(origin, conn);
        }
        Ok(Page {
            status,
            request: exchange.recorded.clone(),
            head,
            body: body.into_bytes(),
            truncated,
            peer,
            tls,
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
        let limits = &self.wire.shared.settings.limits;
        let idle = limits.idle;
        let mut pace = Pace::new(limits.rate_bytes, limits.rate_window);
        let mut patience = Patience::default();
        let mut heard = exchange.first_byte_at.get().unwrap_or_else(Instant::now);
        let mut is_small = true;
        loop {
            if is_small && answer.body.len() as u64 >= SMALL_BYTES {
                is_small = false;
                let share = self.share(exchange, answer).await?;
                request.share.replace(Some(share));
                heard = Instant::now();
                pace.start_over(answer.body.len() as u64);
            }
            match answer.body.stage() {
                Stage::Whole => return Ok(None),
                Stage::Cut => return Ok(Some(Truncation::Length)),
                Stage::More => {}
            }
            let read = poll_fn(|cx| match self.poll_body(answer, cx) {
                Poll::Ready(read) => Poll::Ready(Some(read)),
                Poll::Pending => {
                    patience.poll(exchange.deadline.min(heard + idle).min(pace.due()), cx).map(|()| None)
                }
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
                None if Instant::now() >= heard + idle => return Err(silent(answer, idle)),
                None => {}
            }
            if pace.is_too_slow(answer.body.len() as u64) {
                return Err(dripping(answer, limits.rate_bytes, limits.rate_window));
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

/// Whether a body comes fast enough to be worth its place.
struct Pace {
    bytes: u64,
    window: Duration,
    since: Instant,
    then: u64,
}

impl Pace {
    fn new(bytes: u64, window: Duration) -> Self {
        Self { bytes, window, since: Instant::now(), then: 0 }
    }

    /// When the next look is due.
    fn due(&self) -> Instant {
        self.since + if self.bytes == 0 { NEVER } else { self.window }
    }

    /// Looks, where a look is due, at what has come in all.
    fn is_too_slow(&mut self, have: u64) -> bool {
        if Instant::now() < self.due() {
            return false;
        }
        let came = have - self.then;
        self.start_over(have);
        came < self.bytes
    }

    fn start_over(&mut self, have: u64) {
        (self.since, self.then) = (Instant::now(), have);
    }
}

/// Why a read brought nothing that can be used.
enum Broken {
    Io(std::io::Error),
    Framing(Malformed),
}

/// What the answer sets goes into the request's jar; what the jar refuses is the server's affair.
fn take_cookies(request: &Request, head: &ResponseHead) {
    let Some(jar) = &request.cookies else { return };
    for (_, value) in head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie")) {
        if let Err(refusal) = jar.take_in(&request.url, value, SystemTime::now()) {
            tracing::debug!(host = request.url.host(), %refusal, "a cookie is refused");
        }
    }
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

fn dripping(answer: &Answer, bytes: u64, window: Duration) -> Failure {
    let came = answer.body.len();
    Failure::new(
        FailureKind::BodyTimeout,
        format!("fewer than {bytes} bytes of the body in {}, after {came}", seconds(window)),
    )
}

/// awc was not content with what the wire showed it. There is no input known that leads here.
fn unreadable(why: &str) -> Failure {
    Failure::new(FailureKind::Malformed, format!("the answer could not be read: {why}"))
}
