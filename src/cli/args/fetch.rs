//! What can be said to `dragline fetch`, and the road from its flags to their configuration keys.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::Value;

use super::lay;
use crate::config::Layers;

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  dragline fetch 'https://api.example/items?page=[1-50]' --expect json > answers.jsonl\n  dragline fetch @urls.txt --per-host 8 --rate 20/s --retries 3\n  dragline fetch https://api.example/search -d 'q=spider' -H 'Accept: application/json' --auth me:secret\n  dragline fetch 'http://{a,b}.example/[01-12].csv' --expect text/csv --store kept --explain-slow\n\nA line has: n, url, final_url, ok, status, fetched_at, mime, size, digest, redirects, location, truncated,\nattempts, error, blame, detail, timings, tls, and json, body or body_base64.\n\nExit codes: 0 every answer as wished, 3 no response at all, 4 some answers not as wished\n(an error, a status other than 2xx, or not what --expect says), 130 interrupted."
)]
pub(in crate::cli) struct FetchArgs {
    /// What to ask: URLs with [1-50], [a-z:2], {x,y} in them; @FILE or - for a list, one a line
    #[arg(value_name = "URL|@FILE|-")]
    pub urls: Vec<String>,
    /// Take [ ] { } in URLs as they are
    #[arg(short = 'g', long)]
    pub globoff: bool,
    /// The method [default: GET, or POST with -d]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,
    /// A header; it goes to the URL's own origin only (repeatable)
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers_given: Vec<String>,
    /// A body; several are joined with & (repeatable)
    #[arg(short = 'd', long, value_name = "DATA")]
    pub data: Vec<String>,
    /// A file as the body, byte for byte
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    pub data_file: Option<PathBuf>,
    /// Credentials: USER:PASSWORD or 'bearer TOKEN' for each URL's own origin; ORIGIN=… for another; @FILE to read
    /// them (repeatable)
    #[arg(long, value_name = "[ORIGIN=]USER:PASSWORD")]
    pub auth: Vec<String>,
    /// Keep cookies in a file and share them among all calls; without it each call is on its own
    #[arg(long, value_name = "FILE")]
    pub cookie_jar: Option<PathBuf>,
    /// What an answer must be: json, html, xml, text/csv, 2xx, 200-299, 404, and commas between
    #[arg(long, value_name = "WHAT")]
    pub expect: Option<String>,
    /// Requests out to one origin at a time [default: 32]
    #[arg(long, value_name = "N")]
    per_host: Option<usize>,
    /// Requests out at a time in all [default: 1024]
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
    /// Requests begun in a time, as in 20/s or 100/m
    #[arg(long, value_name = "N/T")]
    rate: Option<String>,
    /// For one request, from its beginning to its last byte [default: 2m]
    #[arg(long, value_name = "D")]
    timeout: Option<String>,
    /// Stop after this long; what was not answered by then is counted
    #[arg(long, value_name = "D")]
    max_time: Option<String>,
    /// Largest body, as received and as decoded; what is longer is cut and marked [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    max_body: Option<String>,
    /// How often a call is tried again after a failure, 429 or 5xx, where the method allows it (not POST) [default: 2]
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Redirects followed one after another; 0 follows none [default: 10]
    #[arg(long, value_name = "N")]
    max_redirects: Option<u8>,
    /// A new connection for each request
    #[arg(long)]
    pub fresh: bool,
    /// Stop at the first answer that is not as wished
    #[arg(long)]
    pub fail_fast: bool,
    /// Which line comes first
    #[arg(long, value_enum, default_value = "arrival", value_name = "ORDER")]
    pub order: OrderName,
    /// Put the answer's headers into its line
    #[arg(long)]
    pub headers: bool,
    /// Say at the end where the time went, by phase and host
    #[arg(long)]
    pub explain_slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum OrderName {
    /// As they arrive.
    Arrival,
    /// As they were asked.
    Input,
}

impl FetchArgs {
    pub(super) fn lay(&self, layers: &mut Layers) {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        let flags = [
            ("gather.per_host", "--per-host", self.per_host.map(Value::from)),
            ("gather.concurrency", "--concurrency", self.concurrency.map(Value::from)),
            ("gather.rate", "--rate", text(&self.rate)),
            ("gather.retries", "--retries", self.retries.map(Value::from)),
            ("gather.max_redirects", "--max-redirects", self.max_redirects.map(Value::from)),
            ("fetch.total_timeout", "--timeout", text(&self.timeout)),
            ("gather.max_time", "--max-time", text(&self.max_time)),
            ("fetch.max_body", "--max-body", text(&self.max_body)),
        ];
        lay(layers, flags);
    }
}
