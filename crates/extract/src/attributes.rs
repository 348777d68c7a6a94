//! The inside of one tag: its attributes, and where it ends (HTML Standard §13.2.5.32–40).
//!
//! Owns two walks over the same grammar: [`Attributes`], which yields every attribute, and [`skip`], which
//! only finds the end and is several times faster. Never decodes a value, and never goes back: both are
//! linear.

use crate::find::{find, find_either};
use crate::names::is_blank;

/// A stretch of the document, as offsets: half the size of a slice, and a page is full of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Offsets fit in 32 bits since no more bytes than that are ever scanned (see `Source::of`).
    #[inline(always)]
    fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The bytes it stands for.
    #[inline(always)]
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// One attribute as written: the name in any case, the value without its quotes. No value is an empty one.
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: Span,
}

/// Where a tag ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    /// Just behind its `>`.
    pub(crate) at: usize,
    /// It ended in `/>`.
    pub(crate) self_closing: bool,
}

/// The attributes of one tag, in order, duplicates included.
pub(crate) struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
    end: Option<End>,
}

impl<'a> Attributes<'a> {
    /// `at` is just behind the tag's name.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, end: None }
    }

    /// How far the walk has come: between attributes, so that [`skip`] can go on from here.
    #[inline(always)]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// After the last attribute: the tag's end; `None` where the document ended first, and there is no tag.
    #[inline(always)]
    pub(crate) fn end(&self) -> Option<End> {
        self.end
    }

    fn close(&mut self, at: usize, self_closing: bool) {
        self.end = Some(End { at, self_closing });
        self.at = at;
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Attribute<'a>> {
        if self.end.is_some() {
            return None;
        }
        let bytes = self.bytes;
        let mut at = self.at;
        let mut slash = false;
        while let Some(byte) = bytes.get(at).filter(|byte| is_blank(**byte) || **byte == b'/') {
            slash = *byte == b'/';
            at += 1;
        }
        if *bytes.get(at)? == b'>' {
            self.close(at + 1, slash);
            return None;
        }
        // The first byte belongs to the name whatever it is, even a `=`.
        let name_start = at;
        at += 1;
        at += bytes[at..].iter().position(|byte| is_blank(*byte) || matches!(byte, b'/' | b'>' | b'='))?;
        let name = &bytes[name_start..at];
        let behind_blanks = after_blanks(bytes, at)?;
        if bytes[behind_blanks] != b'=' {
            self.at = behind_blanks;
            return Some(Attribute { name, value: Span::new(at, at) });
        }
        let start = after_blanks(bytes, behind_blanks + 1)?;
        let value = match bytes[start] {
            quote @ (b'"' | b'\'') => {
                let end = find(bytes, start + 1, quote)?;
                self.at = end + 1;
                Span::new(start + 1, end)
            }
            b'>' => {
                self.close(start + 1, false);
                Span::new(start, start)
            }
            _ => {
                self.at = start + bytes[start..].iter().position(|byte| ends_unquoted(*byte))?;
                Span::new(start, self.at)
            }
        };
        Some(Attribute { name, value })
    }
}

/// Just behind the `>` of a tag whose attributes nobody asks for; `None` where the document ends first.
///
/// Jumps from `=` to `=`: only a value can hide a `>`, and only a `=` begins one.
#[inline(always)]
pub(crate) fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    // Where the attribute that is being read may have begun.
    let mut segment = at;
    loop {
        let found = find_either(bytes, at, b'>', b'=')?;
        if bytes[found] == b'>' {
            return Some(found + 1);
        }
        at = found + 1;
        if begins_name(bytes, segment, found) {
            // The name's first byte: what follows is more of it.
            segment = at - 1;
            continue;
        }
        let start = after_blanks(bytes, at)?;
        at = match bytes[start] {
            quote @ (b'"' | b'\'') => find(bytes, start + 1, quote)? + 1,
            b'>' => return Some(start + 1),
            _ => start + bytes[start..].iter().position(|byte| ends_unquoted(*byte))?,
        };
        segment = at;
    }
}

/// A `=` with no name in front of it is itself the beginning of one (§13.2.5.32).
#[inline(always)]
fn begins_name(bytes: &[u8], segment: usize, equals: usize) -> bool {
    match bytes[segment..equals].iter().rposition(|byte| !is_blank(*byte)) {
        None => true,
        Some(last) => bytes[segment + last] == b'/',
    }
}

#[inline(always)]
fn after_blanks(bytes: &[u8], at: usize) -> Option<usize> {
    bytes[at..].iter().position(|byte| !is_blank(*byte)).map(|blanks| at + blanks)
}

#[inline(always)]
fn ends_unquoted(byte: u8) -> bool {
    is_blank(byte) || byte == b'>'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `name=value|…` and what is left behind the tag, or `EOF`.
    fn read(text: &str) -> String {
        let bytes = text.as_bytes();
        let mut attributes = Attributes::new(bytes, 0);
        let mut out = String::new();
        for attribute in attributes.by_ref() {
            out += &format!(
                "{}={}|",
                String::from_utf8_lossy(attribute.name),
                String::from_utf8_lossy(attribute.value.of(bytes))
            );
        }
        match attributes.end() {
            Some(end) => out + if end.self_closing { "/>" } else { ">" } + &text[end.at..],
            None => out + "EOF",
        }
    }

    #[test]
    fn attributes_as_the_tokenizer_sees_them() {
        for (text, want) in [
            (">x", ">x"),
            ("/>x", "/>x"),
            (" / >", ">"),
            ("/ />", "/>"),
            (" a>", "a=|>"),
            (" a=b>", "a=b|>"),
            (" a = b >", "a=b|>"),
            (" a='b>c'>", "a=b>c|>"),
            (" a=\"b'c\"d=e>", "a=b'c|d=e|>"),
            (" a=b/>", "a=b/|>"),
            (" a=b />", "a=b|/>"),
            (" a='b'/>", "a=b|/>"),
            (" a/b>", "a=|b=|>"),
            (" a=>x", "a=|>x"),
            (" a= >x", "a=|>x"),
            (" =a>", "=a=|>"),
            (" ==a>", "==a|>"),
            (" /=a=b>", "=a=b|>"),
            ("/==>'>x", "==|>'>x"),
            (" a='b'=c>", "a=b|=c=|>"),
            (" a =='b>'>", "a=='b|>'>"),
            (" a=b'c\"d>", "a=b'c\"d|>"),
            (" a\"b='c'>", "a\"b=c|>"),
            (" <=a>", "<=a|>"),
            ("", "EOF"),
            (" a", "EOF"),
            (" a=", "EOF"),
            (" a='b", "EOF"),
            (" a=b", "EOF"),
            (" a=b c='>", "a=b|EOF"),
        ] {
            assert_eq!(read(text), want, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn skipping_ends_where_reading_ends(text in "[a=/ '\"><\n]{0,24}") {
            let bytes = text.as_bytes();
            let mut attributes = Attributes::new(bytes, 0);
            attributes.by_ref().for_each(drop);
            prop_assert_eq!(skip(bytes, 0), attributes.end().map(|end| end.at));
        }
    }
}
