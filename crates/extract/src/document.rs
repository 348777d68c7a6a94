//! What goes in and what is said of it: a document, the limits on it, the summary.
//!
//! Owns the public nouns of this crate. Never looks into a document.

use dragline_model::CanonicalUrl;

/// A document as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Where it was fetched; references are resolved against it, unless a `<base>` says otherwise.
    pub url: &'a CanonicalUrl,
    /// The value of its `Content-Type` field as received, where there was one.
    pub content_type: Option<&'a str>,
    /// Its bytes, content coding (gzip, …) already undone.
    pub body: &'a [u8],
}

/// How much of a document is looked at. Time and memory are linear in `bytes_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Distinct links taken of one document. A page that a person could use has some hundreds; an index of a
    /// large archive has tens of thousands.
    pub links_max: usize,
    /// Bytes of the body that are scanned, from its start; no more than 1.3 GiB whatever is said here.
    pub bytes_max: usize,
    /// Bytes of one reference, as written in its attribute. Longer ones are no links: they are `data:` blobs
    /// or traps, and no URL is kept past [`dragline_model::URL_BYTES_MAX`] anyway.
    pub reference_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { links_max: 50_000, bytes_max: 16 << 20, reference_bytes_max: 64 << 10 }
    }
}

/// What is said of a document after its links were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Distinct http(s) URLs found, those already known among them.
    pub links: usize,
    /// A limit was reached: there may be more links.
    pub cut: bool,
    /// The name of the encoding the document was read in (Encoding Standard §4.2: `UTF-8`, `windows-1252`,
    /// …).
    pub charset: &'static str,
    /// The URL that references were resolved against; `None` where a `<base>` names a scheme that is not
    /// fetched, so that relative references lead nowhere.
    pub base: Option<CanonicalUrl>,
}
