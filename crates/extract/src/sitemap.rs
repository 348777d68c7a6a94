//! Sitemaps and lists of sitemaps, as XML and as lines (sitemaps.org).
//!
//! Owns which of their elements are URLs and which are said of one. Lenient where the protocol is broken every day:
//! any namespace or none, several `<loc>`s in an entry, an entry without one, a `<loc>` without a scheme, a document
//! that ends too soon. Never resolves.

use std::ops::ControlFlow;

use crate::date;
use crate::relation::Relations;
use crate::role::{Change, Entry, Role, priority};
use crate::xml::{Element, Piece, Xml, is_padding};

/// Who is told what a list names.
pub(crate) trait List {
    /// One more URL, as written; breaks where no more are wanted.
    fn url(&mut self, text: &str, role: Role) -> ControlFlow<()>;

    /// Another form of a page, or of the list itself.
    fn form(&mut self, text: &str, relations: Relations, language: Option<&str>, media_type: Option<&str>);
}

/// Text of one element that is kept. A longer one is no URL, and no date either.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 10;

/// Tells the entries of a sitemap or of a list of sitemaps; what is wrong with it, in words.
pub(crate) fn read(text: &str, list: &mut impl List) -> Option<String> {
    let mut xml = Xml::new(text);
    let mut reading = Reading::default();
    loop {
        let flow = match xml.next() {
            Piece::Open(element) => reading.open(&element, xml.depth(), list),
            // The element that has ended was one deeper.
            Piece::Close => reading.close(xml.depth() + 1, list),
            Piece::Text(text) => {
                reading.text(&text, xml.depth());
                ControlFlow::Continue(())
            }
            Piece::End { mid_text } => {
                let _ = reading.end(mid_text, list);
                break;
            }
        };
        if flow.is_break() {
            return None;
        }
    }
    xml.into_fault()
}

/// Tells the lines of a sitemap that is text; how many of them are URLs. Others are passed over.
pub(crate) fn lines(text: &str, list: &mut impl List) -> usize {
    let mut told = 0;
    for line in text.split(['\n', '\r']) {
        let line = line.trim_matches(is_padding);
        let is_url = ["http://", "https://", "www."]
            .iter()
            .any(|start| line.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)));
        if is_url && !line.contains(char::is_whitespace) {
            told += 1;
            if list.url(line, Role::SitemapEntry(Entry::default())).is_break() {
                break;
            }
        }
    }
    told
}

/// A text that is being read, up to [`TEXT_BYTES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct Capture {
    text: String,
    overflows: bool,
}

impl Capture {
    pub(crate) fn push(&mut self, text: &str) {
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            self.overflows = true;
        } else {
            self.text.push_str(text);
        }
    }

    /// What has been read, without the blanks around it; nothing where it was too long. Begins anew.
    pub(crate) fn take(&mut self) -> Option<String> {
        let overflows = std::mem::take(&mut self.overflows);
        let trimmed = self.text.trim_matches(is_padding);
        let text = (!overflows && !trimmed.is_empty()).then(|| trimmed.to_owned());
        self.text.clear();
        text
    }
}

/// Where in a sitemap we are.
#[derive(Default)]
struct Reading {
    /// The entry that is open, with its depth.
    open: Option<(usize, Kept)>,
    /// The element of it that is being read, with its depth.
    field: Option<(usize, Field)>,
    text: Capture,
    /// Text that stands in an entry itself.
    loose: Capture,
}

/// An entry so far.
struct Kept {
    is_sitemap: bool,
    prefix: String,
    location: Option<String>,
    has_location: bool,
    entry: Entry,
}

#[derive(Clone, Copy)]
enum Field {
    Location,
    Modified,
    Change,
    Priority,
}

