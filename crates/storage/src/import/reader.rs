//! Files of others, record by record.
//!
//! Owns the telling apart of plain files and compressed ones, and the way on behind damage. Holds one record at a time,
//! up to a limit; one that is longer is passed over unread.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use crate::{
    StoreError,
    error::NOT_WARC,
    warc::head::{Head, Manner},
};

const READ_BYTES: usize = 256 << 10;
/// What every gzip member begins with: the magic bytes, and deflate (RFC 1952 §2.3.1).
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// What every record begins with.
const WARC: &[u8] = b"WARC/";
/// Line ends behind a record that are passed over: two are right, some tools write more.
const LINE_ENDS_MAX: usize = 64;
/// Damaged places after which a file is given up: it is not damaged then but something else.
const PLACES_MAX: usize = 10_000;

/// What comes next in a file.
pub(super) enum Found {
    /// A record with its block.
    Record(Head, Bytes),
    /// A record whose block is too large to be held.
    TooLarge(Head),
    /// So many bytes from its start the file cannot be read; what follows may be.
    Damage(u64, String),
    /// Nothing.
    End,
}

/// Reads one file.
pub(super) struct Reader {
    path: PathBuf,
    /// `None` once there is nothing more.
    from: Option<Source>,
    record_bytes_max: u64,
    places: usize,
}

/// The bytes of a file, uncompressed.
enum Source {
    Plain(Counted),
    /// What is buffered is always of one member.
    Gzip(Box<BufReader<Members>>),
}

impl Reader {
    /// Opens a file.
    pub(super) fn open(path: &Path, record_bytes_max: u64) -> Result<Self, StoreError> {
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let mut counted = Counted { file: BufReader::with_capacity(READ_BYTES, file), at: 0 };
        let is_gzip = counted.fill_buf().map_err(StoreError::io("read", path))?.starts_with(&GZIP);
        let mut from = Source::of(counted, is_gzip);
        // ARC, the format before WARC, begins like this; whatever cannot be read shows later.
        if from.begins_with(b"filedesc:") {
            return Err(StoreError::corrupt(path, "it is an ARC file, not a WARC file", NOT_WARC));
        }
        Ok(Self { path: path.to_owned(), from: Some(from), record_bytes_max, places: 0 })
    }

    /// Bytes of the file that were read.
    pub(super) fn bytes_read(&self) -> u64 {
        match &self.from {
            Some(Source::Plain(counted)) => counted.at,
            Some(Source::Gzip(members)) => members.get_ref().at(),
            None => 0,
        }
    }

    /// The next record. An error is the disk's.
    pub(super) fn next(&mut self) -> Result<Found, StoreError> {
        let Some(from) = self.from.as_mut() else { return Ok(Found::End) };
        let (found, at) = match from {
            Source::Plain(counted) => {
                let skipped = skip_line_ends(counted);
                let at = counted.at;
                (skipped.and_then(|more| read(counted, more, self.record_bytes_max)), at)
            }
            Source::Gzip(members) => {
                let found = next_in(members, self.record_bytes_max);
                (found, members.get_ref().began)
            }
        };
        let what = match found {
            Ok(found) => return Ok(found),
            Err(what) => what,
        };
        self.places += 1;
        if self.places > PLACES_MAX {
            self.from = None;
            return Ok(Found::Damage(at, format!("{what}; too much is damaged, the rest is given up")));
        }
        match self.go_on(at).map_err(StoreError::io("read", &self.path))? {
            true => Ok(Found::Damage(at, what)),
            false => Ok(Found::Damage(at, format!("{what}; nothing behind it can be read"))),
        }
    }

    /// Goes on at the next record behind a place: at a gzip member that begins with one, or at a line that does.
    fn go_on(&mut self, at: u64) -> io::Result<bool> {
        let Some(from) = self.from.take() else { return Ok(false) };
        let is_gzip = matches!(from, Source::Gzip(_));
        let Some(mut counted) = from.into_file() else { return Ok(false) };
        // A first byte that is damaged makes a compressed file look like none.
        let manners: &[bool] = if is_gzip || at > 0 { &[is_gzip] } else { &[true, false] };
        for &is_gzip in manners {
            let mark: &[u8] = if is_gzip { &GZIP } else { WARC };
            let mut at = at + 1;
            while let Some(found) = counted.find(mark, at)? {
                counted.seek(found)?;
                let mut from = Source::of(counted, is_gzip);
                if from.begins_with(WARC) {
                    self.from = Some(from);
                    return Ok(true);
                }
                let Some(file) = from.into_file() else { return Ok(false) };
                counted = file;
                at = found + 1;
            }
        }
        Ok(false)
    }
}

impl Source {
    fn of(counted: Counted, is_gzip: bool) -> Self {
        if !is_gzip {
            return Source::Plain(counted);
        }
        let began = counted.at;
        Source::Gzip(Box::new(BufReader::new(Members {
            decoder: Some(GzDecoder::new(counted)),
            began,
            in_record: false,
        })))
    }

