//! Where a response's head ends, and how its body will end (RFC 9112 §2, §6).
//!
//! Owns the reading of a response's head as far as the message's bounds depend on it. Pure functions over
//! bytes: nothing here knows a socket. Lenient where browsers and curl are (bare line feeds, folded lines,
//! blanks before the colon), strict where leniency would let two readers disagree about where the message
//! ends.

use std::fmt;

/// Most interim (1xx) responses before the final one. Servers send one or two; without a bound one could
/// send them for ever.
pub(crate) const INTERIM_MAX: u8 = 8;

/// A length past all numbers. Such a body ends with the connection, as curl has it.
const NO_LENGTH: u64 = u64::MAX;

/// What a head says of the message it begins.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// A 1xx response: another head follows (RFC 9110 §15.2).
    Interim,
    /// The final response.
    Final {
        /// 200 to 999.
        status: u16,
        /// How the body ends.
        framing: Framing,
        /// The server will answer another request on this connection.
        keep: bool,
    },
}

/// How a body ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// Why what came is no HTTP/1 message. The server is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The first bytes are not `HTTP/`.
    NotHttp,
    /// The status line has no status of three digits from 100 on.
    Status,
    /// A version of HTTP that is neither 1.0 nor 1.1.
    Version,
    /// 101, which nobody asked for.
    Switched,
    /// A line of the head that is no field.
    Field,
    /// A zero byte within the head.
    Nul,
    /// `chunked` is among the transfer codings and is not the last: there is no way to tell where the body
    /// ends.
    Coding,
    /// Too many interim responses.
    Interims,
    /// The head is larger than the limit; bytes.
    Large(usize),
    /// A `Content-Length` that is no number, or two that differ.
    Length,
    /// A chunk whose size is no number, or whose end is not where it should be.
    Chunk,
    /// Chunk extensions or trailers without an end.
    ChunkLine,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::NotHttp => f.write_str("the answer does not begin with \"HTTP/\""),
            Malformed::Status => f.write_str("the status line has no status"),
            Malformed::Version => f.write_str("the answer is of another version than HTTP/1.0 and HTTP/1.1"),
            Malformed::Field => f.write_str("a line of the head has no colon"),
            Malformed::Nul => f.write_str("there is a zero byte in the head"),
            Malformed::Coding => f.write_str("another transfer coding lies over \"chunked\""),
            Malformed::Switched => f.write_str("the server switched protocols (101) without being asked"),
            Malformed::Interims => write!(f, "more than {INTERIM_MAX} interim (1xx) responses"),
            Malformed::Large(limit) => write!(f, "the head is larger than {limit} bytes"),
            Malformed::Length => f.write_str("Content-Length is no number, or two of them differ"),
            Malformed::Chunk => f.write_str("a chunk's size or end is damaged"),
            Malformed::ChunkLine => f.write_str("a chunk's extension or the trailer has no end"),
        }
    }
}

/// True while the bytes may still be the beginning of an HTTP/1 response.
pub(crate) fn may_be_http(bytes: &[u8]) -> bool {
    const MAGIC: &[u8] = b"HTTP/";
    let n = bytes.len().min(MAGIC.len());
    bytes[..n].eq_ignore_ascii_case(&MAGIC[..n])
}

/// Length of the empty lines before a status line, which RFC 9112 §2.2 asks to skip.
pub(crate) fn blank_lines(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
}

/// Length of the head, its empty line included; `None` while that has not come. The first `seen` bytes held
/// no end when they were all there was, and are not searched again but for their last three.
pub(crate) fn head_end(bytes: &[u8], seen: usize) -> Option<usize> {
    let from = seen.saturating_sub(3);
    memchr::memchr_iter(b'\n', &bytes[from..]).map(|i| from + i + 1).find_map(|line| match &bytes[line..] {
        [b'\n', ..] => Some(line + 1),
        [b'\r', b'\n', ..] => Some(line + 2),
        _ => None,
    })
}

