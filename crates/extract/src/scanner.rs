//! The walk over a document's bytes from tag to tag (HTML Standard §13.2.5, the tokenizer).
//!
//! Owns what is a tag and what is not. Never decodes, never builds a tree, never recurses, and looks at every
//! byte a fixed number of times: it is linear on any input.
//!
//! It sees the tags that the standard's tokenizer sees, with two differences, both towards more links: it
//! does not know that the tree builder ignores some tags where they stand (a `<frame>` outside of a
//! `<frameset>`), and it reads the content of `<template>` and `<noscript>` like any other.

use crate::attributes::{Attributes, Span, skip};
use crate::find::find;
use crate::foreign::{Content, Facts, Foreign};
use crate::names::{Element, Name, ends_name, is};
use crate::raw_text::{bogus_comment_end, cdata_end, comment_end, raw_text_end, script_end};

/// A start tag that may carry a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) element: Element,
    /// The value of [`Element::attribute`]; none of a `<meta>`.
    pub(crate) reference: Option<Span>,
    /// The value of `rel`; read for `<link>`, and for anchors where it was asked for.
    pub(crate) rel: Option<Span>,
}

/// Yields the tags that may carry links, in the order of the document. `ALL`: with images, and with the `rel` of
/// anchors. Few crawls ask for either, and the others are not to pay for them.
pub(crate) struct Scanner<'a, const ALL: bool> {
    bytes: &'a [u8],
    at: usize,
    foreign: Foreign<'a>,
    inside: usize,
}

impl<'a, const ALL: bool> Scanner<'a, ALL> {
    /// For a document in an encoding that keeps ASCII as it is.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, foreign: Foreign::default(), inside: 0 }
    }

    /// All attributes of the last tag, which was a `<link>` or a `<meta>`: they have more to say than a reference.
    pub(crate) fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.bytes, self.inside)
    }
}

impl<const ALL: bool> Iterator for Scanner<'_, ALL> {
    type Item = Tag;

    #[inline]
    fn next(&mut self) -> Option<Tag> {
        let bytes = self.bytes;
        loop {
            let open = find(bytes, self.at, b'<')?;
            let inside = open + 1;
            match *bytes.get(inside)? {
                byte if byte.is_ascii_alphabetic() => {
                    if let Some(tag) = self.start_tag(inside) {
                        return Some(tag);
                    }
                }
                b'/' => self.end_tag(inside + 1),
                b'!' => self.at = self.declaration_end(inside + 1),
                b'?' => self.at = bogus_comment_end(bytes, inside),
                // A mere `<`.
                _ => self.at = inside,
            }
        }
    }
}

impl<'a, const ALL: bool> Scanner<'a, ALL> {
    /// Reads a start tag whose name begins at `start`, and the raw text behind it.
    #[inline(always)]
    fn start_tag(&mut self, start: usize) -> Option<Tag> {
        let bytes = self.bytes;
        let (name, at) = name(bytes, start);
        if self.foreign.is_inside() {
            return self.start_tag_near_foreign(name, at);
        }
        match Name::of(name) {
            Name::Link(element) if ALL || !matches!(element, Element::Image | Element::Source) => {
                if matches!(element, Element::Link | Element::Meta) {
                    self.inside = at;
                }
                let (tag, end) = read_link::<ALL>(bytes, at, element);
                let Some(end) = end else { return self.finish() };
                self.at = end;
                self.skip_content(Name::Link(element));
                Some(tag)
            }
            Name::Foreign => self.start_tag_near_foreign(name, at),
            other => {
                self.at = skip(bytes, at).unwrap_or(bytes.len());
                self.skip_content(other);
                None
            }
        }
    }

    /// Past the content of an element that has no markup in it, and past the end tag that belongs to it.
    #[inline(always)]
    fn skip_content(&mut self, name: Name) {
        let bytes = self.bytes;
        let (end_tag, name) = match name {
            Name::RawText(name) => (raw_text_end(bytes, self.at, name), name),
            Name::Script => (script_end(bytes, self.at), &b"script"[..]),
            Name::Link(Element::Iframe) => (raw_text_end(bytes, self.at, b"iframe"), &b"iframe"[..]),
            Name::Plaintext => (bytes.len(), &b""[..]),
            Name::Other | Name::Foreign | Name::Link(_) => return,
        };
        let name_end = end_tag + b"</".len() + name.len();
        self.at = bytes.get(name_end..).and_then(|_| skip(bytes, name_end)).unwrap_or(bytes.len());
    }

