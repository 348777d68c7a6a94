//! The pieces of a text: what stands between tags, values of JSON, lines.
//!
//! Owns their bounds and their hashes. Reads forgivingly: a body that is not what it looks like gives pieces that
//! mean little, but the same ones each time.

use memchr::{memchr, memchr2, memmem};

use super::{
    Sketch,
    echo::Silent,
    tokens::{Kind, hash_of_word, mix, tokens},
};

/// Slots of the table of pieces that this page has had; half of them are used at most.
const SLOTS: usize = 4096;

/// Reads one body.
///
/// A piece with words in it is its words. One of numbers alone (a cell of a table) is its numbers together with the
/// two pieces of numbers before it, back to the last piece of words that stands on the page once: so the cells of
/// a measurement are new on every page although each number has been seen, while a price belongs to its article
/// wherever that is listed.
pub(super) struct Pieces {
    silent: Silent,
    /// Those that the page has had, by their last bits; 0 is a free slot.
    had: Box<[u32; SLOTS]>,
    used: usize,
    kept: Vec<u32>,
    /// How many zeros the hashes of those that are kept end in.
    zeros: u32,
    /// The piece of numbers, or of unique words, before this one, and the one before it.
    before: [u64; 2],
    /// Words that make the number before them a time.
    units: [u64; 5],
}

impl Pieces {
    pub(super) fn new(silent: Silent) -> Self {
        let units = ["s", "ms", "sec", "seconds", "second"].map(hash_of_word);
        let had = Box::new([0; SLOTS]);
        Self { silent, had, used: 0, kept: Vec::with_capacity(64), zeros: 0, before: [0; 2], units }
    }

    pub(super) fn into_hashes(self) -> Box<[u32]> {
        self.kept.into_boxed_slice()
    }

    /// A document with tags.
    pub(super) fn markup(&mut self, mut rest: &[u8]) {
        while let Some(open) = memchr(b'<', rest) {
            self.piece(&rest[..open]);
            rest = &rest[open..];
            if let Some(comment) = rest.strip_prefix(b"<!--") {
                rest = from(comment, b"-->").get(3..).unwrap_or_default();
                continue;
            }
            let Some(close) = memchr(b'>', rest) else { return };
            let tag = &rest[1..close];
            rest = &rest[close + 1..];
            if is_tag(tag, b"style") {
                rest = from(rest, b"</style");
            } else if is_tag(tag, b"script") {
                let end = from(rest, b"</script");
                // Data that a page brings along for a script to show.
                self.json(&rest[..rest.len() - end.len()]);
                rest = end;
            }
        }
        self.piece(rest);
    }

    /// JSON, or a script: its strings that are no keys, and its numbers.
    pub(super) fn json(&mut self, mut rest: &[u8]) {
        while let Some(quote) = memchr(b'"', rest) {
            self.bare(&rest[..quote]);
            rest = &rest[quote + 1..];
            let end = string_end(rest);
            let (string, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            if rest.trim_ascii_start().first() != Some(&b':') {
                self.piece(string);
            }
        }
        self.bare(rest);
    }

    /// Lines of text.
    pub(super) fn lines(&mut self, text: &[u8]) {
        text.split(|byte| *byte == b'\n').for_each(|line| self.piece(line));
    }

    /// What stands between strings: numbers count, `true` and `null` do not.
    fn bare(&mut self, text: &[u8]) {
        if text.iter().any(u8::is_ascii_digit) {
            let numbers = text.split(|byte| matches!(byte, b',' | b'[' | b']' | b'{' | b'}' | b':' | b';'));
            for number in numbers.filter(|part| part.iter().any(u8::is_ascii_digit)) {
                self.piece(number);
            }
        }
    }

    #[inline]
    fn piece(&mut self, text: &[u8]) {
        if text.trim_ascii_start().is_empty() {
            return;
        }
        // Without what the URL says, and with it: the second is what numbers belong to.
        let (mut hash, mut whole) = (0u64, 0u64);
        let (mut words, mut numbers) = (0u32, 0u32);
        // The hash as it was before a number that ends here, in case a unit of time follows.
        let mut before_number = None;
        let (silent, units) = (&self.silent, &self.units);
        tokens(text, |token| {
            let is_word = token.kind == Kind::Word;
            if let Some(before) = before_number.take()
                && is_word
                && units.contains(&token.hash)
            {
                (hash, numbers) = before;
                return;
            }
            if is_word {
                whole = mix(whole, token.hash);
            }
            if silent.has(&token) {
                return;
            }
            if is_word {
                words += 1;
            } else {
                before_number = Some((hash, numbers));
                numbers += 1;
            }
            hash = mix(hash, token.hash);
        });
        if words > 0 {
            if self.keep(hash) {
                self.before = [whole, 0];
            }
        } else if numbers > 0 {
            self.keep(mix(mix(hash, self.before[0]), self.before[1]));
            self.before = [hash, self.before[0]];
        }
    }

    /// Keeps a piece; true if the page has not had it before.
    fn keep(&mut self, hash: u64) -> bool {
        let piece = (hash >> 32) as u32 | 1 << 31;
        let mut slot = hash as usize % SLOTS;
        while self.had[slot] != 0 {
            if self.had[slot] == piece {
                return false;
            }
            slot = (slot + 1) % SLOTS;
        }
        if self.used < SLOTS / 2 {
            self.had[slot] = piece;
            self.used += 1;
        }
        if piece.trailing_zeros() >= self.zeros {
            self.kept.push(piece);
            while self.kept.len() > Sketch::PIECES_MAX {
                self.zeros += 1;
                self.kept.retain(|piece| piece.trailing_zeros() >= self.zeros);
            }
        }
        true
    }
}

/// The text from the next `mark` on; nothing, without one.
fn from<'a>(text: &'a [u8], mark: &[u8]) -> &'a [u8] {
    memmem::find(text, mark).map_or(&[], |at| &text[at..])
}

fn is_tag(tag: &[u8], name: &[u8]) -> bool {
    tag.len() >= name.len()
        && tag[..name.len()].eq_ignore_ascii_case(name)
        && tag.get(name.len()).is_none_or(u8::is_ascii_whitespace)
}

/// Where a string ends that has begun: at its quote, or with the text.
fn string_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(next) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        at += next;
        if text[at] == b'"' {
            return at;
        }
        at += 2;
    }
    text.len()
}
