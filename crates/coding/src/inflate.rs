//! Inflating whole bodies under a limit.
//!
//! Owns what gzip (RFC 1952) and deflate (RFC 1950, RFC 1951) look like in the wild: several members,
//! rubbish behind the last, no zlib header, an end that never came. Never knows of headers.

use std::io::{ErrorKind, Read};

use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use crate::{
    CodingError, Cut, MEMBERS_MAX,
    out::{Out, Undone},
};

/// Every member of a gzip body, one after the other; what follows the last member is ignored.
pub(crate) fn gzip(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    let mut out = Out::new(limit, body.len(), gzip_size(body));
    let mut rest = body;
    for _ in 0..MEMBERS_MAX {
        let mut member = GzDecoder::new(rest);
        match inflate(&mut member, &mut out) {
            None => rest = member.into_inner(),
            // A header that was never finished is a cut body, not another coding.
            Some(Cut::Damaged) if out.bytes.is_empty() && !is_gzip(body) => {
                return Err(CodingError::Mislabelled("gzip"));
            }
            cut => return Ok(out.end(cut)),
        }
        if !is_gzip(rest) {
            return Ok(out.end(None));
        }
    }
    Ok(out.end(Some(Cut::Members)))
}

/// A deflate body: zlib as RFC 9110 §8.4.1.2 says, or the bare stream that some servers send.
pub(crate) fn deflate(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    if is_zlib(body) {
        let mut out = Out::new(limit, body.len(), None);
        match inflate(&mut ZlibDecoder::new(body), &mut out) {
            // Two bytes of a bare stream can look like a zlib header.
            Some(Cut::Damaged) if out.bytes.is_empty() => {}
            cut => return Ok(out.end(cut)),
        }
    }
    let mut out = Out::new(limit, body.len(), None);
    match inflate(&mut DeflateDecoder::new(body), &mut out) {
        Some(Cut::Damaged) if out.bytes.is_empty() => Err(CodingError::Mislabelled("deflate")),
        cut => Ok(out.end(cut)),
    }
}

/// Inflates one stream behind what is in `out`. `None` where it came to its own end; else it is damaged, or
/// longer than the limit.
fn inflate(stream: &mut impl Read, out: &mut Out) -> Option<Cut> {
    loop {
        let room = out.room();
        if room == 0 {
            break;
        }
        match stream.by_ref().take(room as u64).read_to_end(&mut out.bytes) {
            Ok(read) if read < room => return None,
            Ok(_) => {}
            Err(_) => return Some(Cut::Damaged),
        }
    }
    // At the limit: one byte more tells whether that was all.
    loop {
        return match stream.read(&mut [0]) {
            Ok(0) => None,
            Ok(_) => Some(Cut::Limit),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => Some(Cut::Damaged),
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
fn gzip_size(body: &[u8]) -> Option<u64> {
    let trailer: [u8; 4] = body.last_chunk().copied()?;
    Some(u32::from_le_bytes(trailer).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{LIMIT, bare, check, gz, noise, zlib};

    fn mislabelled(name: &'static str) -> Result<(&'static [u8], Option<Cut>), CodingError> {
        Err(CodingError::Mislabelled(name))
    }

    #[test]
    fn gzip_as_servers_send_it() {
        let many: Vec<u8> = [gz(b"first-"), gz(b""), gz(b"second")].concat();
        check(gzip(&gz(b"one"), LIMIT), Ok((b"one", None)), "one member");
        check(gzip(&many, LIMIT), Ok((b"first-second", None)), "several members");
        check(gzip(&[gz(b"x"), b"\n\n\0junk".to_vec()].concat(), LIMIT), Ok((b"x", None)), "rubbish behind");
        check(gzip(&[gz(b"x"), vec![0; 512]].concat(), LIMIT), Ok((b"x", None)), "padding behind");
        check(
            gzip(&[gz(b"x"), b"\x1f\x8b".to_vec()].concat(), LIMIT),
            Ok((b"x", Some(Cut::Damaged))),
            "cut member behind",
        );
        check(gzip(b"plain, not gz", LIMIT), mislabelled("gzip"), "plain");
        check(gzip(b"\x1f", LIMIT), mislabelled("gzip"), "one byte");
        check(gzip(&gz(b"whole")[..7], LIMIT), Ok((b"", Some(Cut::Damaged))), "cut in the header");
    }

    #[test]
    fn a_cut_body_gives_what_it_held() {
        let text = noise(50_000);
        let coded = gz(&text);
        let part = gzip(&coded[..coded.len() / 2], LIMIT).unwrap();
        assert_eq!(part.cut, Some(Cut::Damaged));
        assert!(part.bytes.len() > 10_000 && text.starts_with(&part.bytes), "{}", part.bytes.len());
        // The data are all there, the checksum is not.
        check(gzip(&coded[..coded.len() - 4], LIMIT), Ok((&text, Some(Cut::Damaged))), "cut in the trailer");
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let mut coded = gz(b"some text");
        let crc = coded.len() - 8;
        coded[crc] ^= 1;
        check(gzip(&coded, LIMIT), Ok((b"some text", Some(Cut::Damaged))), "checksum");
    }

    #[test]
    fn deflate_with_and_without_a_zlib_header() {
        check(deflate(&zlib(b"zlib"), LIMIT), Ok((b"zlib", None)), "zlib");
        check(deflate(&bare(b"raw deflate"), LIMIT), Ok((b"raw deflate", None)), "bare");
        check(deflate(&bare(b""), LIMIT), Ok((b"", None)), "bare and empty");
        check(deflate(b"\xff\xff\xff", LIMIT), mislabelled("deflate"), "neither");
        let text = noise(50_000);
        let coded = zlib(&text);
        assert_eq!(deflate(&coded[..coded.len() / 2], LIMIT).unwrap().cut, Some(Cut::Damaged));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = gz(&vec![0; 4 * LIMIT]);
        for limit in [0, 1, 1000, LIMIT] {
            let part = gzip(&bomb, limit).unwrap();
            assert_eq!((part.bytes.len(), part.cut), (limit, Some(Cut::Limit)));
            assert!(part.bytes.capacity() <= limit);
        }
        let many = gz(&[0; 1000]).repeat(MEMBERS_MAX + 1);
        assert_eq!(gzip(&many, usize::MAX).unwrap().cut, Some(Cut::Members));
    }

    #[test]
    fn the_limit_itself_is_not_past_the_limit() {
        let text = noise(1000);
        for (coded, name) in [(gz(&text), "gzip"), (zlib(&text), "zlib"), (bare(&text), "bare")] {
            let decode = if name == "gzip" { gzip } else { deflate };
            check(decode(&coded, 1000), Ok((&text, None)), name);
            check(decode(&coded, 999), Ok((&text[..999], Some(Cut::Limit))), name);
        }
        let two = [gz(b"a"), gz(b"b")].concat();
        check(gzip(&two, 1), Ok((b"a", Some(Cut::Limit))), "the second member is past the limit");
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            check(gzip(&gz(&text), LIMIT), Ok((&text, None)), "gzip");
            check(deflate(&zlib(&text), LIMIT), Ok((&text, None)), "zlib");
            check(deflate(&bare(&text), LIMIT), Ok((&text, None)), "bare");
        }
    }
}
