//! `dragline robots --jsonl`: a question a line, an answer a line.
//!
//! Owns the shape of both. A file that stands on several lines in a row is parsed once.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use base64::prelude::{BASE64_STANDARD, Engine};
use dragline_politeness::{Group, RequestRate, Robots, VisitTime, target_of};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::clock;
use crate::cli::Trouble;

/// Longest line that is read. A file counts up to 500 KiB; escaped, it is some times as long.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// What a question looks like, for who got it wrong.
const SHAPE: &str =
    r#"it looks like {"robots":"…","agent":"…","url":"…"}, or with "robots_b64" for a file in base64"#;

#[derive(Deserialize)]
struct Question {
    robots: Option<String>,
    robots_b64: Option<String>,
    agent: Option<String>,
    url: Option<String>,
}

/// The robots.txt of a question, as it stands there.
#[derive(Default, PartialEq)]
struct File {
    robots: Option<String>,
    robots_b64: Option<String>,
}

#[derive(Serialize)]
struct Answer<'a> {
    agent: &'a str,
    url: Option<&'a str>,
    /// None where no URL was asked about.
    allowed: Option<bool>,
    line: Option<u32>,
    pattern: Option<&'a str>,
    group: Option<&'a str>,
    /// Seconds.
    crawl_delay: Option<f64>,
    request_rate: Option<RateLine>,
    visit_time: Option<TimeLine>,
    sitemaps: &'a [String],
}

#[derive(Serialize)]
struct RateLine {
    requests: u32,
    seconds: u64,
    #[serde(flatten)]
    during: Option<TimeLine>,
}

/// Times of the day as `08:45`, in UTC.
#[derive(Serialize)]
struct TimeLine {
    from: String,
    until: String,
}

/// Answers every line of standard input.
pub(super) fn answer(agent: &str) -> Result<u8, Trouble> {
    let input = BufReader::with_capacity(1 << 16, io::stdin().lock());
    answer_all(input, BufWriter::new(io::stdout().lock()), agent)?;
    Ok(0)
}

fn answer_all(mut input: BufReader<impl Read>, mut out: impl Write, agent: &str) -> Result<(), Trouble> {
    let mut last = (File::default(), Robots::default());
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| Trouble::File { path: "standard input".into(), error })? == 0 {
            break;
        }
        if !line.trim_ascii().is_empty() {
            match parse(&line, &mut last) {
                Ok((asked, url)) => {
                    let agent = asked.as_deref().unwrap_or(agent);
                    write_answer(&mut out, &last.1, agent, url.as_deref())?;
                }
                Err(why) => {
                    writeln!(out, "{}", json!({ "error": format!("line {number}: {why}; {SHAPE}") }))?;
                }
            }
        }
        // Whoever asks one thing after the other waits for each answer.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()?;
    Ok(())
}

/// The agent and the URL of a question; its file is parsed into `last` unless it is there already.
fn parse(line: &[u8], last: &mut (File, Robots)) -> Result<(Option<String>, Option<String>), String> {
    if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
        return Err(format!("longer than {LINE_BYTES_MAX} bytes"));
    }
    let question = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Question { robots, robots_b64, agent, url } = question;
    let file = File { robots, robots_b64 };
    if last.0 != file || file == File::default() {
        let robots = match (&file.robots, &file.robots_b64) {
            (Some(text), None) => Robots::parse(text.as_bytes()),
            (None, Some(text)) => {
                let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("robots_b64: {error}"))?;
                Robots::parse(&bytes)
            }
            (Some(_), Some(_)) => return Err("robots and robots_b64 are both there".into()),
            (None, None) => return Err("neither robots nor robots_b64 is there".into()),
        };
        *last = (file, robots);
    }
    Ok((agent, url))
}

