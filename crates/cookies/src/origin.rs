//! Which scheme and port a cookie stays with: the one place where that is decided.
//!
//! Owns the rule behind [`Limits::strict_origin`](crate::Limits::strict_origin). Knows nothing of hosts and
//! paths, which are matched elsewhere and besides.

use dragline_model::CanonicalUrl;

/// Scheme and port of a server: what bis leaves out of a cookie, and this jar does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// True for `https`, false for `http`.
    pub(crate) https: bool,
    /// The port that is connected to.
    pub(crate) port: u16,
}

impl Origin {
    /// Plain HTTP at its own port.
    pub(crate) const HTTP: Self = Self { https: false, port: 80 };
    /// HTTPS at its own port.
    pub(crate) const HTTPS: Self = Self { https: true, port: 443 };

    /// Where a URL leads.
    pub(crate) fn of(url: &CanonicalUrl) -> Self {
        Self { https: url.is_https(), port: url.port() }
    }

    /// True where a URL need not name the port.
    pub(crate) fn is_usual(self) -> bool {
        self == Self::HTTP || self == Self::HTTPS
    }

    /// May a cookie that was set here go there, as far as scheme and port are concerned?
    ///
    /// `host_only` is a cookie without a `Domain` attribute. The table is at [`Limits`](crate::Limits).
    pub(crate) fn may_reach(self, there: Self, host_only: bool) -> bool {
        if self == there {
            return true;
        }
        // Never down to where the wire can be read, and never to a port of somebody's own.
        if (self.https && !there.https) || !there.is_usual() {
            return false;
        }
        // A host-only cookie leaves its origin in one case alone: http://h/ and https://h/ are one server.
        // One with a Domain attribute was meant for other servers by the one that set it.
        !host_only || self == Self::HTTP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        let at = |text: &str| Origin::of(&CanonicalUrl::parse(text).unwrap());
        let places =
            ["http://h", "https://h", "http://h:8080", "https://h:8443", "http://h:443", "https://h:80"];
        for (set_at, without_domain, with_domain) in [
            ("http://h", "http://h https://h", "http://h https://h"),
            ("https://h", "https://h", "https://h"),
            ("http://h:8080", "http://h:8080", "http://h https://h http://h:8080"),
            ("https://h:8443", "https://h:8443", "https://h https://h:8443"),
            ("http://h:443", "http://h:443", "http://h https://h http://h:443"),
            ("https://h:80", "https://h:80", "https://h https://h:80"),
        ] {
            let reached = |host_only| {
                let mut reached = places.to_vec();
                reached.retain(|there| at(set_at).may_reach(at(there), host_only));
                reached.join(" ")
            };
            assert_eq!(reached(true), without_domain, "{set_at} without Domain");
            assert_eq!(reached(false), with_domain, "{set_at} with Domain");
        }
    }
}
