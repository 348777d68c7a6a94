//! Names of hosts, one by one or by what they end with.

use std::{fmt, str::FromStr};

use dragline_model::CanonicalUrl;

use crate::SettingsError;

/// `NAME`, or `*.NAME` for every name below `NAME`, at any depth, and not for `NAME` itself.
///
/// ```
/// let hosts: dragline_fetch::HostPattern = "*.Example.org".parse()?;
/// assert!(hosts.fits("a.b.example.org"));
/// assert!(!hosts.fits("example.org"));
/// # Ok::<(), dragline_fetch::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    /// Lower case, without a final dot; for a wildcard what follows the star, with its dot.
    name: String,
    is_wildcard: bool,
}

impl HostPattern {
    /// True where a host name, as it stands in a canonical URL, is meant.
    pub fn fits(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        if self.is_wildcard {
            host.len() > self.name.len() && host.ends_with(&self.name)
        } else {
            host == self.name
        }
    }

    /// How narrow it is: the name itself before any wildcard, then the longer name.
    pub(crate) fn rank(&self) -> impl Ord + use<> {
        (!self.is_wildcard, self.name.len())
    }
}

impl FromStr for HostPattern {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let refuse = |why| SettingsError::Host(text.to_owned(), why);
        let (is_wildcard, bare) = match text.trim().strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text.trim()),
        };
        // Through the URL parser, so that a name is spelled here as it will be in a URL. An IPv6 address may
        // come without its brackets.
        let spelled =
            if bare.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{bare}]") } else { bare.to_owned() };
        if spelled.contains(['/', '?', '#', '@', '\\', '*']) {
            return Err(refuse("it is no host name"));
        }
        if spelled.contains(':') && !spelled.ends_with(']') {
            return Err(refuse("it has a port"));
        }
        let url =
            CanonicalUrl::parse(&format!("http://{spelled}/")).map_err(|_| refuse("it is no host name"))?;
        let host = url.host().strip_suffix('.').unwrap_or(url.host());
        let name = if is_wildcard { format!(".{host}") } else { host.to_owned() };
        Ok(Self { name, is_wildcard })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.is_wildcard { "*" } else { "" };
        write!(f, "{star}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_as_in_a_url() {
        for (text, want) in [
            ("A.Test.", "a.test"),
            ("*.test", "*.test"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("0x7f.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(text.parse::<HostPattern>().unwrap().to_string(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_host() {
        for text in ["", "a:80", "a b", "a/b", "u@a", "*.", "*", "a.*"] {
            assert!(matches!(text.parse::<HostPattern>(), Err(SettingsError::Host(..))), "{text}");
        }
    }
}
