//! One pattern for many URLs, as curl has it: `{a,b}`, `[1-100]`, `[001-100]`, `[a-z]`, `[0-100:10]`.
//!
//! Owns the grammar and the counting. Never holds the list: a URL is made when its turn comes.

use std::iter::FusedIterator;

use crate::{GatherError, call::shown};

/// Furthest that a range of letters reaches, as in curl: from `a` to `z`.
const LETTERS_SPAN_MAX: u64 = 25;

/// Most digits that a number is filled up to with zeros: as many as a URL has room for. More are no padding.
const WIDTH_MAX: usize = dragline_model::URL_BYTES_MAX;

/// Longest text in brackets that is looked at as an IPv6 address, in bytes; the longest there is has 45.
const IPV6_BYTES_MAX: usize = 64;

/// A pattern of URLs, and an iterator over them; the last part of the pattern turns fastest.
///
/// The grammar is curl's (its manual, "URL globbing"), tried against curl 7.88.1: `\` before one of `[]{}` makes
/// it an ordinary sign, and within braces before any sign; an IPv6 address in brackets is left alone, and so
/// is `[]`. One thing is stricter: a step is digits only (curl takes `+1`).
///
/// ```
/// use dragline_gather::Glob;
///
/// let urls: Vec<String> = Glob::parse("http://a.example/{x,y}/[08-10]")?.collect();
/// assert_eq!(urls[..3], ["http://a.example/x/08", "http://a.example/x/09", "http://a.example/x/10"]);
/// assert_eq!(urls.len(), 6);
/// # Ok::<(), dragline_gather::GatherError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Glob {
    parts: Vec<Part>,
    next: u64,
    count: u64,
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Set(Vec<String>),
    Numbers { from: u64, step: u64, count: u64, width: usize },
    Letters { from: u8, step: u8, count: u64 },
}

impl Glob {
    /// Reads a pattern. A text without braces and brackets is a pattern of one URL.
    pub fn parse(text: &str) -> Result<Self, GatherError> {
        let mut reader = Reader { text, at: 0 };
        let wrong = |Wrong { at, why }| GatherError::Glob(shown(text), text[..at].chars().count() + 1, why);
        let parts = reader.parts().map_err(wrong)?;
        let count = parts.iter().try_fold(1u64, |count, part| count.checked_mul(part.count()));
        let count = count.ok_or_else(|| wrong(Wrong { at: 0, why: "more URLs than can be counted" }))?;
        Ok(Self { parts, next: 0, count })
    }

    /// A text as it is: one URL, whatever signs are in it.
    pub fn literal(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())], next: 0, count: 1 }
    }

    /// How many URLs are still to come.
    pub fn left(&self) -> u64 {
        self.count - self.next
    }

    /// The URL at a place.
    fn url(&self, place: u64) -> String {
        let mut url = String::new();
        let mut others = self.count;
        let mut rest = place;
        for part in &self.parts {
            others /= part.count();
            part.write(rest / others, &mut url);
            rest %= others;
        }
        url
    }
}

impl Iterator for Glob {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.next == self.count {
            return None;
        }
        self.next += 1;
        Some(self.url(self.next - 1))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::try_from(self.left()).unwrap_or(usize::MAX), usize::try_from(self.left()).ok())
    }
}

impl FusedIterator for Glob {}

impl Part {
    /// How many texts it stands for; never 0.
    fn count(&self) -> u64 {
        match self {
            Part::Text(_) => 1,
            Part::Set(texts) => texts.len() as u64,
            Part::Numbers { count, .. } | Part::Letters { count, .. } => *count,
        }
    }

    /// Writes the text at a place, which is below the count.
    fn write(&self, place: u64, url: &mut String) {
        match self {
            Part::Text(text) => url.push_str(text),
            Part::Set(texts) => url.push_str(&texts[place as usize]),
            Part::Numbers { from, step, width, .. } => {
                url.push_str(&format!("{:0width$}", from + step * place, width = *width));
            }
            Part::Letters { from, step, .. } => url.push(char::from(from + step * place as u8)),
        }
    }
}

/// What is wrong with a pattern, and where, in bytes.
#[derive(Debug)]
struct Wrong {
    at: usize,
    why: &'static str,
}

