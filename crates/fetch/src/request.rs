//! A request, and the head it is sent with.
//!
//! Owns the request line, the fields every request carries, and the check that a caller's own cannot break the
//! message.

use std::{cell::RefCell, time::Duration};

use bytes::Bytes;
use dragline_cookies::Jar;
use dragline_model::{CanonicalUrl, Failure, FailureKind, UrlError};

use crate::{Method, bodies::Share};

/// What is asked of a server.
///
/// A large answer's share of the process's memory ([`crate::Limits::bodies_in_flight`]) is held by its request:
/// keep the request until the body is done with.
#[derive(Debug)]
pub struct Request {
    /// The resource.
    pub url: CanonicalUrl,
    /// The query as it goes onto the wire, without its `?`, where that is not the canonical URL's. See
    /// [`Request::parse`].
    pub query: Option<String>,
    /// The method.
    pub method: Method,
    /// Fields beside the usual ones, or in their place (`User-Agent`, `Accept`, `Accept-Encoding`, `Cookie`).
    /// `Host` and the fields that frame a message are the wire's own and are refused here.
    pub headers: Vec<(String, String)>,
    /// What is sent behind the head.
    pub body: Bytes,
    /// The jar whose cookies go along, and that takes those of the answer in.
    pub cookies: Option<Jar>,
    /// Only a new connection will do, and it is not kept either.
    pub fresh: bool,
    /// For the whole exchange, in place of [`crate::Limits::total`].
    pub total: Option<Duration>,
    pub(crate) share: RefCell<Option<Share>>,
}

impl Request {
    /// A GET with the usual fields.
    pub fn get(url: CanonicalUrl) -> Self {
        Self {
            url,
            query: None,
            method: Method::GET,
            headers: Vec::new(),
            body: Bytes::new(),
            cookies: None,
            fresh: false,
            total: None,
            share: RefCell::new(None),
        }
    }

    /// A GET for a URL whose query goes onto the wire byte for byte as it is written here.
    ///
    /// The URL Standard's parser escapes a few bytes in a query that mean the same escaped (`'`), and a portal
    /// that compares strings is then asked for something else. Only what cannot stand in a request line
    /// (blanks, controls, all that is not ASCII) is escaped; nothing that is escaped already is touched.
    ///
    /// ```
    /// let request = dragline_fetch::Request::parse("http://api.example/a/../q?serviceKey=ab%2Bcd%3D%3D&x='1'")?;
    /// assert_eq!(request.target(), "/q?serviceKey=ab%2Bcd%3D%3D&x='1'");
    /// # Ok::<(), dragline_model::UrlError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let mut request = Self::get(CanonicalUrl::parse(text)?);
        let text = text.trim_matches(|c: char| c <= ' ');
        let before_fragment = text.split('#').next().unwrap_or_default();
        if let Some((_, query)) = before_fragment.split_once('?') {
            let query = wire_query(query);
            let canonical = request.url.path_and_query().split_once('?').map_or("", |(_, query)| query);
            request.query = (query != canonical).then_some(query);
        }
        Ok(request)
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Path and query as they stand in the request line.
    pub fn target(&self) -> String {
        let canonical = self.url.path_and_query();
        match &self.query {
            Some(query) => format!("{}?{query}", canonical.split('?').next().unwrap_or_default()),
            None => canonical.to_owned(),
        }
    }
}

/// A query with nothing in it that would end the request line.
fn wire_query(query: &str) -> String {
    let mut wire = String::with_capacity(query.len());
    for byte in query.bytes() {
        match byte {
            // Taken out, as the URL Standard takes them out of URLs.
            b'\t' | b'\n' | b'\r' => {}
            b'!'..=b'~' => wire.push(char::from(byte)),
            _ => wire.push_str(&format!("%{byte:02X}")),
        }
    }
    wire
}

/// Fields a caller may replace, and what they are otherwise. What can be decoded is asked for, and nothing
/// else.
const USUAL: [(&str, &str); 2] = [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate, br, zstd")];

/// Fields that say where a message ends or whom it is for.
const OWN: [&str; 10] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
];

/// Fields whose values are nobody else's business, and do not go into a record of the request.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// What a record has in place of a secret value.
const REDACTED: &str = "(not recorded)";

/// A request's head, made to be sent.
#[derive(Debug)]
pub(crate) struct Head {
    /// Everything, from the request line to the empty line.
    pub(crate) bytes: Vec<u8>,
    /// The same for a record, where the head has secrets.
    pub(crate) recorded: Option<Vec<u8>>,
}

