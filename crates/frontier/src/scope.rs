//! Which links belong to the crawl.
//!
//! Owns the one question "may this link be followed?", asked where links are found (on the fetcher's thread)
//! so that what is out of scope costs nothing further round the ring. Remembers nothing of what it was asked:
//! budgets, which do, are the [`Traps`](crate::Traps)'.

use std::collections::HashSet;

use dragline_model::{CanonicalUrl, URL_BYTES_MAX};

use crate::{Patterns, Reason, domain::domain, repeats::repeats};

/// How far a crawl reaches from its seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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

/// What is followed within the reach of a scope, and how far beyond it.
#[derive(Debug, Clone)]
pub struct ScopeRules {
    /// Links followed from a seed; `None` is no limit.
    pub depth_max: Option<u16>,
    /// Steps in a row that are followed off the scope: 0 stays in it, 1 takes the pages that it links to, 2 what
    /// those link to. A link that leads back into the scope begins anew.
    pub hops_off_max: u8,
    /// Where there is one, a link has to match one of them. Seeds, and what they redirect to, do not.
    pub include: Patterns,
    /// A link that matches one of them is not followed, nor is a redirect.
    pub exclude: Patterns,
    /// The longest URL that is followed, in bytes.
    pub url_bytes_max: usize,
    /// How often one segment may stand in a path. A run of several segments may stand there twice in a row.
    pub repeats_max: u8,
}

/// No ordinary path has one segment four times; a relative link on a page that answers under any path grows by one a
/// page.
const REPEATS_MAX: u8 = 3;

impl Default for ScopeRules {
    /// Everything in reach, at any depth; only paths that repeat themselves are left out.
    fn default() -> Self {
        Self {
            depth_max: None,
            hops_off_max: 0,
            include: Patterns::default(),
            exclude: Patterns::default(),
            url_bytes_max: URL_BYTES_MAX,
            repeats_max: REPEATS_MAX,
        }
    }
}

/// The scope of one crawl.
///
/// The page a link stands on widens it: the own host (or domain) of a page that is in scope is in scope, and the
/// target of a seed's redirect is too, so that `http://example.com` → `https://www.example.com` goes on there.
#[derive(Debug, Clone)]
pub struct Scope {
    kind: ScopeKind,
    rules: ScopeRules,
    authorities: HashSet<Box<str>>,
    domains: HashSet<Box<str>>,
    prefixes: Vec<Box<str>>,
}

/// A page of which links are judged: where it is, and how it was reached. [`Scope::on`] makes it, once a page.
///
/// ```
/// use dragline_frontier::{Reason, Scope, ScopeKind};
/// use dragline_model::CanonicalUrl;
/// let seed = CanonicalUrl::parse("http://a.example/")?;
/// let scope = Scope::new(ScopeKind::Host, std::slice::from_ref(&seed), None);
/// let page = scope.on(&seed, 0, 0);
/// assert_eq!(page.judge(&CanonicalUrl::parse("http://a.example/x")?), Ok(0));
/// let off = page.judge(&CanonicalUrl::parse("http://b.example/")?);
/// assert_eq!(off, Err(Reason::OffScope(ScopeKind::Host)));
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
#[derive(Debug)]
pub struct OnPage<'a> {
    scope: &'a Scope,
    /// What of the page is in scope with it: its authority or its domain. Nothing, where the page itself is off.
    own: Option<&'a str>,
    authority: &'a str,
    depth: u16,
    off: u8,
}

impl Scope {
    /// The scope around some seeds. Links deeper than `depth_max` are out of it; `None` is no limit.
    pub fn new(kind: ScopeKind, seeds: &[CanonicalUrl], depth_max: Option<u16>) -> Self {
        Self::with_rules(kind, seeds, ScopeRules { depth_max, ..ScopeRules::default() })
    }

