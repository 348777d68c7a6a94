//! The program as a script or a person meets it: names, exit codes, one clear line for each bad input.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

mod common;

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use common::quick_args;
use dragline_fakeweb::{Faults, Gate, Script, Step, WebSpec};
use serde_json::Value;

fn dragline(args: &[&str]) -> Output {
    run(Command::new(env!("CARGO_BIN_EXE_dragline")).args(args))
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).env_remove("DRAGLINE__STORE").output().expect("the program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("the messages are UTF-8")
}

/// Runs a command that must be refused: its code, and one line with these words.
fn refused(args: &[&str], code: i32, words: &[&str]) {
    let output = dragline(args);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    if message.starts_with("dragline: ") {
        assert_eq!(message.lines().count(), 1, "{args:?} says {message:?}");
    }
    for word in words {
        assert!(message.contains(word), "{args:?} says {message:?}, without {word:?}");
    }
    assert!(!message.contains("panicked"), "{args:?}: {message}");
}

#[test]
fn bad_input_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let store = store.to_str().unwrap();
    refused(&["crawl"], 2, &["no seed"]);
    refused(&["crawl", "ftp://a/", "--store", store], 2, &["ftp://a/", "ftp", "https://"]);
    refused(&["crawl", "no url", "--store", store], 2, &["no url", "https://"]);
    refused(&["crawl", "http://a/", "--no-such"], 2, &["--no-such"]);
    refused(&["crawl", "http://a/", "--delay", "2"], 2, &["crawl.delay", "--delay", "500ms"]);
    refused(&["crawl", "http://a/", "--per-host", "0"], 2, &["crawl.per_host", "at least 1"]);
    refused(&["crawl", "http://a/", "--per-host", "1.5"], 2, &["--per-host"]);
    refused(&["crawl", "http://a/", "--delay", "300000000000years"], 2, &["crawl.delay"]);
    refused(&["crawl", "http://a/", "--delay", "20years"], 2, &["crawl.delay", "a year"]);
    refused(
        &["crawl", "http://a/", "--set", "crawl.fetchers=1000000"],
        2,
        &["crawl.fetchers", "at most 1024"],
    );
    refused(&["crawl", "http://a/", "--scope", "planet"], 2, &["crawl.scope", "planet", "domain"]);
    refused(&["crawl", "http://a/", "--max-depth", "99999999"], 2, &["crawl.max_depth", "--max-depth"]);
    refused(&["crawl", "http://a/", "--set", "crawl.delai=1s"], 2, &["crawl.delai", "crawl.delay"]);
    refused(&["crawl", "http://a/", "--set", "delay"], 2, &["key=value"]);
    refused(&["crawl", "http://a/", "--allow-net", "127.0.0.0/40"], 2, &["allow_net", "127.0.0.0/40"]);
    refused(&["crawl", "http://a/", "--resolve", "nonsense"], 2, &["resolve", "nonsense"]);
    refused(&["crawl", "http://a/", "--user-agent", "a\r\nX: y"], 2, &["user_agent"]);
    refused(&["crawl", "http://a/", "--config", "/no/such.toml"], 2, &["/no/such.toml"]);
    refused(&["crawl", "http://a/", "--ca-file", "/no/such.pem", "--store", store], 2, &["/no/such.pem"]);
    refused(
        &["crawl", "http://a/", "--report", "/no/such/dir/r.json", "--store", store],
        1,
        &["/no/such/dir/r.json"],
    );
    refused(&["query", "--status", "abc", "--store", store], 2, &["--status", "4xx"]);
    refused(&["query", "--store", store], 2, &[store]);
    refused(&["show", "http://a/", "--store", store], 2, &[store]);
    refused(&["fsck", "--store", store], 2, &[store]);
    refused(&["links", "/no/such.html", "--base", "http://a/"], 1, &["/no/such.html"]);
    refused(&["links", "x.html", "--base", "nonsense"], 2, &["--base"]);
    refused(&["url", "http://["], 2, &["http://["]);
    assert!(!Path::new(store).exists(), "nothing was made for a refused command");
}

