//! SVG and MathML inside a page: which elements are open, and so which rules hold.
//!
//! Owns as much of the tree builder (HTML Standard §13.2.6.5) as a scanner of tags needs: inside `<svg>` a
//! `<style>` or `<title>` is no raw text and `<![CDATA[` begins a section. Never knows which HTML elements
//! are open, in or around the foreign ones; where the tree builder would ask, this guesses as said at
//! [`Foreign::end_tag`], and only on markup that no tool would write can the guess be wrong.

/// Foreign elements open at once that are remembered. Drawings nest a dozen deep; past this, deeper ones are
/// taken for children of the last. It bounds the walk that an end tag takes.
const DEPTH_MAX: usize = 128;

/// The foreign elements that are open, outermost first. Empty outside of `<svg>` and `<math>`.
#[derive(Debug, Default)]
pub(crate) struct Foreign<'a> {
    open: Vec<Open<'a>>,
}

#[derive(Debug)]
struct Open<'a> {
    /// As written.
    name: &'a [u8],
    namespace: Namespace,
    point: Point,
    /// An HTML element has begun inside of it.
    html_inside: bool,
    /// HTML elements of the same name that are open inside of it: their end tags are not its own.
    namesakes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Svg,
    Math,
}

/// Whether an element takes HTML for its content ("integration points", §13.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    No,
    /// All start tags are HTML's.
    Html,
    /// The same, but for two.
    MathText,
}

/// What the attributes of a start tag say that matters here.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// It ends in `/>`.
    pub(crate) self_closing: bool,
    /// It has `color`, `face` or `size`: such a `<font>` is HTML's.
    pub(crate) styled: bool,
    /// The value of `encoding`, which an `<annotation-xml>` has.
    pub(crate) encoding: Option<&'a [u8]>,
}

/// Whose element a start tag begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Html,
    Foreign,
}

impl<'a> Foreign<'a> {
    /// True inside of `<svg>` or `<math>`, in HTML inside of those too.
    #[inline(always)]
    pub(crate) fn is_inside(&self) -> bool {
        !self.open.is_empty()
    }

    /// True where `<![CDATA[` begins a section: no HTML element is the innermost.
    pub(crate) fn allows_cdata(&self) -> bool {
        self.open.last().is_some_and(|innermost| !innermost.html_inside)
    }

    /// Takes note of a start tag, and says by which rules it is to be read. Outside of foreign content only
    /// `svg` and `math` need to be told.
    pub(crate) fn start_tag(&mut self, name: &'a [u8], facts: Facts<'_>) -> Content {
        let root = root_namespace(name);
        let Some(innermost) = self.open.last_mut() else {
            if let Some(namespace) = root {
                self.push(name, namespace, facts);
            }
            return Content::Html;
        };
        if innermost.takes_html(name) {
            match root {
                Some(namespace) => self.push(name, namespace, facts),
                None => innermost.take_html(name),
            }
            return Content::Html;
        }
        if breaks_out(name, facts) {
            self.leave();
            return Content::Html;
        }
        let namespace = innermost.namespace;
        self.push(name, namespace, facts);
        Content::Foreign
    }

    /// Takes note of an end tag.
    ///
    /// Where HTML has begun inside of an integration point, only the point's own end tag, or one of an
    /// `<svg>` or `<math>` around it, is believed to close it. Elsewhere the innermost foreign element of
    /// that name is closed; where there is none, the tag of an HTML container (`</div>`) is believed to have
    /// one open around the foreign content, and closes that too, while any other (`</path>`) closes nothing.
    pub(crate) fn end_tag(&mut self, name: &[u8]) {
        let Some(innermost) = self.open.last_mut() else { return };
        let is_named = |open: &Open<'_>| open.name.eq_ignore_ascii_case(name);
        if innermost.html_inside {
            if is_named(innermost) && innermost.namesakes > 0 {
                innermost.namesakes -= 1;
            } else if is_named(innermost) || root_namespace(name).is_some() {
                self.close(is_named);
            }
        } else if is_any(name, &["p", "br"]) || (!self.close(is_named) && is_html_container(name)) {
            self.leave();
        }
    }

    /// Closes the innermost element that `is_named` and all in it; false where there is none.
    fn close(&mut self, is_named: impl Fn(&Open<'_>) -> bool) -> bool {
        let found = self.open.iter().rposition(is_named);
        if let Some(at) = found {
            self.open.truncate(at);
        }
        found.is_some()
    }

    /// Back to HTML: out of all foreign elements up to an integration point.
    fn leave(&mut self) {
        while self.open.last().is_some_and(|open| open.point == Point::No) {
            self.open.pop();
        }
        if let Some(point) = self.open.last_mut() {
            point.html_inside = true;
        }
    }

    fn push(&mut self, name: &'a [u8], namespace: Namespace, facts: Facts<'_>) {
        if !facts.self_closing && self.open.len() < DEPTH_MAX {
            let point = point(name, namespace, facts);
            self.open.push(Open { name, namespace, point, html_inside: false, namesakes: 0 });
        }
    }
}

impl Open<'_> {
    /// Takes note of an HTML start tag inside.
    fn take_html(&mut self, name: &[u8]) {
        self.html_inside = true;
        // HTML's `<title>` is raw text: the scanner reads it to its end, and its end tag never comes here.
        if self.name.eq_ignore_ascii_case(name) && !is_any(name, &["title"]) {
            self.namesakes += 1;
        }
    }

