//! An answer as one line of JSON.
//!
//! Owns the names that scripts depend on. A body that is JSON stands in the line as it came, every digit of every
//! number, but for the white space between its tokens.

use std::{collections::BTreeMap, fmt, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use dragline_model::{Blame, FailureKind, GivenUp, Stale, Timings, TlsSession, Truncation};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::{Answer, Cut, Hop, expect::json_text};

/// Deepest JSON that stands in a line as JSON; what is deeper ends readers that recurse, and is given as text.
const DEPTH_MAX: usize = 512;

/// An answer in names that scripts depend on; what is absent is `null`.
///
/// | name | meaning |
/// |---|---|
/// | `n`, `url` | the call's place in the input, from 1, and its URL as given |
/// | `final_url` | the URL that answered, where redirects led to another |
/// | `ok` | the answer is as wished: no failure, whole, and an expected status |
/// | `status`, `mime`, `fetched_at` | of the last answer |
/// | `size`, `digest` | of the body, content coding undone |
/// | `redirects` | those that were followed: `url`, `status`, `location` of each |
/// | `location` | the target of one that was not |
/// | `truncated` | why the body is not whole |
/// | `attempts` | 1, and 1 for each time that something was asked again |
/// | `error`, `blame`, `detail` | what failed, whose fault it is, the particulars |
/// | `timings` | milliseconds of the last request, by phase; what was `given_up`, and after how long |
/// | `tls` | `version`, and whether the certificate was `verified` |
/// | `headers` | on request: lower-case names, each with its value, or the list of them |
/// | `json`, `body` or `body_base64` | the body: JSON, text, or neither. Only one of them is there |
///
/// Serialises, and displays as one line without its end.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    answer: &'a Answer,
    headers: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn new(answer: &'a Answer) -> Self {
        Self { answer, headers: false }
    }

    /// The same with the answer's headers, or without.
    #[must_use]
    pub fn headers(mut self, headers: bool) -> Self {
        self.headers = headers;
        self
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = self.answer;
        let has_answer = answer.status.is_some();
        let mut line = serializer.serialize_map(None)?;
        line.serialize_entry("n", &answer.n)?;
        line.serialize_entry("url", &answer.url)?;
        line.serialize_entry("final_url", &answer.final_url)?;
        line.serialize_entry("ok", &answer.is_ok())?;
        line.serialize_entry("status", &answer.status)?;
        let fetched_at = humantime::format_rfc3339_millis(answer.fetched_at).to_string();
        line.serialize_entry("fetched_at", &fetched_at)?;
        line.serialize_entry("mime", &answer.mime)?;
        line.serialize_entry("size", &has_answer.then_some(answer.body.len()))?;
        line.serialize_entry("digest", &answer.digest)?;
        let redirects: Vec<Redirect<'_>> = answer.hops.iter().map(Redirect::of).collect();
        line.serialize_entry("redirects", &redirects)?;
        line.serialize_entry("location", &answer.location())?;
        line.serialize_entry("truncated", &answer.truncated.map(|cut| cut.as_str()))?;
        line.serialize_entry("attempts", &answer.attempts)?;
        let failure = answer.failure.as_ref();
        let cut = answer.truncated.filter(|_| failure.is_none()).map(told_cut);
        let error = failure.map(|it| it.kind).or(cut.map(|_| FailureKind::Truncated));
        let blame = failure.map(|it| it.kind.blame()).or(cut.map(|(blame, _)| blame));
        let detail = failure.map(|it| it.detail.as_str()).or(cut.map(|(_, why)| why));
        line.serialize_entry("error", &error)?;
        line.serialize_entry("blame", &blame)?;
        line.serialize_entry("detail", &detail.or(answer.detail.as_deref()))?;
        line.serialize_entry("timings", &answer.timings.as_ref().map(Phases::of))?;
        line.serialize_entry("tls", &answer.tls.as_ref().map(Tls::of))?;
        if self.headers {
            line.serialize_entry("headers", &answer.head.as_ref().map(headers))?;
        }
        if has_answer {
            if let Some(json) = json(answer) {
                line.serialize_entry("json", &json)?;
            } else if let Some(text) = text(&answer.body) {
                line.serialize_entry("body", text)?;
            } else {
                line.serialize_entry("body_base64", &BASE64_STANDARD.encode(&answer.body))?;
            }
        }
        line.end()
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[derive(Serialize)]
struct Redirect<'a> {
    url: &'a str,
    status: u16,
    location: &'a str,
}

impl<'a> Redirect<'a> {
    fn of(hop: &'a Hop) -> Self {
        Self { url: hop.url.as_str(), status: hop.status, location: &hop.location }
    }
}

/// Phases in milliseconds, to the microsecond.
#[derive(Serialize)]
struct Phases {
    dns: Option<f64>,
    connect: Option<f64>,
    tls: Option<f64>,
    first_byte: Option<f64>,
    body: Option<f64>,
    total: f64,
    reused: bool,
    given_up: Option<Lost>,
}

#[derive(Serialize)]
struct Lost {
    how: &'static str,
    after: f64,
}

impl Phases {
    fn of(timings: &Timings) -> Self {
        let ms = |time: Duration| time.as_micros() as f64 / 1e3;
        let lost = |GivenUp { how, after }| Lost {
            how: match how {
                Stale::Closed => "closed",
                Stale::Silent => "silent",
            },
            after: ms(after),
        };
        Self {
            dns: timings.dns.map(ms),
            connect: timings.connect.map(ms),
            tls: timings.tls.map(ms),
            first_byte: timings.first_byte.map(ms),
            body: timings.body.map(ms),
            total: ms(timings.total),
            reused: timings.reused,
            given_up: timings.given_up.map(lost),
        }
    }
}

#[derive(Serialize)]
struct Tls {
    version: dragline_model::TlsVersion,
    verified: bool,
}

impl Tls {
    fn of(session: &TlsSession) -> Self {
        Self { version: session.version, verified: session.verified }
    }
}

/// One value, or all of them.
#[derive(Serialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Many(Vec<String>),
}

