//! The configuration: what can be set, where it may stand, and what is refused.
//!
//! Layers, each over the one before: defaults, a file, the environment (`DRAGLINE__CRAWL__DELAY=2s`), the
//! command line. An unknown key or a wrong value is refused with its source, its name and the nearest known
//! name; nothing is silently coerced (`1.9` is not `2`).

mod crawl;
pub use crawl::{CrawlConfig, RobotsName, ScopeName};

mod follow;
#[cfg(feature = "cli")]
pub(crate) use follow::follow_json;

mod keep;
pub use keep::KeepConfig;

mod kept;
pub use kept::KeptSettings;

mod layers;
pub use layers::Layers;

mod reach;

mod rules;
pub use rules::RuleConfig;

mod units;
pub use units::{ByteSize, Span};

mod wire;
pub(crate) use wire::without_userinfo;
pub use wire::{AuthConfig, Proxies};
use wire::{parse_name_server, read_proxies};

use std::{fmt, path::PathBuf};

use dragline_fetch::Settings;
use serde::{Deserialize, Serialize};

/// Fetcher threads at most.
const FETCHERS_MAX: usize = 1024;
/// The longest time that can be set: longer ones are slips, and clocks do not reach them.
const SPAN_MAX: std::time::Duration = std::time::Duration::from_secs(366 * 86_400);

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The directory of the crawl.
    pub store: PathBuf,
    /// How the crawler names itself to servers.
    pub user_agent: String,
    /// Address ranges for which the guard on private addresses is lifted.
    pub allow_net: Vec<String>,
    /// `NAME=IP[:PORT]` rules that stand in for DNS.
    pub resolve: Vec<String>,
    /// Name servers (`IP` or `IP:PORT`) in place of the system's.
    pub name_servers: Vec<String>,
    /// Proxies to go through, in turns: `http://` or `socks5://`, `[USER:PASSWORD@]HOST:PORT`; `@FILE` is a file with
    /// one a line.
    pub proxy: Proxies,
    /// PEM certificates trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Hosts, or `*.NAME`, whose certificates are not checked.
    pub insecure: Vec<String>,
    /// Credentials, each for one origin.
    pub auth: Vec<AuthConfig>,
    /// How a crawl goes about.
    pub crawl: CrawlConfig,
    /// How some hosts are treated, and others not.
    pub rules: Vec<RuleConfig>,
    /// How many questions are asked at once.
    pub gather: GatherConfig,
    /// Limits of one request.
    pub fetch: FetchConfig,
    /// How what is fetched is kept.
    pub keep: KeepConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "./dragline-data".into(),
            user_agent: concat!("dragline/", env!("CARGO_PKG_VERSION")).into(),
            allow_net: Vec::new(),
            resolve: Vec::new(),
            name_servers: Vec::new(),
            proxy: Proxies::default(),
            ca_file: None,
            insecure: Vec::new(),
            auth: Vec::new(),
            crawl: CrawlConfig::default(),
            rules: Vec::new(),
            gather: GatherConfig::default(),
            fetch: FetchConfig::default(),
            keep: KeepConfig::default(),
        }
    }
}

/// How many questions are asked at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatherConfig {
    /// Requests out to one origin at a time.
    pub per_host: usize,
    /// Requests out at a time in all.
    pub concurrency: usize,
    /// Requests begun in a time, as in `10/s`.
    pub rate: Option<String>,
    /// After this long nothing more is asked or waited for.
    pub max_time: Option<Span>,
    /// How often a question is asked again.
    pub retries: u32,
    /// Redirects followed one after another.
    pub max_redirects: u8,
    /// The unit of waiting before a question is asked again.
    pub retry_wait: Span,
}

impl Default for GatherConfig {
    fn default() -> Self {
        Self {
            per_host: 32,
            concurrency: 1024,
            rate: None,
            max_time: None,
            retries: 2,
            max_redirects: 10,
            retry_wait: Span::from_secs(1),
        }
    }
}

