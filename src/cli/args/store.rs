//! What can be said to the commands that ask a store.

use clap::Args as ClapArgs;

use super::CrawlLimitArgs;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline query --status 404\n  dragline query --host example.org --mime text/html --limit 20\n  dragline query --failures\n  dragline query --jsonl | jq -r '[.url,.status]|@tsv'"
)]
pub(in crate::cli) struct QueryArgs {
    /// Only URLs of this host (host, or host:port)
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Only this status: 404, 4xx, or 200-299
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// Only this type, as in text/html
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
    /// One JSON object a line
    #[arg(long)]
    pub jsonl: bool,
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
    /// Every visit of the URL
    #[arg(long, group = "part")]
    pub history: bool,
    /// The record as JSON
    #[arg(long, group = "part")]
    pub json: bool,
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline stats\n  dragline stats --json --store example-data\n  dragline stats --hosts --jsonl | jq -c '[.host,.delay_s,.gap_min_s]'\n\nA line of --hosts --jsonl has: host, pages, responses, failures, refusals, bytes, robots_visits, requests,\ngap_min_s, gap_median_s (as recorded, from start to start, robots.txt included), and, of hosts that a crawl has in\nits books, besides delay_s: delay_because, waiting, next_in_s, next_because, pace, address, robots, crawl_delay_s, beyond."
)]
pub(in crate::cli) struct StatsArgs {
    /// As JSON
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
    after_help = "Examples:\n  dragline explain https://example.org/private/x\n  dragline explain https://example.org/a?b --json\n  dragline explain https://other.example/ --scope any\n\nThe crawl's settings are those of its last run, as the store keeps them; a flag says what would be with\nanother one. For a URL that was never visited all records are read, to find who has a link to it. The store must\nnot be in use."
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
