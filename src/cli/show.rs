//! `dragline show`: one stored response.

use std::io::{self, IsTerminal, Write};

use dragline_coding::Bounds;
use dragline_export::line;

use super::{
    Trouble,
    args::{Args, ShowArgs},
    links_in,
    query::status_text,
    screen,
    text::{counted, printable, size, time},
};
use crate::{
    model::{CanonicalUrl, ResponseHead},
    storage::{Payload, Record, Store},
};

/// What of a body is decoded to be shown: what was kept is bounded already, so that any ratio is.
const SHOWN: Bounds = Bounds { decoded_bytes: 1 << 30, ratio: u32::MAX, layers: 1 };

pub(super) fn run(command: &ShowArgs, args: &Args) -> Result<u8, Trouble> {
    let url = CanonicalUrl::parse(&command.url)
        .map_err(|error| Trouble::Usage(format!("{}: {error}", command.url.escape_debug())))?;
    let config = args.config()?;
    let store = config.open_store()?;
    let mut out = io::stdout().lock();
    let nowhere = || {
        let store = printable(&config.store.display().to_string(), 500);
        Trouble::Usage(format!("{url} is not in {store}; `dragline query` lists what is"))
    };
    if command.history {
        let visits = store.history(&url)?;
        if visits.is_empty() {
            return Err(nowhere());
        }
        return history(&mut out, &visits, command.jsonl).map(|()| 0).map_err(Trouble::from);
    }
    if command.links_in {
        return links_in::run(&store, &url, &mut out);
    }
    let record = match command.seq {
        None => store.get(&url)?.ok_or_else(nowhere)?,
        Some(seq) => store.record(seq)?.filter(|record| record.url == url).ok_or_else(|| {
            Trouble::Usage(format!(
                "record {seq} is not of {url}; `dragline show {url} --history` lists those that are"
            ))
        })?,
    };
    if command.json {
        writeln!(out, "{}", line(&record))?;
    } else if let Some(error) = &record.error {
        if command.headers || command.body || command.raw || command.links {
            return Err(Trouble::Usage(format!("{url} brought no response: {error}")));
        }
        overview(&mut out, &record, None)?;
    } else {
        let wants_part = command.headers || command.raw || command.body || command.links;
        let payload = match store.payload(&record) {
            Ok(payload) => payload,
            // Of a record that has lost its payload the rest can still be told.
            Err(error) if !wants_part => {
                overview(&mut out, &record, None)?;
                out.flush()?;
                screen::say(&error.to_string());
                return Ok(1);
            }
            Err(error) => return Err(error.into()),
        };
        if command.headers {
            if out.is_terminal() {
                head_lines(&payload.head)
                    .iter()
                    .try_for_each(|line| writeln!(out, "{}", printable(line, usize::MAX)))?;
            } else {
                out.write_all(payload.head.as_bytes())?;
            }
        } else if command.raw {
            put_body(&mut out, &payload.body)?;
        } else if command.body {
            put_body(&mut out, &decoded(&payload)?)?;
        } else if command.links {
            for link in links(&record, &payload)? {
                writeln!(out, "{link}")?;
            }
        } else {
            overview(&mut out, &record, Some(&payload))?;
            if command.seq.is_none() {
                history_hint(&mut out, &store, &url)?;
            }
        }
    }
    out.flush()?;
    Ok(0)
}

/// A body as it is; on a terminal nothing that one would obey, and no bytes that are no text.
fn put_body(out: &mut io::StdoutLock<'_>, body: &[u8]) -> Result<(), Trouble> {
    if !out.is_terminal() {
        return out.write_all(body).map_err(Trouble::from);
    }
    let text = std::str::from_utf8(body).ok().filter(|text| !text.contains('\0')).ok_or_else(|| {
        Trouble::Usage("the body is no text for a terminal: send it to a file, as in > FILE".to_owned())
    })?;
    text.lines()
        .try_for_each(|line| writeln!(out, "{}", printable(&line.replace('\t', "    "), usize::MAX)))?;
    Ok(())
}

