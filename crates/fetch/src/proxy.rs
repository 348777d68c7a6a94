//! A proxy: how it is written down, and how one is asked to take us somewhere.
//!
//! Owns its spelling and its credentials, which are shown to nobody but the proxy itself: not in an error, not in
//! a log, not to a target. The two protocols are in `proxy/connect.rs` and `proxy/socks.rs`, the choice among
//! several in `proxy/rotation.rs`.

mod connect;
mod rotation;
mod socks;

use std::{fmt, net::SocketAddr, str::FromStr, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use dragline_model::{CanonicalUrl, Failure, FailureKind};
use tokio::net::TcpStream;

pub(crate) use self::rotation::Rotation;
use crate::{SettingsError, request::is_field_value};

/// Longest user name or password (RFC 1929 §2 has a byte for each length). HTTP knows no limit; the same is
/// enough there.
const CREDENTIAL_BYTES_MAX: usize = 255;

/// What a 407 says, behind the proxy's name.
pub(crate) const SIGN_IN: &str = "wants a user name and password, or others than it was given";

/// A proxy, written `http://[user:password@]host:port`, `socks5://…` or `socks5h://…`.
///
/// With both kinds of SOCKS names are resolved by the proxy. User name and password are percent-encoded where
/// they have signs that a URL gives a meaning to (`@`, `:`, `/`, `%`); neither is ever shown.
///
/// ```
/// let proxy: dragline_fetch::Proxy = "http://crawler:secret@proxy.example:3128".parse()?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// # Ok::<(), dragline_fetch::SettingsError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    kind: Kind,
    /// As a canonical URL has it: lower case, IPv6 in brackets.
    host: Arc<str>,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks5,
}

/// Never printed, hence no `Debug`.
#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

/// Where a proxy is to take us.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Destination<'a> {
    /// To an address that was judged, or is the user's wish.
    Address(SocketAddr),
    /// To a name, which the proxy resolves.
    Name(&'a str, u16),
}

/// Why a proxy did not take us there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The proxy is no good for anybody; in words that go behind its name.
    Proxy(String),
    /// The proxy is in order and does not take us to this target; in words that go behind its name.
    NotThere(String),
    /// The proxy tried, and the target could not be reached; in words that go behind "could not".
    Target(String),
}

impl Proxy {
    /// The host, without an IPv6 address's brackets.
    pub(crate) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The host as it stands in a URL.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// True where requests in the clear are handed to it as they are, their target named in full (RFC 9112
    /// §3.2.2), instead of through a tunnel.
    pub(crate) fn forwards(&self) -> bool {
        self.kind == Kind::Http
    }

    /// The field that signs us in, with its line end; empty where there are no credentials (RFC 9110 §11.7.2,
    /// RFC 7617 §2).
    pub(crate) fn authorization(&self) -> String {
        self.credentials.as_ref().map_or_else(String::new, |Credentials { user, password }| {
            let pair = BASE64_STANDARD.encode(format!("{user}:{password}"));
            format!("Proxy-Authorization: Basic {pair}\r\n")
        })
    }

    /// Asks to be taken somewhere, on a connection that has only just been made.
    pub(crate) async fn tunnel(
        &self,
        tcp: &mut TcpStream,
        to: Destination<'_>,
        user_agent: &str,
    ) -> Result<(), Refusal> {
        match self.kind {
            Kind::Http => connect::tunnel(tcp, to, user_agent, &self.authorization()).await,
            Kind::Socks5 => {
                let credentials = self.credentials.as_ref();
                let pair = credentials.map(|it| (it.user.as_bytes(), it.password.as_bytes()));
                socks::tunnel(tcp, to, pair).await
            }
        }
    }

    /// A refusal as a failure of the request.
    pub(crate) fn failure(&self, refusal: Refusal, to: Destination<'_>) -> Failure {
        match refusal {
            Refusal::Proxy(why) | Refusal::NotThere(why) => {
                Failure::new(FailureKind::Proxy, format!("the proxy {self} {why}"))
            }
            Refusal::Target(why) => {
                Failure::new(FailureKind::Connect, format!("the proxy {self} could not reach {to}: {why}"))
            }
        }
    }
}

impl FromStr for Proxy {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        let refuse = |why| SettingsError::Proxy(without_credentials(text), why);
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refuse("there is no \"://\""))?;
        let kind = match scheme.to_ascii_lowercase().as_str() {
            "http" => Kind::Http,
            "socks5" | "socks5h" => Kind::Socks5,
            "https" => return Err(refuse("TLS to a proxy is not spoken")),
            "socks" | "socks4" | "socks4a" => return Err(refuse("of SOCKS only version 5 is spoken")),
            _ => return Err(refuse("this kind of proxy is not known")),
        };
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, rest),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = place
            .rsplit_once(':')
            .filter(|(_, port)| !port.ends_with(']'))
            .ok_or_else(|| refuse("the port is missing"))?;
        let port =
            port.parse().ok().filter(|port| *port != 0).ok_or_else(|| refuse("the port is no port"))?;
        let is_bare = !host.contains(['/', '?', '#', '\\']);
        let url =
            CanonicalUrl::parse(&format!("http://{host}/")).ok().filter(|url| is_bare && url.port() == 80);
        let url = url.ok_or_else(|| refuse("the host is no host"))?;
        let credentials =
            credentials.map(|text| Credentials::parse(text, kind).map_err(refuse)).transpose()?;
        Ok(Self { kind, host: url.host().into(), port, credentials })
    }
}