    /// The scope around some seeds, with rules for what is followed in it.
    pub fn with_rules(kind: ScopeKind, seeds: &[CanonicalUrl], rules: ScopeRules) -> Self {
        Self {
            kind,
            rules,
            authorities: seeds.iter().map(|s| s.authority().into()).collect(),
            domains: seeds.iter().map(|s| domain(s.host()).into()).collect(),
            prefixes: seeds.iter().map(|s| directory(s).into()).collect(),
        }
    }

    /// The judge of one page's links. `depth` is the page's, `off` the steps off the scope on which it was reached:
    /// 0 for a page in scope.
    pub fn on<'a>(&'a self, page: &'a CanonicalUrl, depth: u16, off: u8) -> OnPage<'a> {
        let authority = page.authority();
        let own = match self.kind {
            _ if off > 0 => None,
            ScopeKind::Host => Some(authority),
            ScopeKind::Domain => Some(domain(page.host())),
            ScopeKind::Prefix | ScopeKind::Any => None,
        };
        OnPage { scope: self, own, authority, depth, off }
    }

    /// True where links that stand on a page of this depth can be in scope at all.
    pub fn admits_depth(&self, page_depth: u16) -> bool {
        self.rules.depth_max.is_none_or(|max| page_depth < max)
    }

    /// May a URL that an earlier run left waiting, perhaps under another scope, be asked for in this one? `via` is
    /// the page it was found on, `depth` and `off` are the URL's own. Seeds may.
    pub fn judge_waiting(
        &self,
        url: &CanonicalUrl,
        depth: u16,
        off: u8,
        via: Option<&CanonicalUrl>,
    ) -> Result<(), Reason> {
        let Some((page_depth, page)) = depth.checked_sub(1).zip(via) else { return Ok(()) };
        self.on(page, page_depth, off.saturating_sub(1)).judge(url).map(drop)
    }

    /// The same, of a URL that was found in scope.
    pub fn admits_waiting(&self, url: &CanonicalUrl, depth: u16, via: Option<&CanonicalUrl>) -> bool {
        self.judge_waiting(url, depth, 0, via).is_ok()
    }

    /// May a link of `page`, which is in scope, to `link` be followed, whatever its depth?
    pub fn admits(&self, page: &CanonicalUrl, link: &CanonicalUrl) -> bool {
        let page = self.on(page, 0, 0);
        page.judge_form(link).and_then(|()| page.judge_reach(link)).is_ok()
    }

    /// May a redirect from `page` to `target` be followed? As a link, but a seed may redirect anywhere.
    pub fn admits_redirect(&self, page: &CanonicalUrl, page_depth: u16, target: &CanonicalUrl) -> bool {
        self.on(page, page_depth, 0).judge_redirect(target).is_ok()
    }
}

