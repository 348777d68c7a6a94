//! How questions are to be asked, and the beginning of it.
//!
//! Owns what a caller decides, and the defaults with their reasons.

use std::{fmt, sync::Arc, thread, time::Duration};

use dragline_cookies::Jar;
use dragline_fetch::{Settings, Shared};
use dragline_frontier::RetryTable;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Answers, Call, Expect, GatherError, Rate,
    board::Board,
    dispatcher::{Dispatcher, Staff},
    feed::{self, Source},
    rate::Pace,
    roster::{Order, Roster},
    rules::Rules,
    worker::Equipment,
};

/// Most requests that may be out at once: what local ports allow to one address, and then some.
const CONCURRENCY_MAX: usize = 1 << 20;

/// Most threads. One serves thousands of slow calls.
const THREADS_MAX: usize = 64;

/// Longest time for one attempt: a year. The clock cannot reckon with all that a [`Duration`] can say.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Most further attempts: attempts are counted in a byte.
const RETRIES_MAX: u8 = u8::MAX - 1;

/// Many questions, to be asked at once. See the [crate's documentation](crate) for an example.
///
/// A call that cannot be answered is an answer too, with the reason; nothing that happens to one stops another,
/// unless [`fail_fast`](Self::fail_fast) is wished for.
pub struct Gather {
    source: Source,
    per_host: usize,
    concurrency: usize,
    rate: Option<Rate>,
    jar: Option<Jar>,
    fail_fast: bool,
    in_order: bool,
    threads: Option<usize>,
    wire: Wire,
    rules: Rules,
    body_limit: Option<usize>,
}

/// What requests are made with.
enum Wire {
    Settings(Box<Settings>),
    Shared(Shared),
}

impl Gather {
    /// Questions out of anything that is one after the other: calls, URLs, an [`Input`](crate::Input), results of
    /// calls. It is drawn from as answers are taken, on a thread of its own, and may wait, or never end.
    pub fn new<C>(calls: C) -> Self
    where
        C: IntoIterator + Send + 'static,
        C::Item: TryInto<Call>,
        <C::Item as TryInto<Call>>::Error: Into<GatherError>,
    {
        Self {
            source: feed::source(calls),
            per_host: 32,
            concurrency: 1024,
            rate: None,
            jar: None,
            fail_fast: false,
            in_order: false,
            threads: None,
            wire: Wire::Settings(Box::default()),
            rules: Rules::default(),
            body_limit: None,
        }
    }

    /// Requests that are out at once to one origin (scheme, host and port): 32, at least 1. Whatever is slow there
    /// holds up nobody elsewhere.
    #[must_use]
    pub fn per_host(mut self, per_host: usize) -> Self {
        self.per_host = per_host.max(1);
        self
    }

