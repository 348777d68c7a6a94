//! Why a URL is not asked for.
//!
//! Owns the words, each with the setting that would change it. Decides nothing: the scope and the traps do.

use std::{fmt, sync::Arc};

use dragline_model::CanonicalUrl;

use crate::{ScopeKind, domain::domain};

/// Why a URL is left alone. Cheap to make and to clone: it is made for every link that goes nowhere.
///
/// ```
/// use dragline_frontier::{Reason, ScopeKind};
/// use dragline_model::CanonicalUrl;
/// let url = CanonicalUrl::parse("http://b.example/x")?;
/// assert_eq!(
///     Reason::OffScope(ScopeKind::Host).of(&url).to_string(),
///     "out of scope: host b.example is none of the seeds' (--scope host)"
/// );
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Not where the crawl reaches.
    OffScope(ScopeKind),
    /// Off scope by more steps in a row than are allowed.
    HopsOff {
        /// Its steps.
        off: u8,
        /// Those that are allowed.
        max: u8,
    },
    /// Too many links away from a seed.
    Depth {
        /// Its depth.
        depth: u16,
        /// The deepest that is followed.
        max: u16,
    },
    /// A pattern of those that keep URLs out matches it.
    Excluded(Arc<str>),
    /// There are patterns of URLs that are wanted, and none matches it.
    NotIncluded,
    /// Longer than what is followed.
    TooLong {
        /// Its length in bytes.
        bytes: u32,
        /// The longest that is followed.
        max: u32,
    },
    /// One segment of its path stands there more often than so many times, or a run of segments does, one after
    /// the other: a relative link that lost its way.
    Repeats {
        /// How often a segment may stand there.
        max: u8,
    },
    /// Its host has had as many URLs as it gets.
    HostBudget {
        /// So many.
        max: u64,
    },
    /// Its registrable domain has had as many URLs as it gets.
    DomainBudget {
        /// So many.
        max: u64,
    },
    /// Its registrable domain has had as many subdomains as it gets.
    Subdomains {
        /// So many.
        max: u32,
    },
    /// Its path has been asked for with as many queries as it gets.
    QueryVariations {
        /// So many.
        max: u32,
    },
    /// URLs of this shape have brought nothing new for a while.
    Parked {
        /// The shape, as in `a.example/calendar?month&year`.
        shape: Arc<str>,
        /// The pages in a row that brought nothing.
        pages: u32,
    },
    /// It is one that was had, but for a session's id.
    Session {
        /// Where the id is, as in `a.example?sid=*`.
        place: Arc<str>,
        /// Pages that were the same under another id.
        pages: u32,
    },
}

impl Reason {
    /// One word for counting: never changes, not even when the sentence does.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::OffScope(_) => "off_scope",
            Reason::HopsOff { .. } => "hops_off",
            Reason::Depth { .. } => "depth",
            Reason::Excluded(_) => "excluded",
            Reason::NotIncluded => "not_included",
            Reason::TooLong { .. } => "too_long",
            Reason::Repeats { .. } => "repeats",
            Reason::HostBudget { .. } => "host_budget",
            Reason::DomainBudget { .. } => "domain_budget",
            Reason::Subdomains { .. } => "subdomains",
            Reason::QueryVariations { .. } => "query_variations",
            Reason::Parked { .. } => "parked",
            Reason::Session { .. } => "session",
        }
    }

    /// Is that the [word](Self::word) of a budget? Then the URL was not counted against any.
    pub(crate) fn is_budget(word: &str) -> bool {
        matches!(
            word,
            "host_budget" | "domain_budget" | "subdomains" | "query_variations" | "parked" | "session"
        )
    }

    /// The reason with the names of the URL it is about.
    pub fn of<'a>(&'a self, url: &'a CanonicalUrl) -> impl fmt::Display + 'a {
        Of { reason: self, url: Some(url) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Of { reason: self, url: None }.fmt(f)
    }
}

/// A reason, and perhaps whose.
struct Of<'a> {
    reason: &'a Reason,
    url: Option<&'a CanonicalUrl>,
}

