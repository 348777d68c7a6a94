//! Rules for some hosts and not for others: how they are treated, and which rule holds where several speak.
//!
//! Owns the order among rules and what they come to for a host. Counts nothing and waits for nothing: what the
//! manners say is kept by those who ask for them.

use std::{collections::HashMap, time::Duration};

use dragline_model::CanonicalUrl;
use dragline_politeness::{Adaptive, PaceRules};

use crate::{RuleError, domain::suffixes};

/// How a host is treated, or the URLs under a prefix.
#[derive(Debug, Clone, PartialEq)]
pub struct Manners {
    /// How often it is asked.
    pub pace: PaceRules,
    /// Whether its robots.txt is asked for and kept to.
    pub obey_robots: bool,
    /// How much sooner than others its URLs are asked for, in classes: above 0 sooner, below later.
    pub priority: i8,
    /// When what was fetched is fetched again; never, without.
    pub refresh: Option<Refresh>,
    /// Pages (responses of status 2xx) after which it is not asked any more.
    pub max_pages: Option<u64>,
}

impl Default for Manners {
    /// The pace of [`PaceRules::default`], robots.txt obeyed, everything fetched once.
    fn default() -> Self {
        Self { pace: PaceRules::default(), obey_robots: true, priority: 0, refresh: None, max_pages: None }
    }
}

/// How long a page is taken to be as it was. The interval shrinks where it is found changed and grows where it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refresh {
    /// Never sooner.
    pub min: Duration,
    /// Never later.
    pub max: Duration,
    /// Before anything is known of the page.
    pub first: Duration,
}

impl Refresh {
    /// Between two bounds; the first look comes early, a sixty-fourth of the way up, so that a page that changes is
    /// known for it soon.
    pub fn between(min: Duration, max: Duration) -> Self {
        let max = max.max(min);
        Self { min, max, first: min.saturating_add((max - min) / 64).min(max) }
    }
}

/// Whom a rule is for. From the narrowest: a prefix, a host with its port, a host, a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// The URLs that begin with this one.
    Prefix(CanonicalUrl),
    /// A host, with a port that is not the scheme's default, or without one: then on every port.
    Host(Box<str>),
    /// A domain and all that is under it, whether it is registrable or a part of one, or a whole suffix.
    Domain(Box<str>),
}

impl Reach {
    /// The URLs that begin with this one, scheme and all.
    pub fn prefix(text: &str) -> Result<Self, RuleError> {
        let wrong = |why| RuleError::Reach { text: text.to_owned(), why };
        let url = CanonicalUrl::parse(text.trim())
            .map_err(|_| wrong("is no prefix of URLs; write it as https://a.example/api/"))?;
        Ok(Reach::Prefix(url))
    }

    /// A host: `a.example`, `192.0.2.1`, `[::1]`, with a port or without.
    pub fn host(text: &str) -> Result<Self, RuleError> {
        let wrong = |why| RuleError::Reach { text: text.to_owned(), why };
        let authority = canonical_authority(text)
            .ok_or_else(|| wrong("is no host; write it as a.example or a.example:8080"))?;
        Ok(Reach::Host(authority))
    }

    /// A domain: `a.example`, or a suffix as `co.uk`; every host under it.
    pub fn domain(text: &str) -> Result<Self, RuleError> {
        let wrong = |why| RuleError::Reach { text: text.to_owned(), why };
        let domain = canonical_authority(text.trim().trim_start_matches("*."))
            .filter(|name| !name.contains(':'))
            .ok_or_else(|| wrong("is no domain; write it as a.example, without a port"))?;
        Ok(Reach::Domain(domain))
    }
}

/// What a URL's parser makes of a host, if it is nothing but one.
fn canonical_authority(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    if text.is_empty() || text.contains(['/', '?', '#', '@', '\\']) {
        return None;
    }
    CanonicalUrl::parse(&format!("http://{text}/")).ok().map(|url| url.authority().into())
}

