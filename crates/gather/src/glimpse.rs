//! The beginning of a body, for one line of text.

/// Characters that are shown.
const CHARS_MAX: usize = 80;

/// Bytes that are looked at for them: blanks and what cannot be printed are passed over.
const BYTES_MAX: usize = 4096;

/// The first 80 printable characters of a body, runs of blanks as one. Nothing in it moves a cursor, ends a line
/// or turns the direction of writing.
pub(crate) fn glimpse(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]);
    let mut shown = String::new();
    let mut chars = 0;
    let mut blank = false;
    for sign in text.chars() {
        if sign.is_whitespace() {
            blank = chars > 0;
        } else if is_printable(sign) {
            // Between two tags a blank says nothing, and the place is scarce.
            if std::mem::take(&mut blank) && !(sign == '<' && shown.ends_with('>')) {
                shown.push(' ');
                chars += 1;
            }
            if chars >= CHARS_MAX {
                return shown + "…";
            }
            shown.push(sign);
            chars += 1;
        }
    }
    shown
}

fn is_printable(sign: char) -> bool {
    let is_invisible = matches!(
        sign,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}'
    );
    !sign.is_control() && !is_invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_printable_line() {
        for (body, want) in [
            (&b""[..], ""),
            (b"<a>\r\n  <b>\t</b>\n", "<a><b></b>"),
            (b" a \n\n b ", "a b"),
            (b"\x1b[31mred\x07\0", "[31mred"),
            ("a\u{202e}b\u{feff}é".as_bytes(), "abé"),
            (b"\xff\xfeok", "ok"),
        ] {
            assert_eq!(glimpse(body), want);
        }
        assert_eq!(glimpse(&[b'x'; 5000]), format!("{}…", "x".repeat(80)));
        assert_eq!(glimpse(&[b'x'; 80]), "x".repeat(80));
    }
}
