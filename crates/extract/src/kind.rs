//! What a document may be, by its declared type and its first bytes.
//!
//! Owns the first guess, and the last word, which is the root element's where it is XML. A server that has named a
//! type is overruled only where a sitemap was asked for.

use dragline_model::CanonicalUrl;

use crate::sniff::{self, essence};
use crate::{Document, FollowJson, Kind, Options};

/// How a document is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// As HTML or XHTML.
    Html(Kind),
    /// As XML, whose root element says the rest.
    Xml,
    /// As whatever its bytes are: it was asked for as a sitemap.
    Sitemap,
    /// As JSON; line by line, where each line is a document.
    Json { lines: bool },
    /// As what is packed in it.
    Gzip,
    /// Not at all.
    Other,
}

/// RFC 1952 §2.3.1.
const GZIP: &[u8] = b"\x1f\x8b";

/// How to read a document.
pub(crate) fn form(document: &Document<'_>, options: &Options) -> Form {
    let essence = document.content_type.map(essence).unwrap_or_default();
    let body = document.body;
    if options.as_sitemap {
        return if body.starts_with(GZIP) { Form::Gzip } else { Form::Sitemap };
    }
    if body.starts_with(GZIP) && is_packed_xml(document.url) {
        return Form::Gzip;
    }
    let follows_json = options.json != FollowJson::No;
    match &*essence {
        "text/html" => Form::Html(Kind::Html),
        "application/xhtml+xml" => Form::Html(Kind::Xhtml),
        "text/xml" | "application/xml" | "application/x-xml" => Form::Xml,
        "application/json" | "text/json" | "application/x-json" => Form::Json { lines: false },
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/json-seq" => Form::Json { lines: true },
        "" if sniff::is_html(None, body) => Form::Html(Kind::Html),
        "" | "application/octet-stream" | "binary/octet-stream" if looks_like_xml(body) => Form::Xml,
        // Types that servers give to files they know nothing of.
        "" | "application/octet-stream" | "binary/octet-stream" | "text/plain"
            if follows_json && looks_like_json(body) =>
        {
            Form::Json { lines: false }
        }
        other if other.ends_with("+xml") => Form::Xml,
        other if other.ends_with("+json") => Form::Json { lines: false },
        _ => Form::Other,
    }
}

/// `….xml.gz`: what else ends in `.gz` is an archive of something, and not unpacked.
fn is_packed_xml(url: &CanonicalUrl) -> bool {
    const SUFFIX: &[u8] = b".xml.gz";
    let path = url.path().as_bytes();
    path.len() >= SUFFIX.len() && path[path.len() - SUFFIX.len()..].eq_ignore_ascii_case(SUFFIX)
}

/// It begins as XML does, in UTF-8 or in UTF-16.
fn looks_like_xml(body: &[u8]) -> bool {
    const ROOTS: [&[u8]; 6] = [b"<urlset", b"<sitemapindex", b"<rss", b"<feed", b"<rdf:RDF", b"<?xml"];
    let head = &body[..body.len().min(1024)];
    let narrow: Vec<u8> =
        head.iter().copied().filter(|byte| !matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff)).collect();
    let text = narrow.trim_ascii_start();
    ROOTS.iter().any(|root| text.starts_with(root))
}

fn looks_like_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// What a document is by its root element.
pub(crate) fn kind_of(root: &str, text: &str) -> Option<Kind> {
    let head = crate::discover::cut(text);
    Some(match root {
        "urlset" | "url" => Kind::Sitemap,
        "sitemapindex" | "sitemap" => Kind::SitemapIndex,
        "rss" | "channel" => Kind::Rss,
        // RSS 0.90 and 1.0 are vocabularies of RDF; there are many others.
        "rdf" if RSS_NAMESPACES.iter().any(|namespace| head.contains(namespace)) => Kind::Rss,
        "feed" => Kind::Atom,
        "html" => Kind::Xhtml,
        _ => return None,
    })
}

const RSS_NAMESPACES: [&str; 2] = ["//purl.org/rss/", "//my.netscape.com/rdf/"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str, content_type: Option<&str>, body: &[u8], options: &Options) -> Form {
        let url = CanonicalUrl::parse(url).unwrap();
        form(&Document { url: &url, content_type, body }, options)
    }

    #[test]
    fn forms_by_type_and_bytes() {
        let plain = Options::default();
        let json = Options { json: FollowJson::Everywhere, ..Options::default() };
        let sitemap = Options { as_sitemap: true, ..Options::default() };
        let html = Form::Html(Kind::Html);
        let (one, many) = (Form::Json { lines: false }, Form::Json { lines: true });
        for (options, content_type, body, want) in [
            (&plain, Some("text/html"), &b"<?xml?><urlset>"[..], html),
            (&plain, Some("Application/XHTML+xml;x"), b"", Form::Html(Kind::Xhtml)),
            (&plain, Some("text/xml; charset=x"), b"", Form::Xml),
            (&plain, Some("application/rss+xml"), b"", Form::Xml),
            (&plain, Some("image/svg+xml"), b"", Form::Xml),
            (&plain, Some("application/octet-stream"), b"\xef\xbb\xbf\n<?xml ", Form::Xml),
            (&plain, Some("application/octet-stream"), b"\xff\xfe<\0u\0r\0l\0s\0e\0t\0", Form::Xml),
            (&plain, Some("application/octet-stream"), b"<html>", Form::Other),
            (&plain, None, b"<!doctype html>", html),
            (&plain, None, b"<rss>", Form::Xml),
            (&plain, None, b"{}", Form::Other),
            (&json, None, b" {}", one),
            (&json, Some("text/plain"), b"\xef\xbb\xbf[", one),
            (&json, Some("text/plain"), b"<?xml", Form::Other),
            (&plain, Some("text/plain"), b"http://h/", Form::Other),
            (&plain, Some("application/json"), b"<", one),
            (&plain, Some("application/vnd.x+json"), b"", one),
            (&plain, Some("application/x-ndjson"), b"", many),
            (&plain, Some("image/png"), b"<urlset", Form::Other),
            (&plain, Some("application/gzip"), b"\x1f\x8b", Form::Other),
            (&sitemap, Some("application/gzip"), b"\x1f\x8b", Form::Gzip),
            (&sitemap, Some("text/html"), b"<urlset", Form::Sitemap),
            (&sitemap, None, b"", Form::Sitemap),
        ] {
            assert_eq!(read("http://h/x", content_type, body, options), want, "{content_type:?} {body:?}");
        }
        assert_eq!(read("http://h/a.XML.gz?x", Some("x/y"), b"\x1f\x8b", &plain), Form::Gzip);
        assert_eq!(read("http://h/a.xml.gz", Some("text/xml"), b"<", &plain), Form::Xml);
        assert_eq!(read("http://h/a.tar.gz", Some("x/y"), b"\x1f\x8b", &plain), Form::Other);
    }
}
