//! Walking the archive: from gzip members to whole groups.
//!
//! Owns the rules of what a group is and of what is damage. Never changes a file; never knows the index.
//!
//! A group is `response` or `revisit`, then `request` (which what was not asked by us may lack), then `metadata`, one
//! behind the other; or a `metadata` record alone. The `metadata` record says what the group is and that it is whole. A `warcinfo` record
//! stands at the head of a segment and belongs to no group.
//!
//! Where a member cannot be read, the walk goes on at the next one that bears the store's mark: what lies
//! between is damage, and is told. If there is no next one the end is torn: that is what a killed process
//! leaves behind.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use crate::{
    StoreError, archive,
    gzip::{self, HEADER_BYTES, Mark},
    record::Entry,
    schema::{Location, Position},
    warc::{
        GroupId, Kind,
        read::{self, Record},
        write::entry_json,
    },
};

const READ_BYTES: usize = 256 << 10;
/// Damaged places that are told one by one; past it they are counted.
const PLACES_MAX: usize = 1000;

/// A part of a segment that belongs to no whole group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) segment: u32,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// What was found there.
    pub(crate) what: String,
}

/// How closely records are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scrutiny {
    /// Frames, checksums, heads, ids.
    Frames,
    /// The digests too: twice the work.
    Digests,
}

/// One group, whole.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) location: Location,
    pub(crate) entry: Entry,
    /// The entry as it stands in the archive.
    pub(crate) json: Vec<u8>,
    /// `WARC-Payload-Digest` of its `response` or `revisit` record.
    pub(crate) payload_digest: Option<String>,
    /// The first of its records whose digest is another's, under [`Scrutiny::Digests`].
    pub(crate) another: Option<String>,
}

/// Walks segments from a position on.
pub(crate) struct Groups<'a> {
    archive: &'a Path,
    mark: Mark,
    scrutiny: Scrutiny,
    segments: Vec<archive::Segment>,
    next: usize,
    open: Option<Segment>,
    /// Behind the last group, `warcinfo` or damage that was passed.
    reached: Position,
    /// Bytes passed over because they could not be read.
    pub(crate) damaged_bytes: u64,
    /// In how many places.
    pub(crate) damaged_places: u64,
    /// Bytes behind the last whole group of the last segment.
    pub(crate) torn_bytes: u64,
    /// Whether the last of the segments is the archive's.
    may_be_torn: bool,
    /// The first damage in the last segment is taken for its end: what a power cut leaves has holes, and behind them
    /// nothing was ever said to be on the disk.
    pub(crate) ends_at_damage: bool,
    places: Vec<Damage>,
    /// What was found wrong last.
    wrong: String,
}

/// What is said of records that no metadata record follows.
const NOT_CLOSED: &str = "records of a page without the metadata record that would make them whole";
/// What is said of records in front of a metadata record that are not its own.
const NOT_ITS: &str = "records that do not belong to the metadata record behind them";

struct Segment {
    path: PathBuf,
    number: u32,
    file: BufReader<File>,
    at: u64,
    bytes: u64,
}

/// A member whose group is not whole yet.
struct Part {
    kind: Kind,
    id: Vec<u8>,
    payload_digest: Option<String>,
    another: Option<String>,
    at: u64,
    bytes: u64,
}

impl<'a> Groups<'a> {
    /// From `from` to the end.
    pub(crate) fn new(archive: &'a Path, mark: Mark, from: Position) -> Result<Self, StoreError> {
        Self::with_scrutiny(archive, mark, from, Scrutiny::Frames)
    }

    /// The same, looking as closely as is wished.
    pub(crate) fn with_scrutiny(
        archive: &'a Path,
        mark: Mark,
        from: Position,
        scrutiny: Scrutiny,
    ) -> Result<Self, StoreError> {
        let segments: Vec<_> =
            archive::segments(archive)?.into_iter().filter(|s| s.number >= from.segment).collect();
        Self::over(archive, mark, from, scrutiny, segments)
    }

    fn over(
        archive: &'a Path,
        mark: Mark,
        from: Position,
        scrutiny: Scrutiny,
        segments: Vec<archive::Segment>,
    ) -> Result<Self, StoreError> {
        let mut groups = Self {
            archive,
            mark,
            scrutiny,
            segments,
            next: 0,
            open: None,
            reached: from,
            damaged_bytes: 0,
            damaged_places: 0,
            torn_bytes: 0,
            may_be_torn: true,
            ends_at_damage: false,
            places: Vec::new(),
            wrong: String::new(),
        };
        if groups.segments.first().is_some_and(|s| s.number == from.segment) {
            groups.open_segment(from.offset)?;
        }
        Ok(groups)
    }

