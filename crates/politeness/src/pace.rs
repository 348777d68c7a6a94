//! One host's pace, or one address's: when it may be asked again, and why not sooner.
//!
//! Owns the promise that is kept to a host. Starts nothing, waits for nothing: it is told what starts and what
//! came of it, and says when the next may.

use std::time::{Duration, SystemTime};

use dragline_model::{FailureKind, Settled};
use serde::{Deserialize, Serialize};

use crate::{BackOff, BackOffRules, Stamp, retry_after};

mod because;
pub use because::{Because, NextStart};

mod elsewhere;
pub use elsewhere::Elsewhere;

/// What a host is promised. Configured, shared by many hosts, and so kept apart from their [`Pace`]s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceRules {
    /// From the start of one request to the start of the next, at least.
    pub delay: Duration,
    /// Longest `Crawl-delay` that is kept to. It can only lengthen the delay.
    pub crawl_delay_max: Duration,
    /// By how much of itself a delay may be longer at random, 0 to 1. Never shorter.
    pub jitter: f32,
    /// Requests out at a time, at least 1.
    pub concurrency: u32,
    /// A delay that follows the host's own speed; none leaves it at `delay`.
    pub adaptive: Option<Adaptive>,
    /// Waits after 429 and 503.
    pub refused: BackOffRules,
    /// Waits after a connection that failed.
    pub unreached: BackOffRules,
    /// Longest rest that a `Retry-After` gets.
    pub rest_max: Duration,
}

/// A delay that is a multiple of the time the host takes to answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    /// So many times the response time: 1 keeps a host about half busy with us, with one request at a time.
    pub factor: f32,
    /// Never shorter.
    pub min: Duration,
    /// Never longer.
    pub max: Duration,
}

/// So many connections without an answer, one after the other, are a host that cannot be reached.
const SILENT_MAX: u8 = 3;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for PaceRules {
    /// One request at a time, a second apart; a `Crawl-delay` of up to five minutes.
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(1),
            crawl_delay_max: 5 * MINUTE,
            jitter: 0.0,
            concurrency: 1,
            adaptive: None,
            refused: BackOffRules { first: MINUTE, max: DAY, forgive: 10 * MINUTE },
            // A connection fails for reasons that pass sooner than a server's overload, and a host that is gone
            // costs a connect a time: it may be tried a bit sooner and need not be left alone as long.
            unreached: BackOffRules { first: MINUTE / 4, max: DAY / 4, forgive: 10 * MINUTE },
            rest_max: DAY,
        }
    }
}

/// What came of a request, as far as it tells something of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// An answer; how long its head took from the start of the request.
    Answered(Duration),
    /// 429 or 503, with the rest that was asked for.
    Refused(Option<Duration>),
    /// No connection.
    Unreached,
    /// A connection that brought no answer. That may be the page's doing; some in a row are the host's.
    Silent,
    /// Nothing about the host: the fault was ours, or the request was never made.
    Nothing,
}

impl Told {
    /// What an outcome tells. `took` is the time to the head of the answer; `now` is for dates in
    /// `Retry-After`.
    pub fn of(settled: &Settled, took: Duration, now: SystemTime) -> Self {
        match settled {
            Settled::Page { status: 429 | 503, retry_after: asked, .. } => {
                Told::Refused(asked.as_deref().and_then(|text| retry_after(text, now)))
            }
            Settled::Page { .. } => Told::Answered(took),
            Settled::Failure(failure) => match failure.kind {
                FailureKind::Dns | FailureKind::Connect => Told::Unreached,
                FailureKind::Closed | FailureKind::HeadTimeout => Told::Silent,
                FailureKind::BodyTimeout
                | FailureKind::Truncated
                | FailureKind::Malformed
                | FailureKind::Unexpected => Told::Answered(took),
                // A certificate that does not hold is no sign of strain, and waiting does not mend it.
                FailureKind::Tls
                | FailureKind::Refused
                | FailureKind::Proxy
                | FailureKind::Resources
                | FailureKind::Panicked => Told::Nothing,
            },
        }
    }
}

