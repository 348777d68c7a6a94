//! Lines in order, however many there are.
//!
//! Owns the runs that are sorted in memory, and their merging. Runs are files without a name: nothing of them is left,
//! whatever ends the process.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{BufRead, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
};

use crate::{ExportError, place::Folder};

/// Bytes of lines that are sorted in memory; as much again is taken by what sorts them.
const RUN_BYTES: usize = 32 << 20;

/// See the module's documentation. A line is given without its end.
pub(crate) struct Sorted {
    run_bytes: usize,
    lines: Vec<Vec<u8>>,
    bytes: usize,
    runs: Vec<File>,
}

impl Sorted {
    pub(crate) fn new() -> Self {
        Self { run_bytes: RUN_BYTES, lines: Vec::new(), bytes: 0, runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, folder: &Folder, line: Vec<u8>) -> Result<(), ExportError> {
        self.bytes += line.len() + size_of::<Vec<u8>>();
        self.lines.push(line);
        if self.bytes >= self.run_bytes { self.spill(folder) } else { Ok(()) }
    }

    fn spill(&mut self, folder: &Folder) -> Result<(), ExportError> {
        self.lines.sort_unstable();
        let mut out = BufWriter::new(nameless(folder)?);
        let written = self.lines.drain(..).try_for_each(|line| {
            out.write_all(&line)?;
            out.write_all(b"\n")
        });
        let failed = || ExportError::io("write a sorted run in", folder.path());
        written.map_err(failed())?;
        let mut file = out.into_inner().map_err(|error| failed()(error.into_error()))?;
        file.seek(SeekFrom::Start(0)).map_err(failed())?;
        self.runs.push(file);
        self.bytes = 0;
        Ok(())
    }

    /// Hands out all lines in order.
    pub(crate) fn each(
        mut self,
        folder: &Folder,
        mut each: impl FnMut(&[u8]) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        if self.runs.is_empty() {
            self.lines.sort_unstable();
            return self.lines.iter().try_for_each(|line| each(line));
        }
        self.spill(folder)?;
        let mut runs: Vec<BufReader<File>> = self.runs.drain(..).map(BufReader::new).collect();
        let count = runs.len();
        let mut next = |run: usize| -> Result<Option<Vec<u8>>, ExportError> {
            let mut line = Vec::new();
            let read = runs[run].read_until(b'\n', &mut line);
            read.map_err(ExportError::io("read a sorted run in", folder.path()))?;
            Ok((line.pop() == Some(b'\n')).then_some(line))
        };
        let mut ahead = BinaryHeap::new();
        for run in 0..count {
            ahead.extend(next(run)?.map(|line| Reverse((line, run))));
        }
        while let Some(Reverse((line, run))) = ahead.pop() {
            each(&line)?;
            ahead.extend(next(run)?.map(|line| Reverse((line, run))));
        }
        Ok(())
    }
}

/// A file that is gone once it is closed.
pub(crate) fn nameless(folder: &Folder) -> Result<File, ExportError> {
    let name = format!(".dragline-export-{}", std::process::id());
    folder.remove(&name)?;
    let file = folder.create(&name)?;
    folder.remove(&name)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_runs_make_one_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for run_bytes in [1, 200, 1 << 20] {
            let mut sorted = Sorted { run_bytes, ..Sorted::new() };
            for n in 0..300_u32 {
                // A permutation.
                sorted.push(&folder, format!("line {:05}", n * 7919 % 300).into_bytes()).unwrap();
            }
            let mut lines = Vec::new();
            let each = |line: &[u8]| {
                lines.push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            };
            sorted.each(&folder, each).unwrap();
            let want: Vec<String> = (0..300).map(|n| format!("line {n:05}")).collect();
            assert_eq!(lines, want, "{run_bytes}");
        }
        assert!(folder.list().unwrap().is_empty());
    }
}
