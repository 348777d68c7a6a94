//! Where decoded bytes go: a buffer that grows by steps and never past a limit.
//!
//! Owns how much memory an honest body and a liar get. Never decodes.

use crate::Cut;

/// How much larger than the coded body the first buffer may be, whatever the body claims of itself: the usual
/// page inflates four- to eightfold, and a liar gets the rest in steps.
const FIRST_BUFFER_RATIO: usize = 16;

/// The smallest step, in bytes.
const STEP_BYTES_MIN: usize = 8 << 10;

/// What came out of one layer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Undone {
    pub(crate) bytes: Vec<u8>,
    /// [`Cut::Limit`] where the limit that was given cut it, whatever that limit stands for.
    pub(crate) cut: Option<Cut>,
}

impl Undone {
    pub(crate) fn new(mut bytes: Vec<u8>, cut: Option<Cut>) -> Self {
        // The body may wait for the disk: what was guessed too large is given back first.
        if bytes.capacity() - bytes.len() > bytes.len() / 4 {
            bytes.shrink_to_fit();
        }
        Undone { bytes, cut }
    }
}

/// Decoded bytes on their way.
pub(crate) struct Out {
    pub(crate) bytes: Vec<u8>,
    limit: usize,
}

impl Out {
    /// For at most `limit` bytes from a coded body of `coded` bytes, which claims to hold `claimed`.
    pub(crate) fn new(limit: usize, coded: usize, claimed: Option<u64>) -> Self {
        let likely = coded.saturating_mul(FIRST_BUFFER_RATIO);
        let claimed = claimed.map_or(usize::MAX, |claimed| usize::try_from(claimed).unwrap_or(usize::MAX));
        Out { bytes: Vec::with_capacity(claimed.min(likely).min(limit)), limit }
    }

    /// How many bytes may be written behind the last one without the buffer growing: at least one, or none where
    /// the limit is reached. What has been written is doubled at the most.
    pub(crate) fn room(&mut self) -> usize {
        let (len, capacity) = (self.bytes.len(), self.bytes.capacity());
        let left = self.limit.saturating_sub(len);
        if len == capacity && left > 0 {
            self.bytes.reserve_exact(left.min(len.max(STEP_BYTES_MIN)));
        }
        left.min(self.bytes.capacity() - len)
    }

    /// Appends `piece` as far as the limit allows; whether that was all of it.
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        let len = self.bytes.len();
        let left = self.limit.saturating_sub(len);
        let fitting = &piece[..piece.len().min(left)];
        if self.bytes.capacity() - len < fitting.len() {
            self.bytes.reserve_exact(left.min(len.max(fitting.len())));
        }
        self.bytes.extend_from_slice(fitting);
        fitting.len() == piece.len()
    }

    pub(crate) fn end(mut self, cut: Option<Cut>) -> Undone {
        if self.bytes.len() > self.limit {
            // A vector may be given more than it asked for, and a decoder may have filled that.
            self.bytes.truncate(self.limit);
            return Undone::new(self.bytes, Some(Cut::Limit));
        }
        Undone::new(self.bytes, cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_buffer_believes_only_what_is_likely() {
        for (limit, coded, claimed, want) in [
            (1 << 30, 1000, None, 16_000),
            (1 << 30, 1000, Some(4_321), 4_321),
            (1 << 30, 1000, Some(u64::MAX), 16_000),
            (500, 1000, Some(4_321), 500),
            (0, 1000, None, 0),
        ] {
            let out = Out::new(limit, coded, claimed);
            assert_eq!(out.bytes.capacity(), want, "{limit} {coded} {claimed:?}");
        }
    }

    #[test]
    fn it_grows_by_steps_up_to_the_limit() {
        const LIMIT: usize = 100_000;
        let mut out = Out::new(LIMIT, 0, None);
        let mut steps = 0;
        loop {
            let room = out.room();
            assert!(out.bytes.capacity() <= LIMIT, "{}", out.bytes.capacity());
            if room == 0 {
                break;
            }
            steps += 1;
            out.bytes.resize(out.bytes.len() + room, 7);
        }
        assert_eq!((out.bytes.len(), steps), (LIMIT, 5));
    }

    #[test]
    fn pieces_fill_it_up_to_the_limit() {
        let mut out = Out::new(10, 0, None);
        assert!(out.push(b"four") && out.push(b"") && out.push(b"fours."));
        assert!(out.push(b"") && !out.push(b"!"));
        assert_eq!((&out.bytes[..], out.bytes.capacity()), (&b"fourfours."[..], 10));
    }

    #[test]
    fn what_was_guessed_too_large_is_given_back() {
        let mut bytes = Vec::with_capacity(10_000);
        bytes.resize(100, 0);
        assert!(Undone::new(bytes, None).bytes.capacity() < 1_000);
    }
}
