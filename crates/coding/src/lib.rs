//! Content codings undone within bounds (RFC 9110 §8.4.1): gzip and deflate, as the web really sends them.
//!
//! Owns the inflating of a body that is already whole in memory. Never does I/O, never inflates past the
//! limit it was given, and undoes one layer at most: nobody honest sends two, and each layer multiplies.
//!
//! ```
//! use bytes::Bytes;
//!
//! let plain = dragline_coding::decode(None, Bytes::from_static(b"as it is"), 1024)?;
//! assert_eq!(&plain.bytes[..], b"as it is");
//! assert!(!plain.truncated);
//!
//! let error = dragline_coding::decode(Some("br"), Bytes::new(), 1024).unwrap_err();
//! assert_eq!(error.to_string(), "content coding \"br\" is not known here; gzip and deflate are");
//! # Ok::<(), dragline_coding::CodingError>(())
//! ```

mod inflate;

use std::fmt;

use bytes::Bytes;

/// Longest name of an unknown coding that is repeated in an error, in bytes: header values are the
/// server's, and may be of any length.
const NAME_BYTES_MAX: usize = 64;

/// A body without its content coding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The decoded bytes; the very bytes that were given where nothing was coded.
    pub bytes: Bytes,
    /// There was more: the limit cut it, or the coded body itself was cut short or damaged part-way.
    pub truncated: bool,
}

/// Why a body could not be decoded. The server is at fault in each case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodingError {
    /// A coding that is not undone here; its name.
    Unknown(String),
    /// More than one coding was applied; the header's value.
    Layered(String),
    /// The body is not in the coding that was declared, from its first byte on; the coding's name.
    Mislabelled(&'static str),
}

impl fmt::Display for CodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodingError::Unknown(name) => {
                write!(f, "content coding \"{name}\" is not known here; gzip and deflate are")
            }
            CodingError::Layered(value) => {
                write!(f, "content codings \"{value}\" lie on each other; one is undone at most")
            }
            CodingError::Mislabelled(name) => write!(f, "the body is declared {name} and is not"),
        }
    }
}

impl std::error::Error for CodingError {}

/// Undoes the coding that a `Content-Encoding` header names.
///
/// `limit` is the most that comes out, in bytes, and nothing is inflated past it. An empty body is an empty
/// body under every coding that is known (servers label them so). Identity is returned without a copy, cut
/// to `limit`.
pub fn decode(content_encoding: Option<&str>, body: Bytes, limit: usize) -> Result<Decoded, CodingError> {
    let coding = Coding::named(content_encoding.unwrap_or_default())?;
    if body.is_empty() {
        return Ok(Decoded { bytes: body, truncated: false });
    }
    match coding {
        Coding::Identity => Ok(Decoded { truncated: body.len() > limit, bytes: cut(body, limit) }),
        Coding::Gzip => inflate::gzip(&body, limit).ok_or(CodingError::Mislabelled("gzip")),
        Coding::Deflate => inflate::deflate(&body, limit).ok_or(CodingError::Mislabelled("deflate")),
    }
}

fn cut(mut body: Bytes, limit: usize) -> Bytes {
    body.truncate(limit);
    body
}

/// The codings that are undone here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// Reads a header's value: a list of names without regard to case, in which `identity` means nothing.
    fn named(value: &str) -> Result<Self, CodingError> {
        let mut found = Coding::Identity;
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let coding = if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                Coding::Gzip
            } else if name.eq_ignore_ascii_case("deflate") {
                Coding::Deflate
            } else if name.eq_ignore_ascii_case("identity") {
                continue;
            } else {
                return Err(CodingError::Unknown(shown(name)));
            };
            if found != Coding::Identity {
                return Err(CodingError::Layered(shown(value)));
            }
            found = coding;
        }
        Ok(found)
    }
}

/// What of a header's value may stand in an error: printable, and not too long.
fn shown(value: &str) -> String {
    value
        .chars()
        .take(NAME_BYTES_MAX)
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_one_coding_at_most() {
        for (value, want) in [
            ("", Ok(Coding::Identity)),
            ("identity", Ok(Coding::Identity)),
            ("gzip", Ok(Coding::Gzip)),
            (" GZip ", Ok(Coding::Gzip)),
            ("x-gzip", Ok(Coding::Gzip)),
            ("identity, deflate,", Ok(Coding::Deflate)),
            ("br", Err(CodingError::Unknown("br".into()))),
            ("gzip, zstd", Err(CodingError::Unknown("zstd".into()))),
            ("gzip, gzip", Err(CodingError::Layered("gzip, gzip".into()))),
            ("deflate,gzip", Err(CodingError::Layered("deflate,gzip".into()))),
            ("\u{1b}[2J", Err(CodingError::Unknown("?[2J".into()))),
        ] {
            assert_eq!(Coding::named(value), want, "{value:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_repeated_only_so_far() {
        let Err(CodingError::Unknown(name)) = Coding::named(&"x".repeat(9000)) else { panic!("unknown") };
        assert_eq!(name.len(), NAME_BYTES_MAX);
    }

    #[test]
    fn identity_is_not_copied() {
        let body = Bytes::from(vec![7; 100]);
        let whole = decode(Some("identity"), body.clone(), 100).unwrap();
        assert_eq!(whole.bytes.as_ptr(), body.as_ptr());
        assert!(!whole.truncated);
        let part = decode(None, body.clone(), 99).unwrap();
        assert_eq!((part.bytes.as_ptr(), part.bytes.len(), part.truncated), (body.as_ptr(), 99, true));
    }

    #[test]
    fn an_empty_body_is_empty_under_every_coding() {
        for name in ["gzip", "deflate", "identity"] {
            assert_eq!(
                decode(Some(name), Bytes::new(), 0),
                Ok(Decoded { bytes: Bytes::new(), truncated: false })
            );
        }
    }
}
