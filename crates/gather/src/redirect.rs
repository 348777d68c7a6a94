//! Where a redirect leads, and what may go along.
//!
//! Owns the rules (RFC 9110 §15.4, and what browsers made of it). Never asks: whoever asks holds the chain.

use dragline_fetch::Method;
use dragline_model::UrlError;

use crate::{call::Target, glimpse::glimpse};

/// Fields of a caller's that say nothing about the caller, and go along to anybody.
const HARMLESS: [&str; 3] = ["accept", "accept-language", "user-agent"];

/// What becomes of a redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It leads here.
    Follow(Step),
    /// It is the answer, for this reason.
    Stay(String),
    /// It is none.
    None,
}

/// The next request of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) target: Target,
    pub(crate) method: Method,
    /// The body, and the fields that speak of it, stay behind from here on.
    pub(crate) drops_body: bool,
}

/// Judges an answer of `status` to a request of `method` at `from`.
pub(crate) fn verdict(
    status: u16,
    location: Option<&[u8]>,
    from: &Target,
    method: &Method,
    has_body: bool,
) -> Verdict {
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, location) else { return Verdict::None };
    let target = match resolve(from, location) {
        Ok(target) => target,
        Err(UrlError::Scheme(scheme)) => {
            let scheme = glimpse(scheme.as_bytes());
            return Verdict::Stay(format!("redirected to a URL of scheme {scheme:?}, which is not followed"));
        }
        Err(why) => {
            let location = glimpse(location);
            return Verdict::Stay(format!("redirected to {location:?}, which is no URL: {why}"));
        }
    };
    let becomes_get = match status {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    };
    let drops_body = becomes_get || status == 303;
    if has_body && !drops_body && target.origin() != from.origin() {
        let origin = target.origin();
        return Verdict::Stay(format!("redirected to {origin}: a body is not sent on to another origin"));
    }
    let method = if becomes_get { Method::GET } else { method.clone() };
    Verdict::Follow(Step { target, method, drops_body })
}

/// A field of the caller's goes to `to`, where the call itself is for `home`.
pub(crate) fn goes_along(name: &str, home: &str, to: &str) -> bool {
    home == to || HARMLESS.iter().any(|harmless| name.eq_ignore_ascii_case(harmless))
}

/// A field that speaks of the body of a request.
pub(crate) fn is_of_body(name: &str) -> bool {
    name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
}

