//! The frames of the frontier's files, as [`crate::schema`] tells of them.
//!
//! Owns the spelling of headers and their checksums. Never touches a file.

use crate::gzip::Mark;

/// The version of the frontier's files. Another one is not read and not refused: the files are made anew.
const FRONTIER_FORMAT: u32 = 1;
/// How `known` begins.
pub(crate) const KNOWN_MAGIC: [u8; 8] = *b"dlknown\n";
/// How `checkpoint` begins.
pub(crate) const CHECKPOINT_MAGIC: [u8; 8] = *b"dlcheck\n";

/// What [`FileHeader::encode`] writes.
pub(crate) const FILE_HEADER_BYTES: usize = 32;
/// What [`FrameHeader::encode`] writes.
pub(crate) const FRAME_HEADER_BYTES: usize = 44;
/// What [`CheckpointHeader::encode`] writes.
pub(crate) const CHECKPOINT_HEADER_BYTES: usize = 32;

/// The archive up to a record, known again by that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Anchor {
    /// The record's sequence number; 0 for the beginning, before any record.
    pub(crate) seq: u64,
    /// The CRC-32 of its value in the index, location and JSON; 0 for the beginning.
    pub(crate) row: u32,
}

/// How far the known log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reached {
    pub(crate) anchor: Anchor,
    /// How many records there were up to it.
    pub(crate) entries: u64,
}

/// How a file of the frontier's begins: what it is, in which format, and whose. Magic, format, mark, key, CRC-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    pub(crate) magic: [u8; 8],
    pub(crate) mark: Mark,
    /// The key of the fingerprints in it; 0 where it holds none.
    pub(crate) key: u64,
}

impl FileHeader {
    pub(crate) fn encode(&self) -> [u8; FILE_HEADER_BYTES] {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.magic);
        bytes[8..12].copy_from_slice(&FRONTIER_FORMAT.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.mark);
        bytes[20..28].copy_from_slice(&self.key.to_le_bytes());
        seal(&mut bytes, &[]);
        bytes
    }

    /// `None` for what is damaged, or of another format.
    pub(crate) fn decode(bytes: &[u8; FILE_HEADER_BYTES]) -> Option<Self> {
        check(bytes, &[])?;
        let mut fields = Fields(bytes);
        let magic = fields.take()?;
        let format = u32::from_le_bytes(fields.take()?);
        let header = Self { magic, mark: fields.take()?, key: u64::from_le_bytes(fields.take()?) };
        (format == FRONTIER_FORMAT).then_some(header)
    }
}

/// How a frame of the known log begins. From, sequence number, entries, the record's CRC-32, how many fingerprints,
/// how many payloads, the body's CRC-32, and that of the file's header and all this: so that a frame of the same
/// file with another key is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// The sequence number that the frame before it reached.
    pub(crate) from: u64,
    pub(crate) reached: Reached,
    pub(crate) urls: u32,
    pub(crate) payloads: u32,
    pub(crate) body: u32,
}

impl FrameHeader {
    pub(crate) fn encode(&self, file: &[u8; FILE_HEADER_BYTES]) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let Reached { anchor, entries } = self.reached;
        for (place, number) in [self.from, anchor.seq, entries].into_iter().enumerate() {
            bytes[place * 8..][..8].copy_from_slice(&number.to_le_bytes());
        }
        for (place, number) in [anchor.row, self.urls, self.payloads, self.body].into_iter().enumerate() {
            bytes[24 + place * 4..][..4].copy_from_slice(&number.to_le_bytes());
        }
        seal(&mut bytes, file);
        bytes
    }

    /// `None` for what is damaged, or of another file.
    pub(crate) fn decode(bytes: &[u8; FRAME_HEADER_BYTES], file: &[u8; FILE_HEADER_BYTES]) -> Option<Self> {
        check(bytes, file)?;
        let mut fields = Fields(bytes);
        let (from, seq) = (fields.long()?, fields.long()?);
        let entries = fields.long()?;
        let reached = Reached { anchor: Anchor { seq, row: fields.short()? }, entries };
        Some(Self { from, reached, urls: fields.short()?, payloads: fields.short()?, body: fields.short()? })
    }

    /// The bytes that follow it.
    pub(crate) fn body_bytes(&self) -> u64 {
        u64::from(self.urls) * 8 + u64::from(self.payloads) * 16
    }
}

