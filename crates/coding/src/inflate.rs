//! deflate under a limit (RFC 1951), and the content coding of that name (RFC 1950).
//!
//! Owns the stream, with a zlib header or without, up to its own end, and what servers send for the coding. Never
//! knows of gzip's members.

use flate2::{Decompress, FlushDecompress, Status};

use crate::{
    CodingError, Cut,
    out::{Out, Undone},
};

/// A deflate body: zlib as RFC 9110 §8.4.1.2 says, or the bare stream that some servers send. What follows it is
/// ignored.
pub(crate) fn deflate(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    if is_zlib(body) {
        let mut out = Out::new(limit, body.len(), None);
        match inflate(&mut Decompress::new(true), body, &mut out) {
            // Two bytes of a bare stream can look like a zlib header.
            Err(Cut::Damaged) if out.bytes.is_empty() => {}
            ended => return Ok(out.end(ended.err())),
        }
    }
    let mut out = Out::new(limit, body.len(), None);
    match inflate(&mut Decompress::new(false), body, &mut out) {
        Err(Cut::Damaged) if out.bytes.is_empty() => Err(CodingError::Mislabelled("deflate")),
        ended => Ok(out.end(ended.err())),
    }
}

/// Inflates the stream at the front of `coded` behind what is in `out`, with a fresh decoder. How long it was, or
/// why it was not inflated to its end.
pub(crate) fn inflate(stream: &mut Decompress, coded: &[u8], out: &mut Out) -> Result<usize, Cut> {
    loop {
        let (read, written) = (stream.total_in(), stream.total_out());
        let rest = coded.get(read as usize..).unwrap_or_default();
        let room = out.room();
        let status = if room == 0 {
            // One byte more tells whether that was all.
            let status = stream.decompress(rest, &mut [0], FlushDecompress::None);
            if stream.total_out() > written {
                return Err(Cut::Limit);
            }
            status
        } else {
            stream.decompress_vec(rest, &mut out.bytes, FlushDecompress::None)
        };
        match status {
            Ok(Status::StreamEnd) => return Ok(stream.total_in() as usize),
            Ok(_) if (stream.total_in(), stream.total_out()) != (read, written) => {}
            // It wants more, and there is nothing more to have; or what there is is none of a stream.
            Ok(_) | Err(_) => return Err(Cut::Damaged),
        }
    }
}

/// RFC 1950 §2.2: method 8, and a header that is a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [cmf, flg, ..] if cmf & 0x0f == 8 && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{LIMIT, bare, check, noise, page, zlib};

    #[test]
    fn with_and_without_a_zlib_header() {
        check(deflate(&zlib(b"zlib"), LIMIT), Ok((b"zlib", None)), "zlib");
        check(deflate(&bare(b"raw deflate"), LIMIT), Ok((b"raw deflate", None)), "bare");
        check(deflate(&bare(b""), LIMIT), Ok((b"", None)), "bare and empty");
        check(deflate(&zlib(b""), LIMIT), Ok((b"", None)), "zlib and empty");
        check(deflate(b"\xff\xff\xff", LIMIT), Err(CodingError::Mislabelled("deflate")), "neither");
        check(deflate(&[zlib(b"x"), vec![0; 99]].concat(), LIMIT), Ok((b"x", None)), "padding behind");
    }

    #[test]
    fn a_bare_stream_may_look_like_zlib() {
        // A stored block that is not the last, its padding bits so that they and its length are a zlib header.
        let looks_like = [&[0x78, 0x01, 0x00, 0xfe, 0xff, b'x'][..], &bare(b"yz")].concat();
        assert!(is_zlib(&looks_like));
        check(deflate(&looks_like, LIMIT), Ok((b"xyz", None)), "bare");
    }

    #[test]
    fn a_cut_or_damaged_body_gives_what_it_held() {
        let page = page(50_000);
        for coded in [zlib(&page), bare(&page)] {
            let part = deflate(&coded[..coded.len() / 2], LIMIT).unwrap();
            assert_eq!(part.cut, Some(Cut::Damaged));
            assert!(part.bytes.len() > 15_000 && page.starts_with(&part.bytes), "{}", part.bytes.len());
        }
        let mut coded = zlib(&page);
        *coded.last_mut().unwrap() ^= 1;
        check(deflate(&coded, LIMIT), Ok((&page, Some(Cut::Damaged))), "checksum");
        // A block of the kind that does not exist, behind a stored one.
        let damaged = [0, 4, 0, 0xfb, 0xff, b'h', b'e', b'l', b'd', 0b110];
        check(deflate(&damaged, LIMIT), Ok((b"held", Some(Cut::Damaged))), "damaged");
        check(deflate(&damaged, 4), Ok((b"held", Some(Cut::Damaged))), "damaged at the limit");
        check(deflate(&damaged, 3), Ok((b"hel", Some(Cut::Limit))), "damaged past the limit");
    }

    #[test]
    fn a_bomb_stops_at_the_limit_and_the_limit_itself_is_not_past_it() {
        let text = noise(1000);
        for (coded, bomb) in
            [(zlib(&text), zlib(&vec![0; 4 * LIMIT])), (bare(&text), bare(&vec![0; 4 * LIMIT]))]
        {
            check(deflate(&coded, 1000), Ok((&text, None)), "at the limit");
            check(deflate(&coded, 999), Ok((&text[..999], Some(Cut::Limit))), "past it");
            for limit in [0, 1, 1000, LIMIT] {
                let part = deflate(&bomb, limit).unwrap();
                assert_eq!((part.bytes.len(), part.cut), (limit, Some(Cut::Limit)));
                assert!(part.bytes.capacity() <= limit);
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            check(deflate(&zlib(&text), LIMIT), Ok((&text, None)), "zlib");
            check(deflate(&bare(&text), LIMIT), Ok((&text, None)), "bare");
        }
    }
}
