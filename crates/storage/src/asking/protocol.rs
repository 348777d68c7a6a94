//! What is said over the socket.
//!
//! Owns the frames. Each question is answered by one frame, in order; all numbers are little-endian.
//!
//! ```text
//! frame    length (4 bytes), then so many bytes
//! hello    H version (4) mark (8)                      → nothing
//! state    S settled (1)                               → the index's state as JSON
//! row      R seq (8)                                   → 0, or 1 and the value
//! page     P back (1) most (4) length (4) start end    → more (1), then pairs: length (4) key length (4) value
//! wait     W seq (8) milliseconds (4)                  → the last sequence number (8)
//! answer   0 and the answer, or 1 and why there is none, in words
//! ```
//!
//! What is asked is what [`crate::index::Source`] is asked.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use crate::index::{End, Page, Span};

/// Counted up with every change of what is said here: two programs of different versions do not guess.
pub(crate) const VERSION: u32 = 1;
/// Longest question: two keys of the longest URLs.
pub(crate) const QUESTION_BYTES_MAX: u32 = 64 << 10;
/// Longest answer that is believed: the longest record that there can be, with its key.
pub(crate) const ANSWER_BYTES_MAX: u32 = 80 << 20;
/// Longest wait for news within one question: a line that is silent for longer is taken for a dead one.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(20);
/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    Hello { version: u32, mark: [u8; 8] },
    State { settled: bool },
    Row { seq: u64 },
    Page { span: Span, end: End, most: u32 },
    Wait { seq: u64, patience: Duration },
}

impl Question {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Question::Hello { version, mark } => {
                out.push(b'H');
                out.extend_from_slice(&version.to_le_bytes());
                out.extend_from_slice(mark);
            }
            Question::State { settled } => out.extend_from_slice(&[b'S', u8::from(*settled)]),
            Question::Row { seq } => {
                out.push(b'R');
                out.extend_from_slice(&seq.to_le_bytes());
            }
            Question::Page { span, end, most } => {
                out.extend_from_slice(&[b'P', u8::from(*end == End::Back)]);
                out.extend_from_slice(&most.to_le_bytes());
                out.extend_from_slice(&(span.start.len() as u32).to_le_bytes());
                out.extend_from_slice(&span.start);
                out.extend_from_slice(&span.end);
            }
            Question::Wait { seq, patience } => {
                out.push(b'W');
                out.extend_from_slice(&seq.to_le_bytes());
                let patience = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
                out.extend_from_slice(&patience.to_le_bytes());
            }
        }
        out
    }

    /// `None` for what is no question.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.split_first()?;
        let question = match kind {
            b'H' => {
                let version = number(&mut rest)?;
                Question::Hello { version, mark: rest.try_into().ok()? }
            }
            b'S' => Question::State { settled: <[u8; 1]>::try_from(rest).ok()? != [0] },
            b'R' => Question::Row { seq: u64::from_le_bytes(rest.try_into().ok()?) },
            b'P' => {
                let (back, mut rest) = rest.split_first()?;
                let most = number(&mut rest)?;
                let length = number(&mut rest)? as usize;
                let (start, end) = rest.split_at_checked(length)?;
                let span = Span { start: start.to_vec(), end: end.to_vec() };
                Question::Page { span, end: if *back == 0 { End::Front } else { End::Back }, most }
            }
            b'W' => {
                let (seq, mut rest) = rest.split_first_chunk::<8>()?;
                let patience = number(&mut rest)?;
                let (seq, patience) = (u64::from_le_bytes(*seq), Duration::from_millis(patience.into()));
                rest.is_empty().then_some(Question::Wait { seq, patience })?
            }
            _ => return None,
        };
        Some(question)
    }
}

pub(crate) fn encode_page(page: &Page) -> Vec<u8> {
    let mut out = vec![u8::from(page.more)];
    for (key, value) in &page.pairs {
        for part in [key, value] {
            out.extend_from_slice(&(part.len() as u32).to_le_bytes());
            out.extend_from_slice(part);
        }
    }
    out
}

/// `None` for what is no page.
pub(crate) fn decode_page(bytes: &[u8]) -> Option<Page> {
    let (more, mut rest) = bytes.split_first()?;
    let mut part = || {
        let length = number(&mut rest)? as usize;
        let (part, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some((part.into(), rest.is_empty()))
    };
    let mut pairs = Vec::new();
    let mut over = bytes.len() == 1;
    while !over {
        let (key, _) = part()?;
        let (value, last) = part()?;
        over = last;
        pairs.push((key, value));
    }
    Some(Page { pairs, more: *more != 0 })
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

/// Writes a frame in one call.
pub(crate) fn write_frame(to: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut frame = Vec::with_capacity(4 + bytes);
    frame.extend_from_slice(&length.to_le_bytes());
    parts.iter().for_each(|part| frame.extend_from_slice(part));
    to.write_all(&frame)
}

/// Reads a frame of at most so many bytes; `None` where the other side hung up between two.
pub(crate) fn read_frame(from: &mut impl Read, bytes_max: u32) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read(&mut length)? {
        0 => return Ok(None),
        read => from.read_exact(&mut length[read..])?,
    }
    let length = u32::from_le_bytes(length);
    if length > bytes_max {
        let what = format!("a frame of {length} bytes, {bytes_max} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    let mut frame = Vec::new();
    // Grows with what comes: a length alone makes nobody allocate.
    if from.take(length.into()).read_to_end(&mut frame)? < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: &[u8], end: &[u8]) -> Span {
        Span { start: start.to_vec(), end: end.to_vec() }
    }

    #[test]
    fn questions_and_pages_come_back() {
        for question in [
            Question::Hello { version: 7, mark: *b"12345678" },
            Question::State { settled: false },
            Question::State { settled: true },
            Question::Row { seq: 0x0102_0304_0506_0708 },
            Question::Page { span: span(b"u", b"v"), end: End::Back, most: 9 },
            Question::Page { span: span(b"", b""), end: End::Front, most: 0 },
            Question::Wait { seq: u64::MAX, patience: Duration::from_millis(1500) },
        ] {
            let bytes = question.encode();
            assert_eq!(Question::decode(&bytes), Some(question.clone()));
            for cut in 0..bytes.len() {
                assert_ne!(
                    Question::decode(&bytes[..cut]).as_ref(),
                    Some(&question),
                    "{question:?} at {cut}"
                );
            }
        }
        let pair = |key: &[u8], value: &[u8]| (key.into(), value.into());
        for pairs in [vec![], vec![pair(b"a", b"")], vec![pair(&[1], &[2; 300]), pair(b"", b"")]] {
            for more in [true, false] {
                let bytes = encode_page(&Page { pairs: pairs.clone(), more });
                let back = decode_page(&bytes).unwrap();
                assert_eq!((&back.pairs, back.more), (&pairs, more));
                for cut in 0..bytes.len() {
                    assert!(decode_page(&bytes[..cut]).is_none_or(|cut| cut.pairs != pairs));
                }
            }
        }
    }

    #[test]
    fn frames_are_bounded_and_may_end_between_each_other() {
        let mut wire = Vec::new();
        write_frame(&mut wire, &[b"ab", b"c"]).unwrap();
        let mut from = &wire[..];
        assert_eq!(read_frame(&mut from, 3).unwrap().as_deref(), Some(&b"abc"[..]));
        assert_eq!(read_frame(&mut from, 3).unwrap(), None);
        assert!(read_frame(&mut &wire[..], 2).is_err());
        for cut in 1..wire.len() {
            assert!(read_frame(&mut &wire[..cut], 3).is_err(), "{cut}");
        }
    }
}
