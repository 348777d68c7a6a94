//! Sessions: random tokens in URLs that change nothing of what is there.
//!
//! Owns the proof, place by place (a parameter, a segment of a path, of one host): pages whose URLs are the same but
//! for the token, and that say the same, while pages whose URLs differ otherwise say other things. [`PROOFS`] such
//! pages make the place a session's; one page that says something else under another token unmakes it. From then on
//! a URL is let through if nobody has seen it under any token, and parked otherwise; of the parked a sample is tried.
//!
//! Knows nothing of shapes: what is no session's may still be a trap ([`guard`](super::guard)).

use std::collections::{HashMap, VecDeque};

use dragline_model::{CanonicalUrl, Sketch};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{GuardRules, Parked, bench::Bench, spot::Spot};
use crate::Reason;

/// Pages, each saying something of its own, that have said the same again under another token.
const PROOFS: usize = 4;
/// Pages that said something else under another token, after which a place is taken to name documents.
const AGAINST_MAX: u8 = 3;
/// Pages of a place of which nothing came either way, after which no more are looked at than usual.
const LOOKED_MAX: u16 = 128;
/// Places that are remembered, at some 200 bytes.
const PLACES_MAX: usize = 2_048;
/// Pages that are remembered without their tokens, in each of two generations, at 16 bytes.
const STEMS_MAX: usize = 16_384;
/// URLs that were let through to be tried and have not come back.
const SAMPLED_MAX: usize = 64;

/// A place where random tokens stand.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Place {
    text: Box<str>,
    /// What pages said again.
    proven: Vec<u32>,
    /// Times that a page said the same again.
    proofs: u32,
    against: u8,
    looked: u16,
    /// When it was last seen, in settled pages.
    used_at: u64,
    parked: Option<Box<Bench>>,
}

impl Place {
    fn is_session(&self) -> bool {
        self.proven.len() >= PROOFS
    }

    fn is_open(&self) -> bool {
        !self.is_session() && self.against < AGAINST_MAX && self.looked < LOOKED_MAX
    }
}

/// A page without its token.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Stem {
    says: u32,
    token: u32,
}

/// See the module's documentation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Sessions {
    places: HashMap<u64, Place>,
    /// How many of them are a session's.
    proven: usize,
    young: HashMap<u64, Stem>,
    old: HashMap<u64, Stem>,
    sampled: VecDeque<u64>,
    now: u64,
    has_freed: bool,
}

impl Sessions {
    /// May a URL be asked for? Not if it is, but for a session's id, one that was had.
    pub(super) fn judge(&mut self, rules: &GuardRules, url: &CanonicalUrl) -> Result<(), Reason> {
        let Some(key) = self.had(url) else { return Ok(()) };
        let hash = xxh3_64(url.as_str().as_bytes());
        if self.sampled.contains(&hash) {
            return Ok(());
        }
        let Some(place) = self.places.get_mut(&key) else { return Ok(()) };
        let first = u64::from(rules.sample.max(1));
        let bench = place.parked.get_or_insert_with(|| Box::new(Bench::new(url.as_str(), first)));
        if bench.tries(first) {
            if self.sampled.len() == SAMPLED_MAX {
                self.sampled.pop_front();
            }
            self.sampled.push_back(hash);
            return Ok(());
        }
        Err(place.reason())
    }

    /// The same without counting it.
    pub(super) fn explain(&self, url: &CanonicalUrl) -> Option<Reason> {
        self.places.get(&self.had(url)?).map(Place::reason)
    }

    /// The session's place in a URL that was had under another id.
    fn had(&self, url: &CanonicalUrl) -> Option<u64> {
        if self.proven == 0 {
            return None;
        }
        let mut spots = Spot::all(url).into_iter();
        spots.find_map(|spot| {
            let key = spot.place();
            let is_session = self.places.get(&key).is_some_and(Place::is_session);
            let other = self.young.get(&spot.stem).or_else(|| self.old.get(&spot.stem));
            (is_session && other.is_some_and(|stem| stem.token != spot.token)).then_some(key)
        })
    }

