//! A rule's pattern against a path (RFC 9309 §2.2.2, §2.2.3), in time linear in both.
//!
//! Owns the meaning of `*` and `$`. Both sides come in the spelling of [`super::normal`].

use memchr::{memchr, memmem, memrchr};

/// How many bytes of a pattern stand for themselves: up to the first `*`, or to the `$` at its end.
pub(super) fn literal_prefix(pattern: &[u8]) -> usize {
    let unanchored = pattern.strip_suffix(b"$").unwrap_or(pattern);
    memchr(b'*', unanchored).unwrap_or(unanchored.len())
}

/// Does `pattern` match `path` from its beginning?
///
/// Each piece between two `*` is looked for behind the one before it, and the first place is taken: a later
/// one could only leave less room for the rest. So nothing is tried twice, however many `*` there are.
pub(super) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, is_anchored) = match pattern.strip_suffix(b"$") {
        Some(before) => (before, true),
        None => (pattern, false),
    };
    let Some(star) = memchr(b'*', pattern) else {
        return if is_anchored { path == pattern } else { path.starts_with(pattern) };
    };
    let Some(mut room) = path.strip_prefix(&pattern[..star]) else { return false };
    let mut pieces = &pattern[star + 1..];
    if is_anchored {
        // The last piece has to be the path's end.
        let last_star = memrchr(b'*', pieces).map_or(0, |at| at + 1);
        let Some(before) = room.strip_suffix(&pieces[last_star..]) else { return false };
        (room, pieces) = (before, &pieces[..last_star]);
    }
    for piece in pieces.split(|byte| *byte == b'*').filter(|piece| !piece.is_empty()) {
        let Some(at) = memmem::find(room, piece) else { return false };
        room = &room[at + piece.len()..];
    }
    true
}

/// Which pairs of neighbouring bytes a text has, each as one of 64 bits: a glance that tells most patterns from
/// what they do not match. Two pairs may share a bit, so it never says "yes", only "no" and "perhaps".
#[derive(Debug, Clone, Copy)]
pub(super) struct Pairs([u32; 2]);

impl Pairs {
    /// Those of a path.
    pub(super) fn of(path: &[u8]) -> Self {
        Self::split(Self::bits(path))
    }

    /// Those that the pieces of a pattern need a path to have.
    pub(super) fn needed(pattern: &[u8]) -> Self {
        let pattern = pattern.strip_suffix(b"$").unwrap_or(pattern);
        Self::split(pattern.split(|byte| *byte == b'*').map(Self::bits).fold(0, |all, bits| all | bits))
    }

    /// Does this have all of those?
    pub(super) fn contain(self, needed: Pairs) -> bool {
        needed.0[0] & !self.0[0] == 0 && needed.0[1] & !self.0[1] == 0
    }

    fn bits(text: &[u8]) -> u64 {
        text.windows(2).fold(0, |bits, pair| {
            // Fibonacci hashing: the upper bits of the product are spread the best.
            let hash = u16::from_le_bytes([pair[0], pair[1]]).wrapping_mul(0x9e37);
            bits | 1 << (hash >> 10)
        })
    }

    /// Two halves, so that a rule stays a multiple of four bytes.
    fn split(bits: u64) -> Self {
        Self([bits as u32, (bits >> 32) as u32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_paths() {
        for (pattern, yes, no) in [
            ("/", &["/", "/a"][..], &[][..]),
            ("/fish", &["/fish", "/fish.html", "/fishheads/x"], &["/Fish", "/catfish", "/fis", "/"]),
            ("/fish*", &["/fish", "/fish.html"], &["/Fish", "/catfish"]),
            ("/fish/", &["/fish/", "/fish/x"], &["/fish"]),
            ("/*.php", &["/a.php", "/a.php5?x", "/b/.php"], &["/a.PHP", "/php"]),
            ("/*.php$", &["/a.php", "/a.php/b.php"], &["/a.php5", "/a.php?x", "/.ph"]),
            ("/fish*.php", &["/fish.php", "/fishheads/catfish.php?x"], &["/Fish.PHP", "/fis.php"]),
            ("/$", &["/"], &["/a"]),
            ("*", &["/", "/a"], &[]),
            ("*$", &["/", "/a"], &[]),
            ("/a$", &["/a"], &["/ab", "/"]),
            ("/a**b", &["/ab", "/axb"], &["/ba"]),
            ("/a*$", &["/a", "/ab"], &["/b"]),
            // The prefix and the end may not share bytes.
            ("/ab*b$", &["/abb", "/abxb"], &["/ab"]),
            ("/*a*a$", &["/aa", "/xaya"], &["/a"]),
            ("/*ab*abc", &["/ababc"], &["/abc"]),
        ] {
            for path in yes {
                assert!(matches(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
            }
            for path in no {
                assert!(!matches(pattern.as_bytes(), path.as_bytes()), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn what_stands_for_itself() {
        for (pattern, want) in [("/a", 2), ("/a$", 2), ("/a*b$", 2), ("*", 0), ("/", 1), ("$", 0), ("", 0)] {
            assert_eq!(literal_prefix(pattern.as_bytes()), want, "{pattern}");
        }
    }

    /// The definition, tried out: exponential, right, and small enough here.
    fn by_definition(pattern: &[u8], path: &[u8]) -> bool {
        match pattern {
            [] => true,
            b"$" => path.is_empty(),
            [b'*', rest @ ..] => (0..=path.len()).any(|skip| by_definition(rest, &path[skip..])),
            [byte, rest @ ..] => path.first() == Some(byte) && by_definition(rest, &path[1..]),
        }
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_needs_no_pair_that_its_paths_lack(pattern in "[/a-c*]{0,8}\\$?", path in "/[a-c/]{0,10}") {
            if matches(pattern.as_bytes(), path.as_bytes()) {
                proptest::prop_assert!(Pairs::of(path.as_bytes()).contain(Pairs::needed(pattern.as_bytes())));
            }
        }

        #[test]
        fn as_the_definition_says(pattern in "[/ab*]{0,8}\\$?", path in "/[ab/]{0,10}") {
            proptest::prop_assert_eq!(
                matches(pattern.as_bytes(), path.as_bytes()),
                by_definition(pattern.as_bytes(), path.as_bytes())
            );
        }
    }
}
