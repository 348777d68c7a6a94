//! Recorded calls of other extractors: the same bytes give the same links, base URL, refresh and encoding.
//!
//! Every row of the corpus has a [`Verdict`]. Where a row is compared it must agree; where it is not, the reason is
//! the verdict, and how often each occurs is asserted in [`every_row_has_its_verdict`]: that is the score.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests: a failure there is a failed test"
)]

mod corpus;

use std::collections::BTreeMap;

use corpus::{base64, bytes, rows};
use dragline_extract::{Discovery, Document, Head, Kind, Options, discover};
use dragline_model::CanonicalUrl;
use encoding_rs::Encoding;
use serde_json::Value;

/// What came of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    /// The recorded answer and ours are the same.
    Same,
    /// The recorded call filters by text, path or pattern; what is left of its links are among ours.
    AmongOurs,
    /// The recorded call takes links of attributes that are no links in HTML (`div[data-url]`), of images, of none, or
    /// makes them by a function of its caller.
    OtherLinks,
    /// Called without an input.
    NoInput,
    /// Theirs skips `<noscript>`; we read it as a browser without scripting does.
    Noscript,
    /// Theirs was told to look into `<script>`, where a browser sees text.
    Script,
    /// The document ends inside the tag, which is none then (HTML Standard §13.2.5.36 ff., "eof-in-tag").
    CutTag,
    /// Their pattern finds a `<meta>` that the standard's prescan does not: with a blank after `<`, without the
    /// pragma, or with one of another name.
    LooseMeta,
    /// UTF-32, which the Encoding Standard does not have.
    Utf32,
    /// UTF-16 without a byte order mark is little-endian to the Encoding Standard (§4.2), big-endian to theirs.
    Utf16,
    /// Theirs refuses quotes that are not closed; the MIME Sniffing Standard does not.
    OpenQuote,
    /// A label that nobody knows, or a default of the caller's where nothing is declared.
    Undeclared,
}

#[test]
fn every_row_has_its_verdict() {
    let rows = rows("html/link_calls.jsonl");
    if rows.is_empty() {
        return;
    }
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for row in &rows {
        let verdict = match row["fn"].as_str().unwrap() {
            "scrapy.LxmlLinkExtractor" => links(row),
            "w3lib.html.get_base_url" => base_url(row),
            "w3lib.html.get_meta_refresh" => refresh(row),
            "w3lib.encoding.read_bom" => byte_order_mark(row),
            "w3lib.encoding.http_content_type_encoding" => header(row),
            "w3lib.encoding.html_body_declared_encoding" => declaration(row),
            "w3lib.encoding.html_to_unicode" => document(row),
            other => panic!("{other} is new"),
        };
        *counts.entry(verdict).or_default() += 1;
    }
    let want = [
        (Verdict::Same, 387),
        (Verdict::AmongOurs, 31),
        (Verdict::OtherLinks, 11),
        (Verdict::NoInput, 10),
        (Verdict::Noscript, 7),
        (Verdict::Script, 1),
        (Verdict::CutTag, 1),
        (Verdict::LooseMeta, 7),
        (Verdict::Utf32, 10),
        (Verdict::Utf16, 1),
        (Verdict::OpenQuote, 9),
        (Verdict::Undeclared, 2),
    ];
    assert_eq!(counts, BTreeMap::from(want));
}

