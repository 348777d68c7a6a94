//! Why a cookie was not let in.
//!
//! Owns the one error of this crate. Never holds a cookie's name or value: a refusal may go to a log.

use std::fmt;

/// Longest piece of a server's text that is shown in a refusal, in bytes.
const SHOWN_BYTES_MAX: usize = 64;

/// Why a cookie was not let in. A refused cookie changes nothing in the jar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Neither a name nor a value (bis §5.7, step 2).
    Empty,
    /// A control character other than a tab (bis §5.6, step 1).
    ControlCharacter,
    /// Name, value or path is not UTF-8, and could not be sent back as it came.
    NotUtf8,
    /// Name and value are longer than 4,096 bytes together; their length.
    TooLarge(usize),
    /// The `Domain` attribute is no host name in its ASCII form (bis §5.7, step 8).
    NotADomain(String),
    /// The `Domain` attribute is a public suffix: a registry's name, or one whose owner hands out names below
    /// it, such as `co.uk` or `github.io` (bis §5.7, step 9).
    PublicSuffix(String),
    /// The `Domain` attribute is no public suffix, but there is one between it and the host.
    AcrossSuffix {
        /// The attribute.
        domain: String,
        /// Who asked.
        host: String,
    },
    /// The host is not in the domain it named (bis §5.7, step 10).
    OtherDomain {
        /// The attribute.
        domain: String,
        /// Who asked.
        host: String,
    },
    /// `Secure` was asked for over plain HTTP (bis §5.7, step 13).
    SecureOverHttp,
    /// Plain HTTP would set a cookie beside a `Secure` one of the same name (bis §5.7, step 16).
    SecureStands,
    /// The name promises what the attributes do not keep (bis §4.1.3 and §5.7, steps 20 and 21).
    Prefix {
        /// The prefix in its usual spelling.
        prefix: &'static str,
        /// What a cookie of that prefix has to have.
        needs: &'static str,
    },
    /// A cookie without a name that would be read as one with a name (wider than bis §5.7, step 22).
    Disguised,
    /// The jar is full of cookies that are kept before this one.
    NoRoom,
    /// A line of a `cookies.txt` is not in that form; what is wrong with it.
    Malformed(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Empty => f.write_str("the cookie has neither a name nor a value"),
            Refusal::ControlCharacter => f.write_str("there is a control character in the cookie"),
            Refusal::NotUtf8 => f.write_str("the cookie is not UTF-8"),
            Refusal::TooLarge(bytes) => write!(
                f,
                "name and value are {bytes} bytes long, the limit is {}",
                crate::set_cookie::NAME_VALUE_BYTES_MAX
            ),
            Refusal::NotADomain(domain) => write!(f, "\"{domain}\" is no host name in its ASCII form"),
            Refusal::PublicSuffix(domain) => {
                write!(f, "\"{domain}\" is a public suffix: its names belong to different owners")
            }
            Refusal::AcrossSuffix { domain, host } => {
                write!(f, "there is a public suffix between the domain \"{domain}\" and the host \"{host}\"")
            }
            Refusal::OtherDomain { domain, host } => {
                write!(f, "the host \"{host}\" is not in the domain \"{domain}\"")
            }
            Refusal::SecureOverHttp => f.write_str("a Secure cookie cannot be set over plain HTTP"),
            Refusal::SecureStands => {
                f.write_str("a Secure cookie of that name stands, and plain HTTP does not overlay it")
            }
            Refusal::Prefix { prefix, needs } => write!(f, "a cookie named \"{prefix}…\" needs {needs}"),
            Refusal::Disguised => {
                f.write_str("the cookie has no name, and its value would be read as a cookie with one")
            }
            Refusal::NoRoom => f.write_str("the jar is full of cookies that are kept before this one"),
            Refusal::Malformed(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Refusal {}

/// A line of a `cookies.txt` that was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Which line, from 1.
    pub line: usize,
    /// What speaks against it.
    pub why: Refusal,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl std::error::Error for BadLine {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// What of a server's text may stand in a refusal: printable, and not too long.
pub(crate) fn shown(text: &[u8]) -> String {
    let cut = &text[..text.len().min(SHOWN_BYTES_MAX)];
    cut.iter().map(|&b| if b.is_ascii_graphic() { char::from(b) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_unprintable_is_shown() {
        assert_eq!(shown(b"a\x1b[2J\xff b"), "a?[2J??b");
        assert_eq!(shown(&[b'x'; 1000]).len(), SHOWN_BYTES_MAX);
    }

    #[test]
    fn a_bad_line_says_where_and_why() {
        let bad = BadLine { line: 3, why: Refusal::PublicSuffix("co.uk".into()) };
        assert_eq!(
            bad.to_string(),
            "line 3: \"co.uk\" is a public suffix: its names belong to different owners"
        );
    }
}
