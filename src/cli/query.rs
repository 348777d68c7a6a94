//! `dragline query`: lists what is in a store.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    ops::RangeInclusive,
};

use serde_json::{Value, json};

use super::{
    Trouble,
    args::{Args, QueryArgs},
    text::{counted, printable, size, time},
};
use crate::{
    model::Timings,
    storage::{Record, Store},
};

pub(super) fn run(command: &QueryArgs, args: &Args) -> Result<u8, Trouble> {
    let status = command.status.as_deref().map(status_range).transpose()?;
    let config = args.config()?;
    let store = crate::open(&config.store)?;
    let stdout = io::stdout();
    let url_width = if stdout.is_terminal() { 100 } else { usize::MAX };
    // The names of failures are longer than statuses.
    let width = if command.failures { 12 } else { 6 };
    let mut out = BufWriter::new(stdout.lock());
    let mut rows = 0;
    for record in select(&store, command, status).records()? {
        let record = record?;
        if command.jsonl {
            writeln!(out, "{}", line(&record))?;
        } else {
            if rows == 0 {
                writeln!(out, "{:>width$} {:>9}  {:<24} url", "status", "size", "type")?;
            }
            let mime = record.mime.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{:>width$} {:>9}  {:<24} {}",
                status_text(&record),
                size(record.size),
                printable(mime, 24),
                printable(record.url.as_str(), url_width)
            )?;
        }
        rows += 1;
    }
    if !command.jsonl {
        match rows {
            0 => writeln!(out, "nothing in {} matches", printable(&config.store.display().to_string(), 500))?,
            n => writeln!(out, "{}", counted(n, "row"))?,
        }
    }
    out.flush()?;
    Ok(0)
}

fn select(store: &Store, command: &QueryArgs, status: Option<RangeInclusive<u16>>) -> crate::storage::Query {
    let mut query = store.pages().latest_only(!command.all);
    if command.failures {
        query = query.failures_only();
    }
    // A host that was never reached has failed at its robots.txt.
    if command.robots || command.failures {
        query = query.with_robots();
    }
    if let Some(host) = &command.host {
        query = query.host(host);
    }
    if let Some(status) = status {
        query = query.status(status);
    }
    if let Some(mime) = &command.mime {
        query = query.mime(mime);
    }
    if let Some(seq) = command.since {
        query = query.since(seq);
    }
    if let Some(limit) = command.limit {
        query = query.limit(limit);
    }
    query
}

fn status_text(record: &Record) -> String {
    match (record.status, &record.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.kind.to_string(),
        (None, None) => "-".into(),
    }
}

/// `404`, `4xx` or `200-299`.
fn status_range(text: &str) -> Result<RangeInclusive<u16>, Trouble> {
    let wrong =
        || Trouble::Usage(format!("--status {}: write it as 404, 4xx or 200-299", text.escape_debug()));
    let number = |text: &str| text.parse::<u16>().ok().filter(|n| (100..=999).contains(n)).ok_or_else(wrong);
    if let Some(class) = text.strip_suffix("xx") {
        let class = number(&format!("{class}00"))?;
        return Ok(class..=class + 99);
    }
    match text.split_once('-') {
        Some((from, to)) => {
            let range = number(from)?..=number(to)?;
            if range.is_empty() { Err(wrong()) } else { Ok(range) }
        }
        None => number(text).map(|n| n..=n),
    }
}

/// A record in the names that scripts depend on; what is absent is `null`.
pub(super) fn line(record: &Record) -> Value {
    json!({
        "seq": record.seq,
        "url": record.url,
        "status": record.status,
        "fetched_at": time(record.fetched_at),
        "mime": record.mime,
        "size": record.size,
        "digest": record.digest,
        "purpose": record.purpose,
        "depth": record.depth,
        "via": record.via,
        "location": record.location,
        "truncated": record.truncated,
        "attempts": record.attempts,
        "error": record.error.as_ref().map(|error| error.kind),
        "detail": record.error.as_ref().map(|error| &error.detail).or(record.extract_error.as_ref()),
        "timings": record.timings.as_ref().map(timings),
        "peer": record.peer,
        "tls": record.tls,
    })
}

/// Phases in milliseconds, to the microsecond.
fn timings(timings: &Timings) -> Value {
    let ms = |time: std::time::Duration| time.as_micros() as f64 / 1e3;
    json!({
        "dns": timings.dns.map(ms),
        "connect": timings.connect.map(ms),
        "tls": timings.tls.map(ms),
        "first_byte": timings.first_byte.map(ms),
        "body": timings.body.map(ms),
        "total": ms(timings.total),
        "reused": timings.reused,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, want) in [
            ("404", Some(404..=404)),
            ("4xx", Some(400..=499)),
            ("200-299", Some(200..=299)),
            ("", None),
            ("xx", None),
            ("300-200", None),
            ("40", None),
            ("2xx-", None),
            ("1000", None),
        ] {
            assert_eq!(status_range(text).ok(), want, "{text}");
        }
    }
}