    /// Where what was read so far ends.
    pub(crate) fn reached(&self) -> Position {
        self.reached
    }

    /// One segment from an offset on; only where it `is_last` may its end be torn.
    pub(crate) fn of_segment(
        archive: &'a Path,
        mark: Mark,
        segment: archive::Segment,
        offset: u64,
        is_last: bool,
    ) -> Result<Self, StoreError> {
        let from = Position { segment: segment.number, offset };
        let mut groups = Self::over(archive, mark, from, Scrutiny::Frames, vec![segment])?;
        groups.may_be_torn = is_last;
        Ok(groups)
    }

    /// The damaged places that were come by since this was last called, [`PLACES_MAX`] of them at most.
    pub(crate) fn take_places(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.places)
    }

    fn open_segment(&mut self, at: u64) -> Result<bool, StoreError> {
        let Some(found) = self.segments.get(self.next) else { return Ok(false) };
        self.next += 1;
        let (number, bytes, path) = (found.number, found.bytes, found.path(self.archive));
        let mut file = archive::open_segment(self.archive, number).map_err(StoreError::io("open", &path))?;
        file.seek(SeekFrom::Start(at)).map_err(StoreError::io("read", &path))?;
        self.reached = Position { segment: number, offset: at };
        self.open =
            Some(Segment { file: BufReader::with_capacity(READ_BYTES, file), path, number, at, bytes });
        Ok(true)
    }

    /// The next whole group.
    pub(crate) fn next(&mut self) -> Result<Option<Group>, StoreError> {
        loop {
            let Some(mut segment) = self.open.take() else {
                if !self.open_segment(0)? {
                    return Ok(None);
                }
                continue;
            };
            let found = self.next_in(&mut segment);
            let error = StoreError::io("read", &segment.path);
            if let Some(group) = found.map_err(error)? {
                self.open = Some(segment);
                return Ok(Some(group));
            }
        }
    }

    fn next_in(&mut self, segment: &mut Segment) -> io::Result<Option<Group>> {
        let mut parts: Vec<Part> = Vec::new();
        while segment.at < segment.bytes {
            let at = segment.at;
            let (record, another) = match segment.member(self.mark, self.scrutiny)? {
                Ok(found) => found,
                Err(what) if self.ends_at_damage && self.next == self.segments.len() => {
                    self.wrong = what;
                    break;
                }
                Err(what) => match segment.find_mark(self.mark, at + 1)? {
                    Some(next) => {
                        self.wrong = what;
                        self.damage(self.reached.offset, next);
                        parts.clear();
                        segment.seek(next)?;
                        self.reached.offset = next;
                        continue;
                    }
                    None => {
                        self.wrong = what;
                        break;
                    }
                },
            };
            let bytes = segment.at - at;
            match record.kind {
                Some(kind @ (Kind::Response | Kind::Revisit | Kind::Request)) => {
                    if kind != Kind::Request && !parts.is_empty() {
                        self.wrong = NOT_CLOSED.to_owned();
                        self.damage(self.reached.offset, at);
                        parts.clear();
                        self.reached.offset = at;
                    }
                    let payload_digest = record.head.text("WARC-Payload-Digest").map(str::to_owned);
                    let id = record.head.id().to_owned();
                    parts.push(Part { kind, id, payload_digest, another, at, bytes });
                }
                Some(Kind::Metadata) => {
                    let group = self.close(segment.number, &mut parts, record, at, bytes);
                    let start = self.reached.offset;
                    self.reached.offset = segment.at;
                    match group {
                        Ok(mut group) => {
                            if start < group.location.start.offset {
                                self.wrong = NOT_ITS.to_owned();
                                self.damage(start, group.location.start.offset);
                            }
                            group.another = group.another.or(another);
                            return Ok(Some(group));
                        }
                        Err(what) => {
                            self.wrong = what;
                            self.damage(start, segment.at);
                        }
                    }
                    parts.clear();
                }
                Some(Kind::Warcinfo) | None => {
                    if !parts.is_empty() {
                        self.wrong = NOT_CLOSED.to_owned();
                        self.damage(self.reached.offset, at);
                        parts.clear();
                    }
                    self.reached.offset = segment.at;
                }
            }
        }
        let rest = segment.bytes.saturating_sub(self.reached.offset);
        if self.next == self.segments.len() && self.may_be_torn {
            self.torn_bytes = rest;
        } else {
            if self.wrong.is_empty() {
                self.wrong = NOT_CLOSED.to_owned();
            }
            self.damage(self.reached.offset, segment.bytes);
        }
        Ok(None)
    }

    fn damage(&mut self, from: u64, to: u64) {
        if to > from {
            self.damaged_bytes += to - from;
            self.damaged_places += 1;
            if self.places.len() < PLACES_MAX {
                let (segment, what) = (self.reached.segment, self.wrong.clone());
                self.places.push(Damage { segment, from, to, what });
            }
        }
        self.wrong.clear();
    }

    /// Makes a group of its parts and the `metadata` record behind them. Parts that do not belong to it are
    /// left out: a page whose response was damaged keeps its record. The error says why there is no entry to be read.
    fn close(
        &self,
        segment: u32,
        parts: &mut [Part],
        closing: Record,
        at: u64,
        bytes: u64,
    ) -> Result<Group, String> {
        let json = entry_json(&closing.block);
        let entry = Entry::parse(json)?;
        let id = match &entry {
            Entry::Page(r) => GroupId::of_visit(self.mark, r.visit, r.fetched_at, r.url.as_str()),
            Entry::Seeds { seq, .. } => GroupId::of_seeds(self.mark, *seq),
        };
        if closing.head.id() != id.record(Kind::Metadata).as_bytes() {
            return Err("a metadata record whose id is another record's".to_owned());
        }
        let (mut payload_digest, mut another) = (None, None);
        let mut location =
            Location { start: Position { segment, offset: at }, metadata: bytes, ..Location::default() };
        let is_its = |part: &Part| part.id == id.record(part.kind).as_bytes();
        match &parts[..] {
            [response, rest @ ..]
                if response.kind != Kind::Request
                    && rest.iter().all(|part| part.kind == Kind::Request)
                    && rest.len() <= 1
                    && parts.iter().all(is_its) =>
            {
                location.start.offset = response.at;
                location.response = response.bytes;
                location.request = rest.first().map_or(0, |request| request.bytes);
                payload_digest = parts[0].payload_digest.take();
                another = parts.iter_mut().find_map(|part| part.another.take());
            }
            _ => {}
        }
        let json = json.to_vec();
        Ok(Group { location, entry, json, payload_digest, another })
    }
}

