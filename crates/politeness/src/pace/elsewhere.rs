//! What one pace has to know of another that goes to the same host.
//!
//! Owns the exchange between two paces. Who keeps what is exchanged, and when it is, is the caller's affair.

use std::time::Duration;

use super::Pace;
use crate::Stamp;

/// What others do at a host, or have been told by it.
///
/// ```
/// use std::time::Duration;
/// use dragline_politeness::{Pace, PaceRules, Stamp};
///
/// let (rules, now) = (PaceRules::default(), Stamp::new(Duration::from_secs(100)));
/// let (mut here, mut there) = (Pace::default(), Pace::default());
/// here.started(now, 0.0);
/// there.hear_of(&here.to_others());
/// assert_eq!(there.earliest(&rules, now).at, now + rules.delay);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Requests that others have out.
    pub out: u32,
    /// When the last request of anybody's started.
    pub last_start: Option<Stamp>,
    /// Until when the host asked to be left alone, by 429 or 503.
    pub rest: Option<Stamp>,
    /// It named that rest itself.
    pub is_asked: bool,
    /// The longest `Crawl-delay` that anybody was told.
    pub crawl_delay: Option<Duration>,
}

impl Pace {
    /// Takes in what others do: their requests count like one's own. What they have out replaces what was heard of
    /// before; all else can only make the next start later.
    pub fn hear_of(&mut self, others: &Elsewhere) {
        self.out_elsewhere = others.out;
        self.crawl_delay_elsewhere = others.crawl_delay;
        self.last_start = self.last_start.max(others.last_start);
        if let Some(rest) = others.rest
            && self.refused.rest_until(rest)
        {
            self.is_asked = others.is_asked;
        }
    }

    /// What others have to know of it; its requests out are [`Pace::out`].
    pub fn to_others(&self) -> Elsewhere {
        let rest = self.refused.until();
        Elsewhere {
            out: self.out,
            last_start: self.last_start,
            rest: (rest > Stamp::default()).then_some(rest),
            is_asked: self.is_asked,
            crawl_delay: self.crawl_delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Because, PaceRules, Told};

    fn at(seconds: u64) -> Stamp {
        Stamp::new(Duration::from_secs(seconds))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rest_that_another_was_asked_for_is_kept_and_named() {
        let rules = PaceRules::default();
        let (mut here, mut there) = (Pace::default(), Pace::default());
        here.started(at(0), 0.0);
        here.ended(&rules, at(0), at(1), Told::Refused(Some(seconds(600))));
        there.hear_of(&here.to_others());
        let next = there.earliest(&rules, at(2));
        assert_eq!((next.at, next.because), (at(601), Because::RetryAfter));
        // A shorter one, heard of later, takes nothing back.
        there.hear_of(&Elsewhere { rest: Some(at(10)), ..Elsewhere::default() });
        let next = there.earliest(&rules, at(2));
        assert_eq!((next.at, next.because), (at(601), Because::RetryAfter));
    }

    #[test]
    fn requests_out_elsewhere_count_until_they_are_home() {
        let rules = PaceRules { concurrency: 2, delay: Duration::ZERO, ..PaceRules::default() };
        let mut pace = Pace::default();
        pace.started(at(0), 0.0);
        assert!(pace.next_start(&rules, at(0)).is_some());
        pace.hear_of(&Elsewhere { out: 1, ..Elsewhere::default() });
        assert_eq!(pace.next_start(&rules, at(0)), None);
        let words = pace.explain(&rules, at(0));
        assert!(words.starts_with("2 of 2 requests out, 1 of them another crawl's;"), "{words}");
        pace.hear_of(&Elsewhere::default());
        assert!(pace.next_start(&rules, at(0)).is_some());
    }

    #[test]
    fn the_longer_crawl_delay_holds_up_to_the_cap() {
        let rules = PaceRules { crawl_delay_max: seconds(20), ..PaceRules::default() };
        let mut pace = Pace::default();
        pace.set_crawl_delay(Some(seconds(5)));
        pace.hear_of(&Elsewhere { crawl_delay: Some(seconds(9)), ..Elsewhere::default() });
        assert_eq!(pace.delay(&rules), (seconds(9), Because::CrawlDelay));
        assert_eq!(pace.to_others().crawl_delay, Some(seconds(5)), "what was heard is not passed on");
        pace.hear_of(&Elsewhere { crawl_delay: Some(seconds(90)), ..Elsewhere::default() });
        assert_eq!(pace.delay(&rules), (seconds(20), Because::CrawlDelay));
    }
}
