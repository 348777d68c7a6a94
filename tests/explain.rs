//! What can be asked of a crawl that is over: why a URL was or was not fetched, what each host was promised and given,
//! and what was found unchanged.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use dragline_fakeweb::{Script, Step, Web, WebSpec};
use serde_json::{Value, json};

fn dragline(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dragline"))
        .args(args)
        .stdin(Stdio::null())
        .env_remove("DRAGLINE__STORE")
        .output()
        .expect("the program starts")
}

/// The output of a command that ends well.
fn said(args: &[&str]) -> String {
    let output = dragline(args);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {message}");
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

fn lines(args: &[&str]) -> Vec<Value> {
    said(args).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Two hosts whose pages are all written by the test.
fn web() -> Web {
    WebSpec { hosts: 2, pages_per_host: 1, ..WebSpec::default() }.start().expect("a port is free")
}

/// A crawl with these flags beyond the usual ones; whatever comes of it.
fn crawl(web: &Web, store: &Path, seeds: &[&str], flags: &[&str]) {
    let (rule, store) = (web.resolve_rule(), store.display().to_string());
    let usual = ["--resolve", &rule, "--store", &store, "--quiet", "--set", "crawl.retry_wait=1ms"];
    let output = dragline(&[&["crawl"], seeds, &usual, flags].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What `explain --json` says, with some flags.
fn explain(store: &Path, url: &str, flags: &[&str]) -> Value {
    let store = store.display().to_string();
    let told = lines(&[&["explain", url, "--json", "--store", &store], flags].concat());
    assert_eq!(told.len(), 1);
    told.into_iter().next().unwrap_or_default()
}

fn verdict(told: &Value) -> &str {
    told["verdict"].as_str().unwrap_or_default()
}

/// A small site with something of everything.
fn site(web: &Web) -> String {
    let host = web.host(0);
    let links = |links: &[&str]| {
        Script::html(links.iter().map(|to| format!("<a href='{to}'>x</a>")).collect::<String>())
    };
    let rules = "User-agent: *\nDisallow: /private/\n";
    web.script(&host, "/robots.txt", Script::new([Step::answer("200 OK", &[], rules)]));
    web.script(
        &host,
        "/",
        links(&["/a", "/private/x", "/gone", "/moved", "/dead", "http://elsewhere.example/"]),
    );
    web.script(&host, "/a", links(&["/b"]));
    web.script(&host, "/b", links(&["/c"]));
    web.script(&host, "/gone", Script::new([Step::answer("404 Not Found", &[], "")]));
    web.script(&host, "/moved", Script::new([Step::answer("301 Moved", &["Location: /a"], "")]));
    web.script(&host, "/dead", Script::new([Step::Close]));
    host
}

#[test]
fn every_url_has_a_reason() {
    let web = web();
    let host = site(&web);
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("http://{host}{path}");
    crawl(&web, dir.path(), &[&at("/")], &["--delay", "0s", "--max-depth", "2"]);
    let ask = |url: &str| explain(dir.path(), url, &[]);

    let told = ask(&at("/b"));
    assert!(verdict(&told).starts_with("it was asked for at "), "{told}");
    assert!(verdict(&told).ends_with(": 200"), "{told}");
    assert_eq!(told["trail"], json!([at("/"), at("/a")]));
    assert_eq!((&told["depth"], &told["via"]), (&json!(2), &json!(at("/a"))));
    assert_eq!((&told["known"], &told["trail_is_whole"]), (&json!(true), &json!(true)));
    assert_eq!((&told["state"]["is"], &told["scope"]["allowed"]), (&json!("nowhere"), &json!(true)));
    assert_eq!((&told["robots"]["allowed"], &told["robots"]["status"]), (&json!(true), &json!(200)));
    let visit = &told["visits"][0];
    assert_eq!((&visit["status"], &visit["attempts"]), (&json!(200), &json!(1)));
    assert!(visit["timings"]["total"].is_f64() && visit["place"]["bytes"].as_u64() > Some(0), "{visit}");
    assert!(visit["place"]["file"].as_str().is_some_and(|file| Path::new(file).is_file()), "{visit}");

    assert_eq!((&ask(&at("/"))["depth"], &ask(&at("/"))["trail"]), (&json!(0), &json!([])));
    assert!(verdict(&ask(&at("/gone"))).ends_with(": 404"));
    assert!(verdict(&ask(&at("/moved"))).ends_with(&format!(": 301 to {}", at("/a"))));

    // Found, and forbidden by a line of robots.txt.
    let told = ask(&at("/private/x"));
    assert_eq!(verdict(&told), "it is not asked for: robots.txt: line 2: Disallow: /private/");
    assert_eq!((&told["state"]["word"], &told["robots"]["allowed"]), (&json!("robots"), &json!(false)));
    assert_eq!((&told["trail"], &told["visits"]), (&json!([at("/")]), &json!([])));

    // Nobody answered.
    let told = ask(&at("/dead"));
    assert!(verdict(&told).contains("closed"), "{told}");
    let visits = told["visits"].as_array().map_or(0, Vec::len);
    assert!(visits >= 2 && told["visits"][1]["attempts"] == 2, "{told}");

    // Not found, and why it would not be asked for if it were.
    let off = "http://elsewhere.example/";
    let told = ask(off);
    let said = "it would not be asked for: out of scope: host elsewhere.example is none of the seeds' (--scope host)";
    assert_eq!((verdict(&told), &told["known"]), (said, &json!(false)));
    assert_eq!(told["scope"]["word"], "off_scope");
    let told = explain(dir.path(), off, &["--scope", "any"]);
    assert_eq!((&told["scope"]["allowed"], &told["host"]), (&json!(true), &Value::Null));
    let told = explain(dir.path(), &at("/a"), &["--exclude", "/a$"]);
    assert_eq!(told["scope"]["word"], "excluded");
    // One that would be, but nobody has found: links past the depth are not followed.
    let told = ask(&at("/c"));
    assert!(verdict(&told).starts_with("nobody has found it"), "{told}");

    // How it was spelled.
    let told = ask(&format!("HTTP://{}:80/x/../b#part", host.to_ascii_uppercase()));
    assert_eq!(told["url"], at("/b"));
    assert_eq!(told["changes"].as_array().map(Vec::len), Some(4), "{told}");
    assert!(told["visits"].as_array().is_some_and(|visits| visits.len() == 1));

    // The same for people.
    let store = dir.path().display().to_string();
    let text = said_of(&store, &at("/b"));
    for want in
        ["verdict  it was asked for", "seed  http://", "(dragline-00000.warc.gz, ", "robots.txt  allowed"]
    {
        assert!(text.contains(want), "without {want:?}:\n{text}");
    }
    let refused = dragline(&["explain", "mailto:x", "--store", &store]);
    assert_eq!(refused.status.code(), Some(2));
}

fn said_of(store: &str, url: &str) -> String {
    said(&["explain", url, "--store", store])
}

/// What waits is found in its queue; without a checkpoint, in the records.
#[test]
fn what_waits_is_told_with_its_place() {
    let web = web();
    let host = web.host(0);
    let links: String = (0..20).map(|n| format!("<a href=/{n}>x</a>")).collect();
    web.script(&host, "*", Script::html("a leaf"));
    web.script(&host, "/", Script::html(links));
    web.script(&host, "/robots.txt", Script::new([Step::answer("404 Not Found", &[], "")]));
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| format!("http://{host}{path}");
    let budget = ["--delay", "0s", "--max-pages", "6"];
    crawl(&web, dir.path(), &[&at("/")], &budget);

    let left = |dir: &Path| {
        let mut before: Vec<u64> = Vec::new();
        for n in 0..20 {
            let told = explain(dir, &at(&format!("/{n}")), &[]);
            if told["state"]["is"] == "waits" {
                before.extend(told["state"]["before"].as_u64());
                assert_eq!(told["host"]["waiting"], 15, "{told}");
                assert!(verdict(&told).contains("has its 6 pages (--max-pages)"), "{told}");
                assert_eq!((&told["depth"], &told["trail"]), (&json!(1), &json!([at("/")])));
            }
        }
        before.sort_unstable();
        before
    };
    assert_eq!(left(dir.path()), (0..15).collect::<Vec<_>>());

    // A larger budget would let it go on.
    let told = explain(dir.path(), &at("/19"), &["--max-pages", "100", "--delay", "1h"]);
    assert!(verdict(&told).contains("its host may be asked in "), "{told}");
    assert_eq!((&told["host"]["delay_s"], &told["robots"]["status"]), (&json!(3_600.0), &json!(404)));

    std::fs::remove_dir_all(dir.path().join("frontier")).unwrap();
    std::fs::remove_file(dir.path().join("crawl.json")).unwrap();
    let told = explain(dir.path(), &at("/19"), &["--max-pages", "6"]);
    assert_eq!((&told["state"]["is"], &told["state"]["before"]), (&json!("waits"), &json!(14)));
    assert_eq!(told["scope"]["allowed"], true);
}

#[test]
fn each_host_was_given_what_it_was_promised() {
    let web = web();
    let (patient, busy) = (web.host(0), web.host(1));
    let links: String = (0..8).map(|n| format!("<a href=/{n}>x</a>")).collect();
    web.script(&patient, "/", Script::html(links));
    let rules = "User-agent: *\nCrawl-delay: 0.08\n";
    web.script(&patient, "/robots.txt", Script::new([Step::answer("200 OK", &[], rules)]));
    web.script(&busy, "/robots.txt", Script::new([Step::answer("404 Not Found", &[], "")]));
    let too_many = Step::answer("429 Too Many Requests", &["Retry-After: 1"], "");
    web.script(&busy, "/", Script::new([too_many]).then([Step::answer("200 OK", &[], "at last")]));
    let dir = tempfile::tempdir().unwrap();
    let seeds = [format!("http://{patient}/"), format!("http://{busy}/")];
    crawl(&web, dir.path(), &[&seeds[0], &seeds[1]], &["--delay", "30ms"]);

    let store = dir.path().display().to_string();
    let hosts = lines(&["stats", "--hosts", "--jsonl", "--store", &store]);
    let of = |name: &str| hosts.iter().find(|line| line["host"] == name).expect("the host is there");
    assert_eq!(hosts.len(), 2);
    let (host, refused) = (of(&patient), of(&busy));
    assert_eq!((&host["requests"], &host["robots_visits"]), (&json!(10), &json!(1)));
    assert_eq!((&host["delay_s"], &host["crawl_delay_s"]), (&json!(0.08), &json!(0.08)));
    assert_eq!(host["robots"]["http"], "rules");
    for gap in ["gap_min_s", "gap_median_s"] {
        assert!(host[gap].as_f64() >= Some(0.079), "records have milliseconds: {host}");
    }
    assert_eq!((&host["pages"], &host["refusals"], &host["waiting"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!((&refused["refusals"], &refused["pages"]), (&json!(1), &json!(1)));
    assert_eq!(refused["responses"], json!({"2xx": 1, "4xx": 1}));
    assert_eq!((&refused["delay_s"], &refused["robots"]["http"]), (&json!(0.03), &json!("none")));

    let table = said(&["stats", "--hosts", "--store", &store]);
    for want in ["promised", "shortest", &patient, "0.08 s", "rules"] {
        assert!(table.contains(want), "without {want:?}:\n{table}");
    }
    // What a host asked for is gone with the frontier; what the settings say is not.
    std::fs::remove_dir_all(dir.path().join("frontier")).unwrap();
    for line in lines(&["stats", "--hosts", "--jsonl", "--store", &store]) {
        assert_eq!((&line["delay_s"], &line["waiting"]), (&json!(0.03), &json!(0)), "{line}");
    }
}

#[test]
fn a_robots_file_is_no_page() {
    let web = web();
    let host = site(&web);
    let dir = tempfile::tempdir().unwrap();
    let seed = format!("http://{host}/");
    crawl(&web, dir.path(), &[&seed], &["--delay", "0s", "--max-depth", "1"]);
    let store = dir.path().display().to_string();
    let urls = |flags: &[&str]| {
        let all = lines(&[&["query", "--jsonl", "--store", &store], flags].concat());
        let mut urls: Vec<String> =
            all.iter().map(|line| line["url"].as_str().unwrap_or_default().replace(&seed, "/")).collect();
        urls.sort_unstable();
        urls
    };
    let pages = ["/", "/a", "/gone", "/moved"];
    assert_eq!(urls(&[]), pages);
    assert_eq!(urls(&["--robots"]), ["/", "/a", "/gone", "/moved", "/robots.txt"]);
    let robots = format!("{seed}robots.txt");
    assert!(said(&["show", &robots, "--body", "--store", &store]).starts_with("User-agent: *"));
    let stats = lines(&["stats", "--json", "--store", &store]);
    assert_eq!((&stats[0]["responses"], &stats[0]["robots"]), (&json!(4), &json!(1)));
}

/// A page that is as it was costs an answer without a body, and its body is still there to be shown.
#[test]
fn what_is_unchanged_is_kept_once() {
    let web = web();
    let host = web.host(0);
    let page = "<p>a page that stays as it is, and is long enough to be told from a short one</p>";
    web.script(&host, "/robots.txt", Script::new([Step::answer("404 Not Found", &[], "")]));
    let first = Step::answer("200 OK", &["Content-Type: text/html", "ETag: \"7\""], page);
    let then = Step::respond("HTTP/1.1 304 Not Modified\r\nETag: \"7\"\r\n\r\n");
    web.script(&host, "/", Script::new([first]).then([then]));
    let dir = tempfile::tempdir().unwrap();
    let (seed, store) = (format!("http://{host}/"), dir.path().display().to_string());
    let refresh = ["--delay", "0s", "--refresh", "1ms", "--once"];
    crawl(&web, dir.path(), &[&seed], &["--delay", "0s"]);
    crawl(&web, dir.path(), &[&seed], &refresh);

    let history = lines(&["show", &seed, "--history", "--jsonl", "--store", &store]);
    assert!(history.len() >= 2, "{history:?}");
    assert_eq!((&history[0]["status"], &history[1]["status"]), (&json!(200), &json!(304)));
    assert_eq!((&history[1]["digest"], &history[1]["mime"]), (&history[0]["digest"], &json!("text/html")));
    let asked: Vec<_> = web.log().into_iter().filter(|served| served.path == "/").collect();
    assert_eq!(asked.len(), history.len());
    assert_eq!(said(&["show", &seed, "--body", "--store", &store]), page);
    assert!(said(&["show", &seed, "--store", &store]).contains("unchanged  by "));
    let told = explain(dir.path(), &seed, &[]);
    assert!(verdict(&told).contains("304, it is as it was"), "{told}");
    assert!(told["due_in_s"].is_f64(), "{told}");
    // Twice as long for each look that found it unchanged.
    let day = explain(dir.path(), &seed, &["--refresh", "1day", "--refresh-max", "16days"]);
    assert!(day["due_in_s"].as_f64() > Some(86_400.0), "{day}");
}
