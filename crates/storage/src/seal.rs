//! Making a harvest ready to be committed, on the thread that fetched it.
//!
//! Owns the work that costs processor time: digest, WARC records, compression, JSON. Never touches a file, and
//! never knows what is in the store: a [`Parcel`] is the same whatever was committed before it.

use bytes::Bytes;

use dragline_model::{
    CanonicalUrl, Failure, Harvest, Link, Outcome, Page, Receipt, RobotsAnswer, Settled, Sketch, Timestamp,
    Timings, Validators, Visit, VisitId,
};

use crate::{
    gzip::{Effort, Gzip, Mark},
    record::{Absence, Record, clip},
    schema,
    warc::{self, GroupId, write::Of},
};

/// A body that is compressed already, from this size on, is stored and not compressed again; below it the heads
/// around it are worth the effort.
const STORED_BYTES_MIN: usize = 16 << 10;
/// Buffers that grew past this for one large body are given back.
const BUFFER_BYTES_MAX: usize = 4 << 20;
/// Longest text of a server that is copied into a record (`Location`, `Content-Type`, `Retry-After`).
const FIELD_BYTES_MAX: usize = 8192;
/// Bytes of links that one record may have: with all else that is in it, far from what a scan refuses to read.
const LINKS_BYTES_MAX: usize = 16 << 20;
/// What JSON says of a link besides its URL, at most.
const LINK_BYTES: usize = 64;
/// Longest robots.txt that is copied into a record, for the index keeps records in memory for a while and larger ones
/// for good; one in a thousand is longer. After a crash such a one may have to be asked for again.
const ROBOTS_BYTES_MAX: usize = 64 << 10;

/// What is known of a body once its content coding is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodedFacts {
    /// Its length in bytes; 0 for a failure.
    pub size: u64,
}

/// What a revisit says of a payload that is in another archive, in that one's words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Elsewhere {
    pub(crate) digest: Option<String>,
    pub(crate) profile: String,
    pub(crate) url: Option<String>,
    pub(crate) date: Option<String>,
}

/// Seals harvests. One for each thread that fetches: it keeps a compressor (half a megabyte) and its buffers.
#[derive(Debug)]
pub struct Sealer {
    mark: Mark,
    gzip: Gzip,
    record: Vec<u8>,
    members: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(mark: Mark) -> Self {
        Self { mark, gzip: Gzip::new(mark), record: Vec::new(), members: Vec::new() }
    }

    /// Makes a parcel of a harvest. The body is read once for its digest and once for compression, and is
    /// dropped here.
    pub fn seal(&mut self, harvest: Harvest, decoded: DecodedFacts) -> Parcel {
        self.seal_imported(harvest, decoded, None)
    }

    /// The same for what comes from another archive, and perhaps without its payload.
    pub(crate) fn seal_imported(
        &mut self,
        harvest: Harvest,
        decoded: DecodedFacts,
        elsewhere: Option<Elsewhere>,
    ) -> Parcel {
        let Harvest { visit, fetched_at, outcome, mut links, extract_error, facts, robots, sketch } = harvest;
        let id = GroupId::of_visit(self.mark, visit.id, fetched_at, visit.url.as_str());
        let mut record = empty_record(&visit, fetched_at);
        record.extract_error = extract_error;
        if let Some(cut) = cut_links(&mut links) {
            let said = record.extract_error.take().map_or(String::new(), |said| said + "; ");
            record.extract_error = Some(said + &cut);
        }
        record.facts = (!facts.is_empty()).then(|| Box::new(facts));
        record.robots = robots.clone().filter(|answer| answer.body.len() <= ROBOTS_BYTES_MAX);
        let answer = match outcome {
            Outcome::Failure(failure) => {
                record.error = Some(failure);
                None
            }
            Outcome::Page(page) => {
                Some(self.seal_page(&mut record, id, &page, decoded, visit.copy.as_deref(), elsewhere))
            }
        };
        // Every value is a string, a number or an address: JSON has a spelling for all of them.
        let middle = record.middle().unwrap_or_default();
        Parcel {
            id,
            settled: record.settled(),
            url_key: schema::url_prefix(&visit.url),
            visit,
            robots,
            sketch,
            fetched_at,
            record,
            middle: middle.into(),
            links,
            answer,
        }
    }