/// The URLs of a page's links: what theirs extracts without options, and contains all that theirs leaves with some.
fn links(row: &Value) -> Verdict {
    let options = row["args"]["options"].as_object().unwrap();
    let has = |names: &[&str]| options.keys().any(|key| names.contains(&key.as_str()));
    if has(&["process_value"]) || has(&["attrs", "tags"]) && !is_ours_too(options) {
        return Verdict::OtherLinks;
    }
    let response = &row["args"]["response"];
    let url = CanonicalUrl::parse(response["url"].as_str().unwrap()).unwrap();
    let body = base64(response["body_b64"].as_str().unwrap());
    let content_type = format!("text/html; charset={}", response["encoding"].as_str().unwrap());
    let mut want = Vec::new();
    for link in row["result"].as_array().unwrap() {
        // Theirs keep the fragment and the scheme.
        if let Ok(link) = CanonicalUrl::parse(link["url"].as_str().unwrap())
            && !want.contains(&link)
        {
            want.push(link);
        }
    }
    let (_, mut ours) = read(&url, Some(&content_type), &body);
    if has(&["canonicalize"]) {
        // Theirs sort the query.
        want.retain(|url| url.path_and_query() != "/p?a=1&b=2");
        ours.retain(|url| url.path_and_query() != "/p?b=2&a=1");
    }
    if options.keys().all(|key| matches!(key.as_str(), "args" | "unique" | "canonicalize")) {
        // By default theirs drop what is named like a picture; its order is theirs where they sort.
        ours.retain(|url| !url.path().ends_with(".jpg"));
        if has(&["canonicalize"]) {
            want.sort();
            ours.sort();
        }
        assert_eq!(ours, want, "{}", row["id"]);
        return Verdict::Same;
    }
    assert!(want.iter().all(|url| ours.contains(url)), "{} {want:?} {ours:?}", row["id"]);
    Verdict::AmongOurs
}

/// Only elements and attributes that are links to us, too.
fn is_ours_too(options: &serde_json::Map<String, Value>) -> bool {
    let words = |name: &str| match &options.get(name) {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => words.iter().map(|word| word.as_str().unwrap().to_owned()).collect(),
        _ => vec![],
    };
    words("tags").iter().all(|tag| matches!(tag.as_str(), "a" | "area"))
        && words("attrs").iter().all(|attribute| attribute == "href")
}

fn base_url(row: &Value) -> Verdict {
    let arguments = row["args"].as_array().unwrap();
    let (body, Some(url)) = (bytes(&arguments[0]), arguments.get(1)) else { return Verdict::NoInput };
    if contains(&body, "<noscript") {
        return Verdict::Noscript;
    }
    let url = CanonicalUrl::parse(std::str::from_utf8(&bytes(url)).unwrap()).unwrap();
    let want = CanonicalUrl::parse(row["result"].as_str().unwrap()).unwrap();
    let (discovery, _) = read(&url, Some("text/html; charset=utf-8"), &body);
    assert_eq!(discovery.summary.base, Some(want), "{}", String::from_utf8_lossy(&body));
    Verdict::Same
}

fn refresh(row: &Value) -> Verdict {
    let arguments = row["args"].as_array().unwrap();
    let body = bytes(&arguments[0]);
    let encoding_name = arguments.get(2).map_or("utf-8", |name| name.as_str().unwrap());
    let url = CanonicalUrl::parse(arguments[1].as_str().unwrap()).unwrap();
    let content_type = format!("text/html; charset={encoding_name}");
    let (discovery, _) = read(&url, Some(&content_type), &body);
    let ours = discovery.refresh.and_then(|refresh| Some((refresh.delay.as_secs(), refresh.url?)));
    let result = row["result"].as_array().unwrap();
    let theirs = result[1].as_str().map(|url| {
        // Browsers drop the fraction.
        (result[0].as_f64().unwrap() as u64, CanonicalUrl::parse(url).unwrap())
    });
    if ours == theirs {
        return Verdict::Same;
    }
    let text = String::from_utf8_lossy(&body);
    match (&ours, &theirs) {
        (Some(_), None) if contains(&body, "<noscript") => Verdict::Noscript,
        (None, Some(_)) if contains(&body, "<script") => Verdict::Script,
        (None, Some(_)) if !text.trim_end().ends_with('>') => Verdict::CutTag,
        _ => panic!("{ours:?}, not {theirs:?}: {text}"),
    }
}

fn byte_order_mark(row: &Value) -> Verdict {
    let body = bytes(&row["args"][0]);
    // Without a mark the header counts.
    let want = match row["result"][0].as_str() {
        Some(name) if name.starts_with("utf-32") => return Verdict::Utf32,
        Some(name) => encoding(name),
        None => "ISO-8859-6",
    };
    assert_eq!(charset(Some("text/html; charset=iso-8859-6"), &body), want, "{body:?}");
    Verdict::Same
}

