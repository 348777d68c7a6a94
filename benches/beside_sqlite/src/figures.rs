//! Figures with names, from a step's process to the table.
//!
//! Owns how they are passed on and spelled. A name begins with its place in the table.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// The figures of one step.
#[derive(Default)]
pub struct Figures(Vec<(String, f64)>);

impl Figures {
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }

    /// A time in milliseconds.
    pub fn time(&mut self, name: &str, time: Duration) {
        self.add(name, time.as_secs_f64() * 1e3);
    }

    /// Runs a query's records to the first and to the last, and checks how many there are.
    pub fn scan<T>(&mut self, name: &str, want: u64, begin: impl Fn() -> T)
    where
        T: Iterator,
    {
        let began = Instant::now();
        assert!(begin().next().is_some(), "{name}: nothing was found");
        self.time(&format!("5 {name}: first row, ms"), began.elapsed());
        let began = Instant::now();
        let found = begin().count() as u64;
        self.time(&format!("6 {name}: all {want} rows, ms"), began.elapsed());
        assert_eq!(found, want, "{name}");
    }

    /// The times of many like things: the middle one, and the slowest but one in a hundred.
    pub fn spread(&mut self, name: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        for (percent, what) in [(50, "p50"), (99, "p99")] {
            let at = (times.len() * percent / 100).min(times.len() - 1);
            self.add(format!("{name} {what}, µs"), times[at].as_secs_f64() * 1e6);
        }
    }

    /// The highest memory of this process so far.
    pub fn memory(&mut self, name: &str) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 =
            peak.and_then(|it| it.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or_default();
        self.add(name, kib / 1024.0);
    }

    /// What is on the disk below a folder.
    pub fn disk(&mut self, dir: &Path, records: u64, payload: u64) {
        let bytes = bytes_below(dir) as f64;
        self.add("2 on the disk, bytes a record", bytes / records as f64);
        self.add("2 on the disk, percent of the payload", 100.0 * bytes / payload as f64);
    }

    pub fn print(&self) {
        for (name, value) in &self.0 {
            println!("{name}\t{value}");
        }
    }

    pub fn read(text: &str) -> Vec<(String, f64)> {
        let pair = |line: &str| {
            let (name, value) = line.split_once('\t')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(pair).collect()
    }
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("the folder can be read");
    entries
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| match entry.metadata() {
            Ok(it) if it.is_dir() => bytes_below(&entry.path()),
            Ok(it) => it.len(),
            Err(_) => 0,
        })
        .sum()
}

/// A row of the table.
pub fn row(name: &str, values: [Option<&f64>; 2]) -> String {
    let spelled = |value: Option<&f64>| match value {
        None => "–".to_owned(),
        Some(value) if *value >= 100.0 => format!("{value:.0}"),
        Some(value) if *value >= 1.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    };
    let name = name.split_once(' ').map_or(name, |(_, name)| name);
    format!("| {name} | {} | {} |", spelled(values[0]), spelled(values[1]))
}