impl OnPage<'_> {
    /// May a link of this page be followed? Then the answer is how many steps off the scope it leads: 0 is in
    /// scope. It travels with the link and comes back as its page's ([`Scope::on`]).
    pub fn judge(&self, link: &CanonicalUrl) -> Result<u8, Reason> {
        if let Some(max) = self.scope.rules.depth_max.filter(|max| self.depth >= *max) {
            return Err(Reason::Depth { depth: self.depth.saturating_add(1), max });
        }
        self.judge_form(link)?;
        self.judge_reach(link)
    }

    /// May a redirect of this page be followed? As a link, without a step in depth; and a seed may redirect to
    /// wherever it has moved, which then is in scope.
    pub fn judge_redirect(&self, target: &CanonicalUrl) -> Result<u8, Reason> {
        if self.depth > 0 {
            self.judge_form(target)?;
            return self.judge_reach(target);
        }
        match self.judge_form(target) {
            Ok(()) | Err(Reason::NotIncluded) => Ok(self.off),
            Err(reason) => Err(reason),
        }
    }

    /// What a URL may look like.
    fn judge_form(&self, link: &CanonicalUrl) -> Result<(), Reason> {
        let (rules, text) = (&self.scope.rules, link.as_str());
        if text.len() > rules.url_bytes_max {
            return Err(Reason::TooLong { bytes: text.len() as u32, max: rules.url_bytes_max as u32 });
        }
        if repeats(text, rules.repeats_max) {
            return Err(Reason::Repeats { max: rules.repeats_max });
        }
        if let Some(pattern) = rules.exclude.first_in(text) {
            return Err(Reason::Excluded(pattern.clone()));
        }
        if !rules.include.is_empty() && rules.include.first_in(text).is_none() {
            return Err(Reason::NotIncluded);
        }
        Ok(())
    }

    /// Where a URL may be.
    fn judge_reach(&self, link: &CanonicalUrl) -> Result<u8, Reason> {
        let scope = self.scope;
        let is_in_scope = match scope.kind {
            ScopeKind::Any => true,
            // Most links stay on their host, which saves a look at the lists.
            ScopeKind::Host => {
                self.own.is_some() && is_at(link, self.authority)
                    || scope.authorities.contains(link.authority())
            }
            ScopeKind::Domain => {
                self.own.is_some() && is_at(link, self.authority) || {
                    let of_link = domain(link.host());
                    self.own == Some(of_link) || scope.domains.contains(of_link)
                }
            }
            ScopeKind::Prefix => scope.prefixes.iter().any(|p| link.as_str().starts_with(&**p)),
        };
        let (off, max) = (self.off.saturating_add(1), scope.rules.hops_off_max);
        match is_in_scope {
            true => Ok(0),
            false if off <= max => Ok(off),
            false if max == 0 => Err(Reason::OffScope(scope.kind)),
            false => Err(Reason::HopsOff { off, max }),
        }
    }
}

