//! XML as sitemaps and feeds have it, well-formed or not.
//!
//! Owns the reading of it: elements, text, and the words for what is wrong. There is no document type: a reference
//! to an entity that is none of XML's own five is nothing, whatever has been declared, so nothing is ever fetched or
//! expanded. Namespaces are not resolved. Never goes back; memory is that of the names of open elements.

use std::borrow::Cow;

use encoding_rs::UTF_8;
use quick_xml::errors::IllFormedError;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error, Reader};

use crate::charset::Source;

/// Characters of a name that are quoted in words about a fault.
const QUOTED_MAX: usize = 40;

/// Walks over a document.
pub(crate) struct Xml<'a> {
    reader: Reader<&'a [u8]>,
    /// Elements that are open.
    depth: usize,
    /// The first thing that is wrong.
    fault: Option<String>,
}

/// What comes next.
pub(crate) enum Piece<'a> {
    /// An element begins.
    Open(Element<'a>),
    /// The element that was opened last, of those still open, ends.
    Close,
    /// Text, a part of it, or what a reference stands for.
    Text(Cow<'a, str>),
    /// There is nothing more that can be read. `mid_text`: the last text may go on behind the cut.
    End { mid_text: bool },
}

/// An element's tag.
pub(crate) struct Element<'a>(BytesStart<'a>);

impl<'a> Xml<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        // `?a=1&b=2` is the commonest fault of all.
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = false;
        config.check_end_names = true;
        Self { reader, depth: 0, fault: None }
    }

    /// Elements that are open, with the one that has just been opened.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// What is wrong, after the end.
    pub(crate) fn into_fault(self) -> Option<String> {
        self.fault
    }

    pub(crate) fn next(&mut self) -> Piece<'a> {
        loop {
            match self.reader.read_event() {
                Ok(Event::Start(start) | Event::Empty(start)) => {
                    self.depth += 1;
                    return Piece::Open(Element(start));
                }
                Ok(Event::End(_)) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Piece::Close;
                }
                Ok(Event::Text(text)) if !text.is_empty() => {
                    return Piece::Text(text.into_inner());
                }
                Ok(Event::CData(data)) => return Piece::Text(data.into_inner()),
                Ok(Event::GeneralRef(reference)) => {
                    if let Some(text) = meaning(&reference) {
                        return Piece::Text(text);
                    }
                }
                Ok(Event::Eof) => {
                    let is_cut = self.depth > 0;
                    if is_cut {
                        let at = self.reader.buffer_position();
                        self.fault(at, "the document ends before its elements do");
                    }
                    return Piece::End { mid_text: is_cut };
                }
                Ok(_) => {}
                Err(Error::IllFormed(fault)) => {
                    let is_close = matches!(fault, IllFormedError::MismatchedEndTag { .. });
                    self.fault(self.reader.error_position(), &words(&fault));
                    if is_close {
                        self.depth = self.depth.saturating_sub(1);
                        return Piece::Close;
                    }
                }
                Err(fault) => {
                    // Markup was begun: the text in front of it is whole.
                    self.fault(self.reader.error_position(), &fault.to_string());
                    return Piece::End { mid_text: false };
                }
            }
        }
    }

    fn fault(&mut self, at: u64, words: &str) {
        self.fault.get_or_insert_with(|| format!("broken XML at byte {at}: {words}"));
    }
}

impl Element<'_> {
    /// Its name without a prefix.
    pub(crate) fn local(&self) -> &str {
        self.parts().1
    }

    /// What stands before the colon of its name; empty where there is none.
    pub(crate) fn prefix(&self) -> &str {
        self.parts().0
    }

    fn parts(&self) -> (&str, &str) {
        let name = &self.0[..self.0.name().as_ref().len()];
        name.split_once(':').unwrap_or(("", name))
    }

    /// The value of the first attribute of a name, prefix and all, references replaced.
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.0.attributes();
        // The check for duplicates is quadratic.
        attributes.with_checks(false);
        let found = attributes.filter_map(Result::ok).find(|attribute| attribute.key.as_ref() == name)?;
        Some(unescaped(found.value))
    }
}

/// The local name of the root element; `None` where there is none. As XML has no other beginning, what is in front
/// of it is comments, declarations and blanks.
pub(crate) fn root(text: &str) -> Option<String> {
    let mut xml = Xml::new(text);
    loop {
        match xml.next() {
            Piece::Open(element) => return Some(element.local().to_ascii_lowercase()),
            Piece::Text(text) if text.trim_matches(is_padding).is_empty() => {}
            _ => return None,
        }
    }
}

/// Blanks of any alphabet, and what copying leaves beside a text.
pub(crate) fn is_padding(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}')
}

/// A document's text; what is not in its encoding becomes U+FFFD.
pub(crate) fn text<'a>(source: &'a Source<'_>) -> Cow<'a, str> {
    if source.encoding == UTF_8 {
        return String::from_utf8_lossy(&source.bytes);
    }
    source.encoding.decode_without_bom_handling(&source.bytes).0
}

