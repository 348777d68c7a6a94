//! The shape of a URL: what is left of it without its numbers, random tokens and values.
//!
//! Owns how URLs are told to be alike, in three widths:
//!
//! | width | of `http://a.example/shop/4711/red?size=xl&page=2` | |
//! |---|---|---|
//! | template | `a.example/shop/N/red?page&size` | absent where nothing in the URL varies |
//! | path | `a.example/shop/N/` | up to the first segment that is nothing but a variable, or to the query |
//! | host | `a.example` | `*.a.example`, where the domain has many hosts |
//!
//! Decides nothing about what is alike.

use dragline_model::CanonicalUrl;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::domain::domain;

/// The widths, from the narrowest.
pub(super) const WIDTHS: usize = 3;
pub(super) const TEMPLATE: usize = 0;
pub(super) const PATH: usize = 1;
pub(super) const HOST: usize = 2;

/// Letters and digits in one token that is drawn by chance, at least: shorter ones may be words.
const HEX_LENGTH_MIN: usize = 8;
const RANDOM_LENGTH_MIN: usize = 12;
/// The lengths of a UUID's parts.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// How coarsely a template is looked at: a host or a path that has too many of them has none that mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grain {
    /// Its domain has so many hosts that they are one.
    pub hosts: bool,
    /// Its host has so many templates that all under one first segment are one.
    pub segments: bool,
}

/// One URL's shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The template; the wider ones are its beginning.
    text: String,
    /// Where each width ends in the text; none, where there is no such width.
    ends: [Option<usize>; WIDTHS],
}

impl Shape {
    pub(super) fn of(url: &CanonicalUrl, grain: Grain) -> Self {
        let mut text = String::with_capacity(64);
        if grain.hosts {
            text.push_str("*.");
            text.push_str(domain(url.host()));
        } else {
            text.push_str(url.authority());
        }
        let host = text.len();
        let (path, query) = match url.path_and_query().split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url.path(), None),
        };
        let (mut varies, mut path_end) = (false, None);
        for (n, segment) in path.split('/').skip(1).enumerate() {
            text.push('/');
            let start = text.len();
            varies |= push_segment(&mut text, segment);
            if path_end.is_none() && matches!(&text[start..], "N" | "*") {
                path_end = Some(text.len());
            }
            if n == 0 && grain.segments && path.len() > segment.len() + 1 {
                text.push_str("/…");
                varies = true;
                break;
            }
        }
        if let Some(query) = query {
            varies = true;
            path_end = path_end.or(Some(text.len()));
            push_keys(&mut text, query);
        }
        let template = varies.then_some(text.len());
        Self { text, ends: [template, path_end, Some(host)] }
    }

    /// The template is the path: it has too many of them to tell apart.
    pub(super) fn by_path(mut self) -> Self {
        if let Some(end) = self.ends[PATH] {
            self.text.truncate(end);
            self.text.push('…');
            self.ends[TEMPLATE] = Some(self.text.len());
        }
        self
    }

    /// What it looks like in one width.
    pub(super) fn text(&self, width: usize) -> Option<&str> {
        self.ends[width].map(|end| &self.text[..end])
    }

    /// What it is known by in one width.
    pub(super) fn key(&self, width: usize) -> Option<u64> {
        self.text(width).map(|text| xxh3_64_with_seed(text.as_bytes(), width as u64))
    }

    /// There is a random token in it: it makes a site's pages new without end.
    pub(super) fn is_random(&self, width: usize) -> bool {
        self.text(width).is_some_and(|text| text.contains('*'))
    }
}

/// Appends a segment's shape; true if anything in it varies.
pub(super) fn push_segment(text: &mut String, segment: &str) -> bool {
    let mut varies = false;
    let mut rest = segment;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(length) = uuid(rest) {
            text.push('*');
            varies = true;
            rest = &rest[length..];
            continue;
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        varies |= push_token(text, &rest[..length]);
        rest = &rest[length..];
    }
    text.push_str(rest);
    varies
}

fn push_token(text: &mut String, token: &str) -> bool {
    if is_random(token) {
        text.push('*');
        return true;
    }
    let mut varies = false;
    for c in token.chars() {
        if !c.is_ascii_digit() {
            text.push(c);
        } else if !varies || !text.ends_with('N') {
            text.push('N');
            varies = true;
        }
    }
    varies
}

/// Letters and digits that nobody would choose.
pub(super) fn is_random(token: &str) -> bool {
    let bytes = token.as_bytes();
    let count = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let digits = count(u8::is_ascii_digit);
    if digits == bytes.len() {
        return false;
    }
    let is_hex = bytes.len() >= HEX_LENGTH_MIN && digits >= 2 && bytes.iter().all(u8::is_ascii_hexdigit);
    is_hex || bytes.len() >= RANDOM_LENGTH_MIN && digits >= 2 && changes(bytes) >= bytes.len() / 4
}

