//! Who is refused: 429 and 503, with the rest that is asked for.
//!
//! Owns the decision and what is remembered for it. Never writes an answer. Robots.txt is never refused: its own
//! outages are kinds of it.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    behaviour::refused,
    dice::{Dice, Purpose},
    http_date,
    manners::TOLERANCE,
    plan::Plan,
};

/// Which requests are answered with 429 or 503 in place of the page; nobody by default.
///
/// ```
/// use std::time::Duration;
/// use dragline_fakeweb::{Refusals, WebSpec};
/// // One host in ten refuses whoever comes more often than twice a second.
/// let refusals = Refusals { strict: 0.1, interval: Duration::from_millis(500), ..Refusals::default() };
/// let web = WebSpec { refusals, ..WebSpec::default() }.start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Refusals {
    /// Share of the requests for pages that are refused, whatever their pace: it follows from the seed, the
    /// host and the number of the request there. No page is refused twice, so that who asks again finds it.
    pub share: f64,
    /// The rest that those are asked for; whole seconds, rounded up. Default 1 s.
    pub rest: Duration,
    /// Share of those that are not told how long. The others find it in `Retry-After`, half of them as seconds
    /// and half as a date.
    pub silent: f64,
    /// Share of hosts that refuse whoever comes faster than one request in `interval`, up to 5 ms.
    pub strict: f64,
    /// From one request to the next at a strict host. Default 1 s.
    pub interval: Duration,
    /// How many requests may come at once at a strict host after a quiet time. Default 1.
    pub burst: u32,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            share: 0.0,
            rest: Duration::from_secs(1),
            silent: 0.0,
            strict: 0.0,
            interval: Duration::from_secs(1),
            burst: 1,
        }
    }
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// 429 or 503.
    pub(crate) status: u16,
    /// A header field with its line end, or nothing.
    pub(crate) field: String,
    /// When the rest that was asked for is over.
    pub(crate) until: Option<Instant>,
}

/// What the hosts of a web have been asked so far.
#[derive(Debug)]
pub(crate) struct Moods {
    rules: Refusals,
    hosts: Mutex<HashMap<u32, Mood>>,
}

#[derive(Debug, Default)]
struct Mood {
    asked: u64,
    refused: HashSet<u32>,
    /// When a strict host would have the next request, if all came evenly (ITU-T I.371: generic cell rate).
    due: Option<Instant>,
}

impl Moods {
    /// # Errors
    /// A share that is no number in 0 to 1.
    pub(crate) fn new(rules: &Refusals) -> io::Result<Self> {
        let shares = [("share", rules.share), ("silent", rules.silent), ("strict", rules.strict)];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                let why = format!("refusals.{name} is {share}: a share is a number from 0 to 1");
                return Err(refused(why));
            }
        }
        Ok(Self { rules: rules.clone(), hosts: Mutex::default() })
    }

    /// Forgets who came.
    pub(crate) fn forget(&self) {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Plan {
    /// Decides on a request for a page.
    pub(crate) fn refusal(&self, host: u32, page: u32, now: Instant) -> Option<Refusal> {
        let rules = &self.moods.rules;
        if rules.share == 0.0 && rules.strict == 0.0 {
            return None;
        }
        let mut hosts = self.moods.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let mood = hosts.entry(host).or_default();
        mood.asked += 1;
        if self.is_strict(host) {
            let ahead = mood.due.map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
            let allowed = rules.interval * rules.burst.saturating_sub(1) + TOLERANCE;
            if ahead > allowed {
                return Some(Refusal::told(429, ahead - allowed, false));
            }
            mood.due = Some(now.max(mood.due.unwrap_or(now)) + rules.interval);
        }
        // The request's number, not its page: the same crawl in another order is refused elsewhere.
        let mut dice = Dice::of(self.seed, host, mood.asked as u32, Purpose::Refusal);
        if !dice.chance(rules.share) || !mood.refused.insert(page) {
            return None;
        }
        let status = if dice.chance(0.5) { 429 } else { 503 };
        if dice.chance(rules.silent) {
            return Some(Refusal { status, field: String::new(), until: None });
        }
        Some(Refusal::told(status, rules.rest, dice.chance(0.5)))
    }

    /// Whether a host refuses who comes too fast.
    pub(crate) fn is_strict(&self, host: u32) -> bool {
        Dice::of(self.seed, host, 0, Purpose::Refusal).chance(self.moods.rules.strict)
    }
}

impl Refusal {
    fn told(status: u16, rest: Duration, as_date: bool) -> Self {
        let now = Instant::now();
        if as_date {
            let wall = SystemTime::now();
            let (until, text) = http_date::at_or_after(wall + rest);
            let rest = until.duration_since(wall).unwrap_or_default();
            return Self { status, field: format!("Retry-After: {text}\r\n"), until: Some(now + rest) };
        }
        let seconds = (rest.as_secs() + u64::from(rest.subsec_nanos() > 0)).max(1);
        let until = Some(now + Duration::from_secs(seconds));
        Self { status, field: format!("Retry-After: {seconds}\r\n"), until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebSpec;

    fn plan(refusals: Refusals) -> Plan {
        Plan::new(&WebSpec { refusals, ..WebSpec::default() }).unwrap()
    }

    #[test]
    fn a_share_of_requests_is_refused_and_no_page_twice() {
        let plan = plan(Refusals { share: 0.3, silent: 0.2, ..Refusals::default() });
        let now = Instant::now();
        let mut said = Vec::new();
        for page in 0..1_000 {
            if let Some(refusal) = plan.refusal(3, page, now) {
                assert!(matches!(refusal.status, 429 | 503));
                assert_eq!(refusal.field.is_empty(), refusal.until.is_none());
                assert!(refusal.until.is_none_or(|until| until >= now + Duration::from_secs(1)));
                said.push(refusal.field);
                assert!(plan.refusal(3, page, now).is_none(), "refused twice");
            }
        }
        assert!((230..370).contains(&said.len()), "{}", said.len());
        for kind in ["Retry-After: 1\r\n", " GMT\r\n"] {
            assert!(said.iter().filter(|field| field.ends_with(kind)).count() > 80, "{kind}");
        }
        assert!(said.iter().filter(|field| field.is_empty()).count() > 30);
    }

    #[test]
    fn a_strict_host_refuses_who_comes_too_fast() {
        let interval = Duration::from_millis(500);
        let plan = plan(Refusals { strict: 1.0, interval, burst: 2, ..Refusals::default() });
        let start = Instant::now();
        let ask = |ms| plan.refusal(0, 0, start + Duration::from_millis(ms)).is_none();
        assert!(ask(0) && ask(10), "two may come at once");
        assert!(!ask(20) && !ask(400), "the third may not");
        assert!(ask(501) && ask(1_000) && ask(1_496), "an even pace is welcome, and a little early is none");
        assert!(!ask(1_600));
        assert!(ask(9_000) && ask(9_000) && !ask(9_000), "quiet is not saved up");
    }

    #[test]
    fn nonsense_is_refused() {
        let refusals = Refusals { strict: 2.0, ..Refusals::default() };
        let error = Plan::new(&WebSpec { refusals, ..WebSpec::default() }).unwrap_err();
        assert!(error.to_string().contains("refusals.strict"), "{error}");
    }
}
