//! `Link:` fields.
//!
//! Owns their grammar (RFC 8288 §3 and appendix B). Never resolves.

use std::borrow::Cow;

use crate::relation::Relations;

/// Links read of one field. A head that is full of them is no head that is meant.
const LINKS_MAX: usize = 1024;

/// One link of a field.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FieldLink<'a> {
    /// What stands between the angle brackets.
    pub(crate) target: &'a str,
    /// Of the first `rel`.
    pub(crate) relations: Relations,
    /// Of the first `hreflang`.
    pub(crate) language: Option<Cow<'a, str>>,
    /// Of the first `type`.
    pub(crate) media_type: Option<Cow<'a, str>>,
    /// What the link is of, where it is not of the document.
    pub(crate) anchor: Option<Cow<'a, str>>,
}

/// The links of one field's value, which may be several. What is no link is passed over up to the next comma.
pub(crate) fn links(value: &str) -> impl Iterator<Item = FieldLink<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return None;
            }
            let Some(inside) = rest.strip_prefix('<') else {
                rest = rest.split_once(',').map_or("", |(_, behind)| behind);
                continue;
            };
            let Some((target, behind)) = inside.split_once('>') else {
                // No other link can end, either.
                rest = "";
                return None;
            };
            let mut link = FieldLink {
                target,
                relations: Relations::default(),
                language: None,
                media_type: None,
                anchor: None,
            };
            rest = parameters(behind, &mut link);
            return Some(link);
        }
    })
    .take(LINKS_MAX)
}

/// Reads the parameters of a link; what is behind them.
fn parameters<'a>(mut rest: &'a str, link: &mut FieldLink<'a>) -> &'a str {
    let mut has_relations = false;
    loop {
        rest = rest.trim_start_matches(BLANKS);
        let Some(behind) = rest.strip_prefix(';') else {
            // Between two parameters, whatever is neither `;` nor `,` is passed over.
            match rest.find([';', ',']) {
                Some(at) if rest.as_bytes()[at] == b';' => rest = &rest[at..],
                Some(at) => return &rest[at..],
                None => return "",
            }
            continue;
        };
        let behind = behind.trim_start_matches(BLANKS);
        let name_end = behind.find([' ', '\t', '=', ';', ',']).unwrap_or(behind.len());
        let (name, behind) = behind.split_at(name_end);
        let behind = behind.trim_start_matches(BLANKS);
        let (value, behind) = match behind.strip_prefix('=').map(|value| value.trim_start_matches(BLANKS)) {
            None => (Cow::Borrowed(""), behind),
            Some(value) => match value.strip_prefix('"') {
                Some(inside) => quoted(inside),
                None => {
                    let end = value.find([';', ',']).unwrap_or(value.len());
                    (value[..end].trim_end_matches(BLANKS).into(), &value[end..])
                }
            },
        };
        rest = behind;
        if name.eq_ignore_ascii_case("rel") {
            if !has_relations {
                link.relations = Relations::of(&value);
                has_relations = true;
            }
        } else if name.eq_ignore_ascii_case("hreflang") {
            link.language.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("type") {
            link.media_type.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("anchor") {
            link.anchor.get_or_insert(value);
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

/// The text of a quoted string (RFC 9110 §5.6.4) whose opening quote is behind us, and what follows the closing one.
fn quoted(inside: &str) -> (Cow<'_, str>, &str) {
    let Some(end) = inside.find(['"', '\\']) else { return (inside.into(), "") };
    if inside.as_bytes()[end] == b'"' {
        return (inside[..end].into(), &inside[end + 1..]);
    }
    let mut text = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text.into(), &inside[at + 1..]),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => text.push(character),
        }
    }
    (text.into(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `target rel-bits[ language][ type][ @anchor]` of each link.
    fn read(value: &str) -> Vec<String> {
        let show = |mark: &str, text: Option<Cow<'_, str>>| {
            text.map_or(String::new(), |text| format!(" {mark}{text}"))
        };
        links(value)
            .map(|link| {
                let next = if link.relations.has(Relations::NEXT) { " next" } else { "" };
                let language = show("", link.language);
                format!(
                    "{}{next}{language}{}{}",
                    link.target,
                    show("", link.media_type),
                    show("@", link.anchor)
                )
            })
            .collect()
    }

    #[test]
    fn fields_as_the_grammar_has_them() {
        for (value, want) in [
            ("", &[][..]),
            ("<a>", &["a"]),
            ("<a>; rel=next", &["a next"]),
            ("<a>;rel=\"next\"", &["a next"]),
            ("<a>; REL = \"x NEXT y\"", &["a next"]),
            ("<a>; rel=prev; rel=next", &["a"]),
            ("<a>; rel=next, <b>; rel=last", &["a next", "b"]),
            ("<a,b;c>; rel=next,<d>", &["a,b;c next", "d"]),
            ("<a>; title=\"x, y; z\"; rel=next", &["a next"]),
            ("<a>; title=\"x \\\" , <n>; rel=x\"; rel=next", &["a next"]),
            ("<a>; title*=UTF-8''x; hreflang=de; hreflang=n; type=\"text/html; x\"", &["a de text/html; x"]),
            ("<a>; anchor=\"#x\"; rel=next", &["a next @#x"]),
            ("<a>; flag; rel=next", &["a next"]),
            ("<a>; ; rel=next", &["a next"]),
            ("<a> junk; rel=next", &["a next"]),
            ("<a>; rel=\"next", &["a next"]),
            ("junk, <b>; rel=next", &["b next"]),
            (",, ,<b>", &["b"]),
            ("<a", &[]),
            ("a; rel=next", &[]),
            ("<>; rel=next", &[" next"]),
            ("<ä>; title=\"ö\\ü\"; rel=next", &["ä next"]),
        ] {
            assert_eq!(read(value), want, "{value:?}");
        }
    }

    #[test]
    fn the_links_of_a_field_are_bounded() {
        assert_eq!(links(&"<a>,".repeat(100_000)).count(), LINKS_MAX);
        assert_eq!(links(&"<a>; ".repeat(100_000)).count(), 1);
        assert_eq!(links(&"<".repeat(100_000)).count(), 0);
    }
}
