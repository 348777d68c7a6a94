//! Content codings undone within bounds (RFC 9110 §8.4.1): gzip, deflate, br and zstd, as the web really sends
//! them.
//!
//! Owns the decoding of a body that is already whole in memory, and the words for what went wrong with it. Never
//! does I/O, never decodes past its [`Bounds`], never passes a body off as whole that was cut.
//!
//! ```
//! use bytes::Bytes;
//! use dragline_coding::{Bounds, Cut, decode};
//!
//! let plain = decode(None, Bytes::from_static(b"as it is"), &Bounds::default())?;
//! assert_eq!((&plain.bytes[..], plain.truncated), (&b"as it is"[..], None));
//!
//! let coded = Bytes::from_static(b"\x0b\x02\x80hello\x03");
//! assert_eq!(&decode(Some("br"), coded.clone(), &Bounds::default())?.bytes[..], b"hello");
//! let cut = decode(Some("br"), coded.slice(..6), &Bounds::default())?;
//! assert_eq!((&cut.bytes[..], cut.truncated), (&b"hel"[..], Some(Cut::Damaged)));
//!
//! let small = Bounds { decoded_bytes: 2, ..Bounds::default() };
//! assert_eq!(decode(None, Bytes::from_static(b"as it is"), &small)?.truncated, Some(Cut::Limit));
//!
//! let error = decode(Some("lzma"), Bytes::new(), &Bounds::default()).unwrap_err();
//! assert_eq!(error.to_string(), "content coding \"lzma\" is not known here; gzip, deflate, br and zstd are");
//! # Ok::<(), dragline_coding::CodingError>(())
//! ```
//!
//! # Memory
//!
//! Besides the coded body and the decoded bytes, of which there are at most [`Bounds::decoded_bytes`], a decoder
//! holds some 50 KB (gzip, deflate), a window of at most 8 MiB (zstd), or a window and tables of at most 4 MiB
//! (br). Brotli's window is what is returned, without a copy, as long as the body fits into it. A larger body has
//! a window of at most 8 MiB beside it; 16 MiB, where the stream asks for brotli's widest, and `decoded_bytes` is
//! more than 16 MiB or less than 8. With more than one layer, the results of two are held together.

mod brotli;
mod error;
mod gzip;
mod inflate;
mod list;
mod out;
#[cfg(test)]
mod samples;
mod zstd;

use bytes::Bytes;

pub use error::{CodingError, Cut};

use list::Coding;
use out::Undone;

/// What may be asked for in `Accept-Encoding`: the codings that [`decode`] undoes, in order of preference of a
/// server that has none of its own.
pub const ACCEPT: &str = "gzip, deflate, br, zstd";

/// The first part of a decoded body that [`Bounds::ratio`] does not look at, in bytes. A tiny body may be an
/// honest one of many equal lines; a mebibyte harms nobody.
pub const RATIO_FREE_BYTES: usize = 1 << 20;

/// Most members of one gzip body, and most frames of one zstd body. Each costs a fresh start, and twenty bytes
/// (nine) are enough for one; blocked gzip with its 64 KiB a member still reaches 256 MiB.
pub(crate) const MEMBERS_MAX: usize = 4096;

/// How much may come out of a body. What is past it is cut, and marked as cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that come out at most, of each layer.
    pub decoded_bytes: usize,
    /// Bytes that come out for each byte that was received, at most, past the first [`RATIO_FREE_BYTES`].
    /// However many layers there are, it counts from the body as received.
    pub ratio: u32,
    /// Codings that may lie on each other. Nobody honest applies two, and each multiplies.
    pub layers: u8,
}

impl Default for Bounds {
    /// 16 MiB, 1,100 to one, one layer. Deflate cannot do better than 1,032 to one, so that gzip is never cut by
    /// its ratio; brotli and zstd reach a million, and are never honest past a thousand.
    fn default() -> Self {
        Bounds { decoded_bytes: 16 << 20, ratio: 1_100, layers: 1 }
    }
}