    /// §13.2.6, "tree construction dispatcher", for a start tag.
    fn takes_html(&self, name: &[u8]) -> bool {
        self.html_inside
            || match self.point {
                Point::Html => true,
                Point::MathText => !is_any(name, &["mglyph", "malignmark"]),
                Point::No => {
                    self.namespace == Namespace::Math
                        && is_any(self.name, &["annotation-xml"])
                        && is_any(name, &["svg"])
                }
            }
    }
}

fn root_namespace(name: &[u8]) -> Option<Namespace> {
    if is_any(name, &["svg"]) {
        Some(Namespace::Svg)
    } else if is_any(name, &["math"]) {
        Some(Namespace::Math)
    } else {
        None
    }
}

fn point(name: &[u8], namespace: Namespace, facts: Facts<'_>) -> Point {
    let html_encoding =
        || facts.encoding.is_some_and(|encoding| is_any(encoding, &["text/html", "application/xhtml+xml"]));
    match namespace {
        Namespace::Svg if is_any(name, &["foreignobject", "desc", "title"]) => Point::Html,
        Namespace::Math if is_any(name, &["mi", "mo", "mn", "ms", "mtext"]) => Point::MathText,
        Namespace::Math if is_any(name, &["annotation-xml"]) && html_encoding() => Point::Html,
        _ => Point::No,
    }
}

/// Start tags that end foreign content (§13.2.6.5).
fn breaks_out(name: &[u8], facts: Facts<'_>) -> bool {
    const NAMES: [&str; 44] = [
        "b",
        "big",
        "blockquote",
        "body",
        "br",
        "center",
        "code",
        "dd",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "h1", //
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "hr",
        "i",
        "img",
        "li",
        "listing",
        "menu",
        "meta",
        "nobr",
        "ol", //
        "p",
        "pre",
        "ruby",
        "s",
        "small",
        "span",
        "strong",
        "strike",
        "sub",
        "sup",
        "table",
        "tt",
        "u",
        "ul", //
        "var",
    ];
    is_any(name, &NAMES) || (facts.styled && is_any(name, &["font"]))
}

/// Elements that people put drawings and formulas in.
fn is_html_container(name: &[u8]) -> bool {
    const NAMES: [&str; 33] = [
        "a", "article", "aside", "b", "body", "button", "dd", "div", "em", "figure", "footer", "form",
        "h1", //
        "h2", "h3", "h4", "h5", "h6", "header", "html", "i", "label", "li", "main", "nav", "section",
        "span", //
        "strong", "summary", "table", "td", "th", "tr",
    ];
    is_any(name, &NAMES)
}

fn is_any(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|candidate| name.eq_ignore_ascii_case(candidate.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds tags, `x` for a start tag, `/x` for an end tag, `x/` for a self-closing one; answers how the
    /// last start tag is read, and whether all is closed.
    fn feed(tags: &str) -> (Content, bool) {
        let mut foreign = Foreign::default();
        let mut last = Content::Html;
        for tag in tags.split(' ') {
            if let Some(name) = tag.strip_prefix('/') {
                foreign.end_tag(name.as_bytes());
            } else {
                let self_closing = tag.ends_with('/');
                let name = tag.trim_end_matches('/').as_bytes();
                last = foreign.start_tag(name, Facts { self_closing, ..Facts::default() });
            }
        }
        (last, !foreign.is_inside())
    }

    #[test]
    fn start_tags_are_read_by_the_rules_of_where_they_stand() {
        use Content::{Foreign as F, Html as H};
        for (tags, content, closed) in [
            ("div", H, true),
            ("svg", H, false),
            ("svg/", H, true),
            ("svg /svg", H, true),
            ("svg style", F, false),
            ("svg title /title style", F, false),
            ("svg title style", H, false),
            ("svg foreignObject p /foreignObject g", F, false),
            ("svg foreignObject style svg style", F, false),
            ("svg g g div", H, true),
            ("svg g g /p", F, true),
            ("svg font", F, false),
            ("svg path/ /path g", F, false),
            ("svg g /div", F, true),
            ("svg g /svg style", H, true),
            ("math mi style", H, false),
            ("math mi mglyph", F, false),
            ("math annotation-xml style", F, false),
            ("math annotation-xml svg title style", H, false),
            ("svg mi style", F, false),
            ("svg desc desc /desc style", H, false),
            ("svg desc desc /desc /desc style", F, false),
            ("svg title title /title style", F, false),
            ("math title style", F, false),
        ] {
            assert_eq!(feed(tags), (content, closed), "{tags}");
        }
    }

    #[test]
    fn nesting_is_bounded_and_closes_all_the_same() {
        let deep = ["g"; 1000].join(" ");
        assert_eq!(feed(&format!("svg {deep} /svg")), (Content::Foreign, true));
    }
}
