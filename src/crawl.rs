//! A crawl as an application meets it: a builder, and a handle on a running crawl.
//!
//! Owns the road from a configuration to a ring. The ring runs on threads of its own, so that it can be
//! started from anywhere, within another runtime too.

use std::{
    cell::OnceCell,
    fmt,
    ops::Deref,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use dragline_actors::{Control, End, Plan, Snapshot, StopReason, ring};
use dragline_cookies::Jar;
use dragline_fetch::{Auth, OriginAuth, SettingsError};
use dragline_frontier::ScopeKind;
use dragline_model::{CanonicalUrl, Link, UrlError};
use dragline_politeness::product_token;
use dragline_storage::{Store, StoreError};

use crate::{
    Report,
    config::{Config, ConfigError, without_userinfo},
    manners,
};

/// A crawl to be run. The defaults are those of the command line: one request a second to a host, only the
/// hosts of the seeds, everything kept in `./dragline-data`.
///
/// Running the same crawl on the same store again goes on where it stopped.
#[derive(Clone)]
pub struct Crawl {
    seeds: Vec<String>,
    config: Config,
    auth: Vec<OriginAuth>,
}

impl fmt::Debug for Crawl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seeds: Vec<String> = self.seeds.iter().map(|seed| without_userinfo(seed)).collect();
        f.debug_struct("Crawl").field("seeds", &seeds).field("config", &self.config).finish_non_exhaustive()
    }
}

/// Why a crawl could not begin.
#[derive(Debug)]
pub enum CrawlError {
    /// A seed is no http(s) URL.
    Seed(String, UrlError),
    /// There is no seed.
    NoSeed,
    /// A setting is wrong.
    Config(ConfigError),
    /// A setting of the wire is wrong.
    Settings(SettingsError),
    /// The store cannot be used.
    Store(StoreError),
    /// No thread could be had.
    Thread(std::io::Error),
}

impl CrawlError {
    /// It is what the caller asked for that is wrong, not what happened.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            CrawlError::Seed(..)
                | CrawlError::NoSeed
                | CrawlError::Config(_)
                | CrawlError::Settings(_)
                | CrawlError::Store(StoreError::NotAStore { .. })
        )
    }
}

impl fmt::Display for CrawlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CrawlError::Seed(text, error) => {
                write!(f, "seed \"{}\": {error}; a seed looks like https://example.org/", text.escape_debug())
            }
            CrawlError::NoSeed => f.write_str("no seed: name at least one URL to start from"),
            CrawlError::Config(error) => error.fmt(f),
            CrawlError::Settings(error) => error.fmt(f),
            CrawlError::Store(error) => error.fmt(f),
            CrawlError::Thread(error) => write!(f, "no thread for the crawl: {error}"),
        }
    }
}

impl std::error::Error for CrawlError {}

impl From<ConfigError> for CrawlError {
    fn from(error: ConfigError) -> Self {
        CrawlError::Config(error)
    }
}

impl From<StoreError> for CrawlError {
    fn from(error: StoreError) -> Self {
        CrawlError::Store(error)
    }
}

impl Crawl {
    /// A crawl from these URLs.
    pub fn new<S: Into<String>>(seeds: impl IntoIterator<Item = S>) -> Self {
        Self {
            seeds: seeds.into_iter().map(Into::into).collect(),
            config: Config::default(),
            auth: Vec::new(),
        }
    }

    /// All settings at once.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Where it is kept; made if it is not there.
    pub fn store(mut self, dir: impl Into<PathBuf>) -> Self {
        self.config.store = dir.into();
        self
    }

    /// Which links are followed.
    pub fn scope(mut self, scope: ScopeKind) -> Self {
        self.config.crawl.scope = scope.into();
        self
    }

