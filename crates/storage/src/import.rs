//! Taking in WARC files that others wrote.
//!
//! Owns what becomes of each kind of record, and what is counted. How such files are read is in [`reader`], what the
//! HTTP messages in them say in [`message`], which request belongs to which response in [`join`].
//!
//! A response becomes a record like one that was fetched, with its date; so does a resource, as an answer of status
//! 200 with its type, and a revisit, whose payload is looked for. Its URL is known afterwards, and is not asked for
//! again. Everything else is counted and passed over.
//!
//! The same file twice adds nothing: what has the same URL, date and payload is there already. So an import that was
//! killed is done again, and goes on.

mod join;
mod message;
mod reader;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use serde::Serialize;

use dragline_coding::Bounds;
use dragline_model::{
    CanonicalUrl, Harvest, Outcome, Page, ResponseHead, Timestamp, Timings, Truncation, Visit, VisitId,
};

use crate::{
    DecodedFacts, Parcel, Sealer, Store, StoreError, Writer,
    record::Glance,
    schema,
    seal::Elsewhere,
    warc::{self, head::Head},
};
use join::{Joiner, Pair};
use reader::{Found, Reader};

/// Records of one commit at most, and bytes of them.
const BATCH_RECORDS: usize = 64;
const BATCH_BYTES: usize = 8 << 20;
/// Payloads whose digests in the words of their archive are remembered, so that a revisit finds them: 100 bytes each.
const DIGESTS_MAX: usize = 1 << 20;
/// Examples of each thing that was refused.
const EXAMPLES_MAX: usize = 10;
/// Bytes of an example.
const EXAMPLE_BYTES_MAX: usize = 300;

/// How files are taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOptions {
    /// A record with a larger block is counted and passed over, in bytes: it is held in memory as a whole.
    pub record_bytes_max: u64,
}

impl Default for ImportOptions {
    /// 256 MiB.
    fn default() -> Self {
        Self { record_bytes_max: 256 << 20 }
    }
}

/// What became of the records of some files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// Files read to their end.
    pub files: u64,
    /// Bytes read of all files.
    pub bytes: u64,
    /// Records read, of any kind.
    pub records: u64,
    /// Responses taken in.
    pub responses: u64,
    /// Resources taken in.
    pub resources: u64,
    /// Revisits taken in with the payload that they refer to.
    pub revisits: u64,
    /// Revisits taken in without: it is in another archive.
    pub revisits_elsewhere: u64,
    /// Requests that went with what was taken in.
    pub requests: u64,
    /// What was there already: the same URL, date and payload.
    pub there_already: u64,
    /// What was passed over, by kind.
    pub passed_over: BTreeMap<String, u64>,
    /// What could not be taken in, by reason, with examples.
    pub refused: BTreeMap<&'static str, Refused>,
    /// Damaged places, with what was found there.
    pub damage: Vec<Damaged>,
}

/// Records that could not be taken in for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Refused {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

/// A place of a file that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    /// The file.
    pub file: PathBuf,
    /// Bytes from its start.
    pub offset: u64,
    /// What was found there, and what was made of it.
    pub what: String,
}

impl Imported {
    /// Records taken in.
    pub fn taken(&self) -> u64 {
        self.responses + self.resources + self.revisits + self.revisits_elsewhere
    }

    fn refuse(&mut self, why: &'static str, example: &str) {
        let refused = self.refused.entry(why).or_default();
        refused.count += 1;
        if refused.examples.len() < EXAMPLES_MAX {
            refused.examples.push(crate::record::clip(example, EXAMPLE_BYTES_MAX).to_owned());
        }
    }

    fn pass_over(&mut self, kind: &str) {
        match self.passed_over.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.passed_over.insert(kind.to_owned(), 1)),
        }
    }
}

/// Takes files in, one after another.
///
/// ```no_run
/// # use dragline_storage::{Importer, ImportOptions, Options, Store};
/// let store = Store::create_or_open("dragline-data", Options::default())?;
/// let mut writer = store.writer()?;
/// let mut importer = Importer::new(&store, &mut writer, ImportOptions::default())?;
/// importer.file("theirs.warc.gz", &mut |_| {})?;
/// println!("{} records", importer.finish()?.taken());
/// # Ok::<(), dragline_storage::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Importer<'a> {
    store: Store,
    writer: &'a mut Writer,
    sealer: Sealer,
    options: ImportOptions,
    joiner: Joiner,
    /// Who has a payload, by its digest as their archive spells it: URL and date.
    digests: HashMap<Box<str>, (CanonicalUrl, Timestamp)>,
    batch: Vec<Arc<Parcel>>,
    /// What is in the batch: URL, date and digest.
    batched: HashSet<(String, u64, Option<String>)>,
    batch_bytes: usize,
    imported: Imported,
}

impl<'a> Importer<'a> {
    /// Begins. What a crawl remembers beyond the records is dropped: it knows nothing of what comes.
    pub fn new(store: &Store, writer: &'a mut Writer, options: ImportOptions) -> Result<Self, StoreError> {
        store.checkpoints().discard()?;
        Ok(Self {
            store: store.clone(),
            sealer: store.sealer(),
            writer,
            options,
            joiner: Joiner::default(),
            digests: HashMap::new(),
            batch: Vec::new(),
            batched: HashSet::new(),
            batch_bytes: 0,
            imported: Imported::default(),
        })
    }

