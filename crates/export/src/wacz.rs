//! WACZ 1.1.1: WARC files, their index and a list of pages in one zip (<https://specs.webrecorder.net/wacz/1.1.1/>).
//!
//! Owns that file. It is written in one go: one that was stopped is begun anew.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
    time::SystemTime,
};

use dragline_extract::{Document, SelectLimits, Selection};
use dragline_storage::{Record, StoreError};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    Export, ExportError, Progress, cdxj,
    cell::time,
    export::{Event, Watch},
    groups::{self, Group, Payloads},
    hold::Hold,
    jsonl,
    lines::lock,
    place::Folder,
    record::decoded,
    sorted::{Sorted, nameless},
    source::Source,
    state::{self, State},
    zip::Zip,
};

/// A WARC file in it is closed once it has so many bytes (WARC 1.1, annex C).
const WARC_BYTES: u64 = 1 << 30;
/// Lines of the index in one gzip member, of which a reader takes one at a time; as py-wacz has it.
const MEMBER_LINES: usize = 1024;
/// The beginning of a page that is looked at for its title.
const TITLE_BYTES: usize = 64 << 10;

const VERSION: &str = "1.1.1";

pub(crate) fn write(export: &Export, watch: &mut Watch<'_>) -> Result<Progress, ExportError> {
    let (folder, name) = export.file()?;
    let (partial, account) = (format!("{name}.partial"), format!("{name}{}", state::SUFFIX));
    let words = export.words();
    let _hold = Hold::take(&folder, &account)?;
    let found = State::read(&folder, &account)?;
    if let Some(state) = found.as_ref().filter(|state| state.what != words) {
        return Err(ExportError::Another {
            path: folder.at(&account)?,
            theirs: state.what.clone(),
            ours: words,
        });
    }
    if folder.has(&name)? {
        if found.is_some_and(|state| state.whole) {
            if folder.are_one(&name, &partial)? {
                folder.remove(&partial)?;
            }
            folder.remove(&account)?;
            return Ok(Progress { was_whole: true, ..Progress::default() });
        }
        return Err(ExportError::Occupied { path: folder.at(&name)? });
    }
    if found.is_some() {
        // Another process may be at it.
        if let Some(file) = folder.reopen(&partial)? {
            lock(&file, &folder, &partial)?;
        }
        folder.remove(&partial)?;
    }
    let mut source = Source::open(export.query.clone(), None)?;
    let mut state = State::new(words, source.cursor());
    state.write(&folder, &account)?;
    let file = folder.create(&partial)?;
    lock(&file, &folder, &partial)?;
    let path = folder.at(&partial)?;
    let zip = Zip::new(file).map_err(ExportError::io("write", &path))?;
    let pages = Spool::new(&folder)?;
    let title = Selection::parse(["title"]).ok();
    let mut wacz = Wacz { export, folder: &folder, path, zip, pages, title, index: Sorted::new(), warcs: 0 };
    let mut progress = Progress::default();
    if !wacz.read(&mut source, &mut progress, watch)? {
        progress.stopped = true;
        return Ok(progress);
    }
    wacz.finish(&state.what)?;
    state.whole = true;
    state.write(&folder, &account)?;
    folder.rename_new(&partial, &name)?;
    folder.sync()?;
    folder.remove(&account)?;
    progress.files = 1;
    Ok(progress)
}

struct Wacz<'a> {
    export: &'a Export,
    folder: &'a Folder,
    path: PathBuf,
    zip: Zip,
    pages: Spool,
    title: Option<Selection>,
    index: Sorted,
    warcs: u32,
}

