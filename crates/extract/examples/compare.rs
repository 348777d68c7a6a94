//! Compares the links of every page under a directory with those of a whole parse by html5ever.
//!
//! ```text
//! cargo run --release -p dragline-extract --example compare -- DIR
//! ```
//! Prints each page on which they differ, then pages, links and differences. Pages are the files that are
//! called `.html` or `.htm`; each is read as UTF-8 from a URL made of its path.

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dragline_extract::{Document, Limits, all_links};
use dragline_model::CanonicalUrl;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Some(root) = std::env::args_os().nth(1) else {
        eprintln!("usage: compare DIR");
        return Ok(ExitCode::from(2));
    };
    let (mut pages, mut bytes, mut links, mut differences) = (0, 0, 0, 0);
    for path in pages_under(Path::new(&root))? {
        let body = std::fs::read(&path)?;
        let url = CanonicalUrl::parse(&format!("http://site.example/{}", path.display()))?;
        let document = Document { url: &url, content_type: Some("text/html; charset=utf-8"), body: &body };
        let mut ours = all_links(&document, &Limits::default());
        let mut theirs = oracle::links(&url, &oracle::parse(&String::from_utf8_lossy(&body)).elements);
        (pages, bytes, links) = (pages + 1, bytes + body.len(), links + ours.len());
        // The tree may have them in another order, where it mends a table.
        ours.sort();
        theirs.sort();
        if ours != theirs {
            differences += 1;
            println!("{}", path.display());
            ours.iter().filter(|url| !theirs.contains(url)).for_each(|url| println!("  only ours: {url}"));
            theirs.iter().filter(|url| !ours.contains(url)).for_each(|url| println!("  only theirs: {url}"));
        }
    }
    println!("{pages} pages, {bytes} bytes, {links} links, {differences} differences");
    Ok(if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The pages under a directory, sorted.
fn pages_under(root: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            // A link to a directory may be part of a circle; one to a file is a page like any other.
            if entry.file_type()?.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html" || extension == "htm")
                && path.is_file()
            {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}
