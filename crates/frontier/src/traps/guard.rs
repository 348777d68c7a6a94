//! The learned guard: which shapes of URLs have stopped bringing anything.
//!
//! Owns what is remembered of each shape, the verdict on a page, and the sample of what is parked. What it is for and
//! what it leaves alone is told in the module above.

use std::collections::HashMap;

use dragline_model::CanonicalUrl;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    GuardRules, Seen,
    bench::Bench,
    seen::{Pieces, Said},
    shape::{Grain, HOST, PATH, Shape, TEMPLATE, WIDTHS},
};
use crate::Reason;

/// Shapes that are remembered. Those of some thousand hosts that are crawled at the same time.
pub(super) const SHAPES_MAX: usize = 32_768;
/// Slots for the pieces of text of a template, and of a path or host, in each of two generations: enough for a
/// catalogue of a thousand things, each with its name, its price and something else.
const PIECES_MAX: [usize; WIDTHS] = [1024, 4096, 4096];
/// Slots of pieces in all: 16 MiB. Where they are used up, no set grows any more, and forgets sooner.
const SLOTS_MAX: usize = 4 << 20;
/// How many times the pages of a template it takes until a path or a host is stale: the wider a shape is, the more of
/// what is honest is in it.
const PATIENCE: [u32; WIDTHS] = [1, 2, 4];
/// Templates that a path is taken to have at most, and a host; past it they are looked at as one. A search form has
/// some fields, a faceted search all their combinations.
const TEMPLATES_MAX: [u32; WIDTHS] = [u32::MAX, 16, 256];
/// What a page weighs that says nothing but what one other page of its shape said a moment ago: thirty pages all of
/// whose words were there somewhere are no better proof of a trap than ten copies of one.
const COPY_WEIGHS: u32 = 3;
/// Pages of a shape that the next one may be a copy of.
const SAID_MAX: usize = 2;
/// Pages of a shape that are looked at in any case: those in which a trap would have shown itself.
const YOUNG: u32 = 16;
/// Slots for URLs that were admitted although the page they were found on brought nothing.
const DOUBTFUL_SLOTS: usize = 16_384;
/// Among the bits of what a page did not bring, one for each width: this URL is one of the sample.
const SAMPLED: u8 = 1 << WIDTHS;

/// A shape of URLs that is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The shape, as in `a.example/calendar/N/N`.
    pub shape: String,
    /// One of its URLs that was left alone.
    pub example: String,
    /// URLs that were left alone.
    pub parked_urls: u64,
    /// URLs that were asked for nonetheless, to see.
    pub tried: u32,
    /// Why, in words.
    pub why: String,
}

/// What is known of one shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Known {
    text: Box<str>,
    /// Pages in a row that brought nothing.
    barren: u32,
    /// What they weigh.
    weight: u32,
    /// What the last pages said.
    said: [Said; SAID_MAX],
    /// The text of the last one was new.
    says_new: bool,
    /// Pages in all.
    pages: u32,
    /// Templates within it.
    templates: u32,
    /// When it was last used, in settled pages.
    used_at: u64,
    had: Pieces,
    parked: Option<Box<Bench>>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Guard {
    shapes: HashMap<u64, Known>,
    /// Hashes of URLs, each with the bits of the page that it was found on in place of its last.
    doubtful: Vec<u32>,
    slots: usize,
    now: u64,
    parked_urls: u64,
    /// A shape was freed since somebody asked.
    has_freed: bool,
    /// No shape has ever become stale: nothing is parked, so there is nothing to look up. Not known of a guard out of a
    /// checkpoint.
    #[serde(skip)]
    is_calm: bool,
}

impl Guard {
    /// One that knows nothing yet.
    pub(super) fn new() -> Self {
        Self { is_calm: true, ..Self::default() }
    }

    /// May a URL be admitted that was found on a page with these bits?
    pub(super) fn admit(
        &mut self,
        rules: &GuardRules,
        url: &CanonicalUrl,
        is_wild: bool,
        found_on: u8,
    ) -> Result<(), Reason> {
        if self.shapes.is_empty() {
            return Ok(());
        }
        let found_on = found_on & !SAMPLED;
        let is_sample = !self.is_calm && self.consider(rules, url, is_wild, found_on)?;
        if found_on != 0 || is_sample {
            self.doubt(url, found_on | if is_sample { SAMPLED } else { 0 });
        }
        Ok(())
    }

