//! References of a document to canonical URLs, without a parse for the plain ones.
//!
//! Owns the fast road beside [`CanonicalUrl::join`], and is held to it by tests: what it yields is what
//! `join` yields, or nothing where `join` refuses. Never decodes: a reference is text, out of its attribute.

use std::sync::Arc;

use crate::{CanonicalUrl, Fingerprint, Normaliser, URL_BYTES_MAX};

/// Resolves the references of one document against its base URL.
///
/// Most references are *plain*: made of characters that the URL parser copies as they are, relative or with
/// a lower-case host name. Those are put together by hand in a buffer that is used again; all others go
/// the general way, through the `url` crate. Both ways give the same URL.
///
/// ```
/// use dragline_model::{CanonicalUrl, Resolver};
/// let mut resolver = Resolver::new(CanonicalUrl::parse("http://example.com/a/b?c")?);
/// let found = resolver.resolve("../d?e#f").expect("an http URL");
/// assert_eq!(found.as_str(), "http://example.com/d?e");
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
#[derive(Debug)]
pub struct Resolver {
    base: CanonicalUrl,
    /// Where the base's path begins: the length of its origin.
    path_start: usize,
    /// Just behind the last slash of the base's path.
    directory_end: usize,
    /// Where the base's path ends and its query, if any, begins.
    path_end: usize,
    /// The base's path has a colon in it.
    has_colon: bool,
    /// The base as the `url` crate has it, parsed when the first reference needs it.
    parsed: Option<::url::Url>,
    /// The URL that is being put together.
    text: String,
    /// What is done to each, where anything is.
    normaliser: Option<Arc<Normaliser>>,
}

/// A reference resolved: the fingerprint is known, the URL is only made when it is asked for.
#[derive(Debug)]
pub struct Resolved<'a> {
    text: &'a str,
    fingerprint: Fingerprint,
}

/// What the fast road made of a reference.
enum Plain {
    /// A URL, and it is in the buffer.
    Written,
    /// A URL that is not fetched, whatever it is in full.
    Foreign,
    /// Not plain: the general way decides.
    Unknown,
}

impl Resolver {
    /// For the document whose base URL is `base`.
    pub fn new(base: CanonicalUrl) -> Self {
        let path_start = base.origin().len();
        let path = base.path();
        let path_end = path_start + path.len();
        let directory_end = path_start + path.rfind('/').map_or(path.len(), |slash| slash + 1);
        let has_colon = path.contains(':');
        let (parsed, text, normaliser) = (None, String::new(), None);
        Self { base, path_start, directory_end, path_end, has_colon, parsed, text, normaliser }
    }

    /// What it yields is as these options have it.
    pub fn normalised(mut self, normaliser: &Arc<Normaliser>) -> Self {
        self.normaliser = (!normaliser.is_idle()).then(|| normaliser.clone());
        self
    }

    /// The base URL.
    pub fn base(&self) -> &CanonicalUrl {
        &self.base
    }

