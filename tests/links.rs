//! `dragline links` through the front door: documents of every kind, and what is said of them.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure in a helper is a failed test")]

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// What `dragline links` says of a document, given on its standard input.
fn links(body: &[u8], arguments: &[&str]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dragline"))
        .args(["links", "-", "--base", "http://h.example/dir/page"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(body).unwrap();
    child.wait_with_output().unwrap()
}

fn lines(body: &[u8], arguments: &[&str]) -> Vec<String> {
    let output = links(body, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn links_of_a_page_are_lines() {
    let page = b"<link rel=canonical href=/c><link rel=next href=2><a href=x>.<a rel=nofollow href=y><img srcset='z 2x'>";
    assert_eq!(
        lines(page, &[]),
        ["http://h.example/dir/2", "http://h.example/dir/x", "http://h.example/dir/y"]
    );
    assert_eq!(
        lines(page, &["--nofollow", "--srcset"]),
        ["http://h.example/dir/2", "http://h.example/dir/x", "http://h.example/dir/z"]
    );
}

#[test]
fn facts_are_the_last_line() {
    let page = b"<link rel=canonical href=/c><link rel=alternate hreflang=de href=/de><meta name=Robots content=noindex>\
                 <meta http-equiv=refresh content='5;url=r'><a href=x>";
    let lines = lines(page, &["--facts"]);
    assert_eq!(lines[..2], ["http://h.example/dir/x", "http://h.example/dir/r"]);
    let facts: Value = serde_json::from_str(&lines[2]).unwrap();
    assert_eq!(
        facts,
        json!({
            "kind": "html",
            "charset": "UTF-8",
            "base": "http://h.example/dir/page",
            "urls": 4,
            "cut": false,
            "nofollow": 0,
            "canonical": "http://h.example/c",
            "alternates": [{"what": "de", "url": "http://h.example/de"}],
            "metas": [{"name": "robots", "content": "noindex"}],
            "refresh": {"seconds": 5, "url": "http://h.example/dir/r"},
            "named": [{"role": "alternate", "url": "http://h.example/de"}, {"role": "canonical", "url": "http://h.example/c"}],
            "error": null,
        })
    );
}

#[test]
fn sitemaps_of_every_form() {
    let sitemap = b"<urlset><url><loc>http://h.example/1</loc></url><url><loc>/2</loc></url></urlset>";
    let want = ["http://h.example/1", "http://h.example/2"];
    assert_eq!(lines(sitemap, &[]), want);
    assert_eq!(lines(sitemap, &["--sitemap", "--content-type", "text/html"]), want);
    let index = b"<sitemapindex><sitemap><loc>http://h.example/s.xml</loc></sitemap></sitemapindex>";
    assert_eq!(lines(index, &["--sitemap"]), ["http://h.example/s.xml"]);
    assert_eq!(
        lines(b"http://h.example/1\r\nwww.h.example/2\n", &["--sitemap"]),
        ["http://h.example/1", "http://www.h.example/2"]
    );
    let output = links(b"<urlset><url><loc>http://h.example/1</loc></url><url>", &["--sitemap"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "http://h.example/1\n");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(error, "links: broken XML at byte 53: the document ends before its elements do\n");
    assert!(output.status.success());
}

#[test]
fn json_where_it_is_asked_for() {
    let body = br#"{"next": "/api/2", "results": [{"name": "/n", "url": "/api/x/1/"}], "count": 1}"#;
    assert_eq!(lines(body, &[]), [""; 0]);
    let all = ["http://h.example/api/2", "http://h.example/n", "http://h.example/api/x/1/"];
    assert_eq!(lines(body, &["--follow", "json"]), all);
    let some = ["--follow", "json=/next", "--follow", "json=/results/*/url"];
    assert_eq!(lines(body, &some), ["http://h.example/api/2", "http://h.example/api/x/1/"]);
    for (wrong, word) in
        [("xml", "json is what can be followed"), ("json=next", "does not begin with a slash")]
    {
        let output = links(body, &["--follow", wrong]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{wrong}");
    }
}
