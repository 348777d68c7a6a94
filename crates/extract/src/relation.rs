//! The words of a `rel`, in markup, in `Link:` fields and in feeds.
//!
//! Owns which of them mean anything here (HTML Standard §4.6.7, RFC 8288 §3.3, RFC 5005, RFC 6573). Never
//! says what is followed.

use crate::names::is_blank;

/// A set of relations: those words of one `rel` that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Relations(u16);

/// What each known word stands for, in lower case.
const WORDS: [(&str, Relations); 16] = [
    ("next", Relations::NEXT),
    ("prev", Relations::PREVIOUS),
    ("previous", Relations::PREVIOUS),
    ("canonical", Relations::CANONICAL),
    ("alternate", Relations::ALTERNATE),
    ("stylesheet", Relations::STYLESHEET),
    ("feed", Relations::FEED),
    ("sitemap", Relations::SITEMAP),
    ("nofollow", Relations::NOFOLLOW),
    ("ugc", Relations::NOFOLLOW),
    ("sponsored", Relations::NOFOLLOW),
    ("first", Relations::PAGE),
    ("last", Relations::PAGE),
    ("item", Relations::PAGE),
    ("collection", Relations::PAGE),
    ("self", Relations::OWN),
];

impl Relations {
    /// The next page of a sequence.
    pub(crate) const NEXT: Self = Self(1);
    /// The page before, in a sequence.
    pub(crate) const PREVIOUS: Self = Self(1 << 1);
    /// The same document, by the name it prefers.
    pub(crate) const CANONICAL: Self = Self(1 << 2);
    /// The same document in another form or language.
    pub(crate) const ALTERNATE: Self = Self(1 << 3);
    /// With [`Relations::ALTERNATE`]: another style, and no document at all.
    pub(crate) const STYLESHEET: Self = Self(1 << 4);
    /// A feed, whatever its type.
    pub(crate) const FEED: Self = Self(1 << 5);
    /// A sitemap.
    pub(crate) const SITEMAP: Self = Self(1 << 6);
    /// Not vouched for, written by somebody else, or paid for.
    pub(crate) const NOFOLLOW: Self = Self(1 << 7);
    /// Another page of the same sequence or collection.
    pub(crate) const PAGE: Self = Self(1 << 8);
    /// The document itself.
    pub(crate) const OWN: Self = Self(1 << 9);

    /// The relations named in a `rel`: words between blanks, in any case.
    pub(crate) fn of(rel: &str) -> Self {
        let words = rel.as_bytes().split(|byte| is_blank(*byte));
        words.map(Self::word).fold(Self::default(), |all, one| Self(all.0 | one.0))
    }

    /// Most words are of no interest, and end at their first byte.
    fn word(word: &[u8]) -> Self {
        let Some(first) = word.first() else { return Self::default() };
        let is =
            |known: &str| known.as_bytes()[0] == first | 0x20 && known.as_bytes().eq_ignore_ascii_case(word);
        WORDS.iter().find(|(known, _)| is(known)).map_or(Self::default(), |(_, relation)| *relation)
    }

    /// All of `wanted` are among them.
    pub(crate) fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// They say something of a document whose link this is, or lead to another.
    pub(crate) fn is_of_interest(self) -> bool {
        let wanted =
            Self::PREVIOUS.0 | Self::CANONICAL.0 | Self::ALTERNATE.0 | Self::FEED.0 | Self::SITEMAP.0;
        self.0 & wanted != 0 && !self.has(Self::STYLESHEET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_any_case_between_blanks() {
        for (rel, want) in [
            ("", Relations::default()),
            ("next", Relations::NEXT),
            (" x\tNEXT\n", Relations::NEXT),
            ("nextx", Relations::default()),
            ("next\u{a0}", Relations::default()),
            ("Alternate stylesheet", Relations(Relations::ALTERNATE.0 | Relations::STYLESHEET.0)),
            ("ugc external", Relations::NOFOLLOW),
        ] {
            assert_eq!(Relations::of(rel), want, "{rel:?}");
        }
        assert!(Relations::of("alternate").is_of_interest());
        assert!(!Relations::of("alternate stylesheet").is_of_interest());
        assert!(!Relations::of("first").is_of_interest());
    }
}
