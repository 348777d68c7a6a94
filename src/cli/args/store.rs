//! What can be said to the commands that ask a store.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use serde_json::Value;

use super::{CrawlLimitArgs, Layers, lay, list};

/// Which records: what `query`, `export` and `reparse` have in common.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Which records")]
pub(in crate::cli) struct FilterArgs {
    /// Only URLs of this host (host, or host:port)
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only URLs of this name and of all names below it
    #[arg(long, value_name = "NAME")]
    pub domain: Option<String>,
    /// Only URLs that begin like this
    #[arg(long, value_name = "URL")]
    pub under: Option<String>,
    /// Only this status: 404, 4xx, or 200-299
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Only this type, as in text/html; image/ for all of a kind
    #[arg(long, value_name = "TYPE")]
    pub mime: Option<String>,
    /// Asked for then or later: a time (RFC 3339), a date, 2h or 7d for that long ago; or a sequence number to go on from
    #[arg(long, value_name = "T|SEQ")]
    pub since: Option<String>,
    /// Asked for before then
    #[arg(long, value_name = "T")]
    pub until: Option<String>,
    /// In which order [default: seq; by time with --since T and --until, by URL with --under]
    #[arg(long, value_enum, value_name = "ORDER")]
    pub order: Option<RecordOrder>,
    /// The last one first
    #[arg(long)]
    pub reverse: bool,
    /// At most this many; of a page that gives several rows all are told
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// What never got a response, instead of the responses
    #[arg(long)]
    pub failures: bool,
    /// The robots.txt files too, which are no pages
    #[arg(long)]
    pub robots: bool,
    /// Every response of a URL, not only its last one
    #[arg(long)]
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum RecordOrder {
    /// Of their commits.
    Seq,
    /// Of the moments at which they were asked for.
    Time,
    /// Of their URLs: by host from its end, then by path.
    Url,
}

/// What is made of a page: rows of one's own.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Rows of one's own")]
pub(in crate::cli) struct SelectArgs {
    /// A column: NAME=SELECTOR with a CSS selector (::text, ::html or @ATTRIBUTE behind it) or a JSON pointer;
    /// NAME[]=SELECTOR for all matches as a list (repeatable)
    #[arg(long, value_name = "NAME=SELECTOR")]
    pub select: Vec<String>,
    /// A row for each element that a CSS selector matches, or of the array that a JSON pointer leads to; --select is
    /// relative to it
    #[arg(long, value_name = "SELECTOR", requires = "select")]
    pub each: Option<String>,
    /// Only the selected columns, without url, fetched_at and status
    #[arg(long, requires = "select")]
    pub only: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline query --status 404\n  dragline query --host example.org --mime text/html --limit 20\n  dragline query --failures\n  dragline query --since 2h --order time --reverse\n  dragline query --jsonl | jq -r '[.url,.status]|@tsv'\n  dragline query --select title=h1 --select price=.price@content --csv > prices.csv\n  dragline query --each article --select 'name=h2' --select 'tags[]=.tag'\n  dragline query --mime application/json --each /items --select /id --select name=/name --jsonl"
)]
pub(in crate::cli) struct QueryArgs {
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub select: SelectArgs,
    /// Go on behind what an earlier query with --limit has told
    #[arg(long, value_name = "C")]
    pub cursor: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    pub jsonl: bool,
    /// Comma-separated (RFC 4180); a cell that a spreadsheet would run as a formula gets an apostrophe
    #[arg(long, conflicts_with = "jsonl")]
    pub csv: bool,
    /// The same, with every cell as it is
    #[arg(long, conflicts_with_all = ["jsonl", "csv"])]
    pub csv_raw: bool,
    /// Only how many rows there are
    #[arg(long, conflicts_with_all = ["jsonl", "csv", "csv_raw"])]
    pub count: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline export --format jsonl --out pages.jsonl\n  dragline export --format parquet --out pages/ --partition host\n  dragline export --format warc --out errors.warc.gz --status 5xx\n  dragline export --format wacz --out site.wacz --host example.org\n  dragline export --format csv --out prices.csv --select name=h1 --select price=.price@content\n\nAn export that was stopped, by whatever, goes on where it was when the same is said again. What is exported is what\nthe store had when it began. A file that has its name is whole; until then it ends in .partial.\n\nExit codes: 0 all of it, 1 some payloads could not be read, 2 bad usage, 130 stopped."
)]
pub(in crate::cli) struct ExportArgs {
    /// jsonl, csv, parquet, warc, wacz or cdxj
    #[arg(long, value_name = "FORMAT")]
    pub format: String,
    /// A file that is not there yet; a folder where there are to be several files, or with a slash at its end
    #[arg(long, value_name = "FILE|DIR")]
    pub out: PathBuf,
    /// A folder for each host, day, status or type, as in host=example.org/part-00000.parquet
    #[arg(long, value_name = "BY", default_value = "none")]
    pub partition: String,
    /// Begin another file after so many rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rows_per_file: Option<u64>,
    /// Begin another file after so many bytes [default in a folder: 1GiB]
    #[arg(long, value_name = "SIZE")]
    pub bytes_per_file: Option<String>,
    /// What of each body is in its row
    #[arg(long, value_enum, default_value = "none", value_name = "HOW", conflicts_with = "select")]
    pub body: BodyName,
    /// Leave a cell as it is that a spreadsheet would run as a formula
    #[arg(long)]
    pub csv_raw: bool,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub select: SelectArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum BodyName {
    /// Nothing.
    None,
    /// Text in Unicode, of types that are text.
    Text,
    /// All bytes: as body_base64; in Parquet, which has bytes, as body.
    Base64,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline reparse --follow json --mime application/json\n  dragline reparse --follow json=/results/*/url --admit && dragline crawl https://example.org/\n  dragline reparse --select title=h1 --against titles.jsonl > titles-new.jsonl\n\nThe crawl's settings are those of its last run, as the store keeps them; a flag, or --set, says what would be with\nanother one. Without --select, a line of --jsonl has: url, via, depth, purpose."
)]
pub(in crate::cli) struct ReparseArgs {
    /// Take the URLs of JSON documents too: json for all of them, json=/results/*/url for those that a pointer leads to
    /// (repeatable)
    #[arg(long, value_name = "json[=POINTER]", conflicts_with = "select")]
    pub follow: Vec<String>,
    /// Which links are in scope: host, domain, prefix or any
    #[arg(long, value_name = "SCOPE", conflicts_with = "select")]
    pub scope: Option<String>,
    /// Give the URLs that are not known to the next crawl on this store, as links of these pages
    #[arg(long, conflicts_with = "select")]
    pub admit: bool,
    /// Every URL that is not known as a JSON object a line
    #[arg(long, conflicts_with = "select")]
    pub jsonl: bool,
    /// Say how the selected rows differ from those of an earlier run
    #[arg(long, value_name = "FILE", requires = "select")]
    pub against: Option<PathBuf>,
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub select: SelectArgs,
}

impl ReparseArgs {
    pub(super) fn lay(&self, layers: &mut Layers) {
        let flags = [
            ("crawl.follow", "--follow", list(&self.follow)),
            ("crawl.scope", "--scope", self.scope.clone().map(Value::from)),
        ];
        lay(layers, flags);
    }
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("part"), after_help = "Examples:\n  dragline show https://example.org/\n  dragline show https://example.org/ --body > page.html\n  dragline show https://example.org/ --links")]
pub(in crate::cli) struct ShowArgs {
    /// The URL
    #[arg(value_name = "URL")]
    pub url: String,
    /// The head of the response as it came
    #[arg(long, group = "part")]
    pub headers: bool,
    /// The body, with gzip and the like undone
    #[arg(long, group = "part")]
    pub body: bool,
    /// The body as it came
    #[arg(long, group = "part")]
    pub raw: bool,
    /// The links of the page
    #[arg(long, group = "part")]
    pub links: bool,
    /// The stored pages that link to it; all of them are read for that
    #[arg(long, group = "part")]
    pub links_in: bool,
    /// Every visit of the URL, the oldest first
    #[arg(long, group = "part")]
    pub history: bool,
    /// With --history, one JSON object a line
    #[arg(long, requires = "history")]
    pub jsonl: bool,
    /// The record as JSON
    #[arg(long, group = "part")]
    pub json: bool,
    /// The visit with this sequence number instead of the last one; --history has the numbers
    #[arg(long, value_name = "N", conflicts_with = "history")]
    pub seq: Option<u64>,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline stats\n  dragline stats --json --store example-data\n  dragline stats --hosts --jsonl | jq -c '[.host,.delay_s,.gap_min_s]'\n\nA line of --hosts --jsonl has: host, pages, responses, failures, refusals, bytes, robots_visits, requests,\ngap_min_s, gap_median_s (as recorded, from start to start, robots.txt included), and, of hosts that a crawl has in\nits books, besides delay_s: delay_because, waiting, next_in_s, next_because, pace, address, robots, crawl_delay_s, beyond."
)]
pub(in crate::cli) struct StatsArgs {
    /// As JSON: by_host, by_status, by_mime, by_size (from so many bytes, powers of two), by_day (UTC), by_failure
    #[arg(long)]
    pub json: bool,
    /// Each host: what came of asking it, the delay it was promised and given, what waits for it
    #[arg(long)]
    pub hosts: bool,
    /// With --hosts, one JSON object a line
    #[arg(long, requires = "hosts", conflicts_with = "json")]
    pub jsonl: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline explain https://example.org/private/x\n  dragline explain https://example.org/a?b --json\n  dragline explain https://other.example/ --scope any\n\nThe crawl's settings are those of its last run, as the store keeps them; a flag says what would be with\nanother one. For a URL that was never visited all records are read, to find who has a link to it. Of a\ncrawl that is running, what it has in its books is told as of its last checkpoint and what was kept since."
)]
pub(in crate::cli) struct ExplainArgs {
    /// The URL
    #[arg(value_name = "URL")]
    pub url: String,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub limits: CrawlLimitArgs,
}
