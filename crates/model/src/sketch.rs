//! A sketch of a page's text: what it says, as a few hundred numbers.
//!
//! Owns the answer to "does this page say anything that another did not?". It is made where the body is, once, and
//! travels in its stead. Knows nothing of other pages: who compares is the frontier's trap guard.
//!
//! What a page says is a set of *pieces*: the runs of text between its tags, its JSON values, its lines. Left out
//! is what says nothing although it differs from page to page: dates and times, random tokens, and whatever
//! stands in the page's own URL already, with the numbers next to it (a calendar's month and its neighbours, a
//! session's id, the name of a page that a soft 404 does not find). So a calendar without entries says the same for
//! ever, while an archive says something new with each article, however much of it is frame.

use crate::CanonicalUrl;

mod calendar;
mod echo;
mod pieces;
mod tokens;

use echo::Silent;
use pieces::Pieces;

/// Bytes of a body that are read. Past it a page has said what it has to say; at a nanosecond a byte this is a
/// quarter of a millisecond.
const BYTES_MAX: usize = 256 << 10;
/// A body with a NUL in so many of its first bytes is no text.
const BINARY_PREFIX: usize = 512;

/// The pieces of one page's text, each as 32 bits of a hash: at most [`Sketch::PIECES_MAX`], distinct, in no order.
///
/// ```
/// use dragline_model::{CanonicalUrl, Sketch};
/// let of = |url: &str, body: &str| Sketch::of(&CanonicalUrl::parse(url).unwrap(), body.as_bytes()).unwrap();
/// let may = of("http://a.example/cal?m=2031-05", "<h1>May 2031</h1> <p>No events.</p> <a>2031-06</a>");
/// let june = of("http://a.example/cal?m=2031-06", "<h1>June 2031</h1> <p>No events.</p> <a>2031-07</a>");
/// assert!(june.pieces().iter().all(|piece| may.pieces().contains(piece)), "nothing new");
/// let party = of("http://a.example/cal?m=2031-07", "<h1>July 2031</h1> <p>Summer party!</p> <a>2031-08</a>");
/// assert!(!party.pieces().iter().all(|piece| may.pieces().contains(piece)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Box<[u32]>);

impl Sketch {
    /// Pieces that are kept. Of a page with more, those whose hash ends in a zero or two or three: the same of
    /// every page, so that what two pages share is kept of both or of neither.
    pub const PIECES_MAX: usize = 256;

    /// The sketch of a body, its content coding undone; none of one that is no text.
    pub fn of(url: &CanonicalUrl, body: &[u8]) -> Option<Self> {
        let body = &body[..body.len().min(BYTES_MAX)];
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
        if memchr::memchr(0, &body[..body.len().min(BINARY_PREFIX)]).is_some() {
            return None;
        }
        let mut pieces = Pieces::new(Silent::beside(url));
        match body.first() {
            Some(b'<') => pieces.markup(body),
            Some(b'{' | b'[') => pieces.json(body),
            _ => pieces.lines(body),
        }
        Some(Self(pieces.into_hashes()))
    }

    /// The pieces.
    pub fn pieces(&self) -> &[u32] {
        &self.0
    }

    /// The page says nothing at all: `[]`, a frame without text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests;