    /// May a URL that was admitted still be asked for?
    pub(super) fn recheck(
        &mut self,
        rules: &GuardRules,
        url: &CanonicalUrl,
        is_wild: bool,
    ) -> Result<(), Reason> {
        if self.is_calm {
            return Ok(());
        }
        let doubt = self.doubt_of(url);
        if self.shapes.is_empty() || doubt & SAMPLED != 0 {
            return Ok(());
        }
        self.consider(rules, url, is_wild, doubt).map(drop)
    }

    pub(super) fn explain(&self, rules: &GuardRules, url: &CanonicalUrl, is_wild: bool) -> Option<Reason> {
        let (_, known) = self.stale(rules, &self.shape(url, is_wild), u8::MAX)?;
        Some(reason(known))
    }

    /// Have pages of a URL's shape, by any width, brought nothing lately, or is its shape a new one? Then each of them
    /// has to be looked at.
    pub(super) fn is_in_doubt(&self, url: &CanonicalUrl, is_wild: bool) -> bool {
        let shape = self.shape(url, is_wild);
        let mut keys = (0..WIDTHS).filter_map(|width| shape.key(width));
        keys.any(|key| self.shapes.get(&key).is_none_or(|known| known.barren > 0 || known.pages < YOUNG))
    }

    /// Was a shape freed since this was asked last?
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.has_freed)
    }

    /// True if the URL is let through as one of a sample; an error if it is left alone.
    fn consider(
        &mut self,
        rules: &GuardRules,
        url: &CanonicalUrl,
        is_wild: bool,
        found_on: u8,
    ) -> Result<bool, Reason> {
        let shape = self.shape(url, is_wild);
        let Some((key, _)) = self.stale(rules, &shape, found_on) else { return Ok(false) };
        let Some(known) = self.shapes.get_mut(&key) else { return Ok(false) };
        known.used_at = self.now;
        let first = u64::from(rules.sample.max(1));
        let bench = known.parked.get_or_insert_with(|| Box::new(Bench::new(url.as_str(), first)));
        if bench.tries(first) {
            return Ok(true);
        }
        self.parked_urls += 1;
        Err(reason(known))
    }

    /// The widest of a shape's that is stale, as far as the page the URL was found on was barren by that width too.
    fn stale(&self, rules: &GuardRules, shape: &Shape, found_on: u8) -> Option<(u64, &Known)> {
        // Whose own template still says something new is no trap, whatever the rest of its path or host is.
        let own = shape.key(TEMPLATE).and_then(|key| self.shapes.get(&key));
        if own.is_some_and(|known| known.says_new) {
            return None;
        }
        (0..WIDTHS).rev().find_map(|width| {
            if found_on & 1 << width == 0 && !shape.is_random(width) {
                return None;
            }
            let key = shape.key(width)?;
            let known = self.shapes.get(&key)?;
            is_stale(rules, width, known).then_some((key, known))
        })
    }

    /// Learns from a page; the bits of the widths by which it brought nothing.
    pub(super) fn settled<'a>(
        &mut self,
        rules: &GuardRules,
        page: &Seen<'_>,
        new_links: impl IntoIterator<Item = &'a CanonicalUrl>,
        is_wild: impl Fn(&CanonicalUrl) -> bool,
    ) -> u8 {
        self.now += 1;
        let shape = self.shape(page.url, is_wild(page.url));
        let inherited = self.doubt_of(page.url) & !SAMPLED;
        let mut new_links = new_links.into_iter();
        let evidence = match page.status {
            // It is as it was.
            304 => return inherited,
            // What a redirect leads to speaks for itself; one that leads nowhere new has been in vain.
            300..400 if new_links.next().is_some() => return inherited,
            300..400 => Evidence::Nothing,
            // The server's trouble, or that we may not see it, says nothing of the URL.
            401 | 403 | 407 | 408 | 425 | 429 | 500.. => Evidence::None,
            400.. => Evidence::Missing,
            _ if page.is_repeat && page.sketch.is_none_or(|sketch| !sketch.is_empty()) => Evidence::Nothing,
            _ => match page.sketch {
                Some(sketch) if sketch.is_empty() => Evidence::None,
                Some(sketch) => Evidence::Pieces(sketch.pieces()),
                None => Evidence::Something,
            },
        };
        let (mut fresh, mut copies) = ([false; WIDTHS], [false; WIDTHS]);
        let says = page.sketch.and_then(Said::of);
        for width in 0..WIDTHS {
            fresh[width] = self.take_in(width, &shape, &evidence);
            let known = shape.key(width).and_then(|key| self.shapes.get_mut(&key));
            copies[width] = known.zip(says).is_some_and(|(known, says)| known.says_again(says));
        }
        if !matches!(evidence, Evidence::None)
            && let Some(known) = shape.key(TEMPLATE).and_then(|key| self.shapes.get_mut(&key))
        {
            known.says_new = fresh[TEMPLATE];
        }
        if fresh.contains(&false) {
            self.credit_links(rules, &shape, new_links, is_wild, &mut fresh);
        }
        let mut barren = 0;
        for (width, fresh) in fresh.into_iter().enumerate() {
            let Some(known) = shape.key(width).and_then(|key| self.shapes.get_mut(&key)) else { continue };
            if fresh {
                (known.barren, known.weight) = (0, 0);
                if known.parked.take().is_some() {
                    self.has_freed = true;
                }
            } else if evidence.counts(shape.is_random(width)) {
                known.barren = known.barren.saturating_add(1);
                // A page is the copy of another wherever a random token leads: of those, each has to be looked at.
                let is_copy = copies[width] && !shape.is_random(width);
                known.weight = known.weight.saturating_add(if is_copy { COPY_WEIGHS } else { 1 });
                self.is_calm &= !is_stale(rules, width, known);
                barren |= 1 << width;
            } else {
                barren |= inherited & 1 << width;
            }
        }
        barren
    }

    /// Takes a page into one width of its shape; true if its text has something new for it.
    fn take_in(&mut self, width: usize, shape: &Shape, evidence: &Evidence<'_>) -> bool {
        let (Some(key), Some(text)) = (shape.key(width), shape.text(width)) else { return false };
        let is_first = !self.shapes.contains_key(&key);
        if is_first {
            self.make_room();
            self.shapes.insert(key, Known { text: shortened(text), ..Known::default() });
        }
        // Where nothing in a URL varies it is a template of its own.
        if (width == TEMPLATE && is_first) || (width == HOST && shape.key(TEMPLATE).is_none()) {
            for wider in [PATH, HOST] {
                if let Some(known) = shape.key(wider).and_then(|key| self.shapes.get_mut(&key)) {
                    known.templates = known.templates.saturating_add(1);
                }
            }
        }
        let (now, slots) = (self.now, &mut self.slots);
        let Some(known) = self.shapes.get_mut(&key) else { return false };
        known.used_at = now;
        known.pages = known.pages.saturating_add(1);
        match evidence {
            Evidence::Something => true,
            Evidence::Nothing | Evidence::Missing | Evidence::None => false,
            Evidence::Pieces(pieces) => {
                let mut is_new = false;
                for piece in *pieces {
                    is_new |= take_piece(&mut known.had, *piece, PIECES_MAX[width], slots);
                }
                is_new
            }
        }
    }

    /// A page that leads to a shape which may still bring something has brought something.
    fn credit_links<'a>(
        &self,
        rules: &GuardRules,
        page: &Shape,
        new_links: impl Iterator<Item = &'a CanonicalUrl>,
        is_wild: impl Fn(&CanonicalUrl) -> bool,
        fresh: &mut [bool; WIDTHS],
    ) {
        for link in new_links {
            let link = self.shape(link, is_wild(link));
            for (width, fresh) in fresh.iter_mut().enumerate() {
                // A link to a URL without a template leads to that URL alone.
                let (own, other) = (page.key(width), link.key(width));
                *fresh |= own != other
                    && other.is_none_or(|key| {
                        self.shapes.get(&key).is_none_or(|known| !is_stale(rules, width, known))
                    });
            }
            if !fresh.contains(&false) {
                return;
            }
        }
    }

    /// A URL's shape, as coarse as its host and its path ask for.
    fn shape(&self, url: &CanonicalUrl, is_wild: bool) -> Shape {
        let fine = Shape::of(url, Grain { hosts: is_wild, segments: false });
        let is_full = |width: usize| {
            let known = fine.key(width).and_then(|key| self.shapes.get(&key));
            known.is_some_and(|known| known.templates > TEMPLATES_MAX[width])
        };
        if is_full(PATH) {
            fine.by_path()
        } else if is_full(HOST) {
            Shape::of(url, Grain { hosts: is_wild, segments: true })
        } else {
            fine
        }
    }

    /// Forgets a quarter of the shapes, those that were not used for longest, where there are too many; the parked last.
    fn make_room(&mut self) {
        if self.shapes.len() < SHAPES_MAX {
            return;
        }
        let age = |known: &Known| (known.parked.is_some(), known.used_at);
        let mut ages: Vec<(bool, u64)> = self.shapes.values().map(age).collect();
        let (_, last, _) = ages.select_nth_unstable(SHAPES_MAX / 4);
        let last = *last;
        self.shapes.retain(|_, known| age(known) > last);
        self.slots = self.shapes.values().map(|known| known.had.slots()).sum();
    }

    fn doubt(&mut self, url: &CanonicalUrl, bits: u8) {
        if self.doubtful.len() != DOUBTFUL_SLOTS {
            self.doubtful = vec![0; DOUBTFUL_SLOTS];
        }
        let (slot, mark) = doubt_slot(url);
        self.doubtful[slot] = mark | u32::from(bits);
    }

    fn doubt_of(&self, url: &CanonicalUrl) -> u8 {
        let (slot, mark) = doubt_slot(url);
        let held = self.doubtful.get(slot).copied().unwrap_or(0);
        let bits = held & DOUBT_BITS;
        if held & !DOUBT_BITS == mark { bits as u8 } else { 0 }
    }

    pub(super) fn report(&self) -> Vec<Parked> {
        let mut parked: Vec<Parked> = self
            .shapes
            .values()
            .filter_map(|known| {
                let bench = known.parked.as_ref()?;
                Some(Parked {
                    shape: known.text.to_string(),
                    example: bench.example.to_string(),
                    parked_urls: bench.candidates - u64::from(bench.tried),
                    tried: bench.tried,
                    why: format!(
                        "of {} pages the last {} brought nothing new, and led only to each other",
                        known.pages, known.barren
                    ),
                })
            })
            .collect();
        parked.sort_unstable_by(|a, b| (b.parked_urls, &a.shape).cmp(&(a.parked_urls, &b.shape)));
        parked
    }

    pub(super) fn parked_urls(&self) -> u64 {
        self.parked_urls
    }

    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.shapes.values().map(|known| known.text.len()).sum();
        self.shapes.capacity() * (size_of::<Known>() + 9) + texts + (self.slots + self.doubtful.len()) * 4
    }
}

