//! The options of `crawl`, and the settings that they are.
//!
//! Owns their names; what each does is the configuration's.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::Value;

use super::{Layers, lay, list};

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline crawl https://example.org/\n  dragline crawl https://example.org/docs/ --scope prefix --max-pages 500 --delay 500ms\n  dragline crawl http://localhost:8000/ --allow-net 127.0.0.0/8 --delay 0s --per-host 16\n\nCtrl-C drains: what is out comes home and is kept. A second one stops at once; nothing is lost\neither way, and the same command goes on."
)]
pub(in crate::cli) struct CrawlArgs {
    /// Where to start
    #[arg(value_name = "URL")]
    pub seeds: Vec<String>,
    #[command(flatten)]
    pub limits: CrawlLimitArgs,
    /// Write the final summary to a file as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Credentials for the seeds' origins, or for another; @FILE to read them (repeatable)
    #[arg(long, value_name = "[ORIGIN=]USER:PASSWORD")]
    pub auth: Vec<String>,
    /// Say at the end where the time went, by phase and host
    #[arg(long)]
    pub explain_slow: bool,
}

#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct CrawlLimitArgs {
    /// Which links are followed [default: host]
    #[arg(long, value_name = "host|domain|prefix|any")]
    scope: Option<String>,
    /// End after N pages (responses of status 2xx), those of earlier runs included
    #[arg(long, value_name = "N")]
    max_pages: Option<u64>,
    /// Follow links at most N steps from a seed
    #[arg(long, value_name = "N")]
    max_depth: Option<u64>,
    /// Follow links at most N steps off the scope [default: 0]
    #[arg(long, value_name = "N")]
    max_hops_off: Option<u64>,
    /// Follow only links whose URL matches a regular expression (repeatable: one of them)
    #[arg(long, value_name = "RE")]
    include: Vec<String>,
    /// Do not follow links whose URL matches a regular expression (repeatable: any of them)
    #[arg(long, value_name = "RE")]
    exclude: Vec<String>,
    /// At most N URLs of one host
    #[arg(long, value_name = "N")]
    max_per_host: Option<u64>,
    /// At most N URLs of one registrable domain
    #[arg(long, value_name = "N")]
    max_per_domain: Option<u64>,
    /// At most N hosts of one registrable domain; 0 is no bound [default: 10000]
    #[arg(long, value_name = "N")]
    max_subdomains: Option<u64>,
    /// At most N queries of one path; 0 is no bound [default: 100000]
    #[arg(long, value_name = "N")]
    max_query_variations: Option<u64>,
    /// Follow links into what looks like a trap: pages that bring nothing new and lead to more of their kind
    #[arg(long)]
    no_trap_guard: bool,
    #[command(flatten)]
    canonical: CanonicalArgs,
    /// Follow the URLs in JSON documents: json for all of them, json=/results/*/url for those that a pointer leads to
    /// (RFC 6901, * for any one segment; repeatable)
    #[arg(long, value_name = "json[=POINTER]")]
    follow: Vec<String>,
    /// Follow the candidates of srcset, too
    #[arg(long)]
    srcset: bool,
    /// Do not follow links with rel=nofollow, ugc or sponsored
    #[arg(long)]
    nofollow: bool,
    /// Do not ask for sitemaps
    #[arg(long)]
    no_sitemaps: bool,
    /// Ask again for what was fetched longer ago than this, and go on doing so; unchanged pages cost a 304
    #[arg(long, value_name = "D")]
    refresh: Option<String>,
    /// Leave what does not change alone for longer and longer, up to this [default: as --refresh]
    #[arg(long, value_name = "D")]
    refresh_max: Option<String>,
    /// With --refresh: end when nothing is due
    #[arg(long)]
    once: bool,
    /// Drain after this long
    #[arg(long, value_name = "D")]
    max_time: Option<String>,
    /// Requests at one host at a time [default: 1]
    #[arg(long, value_name = "N")]
    per_host: Option<u64>,
    /// From the start of one request to a host to the start of the next [default: 1s]
    #[arg(long, value_name = "D")]
    delay: Option<String>,
    /// Lengthen each delay at random by up to this share of it, 0 to 1 [default: 0]
    #[arg(long, value_name = "F")]
    jitter: Option<f64>,
    /// Wait at least F times as long as the host takes to answer
    #[arg(long, value_name = "F")]
    adaptive_delay: Option<f64>,
    /// Requests at one address at a time, whatever its hosts [default: 10 times --per-host]
    #[arg(long, value_name = "N")]
    per_ip: Option<u64>,
    /// From the start of one request to an address to the start of the next [default: a tenth of --delay]
    #[arg(long, value_name = "D")]
    ip_delay: Option<String>,
    /// Requests out at a time in all [default: 256]
    #[arg(long, value_name = "N")]
    concurrency: Option<u64>,
    /// Take no cookies and send none
    #[arg(long)]
    no_cookies: bool,
    /// Whether robots.txt is obeyed [default: obey]
    #[arg(long, value_name = "obey|ignore")]
    robots: Option<String>,
}

