//! What can be said on the command line.
//!
//! Owns names, help and examples, and the road from a flag to its configuration key. The names are fixed:
//! scripts depend on them.

mod archive;
mod crawl;
mod fetch;
mod store;
pub(super) use archive::{CompactArgs, FsckArgs, ImportArgs};
pub(super) use crawl::{CanonicalArgs, CrawlArgs, CrawlLimitArgs};
pub(super) use fetch::{FetchArgs, OrderName};
pub(super) use store::{
    BodyName, ExplainArgs, ExportArgs, FilterArgs, QueryArgs, RecordOrder, ReparseArgs, SelectArgs, ShowArgs,
    StatsArgs,
};

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use serde_json::Value;

use crate::config::{Config, ConfigError, KeptSettings, Layers};

/// A crawler that never lets go of the thread.
#[derive(Debug, Parser)]
#[command(
    name = "dragline",
    version,
    about = "A crawler that never lets go of the thread: supervised, resumable, and everything it fetched can be asked.",
    after_help = "Try it:\n  dragline demo                          a web of its own and a crawl of it, no network needed\n  dragline crawl https://example.org/    a polite crawl of one site into ./dragline-data\n  dragline query                         what is in the store\n  dragline fetch 'https://api.example/items?page=[1-50]' --expect json   many calls at once\n\nExit codes: 0 finished or budget reached, 1 internal error, 2 bad usage or configuration,\n3 nothing could be fetched, 4 some answers of fetch are not as wished, 130 interrupted and drained."
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub shared: SharedArgs,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Follow links from URLs and keep every response; the same --store again goes on where it stopped
    Crawl(CrawlArgs),
    /// Ask many URLs at once; each answer is a line of JSON the moment it is in
    Fetch(FetchArgs),
    /// List what is in a store
    Query(QueryArgs),
    /// Write what is in a store into files: JSONL, CSV, Parquet, WARC, WACZ, CDXJ
    Export(ExportArgs),
    /// Look for links, or rows, in stored pages again, and say what is new; nothing is fetched
    Reparse(ReparseArgs),
    /// Show one stored response: its record, head, body, links or history
    Show(ShowArgs),
    /// Count what is in a store, by host, status and type
    Stats(StatsArgs),
    /// Say what is known of a URL, and why it was or was not asked for
    Explain(ExplainArgs),
    /// Make a store's index anew from its archive
    #[command(after_help = "Example:\n  dragline rebuild --store example-data")]
    Rebuild,
    /// Look for damage in a store: its archive, its index, what a crawl remembers
    Fsck(FsckArgs),
    /// Take WARC files of other tools into a store
    Import(ImportArgs),
    /// Make a store smaller: drop old payloads, by age, by count or by size
    Compact(CompactArgs),
    /// Say what a robots.txt allows, and by which line
    Robots(RobotsArgs),
    /// Print the canonical form of URLs
    Url(UrlArgs),
    /// Print the links of a document, one a line
    Links(LinksArgs),
    /// Crawl a small hostile web that runs inside this process; nothing else is needed
    Demo(DemoArgs),
}