    /// Resolves one reference; `None` where it is no http(s) URL, or one longer than [`URL_BYTES_MAX`].
    pub fn resolve(&mut self, reference: &str) -> Option<Resolved<'_>> {
        self.text.clear();
        match self.plain(reference) {
            Plain::Written if self.text.len() > URL_BYTES_MAX => return None,
            Plain::Written => {}
            Plain::Foreign => return None,
            Plain::Unknown => {
                let url = self.general(reference)?;
                self.text.clear();
                self.text.push_str(url.as_str());
            }
        }
        if let Some(text) = self.normaliser.as_ref().and_then(|normaliser| normaliser.rewritten(&self.text)) {
            self.text = text;
        }
        Some(Resolved { text: &self.text, fingerprint: Fingerprint::of_text(self.text.as_bytes()) })
    }

    /// What [`CanonicalUrl::join`] does, with the base parsed once.
    fn general(&mut self, reference: &str) -> Option<CanonicalUrl> {
        if self.parsed.is_none() {
            self.parsed = ::url::Url::parse(self.base.as_str()).ok();
        }
        CanonicalUrl::from_url(self.parsed.as_ref()?.join(reference).ok()?).ok()
    }

    /// Writes the URL of a plain reference into the buffer.
    fn plain(&mut self, reference: &str) -> Plain {
        let bytes = reference.as_bytes();
        let path_end = bytes.iter().position(|byte| !is(*byte, PATH)).unwrap_or(bytes.len());
        let (before, path) = match scheme_end(&bytes[..path_end]) {
            Scheme::None => (0, &reference[..path_end]),
            Scheme::Unclear => return Plain::Unknown,
            Scheme::Ends(colon) => match &reference[..colon] {
                "http" | "https" => (colon + 1, &reference[colon + 1..path_end]),
                other if is_http(other) => return Plain::Unknown,
                _ => return Plain::Foreign,
            },
        };
        // The path has ended: with the reference, with a fragment (dropped), with a plain query, or with
        // something that is not plain.
        let query = match bytes.get(path_end) {
            None | Some(b'#') => "",
            Some(b'?') => {
                let rest = &bytes[path_end + 1..];
                let length = rest.iter().position(|byte| !is(*byte, QUERY)).unwrap_or(rest.len());
                match rest.get(length) {
                    None | Some(b'#') => &reference[path_end..path_end + 1 + length],
                    Some(_) => return Plain::Unknown,
                }
            }
            Some(_) => return Plain::Unknown,
        };
        // The `url` crate does not go up beyond `/c:/`, as if that were a drive, and `join` is the law.
        let may_have_drive = self.has_colon || memchr::memchr(b':', path.as_bytes()).is_some();
        if may_have_drive && may_have_dot_segments(path.as_bytes()) {
            return Plain::Unknown;
        }
        let root = if let Some(after) = path.strip_prefix("//") {
            let Some(host_length) = plain_host(after) else { return Plain::Unknown };
            let scheme = if before > 0 { &reference[..before] } else { self.scheme() };
            self.text.push_str(scheme);
            self.text.push_str("//");
            self.text.push_str(&after[..host_length]);
            let root = self.text.len();
            self.text.push('/');
            // Without its slash: that has just been written.
            push_segments(&mut self.text, root, after.get(host_length + 1..).unwrap_or_default());
            self.text.push_str(query);
            return Plain::Written;
        } else if before > 0 {
            // `http:x` is relative under an http base and absolute under an https one.
            return Plain::Unknown;
        } else {
            self.path_start
        };
        let base = self.base.as_str();
        if let Some(absolute) = path.strip_prefix('/') {
            self.text.push_str(&base[..=root]);
            push_segments(&mut self.text, root, absolute);
        } else if !path.is_empty() {
            self.text.push_str(&base[..self.directory_end]);
            push_segments(&mut self.text, root, path);
        } else if query.is_empty() {
            self.text.push_str(base);
        } else {
            self.text.push_str(&base[..self.path_end]);
        }
        self.text.push_str(query);
        Plain::Written
    }

    /// The base's scheme with its colon.
    fn scheme(&self) -> &'static str {
        if self.base.is_https() { "https:" } else { "http:" }
    }
}

impl Resolved<'_> {
    /// The fingerprint of the URL.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The canonical URL's text.
    pub fn as_str(&self) -> &str {
        self.text
    }

    /// The URL.
    pub fn to_url(&self) -> CanonicalUrl {
        CanonicalUrl::from_resolved(self.text)
    }
}

/// Copied unchanged by the parser where it stands in a path. A subset: what is missing goes the general way.
const PATH: u8 = 1;
/// The same for a query.
const QUERY: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        // URL Standard, "special-query percent-encode set"; `#` ends the query.
        if !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\'') {
            class[byte as usize] |= QUERY;
        }
        if byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'_' | b'.' | b'~' | b'/' | b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+'
            )
            || matches!(byte, b',' | b';' | b'=' | b'@' | b':' | b'%')
        {
            class[byte as usize] |= PATH;
        }
        byte += 1;
    }
    class
};

#[inline(always)]
fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// What the beginning of a reference says of a scheme.
enum Scheme {
    /// It has none.
    None,
    /// It has one, and this is the index of the colon.
    Ends(usize),
    /// There is a colon, but what stands before it is no scheme.
    Unclear,
}

#[inline]
fn scheme_end(path: &[u8]) -> Scheme {
    for (at, byte) in path.iter().enumerate() {
        match byte {
            b'/' => return Scheme::None,
            b':' if path[0].is_ascii_alphabetic() => return Scheme::Ends(at),
            b':' => return Scheme::Unclear,
            b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {}
            // No scheme has this character; a colon behind it is part of the path.
            _ => return Scheme::None,
        }
    }
    Scheme::None
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// The length of a host name that the parser copies as it is, if `text` begins with one and it is the whole
/// authority: lower case, nothing for IDNA to do, no number in the last label (that would be IPv4), no port.
fn plain_host(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = memchr::memchr(b'/', bytes).unwrap_or(bytes.len());
    let mut label_start = 0;
    for (at, byte) in bytes[..length].iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {}
            // Neither first in a label (`-a`, `a.-b`) nor twice in a row (`xn--…`).
            b'-' if at > label_start && bytes[at - 1] != b'-' => {}
            b'.' if at > label_start => label_start = at + 1,
            _ => return None,
        }
    }
    (label_start < length && bytes[label_start].is_ascii_lowercase()).then_some(length)
}