    /// Takes a file in: WARC 0.17 to 1.1, plain, as one gzip stream, or a gzip member a record. `tell` hears how far
    /// it is from time to time.
    ///
    /// Damage in the file is no error but counted, as is what cannot be taken in. An ARC file is refused.
    pub fn file(
        &mut self,
        path: impl AsRef<Path>,
        tell: &mut dyn FnMut(&Imported),
    ) -> Result<(), StoreError> {
        let path = path.as_ref();
        let mut reader = Reader::open(path, self.options.record_bytes_max)?;
        let before = self.imported.bytes;
        loop {
            let found = reader.next()?;
            self.imported.bytes = before + reader.bytes_read();
            match found {
                Found::Record(head, block) => {
                    self.imported.records += 1;
                    self.record(head, block)?;
                }
                Found::TooLarge(head) => {
                    self.imported.records += 1;
                    let uri = head.text("WARC-Target-URI").unwrap_or_default();
                    self.imported.refuse("too large", &format!("{uri} ({} bytes)", head.length));
                }
                Found::Damage(offset, what) => {
                    self.imported.damage.push(Damaged { file: path.to_owned(), offset, what });
                }
                Found::End => break,
            }
            if self.batch.len() >= BATCH_RECORDS || self.batch_bytes >= BATCH_BYTES {
                self.commit()?;
                tell(&self.imported);
            }
        }
        // Whose request has not come by the end of the file has none.
        for pair in self.joiner.rest() {
            self.pair(pair)?;
        }
        self.commit()?;
        self.imported.files += 1;
        tell(&self.imported);
        Ok(())
    }

    /// Brings everything to the disk, and says what became of it.
    pub fn finish(mut self) -> Result<Imported, StoreError> {
        self.commit()?;
        self.writer.sync()?;
        Ok(self.imported)
    }

    fn record(&mut self, head: Head, block: Bytes) -> Result<(), StoreError> {
        let kind = head.text("WARC-Type").unwrap_or_default().to_ascii_lowercase();
        match &*kind {
            "response" | "resource" | "revisit" if message::is_of_the_web(&head) => {
                self.joiner.answer(head, block);
            }
            "request" => self.joiner.request(&head, block),
            other => self.imported.pass_over(if other.is_empty() { "without a type" } else { other }),
        }
        while let Some(pair) = self.joiner.ready() {
            self.pair(pair)?;
        }
        Ok(())
    }

    fn pair(&mut self, Pair { head, block, request }: Pair) -> Result<(), StoreError> {
        let uri = message::target(&head);
        let url = match CanonicalUrl::parse(&uri) {
            Ok(url) => url,
            Err(error) => {
                self.imported.refuse("no URL of the web", &format!("{uri}: {error}"));
                return Ok(());
            }
        };
        let Some(date) = head.text("WARC-Date").and_then(message::date) else {
            self.imported.refuse("without a date", url.as_str());
            return Ok(());
        };
        let kind = head.text("WARC-Type").unwrap_or_default().to_ascii_lowercase();
        let answer = match &*kind {
            "resource" => Ok(message::of_resource(&head, block)),
            _ => message::Message::parse(block),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(what) => {
                self.imported.refuse("no HTTP response", &format!("{url}: {what}"));
                return Ok(());
            }
        };
        let request = request.map(message::head_of_request).unwrap_or_default();
        let visit = Visit::first(visit_of(head.id()), url.clone());
        let their_digest = head.text("WARC-Payload-Digest").map(Box::from);
        let mut page = Page {
            status: answer.status,
            request,
            head: ResponseHead::new(answer.head),
            body: answer.body,
            truncated: head.get("WARC-Truncated").map(truncation),
            peer: head.text("WARC-IP-Address").and_then(|ip| Some(SocketAddr::new(ip.parse().ok()?, 0))),
            tls: None,
            timings: Timings::default(),
        };
        let mut elsewhere = None;
        if kind == "revisit" {
            match self.payload_of(&head, their_digest.as_deref())? {
                Some(body) => page.body = body,
                None => {
                    page.body = Bytes::new();
                    elsewhere = Some(Elsewhere {
                        digest: their_digest.as_deref().map(str::to_owned),
                        profile: head.text("WARC-Profile").unwrap_or_default().to_owned(),
                        url: head.text("WARC-Refers-To-Target-URI").map(str::to_owned),
                        date: head.text("WARC-Refers-To-Date").map(str::to_owned),
                    });
                }
            }
        }
        if self.is_there(&url, date, &page, elsewhere.is_some())? {
            self.imported.there_already += 1;
            self.remember(their_digest, &url, date, elsewhere.is_some());
            return Ok(());
        }
        self.imported.requests += u64::from(!page.request.is_empty());
        let counted = match (&*kind, &elsewhere) {
            ("resource", _) => &mut self.imported.resources,
            ("revisit", None) => &mut self.imported.revisits,
            ("revisit", Some(_)) => &mut self.imported.revisits_elsewhere,
            _ => &mut self.imported.responses,
        };
        *counted += 1;
        self.remember(their_digest, &url, date, elsewhere.is_some());
        self.batch_bytes += page.body.len() + page.head.as_bytes().len();
        let size = size(&page);
        let harvest = Harvest::bare(visit, date, Outcome::Page(Box::new(page)));
        let parcel = self.sealer.seal_imported(harvest, DecodedFacts { size }, elsewhere);
        self.batch.push(Arc::new(parcel));
        Ok(())
    }

