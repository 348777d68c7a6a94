//! What an answer must be to count as one.
//!
//! Owns the words of an expectation and the judgement. Some servers answer everything with 200, their errors
//! too, and those in another type: who expects says so, and is told what came instead.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use serde::de::IgnoredAny;

use crate::{GatherError, glimpse::glimpse};

/// What is expected: terms with commas between, all of which must hold; statuses among each other are
/// alternatives.
///
/// | term | holds where |
/// |---|---|
/// | `200`, `2xx`, `200-299` | that is the last answer's status |
/// | `json` | the body is JSON, whatever its type says |
/// | `html`, `xml` | the type is one of those (`application/xhtml+xml`, `application/rss+xml`, …) |
/// | `text/csv`, `image/*` | that is the type |
///
/// ```
/// use dragline_gather::Expect;
///
/// let expect: Expect = "json,2xx,404".parse()?;
/// assert_eq!(expect.to_string(), "json,2xx,404");
/// assert!("cvs".parse::<Expect>().is_err());
/// # Ok::<(), dragline_gather::GatherError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    text: String,
    statuses: Vec<RangeInclusive<u16>>,
    contents: Vec<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Json,
    Html,
    Xml,
    Mime(String),
}

impl Expect {
    /// Says what is not as expected; nothing where all is.
    pub(crate) fn objection(
        &self,
        status: u16,
        mime: Option<&str>,
        body: &[u8],
        is_whole: bool,
    ) -> Option<String> {
        let holds = (self.statuses.is_empty() || self.statuses.iter().any(|it| it.contains(&status)))
            && self.contents.iter().all(|content| content.holds(mime, body));
        if holds {
            return None;
        }
        let status = if self.statuses.is_empty() { String::new() } else { format!("{status} ") };
        let mime = mime.unwrap_or("no type").escape_debug().to_string();
        let cut = if is_whole { "" } else { ", cut" };
        let body = if body.is_empty() { "no body".to_owned() } else { glimpse(body) };
        Some(format!("expected {self}, got {status}{mime}{cut}: {body}"))
    }

    /// Which statuses are good is said here, and not by HTTP.
    pub(crate) fn names_statuses(&self) -> bool {
        !self.statuses.is_empty()
    }

    /// The body shall be JSON.
    pub(crate) fn names_json(&self) -> bool {
        self.contents.contains(&Content::Json)
    }
}

impl Content {
    fn holds(&self, mime: Option<&str>, body: &[u8]) -> bool {
        let mime = mime.unwrap_or_default();
        match self {
            Content::Json => is_json(body),
            Content::Html => matches!(mime, "text/html" | "application/xhtml+xml"),
            Content::Xml => matches!(mime, "text/xml" | "application/xml") || mime.ends_with("+xml"),
            Content::Mime(wanted) => match wanted.strip_suffix('*') {
                Some(family) => mime.starts_with(family),
                None => mime == wanted,
            },
        }
    }
}

/// RFC 8259: UTF-8, one value and nothing else. A byte order mark is passed over (§8.1).
pub(crate) fn is_json(body: &[u8]) -> bool {
    json_text(body).is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// A body as the text that a JSON parser wants.
pub(crate) fn json_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

impl FromStr for Expect {
    type Err = GatherError;

    fn from_str(text: &str) -> Result<Self, GatherError> {
        let mut expect = Self { text: text.to_owned(), statuses: Vec::new(), contents: Vec::new() };
        for term in text.split(',').map(str::trim) {
            let wrong = || GatherError::Expect(term.to_owned());
            if term.starts_with(|c: char| c.is_ascii_digit()) {
                expect.statuses.push(statuses(term).ok_or_else(wrong)?);
                continue;
            }
            let term = term.to_ascii_lowercase();
            expect.contents.push(match term.as_str() {
                "json" => Content::Json,
                "html" => Content::Html,
                "xml" => Content::Xml,
                mime if is_mime(mime) => Content::Mime(term),
                _ => return Err(wrong()),
            });
        }
        Ok(expect)
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `404`, `4xx` or `200-299`.
fn statuses(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |text: &str| {
        let is_status = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|n| is_status && *n >= 100)
    };
    if let Some(class) = text.strip_suffix("xx") {
        let class = number(&format!("{class}00"))?;
        return Some(class..=class + 99);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    Some(number(from)?..=number(to)?).filter(|range| !range.is_empty())
}

/// `type/subtype` or `type/*` (RFC 9110 §8.3.1), lower case.
fn is_mime(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    text.split_once('/').is_some_and(|(family, name)| is_name(family) && (name == "*" || is_name(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_expected() {
        for text in [
            "json",
            "2xx",
            "200",
            "200-299",
            "html",
            "XML",
            "text/csv",
            "image/*",
            "json, 2xx,404",
            "application/vnd.api+json",
        ] {
            assert!(text.parse::<Expect>().is_ok(), "{text}");
        }
        for (text, term) in [
            ("", ""),
            ("cvs", "cvs"),
            ("json,", ""),
            ("20", "20"),
            ("0xx", "0xx"),
            ("2xx-", "2xx-"),
            ("299-200", "299-200"),
            ("1000", "1000"),
            ("+20", "+20"),
            ("*/*", "*/*"),
            ("text/", "text/"),
            ("text/a b", "text/a b"),
        ] {
            assert_eq!(text.parse::<Expect>(), Err(GatherError::Expect(term.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_holds() {
        let portal = &b"<OpenAPI_ServiceResponse>\n\t<cmmMsgHeader>\n\t\t<errMsg>SERVICE_KEY_IS_NOT_REGISTERED</errMsg>"[..];
        for (expect, status, mime, body, want) in [
            ("json", 200, Some("text/plain"), &b" {\"a\": [1]} "[..], None),
            ("json", 500, None, b"\xef\xbb\xbf1", None),
            (
                "json",
                200,
                Some("text/xml"),
                portal,
                Some(
                    "expected json, got text/xml: <OpenAPI_ServiceResponse><cmmMsgHeader><errMsg>SERVICE_KEY_IS_NOT_REGISTERED</er…",
                ),
            ),
            (
                "json",
                200,
                Some("application/json"),
                b"",
                Some("expected json, got application/json: no body"),
            ),
            ("json", 200, None, b"{} {}", Some("expected json, got no type: {} {}")),
            ("json", 200, None, b"\"\xff\"", Some("expected json, got no type: \"\"")),
            ("2xx", 204, None, b"", None),
            ("200,404", 404, None, b"", None),
            (
                "200-299,json",
                404,
                Some("text/html"),
                b"<p>gone",
                Some("expected 200-299,json, got 404 text/html: <p>gone"),
            ),
            ("html", 200, Some("application/xhtml+xml"), b"", None),
            ("xml", 200, Some("application/rss+xml"), b"", None),
            ("xml", 200, Some("text/html"), b"x", Some("expected xml, got text/html: x")),
            ("text/csv", 200, Some("text/csv"), b"", None),
            ("image/*", 200, Some("image/png"), b"", None),
            ("image/*", 200, Some("text/css"), b"", Some("expected image/*, got text/css: no body")),
        ] {
            let got = expect.parse::<Expect>().unwrap().objection(status, mime, body, true);
            assert_eq!(got.as_deref(), want, "{expect}");
        }
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        let expect: Expect = "json".parse().unwrap();
        // Whatever the verdict is, there is one.
        let _ = expect.objection(200, None, deep.as_bytes(), true);
    }
}