/// A `Location` (RFC 9110 §10.2.2) against the URL it came from, its query byte for byte. Bytes that are no
/// UTF-8 are what they are, escaped.
fn resolve(from: &Target, location: &[u8]) -> Result<Target, UrlError> {
    let escaped;
    let location = match std::str::from_utf8(location) {
        Ok(text) => text,
        Err(_) => {
            escaped = location.iter().fold(String::new(), |text, byte| match byte {
                0..0x80 => text + char::from(*byte).encode_utf8(&mut [0; 4]),
                _ => text + &format!("%{byte:02X}"),
            });
            &escaped
        }
    };
    let url = from.url.join(location)?;
    let before_fragment = location.split('#').next().unwrap_or_default();
    match before_fragment.split_once('?') {
        None => Ok(Target { url, query: None }),
        Some((_, query)) => {
            let bare = url.as_str().split('?').next().unwrap_or_default();
            Target::parse(&format!("{bare}?{query}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, location: &str, method: Method, has_body: bool) -> String {
        let from = Target::parse("http://a.test/dir/page?old").unwrap();
        match verdict(status, Some(location.as_bytes()), &from, &method, has_body) {
            Verdict::None => "none".to_owned(),
            Verdict::Stay(why) => why,
            Verdict::Follow(Step { target, method, drops_body }) => {
                let query = target.query.map_or_else(String::new, |query| format!(" wire:{query}"));
                let body = if drops_body { "" } else { " body" };
                format!("{method} {}{query}{body}", target.url)
            }
        }
    }

    #[test]
    fn where_it_leads() {
        for (location, want) in [
            ("next", "GET http://a.test/dir/next"),
            ("/next#frag", "GET http://a.test/next"),
            ("?new", "GET http://a.test/dir/page?new"),
            ("//b.test", "GET http://b.test/"),
            ("https://a.test/x", "GET https://a.test/x"),
            ("http://u:p@a.test/x", "GET http://a.test/x"),
            ("/q?k=ab%2Bcd%3D%3D", "GET http://a.test/q?k=ab%2Bcd%3D%3D"),
            ("/q?k='1'", "GET http://a.test/q?k=%271%27 wire:k='1'"),
            ("/é?ö", "GET http://a.test/%C3%A9?%C3%B6"),
            ("", "GET http://a.test/dir/page?old"),
            ("ftp://a.test/", "redirected to a URL of scheme \"ftp\", which is not followed"),
            ("file:///etc/passwd", "redirected to a URL of scheme \"file\", which is not followed"),
            ("javascript:alert(1)", "redirected to a URL of scheme \"javascript\", which is not followed"),
            ("data:,x", "redirected to a URL of scheme \"data\", which is not followed"),
            (
                "http://\u{1b}[/",
                "redirected to \"http://[/\", which is no URL: invalid international domain name",
            ),
        ] {
            let got = check(302, location, Method::GET, false);
            assert_eq!(got.strip_suffix(" body").unwrap_or(&got), want, "{location}");
        }
        let from = Target::parse("http://a.test/").unwrap();
        let Verdict::Follow(step) = verdict(302, Some(b"/\xe9?\xf6"), &from, &Method::GET, false) else {
            panic!()
        };
        assert_eq!(step.target.url.as_str(), "http://a.test/%E9?%F6");
    }

    #[test]
    fn methods_and_bodies() {
        let (here, there) = ("/x", "http://b.test/x");
        let refused = "redirected to http://b.test: a body is not sent on to another origin";
        for (status, location, method, has_body, want) in [
            (301, here, Method::POST, true, "GET http://a.test/x"),
            (302, there, Method::POST, true, "GET http://b.test/x"),
            (303, there, Method::PUT, true, "GET http://b.test/x"),
            (303, there, Method::HEAD, false, "HEAD http://b.test/x"),
            (303, here, Method::GET, true, "GET http://a.test/x"),
            (302, here, Method::PUT, true, "PUT http://a.test/x body"),
            (302, there, Method::PUT, true, refused),
            (307, here, Method::POST, true, "POST http://a.test/x body"),
            (308, here, Method::PATCH, true, "PATCH http://a.test/x body"),
            (307, there, Method::POST, true, refused),
            (308, there, Method::GET, true, refused),
            (308, there, Method::DELETE, false, "DELETE http://b.test/x body"),
            (
                307,
                "https://a.test/x",
                Method::POST,
                true,
                "redirected to https://a.test: a body is not sent on to another origin",
            ),
            (300, here, Method::GET, false, "none"),
            (304, here, Method::GET, false, "none"),
            (200, here, Method::GET, false, "none"),
        ] {
            assert_eq!(
                check(status, location, method.clone(), has_body),
                want,
                "{status} {method} {location}"
            );
        }
    }

    #[test]
    fn what_goes_along() {
        let (home, other) = ("https://a.test", "https://b.test");
        for name in ["Authorization", "Cookie", "X-Api-Key", "Referer", "Origin", "Content-Type"] {
            assert!(goes_along(name, home, home) && !goes_along(name, home, other), "{name}");
            assert!(
                !goes_along(name, home, "http://a.test") && !goes_along(name, home, "https://a.test:444")
            );
        }
        assert!(goes_along("User-Agent", home, other) && goes_along("ACCEPT", home, other));
        assert!(is_of_body("Content-MD5") && is_of_body("content-type"));
        assert!(!is_of_body("Content") && !is_of_body("Accept") && !is_of_body("é-content"));
    }
}
