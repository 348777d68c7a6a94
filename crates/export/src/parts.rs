//! The files of an export: which is being written in which folder, and when the next begins.
//!
//! Owns their life: made as `….partial`, written, brought to the disk, renamed; and the bounds on how many are open and
//! what they hold in memory. A file that has its name is whole.

use std::collections::HashMap;

use crate::{
    ExportError, Format,
    cell::{Cell, Column},
    lines::Lines,
    names,
    place::Folder,
    state::{Progress, State},
};

#[cfg(feature = "parquet")]
use crate::parquet::{Parquet, wrong};

/// Files of lines open at a time.
const OPEN_MAX: usize = 128;
#[cfg(feature = "parquet")]
/// Parquet files that are being written at a time: each is finished before another begins past this.
const UNFINISHED_MAX: usize = 64;
/// Bytes of lines that wait to be written, in all files.
const GATHERED_MAX: usize = 16 << 20;
/// Bytes of rows that wait for their row group, in all files.
#[cfg(feature = "parquet")]
const WEIGHT_MAX: usize = 96 << 20;
/// Folders that records are divided into: servers invent types, and anybody can have a million hosts.
pub(crate) const FOLDERS_MAX: usize = 10_000;
/// Where the rest of them go.
const OTHERS: &str = "__OTHERS__";

pub(crate) const PARTIAL: &str = ".partial";

/// Where the files are, and how long they get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One file, of this name.
    File(String),
    /// `part-00000.…` and so on, perhaps in folders.
    Folder { rows_per_file: u64, bytes_per_file: u64 },
}

/// How far the records were read when a file was begun.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mark {
    pub(crate) cursor: String,
    pub(crate) records: u64,
    pub(crate) passed: [u64; 2],
}

/// See the module's documentation.
pub(crate) struct Parts {
    pub(crate) root: Folder,
    pub(crate) layout: Layout,
    pub(crate) format: Format,
    pub(crate) folders: HashMap<String, Place>,
    /// Counts appends: who was used last.
    uses: u64,
    /// Bytes of lines that wait to be written.
    gathered: usize,
    /// Files of lines that are open.
    open: usize,
    /// Bytes of rows that wait for their row group.
    #[cfg(feature = "parquet")]
    weight: usize,
}

/// A folder and its files.
pub(crate) struct Place {
    folder: Option<Folder>,
    pub(crate) progress: Progress,
    pub(crate) open: Option<Part>,
}

/// A file that is being written.
pub(crate) struct Part {
    sheet: Sheet,
    rows: u64,
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "lines are gone on with where they are"))]
    since: Mark,
    used: u64,
}

enum Sheet {
    Lines(Lines),
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
}

/// What a row is for a file.
pub(crate) enum Rows<'a> {
    /// So many rows, spelled.
    Spelled(&'a [u8], u64),
    /// One.
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "Parquet alone takes cells"))]
    Cells(&'a [Cell]),
}

/// How a file begins.
pub(crate) struct Head<'a> {
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "Parquet alone is told"))]
    pub(crate) columns: &'a [Column],
    #[cfg_attr(not(feature = "parquet"), allow(dead_code, reason = "Parquet alone is told"))]
    pub(crate) about: &'a str,
    /// The first bytes of a file of lines, by its name.
    pub(crate) first: &'a dyn Fn(&str) -> Vec<u8>,
}

impl Parts {
    /// The files as an account has them; what was written behind it is taken away.
    pub(crate) fn resume(
        root: Folder,
        layout: Layout,
        format: Format,
        state: &State,
    ) -> Result<Self, ExportError> {
        let mut parts = Self {
            root,
            layout,
            format,
            folders: HashMap::new(),
            uses: 0,
            gathered: 0,
            open: 0,
            #[cfg(feature = "parquet")]
            weight: 0,
        };
        for (name, progress) in &state.folders {
            let place = Place { folder: parts.below(name)?, progress: *progress, open: None };
            parts.folders.insert(name.clone(), place);
        }
        if let Layout::Folder { .. } = parts.layout {
            parts.tidy()?;
        } else if state.folders.get("").is_none_or(|it| it.open.is_none()) {
            let partial = parts.partial(0);
            parts.root.remove(&partial)?;
        }
        let mark = Mark { cursor: state.cursor.clone(), records: state.records, passed: state.passed };
        let names: Vec<String> = parts.folders.keys().cloned().collect();
        for name in names {
            parts.reopen(&name, &mark)?;
        }
        Ok(parts)
    }

