//! Cases that others wrote, where their folder is there: `shared/corpora/robots`.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{fs, path::PathBuf, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine};
use dragline_model::CanonicalUrl;
use dragline_politeness::{Group, Robots, product_token, target_of};
use serde_json::Value;

fn rows(file: &str) -> Option<Vec<Value>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/robots");
    let Ok(text) = fs::read_to_string(folder.join(file)) else {
        println!("passed over: no {file}");
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn file_of(row: &Value) -> Vec<u8> {
    match row["robots"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => BASE64_STANDARD.decode(row["robots_b64"].as_str().unwrap()).unwrap(),
    }
}

#[test]
fn verdicts() {
    let Some(rows) = rows("must_pass.jsonl") else { return };
    let mut wrong = Vec::new();
    for row in &rows {
        let robots = Robots::parse(&file_of(row));
        let (agent, target) = (row["agent"].as_str().unwrap(), target_of(row["url"].as_str().unwrap()));
        let reduced = robots.only(agent);
        for robots in [&robots, &reduced] {
            if robots.verdict_at(agent, &target).allowed != row["allowed"] {
                wrong.push(format!("{} {agent:?} {}", row["id"], row["url"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(rows.len(), 925);
}

/// Delays and sitemaps. A row names several agents; the first that has a group speaks for them.
#[test]
fn crawler_commons_meta() {
    let Some(rows) = rows("crawler_commons_meta.jsonl") else { return };
    let base = CanonicalUrl::parse("http://domain.com/robots.txt").unwrap();
    for row in &rows {
        let robots = Robots::parse(&file_of(row));
        let agents: Vec<&str> =
            row["agents"].as_array().unwrap().iter().map(|agent| agent.as_str().unwrap()).collect();
        let named = agents.iter().find(|agent| matches!(robots.group_of(agent), Group::Named(_)));
        let agent = named.unwrap_or(&agents[0]);
        let delay = robots.crawl_delay(agent, Duration::MAX).map(|delay| delay.as_millis() as u64);
        assert_eq!(delay, row["crawl_delay_ms"].as_u64(), "{row}");
        let resolve = |text: &String| base.join(text).map(|url| url.to_string()).unwrap_or_default();
        let sitemaps: Vec<String> = robots.sitemaps().iter().map(resolve).collect();
        let wanted: Vec<&str> =
            row["sitemaps"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
        assert_eq!(sitemaps, wanted, "{row}");
    }
    assert_eq!(rows.len(), 34);
}

/// A minute of the day as Python writes it.
fn python_time(minute: u16) -> String {
    format!("datetime.time({}, {})", minute / 60, minute % 60)
}

#[test]
fn protego_meta() {
    let Some(rows) = rows("protego_meta.jsonl") else { return };
    for row in &rows {
        let robots = Robots::parse(&file_of(row));
        let agent = row["agent"].as_str().unwrap();
        let told = match row["kind"].as_str().unwrap() {
            "crawl_delay" => {
                robots.crawl_delay(agent, Duration::MAX).map_or(Value::Null, |it| it.as_secs_f64().into())
            }
            "request_rate" => robots.request_rate(agent).map_or(Value::Null, |rate| {
                let (from, until) = rate.during.map_or(("None".into(), "None".into()), |time| {
                    (python_time(time.from), python_time(time.until))
                });
                format!(
                    "RequestRate(requests={}, seconds={}, start_time={from}, end_time={until})",
                    rate.requests,
                    rate.per.as_secs()
                )
                .into()
            }),
            "visit_time" => robots.visit_time(agent).map_or(Value::Null, |time| {
                let (from, until) = (python_time(time.from), python_time(time.until));
                format!("VisitTime(start_time={from}, end_time={until})").into()
            }),
            kind => panic!("a row of kind {kind}"),
        };
        assert_eq!(told, row["value"], "{row}");
    }
    assert_eq!(rows.len(), 20);
}

#[test]
fn agents_have_tokens() {
    let Some(rows) = rows("must_pass.jsonl") else { return };
    for row in rows {
        let agent = row["agent"].as_str().unwrap();
        let token = product_token(agent);
        assert_eq!(product_token(&token), token, "{agent}");
    }
}