/// What a reference stands for: a character, nothing, or itself where it cannot be meant as one.
fn meaning<'a>(reference: &BytesRef<'a>) -> Option<Cow<'a, str>> {
    if reference.is_char_ref() {
        return Some(reference.resolve_char_ref().ok()??.to_string().into());
    }
    if let Some(text) = predefined(reference) {
        return Some(text.into());
    }
    let is_name = reference.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'));
    (!is_name).then(|| format!("&{};", &**reference).into())
}

/// XML's own five entities (XML 1.0 §4.6).
fn predefined(name: &str) -> Option<&'static str> {
    Some(match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => return None,
    })
}

/// The text of an attribute's value.
fn unescaped(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains('&') {
        return value;
    }
    let mut out = String::with_capacity(value.len());
    let mut rest = &*value;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        // As in text: what is no reference is an ampersand.
        let end = behind.find([';', '&']).filter(|end| behind.as_bytes()[*end] == b';');
        match end {
            Some(end) => {
                out.push_str(&meaning(&BytesRef::new(&behind[..end])).unwrap_or_default());
                rest = &behind[end + 1..];
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out.into()
}

/// What is not well-formed. Names are the document's, and may be of any length and kind.
fn words(fault: &IllFormedError) -> String {
    let quoted = |name: &str| name.escape_debug().take(QUOTED_MAX).collect::<String>();
    match fault {
        IllFormedError::MismatchedEndTag { expected, found } => {
            format!("</{}> where </{}> should be", quoted(found), quoted(expected))
        }
        IllFormedError::UnmatchedEndTag(found) => format!("</{}> ends what never began", quoted(found)),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The walk over a document: `<name>`, `>`, text in quotes, and the fault.
    fn read(text: &str) -> String {
        let mut xml = Xml::new(text);
        let mut out = String::new();
        loop {
            match xml.next() {
                Piece::Open(element) => out += &format!("<{}", element.local()),
                Piece::Close => out += ">",
                Piece::Text(text) => out += &format!("'{text}'"),
                Piece::End { mid_text } => {
                    out += if mid_text { "…" } else { "." };
                    return out + &xml.into_fault().unwrap_or_default();
                }
            }
        }
    }

    #[test]
    fn documents_good_and_bad() {
        for (text, want) in [
            ("", "."),
            ("<a/>", "<a>."),
            ("\u{feff}\n<?xml version='1.0'?><!-- x --><p:a>b</p:a>", "'\n'<a'b'>."),
            ("<a>b<![CDATA[c&d<]]>e</a>", "<a'b''c&d<''e'>."),
            ("<a>&lt;&#43;&#x2b;&amp;</a>", "<a'<''+''+''&'>."),
            ("<a>x?b=1&c=2&d</a>", "<a'x?b=1''&c=2''&d'>."),
            ("<a>&x;&#0;&nbsp;|&b=2;</a>", "<a'|''&b=2;'>."),
            ("<a>b", "<a'b'…broken XML at byte 4: the document ends before its elements do"),
            (
                "<a>b</a",
                "<a'b'.broken XML at byte 4: syntax error: tag not closed: `>` not found before end of input",
            ),
            ("<a>b</c></a>", "<a'b'>.broken XML at byte 4: </c> where </a> should be"),
            ("</a><b/>", "<b>.broken XML at byte 0: </a> ends what never began"),
        ] {
            assert_eq!(read(text), want, "{text}");
        }
    }

    #[test]
    fn a_document_type_declares_nothing() {
        let text = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'><!ENTITY y '&x;&x;'><!ENTITY lt 'n'>]><a b='&y;&lt;'>&x;|&y;</a>";
        assert_eq!(read(text), "<a'|'>.");
        let mut xml = Xml::new(text);
        let Piece::Open(element) = xml.next() else { panic!("an element comes first") };
        assert_eq!(element.attribute("b").as_deref(), Some("<"));
    }

    #[test]
    fn attributes_as_written() {
        let text = "<x:a b='1' b='2' c:d=\"&amp;&#x41;&z;&y=2&\" e f=g/>";
        let Piece::Open(element) = Xml::new(text).next() else { panic!("an element comes first") };
        assert_eq!((element.prefix(), element.local()), ("x", "a"));
        assert_eq!(element.attribute("b").as_deref(), Some("1"));
        assert_eq!(element.attribute("c:d").as_deref(), Some("&A&y=2&"));
        assert_eq!(element.attribute("d"), None);
    }

    #[test]
    fn roots() {
        for (text, want) in [
            ("", None),
            ("text", None),
            ("text <a>", None),
            (" \u{feff}<?xml?><!DOCTYPE x><!-- <n> --><P:UrlSet>", Some("urlset")),
            ("<a", None),
        ] {
            assert_eq!(root(text).as_deref(), want, "{text}");
        }
    }
}
