//! WARC files, ours and others': any bytes are read to their end, and nothing is allocated for what is only claimed.
#![no_main]

use std::{fs, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

static DIR: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("a directory for temporary files"));

// The first byte says as what the rest is read.
fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    match kind % 3 {
        0 => {
            let file = DIR.path().join("theirs");
            fs::write(&file, bytes).expect("room for a file");
            dragline_storage::fuzzing::theirs(&file);
        }
        1 => dragline_storage::fuzzing::ours(DIR.path(), bytes),
        _ => dragline_storage::fuzzing::record(bytes),
    }
});