/// What a request has beside its own fields, and what gives way to them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Company<'a> {
    pub(crate) user_agent: &'a str,
    /// The value of `Cookie`, from the jar.
    pub(crate) cookie: Option<&'a str>,
    /// The value of `Authorization`, for this origin.
    pub(crate) authorization: Option<&'a str>,
}

/// The head of a request; `Host` first, as RFC 9110 §7.2 wishes.
pub(crate) fn head(request: &Request, company: Company<'_>) -> Result<Head, Failure> {
    let user_agent = company.user_agent;
    if company.authorization.is_some_and(|value| !is_field_value(value)) {
        let why = "the credentials for this origin have characters that cannot stand in a field";
        return Err(Failure::new(FailureKind::Refused, why));
    }
    for (name, value) in &request.headers {
        check_field(name, value)?;
    }
    let given = |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    let mut fields = Fields::new(request, user_agent);
    if !given("user-agent") && !user_agent.is_empty() {
        fields.put("User-Agent", user_agent);
    }
    for (name, value) in USUAL {
        if !given(name) {
            fields.put(name, value);
        }
    }
    for (name, value) in &request.headers {
        fields.put(name, value);
    }
    for (name, value) in [("Authorization", company.authorization), ("Cookie", company.cookie)] {
        if let Some(value) = value.filter(|_| !given(name)) {
            fields.put(name, value);
        }
    }
    if request.method.wants_body() || !request.body.is_empty() {
        fields.put("Content-Length", &request.body.len().to_string());
    }
    Ok(fields.end())
}

/// A head as it is written, and beside it, from the first secret on, as it is recorded.
struct Fields {
    bytes: Vec<u8>,
    recorded: Option<Vec<u8>>,
}

impl Fields {
    fn new(request: &Request, user_agent: &str) -> Self {
        let target = request.url.path_and_query();
        // Room for the usual fields; a caller's own are rare.
        let room = 160 + user_agent.len() + request.url.as_str().len();
        let mut bytes = Vec::with_capacity(room);
        let path = match &request.query {
            Some(_) => target.split('?').next().unwrap_or_default(),
            None => target,
        };
        for part in [request.method.as_str(), " ", path] {
            bytes.extend_from_slice(part.as_bytes());
        }
        if let Some(query) = &request.query {
            bytes.push(b'?');
            bytes.extend_from_slice(query.as_bytes());
        }
        bytes.extend_from_slice(b" HTTP/1.1\r\n");
        let mut fields = Self { bytes, recorded: None };
        fields.put("Host", request.url.authority());
        if request.fresh {
            // Nobody will ask again on a connection that was made for this request alone.
            fields.put("Connection", "close");
        }
        fields
    }

    fn put(&mut self, name: &str, value: &str) {
        let is_secret = SECRET.iter().any(|secret| name.eq_ignore_ascii_case(secret));
        if is_secret && self.recorded.is_none() {
            self.recorded = Some(self.bytes.clone());
        }
        write_field(&mut self.bytes, name, value);
        if let Some(recorded) = &mut self.recorded {
            write_field(recorded, name, if is_secret { REDACTED } else { value });
        }
    }

    fn end(mut self) -> Head {
        for head in [Some(&mut self.bytes), self.recorded.as_mut()].into_iter().flatten() {
            head.extend_from_slice(b"\r\n");
        }
        Head { bytes: self.bytes, recorded: self.recorded }
    }
}

