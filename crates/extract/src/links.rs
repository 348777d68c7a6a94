//! A document's links, resolved, each once.
//!
//! Owns the order of the work (encoding, scan, base, references) and what is one link. Never keeps anything
//! between two documents.

use dragline_model::{CanonicalUrl, Fingerprint, FingerprintSet};

use crate::attributes::Span;
use crate::base::Base;
use crate::charset::Source;
use crate::html::references;
use crate::value;
use crate::{Document, Limits, Summary};

/// Yields the links of an HTML document, in its order.
///
/// `known` is asked once for the fingerprint of each distinct link, before there is a string for it; `found`
/// gets the links it answers `false` for. Links are the http(s) URLs of `a[href]`, `area[href]`,
/// `iframe[src]`, `frame[src]` and `link[rel~=next][href]`, also those in a `<template>` or `<noscript>`.
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
    mut known: impl FnMut(Fingerprint) -> bool,
    mut found: impl FnMut(Fingerprint, CanonicalUrl),
) -> Summary {
    let source = Source::of(document, limits.bytes_max);
    let references = references(&source.bytes, source.encoding);
    let text = |span: &Span| {
        let value = span.of(&source.bytes);
        (value.len() <= limits.reference_bytes_max).then(|| value::text(value, source.encoding))
    };
    let mut base = Base::choose(document.url, references.bases.iter().filter_map(text), source.charset);

    let mut seen = FingerprintSet::default();
    // Most references of a page are to different links.
    seen.reserve(references.links.len().min(limits.links_max));
    let mut cut = source.cut;
    for reference in references.links.iter().filter_map(text) {
        let Some(target) = base.resolve(&reference) else { continue };
        let fingerprint = target.fingerprint();
        if seen.len() >= limits.links_max && !seen.contains(&fingerprint) {
            cut = true;
            break;
        }
        if seen.insert(fingerprint) && !known(fingerprint) {
            found(fingerprint, target.into_url());
        }
    }
    Summary { links: seen.len(), cut, charset: source.charset.name(), base: base.url() }
}

/// The links of an HTML document, each once, in the order of their first appearance.
///
/// For what is a link see [`links`].
pub fn all_links(document: &Document<'_>, limits: &Limits) -> Vec<CanonicalUrl> {
    let mut all = Vec::new();
    links(document, limits, |_| false, |_, url| all.push(url));
    all
}
