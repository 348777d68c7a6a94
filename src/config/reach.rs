//! How far a crawl goes: its scope, its traps, the form of its URLs.
//!
//! Owns their reading; what they mean is told where they are kept to.

use dragline_frontier::{GuardRules, Patterns, RuleError, Scope, ScopeRules, TrapRules};
use dragline_model::{CanonicalUrl, Normaliser, ParamNames, URL_BYTES_MAX};
use dragline_politeness::{Adaptive, PaceRules};
use serde::{Deserialize, Deserializer};

use super::{ConfigError, CrawlConfig, Span, rules::check_factor, rules::check_jitter};

/// The shortest bound on URLs that lets a host's name and a path through.
const URL_BYTES_MIN: usize = 64;

impl CrawlConfig {
    /// The scope around some seeds.
    pub fn scope(&self, seeds: &[CanonicalUrl]) -> Result<Scope, ConfigError> {
        if !(URL_BYTES_MIN..=URL_BYTES_MAX).contains(&self.max_url_bytes) {
            let why = format!("must be from {URL_BYTES_MIN} to {URL_BYTES_MAX}");
            return Err(ConfigError::value("crawl.max_url_bytes", &self.max_url_bytes.to_string(), &why));
        }
        if self.max_repeats == 0 {
            let why = "must be at least 1: each segment stands in its path once";
            return Err(ConfigError::value("crawl.max_repeats", "0", why));
        }
        let rules = ScopeRules {
            depth_max: self.max_depth,
            hops_off_max: self.max_hops_off,
            include: patterns("crawl.include", &self.include)?,
            exclude: patterns("crawl.exclude", &self.exclude)?,
            url_bytes_max: self.max_url_bytes,
            repeats_max: self.max_repeats,
        };
        Ok(Scope::with_rules(self.scope.into(), seeds, rules))
    }

    /// How much of one thing the crawl takes.
    pub fn trap_rules(&self) -> TrapRules {
        TrapRules {
            per_host_max: self.max_per_host,
            per_domain_max: self.max_per_domain,
            subdomains_max: Some(self.max_subdomains).filter(|max| *max > 0),
            query_variations_max: Some(self.max_query_variations).filter(|max| *max > 0),
            guard: self.trap_guard.then(GuardRules::default),
        }
    }

    /// What is left out of URLs.
    pub fn normaliser(&self) -> Result<Normaliser, ConfigError> {
        let drop_params = ParamNames::parse(&self.drop_params).map_err(|error| ConfigError::Value {
            source: None,
            key: "crawl.drop_params".into(),
            why: error.to_string(),
        })?;
        Ok(Normaliser { sort_query: self.sort_query, drop_params, drop_session_ids: self.drop_session_ids })
    }

    /// A pace with what is said of it here: delay, requests at a time, jitter, the adaptive delay, the cap on
    /// `Crawl-delay`.
    pub fn pace(&self, usual: PaceRules) -> PaceRules {
        let (min, max) = (self.adaptive_min.get(), self.adaptive_max.get());
        PaceRules {
            delay: self.delay.get(),
            concurrency: u32::try_from(self.per_host).unwrap_or(u32::MAX),
            jitter: self.jitter,
            adaptive: self.adaptive_delay.filter(|factor| *factor > 0.0).map(|factor| Adaptive {
                factor,
                min,
                max,
            }),
            crawl_delay_max: self.crawl_delay_max.get(),
            ..usual
        }
    }

    pub(super) fn check_reach(&self) -> Result<(), ConfigError> {
        check_jitter("crawl.jitter", Some(self.jitter))?;
        check_factor("crawl.adaptive_delay", self.adaptive_delay)?;
        if self.adaptive_max.get() < self.adaptive_min.get() {
            let why = "is less than crawl.adaptive_min";
            return Err(ConfigError::value("crawl.adaptive_max", &self.adaptive_max.to_string(), why));
        }
        for (key, value) in [
            ("crawl.max_per_host", self.max_per_host),
            ("crawl.max_per_domain", self.max_per_domain),
            ("crawl.per_ip", self.per_ip.map(u64::from)),
        ] {
            if value == Some(0) {
                return Err(ConfigError::value(key, "0", "must be at least 1"));
            }
        }
        self.normaliser()?;
        self.scope(&[]).map(drop)
    }