    /// The same as [`Scanner::start_tag`] where foreign content begins or has begun: reads every attribute.
    #[cold]
    fn start_tag_near_foreign(&mut self, name: &'a [u8], at: usize) -> Option<Tag> {
        let bytes = self.bytes;
        let kind = Name::of(name);
        let mut tag = match kind {
            Name::Link(element) => Some(Tag { element, reference: None, rel: None }),
            _ => None,
        };
        self.inside = at;
        let mut facts = Facts::default();
        let mut attributes = Attributes::new(bytes, at);
        for attribute in attributes.by_ref() {
            if let Some(tag) = &mut tag {
                tag.take::<ALL>(attribute.name, attribute.value);
            }
            if [&b"color"[..], b"face", b"size"].iter().any(|styling| is(attribute.name, styling)) {
                facts.styled = true;
            } else if is(attribute.name, b"encoding") && facts.encoding.is_none() {
                facts.encoding = Some(attribute.value.of(bytes));
            }
        }
        let Some(end) = attributes.end() else { return self.finish() };
        facts.self_closing = end.self_closing;
        self.at = end.at;
        match self.foreign.start_tag(name, facts) {
            Content::Html => {
                self.skip_content(kind);
                tag
            }
            // SVG's links have the name and the attribute of HTML's; nothing else there is a link.
            Content::Foreign => tag.filter(|tag| tag.element == Element::Anchor),
        }
    }

    /// Reads what follows `</`.
    #[inline(always)]
    fn end_tag(&mut self, start: usize) {
        let bytes = self.bytes;
        if !bytes.get(start).is_some_and(u8::is_ascii_alphabetic) {
            // `</>` is nothing, and anything else a comment: both go to the next `>`.
            self.at = bogus_comment_end(bytes, start);
            return;
        }
        let (name, at) = name(bytes, start);
        self.at = skip(bytes, at).unwrap_or(bytes.len());
        if self.foreign.is_inside() {
            self.foreign.end_tag(name);
        }
    }

    /// Just behind what began with `<!`.
    fn declaration_end(&self, start: usize) -> usize {
        let rest = &self.bytes[start..];
        if rest.starts_with(b"--") {
            comment_end(self.bytes, start + 2)
        } else if rest.starts_with(b"[CDATA[") && self.foreign.allows_cdata() {
            cdata_end(self.bytes, start + 7)
        } else {
            bogus_comment_end(self.bytes, start)
        }
    }

    /// The document has ended inside of a tag, which is none then.
    fn finish(&mut self) -> Option<Tag> {
        self.at = self.bytes.len();
        None
    }
}

/// The `rel` of an element is read.
#[inline(always)]
fn has_rel<const ALL: bool>(element: Element) -> bool {
    element == Element::Link || (ALL && matches!(element, Element::Anchor | Element::Area))
}

impl Tag {
    /// Keeps an attribute where it is wanted and the first of its name.
    #[inline(always)]
    fn take<const ALL: bool>(&mut self, name: &[u8], value: Span) {
        if is(name, self.element.attribute::<ALL>()) {
            self.reference.get_or_insert(value);
        } else if has_rel::<ALL>(self.element) && is(name, b"rel") {
            self.rel.get_or_insert(value);
        }
    }

    /// Nothing more of it can be wanted.
    #[inline(always)]
    fn is_complete<const ALL: bool>(&self) -> bool {
        self.reference.is_some() && (!has_rel::<ALL>(self.element) || self.rel.is_some())
    }
}

/// The name that begins at `start`, and where it ends.
#[inline(always)]
fn name(bytes: &[u8], start: usize) -> (&[u8], usize) {
    let rest = &bytes[start..];
    let length = rest.iter().position(|byte| ends_name(*byte)).unwrap_or(rest.len());
    (&rest[..length], start + length)
}

