//! robots.txt (RFC 9309): what a host wants crawlers to leave alone.
//!
//! Owns the parsed file and the verdicts on URLs. Fetches nothing and never ages: see [`crate::fetching`].
//!
//! Where the RFC leaves room, or files in the wild differ from it, this is what holds:
//!
//! | case | here |
//! |---|---|
//! | size | [`BYTES_MAX`] are read; a line that is cut there is dropped |
//! | encodings | UTF-8, with a byte order mark or without; UTF-16 with one; any bytes in paths |
//! | line ends | LF, CR, CRLF; NULs are passed over |
//! | a forgotten colon, `Disalow` and its like | read as they are meant, as Google's parser does |
//! | several groups for one agent | one group (§2.2.1); agents are compared whole and without case |
//! | an agent with a group of its own | does not see the rules of `*` |
//! | spelling of paths | one for both sides, see §2.2.2: `%7E` is `~`, `ü` is `%C3%BC`, `%2F` is not `/` |
//! | `Allow: /dir/index.html` | also allows `/dir/` itself, as Google has it |
//! | a pattern that begins with neither `/` nor `*` | matches nothing |
//! | `/robots.txt` | always allowed (§2.2.2) |

use std::{borrow::Cow, time::Duration};

use dragline_model::CanonicalUrl;

mod agent;
pub use agent::product_token;
mod asks;
use asks::Asks;
pub use asks::{RequestRate, VisitTime};
mod field;
mod lines;
mod normal;
mod parse;
mod pattern;
mod rules;
use rules::{Rule, Rules};

/// Bytes of a file that are read: the least that RFC 9309 §2.5 allows, and what the large crawlers read. More
/// is hardly ever rules.
pub const BYTES_MAX: usize = 500 * 1024;

/// Most that [`Robots::parse_within`] reads: positions are kept in 32 bits, and normalising can treble a value.
const BYTES_MAX_MAX: usize = 512 * 1024 * 1024;

/// A robots.txt file, ready for verdicts.
///
/// Any bytes are one: what is no rule is passed over, and a file without rules allows everything. Parsing takes
/// time linear in the bytes (but for sorting the rules), and a verdict a binary search.
///
/// ```
/// use dragline_model::CanonicalUrl;
/// use dragline_politeness::Robots;
///
/// let robots = Robots::parse(b"User-agent: *\nDisallow: /shop/*?sort=\nAllow: /shop/list\n");
/// let url = CanonicalUrl::parse("https://a.example/shop/all?sort=price")?;
/// let verdict = robots.verdict("dragline/0.1 (+mailto:me@b.example)", &url);
/// assert!(!verdict.allowed);
/// let line = verdict.line.ok_or("no line")?;
/// assert_eq!((line.number, &*line.pattern), (2, "/shop/*?sort="));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Robots {
    rules: Rules,
    /// The agents that have a group, by token in lower case.
    agents: Box<[Agent]>,
    /// The group of everybody else.
    anybody: Option<Box<Belongings>>,
    sitemaps: Box<[String]>,
}

#[derive(Debug, Clone)]
struct Agent {
    /// In lower case.
    token: Box<[u8]>,
    belongings: Belongings,
}

/// What holds for an agent.
#[derive(Debug, Clone, Default)]
struct Belongings {
    sections: Box<[u32]>,
    asks: Option<Box<Asks>>,
}

/// May this URL be asked for, and which line says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Yes or no.
    pub allowed: bool,
    /// The line that decides; none where no rule matches, or the URL is `/robots.txt` itself.
    pub line: Option<Line<'a>>,
    /// The group that the agent is in.
    pub group: Group<'a>,
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number in the file, from 1.
    pub number: u32,
    /// The line without its comment and the white space around.
    pub text: Cow<'a, str>,
    /// Its value: the pattern as its author wrote it.
    pub pattern: Cow<'a, str>,
}

/// Whose rules hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group<'a> {
    /// The agent is named; its token in lower case.
    Named(Cow<'a, str>),
    /// It is not, and there is a group for `*`.
    Anybody,
    /// There is no group for it: everything is allowed.
    Nobody,
}

impl Robots {
    /// Reads a file, at most [`BYTES_MAX`] of it.
    pub fn parse(bytes: &[u8]) -> Self {
        Self::parse_within(bytes, BYTES_MAX)
    }

    /// Reads a file, at most `bytes_max` of it (and never more than 512 MiB). RFC 9309 §2.5 wants at least
    /// [`BYTES_MAX`].
    pub fn parse_within(bytes: &[u8], bytes_max: usize) -> Self {
        parse::parse(&lines::readable(bytes, bytes_max.min(BYTES_MAX_MAX)))
    }

