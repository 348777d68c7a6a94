//! Words, slugs, titles and sentences: what makes a page read like text.
//!
//! Owns the vocabulary. Sentences are made once for a whole web and then only copied, so that a page costs
//! what it weighs.

use crate::dice::{Dice, Purpose};

/// Lower case, ASCII, fit for a slug.
const WORDS: [&str; 160] = [
    "harbour", "lantern", "meadow", "orchard", "quarry", "river", "saddle", "timber", "valley", "window",
    "anchor", "basket", "candle", "ditch", "engine", "feather", "garden", "hammer", "island", "jacket",
    "kettle", "ladder", "mirror", "needle", "oyster", "pepper", "quilt", "rabbit", "signal", "tunnel",
    "umbrella", "velvet", "wagon", "yarn", "zephyr", "amber", "barley", "copper", "dapple", "ember",
    "fallow", "granite", "hazel", "indigo", "juniper", "kelp", "linen", "marble", "nettle", "ochre",
    "pewter", "quartz", "russet", "saffron", "thistle", "umber", "crimson", "willow", "yarrow", "slate",
    "old", "quiet", "narrow", "early", "distant", "patient", "hollow", "bright", "crooked", "gentle",
    "humble", "idle", "jolly", "keen", "loose", "mellow", "nimble", "open", "plain", "ready", "sober",
    "tidy", "usual", "vivid", "weary", "young", "steady", "broken", "common", "double", "carry", "follow",
    "gather", "listen", "measure", "number", "order", "promise", "question", "remember", "settle", "travel",
    "wander", "answer", "borrow", "count", "draw", "explain", "forget", "guess", "hurry", "invite", "join",
    "keep", "learn", "mend", "notice", "offer", "paint", "reach", "study", "trade", "visit", "weigh",
    "morning", "evening", "winter", "summer", "market", "village", "bridge", "cellar", "chimney", "corner",
    "ferry", "forest", "gravel", "hillside", "kitchen", "library", "machine", "farmyard", "office",
    "pasture", "railway", "station", "theatre", "workshop", "baker", "captain", "dealer", "farmer",
    "glazier", "keeper", "miller", "painter", "sailor", "teacher", "weaver", "drover",
];

/// Words that are not ASCII, for text only.
const ACCENTED: [&str; 8] = ["café", "naïve", "façade", "jalapeño", "Übung", "smørbrød", "Łódź", "東京"];

/// Small words that go between the others.
const GLUE: [&str; 12] =
    ["the", "a", "of", "and", "under", "beside", "without", "for", "near", "before", "with", "after"];

/// How many sentences a web has. Enough that no two pages of usual size are alike, few enough to stay in cache.
const SENTENCES: usize = 1_024;

/// One word of the vocabulary.
pub(crate) fn word(dice: &mut Dice) -> &'static str {
    dice.pick(&WORDS)
}

/// Appends a word with its first letter in upper case.
pub(crate) fn push_capitalised(word: &str, out: &mut Vec<u8>) {
    let mut bytes = word.bytes();
    out.extend(bytes.next().map(|b| b.to_ascii_uppercase()));
    out.extend(bytes);
}

/// The sentences of one web.
#[derive(Debug)]
pub(crate) struct Prose {
    text: Vec<u8>,
    /// Where each sentence ends; each ends with a full stop and a blank.
    ends: Vec<usize>,
}

impl Prose {
    /// The sentences that follow from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Dice::of(seed, 0, 0, Purpose::Vocabulary);
        let (mut text, mut ends) = (Vec::with_capacity(SENTENCES * 80), Vec::with_capacity(SENTENCES));
        for _ in 0..SENTENCES {
            push_capitalised(dice.pick(&GLUE), &mut text);
            for position in 0..6 + dice.below(10) {
                text.push(b' ');
                let chosen = match (position % 2, dice.below(24)) {
                    (_, 0) => dice.pick(&ACCENTED),
                    (1, 1..10) => dice.pick(&GLUE),
                    _ => word(&mut dice),
                };
                text.extend_from_slice(chosen.as_bytes());
            }
            text.extend_from_slice(b". ");
            ends.push(text.len());
        }
        Self { text, ends }
    }

    /// Appends sentences until at least `bytes` were written; none for 0.
    pub(crate) fn push(&self, bytes: usize, dice: &mut Dice, out: &mut Vec<u8>) {
        let full = out.len() + bytes;
        while out.len() < full {
            let n = dice.below(SENTENCES as u64) as usize;
            let start = if n == 0 { 0 } else { self.ends[n - 1] };
            out.extend_from_slice(&self.text[start..self.ends[n]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_utf8_of_about_the_size_asked_for() {
        let prose = Prose::new(3);
        let mut out = Vec::new();
        prose.push(5_000, &mut Dice::of(3, 1, 1, Purpose::Markup), &mut out);
        assert!((5_000..5_300).contains(&out.len()));
        let text = String::from_utf8(out).unwrap();
        assert!(text.ends_with(". "));
        assert!(!text.contains(['<', '&', '\0']));
    }

    #[test]
    fn the_vocabulary_fits_a_slug() {
        assert!(WORDS.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase())));
    }
}
