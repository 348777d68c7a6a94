//! JSON: any bytes are survived, what a parser takes is no fault, and what it finds is found.
#![no_main]

use dragline_extract::{Document, FollowJson, Head, JsonPointers, Options, discover};
use dragline_model::CanonicalUrl;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

// Whether lines are documents, a line with pointers, and the document.
fuzz_target!(|input: &[u8]| {
    let [lines, rest @ ..] = input else { return };
    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (pointers, body) = rest.split_at(line);
    let pointers = String::from_utf8_lossy(pointers);
    let Ok(url) = CanonicalUrl::parse("http://h.example/") else { return };
    let content_type = Some(if lines & 1 == 1 { "application/x-ndjson" } else { "application/json" });
    let document = Document { url: &url, content_type, body };
    let read = |json| {
        let mut found = Vec::new();
        let options = Options { json, ..Options::default() };
        let discovery =
            discover(&document, &Head::default(), &options, |_| false, |_, url, _| found.push(url));
        (discovery, found)
    };
    let (discovery, all) = read(FollowJson::Everywhere);
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        assert_eq!(discovery.error, None);
        let mut strings = Vec::new();
        gather(&value, &mut strings);
        for string in strings {
            assert!(
                url.join(&string).is_err() || all.contains(&url.join(&string).unwrap()),
                "{string:?} is missing"
            );
        }
    }
    if let Ok(pointers) = JsonPointers::parse(pointers.split(' ')) {
        let (_, some) = read(FollowJson::Pointers(pointers));
        assert!(some.iter().all(|url| all.contains(url)));
    }
});

/// The strings that are URLs beyond doubt.
fn gather(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text)
            if text.starts_with("/a")
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/') =>
        {
            out.push(text.clone());
        }
        Value::Array(elements) => elements.iter().for_each(|element| gather(element, out)),
        Value::Object(members) => members.values().for_each(|member| gather(member, out)),
        _ => {}
    }
}
