//! What is said of a column: its name, how many matches it takes, its selector.
//!
//! Owns that grammar. CSS itself is read by the selectors crate, pointers by [`crate::pointer`].

use cssparser::{BasicParseErrorKind, ParseErrorKind};
use scraper::selector::{Parser, Simple};
use selectors::parser::{ParseRelative, SelectorList, SelectorParseErrorKind};

use super::SelectError;
use crate::pointer::{Segment, pointer};

/// Bytes of a selector at most.
const SELECTOR_BYTES_MAX: usize = 4096;

/// One column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// All matches, as a list.
    pub(super) all: bool,
    pub(super) selector: Selector,
}

/// Where a value is.
#[derive(Debug, Clone)]
pub(super) enum Selector {
    Css {
        /// `None` is the row's own element.
        path: Option<SelectorList<Simple>>,
        part: Part,
    },
    Pointer(Vec<Segment>),
}

/// What of an element is the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text,
    Html,
    Attribute(String),
}

impl Column {
    /// Reads `NAME=SELECTOR`, `NAME[]=SELECTOR`, or a selector that names itself.
    pub(super) fn parse(text: &str) -> Result<Self, SelectError> {
        let text = text.trim();
        let (name, selector) = match text.split_once('=') {
            // What stands before the `=` of `a[href=x]` is no name.
            Some((name, selector)) if is_name(name.trim()) => (name.trim(), selector.trim()),
            _ => (text, text),
        };
        // A pointer may end in it; a name of its own tells one from the other.
        let (name, all) = match name.strip_suffix("[]").filter(|_| name != selector) {
            Some(name) => (name, true),
            None => (name, false),
        };
        let selector = Selector::parse(selector).map_err(|why| SelectError::Selector {
            column: Some(name.to_owned()),
            selector: selector.to_owned(),
            why,
        })?;
        Ok(Self { name: name.to_owned(), all, selector })
    }
}

/// Letters, digits, `_`, `-` and `.`, a letter or `_` first, perhaps `[]` at the end.
fn is_name(text: &str) -> bool {
    let text = text.strip_suffix("[]").unwrap_or(text);
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

impl Selector {
    /// Reads the selector that makes rows.
    pub(super) fn parse_each(text: &str) -> Result<Self, SelectError> {
        let text = text.trim();
        let wrong = |why: String| SelectError::Selector { column: None, selector: text.to_owned(), why };
        match Self::parse(text).map_err(wrong)? {
            Selector::Css { part, .. } if part != Part::Text || text.ends_with("::text") => {
                Err(wrong("must match elements, and not a part of them".to_owned()))
            }
            Selector::Css { path: None, .. } => Err(wrong("is empty".to_owned())),
            selector => Ok(selector),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(format!("has more than {SELECTOR_BYTES_MAX} bytes"));
        }
        if text.starts_with('/') {
            return pointer(text).map(Selector::Pointer).map_err(|error| format!("is no place: {error}"));
        }
        let (path, part) = part(text);
        if path.is_empty() {
            return match path == text {
                true => Err("is empty; say a CSS selector, or a JSON pointer that begins with /".to_owned()),
                false => Ok(Selector::Css { path: None, part }),
            };
        }
        let mut input = cssparser::Parser::new(path);
        let list = SelectorList::parse(&Parser, &mut input, ParseRelative::No).map_err(|error| {
            let what = words(&error.kind);
            format!("is no CSS selector: {what}, at character {}", input.current_source_location().column)
        })?;
        Ok(Selector::Css { path: Some(list), part })
    }

    /// Its value is in the markup of a page.
    pub(super) fn is_css(&self) -> bool {
        matches!(self, Selector::Css { .. })
    }
}

fn words(kind: &ParseErrorKind<SelectorParseErrorKind>) -> &'static str {
    match kind {
        ParseErrorKind::Basic(BasicParseErrorKind::EndOfInput)
        | ParseErrorKind::Custom(SelectorParseErrorKind::DanglingCombinator) => "it ends too soon",
        ParseErrorKind::Custom(SelectorParseErrorKind::EmptySelector) => "a part of it is empty",
        ParseErrorKind::Custom(SelectorParseErrorKind::UnsupportedPseudoClassOrElement) => {
            "it has a pseudo-class or pseudo-element that stored pages do not have; ::text and ::html stand at the end"
        }
        ParseErrorKind::Custom(SelectorParseErrorKind::ExpectedNamespace) => "there are no namespaces",
        _ => "it cannot be read",
    }
}

/// What is before `::text`, `::html` or `@attribute`, and which of them it is.
fn part(text: &str) -> (&str, Part) {
    for (suffix, part) in [("::text", Part::Text), ("::html", Part::Html)] {
        if let Some(path) = text.strip_suffix(suffix) {
            return (path.trim_end(), part);
        }
    }
    // In CSS it stands only inside strings, and those end in a quote.
    if let Some((path, name)) = text.rsplit_once('@') {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
        if !name.is_empty() && name.chars().all(is_name) {
            return (path.trim_end(), Part::Attribute(name.to_ascii_lowercase()));
        }
    }
    (text, Part::Text)
}
