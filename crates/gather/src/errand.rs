//! A call on its way: what has come of it so far, and what it asks next.
//!
//! Owns the chain of redirects, the attempts and the cookies met on the way. Travels between the dispatcher and
//! the workers; whoever holds it is the only one who does.

use std::{
    mem::take,
    time::{Duration, SystemTime},
};

use dragline_cookies::Jar;
use dragline_fetch::{Method, Request};
use dragline_model::{CanonicalUrl, FailureKind, Page, Timings};
use tokio::time::Instant;

use crate::{
    Answer, Call, Hop, Kept, Try,
    answer::location,
    call::Target,
    redirect::{Step, goes_along, is_of_body},
    roster::Waited,
    rules::Rules,
};

/// See the module's documentation. Without `Debug`: it holds secrets.
pub(crate) struct Errand {
    /// The call's place in the input, from 1.
    pub(crate) n: u64,
    pub(crate) call: Call,
    /// Where it has got to.
    pub(crate) target: Target,
    pub(crate) method: Method,
    /// 1 for the first.
    pub(crate) attempts: u32,
    body_dropped: bool,
    /// The cookies for it: everybody's, or its own from the first redirect on.
    jar: Option<Jar>,
    hops: Vec<Hop>,
    pages: Vec<Kept>,
    /// What was asked along the chain, cookies included.
    asked: Vec<String>,
    tries: Vec<Try>,
    waited: Waited,
    began: Option<Instant>,
    /// In requests that are over.
    pub(crate) spent: Duration,
}

impl Errand {
    pub(crate) fn new(n: u64, call: Call, jar: Option<Jar>) -> Self {
        Self {
            n,
            target: call.target.clone(),
            method: call.method.clone(),
            call,
            attempts: 1,
            body_dropped: false,
            jar,
            hops: Vec::new(),
            pages: Vec::new(),
            asked: Vec::new(),
            tries: Vec::new(),
            waited: Waited::default(),
            began: None,
            spent: Duration::ZERO,
        }
    }

    /// The next request.
    pub(crate) fn request(&mut self, rules: &Rules) -> Request {
        self.began.get_or_insert_with(Instant::now);
        // Later its cookies are no longer known: a shared jar takes in those of the answer at once.
        if self.asked.is_empty() && self.jar.is_some() {
            self.note();
        }
        let mut request = Request::get(self.target.url.clone()).method(self.method.clone());
        request.query = self.target.query.clone();
        request.headers = self.headers();
        if !self.body_dropped {
            request.body = self.call.body.clone();
        }
        request.fresh = rules.fresh;
        request.total = rules.timeout;
        request.cookies = self.jar.clone();
        request
    }

    /// The caller's fields, as far as they may go where this goes.
    fn headers(&self) -> Vec<(String, String)> {
        let (home, to) = (self.call.target.origin(), self.target.origin());
        let fields = self.call.headers.iter();
        let mut fields: Vec<(String, String)> = fields
            .filter(|(name, _)| goes_along(name, home, to) && !(self.body_dropped && is_of_body(name)))
            .cloned()
            .collect();
        if let Some(auth) =
            self.call.auth.as_ref().filter(|_| home == to && !self.call.names("authorization"))
        {
            fields.push(("Authorization".to_owned(), auth.value().to_owned()));
        }
        fields
    }

    /// A request has a body to send.
    pub(crate) fn has_body(&self) -> bool {
        !self.body_dropped && !self.call.body.is_empty()
    }

    /// Its turn has come, after so long.
    pub(crate) fn waited(&mut self, waited: Waited) {
        self.waited.queued += waited.queued;
        self.waited.backed_off += waited.backed_off;
    }

    /// A request is over.
    pub(crate) fn tried(&mut self, timings: &Timings, failure: Option<FailureKind>) {
        self.spent += timings.total;
        // Mostly it stays the only one.
        if self.tries.is_empty() {
            self.tries.reserve_exact(1);
        }
        self.tries.push(Try { url: self.target.url.clone(), timings: *timings, failure });
    }

    /// An answer of the chain, for a store.
    pub(crate) fn keep(&mut self, url: CanonicalUrl, page: Page, fetched_at: SystemTime) {
        self.pages.push(Kept { url, fetched_at, page });
    }

    /// How many redirects were followed.
    pub(crate) fn redirects(&self) -> usize {
        self.hops.len()
    }

    /// Goes on to where an answer sends it; false where that is where it has been, with nothing new in hand.
    pub(crate) fn follow(&mut self, step: Step, page: &Page) -> bool {
        if self.asked.is_empty() {
            self.note();
        }
        self.take_cookies(page);
        let next = self.identity(&step.target, &step.method);
        if self.asked.contains(&next) {
            return false;
        }
        self.asked.push(next);
        self.hops.push(Hop {
            url: self.target.url.clone(),
            status: page.status,
            location: location(page.head.field("location").unwrap_or_default()),
            timings: page.timings,
            peer: page.peer,
        });
        self.target = step.target;
        self.method = step.method;
        self.body_dropped |= step.drops_body;
        true
    }

    /// A jar of its own takes in what the chain's first cookie brings; a jar of everybody's has it already.
    fn take_cookies(&mut self, page: &Page) {
        if self.jar.is_some() {
            return;
        }
        let now = SystemTime::now();
        let mut cookies =
            page.head.fields().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie")).peekable();
        if cookies.peek().is_some() {
            let jar = Jar::default();
            for (_, cookie) in cookies {
                // A cookie that is refused is none; that is between the jar and the server.
                let _ = jar.take_in(&self.target.url, cookie, now);
            }
            self.jar = Some(jar);
        }
    }

    /// Remembers the request that is next, or was just made.
    fn note(&mut self) {
        let asked = self.identity(&self.target, &self.method);
        self.asked.push(asked);
    }

    /// What makes a request the same as another.
    fn identity(&self, target: &Target, method: &Method) -> String {
        let cookies = self.jar.as_ref().and_then(|jar| jar.header_for(&target.url, SystemTime::now()));
        let query = target.query.as_deref().unwrap_or_default();
        format!("{method} {}\n{query}\n{}", target.url, cookies.unwrap_or_default())
    }

    /// The answer's beginning: what is known of the call. Takes what was gathered on the way.
    pub(crate) fn answer(&mut self, fetched_at: SystemTime) -> Answer {
        let has_moved = self.target.url != self.call.target.url;
        Answer {
            n: self.n,
            url: self.call.asked.clone(),
            final_url: has_moved.then(|| self.target.url.clone()),
            attempts: self.attempts,
            tries: take(&mut self.tries),
            queued: self.waited.queued,
            backed_off: self.waited.backed_off,
            spent: self.spent,
            elapsed: self.began.map_or(Duration::ZERO, |began| began.elapsed()),
            hops: take(&mut self.hops),
            pages: take(&mut self.pages),
            fetched_at,
            ..Answer::empty()
        }
    }
}