/// Fields by name in lower case, lossy where they are not UTF-8.
fn headers(head: &dragline_model::ResponseHead) -> BTreeMap<String, Values> {
    let mut headers: BTreeMap<String, Values> = BTreeMap::new();
    for (name, value) in head.fields() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let value = String::from_utf8_lossy(value).into_owned();
        match headers.entry(name) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(Values::One(value));
            }
            std::collections::btree_map::Entry::Occupied(mut taken) => match taken.get_mut() {
                Values::Many(values) => values.push(value),
                Values::One(first) => {
                    let values = vec![std::mem::take(first), value];
                    taken.insert(Values::Many(values));
                }
            },
        }
    }
    headers
}

/// The body as JSON, where it is that: by its type, by its looks, or by what was expected of it.
fn json(answer: &Answer) -> Option<Box<RawValue>> {
    let text = json_text(&answer.body)?;
    let by_type =
        answer.mime.as_deref().is_some_and(|mime| mime.ends_with("/json") || mime.ends_with("+json"));
    let by_looks = text.trim_ascii_start().starts_with(['{', '[']);
    if !(by_type || by_looks || answer.names_json) {
        return None;
    }
    // Checked first, so that what is put together is known to be of one piece.
    serde_json::from_str::<&RawValue>(text).ok().filter(|_| is_shallow(text))?;
    RawValue::from_string(compact(text)).ok()
}

/// A body that is text. One with zero bytes in it is not, and would take six characters for each.
fn text(body: &[u8]) -> Option<&str> {
    std::str::from_utf8(body).ok().filter(|text| !text.contains('\0'))
}

/// Whose a cut is, and what to do about it. A body that is cut is an error in a line: who reads only that is not
/// to take a part for the whole.
fn told_cut(cut: Cut) -> (Blame, &'static str) {
    match cut {
        Cut::Wire(Truncation::Length) => {
            (Blame::Configuration, "the body is cut at the limit; --max-body allows more")
        }
        Cut::Wire(Truncation::Time) => {
            (Blame::Server, "the body was still coming when the time was up; --timeout allows more")
        }
        Cut::Coding(dragline_coding::Cut::Damaged) => {
            (Blame::Server, "the body is a beginning: its content coding is cut short or damaged")
        }
        Cut::Coding(_) => {
            (Blame::Configuration, "the decoded body is cut at a limit; --max-body may allow more")
        }
    }
}

/// True where JSON is nested no deeper than common readers can follow.
fn is_shallow(text: &str) -> bool {
    let (mut depth, mut is_string, mut is_escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_string => is_escaped = true,
            b'"' => is_string = !is_string,
            b'[' | b'{' if !is_string => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return false;
                }
            }
            b']' | b'}' if !is_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Well-formed JSON without the white space between its tokens. A string in it has no line ends (RFC 8259 §7), so
/// that what is left is one line.
fn compact(text: &str) -> String {
    let mut compact = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let Some(quote) = rest.find('"') else {
            compact.extend(rest.split_ascii_whitespace());
            return compact;
        };
        compact.extend(rest[..quote].split_ascii_whitespace());
        let end = string_end(&rest[quote..]);
        compact.push_str(&rest[quote..quote + end]);
        rest = &rest[quote + end..];
    }
}

