//! Character references in the value of an attribute (HTML Standard §13.2.5.72 and on).
//!
//! Owns the rules, which for attributes differ from those for text: `&copy=1` in a link is a parameter, no
//! sign. Never fails: what is no reference stays as it is.

mod table;

use memchr::memchr;
use table::NAMED;

/// The longest name, its semicolon included: `CounterClockwiseContourIntegral;`.
const NAME_BYTES_MAX: usize = 32;

/// The value with its references replaced.
pub(crate) fn decode(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(ampersand) = memchr(b'&', rest.as_bytes()) {
        out.push_str(&rest[..ampersand]);
        rest = &rest[ampersand..];
        let length = match rest.as_bytes().get(1) {
            Some(b'#') => numeric(rest, &mut out),
            Some(byte) if byte.is_ascii_alphanumeric() => named(rest, &mut out),
            _ => None,
        };
        if length.is_none() {
            out.push('&');
        }
        rest = &rest[length.unwrap_or(1)..];
    }
    out.push_str(rest);
    out
}

/// `&#…`: pushes the character, and returns the length of the reference.
fn numeric(text: &str, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    let (start, radix) = if matches!(bytes.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
    let mut code: u32 = 0;
    let mut at = start;
    while let Some(digit) = bytes.get(at).and_then(|byte| char::from(*byte).to_digit(radix)) {
        // What is too large stays too large.
        code = code.saturating_mul(radix).saturating_add(digit);
        at += 1;
    }
    if at == start {
        return None;
    }
    out.push(character(code));
    Some(if bytes.get(at) == Some(&b';') { at + 1 } else { at })
}

/// §13.2.5.80, "numeric character reference end state".
fn character(code: u32) -> char {
    match code {
        0 => char::REPLACEMENT_CHARACTER,
        // Meant for windows-1252 by whoever wrote them; the gaps are the C1 controls themselves.
        0x80..=0x9f => WINDOWS_1252[code as usize - 0x80],
        // Surrogates and what is beyond Unicode.
        code => char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', //
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// `&name`: pushes what it stands for, and returns the length of the reference.
fn named(text: &str, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    let (name, characters) = longest_name(&bytes[1..])?;
    let end = 1 + name.len();
    // "For historical reasons", in attributes only: `&copy=` and `&copyx` are no references.
    if !name.ends_with(';')
        && bytes.get(end).is_some_and(|next| *next == b'=' || next.is_ascii_alphanumeric())
    {
        return None;
    }
    out.push_str(characters);
    Some(end)
}

/// The longest name of the table that `text` begins with.
fn longest_name(text: &[u8]) -> Option<(&'static str, &'static str)> {
    let mut candidates = &NAMED[..];
    let mut longest = None;
    for (at, byte) in text.iter().take(NAME_BYTES_MAX).enumerate() {
        let from = candidates.partition_point(|(name, _)| name.as_bytes().get(at) < Some(byte));
        let to = candidates.partition_point(|(name, _)| name.as_bytes().get(at) <= Some(byte));
        candidates = &candidates[from..to];
        // A name sorts before the longer ones that it begins.
        match candidates.first() {
            None => break,
            Some(first) if first.0.len() == at + 1 => longest = Some(*first),
            Some(_) => {}
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_within_bounds() {
        assert!(NAMED.windows(2).all(|pair| pair[0].0.as_bytes() < pair[1].0.as_bytes()));
        assert_eq!(NAMED.iter().map(|(name, _)| name.len()).max(), Some(NAME_BYTES_MAX));
    }

    #[test]
    fn every_name_of_the_table_is_found_whole() {
        for (name, characters) in &NAMED {
            assert_eq!(decode(&format!("&{name}")), *characters, "{name}");
            let (glued, want) = (format!("&{name}x"), format!("{characters}x"));
            if name.ends_with(';') {
                assert_eq!(decode(&glued), want, "{name}");
            }
        }
    }

    #[test]
    fn references_in_attributes() {
        for (value, want) in [
            ("a&amp;b", "a&b"),
            ("a&ampb", "a&ampb"),
            ("a&amp=b", "a&amp=b"),
            ("a&amp-b", "a&-b"),
            ("a&amp", "a&"),
            ("?a=1&copy=2", "?a=1&copy=2"),
            ("?a=1&copy;=2", "?a=1©=2"),
            ("?a=1&lt=2&not;x&notit;", "?a=1&lt=2¬x&notit;"),
            ("&notin;&notin", "∉&notin"),
            ("&;&&&amp;&", "&;&&&&"),
            ("&unknown;&Amp;&AMP;", "&unknown;&Amp;&"),
            ("&#65;&#x42;&#X43;&#68x", "ABCDx"),
            ("&#;&#x;&#xg;&#-1;", "&#;&#x;&#xg;&#-1;"),
            ("&#0;&#xD800;&#x110000;&#99999999999999999999;", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("&#128;&#x81;&#159;", "€\u{81}Ÿ"),
            ("&#47&#x2f", "//"),
            ("&NotEqualTilde;", "\u{2242}\u{338}"),
            ("é&eacute;é&eacuteé", "éééé\u{e9}"),
        ] {
            assert_eq!(decode(value), want, "{value}");
        }
    }
}