    /// The records of a response. One that says that a copy still holds is not written yet, nor has it a digest: the
    /// payload that it stands for is known to the writer.
    fn seal_page(
        &mut self,
        record: &mut Record,
        id: GroupId,
        page: &Page,
        decoded: DecodedFacts,
        copy: Option<&Validators>,
        elsewhere: Option<Elsewhere>,
    ) -> Answer {
        let (payload_key, digest) = warc::digest(&page.body);
        record.status = Some(page.status);
        record.mime = page.head.mime().map(|m| shortened(&m));
        record.size = decoded.size;
        record.bytes = page.body.len() as u64;
        record.truncated = page.truncated;
        // What came without a measure has none.
        record.timings = Some(page.timings).filter(|timings| *timings != Timings::default());
        record.peer = page.peer.map(|p| p.ip());
        record.tls = page.tls;
        let field = |name: &str| page.head.field(name).map(|v| shortened(&String::from_utf8_lossy(v)));
        record.etag = field("etag");
        record.last_modified = field("last-modified");
        let not_modified = copy.filter(|_| record.is_not_modified() && page.body.is_empty());
        if let Some(copy) = not_modified {
            // What the server does not say again still holds (RFC 9111 §4.3.4).
            record.etag = record.etag.take().or_else(|| copy.etag.clone());
            record.last_modified = record.last_modified.take().or_else(|| copy.last_modified.clone());
        }
        record.location = redirect_target(&record.url, page);
        record.retry_after = matches!(page.status, 429 | 503)
            .then(|| page.head.field("retry-after"))
            .flatten()
            .map(|v| shortened(&String::from_utf8_lossy(v)));

        let head = warc::write::stored_head(page.head.as_bytes(), page.body.len());
        let of = Of { id, url: record.url.as_str(), date: record.fetched_at, peer: record.peer };
        let coded = page.head.field("content-encoding").is_some_and(|c| !c.eq_ignore_ascii_case(b"identity"));
        let packed = coded || record.mime.as_deref().is_some_and(is_packed);
        let effort = if packed && page.body.len() >= STORED_BYTES_MIN { Effort::None } else { Effort::Light };

        self.members.clear();
        self.record.clear();
        let mut response = 0;
        if let Some(elsewhere) = elsewhere {
            warc::write::revisit_elsewhere(&mut self.record, of, &elsewhere, page.truncated, &head);
            response = self.gzip.member(&self.record, effort, &mut self.members);
            self.record.clear();
            record.digest = elsewhere.digest.filter(|digest| warc::digest_key(digest).is_some());
            record.absent = Some(Absence::Elsewhere);
        } else if not_modified.is_none() {
            warc::write::response(&mut self.record, of, &digest, page.truncated, &head, &page.body);
            response = self.gzip.member(&self.record, effort, &mut self.members);
            self.record.clear();
            record.digest = Some(digest);
        }
        // What was not asked by us may have come without its request.
        let mut request = 0;
        if !page.request.is_empty() {
            warc::write::request(&mut self.record, of, &page.request);
            request = self.gzip.member(&self.record, Effort::Light, &mut self.members);
        }
        let answer = Answer {
            members: Bytes::copy_from_slice(&self.members),
            response: response as u64,
            request: request as u64,
            head: head.into_owned().into(),
            payload_key,
        };
        for buffer in [&mut self.record, &mut self.members] {
            if buffer.capacity() > BUFFER_BYTES_MAX {
                *buffer = Vec::new();
            }
        }
        answer
    }
}

/// Whether what is of a type is compressed as it is: to try again costs time and saves nothing.
fn is_packed(mime: &str) -> bool {
    // Of its kind, but text or plain samples.
    const LOOSE: [&str; 8] = [
        "image/svg+xml",
        "image/bmp",
        "image/x-ms-bmp",
        "image/tiff",
        "image/x-icon",
        "image/vnd.microsoft.icon",
        "audio/wav",
        "audio/x-wav",
    ];
    const PACKED: [&str; 19] = [
        "application/zip",
        "application/gzip",
        "application/x-gzip",
        "application/x-bzip2",
        "application/x-xz",
        "application/zstd",
        "application/x-7z-compressed",
        "application/x-rar-compressed",
        "application/vnd.rar",
        "application/x-compressed-tar",
        "application/java-archive",
        "application/vnd.android.package-archive",
        "application/vnd.debian.binary-package",
        "application/epub+zip",
        "application/font-woff",
        "application/font-woff2",
        "application/x-font-woff",
        "font/woff",
        "font/woff2",
    ];
    let of_kind = ["image/", "video/", "audio/"].iter().any(|kind| mime.starts_with(kind));
    of_kind && !LOOSE.contains(&mime)
        || PACKED.contains(&mime)
        // Office documents are zip files.
        || mime.starts_with("application/vnd.openxmlformats-officedocument.")
        || mime.starts_with("application/vnd.oasis.opendocument.")
}