/// Options of every command.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Shared options")]
pub(super) struct SharedArgs {
    /// The directory of what is kept [default: ./dragline-data; fetch keeps nothing unless it is named]
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Allow a private address range; it is refused otherwise (repeatable)
    #[arg(long, global = true, value_name = "CIDR")]
    allow_net: Vec<String>,
    /// Send a name, or *.name, to an address instead of asking DNS (repeatable)
    #[arg(long, global = true, value_name = "NAME=IP[:PORT]")]
    resolve: Vec<String>,
    /// Trust the certificates of a PEM file besides the public ones
    #[arg(long, global = true, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Ask this name server instead of the system's (repeatable)
    #[arg(long = "dns", global = true, value_name = "IP[:PORT]")]
    name_servers: Vec<String>,
    /// Go through a proxy: http:// or socks5://[USER:PASSWORD@]HOST:PORT, or @FILE with one a line; several take
    /// turns (repeatable)
    #[arg(long, global = true, value_name = "URL")]
    proxy: Vec<String>,
    /// Do not check the certificates of a host, or *.NAME; what comes from it is marked (repeatable)
    #[arg(long, global = true, value_name = "HOST")]
    insecure: Vec<String>,
    /// How the crawler names itself to servers; put an address of yours in it
    #[arg(long, global = true, value_name = "S")]
    user_agent: Option<String>,
    /// A configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one configuration key, as in crawl.retry_wait=5s (repeatable)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// What is printed besides the answer.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Shared options")]
pub(super) struct OutputArgs {
    /// Say more (-vv: much more)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline robots https://example.org/ https://example.org/private/x /search?q=1\n  dragline robots robots.txt --agent Googlebot https://example.org/private/x\n  echo '{\"robots\":\"User-agent: *\\nDisallow: /x\",\"agent\":\"me\",\"url\":\"https://example.org/x/y\"}' | dragline robots --jsonl\n\nExit codes: 0 there is a verdict, whatever it is, 1 no such file, 2 bad usage, 3 no host answered."
)]
pub(super) struct RobotsArgs {
    /// The file, - for standard input, or a URL: the robots.txt of its host is asked for, as a crawl would
    #[arg(value_name = "FILE|URL", required_unless_present = "jsonl")]
    pub from: Option<String>,
    /// What to say of: URLs, or paths with their queries
    #[arg(value_name = "URL")]
    pub urls: Vec<String>,
    /// Who asks: a name, or a whole identification string [default: that of --user-agent]
    #[arg(long, value_name = "NAME")]
    pub agent: Option<String>,
    /// Read {"robots"|"robots_b64","agent","url"} lines from standard input; answer each with "allowed", and the
    /// "line", "pattern" and "group" that decide
    #[arg(long, conflicts_with = "from")]
    pub jsonl: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline url 'HTTP://Example.ORG:80/a/../b#frag'\n  echo '{\"url\":\"../x?q=1\",\"base\":\"https://example.org/a/b/c\"}' | dragline url --jsonl"
)]
pub(super) struct UrlArgs {
    /// The URLs; none with --jsonl
    #[arg(value_name = "URL", required_unless_present = "jsonl")]
    pub urls: Vec<String>,
    /// Resolve them against this URL
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,
    /// Read {"url","base"} lines from standard input, answer each with "canonical" or "error"
    #[arg(long, conflicts_with = "urls")]
    pub jsonl: bool,
    #[command(flatten)]
    pub canonical: CanonicalArgs,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:\n  dragline links page.html --base https://example.org/docs/")]
pub(super) struct LinksArgs {
    /// The document; - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The URL it came from
    #[arg(long, value_name = "URL")]
    pub base: String,
    /// Its Content-Type, as in 'text/html; charset=koi8-r'
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// Read it as an answer to a request for a sitemap, whatever its type: XML, lines of URLs, or either in gzip
    #[arg(long)]
    pub sitemap: bool,
    /// Take the URLs of a JSON document: json for all of them, json=/results/*/url for those that a pointer leads to
    /// (RFC 6901, * for any one segment; repeatable)
    #[arg(long, value_name = "json[=POINTER]")]
    pub follow: Vec<String>,
    /// Take the candidates of srcset, too
    #[arg(long)]
    pub srcset: bool,
    /// Leave out links with rel=nofollow, ugc or sponsored
    #[arg(long)]
    pub nofollow: bool,
    /// Behind the links, a line of JSON with what the document is and says of itself
    #[arg(long)]
    pub facts: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  dragline demo\n  dragline demo --hosts 200 --pages 50 --seed 7")]
pub(super) struct DemoArgs {
    /// Hosts of the web
    #[arg(long, default_value_t = 24, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=2_000))]
    pub hosts: u64,
    /// Pages of each host
    #[arg(long, default_value_t = 80, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub pages: u64,
    /// Another seed is another web
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
}

impl Args {
    /// `--store` was given.
    pub(super) fn names_store(&self) -> bool {
        self.shared.store.is_some()
    }

    /// The configuration: defaults, file, environment, flags.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        self.config_over(None)
    }

