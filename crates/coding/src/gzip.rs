//! gzip under a limit (RFC 1952), as it is in the wild.
//!
//! Owns the members: their headers, their trailers and their sequence, rubbish behind the last, an end that never
//! came. What is between header and trailer is inflated next door.

use flate2::{Crc, Decompress};

use crate::{
    CodingError, Cut, MEMBERS_MAX,
    inflate::inflate,
    out::{Out, Undone},
};

/// RFC 1952 §2.3.1: the mark, and the only method.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const METHOD_DEFLATE: u8 = 8;

/// RFC 1952 §2.3.1, FLG.
const HAS_HEADER_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

/// The checksum and the size behind each member.
const TRAILER_BYTES: usize = 8;

/// Every member of a gzip body, one after the other; what follows the last is ignored.
pub(crate) fn gzip(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    if !is_gzip(body) {
        return Err(CodingError::Mislabelled("gzip"));
    }
    let mut out = Out::new(limit, body.len(), size_of_last(body));
    let mut stream = Decompress::new(false);
    let mut rest = body;
    for _ in 0..MEMBERS_MAX {
        match member(&mut stream, rest, &mut out) {
            Ok(behind) if is_gzip(behind) => rest = behind,
            ended => return Ok(out.end(ended.err())),
        }
        stream.reset(false);
    }
    Ok(out.end(Some(Cut::Members)))
}

/// Undoes the member at the front of `rest` behind what is in `out`. What follows it, or why it was not undone to
/// its end.
fn member<'a>(stream: &mut Decompress, rest: &'a [u8], out: &mut Out) -> Result<&'a [u8], Cut> {
    let deflated = behind_header(rest).ok_or(Cut::Damaged)?;
    let begun_at = out.bytes.len();
    let read = inflate(stream, deflated, out)?;
    let (trailer, behind) =
        deflated.get(read..).and_then(<[u8]>::split_first_chunk::<TRAILER_BYTES>).ok_or(Cut::Damaged)?;
    let mut crc = Crc::new();
    crc.update(&out.bytes[begun_at..]);
    let is_sound = trailer[..4] == crc.sum().to_le_bytes() && trailer[4..] == crc.amount().to_le_bytes();
    if is_sound { Ok(behind) } else { Err(Cut::Damaged) }
}

/// What follows a member's header; `None` where that breaks off, or is none.
fn behind_header(member: &[u8]) -> Option<&[u8]> {
    let (fixed, mut rest) = member.split_first_chunk::<10>()?;
    let [_, _, method, flags, ..] = *fixed;
    if !is_gzip(member) || method != METHOD_DEFLATE || flags & RESERVED != 0 {
        return None;
    }
    if flags & HAS_EXTRA != 0 {
        let (len, behind) = rest.split_first_chunk()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*len))..)?;
    }
    for text in [HAS_NAME, HAS_COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & HAS_HEADER_CRC != 0 {
        let mut crc = Crc::new();
        crc.update(&member[..member.len() - rest.len()]);
        let (sum, behind) = rest.split_first_chunk()?;
        if crc.sum() as u16 != u16::from_le_bytes(*sum) {
            return None;
        }
        rest = behind;
    }
    Some(rest)
}

fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(&MAGIC)
}

/// What the trailer says the last member's decoded size is, were there nothing behind it: a hint, no more.
fn size_of_last(body: &[u8]) -> Option<u64> {
    let trailer: [u8; 4] = body.last_chunk().copied()?;
    Some(u32::from_le_bytes(trailer).into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{LIMIT, check, gz, noise, page};

    const MISLABELLED: CodingError = CodingError::Mislabelled("gzip");

    #[test]
    fn members_as_servers_send_them() {
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
        check(gzip(b"plain, not gz", LIMIT), Err(MISLABELLED), "plain");
        check(gzip(b"\x1f", LIMIT), Err(MISLABELLED), "one byte");
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
    fn headers_of_every_shape() {
        let plain = gz(b"text");
        let (fixed, rest) = plain.split_at(10);
        let with = |flags: u8, fields: &[u8]| {
            let mut header = [fixed, fields].concat();
            header[3] = flags;
            if flags & HAS_HEADER_CRC != 0 {
                let mut crc = Crc::new();
                crc.update(&header);
                header.extend((crc.sum() as u16).to_le_bytes());
            }
            (header.len(), [&header, rest].concat())
        };
        for (flags, fields) in [
            (0, &b""[..]),
            (1, b""),
            (HAS_EXTRA, b"\x03\0abc"),
            (HAS_EXTRA, b"\0\0"),
            (HAS_NAME, b"name\0"),
            (HAS_COMMENT, b"\0"),
            (HAS_HEADER_CRC, b""),
            (HAS_HEADER_CRC | HAS_EXTRA | HAS_NAME | HAS_COMMENT, b"\x01\0xname\0comment\0"),
        ] {
            let (header_bytes, coded) = with(flags, fields);
            check(gzip(&coded, LIMIT), Ok((b"text", None)), &format!("{flags:b}"));
            for len in 2..header_bytes {
                let cut = gzip(&coded[..len], LIMIT);
                check(cut, Ok((b"", Some(Cut::Damaged))), &format!("{flags:b} cut at {len}"));
            }
        }
        for (at, byte, what) in [(2, 7, "another method"), (3, 1 << 5, "a reserved bit")] {
            let mut coded = plain.clone();
            coded[at] = byte;
            check(gzip(&coded, LIMIT), Ok((b"", Some(Cut::Damaged))), what);
        }
        let (header_bytes, mut coded) = with(HAS_HEADER_CRC, b"");
        coded[header_bytes - 1] ^= 1;
        check(gzip(&coded, LIMIT), Ok((b"", Some(Cut::Damaged))), "the header's checksum");
    }

    #[test]
    fn damage_takes_only_what_follows_it() {
        let page = page(100_000);
        let coded = gz(&page);
        let mut lost = coded[..coded.len() / 2].to_vec();
        lost.extend(noise(1000));
        let part = gzip(&lost, LIMIT).unwrap();
        assert_eq!(part.cut, Some(Cut::Damaged));
        let common = part.bytes.iter().zip(&page).take_while(|(got, want)| got == want).count();
        assert!(common > 40_000, "{common}");
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
        check(gzip(&gz(&text), 1000), Ok((&text, None)), "at the limit");
        check(gzip(&gz(&text), 999), Ok((&text[..999], Some(Cut::Limit))), "past it");
        let two = [gz(b"a"), gz(b"b")].concat();
        check(gzip(&two, 1), Ok((b"a", Some(Cut::Limit))), "the second member is past the limit");
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            check(gzip(&gz(&text), LIMIT), Ok((&text, None)), "gzip");
        }
    }
}
