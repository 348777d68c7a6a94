//! How polite a crawler was: what it promised, held against the server's own log.
//!
//! Owns the promise, the verdict and its words; [`judge`] goes through the log. Knows nothing of what the crawler
//! believes it did: times are those of arrival here.
//!
//! # The error of a time
//!
//! A request's time is when its head had been read, which is later than its start at the client by the way between
//! (and a new connection's handshake) and by however long the server's thread was busy or not let run. Of two
//! requests the first may be that much late and the second not at all, so that they look closer than they were
//! started, by the first one's lateness at most. For the way [`TOLERANCE`] allows, and
//! [`Manners::within_tolerance`] counts how often it was needed. How long the server itself may have kept a request
//! waiting is measured ([`crate::Served::held`]): requests that were closer by no more than that are no violation,
//! and counted as [`Manners::uncertain`]. On a machine with a processor to spare there are none. The other way round an answer is over when the system has taken its last byte. Where the web has
//! several threads, one of them may see what a client does next before the other has noted that; then the same
//! constant allows for it, in what is out, answered and known.

mod judge;
mod waiting;

use std::{
    fmt,
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::{log::Log, plan::Plan};

/// What the times in a log may be wrong by; see [the module's words](crate::Manners).
pub const TOLERANCE: Duration = Duration::from_millis(5);

/// What a crawler has promised to hosts and addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct Promise {
    /// From the start of one request to a host to the start of the next, at least.
    pub delay: Duration,
    /// The same for an address, whatever the hosts there.
    pub ip_delay: Duration,
    /// Requests out to a host at a time, at most.
    pub per_host: usize,
    /// Requests out to an address at a time, at most.
    pub per_ip: usize,
    /// Longest `Crawl-delay` that is kept to; zero where none is.
    pub crawl_delay_max: Duration,
    /// Longest rest that a `Retry-After` gets; zero where it gets none.
    pub rest_max: Duration,
    /// Whether robots.txt is obeyed: asked for first, waited for, and kept to.
    pub robots: bool,
    /// Whether requests for robots.txt, and along its redirects, count as requests.
    pub robots_paced: bool,
    /// Whether a request that a kept connection left without an answer may be made once more at once, on a new
    /// one (RFC 9110 §9.2.2).
    pub repeats: bool,
    /// How long an answer may take to be taken in, where several requests are out: what is asked meanwhile cannot know
    /// of the rest that it asks for.
    pub reacts: Duration,
    /// When the crawler was killed. A killed one cannot know of what it had not written down.
    pub kills: Vec<Instant>,
    /// How long before a kill an answer may be lost with it.
    pub forgets: Duration,
    /// How long the links of a page may take to become work that waits; for [`Lateness`] alone.
    pub settles: Duration,
}

impl Default for Promise {
    /// One request at a time to a host, a second apart; robots.txt obeyed; nothing promised to addresses.
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            ip_delay: Duration::ZERO,
            per_host: 1,
            per_ip: usize::MAX,
            crawl_delay_max: Duration::from_secs(300),
            rest_max: Duration::from_secs(86_400),
            robots: true,
            robots_paced: true,
            repeats: false,
            reacts: Duration::ZERO,
            kills: Vec::new(),
            forgets: Duration::from_millis(100),
            settles: Duration::from_millis(100),
        }
    }
}

/// How a promise was kept.
///
/// ```
/// use std::{io::{Read, Write}, net::TcpStream};
/// use dragline_fakeweb::{Promise, WebSpec};
///
/// let web = WebSpec::default().start()?;
/// for path in ["/robots.txt", "/"] {
///     let mut socket = TcpStream::connect(web.addr())?;
///     write!(socket, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", web.host(0))?;
///     socket.read_to_end(&mut Vec::new())?;
/// }
/// let manners = web.manners(&Promise::default());
/// assert_eq!(manners.violations.len(), 1);
/// assert!(manners.violations[0].to_string().contains("1000 ms were promised"), "{}", manners.violations[0]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Manners {
    /// Every breach of the promise, in the order of time.
    pub violations: Vec<Violation>,
    /// Requests that came earlier than promised by no more than [`TOLERANCE`].
    pub within_tolerance: u64,
    /// Requests that came earlier than promised by no more than the server may itself have kept the one before
    /// waiting, and [`TOLERANCE`]: nobody knows.
    pub uncertain: u64,
    /// How late requests were where there was work.
    pub lateness: Lateness,
    /// Requests that were looked at.
    pub requests: u64,
    /// Hosts that were asked for something.
    pub hosts: usize,
    /// Addresses that were asked for something.
    pub addresses: usize,
}

