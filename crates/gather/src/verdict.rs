//! What becomes of an errand after a request: another one, or an answer.
//!
//! Owns the order of the questions: is it asked again, does it lead elsewhere, is it what was expected. Pure but
//! for the digest's cost: nothing here waits.

use std::{
    fmt::Write,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use dragline_coding::Bounds;
use dragline_frontier::Retry;
use dragline_model::{Failure, FailureKind, Page, Settled};
use sha2::{Digest, Sha256};

use crate::{
    Answer, Cut,
    errand::Errand,
    redirect::{self, Verdict},
    rules::Rules,
};

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The same again, no sooner than `wait` from now.
    Again {
        wait: Duration,
        /// And nothing else to this origin before that either.
        rest: bool,
    },
    /// On to where the redirect leads; the errand knows.
    Hop,
    /// This is it.
    Answer {
        /// Why a redirect was not followed.
        detail: Option<String>,
        /// How long the server wants to be asked nothing.
        rest: Option<Duration>,
    },
}

impl Next {
    fn answer(detail: Option<String>) -> Self {
        Next::Answer { detail, rest: None }
    }
}

/// After a response.
pub(crate) fn of_page(rules: &Rules, errand: &mut Errand, page: &Page) -> Next {
    let settled = Settled::Page {
        status: page.status,
        bytes: page.body.len() as u64,
        retry_after: page.head.field_str("retry-after").map(str::to_owned),
    };
    if errand.method.is_idempotent()
        && let Some(again) = again(rules, errand, &settled)
    {
        return again;
    }
    if let Some(rest) = rest(rules, &settled) {
        return Next::Answer { detail: None, rest: Some(rest) };
    }
    if rules.redirects == 0 {
        return Next::answer(None);
    }
    let location = page.head.field("location");
    match redirect::verdict(page.status, location, &errand.target, &errand.method, errand.has_body()) {
        Verdict::None => Next::answer(None),
        Verdict::Stay(why) => Next::answer(Some(why)),
        Verdict::Follow(_) if errand.redirects() >= rules.redirects => {
            Next::answer(Some(format!("redirected more than {} times", rules.redirects)))
        }
        Verdict::Follow(step) => {
            let to = step.target.url.clone();
            if errand.follow(step, page) {
                Next::Hop
            } else {
                Next::answer(Some(format!("redirected in a circle: {to} was asked already")))
            }
        }
    }
}

/// After none.
pub(crate) fn of_failure(rules: &Rules, errand: &Errand, failure: &Failure) -> Next {
    let may_repeat = errand.method.is_idempotent() || never_left(failure);
    let settled = may_repeat.then(|| Settled::Failure(failure.clone()));
    settled.and_then(|settled| again(rules, errand, &settled)).unwrap_or(Next::answer(None))
}

fn again(rules: &Rules, errand: &Errand, settled: &Settled) -> Option<Next> {
    let attempt = u8::try_from(errand.attempts).unwrap_or(u8::MAX);
    match rules.retry_table.decide_within(
        settled,
        attempt,
        rules.retries.saturating_add(1),
        SystemTime::now(),
    ) {
        Retry::Again { wait, rest } => Some(Next::Again { wait, rest }),
        Retry::Final => None,
    }
}

/// The rest that a server asked for in so many words. It holds for the others, also where this call is over.
fn rest(rules: &Rules, settled: &Settled) -> Option<Duration> {
    let Settled::Page { retry_after: Some(_), .. } = settled else { return None };
    match rules.retry_table.decide(settled, 1, SystemTime::now()) {
        Retry::Again { wait, rest: true } => Some(wait),
        _ => None,
    }
}

/// No byte of the request can have reached anybody: there was no connection to send it on.
fn never_left(failure: &Failure) -> bool {
    let no_connection = |timings: &dragline_model::Timings| timings.connect.is_none() && !timings.reused;
    match failure.kind {
        FailureKind::Dns | FailureKind::Connect | FailureKind::Refused => true,
        FailureKind::Proxy | FailureKind::Resources => failure.timings.as_deref().is_some_and(no_connection),
        _ => false,
    }
}