/// One rule: whom it is for, and what it says. What it leaves open, a wider one says.
///
/// ```
/// use std::time::Duration;
/// use dragline_frontier::{Reach, Rule};
/// let slowly = Rule { delay: Some(Duration::from_secs(10)), ..Rule::new(Reach::domain("a.example")?) };
/// assert_eq!(slowly.per_host, None, "left to the default");
/// # Ok::<(), dragline_frontier::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Whom it is for.
    pub reach: Reach,
    /// See [`PaceRules::delay`].
    pub delay: Option<Duration>,
    /// See [`PaceRules::concurrency`].
    pub per_host: Option<u32>,
    /// See [`PaceRules::jitter`].
    pub jitter: Option<f32>,
    /// See [`PaceRules::adaptive`]; `Some(None)` turns it off.
    pub adaptive: Option<Option<Adaptive>>,
    /// See [`PaceRules::crawl_delay_max`].
    pub crawl_delay_max: Option<Duration>,
    /// See [`Manners::obey_robots`].
    pub obey_robots: Option<bool>,
    /// See [`Manners::priority`].
    pub priority: Option<i8>,
    /// See [`Manners::max_pages`].
    pub max_pages: Option<u64>,
    /// See [`Manners::refresh`].
    pub refresh: Option<Refresh>,
}

impl Rule {
    /// A rule that says nothing yet.
    pub fn new(reach: Reach) -> Self {
        Self {
            reach,
            delay: None,
            per_host: None,
            jitter: None,
            adaptive: None,
            crawl_delay_max: None,
            obey_robots: None,
            priority: None,
            max_pages: None,
            refresh: None,
        }
    }

    fn lay_over(&self, manners: &mut Manners) {
        fn set<T: Clone>(place: &mut T, said: &Option<T>) {
            if let Some(said) = said {
                *place = said.clone();
            }
        }
        let pace = &mut manners.pace;
        set(&mut pace.delay, &self.delay);
        set(&mut pace.concurrency, &self.per_host);
        set(&mut pace.jitter, &self.jitter);
        set(&mut pace.adaptive, &self.adaptive);
        set(&mut pace.crawl_delay_max, &self.crawl_delay_max);
        set(&mut manners.obey_robots, &self.obey_robots);
        set(&mut manners.priority, &self.priority);
        if self.max_pages.is_some() {
            manners.max_pages = self.max_pages;
        }
        if self.refresh.is_some() {
            manners.refresh = self.refresh;
        }
    }
}

/// All rules of a crawl.
///
/// Where several speak of one URL, the narrowest wins **field by field**: prefix before host before domain before
/// the default; the longer prefix, the longer domain, the host with its port; of two of the same reach the later.
///
/// ```
/// use std::time::Duration;
/// use dragline_frontier::{Manners, Reach, Rule, RuleBook};
/// use dragline_model::CanonicalUrl;
/// let secs = Duration::from_secs;
/// let book = RuleBook::new(Manners::default(), vec![
///     Rule { delay: Some(secs(10)), per_host: Some(2), ..Rule::new(Reach::domain("a.example")?) },
///     Rule { delay: Some(secs(3)), ..Rule::new(Reach::host("www.a.example")?) },
/// ]);
/// let www = book.of_host("www.a.example", "www.a.example");
/// assert_eq!((www.base().pace.delay, www.base().pace.concurrency), (secs(3), 2));
/// # Ok::<(), dragline_frontier::RuleError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct RuleBook {
    default: Manners,
    domains: HashMap<Box<str>, Vec<Rule>>,
    hosts: HashMap<Box<str>, Vec<Rule>>,
    /// By authority; the shorter prefix first, then in the order they were given.
    prefixes: HashMap<Box<str>, Vec<(CanonicalUrl, Rule)>>,
}

/// What the rules come to for one host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostRules {
    base: Manners,
    /// The longest first; each has all that is wider in it.
    prefixes: Vec<(CanonicalUrl, Manners)>,
}

impl RuleBook {
    /// The rules over the manners that hold without them.
    pub fn new(default: Manners, rules: Vec<Rule>) -> Self {
        let mut book = Self { default, ..Self::default() };
        for rule in rules {
            match rule.reach.clone() {
                Reach::Domain(name) => book.domains.entry(name).or_default().push(rule),
                Reach::Host(name) => book.hosts.entry(name).or_default().push(rule),
                Reach::Prefix(url) => {
                    book.prefixes.entry(url.authority().into()).or_default().push((url, rule));
                }
            }
        }
        for of_one in book.prefixes.values_mut() {
            // Stable: of two of the same length the later stays the later.
            of_one.sort_by_key(|(url, _)| url.as_str().len());
        }
        book
    }

