//! brotli under a limit (RFC 7932; streams with larger windows than that are another coding, and refused).
//!
//! Owns what becomes of the decoder's window, a ring that may be as large as the whole body: where the body fits
//! into it, the ring itself is handed out as the body, without a second buffer and without a copy. Never looks at
//! a stream's bits.

use std::{mem, ops::Range};

use brotli_decompressor::{
    Allocator, BrotliDecoderErrorCode, BrotliDecoderIsFinished, BrotliDecoderTakeOutput,
    BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut, StandardAlloc,
};

use crate::{
    CodingError, Cut,
    out::{Out, Undone},
};

/// The largest ring that may stand beside a copy of all that it holds, in bytes. Only one is larger: 16 MiB.
const RING_COPIED_BYTES_MAX: usize = 8 << 20;

/// A brotli body; what follows the stream is ignored.
pub(crate) fn brotli(body: &[u8], limit: usize) -> Result<Undone, CodingError> {
    let mut decoder = Decoder::new(body);
    let (pause, piece) = decoder.run();
    let len = piece.len();
    let cut = match pause {
        // A stream has no mark of its own: what is not one shows at its first block.
        Pause::Failed if len == 0 => return Err(CodingError::Mislabelled("br")),
        _ if len > limit => Some(Cut::Limit),
        Pause::End => None,
        Pause::BrokenOff | Pause::Failed => Some(Cut::Damaged),
        // Whether there is more cannot be seen without giving up the ring, or copying it.
        Pause::Full if len == limit && len > RING_COPIED_BYTES_MAX => {
            (!decoder.is_behind_the_last_block()).then_some(Cut::Limit)
        }
        Pause::Full => {
            let mut out = Out::new(limit, 0, None);
            out.push(decoder.ring(piece));
            return Ok(wrapped(decoder, out));
        }
    };
    Ok(Undone::new(decoder.into_ring(len.min(limit)), cut))
}

/// Goes on behind the first full ring.
fn wrapped(mut decoder: Decoder<'_>, mut out: Out) -> Undone {
    loop {
        let (pause, piece) = decoder.run();
        if !out.push(decoder.ring(piece)) {
            return out.end(Some(Cut::Limit));
        }
        match pause {
            Pause::Full => {}
            Pause::End => return out.end(None),
            Pause::BrokenOff | Pause::Failed => return out.end(Some(Cut::Damaged)),
        }
    }
}

/// The decoder and what it reads.
struct Decoder<'a> {
    state: BrotliState<Rings, StandardAlloc, StandardAlloc>,
    body: &'a [u8],
    read: usize,
    unread: usize,
}

/// Why the decoder stopped.
enum Pause {
    /// The ring is full; there may be more.
    Full,
    /// At the stream's end.
    End,
    /// The stream is longer than the body.
    BrokenOff,
    /// What is there is no stream.
    Failed,
}

impl<'a> Decoder<'a> {
    fn new(body: &'a [u8]) -> Self {
        let state = BrotliState::new_strict(Rings, StandardAlloc::default(), StandardAlloc::default());
        Decoder { state, body, read: 0, unread: body.len() }
    }

    /// Decodes until the ring is full or there is nothing more, and where in the ring the new output lies.
    fn run(&mut self) -> (Pause, Range<usize>) {
        // No room is offered for output: what is decoded stays in the ring until it is full.
        let outcome = BrotliDecompressStream(
            &mut self.unread,
            &mut self.read,
            self.body,
            &mut 0,
            &mut 0,
            &mut [],
            &mut 0,
            &mut self.state,
        );
        if let BrotliResult::ResultFailure = outcome {
            // It withholds what it decoded before, until it is forgiven.
            self.state.error_code = BrotliDecoderErrorCode::BROTLI_DECODER_SUCCESS;
        }
        let start = (self.state.partial_pos_out & self.state.ringbuffer_mask as u64) as usize;
        let len = BrotliDecoderTakeOutput(&mut self.state, &mut 0).len();
        let pause = match outcome {
            BrotliResult::ResultSuccess => Pause::End,
            BrotliResult::NeedsMoreOutput if BrotliDecoderIsFinished(&self.state) => Pause::End,
            // It would ask for room for nothing for ever.
            BrotliResult::NeedsMoreOutput if len == 0 => Pause::Failed,
            BrotliResult::NeedsMoreOutput => Pause::Full,
            BrotliResult::NeedsMoreInput => Pause::BrokenOff,
            BrotliResult::ResultFailure => Pause::Failed,
        };
        (pause, start..start + len)
    }

