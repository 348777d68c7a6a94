//! From a configuration to how hosts are treated.
//!
//! Owns the defaults that follow from one another: what a delay says of an address, a retry's wait of a host that is
//! silent.

use std::{sync::Arc, time::Duration};

use dragline_actors::{Addresses, Follow, Revisiting};
use dragline_frontier::{Limits, Manners, Refresh, RetryTable, RuleBook, Scope};
use dragline_model::Normaliser;
use dragline_politeness::{BackOffRules, PaceRules, RobotsRules};

use crate::config::{Config, ConfigError, CrawlConfig, RobotsName, Span};

/// An address gets the pace of so many hosts, where nothing else is said: a server that hosts a hundred sites is
/// still one server.
const HOSTS_PER_ADDRESS: u32 = 10;
/// A host whose robots.txt cannot be had is asked for it again after so many times the wait of a retry, then after
/// twice as long, and so on.
const ROBOTS_RETRY: u32 = 1;

/// What a crawl may do, to one host and in all. `agent` is whom robots.txt files know it by.
pub(crate) fn limits(config: &Config, scope: Arc<Scope>, agent: Arc<str>) -> Result<Limits, ConfigError> {
    let crawl = &config.crawl;
    Ok(Limits {
        rules: rule_book(config)?,
        address: Some(address(crawl)),
        robots: robots(crawl),
        agent,
        scope: Some(scope),
        max_pages: crawl.max_pages,
        retry: RetryTable { base: crawl.retry_wait.get() },
        patience: crawl.patience.get(),
        traps: crawl.trap_rules(),
        score: None,
    })
}

/// What is looked for in answers. `agent` is whom robots directives are read for.
pub(crate) fn follow(
    crawl: &CrawlConfig,
    agent: Arc<str>,
    normaliser: Normaliser,
) -> Result<Follow, ConfigError> {
    Ok(Follow {
        extract: crawl.extract(&agent)?,
        agent,
        robots: crawl.robots == RobotsName::Obey,
        sitemaps: crawl.sitemaps,
        normaliser: Arc::new(normaliser),
    })
}

/// How hosts are treated.
fn rule_book(config: &Config) -> Result<RuleBook, ConfigError> {
    let crawl = &config.crawl;
    let usual = crawl.pace(PaceRules::default());
    let pace = PaceRules {
        refused: BackOffRules { first: crawl.back_off.get(), ..usual.refused },
        unreached: BackOffRules { first: crawl.retry_wait.get(), ..usual.unreached },
        ..usual
    };
    let obey_robots = crawl.robots == RobotsName::Obey;
    let refresh = crawl.refresh.map(|min| {
        let max = crawl.refresh_max.unwrap_or(min);
        Refresh::between(min.get(), max.get())
    });
    Ok(RuleBook::new(Manners { pace, obey_robots, refresh, ..Manners::default() }, config.rules()?))
}

/// How an address is treated that several hosts share.
fn address(crawl: &CrawlConfig) -> PaceRules {
    let per_host = u32::try_from(crawl.per_host).unwrap_or(u32::MAX);
    PaceRules {
        delay: crawl.ip_delay.map_or(crawl.delay.get() / HOSTS_PER_ADDRESS, Span::get),
        concurrency: crawl.per_ip.unwrap_or(per_host.saturating_mul(HOSTS_PER_ADDRESS)),
        adaptive: None,
        jitter: 0.0,
        ..PaceRules::default()
    }
}

/// Whose pace is shared. What belongs to the user himself (a private address that was allowed, or one that a name was
/// sent to) is his to be asked as he likes, unless he says how.
pub(crate) fn addresses(crawl: &CrawlConfig) -> Addresses {
    if crawl.per_ip.is_some() || crawl.ip_delay.is_some() { Addresses::All } else { Addresses::Public }
}

/// Whether anything is looked at again, and how soon at the soonest.
pub(crate) fn revisiting(config: &Config) -> Option<Revisiting> {
    let by_rules = config.rules.iter().filter_map(|rule| rule.refresh_min);
    let min = config.crawl.refresh.into_iter().chain(by_rules).map(|span| span.get()).min()?;
    Some(Revisiting { once: config.crawl.once, min })
}

/// How robots.txt files are come by.
fn robots(crawl: &CrawlConfig) -> RobotsRules {
    let usual = RobotsRules::default();
    let first = crawl.retry_wait.get().saturating_mul(ROBOTS_RETRY).max(Duration::from_millis(1));
    RobotsRules { retry: BackOffRules { first, ..usual.retry }, ..usual }
}
