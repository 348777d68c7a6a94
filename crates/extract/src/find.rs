//! The search for a byte that is probably near.
//!
//! Owns two searches, for one byte and for either of two. In markup the next `<`, `>`, `=` or quote is most
//! often within a few bytes, nearer than a call of `memchr` pays for: so the first words are looked at here,
//! and only then is it called.

/// Words of eight bytes that are looked at before `memchr` is called.
const WORDS: usize = 2;

/// The index of the first `needle` at `at` or behind it.
#[inline(always)]
pub(crate) fn find(bytes: &[u8], mut at: usize, needle: u8) -> Option<usize> {
    for _ in 0..WORDS {
        let Some(word) = word(bytes, at) else { break };
        if let Some(offset) = first(equal(word, needle)) {
            return Some(at + offset);
        }
        at += 8;
    }
    memchr::memchr(needle, bytes.get(at..)?).map(|found| at + found)
}

/// The index of the first byte at `at` or behind it that is one of two.
#[inline(always)]
pub(crate) fn find_either(bytes: &[u8], mut at: usize, one: u8, other: u8) -> Option<usize> {
    for _ in 0..WORDS {
        let Some(word) = word(bytes, at) else { break };
        if let Some(offset) = first(equal(word, one) | equal(word, other)) {
            return Some(at + offset);
        }
        at += 8;
    }
    memchr::memchr2(one, other, bytes.get(at..)?).map(|found| at + found)
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|word| u64::from_le_bytes(*word))
}

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

/// The high bit of each byte that equals `needle` set, and of none in front of the first such; those behind
/// it may be wrong, since the subtraction borrows.
#[inline(always)]
fn equal(word: u64, needle: u8) -> u64 {
    let zero_where_equal = word ^ (LOW * u64::from(needle));
    zero_where_equal.wrapping_sub(LOW) & !zero_where_equal & HIGH
}

#[inline(always)]
fn first(marks: u64) -> Option<usize> {
    (marks != 0).then(|| marks.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(
            bytes in proptest::collection::vec(proptest::sample::select(vec![b'a', b'b', b'<', b'=', b'>', 0, 0x80, 0xff]), 0..40),
            at in 0..40_usize,
        ) {
            let at = at.min(bytes.len());
            let plain = |wanted: &[u8]| bytes[at..].iter().position(|byte| wanted.contains(byte)).map(|found| at + found);
            prop_assert_eq!(find(&bytes, at, b'='), plain(b"="));
            prop_assert_eq!(find(&bytes, at, 0), plain(&[0]));
            prop_assert_eq!(find_either(&bytes, at, b'>', b'='), plain(b">="));
        }
    }
}
