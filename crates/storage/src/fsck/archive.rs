//! The archive, member by member.
//!
//! Owns what is said of damaged places, of numbers that do not follow on one another, and of payloads that are not
//! there. What a group is, is [`crate::groups`]' to say.

use std::path::PathBuf;

use crate::{
    StoreError,
    archive::{self, segment_path},
    fsck::{CheckOptions, Checkup, Finding, Severity, index::Comparison},
    groups::{Group, Groups, Scrutiny},
    home::Home,
    record::{Absence, Entry, Record},
    recover,
    schema::{Position, State},
};

/// Bytes between two words of progress.
const TOLD_EVERY: u64 = 8 << 20;

/// Reads all of it. `state` becomes what the index should know of it.
pub(super) fn check(
    home: &Home,
    options: &CheckOptions,
    checkup: &mut Checkup,
    state: &mut State,
    compared: &mut Comparison,
    progress: &mut dyn FnMut(&Checkup),
) -> Result<(), StoreError> {
    let dir = home.archive();
    let segments = archive::segments(&dir)?;
    checkup.segments = segments.len() as u64;
    checkup.archive_bytes = segments.iter().map(|segment| segment.bytes).sum();
    for pair in segments.windows(2) {
        if pair[1].number != pair[0].number + 1 {
            let what = format!("segments {} to {} are missing", pair[0].number + 1, pair[1].number - 1);
            checkup.add(
                Finding::new(Severity::Lost, dir.clone(), what)
                    .means("what was in them cannot be read", "put them back where there is a copy"),
            );
        }
    }
    let behind = |at: Position| -> u64 {
        let whole: u64 = segments.iter().filter(|s| s.number < at.segment).map(|s| s.bytes).sum();
        whole + at.offset
    };

    let scrutiny = if options.payloads { Scrutiny::Digests } else { Scrutiny::Frames };
    let mut groups = Groups::with_scrutiny(&dir, home.mark, Position::default(), scrutiny)?;
    let mut look = Look { dir: dir.clone(), owners: Bits::default(), told: 0 };
    loop {
        let group = groups.next()?;
        for place in groups.take_places() {
            let path = segment_path(&dir, place.segment);
            checkup.add(
                Finding::new(Severity::Lost, path, place.what).at(place.from, place.to - place.from).means(
                    "these bytes belong to no record that can be read",
                    "restore the file from a copy; what the index still has of them can be exported before a rebuild",
                ),
            );
        }
        let Some(group) = group else { break };
        look.group(&group, state, checkup, options);
        state.reached = groups.reached();
        compared.group(home, &group, groups.reached(), checkup)?;
        checkup.bytes_read = behind(state.reached);
        if checkup.bytes_read >= look.told + TOLD_EVERY {
            look.told = checkup.bytes_read;
            progress(checkup);
        }
    }
    if groups.torn_bytes > 0 {
        let at = groups.reached();
        checkup.add(
            Finding::new(
                Severity::Note,
                segment_path(&dir, at.segment),
                "a group that was not written to its end",
            )
            .at(at.offset, groups.torn_bytes)
            .means(
                "a process was killed while it wrote; the page was never said to be kept",
                "the next opening cuts it off",
            ),
        );
    }
    state.reached = groups.reached();
    checkup.bytes_read = checkup.archive_bytes;
    Ok(())
}

/// What is remembered from group to group.
struct Look {
    dir: PathBuf,
    /// Sequence numbers of records with a payload of their own: a bit each.
    owners: Bits,
    told: u64,
}

impl Look {
    fn group(&mut self, group: &Group, state: &mut State, checkup: &mut Checkup, options: &CheckOptions) {
        let path = segment_path(&self.dir, group.location.start.segment);
        let (seq, url) = match &group.entry {
            Entry::Page(record) => (record.seq, record.url.as_str()),
            Entry::Seeds { seq, .. } => (*seq, ""),
        };
        let bytes = group.location.response + group.location.request + group.location.metadata;
        let finding = |severity, what: String| {
            Finding::new(severity, path.clone(), what).at(group.location.start.offset, bytes).of(seq, url)
        };
        if let Some(another) = &group.another {
            checkup.add(finding(Severity::Lost, another.clone()).means(
                "the record is not what was written",
                "restore the file from a copy, or fetch the URL again",
            ));
        }
        if seq <= state.last_seq {
            checkup.add(
                finding(Severity::Note, format!("record {seq} again, behind {}", state.last_seq))
                    .means("it was copied into the archive twice; the first one counts", super::NOTHING),
            );
            return;
        }
        checkup.records += 1;
        state.last_seq = seq;
        state.entries += 1;
        match &group.entry {
            Entry::Seeds { links, .. } => state.totals.links += links.len() as u64,
            Entry::Page(record) => {
                recover::count(state, record, record.payload_of.is_some(), record.links.len());
                if record.status.is_some() {
                    self.payload(group, record, checkup, options, &finding);
                }
            }
        }
    }

    fn payload(
        &mut self,
        group: &Group,
        record: &Record,
        checkup: &mut Checkup,
        options: &CheckOptions,
        finding: &dyn Fn(Severity, String) -> Finding,
    ) {
        let refetch = "fetch the URL again, or restore the file from a copy";
        if group.location.response == 0 {
            if record.absent != Some(Absence::Dropped) {
                let what = format!("the response of record {} is not there", record.seq);
                checkup.add(
                    finding(Severity::Lost, what).means("the payload is lost, the record is not", refetch),
                );
            }
            return;
        }
        if options.payloads
            && record.absent.is_none()
            && group.payload_digest.as_deref() != record.digest.as_deref()
        {
            let what = format!("record {} and its response give different digests", record.seq);
            checkup.add(finding(Severity::Lost, what).means("one of them is not what was written", refetch));
        }
        match record.payload_of {
            _ if record.absent.is_some() => {}
            None => {
                checkup.payloads += 1;
                self.owners.set(record.seq);
            }
            Some(owner) => {
                checkup.revisits += 1;
                if !self.owners.get(owner) {
                    let what =
                        format!("the payload of record {} is that of {owner}, which has none", record.seq);
                    checkup.add(
                        finding(Severity::Lost, what)
                            .means("the payload is lost, the record is not", refetch),
                    );
                }
            }
        }
    }
}

/// A set of sequence numbers: a bit each.
#[derive(Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn set(&mut self, seq: u64) {
        let place = (seq / 64) as usize;
        if place >= self.0.len() {
            self.0.resize(place + 1, 0);
        }
        self.0[place] |= 1 << (seq % 64);
    }

    pub(crate) fn get(&self, seq: u64) -> bool {
        self.0.get((seq / 64) as usize).is_some_and(|word| word >> (seq % 64) & 1 == 1)
    }
}
