//! What references are resolved against, and how.
//!
//! Owns the choice of the base URL, and the two roads of a reference: the fast one of [`Resolver`], and the
//! one for what that does not know of, a query in another encoding and a base that is not fetched. Never
//! scans.

use std::borrow::Cow;

use dragline_model::{CanonicalUrl, Fingerprint, Resolved, Resolver};
use encoding_rs::{EncoderResult, Encoding, UTF_8};
use url::Url;

/// The base URL of one document.
#[derive(Debug)]
pub(crate) struct Base {
    against: Against,
    /// The encoding that queries are sent in.
    query: &'static Encoding,
}

#[derive(Debug)]
enum Against {
    Fetched(Box<Resolver>),
    /// A URL of another scheme: an absolute reference may still lead to an http(s) one.
    Other(Box<Url>),
}

/// Where a reference leads.
#[derive(Debug)]
pub(crate) enum Target<'a> {
    Plain(Resolved<'a>),
    Made(CanonicalUrl),
}

impl Base {
    /// The first of `candidates` (the `href`s of the document's `<base>`s) that is a URL and neither `data:`
    /// nor `javascript:`, or else the document's own URL. `charset` is what the document came in.
    pub(crate) fn choose<'a>(
        document: &CanonicalUrl,
        candidates: impl IntoIterator<Item = Cow<'a, str>>,
        charset: &'static Encoding,
    ) -> Self {
        let query = charset.output_encoding();
        let own = || Against::Fetched(Box::new(Resolver::new(document.clone())));
        let against = candidates.into_iter().find_map(|href| {
            let url = join(&Url::parse(document.as_str()).ok()?, &href, query)?;
            match url.scheme() {
                "http" | "https" => {
                    CanonicalUrl::from_url(url).ok().map(|url| Against::Fetched(Box::new(Resolver::new(url))))
                }
                "data" | "javascript" => None,
                _ => Some(Against::Other(Box::new(url))),
            }
        });
        Self { against: against.unwrap_or_else(own), query }
    }

    /// That of a document without a `<base>` whose queries are in UTF-8.
    pub(crate) fn of(document: &CanonicalUrl) -> Self {
        Self::choose(document, [], UTF_8)
    }

    /// The URL, where it is one that could be fetched.
    pub(crate) fn url(&self) -> Option<CanonicalUrl> {
        match &self.against {
            Against::Fetched(resolver) => Some(resolver.base().clone()),
            Against::Other(_) => None,
        }
    }

    /// Where a reference leads; `None` where to nothing that is fetched.
    #[inline(always)]
    pub(crate) fn resolve(&mut self, reference: &str) -> Option<Target<'_>> {
        // Nearly always. A `?` in a fragment sends a few the long way, to the same end.
        let is_plain = self.query == UTF_8 || reference.is_ascii() || !reference.contains('?');
        match &mut self.against {
            Against::Fetched(resolver) => {
                if is_plain {
                    return resolver.resolve(reference).map(Target::Plain);
                }
                made(&Url::parse(resolver.base().as_str()).ok()?, reference, self.query)
            }
            Against::Other(base) => made(base, reference, self.query),
        }
    }
}

/// The long way.
fn made(base: &Url, reference: &str, query: &'static Encoding) -> Option<Target<'static>> {
    CanonicalUrl::from_url(join(base, reference, query)?).ok().map(Target::Made)
}

impl Target<'_> {
    /// The fingerprint of the URL.
    #[inline]
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        match self {
            Target::Plain(resolved) => resolved.fingerprint(),
            Target::Made(url) => Fingerprint::of(url),
        }
    }

    /// The URL.
    pub(crate) fn into_url(self) -> CanonicalUrl {
        match self {
            Target::Plain(resolved) => resolved.to_url(),
            Target::Made(url) => url,
        }
    }
}

/// Resolves a reference, its query encoded as `query`.
fn join(base: &Url, reference: &str, query: &'static Encoding) -> Option<Url> {
    if query == UTF_8 {
        return base.join(reference).ok();
    }
    Url::options()
        .base_url(Some(base))
        .encoding_override(Some(&|text| encode_query(text, query).into()))
        .parse(reference)
        .ok()
}