impl Bounds {
    /// The most that may come out of a body of `received` bytes, and the reason to give for a cut there.
    fn limit(&self, received: usize) -> (usize, Cut) {
        let by_ratio = received.saturating_mul(self.ratio as usize).max(RATIO_FREE_BYTES);
        if by_ratio < self.decoded_bytes { (by_ratio, Cut::Ratio) } else { (self.decoded_bytes, Cut::Limit) }
    }
}

/// A body without its content codings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The decoded bytes; the very bytes that were given where nothing was coded.
    pub bytes: Bytes,
    /// Why `bytes` is not the whole body; `None` where it is.
    pub truncated: Option<Cut>,
}

/// Undoes the codings that a `Content-Encoding` header lists, last to first.
///
/// An empty body is an empty body under every coding that is known (servers label them so). Identity is returned
/// without a copy, cut to `bounds.decoded_bytes`. What follows the end of a coded stream is ignored, but for
/// further gzip members and zstd frames, which belong to the body.
///
/// # Errors
///
/// Where nothing can be decoded at all, each time by the server's fault: an unknown coding, more layers than
/// `bounds.layers`, a body in another coding than was declared, a zstd frame that needs a larger window than
/// RFC 9659 allows, or a dictionary. A body that breaks off or is damaged further on is no error:
/// [`Decoded::truncated`] says so.
pub fn decode(content_encoding: Option<&str>, body: Bytes, bounds: &Bounds) -> Result<Decoded, CodingError> {
    let codings = list::codings(content_encoding.unwrap_or_default(), bounds.layers)?;
    if codings.is_empty() {
        let truncated = (body.len() > bounds.decoded_bytes).then_some(Cut::Limit);
        return Ok(Decoded { bytes: cut(body, bounds.decoded_bytes), truncated });
    }
    let (limit, at_limit) = bounds.limit(body.len());
    let mut decoded = Decoded { bytes: body, truncated: None };
    for coding in codings.into_iter().rev() {
        if decoded.bytes.is_empty() {
            break;
        }
        let undone = undo(coding, &decoded.bytes, limit)?;
        // A layer that was cut makes the next look damaged: the first reason is the true one.
        let truncated = decoded.truncated.or(match undone.cut {
            Some(Cut::Limit) => Some(at_limit),
            other => other,
        });
        decoded = Decoded { bytes: undone.bytes.into(), truncated };
    }
    Ok(decoded)
}

/// The memory that decoding takes beside what comes out, in bytes, as far as the body says so itself: the window of
/// a zstd frame. 0 for every other coding, which takes little or a part of what comes out.
pub fn window_bytes(content_encoding: Option<&str>, body: &[u8]) -> u64 {
    let outermost =
        list::codings(content_encoding.unwrap_or_default(), u8::MAX).ok().and_then(|mut it| it.pop());
    match outermost {
        Some(Coding::Zstd) => zstd::window(body).unwrap_or(0),
        _ => 0,
    }
}

fn undo(coding: Coding, body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    match coding {
        Coding::Gzip => gzip::gzip(body, limit),
        Coding::Deflate => inflate::deflate(body, limit),
        Coding::Brotli => brotli::brotli(body, limit),
        Coding::Zstd => zstd::zstd(body, limit),
    }
}

