//! Which tags of a document are links, and which is its base.
//!
//! Owns the choice of elements and attributes: `a[href]`, `area[href]`, `frame[src]`, `iframe[src]`,
//! `link[rel~=next][href]`, and `base[href]`. Never resolves.

use encoding_rs::Encoding;

use crate::attributes::Span;
use crate::names::{Element, is_blank};
use crate::scanner::Scanner;
use crate::value;

/// `<base>` elements that are tried. One is legal; a page with more is broken or means harm.
const BASES_MAX: usize = 16;

/// The references of a document, as spans of its bytes, in its order.
///
/// They are gathered before the first is resolved, since a `<base>` holds for the links before it, too. At
/// eight bytes each, and no link shorter than `<a href>`, they never outweigh the document.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Of the first few `<base href>`.
    pub(crate) bases: Vec<Span>,
    /// Of all links.
    pub(crate) links: Vec<Span>,
}

/// Reads the references of a document in an encoding that keeps ASCII as it is.
pub(crate) fn references(bytes: &[u8], encoding: &'static Encoding) -> References {
    let mut references = References::default();
    for tag in Scanner::new(bytes) {
        let Some(reference) = tag.reference else { continue };
        match tag.element {
            Element::Base if references.bases.len() < BASES_MAX => references.bases.push(reference),
            Element::Base => {}
            Element::Link if !tag.rel.is_some_and(|rel| is_next(&value::text(rel.of(bytes), encoding))) => {}
            _ => references.links.push(reference),
        }
    }
    references
}

/// `next` is among the words of a `rel`.
fn is_next(rel: &str) -> bool {
    rel.split(|character: char| u8::try_from(character).is_ok_and(is_blank))
        .any(|word| word.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::UTF_8;

    /// The references of the bases, and those of the links.
    fn read(text: &str) -> (Vec<&str>, Vec<&str>) {
        let references = references(text.as_bytes(), UTF_8);
        let show = |span: &Span| std::str::from_utf8(span.of(text.as_bytes())).unwrap();
        (references.bases.iter().map(show).collect(), references.links.iter().map(show).collect())
    }

    #[test]
    fn links_are_told_from_other_elements() {
        let (bases, links) = read(
            "<a href=1><base href=b1><base><base href=b2><area href=2><iframe src=3></iframe><frame src=4>\
             <link rel=next href=5><link rel='x\tNEXT' href=6><link rel=n&#101;xt href=7>\
             <link rel=nextx href=n><link rel=stylesheet href=n><link href=n><a src=n><iframe href=n></iframe><img src=n>",
        );
        assert_eq!(bases, ["b1", "b2"]);
        assert_eq!(links, ["1", "2", "3", "4", "5", "6", "7"]);
    }

    #[test]
    fn bases_are_bounded() {
        let text = "<base href=b>".repeat(1000) + "<a href=x>";
        let (bases, links) = read(&text);
        assert_eq!((bases.len(), links.len()), (BASES_MAX, 1));
    }
}