/// What a page has to show for itself.
enum Evidence<'a> {
    /// Its text.
    Pieces(&'a [u32]),
    /// It is something, whatever: an image, a page of which the text is not known.
    Something,
    /// It is what was there before, or leads back there.
    Nothing,
    /// There is no such page.
    Missing,
    /// It says nothing, which says nothing of it.
    None,
}

impl Evidence<'_> {
    /// Does it count against a shape for which it is not something? Documents that are gone are no new session's
    /// copies of a page, and URLs with a random token are parked wherever they were found: there it does not.
    fn counts(&self, is_random: bool) -> bool {
        match self {
            Evidence::None => false,
            Evidence::Missing => !is_random,
            Evidence::Pieces(_) | Evidence::Something | Evidence::Nothing => true,
        }
    }
}

impl Known {
    /// Did one of its last pages say all of that? From now on one did.
    fn says_again(&mut self, says: Said) -> bool {
        let is_copy = self.said.iter().any(|before| before.has(says));
        if !is_copy {
            self.said.rotate_right(1);
            self.said[0] = says;
        }
        is_copy
    }
}

fn is_stale(rules: &GuardRules, width: usize, known: &Known) -> bool {
    known.weight >= rules.barren_max.max(1).saturating_mul(PATIENCE[width])
}

fn reason(known: &Known) -> Reason {
    Reason::Parked { shape: (*known.text).into(), pages: known.barren }
}

fn take_piece(had: &mut Pieces, piece: u32, most: usize, slots: &mut usize) -> bool {
    let before = had.slots();
    let left = SLOTS_MAX.saturating_sub(*slots);
    let is_new = had.insert(piece, most.min(before / 2 + left));
    *slots = *slots + had.slots() - before;
    is_new
}

const DOUBT_BITS: u32 = 0xf;

fn doubt_slot(url: &CanonicalUrl) -> (usize, u32) {
    let hash = xxh3_64(url.as_str().as_bytes());
    ((hash >> 32) as usize % DOUBTFUL_SLOTS, hash as u32 & !DOUBT_BITS)
}

/// As much of a shape as is shown; its key is of all of it.
fn shortened(text: &str) -> Box<str> {
    const SHOWN: usize = 160;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