fn write_field(head: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// A field as RFC 9110 §5.1 and §5.5 have it: a token, and a value without control characters.
fn check_field(name: &str, value: &str) -> Result<(), Failure> {
    match field_objection(name, value) {
        None => Ok(()),
        Some(why) => Err(Failure::new(
            FailureKind::Refused,
            format!("the request's own field {name:?} cannot be sent: {why}"),
        )),
    }
}

/// What speaks against a field of a caller's own; `None` where it can be sent.
pub fn field_objection(name: &str, value: &str) -> Option<&'static str> {
    if name.is_empty() || !name.bytes().all(is_token) {
        Some("a name is letters, digits and some signs")
    } else if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        Some("the wire writes this field itself")
    } else if !is_field_value(value) {
        Some("a value has no line ends and no control characters")
    } else {
        None
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// True where a text can stand as a field's value.
pub(crate) fn is_field_value(value: &str) -> bool {
    value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::parse(url).unwrap();
        request.headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        request
    }

    fn sent(request: &Request, cookie: Option<&str>) -> Result<String, String> {
        match head(request, Company { user_agent: "dragline/test", cookie, authorization: None }) {
            Ok(head) => Ok(String::from_utf8(head.bytes).unwrap()),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Refused);
                Err(failure.detail)
            }
        }
    }

    #[test]
    fn the_usual_fields() {
        assert_eq!(
            sent(&request("http://a.test:8080/x", &[]), None).unwrap(),
            "GET /x HTTP/1.1\r\nHost: a.test:8080\r\nUser-Agent: dragline/test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n"
        );
    }

    #[test]
    fn a_caller_adds_and_replaces() {
        let own = [
            ("accept", "text/html"),
            ("If-None-Match", "\"x\""),
            ("USER-AGENT", "me"),
            ("accept-encoding", ""),
        ];
        assert_eq!(
            sent(&request("https://a.test/", &own), None).unwrap(),
            "GET / HTTP/1.1\r\nHost: a.test\r\naccept: text/html\r\nIf-None-Match: \"x\"\r\nUSER-AGENT: me\r\naccept-encoding: \r\n\r\n"
        );
    }

    #[test]
    fn bodies_are_announced() {
        let with = |method: Method, body: &'static str| {
            let mut request = request("http://a.test/", &[]).method(method);
            request.body = Bytes::from_static(body.as_bytes());
            sent(&request, None).unwrap()
        };
        assert!(with(Method::POST, "a=b").starts_with("POST / HTTP/1.1\r\n"));
        assert!(with(Method::POST, "a=b").contains("\r\nContent-Length: 3\r\n"));
        assert!(with(Method::POST, "").contains("\r\nContent-Length: 0\r\n"));
        assert!(!with(Method::GET, "").contains("Content-Length"));
        assert!(with(Method::GET, "{}").contains("\r\nContent-Length: 2\r\n"));
    }

    #[test]
    fn the_query_goes_out_byte_for_byte() {
        for (url, want) in [
            ("http://a.test/p?serviceKey=ab%2Bcd%3D%3D&x=1", "/p?serviceKey=ab%2Bcd%3D%3D&x=1"),
            ("http://a.test/p?q='x'|{y}^`\"<>\\", "/p?q='x'|{y}^`\"<>\\"),
            ("http://a.test/p?%zz=%", "/p?%zz=%"),
            ("http://a.test/p?a=b#?c", "/p?a=b"),
            ("http://a.test/p#?c", "/p"),
            ("http://a.test/p?", "/p?"),
            ("http://a.test?x=/../y", "/?x=/../y"),
            ("  http://a.test/a/../b?x= y\tz\u{e9} ", "/b?x=%20yz%C3%A9"),
            ("http://a.test/p?x\r\nHost: b", "/p?xHost:%20b"),
        ] {
            let request = Request::parse(url).unwrap();
            assert_eq!(request.target(), want, "{url:?}");
            let line = format!("GET {want} HTTP/1.1\r\nHost: a.test\r\n");
            assert!(sent(&request, None).unwrap().starts_with(&line), "{url:?}");
        }
    }

    #[test]
    fn secrets_are_sent_and_not_recorded() {
        let own = [("X-A", "1"), ("authorization", "Basic c2VjcmV0"), ("X-B", "2")];
        let company =
            Company { user_agent: "me", cookie: Some("sid=secret"), authorization: Some("not this") };
        let head = head(&request("http://a.test/", &own), company).unwrap();
        let [sent, recorded] =
            [head.bytes, head.recorded.unwrap()].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(sent.contains("authorization: Basic c2VjcmV0\r\nX-B: 2\r\nCookie: sid=secret\r\n\r\n"));
        assert!(recorded.ends_with(
            "X-A: 1\r\nauthorization: (not recorded)\r\nX-B: 2\r\nCookie: (not recorded)\r\n\r\n"
        ));
        assert!(!recorded.contains("secret") && !recorded.contains("c2VjcmV0"));
    }

    #[test]
    fn a_callers_cookie_is_the_callers() {
        let own = request("http://a.test/", &[("Cookie", "mine=1")]);
        let sent = sent(&own, Some("jar=2")).unwrap();
        assert!(sent.contains("Cookie: mine=1\r\n") && !sent.contains("jar"));
    }

    #[test]
    fn a_caller_cannot_break_the_message() {
        for (name, value) in [
            ("X", "a\r\nY: b"),
            ("X", "a\nb"),
            ("X", "\0"),
            ("X: y\r\nZ", "a"),
            ("", "a"),
            ("X y", "a"),
            ("Host", "b.test"),
            ("content-length", "5"),
            ("Transfer-Encoding", "chunked"),
            ("Proxy-Authorization", "Basic x"),
        ] {
            assert!(sent(&request("http://a.test/", &[(name, value)]), None).is_err(), "{name:?}: {value:?}");
        }
    }
}