    /// Would a page's sketch tell something of a place that nothing is known of yet?
    pub(super) fn is_in_doubt(&self, url: &CanonicalUrl) -> bool {
        let spots = Spot::all(url);
        spots.iter().any(|spot| self.places.get(&spot.place()).is_none_or(Place::is_open))
    }

    /// Learns from a page of status 200 that says something.
    pub(super) fn settled(&mut self, url: &CanonicalUrl, sketch: &Sketch) {
        self.now += 1;
        for spot in Spot::all(url) {
            let key = spot.place();
            if !self.places.contains_key(&key) {
                self.make_room();
                self.places.insert(key, Place { text: spot.text.as_str().into(), ..Place::default() });
            }
            let says = content(sketch);
            let before = self.keep(spot.stem, Stem { says, token: spot.token });
            let Some(place) = self.places.get_mut(&key) else { continue };
            place.used_at = self.now;
            place.looked = place.looked.saturating_add(1);
            match before {
                Some(before) if before.token != spot.token && before.says == says => {
                    place.proofs = place.proofs.saturating_add(1);
                    // Pages that all say the same say it whatever is in their URLs.
                    if place.proven.len() < PROOFS && !place.proven.contains(&says) {
                        place.proven.push(says);
                        self.proven += usize::from(place.is_session());
                    }
                }
                Some(before) if before.token != spot.token => {
                    self.proven -= usize::from(place.is_session());
                    place.against = place.against.saturating_add(1);
                    (place.proofs, place.proven) = (0, Vec::new());
                    self.has_freed |= place.parked.take().is_some();
                }
                _ => {}
            }
        }
    }

    /// Remembers a page without its token; answers with what was remembered.
    fn keep(&mut self, stem: u64, it: Stem) -> Option<Stem> {
        let before = self.young.get(&stem).or_else(|| self.old.get(&stem)).copied();
        if self.young.len() >= STEMS_MAX && !self.young.contains_key(&stem) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(stem, it);
        before
    }

    /// Forgets a quarter of the places where there are too many, those of sessions last.
    fn make_room(&mut self) {
        if self.places.len() < PLACES_MAX {
            return;
        }
        let age = |place: &Place| (place.is_session(), place.used_at);
        let mut ages: Vec<(bool, u64)> = self.places.values().map(age).collect();
        let last = *ages.select_nth_unstable(PLACES_MAX / 4).1;
        self.places.retain(|_, place| age(place) > last);
        self.proven = self.places.values().filter(|place| place.is_session()).count();
    }

    /// Was a place that URLs were parked for freed since this was asked last?
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.has_freed)
    }

    pub(super) fn report(&self) -> impl Iterator<Item = Parked> {
        self.places.values().filter_map(|place| {
            let bench = place.parked.as_ref()?;
            Some(Parked {
                shape: place.text.to_string(),
                example: bench.example.to_string(),
                parked_urls: bench.candidates - u64::from(bench.tried),
                tried: bench.tried,
                why: format!(
                    "a session's id: {} pages were the same as the ones with another id there",
                    place.proofs
                ),
            })
        })
    }

    pub(super) fn parked_urls(&self) -> u64 {
        self.report().map(|parked| parked.parked_urls).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.places.values().map(|place| place.text.len()).sum();
        let stems = self.young.capacity() + self.old.capacity();
        self.places.capacity() * (size_of::<Place>() + 9) + texts + stems * (size_of::<Stem>() + 9)
    }
}

impl Place {
    fn reason(&self) -> Reason {
        Reason::Session { place: (*self.text).into(), pages: self.proofs }
    }
}

