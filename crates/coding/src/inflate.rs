//! Inflating whole bodies under a limit.
//!
//! Owns what gzip (RFC 1952) and deflate (RFC 1950, RFC 1951) look like in the wild: several members,
//! rubbish behind the last, no zlib header, an end that never came. Never knows of headers.

use std::io::{ErrorKind, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use crate::Decoded;

/// How much larger than the coded body the first buffer may be, whatever the trailer claims: the usual page
/// inflates four- to eightfold, and a liar gets the rest in steps.
const FIRST_BUFFER_RATIO: usize = 16;

/// Most members of one gzip body. Each costs a fresh decoder, and twenty bytes are a member.
const MEMBERS_MAX: usize = 4096;

/// How one stream ended.
enum End {
    /// At its own end.
    Whole,
    /// The input ended first, is damaged, or its checksum is wrong.
    Broken,
    /// At the limit, with more to come.
    Limit,
}

/// Every member of a gzip body, one after the other; what follows the last member is ignored. `None` where
/// not even a first byte can be decoded.
pub(crate) fn gzip(body: &[u8], limit: usize) -> Option<Decoded> {
    let mut out = Vec::with_capacity(first_buffer(gzip_size(body), body.len(), limit));
    let mut rest = body;
    for _ in 0..MEMBERS_MAX {
        let mut member = GzDecoder::new(rest);
        match inflate(&mut member, &mut out, limit) {
            End::Whole => rest = member.into_inner(),
            // A header that was never finished is a cut body, not another coding.
            End::Broken if out.is_empty() && !is_gzip(body) => return None,
            End::Broken | End::Limit => return Some(decoded(out, true)),
        }
        if !is_gzip(rest) {
            return Some(decoded(out, false));
        }
    }
    Some(decoded(out, true))
}

/// A deflate body: zlib as RFC 9110 §8.4.1.2 says, or the bare stream that some servers send. `None` where
/// it is neither.
pub(crate) fn deflate(body: &[u8], limit: usize) -> Option<Decoded> {
    let first = first_buffer(None, body.len(), limit);
    if is_zlib(body) {
        let mut out = Vec::with_capacity(first);
        match inflate(&mut ZlibDecoder::new(body), &mut out, limit) {
            End::Whole => return Some(decoded(out, false)),
            End::Limit => return Some(decoded(out, true)),
            End::Broken if !out.is_empty() => return Some(decoded(out, true)),
            // Two bytes of a bare stream can look like a zlib header.
            End::Broken => {}
        }
    }
    let mut out = Vec::with_capacity(first);
    match inflate(&mut DeflateDecoder::new(body), &mut out, limit) {
        End::Whole => Some(decoded(out, false)),
        End::Broken if out.is_empty() => None,
        End::Broken | End::Limit => Some(decoded(out, true)),
    }
}

/// Inflates one stream to the end of `out`, until `out` holds `limit` bytes.
fn inflate(stream: &mut impl Read, out: &mut Vec<u8>, limit: usize) -> End {
    let room = (limit - out.len()) as u64;
    if stream.by_ref().take(room).read_to_end(out).is_err() {
        return End::Broken;
    }
    if out.len() < limit {
        return End::Whole;
    }
    // At the limit: one byte more tells whether that was all.
    loop {
        return match stream.read(&mut [0]) {
            Ok(0) => End::Whole,
            Ok(_) => End::Limit,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => End::Broken,
        };
    }
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&[0x1f, 0x8b])
}

/// RFC 1950 §2.2: method 8, and a header that is a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [cmf, flg, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31))
}

/// What the trailer says the last member's decoded size is (RFC 1952 §2.3.1, ISIZE): a hint, no more.
fn gzip_size(body: &[u8]) -> Option<usize> {
    let trailer: [u8; 4] = body.last_chunk().copied()?;
    Some(u32::from_le_bytes(trailer) as usize)
}

fn first_buffer(hint: Option<usize>, coded: usize, limit: usize) -> usize {
    hint.unwrap_or(usize::MAX).min(coded.saturating_mul(FIRST_BUFFER_RATIO)).min(limit)
}