/// What is left out of URLs.
#[derive(Debug, ClapArgs)]
pub(in crate::cli) struct CanonicalArgs {
    /// Put query parameters in the order of their names
    #[arg(long)]
    sort_query: bool,
    /// Leave query parameters out: a NAME, NAME* for all that begin so, tracking for those that only follow visitors
    #[arg(long, value_name = "tracking,NAME,…", value_delimiter = ',')]
    drop_params: Vec<String>,
    /// Leave sessions out: ;jsessionid=…, PHPSESSID=…, sid=… and their like
    #[arg(long)]
    drop_session_ids: bool,
}

impl CanonicalArgs {
    pub(super) fn lay(&self, layers: &mut Layers) {
        let flags = [
            ("crawl.sort_query", "--sort-query", self.sort_query.then_some(Value::from(true))),
            ("crawl.drop_params", "--drop-params", list(&self.drop_params)),
            (
                "crawl.drop_session_ids",
                "--drop-session-ids",
                self.drop_session_ids.then_some(Value::from(true)),
            ),
        ];
        lay(layers, flags);
    }
}

impl CrawlLimitArgs {
    pub(super) fn lay(&self, layers: &mut Layers) {
        self.canonical.lay(layers);
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let flags = [
            ("crawl.scope", "--scope", text(&self.scope)),
            ("crawl.max_pages", "--max-pages", self.max_pages.map(Value::from)),
            ("crawl.max_depth", "--max-depth", self.max_depth.map(Value::from)),
            ("crawl.max_hops_off", "--max-hops-off", self.max_hops_off.map(Value::from)),
            ("crawl.include", "--include", list(&self.include)),
            ("crawl.exclude", "--exclude", list(&self.exclude)),
            ("crawl.max_per_host", "--max-per-host", self.max_per_host.map(Value::from)),
            ("crawl.max_per_domain", "--max-per-domain", self.max_per_domain.map(Value::from)),
            ("crawl.max_subdomains", "--max-subdomains", self.max_subdomains.map(Value::from)),
            (
                "crawl.max_query_variations",
                "--max-query-variations",
                self.max_query_variations.map(Value::from),
            ),
            ("crawl.trap_guard", "--no-trap-guard", self.no_trap_guard.then_some(Value::from(false))),
            ("crawl.follow", "--follow", list(&self.follow)),
            ("crawl.srcset", "--srcset", self.srcset.then_some(Value::from(true))),
            ("crawl.nofollow", "--nofollow", self.nofollow.then_some(Value::from(true))),
            ("crawl.sitemaps", "--no-sitemaps", self.no_sitemaps.then_some(Value::from(false))),
            ("crawl.refresh", "--refresh", text(&self.refresh)),
            ("crawl.refresh_max", "--refresh-max", text(&self.refresh_max)),
            ("crawl.once", "--once", self.once.then_some(Value::from(true))),
            ("crawl.max_time", "--max-time", text(&self.max_time)),
            ("crawl.per_host", "--per-host", self.per_host.map(Value::from)),
            ("crawl.delay", "--delay", text(&self.delay)),
            ("crawl.jitter", "--jitter", self.jitter.map(Value::from)),
            ("crawl.adaptive_delay", "--adaptive-delay", self.adaptive_delay.map(Value::from)),
            ("crawl.per_ip", "--per-ip", self.per_ip.map(Value::from)),
            ("crawl.ip_delay", "--ip-delay", text(&self.ip_delay)),
            ("crawl.concurrency", "--concurrency", self.concurrency.map(Value::from)),
            ("crawl.cookies", "--no-cookies", self.no_cookies.then_some(Value::from(false))),
            ("crawl.robots", "--robots", text(&self.robots)),
        ];
        lay(layers, flags);
    }
}
