//! A text as words and numbers.
//!
//! Owns where one begins and ends, its hash, and what it is by its looks alone. Runs over every byte of every page's
//! text, so it looks each up in one table and hashes eight at a time.

/// A word or number of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// Of its letters, ASCII ones in lower case.
    pub hash: u64,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Letters, perhaps with a digit or two among them.
    Word,
    /// Digits, perhaps with a point or commas among them. The value, where it is a whole number.
    Number(Option<u64>),
    /// A clock's time, a date in digits.
    Time,
    /// Drawn by chance, by its looks: a session's id, a digest.
    Random,
}

const DIGIT: u8 = 1;
const LETTER: u8 = 2;
/// Beyond ASCII: a letter for all that is known.
const HIGH: u8 = 4;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        class[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            0x80.. => HIGH,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// Shorter ones may be words (`deadbeef`, `face2face`) or sizes.
const HEX_LENGTH_MIN: usize = 8;
/// Shorter ones may be the name of a product.
const RANDOM_LENGTH_MIN: usize = 14;

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Brings a word of a hash's input in.
#[inline(always)]
pub(super) const fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(MIX);
    product ^ (product >> 29)
}

/// Calls `each` with the tokens of a text, in order.
#[inline]
pub(super) fn tokens(text: &[u8], mut each: impl FnMut(Token)) {
    let mut at = 0;
    while at < text.len() {
        if CLASS[text[at] as usize] == 0 {
            at += 1;
            continue;
        }
        let (token, end) = token(text, at);
        each(token);
        at = end;
    }
}

/// The hash of a word as [`tokens`] makes it.
pub(super) fn hash_of_word(word: &str) -> u64 {
    let mut hash = 0;
    tokens(word.as_bytes(), |token| hash = token.hash);
    hash
}

/// The hash of a whole number as [`tokens`] makes it: leading zeros do not count.
pub(super) fn hash_of_number(value: u64) -> u64 {
    mix(mix(0, value), MIX)
}

#[inline(always)]
fn token(text: &[u8], start: usize) -> (Token, usize) {
    // Most tokens are words, and most of those are ASCII.
    let letters = text[start..].iter().take_while(|byte| CLASS[**byte as usize] & LETTER != 0).count();
    let end = start + letters;
    if letters > 0 && text.get(end).is_none_or(|next| CLASS[*next as usize] == 0) {
        return (Token { hash: hash(text, start, end), kind: Kind::Word }, end);
    }
    other_token(text, start)
}

/// A token that has digits in it, or letters beyond ASCII.
fn other_token(text: &[u8], start: usize) -> (Token, usize) {
    let (mut any, mut points, mut colons, mut joints) = (0u8, 0u8, 0u8, 0u8);
    let mut at = start;
    while at < text.len() {
        let class = CLASS[text[at] as usize];
        if class == 0 {
            if !joins_digits(text, at) {
                break;
            }
            points = points.saturating_add(u8::from(text[at] == b'.'));
            colons = colons.saturating_add(u8::from(text[at] == b':'));
            joints = joints.saturating_add(1);
        } else if any != 0 && (class ^ any) & HIGH != 0 && (class | any) & DIGIT != 0 {
            // `2031年` is a number and a word.
            break;
        }
        any |= class;
        at += 1;
    }
    let hash = hash(text, start, at);
    let token = &text[start..at];
    let (kind, hash) = match any {
        _ if any & DIGIT == 0 => (Kind::Word, hash),
        DIGIT if colons > 0 || points > 1 => (Kind::Time, hash),
        DIGIT if joints > 0 => (Kind::Number(None), hash),
        DIGIT => {
            let value = whole(token);
            (Kind::Number(value), value.map_or(hash, hash_of_number))
        }
        _ => (mixed(token, any, joints), hash),
    };
    (Token { hash, kind }, at)
}

