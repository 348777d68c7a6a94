//! Canonical URLs and the host a politeness promise is made to.
//!
//! Owns the one normalisation of the project. [`CanonicalUrl`] has no other constructor than the ones that
//! normalise ([`CanonicalUrl::parse`], [`CanonicalUrl::join`], [`crate::Resolver`], which is tested to be
//! equal to `join`, and [`crate::Normaliser`], which only leaves out), so two equal resources under one spelling are
//! one value everywhere.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Longest URL that is kept, in bytes of its canonical form. Past it a URL is nearly always a trap or a
/// data blob; RFC 9110 §4.1 asks for at least 8,000.
pub const URL_BYTES_MAX: usize = 8192;

/// An absolute `http` or `https` URL in the serialisation of the WHATWG URL Standard, without fragment and
/// without user name or password.
///
/// What is always done, none of which changes the resource that is meant:
///
/// | | example | |
/// |---|---|---|
/// | white space around it and tabs and line ends within are left out, `\` is `/` | `" http:\\\\a/\tb"` → `http://a/b` | URL Standard §4.4 |
/// | scheme and host in lower case; a host in Unicode as IDNA has it (UTS 46) | `HTTP://BÜCHER.example` → `http://xn--bcher-kva.example/` | §3.3, §4.4 |
/// | an IPv4 address in four decimal numbers, an IPv6 address in its shortest form | `http://0x7f.1/` → `http://127.0.0.1/` | §3.5, RFC 5952 |
/// | no port where it is the scheme's | `http://a:80/` → `http://a/` | §4.4 |
/// | dot segments resolved, also `%2e`; an empty path is `/` | `http://a/b/%2E./c` → `http://a/c` | §4.4 |
/// | what may not stand there in percent-encoding, in UTF-8 | `http://a/ü ?"` → `http://a/%C3%BC%20?%22` | §1.3 |
/// | no fragment, no user name and password | `http://me:pw@a/#x` → `http://a/` | ours: neither is sent to a server in the URL |
///
/// Nothing else is changed: `%7E` stays `%7E` and `%2f` stays lower case, empty segments stay, the query keeps its
/// order and its bytes, a trailing slash stays or stays away. What a crawl may want beyond is an option
/// ([`crate::Normaliser`]). Control characters, spaces and the like in a host make it no URL.
///
/// Normalising is idempotent. Cloning is a reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CanonicalUrl(Arc<str>);

/// Why a text is no URL that can be crawled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlError {
    /// The URL Standard's parser refused it; the text says why.
    Invalid(String),
    /// It is a URL, but of a scheme that is not fetched (`mailto`, `javascript`, `file`, …).
    Scheme(String),
    /// Longer than [`URL_BYTES_MAX`]; the length in bytes.
    TooLong(usize),
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlError::Invalid(why) => f.write_str(why),
            UrlError::Scheme(scheme) => write!(f, "scheme \"{scheme}\" is not http or https"),
            UrlError::TooLong(bytes) => write!(f, "{bytes} bytes long, the limit is {URL_BYTES_MAX}"),
        }
    }
}

impl std::error::Error for UrlError {}