/// `host b.example`, or `its host`.
struct Named<'a>(&'static str, Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(name) => write!(f, "{} {name}", self.0),
            None => write!(f, "its {}", self.0),
        }
    }
}

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = Named("host", self.url.map(CanonicalUrl::authority));
        let domain = Named("domain", self.url.map(|url| domain(url.host())));
        match self.reason {
            Reason::OffScope(ScopeKind::Host) => {
                write!(f, "out of scope: {host} is none of the seeds' (--scope host)")
            }
            Reason::OffScope(ScopeKind::Domain) => {
                write!(f, "out of scope: {domain} is none of the seeds' (--scope domain)")
            }
            Reason::OffScope(ScopeKind::Prefix) => {
                f.write_str("out of scope: it is below none of the seeds' folders (--scope prefix)")
            }
            Reason::OffScope(ScopeKind::Any) => f.write_str("out of scope"),
            Reason::HopsOff { off, max } => {
                let steps = if *off == 1 { "step" } else { "steps" };
                write!(f, "{off} {steps} off the scope, past --max-hops-off {max}")
            }
            Reason::Depth { depth, max } => write!(f, "depth {depth} is past --max-depth {max}"),
            Reason::Excluded(pattern) => write!(f, "excluded by the pattern {pattern} (--exclude)"),
            Reason::NotIncluded => f.write_str("matches none of the patterns that are wanted (--include)"),
            Reason::TooLong { bytes, max } => write!(f, "{bytes} bytes long, past crawl.max_url_bytes {max}"),
            Reason::Repeats { max } => write!(
                f,
                "its path repeats itself: one segment more than {max} times, or a run of them three times in a \
                 row (crawl.max_repeats)"
            ),
            Reason::HostBudget { max } => write!(f, "{host} has had its {max} URLs (--max-per-host)"),
            Reason::DomainBudget { max } => write!(f, "{domain} has had its {max} URLs (--max-per-domain)"),
            Reason::Subdomains { max } => write!(f, "{domain} has had its {max} hosts (--max-subdomains)"),
            Reason::QueryVariations { max } => {
                write!(f, "its path has had its {max} queries (--max-query-variations)")
            }
            Reason::Parked { shape, pages } => write!(
                f,
                "parked: the last {pages} pages of the shape {shape} brought nothing new, and it was found on \
                 such a page (--no-trap-guard)"
            ),
            Reason::Session { place, pages } => write!(
                f,
                "parked: it was had under another session's id ({place}), and {pages} pages were the same under \
                 another (--no-trap-guard)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_names_its_setting() {
        let url = CanonicalUrl::parse("http://www.b.co.uk:81/x").unwrap();
        for (reason, want) in [
            (
                Reason::OffScope(ScopeKind::Host),
                "out of scope: host www.b.co.uk:81 is none of the seeds' (--scope host)",
            ),
            (
                Reason::OffScope(ScopeKind::Domain),
                "out of scope: domain b.co.uk is none of the seeds' (--scope domain)",
            ),
            (Reason::HopsOff { off: 1, max: 0 }, "1 step off the scope, past --max-hops-off 0"),
            (Reason::HopsOff { off: 2, max: 1 }, "2 steps off the scope, past --max-hops-off 1"),
            (Reason::Depth { depth: 6, max: 5 }, "depth 6 is past --max-depth 5"),
            (Reason::Excluded("\\.pdf$".into()), "excluded by the pattern \\.pdf$ (--exclude)"),
            (Reason::TooLong { bytes: 9, max: 8 }, "9 bytes long, past crawl.max_url_bytes 8"),
            (Reason::HostBudget { max: 7 }, "host www.b.co.uk:81 has had its 7 URLs (--max-per-host)"),
            (Reason::DomainBudget { max: 7 }, "domain b.co.uk has had its 7 URLs (--max-per-domain)"),
        ] {
            assert_eq!(reason.of(&url).to_string(), want);
        }
        assert_eq!(
            Reason::OffScope(ScopeKind::Host).to_string(),
            "out of scope: its host is none of the seeds' (--scope host)"
        );
    }

    #[test]
    fn a_reason_is_small() {
        assert!(size_of::<Reason>() <= 24, "{} bytes", size_of::<Reason>());
    }
}