    /// Removes files that the account does not know.
    fn tidy(&mut self) -> Result<(), ExportError> {
        let extension = self.format.extension();
        let mut names = vec![String::new()];
        let is_ours =
            |name: &str| ["host=", "day=", "status=", "type="].iter().any(|key| name.starts_with(key));
        names.extend(
            self.root.list()?.into_iter().filter(|(name, folder)| *folder && is_ours(name)).map(|it| it.0),
        );
        for name in names {
            let below = self.below(&name)?;
            let folder = below.as_ref().unwrap_or(&self.root);
            let progress = self.folders.get(&name).map(|place| place.progress).unwrap_or_default();
            for (file, is_folder) in folder.list()? {
                let whole = names::part_number(&file, extension);
                let begun = file.strip_suffix(PARTIAL).and_then(|it| names::part_number(it, extension));
                let is_next = |number: u32| progress.open.is_some() && number == progress.files;
                let is_known = match (whole, begun) {
                    _ if is_folder => true,
                    // One that was finished behind the account goes on from where it was then.
                    (Some(number), _) if is_next(number) => {
                        let partial = format!("{file}{PARTIAL}");
                        // A kill between a link and the removal of the old name leaves both, and a rename between two
                        // names of one file does nothing.
                        if folder.are_one(&file, &partial)? {
                            folder.remove(&partial)?;
                        }
                        folder.rename(&file, &partial)?;
                        true
                    }
                    (Some(number), _) => number < progress.files,
                    (None, Some(number)) => is_next(number),
                    (None, None) => true,
                };
                if !is_known {
                    folder.remove(&file)?;
                }
            }
        }
        Ok(())
    }

    fn reopen(&mut self, name: &str, mark: &Mark) -> Result<(), ExportError> {
        let Some(place) = self.folders.get(name) else { return Ok(()) };
        let Some((bytes, rows)) = place.progress.open else { return Ok(()) };
        let partial = self.partial(place.progress.files);
        let mut lines = Lines::resume(place.folder.as_ref().unwrap_or(&self.root), partial, bytes)?;
        // There may be more of them than files that may be open.
        lines.rest(place.folder.as_ref().unwrap_or(&self.root))?;
        if let Some(place) = self.folders.get_mut(name) {
            place.open = Some(Part { sheet: Sheet::Lines(lines), rows, since: mark.clone(), used: 0 });
        }
        Ok(())
    }

    fn below(&self, name: &str) -> Result<Option<Folder>, ExportError> {
        if name.is_empty() { Ok(None) } else { self.root.folder(name).map(Some) }
    }

    fn name(&self, number: u32) -> String {
        match &self.layout {
            Layout::File(name) => name.clone(),
            Layout::Folder { .. } => names::part(number, self.format.extension()),
        }
    }

    fn partial(&self, number: u32) -> String {
        format!("{}{PARTIAL}", self.name(number))
    }

    /// The folder that is taken for a name: another, once there are too many.
    pub(crate) fn folder_for<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str> {
        if self.folders.len() < FOLDERS_MAX || self.folders.contains_key(name) {
            return name.into();
        }
        let key = name.split_once('=').map_or("", |(key, _)| key);
        format!("{key}={OTHERS}").into()
    }

    /// Whether what the n-th record gives is in a whole file of that folder already.
    pub(crate) fn has(&self, folder: &str, record: u64) -> bool {
        self.folders.get(folder).is_some_and(|place| record <= place.progress.records)
    }