/// What a checkpoint says of itself, behind the file's header: sequence number, length, the record's CRC-32, whether
/// the crawl had come to rest (1) or not (0), the body's CRC-32, and that of all this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckpointHeader {
    pub(crate) anchor: Anchor,
    pub(crate) bytes: u64,
    pub(crate) clean: bool,
    pub(crate) body: u32,
}

impl CheckpointHeader {
    pub(crate) fn encode(&self, file: &[u8; FILE_HEADER_BYTES]) -> [u8; CHECKPOINT_HEADER_BYTES] {
        let mut bytes = [0; CHECKPOINT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&self.anchor.seq.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.anchor.row.to_le_bytes());
        bytes[20..24].copy_from_slice(&u32::from(self.clean).to_le_bytes());
        bytes[24..28].copy_from_slice(&self.body.to_le_bytes());
        seal(&mut bytes, file);
        bytes
    }

    /// `None` for what is damaged.
    pub(crate) fn decode(
        bytes: &[u8; CHECKPOINT_HEADER_BYTES],
        file: &[u8; FILE_HEADER_BYTES],
    ) -> Option<Self> {
        check(bytes, file)?;
        let mut fields = Fields(bytes);
        let (seq, length) = (fields.long()?, fields.long()?);
        let anchor = Anchor { seq, row: fields.short()? };
        Some(Self { anchor, bytes: length, clean: fields.short()? == 1, body: fields.short()? })
    }
}

/// Reads numbers one behind the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn short(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
}

/// Puts the CRC-32 of the file's header, where there is one, and of all but the last four bytes into these.
fn seal(bytes: &mut [u8], file: &[u8]) {
    if let Some((rest, crc)) = bytes.split_last_chunk_mut() {
        *crc = checksum(file, rest);
    }
}

/// `None` where [`seal`] would have put something else.
fn check(bytes: &[u8], file: &[u8]) -> Option<()> {
    let (rest, crc) = bytes.split_last_chunk()?;
    (*crc == checksum(file, rest)).then_some(())
}

fn checksum(file: &[u8], bytes: &[u8]) -> [u8; 4] {
    let mut crc = libdeflater::Crc::new();
    // Without its own CRC-32: with it every header would leave the same remainder.
    crc.update(file.split_last_chunk::<4>().map_or(&[], |(rest, _)| rest));
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_header_counts() {
        let mark = *b"a store ";
        let file = FileHeader { magic: KNOWN_MAGIC, mark, key: u64::MAX / 3 };
        let other = FileHeader { key: 1, ..file };
        let anchor = Anchor { seq: 1 << 40, row: 0xdead_beef };
        let reached = Reached { anchor, entries: 77 };
        let frame = FrameHeader { from: 1 << 39, reached, urls: 9, payloads: 8, body: 7 };
        let check_point = CheckpointHeader { anchor, bytes: 6, clean: true, body: 5 };

        let bytes = file.encode();
        assert_eq!(FileHeader::decode(&bytes), Some(file));
        for bit in 0..bytes.len() * 8 {
            assert_eq!(FileHeader::decode(&flipped(bytes, bit)), None, "bit {bit}");
        }
        let bytes = frame.encode(&file.encode());
        assert_eq!(FrameHeader::decode(&bytes, &file.encode()), Some(frame));
        assert_eq!(FrameHeader::decode(&bytes, &other.encode()), None);
        for bit in 0..bytes.len() * 8 {
            assert_eq!(FrameHeader::decode(&flipped(bytes, bit), &file.encode()), None, "bit {bit}");
        }
        let bytes = check_point.encode(&file.encode());
        assert_eq!(CheckpointHeader::decode(&bytes, &file.encode()), Some(check_point));
        assert_eq!(CheckpointHeader::decode(&bytes, &other.encode()), None);
        for bit in 0..bytes.len() * 8 {
            assert_eq!(CheckpointHeader::decode(&flipped(bytes, bit), &file.encode()), None, "bit {bit}");
        }
    }

    fn flipped<const N: usize>(mut bytes: [u8; N], bit: usize) -> [u8; N] {
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    }
}