/// Is this a point, comma or colon between two digits? Then it belongs to the number.
fn joins_digits(text: &[u8], at: usize) -> bool {
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_digit);
    matches!(text[at], b'.' | b',' | b':') && at > 0 && is_digit(at - 1) && is_digit(at + 1)
}

/// The hash of `text[start..end]`; ASCII letters in either case are one (and so are some other characters, none of
/// which is in a token).
#[inline(always)]
fn hash(text: &[u8], start: usize, end: usize) -> u64 {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let (mut at, mut hash) = (start, 0);
    while at < end {
        let left = end - at;
        let word = match text.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => u64::from_le_bytes(bytes) | LOWER,
            None => text[at..end].iter().rev().fold(0, |word, byte| word << 8 | u64::from(byte | 0x20)),
        };
        hash = mix(hash, if left < 8 { word & !(u64::MAX << (8 * left)) } else { word });
        at += 8;
    }
    mix(hash, MIX ^ (end - start) as u64)
}

/// Letters and digits.
fn mixed(text: &[u8], any: u8, joints: u8) -> Kind {
    let is_hex = text.iter().all(u8::is_ascii_hexdigit);
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    // `0.012s`, `35ms`: how long something took.
    if let Some(number) = text.strip_suffix(b"ms").or_else(|| text.strip_suffix(b"s"))
        && (joints > 0 || text.ends_with(b"ms"))
        && number.iter().all(|b| b.is_ascii_digit() || *b == b'.')
    {
        return Kind::Time;
    }
    let is_random = any & HIGH == 0
        && ((is_hex && text.len() >= HEX_LENGTH_MIN && digits >= 2)
            || (text.len() >= RANDOM_LENGTH_MIN && digits >= 2 && joints == 0));
    if is_random { Kind::Random } else { Kind::Word }
}

/// The value of so many digits, if 64 bits hold it.
fn whole(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token> {
        let mut found = Vec::new();
        tokens(text.as_bytes(), |token| found.push(token));
        found
    }

    fn kinds(text: &str) -> Vec<Kind> {
        all(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn kinds_of_tokens() {
        use Kind::{Number, Random, Time, Word};
        for (text, want) in [
            ("Hello, World!", vec![Word, Word]),
            ("007 42", vec![Number(Some(7)), Number(Some(42))]),
            ("12.5 1,234,567 99999999999999999999", vec![Number(None), Number(None), Number(None)]),
            ("12:30:05 17.05.2031 12:30", vec![Time, Time, Time]),
            ("2031-05-17T08:00:00Z", vec![Number(Some(2031)), Number(Some(5)), Word, Time, Word]),
            ("in 0.012s or 35ms", vec![Word, Time, Word, Time]),
            ("v2 5th 3d", vec![Word, Word, Word]),
            ("9f86d081884c7d65 d41d8cd9", vec![Random, Random]),
            ("Xk29fQpLm0aZbY71", vec![Random]),
            ("deadbeef internationalisation", vec![Word, Word]),
            ("2031年5月", vec![Number(Some(2031)), Word, Number(Some(5)), Word]),
            ("a.b 3. 4", vec![Word, Word, Number(Some(3)), Number(Some(4))]),
            ("", vec![]),
        ] {
            // Zulu's letter stands behind a clock's time and is part of it.
            let got = kinds(text);
            if text.starts_with("2031-05-17T") {
                assert_eq!(got[..2], want[..2], "{text}");
                continue;
            }
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn hashes_of_tokens() {
        let hash = |text: &str| all(text)[0].hash;
        assert_eq!(hash("Straße"), hash("STRAße"));
        assert_eq!(hash("abcdefgh"), hash_of_word("ABCDEFGH"));
        assert_eq!(hash("0005"), hash_of_number(5));
        assert_ne!(hash("abc"), hash("abd"));
        assert_ne!(hash("abcdefghi"), hash("bcdefghia"));
        assert_ne!(hash("12.5"), hash("125"));
    }
}
