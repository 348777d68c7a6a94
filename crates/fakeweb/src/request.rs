//! One request out of the bytes of a connection (RFC 9112 §2 to §3).
//!
//! Reads only what an answer depends on. Never waits, never copies.

use memchr::memmem;

use crate::{Method, naming::split_url};

/// Longest request head, in bytes; a crawler's has a few hundred.
pub(crate) const HEAD_BYTES_MAX: usize = 64 << 10;

/// What some bytes begin with.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// The beginning of a head, or nothing.
    Partial,
    /// No request that can be answered but with this status, and a closed connection.
    Bad(u16),
    /// A request.
    Request(Request<'a>),
}

/// A request's head.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// The head as received, empty line included.
    pub(crate) head: &'a [u8],
    /// Bytes up to the end of the head, with blank lines before it.
    pub(crate) consumed: usize,
    pub(crate) method: Method,
    /// From the request line, where it is in absolute form, or from the `Host` field; with its port.
    pub(crate) authority: &'a str,
    /// Path and query.
    pub(crate) path: &'a str,
    /// Bytes of body behind the head.
    pub(crate) body_bytes: u64,
    pub(crate) connection: Persistence,
}

/// What becomes of the connection after the answer, and how the answer says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// It is kept; in HTTP/1.1 nothing is to be said.
    Keep,
    /// It is kept, and `Connection: keep-alive` says so to an HTTP/1.0 client.
    KeepAndSay,
    /// It is closed.
    Close,
}

/// Parses the first request of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    // RFC 9112 §2.2: an empty line before a request line is to be ignored.
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let Some(end) = memmem::find(&bytes[blank..], b"\r\n\r\n").map(|at| blank + at + 4) else {
        return if bytes.len() > HEAD_BYTES_MAX { Parsed::Bad(431) } else { Parsed::Partial };
    };
    match std::str::from_utf8(&bytes[blank..end]) {
        Ok(head) => read_head(head, end).map_or_else(Parsed::Bad, Parsed::Request),
        Err(_) => Parsed::Bad(400),
    }
}

fn read_head(head: &str, consumed: usize) -> Result<Request<'_>, u16> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(400);
    };
    let old = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ => return Err(505),
    };
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        _ => Method::Other,
    };

    let (mut host, mut body_bytes, mut close, mut keep) = (None, 0, false, false);
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("host") {
            host = Some(value);
        } else if name.eq_ignore_ascii_case("content-length") {
            body_bytes = value.parse().map_err(|_| 400_u16)?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // A body's length must be known beforehand, so that what follows it can be found.
            return Err(411);
        } else if name.eq_ignore_ascii_case("connection") {
            for option in value.split(',').map(str::trim) {
                close |= option.eq_ignore_ascii_case("close");
                keep |= option.eq_ignore_ascii_case("keep-alive");
            }
        }
    }
    let (authority, path) = match split_url(target) {
        Some((authority, path)) => (Some(authority), path),
        None => (host, target),
    };
    let connection = match (old, close, keep) {
        (_, true, _) | (true, _, false) => Persistence::Close,
        (true, _, true) => Persistence::KeepAndSay,
        (false, _, _) => Persistence::Keep,
    };
    // RFC 9112 §3.2: an HTTP/1.1 request without a host is refused.
    let authority = authority.or(old.then_some("")).ok_or(400_u16)?;
    Ok(Request { head: head.as_bytes(), consumed, method, authority, path, body_bytes, connection })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        match parse(text.as_bytes()) {
            Parsed::Partial => "partial".into(),
            Parsed::Bad(status) => status.to_string(),
            Parsed::Request(r) => format!(
                "{:?} {} {} body {} {:?} +{}",
                r.method,
                r.authority,
                r.path,
                r.body_bytes,
                r.connection,
                text.len() - r.consumed
            ),
        }
    }

    #[test]
    fn requests_and_what_is_none() {
        for (text, want) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "Get a / body 0 Keep +3"),
            ("\r\nHEAD /x?y HTTP/1.1\r\nhost:A:80 \r\n\r\n", "Head A:80 /x?y body 0 Keep +0"),
            ("GET http://b:81/p HTTP/1.1\r\nHost: a\r\n\r\n", "Get b:81 /p body 0 Keep +0"),
            ("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n", "Get b / body 0 Keep +0"),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "Other a / body 3 Keep +3"),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", "Get a / body 0 Close +0"),
            ("GET / HTTP/1.0\r\n\r\n", "Get  / body 0 Close +0"),
            ("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", "Get a / body 0 KeepAndSay +0"),
            ("", "partial"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("GET / HTTP/1.1\r\n\r\n", "400"),
            ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
            ("GET /\r\nHost: a\r\n\r\n", "400"),
            ("GET / HTTP/2\r\nHost: a\r\n\r\n", "505"),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "411"),
        ] {
            assert_eq!(read(text), want, "{text:?}");
        }
        assert_eq!(read(&"x".repeat(HEAD_BYTES_MAX + 1)), "431");
    }
}
