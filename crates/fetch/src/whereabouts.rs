//! Where a host is, before anybody connects to it: for the pace that hosts of one address share.
//!
//! Owns which of a host's addresses stands for them all. Connects to nothing, and admits nothing: what is connected
//! to is judged where it is connected to.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::{
    Shared,
    guard::is_public,
    names::{Family, Outcome},
};

/// Which addresses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// Those of the public net: neither private ones, which somebody had to allow, nor those that an override names.
    Public,
    /// All.
    All,
}

impl Shared {
    /// The address that stands for a host (as it is in a canonical URL): the smallest of its IPv4 addresses, or
    /// else the network (64 bits) of the smallest of its IPv6 ones. `None` where it has none, or none that counts,
    /// or a proxy stands before all of them.
    ///
    /// Its task may outlive the caller's turn.
    pub fn whereabouts(&self, host: &str, which: Addresses) -> impl Future<Output = Option<IpAddr>> + use<> {
        let (shared, host) = (self.clone(), host.to_owned());
        async move {
            let inner = shared.inner();
            if !inner.settings.proxies.is_empty() {
                return None;
            }
            if let Some(own) = inner.override_of(&host) {
                return (which == Addresses::All).then(|| own.target(0).ip());
            }
            let address = match host.trim_matches(['[', ']']).parse() {
                Ok(address) => address,
                Err(_) => shared.look_up(&host).await?,
            };
            (which == Addresses::All || is_public(address)).then(|| network(address))
        }
    }

    /// Where a rule of the settings sends a host, whatever its name stands for elsewhere; port 0 is the URL's own.
    pub fn sent_to(&self, host: &str) -> Option<SocketAddr> {
        self.inner().override_of(host).map(|own| own.target(0))
    }

    async fn look_up(&self, host: &str) -> Option<IpAddr> {
        for family in [Family::V4, Family::V6] {
            if let Outcome::Found(addresses) = self.inner().names.ask(host, family).outcome().await {
                return addresses.iter().min().copied();
            }
        }
        None
    }
}

/// One customer's: an IPv4 address, or 64 bits of an IPv6 one (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    async fn of(host: &str, which: Addresses) -> Option<String> {
        let overrides = vec!["*.test=127.0.0.7:81".parse().unwrap()];
        let shared = Shared::new(Settings { overrides, ..Settings::default() }).unwrap();
        shared.whereabouts(host, which).await.map(|ip| ip.to_string())
    }

    #[tokio::test]
    async fn whose_pace_is_shared() {
        for (host, public, all) in [
            ("a.test", None, Some("127.0.0.7")),
            ("b.test", None, Some("127.0.0.7")),
            ("127.0.0.1", None, Some("127.0.0.1")),
            ("8.8.8.8", Some("8.8.8.8"), Some("8.8.8.8")),
            ("[2a00:1450:1:2:3:4:5:6]", Some("2a00:1450:1:2::"), Some("2a00:1450:1:2::")),
        ] {
            assert_eq!(of(host, Addresses::Public).await.as_deref(), public, "{host}");
            assert_eq!(of(host, Addresses::All).await.as_deref(), all, "{host}");
        }
    }
}