    /// Requests that are out at once: 1,024, at least 1; never more than there are open files for.
    #[must_use]
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.clamp(1, CONCURRENCY_MAX);
        self
    }

    /// Requests that start in some time, over all hosts, evenly spread; second attempts and redirects count. No
    /// bound unless set.
    #[must_use]
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// For each attempt, from its start to the last byte of its body; and for the first byte, however long the
    /// [settings](dragline_fetch::Limits) would wait for that. Their 120 s and 30 s unless set; at most a year.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.rules.timeout = Some(timeout.min(TIMEOUT_MAX));
        self
    }

    /// Further attempts at most: 2, and never more than 254. It stands in place of the [table's](RetryTable)
    /// number of attempts, for whatever that repeats at all; what is repeated, and how long after, is the table's
    /// to say. A request that may have arrived is sent again only where its method is idempotent.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.rules.retries = u8::try_from(retries).unwrap_or(RETRIES_MAX).min(RETRIES_MAX);
        self
    }

    /// What is asked again, and when: two seconds after the first time, six after the second, or when the server
    /// says. An origin that answers 429 or 503 rests as a whole, for all that is still to be asked of it.
    #[must_use]
    pub fn retry_table(mut self, table: RetryTable) -> Self {
        self.rules.retry_table = table;
        self
    }

    /// Redirects that are followed for one call: 10. With 0 a redirect is an answer like any other.
    #[must_use]
    pub fn redirects(mut self, redirects: usize) -> Self {
        self.rules.redirects = redirects;
        self
    }

    /// What an answer must be; another is a failure ([`Unexpected`](dragline_model::FailureKind::Unexpected)) that
    /// says what came instead.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.rules.expect = Some(expect);
        self
    }

    /// A new connection for each request.
    #[must_use]
    pub fn fresh(mut self, fresh: bool) -> Self {
        self.rules.fresh = fresh;
        self
    }

    /// One jar for all calls. Without, each has its own through its redirects and no longer: many servers answer
    /// the requests of one session one after the other.
    #[must_use]
    pub fn cookies(mut self, jar: Jar) -> Self {
        self.jar = Some(jar);
        self
    }

    /// The first answer that is not [`ok`](crate::Answer::is_ok) is the last but for those that arrive with it.
    #[must_use]
    pub fn fail_fast(mut self, fail_fast: bool) -> Self {
        self.fail_fast = fail_fast;
        self
    }

    /// Answers in the order of the questions. One that is late holds the others back, and past a bound their
    /// asking.
    #[must_use]
    pub fn in_order(mut self, in_order: bool) -> Self {
        self.in_order = in_order;
        self
    }

    /// Threads that ask: as many as there are processors. Few calls share one.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.clamp(1, THREADS_MAX));
        self
    }

    /// The settings of requests: user agent, address guard, overrides, certificates, limits.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.wire = Wire::Settings(Box::new(settings));
        self
    }

    /// What other gatherings have in common with this one: one bound on connections, one TLS session cache. Its
    /// settings hold as they are.
    #[must_use]
    pub fn shared(mut self, shared: Shared) -> Self {
        self.wire = Wire::Shared(shared);
        self
    }

    /// Largest body in bytes, as received and as decoded: 16 MiB. What is longer is cut there, and marked.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = Some(bytes);
        self
    }

    /// Answers carry what came over the wire, hop by hop ([`pages`](crate::Answer::pages)), for a store.
    #[must_use]
    pub fn keep_pages(mut self, keep: bool) -> Self {
        self.rules.keep_pages = keep;
        self
    }

    /// Begins.
    ///
    /// # Errors
    ///
    /// Settings that cannot be followed, and a system that has no thread left.
    pub fn start(mut self) -> Result<Answers, GatherError> {
        if let Some(bytes) = self.body_limit {
            self.rules.bounds.decoded_bytes = bytes;
        }
        let shared = match self.wire {
            Wire::Shared(shared) => shared,
            Wire::Settings(settings) => {
                // A connection is a file, and the customary limit on them is low.
                dragline_fetch::raise_open_files();
                let mut settings = *settings;
                let limits = &mut settings.limits;
                // What is out at once comes back at once, and is kept for those who come next.
                limits.idle_per_host = limits.idle_per_host.max(self.per_host);
                if let Some(timeout) = self.rules.timeout {
                    limits.head = timeout;
                }
                if let Some(bytes) = self.body_limit {
                    limits.body_bytes = bytes as u64;
                }
                Shared::new(settings)?
            }
        };
        let threads = |error: std::io::Error| GatherError::Threads(error.to_string());
        let concurrency = self.concurrency.min(shared.connections());
        let cores = || thread::available_parallelism().map_or(1, |cores| cores.get().min(THREADS_MAX));
        let board = Arc::new(Board::default());
        let (answers, arrivals) = mpsc::unbounded_channel();
        // Bounded by what may be out at once.
        let (notes_in, notes) = mpsc::unbounded_channel();
        let (draw, drawn) = mpsc::channel(feed::DRAWN_MAX);
        let order = if self.in_order { Order::Numbers } else { Order::Turns };
        let dispatcher = Dispatcher {
            roster: Roster::new(self.per_host, order, self.rate.map(Pace::new)),
            equipment: Equipment {
                shared,
                rules: Arc::new(self.rules),
                board: Arc::clone(&board),
                answers,
                notes: notes_in,
                aside: Arc::new(Semaphore::new(1)),
                fail_fast: self.fail_fast,
                in_order: self.in_order,
            },
            drawn,
            notes,
            concurrency: concurrency as u64,
            threads: self.threads.unwrap_or_else(cores),
            jar: self.jar,
            staff: Staff::default(),
            out: 0,
            has_ended: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(threads)?;
        let for_feed = Arc::clone(&board);
        // It ends by itself, at the latest with the call after the last that anybody wanted.
        thread::Builder::new()
            .name("gather-feed".to_owned())
            .spawn(move || feed::draw(self.source, &for_feed, &draw))
            .map_err(threads)?;
        let thread = thread::Builder::new().name("gather".to_owned());
        let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
        let dispatcher = thread.spawn(move || dispatcher.run(runtime, &begun)).map_err(threads)?;
        // No answer is a panic, which the consumer meets.
        has_begun.recv().unwrap_or(Ok(())).map_err(threads)?;
        Ok(Answers::new(arrivals, board, dispatcher, self.in_order))
    }
}

impl fmt::Debug for Gather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather")
            .field("per_host", &self.per_host)
            .field("concurrency", &self.concurrency)
            .field("rate", &self.rate)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
