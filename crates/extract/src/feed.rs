//! RSS 0.9 to 2.0 and Atom (RFC 4287).
//!
//! Owns which of their elements are what an entry is about. Lenient as everybody is: either format's elements in the
//! other, any namespace or none. Never resolves.

use std::borrow::Cow;
use std::ops::ControlFlow;

use dragline_model::{CanonicalUrl, Timestamp};

use crate::date;
use crate::relation::Relations;
use crate::role::{Entry, Role};
use crate::sitemap::{Capture, List};
use crate::xml::{Element, Piece, Xml};

/// Tells the entries of a feed; what is wrong with it, in words.
///
/// An entry is about its first `<link>` that names no relation or `alternate`, or else its `<guid>` or `rdf:about`
/// where that is an http(s) URL. A feed's own links tell where the next and the previous part of it are (RFC 5005).
pub(crate) fn read(text: &str, document: &CanonicalUrl, list: &mut impl List) -> Option<String> {
    let mut xml = Xml::new(text);
    let mut reading = Reading { document, open: None, field: None, text: Capture::default(), base: None };
    loop {
        let flow = match xml.next() {
            Piece::Open(element) => reading.open(&element, xml.depth(), list),
            Piece::Close => reading.close(xml.depth() + 1, list),
            Piece::Text(text) => {
                if reading.field.is_some() {
                    reading.text.push(&text);
                }
                ControlFlow::Continue(())
            }
            Piece::End { mid_text } => {
                if mid_text {
                    // Half a URL is another one.
                    reading.field = None;
                }
                let _ = reading.close(0, list);
                break;
            }
        };
        if flow.is_break() {
            return None;
        }
    }
    xml.into_fault()
}

/// Where in a feed we are.
struct Reading<'a> {
    document: &'a CanonicalUrl,
    /// The entry that is open, with its depth.
    open: Option<(usize, Kept)>,
    /// The element of it that is being read, with its depth.
    field: Option<(usize, Field)>,
    text: Capture,
    /// `xml:base` of the feed.
    base: Option<String>,
}

/// An entry so far.
#[derive(Default)]
struct Kept {
    link: Option<String>,
    /// Counts where there is no link.
    name: Option<String>,
    modified: Option<Timestamp>,
    /// `xml:base`, where it is not the feed's.
    base: Option<String>,
}

#[derive(Clone, Copy)]
enum Field {
    Link,
    Name,
    /// The later of two dates says more: an update is later than its publication.
    Modified,
}

const FIELDS: [(&str, Field); 8] = [
    ("link", Field::Link),
    ("guid", Field::Name),
    ("id", Field::Name),
    ("pubdate", Field::Modified),
    ("published", Field::Modified),
    ("updated", Field::Modified),
    ("modified", Field::Modified),
    ("date", Field::Modified),
];

impl Reading<'_> {
    fn open(&mut self, element: &Element<'_>, depth: usize, list: &mut impl List) -> ControlFlow<()> {
        if self.field.is_some() {
            return ControlFlow::Continue(());
        }
        let name = element.local();
        if depth == 1 {
            self.base = element.attribute("xml:base").map(Into::into);
        }
        let is_entry = name.eq_ignore_ascii_case("item") || name.eq_ignore_ascii_case("entry");
        let Some((at, kept)) = &mut self.open else {
            if is_entry {
                let kept = Kept {
                    name: element.attribute("rdf:about").map(Into::into),
                    base: element.attribute("xml:base").map(Into::into),
                    ..Kept::default()
                };
                self.open = Some((depth, kept));
            } else if name.eq_ignore_ascii_case("link") {
                return self.own_link(element, list);
            }
            return ControlFlow::Continue(());
        };
        if depth != *at + 1 {
            return ControlFlow::Continue(());
        }
        if name.eq_ignore_ascii_case("link")
            && let Some(reference) = element.attribute("href")
        {
            let rel = element.attribute("rel");
            if rel.is_none_or(|rel| Relations::of(&rel).has(Relations::ALTERNATE)) {
                kept.link.get_or_insert_with(|| reference.trim().to_owned());
            }
            return ControlFlow::Continue(());
        }
        // Dublin Core's date is the only element of another vocabulary that counts.
        let is_ours = matches!(element.prefix(), "" | "rss" | "atom" | "atom10" | "a10" | "dc");
        let field = FIELDS.iter().find(|(known, _)| is_ours && name.eq_ignore_ascii_case(known));
        self.field = field.map(|(_, field)| (depth, *field));
        ControlFlow::Continue(())
    }

    /// A `<link>` of the feed itself.
    fn own_link(&mut self, element: &Element<'_>, list: &mut impl List) -> ControlFlow<()> {
        let relations = element.attribute("rel").map(|rel| Relations::of(&rel)).unwrap_or_default();
        let Some(reference) = element.attribute("href") else { return ControlFlow::Continue(()) };
        let url = self.based(&reference, None);
        if relations.has(Relations::NEXT) {
            return list.url(&url, Role::Next);
        }
        if relations.has(Relations::PREVIOUS) {
            list.form(&url, Relations::PREVIOUS, None, None);
        }
        ControlFlow::Continue(())
    }

    fn close(&mut self, depth: usize, list: &mut impl List) -> ControlFlow<()> {
        if self.field.is_some_and(|(at, _)| at >= depth) {
            self.end_field();
        }
        if self.open.as_ref().is_none_or(|(at, _)| *at < depth) {
            return ControlFlow::Continue(());
        }
        let Some((_, kept)) = self.open.take() else { return ControlFlow::Continue(()) };
        let name = kept.name.filter(|name| name.starts_with("http:") || name.starts_with("https:"));
        let Some(url) = kept.link.or(name) else { return ControlFlow::Continue(()) };
        let url = self.based(&url, kept.base.as_deref());
        list.url(&url, Role::FeedEntry(Entry { modified: kept.modified, ..Entry::default() }))
    }

    /// A reference against the bases that hold for it (XML Base §4); as it stands where there are none.
    fn based<'r>(&self, reference: &'r str, inner: Option<&str>) -> Cow<'r, str> {
        if self.base.is_none() && inner.is_none() {
            return reference.into();
        }
        let bases = [self.base.as_deref(), inner];
        let base =
            bases.into_iter().flatten().try_fold(self.document.clone(), |outer, base| outer.join(base));
        match base.and_then(|base| base.join(reference)) {
            Ok(url) => url.to_string().into(),
            Err(_) => reference.into(),
        }
    }

    fn end_field(&mut self) {
        let text = self.text.take();
        let (Some((_, field)), Some((_, kept))) = (self.field.take(), &mut self.open) else { return };
        let Some(text) = text else { return };
        match field {
            Field::Link => {
                kept.link.get_or_insert(text);
            }
            Field::Name => {
                kept.name.get_or_insert(text);
            }
            Field::Modified => {
                kept.modified = date::parse(&text).max(kept.modified);
            }
        }
    }
}
