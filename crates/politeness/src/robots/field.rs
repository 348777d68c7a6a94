//! The fields of a robots.txt line, and how they are misspelt.
//!
//! Owns the names. Reads no values.

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    UserAgent,
    Allow,
    Disallow,
    Sitemap,
    CrawlDelay,
    RequestRate,
    VisitTime,
}

/// Longest name of a field that is looked at, spaces and hyphens included.
const NAME_BYTES_MAX: usize = 24;

impl Field {
    /// The field of this name, in any case; hyphens, underscores and spaces in it do not count. The
    /// misspellings are those that Google's parser takes for what they mean.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        if name.len() > NAME_BYTES_MAX {
            return None;
        }
        let mut letters = [0; NAME_BYTES_MAX];
        let mut count = 0;
        for byte in name.iter().filter(|byte| !matches!(byte, b'-' | b'_' | b' ' | b'\t')) {
            letters[count] = byte.to_ascii_lowercase();
            count += 1;
        }
        Some(match &letters[..count] {
            b"useragent" => Field::UserAgent,
            b"allow" => Field::Allow,
            b"disallow" | b"dissallow" | b"dissalow" | b"disalow" | b"diasllow" | b"disallaw" => {
                Field::Disallow
            }
            b"sitemap" => Field::Sitemap,
            b"crawldelay" => Field::CrawlDelay,
            b"requestrate" => Field::RequestRate,
            b"visittime" => Field::VisitTime,
            _ => return None,
        })
    }

    /// True for `Allow` and `Disallow`.
    pub(super) fn is_rule(self) -> bool {
        matches!(self, Field::Allow | Field::Disallow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, want) in [
            ("User-Agent", Some(Field::UserAgent)),
            ("USERAGENT", Some(Field::UserAgent)),
            ("user agent", Some(Field::UserAgent)),
            ("Disalow", Some(Field::Disallow)),
            ("site-map", Some(Field::Sitemap)),
            ("Crawl-Delay", Some(Field::CrawlDelay)),
            ("allowed", None),
            ("no-index", None),
            ("", None),
            ("---", None),
            ("disallow--------------------", None),
        ] {
            assert_eq!(Field::named(name.as_bytes()), want, "{name}");
        }
    }
}
