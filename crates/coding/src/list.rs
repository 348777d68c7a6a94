//! The list in a `Content-Encoding` header (RFC 9110 §8.4).
//!
//! Owns the codings' names. Never looks at a body.

use crate::CodingError;

/// Longest name of an unknown coding that is repeated in an error, in bytes: header values are the server's, and
/// may be of any length.
const NAME_BYTES_MAX: usize = 64;

/// A coding that is undone here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The codings in the order in which they were applied, `layers` at most. Names are without regard to case;
/// `identity` means nothing, and neither does an empty element.
pub(crate) fn codings(value: &str, layers: u8) -> Result<Vec<Coding>, CodingError> {
    let mut found = Vec::new();
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name.eq_ignore_ascii_case("identity") {
            continue;
        }
        let coding = Coding::named(name).ok_or_else(|| CodingError::Unknown(shown(name)))?;
        if found.len() == usize::from(layers) {
            return Err(CodingError::Layered { value: shown(value), allowed: layers });
        }
        found.push(coding);
    }
    Ok(found)
}

impl Coding {
    fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Coding); 5] = [
            ("gzip", Coding::Gzip),
            // RFC 9110 §8.4.1.3: to be taken as gzip.
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
            ("zstd", Coding::Zstd),
        ];
        NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, coding)| *coding)
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

    fn check(value: &str, layers: u8, want: Result<&[Coding], CodingError>) {
        assert_eq!(codings(value, layers), want.map(<[Coding]>::to_vec), "{value:?}, {layers} layers");
    }

    fn layered(value: &str, allowed: u8) -> CodingError {
        CodingError::Layered { value: value.into(), allowed }
    }

    #[test]
    fn a_header_lists_codings() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        for (value, want) in [
            ("", &[][..]),
            ("identity", &[]),
            (" , ,", &[]),
            ("gzip", &[Gzip]),
            (" GZip ", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("BR", &[Brotli]),
            ("zstd", &[Zstd]),
            ("identity, deflate,", &[Deflate]),
            ("gzip, br", &[Gzip, Brotli]),
            ("deflate,identity,x-gzip", &[Deflate, Gzip]),
        ] {
            check(value, 2, Ok(want));
        }
    }

    #[test]
    fn as_many_as_may_be() {
        check("identity", 0, Ok(&[]));
        check("gzip", 0, Err(layered("gzip", 0)));
        check("gzip, identity", 1, Ok(&[Coding::Gzip]));
        check("deflate,gzip", 1, Err(layered("deflate,gzip", 1)));
        check("gzip, gzip, br", 2, Err(layered("gzip, gzip, br", 2)));
        check("gzip, gzip, gzip", 3, Ok(&[Coding::Gzip; 3]));
        let many = ["br"; 300].join(",");
        assert!(matches!(codings(&many, u8::MAX), Err(CodingError::Layered { allowed: 255, .. })));
    }

    #[test]
    fn an_unknown_name_is_repeated_only_so_far() {
        check("gzip, dcz", 2, Err(CodingError::Unknown("dcz".into())));
        check("\u{1b}[2J", 1, Err(CodingError::Unknown("?[2J".into())));
        let Err(CodingError::Unknown(name)) = codings(&"x".repeat(9000), 1) else { panic!("unknown") };
        assert_eq!(name.len(), NAME_BYTES_MAX);
    }
}