/// Appends a relative path to `text`, which ends with a slash, and resolves its dot segments on the way.
/// `root` is the index of the slash that no `..` goes beyond.
fn push_segments(text: &mut String, root: usize, path: &str) {
    if !may_have_dot_segments(path.as_bytes()) {
        text.push_str(path);
        return;
    }
    let mut rest = Some(path);
    while let Some(path) = rest {
        let (segment, behind) = match memchr::memchr(b'/', path.as_bytes()) {
            Some(slash) => (&path[..slash], Some(&path[slash + 1..])),
            None => (path, None),
        };
        match dots(segment) {
            1 => {}
            2 => {
                if text.len() > root + 1 {
                    text.pop();
                    let parent = memchr::memrchr(b'/', &text.as_bytes()[root..]).map_or(root, |at| root + at);
                    text.truncate(parent + 1);
                }
            }
            _ => {
                text.push_str(segment);
                if behind.is_some() {
                    text.push('/');
                }
            }
        }
        rest = behind;
    }
}

/// False where no segment begins as `.` or `%2e` would.
#[inline]
fn may_have_dot_segments(path: &[u8]) -> bool {
    let mut before = b'/';
    for byte in path {
        if before == b'/' && matches!(byte, b'.' | b'%') {
            return true;
        }
        before = *byte;
    }
    false
}

