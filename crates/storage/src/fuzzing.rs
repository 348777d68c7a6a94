//! What is fuzzed and is nobody else's to call: compiled for fuzzing alone.

use std::{fs, path::Path};

use crate::{
    archive::open_path,
    groups::{Groups, Scrutiny},
    gzip,
    import::fuzzing as import,
    schema::{Location, Position},
    warc,
};

/// Reads bytes as a file of others, to its end.
pub fn theirs(file: &Path) {
    import::read(file);
}

/// Walks bytes as a segment of ours, to its end: every byte is a group's, damaged, or torn.
pub fn ours(archive: &Path, bytes: &[u8]) {
    let mark = gzip::mark_of(bytes).unwrap_or_default();
    let path = open_path(archive, 0);
    if fs::write(&path, bytes).is_err() {
        return;
    }
    for scrutiny in [Scrutiny::Frames, Scrutiny::Digests] {
        let Ok(mut groups) = Groups::with_scrutiny(archive, mark, Position::default(), scrutiny) else {
            return;
        };
        let mut end = 0;
        while let Ok(Some(group)) = groups.next() {
            assert!(group.location.start.offset >= end, "groups do not overlap");
            end = groups.reached().offset;
        }
        assert!(groups.reached().offset + groups.torn_bytes == bytes.len() as u64, "every byte is told of");
    }
}

/// Reads bytes as one record, and as a place in the archive.
pub fn record(bytes: &[u8]) {
    let _ = warc::read::record(bytes);
    if let Some((location, rest)) = Location::decode(bytes) {
        let mut again = Vec::new();
        location.encode(&mut again);
        assert!(again.len() + rest.len() <= bytes.len(), "no longer than it was");
    }
}