    fn into_file(self) -> Option<Counted> {
        match self {
            Source::Plain(counted) => Some(counted),
            Source::Gzip(members) => (*members).into_inner().into_file(),
        }
    }

    fn begins_with(&mut self, text: &[u8]) -> bool {
        let start = match self {
            Source::Plain(counted) => counted.fill_buf(),
            Source::Gzip(members) => members.fill_buf(),
        };
        start.is_ok_and(|start| start.starts_with(text))
    }
}

/// The next record of a compressed file. Where each has a member of its own, it counts only once that one's checksum
/// was seen to be right.
fn next_in(members: &mut BufReader<Members>, record_bytes_max: u64) -> Result<Found, String> {
    let text = |error: io::Error| error.to_string();
    while !skip_line_ends(members)? {
        if !members.get_mut().go_on().map_err(text)? {
            return Ok(Found::End);
        }
    }
    members.get_mut().in_record = true;
    let found = read(members, true, record_bytes_max);
    members.get_mut().in_record = false;
    let found = found?;
    if skip_line_ends(members)? {
        let follows = members.fill_buf().map_err(text)?;
        let follows = &follows[..follows.len().min(WARC.len())];
        if !WARC.starts_with(follows) {
            return Err("the record does not end where it says".to_owned());
        }
    }
    Ok(found)
}

/// Passes over what stands between two records; false at the end of the file, or of the member.
fn skip_line_ends(from: &mut impl BufRead) -> Result<bool, String> {
    for _ in 0..LINE_ENDS_MAX {
        match from.fill_buf().map_err(|error| error.to_string())?.first() {
            None => return Ok(false),
            Some(b'\r' | b'\n') => from.consume(1),
            Some(_) => break,
        }
    }
    Ok(true)
}

/// Reads one record; the error says what is wrong with it.
fn read(from: &mut impl BufRead, more: bool, record_bytes_max: u64) -> Result<Found, String> {
    const CUT: &str = "the file ends in a record";
    if !more {
        return Ok(Found::End);
    }
    let text = |error: io::Error| error.to_string();
    let head = Head::read(from, Manner::Theirs)?;
    let mut rest = from.take(head.length);
    if head.length > record_bytes_max {
        io::copy(&mut rest, &mut io::sink()).map_err(text)?;
        return if rest.limit() == 0 { Ok(Found::TooLarge(head)) } else { Err(CUT.to_owned()) };
    }
    // Grown as it comes: a length is not believed before its bytes are there.
    let mut block = Vec::new();
    rest.read_to_end(&mut block).map_err(text)?;
    if rest.limit() > 0 {
        return Err(CUT.to_owned());
    }
    Ok(Found::Record(head, block.into()))
}

/// A file that knows where it is.
struct Counted {
    file: BufReader<File>,
    at: u64,
}

impl Counted {
    fn seek(&mut self, to: u64) -> io::Result<()> {
        self.at = to;
        self.file.seek(SeekFrom::Start(to)).map(drop)
    }

    /// Where some bytes stand next, from a place on.
    fn find(&mut self, what: &[u8], from: u64) -> io::Result<Option<u64>> {
        self.seek(from)?;
        let mut window = Vec::with_capacity(READ_BYTES + what.len());
        let mut window_at = from;
        loop {
            let read = (&mut self.file).take(READ_BYTES as u64).read_to_end(&mut window)?;
            if let Some(found) = memchr::memmem::find(&window, what) {
                return Ok(Some(window_at + found as u64));
            }
            if read == 0 {
                return Ok(None);
            }
            let gone = window.len() - window.len().min(what.len() - 1);
            window.drain(..gone);
            window_at += gone as u64;
        }
    }
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.at += bytes as u64;
        self.file.consume(bytes);
    }
}

/// The members of a gzip file, one behind the other.
struct Members {
    /// Always there but between two members.
    decoder: Option<GzDecoder<Counted>>,
    /// Where the one that is being read begins.
    began: u64,
    /// A record may go on in the next member; between two records the end of one is an end.
    in_record: bool,
}

impl Members {
    /// Begins the next member; false where there is none.
    fn go_on(&mut self) -> io::Result<bool> {
        let Some(decoder) = &mut self.decoder else { return Ok(false) };
        let file = decoder.get_mut();
        let rest = file.fill_buf()?;
        // Zeros behind the last member are padding.
        if rest.first().is_none_or(|byte| *byte == 0) {
            return Ok(false);
        }
        self.began = file.at;
        self.decoder = self.decoder.take().map(|it| GzDecoder::new(it.into_inner()));
        Ok(true)
    }

    fn at(&self) -> u64 {
        self.decoder.as_ref().map_or(self.began, |decoder| decoder.get_ref().at)
    }

    fn into_file(self) -> Option<Counted> {
        self.decoder.map(GzDecoder::into_inner)
    }
}

impl Read for Members {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(out)?;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            if !self.in_record || !self.go_on()? {
                break;
            }
        }
        Ok(0)
    }
}