impl GatherConfig {
    /// The rate, read.
    pub fn rate(&self) -> Result<Option<dragline_gather::Rate>, ConfigError> {
        let read = |text: &String| {
            text.parse().map_err(|error: dragline_gather::GatherError| {
                ConfigError::value("gather.rate", text, &error.to_string())
            })
        };
        self.rate.as_ref().map(read).transpose()
    }
}

/// Limits of one request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FetchConfig {
    /// For the TCP handshake.
    pub connect_timeout: Span,
    /// For the TLS handshake.
    pub tls_timeout: Span,
    /// From the request to the end of the response's head.
    pub head_timeout: Span,
    /// Without a byte of the body.
    pub idle_timeout: Span,
    /// Bytes a second of a body at the least, over half a minute; 0 is no bound.
    pub min_rate: ByteSize,
    /// For all of it.
    pub total_timeout: Span,
    /// Bytes of a body, as received and as decoded; what is longer is cut and marked as truncated.
    pub max_body: ByteSize,
    /// Bytes of large bodies on their way in, and again of harvests that wait for the disk.
    pub bodies_in_flight: ByteSize,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Span::from_secs(10),
            tls_timeout: Span::from_secs(10),
            head_timeout: Span::from_secs(30),
            idle_timeout: Span::from_secs(20),
            min_rate: ByteSize::from_bytes(256),
            total_timeout: Span::from_secs(120),
            max_body: ByteSize::from_mib(16),
            bodies_in_flight: ByteSize::from_mib(64),
        }
    }
}

impl Config {
    /// The settings of the wire.
    pub fn fetch_settings(&self) -> Result<Settings, ConfigError> {
        let mut settings = Settings {
            user_agent: self.user_agent.clone(),
            allow_net: parse_each("allow_net", &self.allow_net)?,
            overrides: parse_each("resolve", &self.resolve)?,
            name_servers: self
                .name_servers
                .iter()
                .map(|text| parse_name_server(text))
                .collect::<Result<_, _>>()?,
            proxies: read_proxies(&self.proxy.0)?,
            ca_file: self.ca_file.clone(),
            unverified: parse_each("insecure", &self.insecure)?,
            auth: self.auth.iter().map(AuthConfig::read).collect::<Result<_, _>>()?,
            ..Settings::default()
        };
        let (limits, fetch) = (&mut settings.limits, &self.fetch);
        limits.connect = fetch.connect_timeout.get();
        limits.tls = fetch.tls_timeout.get();
        limits.head = fetch.head_timeout.get();
        limits.idle = fetch.idle_timeout.get();
        limits.rate_bytes = fetch.min_rate.get().saturating_mul(limits.rate_window.as_secs());
        limits.total = fetch.total_timeout.get();
        limits.body_bytes = fetch.max_body.get();
        limits.bodies_in_flight = fetch.bodies_in_flight.get();
        limits.idle_per_host = limits.idle_per_host.max(self.crawl.per_host);
        Ok(settings)
    }