fn cut(mut body: Bytes, limit: usize) -> Bytes {
    body.truncate(limit);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{br, gz, noise, page, zlib, zst};

    fn bounds(decoded_bytes: usize, layers: u8) -> Bounds {
        Bounds { decoded_bytes, layers, ..Bounds::default() }
    }

    #[test]
    fn identity_is_not_copied() {
        let body = Bytes::from(vec![7; 100]);
        let whole = decode(Some("identity"), body.clone(), &bounds(100, 1)).unwrap();
        assert_eq!((whole.bytes.as_ptr(), whole.truncated), (body.as_ptr(), None));
        let part = decode(None, body.clone(), &bounds(99, 1)).unwrap();
        assert_eq!((part.bytes.as_ptr(), part.bytes.len()), (body.as_ptr(), 99));
        assert_eq!(part.truncated, Some(Cut::Limit));
    }

    #[test]
    fn an_empty_body_is_empty_under_every_coding() {
        let names = ACCEPT.split(", ").chain(["identity", "x-gzip", "gzip, br"]);
        for name in names {
            let decoded = decode(Some(name), Bytes::new(), &bounds(0, 2));
            assert_eq!(decoded, Ok(Decoded { bytes: Bytes::new(), truncated: None }), "{name}");
        }
    }

    #[test]
    fn what_may_be_asked_for_is_undone() {
        let page = page(30_000);
        let coded = [gz(&page), zlib(&page), br(&page), zst(&page)];
        assert_eq!(ACCEPT.split(", ").count(), coded.len());
        for (name, coded) in ACCEPT.split(", ").zip(coded) {
            let decoded = decode(Some(name), coded.into(), &Bounds::default()).unwrap();
            assert!(decoded.bytes == page && decoded.truncated.is_none(), "{name}");
        }
    }

    #[test]
    fn layers_are_undone_from_last_to_first() {
        let page = page(30_000);
        let coded = Bytes::from(br(&zst(&gz(&page))));
        let decoded = decode(Some("gzip, zstd, br"), coded.clone(), &bounds(1 << 20, 3)).unwrap();
        assert!(decoded.bytes == page && decoded.truncated.is_none());
        let error = decode(Some("gzip, zstd, br"), coded.clone(), &bounds(1 << 20, 2)).unwrap_err();
        assert_eq!(error, CodingError::Layered { value: "gzip, zstd, br".into(), allowed: 2 });
        // In another order they are not what they are said to be.
        let error = decode(Some("br, zstd, gzip"), coded, &bounds(1 << 20, 3)).unwrap_err();
        assert_eq!(error, CodingError::Mislabelled("gzip"));
    }

    #[test]
    fn each_layer_is_bounded_and_the_first_cut_is_told() {
        let inner = gz(&noise(5_000));
        assert!(inner.len() > 5_000);
        let coded = Bytes::from(gz(&inner));
        let part = decode(Some("gzip, gzip"), coded, &bounds(2_000, 2)).unwrap();
        assert_eq!(part.truncated, Some(Cut::Limit));
        assert!(part.bytes.len() <= 2_000 && noise(5_000).starts_with(&part.bytes));
        // Nothing was left for the second layer.
        let part = decode(Some("gzip, gzip"), gz(&inner).into(), &bounds(0, 2)).unwrap();
        assert_eq!((part.bytes.len(), part.truncated), (0, Some(Cut::Limit)));
    }

    #[test]
    fn the_ratio_counts_from_the_bytes_received() {
        let zeros = vec![0; 4 << 20];
        for (coding, coded) in [("br", br(&zeros)), ("zstd", zst(&zeros))] {
            let received = coded.len();
            assert!(received < 500, "{coding} {received}");
            let part = decode(Some(coding), coded.into(), &Bounds::default()).unwrap();
            assert_eq!((part.bytes.len(), part.truncated), (RATIO_FREE_BYTES, Some(Cut::Ratio)), "{coding}");
        }
        // Deflate's own maximum is within it.
        let whole = decode(Some("gzip"), gz(&zeros).into(), &Bounds::default()).unwrap();
        assert_eq!((whole.bytes.len(), whole.truncated), (zeros.len(), None));
        // Two layers: each within the ratio, both together not.
        let twice = gz(&gz(&zeros));
        let both = Bounds { ratio: 2_000, layers: 2, ..Bounds::default() };
        assert!(twice.len() * 2_000 < zeros.len());
        let part = decode(Some("gzip, gzip"), twice.into(), &both).unwrap();
        assert_eq!((part.bytes.len(), part.truncated), (RATIO_FREE_BYTES, Some(Cut::Ratio)));
    }

    #[test]
    fn the_bound_that_is_lower_gives_the_reason() {
        let bounds = Bounds { decoded_bytes: 3 << 20, ratio: 10, layers: 1 };
        for (received, want) in [
            (0, (1 << 20, Cut::Ratio)),
            (1_000, (1 << 20, Cut::Ratio)),
            (200_000, (2_000_000, Cut::Ratio)),
            (1 << 20, (3 << 20, Cut::Limit)),
            (usize::MAX, (3 << 20, Cut::Limit)),
        ] {
            assert_eq!(bounds.limit(received), want, "{received}");
        }
    }
}
