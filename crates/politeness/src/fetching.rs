//! How a host's robots.txt is come by, and how long it holds (RFC 9309 §2.3, §2.4).
//!
//! Owns the table from what a request for it brought to where the host stands. Fetches nothing: it says what to
//! do next, is told what came of it, and what time it is.
//!
//! | what came | what holds | asked again |
//! |---|---|---|
//! | 2xx | its rules | when they are a day old, or as `Cache-Control` says within bounds |
//! | 301, 302, 303, 307, 308 | where it leads is asked, up to five times in a row; then as 404 | |
//! | 304 | what held | as after 2xx |
//! | 4xx but 429, any other 3xx | everything is allowed | as after 2xx |
//! | 429, 5xx, anything else | nothing is allowed | after a wait that doubles |
//! | no answer | the same | the same |
//!
//! 429 is in the RFC's range of "everything is allowed" (§2.3.1.3), but who says "too many requests" does not
//! say that there are no rules, and would get more of them; the large crawlers take it for 503, and so does
//! this.
//!
//! While nothing can be had, rules that were fetched before go on to hold (§2.4), and after 30 days without any
//! everything is allowed (§2.3.1.4).

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{BackOff, BackOffRules, Robots, Stamp, robots::BYTES_MAX};

/// The bounds of fetching robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RobotsRules {
    /// Redirects that are followed in a row; RFC 9309 §2.3.1.2 asks for at least five.
    pub redirects_max: u8,
    /// How long a file is fresh that says nothing of it.
    pub fresh: Duration,
    /// `Cache-Control: max-age` cannot make that shorter than this, or a host would be asked for its rules as
    /// often as for its pages.
    pub fresh_min: Duration,
    /// Nor longer than this. RFC 9309 §2.4: not over a day.
    pub fresh_max: Duration,
    /// When a host is asked again that gave no answer.
    pub retry: BackOffRules,
    /// After so long without an answer everything is allowed. RFC 9309 §2.3.1.4 has 30 days for an example.
    pub give_in_after: Duration,
    /// Bytes of a file that are read; at least [`BYTES_MAX`] by the RFC.
    pub bytes_max: usize,
}

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for RobotsRules {
    fn default() -> Self {
        Self {
            redirects_max: 5,
            fresh: DAY,
            fresh_min: 10 * MINUTE,
            fresh_max: DAY,
            retry: BackOffRules { first: MINUTE, max: DAY / 4, forgive: DAY },
            give_in_after: 30 * DAY,
            bytes_max: BYTES_MAX,
        }
    }
}

/// What a request for robots.txt brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brought<'a> {
    /// An answer.
    Answer {
        /// Its status code.
        status: u16,
        /// `Location`.
        location: Option<&'a str>,
        /// `Cache-Control`; several fields joined by commas.
        cache_control: Option<&'a str>,
        /// The body without its content coding.
        body: &'a [u8],
    },
    /// A redirect led to where nobody may go: another scheme, a private address, in a circle.
    DeadEnd,
    /// No answer, or not the whole of one.
    Nothing,
}

/// What is to be done after a request for robots.txt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<'a> {
    /// Ask where this leads, relative to what was asked; it is this redirect's number in the row, from 1. It may
    /// be another host: what it says holds for the one that was asked first (RFC 9309 §2.3.1.2).
    Follow(&'a str, u8),
    /// The record stands.
    Settled,
}

/// Where a host stands.
#[derive(Debug, Clone)]
pub enum Standing<'a> {
    /// Nobody has asked for its rules yet, or those that were kept are lost: ask before anything else.
    Unknown,
    /// Its rules.
    Rules {
        /// For verdicts.
        robots: &'a Arc<Robots>,
        /// They are past their time and hold because newer ones cannot be had.
        is_stale: bool,
    },
    /// Everything is allowed.
    AllowAll(Freedom),
    /// Nothing is, for now.
    DisallowUntil {
        /// When its rules may be asked for again.
        until: Stamp,
        /// Since when they could not be had.
        since: Stamp,
        /// The last status; none where there was no answer.
        status: Option<u16>,
    },
}

/// Why everything is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Freedom {
    /// There is no file: this status said so.
    Status(u16),
    /// Redirects led on and on, or nowhere.
    Redirects,
    /// It could not be had for [`RobotsRules::give_in_after`].
    GaveIn,
}

/// What is known of the robots.txt of one scheme, host and port (RFC 9309 §2.3).
///
/// Its life: it is [due](Self::is_due), a request is made, what it brought is [taken in](Self::take) until it is
/// settled; the [standing](Self::standing) holds until it is due again. Kept with serde it outlives a restart
/// but for the rules themselves: whoever keeps it keeps the file's bytes as well and
/// [puts them back](Self::put_back).
///
/// ```
/// use std::time::Duration;
/// use dragline_politeness::{Brought, Next, RobotsRecord, RobotsRules, Stamp, Standing};
///
/// let (rules, now) = (RobotsRules::default(), Stamp::default());
/// let mut record = RobotsRecord::default();
/// assert!(record.is_due(&rules, now));
/// let brought = Brought::Answer { status: 503, location: None, cache_control: None, body: b"" };
/// assert_eq!(record.take(&rules, brought, 0, now), Next::Settled);
/// assert!(matches!(record.standing(&rules, now), Standing::DisallowUntil { .. }));
/// assert!(!record.is_due(&rules, now + Duration::from_secs(59)));
/// assert!(record.is_due(&rules, now + Duration::from_secs(60)));
/// ```
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RobotsRecord {
    known: Option<Known>,
    trouble: Option<Trouble>,
    #[serde(skip)]
    robots: Option<Arc<Robots>>,
}

/// The last answer that said something.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Known {
    /// None where it was a file.
    freedom: Option<Freedom>,
    at: Stamp,
    fresh_for: Duration,
}

