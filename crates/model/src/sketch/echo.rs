//! What a page's text may say without saying anything: words of dates, and what its URL says already.
//!
//! Owns the question "does this token count?", which is asked of every word of every page: nearly always a look at
//! one bit answers it.

use std::sync::LazyLock;

use super::{
    calendar,
    tokens::{Kind, Token, hash_of_number, hash_of_word, tokens},
};
use crate::CanonicalUrl;

/// Tokens of a URL that are minded. A URL with more is a list of something.
const ECHO_MAX: usize = 96;
/// Days of a month: smaller numbers are left out, larger ones are numbers.
const DAYS: u64 = 31;
/// Years that a calendar shows.
const YEARS: std::ops::RangeInclusive<u64> = 1900..=2199;
/// The seconds since 1970 of the years 2000 to 2100; and the same in milliseconds.
const EPOCH: std::ops::RangeInclusive<u64> = 946_684_800..=4_102_444_800;

/// A bit for each of the hashes that are in it, and for a few that are not.
#[derive(Clone)]
struct Bloom([u64; 64]);

impl Bloom {
    fn put(&mut self, hash: u64) {
        self.0[(hash >> 6 & 63) as usize] |= 1 << (hash & 63);
    }

    #[inline(always)]
    fn may_have(&self, hash: u64) -> bool {
        self.0[(hash >> 6 & 63) as usize] >> (hash & 63) & 1 == 1
    }
}

static CALENDAR: LazyLock<(Bloom, Vec<u64>)> = LazyLock::new(|| {
    let mut hashes: Vec<u64> = calendar::WORDS.iter().map(|word| hash_of_word(word)).collect();
    hashes.sort_unstable();
    let mut bloom = Bloom([0; 64]);
    hashes.iter().for_each(|hash| bloom.put(*hash));
    (bloom, hashes)
});

/// The tokens that do not count on one page.
pub(super) struct Silent {
    bloom: Bloom,
    calendar: &'static [u64],
    echo: Vec<u64>,
}

impl Silent {
    /// Those of any page, and those of the page with this URL: its words, its numbers and the numbers next to them.
    pub(super) fn beside(url: &CanonicalUrl) -> Self {
        let (bloom, calendar) = &*CALENDAR;
        let mut silent = Self { bloom: bloom.clone(), calendar, echo: Vec::new() };
        let text = url.as_str();
        let after_scheme = &text[text.find("//").map_or(0, |at| at + 2)..];
        tokens(after_scheme.as_bytes(), |token| {
            if silent.echo.len() >= ECHO_MAX {
                return;
            }
            silent.echo.push(token.hash);
            if let Kind::Number(Some(value)) = token.kind {
                silent.echo.push(hash_of_number(value.saturating_add(1)));
                silent.echo.push(hash_of_number(value.saturating_sub(1)));
            }
        });
        silent.echo.iter().for_each(|hash| silent.bloom.put(*hash));
        silent
    }

    /// Does a token say nothing?
    #[inline(always)]
    pub(super) fn has(&self, token: &Token) -> bool {
        match token.kind {
            Kind::Word => self.bloom.may_have(token.hash) && self.lists(token.hash),
            Kind::Number(Some(value)) => {
                value <= DAYS
                    || YEARS.contains(&value)
                    || EPOCH.contains(&value)
                    || EPOCH.contains(&(value / 1_000))
                    || (self.bloom.may_have(token.hash) && self.lists(token.hash))
            }
            Kind::Number(None) => false,
            Kind::Time | Kind::Random => true,
        }
    }

    fn lists(&self, hash: u64) -> bool {
        self.echo.contains(&hash) || self.calendar.binary_search(&hash).is_ok()
    }
}
