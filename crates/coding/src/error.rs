//! What can be wrong with a coded body: the reasons of a cut, and the errors.
//!
//! Owns the words, and nothing that decides.

use std::fmt;

/// Why a decoded body is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cut {
    /// There is more than [`Bounds::decoded_bytes`](crate::Bounds::decoded_bytes).
    Limit,
    /// There is more than [`Bounds::ratio`](crate::Bounds::ratio) allows for the bytes received.
    Ratio,
    /// It is made of more gzip members or zstd frames than are undone, 4,096.
    Members,
    /// The coded body breaks off, is damaged, or its checksum is wrong. All bytes that are returned were decoded
    /// before that was found.
    Damaged,
}

impl Cut {
    /// One word, for records and reports: `limit`, `ratio`, `members`, `damaged`.
    pub fn as_str(self) -> &'static str {
        match self {
            Cut::Limit => "limit",
            Cut::Ratio => "ratio",
            Cut::Members => "members",
            Cut::Damaged => "damaged",
        }
    }
}

impl fmt::Display for Cut {
    /// Half a sentence: "the decoded body is cut: …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cut::Limit => "it is larger than the limit for decoded bodies",
            Cut::Ratio => "it inflates further than the bytes received may",
            Cut::Members => "it has more gzip members or zstd frames than are undone",
            Cut::Damaged => "its coding breaks off or is damaged",
        })
    }
}

/// Why a body could not be decoded at all. The server is at fault in each case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodingError {
    /// A coding that is not undone here; its name.
    Unknown(String),
    /// More codings were applied than may be.
    Layered {
        /// The header's value.
        value: String,
        /// What [`Bounds::layers`](crate::Bounds::layers) was.
        allowed: u8,
    },
    /// The body is not in the coding that was declared, from its first byte on; the coding's name.
    Mislabelled(&'static str),
    /// The zstd frame needs a window of so many bytes: more than the content coding allows (RFC 9659 §3), and
    /// than anybody else would decode.
    Window(u64),
    /// The zstd frame needs the dictionary of this number, and the content coding has none.
    Dictionary(u32),
}

impl fmt::Display for CodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodingError::Unknown(name) => {
                write!(f, "content coding \"{name}\" is not known here; gzip, deflate, br and zstd are")
            }
            CodingError::Layered { value, allowed } => write!(
                f,
                "content codings \"{value}\" lie on each other; {allowed} may (a higher bound on layers allows more)"
            ),
            CodingError::Mislabelled(name) => write!(f, "the body is declared {name} and is not"),
            CodingError::Window(bytes) => write!(
                f,
                "the body's zstd frame needs a window of {bytes} bytes; {} are the most that the content coding \
                 allows (RFC 9659)",
                crate::zstd::WINDOW_BYTES_MAX
            ),
            CodingError::Dictionary(id) => write!(
                f,
                "the body's zstd frame needs dictionary {id}; the content coding zstd has none (RFC 8878)"
            ),
        }
    }
}

impl std::error::Error for CodingError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_says_what_is_known_or_allowed() {
        for (error, want) in [
            (
                CodingError::Unknown("lzma".into()),
                "content coding \"lzma\" is not known here; gzip, deflate, br and zstd are",
            ),
            (
                CodingError::Layered { value: "gzip, br".into(), allowed: 1 },
                "content codings \"gzip, br\" lie on each other; 1 may (a higher bound on layers allows more)",
            ),
            (CodingError::Mislabelled("br"), "the body is declared br and is not"),
            (
                CodingError::Window(16 << 20),
                "the body's zstd frame needs a window of 16777216 bytes; 8388608 are the most that the content \
                 coding allows (RFC 9659)",
            ),
            (
                CodingError::Dictionary(7),
                "the body's zstd frame needs dictionary 7; the content coding zstd has none (RFC 8878)",
            ),
        ] {
            assert_eq!(error.to_string(), want);
        }
    }
}
