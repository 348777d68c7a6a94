//! Stored pages as rows: selected by CSS, printed, and written into a file that other tools read.
//!
//! It crawls a small web that it serves itself, so it runs anywhere: `cargo run --example rows`.

use std::{error::Error, ops::ControlFlow, time::Duration};

use dragline::{
    Crawl,
    export::{Every, Export, Format, Partition, Shape, csv, jsonl},
    extract::{SelectLimits, Selection},
};
use dragline_fakeweb::WebSpec;

fn main() -> Result<(), Box<dyn Error>> {
    let web = WebSpec { hosts: 2, pages_per_host: 20, ..WebSpec::default() }.start()?;
    let dir = tempfile::tempdir()?;
    let crawl = Crawl::new(web.seeds()).resolve(web.resolve_rule()).store(dir.path().join("store"));
    crawl.delay(Duration::from_millis(5)).run()?;
    let store = dragline::open(dir.path().join("store"))?;

    // A row for each page: its title, where its first link leads, and all that stands in bold.
    let shape = Shape::Selected {
        selection: Selection::parse(["title=title", "first=a@href", "bold[]=b"])?,
        words: "titles".to_owned(),
        only: false,
        limits: SelectLimits::default(),
    };
    let columns = shape.columns();
    let mut lines = Vec::new();
    let pages = || store.pages().status(200..300).mime("text/html");
    for record in pages().limit(3).records()? {
        shape.rows(&store, &record?, &|| false, |row| jsonl::append(&mut lines, &columns, &row))?;
    }
    print!("{}", String::from_utf8(lines)?);

    // All of them in a file; were it stopped half-way, the same again would go on.
    let out = dir.path().join("titles.csv");
    let export = Export {
        query: pages(),
        query_words: "html pages".to_owned(),
        limit: u64::MAX,
        format: Format::Csv,
        shape,
        csv: csv::Style::default(),
        out: out.clone(),
        partition: Partition::None,
        rows_per_file: None,
        bytes_per_file: None,
        every: Every::default(),
        wants: Box::new(|_| true),
        deadline: Box::new(|| Box::new(|| false)),
        store,
    };
    let done = export.run(&mut |_| ControlFlow::Continue(()))?;
    println!("{} rows, {} bytes of CSV", done.rows, std::fs::metadata(out)?.len());
    Ok(())
}
