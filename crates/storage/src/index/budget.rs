//! What sled may cache, so that the index takes no more memory than it was given.
//!
//! Owns the three figures by which sled takes more than its cache: measured by `benches/million.rs`, where they can be
//! measured again.

use std::{fs, path::Path};

/// Of the index's size on the disk, the part that is in memory whatever is cached: where each page of it stands.
const FIXED_PART: u64 = 32;
/// What pages take that sled has not yet come round to forgetting: see [`super::tree`].
const LINGERING: u64 = 6 << 20;
/// What a cached byte takes in memory, in percent: allocations have headers, but sled counts a page as the next power
/// of two.
const CACHED_PERCENT: u64 = 110;
/// Less would be read again for each key.
const CACHE_MIN: u64 = 2 << 20;

/// The cache that leaves room for the rest.
pub(super) fn cache_bytes(index_memory: u64, dir: &Path) -> u64 {
    let fixed = disk_bytes(dir) / FIXED_PART + LINGERING;
    (index_memory.saturating_sub(fixed) * 100 / CACHED_PERCENT).max(CACHE_MIN)
}

/// Bytes of the files in a folder; 0 for what cannot be read, which is told by whoever opens it.
fn disk_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let length = |entry: fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => disk_bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.flatten().map(length).sum()
}
