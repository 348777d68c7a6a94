//! How a URL was found, and what a sitemap or a feed says of it.
//!
//! Owns the words for both. Never says which of them is followed: that is the caller's.

use dragline_model::Timestamp;

/// How a URL was found.
///
/// The first roles, up to [`Role::FeedEntry`], lead on: they are told in the order in which they stand in the head
/// and then in the document. The others only name a URL, and are told after all of those, in the order of this list;
/// so a feed that is also linked to by an anchor is a [`Role::Link`], and a crawl that does not follow feeds still
/// follows the link. A [`Role::Sitemap`] leads on in a list of sitemaps, and is only named anywhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `a[href]` or `area[href]`.
    Link,
    /// `frame[src]` or `iframe[src]`: a part of the page that has a URL of its own.
    Frame,
    /// The next page of a sequence: `link[rel=next]`, a `Link:` field, or a feed (RFC 5005).
    Next,
    /// Where a page sends its reader after a time: `meta[http-equiv=refresh]` or a `Refresh:` field.
    Refresh,
    /// A `Link:` field with `rel=first`, `last`, `item` or `collection`.
    Header,
    /// A string in a JSON document that is a URL, where [`FollowJson`](crate::FollowJson) says that it counts.
    Json,
    /// A sitemap that a sitemap index lists, or a page or a `Link:` field names.
    Sitemap(Entry),
    /// A page that a sitemap lists.
    SitemapEntry(Entry),
    /// What an entry of a feed is about.
    FeedEntry(Entry),
    /// The page before: `link[rel=prev]`, a `Link:` field, or a feed.
    Previous,
    /// A candidate of an image's `srcset`; only where [`Options::srcset`](crate::Options) asks for them.
    Srcset,
    /// A feed: `link[rel=alternate]` of a feed's type, or `link[rel=feed]`.
    Feed,
    /// The document in another form or language: `link[rel=alternate]`, also in a sitemap.
    Alternate,
    /// The URL that the document would rather have (RFC 6596).
    Canonical,
}

impl Role {
    /// Its name, for records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Link => "link",
            Role::Frame => "frame",
            Role::Next => "next",
            Role::Refresh => "refresh",
            Role::Header => "header",
            Role::Json => "json",
            Role::Sitemap(_) => "sitemap",
            Role::SitemapEntry(_) => "sitemap_entry",
            Role::FeedEntry(_) => "feed_entry",
            Role::Previous => "previous",
            Role::Srcset => "srcset",
            Role::Feed => "feed",
            Role::Alternate => "alternate",
            Role::Canonical => "canonical",
        }
    }

    /// What a sitemap or a feed says of the URL; nothing in every other role.
    pub fn entry(self) -> Entry {
        match self {
            Role::Sitemap(entry) | Role::SitemapEntry(entry) | Role::FeedEntry(entry) => entry,
            _ => Entry::default(),
        }
    }
}

/// What a sitemap or a feed says of one URL. What is missing or makes no sense is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// When it was last changed (`lastmod`; `updated`, `published`, `pubDate` or `dc:date` of a feed).
    pub modified: Option<Timestamp>,
    /// How often it is said to change (`changefreq`).
    pub change: Option<Change>,
    /// Its weight among the pages of its site, in hundredths, 0 to 100 (`priority`).
    pub priority: Option<u8>,
}

/// How often a page is said to change (sitemaps.org, `changefreq`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// At each access.
    Always,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every year.
    Yearly,
    /// It is archived.
    Never,
}

impl Change {
    /// Its name in a sitemap.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, change)| *change == self).map_or("", |(word, _)| word)
    }

    /// By its name, in any case.
    pub(crate) fn of(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, change)| *change)
    }
}

const WORDS: [(&str, Change); 7] = [
    ("always", Change::Always),
    ("hourly", Change::Hourly),
    ("daily", Change::Daily),
    ("weekly", Change::Weekly),
    ("monthly", Change::Monthly),
    ("yearly", Change::Yearly),
    ("never", Change::Never),
];

/// A `priority` in hundredths: a number from 0 to 1.
pub(crate) fn priority(text: &str) -> Option<u8> {
    let number: f32 = text.parse().ok()?;
    (0.0..=1.0).contains(&number).then_some((number * 100.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_have_one_name() {
        for (word, change) in WORDS {
            assert_eq!((Change::of(word), change.as_str()), (Some(change), word));
        }
        assert_eq!(Change::of("DAILY"), Some(Change::Daily));
        assert_eq!(Change::of("dayly"), None);
    }

    #[test]
    fn priorities_are_from_zero_to_one() {
        for (text, want) in [
            ("0.5", Some(50)),
            ("1", Some(100)),
            (".35", Some(35)),
            ("0", Some(0)),
            ("1.1", None),
            ("-0.1", None),
            ("NaN", None),
            ("inf", None),
            ("high", None),
            ("", None),
        ] {
            assert_eq!(priority(text), want, "{text:?}");
        }
    }

    #[test]
    fn a_role_is_small() {
        assert!(size_of::<Role>() <= 32);
    }
}