fn decoded(mut out: Vec<u8>, truncated: bool) -> Decoded {
    // The body may wait for the disk: what was guessed too large is given back first.
    if out.capacity() - out.len() > out.len() / 4 {
        out.shrink_to_fit();
    }
    Decoded { bytes: out.into(), truncated }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 1 << 20;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn bare(text: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect()
    }

    /// `Some(true)` = truncated.
    fn check(got: Option<Decoded>, want: Option<(&[u8], bool)>, what: &str) {
        let got = got.map(|d| (d.bytes.to_vec(), d.truncated));
        assert_eq!(got, want.map(|(bytes, truncated)| (bytes.to_vec(), truncated)), "{what}");
    }

    #[test]
    fn gzip_as_servers_send_it() {
        let many: Vec<u8> = [gz(b"first-"), gz(b""), gz(b"second")].concat();
        check(gzip(&gz(b"one"), LIMIT), Some((b"one", false)), "one member");
        check(gzip(&many, LIMIT), Some((b"first-second", false)), "several members");
        check(
            gzip(&[gz(b"x"), b"\n\n\0junk".to_vec()].concat(), LIMIT),
            Some((b"x", false)),
            "rubbish behind",
        );
        check(gzip(&[gz(b"x"), vec![0; 512]].concat(), LIMIT), Some((b"x", false)), "padding behind");
        check(
            gzip(&[gz(b"x"), b"\x1f\x8b".to_vec()].concat(), LIMIT),
            Some((b"x", true)),
            "cut member behind",
        );
        check(gzip(b"plain, not gz", LIMIT), None, "plain");
        check(gzip(b"\x1f", LIMIT), None, "one byte");
        check(gzip(&gz(b"whole")[..7], LIMIT), Some((b"", true)), "cut in the header");
    }

    #[test]
    fn a_cut_body_gives_what_it_held() {
        let text = noise(50_000);
        let coded = gz(&text);
        let part = gzip(&coded[..coded.len() / 2], LIMIT).unwrap();
        assert!(part.truncated);
        assert!(part.bytes.len() > 10_000 && text.starts_with(&part.bytes), "{}", part.bytes.len());
        // The data are all there, the checksum is not.
        check(gzip(&coded[..coded.len() - 4], LIMIT), Some((&text, true)), "cut in the trailer");
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let mut coded = gz(b"some text");
        let crc = coded.len() - 8;
        coded[crc] ^= 1;
        check(gzip(&coded, LIMIT), Some((b"some text", true)), "checksum");
    }

    #[test]
    fn deflate_with_and_without_a_zlib_header() {
        check(deflate(&zlib(b"zlib"), LIMIT), Some((b"zlib", false)), "zlib");
        check(deflate(&bare(b"raw deflate"), LIMIT), Some((b"raw deflate", false)), "bare");
        check(deflate(&bare(b""), LIMIT), Some((b"", false)), "bare and empty");
        check(deflate(b"\xff\xff\xff", LIMIT), None, "neither");
        let text = noise(50_000);
        let coded = zlib(&text);
        assert!(deflate(&coded[..coded.len() / 2], LIMIT).unwrap().truncated);
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gz(&vec![0; 4 * LIMIT]);
        for limit in [0, 1, 1000, LIMIT] {
            let part = gzip(&bomb, limit).unwrap();
            assert_eq!((part.bytes.len(), part.truncated), (limit, true));
        }
        let many = gz(&[0; 1000]).repeat(MEMBERS_MAX * 2);
        assert!(gzip(&many, usize::MAX).unwrap().truncated);
    }

    #[test]
    fn the_limit_itself_is_not_past_the_limit() {
        let text = noise(1000);
        for (coded, name) in [(gz(&text), "gzip"), (zlib(&text), "zlib"), (bare(&text), "bare")] {
            let decode = if name == "gzip" { gzip } else { deflate };
            check(decode(&coded, 1000), Some((&text, false)), name);
            check(decode(&coded, 999), Some((&text[..999], true)), name);
        }
        let two = [gz(b"a"), gz(b"b")].concat();
        check(gzip(&two, 1), Some((b"a", true)), "the second member is past the limit");
    }

    proptest! {
        #[test]
        fn whatever_comes_in_stays_within_the_limit(body in proptest::collection::vec(any::<u8>(), 0..300), limit in 0..2000_usize) {
            for got in [gzip(&body, limit), deflate(&body, limit)].into_iter().flatten() {
                prop_assert!(got.bytes.len() <= limit);
            }
        }

        #[test]
        fn what_was_coded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            check(gzip(&gz(&text), LIMIT), Some((&text, false)), "gzip");
            check(deflate(&zlib(&text), LIMIT), Some((&text, false)), "zlib");
            check(deflate(&bare(&text), LIMIT), Some((&text, false)), "bare");
        }
    }
}