/// 1 for `.`, 2 for `..`, in any of their spellings (URL Standard, "single-dot URL path segment"), else 0.
fn dots(segment: &str) -> usize {
    let mut rest = segment.as_bytes();
    let mut dots = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', rest @ ..] => rest,
            [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return 0,
        };
        dots += 1;
    }
    if dots <= 2 { dots } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The URL, or `!` where there is none; and the same from `join`.
    fn both(base: &str, reference: &str) -> (String, String) {
        let base = CanonicalUrl::parse(base).unwrap();
        let joined = base.join(reference).map_or("!".to_owned(), |url| url.as_str().to_owned());
        let mut resolver = Resolver::new(base);
        // Twice, so that what the first left behind would show.
        resolver.resolve("../left/behind?x");
        let resolved = resolver.resolve(reference).map_or("!".to_owned(), |resolved| {
            assert_eq!(resolved.to_url().as_str(), resolved.as_str());
            assert_eq!(Fingerprint::of(&resolved.to_url()), resolved.fingerprint());
            resolved.as_str().to_owned()
        });
        (resolved, joined)
    }

    #[test]
    fn equals_join_on_every_kind_of_reference() {
        let base = "http://h.example:81/a/b/c?q=1";
        for (reference, want) in [
            ("", "http://h.example:81/a/b/c?q=1"),
            ("#", "http://h.example:81/a/b/c?q=1"),
            ("# \t'é", "http://h.example:81/a/b/c?q=1"),
            ("?", "http://h.example:81/a/b/c?"),
            ("?x=[1]|{2}^`\\#y", "http://h.example:81/a/b/c?x=[1]|{2}^`\\"),
            ("?a'b", "http://h.example:81/a/b/c?a%27b"),
            ("?ü", "http://h.example:81/a/b/c?%C3%BC"),
            ("d", "http://h.example:81/a/b/d"),
            ("d/", "http://h.example:81/a/b/d/"),
            ("./d", "http://h.example:81/a/b/d"),
            (".", "http://h.example:81/a/b/"),
            ("..", "http://h.example:81/a/"),
            ("../..", "http://h.example:81/"),
            ("../../../../d", "http://h.example:81/d"),
            ("d/%2E%2e/.%2e/e/%2e", "http://h.example:81/a/e/"),
            ("...", "http://h.example:81/a/b/..."),
            ("d//../e", "http://h.example:81/a/b/d/e"),
            ("/", "http://h.example:81/"),
            ("/..//x", "http://h.example:81//x"),
            // The URL Standard says http://h.example:81/d; here too `join` is the law.
            ("/c:/../d", "http://h.example:81/c:/d"),
            ("/c:x/../d", "http://h.example:81/d"),
            ("/d;p=1,2@3:4!$&()*+~_-", "http://h.example:81/d;p=1,2@3:4!$&()*+~_-"),
            ("/a%zz%2f", "http://h.example:81/a%zz%2f"),
            ("\\d\\e", "http://h.example:81/d/e"),
            ("/d e", "http://h.example:81/d%20e"),
            (" d ", "http://h.example:81/a/b/d"),
            ("\t d\r\n/e\n", "http://h.example:81/a/b/d/e"),
            ("//other.example", "http://other.example/"),
            ("//other.example/x/../y?z", "http://other.example/y?z"),
            ("//other.example?z", "http://other.example/?z"),
            ("//other.example#z", "http://other.example/"),
            ("//other.example//x", "http://other.example//x"),
            ("https://other.example/x", "https://other.example/x"),
            ("HTTPS://Other.Example/x", "https://other.example/x"),
            ("http://other.example:80/x", "http://other.example/x"),
            ("http://127.1/x", "http://127.0.0.1/x"),
            ("http://0x7f.1", "http://127.0.0.1/"),
            ("http://user:pw@other.example/x", "http://other.example/x"),
            ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
            ("http://xn--a/", "!"),
            ("http:d", "http://h.example:81/a/b/d"),
            ("http:/d", "http://h.example:81/d"),
            ("https:d", "https://d/"),
            ("https:///d", "https://d/"),
            ("http://", "!"),
            ("//", "!"),
            // The URL Standard says http://d/; the `url` crate does not follow it there, and `join` is the
            // law.
            ("///d", "!"),
            ("mailto:a@b", "!"),
            ("javascript:void(0)", "!"),
            ("JavaScript:'x'", "!"),
            ("data:text/html,<a>", "!"),
            ("a:b", "!"),
            ("1a:b", "http://h.example:81/a/b/1a:b"),
            (":b", "http://h.example:81/a/b/:b"),
            ("a_b:c", "http://h.example:81/a/b/a_b:c"),
            ("d/e:f", "http://h.example:81/a/b/d/e:f"),
            ("d?e:f", "http://h.example:81/a/b/d?e:f"),
            ("\0d", "http://h.example:81/a/b/d"),
            ("d\u{fffd}", "http://h.example:81/a/b/d%EF%BF%BD"),
        ] {
            let (resolved, joined) = both(base, reference);
            assert_eq!(joined, want, "join of {reference:?}");
            assert_eq!(resolved, want, "resolve of {reference:?}");
        }
    }

    #[test]
    fn the_limit_on_length_is_join_s() {
        for extra in [URL_BYTES_MAX - 1, URL_BYTES_MAX, URL_BYTES_MAX + 1] {
            let reference = format!("/{}", "x".repeat(extra - "http://a/".len()));
            let (resolved, joined) = both("http://a/", &reference);
            assert_eq!(resolved, joined);
            assert_eq!(resolved == "!", extra > URL_BYTES_MAX, "{extra}");
        }
    }

    #[test]
    fn equals_join_on_the_url_standard_s_own_cases() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora/urls/cc-wpt-urltestdata.json");
        let Ok(text) = std::fs::read_to_string(path) else {
            println!("corpus absent, nothing compared");
            return;
        };
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        let mut compared = 0;
        for row in rows.iter().filter_map(|row| row.get("input")?.as_str()) {
            for base in ["http://example.org/foo/bar", "https://test:@h/a//b/../c?d", "http://[::1]:81"] {
                let (resolved, joined) = both(base, row);
                assert_eq!(resolved, joined, "{row:?} against {base}");
                compared += 1;
            }
        }
        for row in &rows {
            let (Some(base), Some(input)) = (row.get("base").and_then(|b| b.as_str()), row.get("input"))
            else {
                continue;
            };
            if CanonicalUrl::parse(base).is_ok() {
                let input = input.as_str().unwrap();
                let (resolved, joined) = both(base, input);
                assert_eq!(resolved, joined, "{input:?} against {base}");
                compared += 1;
            }
        }
        assert!(compared > 1000, "only {compared} cases: has the corpus changed its shape?");
    }

    /// Pieces that references are made of: put together at random they meet every branch of both roads.
    fn soup() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => proptest::sample::select(vec![
                "http", "https", "HTTP", "ftp", ":", "/", "//", "///", "?", "#", "\\", "@", "%", "%2e", "%2E",
                ".", "..", "../", "./", "/.", "/..", "a", "B", "0", "-", "--", "xn--", "_", "~", "&", "=", ";",
                "+", "'", "\"", "<", "[", "]", "{", "|", "^", "`", " ", "\t", "\n", "\r", "\0", "é", "\u{fffd}",
                "/c:/", "www.a.example", "a.b", "127.1", "0x7f.1", "[::1]", ":80", ":443", ":81", "user@", "\u{ad}", "ß",
            ]).prop_map(str::to_owned),
            1 => "[a-z0-9./-]{1,12}",
            1 => any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn equals_join(
            base in "https?://(h|h\\.example|127\\.0\\.0\\.1|\\[::1\\])(:81)?(/[a-z.%:]{0,3}){0,4}(\\?[a-z/]{0,3})?",
            reference in soup(),
        ) {
            let (resolved, joined) = both(&base, &reference);
            prop_assert_eq!(resolved, joined);
        }

        #[test]
        fn equals_join_on_host_names(host in "[a-z0-9.-]{1,14}", rest in "(/[a-z.]{0,3}){0,3}") {
            for scheme in ["", "http:", "https:"] {
                let (resolved, joined) = both("https://b.example/x/y", &format!("{scheme}//{host}{rest}"));
                prop_assert_eq!(resolved, joined);
            }
        }
    }
}
