//! A body on its way in: how much of it has come, and whether it is whole.
//!
//! Owns the bytes and the bound on them. Pure but for the reading, which goes straight into the bytes where
//! the framing allows it.

use bytes::BufMut;

use crate::{
    chunked::Chunked,
    framing::{Framing, Malformed},
};

/// Largest buffer that is made on the strength of a `Content-Length` alone; a longer body grows as it comes,
/// so that a lie costs nothing.
const TRUSTED_LENGTH_MAX: u64 = 1 << 20;

/// Room that is made for a body when there is none left. Reads of this size keep a fast transfer off the
/// system-call path.
const STEP: usize = 64 << 10;

/// The bytes of a body so far.
#[derive(Debug)]
pub(crate) struct Body {
    bytes: Vec<u8>,
    rest: Rest,
    limit: u64,
}

/// What is still to come.
#[derive(Debug)]
enum Rest {
    Length(u64),
    Close,
    Chunks(Chunked),
}

/// How far a body is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Stage {
    /// More is to come.
    More,
    /// It is whole.
    Whole,
    /// It is longer than the limit, and cut there.
    Cut,
}

impl Body {
    /// An empty body that ends as `framing` says and is cut at `limit` bytes.
    pub(crate) fn new(framing: Framing, limit: u64) -> Self {
        let (room, rest) = match framing {
            Framing::Length(length) => (length.min(limit).min(TRUSTED_LENGTH_MAX), Rest::Length(length)),
            Framing::Chunked => (0, Rest::Chunks(Chunked::default())),
            Framing::Close => (0, Rest::Close),
        };
        Self { bytes: Vec::with_capacity(room as usize), rest, limit }
    }

    /// Takes what belongs to this body from bytes that were read elsewhere; how many that were.
    pub(crate) fn feed(&mut self, input: &[u8]) -> Result<usize, Malformed> {
        match &mut self.rest {
            Rest::Length(left) => {
                let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                self.bytes.extend_from_slice(&input[..n]);
                *left -= n as u64;
                Ok(n)
            }
            Rest::Close => {
                self.bytes.extend_from_slice(input);
                Ok(input.len())
            }
            Rest::Chunks(chunked) => match chunked.feed(input, &mut self.bytes) {
                // The body is cut before the damage: nobody looks that far.
                Err(_) if self.bytes.len() as u64 > self.limit => Ok(input.len()),
                fed => fed,
            },
        }
    }

    /// How far it is. A body that the connection's end ends is whole only when that has come, which
    /// [`Body::ends_with_connection`] tells.
    pub(crate) fn stage(&self) -> Stage {
        let have = self.bytes.len() as u64;
        match &self.rest {
            _ if have > self.limit => Stage::Cut,
            Rest::Length(0) => Stage::Whole,
            Rest::Length(_) if have == self.limit => Stage::Cut,
            Rest::Chunks(chunked) if chunked.is_over() => Stage::Whole,
            _ => Stage::More,
        }
    }

    /// True where its framing could be read in more ways than one.
    pub(crate) fn is_odd(&self) -> bool {
        matches!(&self.rest, Rest::Chunks(chunked) if chunked.is_odd())
    }

    /// True where the connection's end is the body's.
    pub(crate) fn ends_with_connection(&self) -> bool {
        matches!(self.rest, Rest::Close)
    }

    /// Where to read the next bytes to, if they need no decoding; [`Body::landed`] is told how many came.
    /// Never larger than what belongs to this body.
    pub(crate) fn landing(&mut self) -> Option<bytes::buf::Limit<&mut Vec<u8>>> {
        let have = self.bytes.len() as u64;
        let wanted = match self.rest {
            Rest::Length(left) => left.min(self.limit.saturating_sub(have)),
            // One byte past the limit tells a body that is cut from one that just fits.
            Rest::Close => self.limit.saturating_sub(have).saturating_add(1),
            Rest::Chunks(_) => return None,
        };
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        let spare = self.bytes.capacity() - self.bytes.len();
        if spare < wanted.min(STEP) {
            self.bytes.reserve(wanted.min(STEP.max(self.bytes.len())));
        }
        Some((&mut self.bytes).limit(wanted))
    }