    /// The same, with the settings of a store's last run over file and environment, and under the flags.
    pub(super) fn config_over(&self, kept: Option<&KeptSettings>) -> Result<Config, ConfigError> {
        for (key, path) in [("store", &self.shared.store), ("ca_file", &self.shared.ca_file)] {
            if let Some(path) = path.as_ref().filter(|path| path.to_str().is_none()) {
                let why = "is not UTF-8; paths in a configuration have to be";
                return Err(ConfigError::value(key, &path.to_string_lossy(), why));
            }
        }
        let mut layers = Layers::new();
        if let Some(file) = &self.shared.config {
            layers.file(file)?;
        }
        layers.environment()?;
        if let Some(kept) = kept {
            let KeptSettings { user_agent, crawl, rules, .. } = kept;
            for (key, value) in [
                ("user_agent", serde_json::to_value(user_agent)),
                ("crawl", serde_json::to_value(crawl)),
                ("rules", serde_json::to_value(rules)),
            ] {
                // All of it was read from JSON.
                layers.set("the store's crawl.json", key, value.unwrap_or_default());
            }
        }
        for pair in &self.shared.set {
            layers.set_text(pair)?;
        }
        self.shared.lay(&mut layers);
        if let Command::Crawl(crawl) = &self.command {
            crawl.limits.lay(&mut layers);
        }
        if let Command::Explain(explain) = &self.command {
            explain.limits.lay(&mut layers);
        }
        if let Command::Reparse(reparse) = &self.command {
            reparse.lay(&mut layers);
        }
        if let Command::Fetch(fetch) = &self.command {
            fetch.lay(&mut layers);
        }
        if let Command::Url(url) = &self.command {
            url.canonical.lay(&mut layers);
        }
        layers.build()
    }
}

impl SharedArgs {
    fn lay(&self, layers: &mut Layers) {
        let path = |path: &PathBuf| Value::from(path.to_string_lossy().into_owned());
        let flags = [
            ("store", "--store", self.store.as_ref().map(path)),
            ("ca_file", "--ca-file", self.ca_file.as_ref().map(path)),
            ("user_agent", "--user-agent", self.user_agent.clone().map(Value::from)),
            ("allow_net", "--allow-net", list(&self.allow_net)),
            ("resolve", "--resolve", list(&self.resolve)),
            ("name_servers", "--dns", list(&self.name_servers)),
            ("proxy", "--proxy", list(&self.proxy)),
            ("insecure", "--insecure", list(&self.insecure)),
        ];
        lay(layers, flags);
    }
}

fn list(texts: &[String]) -> Option<Value> {
    (!texts.is_empty()).then(|| texts.to_vec().into())
}

fn lay<const N: usize>(layers: &mut Layers, flags: [(&str, &str, Option<Value>); N]) {
    for (key, flag, value) in flags {
        if let Some(value) = value {
            layers.set(flag, key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_become_keys() {
        let args = Args::parse_from([
            "dragline",
            "crawl",
            "http://a/",
            "--delay",
            "3s",
            "--store",
            "x",
            "--set",
            "crawl.per_host=4",
        ]);
        let config = args.config().unwrap();
        assert_eq!(config.crawl.delay, crate::config::Span::from_secs(3));
        assert_eq!(config.store, PathBuf::from("x"));
        assert_eq!(config.crawl.per_host, 4);
        let line = "dragline crawl http://a/ --include /docs/ --include x{1,2} --exclude [.]pdf$ --max-hops-off 2 \
                    --max-per-host 5 --max-per-domain 6 --max-subdomains 7 --max-query-variations 8 --no-trap-guard \
                    --jitter 0.25 --per-ip 3 --ip-delay 50ms --adaptive-delay 2 --sort-query \
                    --drop-params tracking,ref* --drop-session-ids";
        let crawl = Args::parse_from(line.split_whitespace()).config().unwrap().crawl;
        assert_eq!(
            (crawl.include, crawl.exclude),
            (vec!["/docs/".into(), "x{1,2}".into()], vec!["[.]pdf$".into()])
        );
        assert_eq!((crawl.max_hops_off, crawl.max_per_host, crawl.max_per_domain), (2, Some(5), Some(6)));
        assert_eq!((crawl.max_subdomains, crawl.max_query_variations, crawl.trap_guard), (7, 8, false));
        assert_eq!((crawl.jitter, crawl.per_ip, crawl.adaptive_delay), (0.25, Some(3), Some(2.0)));
        assert_eq!(crawl.ip_delay, Some("50ms".parse().unwrap()));
        assert_eq!((crawl.sort_query, crawl.drop_session_ids), (true, true));
        assert_eq!(crawl.drop_params, ["tracking", "ref*"]);
        let args = Args::parse_from(["dragline", "crawl", "http://a/", "--include", "a(b"]);
        assert_eq!(
            args.config().unwrap_err().to_string(),
            "configuration key crawl.include in --include: pattern a(b, at character 2, \"(\": unclosed group"
        );
        let args = Args::parse_from(["dragline", "crawl", "http://a/", "--delay", "soon"]);
        let error = args.config().unwrap_err().to_string();
        assert!(
            error.starts_with("configuration key crawl.delay in --delay: \"soon\" is no length of time"),
            "{error}"
        );
    }
}