    /// The verdict on a URL, with its reason. `agent` is a product token or a whole identification string, see
    /// [`product_token`].
    pub fn verdict(&self, agent: &str, url: &CanonicalUrl) -> Verdict<'_> {
        self.verdict_at(agent, url.path_and_query())
    }

    /// The same for the path and query of a URL, which begins with `/`.
    pub fn verdict_at(&self, agent: &str, target: &str) -> Verdict<'_> {
        let (group, belongings) = self.group(agent);
        let rule = belongings.and_then(|belongings| self.decide(belongings, target));
        Verdict {
            allowed: rule.is_none_or(|rule| rule.allows),
            line: rule.map(|rule| self.line(rule)),
            group,
        }
    }

    /// The verdict without its reason: what a crawl asks for each link.
    pub fn allows(&self, agent: &str, url: &CanonicalUrl) -> bool {
        let (_, belongings) = self.group(agent);
        let rule = belongings.and_then(|belongings| self.decide(belongings, url.path_and_query()));
        rule.is_none_or(|rule| rule.allows)
    }

    /// `Crawl-delay` of the agent's group, at most `cap`. It counts from start to start.
    pub fn crawl_delay(&self, agent: &str, cap: Duration) -> Option<Duration> {
        let seconds = self.asks(agent)?.crawl_delay?;
        // Past the cap, a float need not fit a duration.
        Some(if seconds < cap.as_secs_f64() { Duration::from_secs_f64(seconds) } else { cap })
    }

    /// `Request-rate` of the agent's group; the slowest, where there are several.
    pub fn request_rate(&self, agent: &str) -> Option<RequestRate> {
        self.asks(agent)?.request_rate
    }

    /// `Visit-time` of the agent's group; the first, where there are several.
    pub fn visit_time(&self, agent: &str) -> Option<VisitTime> {
        self.asks(agent)?.visit_time
    }

    /// The `Sitemap` lines of the whole file, each once, in order, as they were written: they are for all
    /// agents, lead to any host, and may be relative, which their definition does not foresee.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// The group that an agent is in.
    pub fn group_of(&self, agent: &str) -> Group<'_> {
        self.group(agent).0
    }

    /// What concerns one agent, with its groups made one: smaller and faster, and for this agent (by any of
    /// its names) alone. Sitemaps are kept.
    #[must_use]
    pub fn only(&self, agent: &str) -> Self {
        parse::reduced(self, agent)
    }

    /// The rules that are kept, of all groups; doubles in one group are one.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Bytes of memory that this takes beside the value itself.
    pub fn bytes_held(&self) -> usize {
        let of_one = |belongings: &Belongings| {
            size_of_val(&*belongings.sections) + belongings.asks.as_ref().map_or(0, |_| size_of::<Asks>())
        };
        let agents = self.agents.iter().map(|agent| agent.token.len() + of_one(&agent.belongings));
        let anybody = self.anybody.as_ref().map_or(0, |it| size_of::<Belongings>() + of_one(it));
        let sitemaps = self.sitemaps.iter().map(|sitemap| sitemap.capacity() + size_of::<String>());
        let tables = size_of_val(&*self.agents) + agents.sum::<usize>() + anybody + sitemaps.sum::<usize>();
        tables + self.rules.bytes_held()
    }

    fn group(&self, agent: &str) -> (Group<'_>, Option<&Belongings>) {
        let token = product_token(agent);
        if let Ok(at) = self.agents.binary_search_by(|agent| (*agent.token).cmp(token.as_bytes())) {
            let agent = &self.agents[at];
            return (Group::Named(String::from_utf8_lossy(&agent.token)), Some(&agent.belongings));
        }
        match &self.anybody {
            Some(anybody) => (Group::Anybody, Some(anybody)),
            None => (Group::Nobody, None),
        }
    }

    fn asks(&self, agent: &str) -> Option<&Asks> {
        self.group(agent).1?.asks.as_deref()
    }

    fn decide(&self, belongings: &Belongings, target: &str) -> Option<&Rule> {
        let path = normal::of_target(target.as_bytes());
        if &*path == b"/robots.txt" {
            return None;
        }
        let mut best = None;
        for section in &belongings.sections {
            if let Some(rule) = self.rules.most_specific(*section, &path)
                && rules::beats(rule, best)
            {
                best = Some(rule);
            }
        }
        best
    }

    fn line(&self, rule: &Rule) -> Line<'_> {
        let text = self.rules.slice(rule.text);
        let value = lines::said(text).map_or(text, |said| said.value);
        Line {
            number: rule.number,
            text: String::from_utf8_lossy(text),
            pattern: String::from_utf8_lossy(value),
        }
    }
}

/// The path and query in whatever a person writes for a URL: with a scheme, with a host alone, or neither. What
/// is no URL by the URL Standard still has a place in a host's rules.
///
/// ```
/// use dragline_politeness::target_of;
/// assert_eq!(target_of("https://a.example?q=1#part"), "/?q=1");
/// assert_eq!(target_of("a.example/page"), "/page");
/// assert_eq!(target_of("/page"), "/page");
/// assert_eq!(target_of(""), "/");
/// ```
pub fn target_of(text: &str) -> String {
    if let Ok(url) = CanonicalUrl::parse(text) {
        return url.path_and_query().to_owned();
    }
    let text = text.split('#').next().unwrap_or_default();
    // `://` behind a path or a query belongs to these.
    let before_path = text.find(['/', '?', ';']).unwrap_or(text.len());
    let authority_at = match text.find("://") {
        Some(at) if at < before_path => at + 3,
        _ if text.starts_with("//") => 2,
        _ => 0,
    };
    let rest = &text[authority_at..];
    match rest.find(['/', '?', ';']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}