/// The answer of a response that is the last. A large body makes this a matter of milliseconds.
pub(crate) fn answer(
    rules: &Rules,
    begun: Answer,
    page: Page,
    decoded: Decoded,
    detail: Option<String>,
) -> Answer {
    let Page { status, head, truncated, peer, tls, timings, .. } = page;
    let Decoded { body, cut, damage } = decoded;
    let mime = head.mime();
    let truncated = truncated.map(Cut::Wire).or(cut);
    let is_whole = truncated.is_none();
    let objection = || {
        let expect = rules.expect.as_ref()?;
        let objection = expect.objection(status, mime.as_deref(), &body, is_whole)?;
        Some(Failure::new(FailureKind::Unexpected, objection))
    };
    let failure = damage.or_else(objection);
    let names_statuses = rules.expect.as_ref().is_some_and(|expect| expect.names_statuses());
    let is_good = names_statuses || matches!(status, 200..=299 | 304);
    Answer {
        status: Some(status),
        digest: Some(digest(&body)),
        is_ok: failure.is_none() && is_whole && is_good,
        names_json: rules.expect.as_ref().is_some_and(|expect| expect.names_json()),
        head: Some(head),
        mime,
        body,
        truncated,
        timings: Some(timings),
        failure,
        detail,
        tls,
        peer,
        ..begun
    }
}

/// The answer of a failure that is the last.
pub(crate) fn failed(begun: Answer, mut failure: Failure) -> Answer {
    let timings = failure.timings.take().map(|timings| *timings);
    Answer { timings, failure: Some(failure), ..begun }
}

/// Something of ours panicked.
pub(crate) fn panicked(errand: &mut Errand, why: String) -> Answer {
    failed(errand.answer(SystemTime::now()), Failure::new(FailureKind::Panicked, why))
}

/// A body without its content codings; as it came where they cannot be undone.
pub(crate) struct Decoded {
    body: Bytes,
    /// Why it is not whole.
    cut: Option<Cut>,
    /// Why they cannot be undone.
    damage: Option<Failure>,
}

/// Undoes the content codings.
pub(crate) fn decode(page: &Page, bounds: &Bounds) -> Decoded {
    let body = page.body.clone();
    match dragline_coding::decode(page.head.content_encoding().as_deref(), body.clone(), bounds) {
        Ok(decoded) => Decoded { body: decoded.bytes, cut: decoded.truncated.map(Cut::Coding), damage: None },
        Err(error) => {
            let damage = Some(Failure::new(FailureKind::Malformed, error.to_string()));
            Decoded { body, cut: None, damage }
        }
    }
}

/// Largest window of a body that is decoded in passing.
const WINDOW_SMALL_BYTES: u64 = 2 << 20;

/// The same, unless more than so many bytes come of it: a coded body does not show how large it is.
pub(crate) fn decode_small(page: &Page, bounds: &Bounds, bytes: usize) -> Option<Decoded> {
    // A window of megabytes would stay with this thread, and be taken again where all of it is decoded.
    let coding = page.head.content_encoding();
    if page.body.len() > bytes
        || dragline_coding::window_bytes(coding.as_deref(), &page.body) > WINDOW_SMALL_BYTES
    {
        return None;
    }
    let within = Bounds { decoded_bytes: bounds.decoded_bytes.min(bytes), ..bounds.clone() };
    let decoded = decode(page, &within);
    let is_small = within.decoded_bytes == bounds.decoded_bytes
        || decoded.cut != Some(Cut::Coding(dragline_coding::Cut::Limit));
    is_small.then_some(decoded)
}

fn digest(body: &[u8]) -> String {
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in Sha256::digest(body) {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