    /// From the start of one request to a host to the start of the next.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.config.crawl.delay = delay.into();
        self
    }

    /// Requests at one host at a time.
    pub fn per_host(mut self, requests: usize) -> Self {
        self.config.crawl.per_host = requests;
        self
    }

    /// Ends the crawl after this many pages (responses of status 2xx), those of earlier runs included.
    pub fn max_pages(mut self, pages: u64) -> Self {
        self.config.crawl.max_pages = Some(pages);
        self
    }

    /// Drains the crawl after this long.
    pub fn max_time(mut self, time: Duration) -> Self {
        self.config.crawl.max_time = Some(time.into());
        self
    }

    /// Requests out at a time in all.
    pub fn concurrency(mut self, requests: usize) -> Self {
        self.config.crawl.concurrency = requests;
        self
    }

    /// Follows links at most this far from a seed.
    pub fn max_depth(mut self, depth: u16) -> Self {
        self.config.crawl.max_depth = Some(depth);
        self
    }

    /// Names the crawler to the servers; put an address in it under which its owner can be reached.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.config.user_agent = user_agent.into();
        self
    }

    /// Lifts the guard on private addresses for a range, as in `127.0.0.0/8`.
    pub fn allow_net(mut self, range: impl Into<String>) -> Self {
        self.config.allow_net.push(range.into());
        self
    }

    /// Sends a name to an address, as in `api.example=127.0.0.1:8080` or `*.example=127.0.0.1`.
    pub fn resolve(mut self, rule: impl Into<String>) -> Self {
        self.config.resolve.push(rule.into());
        self
    }

    /// Credentials for one origin, the scheme, host and port of a URL; they go nowhere else.
    pub fn auth(mut self, origin: &str, auth: Auth) -> Result<Self, CrawlError> {
        let url =
            CanonicalUrl::parse(origin).map_err(|error| CrawlError::Seed(without_userinfo(origin), error))?;
        self.auth.push(OriginAuth::new(&url, auth));
        Ok(self)
    }

    #[cfg(feature = "cli")]
    pub(crate) fn auth_for_origins(mut self, auth: Vec<OriginAuth>) -> Self {
        self.auth.extend(auth);
        self
    }

    /// Takes no cookies and sends none.
    pub fn without_cookies(mut self) -> Self {
        self.config.crawl.cookies = false;
        self
    }

    /// Starts the crawl on threads of its own.
    pub fn start(self) -> Result<Running, CrawlError> {
        self.config.check()?;
        let seeds = parse_seeds(&self.seeds)?;
        let crawl = &self.config.crawl;
        // A connection is a file, and the customary limit on them is low.
        dragline_fetch::raise_open_files();
        let mut settings = self.config.fetch_settings()?;
        settings.auth.extend(self.auth);
        let fetch = dragline_fetch::Shared::new(settings).map_err(CrawlError::Settings)?;
        let store = Store::create_or_open(&self.config.store, self.config.keep.options())?;
        let normaliser = crawl.normaliser()?;
        let seeds: Vec<_> = seeds.into_iter().map(|seed| normaliser.apply(seed)).collect();
        store.keep_settings(&self.config.as_kept(&seeds))?;
        let scope = crawl.scope(&seeds)?;
        let agent: Arc<str> = product_token(&self.config.user_agent).into();
        let plan = Plan {
            scope: scope.clone(),
            seeds: seeds.into_iter().map(Link::seed).collect(),
            store,
            limits: manners::limits(&self.config, Arc::new(scope), agent.clone())?,
            addresses: Some(manners::addresses(crawl)),
            revisiting: manners::revisiting(&self.config),
            follow: manners::follow(crawl, agent, normaliser)?,
            fetch,
            cookies: crawl.cookies.then(Jar::default),
            fetchers: crawl.fetchers(),
            concurrency: crawl.concurrency,
            redirects_max: crawl.max_redirects,
            decoded_bytes_max: self.config.fetch.max_body.get() as usize,
            held_bytes_max: self.config.fetch.bodies_in_flight.get(),
            max_time: crawl.max_time.map(|time| time.get()),
            drain_limit: crawl.drain_limit.get(),
            disk_patience: crawl.disk_patience.get(),
            intensity: dragline_actors::Intensity::default(),
        };
        let desk = plan.store.serve().inspect_err(|error| {
            tracing::warn!(%error, "while it runs, the store cannot be asked by others");
        });
        let handle = Handle { control: Control::new(plan.fetchers), begun: Instant::now() };
        let (over, ended) = mpsc::channel();
        let control = handle.control.clone();
        std::thread::Builder::new()
            .name("dragline".into())
            .spawn(move || {
                let end = actix_rt::System::new().block_on(ring::run(plan, control));
                drop(desk);
                // Nobody may be waiting any more.
                let _ = over.send(end);
            })
            .map_err(CrawlError::Thread)?;
        Ok(Running { handle, ended, end: OnceCell::new() })
    }

    /// Runs the crawl to its end.
    pub fn run(self) -> Result<Report, CrawlError> {
        self.start().map(Running::wait)
    }
}

