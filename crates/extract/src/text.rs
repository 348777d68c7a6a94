//! A document's text as it came, in Unicode.
//!
//! Owns nothing but the road from [`Source`]'s encoding to a string: markup stays markup.

use std::borrow::Cow;

use crate::Document;
use crate::charset::Source;

/// The first `bytes_max` bytes of a document as text, read in the encoding that its links are read in: byte order
/// mark, header, its own declaration, a guess. What is no text in that encoding is U+FFFD. The second value is the
/// encoding's name.
///
/// ```
/// use dragline_extract::{Document, document_text};
/// use dragline_model::CanonicalUrl;
///
/// let url = CanonicalUrl::parse("http://example.com/")?;
/// let document = Document { url: &url, content_type: Some("text/plain; charset=koi8-r"), body: b"\xc4\xc1" };
/// assert_eq!(document_text(&document, 1 << 20), ("да".into(), "KOI8-R"));
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
pub fn document_text<'a>(document: &Document<'a>, bytes_max: usize) -> (Cow<'a, str>, &'static str) {
    let is_json = document.content_type.is_some_and(|it| {
        let essence = crate::sniff::essence(it);
        essence.ends_with("/json") || essence.ends_with("+json")
    });
    let source = if is_json { Source::of_json(document, bytes_max) } else { Source::of(document, bytes_max) };
    let charset = source.charset.name();
    let text = match source.bytes {
        Cow::Borrowed(bytes) => source.encoding.decode_without_bom_handling(bytes).0,
        Cow::Owned(bytes) => Cow::Owned(source.encoding.decode_without_bom_handling(&bytes).0.into_owned()),
    };
    (text, charset)
}
