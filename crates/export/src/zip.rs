//! Zip files whose entries are stored, not compressed (APPNOTE 6.3.10; ISO/IEC 21320-1).
//!
//! Owns the headers. What a WACZ needs: entries of unknown length, written in one go into a file that can be gone back
//! in, and more than 4 GiB of them in all.

use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write},
};

use flate2::Crc;
use sha2::{Digest as _, Sha256};

/// Bytes of one entry at most: past it the local header would need its own 64-bit lengths.
const ENTRY_BYTES_MAX: u64 = u32::MAX as u64 - 1;
/// The version that a reader needs for 64-bit offsets.
const VERSION_ZIP64: u16 = 45;
/// Names are in UTF-8.
const FLAGS: u16 = 1 << 11;
/// A regular file, readable by its owner.
const ATTRIBUTES: u32 = 0o100_600 << 16;
/// 1980-01-01, where the format's time begins: the entries themselves say when they were made.
const DATE: u16 = 1 << 5 | 1;

/// A zip file being written.
pub(crate) struct Zip {
    out: BufWriter<File>,
    at: u64,
    entries: Vec<Entry>,
    open: Option<(Crc, Sha256)>,
}

/// What was written of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    offset: u64,
    pub(crate) bytes: u64,
    crc: u32,
    /// SHA-256, in hexadecimal digits.
    pub(crate) digest: String,
}

impl Zip {
    /// Goes on at the file's place.
    pub(crate) fn new(mut file: File) -> io::Result<Self> {
        let at = file.stream_position()?;
        Ok(Self { out: BufWriter::with_capacity(256 << 10, file), at, entries: Vec::new(), open: None })
    }

    /// Begins an entry, and ends the one before.
    pub(crate) fn begin(&mut self, name: &str) -> io::Result<()> {
        self.end_entry()?;
        let entry = Entry { name: name.to_owned(), offset: self.at, bytes: 0, crc: 0, digest: String::new() };
        let header = local(&entry);
        self.out.write_all(&header)?;
        self.at += header.len() as u64;
        self.entries.push(entry);
        self.open = Some((Crc::new(), Sha256::new()));
        Ok(())
    }

    /// Appends to the entry that was begun last.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (Some((crc, sha)), Some(entry)) = (&mut self.open, self.entries.last_mut()) else {
            return Err(io::Error::other("no entry was begun"));
        };
        if entry.bytes + bytes.len() as u64 > ENTRY_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{} is too long for a zip", entry.name),
            ));
        }
        crc.update(bytes);
        sha.update(bytes);
        entry.bytes += bytes.len() as u64;
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Bytes of the entry that was begun last.
    pub(crate) fn entry_bytes(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.bytes)
    }

    /// The entries that are whole: all, once another was begun.
    pub(crate) fn entries(&mut self) -> io::Result<&[Entry]> {
        self.end_entry()?;
        Ok(&self.entries)
    }

    fn end_entry(&mut self) -> io::Result<()> {
        let (Some((crc, sha)), Some(entry)) = (self.open.take(), self.entries.last_mut()) else {
            return Ok(());
        };
        entry.crc = crc.sum();
        entry.digest = sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        // Its header was written before anything was known of it.
        self.out.seek(SeekFrom::Start(entry.offset))?;
        self.out.write_all(&local(entry))?;
        self.out.seek(SeekFrom::Start(self.at))?;
        Ok(())
    }

    /// Writes the directory; the file is whole then, and on the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.end_entry()?;
        let begin = self.at;
        let mut directory = Vec::new();
        for entry in &self.entries {
            central(&mut directory, entry);
        }
        end(&mut directory, self.entries.len() as u64, begin);
        self.out.write_all(&directory)?;
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()
    }
}

/// A local file header (§4.3.7).
fn local(entry: &Entry) -> Vec<u8> {
    let mut header = Vec::with_capacity(30 + entry.name.len());
    header.extend_from_slice(b"PK\x03\x04");
    common(&mut header, entry);
    header.extend_from_slice(&0u16.to_le_bytes());
    header.extend_from_slice(entry.name.as_bytes());
    header
}

/// From the version to the length of the name, alike in both headers.
fn common(header: &mut Vec<u8>, entry: &Entry) {
    for word in [VERSION_ZIP64, FLAGS, 0, 0, DATE] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    for word in [entry.crc, entry.bytes as u32, entry.bytes as u32] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
}

