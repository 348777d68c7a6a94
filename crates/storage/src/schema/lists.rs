//! What records are listed under, besides their URLs and their times.
//!
//! Owns the spelling of a list's beginning: `p`, a letter for what is common to its records, and the value of that. The
//! letter is small for pages and large for what was asked for as a robots.txt, so that whoever wants no robots.txt
//! meets none.

use super::{LIST, URL};

/// Bytes of a type that are told apart: servers invent them.
const MIME_BYTES_MAX: usize = 100;

/// What is common to the records of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// A status, 2 bytes, big-endian; 0 for a failure.
    Status,
    /// A type, then 0.
    Mime,
    /// A host as in [`super::host_prefix`].
    Host,
}

impl Listed {
    /// What the keys of all lists of a kind begin with.
    pub(crate) fn prefix(self, is_robots: bool) -> [u8; 2] {
        let letter = match self {
            Listed::Status => b's',
            Listed::Mime => b'm',
            Listed::Host => b'h',
        };
        [LIST, if is_robots { letter.to_ascii_uppercase() } else { letter }]
    }
}

/// The status of a visit that brought no response.
pub(crate) const FAILED: u16 = 0;

/// The value of a status.
pub(crate) fn status_value(status: Option<u16>) -> [u8; 2] {
    status.unwrap_or(FAILED).to_be_bytes()
}

/// The value of a type; of a beginning of types without the 0.
pub(crate) fn mime_value(mime: &str, is_whole: bool) -> Vec<u8> {
    let told = mime.bytes().take_while(|byte| *byte != 0).take(MIME_BYTES_MAX);
    let mut value: Vec<u8> = told.collect();
    if is_whole {
        value.push(0);
    }
    value
}

/// The value of a host, from the key of one of its URLs.
pub(crate) fn host_value(url_key: &[u8]) -> &[u8] {
    let host = url_key.strip_prefix(&[URL]).unwrap_or(url_key);
    // No host has a parenthesis in it.
    let end = host.iter().position(|byte| *byte == b')').map_or(host.len(), |at| at + 1);
    &host[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{host_prefix, url_prefix};

    #[test]
    fn a_host_is_in_the_key_of_its_urls() {
        for (url, host) in
            [("http://a.b/x)y", "a.b"), ("https://a.b:81/", "a.b:81"), ("http://[::1]:5/", "[::1]:5")]
        {
            let url = dragline_model::CanonicalUrl::parse(url).unwrap();
            assert_eq!(host_value(&url_prefix(&url)), &host_prefix(host)[1..]);
        }
    }

    /// No value of a kind is the beginning of another: a list's keys are its own.
    #[test]
    fn types_are_told_apart() {
        assert_eq!(mime_value("text/html", true), b"text/html\0");
        assert_eq!(mime_value("text/", false), b"text/");
        assert_eq!(mime_value("a\0b", true), b"a\0");
        assert_eq!(mime_value(&"x".repeat(999), true).len(), MIME_BYTES_MAX + 1);
    }
}
