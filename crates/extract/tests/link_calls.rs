//! Recorded calls of other extractors: the same bytes give the same links, base URL and encoding.
//!
//! Compared is what follows the same rules as ours: extraction without filters, base URLs, and declarations
//! of an encoding. Where the recorded library deliberately leaves the standards, the row is named in
//! [`OTHER_RULES`].

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod corpus;

use corpus::{base64, bytes, enough};
use dragline_extract::{Document, Limits, Summary, all_links, links};
use dragline_model::CanonicalUrl;
use encoding_rs::Encoding;
use serde_json::Value;

/// Parts of inputs that the recorded library reads by rules of its own.
const OTHER_RULES: [&str; 6] = [
    // It skips `<noscript>`; we read it as a browser without scripting does.
    "<noscript",
    // Its patterns find a `<meta>` that the standard's prescan does not: with a blank after `<`, or with a
    // pragma of another name.
    "< meta",
    "Fake-Content-Type",
    "httpequiv",
    // It refuses quotes that are not closed; the MIME Sniffing Standard does not.
    "foo=\"bar; charset=utf-7",
    // Encodings that the Encoding Standard does not have.
    "utf-32",
];

fn rows() -> Vec<Value> {
    corpus::rows("html/link_calls.jsonl")
}

#[test]
fn links_without_filters() {
    let rows = rows();
    let mut compared = 0;
    for row in rows.iter().filter(|row| row["fn"] == "scrapy.LxmlLinkExtractor") {
        let options = row["args"]["options"].as_object().unwrap();
        if options.keys().any(|key| !matches!(key.as_str(), "args" | "unique" | "canonicalize")) {
            continue;
        }
        let response = &row["args"]["response"];
        let url = CanonicalUrl::parse(response["url"].as_str().unwrap()).unwrap();
        let body = base64(response["body_b64"].as_str().unwrap());
        let content_type = format!("text/html; charset={}", response["encoding"].as_str().unwrap());
        let document = Document { url: &url, content_type: Some(&content_type), body: &body };
        let mut want = Vec::new();
        for link in row["result"].as_array().unwrap() {
            // Theirs keep the fragment and the scheme.
            if let Ok(link) = CanonicalUrl::parse(link["url"].as_str().unwrap())
                && !want.contains(&link)
            {
                want.push(link);
            }
        }
        let mut ours = all_links(&document, &Limits::default());
        // By default theirs drop what is named like a picture.
        ours.retain(|url| !url.path().ends_with(".jpg"));
        if options.contains_key("canonicalize") {
            // Theirs sort the query.
            want.sort();
            want.retain(|url| url.path_and_query() != "/p?a=1&b=2");
            ours.retain(|url| url.path_and_query() != "/p?b=2&a=1");
            ours.sort();
        }
        assert_eq!(ours, want, "{}", row["id"]);
        compared += 1;
    }
    enough(compared, 12, &rows);
}

#[test]
fn base_urls() {
    let rows = rows();
    let mut compared = 0;
    for row in rows.iter().filter(|row| row["fn"] == "w3lib.html.get_base_url") {
        let arguments = row["args"].as_array().unwrap();
        let (body, Some(url)) = (bytes(&arguments[0]), arguments.get(1)) else { continue };
        let url = CanonicalUrl::parse(std::str::from_utf8(&bytes(url)).unwrap()).unwrap();
        if !is_ours(&body) {
            continue;
        }
        let want = CanonicalUrl::parse(row["result"].as_str().unwrap()).unwrap();
        let summary = summary(&url, Some("text/html; charset=utf-8"), &body);
        assert_eq!(summary.base, Some(want), "{}", String::from_utf8_lossy(&body));
        compared += 1;
    }
    enough(compared, 60, &rows);
}

#[test]
fn declared_encodings() {
    let rows = rows();
    let url = CanonicalUrl::parse("http://h.example/").unwrap();
    let mut compared = 0;
    for row in &rows {
        let argument = &row["args"][0];
        if argument.is_null() || row["fn"].as_str().is_none_or(|name| !name.starts_with("w3lib.encoding.")) {
            continue;
        }
        let argument = bytes(argument);
        if !is_ours(&argument) {
            continue;
        }
        let want = || row["result"].as_str().map(encoding);
        // What is declared nowhere else must come from where it is declared.
        let charset = match row["fn"].as_str().unwrap() {
            "w3lib.encoding.http_content_type_encoding" => {
                summary(&url, std::str::from_utf8(&argument).ok(), b"<meta charset=iso-8859-6>").charset
            }
            "w3lib.encoding.html_body_declared_encoding" if !row["result"].is_null() => {
                summary(&url, None, &argument).charset
            }
            _ => continue,
        };
        let want = want();
        let lenient = want.is_none() && String::from_utf8_lossy(&argument).contains("charset=\"utf-8");
        if lenient {
            continue;
        }
        let text = String::from_utf8_lossy(&argument);
        // A header without a semicolon has no parameters.
        let want = if text.starts_with("charset=") { None } else { want };
        // GBK is decoded as gb18030.
        let charset = if charset == "GBK" { "gb18030" } else { charset };
        assert_eq!(charset, want.unwrap_or("ISO-8859-6"), "{text}");
        compared += 1;
    }
    enough(compared, 60, &rows);
}

fn summary(url: &CanonicalUrl, content_type: Option<&str>, body: &[u8]) -> Summary {
    links(&Document { url, content_type, body }, &Limits::default(), |_| true, |_, _| {})
}

fn is_ours(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    !OTHER_RULES.iter().any(|part| text.contains(part))
}

/// The Encoding Standard's name for one of Python's.
fn encoding(python: &str) -> &'static str {
    let label = match python {
        "big5hkscs" => "big5",
        "utf-16" => "utf-16le",
        other => other,
    };
    Encoding::for_label(label.as_bytes()).unwrap_or_else(|| panic!("{label} is no label")).name()
}
