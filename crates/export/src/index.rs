//! A CDXJ index of the store's own archive, for tools that read its WARC files where they are.
//!
//! Owns that file. It is written in one go, in the order of its keys.

use std::io::{BufWriter, Write as _};

use crate::{
    Export, ExportError, Progress, cdxj,
    export::{Event, Watch},
    hold::Hold,
    lines::lock,
    sorted::Sorted,
    source::Source,
    state,
};

pub(crate) fn write(export: &Export, watch: &mut Watch<'_>) -> Result<Progress, ExportError> {
    let (folder, name) = export.file()?;
    let partial = format!("{name}.partial");
    let _hold = Hold::take(&folder, &format!("{name}{}", state::SUFFIX))?;
    if folder.has(&name)? {
        return Err(ExportError::Occupied { path: folder.at(&name)? });
    }
    let mut source = Source::open(export.query.clone(), None)?;
    let (mut sorted, mut progress) = (Sorted::new(), Progress::default());
    while progress.records < export.limit {
        if watch(Event::Progress(&progress)).is_break() {
            progress.stopped = true;
            return Ok(progress);
        }
        let Some(record) = source.next()? else { break };
        progress.records += 1;
        if record.status.is_none() || record.absent.is_some() || !(export.wants)(&record) {
            continue;
        }
        let Some(place) = export.store.answer_place(&record)? else { continue };
        let file = place.file.file_name().unwrap_or_default().to_string_lossy();
        // An index outlives the crawl: the segment that is being written is told by the name that it will have.
        let file = file.strip_suffix(".open").unwrap_or(&file);
        let line = cdxj::line(&record, record.payload_of.is_some(), file, place.offset, place.bytes);
        sorted.push(&folder, line)?;
        progress.rows += 1;
    }
    // One that was begun is worth nothing: it is made in a moment.
    if let Some(file) = folder.reopen(&partial)? {
        lock(&file, &folder, &partial)?;
        folder.remove(&partial)?;
    }
    let path = folder.at(&partial)?;
    let failed = || ExportError::io("write", &path);
    let file = folder.create(&partial)?;
    lock(&file, &folder, &partial)?;
    let mut out = BufWriter::new(file);
    sorted.each(&folder, |line| {
        out.write_all(line).map_err(failed())?;
        out.write_all(b"\n").map_err(failed())
    })?;
    let file = out.into_inner().map_err(|error| failed()(error.into_error()))?;
    file.sync_data().map_err(failed())?;
    folder.rename_new(&partial, &name)?;
    folder.sync()?;
    progress.files = 1;
    Ok(progress)
}
