//! `[crawl]`: how a crawl goes about.
//!
//! Owns its keys and their defaults. What they come to is [`super`]'s neighbours' affair.

use dragline_frontier::{ScopeRules, TrapRules};
use serde::{Deserialize, Serialize};

use super::{Span, reach::one_or_many};

/// How a crawl goes about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrawlConfig {
    /// Which links are followed.
    pub scope: ScopeName,
    /// Pages (2xx) after which the crawl ends.
    pub max_pages: Option<u64>,
    /// Links followed from a seed.
    pub max_depth: Option<u16>,
    /// Links followed one after another off the scope.
    pub max_hops_off: u8,
    /// Patterns (regular expressions) of which a link's URL has to match one, where there are any.
    #[serde(deserialize_with = "one_or_many")]
    pub include: Vec<String>,
    /// Patterns of URLs that are not followed.
    #[serde(deserialize_with = "one_or_many")]
    pub exclude: Vec<String>,
    /// The longest URL that is followed, in bytes.
    pub max_url_bytes: usize,
    /// How often one segment may stand in a path.
    pub max_repeats: u8,
    /// URLs of one host.
    pub max_per_host: Option<u64>,
    /// URLs of one registrable domain.
    pub max_per_domain: Option<u64>,
    /// Hosts of one registrable domain; 0 is no bound.
    pub max_subdomains: u32,
    /// Queries of one path; 0 is no bound.
    pub max_query_variations: u32,
    /// Whether URLs of a kind that has stopped bringing anything are left alone.
    pub trap_guard: bool,
    /// Whether query parameters are put in the order of their names.
    pub sort_query: bool,
    /// Query parameters that are left out of URLs; `tracking` is a list of them, a `*` at the end is any ending.
    #[serde(deserialize_with = "one_or_many")]
    pub drop_params: Vec<String>,
    /// Whether sessions are left out of URLs.
    pub drop_session_ids: bool,
    /// What is followed besides links: `json` for the URLs in JSON documents, `json=POINTER` for some of them.
    #[serde(deserialize_with = "one_or_many")]
    pub follow: Vec<String>,
    /// Whether the candidates of `srcset` are links.
    pub srcset: bool,
    /// Whether links with `rel=nofollow`, `ugc` or `sponsored` are left out.
    pub nofollow: bool,
    /// Whether the sitemaps that robots.txt files and pages name are asked for.
    pub sitemaps: bool,
    /// What was fetched is fetched again, no sooner than after this; never, without.
    pub refresh: Option<Span>,
    /// What is found unchanged is left alone for twice as long, up to this; as `refresh`, without.
    pub refresh_max: Option<Span>,
    /// Whether a crawl with `refresh` ends when nothing is due, instead of waiting for what will be.
    pub once: bool,
    /// After this long the crawl drains.
    pub max_time: Option<Span>,
    /// Requests at one host at a time.
    pub per_host: usize,
    /// From start to start of the requests to one host.
    pub delay: Span,
    /// By how much of itself a delay may be longer at random, 0 to 1.
    pub jitter: f32,
    /// The delay is at least so many times what the host takes to answer.
    pub adaptive_delay: Option<f32>,
    /// An adaptive delay is never shorter.
    pub adaptive_min: Span,
    /// An adaptive delay is never longer.
    pub adaptive_max: Span,
    /// Longest `Crawl-delay` that is kept to.
    pub crawl_delay_max: Span,
    /// Requests at one address at a time, whatever its hosts; ten times `per_host` without.
    pub per_ip: Option<u32>,
    /// From start to start of the requests to one address; a tenth of `delay` without.
    pub ip_delay: Option<Span>,
    /// Requests out at a time in all.
    pub concurrency: usize,
    /// Whether robots.txt is obeyed.
    pub robots: RobotsName,
    /// Whether cookies are kept, for the crawl, and sent back to whom they came from.
    pub cookies: bool,
    /// Redirects followed one after another.
    pub max_redirects: u8,
    /// The unit of waiting before a failed URL is asked for again.
    pub retry_wait: Span,
    /// How long a host is left alone that answers 429 or 503 and does not say for how long; twice as long the next
    /// time, up to a day.
    pub back_off: Span,
    /// How long the crawl waits for a host when nothing else is left to do.
    pub patience: Span,
    /// How long a drain may take.
    pub drain_limit: Span,
    /// How long a full disk is waited for before the crawl ends over it; 0 is not at all.
    pub disk_patience: Span,
    /// Fetcher threads; 0 is one for each processor.
    pub fetchers: usize,
}

impl Default for CrawlConfig {
    fn default() -> Self {
        let (scope, traps) = (ScopeRules::default(), TrapRules::default());
        Self {
            scope: ScopeName::Host,
            max_pages: None,
            max_depth: None,
            max_hops_off: scope.hops_off_max,
            include: Vec::new(),
            exclude: Vec::new(),
            max_url_bytes: scope.url_bytes_max,
            max_repeats: scope.repeats_max,
            max_per_host: None,
            max_per_domain: None,
            max_subdomains: traps.subdomains_max.unwrap_or(0),
            max_query_variations: traps.query_variations_max.unwrap_or(0),
            trap_guard: true,
            sort_query: false,
            drop_params: Vec::new(),
            drop_session_ids: false,
            follow: Vec::new(),
            srcset: false,
            nofollow: false,
            sitemaps: true,
            refresh: None,
            refresh_max: None,
            once: false,
            max_time: None,
            per_host: 1,
            delay: Span::from_secs(1),
            jitter: 0.0,
            adaptive_delay: None,
            adaptive_min: Span::from_secs(0),
            adaptive_max: Span::from_secs(60),
            crawl_delay_max: Span::from_secs(300),
            per_ip: None,
            ip_delay: None,
            concurrency: 256,
            robots: RobotsName::Obey,
            cookies: true,
            max_redirects: 10,
            retry_wait: Span::from_secs(2),
            back_off: Span::from_secs(60),
            patience: Span::from_secs(300),
            drain_limit: Span::from_secs(60),
            disk_patience: Span::from_secs(3_600),
            fetchers: 0,
        }
    }
}

impl CrawlConfig {
    /// Fetcher threads.
    pub fn fetchers(&self) -> usize {
        match self.fetchers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        }
    }
}

/// Which links are followed; see [`crate::ScopeKind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeName {
    /// The hosts of the seeds.
    Host,
    /// The registrable domains of the seeds.
    Domain,
    /// Below the seeds' directories.
    Prefix,
    /// Everywhere.
    Any,
}

/// Whether robots.txt is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RobotsName {
    /// It is.
    Obey,
    /// It is not asked for.
    Ignore,
}
