//! The candidates of a `srcset`.
//!
//! Owns their separation (HTML Standard §4.8.4.2.2, "parse a srcset attribute"), as far as the URLs need it.
//! Never chooses between them.

/// The references of a `srcset`, in order; descriptors are passed over.
pub(crate) fn candidates(srcset: &str) -> impl Iterator<Item = &str> {
    let mut rest = srcset;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| is_blank(c) || c == ',');
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_blank).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let url = word.trim_end_matches(',');
        rest = if url.len() < word.len() { behind } else { after_descriptors(behind) };
        Some(url)
    })
}

/// What follows the comma that ends a candidate; one in parentheses ends none.
fn after_descriptors(text: &str) -> &str {
    let mut inside = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => inside = true,
            b')' => inside = false,
            b',' if !inside => return &text[at + 1..],
            _ => {}
        }
    }
    ""
}

/// HTML's "ASCII whitespace".
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_as_browsers_separate_them() {
        for (srcset, want) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a 1x, b 2x", &["a", "b"]),
            ("a,b", &["a,b"]),
            ("a, b", &["a", "b"]),
            ("a,, b", &["a", "b"]),
            ("a 100w 2x,b", &["a", "b"]),
            ("a (1,2) 2x, b", &["a", "b"]),
            ("a (1, b", &["a"]),
            ("data:x,y 1x, b", &["data:x,y", "b"]),
            ("a\n1x,\tb", &["a", "b"]),
            ("ä ü, ö", &["ä", "ö"]),
        ] {
            assert_eq!(candidates(srcset).collect::<Vec<_>>(), want, "{srcset:?}");
        }
    }
}
