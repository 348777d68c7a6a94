//! zstd under a limit (RFC 8878, and RFC 9659 for its window as a content coding).
//!
//! Owns the frames of a body: their headers, which are read here before a decoder sees them, and their sequence.
//! The blocks are the reference decoder's. Never gives it a window larger than the coding allows.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::{
    CodingError, Cut, MEMBERS_MAX,
    out::{Out, Undone},
};

/// RFC 9659 §3: no encoder may use a larger window in this content coding. As a power of two, and in bytes.
const WINDOW_LOG_MAX: u32 = 23;
pub(crate) const WINDOW_BYTES_MAX: u64 = 1 << WINDOW_LOG_MAX;

/// RFC 8878 §3.1.1 and §3.1.2, where the last four bits are free.
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const MAGIC_SKIPPABLE: u32 = 0x184d_2a50;
const MAGIC_SKIPPABLE_MASK: u32 = 0xffff_fff0;

/// Bytes that are decoded at a time from a frame that is known to be damaged; as many may be lost before the
/// damage.
const SALVAGE_STEP_BYTES: usize = 1 << 10;

/// Every frame of a zstd body, one after the other; what follows the last is ignored.
pub(crate) fn zstd(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    if body.len() < MAGIC.len() && MAGIC.starts_with(body) {
        return Ok(Undone::new(Vec::new(), Some(Cut::Damaged)));
    }
    let mut out = Out::new(limit, body.len(), Start::of(body).claims());
    let mut decoder: Option<DCtx<'_>> = None;
    let mut rest = body;
    for _ in 0..MEMBERS_MAX {
        rest = match Start::of(rest) {
            Start::Foreign if rest.len() == body.len() => return Err(CodingError::Mislabelled("zstd")),
            Start::Foreign => return Ok(out.end(None)),
            Start::BreaksOff => return Ok(out.end(Some(Cut::Damaged))),
            Start::Skippable { behind } => behind,
            Start::Frame(frame) => {
                match frame.check() {
                    Ok(()) => {}
                    Err(error) if decoder.is_none() => return Err(error),
                    // Behind a frame that could be decoded, it is damage like any other.
                    Err(_) => return Ok(out.end(Some(Cut::Damaged))),
                }
                let begun_at = out.bytes.len();
                match decode_frame(decoder.get_or_insert_with(new_decoder), rest, &mut out) {
                    // The decoder lets a last block pass that is empty and should not be.
                    Ok(read) if frame.is_as_long_as_said(out.bytes.len() - begun_at) => &rest[read..],
                    Ok(_) => return Ok(out.end(Some(Cut::Damaged))),
                    Err(cut) => return Ok(out.end(Some(cut))),
                }
            }
        };
    }
    Ok(out.end(Some(Cut::Members)))
}

/// The window that the first frame asks for, in bytes.
pub(crate) fn window(body: &[u8]) -> Option<u64> {
    match Start::of(body) {
        Start::Frame(header) => Some(header.window_bytes),
        _ => None,
    }
}

/// What a frame begins with.
#[derive(Debug, PartialEq, Eq)]
enum Start<'a> {
    /// It is no frame, or nothing at all.
    Foreign,
    /// A frame whose header is not all there.
    BreaksOff,
    /// A frame without content, and what follows it.
    Skippable {
        behind: &'a [u8],
    },
    Frame(Header),
}

/// A frame's header (RFC 8878 §3.1.1.1).
#[derive(Debug, PartialEq, Eq)]
struct Header {
    window_bytes: u64,
    dictionary: u32,
    /// What the frame says its decoded size is.
    content_bytes: Option<u64>,
}

impl<'a> Start<'a> {
    fn of(rest: &'a [u8]) -> Self {
        let Some((magic, fields)) = rest.split_first_chunk::<4>() else { return Start::Foreign };
        if u32::from_le_bytes(*magic) & MAGIC_SKIPPABLE_MASK == MAGIC_SKIPPABLE {
            let behind =
                take_le(&mut &*fields, 4).and_then(|len| fields.get(4..)?.get(usize::try_from(len).ok()?..));
            return behind.map_or(Start::BreaksOff, |behind| Start::Skippable { behind });
        }
        if *magic != MAGIC {
            return Start::Foreign;
        }
        Header::read(fields).map_or(Start::BreaksOff, Start::Frame)
    }

    fn claims(&self) -> Option<u64> {
        match self {
            Start::Frame(frame) => frame.content_bytes,
            _ => None,
        }
    }
}

