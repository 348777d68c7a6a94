//! The strings of a JSON document (RFC 8259), one document or many.
//!
//! Owns the walk: which strings are values, where they stand, and where the document is broken. Never builds a value
//! and never recurses: what is open costs one bit, so depth is bounded by the document alone.

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;

use memchr::{memchr, memchr2, memchr3, memrchr};

use crate::pointer::JsonPointers;

mod place;
use place::{Here, Place};

/// Where a document is broken, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken {
    /// Bytes in front of the fault.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "broken JSON at byte {}: {}", self.at, self.what)
    }
}

/// Hands over the string values that begin as a URL might, in order, until `found` breaks: all of them, or those that
/// the pointers lead to. The first fault, if there is one; what stands before it is handed over.
///
/// Documents may follow on each other. Where each is a line (`lines`), one that is broken does not end the walk.
pub(crate) fn read(
    bytes: &[u8],
    lines: bool,
    pointers: Option<&JsonPointers>,
    mut found: impl FnMut(&str) -> ControlFlow<()>,
) -> Option<Broken> {
    let walk_from =
        |at| Walk { bytes, at, begun: at, lines, place: Place::new(pointers), state: State::Value };
    let mut walk = walk_from(0);
    let mut first = None;
    loop {
        let Err(broken) = walk.run(&mut found) else { return first };
        first.get_or_insert(broken);
        if !lines {
            return first;
        }
        // A document that was not closed shows only in a line behind it: that one is tried by itself, once.
        let line = memrchr(b'\n', &bytes[..walk.at]).map_or(0, |end| end + 1);
        walk = if line > walk.begun {
            walk_from(line)
        } else {
            let Some(end) = memchr(b'\n', &bytes[walk.at..]) else { return first };
            walk_from(walk.at + end + 1)
        };
    }
}

/// The whole of a text is a URL, as far as JSON documents have them: absolute, or a path from the root, and without a
/// blank or a control character.
pub(crate) fn is_url(text: &str) -> bool {
    let starts = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
            && text.len() > scheme.len()
    };
    (starts("http://") || starts("https://") || (text.starts_with('/') && text.len() > 1))
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Value,
    /// Or the end of the array.
    FirstValue,
    Key,
    /// Or the end of the object.
    FirstKey,
    /// A comma, or the end of what is open.
    After,
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the document that is being read begins.
    begun: usize,
    lines: bool,
    place: Place<'a>,
    state: State,
}

