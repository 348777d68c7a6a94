//! `[[rules]]`: how some hosts are treated and others not.
//!
//! Owns their reading. Which of them holds where several speak is the rule book's.

use dragline_frontier::{Reach, Refresh, Rule};
use dragline_politeness::Adaptive;
use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, RobotsName, SPAN_MAX, Span};

/// One rule. It is for a host, a domain or the URLs under a prefix, and says what it says; the rest is left to wider
/// rules and to `[crawl]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleConfig {
    /// A host, with a port or without: then on every port.
    pub host: Option<String>,
    /// A domain, and every host under it.
    pub domain: Option<String>,
    /// The beginning of URLs, with their scheme.
    pub prefix: Option<String>,
    /// See [`super::CrawlConfig::delay`].
    pub delay: Option<Span>,
    /// See [`super::CrawlConfig::per_host`].
    pub per_host: Option<u32>,
    /// See [`super::CrawlConfig::jitter`].
    pub jitter: Option<f32>,
    /// See [`super::CrawlConfig::adaptive_delay`]; 0 turns it off.
    pub adaptive_delay: Option<f32>,
    /// See [`super::CrawlConfig::adaptive_min`].
    pub adaptive_min: Option<Span>,
    /// See [`super::CrawlConfig::adaptive_max`].
    pub adaptive_max: Option<Span>,
    /// See [`super::CrawlConfig::crawl_delay_max`].
    pub crawl_delay_max: Option<Span>,
    /// See [`super::CrawlConfig::robots`].
    pub robots: Option<RobotsName>,
    /// How many classes sooner than others its URLs are asked for; below 0 later.
    pub priority: Option<i8>,
    /// Pages (2xx) after which the host is not asked any more.
    pub max_pages: Option<u64>,
    /// What was fetched is fetched again, never sooner than this; with `refresh_max`.
    pub refresh_min: Option<Span>,
    /// And never later than this.
    pub refresh_max: Option<Span>,
}

impl Config {
    /// The rules, read.
    pub fn rules(&self) -> Result<Vec<Rule>, ConfigError> {
        self.rules.iter().enumerate().map(|(at, rule)| self.rule(at, rule)).collect()
    }

    fn rule(&self, at: usize, rule: &RuleConfig) -> Result<Rule, ConfigError> {
        let key = |name: &str| format!("rules[{at}].{name}");
        let reach = match (&rule.host, &rule.domain, &rule.prefix) {
            (Some(text), None, None) => Reach::host(text).map_err(|error| ("host", error)),
            (None, Some(text), None) => Reach::domain(text).map_err(|error| ("domain", error)),
            (None, None, Some(text)) => Reach::prefix(text).map_err(|error| ("prefix", error)),
            _ => {
                let why = "a rule is for one of host = \"…\", domain = \"…\" and prefix = \"…\"".into();
                return Err(ConfigError::Value { source: None, key: format!("rules[{at}]"), why });
            }
        };
        let reach = reach.map_err(|(name, error)| ConfigError::Value {
            source: None,
            key: key(name),
            why: error.to_string(),
        })?;
        for (name, span) in [
            ("delay", rule.delay),
            ("adaptive_min", rule.adaptive_min),
            ("adaptive_max", rule.adaptive_max),
            ("crawl_delay_max", rule.crawl_delay_max),
            ("refresh_min", rule.refresh_min),
            ("refresh_max", rule.refresh_max),
        ] {
            if let Some(span) = span.filter(|span| span.get() > SPAN_MAX) {
                return Err(ConfigError::value(&key(name), &span.to_string(), "must be at most a year"));
            }
        }
        for (name, value) in [("per_host", rule.per_host.map(u64::from)), ("max_pages", rule.max_pages)] {
            if value == Some(0) {
                return Err(ConfigError::value(&key(name), "0", "must be at least 1"));
            }
        }
        check_jitter(&key("jitter"), rule.jitter)?;
        check_factor(&key("adaptive_delay"), rule.adaptive_delay)?;
        Ok(Rule {
            delay: rule.delay.map(Span::get),
            per_host: rule.per_host,
            jitter: rule.jitter,
            adaptive: self.adaptive(at, rule)?,
            crawl_delay_max: rule.crawl_delay_max.map(Span::get),
            obey_robots: rule.robots.map(|robots| robots == RobotsName::Obey),
            priority: rule.priority,
            max_pages: rule.max_pages,
            refresh: refresh(at, rule)?,
            ..Rule::new(reach)
        })
    }

    fn adaptive(&self, at: usize, rule: &RuleConfig) -> Result<Option<Option<Adaptive>>, ConfigError> {
        let Some(factor) = rule.adaptive_delay else {
            let Some(span) = rule.adaptive_min.or(rule.adaptive_max) else { return Ok(None) };
            let key = format!("rules[{at}].adaptive_delay");
            let why = "is missing: a bound alone says nothing; name the factor too";
            return Err(ConfigError::value(&key, &span.to_string(), why));
        };
        let min = rule.adaptive_min.unwrap_or(self.crawl.adaptive_min).get();
        let max = rule.adaptive_max.unwrap_or(self.crawl.adaptive_max).get();
        if max < min {
            let key = format!("rules[{at}].adaptive_max");
            return Err(ConfigError::value(&key, &Span::from(max).to_string(), "is less than adaptive_min"));
        }
        Ok(Some((factor > 0.0).then_some(Adaptive { factor, min, max })))
    }
}

