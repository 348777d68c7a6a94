//! The frontier's files.
//!
//! Owns what is said of them: each can be thrown away, so that damage costs time and nothing else. Reads them as their
//! owners do, and writes nothing.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::Path,
};

use crate::{
    StoreError,
    frontier::tails::{self, ChunkId},
    fsck::{Checkup, Finding, Severity},
    home::Home,
    schema::frontier::{
        CHECKPOINT_HEADER_BYTES, CHECKPOINT_MAGIC, CheckpointHeader, FILE_HEADER_BYTES, FRAME_HEADER_BYTES,
        FileHeader, FrameHeader, KNOWN_MAGIC,
    },
};

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 << 10;

/// What a killed process leaves: no damage.
const TORN: &str = "its end was not written whole";

/// Reads every file of the frontier's directory.
pub(super) fn check(home: &Home, checkup: &mut Checkup) -> Result<(), StoreError> {
    let dir = home.frontier();
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io("list", &dir)(error)),
    };
    for entry in entries {
        let path = entry.map_err(StoreError::io("list", &dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let looked = match &*name {
            "known" => known(&path, home),
            "checkpoint" => checkpoint(&path, home),
            other => match other.strip_prefix("tail-").and_then(|number| number.parse().ok()) {
                Some(number) => tail(&path, home, number),
                None => continue,
            },
        };
        let (severity, what) = match looked {
            Ok(None) => continue,
            Ok(Some(what)) if what == TORN => (Severity::Note, what),
            Ok(Some(what)) => (Severity::Derived, what),
            Err(error) => (Severity::Derived, error.to_string()),
        };
        checkup.add(Finding::new(severity, path, what).means(
            "the next crawl reads records instead, which takes longer; nothing is lost",
            "nothing needs to be done; `dragline rebuild` removes it",
        ));
    }
    Ok(())
}

/// What is wrong with the known log.
fn known(path: &Path, home: &Home) -> io::Result<Option<String>> {
    let bytes = fs::metadata(path)?.len();
    let mut file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let mut header = [0; FILE_HEADER_BYTES];
    if bytes == 0 {
        return Ok(None);
    }
    if bytes < header.len() as u64 {
        return Ok(Some("its head is cut".to_owned()));
    }
    file.read_exact(&mut header)?;
    if !FileHeader::decode(&header).is_some_and(|it| it.magic == KNOWN_MAGIC && it.mark == home.mark) {
        return Ok(Some("its head is damaged, or another store's".to_owned()));
    }
    let (mut at, mut seq) = (header.len() as u64, 0);
    while at < bytes {
        let mut frame = [0; FRAME_HEADER_BYTES];
        let whole = at + frame.len() as u64 <= bytes;
        if whole {
            file.read_exact(&mut frame)?;
        }
        let frame = FrameHeader::decode(&frame, &header).filter(|it| it.from == seq);
        let fits = |it: &FrameHeader| at + FRAME_HEADER_BYTES as u64 + it.body_bytes() <= bytes;
        if !whole || frame.as_ref().is_some_and(|it| !fits(it)) {
            return Ok(Some(TORN.to_owned()));
        }
        let sound = match &frame {
            Some(frame) => checksum(&mut file, frame.body_bytes())? == frame.body,
            None => false,
        };
        let Some(frame) = frame.filter(|_| sound) else {
            return Ok(Some(format!("from byte {at} of {bytes} on it is damaged")));
        };
        at += FRAME_HEADER_BYTES as u64 + frame.body_bytes();
        seq = frame.reached.anchor.seq;
    }
    Ok(None)
}

/// What is wrong with the checkpoint.
fn checkpoint(path: &Path, home: &Home) -> io::Result<Option<String>> {
    let bytes = fs::metadata(path)?.len();
    let mut file = BufReader::with_capacity(READ_BYTES, File::open(path)?);
    let (mut header, mut own) = ([0; FILE_HEADER_BYTES], [0; CHECKPOINT_HEADER_BYTES]);
    if bytes < (header.len() + own.len()) as u64 {
        return Ok(Some("it is cut".to_owned()));
    }
    file.read_exact(&mut header)?;
    file.read_exact(&mut own)?;
    let is_ours =
        FileHeader::decode(&header).is_some_and(|it| it.magic == CHECKPOINT_MAGIC && it.mark == home.mark);
    let sound = match CheckpointHeader::decode(&own, &header).filter(|_| is_ours) {
        Some(it) if it.bytes == bytes - (header.len() + own.len()) as u64 => {
            checksum(&mut file, it.bytes)? == it.body
        }
        _ => false,
    };
    Ok((!sound).then(|| "it is damaged, or another store's".to_owned()))
}

/// What is wrong with a file of tails. Its last chunk may be half written: a killed process leaves that.
fn tail(path: &Path, home: &Home, number: u32) -> io::Result<Option<String>> {
    let bytes = fs::metadata(path)?.len();
    let mut at: u64 = 0;
    while at < bytes.min(u32::MAX.into()) {
        let chunk = tails::read_chunk(path, at as u32);
        let (sum, chunk) = match chunk {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(TORN.to_owned())),
            Err(error) => return Err(error),
        };
        if sum != tails::checksum(home.mark, ChunkId::new(number, at as u32), &chunk) {
            return Ok(Some(format!("the chunk at byte {at} is damaged")));
        }
        at += tails::CHUNK_HEADER_BYTES as u64 + chunk.len() as u64;
    }
    Ok(None)
}

fn checksum(file: &mut impl io::Read, bytes: u64) -> io::Result<u32> {
    let mut crc = libdeflater::Crc::new();
    let mut buffer = vec![0; READ_BYTES];
    let mut left = bytes;
    while left > 0 {
        let some = left.min(READ_BYTES as u64) as usize;
        file.read_exact(&mut buffer[..some])?;
        crc.update(&buffer[..some]);
        left -= some as u64;
    }
    Ok(crc.sum())
}