impl<'a> Walk<'a> {
    /// Walks to the end, or until `found` breaks.
    fn run(&mut self, found: &mut impl FnMut(&str) -> ControlFlow<()>) -> Result<ControlFlow<()>, Broken> {
        loop {
            self.skip_blanks();
            let Some(byte) = self.bytes.get(self.at).copied() else { return self.end() };
            match (self.state, byte) {
                (State::Value | State::FirstValue, b'"') => {
                    let here = self.place.here();
                    let string = self.string()?;
                    self.state = State::After;
                    if matches!(here, Here::Inside)
                        && string.may_be_url()
                        && let Some(text) = string.text()
                        && found(&text).is_break()
                    {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                (State::Value | State::FirstValue, b'{' | b'[') => {
                    self.place.open(byte == b'{');
                    self.state = if byte == b'{' { State::FirstKey } else { State::FirstValue };
                    self.at += 1;
                }
                (State::FirstValue, b']') | (State::FirstKey, b'}') => self.close(),
                (State::Value | State::FirstValue, _) => self.literal()?,
                (State::Key | State::FirstKey, b'"') => {
                    let key = self.string()?;
                    self.place.key(|| key.text());
                    self.skip_blanks();
                    if self.bytes.get(self.at) != Some(&b':') {
                        return Err(self.broken("a colon should be here"));
                    }
                    self.at += 1;
                    self.state = State::Value;
                }
                (State::Key | State::FirstKey, _) => {
                    return Err(self.broken("the name of a member should be here"));
                }
                // Another document.
                (State::After, _) if self.place.depth() == 0 => {
                    self.state = State::Value;
                    self.begun = self.at;
                }
                (State::After, b',') => {
                    self.state = if self.place.is_object() { State::Key } else { State::Value };
                    self.place.comma();
                    self.at += 1;
                }
                (State::After, b'}') if self.place.is_object() => self.close(),
                (State::After, b']') if !self.place.is_object() => self.close(),
                (State::After, _) => {
                    return Err(self.broken("a comma or the end of what is open should be here"));
                }
            }
        }
    }

    fn end(&self) -> Result<ControlFlow<()>, Broken> {
        if self.place.depth() > 0 {
            return Err(self.broken("the document ends before what is open in it"));
        }
        Ok(ControlFlow::Continue(()))
    }

    fn close(&mut self) {
        self.place.close();
        self.state = State::After;
        self.at += 1;
    }

    fn skip_blanks(&mut self) {
        // A record separator begins each document of a sequence (RFC 7464).
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x1e);
        let rest = &self.bytes[self.at..];
        self.at += rest.iter().position(|byte| !is_blank(byte)).unwrap_or(rest.len());
    }

    /// Past a string, whose opening quote is here.
    fn string(&mut self) -> Result<Text<'a>, Broken> {
        let open = self.at;
        let mut at = open + 1;
        let mut has_escapes = false;
        loop {
            let rest = self.bytes.get(at..).unwrap_or_default();
            // A line's string ends with the line, or one that is not closed would take the next line with it.
            let next =
                if self.lines { memchr3(b'"', b'\\', b'\n', rest) } else { memchr2(b'"', b'\\', rest) };
            match next.map(|next| (at + next, rest[next])) {
                Some((end, b'"')) => {
                    self.at = end + 1;
                    return Ok(Text { quoted: &self.bytes[open..=end], has_escapes });
                }
                Some((escape, b'\\')) => {
                    has_escapes = true;
                    at = escape + 2;
                }
                _ => return Err(self.broken("the string that begins here is not closed")),
            }
        }
    }

    /// Past a number or a word.
    fn literal(&mut self) -> Result<(), Broken> {
        let rest = &self.bytes[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let word = &rest[..rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())];
        let is_number = word.first().is_some_and(|first| first.is_ascii_digit() || *first == b'-');
        // Neither of the last two is JSON; several writers of it do not care.
        if !is_number && !matches!(word, b"true" | b"false" | b"null" | b"NaN" | b"Infinity") {
            return Err(self.broken("a value should be here"));
        }
        self.at += word.len();
        self.state = State::After;
        Ok(())
    }

    fn broken(&self, what: &'static str) -> Broken {
        Broken { at: self.at, what }
    }
}

/// A string as it is written.
struct Text<'a> {
    /// With its quotes.
    quoted: &'a [u8],
    has_escapes: bool,
}

impl<'a> Text<'a> {
    /// Its first byte is not that of something else.
    fn may_be_url(&self) -> bool {
        matches!(self.quoted[1], b'/' | b'h' | b'H' | b'\\')
    }

