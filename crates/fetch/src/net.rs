//! A range of addresses in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3).

use std::{fmt, net::IpAddr, str::FromStr};

use crate::SettingsError;

/// A range of IPv4 or IPv6 addresses.
///
/// ```
/// let net: dragline_fetch::Net = "127.0.0.0/8".parse()?;
/// assert!(net.contains("127.9.8.7".parse().unwrap()));
/// assert!(!net.contains("::1".parse().unwrap()));
/// # Ok::<(), dragline_fetch::SettingsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    base: IpAddr,
    prefix: u8,
}

impl Net {
    /// The range of addresses that share their first `prefix` bits with `base`; a prefix longer than the
    /// address means the one address.
    pub(crate) const fn new(base: IpAddr, prefix: u8) -> Self {
        let width = if base.is_ipv4() { 32 } else { 128 };
        Self { base, prefix: if prefix > width { width } else { prefix } }
    }

    /// True for an address of this range. An IPv4 range has no IPv6 address in it, and the other way round.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(it)) => {
                same(base.to_bits().into(), it.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(base), IpAddr::V6(it)) => same(base.to_bits(), it.to_bits(), self.prefix, 128),
            _ => false,
        }
    }
}

fn same(base: u128, it: u128, prefix: u8, width: u8) -> bool {
    // A shift by all of the bits is no shift at all in Rust, hence the checked one.
    (base ^ it).checked_shr(u32::from(width - prefix)).unwrap_or(0) == 0
}

impl FromStr for Net {
    type Err = SettingsError;

    /// `10.0.0.0/8`, `::1/128`, or one address. Bits behind the prefix are ignored.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let refuse = || SettingsError::Net(text.to_owned());
        let (base, prefix) = match text.trim().split_once('/') {
            Some((base, prefix)) => (base, Some(prefix.parse::<u8>().map_err(|_| refuse())?)),
            None => (text.trim(), None),
        };
        let base: IpAddr =
            base.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| refuse())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        match prefix.unwrap_or(width) {
            prefix if prefix <= width => Ok(Self::new(base, prefix)),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (net, address, want) in [
            ("127.0.0.0/8", "127.255.0.1", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.2", false),
            ("10.1.2.3/8", "10.200.0.1", true),
            ("172.16.0.0/12", "172.31.255.255", true),
            ("172.16.0.0/12", "172.32.0.0", false),
            ("::1/128", "::1", true),
            ("[::1]", "::1", true),
            ("::1/128", "::2", false),
            ("fc00::/7", "fdff::1", true),
            ("fc00::/7", "fe00::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", false),
        ] {
            let net: Net = net.parse().unwrap();
            assert_eq!(net.contains(address.parse().unwrap()), want, "{address} in {net}");
        }
    }

    #[test]
    fn what_is_no_range() {
        for text in
            ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0/8", "1.2.3.4/8/8"]
        {
            assert_eq!(text.parse::<Net>(), Err(SettingsError::Net(text.to_owned())), "{text}");
        }
    }
}
