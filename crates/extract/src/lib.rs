//! Bytes to links: what an HTML document points at, resolved, each once.
//!
//! Owns the only HTML parser of the project: the tag scanner, character references, character encodings and
//! the base URL. Never fetches, never decides whether a link is followed, and never fails: whatever the bytes
//! are, there is a list of links, perhaps an empty one.
//!
//! ```
//! use dragline_extract::{Document, Limits, all_links};
//! use dragline_model::CanonicalUrl;
//!
//! let url = CanonicalUrl::parse("http://example.com/docs/")?;
//! let document = Document {
//!     url: &url,
//!     content_type: Some("text/html; charset=utf-8"),
//!     body: b"<base href=/v2/><!-- <a href=no> --><a href='intro?a=1&amp;b=2#top'>Intro</a>",
//! };
//! let links = all_links(&document, &Limits::default());
//! assert_eq!(links[0].as_str(), "http://example.com/v2/intro?a=1&b=2");
//! # Ok::<(), dragline_model::UrlError>(())
//! ```

mod document;
pub use document::{Document, Limits, Summary};

mod role;
pub use role::{Change, Entry, Role};

mod pointer;
pub use pointer::{JsonPointers, POINTER_SEGMENTS_MAX, POINTERS_MAX, PointerError};

mod discovery;
pub use discovery::{ALTERNATES_MAX, Discovery, FollowJson, Head, Kind, META_BYTES_MAX, Options, Refresh};

mod discover;
pub use discover::discover;

mod links;
pub use links::{all_links, links};

mod sniff;
pub use sniff::is_html;

#[cfg(feature = "select")]
mod select;
#[cfg(feature = "select")]
pub use select::{SELECTED_MAX, SelectError, SelectFault, SelectLimits, Selection};

mod text;
pub use text::document_text;

// What a document is.
mod kind;

// What its head and its markup say besides links.
mod link_field;
mod refresh;
mod relation;
mod srcset;

// Documents that are lists.
mod date;
mod feed;
mod listed;
mod sitemap;
mod xml;

// Documents that are data.
mod json;

// From an HTML document down to the bytes of one tag.
mod attributes;
mod find;
mod foreign;
mod html;
mod names;
mod raw_text;
mod scanner;

// From the bytes of one attribute's value to text.
mod charset;
mod entities;
mod prescan;
mod value;

// From text to a URL.
mod base;
