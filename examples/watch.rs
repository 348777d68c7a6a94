//! A crawl that is watched, paused and drained from another thread, and then gone on with.
//!
//! `cargo run --example watch`.

use std::{error::Error, time::Duration};

use dragline::Crawl;
use dragline_fakeweb::WebSpec;

fn main() -> Result<(), Box<dyn Error>> {
    let web = WebSpec { hosts: 4, pages_per_host: 100, ..WebSpec::default() }.start()?;
    let dir = tempfile::tempdir()?;
    let crawl = || {
        Crawl::new(web.seeds()).resolve(web.resolve_rule()).store(dir.path()).delay(Duration::from_millis(5))
    };

    let running = crawl().start()?;
    while running.snapshot().counts.pages < 50 {
        running.wait_timeout(Duration::from_millis(10));
    }
    running.drain();
    let report = running.wait();
    println!("drained after {} pages, {} URLs still wait", report.pages, report.queued);

    // The same crawl on the same store goes on where it stopped, and asks for nothing twice.
    let report = crawl().run()?;
    println!("{} more pages, {} in the store", report.pages, report.pages_in_store);
    assert_eq!(web.requests(), 400 + 4, "each page, and each host's robots.txt");
    Ok(())
}