impl Reading {
    fn open(&mut self, element: &Element<'_>, depth: usize, list: &mut impl List) -> ControlFlow<()> {
        if self.field.is_some() {
            return ControlFlow::Continue(());
        }
        let name = element.local();
        let is_sitemap = name.eq_ignore_ascii_case("sitemap");
        let is_inside = self.open.as_ref().is_some_and(|(at, _)| depth > at + 1);
        if !is_inside && (is_sitemap || name.eq_ignore_ascii_case("url")) {
            self.flush(list)?;
            let prefix = element.prefix().to_owned();
            let kept =
                Kept { is_sitemap, prefix, location: None, has_location: false, entry: Entry::default() };
            self.open = Some((depth, kept));
            return ControlFlow::Continue(());
        }
        let Some((at, kept)) = &mut self.open else { return ControlFlow::Continue(()) };
        if depth != *at + 1 {
            return ControlFlow::Continue(());
        }
        if name.eq_ignore_ascii_case("link") {
            alternate(element, list);
            return ControlFlow::Continue(());
        }
        // `<image:loc>` is not the page's own.
        if !element.prefix().is_empty() && element.prefix() != kept.prefix {
            return ControlFlow::Continue(());
        }
        let field = FIELDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        self.field = field.map(|(_, field)| (depth, *field));
        if matches!(self.field, Some((_, Field::Location))) && kept.location.is_some() {
            // What stands between two locations is said of the first.
            let first = Kept { prefix: kept.prefix.clone(), location: kept.location.take(), ..*kept };
            kept.entry = Entry::default();
            return tell(first, list);
        }
        ControlFlow::Continue(())
    }

    fn close(&mut self, depth: usize, list: &mut impl List) -> ControlFlow<()> {
        if self.field.is_some_and(|(at, _)| at >= depth) {
            self.end_field();
        }
        if self.open.as_ref().is_some_and(|(at, _)| *at >= depth) {
            return self.flush(list);
        }
        ControlFlow::Continue(())
    }

    fn text(&mut self, text: &str, depth: usize) {
        if self.field.is_some() {
            self.text.push(text);
        } else if self.open.as_ref().is_some_and(|(at, _)| *at == depth) {
            self.loose.push(text);
        }
    }

    /// The document has ended.
    fn end(&mut self, mid_text: bool, list: &mut impl List) -> ControlFlow<()> {
        if mid_text {
            // Half a URL is another one.
            self.field = None;
            self.loose = Capture::default();
        }
        self.end_field();
        self.flush(list)
    }

    fn end_field(&mut self) {
        let text = self.text.take();
        let (Some((_, field)), Some((_, kept))) = (self.field.take(), &mut self.open) else { return };
        let Some(text) = text else { return };
        match field {
            Field::Location => {
                kept.location = Some(text);
                kept.has_location = true;
            }
            Field::Modified => kept.entry.modified = date::parse(&text),
            Field::Change => kept.entry.change = Change::of(&text),
            Field::Priority => kept.entry.priority = priority(&text),
        }
    }

    /// The entry that is open has ended.
    fn flush(&mut self, list: &mut impl List) -> ControlFlow<()> {
        let loose = self.loose.take();
        let Some((_, mut kept)) = self.open.take() else { return ControlFlow::Continue(()) };
        if !kept.has_location {
            kept.location = loose.filter(|text| text.starts_with("http"));
        }
        tell(kept, list)
    }
}

const FIELDS: [(&str, Field); 4] = [
    ("loc", Field::Location),
    ("lastmod", Field::Modified),
    ("changefreq", Field::Change),
    ("priority", Field::Priority),
];

fn tell(kept: Kept, list: &mut impl List) -> ControlFlow<()> {
    let Some(location) = kept.location else { return ControlFlow::Continue(()) };
    let role = if kept.is_sitemap { Role::Sitemap(kept.entry) } else { Role::SitemapEntry(kept.entry) };
    list.url(&location, role)
}

/// `<xhtml:link rel="alternate" hreflang="…" href="…"/>`: the page in another language.
fn alternate(element: &Element<'_>, list: &mut impl List) {
    let relations = element.attribute("rel").map(|rel| Relations::of(&rel)).unwrap_or_default();
    if let Some(reference) = element.attribute("href").filter(|_| relations.has(Relations::ALTERNATE)) {
        let (language, media_type) = (element.attribute("hreflang"), element.attribute("type"));
        list.form(&reference, Relations::ALTERNATE, language.as_deref(), media_type.as_deref());
    }
}