impl Segment {
    /// Reads the member at `at` and steps behind it; the inner error says why it is none of ours. With the record comes
    /// what is wrong with its digests.
    fn member(
        &mut self,
        mark: Mark,
        scrutiny: Scrutiny,
    ) -> io::Result<Result<(Record, Option<String>), String>> {
        let header = gzip::header(mark);
        let mut counted = Counted { inner: &mut self.file, bytes: 0 };
        // The header is looked at before it is consumed: a reader's buffer holds it but at its very end.
        let seen = counted.fill_buf()?;
        let seen = &seen[..seen.len().min(HEADER_BYTES)];
        if seen != &header[..seen.len()] {
            return Ok(Err("not marked as this store's".to_owned()));
        }
        let keep = |kind| kind == Kind::Metadata;
        let result = match scrutiny {
            Scrutiny::Frames => read::member(&mut counted, keep)?.map(|record| (record, None)),
            Scrutiny::Digests => {
                read::checked_member(&mut counted, keep)?.map(|(record, digests)| (record, digests.err()))
            }
        };
        self.at += counted.bytes;
        Ok(result)
    }

    fn seek(&mut self, to: u64) -> io::Result<()> {
        self.at = to;
        self.file.seek(SeekFrom::Start(to)).map(drop)
    }

    /// Where the next marked member may begin.
    fn find_mark(&mut self, mark: Mark, from: u64) -> io::Result<Option<u64>> {
        let header = gzip::header(mark);
        let finder = memchr::memmem::Finder::new(&header);
        self.seek(from)?;
        let mut window = Vec::with_capacity(READ_BYTES + HEADER_BYTES);
        let mut window_at = from;
        loop {
            let read = (&mut self.file).take(READ_BYTES as u64).read_to_end(&mut window)?;
            if let Some(found) = finder.find(&window) {
                return Ok(Some(window_at + found as u64));
            }
            if read == 0 {
                return Ok(None);
            }
            let keep = window.len().min(HEADER_BYTES - 1);
            let gone = window.len() - keep;
            window.drain(..gone);
            window_at += gone as u64;
        }
    }
}

/// Counts what is consumed: a member does not say how long it is.
struct Counted<'a, R> {
    inner: &'a mut R,
    bytes: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.inner.consume(bytes);
    }
}
