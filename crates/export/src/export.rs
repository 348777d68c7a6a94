//! An export, from its beginning or from where it was left.
//!
//! Owns the one pass over the records, and the moments at which an account of it is written. Whatever kills the process,
//! the same export goes on where the account says, and ends with the same rows: nothing twice, nothing lost.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::SystemTime,
};

use dragline_storage::{Query, Record, Store};
use serde_json::json;

use crate::{
    ExportError, Format, Partition, Passed, Shape,
    cell::{Cell, Column},
    csv,
    groups::{self, Group, Payloads},
    hold::Hold,
    index, jsonl,
    parts::{Head, Layout, Mark, PARTIAL, Parts, Rows},
    place::Folder,
    source::Source,
    state::{self, State},
    wacz,
};

/// How often an account is written: what a kill makes the next run do again, at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every {
    /// Bytes written between two of them.
    pub bytes: u64,
    /// Records read between two of them.
    pub records: u64,
}

impl Default for Every {
    fn default() -> Self {
        Self { bytes: 8 << 20, records: 20_000 }
    }
}

/// What is exported, how, and whereto.
pub struct Export {
    /// Where the records are.
    pub store: Store,
    /// Which.
    pub query: Query,
    /// That query in words that are the same for the same query: an export that was begun goes on only with these.
    pub query_words: String,
    /// Records of it at most.
    pub limit: u64,
    /// The format.
    pub format: Format,
    /// Of formats that have rows, what a row is.
    pub shape: Shape,
    /// How CSV is written.
    pub csv: csv::Style,
    /// A file, or a folder where there is more than one: where one of the next three is said, or it is a folder already
    /// or ends in a slash.
    pub out: PathBuf,
    /// Folders.
    pub partition: Partition,
    /// A file is finished once it has so many rows.
    pub rows_per_file: Option<u64>,
    /// The same of bytes.
    pub bytes_per_file: Option<u64>,
    /// How often an account is written.
    pub every: Every,
    /// Passes over records that are not to be exported although the query gives them.
    pub wants: Box<dyn Fn(&Record) -> bool>,
    /// Made for each page that rows are selected from: says when its time is up.
    pub deadline: Box<dyn Fn() -> Box<dyn Fn() -> bool>>,
}

/// What an export has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Records read, those of earlier runs included.
    pub records: u64,
    /// Rows written, or records copied, by this run.
    pub rows: u64,
    /// Records that had nothing of what is selected.
    pub nothing: u64,
    /// Records that could not be read.
    pub failed: u64,
    /// Files finished.
    pub files: u64,
    /// It goes on where an earlier run stopped.
    pub resumed: bool,
    /// There was nothing left to do.
    pub was_whole: bool,
    /// It was stopped before its end.
    pub stopped: bool,
}

/// What whoever watches an export is told.
#[derive(Debug)]
pub enum Event<'a> {
    /// How far it is.
    Progress(&'a Progress),
    /// A record could not be read, for this reason; the export goes on.
    Failed(&'a Record, &'a str),
}

/// Watches an export; where it breaks, the export stops in order and can be gone on with.
pub type Watch<'a> = dyn FnMut(Event<'_>) -> ControlFlow<()> + 'a;

/// A file of its own in a folder: a gibibyte is what WARC 1.1 (annex C) advises, and what other readers like too.
const BYTES_PER_FILE: u64 = 1 << 30;

impl Export {
    /// Runs it to its end, or until `watch` breaks.
    ///
    /// # Errors
    ///
    /// Where what is there belongs to another export, the disk refuses, or the store cannot be read. What was written
    /// stays, and the same export goes on with it.
    pub fn run(&self, watch: &mut Watch<'_>) -> Result<Progress, ExportError> {
        self.check()?;
        match self.format {
            Format::Wacz => wacz::write(self, watch),
            Format::Cdxj => index::write(self, watch),
            _ => self.parts(watch),
        }
    }