/// How often digits follow letters or letters digits, or the case changes to upper.
fn changes(bytes: &[u8]) -> usize {
    let class = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count()
}

/// The length of the UUID that a text begins with.
pub(super) fn uuid(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    for (n, length) in UUID.iter().enumerate() {
        if n > 0 {
            at += 1;
            if bytes.get(at - 1) != Some(&b'-') {
                return None;
            }
        }
        if !bytes.get(at..at + length)?.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        at += length;
    }
    let is_end = bytes.get(at).is_none_or(|next| !next.is_ascii_alphanumeric());
    is_end.then_some(at)
}

/// Appends a query's names, sorted, each once; a value that is random is shown as such.
fn push_keys(text: &mut String, query: &str) {
    let mut keys: Vec<(&str, bool)> = query
        .split(['&', ';'])
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| {
            (key, uuid(value).is_some() || value.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random))
        })
        .collect();
    keys.sort_unstable_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
    keys.dedup_by_key(|(key, _)| *key);
    let mut mark = '?';
    for (key, is_random) in keys {
        text.push(mark);
        push_segment(text, key);
        if is_random {
            text.push_str("=*");
        }
        mark = '&';
    }
    if mark == '?' {
        text.push('?');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Grain = Grain { hosts: false, segments: false };

    fn shape(url: &str, grain: Grain) -> [Option<String>; WIDTHS] {
        let shape = Shape::of(&CanonicalUrl::parse(&format!("http://{url}")).unwrap(), grain);
        std::array::from_fn(|width| shape.text(width).map(str::to_owned))
    }

    #[test]
    fn shapes_in_three_widths() {
        for (url, template, path) in [
            ("a.example/", "", ""),
            ("a.example/docs/library/os.html", "", ""),
            ("a.example/api/v2/pokemon/25/", "a.example/api/vN/pokemon/N/", "a.example/api/vN/pokemon/N"),
            ("a.example/2031/05/17/", "a.example/N/N/N/", "a.example/N"),
            ("a.example/cal/2031-05-17", "a.example/cal/N-N-N", ""),
            ("a.example/page-12.html", "a.example/page-N.html", ""),
            ("a.example/x?b=1&a=2&b=3", "a.example/x?a&b", "a.example/x"),
            ("a.example/x?", "a.example/x?", "a.example/x"),
            ("a.example/x?4711", "a.example/x?N", "a.example/x"),
            ("a.example/s/9f86d081884c7d65/x", "a.example/s/*/x", "a.example/s/*"),
            ("a.example/u/0b5cf9a0-3d2e-4f6b-9c1d-2e3f4a5b6c7d/", "a.example/u/*/", "a.example/u/*"),
            ("a.example/x;jsessionid=1A2B3C4D5E6F", "a.example/x;jsessionid=*", ""),
            ("a.example/x?sid=q8fjw2kx9a1b", "a.example/x?sid=*", "a.example/x"),
            ("a.example/x?name=antidisestablishment", "a.example/x?name", "a.example/x"),
            ("a.example:81/1", "a.example:81/N", "a.example:81/N"),
        ] {
            let host = url.split('/').next().map(str::to_owned);
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            assert_eq!(shape(url, FINE), [some(template), some(path), host], "{url}");
        }
    }

    #[test]
    fn coarser_shapes() {
        let hosts = Grain { hosts: true, segments: false };
        assert_eq!(shape("x7.a.co.uk/1", hosts)[0].as_deref(), Some("*.a.co.uk/N"));
        assert_eq!(shape("x7.a.co.uk/", hosts), [None, None, Some("*.a.co.uk".into())]);
        let segments = Grain { hosts: false, segments: true };
        assert_eq!(shape("a.example/x/y/z?q=1", segments)[0].as_deref(), Some("a.example/x/…?q"));
        assert_eq!(shape("a.example/x", segments)[0], None);
        let by_path = Shape::of(&CanonicalUrl::parse("http://a.example/x?a=1&b=2").unwrap(), FINE).by_path();
        assert_eq!(by_path.text(TEMPLATE), Some("a.example/x…"));
        assert_eq!(by_path.text(PATH), Some("a.example/x"));
    }

    #[test]
    fn words_are_not_random() {
        for word in [
            "internationalization",
            "HTMLParagraphElement",
            "iphone15promax",
            "covid19",
            "v1beta1",
            "20310517",
            "mp3player",
        ] {
            assert!(!is_random(word), "{word}");
        }
        for token in ["9f86d081884c7d65", "1A2B3C4D5E6F", "q8fjw2kx9a1b", "dQw4w9WgXcQ1"] {
            assert!(is_random(token), "{token}");
        }
    }

    proptest::proptest! {
        #[test]
        fn numbers_do_not_change_a_shape(a in 0u64..100_000, b in 0u64..100_000, path in "[a-z/]{0,12}") {
            let of = |n: u64| shape(&format!("a.example/{path}{n}/x-{n}?p={n}"), FINE);
            proptest::prop_assert_eq!(of(a), of(b));
        }
    }
}