fn header(row: &Value) -> Verdict {
    let Some(header) = row["args"][0].as_str() else { return Verdict::NoInput };
    // What is declared nowhere else must come from the document.
    let ours = charset(Some(header), b"<meta charset=iso-8859-6>");
    let theirs = row["result"].as_str();
    if header.contains("foo=\"bar; charset=utf-7") || (theirs.is_none() && header.contains("charset=\"utf-8"))
    {
        return Verdict::OpenQuote;
    }
    if theirs == Some("utf-32") {
        return Verdict::Utf32;
    }
    // A header without a semicolon has no parameters.
    let want = theirs.filter(|_| !header.starts_with("charset=")).map_or("ISO-8859-6", encoding);
    assert_eq!(ours, want, "{header}");
    Verdict::Same
}

fn declaration(row: &Value) -> Verdict {
    let body = bytes(&row["args"][0]);
    if ["< meta", "Fake-Content-Type", "httpequiv"].iter().any(|part| contains(&body, part)) {
        return Verdict::LooseMeta;
    }
    match row["result"].as_str() {
        Some(theirs) => {
            assert_eq!(charset(None, &body), encoding(theirs), "{}", String::from_utf8_lossy(&body))
        }
        // Nothing declared: a guess is made, which is of no encoding that only a declaration could bring.
        None => assert!(
            ["UTF-8", "windows-1252"].contains(&charset(None, &body)),
            "{}",
            String::from_utf8_lossy(&body)
        ),
    }
    Verdict::Same
}

fn document(row: &Value) -> Verdict {
    let header = row["args"][0].as_str().map(|header| header.trim_start_matches("Content-Type: ").to_owned());
    let body = bytes(&row["args"][1]);
    let theirs = row["result"][0].as_str().unwrap();
    if theirs.starts_with("utf-32") {
        return Verdict::Utf32;
    }
    if theirs == "ascii" {
        return Verdict::Undeclared;
    }
    let ours = charset(header.as_deref(), &body);
    if contains(&body, "< meta") && ours != encoding(theirs) {
        return Verdict::LooseMeta;
    }
    if (ours, theirs) == ("UTF-16LE", "utf-16-be") {
        return Verdict::Utf16;
    }
    assert_eq!(ours, encoding(theirs), "{header:?} {body:?}");
    Verdict::Same
}

/// What is in a page, and its links alone.
fn read(url: &CanonicalUrl, content_type: Option<&str>, body: &[u8]) -> (Discovery, Vec<CanonicalUrl>) {
    let document = Document { url, content_type, body };
    let mut found = Vec::new();
    let discovery =
        discover(&document, &Head::default(), &Options::default(), |_| false, |_, url, _| found.push(url));
    (discovery, found)
}

/// The encoding that a page is read in, by the Encoding Standard's name; gb18030 for GBK, which is decoded alike.
fn charset(content_type: Option<&str>, body: &[u8]) -> &'static str {
    let url = CanonicalUrl::parse("http://h.example/").unwrap();
    // A header that names no type leaves it to the bytes, which are to be a page's here.
    let is_typed = content_type.is_some_and(|value| value.contains('/'));
    let summary = dragline_extract::links(
        &Document { url: &url, content_type, body },
        &dragline_extract::Limits::default(),
        |_| true,
        |_, _| {},
    );
    if is_typed && content_type.is_some_and(|value| value.starts_with("text/html")) {
        let (discovery, _) = read(&url, content_type, body);
        assert_eq!((discovery.kind, discovery.summary.charset), (Kind::Html, summary.charset));
    }
    if summary.charset == "GBK" { "gb18030" } else { summary.charset }
}

fn contains(body: &[u8], part: &str) -> bool {
    String::from_utf8_lossy(body).to_lowercase().contains(&part.to_lowercase())
}

/// The Encoding Standard's name for one of Python's.
fn encoding(python: &str) -> &'static str {
    let label = match python {
        "big5hkscs" => "big5",
        "utf-16" => "utf-16le",
        "utf-16-be" => "utf-16be",
        "utf-16-le" => "utf-16le",
        other => other,
    };
    match Encoding::for_label(label.as_bytes()).unwrap_or_else(|| panic!("{label} is no label")).name() {
        "GBK" => "gb18030",
        name => name,
    }
}
