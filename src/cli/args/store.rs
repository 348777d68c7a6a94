//! What can be said to the commands that ask a store.

use clap::Args as ClapArgs;

use super::CrawlLimitArgs;

/// Which records: what `query`, `export` and `reparse` have in common.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Which records")]
pub(in crate::cli) struct FilterArgs {
    /// Only URLs of this host (host, or host:port)
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only this status: 404, 4xx, or 200-299
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Only this type, as in text/html; image/ for all of a kind
    #[arg(long, value_name = "TYPE")]
    pub mime: Option<String>,
    /// From this sequence number on
    #[arg(long, value_name = "SEQ")]
    pub since: Option<u64>,
    /// At most this many
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
    after_help = "Examples:\n  dragline query --status 404\n  dragline query --host example.org --mime text/html --limit 20\n  dragline query --failures\n  dragline query --jsonl | jq -r '[.url,.status]|@tsv'\n  dragline query --select title=h1 --select price=.price@content --csv > prices.csv\n  dragline query --each article --select 'name=h2' --select 'tags[]=.tag'\n  dragline query --mime application/json --each /items --select /id --select name=/name --jsonl"
)]
pub(in crate::cli) struct QueryArgs {
    #[command(flatten)]
    pub filter: FilterArgs,
    #[command(flatten)]
    pub select: SelectArgs,
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
