//! `dragline fetch` as a script or a person meets it: lines, exit codes, what goes onto the wire.

#![allow(clippy::expect_used, reason = "a failed expectation is a failed test")]

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use dragline_fakeweb::{Script, Step, Web, WebSpec};
use serde_json::Value;

const JSON: &str = "Content-Type: application/json";

/// A web in which every URL of every host answers as its script says.
fn web(scripts: &[(&str, &str, Step)]) -> Web {
    let spec = WebSpec { hosts: 2, pages_per_host: 1, keep_heads: true, ..WebSpec::default() };
    let spec = scripts
        .iter()
        .fold(spec, |spec, (host, path, step)| spec.script(*host, *path, Script::new([step.clone()])));
    spec.start().expect("the web starts")
}

fn fetch(web: &Web, args: &[&str]) -> Output {
    fetch_with(web, args, "")
}

fn fetch_with(web: &Web, args: &[&str], stdin: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    command.args(["fetch", "--resolve", &web.resolve_rule(), "--resolve"]);
    command.arg(format!("*.test={}", web.addr())).args(["--set", "gather.retry_wait=10ms"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("it reads its input");
    child.wait_with_output().expect("it ends")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).expect("the output is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it exits")
}

fn heads(web: &Web) -> Vec<String> {
    let head = |served: dragline_fakeweb::Served| {
        String::from_utf8_lossy(&served.head.unwrap_or_default()).into_owned()
    };
    web.log().into_iter().map(head).collect()
}

#[test]
fn an_answer_is_a_line() {
    let web = web(&[(
        "a.test",
        "*",
        Step::answer("200 OK", &[JSON], "{\"big\": 12345678901234567890123,\n \"e\": 1.0}"),
    )]);
    let output = fetch(&web, &["http://a.test/items?page=[1-3]", "--expect", "json", "--headers"]);
    let lines = lines(&output);
    assert_eq!((code(&output), lines.len()), (0, 3));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("\"json\":{\"big\":12345678901234567890123,\"e\":1.0}"),
        "every digit as it came: {text}"
    );
    let numbers: BTreeSet<u64> = lines.iter().filter_map(|line| line["n"].as_u64()).collect();
    assert_eq!(numbers, BTreeSet::from([1, 2, 3]));
    for line in &lines {
        let url = format!("http://a.test/items?page={}", line["n"]);
        assert_eq!((line["url"].as_str(), line["status"].as_u64()), (Some(url.as_str()), Some(200)));
        assert_eq!((&line["error"], &line["attempts"]), (&Value::Null, &1.into()));
        assert_eq!(line["headers"]["content-type"], "application/json");
        assert!(line["timings"]["total"].as_f64().is_some_and(|ms| ms > 0.0));
        assert!(line["digest"].as_str().is_some_and(|digest| digest.starts_with("sha256:")));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("3 answers in "), "{said}");
}