/// The pace of one host or one address.
///
/// Its life: [`next_start`](Self::next_start) says when; [`started`](Self::started) is called then, with a
/// random number; [`ended`](Self::ended) when the request is over, with what it told. Kept with serde it goes
/// on in the next run, without the requests that were out ([`resumed`](Self::resumed)).
///
/// A host that shares its address has two of them to keep to: the later start counts
/// ([`NextStart::or_later`]).
///
/// ```
/// use std::time::Duration;
/// use dragline_politeness::{Because, Pace, PaceRules, Stamp, Told};
///
/// let rules = PaceRules::default();
/// let at = |ms| Stamp::new(Duration::from_millis(ms));
/// let mut pace = Pace::default();
/// pace.started(at(0), 0.5);
/// assert_eq!(pace.next_start(&rules, at(10)), None, "one at a time");
/// pace.ended(&rules, at(0), at(200), Told::Answered(Duration::from_millis(150)));
/// let next = pace.next_start(&rules, at(200)).ok_or("nothing is out")?;
/// assert_eq!((next.at, next.because), (at(1000), Because::Delay));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pace {
    #[serde(skip)]
    out: u32,
    /// Requests of others, see [`Elsewhere`].
    #[serde(skip)]
    out_elsewhere: u32,
    /// What others were told.
    #[serde(skip)]
    crawl_delay_elsewhere: Option<Duration>,
    last_start: Option<Stamp>,
    /// The random number of the last start.
    chance: f32,
    crawl_delay: Option<Duration>,
    /// How long answers took of late.
    response: Option<Duration>,
    refused: BackOff,
    /// The last refusal named the rest itself.
    is_asked: bool,
    unreached: BackOff,
    /// Connections without an answer since the last answer.
    silent: u8,
}

impl Pace {
    /// When the next request may start; none while all that may be out are out. Where it may be now, that is
    /// now, [`Because::Free`].
    pub fn next_start(&self, rules: &PaceRules, now: Stamp) -> Option<NextStart> {
        if self.out.saturating_add(self.out_elsewhere) >= rules.concurrency.max(1) {
            return None;
        }
        Some(self.earliest(rules, now))
    }

    /// The same without regard to what is out.
    pub fn earliest(&self, rules: &PaceRules, now: Stamp) -> NextStart {
        let free = NextStart { at: now, because: Because::Free };
        let (delay, because) = self.delay(rules);
        let by_delay = self.last_start.map_or(free, |start| NextStart { at: start + delay, because });
        let refused = if self.is_asked {
            Because::RetryAfter
        } else {
            Because::BackOff { step: self.refused.step(&rules.refused, now) }
        };
        let unreached = Because::Unreached { step: self.unreached.step(&rules.unreached, now) };
        free.or_later(by_delay)
            .or_later(NextStart { at: self.unreached.until(), because: unreached })
            .or_later(NextStart { at: self.refused.until(), because: refused })
    }

