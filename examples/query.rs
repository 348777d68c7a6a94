//! The questions that a store is asked first: `cargo run --example query`.
//!
//! It crawls a small web that it serves itself, so it runs anywhere; a store of your own is opened by its directory.

use std::{error::Error, time::Duration};

use dragline::{Crawl, storage::Order};
use dragline_fakeweb::WebSpec;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let web = WebSpec { hosts: 3, pages_per_host: 40, ..WebSpec::default() }.start()?;
    let crawl = Crawl::new(web.seeds()).resolve(web.resolve_rule()).store(dir.path());
    crawl.delay(Duration::from_millis(5)).max_pages(100).run()?;

    let store = dragline::open(dir.path())?;

    println!("What is there?");
    let stats = store.stats()?;
    for (host, share) in &stats.by_host {
        println!(
            "  {host}: {} responses, {} bytes, {} failures",
            share.responses, share.bytes, share.failures
        );
    }

    println!("What came last?");
    for record in store.pages().order(Order::Time).reversed().limit(3).records()? {
        println!("  {}", record?.url);
    }

    println!("What went wrong?");
    for record in store.pages().status(400..).limit(3).records()? {
        let record = record?;
        println!("  {} {}, found on {:?}", record.status.unwrap_or_default(), record.url, record.via);
    }
    for record in store.pages().failures_only().limit(3).records()? {
        let record = record?;
        println!("  {}: {}", record.url, record.error.map(|error| error.to_string()).unwrap_or_default());
    }

    println!("What does a page say, and did it ever say something else?");
    let page = store.pages().mime("text/html").limit(1).records()?.next().ok_or("no page was kept")??;
    let body = store.body(&page, 1 << 20)?;
    println!("  {} begins {:?}", page.url, String::from_utf8_lossy(&body.bytes[..body.bytes.len().min(40)]));
    println!("  it was looked at {} time(s)", store.history(&page.url)?.len());

    println!("What is in one part of a site, three at a time?");
    let part = || store.pages().host(page.url.authority()).order(Order::Url).limit(3);
    let mut records = part().records()?;
    for round in 1..=2 {
        for record in &mut records {
            println!("  {round}: {}", record?.url);
        }
        // The cursor is a text too, and can be kept for another day.
        records = part().after(&records.cursor()).records()?;
    }

    println!("What is new since I looked last? (A running crawl wakes whoever waits.)");
    let mut feed = store.since(store.last_seq()? - 2);
    while feed.wait(Duration::ZERO)? {
        for record in &mut feed {
            println!("  {}", record?.url);
        }
    }
    Ok(())
}
