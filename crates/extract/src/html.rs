//! What the tags of a document are: its links, its bases, and what it says of itself.
//!
//! Owns the choice of elements and attributes: `a[href]`, `area[href]`, `frame[src]`, `iframe[src]`,
//! `link[rel][href]`, `base[href]`, `meta[name][content]`, `meta[http-equiv=refresh][content]`, and the
//! `srcset` of `img` and `source`. Never resolves.

use encoding_rs::Encoding;

use crate::attributes::{Attributes, Span};
use crate::names::{Element, is};
use crate::relation::Relations;
use crate::scanner::Scanner;
use crate::value;

/// `<base>` elements that are tried. One is legal; a page with more is broken or means harm.
const BASES_MAX: usize = 16;

/// `<meta name>` and refreshes that are kept. Pages have some tens, of which one or two are asked for.
const METAS_MAX: usize = 256;

/// `<link>`s kept that say something of the document. Pages in many languages have some hundreds.
const STATEMENTS_MAX: usize = 1024;

/// The references of a document, as spans of its bytes, in its order.
///
/// They are gathered before the first is resolved, since a `<base>` holds for the links before it, too. At
/// twelve bytes each, and no link shorter than `<a href>`, they hardly outweigh the document.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Of the first few `<base href>`.
    pub(crate) bases: Vec<Span>,
    /// Of all links.
    pub(crate) links: Vec<Reference>,
    /// Links left out since their `rel` says that they are not to be followed.
    pub(crate) nofollow: usize,
    /// The `srcset` of all images, where they were asked for.
    pub(crate) srcsets: Vec<Span>,
    /// `<link>`s that say something of the document.
    pub(crate) statements: Vec<Statement>,
    /// `<meta name content>`.
    pub(crate) metas: Vec<Named>,
    /// The `content` of `<meta http-equiv=refresh>`.
    pub(crate) refreshes: Vec<Span>,
}

/// A link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference {
    pub(crate) span: Span,
    pub(crate) place: Place,
}

/// Where a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Anchor,
    Frame,
    Next,
}

/// A `<link>` that leads nowhere by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statement {
    pub(crate) reference: Span,
    pub(crate) relations: Relations,
    pub(crate) language: Option<Span>,
    pub(crate) media_type: Option<Span>,
}

/// A `<meta>` with a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) name: Span,
    pub(crate) content: Span,
}

/// What is to be read besides the references of links.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wants {
    /// The `srcset` of images.
    pub(crate) srcset: bool,
    /// Links whose `rel` says that they are not to be followed are left out.
    pub(crate) nofollow: bool,
}

/// Reads the references of a document in an encoding that keeps ASCII as it is.
pub(crate) fn references(bytes: &[u8], encoding: &'static Encoding, wants: Wants) -> References {
    if wants.srcset || wants.nofollow {
        scan::<true>(bytes, encoding, wants)
    } else {
        scan::<false>(bytes, encoding, wants)
    }
}

fn scan<const ALL: bool>(bytes: &[u8], encoding: &'static Encoding, wants: Wants) -> References {
    let mut references = References::default();
    let mut scanner = Scanner::<ALL>::new(bytes);
    while let Some(tag) = scanner.next() {
        if tag.element == Element::Meta {
            references.meta(bytes, scanner.attributes());
            continue;
        }
        let Some(span) = tag.reference else { continue };
        let place = match tag.element {
            Element::Anchor | Element::Area => {
                if ALL
                    && wants.nofollow
                    && let Some(rel) = tag.rel
                    && Relations::of(&value::text(rel.of(bytes), encoding)).has(Relations::NOFOLLOW)
                {
                    references.nofollow += 1;
                    continue;
                }
                Place::Anchor
            }
            Element::Frame | Element::Iframe => Place::Frame,
            Element::Link => {
                let Some(rel) = tag.rel else { continue };
                let relations = Relations::of(&value::text(rel.of(bytes), encoding));
                if !relations.has(Relations::NEXT) {
                    references.state(scanner.attributes(), span, relations);
                    continue;
                }
                Place::Next
            }
            Element::Base => {
                if references.bases.len() < BASES_MAX {
                    references.bases.push(span);
                }
                continue;
            }
            Element::Image | Element::Source => {
                if wants.srcset {
                    references.srcsets.push(span);
                }
                continue;
            }
            Element::Meta => continue,
        };
        references.links.push(Reference { span, place });
    }
    references
}

impl References {
    /// Keeps a `<link>` that is no link.
    #[cold]
    fn state(&mut self, attributes: Attributes<'_>, reference: Span, relations: Relations) {
        if !relations.is_of_interest() || self.statements.len() >= STATEMENTS_MAX {
            return;
        }
        let mut statement = Statement { reference, relations, language: None, media_type: None };
        for attribute in attributes {
            if is(attribute.name, b"hreflang") {
                statement.language.get_or_insert(attribute.value);
            } else if is(attribute.name, b"type") {
                statement.media_type.get_or_insert(attribute.value);
            }
        }
        self.statements.push(statement);
    }