    fn ring(&self, piece: Range<usize>) -> &[u8] {
        self.state.ringbuffer.slice().get(piece).unwrap_or_default()
    }

    /// The first `len` bytes of a ring that has not been full yet: the body so far.
    fn into_ring(mut self, len: usize) -> Vec<u8> {
        let mut body = mem::take(&mut self.state.ringbuffer).0;
        body.truncate(len);
        body
    }

    fn is_behind_the_last_block(&self) -> bool {
        self.state.is_last_metablock != 0 && self.state.meta_block_remaining_len == 0
    }
}

/// Memory for rings, and for maps of some kilobytes: vectors, so that a ring can become a body.
struct Rings;

#[derive(Default)]
struct Ring(Vec<u8>);

impl Allocator<u8> for Rings {
    type AllocatedMemory = Ring;

    fn alloc_cell(&mut self, len: usize) -> Ring {
        Ring(vec![0; len])
    }

    fn free_cell(&mut self, ring: Ring) {
        drop(ring);
    }
}

impl SliceWrapper<u8> for Ring {
    fn slice(&self) -> &[u8] {
        &self.0
    }
}

impl SliceWrapperMut<u8> for Ring {
    fn slice_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{LIMIT, br, br_with, check, gz, noise, page};

    /// One uncompressed block of `text` (RFC 7932 §9.2), under a window of `window_log`, 18 to 24, and what
    /// follows it.
    fn stored(text: &[u8], window_log: u64, behind: &[u8]) -> Vec<u8> {
        let len = text.len() as u64 - 1;
        let nibbles = len.max(1).ilog2() as u64 / 4 + 1;
        let nibbles = nibbles.max(4);
        // From the low bit: 1 and three bits of the window; not the last; MNIBBLES - 4; MLEN - 1; uncompressed.
        let bits = 1 | (window_log - 17) << 1 | (nibbles - 4) << 5 | len << 7 | 1 << (7 + 4 * nibbles);
        let header_bytes = (8 + 4 * nibbles as usize).div_ceil(8);
        [&bits.to_le_bytes()[..header_bytes], text, behind].concat()
    }

    /// An empty last block.
    const LAST: &[u8] = &[3];

    /// A last block of one literal: each of its three prefix codes has one symbol, written in no bits.
    fn last_with(byte: u8) -> Vec<u8> {
        let fields = [
            // ISLAST, ISLASTEMPTY, MNIBBLES - 4, MLEN - 1.
            (1, 1),
            (0, 1),
            (0, 2),
            (0, 16),
            // One block type of each kind, no postfix, no direct distances, a context mode, one tree of each.
            (0, 3 + 2 + 4 + 2 + 1 + 1),
            // Simple codes (1) of one symbol (0): the literal, "insert one, copy two", the last distance.
            (1, 4),
            (u128::from(byte), 8),
            (1, 4),
            (8, 10),
            (1, 4),
            (0, 6),
        ];
        let (bits, len) =
            fields.iter().fold((0, 0), |(bits, at), (value, len)| (bits | value << at, at + len));
        bits.to_le_bytes()[..usize::div_ceil(len, 8)].to_vec()
    }

    #[test]
    fn streams_as_servers_send_them() {
        for quality in [0, 1, 5, 9, 11] {
            // The slow ones learn nothing from more.
            let page = page(if quality < 9 { 300_000 } else { 30_000 });
            for window_log in [10, 16, 22, 24] {
                let coded = br_with(&page, quality, window_log);
                check(brotli(&coded, LIMIT), Ok((&page, None)), &format!("{quality} {window_log}"));
            }
        }
        check(brotli(&br(b""), LIMIT), Ok((b"", None)), "empty");
        check(brotli(&stored(b"stored", 18, LAST), LIMIT), Ok((b"stored", None)), "stored");
        check(
            brotli(&stored(b"store", 18, &last_with(b'd')), LIMIT),
            Ok((b"stored", None)),
            "stored, and one",
        );
        for behind in [&b"\n\n\0junk"[..], &[0; 512], &br(b"another")] {
            check(brotli(&[&br(b"text"), behind].concat(), LIMIT), Ok((b"text", None)), "rubbish behind");
        }
    }