/// Reads a whole head, as [`head_end`] found it.
/// `is_head`: the request was a HEAD, and the answer has no body.
pub(crate) fn parse_head(raw: &[u8], is_head: bool) -> Result<Head, Malformed> {
    let line_end = memchr::memchr(b'\n', raw).ok_or(Malformed::Status)?;
    let (status, version) = parse_status_line(&raw[..line_end])?;
    match status {
        101 => return Err(Malformed::Switched),
        100..200 => return Ok(Head::Interim),
        _ => {}
    }
    if memchr::memchr(0, raw).is_some() {
        return Err(Malformed::Nul);
    }

    let mut length: Option<u64> = None;
    let mut coding: Option<bool> = None;
    let (mut close, mut keep_alive) = (false, false);
    for field in fields(&raw[line_end + 1..]) {
        let (name, value) = field?;
        if name.eq_ignore_ascii_case(b"content-length") {
            for number in tokens(value) {
                let number = parse_number(number).ok_or(Malformed::Length)?;
                if length.is_some_and(|known| known != number) {
                    return Err(Malformed::Length);
                }
                length = Some(number);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            let meaningful = |name: &&[u8]| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity");
            for name in tokens(value).filter(meaningful) {
                if coding == Some(true) {
                    return Err(Malformed::Coding);
                }
                coding = Some(name.eq_ignore_ascii_case(b"chunked"));
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in tokens(value) {
                close |= option.eq_ignore_ascii_case(b"close");
                keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }

    let framing = match (coding, length) {
        // These have no body, whatever their fields say (RFC 9112 §6.3, 1).
        _ if is_head || status == 204 || status == 304 => Framing::Length(0),
        (Some(true), _) => Framing::Chunked,
        (Some(false), _) | (None, None | Some(NO_LENGTH)) => Framing::Close,
        (None, Some(length)) => Framing::Length(length),
    };
    // Both a length and a coding is how requests are smuggled (RFC 9112 §6.1), and whoever writes lines that
    // others would read otherwise may have meant that: read it, then close.
    // A coding over HTTP/1.0 is a mistake by itself (the same section).
    let confused = coding.is_some() && (length.is_some() || version != Version::OneOne);
    let doubtful = confused || is_odd(raw);
    let persistent = if version == Version::OneOne { !close } else { keep_alive && !close };
    Ok(Head::Final { status, framing, keep: persistent && !doubtful && framing != Framing::Close })
}

/// True where a line is read here that another reader might take for something else: one that ends with a bare line
/// feed (RFC 9112 §2.2) or has a bare carriage return in it, is folded (§5.2), or has a blank before its colon (§5.1).
fn is_odd(raw: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let mut start = 0;
    memchr::memchr_iter(b'\n', raw).any(|end| {
        let line = &raw[start..end];
        start = end + 1;
        let colon = memchr::memchr(b':', line).unwrap_or_default();
        !line.ends_with(b"\r")
            || memchr::memchr(b'\r', line) != Some(line.len() - 1)
            || blank(line.first())
            || blank(line[..colon].last())
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Version {
    OneOne,
    Other,
}

/// `HTTP/1.1 200 OK`, the reason and even the last blank optional.
fn parse_status_line(line: &[u8]) -> Result<(u16, Version), Malformed> {
    if !may_be_http(line) {
        return Err(Malformed::NotHttp);
    }
    let mut words = line.split(|b| *b == b' ').map(<[u8]>::trim_ascii).filter(|word| !word.is_empty());
    let version = words.next().unwrap_or_default();
    let is = |name: &str| version.eq_ignore_ascii_case(name.as_bytes());
    let version = if is("HTTP/1.1") {
        Version::OneOne
    } else if is("HTTP/1.0") || is("HTTP/2") || is("HTTP/2.0") {
        // Some servers name here what they speak elsewhere.
        Version::Other
    } else {
        return Err(Malformed::Version);
    };
    let status =
        words.next().filter(|word| word.len() == 3).and_then(parse_number).ok_or(Malformed::Status)?;
    if status < 100 {
        return Err(Malformed::Status);
    }
    Ok((status as u16, version))
}

/// The fields of a head, name and value trimmed; a folded value (RFC 9112 §5.2) is one slice with its line
/// ends in it.
fn fields(raw: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), Malformed>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let mut end = line_len(rest);
        while rest.get(end).is_some_and(|b| matches!(b, b' ' | b'\t')) {
            end += line_len(&rest[end..]);
        }
        let (field, behind) = rest.split_at(end);
        rest = behind;
        if field.trim_ascii().is_empty() {
            return None;
        }
        let colon = memchr::memchr(b':', field).ok_or(Malformed::Field);
        Some(colon.map(|colon| (field[..colon].trim_ascii(), field[colon + 1..].trim_ascii())))
    })
}

fn line_len(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |i| i + 1)
}

/// The members of a comma-separated list, empty ones too: an empty length is no length.
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii)
}

/// Digits and nothing else: no sign, no blank. Past the largest number stands [`NO_LENGTH`].
fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        Some(sum.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Head, Malformed> {
        parse_head(raw.as_bytes(), false)
    }

    fn last(status: u16, framing: Framing, keep: bool) -> Result<Head, Malformed> {
        Ok(Head::Final { status, framing, keep })
    }

    #[test]
    fn heads() {
        use Framing::{Chunked, Close, Length};
        for (raw, want) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", last(200, Length(5), true)),
            ("HTTP/1.1 200 OK\nContent-Length: 5\n\n", last(200, Length(5), false)),
            ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", last(200, Length(0), true)),
            ("http/1.1  404   Not Found\r\ncontent-length:7\r\n\r\n", last(404, Length(7), true)),
            ("HTTP/1.1 999 Denied\r\nContent-Length: 2\r\n\r\n", last(999, Length(2), true)),
            ("HTTP/1.1 200 OK\r\n\r\n", last(200, Close, false)),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", last(200, Length(5), false)),
            (
                "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive\r\n\r\n",
                last(200, Length(5), true),
            ),
            ("HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\n", last(200, Length(5), false)),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\n",
                last(200, Length(5), false),
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", last(200, Chunked, true)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n", last(200, Chunked, true)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", last(200, Close, false)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
                last(200, Chunked, false),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3\r\n\r\n",
                last(200, Length(3), true),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", last(200, Length(2), true)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", last(200, Length(2), true)),
            ("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n", last(200, Length(2), false)),
            (
                "HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 9\r\nContent-Length:\r\n\t2\r\n\r\n",
                last(200, Length(2), false),
            ),
            ("HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 2\r\n\r\n", Err(Malformed::Field)),
            ("HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\n", Err(Malformed::Nul)),
            ("HTTP/1.2 200 OK\r\n\r\n", Err(Malformed::Version)),
            ("HTTP/1.11 200 OK\r\n\r\n", Err(Malformed::Version)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", Err(Malformed::Coding)),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                Err(Malformed::Coding),
            ),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 10\r\n\r\n", last(204, Length(0), true)),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", last(304, Length(0), true)),
            ("HTTP/1.1 304 Not Modified\r\n\r\n", last(304, Length(0), true)),
            ("HTTP/1.1 100 Continue\r\n\r\n", Ok(Head::Interim)),
            ("HTTP/1.1 103 Early Hints\r\nContent-Length: x\r\n\r\n", Ok(Head::Interim)),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", Err(Malformed::Switched)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n", Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n", Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", Err(Malformed::Length)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", last(200, Close, false)),
            ("HTTP/1.1 20 OK\r\n\r\n", Err(Malformed::Status)),
            ("HTTP/1.1 2000 OK\r\n\r\n", Err(Malformed::Status)),
            ("HTTP/1.1 099 OK\r\n\r\n", Err(Malformed::Status)),
            ("HTTP/1.1\r\n\r\n", Err(Malformed::Status)),
            ("ICY 200 OK\r\n\r\n", Err(Malformed::NotHttp)),
        ] {
            assert_eq!(read(raw), want, "{raw:?}");
        }
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        for fields in ["Content-Length: 1234", "Transfer-Encoding: chunked"] {
            let raw = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert_eq!(parse_head(raw.as_bytes(), true), last(200, Framing::Length(0), true));
        }
    }

    #[test]
    fn the_end_is_found_however_the_head_arrives() {
        for (head, body) in [
            ("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "body\r\n\r\n"),
            ("HTTP/1.1 200 OK\nA: b\n\n", "\n\n"),
            ("HTTP/1.1 200 OK\r\nA: b\n\r\n", "x"),
            ("HTTP/1.1 200 OK\r\n\r\n", ""),
        ] {
            let whole = format!("{head}{body}");
            let mut seen = 0;
            for n in 1..=whole.len() {
                let found = head_end(&whole.as_bytes()[..n], seen);
                assert_eq!(found, (n >= head.len()).then_some(head.len()), "{head:?} at {n}");
                if found.is_some() {
                    break;
                }
                seen = n;
            }
        }
        assert_eq!(head_end(b"", 0), None);
    }

    #[test]
    fn rubbish_is_told_from_its_first_byte() {
        for (bytes, want) in
            [("", true), ("h", true), ("HTTP/", true), ("HTTP/1.1 2", true), ("<", false), ("HTTQ", false)]
        {
            assert_eq!(may_be_http(bytes.as_bytes()), want, "{bytes}");
        }
        assert_eq!(blank_lines(b"\r\n\nHTTP"), 3);
    }
}
