//! `dragline reparse`: reads stored pages again, by what is followed and selected today, and says what is new.
//!
//! Owns that comparison. Asks no server: what is new is fetched by the next crawl, if it is admitted.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
    sync::Arc,
    time::Instant,
};

use dragline_actors::Rereader;
use dragline_export::{Body, Cell, jsonl};
use dragline_politeness::product_token;
use serde_json::json;

use super::{
    Trouble,
    args::{Args, ReparseArgs},
    filter::Filter,
    remembered,
    scan::scan,
    screen,
    selection::Rows,
    text::{counted, grouped, printable, span},
};
use crate::{
    manners,
    model::{CanonicalUrl, Link},
    storage::{Query, Store},
};

/// New URLs that are named.
const EXAMPLES: usize = 10;
/// Pages whose new links are committed together.
const ADMITTED_TOGETHER: usize = 256;
/// Pages that are named, of those that could not be read.
const NAMED_MAX: u64 = 3;

pub(super) fn run(command: &ReparseArgs, args: &Args) -> Result<u8, Trouble> {
    let filter = Filter::read(&command.filter)?;
    if !command.select.select.is_empty() {
        return rows(command, &filter, args);
    }
    let config = args.config()?;
    let store = config.open_store()?;
    let (config, seeds) = remembered::settings(&store, args)?;
    let crawl = &config.crawl;
    let scope = Arc::new(crawl.scope(&seeds)?);
    let follow = manners::follow(crawl, product_token(&config.user_agent).into(), crawl.normaliser()?)?;
    let decoded_max = config.fetch.max_body.get() as usize;
    let worker = || {
        let reader = Rereader::new(&store, scope.clone(), follow.clone(), crawl.max_redirects, decoded_max);
        move |record: &crate::storage::Record, found: super::scan::Found| {
            found.map(|payload| reader.links(record, payload))
        }
    };
    let began = Instant::now();
    let mut known = store.known_urls()?;
    let mut told = Told::default();
    let mut to_admit = Vec::new();
    let mut out = BufWriter::new(io::stdout().lock());
    let query = limited(filter.query(&store).with_robots(), command);
    scan(&store, query, worker, |record, found| {
        told.pages += 1;
        let links = match found {
            Ok((links, error)) => {
                told.partly += u64::from(error.is_some());
                links
            }
            Err(why) => {
                told.failed += 1;
                if told.failed <= NAMED_MAX {
                    screen::say(&format!("{}: {}", record.url, printable(&why, 400)));
                }
                return Ok(());
            }
        };
        told.links += links.len() as u64;
        let new: Vec<Link> = links.into_iter().filter(|link| known.insert(link.fingerprint)).collect();
        for link in &new {
            if command.jsonl {
                writeln!(out, "{}", line(link, &record.url))?;
            } else if told.examples.len() < EXAMPLES {
                told.examples.push((link.url.clone(), record.url.clone()));
            }
        }
        told.new += new.len() as u64;
        if command.admit && !new.is_empty() {
            to_admit.push((record.url, new));
        }
        Ok(())
    })?;
    out.flush()?;
    drop(out);
    let admitted = if command.admit { Some(admit(&store, &to_admit)?) } else { None };
    told.say(command, admitted, began);
    Ok(0)
}

fn limited(query: Query, command: &ReparseArgs) -> Query {
    match command.filter.limit {
        Some(limit) => query.limit(limit),
        None => query,
    }
}

fn line(link: &Link, via: &CanonicalUrl) -> serde_json::Value {
    json!({ "url": link.url, "via": via, "depth": link.depth, "purpose": link.purpose })
}

/// Commits what was found; it waits for the next crawl then.
fn admit(store: &Store, found: &[(CanonicalUrl, Vec<Link>)]) -> Result<u64, Trouble> {
    let mut writer = store.writer()?;
    let mut admitted = 0;
    for some in found.chunks(ADMITTED_TOGETHER) {
        admitted += writer.admit_found(some)?;
    }
    writer.sync()?;
    Ok(admitted)
}

/// What came of it.
#[derive(Default)]
struct Told {
    pages: u64,
    partly: u64,
    failed: u64,
    links: u64,
    new: u64,
    examples: Vec<(CanonicalUrl, CanonicalUrl)>,
}

impl Told {
    fn say(&self, command: &ReparseArgs, admitted: Option<u64>, began: Instant) {
        let took = began.elapsed();
        let per_second = self.pages as f64 / took.as_secs_f64().max(1e-6);
        screen::say(&format!(
            "{} read in {}, {per_second:.0} a second; {} in scope, of which {} not known",
            counted(self.pages, "response"),
            span(took),
            counted(self.links, "link"),
            grouped(self.new)
        ));
        for (url, via) in &self.examples {
            screen::say(&format!("  {}  on {}", printable(url.as_str(), 200), printable(via.as_str(), 200)));
        }
        let more = self.new - (self.examples.len() as u64).min(self.new);
        if more > 0 && !command.jsonl {
            screen::say(&format!("  and {} more; --jsonl lists all", grouped(more)));
        }
        if self.partly > 0 {
            screen::say(&format!(
                "{} may have more links: cut, or not to be read whole",
                counted(self.partly, "response")
            ));
        }
        if self.failed > 0 {
            screen::say(&format!("{} could not be read", counted(self.failed, "response")));
        }
        match admitted {
            Some(n) => screen::say(&format!(
                "{} admitted: the next crawl on this store asks for them",
                counted(n, "URL")
            )),
            None if self.new > 0 => screen::say("--admit gives them to the next crawl"),
            None => {}
        }
    }
}

