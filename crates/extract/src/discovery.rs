//! What goes into a discovery besides the document, and what is said of the document after it.
//!
//! Owns the nouns of [`discover`](crate::discover). Never looks into a document.

use std::time::Duration;

use dragline_model::CanonicalUrl;

use crate::{JsonPointers, Limits, Summary};

/// The fields of an answer's head that say something of the document, as received.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// The values of its `Link:` fields (RFC 8288), in order.
    pub links: &'a [&'a str],
    /// The values of its `Refresh:` fields (HTML Standard §7.5.1), in order.
    pub refresh: &'a [&'a str],
}

/// What is looked for, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How much of a page or a JSON document is looked at.
    pub limits: Limits,
    /// The candidates of `img[srcset]` and `source[srcset]` are links, too.
    pub srcset: bool,
    /// Anchors with `rel=nofollow`, `ugc` or `sponsored` are left out, and counted.
    pub nofollow: bool,
    /// Which strings of a JSON document are links.
    pub json: FollowJson,
    /// The `<meta name>`s that are handed out besides `robots`, in any case: the crawler's own name.
    pub meta_names: Vec<String>,
    /// The document was asked for as a sitemap: whatever its declared type, its bytes are looked at, lines of
    /// URLs are a sitemap, and one that is none is an error.
    pub as_sitemap: bool,
    /// Distinct URLs taken of one sitemap or feed, in place of [`Limits::links_max`].
    pub sitemap_entries_max: usize,
    /// Bytes of a sitemap or feed that are looked at, decoded, in place of [`Limits::bytes_max`].
    pub sitemap_bytes: usize,
}

impl Default for Options {
    /// Links, and nothing of JSON. The bounds of a sitemap are those of its protocol (sitemaps.org, "Sitemap
    /// file size"): 50,000 URLs, 50 MiB.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            srcset: false,
            nofollow: false,
            json: FollowJson::No,
            meta_names: Vec::new(),
            as_sitemap: false,
            sitemap_entries_max: 50_000,
            sitemap_bytes: 50 << 20,
        }
    }
}

/// Which strings of a JSON document are links.
///
/// A string counts where the whole of it is a URL: `http://…`, `https://…`, `//host…` or a path from the root,
/// `/…`, without a blank or a control character in it. Names of members never count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FollowJson {
    /// None.
    #[default]
    No,
    /// All that are URLs.
    Everywhere,
    /// Those that one of the pointers leads to, and all below what one leads to.
    Pointers(JsonPointers),
}

/// What a document turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTML.
    Html,
    /// XHTML, read like HTML.
    Xhtml,
    /// A sitemap (`<urlset>`).
    Sitemap,
    /// A list of sitemaps (`<sitemapindex>`).
    SitemapIndex,
    /// A sitemap of one URL a line.
    TextSitemap,
    /// RSS 0.9 to 2.0.
    Rss,
    /// Atom.
    Atom,
    /// JSON, one document or many.
    Json,
    /// Anything else; only its head is looked at.
    Other,
}

impl Kind {
    /// Its name, for records and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Html => "html",
            Kind::Xhtml => "xhtml",
            Kind::Sitemap => "sitemap",
            Kind::SitemapIndex => "sitemap_index",
            Kind::TextSitemap => "text_sitemap",
            Kind::Rss => "rss",
            Kind::Atom => "atom",
            Kind::Json => "json",
            Kind::Other => "other",
        }
    }

    /// It lists URLs of its site: a sitemap of any form, or a feed.
    pub fn is_list(self) -> bool {
        matches!(self, Kind::Sitemap | Kind::SitemapIndex | Kind::TextSitemap | Kind::Rss | Kind::Atom)
    }
}

/// What is said of a document after a discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// What it turned out to be.
    pub kind: Kind,
    /// How many URLs were found, in which encoding and against which base. The charset is empty where the
    /// document was not read as text.
    pub summary: Summary,
    /// The URL that it would rather have: the first `rel=canonical`, that of the head before that of the markup.
    pub canonical: Option<CanonicalUrl>,
    /// Its other forms and languages, and those of a sitemap's pages (`rel=alternate`): the `hreflang`, or else
    /// the type, or else nothing, and where. No more than [`ALTERNATES_MAX`].
    pub alternates: Vec<(String, CanonicalUrl)>,
    /// The `<meta name=robots>` and the others asked for, in order: the name in lower case, and the content, cut
    /// after [`META_BYTES_MAX`]. An agent's directives are all of them together, so none is left out.
    pub metas: Vec<(String, String)>,
    /// Where and when it sends its reader.
    pub refresh: Option<Refresh>,
    /// Anchors left out by [`Options::nofollow`].
    pub nofollow: usize,
    /// What is wrong with a sitemap, a feed or a JSON document, in words; what stands before the fault was taken.
    pub error: Option<String>,
}

/// Alternates that are told of one document. They are kept with each page that has them.
pub const ALTERNATES_MAX: usize = 256;

/// Bytes of a `<meta>`'s content that are told.
pub const META_BYTES_MAX: usize = 4096;

/// A refresh: the first that counts, that of the head before that of the markup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// After how long, in whole seconds.
    pub delay: Duration,
    /// Where to; `None` where to the document itself, or to nothing that is fetched.
    pub url: Option<CanonicalUrl>,
}
