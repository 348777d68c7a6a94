//! Rows of a corpus that is not part of the project, and how their bytes are written.
//!
//! Owns the reading of them. Where the corpus is absent there are no rows.

#![allow(dead_code, reason = "each test uses its own part")]

use serde_json::Value;

/// The rows of a file of JSON lines, under the folder of all corpora.
pub(crate) fn rows(file: &str) -> Vec<Value> {
    let path = format!("{}/../../../shared/corpora/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("{file} is absent, nothing compared");
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts that rows were compared often enough for the corpus still to have its shape, if it is there.
pub(crate) fn enough(compared: usize, least: usize, rows: &[Value]) {
    println!("{compared} compared");
    assert!(rows.is_empty() || compared >= least, "only {compared} compared");
}

/// A string, or the bytes of `{"b64": …}`.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => base64(value["b64"].as_str().unwrap()),
    }
}

/// RFC 4648 §4.
pub(crate) fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == byte).expect("a digit of base64");
        bits = bits << 6 | digit as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}