/// Rows that are selected today, and how they differ from those of an earlier run.
fn rows(command: &ReparseArgs, filter: &Filter<'_>, args: &Args) -> Result<u8, Trouble> {
    let earlier = command.against.as_deref().map(Earlier::read).transpose()?;
    let config = args.config()?;
    let store = config.open_store()?;
    let mut rows = Rows::new(&command.select, &command.filter, Body::None)?;
    let columns = rows.shape.columns();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut against = earlier.map(Against::new);
    let mut told = 0_u64;
    for record in limited(filter.query(&store), command).records()? {
        let record = record?;
        let found: Vec<Vec<Cell>> = rows.of(&store, &record)?;
        let mut lines = Vec::with_capacity(found.len());
        for row in &found {
            let mut line = Vec::new();
            jsonl::append(&mut line, &columns, row);
            out.write_all(&line)?;
            lines.push(line);
        }
        told += found.len() as u64;
        if let Some(against) = &mut against {
            against.page(record.url.as_str(), &lines);
        }
    }
    out.flush()?;
    drop(out);
    rows.say_what_was_passed();
    match against {
        Some(against) => against.say(),
        None => screen::say(&counted(told, "row")),
    }
    Ok(0)
}

/// The rows of an earlier run: for each page, how often there was each of them, by its hash.
struct Earlier {
    pages: HashMap<u64, HashMap<u64, u32>>,
}

impl Earlier {
    fn read(path: &Path) -> Result<Self, Trouble> {
        let wrong = |error: io::Error| Trouble::File { path: path.display().to_string(), error };
        let file = BufReader::new(File::open(path).map_err(wrong)?);
        let mut pages: HashMap<u64, HashMap<u64, u32>> = HashMap::new();
        for (number, line) in file.lines().enumerate() {
            let line = line.map_err(wrong)?;
            let row: serde_json::Value = serde_json::from_str(&line).map_err(|error| {
                Trouble::Usage(format!("--against {}: line {}: {error}", path.display(), number + 1))
            })?;
            let url = row["url"].as_str().ok_or_else(|| {
                Trouble::Usage(format!(
                    "--against {}: line {} has no \"url\"; rows of --only cannot be compared",
                    path.display(),
                    number + 1
                ))
            })?;
            *pages.entry(hash(url.as_bytes())).or_default().entry(content(&row)).or_default() += 1;
        }
        Ok(Self { pages })
    }
}

/// A row without the moment at which its page was fetched.
fn content(row: &serde_json::Value) -> u64 {
    let mut row = row.clone();
    if let Some(members) = row.as_object_mut() {
        members.remove("fetched_at");
    }
    hash(row.to_string().as_bytes())
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::Hasher as _;
    // With a key that is the same everywhere in one process.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The comparison.
struct Against {
    earlier: Earlier,
    seen: HashSet<u64>,
    same: u64,
    new: u64,
    gone: u64,
    changed: u64,
    examples: Vec<String>,
}

impl Against {
    fn new(earlier: Earlier) -> Self {
        Self { earlier, seen: HashSet::new(), same: 0, new: 0, gone: 0, changed: 0, examples: Vec::new() }
    }

    /// The rows of a page now. As many of those that differ as there are on both sides are changed ones.
    fn page(&mut self, url: &str, lines: &[Vec<u8>]) {
        let key = hash(url.as_bytes());
        self.seen.insert(key);
        let mut before = self.earlier.pages.remove(&key).unwrap_or_default();
        let mut other = 0_u64;
        for line in lines {
            let row: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
            match before.get_mut(&content(&row)).filter(|left| **left > 0) {
                Some(left) => {
                    *left -= 1;
                    self.same += 1;
                }
                None => other += 1,
            }
        }
        let left: u64 = before.values().map(|left| u64::from(*left)).sum();
        let changed = other.min(left);
        self.changed += changed;
        self.new += other - changed;
        self.gone += left - changed;
        if other + left > 0 && self.examples.len() < EXAMPLES {
            self.examples.push(url.to_owned());
        }
    }

    fn say(mut self) {
        let left = self.earlier.pages.values().flat_map(HashMap::values);
        self.gone += left.map(|left| u64::from(*left)).sum::<u64>();
        screen::say(&format!(
            "{} new, {} gone, {} changed, {} as before",
            counted(self.new, "row"),
            grouped(self.gone),
            grouped(self.changed),
            grouped(self.same)
        ));
        for url in &self.examples {
            screen::say(&format!("  {}", printable(url, 200)));
        }
    }
}