#[test]
fn the_query_goes_out_byte_for_byte() {
    let web = web(&[("a.test", "*", Step::answer("200 OK", &[], "ok"))]);
    let target = "/q?serviceKey=ab%2Bcd%3D%3D&name='x'&b={y}[1]";
    let output = fetch(&web, &["-g", &format!("http://a.test{target}")]);
    assert_eq!(code(&output), 0);
    assert!(heads(&web)[0].starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{}", heads(&web)[0]);
}

#[test]
fn exit_codes_tell_the_outcome() {
    let xml = "<OpenAPI_ServiceResponse><errMsg>SERVICE ERROR</errMsg></OpenAPI_ServiceResponse>";
    let web = web(&[
        ("a.test", "/ok", Step::answer("200 OK", &[JSON], "[1]")),
        ("a.test", "/xml", Step::answer("200 OK", &["Content-Type: text/xml"], xml)),
        ("a.test", "/gone", Step::answer("404 Not Found", &[], "")),
        ("a.test", "/cut", Step::Close),
    ]);
    for (args, want) in [
        (&["http://a.test/ok"][..], 0),
        (&["http://a.test/{ok,gone}"], 4),
        (&["http://a.test/{ok,gone}", "--expect", "200,404"], 0),
        (&["http://a.test/{ok,xml}", "--expect", "json"], 4),
        (&["http://a.test/cut"], 3),
        (&["http://127.0.0.1:1/"], 3),
        (&["http://127.0.0.1/"], 3),
    ] {
        let output = fetch(&web, args);
        assert_eq!(code(&output), want, "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let output = fetch(&web, &["http://a.test/xml", "--expect", "json"]);
    let line = &lines(&output)[0];
    assert_eq!((line["error"].as_str(), line["blame"].as_str()), (Some("unexpected"), Some("server")));
    assert!(line["detail"].as_str().is_some_and(|it| it.contains("SERVICE ERROR")), "{line}");
    let output = fetch(&web, &["http://a.test/cut", "--retries", "2"]);
    let line = &lines(&output)[0];
    assert_eq!((line["error"].as_str(), line["attempts"].as_u64()), (Some("closed"), Some(3)));
}

#[test]
fn bad_usage_is_refused_in_a_line() {
    let web = web(&[]);
    for (args, words) in [
        (&[][..], &["no URL"][..]),
        (&["ftp://a.test/"], &["ftp://a.test/", "http"]),
        (&["http://a.test/[9-1"], &["[9-1"]),
        (&["@/no/such/list"], &["/no/such/list"]),
        (&["http://a.test/", "-H", "no colon"], &["-H", "Name: value"]),
        (&["http://a.test/", "-H", "Host: b.test"], &["-H", "the wire writes this field"]),
        (&["http://a.test/", "-H", "X: a\r\nY: b"], &["-H"]),
        (&["http://a.test/", "-X", "G T"], &["-X", "G T"]),
        (&["http://a.test/", "--expect", "cvs"], &["--expect", "cvs"]),
        (&["http://a.test/", "--rate", "fast"], &["gather.rate", "fast"]),
        (&["http://a.test/", "--timeout", "5"], &["fetch.total_timeout", "--timeout"]),
        (&["http://a.test/", "--per-host", "0"], &["gather.per_host"]),
        (&["http://a.test/", "--data-file", "/no/such/file"], &["/no/such/file"]),
        (&["http://a.test/", "--proxy", "ftp://u:secret@p/"], &["proxy"]),
        (&["http://a.test/", "--set", "proxy=ftp://u:secret@p/"], &["proxy"]),
        (&["http://a.test/", "--set", "proxy=7"], &["proxy"]),
        (&["http://a.test/", "--auth", "HTTPS://b.test/x=u:secret"], &["--auth"]),
        (&["http://a.test/", "-d", "@file"], &["--data-file"]),
        (&["@/tmp"], &["directory"]),
        (&["http://a.test/", "--data-file", "/dev/zero"], &["64 MiB"]),
        (&["http://a.test/", "--cookie-jar", "/dev/zero"], &["--cookie-jar"]),
        (&["http://a.test/", "--cookie-jar", "/no/such/dir/jar"], &["--cookie-jar"]),
        (&["http://a.test/", "--dns", "nine"], &["name_servers", "nine"]),
        (&["http://a.test/", "--insecure", "a b"], &["insecure", "a b"]),
        (&["http://a.test/", "--auth", "secret"], &["--auth"]),
    ] {
        let output = fetch(&web, args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((code(&output), said.lines().count()), (2, 1), "{args:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{args:?} says {said:?}");
        assert!(!said.contains("secret") && output.stdout.is_empty(), "{args:?}: {said}");
    }
    assert_eq!(web.requests(), 0);
}

#[test]
fn lists_come_from_files_and_standard_input() {
    let web = web(&[("a.test", "*", Step::answer("200 OK", &[], "ok"))]);
    let dir = tempfile::tempdir().expect("a directory");
    let list = dir.path().join("urls.txt");
    fs::write(&list, "# two\nhttp://a.test/[1-2]\n\n  nonsense\n").expect("a file");
    let output = fetch_with(
        &web,
        &[&format!("@{}", list.display()), "-", "http://a.test/last", "--order", "input"],
        "http://a.test/in\n",
    );
    let urls: Vec<String> =
        lines(&output).iter().map(|line| line["url"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(urls[..2], ["http://a.test/1", "http://a.test/2"]);
    assert_eq!(urls[3..], ["http://a.test/in", "http://a.test/last"]);
    let bad = &lines(&output)[2];
    assert!(bad["detail"].as_str().is_some_and(|why| why.contains("line 4")), "{bad}");
    assert_eq!(code(&output), 4);
}

#[test]
fn bodies_headers_and_credentials() {
    let web = web(&[("*", "*", Step::answer("200 OK", &[], "ok"))]);
    let dir = tempfile::tempdir().expect("a directory");
    let secret = dir.path().join("secret");
    fs::write(&secret, "bearer t0k\n").expect("a file");
    let at = format!("@{}", secret.display());
    for args in [
        &["http://a.test/", "-d", "q=spider", "-d", "n=1"][..],
        &["http://a.test/", "-X", "PUT", "-d", "{}", "-H", "Content-Type: application/json"],
        &["http://u:p@a.test/"],
        &["http://{a,b}.test/", "--auth", "http://b.test=v:w"],
        &["http://a.test/", "--auth", &at],
        &["http://a.test/", "-X", "DELETE", "-H", "X-Api-Key: k"],
    ] {
        assert_eq!(code(&fetch(&web, args)), 0, "{args:?}");
    }
    let heads = heads(&web);
    assert!(heads[0].starts_with("POST / ") && heads[0].contains("Content-Length: 12\r\n"), "{}", heads[0]);
    assert!(heads[0].contains("Content-Type: application/x-www-form-urlencoded\r\n"));
    assert!(heads[1].starts_with("PUT / ") && heads[1].contains("Content-Type: application/json\r\n"));
    assert!(heads[2].contains("Authorization: Basic dTpw\r\n"), "{}", heads[2]);
    let [for_a, for_b] = ["Host: a.test\r\n", "Host: b.test\r\n"]
        .map(|host| heads[3..5].iter().find(|head| head.contains(host)).expect("both were asked"));
    assert!(!for_a.contains("Authorization") && for_b.contains("Authorization: Basic djp3\r\n"));
    assert!(heads[5].contains("Authorization: Bearer t0k\r\n"));
    assert!(heads[6].starts_with("DELETE / ") && heads[6].contains("X-Api-Key: k\r\n"));
}

#[test]
fn a_cookie_jar_outlives_the_run() {
    let web = web(&[
        ("a.test", "/login", Step::answer("200 OK", &["Set-Cookie: sid=31d4; Max-Age=3600; Path=/"], "")),
        ("*", "*", Step::answer("200 OK", &[], "me")),
    ]);
    let dir = tempfile::tempdir().expect("a directory");
    let jar = dir.path().join("cookies.txt");
    let jar = jar.to_str().expect("a path");
    assert_eq!(code(&fetch(&web, &["http://a.test/login", "--cookie-jar", jar])), 0);
    assert_eq!(code(&fetch(&web, &["http://a.test/me", "--cookie-jar", jar])), 0);
    assert_eq!(code(&fetch(&web, &["http://b.test/", "--cookie-jar", jar])), 0);
    let heads = heads(&web);
    assert!(heads[1].contains("Cookie: sid=31d4\r\n") && !heads[2].contains("Cookie"), "{heads:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(jar).expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    }
}

#[test]
fn answers_are_kept_where_that_is_wished() {
    let web = web(&[
        ("a.test", "/old", Step::answer("301 Moved", &["Location: /new"], "")),
        ("a.test", "/new", Step::answer("200 OK", &[JSON], "[1, 2]")),
        ("a.test", "/cut", Step::Close),
    ]);
    let dir = tempfile::tempdir().expect("a directory");
    let store = dir.path().join("store");
    let path = store.to_str().expect("a path");
    let args = ["http://a.test/{old,cut}", "--store", path, "--retries", "0", "--auth", "u:p"];
    let output = fetch(&web, &args);
    assert_eq!(code(&output), 4);
    let old = lines(&output).into_iter().find(|line| line["status"] == 200).expect("one is answered");
    assert_eq!(old["redirects"][0]["status"], 301);
    assert_eq!((old["final_url"].as_str(), old["json"][1].as_u64()), (Some("http://a.test/new"), Some(2)));

    let kept = dragline::open(&store).expect("the store opens");
    let records: Vec<_> =
        kept.pages().with_failures().records().expect("it reads").map(Result::unwrap).collect();
    let told: BTreeSet<(String, Option<u16>)> =
        records.iter().map(|record| (record.url.to_string(), record.status)).collect();
    let want =
        [("http://a.test/old", Some(301)), ("http://a.test/new", Some(200)), ("http://a.test/cut", None)];
    assert_eq!(told, want.map(|(url, status)| (url.to_owned(), status)).into());
    drop(kept);
    for file in fs::read_dir(store.join("archive")).expect("an archive") {
        let bytes = fs::read(file.expect("a file").path()).expect("it reads");
        assert!(!bytes.windows(4).any(|it| it == b"dTpw"), "credentials are not recorded");
    }
    // A run without --store leaves nothing behind.
    assert_eq!(code(&fetch(&web, &["http://a.test/new"])), 0);
    assert!(!std::path::Path::new("dragline-data").exists());
}

#[test]
fn fail_fast_stops_and_time_is_told() {
    let web = web(&[
        ("a.test", "/bad", Step::answer("500 No", &[], "")),
        ("a.test", "*", Step::answer("200 OK", &[], "ok")),
    ]);
    let args =
        ["http://a.test/bad", "http://a.test/[1-100000]", "--fail-fast", "--retries", "0", "--per-host", "1"];
    let output = fetch(&web, &args);
    assert_eq!(code(&output), 4);
    assert!(web.requests() < 100_000, "{}", web.requests());
    let output = fetch(&web, &["http://a.test/[1-20]", "--explain-slow"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("where the time went:") && said.contains("a.test"), "{said}");
}

#[test]
fn a_run_has_an_end() {
    let web =
        web(&[("a.test", "/quick", Step::answer("200 OK", &[], "ok")), ("a.test", "/never", Step::Hang)]);
    let output = fetch(&web, &["http://a.test/{quick,never}", "--max-time", "1s"]);
    assert_eq!((code(&output), lines(&output).len()), (4, 1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("the time is up; 1 call not answered"), "{said}");
}

#[test]
fn a_body_that_is_a_beginning_says_so_in_line_and_store() {
    // A gzip member that breaks off: header, a stored block of five bytes, and no end.
    let gzip = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0, 5, 0, 250, 255][..], b"hello"].concat();
    let web = web(&[("a.test", "*", Step::answer("200 OK", &["Content-Encoding: gzip"], gzip))]);
    let dir = tempfile::tempdir().expect("a directory");
    let store = dir.path().join("store");
    let output = fetch(&web, &["http://a.test/", "--store", store.to_str().expect("a path")]);
    let line = &lines(&output)[0];
    assert_eq!((code(&output), &line["ok"], &line["body"]), (4, &false.into(), &"hello".into()));
    assert_eq!((&line["error"], &line["truncated"]), (&"truncated".into(), &"damaged".into()));
    let kept = dragline::open(&store).expect("the store opens");
    let record = kept.pages().records().expect("it reads").next().expect("one").expect("a record");
    assert_eq!(record.size, 5, "of the decoded body");
    assert!(record.extract_error.is_some_and(|note| note.contains("cut after 5 bytes")));
}
