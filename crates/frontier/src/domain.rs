//! Registrable domains: whom a host belongs to.
//!
//! Owns the one look at the Public Suffix List. Knows names only, never asks for them.

/// The registrable domain of a host, or the host itself where it has none (an address, a bare suffix).
pub(crate) fn domain(host: &str) -> &str {
    if host.ends_with(']') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// The names that a host is under, itself first: `a.b.example`, `b.example`, `example`. An address is under
/// itself alone.
pub(crate) fn suffixes(host: &str) -> impl Iterator<Item = &str> {
    let is_address = host.ends_with(']') || host.parse::<std::net::Ipv4Addr>().is_ok();
    std::iter::successors(Some(host), move |name| {
        let (_, rest) = name.split_once('.').filter(|_| !is_address)?;
        Some(rest).filter(|rest| !rest.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for (host, want) in [
            ("www.a.co.uk", "a.co.uk"),
            ("a.example", "a.example"),
            ("x.y.a.example", "a.example"),
            ("co.uk", "co.uk"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
            ("me.github.io", "me.github.io"),
        ] {
            assert_eq!(domain(host), want, "{host}");
        }
    }

    #[test]
    fn names_above_a_host() {
        let of = |host| suffixes(host).collect::<Vec<_>>();
        assert_eq!(of("a.b.example"), ["a.b.example", "b.example", "example"]);
        assert_eq!(of("127.0.0.1"), ["127.0.0.1"]);
        assert_eq!(of("a.example."), ["a.example.", "example."]);
    }
}