fn parse_seeds(texts: &[String]) -> Result<Vec<CanonicalUrl>, CrawlError> {
    if texts.is_empty() {
        return Err(CrawlError::NoSeed);
    }
    texts
        .iter()
        .map(|text| {
            CanonicalUrl::parse(text.trim()).map_err(|error| CrawlError::Seed(without_userinfo(text), error))
        })
        .collect()
}

/// A crawl that is running. Dropping it does not stop the crawl.
#[derive(Debug)]
pub struct Running {
    handle: Handle,
    ended: mpsc::Receiver<End>,
    end: OnceCell<(End, Duration)>,
}

/// What can be asked of a running crawl, and told to it, from any thread. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Handle {
    control: Control,
    begun: Instant,
}

impl Handle {
    /// The figures now.
    pub fn snapshot(&self) -> Snapshot {
        self.control.progress().snapshot()
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Makes no more requests until [`Handle::resume`].
    pub fn pause(&self) {
        self.control.pause();
    }

    /// Goes on after [`Handle::pause`].
    pub fn resume(&self) {
        self.control.resume();
    }

    /// Ends the crawl in order: what is out comes home and is kept, what waits is left for the next run.
    pub fn drain(&self) {
        self.control.drain(StopReason::Interrupted);
    }
}

impl Running {
    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Waits for the end, but no longer than this; true when it has come.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        if self.end.get().is_none() {
            match self.ended.recv_timeout(timeout) {
                Ok(end) => self.come_to(end),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => self.come_to(self.broken_end()),
            }
        }
        true
    }

    /// Waits for the end.
    pub fn wait(self) -> Report {
        if self.end.get().is_none() {
            let end = self.ended.recv().unwrap_or_else(|_| self.broken_end());
            self.come_to(end);
        }
        let (end, elapsed) = self.end.get().cloned().unwrap_or_else(|| (self.broken_end(), self.elapsed()));
        Report::new(&end, elapsed)
    }

    fn come_to(&self, end: End) {
        let _ = self.end.set((end, self.elapsed()));
    }

    /// The thread of the ring is gone without a word.
    fn broken_end(&self) -> End {
        End {
            reason: StopReason::GaveUp("the thread of the crawl panicked".into()),
            snapshot: self.snapshot(),
            spent: self.control.progress().spent(),
        }
    }
}

impl Deref for Running {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl From<crate::config::ScopeName> for ScopeKind {
    fn from(name: crate::config::ScopeName) -> Self {
        use crate::config::ScopeName;
        match name {
            ScopeName::Host => ScopeKind::Host,
            ScopeName::Domain => ScopeKind::Domain,
            ScopeName::Prefix => ScopeKind::Prefix,
            ScopeName::Any => ScopeKind::Any,
        }
    }
}

impl From<ScopeKind> for crate::config::ScopeName {
    fn from(kind: ScopeKind) -> Self {
        match kind {
            ScopeKind::Host => Self::Host,
            ScopeKind::Domain => Self::Domain,
            ScopeKind::Prefix => Self::Prefix,
            ScopeKind::Any => Self::Any,
        }
    }
}
