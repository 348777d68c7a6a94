//! The client: one request at a time from URL to page, any number of them at once.
//!
//! Owns the course of an exchange: ask, take the answer, have its body read ([`receive`]), give the connection back.

use std::{
    fmt,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use actix_http::body::None as NoBody;
use awc::http::uri::Uri;
use dragline_model::{Failure, FailureKind, GivenUp, Page, ResponseHead};
use tokio::time::Instant;

use crate::{
    Auth, Request, Shared,
    connector::{Connector, Wire},
    exchange::{Answer, EXCHANGE, Exchange},
    receive::receive,
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
        // A share of an earlier answer is not held while the next one waits for its own.
        request.share.take();
        let mut given_up: Option<Replaced> = None;
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
            self.learn(&exchange, given_up.as_ref());
            if let (Err(_), Some(how), None, true) =
                (&page, exchange.stale.get(), &given_up, exchange.repeatable)
            {
                self.wire.idle.forget(exchange.place());
                let silence = exchange.silence.get().unwrap_or_default();
                let what = GivenUp { how, after: started.elapsed() };
                given_up = Some(Replaced { what, silence, place: exchange.place().into() });
                continue;
            }
            exchange.time(|t| {
                t.total = started.elapsed();
                t.given_up = given_up.as_ref().map(|it| it.what);
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
    fn learn(&self, exchange: &Exchange, replaced: Option<&Replaced>) {
        let timings = exchange.timings.get();
        let Some(first_byte) = timings.first_byte else { return };
        let habits = &self.wire.habits;
        habits.answered(exchange.place(), first_byte, timings.reused);
        if let Some(Replaced { what, silence, place }) = replaced {
            habits.replaced(place, what.how, *silence, first_byte);
            if !habits.may_reuse(place, true) {
                self.wire.idle.forget(place);
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
        let received = receive(&self.wire, request, exchange, &mut answer).await;
        let since = |first: Instant| first.elapsed().saturating_sub(exchange.waited.get());
        exchange.time(|t| t.body = exchange.first_byte_at.get().map(since));
        let truncated = received?;
        let Answer { head, body, mut conn, keep } = answer;
        let head = ResponseHead::new(head);
        take_cookies(request, &head);
        let (peer, tls) = (Some(conn.peer), conn.tls);
        let origin = exchange.place();
        if keep
            && !request.fresh
            && !body.is_odd()
            && truncated.is_none()
            && self.wire.habits.may_reuse(origin, true)
        {
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
}

/// A kept connection that was given up for another one.
struct Replaced {
    what: GivenUp,
    /// The silence it was allowed.
    silence: Duration,
    /// Where it led: the next one may go by another proxy.
    place: Box<str>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("idle", &self.idle()).finish_non_exhaustive()
    }
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

/// awc was not content with what the wire showed it. There is no input known that leads here.
fn unreadable(why: &str) -> Failure {
    Failure::new(FailureKind::Malformed, format!("the answer could not be read: {why}"))
}