/// Answers that said nothing, since the last one that did.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Trouble {
    since: Stamp,
    back_off: BackOff,
    status: Option<u16>,
}

impl RobotsRecord {
    /// Takes in what a request brought that was the answer to `hops` redirects in a row.
    pub fn take<'a>(&mut self, rules: &RobotsRules, brought: Brought<'a>, hops: u8, now: Stamp) -> Next<'a> {
        let Brought::Answer { status, location, cache_control, body } = brought else {
            match brought {
                Brought::DeadEnd => self.know(rules, Some(Freedom::Redirects), None, now),
                _ => self.fail(rules, None, now),
            }
            return Next::Settled;
        };
        match (status, location) {
            (200..=299, _) => {
                self.robots = Some(Arc::new(Robots::parse_within(body, rules.bytes_max)));
                self.know(rules, None, cache_control, now);
            }
            (301 | 302 | 303 | 307 | 308, Some(location)) if hops < rules.redirects_max => {
                return Next::Follow(location, hops + 1);
            }
            (301 | 302 | 303 | 307 | 308, _) => {
                self.know(rules, Some(Freedom::Redirects), cache_control, now)
            }
            (304, _) if self.known.is_some() => {
                let freedom = self.known.and_then(|known| known.freedom);
                self.know(rules, freedom, cache_control, now);
            }
            (429, _) => self.fail(rules, Some(status), now),
            (300..=499, _) => self.know(rules, Some(Freedom::Status(status)), cache_control, now),
            _ => self.fail(rules, Some(status), now),
        }
        Next::Settled
    }

    fn know(
        &mut self,
        rules: &RobotsRules,
        freedom: Option<Freedom>,
        cache_control: Option<&str>,
        now: Stamp,
    ) {
        if freedom.is_some() {
            self.robots = None;
        }
        let fresh_for = cache_control.and_then(max_age).unwrap_or(rules.fresh);
        let fresh_for = fresh_for.min(rules.fresh_max).max(rules.fresh_min);
        self.known = Some(Known { freedom, at: now, fresh_for });
        self.trouble = None;
    }

    fn fail(&mut self, rules: &RobotsRules, status: Option<u16>, now: Stamp) {
        let trouble =
            self.trouble.get_or_insert(Trouble { since: now, back_off: BackOff::default(), status });
        trouble.status = status;
        trouble.back_off.failed(&rules.retry, now, now, |step| rules.retry.wait(step));
    }

    /// Where the host stands.
    pub fn standing(&self, rules: &RobotsRules, now: Stamp) -> Standing<'_> {
        let is_stale = self.known.is_some_and(|known| !known.is_fresh(now));
        match (self.known, &self.robots, self.trouble) {
            (Some(Known { freedom: None, .. }), Some(robots), _) => Standing::Rules { robots, is_stale },
            (_, _, Some(trouble)) if !self.is_free(now) => {
                if now.since(trouble.since) >= rules.give_in_after {
                    return Standing::AllowAll(Freedom::GaveIn);
                }
                let Trouble { since, back_off, status } = trouble;
                Standing::DisallowUntil { until: back_off.until(), since, status }
            }
            (Some(Known { freedom: Some(freedom), .. }), _, _) => Standing::AllowAll(freedom),
            _ => Standing::Unknown,
        }
    }

    /// That there is no file is known, and not too old. Unlike rules it is no "cached copy" that could be used
    /// past its time.
    fn is_free(&self, now: Stamp) -> bool {
        self.known.is_some_and(|known| known.freedom.is_some() && known.is_fresh(now))
    }

    /// When the file is to be asked for again; none where that is at once.
    pub fn next_fetch(&self) -> Option<Stamp> {
        if let Some(trouble) = self.trouble {
            return Some(trouble.back_off.until());
        }
        let known = self.known.filter(|known| known.freedom.is_some() || self.robots.is_some())?;
        Some(known.at + known.fresh_for)
    }

    /// Is the file to be asked for now? A moment that is further off than any wait is long comes of a clock that
    /// was set back, and is now.
    pub fn is_due(&self, rules: &RobotsRules, now: Stamp) -> bool {
        let longest = rules.fresh_max.max(rules.fresh_min).max(rules.retry.max);
        self.next_fetch().is_none_or(|at| at <= now || at.since(now) > longest)
    }

    /// Gives a record that was kept its rules back, from the file's bytes. Without them, it is due at once.
    pub fn put_back(&mut self, rules: &RobotsRules, bytes: &[u8]) {
        if self.known.is_some_and(|known| known.freedom.is_none()) {
            self.robots = Some(Arc::new(Robots::parse_within(bytes, rules.bytes_max)));
        }
    }

    /// Puts smaller rules in the place of these, [for one agent](Robots::only).
    pub fn reduce_to(&mut self, agent: &str) {
        self.robots = self.robots.as_deref().map(|robots| Arc::new(robots.only(agent)));
    }
}

impl Known {
    /// A clock that was set back makes nothing fresh.
    fn is_fresh(&self, now: Stamp) -> bool {
        self.at <= now && now < self.at + self.fresh_for
    }
}

/// How long an answer is fresh by its `Cache-Control` (RFC 9111 §5.2.2); zero for `no-store` and `no-cache`.
fn max_age(cache_control: &str) -> Option<Duration> {
    let mut age = None;
    for directive in cache_control.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            // The first counts. One that is no number is as good as zero (RFC 9111 §4.2.1: "stale").
            "max-age" if age.is_none() => {
                let digits = value.trim().trim_matches('"');
                let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                age = Some(if is_number { digits.parse().unwrap_or(u64::MAX) } else { 0 });
            }
            _ => {}
        }
    }
    age.map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
