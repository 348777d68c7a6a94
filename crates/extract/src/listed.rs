//! From what a list names to URLs.
//!
//! Owns what a text in a sitemap or a feed means as a URL. Never reads a list.

use std::borrow::Cow;
use std::ops::ControlFlow;

use dragline_model::{CanonicalUrl, Fingerprint};

use crate::base::{Base, Target};
use crate::discover::Findings;
use crate::relation::Relations;
use crate::role::Role;
use crate::sitemap::List;

/// Takes what a sitemap or a feed lists.
pub(crate) struct Listed<'f, 'o, K, F> {
    findings: &'f mut Findings<'o, K, F>,
    document: &'f CanonicalUrl,
    base: Base,
}

impl<'f, 'o, K, F> Listed<'f, 'o, K, F> {
    /// For the list that came from `document`.
    pub(crate) fn new(document: &'f CanonicalUrl, findings: &'f mut Findings<'o, K, F>) -> Self {
        Self { findings, document, base: Base::of(document) }
    }
}

impl<K, F> List for Listed<'_, '_, K, F>
where
    K: FnMut(Fingerprint) -> bool,
    F: FnMut(Fingerprint, CanonicalUrl, Role),
{
    fn url(&mut self, text: &str, role: Role) -> ControlFlow<()> {
        let text = with_scheme(text, self.document);
        self.base
            .resolve(&text)
            .map_or(ControlFlow::Continue(()), |target| self.findings.finder.take(target, role))
    }

    fn form(&mut self, text: &str, relations: Relations, language: Option<&str>, media_type: Option<&str>) {
        if !self.findings.has_enough_asides() {
            let url = self.base.resolve(text).map(Target::into_url);
            self.findings.statement(relations, url, language, media_type);
        }
    }
}

/// `www.example.com/x` in a list means a host, and so does the list's own.
fn with_scheme<'a>(text: &'a str, document: &CanonicalUrl) -> Cow<'a, str> {
    let authority = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    let is_host = authority.eq_ignore_ascii_case(document.authority())
        || authority.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("www."));
    if !is_host {
        return text.into();
    }
    format!("{}://{text}", if document.is_https() { "https" } else { "http" }).into()
}
