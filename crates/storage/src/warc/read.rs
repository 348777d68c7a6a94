//! Reading WARC records back.
//!
//! Owns the reading of one gzip member with a record in it, and the checking of its digests. Trusts nothing it
//! reads: lengths are checked before they are believed, and a bad member is an answer, not an error.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::{
    Kind,
    head::{Head, Manner},
};

/// Longest block that is read into memory by a scan: the JSON of a page. 64 MiB is a page with 8,000 new
/// links of the longest kind, or half a million of the usual.
pub(crate) const BLOCK_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a block that are hashed at a time.
const HASHED_BYTES: usize = 64 << 10;

/// A record's head, and its block where that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) head: Head,
    /// `None` for a kind that we do not write.
    pub(crate) kind: Option<Kind>,
    /// The block; empty if it was passed over.
    pub(crate) block: Vec<u8>,
}

/// Reads the member that `from` stands at, to its last byte and checksum. The block of a record is kept
/// where `keep` wants its kind.
pub(crate) fn member<R: BufRead>(
    from: &mut R,
    keep: impl Fn(Kind) -> bool,
) -> io::Result<Result<Record, String>> {
    watched(from, |decoder| parse(decoder, keep, &mut |_| {}))
}

/// A record, and which of its digests is another's.
pub(crate) type Checked = (Record, Result<(), String>);

/// The same, and holds the record to its digests.
pub(crate) fn checked_member<R: BufRead>(
    from: &mut R,
    keep: impl Fn(Kind) -> bool,
) -> io::Result<Result<Checked, String>> {
    watched(from, |decoder| {
        let mut digests = Digests::default();
        let record = parse(decoder, keep, &mut |block| digests.update(block))?;
        let digests = digests.check(&record);
        Ok((record, digests))
    })
}

fn watched<R: BufRead, T>(
    from: &mut R,
    read: impl FnOnce(io::BufReader<GzDecoder<&mut Watched<'_, R>>>) -> Result<T, String>,
) -> io::Result<Result<T, String>> {
    let mut watched = Watched { inner: from, broke: None };
    let result = read(io::BufReader::new(GzDecoder::new(&mut watched)));
    match watched.broke {
        // The disk failed us, not the record.
        Some(error) => Err(error),
        None => Ok(result),
    }
}

/// Parses a record that was decompressed already.
pub(crate) fn record(bytes: &[u8]) -> Result<Record, String> {
    parse(bytes, |_| true, &mut |_| {})
}

fn parse(
    mut from: impl BufRead,
    keep: impl Fn(Kind) -> bool,
    passing: &mut dyn FnMut(&[u8]),
) -> Result<Record, String> {
    let head = Head::read(&mut from, Manner::Ours)?;
    let kind = head.kind();
    let is_kept = kind.is_some_and(keep);
    if is_kept && head.length > BLOCK_BYTES_MAX && kind == Some(Kind::Metadata) {
        return Err(format!("a metadata block of {} bytes", head.length));
    }
    let mut rest = from.take(head.length);
    let mut block = Vec::new();
    loop {
        let some = rest.fill_buf().map_err(|e| e.to_string())?;
        if some.is_empty() {
            break;
        }
        let some = &some[..some.len().min(HASHED_BYTES)];
        passing(some);
        if is_kept {
            block.extend_from_slice(some);
        }
        let read = some.len();
        rest.consume(read);
    }
    if rest.limit() > 0 {
        return Err(format!("the block is {} bytes short", rest.limit()));
    }
    // Reading to the end is what makes the decoder look at its checksum.
    let mut end = Vec::new();
    rest.into_inner().take(5).read_to_end(&mut end).map_err(|e| e.to_string())?;
    if end != b"\r\n\r\n" {
        return Err("the record does not end where it says".to_owned());
    }
    Ok(Record { head, kind, block })
}

/// What a record's block hashes to, and what of it follows the head of an HTTP message.
#[derive(Default)]
struct Digests {
    block: Sha256,
    payload: Sha256,
    /// How many bytes of the empty line that ends the HTTP head have been seen; see [`Digests::update`].
    in_payload: bool,
    line: usize,
}

impl Digests {
    fn update(&mut self, bytes: &[u8]) {
        self.block.update(bytes);
        let mut rest = bytes;
        while !self.in_payload {
            // A line without anything in it but CR ends the head.
            let Some((&byte, later)) = rest.split_first() else { return };
            rest = later;
            match byte {
                b'\n' if self.line == 0 => self.in_payload = true,
                b'\n' => self.line = 0,
                b'\r' => {}
                _ => self.line += 1,
            }
        }
        self.payload.update(rest);
    }

    /// Compares with what the record says. A revisit's payload is not in it.
    fn check(self, record: &Record) -> Result<(), String> {
        let differs = |name: &str, found: Sha256| {
            let said = record.head.text(name)?.strip_prefix("sha256:")?;
            (super::hex(&found.finalize()) != said).then(|| format!("its {name} is another's"))
        };
        let wrong = differs("WARC-Block-Digest", self.block);
        let wrong = wrong.or_else(|| match record.kind {
            Some(Kind::Response) => differs("WARC-Payload-Digest", self.payload),
            _ => None,
        });
        wrong.map_or(Ok(()), Err)
    }
}

/// Keeps an error of the disk apart from what the decoder makes of the bytes.
struct Watched<'a, R> {
    inner: &'a mut R,
    broke: Option<io::Error>,
}

impl<R: BufRead> Watched<'_, R> {
    fn note<T>(broke: &mut Option<io::Error>, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let same = io::Error::from(error.kind());
            *broke = Some(error);
            same
        })
    }
}

impl<R: BufRead> Read for Watched<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Self::note(&mut self.broke, self.inner.read(out))
    }
}

impl<R: BufRead> BufRead for Watched<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Self::note(&mut self.broke, self.inner.fill_buf())
    }

    fn consume(&mut self, bytes: usize) {
        self.inner.consume(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::warc::head::HEAD_BYTES_MAX;

    const RECORD: &[u8] = b"WARC/1.1\r\nWARC-Type: metadata\r\nwarc-record-id: <urn:x>\r\nContent-Length: 3\r\n\r\na\r\n\r\n\r\n";

    #[test]
    fn a_record_is_read_to_its_end() {
        let read = record(RECORD).unwrap();
        assert_eq!(
            (read.kind, read.head.id(), &*read.block),
            (Some(Kind::Metadata), &b"<urn:x>"[..], &b"a\r\n"[..])
        );
        for cut in 0..RECORD.len() {
            assert!(record(&RECORD[..cut]).is_err(), "{cut}");
        }
        assert!(record(&[RECORD, b"x"].concat()).is_err());
    }

    #[test]
    fn lengths_are_not_believed() {
        for length in ["18446744073709551615", "-1", "4", "2", "", "x"] {
            let text = String::from_utf8_lossy(RECORD).replace("Length: 3", &format!("Length: {length}"));
            assert!(record(text.as_bytes()).is_err(), "{length}");
        }
        assert!(record(&[b"WARC/1.1\r\nX: ", &*b"y".repeat(HEAD_BYTES_MAX), b"\r\n\r\n"].concat()).is_err());
    }
}
