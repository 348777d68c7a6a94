//! A store: opening it, and reading from it.
//!
//! Owns what all users of one store share. Only the [`Writer`] changes it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

use dragline_model::{CanonicalUrl, Fingerprint, Purpose};

use crate::{
    Checkpoints, Feed, Query, Record, Recovery, Replayed, Sealer, Stats, StoreError, Tails, Totals, Writer,
    archive::{Disk, SystemDisk},
    asking::{caller::Caller, desk},
    compact::swap,
    error::REBUILD,
    frontier::{self, FrontierHome},
    home::{self, Home},
    index::{Index, Row, Source as _, Tree},
    rebuild,
    record::Entry,
    recover,
    recover::Replaying,
    replay, schema, stats,
};

/// How a store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Memory that the index may take, in bytes: what sled caches, and what it has in memory whatever it caches. That
    /// is 8 MB, and 13 to 16 MB for each million records (it is reckoned when the index is opened): less cannot be kept.
    /// What a [`Writer`] knows comes on top, 20 bytes a URL, and what it has not written yet: 60 MB where it commits
    /// twenty thousand records a second.
    pub index_memory: u64,
    /// An archive segment is closed before it grows past this; a single page larger than it gets a segment
    /// of its own. One gibibyte is what WARC 1.1 (annex C) advises.
    pub segment_bytes: u64,
    /// An archive segment is closed once it is as old as this, so that what came in a day is in files of that day;
    /// `None` for never. A page is there to be asked for at once, whatever segment it is in.
    pub segment_age: Option<Duration>,
    /// How often what was committed is brought to the disk: what a power cut can lose.
    pub sync_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            index_memory: 128 << 20,
            segment_bytes: 1 << 30,
            segment_age: Some(Duration::from_secs(24 * 60 * 60)),
            sync_every: Duration::from_millis(500),
        }
    }
}

/// The store of a crawl, open: this process holds its directory until the last clone is gone.
///
/// Everything committed before the call is seen by it, whichever thread committed. Reading blocks on the
/// disk: call it from threads that may.
#[derive(Clone)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

/// What all clones of a [`Store`] and its [`Writer`] have in common.
pub(crate) struct Shared {
    pub(crate) index: Index,
    /// What the index is written by.
    pub(crate) tree: Arc<Tree>,
    pub(crate) options: Options,
    pub(crate) disk: Arc<dyn Disk>,
    /// A writer is alive.
    pub(crate) writer_out: AtomicBool,
    /// What opening had to do, until the first writer takes it.
    pub(crate) recovery: Mutex<Recovery>,
    pub(crate) frontier: FrontierHome,
    /// Last: the directory is given back after everything in it is closed.
    pub(crate) home: Home,
}

