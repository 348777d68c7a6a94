//! A body on its way in: read to its end, or to the limit that ends it.
//!
//! Owns the limits on time, rate and memory of a body, and the words for one that does not come whole. Never asks
//! again.

use std::{
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use dragline_model::{Failure, FailureKind, Truncation};
use tokio::time::Instant;

use crate::{
    Request,
    bodies::{SMALL_BYTES, Share},
    body::Stage,
    connector::Wire,
    dial::seconds,
    exchange::{Answer, Exchange},
    framing::Malformed,
    patience::Patience,
};

/// For a rate that is not bounded.
const NEVER: Duration = Duration::from_secs(86_400);

/// Reads until the body is whole, or a limit cuts it.
pub(crate) async fn receive(
    wire: &Wire,
    request: &Request,
    exchange: &Exchange,
    answer: &mut Answer,
) -> Result<Option<Truncation>, Failure> {
    let limits = &wire.shared.settings.limits;
    let idle = limits.idle;
    let mut pace = Pace::new(limits.rate_bytes, limits.rate_window);
    let mut patience = Patience::default();
    let mut heard = exchange.first_byte_at.get().unwrap_or_else(Instant::now);
    let mut is_small = true;
    loop {
        if is_small && answer.body.len() as u64 >= SMALL_BYTES {
            is_small = false;
            let share = share(wire, exchange, answer).await?;
            request.share.replace(Some(share));
            heard = Instant::now();
            pace.start_over(answer.body.len() as u64);
        }
        match answer.body.stage() {
            Stage::Whole => return Ok(None),
            Stage::Cut => return Ok(Some(Truncation::Length)),
            Stage::More => {}
        }
        let read = poll_fn(|cx| match poll_body(wire, answer, cx) {
            Poll::Ready(read) => Poll::Ready(Some(read)),
            Poll::Pending => {
                patience.poll(exchange.deadline.get().min(heard + idle).min(pace.due()), cx).map(|()| None)
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
            None if Instant::now() >= exchange.deadline.get() => return Ok(Some(Truncation::Time)),
            None if Instant::now() >= heard + idle => return Err(silent(answer, idle)),
            None => {}
        }
        if answer.body.stage() == Stage::More && pace.is_too_slow(answer.body.len() as u64) {
            return Err(dripping(answer, limits.rate_bytes, limits.rate_window));
        }
        if Instant::now() >= exchange.deadline.get() && answer.body.stage() == Stage::More {
            return Ok(Some(Truncation::Time));
        }
    }
}

/// Waits for a share of the memory for large bodies, for as much as this one can become. That is our own affair: the
/// server's time does not run on meanwhile.
async fn share(wire: &Wire, exchange: &Exchange, answer: &Answer) -> Result<Share, Failure> {
    let shared = &wire.shared;
    let bytes = answer
        .body
        .missing()
        .map_or(u64::MAX, |missing| missing.saturating_add(answer.body.len() as u64))
        .min(shared.settings.limits.body_bytes);
    let begun = Instant::now();
    let share = shared.bodies.share(bytes).await;
    exchange.waited.set(exchange.waited.get() + begun.elapsed());
    exchange.deadline.set(exchange.deadline.get() + begun.elapsed());
    share.ok_or_else(|| Failure::new(FailureKind::Resources, "there is no memory for large bodies any more"))
}

/// One read of body bytes, to their place where nothing needs undoing; the bytes that came off the wire.
fn poll_body(wire: &Wire, answer: &mut Answer, cx: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
    if let Some(mut landing) = answer.body.landing() {
        let read = answer.conn.poll_read_buf(cx, &mut landing).map_err(Broken::Io);
        if let Poll::Ready(Ok(n)) = read {
            answer.body.landed(n);
        }
        return read;
    }
    let mut scratch = wire.scratch.borrow_mut();
    scratch.clear();
    answer.conn.poll_read_buf(cx, &mut *scratch).map(|read| {
        let n = read.map_err(Broken::Io)?;
        let used = answer.body.feed(&scratch).map_err(Broken::Framing)?;
        // Bytes behind the message: nobody asked for them, and what they mean is anybody's guess.
        answer.keep &= used == n;
        Ok(n)
    })
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