    /// A request starts. `chance` is a random number from 0 to 1, for the jitter.
    pub fn started(&mut self, now: Stamp, chance: f32) {
        self.out = self.out.saturating_add(1);
        // Never back: two starts may be told in the wrong order.
        self.last_start = self.last_start.max(Some(now));
        self.chance = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.0 };
    }

    /// A request may have reached the server as late as this; without effect where a later one is known of.
    pub fn assume_started(&mut self, at: Stamp) {
        self.last_start = self.last_start.max(Some(at));
    }

    /// A request that was begun at `started` is over.
    pub fn ended(&mut self, rules: &PaceRules, started: Stamp, now: Stamp, told: Told) {
        self.out = self.out.saturating_sub(1);
        match told {
            Told::Answered(took) => {
                // Whoever answers can be reached. (A server that refuses some is not forgiven for answering others.)
                self.silent = 0;
                self.unreached = BackOff::default();
                self.response = Some(self.response.map_or(took, |before| mean(before, took)))
            }
            Told::Refused(asked) => self.refuse(rules, started, now, asked),
            Told::Silent if self.silent + 1 < SILENT_MAX => self.silent += 1,
            Told::Unreached | Told::Silent => {
                self.unreached.failed(&rules.unreached, started, now, |step| rules.unreached.wait(step));
            }
            Told::Nothing => {}
        }
    }

    fn refuse(&mut self, rules: &PaceRules, started: Stamp, now: Stamp, asked: Option<Duration>) {
        let until = self.refused.until();
        let asked = asked.map(|rest| rest.min(rules.rest_max));
        let mut is_asked = false;
        self.refused.failed(&rules.refused, started, now, |step| {
            let of_step = rules.refused.wait(step);
            let Some(rest) = asked else { return of_step };
            // A server that refuses again and again after the rests it asked for has asked for too little: from the
            // third time on it gets at least what two steps before would give.
            let at_least = if step > 2 { rules.refused.wait(step - 2) } else { Duration::ZERO };
            is_asked = rest >= at_least;
            rest.max(at_least)
        });
        if self.refused.until() > until {
            self.is_asked = is_asked;
        }
    }

    /// What the host's robots.txt has for `Crawl-delay`, uncapped or not; it counts at once, from the last
    /// start on.
    pub fn set_crawl_delay(&mut self, delay: Option<Duration>) {
        self.crawl_delay = delay;
    }

    /// The delay that holds, jitter included, and whose it is.
    pub fn delay(&self, rules: &PaceRules) -> (Duration, Because) {
        let adaptive = rules.adaptive.zip(self.response).map(|(adaptive, response)| {
            let longest = adaptive.max.max(adaptive.min);
            scaled(response, adaptive.factor).clamp(adaptive.min, longest)
        });
        let asked = self.crawl_delay.max(self.crawl_delay_elsewhere);
        let asked = asked.map(|delay| delay.min(rules.crawl_delay_max));
        let mut longest = (rules.delay, Because::Delay);
        for (delay, because) in [(adaptive, Because::Adaptive), (asked, Because::CrawlDelay)] {
            if let Some(delay) = delay.filter(|delay| *delay > longest.0) {
                longest = (delay, because);
            }
        }
        let jitter = if rules.jitter.is_finite() { rules.jitter.clamp(0.0, 1.0) * self.chance } else { 0.0 };
        (longest.0.saturating_add(scaled(longest.0, jitter)), longest.1)
    }

    /// Requests out.
    pub fn out(&self) -> u32 {
        self.out
    }

    /// To be called once with what an earlier run kept: its requests are over, and where the system's clock was
    /// set back meanwhile, no wait is longer than it was.
    pub fn resumed(&mut self, now: Stamp) {
        (self.out, self.out_elsewhere) = (0, 0);
        self.last_start = self.last_start.map(|start| start.min(now));
        self.refused.resumed(now);
        self.unreached.resumed(now);
    }

    /// The pace in a sentence: what holds, what is out, what comes next.
    ///
    /// ```
    /// use std::time::Duration;
    /// use dragline_politeness::{Pace, PaceRules, Stamp, Told};
    ///
    /// let (rules, now) = (PaceRules::default(), Stamp::default());
    /// let mut pace = Pace::default();
    /// pace.started(now, 0.0);
    /// pace.ended(&rules, now, now, Told::Refused(Some(Duration::from_secs(30))));
    /// assert_eq!(
    ///     pace.explain(&rules, now + Duration::from_secs(10)),
    ///     "0 of 1 requests out; the next may start in 20s: the server asked for this rest (Retry-After)"
    /// );
    /// ```
    pub fn explain(&self, rules: &PaceRules, now: Stamp) -> String {
        let next = self.earliest(rules, now);
        let most = rules.concurrency.max(1);
        let when = match next.at.since(now) {
            Duration::ZERO => "now".to_owned(),
            wait if wait < Duration::from_secs(10) => {
                format!("in {:?}", Duration::from_millis(wait.as_millis() as u64))
            }
            wait => format!("in {:?}", Duration::from_secs(wait.as_secs())),
        };
        let out = self.out.saturating_add(self.out_elsewhere);
        let but = if out >= most { ", once one of them is home" } else { "" };
        let others = match self.out_elsewhere {
            0 => String::new(),
            others => format!(", {others} of them another crawl's"),
        };
        format!("{out} of {most} requests out{others}; the next may start {when}{but}: {}", next.because)
    }
}

/// Half the old, half the new: after three answers that are slower, most of the difference is in.
fn mean(before: Duration, new: Duration) -> Duration {
    before.saturating_add(new) / 2
}

/// A duration times a number that may be anything.
fn scaled(duration: Duration, by: f32) -> Duration {
    if by.is_nan() {
        return Duration::ZERO;
    }
    Duration::try_from_secs_f64(duration.as_secs_f64() * f64::from(by.max(0.0))).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests;