/// A pattern on its way to parts.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn parts(&mut self) -> Result<Vec<Part>, Wrong> {
        let mut parts = Vec::new();
        let mut text = String::new();
        while let Some(sign) = self.peek() {
            let at = self.at;
            let part = match sign {
                '{' => self.set()?,
                '[' => match self.address() {
                    Some(address) => {
                        text.push_str(address);
                        continue;
                    }
                    None => self.range()?,
                },
                '}' => return Err(Wrong { at, why: "a } that no { goes before" }),
                ']' => return Err(Wrong { at, why: "a ] that no [ goes before" }),
                '\\' => {
                    self.take();
                    let escaped = self.peek().filter(|sign| "{}[]".contains(*sign));
                    text.push(escaped.map_or('\\', |_| self.take()));
                    continue;
                }
                _ => {
                    text.push(self.take());
                    continue;
                }
            };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(part);
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(parts)
    }

    /// `{a,b,c}`. Any of them may be empty, but not the only one.
    fn set(&mut self) -> Result<Part, Wrong> {
        let opened = self.at;
        self.take();
        let mut texts = vec![String::new()];
        loop {
            let at = self.at;
            let Some(sign) = self.peek() else { return Err(Wrong { at: opened, why: "a { without its }" }) };
            self.take();
            let sign = match sign {
                '}' if self.text[opened..].starts_with("{}") => {
                    return Err(Wrong { at: opened, why: "nothing within the braces" });
                }
                '}' => return Ok(Part::Set(texts)),
                '{' | '[' => return Err(Wrong { at, why: "a pattern within braces" }),
                ']' => return Err(Wrong { at, why: "a ] within braces" }),
                ',' => {
                    texts.push(String::new());
                    continue;
                }
                '\\' if self.peek().is_some() => self.take(),
                sign => sign,
            };
            if let Some(last) = texts.last_mut() {
                last.push(sign);
            }
        }
    }

    /// An IPv6 address in brackets, or nothing in brackets.
    fn address(&mut self) -> Option<&str> {
        let rest = &self.text[self.at..];
        let close = rest.bytes().take(IPV6_BYTES_MAX).position(|b| b == b']')?;
        let inner = &rest[1..close];
        // A zone (RFC 6874) is not part of the address.
        let address = inner.split('%').next().unwrap_or_default();
        if !inner.is_empty() && address.parse::<std::net::Ipv6Addr>().is_err() {
            return None;
        }
        self.at += close + 1;
        Some(&rest[..=close])
    }

    /// `[1-100]`, `[001-100]`, `[a-z]`, each with or without `:step`.
    fn range(&mut self) -> Result<Part, Wrong> {
        let at = self.at;
        let wrong = |why| Wrong { at, why };
        let rest = &self.text[at..];
        let close = rest.find(']').ok_or(wrong("a [ without its ]"))?;
        let inner = &rest[1..close];
        let (span, step) = match inner.split_once(':') {
            Some((span, step)) => (span, number(step).ok_or(wrong("the step of a range is a number"))?),
            None => (inner, 1),
        };
        let (from, to) = span.split_once('-').ok_or(wrong("a range is [1-100] or [a-z]"))?;
        self.at += close + 1;
        if let ([from @ (b'a'..=b'z' | b'A'..=b'Z')], [to]) = (from.as_bytes(), to.as_bytes()) {
            let count = count(u64::from(*from), u64::from(*to), step).map_err(wrong)?;
            if u64::from(to - from) > LETTERS_SPAN_MAX {
                return Err(wrong("a range of letters is of small ones or of large ones"));
            }
            return Ok(Part::Letters { from: *from, step: step as u8, count });
        }
        let width = if from.starts_with('0') { from.len() } else { 0 };
        if width > WIDTH_MAX {
            return Err(wrong("a number of more digits than a URL has room for (8,192)"));
        }
        // Blanks before the second number are curl's.
        let ends = (number(from), number(to.trim_start_matches([' ', '\t'])));
        let (Some(from), Some(to)) = ends else {
            return Err(wrong("a range is of numbers below 2^64, or of single letters"));
        };
        let count = count(from, to, step).map_err(wrong)?;
        Ok(Part::Numbers { from, step, count, width })
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    /// The sign that was peeked at.
    fn take(&mut self) -> char {
        let sign = self.peek().unwrap_or_default();
        self.at += sign.len_utf8();
        sign
    }
}