/// Answers who asks for the records of a store that this process has: see [`Store::serve`]. Dropped, it lets those
/// who are being answered finish, for two seconds at most.
#[must_use = "who asks is answered while this lives"]
pub struct Desk {
    _open: desk::Desk,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.shared.home.dir).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens an existing store. What a killed process left half done is put right first: see [`Recovery`].
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        Self::from_home(Home::open(dir.as_ref())?, options, Arc::new(SystemDisk))
    }

    /// Opens an existing store to read it, whether or not another process has it: one that has it and answers
    /// ([`Store::serve`]) is asked. What is asked for the writing of, from a store that another process has, is
    /// refused with [`StoreError::Locked`].
    pub fn open_to_read(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        // What is no store, or of a newer format, is said by the opening below.
        if let Ok(home) = Home::look_into(dir)
            && let Some(caller) = Caller::call(dir, home.mark)?
        {
            return Ok(Self::of_another(home, caller, options));
        }
        Self::open(dir, options)
    }

    /// A store that another process has.
    fn of_another(home: Home, caller: Caller, options: Options) -> Self {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let frontier = FrontierHome::new(home.frontier(), disk.clone());
        let tree = Arc::new(Tree::of_another(home.index()));
        let index = Index::new(Arc::new(caller));
        let (recovery, writer_out) = (Mutex::default(), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { index, tree, options, disk, writer_out, recovery, frontier, home }) }
    }

    /// Answers other processes that want to read this store, for as long as the desk lives.
    pub fn serve(&self) -> Result<Desk, StoreError> {
        self.shared.home.check_ours()?;
        let archivist = desk::Archivist { mark: self.shared.home.mark, source: self.shared.index.source() };
        desk::Desk::open(self.dir(), archivist)
            .map(|desk| Desk { _open: desk })
            .map_err(StoreError::io("open a socket in", self.dir()))
    }

    /// Opens a store; makes it first where the directory is empty or missing.
    pub fn create_or_open(dir: impl AsRef<Path>, options: Options) -> Result<Self, StoreError> {
        Self::from_home(Home::create_or_open(dir.as_ref())?, options, Arc::new(SystemDisk))
    }

    #[cfg(test)]
    pub(crate) fn on_disk(dir: &Path, options: Options, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        Self::from_home(Home::create_or_open(dir)?, options, disk)
    }

    /// Opens a store whose compaction was committed a moment ago; `at` is called while it is finished.
    pub(crate) fn open_after_swap(
        dir: &Path,
        options: Options,
        at: &mut dyn FnMut(swap::Moment),
    ) -> Result<Self, StoreError> {
        let home = Home::open(dir)?;
        swap::settle(&home, at)?;
        Self::from_home(home, options, Arc::new(SystemDisk))
    }

    fn from_home(home: Home, options: Options, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        let mut log = recover::Log::default();
        Self::from_home_telling(home, options, disk, &mut |now| log.tell(now))
    }

    /// `tell` hears how far the index is, where it has to be brought up to the archive.
    pub(crate) fn from_home_telling(
        home: Home,
        options: Options,
        disk: Arc<dyn Disk>,
        tell: &mut dyn FnMut(Replaying),
    ) -> Result<Self, StoreError> {
        swap::settle(&home, &mut |_| {})?;
        let frontier = FrontierHome::new(home.frontier(), disk.clone());
        // Before anything here or elsewhere has a fingerprint: the replay below makes some.
        if let Some(key) = frontier::log::kept_key(&frontier.dir, home.mark)
            && !Fingerprint::adopt_key(key)
        {
            tracing::info!(store = %home.dir.display(), "fingerprints have another key already than this store's");
        }
        let archive = home.archive();
        home::make_private(&archive).map_err(StoreError::io("create", &archive))?;
        let (mut tree, index_moved) = Tree::open(home.index(), options.index_memory)?;
        if recover::lost_its_end(&archive, tree.state()?.reached)? {
            tracing::warn!(
                store = %home.dir.display(),
                "the end of the archive did not reach the disk: the index is made anew from what did"
            );
            drop(tree);
            rebuild::begin(&home)?;
            tree = Tree::open(home.index(), options.index_memory)?.0;
        }
        if tree.is_of_another_format()? {
            recover::check_not_behind(&archive, tree.state()?.reached)?;
            tracing::info!(store = %home.dir.display(), "the index has another format: it is made anew from the archive");
            drop(tree);
            fs::remove_dir_all(home.index()).map_err(StoreError::io("remove", &home.index()))?;
            tree = Tree::open(home.index(), options.index_memory)?.0;
        }
        let tree = Arc::new(tree);
        if let Some(moved) = &index_moved {
            tracing::warn!(
                moved_to = %moved.display(),
                "the index is damaged and was moved aside: it is made anew from the archive"
            );
        }
        rebuild::begun(&home, tree.state()?.reached)?;
        // An index that is on its way lacks what was long on the disk: damage there is old damage, and no end.
        let ends_at_damage = !rebuild::is_on(&home);
        let (_, mut recovery) =
            recover::catch_up_telling(&tree, &archive, home.mark, &*disk, ends_at_damage, tell)?;
        if rebuild::is_on(&home) {
            tree.flush()?;
            rebuild::is_done(&home)?;
        }
        recovery.index_moved = index_moved;
        let (recovery, writer_out) = (Mutex::new(recovery), AtomicBool::new(false));
        let index = Index::new(tree.clone());
        Ok(Self {
            shared: Arc::new(Shared { index, tree, options, disk, writer_out, recovery, frontier, home }),
        })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.shared.home.dir
    }

    /// The directory with the WARC segments.
    pub fn archive_dir(&self) -> PathBuf {
        self.shared.home.archive()
    }

    /// What opening the store had to put right.
    pub fn recovered(&self) -> Recovery {
        self.shared.recovery.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A sealer for a thread that fetches; its parcels are for this store alone.
    pub fn sealer(&self) -> Sealer {
        Sealer::new(self.shared.home.mark)
    }

    /// The one writer. Takes in every known URL: a tenth of a second for a million, three seconds for a million
    /// records where the log of what is known is missing.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        self.shared.home.check_ours()?;
        Writer::open(self.shared.clone())
    }

    /// The tails of queues, one at a time: an error where they are with somebody already.
    pub fn tails(&self) -> Result<Tails, StoreError> {
        Tails::open(self.shared.clone())
    }

    /// The checkpoint of a frontier.
    pub fn checkpoints(&self) -> Checkpoints {
        Checkpoints::new(self.shared.clone())
    }

    /// Hands out everything that was committed behind `after_seq`, in order, as it was told when it was committed.
    ///
    /// Not kept, and so absent: [`Receipt::sketch`], a robots.txt of more than 64 KiB, the time that a failure took.
    /// Times are exact to the microsecond. An error means that nothing can be built on what was handed out.
    ///
    /// [`Receipt::sketch`]: dragline_model::Receipt::sketch
    pub fn replay(&self, after_seq: u64, each: impl FnMut(Replayed)) -> Result<(), StoreError> {
        replay::replay(self, after_seq, each)
    }

    /// Sums over the whole store, at no cost.
    pub fn facts(&self) -> Result<Totals, StoreError> {
        Ok(self.shared.index.state()?.totals)
    }

    /// The sequence number of the last commit; 0 where there is none.
    pub fn last_seq(&self) -> Result<u64, StoreError> {
        Ok(self.shared.index.state()?.last_seq)
    }

    /// What is there, by host, status, type, size and day. Reads every record: see `benches/README.md` for how long.
    pub fn stats(&self) -> Result<Stats, StoreError> {
        stats::collect(self)
    }

    /// Asks for records.
    pub fn pages(&self) -> Query {
        Query::new(self.clone())
    }

    /// Everything that was committed behind a record, and what will be: `store.since(0)` is everything.
    pub fn since(&self, seq: u64) -> Feed {
        Feed::new(self.clone(), seq)
    }

    /// The latest record of a URL; of one that was also asked for as a robots.txt, the latest of the others.
    pub fn get(&self, url: &CanonicalUrl) -> Result<Option<Record>, StoreError> {
        let mut robots = None;
        for visit in self.shared.index.visits(&schema::url_prefix(url))?.rev() {
            match self.record(visit?.1)? {
                Some(record) if record.purpose == Purpose::Robots => {
                    robots.get_or_insert(record);
                }
                Some(record) => return Ok(Some(record)),
                None => {}
            }
        }
        Ok(robots)
    }

    /// Every record of a URL, the oldest first.
    pub fn history(&self, url: &CanonicalUrl) -> Result<Vec<Record>, StoreError> {
        let visits = self.shared.index.visits(&schema::url_prefix(url))?;
        visits.filter_map(|visit| visit.and_then(|(_, seq)| self.record(seq)).transpose()).collect()
    }

    /// The record with a sequence number. `None` where there is none, or where it is no visit's.
    pub fn record(&self, seq: u64) -> Result<Option<Record>, StoreError> {
        self.shared.index.row(seq)?.map_or(Ok(None), |row| self.parse(&row))
    }

    /// The record of a row; `None` for seeds.
    pub(crate) fn parse(&self, row: &Row) -> Result<Option<Record>, StoreError> {
        match Entry::parse(row.json()) {
            Ok(Entry::Page(record)) => Ok(Some(*record)),
            Ok(Entry::Seeds { .. }) => Ok(None),
            Err(what) => {
                let what = format!("record {}: {what}", row.seq);
                Err(StoreError::corrupt(self.shared.index.path(), what, REBUILD))
            }
        }
    }
}
