//! `dragline fsck`: looks for damage in a store, and says what it means and what helps.

use std::{
    io::{self, BufWriter, Write},
    time::{Duration, Instant},
};

use super::{
    Trouble,
    args::{Args, FsckArgs},
    screen,
    text::{counted, grouped, printable, size},
};
use crate::storage::{CheckOptions, Checkup, Finding, Severity, Store};

/// The exit code where damage was found.
const DAMAGED: u8 = 1;
/// How often the status line is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);
/// Characters of a line.
const LINE: usize = 2_000;

pub(super) fn run(command: &FsckArgs, args: &Args) -> Result<u8, Trouble> {
    if command.repair {
        return Err(Trouble::Usage(
            "fsck changes nothing; `dragline rebuild` makes everything anew that is made of the archive"
                .into(),
        ));
    }
    let config = args.config()?;
    let options = CheckOptions { payloads: command.payloads, scratch: command.scratch.clone() };
    let mut drawn: Option<Instant> = None;
    let checkup = Store::check(&config.store, &options, &mut |now| {
        let due = drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY);
        if due && screen::is_terminal() && !args.output.quiet {
            drawn = Some(Instant::now());
            screen::status(format!(
                "{} of {} read, {}",
                size(now.bytes_read),
                size(now.archive_bytes),
                counted(now.records, "record")
            ));
        }
    });
    screen::clear_status();
    let checkup = checkup?;
    let mut out = BufWriter::new(io::stdout().lock());
    if command.json {
        writeln!(out, "{}", serde_json::to_string(&checkup).map_err(io::Error::from)?)?;
    } else {
        tell(&mut out, &checkup)?;
    }
    out.flush()?;
    Ok(if checkup.is_sound() { 0 } else { DAMAGED })
}

fn tell(out: &mut impl Write, checkup: &Checkup) -> io::Result<()> {
    for finding in &checkup.findings {
        tell_one(out, finding)?;
    }
    let all = checkup.lost + checkup.derived + checkup.notes;
    let left_out = all - checkup.findings.len() as u64;
    if left_out > 0 {
        writeln!(out, "and {} more\n", grouped(left_out))?;
    }
    writeln!(
        out,
        "{} in {} ({}): {} with a payload, {} with another's",
        counted(checkup.records, "record"),
        counted(checkup.segments, "file"),
        size(checkup.archive_bytes),
        grouped(checkup.payloads),
        grouped(checkup.revisits),
    )?;
    let index = if checkup.index_compared { "" } else { "; the index was not looked at" };
    match (checkup.lost, checkup.derived) {
        (0, 0) => writeln!(out, "sound{index}"),
        (0, derived) => {
            writeln!(out, "{} that can be mended: run `dragline rebuild`{index}", places(derived))
        }
        (lost, derived) => writeln!(
            out,
            "{} in what cannot be made anew, {} in what can{index}",
            places(lost),
            places(derived)
        ),
    }
}

fn places(n: u64) -> String {
    if n == 1 { "damage in 1 place".to_owned() } else { format!("damage in {} places", grouped(n)) }
}

fn tell_one(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let mood = match finding.severity {
        Severity::Note => "note",
        Severity::Derived => "derived",
        Severity::Lost => "LOST",
    };
    let mut place = finding.file.display().to_string();
    if let (Some(offset), Some(bytes)) = (finding.offset, finding.bytes) {
        place.push_str(&format!(", {bytes} bytes at {offset}"));
    }
    writeln!(out, "{mood:<8} {}", printable(&place, LINE))?;
    let mut what = finding.what.clone();
    if let Some(url) = &finding.url {
        what.push_str(&format!(" ({url})"));
    }
    for line in [what.as_str(), finding.means, finding.way_out] {
        if !line.is_empty() {
            writeln!(out, "         {}", printable(line, LINE))?;
        }
    }
    writeln!(out)
}
