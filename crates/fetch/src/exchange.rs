//! One request and its answer, as they pass round awc.
//!
//! awc polls connector and stream inside the caller's own future. A task-local slip set around that future
//! therefore carries in what the wire must know (target, head, deadlines) and carries out what awc has no place
//! for: the typed failure, the head as received, the connection with the body still on it, the time each
//! phase took.

use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::Rc,
    time::Duration,
};

use bytes::Bytes;
use dragline_model::{CanonicalUrl, Failure, Stale, Timings};
use tokio::time::Instant;

use crate::{Request, body::Body, request::Head, stream::Conn};

tokio::task_local! {
    /// The exchange that is under way in this future.
    pub(crate) static EXCHANGE: Rc<Exchange>;
}

/// What the wire is told of one request, and what it tells.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) url: CanonicalUrl,
    /// The request's head, complete.
    pub(crate) head: Bytes,
    /// The same as it may be recorded.
    pub(crate) recorded: Bytes,
    /// What follows it.
    pub(crate) body: Bytes,
    /// The answer has no body.
    pub(crate) is_head: bool,
    /// A server may see the request twice.
    pub(crate) repeatable: bool,
    /// No kept connection will do.
    pub(crate) fresh: bool,
    /// For the whole, as it was when it began.
    pub(crate) total: Duration,
    /// When the whole must be over.
    pub(crate) deadline: Cell<Instant>,
    /// How long its body waited for a share of our memory.
    pub(crate) waited: Cell<Duration>,

    /// The proxy that was chosen, by its place in the settings, and what connections through it are kept under.
    via: OnceCell<(usize, Box<str>)>,
    /// How long a kept connection may be silent, where it is one.
    pub(crate) silence: Cell<Option<Duration>>,
    pub(crate) timings: Cell<Timings>,
    /// When the first byte of the answer came.
    pub(crate) first_byte_at: Cell<Option<Instant>>,
    /// The answer, from the moment its head is complete.
    pub(crate) answer: RefCell<Option<Answer>>,
    /// Why there is none.
    pub(crate) failure: RefCell<Option<Failure>>,
    /// The failure is the kept connection's: the server may never have seen the request.
    pub(crate) stale: Cell<Option<Stale>>,
}

/// An answer whose head is complete.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The head as received.
    pub(crate) head: Bytes,
    /// What came of the body together with the head.
    pub(crate) body: Body,
    /// The connection the rest comes on.
    pub(crate) conn: Conn,
    /// The connection is good for another request when the body is whole.
    pub(crate) keep: bool,
}

impl Exchange {
    pub(crate) fn new(
        request: &Request,
        head: Head,
        fresh: bool,
        total: Duration,
        deadline: Instant,
    ) -> Self {
        let Head { bytes, recorded } = head;
        let head = Bytes::from(bytes);
        Self {
            url: request.url.clone(),
            recorded: recorded.map_or_else(|| head.clone(), Bytes::from),
            head,
            body: request.body.clone(),
            is_head: request.method.is_head(),
            repeatable: request.method.is_idempotent(),
            fresh: fresh || request.fresh,
            total,
            deadline: Cell::new(deadline),
            waited: Cell::default(),
            via: OnceCell::new(),
            silence: Cell::default(),
            timings: Cell::default(),
            first_byte_at: Cell::default(),
            answer: RefCell::default(),
            failure: RefCell::default(),
            stale: Cell::default(),
        }
    }

    /// Takes the proxy that was chosen, once.
    pub(crate) fn go_through(&self, proxy: usize) {
        self.via.get_or_init(|| (proxy, format!("{proxy} {}", self.url.origin()).into()));
    }

    /// The proxy to go through.
    pub(crate) fn proxy(&self) -> Option<usize> {
        self.via.get().map(|(proxy, _)| *proxy)
    }

    /// What its connections are kept under: the origin, or proxy and origin.
    pub(crate) fn place(&self) -> &str {
        self.via.get().map_or_else(|| self.url.origin(), |(_, place)| place)
    }

    /// Notes the time of a phase.
    pub(crate) fn time(&self, note: impl FnOnce(&mut Timings)) {
        let mut timings = self.timings.get();
        note(&mut timings);
        self.timings.set(timings);
    }
}
