//! `dragline robots` as a person or a script meets it: verdicts with their lines, files from anywhere, and others'
//! cases where their folder is there.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use dragline_fakeweb::{Script, Step, Web, WebSpec};
use serde_json::{Value, json};

const RULES: &str = "# a file\nUser-agent: *\nDisallow: /private/\nAllow: /private/open\nCrawl-delay: 2.5\n\n\
    User-agent: Nosy\nDisallow: /\n\nSitemap: https://a.example/map.xml\n";

/// Runs `dragline robots` with these arguments and this on standard input.
fn robots(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragline"))
        .arg("robots")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // Who is refused does not read.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the input is written");
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("the output is UTF-8")
}

fn answers(args: &[&str], input: &str) -> Vec<Value> {
    let output = robots(&[&["--jsonl"], args].concat(), input);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn a_verdict_names_its_line() {
    let output = robots(
        &[
            "-",
            "https://a.example/private/x",
            "/private/open/y",
            "a.example/",
            "/robots.txt",
            "--agent",
            "x/1",
        ],
        RULES,
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&output),
        "disallowed  https://a.example/private/x  line 3: Disallow: /private/\n\
         allowed     /private/open/y  line 4: Allow: /private/open\n\
         allowed     a.example/  no line of the group * matches\n\
         allowed     /robots.txt  robots.txt itself always is (RFC 9309 §2.2.2)\n\
         \n\
         agent         x\n\
         group         *\n\
         crawl-delay   2.5 s\n\
         sitemap       https://a.example/map.xml\n"
    );
}

#[test]
fn an_agent_with_a_group_of_its_own_is_told_so() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let file = dir.path().join("robots.txt");
    fs::write(&file, RULES).expect("a file can be written");
    let output = robots(&[file.to_str().expect("UTF-8"), "/", "--agent", "Nosy/2.0 (+http://x)"], "");
    let said = stdout(&output);
    assert!(said.starts_with("disallowed  /  line 8: Disallow: /\n"), "{said}");
    assert!(said.contains("group         nosy, which does not see the rules of *\n"), "{said}");
    assert!(!said.contains("crawl-delay"), "{said}");
}

#[test]
fn a_terminal_is_not_commanded() {
    let output = robots(&["-", "/\x1b[31m"], "User-agent: *\nDisallow: /\x1b[2J\nSitemap: \x1b[2J\n");
    assert!(!stdout(&output).contains('\x1b'), "{}", stdout(&output));
}

#[test]
fn bad_usage_is_refused_in_words() {
    for (args, code, words) in [
        (&[][..], 2, "<FILE|URL>"),
        (&["--jsonl", "x"], 2, "--jsonl"),
        (&["/no/such/robots.txt"], 1, "/no/such/robots.txt"),
        (&["http://["], 2, "http://["),
        (&["http://a/", "--allow-net", "nonsense"], 2, "nonsense"),
    ] {
        let output = robots(args, "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{args:?}: {said}");
    }
}

/// A web whose hosts answer their robots.txt with these bytes.
fn web(scripts: &[(&str, &str, Vec<Step>)]) -> Web {
    let spec = WebSpec { hosts: 1, ..WebSpec::default() };
    let spec = scripts.iter().fold(spec, |spec, (host, path, steps)| {
        spec.script(format!("{host}.fakeweb.test"), *path, Script::new(steps.clone()))
    });
    spec.start().expect("the web starts")
}

/// Asks for the robots.txt of a host of that web.
fn asked(web: &Web, url: &str, more: &[&str]) -> (Option<i32>, String) {
    let output = robots(&[&[url, "--resolve", &web.resolve_rule()], more].concat(), "");
    (output.status.code(), stdout(&output))
}

fn answer(status: &str, fields: &[&str], body: &str) -> Vec<Step> {
    vec![Step::answer(status, fields, body)]
}

