//! What is known of names, and what is being found out.
//!
//! Owns its bound: two generations of names. A name that is asked for moves into the young one; when that is
//! full it becomes the old one, and the old one goes. So the names in use stay, without a list of their order.

use std::{collections::HashMap, mem, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::{Family, Outcome};

/// Names kept at most, both generations together: some 10 MB. A crawl of more hosts than that asks for a name
/// again when its turn comes round.
pub(super) const NAMES_MAX: usize = 32_768;

/// Longest that an answer is believed; RFC 8767 §4 has a week as the outer limit, and resolvers commonly a day.
const POSITIVE_MAX: Duration = Duration::from_secs(86_400);

/// Longest that "there is none" is believed: a name that has just been made is found in the same crawl. RFC 2308
/// §5 suggests up to three hours.
const NEGATIVE_MAX: Duration = Duration::from_secs(300);

/// How long "there is none" is believed without the SOA record that would say (RFC 2308 §5), and trouble with the
/// name server: long enough that the visits which are waiting share one answer, short enough that it is not the
/// network's fault for long.
const DOUBTFUL: Duration = Duration::from_secs(5);

/// What is known of one name in one family.
#[derive(Debug, Default)]
pub(super) enum Slot {
    /// Nothing.
    #[default]
    Vacant,
    /// It is being asked for; the answer comes here.
    Flying(watch::Receiver<Option<Outcome>>),
    /// This, until then.
    Known(Outcome, Instant),
}

impl Slot {
    /// What an answer makes of a slot. `ttl` is the answer's own, where it has one.
    pub(super) fn of(outcome: Outcome, ttl: Option<Duration>, now: Instant) -> Self {
        let kept = match &outcome {
            Outcome::Found(_) => ttl.unwrap_or_default().min(POSITIVE_MAX),
            Outcome::NoName | Outcome::NoAddress => ttl.unwrap_or(DOUBTFUL).min(NEGATIVE_MAX),
            // Ours to mend, and perhaps mended by the next request.
            Outcome::Wanting(_) => Duration::ZERO,
            Outcome::Trouble(_) => DOUBTFUL,
        };
        // An answer that is not to be kept is for those who are waiting for it (RFC 1035 §3.2.1).
        if kept.is_zero() { Slot::Vacant } else { Slot::Known(outcome, now + kept) }
    }
}

/// The names, by their spelling in lower case and without a final dot.
#[derive(Debug)]
pub(super) struct Cache {
    young: HashMap<Box<str>, [Slot; 2]>,
    old: HashMap<Box<str>, [Slot; 2]>,
    generation: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Self::with_room(NAMES_MAX)
    }
}

impl Cache {
    fn with_room(names: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation: names / 2 }
    }

    /// The place of a name in one family.
    pub(super) fn slot(&mut self, name: &str, family: Family) -> &mut Slot {
        if !self.young.contains_key(name) {
            let (key, slots) =
                self.old.remove_entry(name).unwrap_or_else(|| (name.into(), Default::default()));
            if self.young.len() >= self.generation {
                self.old = mem::take(&mut self.young);
            }
            self.young.insert(key, slots);
        }
        &mut self.young.entry(name.into()).or_default()[family as usize]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn kept(outcome: Outcome, ttl: Option<u64>) -> Option<u64> {
        let now = Instant::now();
        match Slot::of(outcome, ttl.map(Duration::from_secs), now) {
            Slot::Known(_, until) => Some((until - now).as_secs()),
            Slot::Vacant => None,
            Slot::Flying(_) => panic!("an answer does not fly"),
        }
    }

    #[test]
    fn how_long_an_answer_is_believed() {
        let found = || Outcome::Found(Arc::from([]));
        for (outcome, ttl, want) in [
            (found(), Some(60), Some(60)),
            (found(), Some(0), None),
            (found(), Some(10_000_000), Some(86_400)),
            (Outcome::NoName, Some(60), Some(60)),
            (Outcome::NoName, Some(0), None),
            (Outcome::NoName, Some(86_400), Some(300)),
            (Outcome::NoAddress, Some(86_400), Some(300)),
            (Outcome::NoAddress, None, Some(5)),
            (Outcome::Trouble("silence".into()), None, Some(5)),
            (Outcome::Wanting("files".into()), None, None),
        ] {
            assert_eq!(kept(outcome.clone(), ttl), want, "{outcome:?}, {ttl:?}");
        }
    }

    #[test]
    fn names_in_use_stay_and_the_others_go() {
        let mut cache = Cache::with_room(8);
        let until = Instant::now();
        for i in 0..1000 {
            *cache.slot("used", Family::V4) = Slot::Known(Outcome::NoName, until);
            *cache.slot(&format!("n{i}"), Family::V6) = Slot::Known(Outcome::NoAddress, until);
            assert!(cache.young.len() + cache.old.len() <= 8);
            assert!(matches!(cache.slot("used", Family::V4), Slot::Known(Outcome::NoName, _)));
            assert!(matches!(cache.slot("used", Family::V6), Slot::Vacant));
        }
        assert!(matches!(cache.slot("n999", Family::V6), Slot::Known(..)));
        assert!(matches!(cache.slot("n0", Family::V6), Slot::Vacant));
    }
}
