//! One question: what is asked, and what goes with it.
//!
//! Owns the call and its secrets. A user name and password in a URL become [`Auth`] here, at the door, and are
//! in no text from then on.

use std::fmt;

use bytes::Bytes;
use dragline_fetch::{Auth, Method, Request};
use dragline_model::{CanonicalUrl, UrlError};
use serde::Serialize;

use crate::GatherError;

/// Longest part of a text that is no URL that is repeated in an error, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// One question to one URL.
///
/// Headers, credentials and body go to the origin (scheme, host, port) of the URL alone. Where a redirect leads
/// elsewhere, only `Accept`, `Accept-Language` and `User-Agent` go along.
///
/// ```
/// use dragline_gather::{Auth, Call};
///
/// let call = Call::post("http://api.example/search")?
///     .header("X-Api-Key", "k")
///     .auth(Auth::bearer("t"))
///     .json(&["a", "b"])?;
/// assert_eq!(call.url(), "http://api.example/search");
///
/// let call = Call::get("http://me:secret@api.example/?q=1")?;
/// assert_eq!(call.url(), "http://api.example/?q=1", "it is nowhere shown");
/// # Ok::<(), dragline_gather::GatherError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// The URL as it was given, without its user name and password.
    pub(crate) asked: String,
    pub(crate) target: Target,
    pub(crate) method: Method,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) auth: Option<Auth>,
}

impl Call {
    /// A GET. The query goes onto the wire byte for byte as it is written here.
    pub fn get(url: &str) -> Result<Self, GatherError> {
        let (asked, target, auth) = parse(url)?;
        Ok(Self { asked, target, method: Method::GET, headers: Vec::new(), body: Bytes::new(), auth })
    }

    /// A POST.
    pub fn post(url: &str) -> Result<Self, GatherError> {
        Ok(Self::get(url)?.method(Method::POST))
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// The same with a header more. One that cannot be sent makes the call's answer a failure that says so;
    /// [`dragline_fetch::field_objection`] tells beforehand.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The same with a body. The method stays what it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with a value's JSON for a body, and a `Content-Type` that says so unless there is one. The
    /// method stays what it is.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Result<Self, GatherError> {
        self.body = serde_json::to_vec(value).map_err(|error| GatherError::Json(error.to_string()))?.into();
        if !self.names("content-type") {
            self = self.header("Content-Type", "application/json");
        }
        Ok(self)
    }

    /// The same with credentials. A header `Authorization` of the caller's own goes before them.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = Some(auth);
        self
    }

    /// The URL as it was given, without its user name and password.
    pub fn url(&self) -> &str {
        &self.asked
    }

    /// A header of that name was given.
    pub(crate) fn names(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Call")
            .field("method", &self.method.as_str())
            .field("url", &self.asked)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .field("auth", &self.auth)
            .finish()
    }
}

impl TryFrom<&str> for Call {
    type Error = GatherError;

    fn try_from(url: &str) -> Result<Self, GatherError> {
        Self::get(url)
    }
}

impl TryFrom<String> for Call {
    type Error = GatherError;

    fn try_from(url: String) -> Result<Self, GatherError> {
        Self::get(&url)
    }
}

impl TryFrom<&String> for Call {
    type Error = GatherError;

    fn try_from(url: &String) -> Result<Self, GatherError> {
        Self::get(url)
    }
}

/// What cannot be asked is answered with the reason, in its place among the others.
impl TryFrom<Result<Call, GatherError>> for Call {
    type Error = GatherError;

    fn try_from(call: Result<Call, GatherError>) -> Result<Self, GatherError> {
        call
    }
}

/// Where a request goes: the URL, and the query as it goes onto the wire where that is not the URL's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) url: CanonicalUrl,
    pub(crate) query: Option<String>,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let Request { url, query, .. } = Request::parse(text)?;
        Ok(Self { url, query })
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        self.url.origin()
    }
}