#[test]
fn a_host_is_asked_as_a_crawl_would() {
    let web = web(&[
        ("a", "/robots.txt", answer("200 OK", &[], RULES)),
        ("none", "/robots.txt", answer("404 Not Found", &[], "")),
        ("ill", "/robots.txt", answer("503 Busy", &[], "")),
        ("many", "/robots.txt", answer("429 Too Many Requests", &["Retry-After: 5"], "")),
        ("mute", "/robots.txt", vec![Step::Close]),
    ]);
    let (code, said) = asked(
        &web,
        "http://a.fakeweb.test/some/page",
        &["http://a.fakeweb.test/private/", "http://b.test/private/", "/"],
    );
    assert_eq!(code, Some(0));
    assert!(
        said.starts_with("disallowed  http://a.fakeweb.test/private/  line 3: Disallow: /private/\n"),
        "{said}"
    );
    assert!(
        said.contains("but it is not on http://a.fakeweb.test: the robots.txt of http://b.test"),
        "{said}"
    );
    assert!(said.contains("asked         http://a.fakeweb.test/robots.txt: 200, "), "{said}");
    assert_eq!(web.log()[0].path, "/robots.txt");

    for (host, code, verdict, words) in [
        ("none", 0, "allowed     /x  404: there is no robots.txt", "RFC 9309 §2.3.1.3"),
        ("ill", 0, "disallowed  /x  503: the rules cannot be had", "asks again in 1m"),
        ("many", 0, "disallowed  /x  429: too many requests", "RFC 9309 §2.3.1.4"),
        ("mute", 3, "disallowed  /x  no answer: the rules cannot be had", "closed"),
    ] {
        let (got, said) = asked(&web, &format!("http://{host}.fakeweb.test/"), &["/x"]);
        assert_eq!(got, Some(code), "{host}: {said}");
        assert!(said.starts_with(verdict) && said.contains(words), "{host}: {said}");
    }
}

#[test]
fn five_redirects_are_followed_across_hosts() {
    let to = |place: &str| answer("301 Moved", &[&format!("Location: {place}")], "");
    let web = web(&[
        ("h", "/robots.txt", to("http://g.fakeweb.test/1")),
        ("g", "/1", to("/2")),
        ("g", "/2", to("/3")),
        ("g", "/3", to("/4")),
        ("g", "/4", to("/5")),
        ("g", "/5", answer("200 OK", &[], RULES)),
        ("far", "/robots.txt", to("http://g.fakeweb.test/0")),
        ("g", "/0", to("/1")),
        ("odd", "/robots.txt", to("ftp://g.fakeweb.test/")),
        ("private", "/robots.txt", to("http://127.0.0.1/robots.txt")),
    ]);
    let (_, said) = asked(&web, "http://h.fakeweb.test/", &["/private/x"]);
    assert!(said.starts_with("disallowed  /private/x  line 3"), "{said}");
    assert_eq!(said.matches("asked  ").count(), 6, "{said}");
    for host in ["far", "odd", "private"] {
        web.clear_log();
        let (code, said) = asked(&web, &format!("http://{host}.fakeweb.test/"), &["/private/x"]);
        assert_eq!(code, Some(0));
        assert!(
            said.starts_with("allowed     /private/x  its redirects lead nowhere or on and on"),
            "{said}"
        );
        assert_eq!(web.requests(), if host == "far" { 6 } else { 1 }, "{said}");
    }
}

#[test]
fn a_private_address_is_not_asked() {
    let web = web(&[]);
    let url = format!("http://{}/", web.addr());
    let output = robots(&[&url, "/"], "");
    let said = stdout(&output);
    assert_eq!((output.status.code(), web.requests()), (Some(3), 0), "{said}");
    assert!(said.contains("--allow-net 127.0.0.0/8"), "{said}");
    let output = robots(&[&url, "/", "--allow-net", "127.0.0.0/8"], "");
    assert_eq!((output.status.code(), web.requests()), (Some(0), 1), "{}", stdout(&output));
}

#[test]
fn a_file_may_be_compressed_and_longer_than_what_counts() {
    use std::io::Write as _;
    let long = format!("User-agent: *\nDisallow: /a\n{}Disallow: /b\n", "Disallow: /filler\n".repeat(60_000));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(long.as_bytes()).expect("memory can be written");
    let body = gzip.finish().expect("memory can be written");
    let coded = Step::answer("200 OK", &["Content-Encoding: gzip"], &body);
    let web =
        web(&[("plain", "/robots.txt", answer("200 OK", &[], &long)), ("coded", "/robots.txt", vec![coded])]);
    for host in ["plain", "coded"] {
        let (_, said) = asked(&web, &format!("http://{host}.fakeweb.test/"), &["/a", "/b", "--agent", "x"]);
        assert!(said.starts_with("disallowed  /a  line 2"), "{host}: {said}");
        assert!(said.contains("\nallowed     /b  "), "{host}: {said}");
    }
}