impl Wacz<'_> {
    /// Copies all records; false where it was stopped.
    fn read(
        &mut self,
        source: &mut Source,
        progress: &mut Progress,
        watch: &mut Watch<'_>,
    ) -> Result<bool, ExportError> {
        let mut payloads = Payloads::default();
        self.begin_warc()?;
        while progress.records < self.export.limit {
            if watch(Event::Progress(progress)).is_break() {
                return Ok(false);
            }
            let Some(record) = source.next()? else { break };
            progress.records += 1;
            if !(self.export.wants)(&record) {
                continue;
            }
            match groups::of(&self.export.store, &record, &mut payloads)? {
                Group::Members(members) => {
                    self.group(&record, &members)?;
                    progress.rows += 1;
                }
                Group::Lost(why) => {
                    progress.failed += 1;
                    if watch(Event::Failed(&record, &why)).is_break() {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    fn begin_warc(&mut self) -> Result<(), ExportError> {
        let name = self.warc();
        let about = &self.export.query_words;
        let info = self.export.store.warcinfo(&name, SystemTime::now().into(), about);
        let begun = self.zip.begin(&format!("archive/{name}")).and_then(|()| self.zip.append(&info));
        begun.map_err(ExportError::io("write", &self.path))
    }

    fn warc(&self) -> String {
        format!("data-{:05}.warc.gz", self.warcs)
    }

    fn group(&mut self, record: &Record, group: &groups::Members) -> Result<(), ExportError> {
        if self.zip.entry_bytes() > WARC_BYTES {
            self.warcs += 1;
            self.begin_warc()?;
        }
        let warc = self.warc();
        let mut offset = self.zip.entry_bytes();
        for answer in &group.answers {
            let length = answer.bytes as u64;
            let of = answer.of.as_ref().unwrap_or(record);
            let line = cdxj::line(of, answer.is_revisit, &warc, offset, length);
            self.index.push(self.folder, line)?;
            offset += length;
        }
        self.zip.append(&group.bytes).map_err(ExportError::io("write", &self.path))?;
        if record.status == Some(200) && is_page(record) {
            let mut page =
                json!({ "id": record.seq.to_string(), "url": record.url, "ts": time(record.fetched_at) });
            if let Some(title) = self.title(record)? {
                page["title"] = title.into();
            }
            self.pages.line(&page)?;
        }
        Ok(())
    }

    fn title(&self, record: &Record) -> Result<Option<String>, ExportError> {
        let Some(selection) = &self.title else { return Ok(None) };
        let payload = match self.export.store.payload(record) {
            Ok(payload) => payload,
            Err(StoreError::Corrupt { .. } | StoreError::PayloadGone { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Ok(body) = decoded(&payload) else { return Ok(None) };
        let document = Document {
            url: &record.url,
            content_type: payload.body_head.field_str("content-type"),
            body: &body[..body.len().min(TITLE_BYTES)],
        };
        let is_late = (self.export.deadline)();
        let rows = selection.rows(&document, &SelectLimits::default(), &*is_late).unwrap_or_default();
        Ok(rows.first().and_then(|row| row.first()?.as_str()).map(str::to_owned))
    }

    fn finish(mut self, what: &str) -> Result<(), ExportError> {
        let (idx, path) = (self.index()?, self.path.clone());
        let written = (|| {
            self.zip.begin("indexes/index.idx")?;
            self.zip.append(&idx)?;
            self.zip.begin("pages/pages.jsonl")?;
            self.zip.append(br#"{"format":"json-pages-1.0","id":"pages","title":"All Pages"}"#)?;
            self.zip.append(b"\n")?;
            self.pages.copy(&mut self.zip)?;
            let resources: Vec<Value> = self
                .zip
                .entries()?
                .iter()
                .map(|entry| {
                    let name = entry.name.rsplit('/').next().unwrap_or_default();
                    json!({ "name": name, "path": entry.name, "hash": format!("sha256:{}", entry.digest), "bytes": entry.bytes })
                })
                .collect();
            let now = time(SystemTime::now().into());
            let package = json!({
                "profile": "data-package",
                "title": format!("{}", self.export.query_words),
                "description": what,
                "created": format!("{}Z", now.split('.').next().unwrap_or(&now)),
                "wacz_version": VERSION,
                "software": concat!("dragline ", env!("CARGO_PKG_VERSION")),
                "resources": resources,
            });
            let package = serde_json::to_vec_pretty(&package).map_err(io::Error::from)?;
            let digest: String = Sha256::digest(&package).iter().map(|byte| format!("{byte:02x}")).collect();
            self.zip.begin("datapackage.json")?;
            self.zip.append(&package)?;
            let digest = json!({ "path": "datapackage.json", "hash": format!("sha256:{digest}") });
            self.zip.begin("datapackage-digest.json")?;
            self.zip.append(digest.to_string().as_bytes())?;
            self.zip.finish()
        })();
        written.map_err(ExportError::io("write", path))
    }

    /// Writes the index: lines in order, some in each gzip member; and gives the list of the members, by first line.
    fn index(&mut self) -> Result<Vec<u8>, ExportError> {
        let path = self.path.clone();
        let failed = || ExportError::io("write", path.clone());
        let mut idx = b"!meta 0 {\"format\":\"cdxj-gzip-1.0\",\"filename\":\"index.cdx.gz\"}\n".to_vec();
        let index = std::mem::replace(&mut self.index, Sorted::new());
        let zip = &mut self.zip;
        zip.begin("indexes/index.cdx.gz").map_err(failed())?;
        let (mut lines, mut count) = (Vec::new(), 0);
        let mut member = |lines: &mut Vec<u8>| -> io::Result<()> {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(lines)?;
            let bytes = gzip.finish()?;
            let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            let first = lines.split(|byte| *byte == b'{').next().unwrap_or_default().trim_ascii();
            let said = json!({
                "offset": zip.entry_bytes(),
                "length": bytes.len(),
                "digest": format!("sha256:{digest}"),
            });
            idx.extend_from_slice(first);
            idx.extend_from_slice(format!(" {said}\n").as_bytes());
            lines.clear();
            zip.append(&bytes)
        };
        index.each(self.folder, |line| {
            lines.extend_from_slice(line);
            lines.push(b'\n');
            count += 1;
            if count % MEMBER_LINES == 0 { member(&mut lines).map_err(failed()) } else { Ok(()) }
        })?;
        if !lines.is_empty() {
            member(&mut lines).map_err(failed())?;
        }
        Ok(idx)
    }
}

fn is_page(record: &Record) -> bool {
    matches!(record.mime.as_deref(), Some("text/html" | "application/xhtml+xml"))
}

/// Lines that are kept aside until their turn comes.
struct Spool {
    out: BufWriter<File>,
    path: PathBuf,
}

impl Spool {
    fn new(folder: &Folder) -> Result<Self, ExportError> {
        Ok(Self { out: BufWriter::new(nameless(folder)?), path: folder.path().to_owned() })
    }

    fn line(&mut self, value: &Value) -> Result<(), ExportError> {
        let mut line = Vec::new();
        jsonl::escape(&mut line, &value.to_string());
        line.push(b'\n');
        self.out.write_all(&line).map_err(ExportError::io("write a list in", &self.path))
    }

    fn copy(&mut self, zip: &mut Zip) -> io::Result<()> {
        self.out.flush()?;
        let mut file = self.out.get_ref().try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        let mut file = BufReader::new(file);
        let mut piece = vec![0; 64 << 10];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                n => zip.append(&piece[..n])?,
            }
        }
    }
}