/// A text as it may be shown, where it leads, and the credentials that were in it.
fn parse(text: &str) -> Result<(String, Target, Option<Auth>), GatherError> {
    let target = Target::parse(text).map_err(|why| GatherError::Url(shown(text), why))?;
    let text = text.trim_matches(|c: char| c <= ' ');
    let is_shown = !text.chars().any(char::is_control);
    let asked = || if is_shown { text.to_owned() } else { target.url.to_string() };
    if !text.contains('@') {
        return Ok((asked(), target, None));
    }
    // The parser's own view: an authority can be written in more ways than one would think.
    let Ok(url) = url::Url::parse(text) else { return Ok((shown(text), target, None)) };
    if !has_userinfo(&url) {
        return Ok((asked(), target, None));
    }
    let auth = Auth::basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()));
    let asked = without_userinfo(text)
        .filter(|_| is_shown)
        .filter(|bare| CanonicalUrl::parse(bare).is_ok_and(|bare| bare == target.url))
        .filter(|bare| url::Url::parse(bare).is_ok_and(|bare| !has_userinfo(&bare)))
        .unwrap_or_else(|| target.url.to_string());
    Ok((asked, target, Some(auth)))
}

fn has_userinfo(url: &url::Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// The text without what stands before the last `@` of its authority.
fn without_userinfo(text: &str) -> Option<String> {
    let start = text.find("://")? + 3;
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |end| start + end);
    let at = text[start..end].rfind('@')?;
    Some(format!("{}{}", &text[..start], &text[start + at + 1..]))
}

/// What of a text that is no URL may be shown: not what may have been meant as a password, and nothing that moves
/// a cursor.
pub(crate) fn shown(text: &str) -> String {
    let shown = match text.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => text.to_owned(),
    };
    let shown = shown.replace(char::is_control, "\u{fffd}");
    match shown.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((cut, _)) => format!("{}…", &shown[..cut]),
        None => shown,
    }
}

/// Percent-encoding undone (RFC 3986 §2.1).
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                i += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_in_a_url_is_a_credential_and_no_text() {
        for (text, asked, auth) in [
            ("http://a.test/x?q='1'", "http://a.test/x?q='1'", None),
            ("http://u:p@a.test/x", "http://a.test/x", Some(("u", "p"))),
            ("  http://u%40v:p%3A@A.test  ", "http://A.test", Some(("u@v", "p:"))),
            ("http://u@a.test/@b", "http://a.test/@b", Some(("u", ""))),
            ("http://a.test/u:p@b", "http://a.test/u:p@b", None),
            ("http://u:p@x@a.test/", "http://a.test/", Some(("u", "p@x"))),
            ("http:u:p@a.test/x", "http://a.test/x", Some(("u", "p"))),
            ("http://a.test/\u{1b}[2J@", "http://a.test/%1B[2J@", None),
            ("http://u:p@a.test/\ty", "http://a.test/y", Some(("u", "p"))),
            // An authority without its slashes, and slashes that are none.
            ("http:u:p@a.test/#://@", "http://a.test/", Some(("u", "p"))),
            ("http:/u:p@a.test/?://x@y", "http://a.test/?://x@y", Some(("u", "p"))),
            ("http:\\\\u:p@a.test/x", "http://a.test/x", Some(("u", "p"))),
        ] {
            let call = Call::get(text).unwrap();
            assert_eq!(call.url(), asked, "{text}");
            assert_eq!(call.auth, auth.map(|(user, password)| Auth::basic(user, password)), "{text}");
        }
    }

    #[test]
    fn what_is_no_url() {
        for (text, want) in [
            ("", "\"\" is no URL: http:// or https:// is missing"),
            ("example.com/x", "\"example.com/x\" is no URL: http:// or https:// is missing"),
            ("ftp://a/", "\"ftp://a/\" is no URL that can be asked: scheme \"ftp\" is not http or https"),
            ("http://u:p/w@host:x/", "\"…@host:x/\" is no URL that can be asked: invalid port number"),
            ("\u{1b}[2J", "\"\u{fffd}[2J\" is no URL: http:// or https:// is missing"),
            ("http://", "\"http://\" is no URL that can be asked: empty host"),
        ] {
            assert_eq!(Call::get(text).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let call = Call::get("http://u:secret@a.test/").unwrap().header("X-Api-Key", "secret").body("secret");
        let other = call.clone().auth(Auth::bearer("secret"));
        let text = format!("{call:?} {other:?}");
        assert!(!text.contains("secret") && !text.contains("c2Vjcm"), "{text}");
        assert!(text.contains("X-Api-Key") && text.contains("Auth(…)"), "{text}");
    }
}