    /// What it stands for; `None` where that is no text.
    fn text(&self) -> Option<Cow<'a, str>> {
        if self.has_escapes {
            return serde_json::from_slice::<String>(self.quoted).ok().map(Cow::Owned);
        }
        std::str::from_utf8(&self.quoted[1..self.quoted.len() - 1]).ok().map(Cow::Borrowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The URLs, then the fault.
    fn all(text: &str, lines: bool, pointers: Option<&[&str]>) -> Vec<String> {
        let pointers = pointers.map(|pointers| JsonPointers::parse(pointers.iter().copied()).unwrap());
        let mut out = Vec::new();
        let broken = read(text.as_bytes(), lines, pointers.as_ref(), |text| {
            if is_url(text) {
                out.push(text.to_owned());
            }
            ControlFlow::Continue(())
        });
        out.extend(broken.map(|broken| format!("{}: {}", broken.at, broken.what)));
        out
    }

    #[test]
    fn strings_that_are_urls() {
        for (text, want) in [
            ("http://h/x", true),
            ("HTTPS://h", true),
            ("//h/x", true),
            ("/x", true),
            ("/x?a=b#c", true),
            ("/ä", true),
            ("http://", false),
            ("/", false),
            ("", false),
            ("/a b", false),
            ("/a\u{a0}b", false),
            ("/a\n", false),
            (" /a", false),
            ("x/y", false),
            ("httpx://h", false),
            ("ftp://h/", false),
            ("see http://h/", false),
        ] {
            assert_eq!(is_url(text), want, "{text:?}");
        }
    }

    #[test]
    fn values_and_not_names() {
        for (text, want) in [
            ("", &[][..]),
            ("\"/a\"", &["/a"]),
            (
                "{\"/n\":\"/a\",\"x\":[1,-2.5e3,true,false,null,\"/b\",{\"y\":\"/c\"},[],{}],\"z\":\"n\"}",
                &["/a", "/b", "/c"],
            ),
            (
                "[\"\\/a\\u0026\\u00e4\\/\",\"\\u0068ttp:\\/\\/h\\/\",\"/\\ud800\",\"/x\\\"y\\\\\"]",
                &["/a&ä/", "http://h/", "/x\"y\\"],
            ),
            ("\u{1e}{\"a\":\"/a\"}\n\u{1e}{\"a\":\"/b\"}\n", &["/a", "/b"]),
            ("\"/a\"\"/b\" [\"/c\"]", &["/a", "/b", "/c"]),
            ("[NaN, Infinity, -Infinity, \"/a\"]", &["/a"]),
        ] {
            assert_eq!(all(text, false, None), want, "{text}");
            assert_eq!(all(text, true, None), want, "{text}");
        }
    }

    #[test]
    fn broken_documents_give_what_stands_before_the_fault() {
        for (text, want) in [
            ("[\"/a\",\"/b", &["/a", "6: the string that begins here is not closed"][..]),
            ("[\"/a\",", &["/a", "6: the document ends before what is open in it"]),
            ("{\"a\":\"/a\",\"b\"", &["/a", "13: a colon should be here"]),
            ("{\"a\":\"/a\",}", &["/a", "10: the name of a member should be here"]),
            ("[\"/a\"}", &["/a", "5: a comma or the end of what is open should be here"]),
            ("{\"a\":\"/a\"]", &["/a", "9: a comma or the end of what is open should be here"]),
            ("[\"/a\" \"/b\"]", &["/a", "6: a comma or the end of what is open should be here"]),
            ("[\"/a\",]", &["/a", "6: a value should be here"]),
            ("[\"/a\"],", &["/a", "6: a value should be here"]),
            ("<html>", &["0: a value should be here"]),
            ("[\"/a\\", &["1: the string that begins here is not closed"]),
            ("nul", &["0: a value should be here"]),
        ] {
            assert_eq!(all(text, false, None), want, "{text}");
        }
    }

    #[test]
    fn a_broken_line_does_not_end_the_walk() {
        let text = "{\"a\":\"/a\"}\n{\"a\":\"/b\",\"b\":\"/c\nx\n[[{\n{\"a\":\"/d\"}\n";
        assert_eq!(
            all(text, true, None),
            ["/a", "/b", "/d", "25: the string that begins here is not closed"]
        );
        assert_eq!(
            all(text, true, Some(&["/a"])),
            ["/a", "/b", "/d", "25: the string that begins here is not closed"]
        );
        assert_eq!(
            all("[\n[\n[\"/a\"\n]", true, None),
            ["/a", "11: the document ends before what is open in it"]
        );
        // A document over several lines is no fault.
        assert_eq!(all("{\n\"a\":\n\"/a\"}\n{\"a\":\"/b\"}", true, None), ["/a", "/b"]);
    }

    #[test]
    fn pointers_choose() {
        let text = "{\"next\":\"/n\",\"results\":[{\"url\":\"/1\",\"n\":\"/x\"},{\"n\":{\"url\":\"/y\"},\"url\":\"/2\"}],\
                    \"a/b\":{\"c\":[\"/3\",{\"d\":\"/4\"}]},\"\\u0065\":\"/5\"}";
        for (pointers, want) in [
            (&["/next"][..], &["/n"][..]),
            (&["/results/*/url"], &["/1", "/2"]),
            (&["/results/1/url"], &["/2"]),
            (&["/results/1"], &["/y", "/2"]),
            (&["/a~1b"], &["/3", "/4"]),
            (&["/a~1b/c/1/d", "/next"], &["/n", "/4"]),
            (&["/e"], &["/5"]),
            (&["/*"], &["/n", "/1", "/x", "/y", "/2", "/3", "/4", "/5"]),
            (&["/*/*/url"], &["/1", "/2"]),
            (&[""], &["/n", "/1", "/x", "/y", "/2", "/3", "/4", "/5"]),
            (&["/results/url"], &[]),
            (&["/0"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(all(text, false, Some(pointers)), want, "{pointers:?}");
        }
        assert_eq!(all("\"/a\" [\"/b\"] \"/c\"", false, Some(&[""])), ["/a", "/b", "/c"]);
        assert_eq!(all("[\"/a\",[\"/b\",\"/c\"],\"/d\"]", false, Some(&["/1/1", "/2"])), ["/c", "/d"]);
        assert_eq!(all("{\"a\":[\"/x\"],\"b\":\"/y\",\"c\":[[\"/z\"]]}", false, Some(&["/c/0/0"])), ["/z"]);
    }

    #[test]
    fn depth_is_no_matter() {
        let many = 1_000_000;
        let text = "[{\"a\":".repeat(many) + "\"/a\"" + &"}]".repeat(many);
        assert_eq!(all(&text, false, None), ["/a"]);
        let deep = "/0/a".repeat(32);
        assert_eq!(all(&text, false, Some(&[&deep])), ["/a"]);
        assert_eq!(all(&"[".repeat(many), false, Some(&["/0/0"])).len(), 1);
    }

    fn strings(value: &serde_json::Value, out: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) if is_url(text) => out.push(text.clone()),
            serde_json::Value::Array(elements) => elements.iter().for_each(|element| strings(element, out)),
            serde_json::Value::Object(members) => members.values().for_each(|member| strings(member, out)),
            _ => {}
        }
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            "(/|http://|)[a\"\\\\\u{e9}\u{1f600}\n/ ]{0,4}".prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(serde_json::Value::from),
                proptest::collection::vec(("[ab/~\"\u{e9}0]{0,2}", inner), 0..5)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// The path of a place, and the pointer to it.
    fn places(value: &serde_json::Value, path: &str, out: &mut Vec<String>) {
        out.push(path.to_owned());
        match value {
            serde_json::Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(at, element)| places(element, &format!("{path}/{at}"), out));
            }
            serde_json::Value::Object(members) => members.iter().for_each(|(name, member)| {
                places(member, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), out);
            }),
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn the_walk_sees_what_a_parser_sees(value in value()) {
            let mut want = Vec::new();
            strings(&value, &mut want);
            prop_assert_eq!(&all(&value.to_string(), false, None), &want);
            prop_assert_eq!(&all(&serde_json::to_string_pretty(&value).unwrap(), true, None), &want);
        }

        #[test]
        fn pointers_lead_where_they_lead_a_parser(value in value(), at in any::<proptest::sample::Index>()) {
            let mut all_places = Vec::new();
            places(&value, "", &mut all_places);
            let pointer = at.get(&all_places);
            let mut want = Vec::new();
            strings(value.pointer(pointer).unwrap(), &mut want);
            prop_assert_eq!(all(&value.to_string(), false, Some(&[pointer.as_str()])), want, "{}", pointer);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(proptest::sample::select(b"{}[]\",:\\/ah1\n \x80".to_vec()), 0..40), lines in any::<bool>()) {
            let pointers = JsonPointers::parse(["/a/*", "/1"]).unwrap();
            let strict = serde_json::from_slice::<serde_json::Value>(&bytes).is_ok();
            let broken = read(&bytes, lines, None, |_| ControlFlow::Continue(()));
            prop_assert!(!strict || broken.is_none());
            read(&bytes, lines, Some(&pointers), |_| ControlFlow::Continue(()));
        }
    }
}
