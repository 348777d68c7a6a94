//! The head of a WARC record: its version and its fields, as they stand.
//!
//! Owns the reading of heads, ours and others'. Believes nothing: a head has a longest length, and what its fields say
//! is for the caller to check.

use std::io::{BufRead, Read as _};

use super::Kind;

/// Longest head of a record. The longest of ours has two URLs of 8 KiB in it.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// How strictly a head is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As we write it: WARC 1.x, every line ended by CR LF.
    Ours,
    /// As it is found in the wild: any version, lines ended by LF alone, fields folded.
    Theirs,
}

/// A record's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The lines, line ends included, the empty one at the end not.
    lines: Vec<u8>,
    /// `Content-Length`: bytes of the block.
    pub(crate) length: u64,
}

impl Head {
    /// Reads a head to the end of its empty line; the error says what is wrong with it.
    pub(crate) fn read(from: &mut impl BufRead, manner: Manner) -> Result<Self, String> {
        let mut limited = from.take(HEAD_BYTES_MAX as u64);
        let mut lines = Vec::with_capacity(512);
        loop {
            let start = lines.len();
            limited.read_until(b'\n', &mut lines).map_err(|e| e.to_string())?;
            let line = &lines[start..];
            let is_whole = match manner {
                Manner::Ours => line.ends_with(b"\r\n"),
                Manner::Theirs => line.ends_with(b"\n"),
            };
            if !is_whole {
                return Err(match limited.limit() {
                    0 => format!("the record's head is longer than {HEAD_BYTES_MAX} bytes"),
                    _ => "the record's head is cut".to_owned(),
                });
            }
            if start == 0 {
                check_version(line, manner)?;
            } else if line.trim_ascii().is_empty() {
                lines.truncate(start);
                break;
            }
        }
        let mut head = Self { lines, length: 0 };
        head.length = head
            .get("Content-Length")
            .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
            .ok_or("the record has no length")?;
        Ok(head)
    }

    /// The value of a field, its first one: names are compared without case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of a field that is text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.get(name)?).ok()
    }

    /// Every field, its name and its value, in order. Of a folded one its first line.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
            let is_folded = line.first().is_none_or(|byte| matches!(byte, b' ' | b'\t'));
            let colon = memchr::memchr(b':', line).filter(|_| !is_folded)?;
            Some((line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii()))
        })
    }

    /// `None` for a kind that we do not write.
    pub(crate) fn kind(&self) -> Option<Kind> {
        Kind::parse(self.get("WARC-Type")?)
    }

    /// `WARC-Record-ID`, as it stands.
    pub(crate) fn id(&self) -> &[u8] {
        self.get("WARC-Record-ID").unwrap_or_default()
    }
}

fn check_version(line: &[u8], manner: Manner) -> Result<(), String> {
    let is_warc = match manner {
        Manner::Ours => line.starts_with(b"WARC/1."),
        Manner::Theirs => line.starts_with(b"WARC/"),
    };
    if is_warc { Ok(()) } else { Err("no WARC record".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn theirs_are_read_more_leniently() {
        let text = "WARC/0.18\nWARC-Type : response\nX: a\n folded: b\nx: c\ncontent-length: 12\n\n";
        assert!(Head::read(&mut text.as_bytes(), Manner::Ours).is_err());
        let head = Head::read(&mut text.as_bytes(), Manner::Theirs).unwrap();
        assert_eq!((head.kind(), head.length), (Some(Kind::Response), 12));
        assert_eq!((head.text("x"), head.get(" folded"), head.get("Y")), (Some("a"), None, None));
        assert!(Head::read(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..], Manner::Theirs).is_err());
    }
}
