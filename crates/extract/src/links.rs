//! A document's links, resolved, each once.
//!
//! Owns what one link is: the text of a reference, where it leads, and that it is told once. Never keeps
//! anything between two documents.

use std::borrow::Cow;
use std::ops::ControlFlow;

use dragline_model::{CanonicalUrl, Fingerprint, FingerprintSet};

use crate::attributes::Span;
use crate::base::{Base, Target};
use crate::charset::Source;
use crate::html::{Place, Reference, References, Wants, references};
use crate::value;
use crate::{Document, Limits, Role, Summary};

/// Yields the links of an HTML document, in its order.
///
/// `known` is asked once for the fingerprint of each distinct link, before there is a string for it; `found`
/// gets the links it answers `false` for. Links are the http(s) URLs of `a[href]`, `area[href]`,
/// `iframe[src]`, `frame[src]` and `link[rel~=next][href]`, also those in a `<template>` or `<noscript>`.
/// For all that a document has besides see [`discover`](crate::discover).
///
/// References are resolved as browsers do (HTML Standard §2.4.1 and §4.2.3): against the first `<base href>`
/// that is a URL, wherever it stands, and with the query in the document's own encoding (URL Standard §4.4,
/// "query state"). A `<base>` of a `data:` or `javascript:` URL is passed over.
///
/// ```
/// use dragline_extract::{Document, Limits, links};
/// use dragline_model::{CanonicalUrl, Fingerprint};
///
/// let url = CanonicalUrl::parse("http://example.com/")?;
/// let document = Document { url: &url, content_type: None, body: b"<a href=/old>.<a href=/new>.<a href=/new#x>" };
/// let old = Fingerprint::of(&url.join("/old")?);
/// let mut new = Vec::new();
/// let summary = links(&document, &Limits::default(), |seen| seen == old, |_, url| new.push(url));
/// assert_eq!(new, [url.join("/new")?]);
/// assert_eq!((summary.links, summary.cut), (2, false));
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
pub fn links(
    document: &Document<'_>,
    limits: &Limits,
    known: impl FnMut(Fingerprint) -> bool,
    mut found: impl FnMut(Fingerprint, CanonicalUrl),
) -> Summary {
    let source = Source::of(document, limits.bytes_max);
    let references = references(&source.bytes, source.encoding, Wants::default());
    let mut base = references.base(document, &source, limits);
    let mut finder = Finder::new(limits.links_max, known, |fingerprint, url, _| found(fingerprint, url));
    finder.cut = source.cut;
    finder.take_links(&references.links, &source, limits, &mut base);
    finder.summary(&source, base.url())
}

/// The links of an HTML document, each once, in the order of their first appearance.
///
/// For what is a link see [`links`].
pub fn all_links(document: &Document<'_>, limits: &Limits) -> Vec<CanonicalUrl> {
    let mut all = Vec::new();
    links(document, limits, |_| false, |_, url| all.push(url));
    all
}

/// Tells each URL of one document once, and counts them.
pub(crate) struct Finder<K, F> {
    known: K,
    found: F,
    seen: FingerprintSet,
    /// Distinct URLs at most.
    pub(crate) links_max: usize,
    /// Something was left out that may have been a link.
    pub(crate) cut: bool,
}

impl<K: FnMut(Fingerprint) -> bool, F: FnMut(Fingerprint, CanonicalUrl, Role)> Finder<K, F> {
    pub(crate) fn new(links_max: usize, known: K, found: F) -> Self {
        Self { known, found, seen: FingerprintSet::default(), links_max, cut: false }
    }

    /// Takes one more URL; breaks where there are as many as may be.
    #[inline(always)]
    pub(crate) fn take(&mut self, target: Target<'_>, role: Role) -> ControlFlow<()> {
        let fingerprint = target.fingerprint();
        if self.seen.len() >= self.links_max && !self.seen.contains(&fingerprint) {
            self.cut = true;
            return ControlFlow::Break(());
        }
        if self.seen.insert(fingerprint) && !(self.known)(fingerprint) {
            (self.found)(fingerprint, target.into_url(), role);
        }
        ControlFlow::Continue(())
    }

    /// Takes the links of an HTML document.
    pub(crate) fn take_links(
        &mut self,
        references: &[Reference],
        source: &Source<'_>,
        limits: &Limits,
        base: &mut Base,
    ) {
        // Most references of a page are to different links.
        self.seen.reserve(references.len().min(self.links_max));
        for reference in references {
            let Some(text) = text(reference.span, source, limits) else { continue };
            let Some(target) = base.resolve(&text) else { continue };
            let role = match reference.place {
                Place::Anchor => Role::Link,
                Place::Frame => Role::Frame,
                Place::Next => Role::Next,
            };
            if self.take(target, role).is_break() {
                break;
            }
        }
    }

    /// Distinct URLs so far.
    pub(crate) fn count(&self) -> usize {
        self.seen.len()
    }

    pub(crate) fn summary(&self, source: &Source<'_>, base: Option<CanonicalUrl>) -> Summary {
        Summary { links: self.seen.len(), cut: self.cut, charset: source.charset.name(), base }
    }
}

impl References {
    /// The base of the document that these are of.
    pub(crate) fn base(&self, document: &Document<'_>, source: &Source<'_>, limits: &Limits) -> Base {
        let candidates = self.bases.iter().filter_map(|span| text(*span, source, limits));
        Base::choose(document.url, candidates, source.charset)
    }
}

/// The text of a reference; `None` where it is too long to be one.
#[inline(always)]
pub(crate) fn text<'a>(span: Span, source: &'a Source<'_>, limits: &Limits) -> Option<Cow<'a, str>> {
    let value = span.of(&source.bytes);
    (value.len() <= limits.reference_bytes_max).then(|| value::text(value, source.encoding))
}