    /// The manners where no rule speaks.
    pub fn default_manners(&self) -> &Manners {
        &self.default
    }

    /// What holds for a host: its name, and its name with its port where that is not the scheme's default.
    /// To be asked once a host.
    pub fn of_host(&self, host: &str, authority: &str) -> HostRules {
        let mut base = self.default.clone();
        let mut lay = |rules: Option<&Vec<Rule>>| {
            rules.into_iter().flatten().for_each(|rule| rule.lay_over(&mut base));
        };
        if !self.domains.is_empty() {
            let names: Vec<&str> = suffixes(host).collect();
            names.iter().rev().for_each(|name| lay(self.domains.get(*name)));
        }
        lay(self.hosts.get(host));
        if authority != host {
            lay(self.hosts.get(authority));
        }
        let mut prefixes: Vec<(CanonicalUrl, Manners)> = Vec::new();
        for (prefix, rule) in self.prefixes.get(authority).into_iter().flatten() {
            // What holds under the longest of those that this one is under: they are all here already.
            let wider = prefixes.iter().rev().find(|(wider, _)| prefix.as_str().starts_with(wider.as_str()));
            let mut manners = wider.map_or_else(|| base.clone(), |(_, manners)| manners.clone());
            rule.lay_over(&mut manners);
            prefixes.push((prefix.clone(), manners));
        }
        prefixes.reverse();
        HostRules { base, prefixes }
    }
}

impl HostRules {
    /// The manners for one of the host's URLs.
    pub fn of(&self, url: &CanonicalUrl) -> &Manners {
        let longest = self.prefixes.iter().find(|(prefix, _)| url.as_str().starts_with(prefix.as_str()));
        longest.map_or(&self.base, |(_, manners)| manners)
    }

