//! What is stored, asked for in rows, written into files, and read again.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failed expectation is a failed test")]

mod common;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use dragline::{
    model::{CanonicalUrl, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Visit, VisitId},
    storage::{DecodedFacts, Options, Store},
};
use dragline_fakeweb::WebSpec;
use serde_json::Value;

fn dragline(store: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command.args(args).args(["--store", store.to_str().expect("the path is UTF-8")]).stdin(Stdio::null());
    command.env_remove("DRAGLINE__STORE").output().expect("the program starts")
}

/// Standard output and standard error of a command that must succeed.
fn told(store: &Path, args: &[&str]) -> (String, String) {
    let output = dragline(store, args);
    let message = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert!(output.status.success(), "{args:?}: {message}");
    (String::from_utf8(output.stdout).expect("the output is UTF-8"), message)
}

/// Puts pages into a store, one after the other.
fn fill(dir: &Path, pages: impl IntoIterator<Item = (String, &'static str, String)>) {
    let store = Store::create_or_open(dir, Options::default()).unwrap();
    let (mut writer, mut sealer) = (store.writer().unwrap(), store.sealer());
    let mut batch = Vec::new();
    for (n, (url, mime, body)) in pages.into_iter().enumerate() {
        let url = CanonicalUrl::parse(&url).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {mime}\r\n\r\n");
        let page = Page {
            status: 200,
            request: "GET / HTTP/1.1\r\n\r\n".into(),
            head: ResponseHead::new(head.into()),
            body: body.into(),
            truncated: None,
            peer: None,
            tls: None,
            timings: Timings::default(),
        };
        let size = page.body.len() as u64;
        let visit = Visit { depth: 2, ..Visit::first(VisitId(n as u64 + 1), url) };
        let at = Timestamp(1_767_225_600_000 + n as u64 * 60_000);
        let harvest = Harvest::bare(visit, at, Outcome::Page(Box::new(page)));
        batch.push(Arc::new(sealer.seal(harvest, DecodedFacts { size })));
        if batch.len() == 100 {
            writer.commit(&std::mem::take(&mut batch)).unwrap();
        }
    }
    writer.commit(&batch).unwrap();
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn pages_become_rows() {
    let dir = tempfile::tempdir().unwrap();
    let page = |n: usize| {
        format!("<title>t</title><article><h2> Item\n {n}</h2><i class=p content={n}>=1+{n}</i></article>")
    };
    let html = (0..5).map(|n| (format!("http://a.example/{n}"), "text/html", page(n).repeat(2)));
    let json = [(
        "http://a.example/j".to_owned(),
        "application/json",
        "{\"items\":[{\"id\":1},{\"id\":2.5}]}".to_owned(),
    )];
    let none = [("http://a.example/x".to_owned(), "text/html", "<p>".to_owned())];
    fill(dir.path(), html.chain(json).chain(none));

    let (out, _) = told(
        dir.path(),
        &["query", "--select", "name=h2", "--select", "p=.p@content", "--each", "article", "--jsonl"],
    );
    let rows = lines(&out);
    assert_eq!(rows.len(), 10);
    assert_eq!(
        (&rows[3]["name"], &rows[3]["p"], &rows[3]["status"]),
        (&"Item 1".into(), &"1".into(), &200.into())
    );
    let (out, message) = told(dir.path(), &["query", "--select", "n=h2", "--only", "--csv"]);
    assert_eq!(out, "n\r\nItem 0\r\nItem 1\r\nItem 2\r\nItem 3\r\nItem 4\r\n");
    assert!(message.contains("1 page had nothing of what is selected"), "{message}");
    let (out, _) = told(dir.path(), &["query", "--select", "n=.p", "--only", "--csv", "--limit", "1"]);
    assert_eq!(out, "n\r\n'=1+0\r\n");
    let (out, _) = told(dir.path(), &["query", "--select", "n=.p", "--only", "--csv-raw", "--limit", "1"]);
    assert_eq!(out, "n\r\n=1+0\r\n");
    let (out, _) = told(dir.path(), &["query", "--each", "/items", "--select", "/id", "--only", "--jsonl"]);
    assert_eq!(out, "{\"/id\":1}\n{\"/id\":2.5}\n");
    assert_eq!(told(dir.path(), &["query", "--count"]).0, "7\n");
    assert_eq!(told(dir.path(), &["query", "--count", "--select", "t=title"]).0, "5\n");

    // From cursor to cursor all of them come, each once.
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["query", "--jsonl", "--limit", "2", "--order", "time", "--reverse"];
        args.extend(cursor.as_deref().iter().flat_map(|it| ["--cursor", it]));
        let (out, message) = told(dir.path(), &args);
        let rows = lines(&out);
        seen.extend(rows.iter().map(|row| row["seq"].as_u64().expect("a number")));
        match message.lines().find_map(|line| line.split_once("--cursor ")) {
            Some((_, next)) => cursor = Some(next.trim().to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, (1..=7).rev().collect::<Vec<u64>>());
    let (out, _) = told(
        dir.path(),
        &["query", "--count", "--since", "2026-01-01T00:02:00Z", "--until", "2026-01-01 00:05"],
    );
    assert_eq!(out, "3\n");
    for (args, words) in [
        (&["query", "--select", "a=h1 >"][..], "column \"a\""),
        (&["query", "--since", "soon"], "--since soon"),
        (&["query", "--cursor", "x"], "cursor"),
        (&["export", "--format", "xml", "--out", "x"], "\"xml\" is no format"),
        (&["export", "--format", "csv", "--out", "x", "--since", "2h"], "say it as a date"),
    ] {
        let output = dragline(dir.path(), args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), message.contains(words)), (Some(2), true), "{args:?}: {message}");
    }
}

/// A process that is killed, and the same command again.
#[test]
fn an_export_outlives_its_process() {
    const PAGES: usize = 7_000;
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    fill(
        &store,
        (0..PAGES).map(|n| (format!("http://h{}.example/{n}", n % 7), "text/plain", format!("page {n}"))),
    );
    let want: BTreeSet<String> = {
        let out = dir.path().join("whole.jsonl");
        told(&store, &["export", "--format", "jsonl", "--out", out.to_str().unwrap()]);
        fs::read_to_string(&out).unwrap().lines().map(str::to_owned).collect()
    };
    assert_eq!(want.len(), PAGES);
    let out = dir.path().join("parts");
    let args =
        ["export", "--format", "jsonl", "--partition", "host", "--rows-per-file", "100", "-q", "--out"];
    let files = || walk(&out).len();
    let mut kills = 0;
    loop {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dragline"))
            .args(args)
            .arg(&out)
            .args(["--store", store.to_str().unwrap()])
            .env_remove("DRAGLINE__STORE")
            .spawn()
            .expect("the program starts");
        // At moments that drift: after some more files than there were.
        let target = files() + 9 + kills % 5;
        let ended = loop {
            if let Some(status) = child.try_wait().expect("the program can be waited for") {
                break Some(status);
            }
            if kills < 6 && files() >= target {
                break None;
            }
            std::thread::park_timeout(std::time::Duration::from_micros(500));
        };
        if let Some(status) = ended {
            assert!(status.success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 3, "{kills} kills");
    let mut got: Vec<String> = Vec::new();
    for path in walk(&out) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.contains("partial"), "{name}");
        if name.starts_with("part-") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.lines().count() <= 100);
            got.extend(text.lines().map(str::to_owned));
        }
    }
    assert_eq!(got.len(), PAGES, "nothing twice");
    assert!(got.into_iter().collect::<BTreeSet<_>>() == want);
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Links that the settings of today find on stored pages are what the next crawl asks for.
#[test]
fn what_reparse_admits_is_crawled() {
    let web = WebSpec { hosts: 2, pages_per_host: 20, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    // One page of each host, and no more.
    let seeds = web.seeds();
    let mut config = common::quick_config(&web, dir.path());
    config.crawl.max_depth = Some(0);
    dragline::Crawl::new(seeds.clone()).config(config).run().expect("it runs");
    let before = common::records(dir.path()).len();
    let requests = web.requests();

    let deeper = ["reparse", "--set", "crawl.max_depth=1"];
    let (out, message) = told(dir.path(), &[&deeper[..], &["--jsonl"]].concat());
    let found = lines(&out);
    assert!(found.len() > 5, "{message}");
    assert!(
        found
            .iter()
            .all(|link| link["depth"] == 1 && seeds.contains(&link["via"].as_str().unwrap().to_owned()))
    );
    assert!(message.contains("--admit gives them"), "{message}");
    let (_, message) = told(dir.path(), &[&deeper[..], &["--admit"]].concat());
    assert!(message.contains(&format!("{} URLs admitted", found.len())), "{message}");
    let (_, message) = told(dir.path(), &deeper);
    assert!(message.contains("0 not known"), "{message}");
    assert_eq!(web.requests(), requests, "nothing was asked for");

    let mut config = common::quick_config(&web, dir.path());
    config.crawl.max_depth = Some(1);
    dragline::Crawl::new(seeds).config(config).run().expect("it runs");
    let records = common::records(dir.path());
    for link in &found {
        let record =
            records.iter().find(|record| link["url"] == record.url.as_str()).expect("it was fetched");
        assert_eq!(
            (u64::from(record.depth), record.via.as_ref().map(CanonicalUrl::as_str)),
            (1, link["via"].as_str())
        );
    }
    assert!(records.len() >= before + found.len());

    // And back: who links to the first of them.
    let url = found[0]["url"].as_str().unwrap();
    let (out, message) = told(dir.path(), &["show", url, "--links-in"]);
    assert!(out.lines().any(|page| page == found[0]["via"]), "{out}");
    assert!(message.contains("link to it; read in"), "{message}");
}

#[test]
fn rows_are_held_against_those_of_an_earlier_run() {
    let dir = tempfile::tempdir().unwrap();
    let page = |n: usize, t: &str| {
        (format!("http://a.example/{n}"), "text/html", format!("<title>{t}</title><h1>{n}</h1>"))
    };
    fill(dir.path(), [page(1, "one"), page(2, "two"), page(3, "three")]);
    let (rows, _) = told(dir.path(), &["reparse", "--select", "t=title"]);
    let file = dir.path().join("rows.jsonl");
    fs::write(&file, rows.replace("two", "deux") + "{\"url\":\"http://gone.example/\",\"t\":\"x\"}\n")
        .unwrap();
    let (_, message) =
        told(dir.path(), &["reparse", "--select", "t=title", "--against", file.to_str().unwrap()]);
    assert!(message.contains("0 rows new, 1 gone, 1 changed, 2 as before"), "{message}");
    assert!(message.contains("http://a.example/2"), "{message}");
}
