//! Which links belong to the crawl.
//!
//! Owns the one question "may this link be followed?", asked where links are found (on the fetcher's thread)
//! so that what is out of scope costs nothing further round the ring.

use std::collections::HashSet;

use dragline_model::CanonicalUrl;

/// How far a crawl reaches from its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScopeKind {
    /// The hosts of the seeds: same name and port (80 and 443 count as one).
    #[default]
    Host,
    /// The registrable domains of the seeds (Public Suffix List): every subdomain, every port.
    Domain,
    /// URLs that begin with a seed's URL up to its last slash.
    Prefix,
    /// Everything.
    Any,
}

/// The scope of one crawl.
///
/// The page a link stands on widens it: a page's own host (or domain) is always in scope, and the target of
/// a seed's redirect is too, so that `http://example.com` → `https://www.example.com` goes on there.
#[derive(Debug, Clone)]
pub struct Scope {
    kind: ScopeKind,
    depth_max: Option<u16>,
    authorities: HashSet<Box<str>>,
    domains: HashSet<Box<str>>,
    prefixes: Vec<Box<str>>,
}

impl Scope {
    /// The scope around some seeds. Links deeper than `depth_max` are out of it; `None` is no limit.
    pub fn new(kind: ScopeKind, seeds: &[CanonicalUrl], depth_max: Option<u16>) -> Self {
        Self {
            kind,
            depth_max,
            authorities: seeds.iter().map(|s| s.authority().into()).collect(),
            domains: seeds.iter().map(|s| domain(s.host()).into()).collect(),
            prefixes: seeds.iter().map(|s| directory(s).into()).collect(),
        }
    }

    /// True where links that stand on a page of this depth can be in scope at all.
    pub fn admits_depth(&self, page_depth: u16) -> bool {
        self.depth_max.is_none_or(|max| page_depth < max)
    }

    /// Does a URL that an earlier run left waiting, perhaps under another scope, belong to this one? `via` is the
    /// page it was found on.
    pub fn admits_waiting(&self, url: &CanonicalUrl, depth: u16, via: Option<&CanonicalUrl>) -> bool {
        let near = self.depth_max.is_none_or(|max| depth <= max);
        near && (depth == 0 || via.is_none_or(|page| self.admits(page, url)))
    }

    /// May a link of `page` to `link` be followed?
    pub fn admits(&self, page: &CanonicalUrl, link: &CanonicalUrl) -> bool {
        match self.kind {
            ScopeKind::Any => true,
            ScopeKind::Host => {
                link.authority() == page.authority() || self.authorities.contains(link.authority())
            }
            ScopeKind::Domain => {
                let of_link = domain(link.host());
                of_link == domain(page.host()) || self.domains.contains(of_link)
            }
            ScopeKind::Prefix => self.prefixes.iter().any(|p| link.as_str().starts_with(&**p)),
        }
    }

    /// May a redirect from `page` to `target` be followed? As a link, but a seed may redirect anywhere.
    pub fn admits_redirect(&self, page: &CanonicalUrl, page_depth: u16, target: &CanonicalUrl) -> bool {
        page_depth == 0 || self.admits(page, target)
    }
}

/// The registrable domain of a host, or the host itself where it has none (an address, a bare suffix).
fn domain(host: &str) -> &str {
    if host.ends_with(']') || host.parse::<std::net::Ipv4Addr>().is_ok() {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// A URL up to and including the last slash of its path.
fn directory(url: &CanonicalUrl) -> &str {
    let path_at = url.origin().len();
    let path_end = path_at + url.path().len();
    let text = &url.as_str()[..path_end];
    &text[..text.rfind('/').map_or(path_end, |slash| slash + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> CanonicalUrl {
        CanonicalUrl::parse(text).unwrap()
    }

    #[test]
    fn scope_by_kind() {
        let seeds = [url("http://www.a.co.uk/docs/index.html"), url("http://127.0.0.1:8080/")];
        let page = url("http://www.a.co.uk/docs/p.html");
        let kinds = [ScopeKind::Host, ScopeKind::Domain, ScopeKind::Prefix, ScopeKind::Any];
        for (link, want) in [
            ("http://www.a.co.uk/docs/sub/x", [true, true, true, true]),
            ("https://www.a.co.uk/docs/x", [true, true, false, true]),
            ("http://www.a.co.uk/other", [true, true, false, true]),
            ("http://shop.a.co.uk/", [false, true, false, true]),
            ("http://b.co.uk/", [false, false, false, true]),
            ("http://127.0.0.1:8080/x", [true, true, true, true]),
            ("http://127.0.0.1:9090/x", [false, true, false, true]),
            ("http://www.a.co.uk:81/docs/", [false, true, false, true]),
        ] {
            let got = kinds.map(|k| Scope::new(k, &seeds, None).admits(&page, &url(link)));
            assert_eq!(got, want, "{link}");
        }
    }

    #[test]
    fn a_seed_may_redirect_to_its_new_home() {
        let seed = url("http://example.com/");
        let home = url("https://www.example.com/");
        let scope = Scope::new(ScopeKind::Host, std::slice::from_ref(&seed), None);
        assert!(scope.admits_redirect(&seed, 0, &home));
        assert!(scope.admits(&home, &url("https://www.example.com/about")));
        assert!(!scope.admits_redirect(&url("http://example.com/x"), 1, &url("http://elsewhere.test/")));
    }

    #[test]
    fn depth_is_a_bound_on_the_page() {
        let scope = Scope::new(ScopeKind::Any, &[], Some(1));
        assert!(scope.admits_depth(0));
        assert!(!scope.admits_depth(1));
    }
}