/// Leaves out the links that are too many bytes for one record, and says so.
fn cut_links(links: &mut Vec<Link>) -> Option<String> {
    let mut bytes = 0;
    let fit = links.iter().take_while(|link| {
        bytes += link.url.as_str().len() + LINK_BYTES;
        bytes <= LINKS_BYTES_MAX
    });
    let fit = fit.count();
    let beyond = links.len() - fit;
    links.truncate(fit);
    (beyond > 0).then(|| format!("{beyond} links beyond {} MiB of them were left out", LINKS_BYTES_MAX >> 20))
}

fn empty_record(visit: &Visit, fetched_at: Timestamp) -> Record {
    Record {
        seq: 0,
        visit: visit.id,
        url: visit.url.clone(),
        status: None,
        fetched_at,
        mime: None,
        size: 0,
        bytes: 0,
        digest: None,
        depth: visit.depth,
        hops: visit.hops,
        off: visit.off,
        purpose: visit.purpose,
        copy: visit.copy.as_ref().map(|copy| copy.seq),
        steady: 0,
        changed_at: None,
        etag: None,
        last_modified: None,
        facts: None,
        via: visit.via.clone(),
        location: None,
        retry_after: None,
        truncated: None,
        attempts: visit.attempt,
        error: None,
        timings: None,
        peer: None,
        tls: None,
        extract_error: None,
        robots: None,
        payload_of: None,
        absent: None,
        links: Vec::new(),
    }
}

/// Where a 3xx leads (RFC 9110 §10.2.2): absolute, or in the server's words where it is no URL.
fn redirect_target(url: &CanonicalUrl, page: &Page) -> Option<String> {
    if !(300..400).contains(&page.status) {
        return None;
    }
    let given = String::from_utf8_lossy(page.head.field("location")?).into_owned();
    Some(url.join(&given).map_or_else(|_| shortened(&given), |target| target.as_str().to_owned()))
}

fn shortened(text: &str) -> String {
    clip(text, FIELD_BYTES_MAX).to_owned()
}

/// A harvest ready to be committed: what is said of it, and its WARC records compressed. The body itself is
/// gone. Cheap to share, and good for as many attempts to commit it as are needed.
#[derive(Debug)]
pub struct Parcel {
    visit: Visit,
    pub(crate) id: GroupId,
    settled: Settled,
    robots: Option<Box<RobotsAnswer>>,
    sketch: Option<Sketch>,
    pub(crate) url_key: Vec<u8>,
    pub(crate) fetched_at: Timestamp,
    pub(crate) record: Record,
    pub(crate) middle: Box<[u8]>,
    pub(crate) links: Vec<Link>,
    pub(crate) answer: Option<Answer>,
}

/// The part of a parcel that only a response has.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Two gzip members: the `response` record, the `request` record. The second alone, where the first is left to
    /// the writer.
    pub(crate) members: Bytes,
    /// Bytes of the first; 0 where it is not there.
    pub(crate) response: u64,
    /// Bytes of the second; 0 where it is not there.
    pub(crate) request: u64,
    /// The head as it is stored, in case the payload turns out to be known.
    pub(crate) head: Box<[u8]>,
    /// See [`warc::digest_key`].
    pub(crate) payload_key: u64,
}

impl Parcel {
    /// The visit that brought it.
    pub fn visit(&self) -> VisitId {
        self.visit.id
    }

    /// What was asked for.
    pub fn url(&self) -> &CanonicalUrl {
        &self.visit.url
    }

    /// What is said of it once it is committed.
    pub(crate) fn receipt(&self, seq: u64, is_repeat: bool, new_links: Vec<Link>) -> Receipt {
        Receipt {
            visit: self.visit.clone(),
            fetched_at: self.fetched_at,
            timings: self.record.timings.or_else(|| self.record.error.as_ref()?.timings.as_deref().copied()),
            is_repeat,
            sketch: self.sketch.clone(),
            robots: self.robots.clone(),
            seq,
            settled: self.settled.clone(),
            new_links,
        }
    }

    /// What came of it.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        self.record.error.as_ref()
    }

    /// The links that may be new.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Bytes of memory it holds, roughly.
    pub fn bytes(&self) -> u64 {
        let links: usize = self.links.iter().map(|l| l.url.as_str().len() + size_of::<Link>()).sum();
        let answer = self.answer.as_ref().map_or(0, |a| a.members.len() + a.head.len());
        (size_of::<Self>() + links + answer + self.middle.len() + 3 * self.visit.url.as_str().len()) as u64
    }
}