/// A central directory header (§4.3.12), with its 64-bit offset (§4.5.3) where that is needed.
fn central(out: &mut Vec<u8>, entry: &Entry) {
    let is_far = entry.offset >= u64::from(u32::MAX);
    out.extend_from_slice(b"PK\x01\x02");
    // Made by Unix.
    out.extend_from_slice(&(3 << 8 | VERSION_ZIP64).to_le_bytes());
    common(out, entry);
    let extra: u16 = if is_far { 12 } else { 0 };
    for word in [extra, 0, 0, 0] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&ATTRIBUTES.to_le_bytes());
    out.extend_from_slice(&if is_far { u32::MAX } else { entry.offset as u32 }.to_le_bytes());
    out.extend_from_slice(entry.name.as_bytes());
    if is_far {
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&8u16.to_le_bytes());
        out.extend_from_slice(&entry.offset.to_le_bytes());
    }
}

/// The end of the directory that begins at `begin`, in 64 bits (§4.3.14, §4.3.15) where that is needed, and in 16 and 32
/// (§4.3.16).
fn end(directory: &mut Vec<u8>, entries: u64, begin: u64) {
    let bytes = directory.len() as u64;
    let is_far = begin >= u64::from(u32::MAX) || entries >= u64::from(u16::MAX);
    if is_far {
        directory.extend_from_slice(b"PK\x06\x06");
        directory.extend_from_slice(&44u64.to_le_bytes());
        for word in [VERSION_ZIP64, VERSION_ZIP64] {
            directory.extend_from_slice(&word.to_le_bytes());
        }
        for word in [0u32, 0] {
            directory.extend_from_slice(&word.to_le_bytes());
        }
        for word in [entries, entries, bytes, begin] {
            directory.extend_from_slice(&word.to_le_bytes());
        }
        directory.extend_from_slice(b"PK\x06\x07");
        directory.extend_from_slice(&0u32.to_le_bytes());
        directory.extend_from_slice(&(begin + bytes).to_le_bytes());
        directory.extend_from_slice(&1u32.to_le_bytes());
    }
    let short = |n: u64| if is_far { u16::MAX } else { n as u16 };
    let long = |n: u64| if is_far { u32::MAX } else { n as u32 };
    directory.extend_from_slice(b"PK\x05\x06");
    for word in [0, 0, short(entries), short(entries)] {
        directory.extend_from_slice(&word.to_le_bytes());
    }
    for word in [long(bytes), long(begin)] {
        directory.extend_from_slice(&word.to_le_bytes());
    }
    directory.extend_from_slice(&0u16.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// Writes a zip behind so many bytes of nothing, and reads it back by its own rules.
    fn check(behind: u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.seek(SeekFrom::Start(behind)).unwrap();
        let mut zip = Zip::new(file.try_clone().unwrap()).unwrap();
        zip.begin("a/one.txt").unwrap();
        zip.append(b"some ").unwrap();
        zip.append(b"text").unwrap();
        zip.begin("two").unwrap();
        assert_eq!(zip.entries().unwrap()[0].bytes, 9);
        zip.finish().unwrap();

        let length = file.metadata().unwrap().len();
        let tail = 400.min(length - behind);
        file.seek(SeekFrom::Start(length - tail)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let place = |mark: &[u8]| bytes.windows(4).position(|it| it == mark);
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let long = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let eocd = place(b"PK\x05\x06").unwrap();
        assert_eq!(eocd + 22, bytes.len());
        let is_far = behind > u64::from(u32::MAX);
        let far = place(b"PK\x06\x06");
        assert_eq!(far.is_some(), is_far);
        let begin = match far {
            None => {
                assert_eq!(short(eocd + 10), 2);
                u64::from(long(eocd + 16))
            }
            Some(far) => {
                let locator = place(b"PK\x06\x07").unwrap();
                let at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
                assert_eq!(at(locator + 8), length - tail + far as u64);
                assert_eq!(at(far + 32), 2);
                at(far + 48)
            }
        };
        let central = (begin - (length - tail)) as usize;
        assert_eq!(&bytes[central..central + 4], b"PK\x01\x02");
        // CRC-32 of "some text".
        assert_eq!(long(central + 16), 0x4fba_bdba);
        assert_eq!((long(central + 20), long(central + 24)), (9, 9));
        let mut first = [0; 48];
        file.seek(SeekFrom::Start(behind)).unwrap();
        file.read_exact(&mut first).unwrap();
        assert_eq!(&first[..4], b"PK\x03\x04");
        assert_eq!(&first[30..48], b"a/one.txtsome text");
    }

    #[test]
    fn entries_are_found_again() {
        check(0);
    }

    #[test]
    fn entries_behind_four_gibibytes_are_found_again() {
        check(5 << 30);
    }
}
