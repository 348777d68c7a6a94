//! A document's URLs of every role, and its facts.
//!
//! Owns the order of the work: the head, the document by what it is, and then what neither of them links to but
//! only names. Never keeps anything between two documents.

use std::ops::ControlFlow;

use bytes::Bytes;
use dragline_coding::{Bounds, decode};
use dragline_model::{CanonicalUrl, Fingerprint};

use crate::attributes::Span;
use crate::base::{Base, Target};
use crate::charset::Source;
use crate::discovery::{ALTERNATES_MAX, META_BYTES_MAX, Refresh};
use crate::html::{References, Statement, Wants, references};
use crate::kind::{Form, form, kind_of};
use crate::link_field::{self, FieldLink};
use crate::links::{Finder, text};
use crate::listed::Listed;
use crate::relation::Relations;
use crate::role::{Entry, Role};
use crate::{Discovery, Document, FollowJson, Head, Kind, Options, Summary};
use crate::{feed, json, refresh, sitemap, sniff, srcset, xml};

/// URLs kept to be told last. They are few on any page that is meant: one per language, or per width of an image.
const ASIDES_MAX: usize = 10_000;

/// Characters of a name that are quoted in words about a document.
const QUOTED_MAX: usize = 40;

/// The type of every page that is a feed.
const FEED_TYPES: [&str; 4] =
    ["application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"];

/// Yields the URLs of a document and of its head, each once with its [`Role`], and says what the document is.
///
/// What it is follows from its declared type and its bytes: HTML and XHTML, sitemaps and feeds, JSON, or nothing that
/// is looked into. `known` and `found` are used as in [`links`](crate::links): `known` is asked once for each
/// distinct URL, `found` gets those it answers `false` for. First come the URLs that lead on, then those that are
/// only named (see [`Role`]).
///
/// Time and memory are linear in the bytes that are looked at, whatever they are.
///
/// ```
/// use dragline_extract::{Document, Head, Kind, Options, Role, discover};
/// use dragline_model::CanonicalUrl;
///
/// let url = CanonicalUrl::parse("http://example.com/list")?;
/// let document = Document {
///     url: &url,
///     content_type: Some("text/html"),
///     body: b"<link rel=canonical href=/all><meta name=robots content=noindex><a href=one>",
/// };
/// let head = Head { links: &["</list?page=2>; rel=\"next\""], ..Head::default() };
/// let mut found = Vec::new();
/// let discovery =
///     discover(&document, &head, &Options::default(), |_| false, |_, url, role| found.push((url.to_string(), role)));
/// assert_eq!(
///     found,
///     [
///         ("http://example.com/list?page=2".to_owned(), Role::Next),
///         ("http://example.com/one".to_owned(), Role::Link),
///         ("http://example.com/all".to_owned(), Role::Canonical),
///     ]
/// );
/// assert_eq!(discovery.kind, Kind::Html);
/// assert_eq!(discovery.canonical, Some(url.join("/all")?));
/// assert_eq!(discovery.metas, [("robots".to_owned(), "noindex".to_owned())]);
/// # Ok::<(), dragline_model::UrlError>(())
/// ```
pub fn discover(
    document: &Document<'_>,
    head: &Head<'_>,
    options: &Options,
    known: impl FnMut(Fingerprint) -> bool,
    found: impl FnMut(Fingerprint, CanonicalUrl, Role),
) -> Discovery {
    let finder = Finder::new(options.limits.links_max, known, found);
    let mut findings = Findings::new(document, options, finder);
    findings.head(document, head);
    match form(document, options) {
        Form::Html(kind) => findings.html(document, kind),
        Form::Xml => findings.markup(document),
        Form::Sitemap => findings.sitemap(document),
        Form::Gzip => findings.packed(document),
        Form::Json { lines } => findings.json(document, lines),
        Form::Other => {}
    }
    findings.finish()
}

/// What has been found so far.
pub(crate) struct Findings<'o, K, F> {
    pub(crate) options: &'o Options,
    pub(crate) finder: Finder<K, F>,
    pub(crate) discovery: Discovery,
    /// To be told last, unless they are links besides.
    asides: Vec<(CanonicalUrl, Role)>,
}