    fn check(&self) -> Result<(), ExportError> {
        let unfit = |what: &str| Err(ExportError::Unfit(what.to_owned()));
        if !self.format.has_rows() && !matches!(self.shape, Shape::Records(crate::Body::None)) {
            return unfit(
                "rows are selected for jsonl, csv and parquet; a WARC has what was received, whole",
            );
        }
        if matches!(self.format, Format::Wacz | Format::Cdxj) && self.is_divided() {
            return unfit(
                "a wacz, and an index of the archive, is one file; leave --partition and the lengths out",
            );
        }
        if cfg!(not(feature = "parquet")) && self.format == Format::Parquet {
            return unfit("this program was built without Parquet; build it with the feature `parquet`");
        }
        Ok(())
    }

    fn is_divided(&self) -> bool {
        self.partition != Partition::None || self.rows_per_file.is_some() || self.bytes_per_file.is_some()
    }

    /// What an account says this export is.
    pub(crate) fn words(&self) -> String {
        let columns: Vec<String> = self.shape.columns().into_iter().map(|column| column.name).collect();
        json!({
            "query": self.query_words,
            "format": self.format.to_string(),
            "columns": if self.format.has_rows() { columns } else { Vec::new() },
            "select": self.shape.words(),
            "partition": self.partition.to_string(),
            "rows_per_file": self.rows_per_file,
            "bytes_per_file": self.bytes_per_file,
            "csv_raw": self.csv.raw,
            "limit": self.limit,
            "store": self.store.mark(),
        })
        .to_string()
    }

    /// The open folder, the layout in it, and the account's name.
    fn place(&self) -> Result<(Folder, Layout, String), ExportError> {
        let is_folder =
            self.is_divided() || self.out.is_dir() || self.out.as_os_str().as_encoded_bytes().ends_with(b"/");
        if is_folder {
            let root = Folder::open_or_make(&self.out)?;
            let layout = Layout::Folder {
                rows_per_file: self.rows_per_file.unwrap_or(u64::MAX),
                bytes_per_file: self.bytes_per_file.unwrap_or(BYTES_PER_FILE),
            };
            return Ok((root, layout, state::NAME.to_owned()));
        }
        let (root, name) = self.file()?;
        let account = format!("{name}{}", state::SUFFIX);
        Ok((root, Layout::File(name), account))
    }

    /// The open folder of the one file, and its name.
    pub(crate) fn file(&self) -> Result<(Folder, String), ExportError> {
        let name = self.out.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| {
            ExportError::Unfit(format!("{} is no name for a file; say one as --out FILE", self.out.display()))
        })?;
        let parent = self.out.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok((Folder::open(parent.unwrap_or(Path::new(".")))?, name.to_owned()))
    }

    fn parts(&self, watch: &mut Watch<'_>) -> Result<Progress, ExportError> {
        let (root, layout, account) = self.place()?;
        let words = self.words();
        let _hold = Hold::take(&root, &account)?;
        let found = State::read(&root, &account)?;
        if let Some(state) = found.as_ref().filter(|state| state.what != words) {
            let path = root.at(&account)?;
            return Err(ExportError::Another { path, theirs: state.what.clone(), ours: words });
        }
        let is_there = match &layout {
            Layout::File(name) => root.has(name)?,
            Layout::Folder { .. } => {
                let lock = Hold::name(&account);
                root.list()?.iter().any(|(name, _)| *name != lock)
            }
        };
        let is_whole = found.as_ref().is_some_and(|state| state.whole);
        match &layout {
            // The account is removed last.
            Layout::File(name) if is_there && is_whole => {
                let partial = format!("{name}{PARTIAL}");
                if root.are_one(name, &partial)? {
                    root.remove(&partial)?;
                }
                root.remove(&account)?;
                return Ok(Progress { was_whole: true, ..Progress::default() });
            }
            Layout::File(name) if is_there => return Err(ExportError::Occupied { path: root.at(name)? }),
            Layout::Folder { .. } if is_whole => {
                return Ok(Progress { was_whole: true, ..Progress::default() });
            }
            Layout::Folder { .. } if is_there && found.is_none() => {
                return Err(ExportError::Occupied { path: root.path().to_owned() });
            }
            _ => {}
        }
        let resumed = found.is_some();
        let cursors = found.as_ref().map(|it| (&*it.cursor, &*it.first));
        let mut source = Source::open(self.query.clone(), cursors)?;
        let state = match found {
            Some(state) => state,
            None => {
                let state = State::new(words, source.cursor());
                state.write(&root, &account)?;
                state
            }
        };
        let mut run = Run::begin(self, root, layout, account, state)?;
        run.progress.resumed = resumed;
        if self.format == Format::Warc && run.state.records > 0 {
            run.recall(&source)?;
        }
        run.read(&mut source, watch)?;
        Ok(run.progress)
    }
}