/// URL Standard, "percent-encode after encoding", the part before percent-encoding: what the encoding cannot
/// express becomes a numeric character reference, itself already percent-encoded.
fn encode_query(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut rest = text;
    loop {
        let (result, read) = encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = &rest[read..];
        match result {
            EncoderResult::InputEmpty => return out,
            EncoderResult::OutputFull => out.reserve(rest.len() + 32),
            EncoderResult::Unmappable(character) => {
                out.extend_from_slice(format!("%26%23{}%3B", character as u32).as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::{EUC_JP, GBK, ISO_2022_JP, SHIFT_JIS, UTF_16LE, WINDOWS_1252};

    fn resolve(bases: &[&str], charset: &'static Encoding, reference: &str) -> String {
        let document = CanonicalUrl::parse("http://h/dir/page?q").unwrap();
        let mut base = Base::choose(&document, bases.iter().map(|base| Cow::Borrowed(*base)), charset);
        match base.resolve(reference) {
            Some(target) => {
                let fingerprint = target.fingerprint();
                let url = target.into_url();
                assert_eq!(fingerprint, Fingerprint::of(&url));
                url.to_string()
            }
            None => "!".to_owned(),
        }
    }

    #[test]
    fn the_first_base_that_is_a_url() {
        for (bases, want) in [
            (&[][..], "http://h/dir/x"),
            (&["/a/", "/b/"][..], "http://h/a/x"),
            (&[""][..], "http://h/dir/x"),
            (&["http://[", "/b/"][..], "http://h/b/x"),
            (&["data:text/html,", "javascript:0", "JavaScript:0", "/b/"][..], "http://h/b/x"),
            (&["javascript:0"][..], "http://h/dir/x"),
            (&["//other/b"][..], "http://other/x"),
            (&["https://u:p@other/b/#f"][..], "https://other/b/x"),
            (&["ftp://other/b/", "/b/"][..], "!"),
            (&["mailto:x"][..], "!"),
        ] {
            assert_eq!(resolve(bases, UTF_8, "x"), want, "{bases:?}");
        }
        assert_eq!(resolve(&["ftp://other/"], UTF_8, "http://h/x"), "http://h/x");
        let document = CanonicalUrl::parse("http://h/").unwrap();
        assert_eq!(Base::choose(&document, [Cow::Borrowed("ftp://other/")], UTF_8).url(), None);
        assert_eq!(Base::choose(&document, [], UTF_8).url(), Some(document));
    }

    #[test]
    fn queries_in_the_encoding_of_the_document() {
        for (charset, want) in [
            (UTF_8, "http://h/%C3%A9?%C3%A9"),
            (WINDOWS_1252, "http://h/%C3%A9?%E9"),
            (UTF_16LE, "http://h/%C3%A9?%C3%A9"),
            (SHIFT_JIS, "http://h/%C3%A9?%26%23233%3B"),
            (GBK, "http://h/%C3%A9?%A8%A6"),
        ] {
            assert_eq!(resolve(&[], charset, "/é?é#é"), want, "{}", charset.name());
        }
        // The URL Standard's own examples for "percent-encode after encoding".
        assert_eq!(resolve(&[], SHIFT_JIS, "/?≡"), "http://h/?%81%DF");
        assert_eq!(resolve(&[], SHIFT_JIS, "/?\u{203d}"), "http://h/?%26%238253%3B");
        assert_eq!(resolve(&[], ISO_2022_JP, "/?¥"), "http://h/?%1B(J\\%1B(B");
        assert_eq!(resolve(&[], EUC_JP, "/?≡"), "http://h/?%A2%E1");
        assert_eq!(resolve(&["/b?é"], WINDOWS_1252, ""), "http://h/b?%E9");
        let many = "\u{203d}".repeat(500);
        assert_eq!(resolve(&[], SHIFT_JIS, &format!("?{many}")).len(), "http://h/dir/page?".len() + 6_500);
    }
}