#[test]
fn lines_are_answered_one_by_one() {
    let question = |url: &str| json!({"robots": RULES, "agent": "x", "url": url}).to_string();
    let said = answers(&[], &format!("{}\nnonsense\n{}\n", question("/private/x"), question("/")));
    assert_eq!(said.len(), 3);
    assert_eq!((&said[0]["allowed"], &said[0]["line"]), (&json!(false), &json!(3)));
    assert!(said[1]["error"].as_str().expect("a text").starts_with("line 2: "));
    assert_eq!(said[2]["allowed"], true);
    let nobody = json!({"robots": RULES, "url": "/"}).to_string();
    assert_eq!(answers(&["--agent", "nosy"], &nobody)[0]["group"], "nosy");
    assert_eq!(answers(&["--user-agent", "nosy/3"], &nobody)[0]["agent"], "nosy/3");
}

/// Others' cases, and the lines that ask about them.
fn corpus(file: &str) -> Option<Vec<Value>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora/robots");
    let Ok(text) = fs::read_to_string(folder.join(file)) else {
        println!("passed over: no {file}");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect())
}

#[test]
fn others_verdicts_are_ours() {
    let Some(rows) = corpus("must_pass.jsonl") else { return };
    let input: String = rows.iter().map(|row| format!("{row}\n")).collect();
    let said = answers(&[], &input);
    assert_eq!((rows.len(), said.len()), (925, 925));
    for (row, said) in rows.iter().zip(&said) {
        assert_eq!(row["allowed"], said["allowed"], "{row}: {said}");
        assert_eq!((&row["agent"], &row["url"]), (&said["agent"], &said["url"]));
        // Whatever forbids has a line.
        assert!(said["allowed"] == true || (said["line"].is_u64() && said["pattern"].is_string()), "{said}");
    }
}

#[test]
fn what_others_read_besides_rules_is_read_here_too() {
    let Some(rows) = corpus("crawler_commons_meta.jsonl") else { return };
    let base = dragline::model::CanonicalUrl::parse("http://domain.com/robots.txt").expect("a URL");
    for row in &rows {
        // A row has several agents; the first that is named in the file speaks for all.
        let asked: String = row["agents"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|agent| {
                format!(
                    "{}\n",
                    json!({"robots": row["robots"], "robots_b64": row["robots_b64"], "agent": agent})
                )
            })
            .collect();
        let said = answers(&[], &asked);
        let said =
            said.iter().find(|it| !matches!(it["group"].as_str(), Some("*") | None)).unwrap_or(&said[0]);
        let millis = said["crawl_delay"].as_f64().map(|seconds| (seconds * 1000.0).round() as u64);
        assert_eq!(millis, row["crawl_delay_ms"].as_u64(), "{row}: {said}");
        let sitemaps: Vec<Value> = said["sitemaps"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|text| {
                base.join(text.as_str().expect("a text")).map_or(Value::Null, |url| json!(url.as_str()))
            })
            .collect();
        assert_eq!(Value::from(sitemaps), row["sitemaps"], "{row}: {said}");
    }

    let Some(others) = corpus("protego_meta.jsonl") else { return };
    for row in &others {
        let said = answers(&[], &row.to_string());
        let python = |time: &Value| match time.as_str().and_then(|time| time.split_once(':')) {
            Some((hour, minute)) => {
                let number = |text: &str| text.parse::<u32>().expect("digits");
                format!("datetime.time({}, {})", number(hour), number(minute))
            }
            None => "None".into(),
        };
        let kind = row["kind"].as_str().expect("a text");
        let value = &said[0][kind];
        let told = match kind {
            _ if value.is_null() => Value::Null,
            "crawl_delay" => value.clone(),
            "request_rate" => json!(format!(
                "RequestRate(requests={}, seconds={}, start_time={}, end_time={})",
                value["requests"],
                value["seconds"],
                python(&value["from"]),
                python(&value["until"])
            )),
            _ => json!(format!(
                "VisitTime(start_time={}, end_time={})",
                python(&value["from"]),
                python(&value["until"])
            )),
        };
        assert_eq!(told, row["value"], "{row}: {said:?}");
    }
    assert_eq!(rows.len() + others.len(), 54);
}