    #[test]
    fn what_is_no_stream_is_told() {
        for body in [
            &b"<!DOCTYPE html><html><head><title>Plain</title></head></html>"[..],
            b"\x11large",
            &gz(b"some page, under another name"),
        ] {
            check(brotli(body, LIMIT), Err(CodingError::Mislabelled("br")), &format!("{body:?}"));
        }
    }

    #[test]
    fn a_cut_body_gives_what_it_held() {
        let page = page(300_000);
        for window_log in [16, 22] {
            let coded = br_with(&page, 5, window_log);
            for len in [coded.len() / 2, coded.len() - 1] {
                let part = brotli(&coded[..len], LIMIT).unwrap();
                assert_eq!(part.cut, Some(Cut::Damaged), "{window_log} {len}");
                assert!(page.starts_with(&part.bytes) && part.bytes.len() > 50_000, "{}", part.bytes.len());
            }
        }
        let coded = br(b"a short text");
        for len in 1..coded.len() {
            assert_eq!(brotli(&coded[..len], LIMIT).unwrap().cut, Some(Cut::Damaged), "cut at {len}");
        }
        check(brotli(&stored(b"text", 18, &[]), LIMIT), Ok((b"text", Some(Cut::Damaged))), "no last block");
    }

    #[test]
    fn damage_takes_only_what_follows_it() {
        let text = noise(100_000);
        // Behind the stored block comes one of MNIBBLES = 3, whose next bit is reserved and set.
        let damaged = stored(&text, 18, &[0b1110, 0, 0, 0]);
        check(brotli(&damaged, LIMIT), Ok((&text, Some(Cut::Damaged))), "in the first ring");
        let text = noise(400_000);
        let damaged = stored(&text, 18, &[0b1110, 0, 0, 0]);
        check(brotli(&damaged, LIMIT), Ok((&text, Some(Cut::Damaged))), "in the second");
        check(brotli(&damaged, 1000), Ok((&text[..1000], Some(Cut::Limit))), "past the limit");
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0; LIMIT + 1000];
        for window_log in [10, 18, 20, 24] {
            let bomb = br_with(&zeros, 2, window_log);
            for limit in [0, 1, 1000, LIMIT] {
                let part = brotli(&bomb, limit).unwrap();
                assert_eq!((part.bytes.len(), part.cut), (limit, Some(Cut::Limit)), "{window_log} {limit}");
                assert!(part.bytes.capacity() <= limit + limit / 4);
            }
        }
    }

    #[test]
    fn the_limit_itself_is_not_past_the_limit() {
        let page = page(1 << 18);
        // Rings smaller than the body, as large, and larger.
        for window_log in [16, 18, 20] {
            for text in [&page[..], &noise(page.len())] {
                let coded = br_with(text, 5, window_log);
                let len = text.len();
                check(brotli(&coded, len), Ok((text, None)), &format!("{window_log}"));
                check(
                    brotli(&coded, len - 1),
                    Ok((&text[..len - 1], Some(Cut::Limit))),
                    &format!("{window_log}"),
                );
            }
        }
        let stored = stored(&page, 18, LAST);
        check(brotli(&stored, page.len()), Ok((&page, None)), "a last block that is empty");
    }

    #[test]
    fn a_limit_of_the_widest_window_is_reached_without_a_copy() {
        let text = vec![b'x'; 16 << 20];
        let limit = text.len();
        // Its last block has a byte in it.
        let coded = stored(&text[1..], 24, &last_with(b'x'));
        check(brotli(&coded, limit + 1), Ok((&text, None)), "under the limit");
        check(brotli(&coded, limit), Ok((&text, None)), "at the limit");
        check(brotli(&coded, limit - 1), Ok((&text[1..], Some(Cut::Limit))), "past it");
        // Its last block is empty, and that it is the last cannot be seen any more.
        let coded = stored(&text, 24, LAST);
        check(brotli(&coded, limit + 1), Ok((&text, None)), "under the limit, stored");
        check(brotli(&coded, limit), Ok((&text, Some(Cut::Limit))), "at the limit, stored");
    }

    proptest! {
        #[test]
        fn what_was_coded_comes_back(
            text in proptest::collection::vec(any::<u8>(), 0..3000),
            quality in 0..=11_u32,
            window_log in 10..=24_u32,
        ) {
            check(brotli(&br_with(&text, quality, window_log), LIMIT), Ok((&text, None)), "brotli");
        }
    }
}