impl Header {
    /// `None` where it breaks off.
    fn read(mut fields: &[u8]) -> Option<Self> {
        let descriptor = take_le(&mut fields, 1)?;
        let is_single_segment = descriptor & 0x20 != 0;
        let window = match is_single_segment {
            true => None,
            false => {
                let byte = take_le(&mut fields, 1)?;
                let base = 1_u64 << (10 + (byte >> 3));
                Some(base + base / 8 * (byte & 7))
            }
        };
        let dictionary = take_le(&mut fields, [0, 1, 2, 4][(descriptor & 3) as usize])? as u32;
        let content_bytes = match (descriptor >> 6, is_single_segment) {
            (0, false) => None,
            (0, true) => Some(take_le(&mut fields, 1)?),
            (1, _) => Some(take_le(&mut fields, 2)? + 256),
            (2, _) => Some(take_le(&mut fields, 4)?),
            _ => Some(take_le(&mut fields, 8)?),
        };
        // A single segment is its own window.
        let window_bytes = window.or(content_bytes)?;
        Some(Header { window_bytes, dictionary, content_bytes })
    }

    fn check(&self) -> Result<(), CodingError> {
        if self.window_bytes > WINDOW_BYTES_MAX {
            return Err(CodingError::Window(self.window_bytes));
        }
        if self.dictionary != 0 {
            return Err(CodingError::Dictionary(self.dictionary));
        }
        Ok(())
    }

    fn is_as_long_as_said(&self, decoded: usize) -> bool {
        self.content_bytes.is_none_or(|said| said == decoded as u64)
    }
}

