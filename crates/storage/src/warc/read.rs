//! Reading WARC records back.
//!
//! Owns the parsing of a record's head, and of a run of gzip members with records in them. Trusts nothing it
//! reads: lengths are checked before they are believed, and a bad member is an answer, not an error.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::Kind;

/// Longest head of a record. The longest of ours has two URLs of 8 KiB in it.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Longest block that is read into memory by a scan: the JSON of a page. 64 MiB is a page with 8,000 new
/// links of the longest kind, or half a million of the usual.
const BLOCK_BYTES_MAX: u64 = 64 << 20;

/// A record's head, and its block where that was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// `None` for a kind that we do not write.
    pub(crate) kind: Option<Kind>,
    /// `WARC-Record-ID`, as it stands.
    pub(crate) id: Vec<u8>,
    /// The block; empty if it was passed over.
    pub(crate) block: Vec<u8>,
}

/// Reads the member that `from` stands at, to its last byte and checksum. The block of a record is kept
/// where `keep` wants its kind.
pub(crate) fn member<R: BufRead>(
    from: &mut R,
    keep: impl Fn(Kind) -> bool,
) -> io::Result<Result<Record, String>> {
    let mut watched = Watched { inner: from, broke: None };
    let result = parse(io::BufReader::new(GzDecoder::new(&mut watched)), keep);
    match watched.broke {
        // The disk failed us, not the record.
        Some(error) => Err(error),
        None => Ok(result),
    }
}

/// Parses a record that was decompressed already.
pub(crate) fn record(bytes: &[u8]) -> Result<Record, String> {
    parse(bytes, |_| true)
}

fn parse(mut from: impl BufRead, keep: impl Fn(Kind) -> bool) -> Result<Record, String> {
    let head = head(&mut from)?;
    let mut rest = from.take(head.length);
    let mut block = Vec::new();
    if head.kind.is_some_and(keep) {
        if head.length > BLOCK_BYTES_MAX && head.kind == Some(Kind::Metadata) {
            return Err(format!("a metadata block of {} bytes", head.length));
        }
        rest.read_to_end(&mut block).map_err(|e| e.to_string())?;
    } else {
        io::copy(&mut rest, &mut io::sink()).map_err(|e| e.to_string())?;
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
    Ok(Record { kind: head.kind, id: head.id, block })
}

struct Head {
    kind: Option<Kind>,
    id: Vec<u8>,
    length: u64,
}

fn head(from: &mut impl BufRead) -> Result<Head, String> {
    let mut limited = from.take(HEAD_BYTES_MAX as u64);
    let mut line = Vec::new();
    let mut next = |line: &mut Vec<u8>| {
        line.clear();
        limited.read_until(b'\n', line).map_err(|e| e.to_string())?;
        if !line.ends_with(b"\r\n") {
            return Err("the record's head is cut".to_owned());
        }
        line.truncate(line.len() - 2);
        Ok(())
    };
    next(&mut line)?;
    if !line.starts_with(b"WARC/1.") {
        return Err("no WARC record".to_owned());
    }
    let (mut kind, mut id, mut length) = (None, Vec::new(), None);
    loop {
        next(&mut line)?;
        if line.is_empty() {
            break;
        }
        let Some(colon) = memchr::memchr(b':', &line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"WARC-Type") {
            kind = Kind::parse(value);
        } else if name.eq_ignore_ascii_case(b"WARC-Record-ID") {
            id = value.to_vec();
        } else if name.eq_ignore_ascii_case(b"Content-Length") {
            length = std::str::from_utf8(value).ok().and_then(|v| v.parse().ok());
        }
    }
    let length = length.ok_or("the record has no length")?;
    Ok(Head { kind, id, length })
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

    const RECORD: &[u8] = b"WARC/1.1\r\nWARC-Type: metadata\r\nwarc-record-id: <urn:x>\r\nContent-Length: 3\r\n\r\na\r\n\r\n\r\n";

    #[test]
    fn a_record_is_read_to_its_end() {
        let read = record(RECORD).unwrap();
        assert_eq!(
            (read.kind, &*read.id, &*read.block),
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