/// Reads the attributes of a tag as far as they are wanted; with where the tag ends, if it does.
#[inline(always)]
fn read_link<const ALL: bool>(bytes: &[u8], at: usize, element: Element) -> (Tag, Option<usize>) {
    let mut tag = Tag { element, reference: None, rel: None };
    let mut attributes = Attributes::new(bytes, at);
    while let Some(attribute) = attributes.next() {
        tag.take::<ALL>(attribute.name, attribute.value);
        if tag.is_complete::<ALL>() && attributes.end().is_none() {
            return (tag, skip(bytes, attributes.at()));
        }
    }
    (tag, attributes.end().map(|end| end.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `element:reference` of every tag, with `:rel` where there is one.
    fn scan(text: &str) -> String {
        let bytes = text.as_bytes();
        let show = |span: Option<Span>| {
            span.map_or("-".to_owned(), |span| String::from_utf8_lossy(span.of(bytes)).into_owned())
        };
        let tags = Scanner::<true>::new(bytes).map(|tag| {
            let rel = tag.rel.map_or(String::new(), |_| format!(":{}", show(tag.rel)));
            format!("{:?}:{}{rel}", tag.element, show(tag.reference))
        });
        tags.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tags_as_the_tokenizer_sees_them() {
        for (text, want) in [
            ("", ""),
            ("<", ""),
            ("<a", ""),
            ("<a>", "Anchor:-"),
            ("<a href>", "Anchor:"),
            ("<A HREF=x>", "Anchor:x"),
            ("<a href=x", ""),
            ("<a href=x <a href=y>", "Anchor:x"),
            ("<a href='x' href='y'>", "Anchor:x"),
            ("<a href=x title='>'>z<area/href=y>", "Anchor:x Area:y"),
            ("< a href=x>", ""),
            ("<<a href=x>", "Anchor:x"),
            ("<ab href=x>", ""),
            ("<a\0 href=x>", ""),
            ("<a/href=x>", "Anchor:x"),
            ("</a href=x><a href=y>", "Anchor:y"),
            ("</ <a href=x>><a href=y>", "Anchor:y"),
            ("</><a href=y>", "Anchor:y"),
            ("<p title='<a href=x>'><a href=y>", "Anchor:y"),
            ("<!-- <a href=x> --><a href=y>", "Anchor:y"),
            ("<!--><a href=y>", "Anchor:y"),
            ("<!- <a href=x>-->", ""),
            ("<!doctype html '<a href=x>'><a href=y>", "Anchor:y"),
            ("<?php <a href=x>?><a href=y>", "Anchor:y"),
            ("<![CDATA[ <a href=x> ]]><a href=y>", "Anchor:y"),
            ("<svg><![CDATA[ <a href=x> ]]><a href=y>", "Anchor:y"),
            ("<svg><style><a href=x></style></svg><style><a href=y></style>", "Anchor:x"),
            ("<svg><iframe src=x><base href=y></svg><iframe src=z>", "Iframe:z"),
            ("<svg><title><iframe src=x></title>", "Iframe:x"),
            ("<svg href=x", ""),
            ("<script><a href=x></script><a href=y>", "Anchor:y"),
            ("<script href=x", ""),
            ("<title><a href=x></title><a href=y>", "Anchor:y"),
            ("<textarea><a href=x></textareas></textarea><a href=y>", "Anchor:y"),
            ("<iframe src=x><a href=y></iframe><a href=z>", "Iframe:x Anchor:z"),
            ("<noscript><a href=x></noscript>", "Anchor:x"),
            ("<template><a href=x></template>", "Anchor:x"),
            ("<frame src=x><noframes><a href=y></noframes>", "Frame:x"),
            ("<a href=x><plaintext><a href=y></plaintext>", "Anchor:x"),
            ("<link href=x rel=next><link rel=a rel=next href=y>", "Link:x:next Link:y:a"),
            ("<base href=x><a rel=next href=y>", "Base:x Anchor:y:next"),
            ("<a rel=nofollow href=x><area href=y rel='a nofollow'>", "Anchor:x:nofollow Area:y:a nofollow"),
            ("<img src=x srcset=y><source srcset='z 2x'><img src=n>", "Image:y Source:z 2x Image:-"),
            ("<meta name=robots content=x><meta charset=y>", "Meta:- Meta:-"),
            ("<svg><img srcset=x><meta content=y>", "Image:x Meta:-"),
        ] {
            assert_eq!(scan(text), want, "{text:?}");
        }
    }
}