impl Credentials {
    fn parse(text: &str, kind: Kind) -> Result<Self, &'static str> {
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        let decode = |text| decoded(text).ok_or("user name or password are not percent-encoded rightly");
        let (user, password) = (decode(user)?, decode(password)?);
        if user.is_empty() {
            return Err("the user name is empty");
        }
        if user.len() > CREDENTIAL_BYTES_MAX || password.len() > CREDENTIAL_BYTES_MAX {
            return Err("user name or password are longer than 255 bytes");
        }
        // RFC 7617 §2.
        if kind == Kind::Http && user.contains(':') {
            return Err("a user name for an HTTP proxy has no colon");
        }
        if !is_field_value(&user) || !is_field_value(&password) {
            return Err("user name or password have control characters");
        }
        Ok(Self { user, password })
    }
}

/// Percent-encoding undone (RFC 3986 §2.1); `None` where a `%` is not followed by two hexadecimal digits, or
/// what comes out is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The text with all that may be a secret left out: whatever stands before the last `@`.
fn without_credentials(text: &str) -> String {
    let Some((before, place)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_scheme { format!("{scheme}://…@{place}") } else { format!("…@{place}") }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            Kind::Http => "http",
            Kind::Socks5 => "socks5",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self}{})", if self.credentials.is_some() { ", with credentials" } else { "" })
    }
}

impl fmt::Display for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Address(address) => address.fmt(f),
            Destination::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies() {
        for (text, want, authorization) in [
            ("http://proxy.test:3128", "http://proxy.test:3128", ""),
            ("HTTP://Proxy.Test:80/", "http://proxy.test:80", ""),
            ("socks5://127.0.0.1:1080", "socks5://127.0.0.1:1080", ""),
            ("socks5h://[::1]:1080", "socks5://[::1]:1080", ""),
            (
                "http://Aladdin:open%20sesame@p.test:1",
                "http://p.test:1",
                "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
            ),
            ("http://u:p@ss:w@p.test:1", "http://p.test:1", "Proxy-Authorization: Basic dTpwQHNzOnc=\r\n"),
            ("http://u@p.test:1", "http://p.test:1", "Proxy-Authorization: Basic dTo=\r\n"),
        ] {
            let proxy: Proxy = text.parse().unwrap();
            assert_eq!(
                (proxy.to_string().as_str(), proxy.authorization().as_str()),
                (want, authorization),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_proxy() {
        let long = format!("socks5://{}:p@p.test:1", "u".repeat(256));
        for (text, why) in [
            ("", "there is no \"://\""),
            ("p.test:3128", "there is no \"://\""),
            ("https://p.test:3128", "TLS to a proxy is not spoken"),
            ("socks4://p.test:1080", "of SOCKS only version 5 is spoken"),
            ("ftp://p.test:21", "this kind of proxy is not known"),
            ("http://p.test", "the port is missing"),
            ("http://[::1]", "the port is missing"),
            ("http://p.test:0", "the port is no port"),
            ("http://p.test:99999", "the port is no port"),
            ("http://p.test:1/x", "the port is no port"),
            ("http://:1", "the host is no host"),
            ("http://a b:1", "the host is no host"),
            ("http://a/b:1", "the host is no host"),
            ("http://a:2:1", "the host is no host"),
            ("http://:secret@p.test:1", "the user name is empty"),
            ("http://a%3Ab:secret@p.test:1", "a user name for an HTTP proxy has no colon"),
            ("http://a:secret%0d%0a@p.test:1", "user name or password have control characters"),
            ("http://a:secret%2@p.test:1", "user name or password are not percent-encoded rightly"),
            (long.as_str(), "user name or password are longer than 255 bytes"),
        ] {
            match text.parse::<Proxy>() {
                Err(SettingsError::Proxy(_, said)) => assert_eq!(said, why, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn credentials_are_shown_to_nobody() {
        let proxy: Proxy = "http://canary:canary@p.test:1".parse().unwrap();
        let settings = crate::Settings { proxies: vec![proxy.clone()], ..crate::Settings::default() };
        let refused = proxy.failure(Refusal::Proxy("refuses".to_owned()), Destination::Name("a.test", 1));
        let mut shown =
            vec![proxy.to_string(), format!("{proxy:?}"), format!("{settings:?}"), refused.to_string()];
        for text in [
            "canary:canary@p.test:1",
            "http://canary:canary@p.test",
            "http://canary:c@canary@p.test:x",
            "canary://canary@canary",
            "http://canary%@p.test:1",
            "x canary://x:y@p:1",
        ] {
            let error = text.parse::<Proxy>().unwrap_err();
            shown.extend([error.to_string(), format!("{error:?}")]);
        }
        for text in shown {
            let rest = text.replace("canary://…@canary", "");
            assert!(!rest.contains("canary"), "{text}");
        }
    }
}