/// How many steps there are from one end to the other, both ends counted.
fn count(from: u64, to: u64, step: u64) -> Result<u64, &'static str> {
    let span = to.checked_sub(from).ok_or("a range goes upwards")?;
    match (span, step) {
        (_, 0) => Err("a step of 0 leads nowhere"),
        (0, 1) => Ok(1),
        (span, step) if step > span => Err("the step is longer than the range"),
        (u64::MAX, 1) => Err("more URLs than can be counted"),
        (span, step) => Ok(span / step + 1),
    }
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> String {
        match Glob::parse(text) {
            Ok(glob) if glob.left() > 12 => format!("{} URLs", glob.left()),
            Ok(glob) => {
                let urls: Vec<String> = glob.collect();
                urls.join(" ")
            }
            Err(GatherError::Glob(_, at, why)) => format!("! {at}: {why}"),
            Err(error) => panic!("{error}"),
        }
    }

    /// What curl 7.88.1 asks a server for, row by row; and where it refuses, that we do.
    #[test]
    fn as_curl_has_it() {
        for (text, want) in [
            ("/", "/"),
            ("", ""),
            ("/{a,b}", "/a /b"),
            ("/[1-3]", "/1 /2 /3"),
            ("/[008-012]", "/008 /009 /010 /011 /012"),
            ("/[a-c]", "/a /b /c"),
            ("/[A-C]", "/A /B /C"),
            ("/[Z-a]", "/Z /[ /\\ /] /^ /_ /` /a"),
            ("/[0-100:10]", "/0 /10 /20 /30 /40 /50 /60 /70 /80 /90 /100"),
            ("/[a-z:2]", "13 URLs"),
            ("/[a-c:2]", "/a /c"),
            ("/[1-10:3]", "/1 /4 /7 /10"),
            ("/{a,b}[1-2]", "/a1 /a2 /b1 /b2"),
            ("/[1-2]{x,y}[a-b]", "/1xa /1xb /1ya /1yb /2xa /2xb /2ya /2yb"),
            ("/a?x=[1-2]&y={p,q}#z", "/a?x=1&y=p#z /a?x=1&y=q#z /a?x=2&y=p#z /a?x=2&y=q#z"),
            ("/{a}", "/a"),
            ("/{a,}", "/a /"),
            ("/{,}", "/ /"),
            ("/[1-1]", "/1"),
            ("/[1-1:1]", "/1"),
            ("/[a-a]", "/a"),
            ("/[1- 3]", "/1 /2 /3"),
            ("/[01-3]", "/01 /02 /03"),
            ("/[1-03]", "/1 /2 /3"),
            ("/[0-3]", "/0 /1 /2 /3"),
            ("/[00-3]", "/00 /01 /02 /03"),
            ("/[9-011]", "/9 /10 /11"),
            ("/[18446744073709551614-18446744073709551615]", "/18446744073709551614 /18446744073709551615"),
            // Signs that stand for themselves.
            ("/\\{a\\}", "/{a}"),
            ("/\\[1-2\\]", "/[1-2]"),
            ("/x\\y", "/x\\y"),
            ("/{a,b}\\", "/a\\ /b\\"),
            ("/{a\\,b,c}", "/a,b /c"),
            ("/{a\\}b,c}", "/a}b /c"),
            ("/{\\a}", "/a"),
            ("http://[::1]:80/[1-2]", "http://[::1]:80/1 http://[::1]:80/2"),
            ("/[fe80::1]", "/[fe80::1]"),
            ("/[fe80::1%25eth0]", "/[fe80::1%25eth0]"),
            ("/[]", "/[]"),
            // Refused.
            ("/{}", "! 2: nothing within the braces"),
            ("/{a", "! 2: a { without its }"),
            ("/é/{a,b", "! 4: a { without its }"),
            ("/a}", "! 3: a } that no { goes before"),
            ("/a]", "! 3: a ] that no [ goes before"),
            ("/x\\\\{a,b}", "! 9: a } that no { goes before"),
            ("/[1-3]:2]", "! 9: a ] that no [ goes before"),
            ("/{a{b,c}}", "! 4: a pattern within braces"),
            ("/{a[1-2]}", "! 4: a pattern within braces"),
            ("/{a]b}", "! 4: a ] within braces"),
            ("/[1-", "! 2: a [ without its ]"),
            ("/[1-2", "! 2: a [ without its ]"),
            ("/[a-b", "! 2: a [ without its ]"),
            ("/[1]", "! 2: a range is [1-100] or [a-z]"),
            ("/[x]", "! 2: a range is [1-100] or [a-z]"),
            ("/[1.2.3.4]", "! 2: a range is [1-100] or [a-z]"),
            ("/[3-1]", "! 2: a range goes upwards"),
            ("/[a-Z]", "! 2: a range goes upwards"),
            ("/[A-z]", "! 2: a range of letters is of small ones or of large ones"),
            ("/[1-3:0]", "! 2: a step of 0 leads nowhere"),
            ("/[1-3:5]", "! 2: the step is longer than the range"),
            ("/[1-1:2]", "! 2: the step is longer than the range"),
            ("/[a-c:3]", "! 2: the step is longer than the range"),
            ("/[1-3:]", "! 2: the step of a range is a number"),
            ("/[1-3:x]", "! 2: the step of a range is a number"),
            ("/[a-c:-1]", "! 2: the step of a range is a number"),
            ("/[:]", "! 2: the step of a range is a number"),
            ("/[ 1-3]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[1-3 ]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[-1-3]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[1--3]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[a-]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[é-z]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[99999999999999999999-1]", "! 2: a range is of numbers below 2^64, or of single letters"),
            ("/[0-18446744073709551615]", "! 2: more URLs than can be counted"),
            ("/[1-100000000][1-100000000][1-100000000]", "! 1: more URLs than can be counted"),
        ] {
            assert_eq!(all(text), want, "{text}");
        }
    }

    #[test]
    fn zeros_are_as_many_as_a_url_has_room_for() {
        let glob = |zeros: usize| Glob::parse(&format!("/[{}-1]", "0".repeat(zeros)));
        let urls: Vec<String> = glob(WIDTH_MAX).unwrap().collect();
        assert!(urls.len() == 2 && urls.iter().all(|url| url.len() == 1 + WIDTH_MAX));
        for zeros in [WIDTH_MAX + 1, 65_536, 100_000] {
            let Err(GatherError::Glob(_, 2, why)) = glob(zeros) else { panic!("{zeros} zeros are too many") };
            assert_eq!(why, "a number of more digits than a URL has room for (8,192)");
        }
    }

    #[test]
    fn many_urls_are_no_list() {
        let mut glob = Glob::parse("http://a.test/[1-9999999999]/[1-100]").unwrap();
        assert_eq!(glob.left(), 999_999_999_900);
        assert_eq!(glob.nth(100).as_deref(), Some("http://a.test/2/1"));
        assert_eq!(glob.left(), 999_999_999_799);
        assert_eq!(Glob::literal("/{a}[").collect::<Vec<_>>(), ["/{a}["]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_none(text in "[\\[\\]{}\\\\,:0-9a-c é-]{0,24}") {
            if let Ok(glob) = Glob::parse(&text) {
                let count = glob.left();
                proptest::prop_assert!(count >= 1);
                if count <= 10_000 {
                    proptest::prop_assert_eq!(glob.count() as u64, count);
                }
            }
        }

        #[test]
        fn the_product_of_the_parts(sets in proptest::collection::vec("[a-z]{1,3}", 1..4), from in 0u64..50, span in 1u64..50, step in 1u64..50) {
            let step = step.min(span);
            let text = format!("/{{{}}}/[{from}-{}:{step}]", sets.join(","), from + span);
            let urls: Vec<String> = Glob::parse(&text).unwrap().collect();
            let want: Vec<String> = sets
                .iter()
                .flat_map(|set| (from..=from + span).step_by(step as usize).map(move |i| format!("/{set}/{i}")))
                .collect();
            // A first number of 0 has one digit, so its padding is none.
            proptest::prop_assert_eq!(urls, want);
        }
    }
}