/// What a page says, as one number.
fn content(sketch: &Sketch) -> u32 {
    // In no order: so they are added up.
    let sum = sketch.pieces().iter().fold(0_u64, |sum, piece| {
        sum.wrapping_add(u64::from(*piece).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    });
    (sum >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> CanonicalUrl {
        CanonicalUrl::parse(&format!("http://a.example/{text}")).unwrap()
    }

    fn id(n: u64) -> String {
        format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 0x1000_0000_0000_0000)
    }

    fn settle(sessions: &mut Sessions, text: &str, body: &str) {
        let url = url(text);
        if let Some(sketch) = Sketch::of(&url, format!("<p>{body}</p>").as_bytes()) {
            sessions.settled(&url, &sketch);
        }
    }

    fn judge(sessions: &mut Sessions, text: &str) -> Result<(), Reason> {
        sessions.judge(&GuardRules::default(), &url(text))
    }

    const WORDS: [&str; 6] = ["apple pie", "brown bread", "cold soup", "dry rice", "egg salad", "fresh fish"];

    #[test]
    fn a_handful_of_pages_prove_a_session() {
        let mut sessions = Sessions::default();
        for session in 0..2 {
            for (n, words) in WORDS.iter().enumerate().take(4) {
                assert_eq!(judge(&mut sessions, &format!("{n}?sid={}", id(session))), Ok(()));
                settle(&mut sessions, &format!("{n}?sid={}", id(session)), words);
            }
        }
        let parked = judge(&mut sessions, &format!("0?sid={}", id(7))).unwrap_err();
        assert_eq!(parked, Reason::Session { place: "a.example?sid=*".into(), pages: 4 });
        assert_eq!(parked.word(), "session");
        assert_eq!(judge(&mut sessions, &format!("5?sid={}", id(7))), Ok(()), "nobody has seen that one");
        assert_eq!(judge(&mut sessions, &format!("0?sid={}", id(1))), Ok(()), "its own id is no other");
        assert_eq!(judge(&mut sessions, &format!("0?doc={}", id(7))), Ok(()), "another parameter");
        assert_eq!(sessions.report().map(|it| it.parked_urls).sum::<u64>(), 1);
    }

    #[test]
    fn documents_by_random_names_are_no_sessions() {
        let mut sessions = Sessions::default();
        for n in 0..1_000 {
            assert_eq!(judge(&mut sessions, &format!("doc/{}", id(n))), Ok(()));
            // Most of them are withdrawn.
            let words = if n % 50 == 49 { WORDS[n as usize % 6] } else { "This document was withdrawn." };
            settle(&mut sessions, &format!("doc/{}", id(n)), words);
        }
        assert!(!sessions.is_in_doubt(&url(&format!("doc/{}", id(2_000)))));
        assert_eq!(sessions.proven, 0);
    }

    #[test]
    fn pages_that_all_say_the_same_prove_nothing() {
        let mut sessions = Sessions::default();
        for n in 0..100 {
            settle(&mut sessions, &format!("{}?sid={}", n % 10, id(n)), "Please log in.");
        }
        assert_eq!(sessions.proven, 0);
    }

    #[test]
    fn a_sample_finds_a_wrong_verdict_out() {
        let mut sessions = Sessions::default();
        for session in 0..2 {
            for (n, words) in WORDS.iter().enumerate() {
                settle(&mut sessions, &format!("{n}?v={}", id(session)), words);
            }
        }
        let mut tried = 0;
        for n in 2..200 {
            if judge(&mut sessions, &format!("0?v={}", id(n))).is_ok() && sessions.proven > 0 {
                tried = n;
                // It is asked about once more when its turn comes.
                assert_eq!(judge(&mut sessions, &format!("0?v={}", id(n))), Ok(()));
                settle(&mut sessions, &format!("0?v={}", id(n)), "another version");
                break;
            }
        }
        assert_eq!(tried, 51, "the fiftieth");
        assert!(sessions.take_freed() && !sessions.take_freed());
        assert_eq!(judge(&mut sessions, &format!("0?v={}", id(300))), Ok(()));
    }

    #[test]
    fn memory_is_bounded() {
        let mut sessions = Sessions::default();
        for n in 0..60_000 {
            settle(
                &mut sessions,
                &format!("{n}/x/{}?p{}={}", id(n), n % 7_000, id(n)),
                WORDS[n as usize % 6],
            );
        }
        assert!(sessions.places.len() <= PLACES_MAX && sessions.young.len() <= STEMS_MAX);
        assert!(sessions.bytes() < 4 << 20, "{}", sessions.bytes());
    }
}
