//! One request and its answer, as they pass round awc.
//!
//! awc polls connector and stream inside the caller's own future. A task-local slip set around that future
//! therefore carries in what the wire must know (target, deadlines) and carries out what awc has no place
//! for: the typed failure, the head as received, the connection with the body still on it, the time each
//! phase took.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use bytes::Bytes;
use dragline_model::{CanonicalUrl, Failure, Timings};
use tokio::time::Instant;

use crate::{Method, body::Body, stream::Conn};

tokio::task_local! {
    /// The exchange that is under way in this future.
    pub(crate) static EXCHANGE: Rc<Exchange>;
}

/// What the wire is told of one request, and what it tells.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) url: CanonicalUrl,
    pub(crate) method: Method,
    /// The request's head behind the request line.
    pub(crate) fields: Vec<u8>,
    /// No kept connection will do.
    pub(crate) fresh: bool,
    /// When the whole must be over.
    pub(crate) deadline: Instant,

    /// The request's head as it was sent.
    pub(crate) sent: RefCell<Bytes>,
    pub(crate) timings: Cell<Timings>,
    /// When the first byte of the answer came.
    pub(crate) first_byte_at: Cell<Option<Instant>>,
    /// The answer, from the moment its head is complete.
    pub(crate) answer: RefCell<Option<Answer>>,
    /// Why there is none.
    pub(crate) failure: RefCell<Option<Failure>>,
    /// The failure is that a kept connection was closed before the answer's first byte: the server may never
    /// have seen the request.
    pub(crate) stale: Cell<bool>,
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
        url: CanonicalUrl,
        method: Method,
        fields: Vec<u8>,
        fresh: bool,
        deadline: Instant,
    ) -> Self {
        Self {
            url,
            method,
            fields,
            fresh,
            deadline,
            sent: RefCell::default(),
            timings: Cell::default(),
            first_byte_at: Cell::default(),
            answer: RefCell::default(),
            failure: RefCell::default(),
            stale: Cell::default(),
        }
    }

    /// Notes the time of a phase.
    pub(crate) fn time(&self, note: impl FnOnce(&mut Timings)) {
        let mut timings = self.timings.get();
        note(&mut timings);
        self.timings.set(timings);
    }
}