    /// Appends rows to the file that is being written in a folder; `since` is how far the records were read before
    /// theirs.
    pub(crate) fn append(
        &mut self,
        name: &str,
        rows: Rows<'_>,
        head: &Head<'_>,
        since: &Mark,
    ) -> Result<(), ExportError> {
        if !self.folders.contains_key(name) {
            let folder = self.below(name)?;
            self.folders.insert(name.to_owned(), Place { folder, progress: Progress::default(), open: None });
        }
        if self.folders.get(name).is_some_and(|place| place.open.is_none()) {
            self.make_room(since.records)?;
            self.begin(name, head, since)?;
        }
        self.uses += 1;
        let Some(place) = self.folders.get_mut(name) else { return Ok(()) };
        let folder = place.folder.as_ref().unwrap_or(&self.root);
        let Some(part) = &mut place.open else { return Ok(()) };
        part.used = self.uses;
        match (&mut part.sheet, rows) {
            (Sheet::Lines(lines), Rows::Spelled(bytes, rows)) => {
                let before = lines.gathered();
                let was_resting = lines.is_resting();
                lines.append(folder, bytes)?;
                part.rows += rows;
                self.gathered = (self.gathered + lines.gathered()).saturating_sub(before);
                if was_resting && !lines.is_resting() {
                    self.open += 1;
                    self.rest_some()?;
                }
                if self.gathered > GATHERED_MAX {
                    self.flush()?;
                }
            }
            #[cfg(feature = "parquet")]
            (Sheet::Parquet(parquet), Rows::Cells(cells)) => {
                let before = parquet.weight();
                parquet.row(cells).map_err(wrong(folder.path().to_owned()))?;
                part.rows += 1;
                self.weight = (self.weight + parquet.weight()).saturating_sub(before);
                if self.weight > WEIGHT_MAX {
                    self.shed()?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, name: &str, head: &Head<'_>, since: &Mark) -> Result<(), ExportError> {
        let Some(place) = self.folders.get(name) else { return Ok(()) };
        let folder = place.folder.as_ref().unwrap_or(&self.root);
        let number = place.progress.files;
        let (whole, partial) = (self.name(number), self.partial(number));
        let sheet = match self.format {
            #[cfg(feature = "parquet")]
            Format::Parquet => {
                Sheet::Parquet(Box::new(Parquet::create(folder, &partial, head.columns, head.about)?))
            }
            _ => {
                let mut lines = Lines::create(folder, partial)?;
                lines.append(folder, &(head.first)(&whole))?;
                self.gathered += lines.gathered();
                self.open += 1;
                Sheet::Lines(lines)
            }
        };
        let part = Part { sheet, rows: 0, since: since.clone(), used: self.uses };
        if let Some(place) = self.folders.get_mut(name) {
            place.open = Some(part);
        }
        self.rest_some()
    }

    /// A record's rows are all written: the file is finished if it is long enough. `records` is how far they are read.
    pub(crate) fn roll(&mut self, name: &str, records: u64) -> Result<(), ExportError> {
        let Layout::Folder { rows_per_file, bytes_per_file } = self.layout else { return Ok(()) };
        let Some(part) = self.folders.get(name).and_then(|place| place.open.as_ref()) else { return Ok(()) };
        let bytes = match &part.sheet {
            Sheet::Lines(lines) => lines.bytes(),
            #[cfg(feature = "parquet")]
            Sheet::Parquet(parquet) => parquet.bytes(),
        };
        if part.rows >= rows_per_file || bytes >= bytes_per_file {
            self.finish(name, records)
        } else {
            Ok(())
        }
    }

    /// Finishes the file that is being written in a folder.
    pub(crate) fn finish(&mut self, name: &str, records: u64) -> Result<(), ExportError> {
        let Some(place) = self.folders.get_mut(name) else { return Ok(()) };
        let Some(part) = place.open.take() else { return Ok(()) };
        let number = place.progress.files;
        place.progress = Progress { files: number + 1, records, open: None };
        let folder = place.folder.as_ref();
        match part.sheet {
            Sheet::Lines(mut lines) => {
                self.gathered = self.gathered.saturating_sub(lines.gathered());
                self.open -= usize::from(!lines.is_resting());
                lines.finish(folder.unwrap_or(&self.root))?;
            }
            #[cfg(feature = "parquet")]
            Sheet::Parquet(parquet) => {
                self.weight = self.weight.saturating_sub(parquet.weight());
                parquet.finish().map_err(wrong(folder.unwrap_or(&self.root).path().to_owned()))?;
            }
        }
        let folder = self.folders.get(name).and_then(|place| place.folder.as_ref()).unwrap_or(&self.root);
        folder.rename_new(&self.partial(number), &self.name(number))?;
        folder.sync()
    }

    /// Finishes all of them.
    pub(crate) fn finish_all(&mut self, records: u64) -> Result<(), ExportError> {
        let mut names: Vec<String> = self.folders.keys().cloned().collect();
        names.sort();
        names.iter().try_for_each(|name| self.finish(name, records))
    }

    /// No file was begun.
    pub(crate) fn is_empty(&self) -> bool {
        self.folders.is_empty()
    }

    /// Files that are whole.
    pub(crate) fn files(&self) -> u64 {
        self.folders.values().map(|place| u64::from(place.progress.files)).sum()
    }

    /// Writes what is gathered, so that the files are as they are told by [`Parts::account`].
    pub(crate) fn flush(&mut self) -> Result<(), ExportError> {
        for place in self.folders.values_mut() {
            if let Some(Part { sheet: Sheet::Lines(lines), .. }) = &mut place.open {
                let was_resting = lines.is_resting();
                lines.flush(place.folder.as_ref().unwrap_or(&self.root))?;
                if was_resting && !lines.is_resting() {
                    lines.rest(place.folder.as_ref().unwrap_or(&self.root))?;
                }
            }
        }
        self.gathered = 0;
        Ok(())
    }

    /// What an account has to say of the files, and from where the records are to be read again: from here, or from
    /// where the oldest file began that cannot be gone on with.
    pub(crate) fn account(&self, now: Mark) -> (Mark, impl Iterator<Item = (String, Progress)>) {
        #[cfg(feature = "parquet")]
        let now = self.folders.values().fold(now, |from, place| match &place.open {
            Some(Part { sheet: Sheet::Parquet(_), since, .. }) if since.records < from.records => {
                since.clone()
            }
            _ => from,
        });
        let folders = self.folders.iter().map(|(name, place)| {
            let open = match &place.open {
                Some(Part { sheet: Sheet::Lines(lines), rows, .. }) => Some((lines.bytes(), *rows)),
                _ => None,
            };
            (name.clone(), Progress { open, ..place.progress })
        });
        (now, folders)
    }

    /// Closes the file that was not written to for the longest, where too many are open.
    fn rest_some(&mut self) -> Result<(), ExportError> {
        if self.open <= OPEN_MAX {
            return Ok(());
        }
        let open = self.folders.values_mut().filter(|place| {
            matches!(&place.open, Some(Part { sheet: Sheet::Lines(lines), .. }) if !lines.is_resting())
        });
        let oldest = open.min_by_key(|place| place.open.as_ref().map_or(0, |part| part.used));
        if let Some(Place { folder, open: Some(Part { sheet: Sheet::Lines(lines), .. }), .. }) = oldest {
            self.gathered = self.gathered.saturating_sub(lines.gathered());
            lines.rest(folder.as_ref().unwrap_or(&self.root))?;
            self.open -= 1;
        }
        Ok(())
    }

    /// Finishes the Parquet file that was not written to for the longest, where another would be too many.
    fn make_room(
        &mut self,
        #[cfg_attr(not(feature = "parquet"), allow(unused))] records: u64,
    ) -> Result<(), ExportError> {
        #[cfg(feature = "parquet")]
        {
            let begun = |place: &&Place| matches!(&place.open, Some(Part { sheet: Sheet::Parquet(_), .. }));
            if self.folders.values().filter(begun).count() < UNFINISHED_MAX {
                return Ok(());
            }
            let oldest = self.folders.iter().filter(|(_, place)| begun(place));
            let oldest = oldest.min_by_key(|(_, place)| place.open.as_ref().map_or(0, |part| part.used));
            if let Some(name) = oldest.map(|(name, _)| name.clone()) {
                return self.finish(&name, records);
            }
        }
        Ok(())
    }

    /// Writes the largest row group that waits.
    #[cfg(feature = "parquet")]
    fn shed(&mut self) -> Result<(), ExportError> {
        let weight = |place: &Place| match &place.open {
            Some(Part { sheet: Sheet::Parquet(parquet), .. }) => parquet.weight(),
            _ => 0,
        };
        let largest = self.folders.values_mut().max_by_key(|place| weight(place));
        if let Some(Place { open: Some(Part { sheet: Sheet::Parquet(parquet), .. }), folder, .. }) = largest {
            let path = folder.as_ref().unwrap_or(&self.root).path().to_owned();
            self.weight = self.weight.saturating_sub(parquet.weight());
            parquet.spill().map_err(wrong(path))?;
        }
        Ok(())
    }
}