impl<'o, K: FnMut(Fingerprint) -> bool, F: FnMut(Fingerprint, CanonicalUrl, Role)> Findings<'o, K, F> {
    fn new(document: &Document<'_>, options: &'o Options, finder: Finder<K, F>) -> Self {
        let summary = Summary { links: 0, cut: false, charset: "", base: Some(document.url.clone()) };
        let discovery = Discovery {
            kind: Kind::Other,
            summary,
            canonical: None,
            alternates: Vec::new(),
            metas: Vec::new(),
            refresh: None,
            nofollow: 0,
            error: None,
        };
        Self { options, finder, discovery, asides: Vec::new() }
    }

    /// The fields of the head. Their references are relative to the document's own URL (RFC 8288 §3.1, and since
    /// there is no `<base>` yet when a browser reads them).
    fn head(&mut self, document: &Document<'_>, head: &Head<'_>) {
        if head.links.is_empty() && head.refresh.is_empty() {
            return;
        }
        let mut base = Base::of(document.url);
        for value in head.refresh {
            self.refresh(value, &mut base);
        }
        for link in head.links.iter().flat_map(|value| link_field::links(value)) {
            if link.anchor.as_ref().is_some_and(|anchor| !is_own(document.url, anchor)) {
                continue;
            }
            self.field_link(&link, &mut base);
        }
    }

    fn field_link(&mut self, link: &FieldLink<'_>, base: &mut Base) {
        let relations = link.relations;
        if relations.has(Relations::NEXT) || relations.has(Relations::PAGE) {
            let role = if relations.has(Relations::NEXT) { Role::Next } else { Role::Header };
            if let Some(target) = base.resolve(link.target) {
                let _ = self.finder.take(target, role);
            }
        } else if relations.is_of_interest() {
            let url = base.resolve(link.target).map(Target::into_url);
            self.statement(relations, url, link.language.as_deref(), link.media_type.as_deref());
        }
    }

    /// A document that is HTML.
    fn html(&mut self, document: &Document<'_>, kind: Kind) {
        let limits = &self.options.limits;
        let source = Source::of(document, limits.bytes_max);
        let wants = Wants { srcset: self.options.srcset, nofollow: self.options.nofollow };
        let references = references(&source.bytes, source.encoding, wants);
        let mut base = references.base(document, &source, limits);
        self.discovery.kind = kind;
        self.discovery.nofollow = references.nofollow;
        self.finder.cut |= source.cut;
        self.finder.take_links(&references.links, &source, limits, &mut base);
        self.html_facts(&references, &source, &mut base);
        self.discovery.summary = self.finder.summary(&source, base.url());
    }

    /// A document that is XML of some kind.
    fn markup(&mut self, document: &Document<'_>) {
        let source = Source::of(document, self.options.sitemap_bytes);
        let text = xml::text(&source);
        match xml::root(&text).and_then(|root| kind_of(&root, &text)) {
            Some(Kind::Xhtml) => self.html(document, Kind::Xhtml),
            Some(kind) => self.list(document, &source, &text, kind),
            None => {}
        }
    }

    /// A document that was asked for as a sitemap: its bytes decide what it is.
    fn sitemap(&mut self, document: &Document<'_>) {
        let source = Source::of(document, self.options.sitemap_bytes);
        let text = xml::text(&source);
        let root = xml::root(&text);
        match root.as_ref().map(|root| kind_of(root, &text)) {
            Some(Some(Kind::Xhtml)) => self.page_for_sitemap(document),
            Some(Some(kind)) => self.list(document, &source, &text, kind),
            _ if sniff::is_html(None, &source.bytes) => self.page_for_sitemap(document),
            Some(None) => {
                let root: String = root.unwrap_or_default().escape_debug().take(QUOTED_MAX).collect();
                self.discovery.error =
                    Some(format!("<{root}> begins no sitemap; <urlset> and <sitemapindex> do"));
            }
            None => self.list(document, &source, &text, Kind::TextSitemap),
        }
    }