/// Takes a little-endian number of `len` bytes, eight at most, from the front; `None` where they are not there.
fn take_le(fields: &mut &[u8], len: usize) -> Option<u64> {
    let (number, behind) = fields.split_at_checked(len)?;
    *fields = behind;
    Some(number.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn new_decoder() -> DCtx<'static> {
    let mut decoder = DCtx::create();
    // The headers were checked already; should it refuse this bound, that check still holds.
    let _ = decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
    decoder
}

/// Decodes the frame at the front of `coded` behind what is in `out`. How long it was, or why it was not decoded
/// to its end.
fn decode_frame(decoder: &mut DCtx<'_>, coded: &[u8], out: &mut Out) -> Result<usize, Cut> {
    let begun_at = out.bytes.len();
    let mut input = InBuffer::around(coded);
    loop {
        let written = out.bytes.len();
        let room = out.room();
        let left = if room == 0 {
            // One byte more tells whether that was all.
            let mut beyond = [0; 1];
            let mut buffer = OutBuffer::around(&mut beyond);
            let left = decoder.decompress_stream(&mut buffer, &mut input).map_err(|_| Cut::Damaged)?;
            if buffer.pos() > 0 {
                return Err(Cut::Limit);
            }
            left
        } else {
            let mut buffer = OutBuffer::around_pos(&mut out.bytes, written);
            match decoder.decompress_stream(&mut buffer, &mut input) {
                Ok(left) => left,
                Err(_) => {
                    out.bytes.truncate(begun_at);
                    salvage(decoder, coded, out);
                    return Err(Cut::Damaged);
                }
            }
        };
        if left == 0 {
            return Ok(input.pos());
        }
        // It wants more, has room for its output, and there is nothing more to have.
        if input.pos() == coded.len() && out.bytes.len() - written < room.max(1) {
            return Err(Cut::Damaged);
        }
    }
}

/// Decodes a damaged frame up to the damage. The decoder forgets the output of the call in which it finds damage,
/// and finds it at once where there is room for the whole frame: so in many small calls.
fn salvage(decoder: &mut DCtx<'_>, coded: &[u8], out: &mut Out) {
    if decoder.reset(ResetDirective::SessionOnly).is_err() {
        return;
    }
    let mut input = InBuffer::around(coded);
    loop {
        let written = out.bytes.len();
        let step = out.room().min(SALVAGE_STEP_BYTES);
        out.bytes.resize(written + step, 0);
        let mut buffer = OutBuffer::around(&mut out.bytes[written..]);
        let outcome = decoder.decompress_stream(&mut buffer, &mut input);
        let salvaged = buffer.pos();
        out.bytes.truncate(written + salvaged);
        if outcome.is_err() || salvaged < step || step == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zstd_safe::{CCtx, CParameter};

    use super::*;
    use crate::samples::{LIMIT, check, noise, page, zst};

    /// A frame from a stream: it tells no size, and has a window and a checksum.
    fn streamed(text: &[u8], window_log: u32) -> Vec<u8> {
        let mut encoder = CCtx::create();
        encoder.set_parameter(CParameter::WindowLog(window_log)).unwrap();
        encoder.set_parameter(CParameter::ContentSizeFlag(false)).unwrap();
        encoder.set_parameter(CParameter::ChecksumFlag(true)).unwrap();
        let mut coded = Vec::with_capacity(zstd_safe::compress_bound(text.len()) + 100);
        encoder.compress2(&mut coded, text).unwrap();
        coded
    }

    fn skippable(len: u32) -> Vec<u8> {
        [&(MAGIC_SKIPPABLE + 7).to_le_bytes()[..], &len.to_le_bytes(), &vec![9; len as usize]].concat()
    }

    /// A frame of `window_log`, in blocks of one repeated byte, 128 KiB each (RFC 8878 §3.1.1.2).
    fn run_of(byte: u8, blocks: usize, window_log: u32) -> Vec<u8> {
        let mut frame = [&MAGIC[..], &[0, ((window_log - 10) << 3) as u8]].concat();
        for block in 1..=blocks {
            let header = u32::from(block == blocks) | 1 << 1 | (128 << 10) << 3;
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(byte);
        }
        frame
    }

    #[test]
    fn frames_as_servers_send_them() {
        let page = page(300_000);
        check(zstd(&zst(&page), LIMIT), Ok((&page, None)), "one frame");
        check(zstd(&streamed(&page, 17), LIMIT), Ok((&page, None)), "without its size");
        check(zstd(&zst(b""), LIMIT), Ok((b"", None)), "an empty frame");
        let many =
            [zst(b"first-"), skippable(0), zst(b""), streamed(b"second-", 10), skippable(99), zst(b"third")];
        check(zstd(&many.concat(), LIMIT), Ok((b"first-second-third", None)), "several, and skippable ones");
        check(zstd(&[skippable(5), zst(b"x")].concat(), LIMIT), Ok((b"x", None)), "a skippable one first");
        check(zstd(&skippable(3), LIMIT), Ok((b"", None)), "a skippable one only");
        for behind in [&b"\n\n\0junk"[..], &[0; 512], b"\x28", &MAGIC[..3]] {
            check(zstd(&[&zst(b"x"), behind].concat(), LIMIT), Ok((b"x", None)), "rubbish behind");
        }
        check(zstd(b"plain, not zstd", LIMIT), Err(CodingError::Mislabelled("zstd")), "plain");
        check(zstd(b"\x29", LIMIT), Err(CodingError::Mislabelled("zstd")), "one byte");
    }

    #[test]
    fn a_cut_body_gives_what_it_held() {
        let text = noise(400_000);
        for (coded, what) in [(zst(&text), "sized"), (streamed(&text, 17), "streamed")] {
            let part = zstd(&coded[..coded.len() / 2], LIMIT).unwrap();
            assert_eq!(part.cut, Some(Cut::Damaged), "{what}");
            assert!(
                part.bytes.len() > 100_000 && text.starts_with(&part.bytes),
                "{what} {}",
                part.bytes.len()
            );
        }
        let coded = zst(b"whole");
        for len in 1..coded.len() {
            let part = zstd(&coded[..len], LIMIT).unwrap();
            assert_eq!(part.cut, Some(Cut::Damaged), "cut at {len}");
            assert!(b"whole".starts_with(&part.bytes), "cut at {len}");
        }
        let coded = streamed(&text, 17);
        check(zstd(&coded[..coded.len() - 1], LIMIT), Ok((&text, Some(Cut::Damaged))), "cut in the checksum");
        for behind in [&MAGIC[..], &skippable(9)[..11], &skippable(9)[..6]] {
            let coded = [&zst(b"x"), behind].concat();
            check(zstd(&coded, LIMIT), Ok((b"x", Some(Cut::Damaged))), "a cut frame behind");
        }
    }

    #[test]
    fn damage_takes_only_what_follows_it() {
        let text = noise(400_000);
        let mut coded = streamed(&text, 17);
        *coded.last_mut().unwrap() ^= 1;
        let part = zstd(&coded, LIMIT).unwrap();
        assert_eq!(part.cut, Some(Cut::Damaged));
        assert!(part.bytes.len() + SALVAGE_STEP_BYTES >= text.len() && text.starts_with(&part.bytes));
        // The fourth block is given a kind that does not exist.
        let mut coded = run_of(b'x', 5, 17);
        coded[6 + 3 * 4] |= 3 << 1;
        let part = zstd(&[zst(b"before"), coded].concat(), LIMIT).unwrap();
        let sound = 6 + 3 * (128 << 10);
        assert_eq!(part.cut, Some(Cut::Damaged));
        assert!((sound - SALVAGE_STEP_BYTES..=sound).contains(&part.bytes.len()), "{}", part.bytes.len());
        let mut short = zst(b"");
        short[5] = 2;
        for limit in [0, 1, LIMIT] {
            check(zstd(&short, limit), Ok((b"", Some(Cut::Damaged))), "less than it said");
        }
        let lost = [zst(b"before"), b"\x28\xb5\x2f\xfd\x08".to_vec(), vec![0; 20]].concat();
        check(zstd(&lost, LIMIT), Ok((b"before", Some(Cut::Damaged))), "a reserved bit");
    }

    #[test]
    fn a_window_past_what_the_coding_allows_is_refused() {
        let bytes = 128 << 10;
        check(zstd(&run_of(b'x', 1, 23), LIMIT), Ok((&vec![b'x'; bytes], None)), "8 MiB");
        check(zstd(&run_of(b'x', 1, 24), LIMIT), Err(CodingError::Window(16 << 20)), "16 MiB");
        let mut larger = run_of(b'x', 1, 23);
        larger[5] |= 1;
        check(zstd(&larger, LIMIT), Err(CodingError::Window(9 << 20)), "an eighth more");
        let mut largest = run_of(b'x', 1, 23);
        largest[5] = 0xff;
        check(zstd(&largest, LIMIT), Err(CodingError::Window((1 << 41) + (7 << 38))), "the largest of all");
        let single = [&MAGIC[..], &[0xe0], &(WINDOW_BYTES_MAX + 1).to_le_bytes(), &[1, 0, 0]].concat();
        check(zstd(&single, LIMIT), Err(CodingError::Window(WINDOW_BYTES_MAX + 1)), "a single segment");
        let second = [zst(b"first"), run_of(b'x', 1, 24)].concat();
        check(zstd(&second, LIMIT), Ok((b"first", Some(Cut::Damaged))), "the second frame's");
    }

    #[test]
    fn a_dictionary_is_nobodys() {
        let frame = [&MAGIC[..], &[0x22], &300_u16.to_le_bytes(), &[0, 1, 0, 0]].concat();
        check(zstd(&frame, LIMIT), Err(CodingError::Dictionary(300)), "dictionary");
        let none = [&MAGIC[..], &[0x22], &0_u16.to_le_bytes(), &[0, 1, 0, 0]].concat();
        check(zstd(&none, LIMIT), Ok((b"", None)), "dictionary 0 is none");
    }

    #[test]
    fn headers_of_every_shape() {
        for (fields, want) in [
            (&[0x00, 0x58][..], Some((2 << 20, 0, None))),
            (&[0x20, 5], Some((5, 0, Some(5)))),
            (&[0x60, 1, 1], Some((513, 0, Some(513)))),
            (&[0xa0, 1, 0, 1, 0], Some((65_537, 0, Some(65_537)))),
            (&[0x43, 0x00, 4, 3, 2, 1, 0, 0], Some((1 << 10, 0x0102_0304, Some(256)))),
            (&[0x01, 0x07, 9], Some((1920, 9, None))),
            (&[0xc0, 0x00, 0, 0, 0, 0, 0, 0, 0, 0x80], Some((1 << 10, 0, Some(1 << 63)))),
            (&[0x00], None),
            (&[0x20], None),
            (&[0xc0, 0x00, 0, 0, 0, 0, 0, 0, 0], None),
            (&[], None),
        ] {
            let header = Header::read(fields);
            assert_eq!(header.map(|h| (h.window_bytes, h.dictionary, h.content_bytes)), want, "{fields:x?}");
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        for bomb in [zst(&vec![0; 4 * LIMIT]), run_of(0, 4096, 23)] {
            for limit in [0, 1, 1000, LIMIT] {
                let part = zstd(&bomb, limit).unwrap();
                assert_eq!((part.bytes.len(), part.cut), (limit, Some(Cut::Limit)));
                assert!(part.bytes.capacity() <= limit);
            }
        }
        let many = zst(b"").repeat(MEMBERS_MAX + 1);
        assert_eq!(zstd(&many, LIMIT).unwrap().cut, Some(Cut::Members));
    }

    #[test]
    fn the_limit_itself_is_not_past_the_limit() {
        let text = noise(300_000);
        for coded in [zst(&text), streamed(&text, 17)] {
            check(zstd(&coded, text.len()), Ok((&text, None)), "at the limit");
            check(zstd(&coded, text.len() - 1), Ok((&text[..text.len() - 1], Some(Cut::Limit))), "past it");
        }
        let two = [zst(b"a"), zst(b"b")].concat();
        check(zstd(&two, 1), Ok((b"a", Some(Cut::Limit))), "the second frame is past the limit");
        check(zstd(&[zst(b"a"), zst(b"")].concat(), 1), Ok((b"a", None)), "an empty one is not");
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            check(zstd(&zst(&text), LIMIT), Ok((&text, None)), "sized");
            check(zstd(&streamed(&text, 10), LIMIT), Ok((&text, None)), "streamed");
        }
    }
}