#[test]
fn a_store_that_cannot_be_used_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("letter.txt"), "dear all").unwrap();
    refused(&["crawl", "http://a/", "--store", foreign.to_str().unwrap()], 2, &["foreign"]);
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1, "nothing was written into it");

    let file = foreign.join("letter.txt");
    refused(&["crawl", "http://a/", "--store", file.to_str().unwrap()], 1, &["letter.txt"]);
    refused(&["crawl", "http://a/", "--store", "/proc/no-store"], 1, &["/proc/no-store"]);

    let store = dir.path().join("newer");
    let made =
        dragline::storage::Store::create_or_open(&store, dragline::storage::Options::default()).unwrap();
    refused(&["query", "--store", store.to_str().unwrap()], 1, &["pid", &std::process::id().to_string()]);
    drop(made);
    let meta = store.join("meta.json");
    let newer = std::fs::read_to_string(&meta)
        .unwrap()
        .replace(&format!("\"format\": {}", dragline::storage::FORMAT), "\"format\": 999")
        .replace(&format!("\"format\":{}", dragline::storage::FORMAT), "\"format\":999");
    std::fs::write(&meta, newer).unwrap();
    refused(&["query", "--store", store.to_str().unwrap()], 1, &["999"]);
}

#[test]
fn a_crawl_and_what_can_be_asked_of_it() {
    let faults = Faults { not_found: 0.1, hang: 0.02, redirect: 0.05, ..Faults::default() };
    let web = WebSpec { hosts: 2, pages_per_host: 50, faults, ..WebSpec::default() }.start().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (store, report) = (dir.path().join("store"), dir.path().join("report.json"));
    let store_text = store.to_str().unwrap();
    let crawl = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
        command
            .arg("crawl")
            .args(web.seeds())
            .args(quick_args(&web, &store))
            .args(["--report", report.to_str().unwrap()]);
        run(command.args(more))
    };
    let output = crawl(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("finished: nothing is left to fetch"), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    for name in [
        "pages",
        "responses",
        "failures",
        "requests",
        "bytes",
        "hosts",
        "elapsed_s",
        "pages_per_s",
        "queued",
        "stopped_because",
    ] {
        assert!(!report[name].is_null(), "the report has {name}: {report}");
    }
    assert_eq!(report["stopped_because"], "finished");
    assert_eq!(report["failures"]["head_timeout"], 2);

    // Again: nothing is left.
    let output = crawl(&[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("an earlier run has asked for everything"), "{}", stderr(&output));

    let lines = |args: &[&str]| -> Vec<Value> {
        let output = dragline(&[args, &["--store", store_text]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = lines(&["query", "--jsonl"]);
    assert_eq!(all.len() as u64, report["responses"].as_u64().unwrap());
    for name in [
        "seq",
        "url",
        "status",
        "fetched_at",
        "mime",
        "size",
        "digest",
        "depth",
        "via",
        "location",
        "truncated",
        "attempts",
        "error",
        "timings",
    ] {
        assert!(all[0].get(name).is_some(), "a line has {name}: {}", all[0]);
    }
    for name in ["dns", "connect", "tls", "first_byte", "body", "total", "reused"] {
        assert!(all[0]["timings"].get(name).is_some(), "timings have {name}");
    }
    let missing = lines(&["query", "--jsonl", "--status", "404"]);
    assert_eq!(missing.len(), 10);
    assert_eq!(lines(&["query", "--jsonl", "--limit", "3"]).len(), 3);
    assert_eq!(lines(&["query", "--jsonl", "--failures"]).len(), 2);
    assert_eq!(lines(&["query", "--jsonl", "--host", &web.host(1), "--status", "404"]).len(), 5);

    let table = stdout(&dragline(&["query", "--status", "404", "--store", store_text]));
    assert_eq!(table.lines().count(), 12, "a head, ten rows, a count: {table}");
    assert!(table.contains("http://h000.fakeweb.test/"), "{table}");

    let seed = web.url(0, 0);
    let show = |args: &[&str]| stdout(&dragline(&[&["show", &seed, "--store", store_text], args].concat()));
    assert!(show(&[]).contains("(a seed)"));
    assert!(show(&["--headers"]).starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(show(&["--body"]).contains("</html>"));
    assert!(show(&["--links"]).lines().count() > 5);
    refused(&["show", "http://nowhere.test/", "--store", store_text], 2, &["http://nowhere.test/"]);

    let stats = stdout(&dragline(&["stats", "--store", store_text]));
    assert!(stats.contains("by status") && stats.contains("404"), "{stats}");
    let stats: Value =
        serde_json::from_str(&stdout(&dragline(&["stats", "--json", "--store", store_text]))).unwrap();
    assert_eq!(stats["responses"], report["responses"]);

    // The index is derived: without it, the archive tells the same.
    std::fs::remove_dir_all(store.join("index")).unwrap();
    assert_eq!(lines(&["query", "--jsonl"]), all);
    std::fs::remove_file(store.join("meta.json")).unwrap();
    refused(&["query", "--store", store_text], 2, &["meta.json", "dragline rebuild"]);
    let output = dragline(&["rebuild", "--store", store_text]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(lines(&["query", "--jsonl"]), all);
}

#[test]
fn nothing_fetched_is_exit_code_3() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("store");
    let output = dragline(&["crawl", "http://127.0.0.1:9/", "--store", store.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("--allow-net"), "{}", stderr(&output));

    // The advice is followed, and acts: the address is asked now (and nobody listens on that port).
    let web = WebSpec { hosts: 1, pages_per_host: 3, ..WebSpec::default() }.start().unwrap();
    let seed = format!("http://{}/", web.addr());
    let crawl = |more: &[&str]| {
        dragline(&[&["crawl", &seed, "--delay", "0s", "--store", store.to_str().unwrap()], more].concat())
    };
    assert_eq!(crawl(&[]).status.code(), Some(3));
    assert_eq!(crawl(&[]).status.code(), Some(3), "nothing has changed");
    let output = crawl(&["--allow-net", "127.0.0.0/8", "-q"]);
    assert_eq!((output.status.code(), web.requests()), (Some(0), 1), "{}", stderr(&output));
}

#[test]
fn checkers_answer_without_a_crawl() {
    assert_eq!(stdout(&dragline(&["url", "HTTP://A.example:80/x/../y#f"])), "http://a.example/y\n");
    assert_eq!(stdout(&dragline(&["url", "../z", "--base", "http://a/x/y/w"])), "http://a/x/z\n");
    let dir = tempfile::tempdir().unwrap();
    let page = dir.path().join("page.html");
    std::fs::write(
        &page,
        "<base href=/sub/><a href=x?a=1&amp;b=2>1</a><a href=x?a=1&amp;b=2#again>2</a><a href=mailto:x>3</a>",
    )
    .unwrap();
    let links = stdout(&dragline(&["links", page.to_str().unwrap(), "--base", "http://h/"]));
    assert_eq!(links, "http://h/sub/x?a=1&b=2\n");
}

#[test]
fn help_shows_examples() {
    for command in ["crawl", "query", "show", "stats", "rebuild", "url", "links", "demo"] {
        let help = stdout(&dragline(&[command, "--help"]));
        assert!(help.contains("Example"), "{command}: {help}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_drains_and_the_same_command_goes_on() {
    use std::io::Read;

    let web = WebSpec {
        hosts: 1,
        pages_per_host: 300,
        latency: std::time::Duration::from_millis(3),
        ..WebSpec::default()
    }
    .start()
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_dragline"))
            .arg("crawl")
            .args(web.seeds())
            .args(quick_args(&web, dir.path()))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = start();
    while web.requests() < 60 {
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("draining") && said.contains("the same command goes on"), "{said}");
    assert_eq!(start().wait().unwrap().code(), Some(0));
    assert_eq!(web.requests(), 300, "nothing was asked for twice");
    common::assert_true(&web, dir.path());
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_stops_at_once() {
    use std::io::{BufRead, BufReader};

    let gate = Gate::new();
    let web = WebSpec { hosts: 1, pages_per_host: 1, ..WebSpec::default() }.start().unwrap();
    web.script(&web.host(0), "*", Script::new([Step::Wait(gate.clone())]));
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragline"))
        .arg("crawl")
        .args(web.seeds())
        .args(quick_args(&web, dir.path()))
        .args(["--set", "fetch.head_timeout=10m", "--set", "fetch.total_timeout=10m"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    gate.reached_blocking(1);
    let pid = child.id().to_string();
    let interrupt = || Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(interrupt().success());
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("Ctrl-C again stops at once")));
    assert!(interrupt().success());
    // The answer never comes, and nobody waits for it.
    assert_eq!(child.wait().unwrap().code(), Some(130));
}