fn write_answer(out: &mut impl Write, robots: &Robots, agent: &str, url: Option<&str>) -> io::Result<()> {
    let target = url.map(target_of);
    let verdict = target.as_deref().map(|target| robots.verdict_at(agent, target));
    let line = verdict.as_ref().and_then(|verdict| verdict.line.as_ref());
    let group = robots.group_of(agent);
    let answer = Answer {
        agent,
        url,
        allowed: verdict.as_ref().map(|verdict| verdict.allowed),
        line: line.map(|line| line.number),
        pattern: line.map(|line| &*line.pattern),
        group: match &group {
            Group::Named(name) => Some(name),
            Group::Anybody => Some("*"),
            Group::Nobody => None,
        },
        crawl_delay: robots.crawl_delay(agent, std::time::Duration::MAX).map(|delay| delay.as_secs_f64()),
        request_rate: robots.request_rate(agent).map(RateLine::of),
        visit_time: robots.visit_time(agent).map(TimeLine::of),
        sitemaps: robots.sitemaps(),
    };
    serde_json::to_writer(&mut *out, &answer)?;
    out.write_all(b"\n")
}

impl RateLine {
    fn of(rate: RequestRate) -> Self {
        Self { requests: rate.requests, seconds: rate.per.as_secs(), during: rate.during.map(TimeLine::of) }
    }
}

impl TimeLine {
    fn of(time: VisitTime) -> Self {
        Self { from: clock(time.from), until: clock(time.until) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn ask(lines: &str) -> Vec<Value> {
        let mut out = Vec::new();
        answer_all(BufReader::new(lines.as_bytes()), &mut out, "dragline").unwrap();
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_question_is_answered_with_the_deciding_line() {
        let answers = ask(concat!(
            r#"{"robots":"User-agent: *\nDisallow: /a\n","agent":"x","url":"http://h/a?b"}"#,
            "\n\n",
            r#"{"robots":"User-agent: *\nDisallow: /a\n","url":"/b"}"#,
            "\n",
            r#"{"robots_b64":"VXNlci1hZ2VudDogWApBbGxvdzogLwo=","agent":"X/1.0","url":"h/a"}"#,
        ));
        assert_eq!(answers.len(), 3);
        assert_eq!(answers[0]["allowed"], false);
        assert_eq!(answers[0]["line"], 2);
        assert_eq!(answers[0]["pattern"], "/a");
        assert_eq!(answers[0]["group"], "*");
        assert_eq!(answers[1]["agent"], "dragline");
        assert_eq!((&answers[1]["allowed"], &answers[1]["line"]), (&json!(true), &Value::Null));
        assert_eq!((&answers[2]["group"], &answers[2]["line"]), (&json!("x"), &json!(2)));
    }

    #[test]
    fn the_rest_of_a_file_is_told_too() {
        let robots = "User-agent: *\nCrawl-delay: 2.5\nRequest-rate: 3/1m 0900-1730\nVisit-time: 0400-0845\n\
            Sitemap: https://h/s.xml\n";
        let answers = ask(&json!({ "robots": robots }).to_string());
        assert_eq!(answers[0]["allowed"], Value::Null);
        assert_eq!(answers[0]["crawl_delay"], 2.5);
        assert_eq!(
            answers[0]["request_rate"],
            json!({"requests": 3, "seconds": 60, "from": "09:00", "until": "17:30"})
        );
        assert_eq!(answers[0]["visit_time"], json!({"from": "04:00", "until": "08:45"}));
        assert_eq!(answers[0]["sitemaps"], json!(["https://h/s.xml"]));
    }

    #[test]
    fn a_bad_line_is_answered_too_and_changes_nothing() {
        let good = r#"{"robots":"User-agent: *\nDisallow: /\n","url":"/"}"#;
        for (bad, words) in [
            ("{", "line 2: EOF"),
            ("[]", "line 2: "),
            (r#"{"url":"/"}"#, "neither robots nor robots_b64"),
            (r#"{"robots":"","robots_b64":"","url":"/"}"#, "both"),
            (r#"{"robots_b64":"?","url":"/"}"#, "robots_b64: "),
            (r#"{"robots":7,"url":"/"}"#, "line 2: "),
        ] {
            let answers = ask(&[good, bad, good].join("\n"));
            let error = answers[1]["error"].as_str().unwrap();
            assert!(error.contains(words) && error.contains("it looks like"), "{bad}: {error}");
            assert_eq!(answers[0], answers[2], "{bad}");
        }
        assert!(ask(r#"{"url":"/"}"#)[0]["error"].as_str().unwrap().contains("neither"));
    }
}
