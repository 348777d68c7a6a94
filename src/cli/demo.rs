//! `dragline demo`: a web inside this process, and a crawl of it.
//!
//! Owns the first minute of a newcomer: nothing but this program is needed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use dragline_fakeweb::{Faults, Web, WebSpec};

use super::{
    Trouble,
    args::{Args, DemoArgs},
    crawl::{exit_code, watch},
    progress, screen,
    text::counted,
};
use crate::{Crawl, config::Span};

pub(super) fn run(command: &DemoArgs, args: &Args) -> Result<u8, Trouble> {
    let web =
        spec(command).start().map_err(|error| Trouble::File { path: "the demo's web".into(), error })?;
    let mut config = args.config()?;
    if !args.names_store() {
        config.store = new_place();
    }
    config.resolve.push(web.resolve_rule());
    config.crawl.delay = Duration::from_millis(20).into();
    config.crawl.per_host = 2;
    config.crawl.retry_wait = Duration::from_millis(300).into();
    config.crawl.back_off = Duration::from_millis(300).into();
    // Some pages of that web never answer, some never end.
    config.fetch.head_timeout = Span::from_secs(1);
    config.fetch.total_timeout = Span::from_secs(2);
    config.fetch.max_body = crate::config::ByteSize::from_mib(1);
    if !args.output.quiet {
        introduce(&web, command);
    }
    let store = config.store.clone();
    let seeds = web.seeds();
    let report = watch(Crawl::new(seeds).config(config).start()?, args.output.quiet);
    if !args.output.quiet {
        screen::say("");
        for line in progress::summary(&report, &store).lines() {
            screen::say(line);
        }
        what_next(&web, &store);
    }
    Ok(exit_code(&report))
}

/// A place that nothing was in before: the demo must not mix with a crawl.
fn new_place() -> PathBuf {
    let name = |n: u64| std::env::temp_dir().join(format!("dragline-demo-{n}"));
    let first = u64::from(std::process::id());
    (first..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(first))
}

fn spec(command: &DemoArgs) -> WebSpec {
    WebSpec {
        seed: command.seed,
        hosts: command.hosts as usize,
        pages_per_host: command.pages as usize,
        page_bytes: 12 << 10,
        faults: Faults::mixed(0.01),
        big_bytes: 2 << 20,
        slow_delay: Duration::from_millis(400),
        keep_log: false,
        ..WebSpec::default()
    }
}

fn introduce(web: &Web, command: &DemoArgs) {
    screen::say(&format!(
        "a web of {} with {} each runs at {}; some of its pages are slow, broken,\n\
         endless or never answer. Crawling it politely: two requests at a time to a host, 20 ms apart.\n",
        counted(command.hosts, "host"),
        counted(command.pages, "page"),
        web.addr()
    ));
}

fn what_next(web: &Web, store: &Path) {
    let store = store.display();
    screen::say(&format!(
        "\nNow ask the store:\n\
         \x20 dragline stats --store {store}\n\
         \x20 dragline query --store {store} --status 404\n\
         \x20 dragline query --store {store} --failures\n\
         \x20 dragline show  --store {store} {seed}\n\
         \x20 dragline show  --store {store} {seed} --links\n\
         and then crawl something real:\n\
         \x20 dragline crawl https://example.org/ --max-pages 50",
        seed = web.url(0, 0)
    ));
}