    /// A page where there should be a sitemap: its links are links.
    fn page_for_sitemap(&mut self, document: &Document<'_>) {
        self.html(document, Kind::Html);
        self.discovery.error = Some("a sitemap was asked for, and a page came".to_owned());
    }

    /// A document inside gzip, as content.
    fn packed(&mut self, document: &Document<'_>) {
        let bounds = Bounds { decoded_bytes: self.options.sitemap_bytes, ..Bounds::default() };
        let decoded = match decode(Some("gzip"), Bytes::copy_from_slice(document.body), &bounds) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.discovery.error = Some(error.to_string());
                return;
            }
        };
        let inside = Document { url: document.url, content_type: None, body: &decoded.bytes };
        if self.options.as_sitemap {
            self.sitemap(&inside)
        } else {
            self.markup(&inside)
        }
        if let Some(cut) = decoded.truncated {
            self.finder.cut = true;
            // The reason for whatever else is wrong with it.
            let bytes = decoded.bytes.len();
            self.discovery.error = Some(format!("what is inside gzip is cut after {bytes} bytes ({cut})"));
        }
    }

    /// A sitemap or a feed.
    fn list(&mut self, document: &Document<'_>, source: &Source<'_>, text: &str, kind: Kind) {
        self.finder.links_max = self.options.sitemap_entries_max;
        self.finder.cut |= source.cut;
        self.discovery.summary.charset = source.charset.name();
        self.discovery.kind = kind;
        let mut listed = Listed::new(document.url, self);
        let error = match kind {
            Kind::TextSitemap => match sitemap::lines(text, &mut listed) {
                0 => {
                    self.discovery.kind = Kind::Other;
                    Some("it is no sitemap: neither XML, nor is any of its lines a URL".to_owned())
                }
                _ => None,
            },
            Kind::Rss | Kind::Atom => feed::read(text, document.url, &mut listed),
            _ => sitemap::read(text, &mut listed),
        };
        // Where not all of it was looked at, that is why it seems broken.
        self.discovery.error = error.filter(|_| !source.cut);
    }

    /// A JSON document, or many.
    fn json(&mut self, document: &Document<'_>, lines: bool) {
        self.discovery.kind = Kind::Json;
        let pointers = match &self.options.json {
            FollowJson::No => return,
            FollowJson::Everywhere => None,
            FollowJson::Pointers(pointers) => Some(pointers),
        };
        let limits = &self.options.limits;
        let source = Source::of_json(document, limits.bytes_max);
        self.finder.cut |= source.cut;
        self.discovery.summary.charset = source.charset.name();
        let mut base = Base::of(document.url);
        let error = json::read(&source.bytes, lines, pointers, |text| {
            if text.len() > limits.reference_bytes_max || !json::is_url(text) {
                return ControlFlow::Continue(());
            }
            base.resolve(text)
                .map_or(ControlFlow::Continue(()), |target| self.finder.take(target, Role::Json))
        });
        self.discovery.error = error.filter(|_| !source.cut).map(|error| error.to_string());
    }

    /// What an HTML document has besides links.
    fn html_facts(&mut self, references: &References, source: &Source<'_>, base: &mut Base) {
        let limits = &self.options.limits;
        let text = |span: Span| text(span, source, limits);
        for content in references.refreshes.iter().filter_map(|span| text(*span)) {
            self.refresh(&content, base);
        }
        for meta in &references.metas {
            let (Some(name), Some(content)) = (text(meta.name), text(meta.content)) else { continue };
            let name = name.trim().to_ascii_lowercase();
            let is_wanted = name == "robots"
                || self.options.meta_names.iter().any(|wanted| wanted.eq_ignore_ascii_case(&name));
            if is_wanted {
                self.discovery.metas.push((name, cut(&content).to_owned()));
            }
        }
        for Statement { reference, relations, language, media_type } in &references.statements {
            let url = text(*reference).and_then(|text| base.resolve(&text).map(Target::into_url));
            let (language, media_type) = (language.and_then(text), media_type.and_then(text));
            self.statement(*relations, url, language.as_deref(), media_type.as_deref());
        }
        for candidates in references.srcsets.iter().filter_map(|span| text(*span)) {
            for candidate in srcset::candidates(&candidates) {
                if let Some(target) = base.resolve(candidate) {
                    let url = target.into_url();
                    self.aside(url, Role::Srcset);
                }
            }
        }
    }

    /// A refresh, of which the first counts.
    fn refresh(&mut self, value: &str, base: &mut Base) {
        if self.discovery.refresh.is_some() {
            return;
        }
        let Some((delay, reference)) = refresh::parse(value) else { return };
        let mut url = None;
        if let Some(target) = reference.and_then(|reference| base.resolve(reference)) {
            let target = target.into_url();
            url = Some(target.clone());
            let _ = self.finder.take(Target::Made(target), Role::Refresh);
        }
        self.discovery.refresh = Some(Refresh { delay, url });
    }

    /// What the document, or its head, says of itself by naming a URL.
    pub(crate) fn statement(
        &mut self,
        relations: Relations,
        url: Option<CanonicalUrl>,
        language: Option<&str>,
        media_type: Option<&str>,
    ) {
        let Some(url) = url else { return };
        if relations.has(Relations::CANONICAL) {
            self.discovery.canonical.get_or_insert_with(|| url.clone());
            self.aside(url.clone(), Role::Canonical);
        }
        let is_alternate = relations.has(Relations::ALTERNATE);
        if is_alternate && self.discovery.alternates.len() < ALTERNATES_MAX {
            let what = language.or(media_type).unwrap_or_default().trim();
            self.discovery.alternates.push((cut(what).to_owned(), url.clone()));
        }
        let essence = media_type.map(sniff::essence).unwrap_or_default();
        if relations.has(Relations::SITEMAP) {
            self.aside(url, Role::Sitemap(Entry::default()));
        } else if relations.has(Relations::FEED) || (is_alternate && FEED_TYPES.contains(&&*essence)) {
            self.aside(url, Role::Feed);
        } else if relations.has(Relations::PREVIOUS) {
            self.aside(url, Role::Previous);
        } else if is_alternate {
            self.aside(url, Role::Alternate);
        }
    }

    /// No more URLs are kept to be told last.
    pub(crate) fn has_enough_asides(&self) -> bool {
        self.asides.len() >= ASIDES_MAX
    }

    /// Keeps a URL to be told last.
    fn aside(&mut self, url: CanonicalUrl, role: Role) {
        if !self.has_enough_asides() {
            self.asides.push((url, role));
        } else if role == Role::Srcset {
            // The others are said of pages, and cut without a word, like the facts that they are.
            self.finder.cut = true;
        }
    }

    fn finish(mut self) -> Discovery {
        // In the order of the roles; among equals, as they came.
        self.asides.sort_by_key(|(_, role)| last_rank(*role));
        for (url, role) in std::mem::take(&mut self.asides) {
            if self.finder.take(Target::Made(url), role) == ControlFlow::Break(()) {
                break;
            }
        }
        self.discovery.summary.links = self.finder.count();
        self.discovery.summary.cut = self.finder.cut;
        self.discovery
    }
}

/// A text's first [`META_BYTES_MAX`] bytes, or some fewer.
pub(crate) fn cut(text: &str) -> &str {
    let mut end = text.len().min(META_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An anchor that means the document itself: a link with another is of something else (RFC 8288 §3.2).
fn is_own(document: &CanonicalUrl, anchor: &str) -> bool {
    document.join(anchor).is_ok_and(|url| url == *document)
}

/// The order in which asides are told: that of [`Role`].
fn last_rank(role: Role) -> u8 {
    match role {
        Role::Sitemap(_) => 0,
        Role::Previous => 1,
        Role::Srcset => 2,
        Role::Feed => 3,
        Role::Alternate => 4,
        _ => 5,
    }
}