    /// Counts bytes that were read to [`Body::landing`].
    pub(crate) fn landed(&mut self, n: usize) {
        if let Rest::Length(left) = &mut self.rest {
            *left -= n as u64;
        }
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes still announced, where a length was.
    pub(crate) fn missing(&self) -> Option<u64> {
        match self.rest {
            Rest::Length(left) => Some(left),
            _ => None,
        }
    }

    /// The bytes, cut to the limit.
    pub(crate) fn into_bytes(mut self) -> bytes::Bytes {
        self.bytes.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        // A body waits in memory until it is on disk: what was reserved too much is given back.
        if self.bytes.capacity() - self.bytes.len() > self.bytes.len() / 4 {
            self.bytes.shrink_to_fit();
        }
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(framing: Framing, limit: u64, pieces: &[&str]) -> (Stage, usize, String) {
        let mut body = Body::new(framing, limit);
        let mut used = 0;
        for piece in pieces {
            used += body.feed(piece.as_bytes()).unwrap();
        }
        (body.stage(), used, String::from_utf8(body.into_bytes().to_vec()).unwrap())
    }

    #[test]
    fn stages() {
        use Stage::{Cut, More, Whole};
        for (framing, limit, pieces, want) in [
            (Framing::Length(5), 10, &["he", "llo"][..], (Whole, 5, "hello")),
            (Framing::Length(5), 5, &["hello"], (Whole, 5, "hello")),
            (Framing::Length(5), 10, &["hello, more"], (Whole, 5, "hello")),
            (Framing::Length(5), 10, &["hel"], (More, 3, "hel")),
            (Framing::Length(0), 0, &[], (Whole, 0, "")),
            (Framing::Length(9), 4, &["hell"], (Cut, 4, "hell")),
            (Framing::Length(9), 4, &["hello"], (Cut, 5, "hell")),
            (Framing::Close, 5, &["hello"], (More, 5, "hello")),
            (Framing::Close, 4, &["hello"], (Cut, 5, "hell")),
            (Framing::Chunked, 9, &["5\r\nhello\r\n", "0\r\n\r\nx"], (Whole, 15, "hello")),
            (Framing::Chunked, 5, &["5\r\nhello\r\n"], (More, 10, "hello")),
            (Framing::Chunked, 4, &["5\r\nhello\r\n"], (Cut, 10, "hell")),
            (Framing::Chunked, 4, &["5\r\nhello\r\nzz"], (Cut, 12, "hell")),
        ] {
            let (stage, used, text) = fed(framing, limit, pieces);
            assert_eq!((stage, used, text.as_str()), want, "{framing:?}, limit {limit}, {pieces:?}");
        }
    }

    #[test]
    fn a_landing_is_no_larger_than_the_body() {
        let room = |framing, limit, text: &str| {
            let mut body = Body::new(framing, limit);
            body.feed(text.as_bytes()).unwrap();
            body.landing().map(|to| to.remaining_mut())
        };
        assert_eq!(room(Framing::Length(10), 100, "abc"), Some(7));
        assert_eq!(room(Framing::Length(10), 5, "abc"), Some(2));
        assert_eq!(room(Framing::Close, 5, "abc"), Some(3));
        assert_eq!(room(Framing::Chunked, 5, ""), None);
    }

    #[test]
    fn an_announced_length_is_not_believed_far() {
        let mut body = Body::new(Framing::Length(u64::MAX), u64::MAX);
        assert!(body.bytes.capacity() as u64 <= TRUSTED_LENGTH_MAX);
        assert!(body.landing().is_some());
        assert!(body.bytes.capacity() as u64 <= 2 * TRUSTED_LENGTH_MAX);
    }
}
