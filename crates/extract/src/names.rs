//! Tag names that the scanner must know: links, and the elements whose content is no markup.
//!
//! Owns the table of names. Never looks past a name.

/// What a start tag means to the scanner, by its name, in HTML content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// Nothing.
    Other,
    /// May carry a link or a base URL.
    Link(Element),
    /// Its content is text up to its own end tag (HTML Standard, "generic raw text" and "RCDATA" elements);
    /// the lower-case name.
    RawText(&'static [u8]),
    /// The same, with the escapes that only a script has.
    Script,
    /// All that follows is text.
    Plaintext,
    /// `svg` or `math`: foreign content begins.
    Foreign,
}

/// The elements that carry links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Anchor,
    Area,
    Base,
    Frame,
    /// Its content is raw text, too.
    Iframe,
    /// `img`, which has candidates in its `srcset`.
    Image,
    Link,
    /// Has no link of its own kind, but may have a refresh, or say something of the document.
    Meta,
    /// `source`, the same as [`Element::Image`].
    Source,
}

impl Element {
    /// The attribute that holds the reference; that of an image only where `ALL` is asked for.
    #[inline(always)]
    pub(crate) fn attribute<const ALL: bool>(self) -> &'static [u8] {
        match self {
            Element::Frame | Element::Iframe => b"src",
            Element::Image | Element::Source if ALL => b"srcset",
            _ => b"href",
        }
    }
}

impl Name {
    /// By the bytes between `<` and what ends a name, in any case.
    ///
    /// Called once for every tag, so it looks at the length first: most names end there.
    #[inline(always)]
    pub(crate) fn of(name: &[u8]) -> Name {
        match name.len() {
            1 if is(name, b"a") => Name::Link(Element::Anchor),
            3 => match name[0] | 0x20 {
                b'i' if is(name, b"img") => Name::Link(Element::Image),
                b's' if is(name, b"svg") => Name::Foreign,
                b'x' if is(name, b"xmp") => Name::RawText(b"xmp"),
                _ => Name::Other,
            },
            4 => match name[0] | 0x20 {
                b'a' if is(name, b"area") => Name::Link(Element::Area),
                b'b' if is(name, b"base") => Name::Link(Element::Base),
                b'l' if is(name, b"link") => Name::Link(Element::Link),
                b'm' if is(name, b"meta") => Name::Link(Element::Meta),
                b'm' if is(name, b"math") => Name::Foreign,
                _ => Name::Other,
            },
            5 => match name[0] | 0x20 {
                b'f' if is(name, b"frame") => Name::Link(Element::Frame),
                b's' if is(name, b"style") => Name::RawText(b"style"),
                b't' if is(name, b"title") => Name::RawText(b"title"),
                _ => Name::Other,
            },
            6 => match name[0] | 0x20 {
                b's' if is(name, b"script") => Name::Script,
                b's' if is(name, b"source") => Name::Link(Element::Source),
                b'i' if is(name, b"iframe") => Name::Link(Element::Iframe),
                _ => Name::Other,
            },
            7 if is(name, b"noembed") => Name::RawText(b"noembed"),
            8 if is(name, b"textarea") => Name::RawText(b"textarea"),
            8 if is(name, b"noframes") => Name::RawText(b"noframes"),
            9 if is(name, b"plaintext") => Name::Plaintext,
            _ => Name::Other,
        }
    }
}

/// Equal without regard to ASCII case. `lower` consists of lower-case letters only: then setting the bit that
/// makes a letter small makes nothing else equal to it.
#[inline(always)]
pub(crate) fn is(name: &[u8], lower: &[u8]) -> bool {
    name.len() == lower.len() && name.iter().zip(lower).all(|(byte, letter)| byte | 0x20 == *letter)
}

/// HTML's blanks: what stands between attributes and ends a name.
#[inline(always)]
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | b'\r' | b'\x0c')
}

/// A blank, `/` or `>`: what ends a tag's name.
#[inline(always)]
pub(crate) fn ends_name(byte: u8) -> bool {
    is_blank(byte) || byte == b'/' || byte == b'>'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case_and_whole() {
        for (text, want) in [
            ("a", Name::Link(Element::Anchor)),
            ("A", Name::Link(Element::Anchor)),
            ("\u{1}", Name::Other),
            ("aRea", Name::Link(Element::Area)),
            ("areas", Name::Other),
            ("IFRAME", Name::Link(Element::Iframe)),
            ("Img", Name::Link(Element::Image)),
            ("source", Name::Link(Element::Source)),
            ("META", Name::Link(Element::Meta)),
            ("metal", Name::Other),
            ("SCRIPT", Name::Script),
            ("noscript", Name::Other),
            ("TextArea", Name::RawText(b"textarea")),
            ("ma\u{14}h", Name::Other),
            ("Math", Name::Foreign),
            ("plaintext", Name::Plaintext),
        ] {
            assert_eq!(Name::of(text.as_bytes()), want, "{text:?}");
        }
    }
}
