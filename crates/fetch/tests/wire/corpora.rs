//! Odd replies that nobody here wrote: curl's own test servers' and llhttp's. Passed over where the folder
//! is not there.

use std::path::PathBuf;

use crate::support::{Reply, Server, client, get, loopback, run, short, told};
use dragline_model::FailureKind;
use serde_json::Value;

fn rows(file: &str) -> Vec<Value> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/http").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("{} is not there: passed over", path.display());
        return Vec::new();
    };
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn from_base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for sign in text.bytes().filter(|sign| *sign != b'=') {
        let six = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// What a reply comes to, when the server closes behind it.
fn outcome_of(reply: Vec<u8>) -> Result<dragline_model::Page, dragline_model::Failure> {
    run(async {
        let server = Server::new(move |_| Reply::Close(reply.clone()));
        let mut settings = loopback();
        settings.limits = short();
        client(settings).fetch(&get(&server.url("/"))).await
    })
}

/// curl's exit code for too many redirects: each of them is a good answer here.
const REDIRECTS: u64 = 47;

/// curl's exit code for a coding that is broken.
const CODING: u64 = 61;

/// Heads that the connection's end cuts off before the empty line. curl takes them for whole after a PUT or a
/// POST and not after a GET (test1665); here they never are.
const CUT_HEADS: [&str; 3] = ["test1591", "test1598", "test3034"];

/// True where there is a page, and its content codings can be undone to the end.
fn is_undone(outcome: Result<dragline_model::Page, dragline_model::Failure>) -> bool {
    outcome.is_ok_and(|page| {
        let bounds = dragline_coding::Bounds { layers: 5, ..Default::default() };
        dragline_coding::decode(page.head.field_str("content-encoding"), page.body, &bounds)
            .is_ok_and(|decoded| decoded.truncated.is_none())
    })
}

#[test]
fn replies_come_out_as_with_curl() {
    let mut differing = Vec::new();
    for row in rows("curl_replayable.jsonl") {
        let reply: Vec<u8> = row["reply"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|part| part["name"] == "data")
            .flat_map(|part| from_base64(part["b64"].as_str().unwrap()))
            .collect();
        let code = row["curl_errorcode"].as_u64().unwrap();
        let outcome = outcome_of(reply);
        // A coding of the content is undone behind the wire; one of the transfer is the wire's.
        if code == CODING && !row["name"].as_str().unwrap().contains("Transfer-Encoding") {
            let told = told(&outcome);
            if is_undone(outcome) {
                differing.push(format!("{} {}: curl {code}, here {told}, undone", row["id"], row["name"]));
            }
            continue;
        }
        let fails = ![0, REDIRECTS].contains(&code) || CUT_HEADS.contains(&row["id"].as_str().unwrap());
        if outcome.is_err() != fails {
            differing.push(format!("{} {}: curl {code}, here {}", row["id"], row["name"], told(&outcome)));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn replies_of_the_strict_parser_end_in_a_page_or_a_reason() {
    for row in rows("llhttp_response.jsonl") {
        let outcome = outcome_of(from_base64(row["input_b64"].as_str().unwrap()));
        if let Err(failure) = &outcome {
            let about_the_message =
                [FailureKind::Malformed, FailureKind::Truncated, FailureKind::Closed].contains(&failure.kind);
            assert!(about_the_message, "{}: {failure}", row["id"]);
        }
    }
}
