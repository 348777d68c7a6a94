//! Where in a URL there is a random token, and what the URL is without it.
//!
//! Owns what looks like a session's id. Whether it is one is not to be seen from a URL: [`sessions`](super::sessions)
//! has the proof.

use dragline_model::CanonicalUrl;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::shape::{is_random, push_segment, uuid};

/// Tokens of one URL that are looked at; a URL has a session, a document's name and perhaps a signature.
const SPOTS_MAX: usize = 3;
/// A number this long is no page's: it counts microseconds, or is drawn by chance.
const DIGITS_MIN: usize = 10;
/// Without a run of letters and digits this long there is no token.
const RUN_MIN: usize = 8;

/// A random token in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Where it is: `a.example?sid=*`, `a.example;jsessionid=*`, `a.example/shop/s/*`.
    pub text: String,
    /// The URL with anything in the token's place.
    pub stem: u64,
    /// The token.
    pub token: u32,
}

impl Spot {
    /// What its place is known by.
    pub(super) fn place(&self) -> u64 {
        xxh3_64(self.text.as_bytes())
    }

    /// The tokens of a URL, from its beginning.
    pub(super) fn all(url: &CanonicalUrl) -> Vec<Spot> {
        let text = url.path_and_query();
        let mut spots = Vec::new();
        if !text.split(|c: char| !c.is_ascii_alphanumeric()).any(has_digits) {
            return spots;
        }
        let mut found = |before: &str, name: &str, value: &str| {
            if spots.len() < SPOTS_MAX {
                spots.push(Spot::new(url, before, name, value));
            }
        };
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let mut before = String::new();
        for segment in path.split('/').skip(1) {
            let mut parts = segment.split(';');
            let first = parts.next().unwrap_or_default();
            before.push('/');
            if is_token(first, false) {
                found(&before, "", first);
            }
            push_segment(&mut before, first);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                if is_token(value, false) {
                    found("", &format!(";{name}="), value);
                }
            }
        }
        let pairs = query.into_iter().flat_map(|query| query.split(['&', ';']));
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            if is_token(value, true) {
                found("", &format!("?{name}="), value);
            }
        }
        spots
    }

    /// `value` is a part of the URL's text.
    fn new(url: &CanonicalUrl, before: &str, name: &str, value: &str) -> Self {
        let text = url.path_and_query();
        let at = value.as_ptr().addr() - text.as_ptr().addr();
        let (head, tail) = (&text[..at], &text[at + value.len()..]);
        let stem = xxh3_64_with_seed(head.as_bytes(), xxh3_64(url.authority().as_bytes()));
        Self {
            text: format!("{}{before}{name}*", url.authority()),
            stem: xxh3_64_with_seed(tail.as_bytes(), stem),
            token: xxh3_64(value.as_bytes()) as u32,
        }
    }
}

/// It may be a token, or have one in it: a quick look.
fn has_digits(run: &str) -> bool {
    run.len() >= RUN_MIN && run.bytes().filter(u8::is_ascii_digit).nth(1).is_some()
}

fn is_token(value: &str, may_be_number: bool) -> bool {
    uuid(value).is_some()
        || value.split(|c: char| !c.is_ascii_alphanumeric()).any(is_random)
        || may_be_number && value.len() >= DIGITS_MIN && value.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spots(url: &str) -> Vec<Spot> {
        Spot::all(&CanonicalUrl::parse(&format!("http://{url}")).unwrap())
    }

    #[test]
    fn tokens_are_found_where_sessions_are() {
        for (url, places) in [
            ("a.example/", &[][..]),
            ("a.example/docs/library/os.html?highlight=path", &[]),
            ("a.example/item/4711?page=2&id=123456", &[]),
            ("a.example/x?PHPSESSID=9f86d081884c7d65", &["a.example?PHPSESSID=*"]),
            ("a.example/x;jsessionid=1A2B3C4D5E6F?a=1", &["a.example;jsessionid=*"]),
            ("a.example/shop/7/s/9f86d081884c7d65/item/3", &["a.example/shop/N/s/*"]),
            ("a.example/(S(lit3py55t21z5v55vlm25s55))/x.aspx", &["a.example/*"]),
            ("a.example/x?_=1690000000123", &["a.example?_=*"]),
            (
                "a.example/u/0b5cf9a0-3d2e-4f6b-9c1d-2e3f4a5b6c7d/x?sid=q8fjw2kx9a1b",
                &["a.example/u/*", "a.example?sid=*"],
            ),
        ] {
            let found: Vec<String> = spots(url).into_iter().map(|spot| spot.text).collect();
            assert_eq!(found, places, "{url}");
        }
    }

    #[test]
    fn a_stem_is_all_but_the_token() {
        let one = |url: &str| spots(url).remove(0);
        let (a, b) =
            (one("a.example/x?sid=9f86d081884c7d65&p=1"), one("a.example/x?sid=1f86d081884c7d69&p=1"));
        assert_eq!((a.stem, a.place()), (b.stem, b.place()));
        assert_ne!(a.token, b.token);
        for other in [
            "a.example/x?sid=9f86d081884c7d65&p=2",
            "a.example/y?sid=9f86d081884c7d65&p=1",
            "b.example/x?sid=9f86d081884c7d65&p=1",
        ] {
            assert_ne!(one(other).stem, a.stem, "{other}");
        }
    }
}