impl CanonicalUrl {
    /// Parses and normalises an absolute URL.
    ///
    /// ```
    /// use dragline_model::CanonicalUrl;
    /// let url = CanonicalUrl::parse("HTTP://Example.COM:80/a/../b?q=1#frag")?;
    /// assert_eq!(url.as_str(), "http://example.com/b?q=1");
    /// # Ok::<(), dragline_model::UrlError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        Self::from_url(::url::Url::parse(text).map_err(|e| UrlError::Invalid(e.to_string()))?)
    }

    /// Resolves a reference found in a document whose base URL is `self` (URL Standard, "URL parsing" with a
    /// base), and normalises the result.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let base = ::url::Url::parse(&self.0).map_err(|e| UrlError::Invalid(e.to_string()))?;
        Self::from_url(base.join(reference).map_err(|e| UrlError::Invalid(e.to_string()))?)
    }

    /// Normalises a URL that the `url` crate has parsed.
    pub fn from_url(mut url: ::url::Url) -> Result<Self, UrlError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme(url.scheme().to_owned()));
        }
        url.set_fragment(None);
        // Neither call can fail: an http URL always has a host.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        let text = url.as_str();
        if text.len() > URL_BYTES_MAX {
            return Err(UrlError::TooLong(text.len()));
        }
        Ok(Self(text.into()))
    }

    /// For [`crate::Resolver`] alone, which is tested to produce what [`CanonicalUrl::join`] produces.
    pub(crate) fn from_resolved(text: &str) -> Self {
        Self(text.into())
    }

    /// The whole URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `https`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }

    fn after_scheme(&self) -> &str {
        if self.is_https() { &self.0["https://".len()..] } else { &self.0["http://".len()..] }
    }

    /// `host` or `host:port`, the port only where it is not the scheme's default. IPv6 in brackets.
    pub fn authority(&self) -> &str {
        let rest = self.after_scheme();
        &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]
    }

    /// The host alone: a lower-case domain, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rfind(':') {
            Some(colon) if !authority.ends_with(']') => &authority[..colon],
            _ => authority,
        }
    }

    /// The port that is connected to.
    pub fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        let host = self.host();
        self.authority()[host.len()..].strip_prefix(':').and_then(|p| p.parse().ok()).unwrap_or(default)
    }

    /// `scheme://host[:port]`, no slash behind it (RFC 6454 §6.2).
    pub fn origin(&self) -> &str {
        let rest = self.after_scheme();
        &self.0[..self.0.len() - rest.len() + self.authority().len()]
    }

    /// The path and query, as they go into a request line: from the first `/` to the end.
    pub fn path_and_query(&self) -> &str {
        &self.0[self.origin().len()..]
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        let target = self.path_and_query();
        &target[..target.find('?').unwrap_or(target.len())]
    }

    /// The host a politeness promise for this URL is made to.
    pub fn host_key(&self) -> HostKey {
        HostKey(self.authority().into())
    }
}

impl fmt::Display for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for CanonicalUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for CanonicalUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(|e| serde::de::Error::custom(format!("\"{text}\": {e}")))
    }
}

/// The host that is treated politely: host name and port, where 80 and 443 are the same host (`http://a/`
/// and `https://a/` are one server to its owner).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostKey(Arc<str>);

impl HostKey {
    /// `host`, or `host:port` where the port is not the scheme's default.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> String {
        match CanonicalUrl::parse(text) {
            Ok(u) => format!("{u} | {} {} {} {}", u.origin(), u.host(), u.port(), u.path_and_query()),
            Err(e) => format!("! {e}"),
        }
    }

    #[test]
    fn normalises_and_splits() {
        for (text, want) in [
            ("http://a", "http://a/ | http://a a 80 /"),
            ("HTTPS://A.example:443/x?y#z", "https://a.example/x?y | https://a.example a.example 443 /x?y"),
            ("http://[::1]:8080/p", "http://[::1]:8080/p | http://[::1]:8080 [::1] 8080 /p"),
            ("http://[::1]/", "http://[::1]/ | http://[::1] [::1] 80 /"),
            ("http://0x7f.1/", "http://127.0.0.1/ | http://127.0.0.1 127.0.0.1 80 /"),
            ("http://user:pw@h:81/?q", "http://h:81/?q | http://h:81 h 81 /?q"),
            ("http://h?q", "http://h/?q | http://h h 80 /?q"),
            (
                "http://bücher.example/ü",
                "http://xn--bcher-kva.example/%C3%BC | http://xn--bcher-kva.example xn--bcher-kva.example 80 /%C3%BC",
            ),
            ("http://h/a/./b/../c%2Fd", "http://h/a/c%2Fd | http://h h 80 /a/c%2Fd"),
            ("mailto:x@y", "! scheme \"mailto\" is not http or https"),
            ("/relative", "! relative URL without a base"),
            ("http://", "! empty host"),
        ] {
            assert_eq!(parts(text), want, "{text}");
        }
    }

    #[test]
    fn a_long_url_is_refused() {
        let long = format!("http://a/{}", "x".repeat(URL_BYTES_MAX));
        assert_eq!(CanonicalUrl::parse(&long), Err(UrlError::TooLong(URL_BYTES_MAX + 9)));
    }

    #[test]
    fn http_and_https_are_one_host() {
        let key = |t: &str| CanonicalUrl::parse(t).unwrap().host_key();
        assert_eq!(key("http://a/"), key("https://a/x"));
        assert_ne!(key("http://a/"), key("http://a:81/"));
    }

    proptest::proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "https?://[a-z]{1,5}(\\.[a-z]{2})?(:[0-9]{1,4})?/[ -~é]{0,40}") {
            if let Ok(once) = CanonicalUrl::parse(&text) {
                proptest::prop_assert_eq!(CanonicalUrl::parse(once.as_str()).unwrap(), once);
            }
        }
    }
}