/// Is this the URL's authority?
fn is_at(url: &CanonicalUrl, authority: &str) -> bool {
    let text = url.as_str();
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    // A path begins with a slash, and every URL has one.
    rest.and_then(|rest| rest.strip_prefix(authority)).is_some_and(|path| path.starts_with('/'))
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

    fn rules(depth_max: Option<u16>, include: &[&str], exclude: &[&str]) -> ScopeRules {
        let (include, exclude) = (Patterns::parse(include).unwrap(), Patterns::parse(exclude).unwrap());
        ScopeRules { depth_max, include, exclude, ..ScopeRules::default() }
    }

    #[test]
    fn each_no_has_its_reason() {
        let seeds = [url("http://a.example/")];
        let rules = ScopeRules { url_bytes_max: 40, ..rules(Some(5), &["/docs/", "[?]q="], &["\\.pdf$"]) };
        let scope = Scope::with_rules(ScopeKind::Host, &seeds, rules);
        for (depth, link, want) in [
            (0, "http://a.example/docs/x", Ok(0)),
            (0, "http://a.example/?q=1", Ok(0)),
            (0, "http://a.example/x", Err(Reason::NotIncluded)),
            (0, "http://a.example/docs/x.pdf", Err(Reason::Excluded("\\.pdf$".into()))),
            (0, "http://b.example/docs/", Err(Reason::OffScope(ScopeKind::Host))),
            (5, "http://a.example/docs/x", Err(Reason::Depth { depth: 6, max: 5 })),
            (0, "http://a.example/docs/xxxxxxxxxxxxxxxxxxx", Err(Reason::TooLong { bytes: 41, max: 40 })),
            (0, "http://a.example/docs/a/a/a/a", Err(Reason::Repeats { max: 3 })),
        ] {
            assert_eq!(scope.on(&seeds[0], depth, 0).judge(&url(link)), want, "{link} at {depth}");
        }
    }

    #[test]
    fn steps_off_the_scope_are_counted() {
        let seeds = [url("http://a.example/")];
        let rules = ScopeRules { hops_off_max: 2, ..ScopeRules::default() };
        let scope = Scope::with_rules(ScopeKind::Host, &seeds, rules);
        let (home, b, b2, c) = (
            url("http://a.example/x"),
            url("http://b.example/"),
            url("http://b.example/2"),
            url("http://c.example/"),
        );
        assert_eq!(scope.on(&home, 1, 0).judge(&b), Ok(1));
        assert_eq!(scope.on(&b, 2, 1).judge(&b2), Ok(2), "the own host of a page that is off is off too");
        assert_eq!(scope.on(&b, 2, 1).judge(&c), Ok(2));
        assert_eq!(scope.on(&c, 3, 2).judge(&b), Err(Reason::HopsOff { off: 3, max: 2 }));
        assert_eq!(scope.on(&c, 3, 2).judge(&home), Ok(0), "it leads back");
        assert_eq!(scope.on(&b, 2, 255).judge(&c), Err(Reason::HopsOff { off: 255, max: 2 }));
    }

    #[test]
    fn a_seed_s_redirect_is_held_to_its_form_alone() {
        let seed = url("http://example.com/");
        let rules = rules(Some(0), &["/docs/"], &["/login"]);
        let scope = Scope::with_rules(ScopeKind::Host, std::slice::from_ref(&seed), rules);
        assert_eq!(scope.on(&seed, 0, 0).judge_redirect(&url("https://www.example.com/en/")), Ok(0));
        let login = scope.on(&seed, 0, 0).judge_redirect(&url("https://example.com/login"));
        assert_eq!(login, Err(Reason::Excluded("/login".into())));
        let later =
            scope.on(&url("http://example.com/docs/1"), 1, 0).judge_redirect(&url("http://b.example/docs/"));
        assert_eq!(later, Err(Reason::OffScope(ScopeKind::Host)));
    }

    #[test]
    fn what_waits_is_judged_as_it_was_found() {
        let seed = url("http://a.example/");
        let scope = Scope::new(ScopeKind::Host, std::slice::from_ref(&seed), Some(2));
        assert!(scope.admits_waiting(&url("http://z.example/"), 0, None), "a seed");
        assert!(scope.admits_waiting(&url("http://a.example/2"), 2, Some(&seed)));
        assert!(!scope.admits_waiting(&url("http://a.example/3"), 3, Some(&seed)));
        assert!(!scope.admits_waiting(&url("http://b.example/"), 1, Some(&seed)));
    }

    proptest::proptest! {
        #[test]
        fn what_is_in_scope_is_so_by_every_road(
            kind in proptest::sample::select(vec![ScopeKind::Host, ScopeKind::Domain, ScopeKind::Prefix, ScopeKind::Any]),
            page in "https?://(www\\.)?[ab]\\.(example|co\\.uk)(:81)?/(d/)?",
            link in "https?://(www\\.)?[ab]\\.(example|co\\.uk)(:81)?/(d/)?x?",
            off in 0u8..4,
            max in 0u8..4,
        ) {
            let (page, link) = (url(&page), url(&link));
            let seed = url("http://www.a.example/d/");
            let rules = ScopeRules { hops_off_max: max, ..ScopeRules::default() };
            let scope = Scope::with_rules(kind, std::slice::from_ref(&seed), rules);
            let judged = scope.on(&page, 3, off).judge(&link);
            // A step off is allowed exactly where it is within the limit, and a link that is in scope of an off
            // page is in scope of every page.
            match &judged {
                Ok(0) => proptest::prop_assert!(scope.admits(&page, &link)),
                Ok(steps) => proptest::prop_assert!(*steps == off + 1 && *steps <= max),
                Err(_) => proptest::prop_assert!(off + 1 > max),
            }
            if off == 0 && max == 0 {
                proptest::prop_assert_eq!(judged.is_ok(), scope.admits(&page, &link));
            }
            if kind == ScopeKind::Any {
                proptest::prop_assert_eq!(judged, Ok(0));
            }
        }
    }
}