/// The length of the string that a text begins with, quotes included.
fn string_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dragline_model::{Failure, FailureKind, ResponseHead};

    use super::*;

    fn answer(mime: &str, body: &'static [u8]) -> Answer {
        Answer {
            n: 7,
            url: "http://a.test/".into(),
            status: Some(200),
            mime: Some(mime.into()),
            body: Bytes::from_static(body),
            attempts: 1,
            fetched_at: std::time::SystemTime::UNIX_EPOCH,
            ..Answer::empty()
        }
    }

    /// What a line says of a body.
    fn body(mime: &str, body: &'static [u8]) -> String {
        let line = answer(mime, body).line().to_string();
        assert!(!line.contains('\n') && crate::expect::is_json(line.as_bytes()), "{line}");
        let at = line.find("\"tls\":null,").unwrap();
        line[at + 11..line.len() - 1].to_owned()
    }

    #[test]
    fn a_line_in_full() {
        let line = answer("text/plain", b"x").line().to_string();
        assert_eq!(
            line,
            "{\"n\":7,\"url\":\"http://a.test/\",\"final_url\":null,\"ok\":false,\"status\":200,\
             \"fetched_at\":\"1970-01-01T00:00:00.000Z\",\"mime\":\"text/plain\",\"size\":1,\"digest\":null,\
             \"redirects\":[],\"location\":null,\"truncated\":null,\"attempts\":1,\"error\":null,\"blame\":null,\
             \"detail\":null,\"timings\":null,\"tls\":null,\"body\":\"x\"}"
        );
        let failure = Failure::new(FailureKind::Connect, "no road");
        let timings = Timings {
            total: Duration::from_micros(1500),
            given_up: Some(GivenUp { how: Stale::Silent, after: Duration::from_millis(1) }),
            ..Timings::default()
        };
        let failed =
            Answer { status: None, failure: Some(failure), timings: Some(timings), ..answer("", b"") };
        let line = failed.line().to_string();
        assert!(
            line.contains("\"error\":\"connect\",\"blame\":\"network\",\"detail\":\"no road\""),
            "{line}"
        );
        assert!(
            line.contains("\"total\":1.5,\"reused\":false,\"given_up\":{\"how\":\"silent\",\"after\":1.0}"),
            "{line}"
        );
        assert!(!line.contains("body\":\""), "{line}");
    }

    #[test]
    fn bodies() {
        for (mime, bytes, want) in [
            (
                "application/json",
                &b" {\"a b\\\" \": [1.10, 1e400,\n\t-0 , 12345678901234567890123] } "[..],
                "\"json\":{\"a b\\\" \":[1.10,1e400,-0,12345678901234567890123]}",
            ),
            ("application/vnd.api+json", b"\"x\"", "\"json\":\"x\""),
            ("text/html", b"\xef\xbb\xbf[1 ,2]", "\"json\":[1,2]"),
            ("text/plain", b"12", "\"body\":\"12\""),
            ("application/json", b"{\"a\":", "\"body\":\"{\\\"a\\\":\""),
            ("application/json", b"{} {}", "\"body\":\"{} {}\""),
            ("text/plain", b"a\nb\x1b", "\"body\":\"a\\nb\\u001b\""),
            ("text/plain", b"", "\"body\":\"\""),
            ("image/png", b"\xff\xfe", "\"body_base64\":\"//4=\""),
        ] {
            assert_eq!(body(mime, bytes), want);
        }
    }

    #[test]
    fn headers_on_request() {
        let head = ResponseHead::new(Bytes::from_static(
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nSet-Cookie: a\r\nx-a: 2\r\nX-A: 3\r\nX-Bad: \xff\r\n\r\n",
        ));
        let answer = Answer { head: Some(head), ..answer("text/plain", b"") };
        let line = answer.line().headers(true).to_string();
        let want = "\"headers\":{\"set-cookie\":\"a\",\"x-a\":[\"1\",\"2\",\"3\"],\"x-bad\":\"\u{fffd}\"}";
        assert!(line.contains(want), "{line}");
        assert!(!answer.line().to_string().contains("headers"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_compact_means_the_same(text in "[\\[\\]{}:,\"\\\\ \n\t0-9a-z]{0,30}") {
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&text) {
                let compact = compact(&text);
                proptest::prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&compact).unwrap(), value);
                proptest::prop_assert!(!compact.contains('\n'));
            }
        }
    }

    #[test]
    fn a_cut_is_an_error() {
        for (cut, blame) in [
            (Cut::Wire(Truncation::Length), "configuration"),
            (Cut::Wire(Truncation::Time), "server"),
            (Cut::Coding(dragline_coding::Cut::Damaged), "server"),
            (Cut::Coding(dragline_coding::Cut::Limit), "configuration"),
        ] {
            let answer = Answer { status: Some(200), truncated: Some(cut), ..Answer::empty() };
            let line: serde_json::Value = serde_json::from_str(&answer.line().to_string()).unwrap();
            assert_eq!((&line["error"], &line["blame"]), (&"truncated".into(), &blame.into()), "{cut:?}");
            assert_eq!((&line["ok"], &line["status"]), (&false.into(), &200.into()));
        }
    }

    #[test]
    fn what_ends_a_reader_is_text() {
        let deep = format!("{}{}", "[".repeat(600), "]".repeat(600));
        let bodies = [(deep.as_str(), "body"), ("[\"[[[\\\"[\"]", "json"), ("a\0b", "body_base64")];
        for (body, name) in bodies {
            let answer = Answer { status: Some(200), body: body.to_owned().into(), ..Answer::empty() };
            let line: serde_json::Value = serde_json::from_str(&answer.line().to_string()).unwrap();
            assert!(line.get(name).is_some(), "{body:.20} as {name}");
        }
    }
}
