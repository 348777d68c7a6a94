//! Names that lead where the user says, without a look-up.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use crate::{HostPattern, SettingsError};

/// `NAME=IP[:PORT]`: connections for a name go to that address, and to that port where one is named. The
/// request itself (`Host`, TLS name, URL) stays as it was.
///
/// `*.NAME` stands for every name below `NAME`, at any depth, and not for `NAME` itself. Where several fit,
/// the most specific wins: the name itself, then the longest `*.NAME`, and among equals the first.
///
/// An override is the user's own wish, so the address guard does not stop it: it lifts the guard for exactly
/// the names it fits, and for no other name that leads to the same address. A port it names is not checked
/// against the list of bad ports either.
///
/// ```
/// let override_: dragline_fetch::Override = "*.test=127.0.0.1:8080".parse()?;
/// assert!(override_.fits("a.b.test"));
/// assert!(!override_.fits("test"));
/// # Ok::<(), dragline_fetch::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    hosts: HostPattern,
    address: IpAddr,
    port: Option<u16>,
}

impl Override {
    /// True where a host name, as it stands in a canonical URL, is meant.
    pub fn fits(&self, host: &str) -> bool {
        self.hosts.fits(host)
    }

    /// Where connections go to that would have gone to `port`.
    pub(crate) fn target(&self, port: u16) -> SocketAddr {
        (self.address, self.port.unwrap_or(port)).into()
    }

    /// True where the port is the user's wish as well.
    pub(crate) fn names_port(&self) -> bool {
        self.port.is_some()
    }

    /// The override that holds for a host.
    pub(crate) fn choose<'a>(among: &'a [Override], host: &str) -> Option<&'a Override> {
        // `max_by_key` takes the last of equals; the first is wanted.
        among.iter().rev().filter(|it| it.fits(host)).max_by_key(|it| it.hosts.rank())
    }
}

impl FromStr for Override {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let refuse = |why| SettingsError::Override(text.to_owned(), why);
        let (name, target) = text.trim().split_once('=').ok_or_else(|| refuse("there is no \"=\""))?;
        let hosts = name.parse().map_err(|error| match error {
            SettingsError::Host(_, why) => refuse(why),
            other => other,
        })?;
        let (address, port) =
            parse_target(target).ok_or_else(|| refuse("what follows \"=\" is no address"))?;
        Ok(Self { hosts, address, port })
    }
}

/// `1.2.3.4`, `1.2.3.4:80`, `::1`, `[::1]`, `[::1]:80`.
fn parse_target(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return (both.port() != 0).then(|| (both.ip(), Some(both.port())));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    Some((bare.parse().ok()?, None))
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.hosts)?;
        match self.port {
            Some(port) => write!(f, "{}", SocketAddr::new(self.address, port)),
            None => write!(f, "{}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_as_in_a_url() {
        for (text, want) in [
            ("a.test=127.0.0.1", "a.test=127.0.0.1"),
            ("A.Test.=127.0.0.1:80", "a.test=127.0.0.1:80"),
            ("*.test=::1", "*.test=::1"),
            ("*.test=[::1]", "*.test=::1"),
            ("bücher.example=[::1]:8080", "xn--bcher-kva.example=[::1]:8080"),
            ("10.0.0.1=127.0.0.1", "10.0.0.1=127.0.0.1"),
            ("0x7f.1=127.0.0.1", "127.0.0.1=127.0.0.1"),
            ("::1=127.0.0.1:9", "[::1]=127.0.0.1:9"),
        ] {
            assert_eq!(text.parse::<Override>().unwrap().to_string(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_override() {
        for text in [
            "",
            "a.test",
            "a.test=",
            "=127.0.0.1",
            "a.test=localhost",
            "a.test=127.0.0.1:0",
            "a.test=127.0.0.1:x",
            "a.test:80=127.0.0.1",
            "a b=127.0.0.1",
            "a/b=127.0.0.1",
            "u@a=127.0.0.1",
            "*.=127.0.0.1",
            "a.*=127.0.0.1:99999",
        ] {
            assert!(matches!(text.parse::<Override>(), Err(SettingsError::Override(..))), "{text}");
        }
    }

    #[test]
    fn the_most_specific_wins() {
        let all: Vec<Override> = [
            "*.test=10.0.0.1",
            "*.b.test=10.0.0.2",
            "a.b.test=10.0.0.3",
            "*.test=10.0.0.4",
            "test=10.0.0.5:81",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        for (host, want) in [
            ("x.test", Some("10.0.0.1:80")),
            ("x.test.", Some("10.0.0.1:80")),
            ("c.b.test", Some("10.0.0.2:80")),
            ("b.test", Some("10.0.0.1:80")),
            ("a.b.test", Some("10.0.0.3:80")),
            ("test", Some("10.0.0.5:81")),
            ("xtest", None),
            ("test.example", None),
        ] {
            let got = Override::choose(&all, host).map(|it| it.target(80).to_string());
            assert_eq!(got.as_deref(), want, "{host}");
        }
    }
}
