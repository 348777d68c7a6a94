//! The heads of one answer, cut anywhere: interim ones passed over, the final one found.
//!
//! Owns the bytes of a head until it is whole, and the bounds on heads. Pure: nothing here knows a socket.

use bytes::Bytes;

use crate::framing::{self, Head, Malformed};

/// The heads of an answer, interim ones and the final one, as they come in.
#[derive(Debug)]
pub(crate) struct Heads {
    /// A head's beginning, where one read did not bring it whole.
    partial: Vec<u8>,
    /// Bytes of heads so far.
    pub(crate) received: usize,
    interims: u8,
    limit: usize,
}

/// A final head.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) head: Head,
    /// As received.
    pub(crate) raw: Bytes,
    /// Bytes of the last input that lie behind the head.
    pub(crate) behind: usize,
}

impl Heads {
    pub(crate) fn new(limit: usize) -> Self {
        Self { partial: Vec::new(), received: 0, interims: 0, limit }
    }

    /// Takes what was read; the final head, when it is whole.
    pub(crate) fn take_in(&mut self, input: &[u8], is_head: bool) -> Result<Option<Found>, Malformed> {
        // Nearly always a head comes in one piece, and is read where it lies.
        let mut partial = std::mem::take(&mut self.partial);
        let mut seen = partial.len();
        let before = self.received - seen;
        let bytes = if seen == 0 {
            input
        } else {
            partial.extend_from_slice(input);
            &partial[..]
        };
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let blank = if seen == 0 { framing::blank_lines(rest) } else { 0 };
            let head = &rest[blank..];
            if !framing::may_be_http(head) {
                return Err(Malformed::NotHttp);
            }
            let end = framing::head_end(head, seen);
            self.received = before + at + blank + end.unwrap_or(head.len());
            if self.received > self.limit {
                return Err(Malformed::Large(self.limit));
            }
            let Some(end) = end else {
                self.partial = if at + blank == 0 && !partial.is_empty() { partial } else { head.to_vec() };
                return Ok(None);
            };
            let raw = &head[..end];
            match framing::parse_head(raw, is_head)? {
                Head::Interim => {
                    self.interims += 1;
                    if self.interims > framing::INTERIM_MAX {
                        return Err(Malformed::Interims);
                    }
                    at += blank + end;
                    seen = 0;
                }
                head => {
                    let behind = bytes.len() - at - blank - end;
                    return Ok(Some(Found { head, raw: Bytes::copy_from_slice(raw), behind }));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::Framing;

    /// Feeds pieces of `step` bytes: the final head's text, and what of the input lies behind it.
    fn feed(input: &str, step: usize) -> Result<Option<(String, String)>, Malformed> {
        let mut heads = Heads::new(200);
        for (i, piece) in input.as_bytes().chunks(step).enumerate() {
            if let Some(found) = heads.take_in(piece, false)? {
                let end = (i * step + piece.len()).min(input.len());
                assert_eq!(found.head, Head::Final { status: 200, framing: Framing::Length(2), keep: true });
                let raw = String::from_utf8(found.raw.to_vec()).unwrap();
                return Ok(Some((raw, input[end - found.behind..].to_owned())));
            }
        }
        Ok(None)
    }

    #[test]
    fn heads_cut_anywhere() {
        const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        const HINT: &str = "HTTP/1.1 103 Early Hints\r\n\r\n";
        let large = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200));
        let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(200));
        for (input, want) in [
            (format!("{OK}ok"), Ok(Some(OK))),
            (format!("\r\n\r\n{OK}ok"), Ok(Some(OK))),
            (format!("{HINT}{OK}ok"), Ok(Some(OK))),
            (format!("{HINT}\r\n{HINT}\n{OK}ok"), Ok(Some(OK))),
            (HINT.to_owned(), Ok(None)),
            (OK[..30].to_owned(), Ok(None)),
            (String::new(), Ok(None)),
            (HINT.repeat(9), Err(())),
            (large, Err(())),
            (endless, Err(())),
            (format!("{HINT}<html>"), Err(())),
            ("SSH-2.0-x\r\n".to_owned(), Err(())),
        ] {
            for step in [1, 2, 5, 1000] {
                let got = feed(&input, step).map_err(|_| ());
                let got = got.map(|found| {
                    found.map(|(raw, behind)| {
                        assert!("ok".starts_with(&behind), "{behind:?}");
                        raw
                    })
                });
                assert_eq!(got, want.map(|raw| raw.map(str::to_owned)), "{input:?} in steps of {step}");
            }
        }
    }

    #[test]
    fn interim_heads_are_counted_and_bounded() {
        let mut heads = Heads::new(1 << 20);
        let hints = "HTTP/1.1 100 Continue\r\n\r\n".repeat(usize::from(framing::INTERIM_MAX));
        assert!(heads.take_in(hints.as_bytes(), false).unwrap().is_none());
        assert_eq!(heads.take_in(b"HTTP/1.1 100\r\n\r\n", false).unwrap_err(), Malformed::Interims);
    }
}
