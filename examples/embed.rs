//! A crawl inside a program of one's own, and a question to its store.
//!
//! It crawls a small web that it serves itself, so it runs anywhere: `cargo run --example embed`.

use std::{error::Error, time::Duration};

use dragline::Crawl;
use dragline_fakeweb::WebSpec;

fn main() -> Result<(), Box<dyn Error>> {
    let web = WebSpec { hosts: 3, pages_per_host: 40, ..WebSpec::default() }.start()?;
    let dir = tempfile::tempdir()?;

    let report = Crawl::new(web.seeds())
        .resolve(web.resolve_rule())
        .store(dir.path())
        .delay(Duration::from_millis(5))
        .max_pages(100)
        .run()?;
    println!("{} pages, {}", report.pages, report.stopped_because);

    let store = dragline::open(dir.path())?;
    for record in store.pages().mime("text/html").limit(3).records()? {
        let record = record?;
        println!("{} {} {} bytes", record.url, record.status.unwrap_or_default(), record.size);
    }
    Ok(())
}
