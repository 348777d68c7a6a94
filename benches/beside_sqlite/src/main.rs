//! The store beside SQLite: the same records, committed in the same groups and asked the same questions, one after the
//! other on the same machine. Prints a Markdown table.
//!
//! ```text
//! cargo run --release --manifest-path benches/beside_sqlite/Cargo.toml -- [--records 1000000] [--hosts 40] [--dir DIR]
//! ```
//!
//! What is measured, and how:
//! - Bodies are 2 to 60 KB of HTML that gzip level 1 makes a fifth of, made from a seed: [`pages`].
//! - A side has two threads: one makes and compresses records, one commits. Groups of 100 build the whole store; those of
//!   1 and 10 a tenth of it, in a store of their own.
//! - SQLite has one table with a column for everything that a record tells, the body compressed at the same level, an
//!   index each on URL, host, status, type and time; write-ahead log, `synchronous=NORMAL`, 48 MB of cache as the store
//!   has. Neither side waits for the disk at a commit.
//! - Every step is a process of its own: memory is its high-water mark. Files are in the system's cache where they fit:
//!   this is warm.
//!
//! A million records need 7 GB below DIR (a temporary folder, if none is given) for the larger side, one side at a time;
//! all of it is removed. Owns the order of the steps and the table; [`store`] and [`sqlite`] are the sides.

mod figures;
mod pages;
mod sqlite;
mod store;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use figures::{Figures, row};
use pages::Pages;

/// Records where nothing is said.
const RECORDS: u64 = 1_000_000;
/// Hosts likewise.
const HOSTS: u64 = 40;
/// Groups in one commit.
const GROUPS: [u64; 3] = [100, 10, 1];
/// Where only the rate counts, so many times fewer records will do.
const SHARE_FOR_RATE: u64 = 10;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["step", side, step, dir, records, hosts, group] => {
            let pages = Pages::new(number(records), number(hosts));
            let (dir, group) = (Path::new(dir), number(group) as usize);
            let figures = match (side, step) {
                ("store", "build") => store::build(dir, &pages, group),
                ("store", _) => store::ask(dir, &pages),
                (_, "build") => sqlite::build(dir, &pages, group),
                _ => sqlite::ask(dir, &pages),
            };
            figures.print();
        }
        _ => compare(&args),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn compare(args: &[&str]) {
    let after = |name: &str| args.iter().position(|arg| *arg == name).and_then(|at| args.get(at + 1));
    let records = after("--records").map_or(RECORDS, |text| number(text));
    let hosts = after("--hosts").map_or(HOSTS, |text| number(text));
    let dir = match after("--dir") {
        Some(dir) => tempfile::tempdir_in(PathBuf::from(dir)),
        None => tempfile::tempdir(),
    };
    let dir = dir.expect("a folder can be made");
    let sides = ["store", "sqlite"].map(|side| measure(side, dir.path(), records, hosts));
    println!("\n{records} records of {hosts} hosts\n\n| | store | SQLite |\n|---|---|---|");
    let names: Vec<&String> = sides[0].keys().collect();
    for name in names {
        println!("{}", row(name, [&sides[0], &sides[1]].map(|side| side.get(name))));
    }
}

/// All figures of a side, in the order of their names.
fn measure(side: &str, dir: &Path, records: u64, hosts: u64) -> BTreeMap<String, f64> {
    let mut all = BTreeMap::new();
    for group in GROUPS {
        let is_whole = group == GROUPS[0];
        let records = if is_whole { records } else { records / SHARE_FOR_RATE };
        let place = dir.join(format!("{side}-{group}"));
        std::fs::create_dir_all(&place).expect("a folder can be made");
        for step in if is_whole { &["build", "ask"][..] } else { &["build"][..] } {
            eprintln!("{side}: {step}, {records} records in groups of {group}");
            let figures = run(side, step, &place, records, hosts, group);
            all.extend(figures.into_iter().filter(|(name, _)| is_whole || name.contains("in groups of")));
        }
        std::fs::remove_dir_all(&place).expect("it can be removed");
    }
    all
}

fn run(side: &str, step: &str, dir: &Path, records: u64, hosts: u64, group: u64) -> Vec<(String, f64)> {
    let this = std::env::current_exe().expect("a program has a path");
    let done = Command::new(this)
        .args(["step", side, step])
        .arg(dir)
        .args([records, hosts, group].map(|n| n.to_string()))
        .output()
        .expect("a step begins");
    assert!(done.status.success(), "{side} {step}: {}", String::from_utf8_lossy(&done.stderr));
    Figures::read(&String::from_utf8_lossy(&done.stdout))
}
