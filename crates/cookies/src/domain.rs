//! Whose host a host is: public suffixes, sites and the domain-match (bis §5.1.3).
//!
//! Owns the only use of the public suffix list in this crate. Both parts of the list count: names a registry
//! hands out under (`co.uk`) and names a company does (`github.io`). A top-level name that is not in the list
//! is a suffix (its default rule `*`), so `localhost` is one, and so is every name of one label.
//!
//! A host with a dot at its end is another host than the one without, as its URLs are; the list knows both.

use std::net::Ipv4Addr;

/// The site a host belongs to: its registrable domain, or the host itself where it has none (an address, a
/// public suffix). Every host that a cookie goes to is of the same site as the one that set it.
pub(crate) fn site_of(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    let name = without_final_dot(host);
    psl::domain_str(name).unwrap_or(name)
}

/// True for a name under which different owners have names. `domain` is in lower case.
pub(crate) fn is_public_suffix(domain: &str) -> bool {
    let name = without_final_dot(domain);
    !is_address(domain) && psl::suffix_str(name) == Some(name)
}

/// A host's form: an IPv6 address in brackets, or labels, none of them empty, of ASCII characters that may
/// stand in a host. One dot may end it.
///
/// Stricter tests are not needed: a domain has to equal the end of a host that the URL parser has let pass.
pub(crate) fn is_domain(text: &[u8]) -> bool {
    let may_stand = |b: &u8| b.is_ascii_graphic() && !b":/\\?#@[]%".contains(b);
    let name = text.strip_suffix(b".").unwrap_or(text);
    text.starts_with(b"[")
        || name.split(|&b| b == b'.').all(|label| !label.is_empty() && label.iter().all(may_stand))
}

/// Is `host` the domain, or a name below it? Both in lower case.
pub(crate) fn domain_matches(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        None => false,
        Some("") => true,
        Some(front) => front.ends_with('.') && !is_address(host),
    }
}

/// True for an IPv4 address and for an IPv6 address in brackets, as URLs have them.
pub(crate) fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok()
}

fn without_final_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes() {
        for suffix in [
            "com",
            "co.uk",
            "co.uk.",
            "github.io",
            "s3.amazonaws.com",
            "localhost",
            "test",
            "ck",
            "foo.ck",
            "a.kobe.jp",
            "xn--p1ai",
            "xn--55qx5d.cn",
            "blogspot.com",
        ] {
            assert!(is_public_suffix(suffix), "{suffix}");
        }
        for name in [
            "example.com",
            "example.co.uk",
            "me.github.io",
            "amazonaws.com",
            "www.ck",
            "city.kobe.jp",
            "kobe.jp",
            "a.localhost",
            "127.0.0.1",
            "[::1]",
            "",
        ] {
            assert!(!is_public_suffix(name), "{name}");
        }
    }

    #[test]
    fn sites() {
        for (host, site) in [
            ("example.com", "example.com"),
            ("a.b.example.com", "example.com"),
            ("a.b.example.com.", "example.com"),
            ("a.b.example.co.uk", "example.co.uk"),
            ("a.me.github.io", "me.github.io"),
            ("github.io", "github.io"),
            ("b.s3.amazonaws.com", "b.s3.amazonaws.com"),
            ("www.amazonaws.com", "amazonaws.com"),
            ("localhost", "localhost"),
            ("a.test", "a.test"),
            ("127.0.0.1", "127.0.0.1"),
            ("10.127.0.1", "10.127.0.1"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(site_of(host), site, "{host}");
        }
    }

    #[test]
    fn matches() {
        for (host, domain, want) in [
            ("example.com", "example.com", true),
            ("a.example.com", "example.com", true),
            ("a.b.example.com", "example.com", true),
            ("example.com", "a.example.com", false),
            ("badexample.com", "example.com", false),
            ("example.com.", "example.com", false),
            ("example.com", "example.com.", false),
            ("a.example.com.", "example.com.", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "0.0.1", false),
            ("[::1]", "[::1]", true),
            ("[1::2.1]", "1]", false),
        ] {
            assert_eq!(domain_matches(host, domain), want, "{host} {domain}");
        }
    }

    #[test]
    fn names_that_are_none() {
        for text in ["a", "a.b", "a.b.", "_x.a-b", "[::1]", "127.0.0.1"] {
            assert!(is_domain(text.as_bytes()), "{text}");
        }
        for text in
            ["", ".", ".a", "a..b", "a..", "a b", "bücher.example", "a\tb", "a:80", "a/b", "u@a", "::1"]
        {
            assert!(!is_domain(text.as_bytes()), "{text}");
        }
    }
}