    /// Keeps a `<meta>` with a `content`, where it has a name or is a refresh.
    #[cold]
    fn meta(&mut self, bytes: &[u8], attributes: Attributes<'_>) {
        let (mut name, mut pragma, mut content) = (None, None, None);
        for attribute in attributes {
            if is(attribute.name, b"name") {
                name.get_or_insert(attribute.value);
            } else if attribute.name.eq_ignore_ascii_case(b"http-equiv") {
                pragma.get_or_insert(attribute.value);
            } else if is(attribute.name, b"content") {
                content.get_or_insert(attribute.value);
            }
        }
        let Some(content) = content else { return };
        if let Some(name) = name
            && self.metas.len() < METAS_MAX
        {
            self.metas.push(Named { name, content });
        }
        // A keyword without a character that could be escaped or encoded: compared as it stands.
        if pragma.is_some_and(|pragma| pragma.of(bytes).eq_ignore_ascii_case(b"refresh"))
            && self.refreshes.len() < METAS_MAX
        {
            self.refreshes.push(content);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;

    const ALL: Wants = Wants { srcset: true, nofollow: true };

    fn show(text: &str, spans: impl IntoIterator<Item = Span>) -> Vec<&str> {
        spans.into_iter().map(|span| std::str::from_utf8(span.of(text.as_bytes())).unwrap()).collect()
    }

    #[test]
    fn links_are_told_from_other_elements() {
        let text = "<a href=1><base href=b1><base><base href=b2><area href=2><iframe src=3></iframe><frame src=4>\
             <link rel=next href=5><link rel='x\tNEXT' href=6><link rel=n&#101;xt href=7>\
             <link rel=nextx href=n><link rel=stylesheet href=n><link href=n><a src=n><iframe href=n></iframe><img src=n>";
        let read = references(text.as_bytes(), UTF_8, Wants::default());
        assert_eq!(show(text, read.bases), ["b1", "b2"]);
        let places: Vec<_> = read.links.iter().map(|link| link.place).collect();
        assert_eq!(show(text, read.links.iter().map(|link| link.span)), ["1", "2", "3", "4", "5", "6", "7"]);
        use Place::{Anchor, Frame, Next};
        assert_eq!(places, [Anchor, Anchor, Frame, Frame, Next, Next, Next]);
        assert_eq!((read.statements.len(), read.srcsets.len(), read.nofollow), (0, 0, 0));
    }

    #[test]
    fn what_a_document_says_of_itself() {
        let text = "<link rel=canonical href=1><link rel=alternate hreflang=de type=t href=2 hreflang=n>\
             <link rel='alternate stylesheet' href=n><link rel=prev href=3><link rel=icon href=n>\
             <meta name=robots content=c1><meta content=c2 http-equiv=Refresh><meta name=n><meta charset=n content=n>\
             <meta name=a http-equiv=refresh content=c3><img srcset=s1><source srcset=s2>";
        let read = references(text.as_bytes(), UTF_8, ALL);
        assert_eq!(show(text, read.statements.iter().map(|it| it.reference)), ["1", "2", "3"]);
        let alternate = read.statements[1];
        assert_eq!(show(text, alternate.language), ["de"]);
        assert_eq!(show(text, alternate.media_type), ["t"]);
        assert_eq!(show(text, read.metas.iter().map(|it| it.name)), ["robots", "a"]);
        assert_eq!(show(text, read.refreshes), ["c2", "c3"]);
        assert_eq!(show(text, read.srcsets), ["s1", "s2"]);
        assert!(read.links.is_empty());
    }

    #[test]
    fn links_that_are_not_to_be_followed_are_counted() {
        let text = "<a href=1><a rel=nofollow href=n><a href=n rel='x UGC'><area rel=sponsored href=n><a rel=nofollower href=2>";
        let read = references(text.as_bytes(), UTF_8, ALL);
        assert_eq!(show(text, read.links.iter().map(|link| link.span)), ["1", "2"]);
        assert_eq!(read.nofollow, 3);
        assert_eq!(references(text.as_bytes(), UTF_8, Wants::default()).links.len(), 5);
    }

    #[test]
    fn what_is_kept_besides_links_is_bounded() {
        let text = "<base href=b><meta name=a content=b><meta http-equiv=refresh content=b><link rel=canonical href=b>"
            .repeat(2000)
            + "<a href=x>";
        let read = references(text.as_bytes(), UTF_8, ALL);
        assert_eq!((read.bases.len(), read.links.len()), (BASES_MAX, 1));
        assert_eq!((read.metas.len(), read.refreshes.len()), (METAS_MAX, METAS_MAX));
        assert_eq!(read.statements.len(), STATEMENTS_MAX);
    }
}