    pub(super) fn spans(&self) -> [(&'static str, Span); 4] {
        [
            ("crawl.ip_delay", self.ip_delay.unwrap_or(Span::from_secs(0))),
            ("crawl.adaptive_min", self.adaptive_min),
            ("crawl.adaptive_max", self.adaptive_max),
            ("crawl.crawl_delay_max", self.crawl_delay_max),
        ]
    }
}

fn patterns(key: &str, texts: &[String]) -> Result<Patterns, ConfigError> {
    Patterns::parse(texts).map_err(|error: RuleError| ConfigError::Value {
        source: None,
        key: key.into(),
        why: error.to_string(),
    })
}

/// One text, or a list of them. The environment has no lists of what may have a comma in it.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a text or a list of texts is expected")]
    enum Texts {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Texts::deserialize(from)? {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layers::tests::from_toml;

    fn url(text: &str) -> CanonicalUrl {
        CanonicalUrl::parse(text).unwrap()
    }

    #[test]
    fn a_scope_is_what_was_asked_for() {
        let config = from_toml(
            "[crawl]\nscope = 'domain'\nmax_depth = 3\nmax_hops_off = 1\ninclude = '/docs/'\nexclude = ['[.]pdf$', '/old/']",
        );
        let seed = url("http://a.example/docs/");
        let scope = config.unwrap().crawl.scope(std::slice::from_ref(&seed)).unwrap();
        let page = scope.on(&seed, 0, 0);
        assert_eq!(page.judge(&url("http://b.a.example/docs/x")), Ok(0));
        assert_eq!(page.judge(&url("http://b.example/docs/x")), Ok(1));
        for (link, want) in [
            ("http://a.example/x", "matches none of the patterns that are wanted (--include)"),
            ("http://a.example/docs/x.pdf", "excluded by the pattern [.]pdf$ (--exclude)"),
            ("http://a.example/docs/old/x", "excluded by the pattern /old/ (--exclude)"),
        ] {
            assert_eq!(page.judge(&url(link)).unwrap_err().to_string(), want);
        }
        assert_eq!(
            scope.on(&seed, 3, 0).judge(&seed).unwrap_err().to_string(),
            "depth 4 is past --max-depth 3"
        );
    }

    #[test]
    fn traps_are_as_they_were_asked_for() {
        let usual = CrawlConfig::default().trap_rules();
        assert_eq!(usual, TrapRules::default());
        let toml =
            "[crawl]\nmax_per_host = 5\nmax_subdomains = 0\nmax_query_variations = 7\ntrap_guard = false";
        let rules = from_toml(toml).unwrap().crawl.trap_rules();
        let want = TrapRules {
            per_host_max: Some(5),
            per_domain_max: None,
            subdomains_max: None,
            query_variations_max: Some(7),
            guard: None,
        };
        assert_eq!(rules, want);
    }

    #[test]
    fn the_pace_says_nothing_else_by_itself() {
        assert_eq!(CrawlConfig::default().pace(PaceRules::default()), PaceRules::default());
    }

    #[test]
    fn what_is_refused_and_how() {
        for (toml, want) in [
            (
                "include = ['x', 'a(b']",
                "crawl.include in test.toml: pattern a(b, at character 2, \"(\": unclosed group",
            ),
            ("exclude = 5", "crawl.exclude in test.toml: a text or a list of texts is expected"),
            ("max_url_bytes = 10", "crawl.max_url_bytes in test.toml: \"10\": must be from 64 to 8192"),
            (
                "max_repeats = 0",
                "crawl.max_repeats in test.toml: \"0\": must be at least 1: each segment stands in its path once",
            ),
            ("max_per_host = 0", "crawl.max_per_host in test.toml: \"0\": must be at least 1"),
            (
                "jitter = 2.0",
                "crawl.jitter in test.toml: \"2\": must be from 0 to 1: it is a share of the delay",
            ),
            ("ip_delay = '2y'", "crawl.ip_delay in test.toml: \"2years\": must be at most a year"),
            (
                "adaptive_min = '2m'",
                "crawl.adaptive_max in test.toml: \"1m\": is less than crawl.adaptive_min",
            ),
            (
                "drop_params = ['a b']",
                "crawl.drop_params in test.toml: \"a b\" is no name of a query parameter; write tracking, a name, or the \
                 beginning of one with * behind it",
            ),
        ] {
            let error = from_toml(&format!("[crawl]\n{toml}")).map(drop).unwrap_err();
            // Defaults have no source.
            let error = error.replace("crawl.adaptive_max: ", "crawl.adaptive_max in test.toml: ");
            assert_eq!(error, format!("configuration key {want}"), "{toml}");
        }
    }
}