/// Every visit, a line each.
fn history(out: &mut impl Write, visits: &[Record], jsonl: bool) -> io::Result<()> {
    if jsonl {
        return visits.iter().try_for_each(|record| writeln!(out, "{}", line(record)));
    }
    writeln!(out, "{:>9}  {:<24} {:>12} {:>9}  what it brought", "seq", "fetched", "status", "size")?;
    let mut before: Option<&Record> = None;
    for record in visits {
        let news = match (&record.digest, before.and_then(|last| last.digest.as_ref())) {
            (None, _) => record.error.as_ref().map(|error| error.detail.clone()).unwrap_or_default(),
            (Some(digest), Some(last)) if digest == last => "the same again".to_owned(),
            (Some(digest), _) => digest.chars().take(23).collect(),
        };
        writeln!(
            out,
            "{:>9}  {:<24} {:>12} {:>9}  {}",
            record.seq,
            time(record.fetched_at),
            status_text(record),
            size(record.size),
            printable(&news, 100)
        )?;
        if record.digest.is_some() {
            before = Some(record);
        }
    }
    Ok(())
}

fn decoded(payload: &Payload) -> Result<Vec<u8>, Trouble> {
    let coding = payload.body_head.content_encoding();
    let decoded = dragline_coding::decode(coding.as_deref(), payload.body.clone(), &SHOWN)
        .map_err(|error| Trouble::Usage(format!("{error}; --raw shows the body as it came")))?;
    if let Some(cut) = decoded.truncated {
        screen::say(&format!("the body is a beginning: {cut}"));
    }
    Ok(decoded.bytes.to_vec())
}

fn links(record: &Record, payload: &Payload) -> Result<Vec<CanonicalUrl>, Trouble> {
    let body = decoded(payload)?;
    let document = dragline_extract::Document {
        url: &record.url,
        content_type: payload.body_head.field_str("content-type"),
        body: &body,
    };
    Ok(dragline_extract::all_links(&document, &dragline_extract::Limits::default()))
}

fn overview(out: &mut impl Write, record: &Record, payload: Option<&Payload>) -> io::Result<()> {
    let mut row = |name: &str, value: &str| {
        if value.is_empty() { Ok(()) } else { writeln!(out, "{name:>10}  {}", printable(value, 4_000)) }
    };
    row("url", record.url.as_str())?;
    row("status", &record.status.map(|status| status.to_string()).unwrap_or_default())?;
    row("error", &record.error.as_ref().map(ToString::to_string).unwrap_or_default())?;
    if record.steady > 0 {
        let since = record.changed_at.unwrap_or(record.fetched_at);
        let looks = counted(u64::from(record.steady), "look");
        row("unchanged", &format!("by {looks} in a row, since {}", time(since)))?;
    }
    row("fetched", &time(record.fetched_at))?;
    row("type", record.mime.as_deref().unwrap_or_default())?;
    row("location", record.location.as_deref().unwrap_or_default())?;
    if record.status.is_some() && !record.is_not_modified() {
        row("size", &size(record.size))?;
    }
    row("truncated", record.truncated.map(|t| t.as_str()).unwrap_or_default())?;
    row("digest", record.digest.as_deref().unwrap_or_default())?;
    row("found on", record.via.as_ref().map_or("(a seed)", CanonicalUrl::as_str))?;
    row("depth", &record.depth.to_string())?;
    if record.attempts > 1 {
        row("attempts", &record.attempts.to_string())?;
    }
    row("time", &record.timings.as_ref().map(phases).unwrap_or_default())?;
    row("links", &record.extract_error.as_ref().map(|e| format!("not looked for: {e}")).unwrap_or_default())?;
    if let Some(payload) = payload {
        writeln!(out)?;
        for field in head_lines(&payload.head) {
            writeln!(out, "    {}", printable(&field, 400))?;
        }
    }
    Ok(())
}

fn head_lines(head: &ResponseHead) -> Vec<String> {
    String::from_utf8_lossy(head.as_bytes())
        .lines()
        .filter(|l| !l.trim().is_empty())
        .map(str::to_owned)
        .collect()
}

fn phases(timings: &crate::model::Timings) -> String {
    let phases = [
        ("dns", timings.dns),
        ("connect", timings.connect),
        ("tls", timings.tls),
        ("first byte", timings.first_byte),
        ("body", timings.body),
        ("total", Some(timings.total)),
    ];
    let mut parts: Vec<String> = phases
        .into_iter()
        .filter_map(|(name, time)| time.map(|time| format!("{name} {:.1} ms", time.as_secs_f64() * 1e3)))
        .collect();
    if timings.reused {
        parts.push("on a kept connection".into());
    }
    parts.join(", ")
}

fn history_hint(out: &mut impl Write, store: &Store, url: &CanonicalUrl) -> Result<(), Trouble> {
    let visits = store.history(url)?.len();
    if visits > 1 {
        writeln!(out, "\n    the last of {visits} visits; --history lists them")?;
    }
    Ok(())
}
