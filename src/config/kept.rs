//! What is kept of a configuration beside a crawl, for explaining it later.
//!
//! Owns the choice: where the crawl began and what it goes by. Nothing of the wire is among it, and so no secret.

use dragline_model::CanonicalUrl;
use serde::{Deserialize, Serialize};

use super::{Config, CrawlConfig, RuleConfig};

/// The settings of a run, as `crawl.json` in a store has them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptSettings {
    /// Where it began.
    pub seeds: Vec<CanonicalUrl>,
    /// How the crawler named itself.
    pub user_agent: String,
    /// `[crawl]`.
    pub crawl: CrawlConfig,
    /// `[[rules]]`.
    pub rules: Vec<RuleConfig>,
}

impl Config {
    /// What is kept of these settings, as JSON.
    pub(crate) fn as_kept(&self, seeds: &[CanonicalUrl]) -> String {
        let kept = KeptSettings {
            seeds: seeds.to_vec(),
            user_agent: self.user_agent.clone(),
            crawl: self.crawl.clone(),
            rules: self.rules.clone(),
        };
        // All of it came from a text of such values.
        serde_json::to_string_pretty(&kept).unwrap_or_default()
    }
}

impl KeptSettings {
    /// Reads what was kept; the error is in words.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// The configuration that these settings are a part of; the rest is as it always is.
    pub fn config(self) -> Config {
        Config { user_agent: self.user_agent, crawl: self.crawl, rules: self.rules, ..Config::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let mut config = Config::default();
        (config.crawl.max_depth, config.crawl.delay) = (Some(3), super::super::Span::from_secs(7));
        config.rules.push(RuleConfig { host: Some("a.example".into()), ..RuleConfig::default() });
        let seeds = [CanonicalUrl::parse("http://a.example/").unwrap()];
        let kept = KeptSettings::parse(&config.as_kept(&seeds)).unwrap();
        assert_eq!(kept.seeds, seeds);
        let again = kept.config();
        assert_eq!((again.crawl.max_depth, again.crawl.delay), (config.crawl.max_depth, config.crawl.delay));
        assert_eq!(again.rules[0].host.as_deref(), Some("a.example"));
        assert!(KeptSettings::parse("{}").is_err());
    }
}