    /// The manners for URLs of the host that no prefix is for: its pace.
    pub fn base(&self) -> &Manners {
        &self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> CanonicalUrl {
        CanonicalUrl::parse(text).unwrap()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn delay(reach: Reach, seconds: u64) -> Rule {
        Rule { delay: Some(secs(seconds)), ..Rule::new(reach) }
    }

    fn of(book: &RuleBook, text: &str) -> Manners {
        let url = url(text);
        book.of_host(url.host(), url.authority()).of(&url).clone()
    }

    #[test]
    fn the_narrowest_wins_field_by_field() {
        let domain = |t| Reach::domain(t).unwrap();
        let host = |t| Reach::host(t).unwrap();
        let prefix = |t| Reach::prefix(t).unwrap();
        // The order in which they are given is nearly the wrong one.
        let book = RuleBook::new(
            Manners::default(),
            vec![
                Rule { priority: Some(3), ..delay(prefix("http://www.a.example/api/v2/"), 60) },
                Rule { per_host: Some(5), ..delay(prefix("http://www.a.example/api/"), 50) },
                delay(host("www.a.example:8080"), 45),
                Rule { obey_robots: Some(false), ..delay(host("www.a.example"), 40) },
                Rule { jitter: Some(0.5), ..delay(domain("a.example"), 30) },
                Rule { max_pages: Some(9), ..delay(domain("example"), 20) },
            ],
        );
        for (at, want) in [
            ("http://b.test/", (1, 1, 0.0, true, 0, None)),
            ("http://b.example/", (20, 1, 0.0, true, 0, Some(9))),
            ("http://a.example/", (30, 1, 0.5, true, 0, Some(9))),
            ("http://x.a.example/", (30, 1, 0.5, true, 0, Some(9))),
            ("http://na.example/", (20, 1, 0.0, true, 0, Some(9))),
            ("http://www.a.example/", (40, 1, 0.5, false, 0, Some(9))),
            ("https://www.a.example/api/", (40, 1, 0.5, false, 0, Some(9))),
            ("http://www.a.example:81/", (40, 1, 0.5, false, 0, Some(9))),
            ("http://www.a.example:8080/", (45, 1, 0.5, false, 0, Some(9))),
            ("http://www.a.example/api/x", (50, 5, 0.5, false, 0, Some(9))),
            ("http://www.a.example/api/v2/x?y", (60, 5, 0.5, false, 3, Some(9))),
        ] {
            let m = of(&book, at);
            let got = (
                m.pace.delay.as_secs(),
                m.pace.concurrency,
                m.pace.jitter,
                m.obey_robots,
                m.priority,
                m.max_pages,
            );
            assert_eq!(got, want, "{at}");
        }
    }

    #[test]
    fn of_two_alike_the_later_wins() {
        for reach in [
            Reach::domain("a.example").unwrap(),
            Reach::host("a.example").unwrap(),
            Reach::prefix("http://a.example/").unwrap(),
        ] {
            let first = Rule { per_host: Some(7), ..delay(reach.clone(), 5) };
            let book = RuleBook::new(Manners::default(), vec![first, delay(reach, 6)]);
            let manners = of(&book, "http://a.example/x");
            assert_eq!((manners.pace.delay, manners.pace.concurrency), (secs(6), 7));
        }
    }

    #[test]
    fn an_address_is_under_no_domain() {
        let book = RuleBook::new(Manners::default(), vec![delay(Reach::domain("0.1").unwrap(), 9)]);
        assert_eq!(of(&book, "http://10.0.0.1/").pace.delay, secs(1));
    }

    #[test]
    fn reaches_are_read_as_urls_are() {
        for (got, want) in [
            (Reach::host("A.Example:80"), Ok(Reach::Host("a.example".into()))),
            (Reach::host("bücher.example"), Ok(Reach::Host("xn--bcher-kva.example".into()))),
            (Reach::host("[::1]:8080"), Ok(Reach::Host("[::1]:8080".into()))),
            (Reach::domain("*.A.example"), Ok(Reach::Domain("a.example".into()))),
            (Reach::prefix("HTTP://a.example"), Ok(Reach::Prefix(url("http://a.example/")))),
        ] {
            assert_eq!(got, want);
        }
        for refused in [
            Reach::host("http://a.example/"),
            Reach::host(""),
            Reach::host("a b"),
            Reach::host("me@a.example"),
            Reach::domain("a.example:81"),
            Reach::domain("*."),
            Reach::prefix("a.example/x"),
            Reach::prefix("ftp://a.example/"),
        ] {
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("write it as"), "{text}");
        }
    }

    proptest::proptest! {
        /// Whatever the rules are and however they are mixed: a field is what the narrowest rule says that says it.
        #[test]
        fn a_field_is_the_narrowest_s(
            picks in proptest::collection::vec((0usize..9, proptest::option::of(2u64..50), proptest::option::of(2u32..50)), 0..12),
        ) {
            // From the widest to the narrowest that the URL is under; the last two it is not under.
            let reaches = [
                Reach::domain("example").unwrap(),
                Reach::domain("a.example").unwrap(),
                Reach::domain("www.a.example").unwrap(),
                Reach::host("www.a.example").unwrap(),
                Reach::host("www.a.example:81").unwrap(),
                Reach::prefix("http://www.a.example:81/").unwrap(),
                Reach::prefix("http://www.a.example:81/x").unwrap(),
                Reach::prefix("http://www.a.example:81/y").unwrap(),
                Reach::host("a.example").unwrap(),
            ];
            let rules: Vec<Rule> = picks.iter().map(|(reach, delay, per_host)| Rule {
                delay: delay.map(secs),
                per_host: *per_host,
                ..Rule::new(reaches[*reach].clone())
            }).collect();
            let mut speaking: Vec<_> = picks.iter().filter(|(reach, ..)| *reach < 7).collect();
            speaking.sort_by_key(|(reach, ..)| *reach);
            let want_delay = speaking.iter().rev().find_map(|(_, delay, _)| *delay).map_or(secs(1), secs);
            let want_per_host = speaking.iter().rev().find_map(|(.., n)| *n).unwrap_or(1);
            let got = of(&RuleBook::new(Manners::default(), rules), "http://www.a.example:81/xy");
            proptest::prop_assert_eq!(got.pace.delay, want_delay);
            proptest::prop_assert_eq!(got.pace.concurrency, want_per_host);
        }
    }
}