/// A run of an export.
struct Run<'a> {
    export: &'a Export,
    columns: Vec<Column>,
    parts: Parts,
    account: String,
    state: State,
    payloads: Payloads,
    progress: Progress,
    /// Since the last account.
    bytes: u64,
    records: u64,
    buffer: Vec<u8>,
}

impl<'a> Run<'a> {
    fn begin(
        export: &'a Export,
        root: Folder,
        layout: Layout,
        account: String,
        state: State,
    ) -> Result<Self, ExportError> {
        let parts = Parts::resume(root, layout, export.format, &state)?;
        let [nothing, failed] = state.passed;
        let progress = Progress { records: state.records, nothing, failed, ..Progress::default() };
        Ok(Self {
            export,
            columns: export.shape.columns(),
            parts,
            account,
            state,
            payloads: Payloads::default(),
            progress,
            bytes: 0,
            records: 0,
            buffer: Vec::new(),
        })
    }

    /// Finds again which payloads the files have, from the records that were exported.
    fn recall(&mut self, source: &Source) -> Result<(), ExportError> {
        let first = source.first();
        let mut earlier = Source::open(self.export.query.clone(), Some((&first, &first)))?;
        for _ in 0..self.state.records {
            let Some(record) = earlier.next()? else { break };
            if (self.export.wants)(&record) {
                groups::recall(&self.export.store, &record, &mut self.payloads)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, source: &mut Source, watch: &mut Watch<'_>) -> Result<(), ExportError> {
        loop {
            let before = Mark {
                cursor: source.cursor(),
                records: self.progress.records,
                passed: [self.progress.nothing, self.progress.failed],
            };
            let every = self.export.every;
            if self.bytes >= every.bytes || self.records >= every.records {
                self.write_account(before.clone(), false)?;
            }
            if watch(Event::Progress(&self.progress)).is_break() {
                self.progress.stopped = true;
                return self.write_account(before, false);
            }
            let left = before.records < self.export.limit;
            let Some(record) = (if left { source.next()? } else { None }) else {
                return self.end(before);
            };
            self.progress.records += 1;
            self.records += 1;
            if (self.export.wants)(&record)
                && let Some(why) = self.record(&record, &before)?
                && watch(Event::Failed(&record, &why)).is_break()
            {
                self.progress.stopped = true;
                let passed = [self.progress.nothing, self.progress.failed];
                let now = Mark { cursor: source.cursor(), records: self.progress.records, passed };
                return self.write_account(now, false);
            }
        }
    }

    /// Writes what a record gives; the answer says why it gave nothing, where it could not be read.
    fn record(&mut self, record: &Record, before: &Mark) -> Result<Option<String>, ExportError> {
        let folder = self.export.partition.folder(record);
        let folder = self.parts.folder_for(&folder).into_owned();
        if self.parts.has(&folder, self.progress.records) {
            return Ok(None);
        }
        let failed = match self.export.format {
            Format::Warc => self.group(record, &folder, before)?,
            _ => self.rows(record, &folder, before)?,
        };
        self.parts.roll(&folder, self.progress.records)?;
        Ok(failed)
    }

    fn rows(&mut self, record: &Record, folder: &str, before: &Mark) -> Result<Option<String>, ExportError> {
        let export = self.export;
        let is_late = (export.deadline)();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        let passed = export.shape.rows(&export.store, record, &*is_late, |row| rows.push(row))?;
        if export.format == Format::Parquet {
            for row in &rows {
                self.bytes += row.iter().map(Cell::weight).sum::<usize>() as u64;
                self.append(folder, Rows::Cells(row), before)?;
            }
        } else if !rows.is_empty() {
            let mut spelled = std::mem::take(&mut self.buffer);
            spelled.clear();
            for row in &rows {
                match export.format {
                    Format::Csv => csv::append(&mut spelled, row, export.csv),
                    _ => jsonl::append(&mut spelled, &self.columns, row),
                }
            }
            self.bytes += spelled.len() as u64;
            self.append(folder, Rows::Spelled(&spelled, rows.len() as u64), before)?;
            self.buffer = spelled;
        }
        self.progress.rows += rows.len() as u64;
        Ok(match passed {
            None => None,
            Some(Passed::Nothing) => {
                self.progress.nothing += 1;
                None
            }
            Some(Passed::Failed(why)) => {
                self.progress.failed += 1;
                Some(why)
            }
        })
    }

    fn group(&mut self, record: &Record, folder: &str, before: &Mark) -> Result<Option<String>, ExportError> {
        // Folders may go different ways: each has to have all that it refers to.
        let mut none = Payloads::default();
        let payloads = match self.export.partition {
            Partition::None => &mut self.payloads,
            _ => &mut none,
        };
        match groups::of(&self.export.store, record, payloads)? {
            Group::Members(members) => {
                self.bytes += members.bytes.len() as u64;
                self.append(folder, Rows::Spelled(&members.bytes, 1), before)?;
                self.progress.rows += 1;
                Ok(None)
            }
            Group::Lost(why) => {
                self.progress.failed += 1;
                Ok(Some(why))
            }
        }
    }

    fn append(&mut self, folder: &str, rows: Rows<'_>, before: &Mark) -> Result<(), ExportError> {
        let (export, columns, about) = (self.export, &self.columns, &self.state.what);
        let first = |name: &str| match export.format {
            Format::Csv => {
                let mut names = Vec::new();
                csv::append_names(&mut names, columns, export.csv);
                names
            }
            Format::Warc => export.store.warcinfo(name, SystemTime::now().into(), about),
            _ => Vec::new(),
        };
        self.parts.append(folder, rows, &Head { columns, about, first: &first }, before)
    }

    fn write_account(&mut self, now: Mark, whole: bool) -> Result<(), ExportError> {
        self.parts.flush()?;
        let (from, folders) = self.parts.account(now);
        self.state.folders = folders.collect();
        (self.state.cursor, self.state.records, self.state.passed) = (from.cursor, from.records, from.passed);
        self.state.whole = whole;
        (self.bytes, self.records) = (0, 0);
        self.state.write(&self.parts.root, &self.account)
    }

    fn end(&mut self, now: Mark) -> Result<(), ExportError> {
        let records = now.records;
        if matches!(self.parts.layout, Layout::File(_)) {
            // An export of nothing is a file, too.
            if self.parts.is_empty() {
                self.append("", Rows::Spelled(&[], 0), &now)?;
            }
            self.write_account(now, true)?;
            self.parts.finish_all(records)?;
            self.parts.root.remove(&self.account)?;
        } else {
            self.parts.finish_all(records)?;
            self.write_account(now, true)?;
        }
        self.progress.files = self.parts.files();
        Ok(())
    }
}