    /// Notes who has a payload.
    fn remember(
        &mut self,
        digest: Option<Box<str>>,
        url: &CanonicalUrl,
        date: Timestamp,
        is_elsewhere: bool,
    ) {
        if let Some(digest) = digest.filter(|_| !is_elsewhere && self.digests.len() < DIGESTS_MAX) {
            self.digests.entry(digest).or_insert_with(|| (url.clone(), date));
        }
    }

    /// The payload that a revisit refers to, by its URL and date or by its digest, if it is here.
    fn payload_of(&mut self, head: &Head, digest: Option<&str>) -> Result<Option<Bytes>, StoreError> {
        let by_reference = || {
            let url = message::bare(head.text("WARC-Refers-To-Target-URI")?);
            let date = message::date(head.text("WARC-Refers-To-Date")?)?;
            Some((CanonicalUrl::parse(url).ok()?, date))
        };
        let by_digest = digest.and_then(|digest| self.digests.get(digest).cloned());
        for (url, date) in by_reference().into_iter().chain(by_digest) {
            // It may be among what is not committed yet.
            self.commit()?;
            for record in self.store.history(&url)?.into_iter().rev() {
                if record.fetched_at == date && record.status.is_some() && record.absent.is_none() {
                    return self.store.payload(&record).map(|payload| Some(payload.body));
                }
            }
        }
        Ok(None)
    }

    /// Whether a record of that URL, date and payload is there; if not it is noted as being in the batch.
    fn is_there(
        &mut self,
        url: &CanonicalUrl,
        date: Timestamp,
        page: &Page,
        is_elsewhere: bool,
    ) -> Result<bool, StoreError> {
        let digest = (!is_elsewhere).then(|| warc::digest(&page.body).1);
        let index = &self.store.shared.index;
        for visit in index.visits(&schema::url_prefix(url))? {
            let Some(row) = index.row(visit?.1)? else { continue };
            let Ok(glance) = Glance::parse(row.json()) else { continue };
            let same_date = glance.fetched_at().is_ok_and(|at| at == date);
            if same_date && (is_elsewhere || glance.digest.as_deref() == digest.as_deref()) {
                return Ok(true);
            }
        }
        Ok(!self.batched.insert((url.as_str().to_owned(), date.0, digest)))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.writer.commit(&self.batch)?;
        self.batch.clear();
        self.batched.clear();
        self.batch_bytes = 0;
        Ok(())
    }
}

/// A visit's number, of a record's id: the same for the same record, and none that a crawl gives.
fn visit_of(id: &[u8]) -> VisitId {
    const IMPORTED: u64 = 1 << 63;
    VisitId(warc::digest(id).0 | IMPORTED)
}

/// WARC 1.1 §5.13 has more reasons than there are limits of ours; whatever was none of bytes was one of time.
fn truncation(reason: &[u8]) -> Truncation {
    if reason.eq_ignore_ascii_case(b"length") { Truncation::Length } else { Truncation::Time }
}

/// Bytes of a body with its content coding undone; of one that cannot be undone, as it is.
fn size(page: &Page) -> u64 {
    let coding = page.head.content_encoding();
    let decoded = dragline_coding::decode(coding.as_deref(), page.body.clone(), &Bounds::default());
    decoded.map_or(page.body.len(), |decoded| decoded.bytes.len()) as u64
}

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    //! Reading without a store to put anything into.
    use super::*;

    /// Blocks are small: memory is bounded while fuzzing.
    const RECORD_BYTES_MAX: u64 = 1 << 20;

    pub(crate) fn read(file: &Path) {
        let Ok(mut reader) = Reader::open(file, RECORD_BYTES_MAX) else { return };
        let mut joiner = Joiner::default();
        while let Ok(found) = reader.next() {
            match found {
                Found::End => break,
                Found::Record(head, block) => {
                    assert!(block.len() as u64 == head.length);
                    let _ = head.text("WARC-Date").and_then(message::date);
                    if head.text("WARC-Type") == Some("request") {
                        joiner.request(&head, block);
                    } else {
                        joiner.answer(head, block);
                    }
                    while let Some(Pair { head, block, .. }) = joiner.ready() {
                        let _ = CanonicalUrl::parse(&message::target(&head));
                        let length = block.len();
                        if let Ok(message) = message::Message::parse(block) {
                            assert!(message.head.len() + message.body.len() <= length);
                        }
                    }
                }
                Found::TooLarge(_) | Found::Damage(..) => {}
            }
        }
    }
}
