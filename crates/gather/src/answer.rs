//! One question's answer, or the reason for none.
//!
//! Owns what is told of a call, and the ways to read its body. Never says more than was found: what is unknown
//! is absent.

use std::{
    borrow::Cow,
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use dragline_model::{
    CanonicalUrl, Failure, FailureKind, Page, ResponseHead, Timings, TlsSession, Truncation,
};
use serde::de::DeserializeOwned;

use crate::{GatherError, expect::json_text, line::Line};

/// What came of a call. One that could not be answered has a [`failure`](Self::failure), with its kind, whose
/// fault it is, and the particulars.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The call's place in the input, from 1.
    pub n: u64,
    /// The URL as it was given, without user name and password.
    pub url: String,
    /// The URL that answered, where redirects led to another.
    pub final_url: Option<CanonicalUrl>,
    /// The last answer's status.
    pub status: Option<u16>,
    /// The last answer's head, as received.
    pub head: Option<ResponseHead>,
    /// Its type, lower case, without parameters.
    pub mime: Option<String>,
    /// Its body, content coding undone.
    pub body: Bytes,
    /// Why the body is not whole; then it is a beginning.
    pub truncated: Option<Cut>,
    /// `sha256:` and the hexadecimal digest of the body.
    pub digest: Option<String>,
    /// 1, and 1 for each time that something was asked again. Redirects do not count.
    pub attempts: u32,
    /// Where the time of the last request went.
    pub timings: Option<Timings>,
    /// Every request that was made for it, in order: all hops, all attempts. One whose end is not known, because
    /// something of ours panicked over it, is missing.
    pub tries: Vec<Try>,
    /// Time spent in requests: all hops, all attempts.
    pub spent: Duration,
    /// Time in which it waited for its turn (a free place, the [pace](crate::Gather::rate), a consumer who is
    /// slow), before each of its requests; from when it was drawn from the source.
    pub queued: Duration,
    /// Time in which it waited before another attempt, or because the origin wanted to be asked nothing.
    pub backed_off: Duration,
    /// From the beginning of the first request to the answer: that, and the waits between.
    pub elapsed: Duration,
    /// Why this is not the answer that was wished for. A status and a body may be there all the same
    /// ([`FailureKind::Unexpected`]).
    pub failure: Option<Failure>,
    /// What is worth knowing besides: why a redirect was not followed.
    pub detail: Option<String>,
    /// The redirects that were followed, in order.
    pub hops: Vec<Hop>,
    /// When the last request began.
    pub fetched_at: SystemTime,
    /// The TLS session it came through.
    pub tls: Option<TlsSession>,
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// Every answer of the chain as it came, for a store; only where that was wished for.
    pub pages: Vec<Kept>,
    pub(crate) is_ok: bool,
    /// The body shall be JSON, whatever its type says.
    pub(crate) names_json: bool,
}

/// One request that was made.
#[derive(Debug, Clone)]
pub struct Try {
    /// What was asked.
    pub url: CanonicalUrl,
    /// Where its time went.
    pub timings: Timings,
    /// What it failed with; none where there was a response, whatever that said.
    pub failure: Option<FailureKind>,
}

/// A redirect that was followed.
#[derive(Debug, Clone)]
pub struct Hop {
    /// The URL that redirected.
    pub url: CanonicalUrl,
    /// With which status.
    pub status: u16,
    /// To where, in the server's own words; user name and password are left out.
    pub location: String,
    /// Where its time went.
    pub timings: Timings,
    /// The address that answered.
    pub peer: Option<SocketAddr>,
}

/// An answer as it came, for a store.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What was asked.
    pub url: CanonicalUrl,
    /// When the request began.
    pub fetched_at: SystemTime,
    /// What came.
    pub page: Page,
}

/// Why a body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// A limit of ours on what comes over the wire.
    Wire(Truncation),
    /// While its content coding was undone.
    Coding(dragline_coding::Cut),
}

impl Cut {
    /// One word, for reports: `length`, `time`, `limit`, `ratio`, `members` or `damaged`.
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::Wire(cut) => cut.as_str(),
            Cut::Coding(cut) => cut.as_str(),
        }
    }
}

impl Answer {
    /// The call cannot be made.
    pub(crate) fn impossible(n: u64, error: &GatherError) -> Self {
        let kind = match error {
            GatherError::Source(_) => FailureKind::Panicked,
            _ => FailureKind::Refused,
        };
        Self {
            n,
            url: error.asked().to_owned(),
            failure: Some(Failure::new(kind, error.to_string())),
            ..Self::empty()
        }
    }