/// One breach of a promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// What was done.
    pub offence: Offence,
    /// The host that was asked.
    pub host: String,
    /// What for.
    pub path: String,
    /// Where.
    pub address: IpAddr,
    /// When, from the first request of the log on.
    pub at: Duration,
}

/// What was done that had been promised not to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Offence {
    /// A host was asked again too soon.
    TooSoon {
        /// Since the request before.
        after: Duration,
        /// What was promised.
        promised: Duration,
        /// It was the `Crawl-delay` that made it so long.
        crawl_delay: bool,
    },
    /// An address was asked again too soon.
    AddressTooSoon {
        /// Since the request before.
        after: Duration,
        /// What was promised.
        promised: Duration,
    },
    /// More requests were out to a host than promised.
    TooMany {
        /// This one included.
        out: usize,
        /// What was promised.
        promised: usize,
    },
    /// More requests were out to an address than promised.
    AddressTooMany {
        /// This one included.
        out: usize,
        /// What was promised.
        promised: usize,
    },
    /// A host was asked that had asked for rest.
    Restless {
        /// What was left of it.
        left: Duration,
    },
    /// Something else was asked for before robots.txt was answered.
    BeforeRobots,
    /// robots.txt forbids it.
    Forbidden,
}

impl Offence {
    fn words(self) -> String {
        let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        match self {
            Offence::TooSoon { after, promised, crawl_delay } => {
                let whose = if crawl_delay { " (the host's Crawl-delay)" } else { "" };
                format!("asked {} after the request before; {} were promised{whose}", ms(after), ms(promised))
            }
            Offence::AddressTooSoon { after, promised } => {
                format!("its address was asked {} before; {} were promised", ms(after), ms(promised))
            }
            Offence::TooMany { out, promised } => {
                format!("asked as number {out} at a time; {promised} were promised")
            }
            Offence::AddressTooMany { out, promised } => {
                format!("number {out} at a time to its address; {promised} were promised")
            }
            Offence::Restless { left } => {
                format!("asked {} before the end of the rest that its Retry-After asked for", ms(left))
            }
            Offence::BeforeRobots => "asked before its robots.txt was answered".into(),
            Offence::Forbidden => "asked although its robots.txt forbids it".into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offence, host, path, address, at } = self;
        write!(f, "{:.3} s: http://{host}{path} ({address}): {}", at.as_secs_f64(), offence.words())
    }
}

/// How much later than it might have been each request was, of those that had to wait for nothing but the promise.
///
/// That is: a page of a host of numbers, asked for the first time, of which a link was known for
/// [`Promise::settles`] when the host's turn came, and where the request before had an answer that asked for
/// nothing. Its turn is the latest of the host's delay, the address's, a place among those that are out, a rest,
/// and the answer of robots.txt. Requests around a kill are left out, and those that the server itself may have kept
/// waiting for longer than [`TOLERANCE`], or where it may have done so to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lateness {
    /// How many such requests there were.
    pub samples: usize,
    /// Half of them were no later than this.
    pub p50: Duration,
    /// 99 of 100 were no later than this.
    pub p99: Duration,
    /// None was later than this.
    pub max: Duration,
}

impl Lateness {
    fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |share: f64| {
            let rank = (samples.len() as f64 * share).ceil() as usize;
            samples.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self { samples: samples.len(), p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl Manners {
    pub(crate) fn of(plan: &Plan, log: &Log, promise: &Promise) -> Self {
        // With one thread nothing happens between the last byte of an answer and the note of it.
        let slack = if log.threads() == 1 { Duration::ZERO } else { TOLERANCE };
        judge::judge(plan, &judge::events(plan, log), promise, slack)
    }
}

impl fmt::Display for Manners {
    /// A few lines for a person: figures, and the first breaches.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        let Self { violations, within_tolerance, uncertain, lateness, requests, hosts, addresses } = self;
        write!(
            f,
            "{requests} requests to {hosts} hosts at {addresses} addresses: {} against the promise, {within_tolerance} \
             early by less than {TOLERANCE:?}, {uncertain} uncertain; lateness p50 {:?}, p99 {:?}, at most {:?} of {}",
            violations.len(),
            lateness.p50,
            lateness.p99,
            lateness.max,
            lateness.samples
        )?;
        violations.iter().take(SHOWN).try_for_each(|violation| write!(f, "\n{violation}"))
    }
}

#[cfg(test)]
mod tests;
