//! A request, and the head it is sent with.
//!
//! Owns the fields every request carries and the check that a caller's own fields cannot break the message.

use std::cell::RefCell;

use dragline_model::{CanonicalUrl, Failure, FailureKind};

use crate::bodies::Share;

/// What is asked of a server.
///
/// A large answer's share of the process's memory ([`crate::Limits::bodies_in_flight`]) is held by its request:
/// keep the request until the body is done with.
#[derive(Debug)]
pub struct Request {
    /// The resource.
    pub url: CanonicalUrl,
    /// The method.
    pub method: Method,
    /// Fields beside the usual ones, or in their place (`User-Agent`, `Accept`, `Accept-Encoding`). `Host`
    /// and the fields that frame a message are the wire's own and are refused here.
    pub headers: Vec<(String, String)>,
    pub(crate) share: RefCell<Option<Share>>,
}

/// The methods a crawler needs; both are safe and idempotent (RFC 9110 §9.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The resource.
    Get,
    /// Its head only.
    Head,
}

impl Request {
    /// A GET with the usual fields.
    pub fn get(url: CanonicalUrl) -> Self {
        Self { url, method: Method::Get, headers: Vec::new(), share: RefCell::new(None) }
    }

    /// The same with another method.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }
}

/// Fields a caller may replace, and what they are otherwise. What can be decoded is asked for, and nothing
/// else.
const USUAL: [(&str, &str); 2] = [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate")];

/// Fields that say where a message ends or whom it is for.
const OWN: [&str; 8] =
    ["host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"];

/// Everything of a request's head behind the request line, its empty line included; `Host` first, as RFC
/// 9110 §7.2 wishes.
pub(crate) fn head_fields(request: &Request, user_agent: &str) -> Result<Vec<u8>, Failure> {
    for (name, value) in &request.headers {
        check_field(name, value)?;
    }
    let given = |name: &str| request.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    // Room for the usual fields; a caller's own are rare.
    let mut head = Vec::with_capacity(128 + user_agent.len() + request.url.authority().len());
    put(&mut head, "Host", request.url.authority());
    if !given("user-agent") && !user_agent.is_empty() {
        put(&mut head, "User-Agent", user_agent);
    }
    for (name, value) in USUAL {
        if !given(name) {
            put(&mut head, name, value);
        }
    }
    for (name, value) in &request.headers {
        put(&mut head, name, value);
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}

fn put(head: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// A field as RFC 9110 §5.1 and §5.5 have it: a token, and a value without control characters.
fn check_field(name: &str, value: &str) -> Result<(), Failure> {
    let refuse = |why: &str| {
        Err(Failure::new(
            FailureKind::Refused,
            format!("the request's own field {name:?} cannot be sent: {why}"),
        ))
    };
    if name.is_empty() || !name.bytes().all(is_token) {
        refuse("a name is letters, digits and some signs")
    } else if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        refuse("the wire writes this field itself")
    } else if !is_field_value(value) {
        refuse("a value has no line ends and no control characters")
    } else {
        Ok(())
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// True where a text can stand as a field's value.
pub(crate) fn is_field_value(value: &str) -> bool {
    value.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(url: &str, headers: &[(&str, &str)]) -> Result<String, String> {
        let mut request = Request::get(CanonicalUrl::parse(url).unwrap());
        request.headers = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        match head_fields(&request, "dragline/test") {
            Ok(head) => Ok(String::from_utf8(head).unwrap()),
            Err(failure) => {
                assert_eq!(failure.kind, FailureKind::Refused);
                Err(failure.detail)
            }
        }
    }

    #[test]
    fn the_usual_fields() {
        assert_eq!(
            head("http://a.test:8080/x", &[]).unwrap(),
            "Host: a.test:8080\r\nUser-Agent: dragline/test\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n\r\n"
        );
    }

    #[test]
    fn a_caller_adds_and_replaces() {
        assert_eq!(
            head(
                "https://a.test/",
                &[("accept", "text/html"), ("If-None-Match", "\"x\""), ("USER-AGENT", "me")]
            )
            .unwrap(),
            "Host: a.test\r\nAccept-Encoding: gzip, deflate\r\naccept: text/html\r\nIf-None-Match: \"x\"\r\nUSER-AGENT: me\r\n\r\n"
        );
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
        ] {
            assert!(head("http://a.test/", &[(name, value)]).is_err(), "{name:?}: {value:?}");
        }
    }
}
