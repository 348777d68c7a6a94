//! The chunked transfer coding undone (RFC 9112 §7.1).
//!
//! Owns the state between two reads; the bytes may be cut anywhere. Never allocates but in the body it
//! appends to.

use crate::framing::Malformed;

/// Longest line of a chunk's extension, and of all trailers together, in bytes. Nobody uses the one, few the
/// other; without a bound either could go on for ever.
const LINE_BYTES_MAX: u32 = 16 << 10;

/// Hexadecimal digits of a chunk's size: past fifteen it is no size but an attempt on somebody's arithmetic.
const SIZE_DIGITS_MAX: u8 = 15;

/// Undoes one chunked body.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// Bytes of the present chunk that are still to come; while its size is read, what was read of it.
    left: u64,
    digits: u8,
    /// Bytes of the present extension, of the line end behind a chunk, or of the trailers.
    line: u32,
    /// The last byte was a carriage return.
    returned: bool,
    /// A line ended with a bare line feed, or had a bare carriage return in it.
    is_odd: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    /// Behind the size's digits, up to the line's end.
    Extension,
    Data,
    /// Behind the data, up to the line's end.
    DataEnd,
    /// At the beginning of a line behind the last chunk.
    TrailerStart,
    Trailer,
    Over,
}

impl Chunked {
    /// Appends what `input` holds of the body, and says how many of its bytes belong to the message.
    pub(crate) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < input.len() && self.state != State::Over {
            if self.state == State::Data {
                let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len() - at);
                body.extend_from_slice(&input[at..at + n]);
                at += n;
                self.left -= n as u64;
                if self.left == 0 {
                    self.state = State::DataEnd;
                    self.returned = false;
                }
            } else {
                self.step(input[at])?;
                at += 1;
            }
        }
        Ok(at)
    }

    /// True where a line was read here that another reader might have read otherwise.
    pub(crate) fn is_odd(&self) -> bool {
        self.is_odd
    }

    /// True when the last chunk and the trailers have come.
    pub(crate) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn step(&mut self, byte: u8) -> Result<(), Malformed> {
        // A carriage return and a line feed stand together or not at all (RFC 9112 §2.2).
        self.is_odd |= self.returned != (byte == b'\n');
        self.returned = byte == b'\r';
        match self.state {
            State::Size => match (byte as char).to_digit(16) {
                Some(digit) if self.digits < SIZE_DIGITS_MAX => {
                    self.digits += 1;
                    self.left = self.left * 16 + u64::from(digit);
                }
                Some(_) => return Err(Malformed::Chunk),
                None if self.digits == 0 => return Err(Malformed::Chunk),
                None => {
                    // The first byte behind the digits tells a size from a word that begins like one.
                    if !matches!(byte, b'\r' | b'\n' | b';' | b' ' | b'\t') {
                        return Err(Malformed::Chunk);
                    }
                    self.line = 0;
                    self.extension(byte)?;
                }
            },
            State::Extension => self.extension(byte)?,
            State::DataEnd => match byte {
                b'\r' => self.count_line()?,
                b'\n' => self.state = State::Size,
                _ => return Err(Malformed::Chunk),
            },
            State::TrailerStart | State::Trailer => {
                self.count_line()?;
                match byte {
                    b'\n' if self.state == State::TrailerStart => self.state = State::Over,
                    b'\n' => self.state = State::TrailerStart,
                    b'\r' => {}
                    _ => self.state = State::Trailer,
                }
            }
            State::Data | State::Over => {}
        }
        Ok(())
    }

    fn extension(&mut self, byte: u8) -> Result<(), Malformed> {
        if byte != b'\n' {
            self.state = State::Extension;
            return self.count_line();
        }
        self.digits = 0;
        self.line = 0;
        self.state = if self.left == 0 { State::TrailerStart } else { State::Data };
        Ok(())
    }

    fn count_line(&mut self) -> Result<(), Malformed> {
        self.line += 1;
        if self.line > LINE_BYTES_MAX { Err(Malformed::ChunkLine) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds pieces of `step` bytes; the body, the bytes that were the message's, and whether it is over.
    fn undo(input: &[u8], step: usize) -> Result<(Vec<u8>, usize, bool), Malformed> {
        let (mut chunked, mut body, mut used) = (Chunked::default(), Vec::new(), 0);
        for piece in input.chunks(step) {
            let n = chunked.feed(piece, &mut body)?;
            used += n;
            if n < piece.len() {
                break;
            }
        }
        Ok((body, used, chunked.is_over()))
    }

    #[test]
    fn bodies_cut_anywhere() {
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(LINE_BYTES_MAX as usize + 1));
        let trailers = format!("0\r\n{}\r\n\r\n", "X: y\r\n".repeat(LINE_BYTES_MAX as usize / 4));
        let returns = format!("1\r\nx{}", "\r".repeat(LINE_BYTES_MAX as usize + 1));
        for (input, want) in [
            ("5\r\nhello\r\n0\r\n\r\n", Ok(("hello", 15, true))),
            ("5\nhello\n0\n\n", Ok(("hello", 11, true))),
            ("5 \r\nhello\r\n0\r\n\r\n", Ok(("hello", 16, true))),
            (
                "05;x=\"y\"\r\nhello\r\n3\r\nabc\r\n000\r\nX-T: 1\r\nX-U: 2\r\n\r\n",
                Ok(("helloabc", 48, true)),
            ),
            ("A\r\n0123456789\r\n0\r\n\r\nHTTP/1.1 200", Ok(("0123456789", 20, true))),
            ("0\r\n\r\n", Ok(("", 5, true))),
            ("5\r\nhello\r\n", Ok(("hello", 10, false))),
            ("50\r\nhello", Ok(("hello", 9, false))),
            ("5\r\nhello\r\n0\r\n", Ok(("hello", 13, false))),
            ("", Ok(("", 0, false))),
            (returns.as_str(), Err(Malformed::ChunkLine)),
            ("zz\r\n", Err(Malformed::Chunk)),
            ("\r\n5\r\nhello", Err(Malformed::Chunk)),
            ("-5\r\nhello", Err(Malformed::Chunk)),
            ("5x\r\nhello", Err(Malformed::Chunk)),
            ("5\r\nhelloX\r\n", Err(Malformed::Chunk)),
            ("FFFFFFFFFFFFFFFF\r\n", Err(Malformed::Chunk)),
            ("0000000000000005\r\nhello", Err(Malformed::Chunk)),
            (long.as_str(), Err(Malformed::ChunkLine)),
            (trailers.as_str(), Err(Malformed::ChunkLine)),
        ] {
            let want = want.map(|(body, used, over)| (body.as_bytes().to_vec(), used, over));
            for step in [1, 2, 3, 7, usize::MAX] {
                assert_eq!(
                    undo(input.as_bytes(), step),
                    want,
                    "{:?} in steps of {step}",
                    &input[..input.len().min(60)]
                );
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_chunked_comes_back(parts in proptest::collection::vec("[a-z\r\n]{1,40}", 0..6), step in 1..50_usize) {
            let mut wire = String::new();
            for part in &parts {
                wire += &format!("{:x}\r\n{part}\r\n", part.len());
            }
            wire += "0\r\n\r\n";
            prop_assert_eq!(undo(wire.as_bytes(), step), Ok((parts.concat().into_bytes(), wire.len(), true)));
        }

        #[test]
        fn nothing_panics_and_the_cut_does_not_matter(input in "[0-9a-f;\r\n x]{0,80}", step in 1..20_usize) {
            let whole = undo(input.as_bytes(), usize::MAX);
            let cut = undo(input.as_bytes(), step);
            prop_assert_eq!(whole, cut);
        }
    }
}