    /// Refuses values that each look right and together or at the edge are not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let at_least_one = [
            ("crawl.per_host", self.crawl.per_host as u64),
            ("crawl.concurrency", self.crawl.concurrency as u64),
            ("gather.per_host", self.gather.per_host as u64),
            ("gather.concurrency", self.gather.concurrency as u64),
            ("crawl.max_pages", self.crawl.max_pages.unwrap_or(1)),
            ("fetch.max_body", self.fetch.max_body.get()),
            ("fetch.bodies_in_flight", self.fetch.bodies_in_flight.get()),
        ];
        for (key, value) in at_least_one {
            if value == 0 {
                return Err(ConfigError::value(key, "0", "must be at least 1"));
            }
        }
        self.keep.check()?;
        let refresh = self.crawl.refresh.map(Span::get);
        if refresh.is_some_and(|it| it.is_zero()) {
            return Err(ConfigError::value("crawl.refresh", "0s", "must be longer: it would ask for ever"));
        }
        if let Some(max) = self.crawl.refresh_max.filter(|max| refresh.is_none_or(|min| max.get() < min)) {
            let why = if refresh.is_some() {
                "is less than crawl.refresh"
            } else {
                "says nothing without crawl.refresh"
            };
            return Err(ConfigError::value("crawl.refresh_max", &max.to_string(), why));
        }
        if self.crawl.adaptive_delay.is_some_and(|factor| !factor.is_finite()) {
            return Err(ConfigError::value("crawl.adaptive_delay", "nan", "must be a number"));
        }
        if self.crawl.fetchers > FETCHERS_MAX {
            let why = format!("must be at most {FETCHERS_MAX}: each is a thread");
            return Err(ConfigError::value("crawl.fetchers", &self.crawl.fetchers.to_string(), &why));
        }
        let (crawl, fetch) = (&self.crawl, &self.fetch);
        for (key, span) in [
            ("crawl.max_time", crawl.max_time.unwrap_or(Span::from_secs(0))),
            ("crawl.delay", crawl.delay),
            ("crawl.retry_wait", crawl.retry_wait),
            ("crawl.back_off", crawl.back_off),
            ("crawl.patience", crawl.patience),
            ("crawl.refresh", crawl.refresh.unwrap_or(Span::from_secs(0))),
            ("crawl.refresh_max", crawl.refresh_max.unwrap_or(Span::from_secs(0))),
            ("gather.retry_wait", self.gather.retry_wait),
            ("gather.max_time", self.gather.max_time.unwrap_or(Span::from_secs(0))),
            ("crawl.drain_limit", crawl.drain_limit),
            ("crawl.disk_patience", crawl.disk_patience),
            ("fetch.connect_timeout", fetch.connect_timeout),
            ("fetch.tls_timeout", fetch.tls_timeout),
            ("fetch.head_timeout", fetch.head_timeout),
            ("fetch.idle_timeout", fetch.idle_timeout),
            ("fetch.total_timeout", fetch.total_timeout),
        ]
        .into_iter()
        .chain(crawl.spans())
        {
            if span.get() > SPAN_MAX {
                return Err(ConfigError::value(key, &span.to_string(), "must be at most a year"));
            }
        }
        if self.user_agent.trim().is_empty() || self.user_agent.chars().any(|c| !(' '..='~').contains(&c)) {
            let why = "must be printable ASCII and not empty: it is how servers know who asks";
            return Err(ConfigError::value("user_agent", &self.user_agent, why));
        }
        self.gather.rate()?;
        self.crawl.check_reach()?;
        self.rules()?;
        self.fetch_settings().map(drop)
    }
}

fn parse_each<T: std::str::FromStr<Err: fmt::Display>>(
    key: &str,
    texts: &[String],
) -> Result<Vec<T>, ConfigError> {
    texts
        .iter()
        .map(|text| text.parse().map_err(|error: T::Err| ConfigError::value(key, text, &error.to_string())))
        .collect()
}

/// Why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// A source could not be read.
    Source {
        /// The file, or `environment`.
        source: String,
        /// The reader's words.
        why: String,
    },
    /// A key that nobody knows.
    UnknownKey {
        /// Where it stands.
        source: String,
        /// The key, with dots.
        key: String,
        /// The known one that it resembles most.
        nearest: Option<String>,
    },
    /// A key with a value that it cannot have.
    Value {
        /// Where it stands, as far as it is known.
        source: Option<String>,
        /// The key, with dots.
        key: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ConfigError {
    pub(crate) fn value(key: &str, value: &str, why: &str) -> Self {
        let why = format!("\"{}\": {why}", value.escape_debug());
        ConfigError::Value { source: None, key: key.into(), why }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Source { source, why } => write!(f, "configuration from {source}: {why}"),
            ConfigError::UnknownKey { source, key, nearest } => {
                write!(f, "unknown configuration key \"{}\" in {source}", key.escape_debug())?;
                match nearest {
                    Some(nearest) => write!(f, "; did you mean \"{nearest}\"?"),
                    None => Ok(()),
                }
            }
            ConfigError::Value { source, key, why } => {
                write!(f, "configuration key {key}")?;
                if let Some(source) = source {
                    write!(f, " in {source}")?;
                }
                write!(f, ": {why}")
            }
        }
    }
}

impl std::error::Error for ConfigError {}
