//! A crawl and a gathering in a world where 127.0.1.0/24 is public.

use std::{collections::BTreeMap, time::Duration};

use dragline::{
    Answer, Call, Crawl, Gather, Report, ScopeKind,
    config::{Config, RobotsName},
    gather::GatherError,
    model::FailureKind,
    storage::Record,
};
use dragline_fetch::Settings;
use dragline_frontier::RetryTable;

/// What counts as public here.
pub(crate) const PUBLIC: &str = "127.0.1.0/24";

/// What a crawl left behind.
pub(crate) struct Crawled {
    pub(crate) report: Report,
    /// The last record of every URL.
    pub(crate) records: BTreeMap<String, Record>,
}

impl Crawled {
    /// The status of a URL, or the kind of its failure, or that it was never heard of.
    pub(crate) fn outcome(&self, url: &str) -> String {
        match self.records.get(url) {
            None => "unknown".to_owned(),
            Some(Record { status: Some(status), .. }) => status.to_string(),
            Some(record) => record.error.as_ref().map_or("nothing".into(), |error| error.kind.to_string()),
        }
    }
}

/// Settings of a quick crawl that goes everywhere a link leads.
pub(crate) fn config() -> Config {
    let mut config = Config { allow_net: vec![PUBLIC.to_owned()], ..Config::default() };
    config.crawl.scope = ScopeKind::Any.into();
    config.crawl.delay = Duration::ZERO.into();
    config.crawl.retry_wait = Duration::from_millis(1).into();
    config.crawl.back_off = Duration::from_millis(1).into();
    // Who asks for what is counted here; manners and traps have tests of their own.
    config.crawl.robots = RobotsName::Ignore;
    config.crawl.trap_guard = false;
    config.crawl.fetchers = 2;
    config
}

/// Crawls to the end, in a store of its own.
pub(crate) fn crawl<S: Into<String>>(seeds: impl IntoIterator<Item = S>, config: Config) -> Crawled {
    crawl_with(Crawl::new(seeds).config(config))
}

/// The same with more than a configuration can say.
pub(crate) fn crawl_with(crawl: Crawl) -> Crawled {
    let dir = tempfile::tempdir().unwrap();
    let report = crawl.store(dir.path()).run().unwrap();
    assert_eq!(report.stopped_because, "finished", "{report:?}");
    let store = dragline::open(dir.path()).unwrap();
    let records = store.pages().with_failures().latest_only(true).records().unwrap();
    let records = records.map(|record| record.unwrap()).map(|record| (record.url.to_string(), record));
    Crawled { report, records: records.collect() }
}

/// Settings of a gathering in the same world.
pub(crate) fn settings() -> Settings {
    Settings { allow_net: vec![PUBLIC.parse().unwrap()], ..Settings::default() }
}

/// A gathering that does not wait long before another attempt.
pub(crate) fn gather<C>(calls: C, settings: Settings) -> Gather
where
    C: IntoIterator + Send + 'static,
    C::Item: TryInto<Call>,
    <C::Item as TryInto<Call>>::Error: Into<GatherError>,
{
    Gather::new(calls).settings(settings).retry_table(RetryTable { base: Duration::from_millis(1) })
}

/// The answers to some calls, in their order.
pub(crate) fn ask<C>(calls: C, settings: Settings) -> Vec<Answer>
where
    C: IntoIterator + Send + 'static,
    C::Item: TryInto<Call>,
    <C::Item as TryInto<Call>>::Error: Into<GatherError>,
{
    gather(calls, settings).in_order(true).start().unwrap().collect()
}

/// The status of an answer, or the kind of its failure.
pub(crate) fn told(answer: &Answer) -> String {
    match (&answer.failure, answer.status) {
        (Some(failure), _) => failure.kind.to_string(),
        (None, status) => status.unwrap().to_string(),
    }
}

/// The particulars of a failure that must be of one kind.
pub(crate) fn detail(answer: &Answer, kind: FailureKind) -> &str {
    match &answer.failure {
        Some(failure) if failure.kind == kind => &failure.detail,
        _ => panic!("expected {kind}, got {answer:?}"),
    }
}