fn refresh(at: usize, rule: &RuleConfig) -> Result<Option<Refresh>, ConfigError> {
    let wrong = |name: &str, span: Span, why: &str| {
        Err(ConfigError::value(&format!("rules[{at}].{name}"), &span.to_string(), why))
    };
    match (rule.refresh_min, rule.refresh_max) {
        (None, None) => Ok(None),
        (Some(min), _) if min.get().is_zero() => wrong("refresh_min", min, "must be more than nothing"),
        (Some(min), Some(max)) if max.get() < min.get() => {
            wrong("refresh_max", max, "is less than refresh_min")
        }
        (Some(min), Some(max)) => Ok(Some(Refresh::between(min.get(), max.get()))),
        (Some(min), None) => wrong("refresh_min", min, "stands alone; name refresh_max too"),
        (None, Some(max)) => wrong("refresh_max", max, "stands alone; name refresh_min too"),
    }
}

/// A share of a delay: 0 to 1.
pub(super) fn check_jitter(key: &str, jitter: Option<f32>) -> Result<(), ConfigError> {
    match jitter {
        Some(jitter) if !(0.0..=1.0).contains(&jitter) => Err(ConfigError::value(
            key,
            &jitter.to_string(),
            "must be from 0 to 1: it is a share of the delay",
        )),
        _ => Ok(()),
    }
}

/// A multiple of a host's response time.
pub(super) fn check_factor(key: &str, factor: Option<f32>) -> Result<(), ConfigError> {
    /// A host that answers in a tenth of a second is asked every two minutes: what is longer is a slip.
    const FACTOR_MAX: f32 = 1_000.0;
    match factor {
        Some(factor) if !(0.0..=FACTOR_MAX).contains(&factor) => {
            let why = "must be from 0 to 1000: it is so many times the response time";
            Err(ConfigError::value(key, &factor.to_string(), why))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::layers::tests::from_toml;

    #[test]
    fn rules_are_read() {
        let config = from_toml(
            "[crawl]\nadaptive_max = '20s'\n[[rules]]\ndomain = '*.A.example'\ndelay = '3s'\njitter = 0.5\n\
             [[rules]]\nhost = 'a.example:8080'\nper_host = 4\nrobots = 'ignore'\npriority = -2\nadaptive_delay = 2\n\
             [[rules]]\nprefix = 'https://a.example/api/'\nmax_pages = 9\nrefresh_min = '1h'\nrefresh_max = '65h'\n\
             adaptive_delay = 0.0\ncrawl_delay_max = '1m'",
        )
        .unwrap();
        let secs = Duration::from_secs;
        let rules = config.rules().unwrap();
        let delayed = Rule {
            delay: Some(secs(3)),
            jitter: Some(0.5),
            ..Rule::new(Reach::domain("a.example").unwrap())
        };
        assert_eq!(rules[0], delayed);
        let of_host = Rule {
            per_host: Some(4),
            obey_robots: Some(false),
            priority: Some(-2),
            adaptive: Some(Some(Adaptive { factor: 2.0, min: Duration::ZERO, max: secs(20) })),
            ..Rule::new(Reach::host("a.example:8080").unwrap())
        };
        assert_eq!(rules[1], of_host);
        let under_prefix = Rule {
            max_pages: Some(9),
            refresh: Some(Refresh { min: secs(3600), max: secs(65 * 3600), first: secs(2 * 3600) }),
            adaptive: Some(None),
            crawl_delay_max: Some(secs(60)),
            ..Rule::new(Reach::prefix("https://a.example/api/").unwrap())
        };
        assert_eq!(rules[2], under_prefix);
    }

    #[test]
    fn what_is_refused_and_how() {
        for (rule, want) in [
            ("delay = '1s'", "rules[0] in test.toml: a rule is for one of host"),
            ("host = 'a'\ndomain = 'a'", "rules[0] in test.toml: a rule is for one of host"),
            ("host = 'http://a/'", "rules[0].host in test.toml: \"http://a/\" is no host"),
            ("domain = 'a:81'", "rules[0].domain in test.toml: \"a:81\" is no domain"),
            ("prefix = 'a/b'", "rules[0].prefix in test.toml: \"a/b\" is no prefix"),
            ("host = 'a'\ndelay = '2'", "rules[0].delay in test.toml: \"2\" is no length of time"),
            ("host = 'a'\ndelay = '99y'", "rules[0].delay in test.toml: "),
            ("host = 'a'\nper_host = 0", "rules[0].per_host in test.toml: \"0\": must be at least 1"),
            ("host = 'a'\njitter = 1.5", "rules[0].jitter in test.toml: \"1.5\": must be from 0 to 1"),
            (
                "host = 'a'\nadaptive_delay = -1.0",
                "rules[0].adaptive_delay in test.toml: \"-1\": must be from",
            ),
            ("host = 'a'\nadaptive_min = '1s'", "rules[0].adaptive_delay in test.toml: \"1s\": is missing"),
            ("host = 'a'\nrobots = 'maybe'", "rules[0].robots in test.toml: unknown variant `maybe`"),
            ("host = 'a'\npriority = 300", "rules[0].priority in test.toml: invalid value"),
            ("host = 'a'\nrefresh_min = '1h'", "rules[0].refresh_min in test.toml: \"1h\": stands alone"),
            (
                "host = 'a'\nrefresh_min = '2h'\nrefresh_max = '1h'",
                "rules[0].refresh_max in test.toml: \"1h\": is less",
            ),
            ("host = 'a'\ndelai = '1s'", "rules[0].delai in test.toml: unknown field `delai`"),
        ] {
            let error = from_toml(&format!("[[rules]]\n{rule}")).map(drop).unwrap_err();
            assert!(error.starts_with(&format!("configuration key {want}")), "{rule}: {error}");
        }
    }
}