    /// An answer that says nothing yet.
    pub(crate) fn empty() -> Self {
        Self {
            n: 0,
            url: String::new(),
            final_url: None,
            status: None,
            head: None,
            mime: None,
            body: Bytes::new(),
            truncated: None,
            digest: None,
            attempts: 0,
            timings: None,
            tries: Vec::new(),
            spent: Duration::ZERO,
            queued: Duration::ZERO,
            backed_off: Duration::ZERO,
            elapsed: Duration::ZERO,
            failure: None,
            detail: None,
            hops: Vec::new(),
            fetched_at: SystemTime::now(),
            tls: None,
            peer: None,
            pages: Vec::new(),
            is_ok: false,
            names_json: false,
        }
    }

    /// The answer that was wished for: no failure, a whole body, and a status that was expected; where none was
    /// named, 2xx, or 304 for who asked for that.
    pub fn is_ok(&self) -> bool {
        self.is_ok
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value, NotJson> {
        self.parse()
    }

    /// The body's JSON as a type of the caller's.
    ///
    /// An answer with a failure has no body that could be meant, and the failure is the error.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, NotJson> {
        if let Some(failure) = &self.failure {
            return Err(NotJson { url: self.url.clone(), why: failure.to_string() });
        }
        let why = match json_text(&self.body) {
            None => "the body is not UTF-8".to_owned(),
            Some(text) => match serde_json::from_str(text) {
                Ok(value) => return Ok(value),
                Err(error) => error.to_string(),
            },
        };
        let cut = self.truncated.map_or_else(String::new, |cut| format!(" (it was cut: {})", cut.as_str()));
        Err(NotJson { url: self.url.clone(), why: why + &cut })
    }

    /// The body as text: UTF-8, and `U+FFFD` for what is none.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The answer as one line of JSON.
    pub fn line(&self) -> Line<'_> {
        Line::new(self)
    }

    /// The target of a redirect that was not followed, in the server's own words.
    pub(crate) fn location(&self) -> Option<String> {
        let status = self.status.filter(|status| (300..400).contains(status));
        status.and(self.head.as_ref()?.field("location")).map(location)
    }
}

/// A `Location` for a report: without user name and password, lossy where it is not UTF-8.
pub(crate) fn location(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let Some(start) = text.find("//").map(|slashes| slashes + 2) else { return text.into_owned() };
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |end| start + end);
    match text[start..end].rfind('@') {
        Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
        None => text.into_owned(),
    }
}

/// A body that is not the JSON that was wished for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson {
    url: String,
    why: String,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.why)
    }
}

impl std::error::Error for NotJson {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read() {
        let answer = |body: &'static [u8]| Answer {
            url: "u".into(),
            body: Bytes::from_static(body),
            ..Answer::empty()
        };
        assert_eq!(answer(b"\xef\xbb\xbf[1, 2]").parse::<Vec<u8>>().unwrap(), [1, 2]);
        assert_eq!(
            answer(b"[1, 2").parse::<Vec<u8>>().unwrap_err().to_string(),
            "u: EOF while parsing a list at line 1 column 5"
        );
        assert_eq!(answer(b"\"\xff\"").json().unwrap_err().to_string(), "u: the body is not UTF-8");
        assert_eq!(answer(b"a\xffb").text(), "a\u{fffd}b");
        let cut = Answer { truncated: Some(Cut::Wire(Truncation::Length)), ..answer(b"[1") };
        assert!(cut.json().unwrap_err().to_string().ends_with("(it was cut: length)"));
        let failed = Answer { failure: Some(Failure::new(FailureKind::Unexpected, "x")), ..answer(b"[]") };
        assert_eq!(failed.json().unwrap_err().to_string(), "u: unexpected: x");
    }

    #[test]
    fn locations_keep_no_secret() {
        for (raw, want) in [
            (&b"/x@y"[..], "/x@y"),
            (b"http://u:secret@b.test/x?@", "http://b.test/x?@"),
            (b"//u@b.test", "//b.test"),
            (b"http://b.test/@", "http://b.test/@"),
            (b"\xff", "\u{fffd}"),
        ] {
            assert_eq!(location(raw), want);
        }
    }
}
