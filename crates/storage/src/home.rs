//! The directory of a store: whether it is one, whose it is, and which format it has.
//!
//! Owns `lock` and `meta.json`. Never writes into a directory that is neither a store nor empty.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    hash::{BuildHasher as _, RandomState},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{
    StoreError, archive,
    error::FOREIGN_ID,
    fsck::{self, Checkup, Finding, Severity},
    gzip::{self, Mark},
    record::{clip, spell_time},
    schema::FORMAT,
    warc,
};

const LOCK: &str = "lock";
const ARCHIVE: &str = "archive";
const META: &str = "meta.json";
/// `meta.json` before it is whole; left behind by a process that died making a store.
const META_NEW: &str = "meta.json.new";
/// Longest description of a holder that is written, and read.
const HOLDER_BYTES_MAX: usize = 1024;
/// How long to wait for a store that somebody holds. A process that was killed holds it until the system has taken
/// back its memory, which for a large one takes a good part of a second: whoever kills a crawl and starts it again
/// at once need not know that. A store that is really in use is refused that much later, and still within the second
/// in which a person takes a refusal for one.
const LOCK_PATIENCE: Duration = Duration::from_millis(700);
/// How often to look again meanwhile.
const LOCK_POLL: Duration = Duration::from_millis(5);
/// Members of the archive that are asked for its mark: some pages, so that opening costs a millisecond.
const MEMBERS_ASKED: usize = 16;
/// Longest `meta.json` that is read.
const META_BYTES_MAX: u64 = 64 << 10;

/// A store's directory, held by this process for as long as this lives; or only looked into, while another has it.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) dir: PathBuf,
    pub(crate) mark: Mark,
    /// The format it is in, until something is written.
    format: AtomicU32,
    /// The lock goes with the file.
    lock: Option<File>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Meta {
    /// The format of everything in the directory.
    format: u32,
    /// What made it.
    tool: String,
    /// When, RFC 3339.
    created: String,
    /// The mark of its archive, 16 hexadecimal digits.
    id: String,
}

impl Home {
    /// Takes possession of an existing store.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        if !dir.join(META).exists() {
            let why = match fs::read_dir(dir) {
                Ok(_) if dir.join(ARCHIVE).exists() => {
                    "its meta.json is gone; if it was one, `dragline rebuild` makes it anew".to_owned()
                }
                Ok(_) => "it has no meta.json".to_owned(),
                Err(error) => error.to_string(),
            };
            return Err(StoreError::NotAStore { dir: dir.to_owned(), why });
        }
        // First of all: what is newer, or somebody else's, is not touched, not even locked.
        refuse_others(dir)?;
        read_meta(dir)?;
        let lock = take_lock(dir)?;
        let (meta, mark) = read_meta(dir)?;
        if let Some(theirs) = mark_of_archive(&dir.join(ARCHIVE)).filter(|theirs| *theirs != mark) {
            let what = format!("its id is not its archive's, {:016x}", u64::from_be_bytes(theirs));
            return Err(StoreError::corrupt(&dir.join(META), what, FOREIGN_ID));
        }
        Ok(Self::new(dir, meta.format, mark, lock))
    }

    fn new(dir: &Path, format: u32, mark: Mark, lock: File) -> Self {
        Self { dir: dir.to_owned(), mark, format: format.into(), lock: Some(lock) }
    }

    /// Looks into a store that another process has.
    pub(crate) fn look_into(dir: &Path) -> Result<Self, StoreError> {
        refuse_others(dir)?;
        let (meta, mark) = read_meta(dir)?;
        Ok(Self { dir: dir.to_owned(), mark, format: meta.format.into(), lock: None })
    }

    /// An error where another process has it: nothing may be changed then.
    pub(crate) fn check_ours(&self) -> Result<(), StoreError> {
        match self.lock {
            Some(_) => Ok(()),
            None => Err(StoreError::Locked { dir: self.dir.clone(), holder: read_holder(&self.dir) }),
        }
    }

    /// Takes possession of a store, and makes it first where there is nothing.
    pub(crate) fn create_or_open(dir: &Path) -> Result<Self, StoreError> {
        if dir.join(META).exists() {
            return Self::open(dir);
        }
        make_private(dir).map_err(StoreError::io("create", dir))?;
        refuse_foreign(dir)?;
        refuse_others(dir)?;
        let lock = take_lock(dir)?;
        // Somebody else may have made it while we waited for nothing.
        if !dir.join(META).exists() {
            refuse_foreign(dir)?;
            #[cfg(unix)]
            fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
                .map_err(StoreError::io("protect", dir))?;
            write_meta(dir, &Meta::new(RandomState::new().hash_one(std::process::id()).to_be_bytes()))?;
        }
        let (meta, mark) = read_meta(dir)?;
        Ok(Self::new(dir, meta.format, mark, lock))
    }

    /// Takes possession of a store whose index is to be made anew. Its archive says whose it is: a `meta.json`
    /// that is lost or damaged is made anew too.
    pub(crate) fn open_for_rebuild(dir: &Path) -> Result<Self, StoreError> {
        let known = match read_meta(dir) {
            Err(newer @ StoreError::NewerFormat { .. }) => return Err(newer),
            known => known.ok(),
        };
        match mark_of_archive(&dir.join(ARCHIVE)) {
            Some(mark) if known.is_none_or(|(_, known)| known != mark) => {
                refuse_others(dir)?;
                let lock = take_lock(dir)?;
                write_meta(dir, &Meta::new(mark))?;
                Ok(Self::new(dir, FORMAT, mark, lock))
            }
            _ => Self::open(dir),
        }
    }

    /// Takes possession of a store to look for damage: what is wrong with `meta.json` is told, and not changed.
    pub(crate) fn open_for_check(dir: &Path, checkup: &mut Checkup) -> Result<Self, StoreError> {
        let known = match read_meta(dir) {
            Err(newer @ StoreError::NewerFormat { .. }) => return Err(newer),
            known => known,
        };
        let of_archive = mark_of_archive(&dir.join(ARCHIVE));
        let what = match (&known, of_archive) {
            (Ok((_, mark)), Some(theirs)) if *mark != theirs => "its id is not the archive's".to_owned(),
            (Ok(_), _) => String::new(),
            (Err(_), None) => return Self::open(dir),
            (Err(error), Some(_)) => error.to_string(),
        };
        if !what.is_empty() {
            checkup.add(
                Finding::new(Severity::Derived, dir.join(META), what)
                    .means("the store does not open", fsck::REBUILD_IT),
            );
        }
        refuse_others(dir)?;
        let lock = take_lock(dir)?;
        let (format, mark) = match (known, of_archive) {
            (known, Some(mark)) => (known.map_or(FORMAT, |(meta, _)| meta.format), mark),
            (Ok((meta, mark)), None) => (meta.format, mark),
            (Err(error), None) => return Err(error),
        };
        Ok(Self::new(dir, format, mark, lock))
    }

    /// Says in `meta.json` that the store has today's format, before anything is written that has it. What is there
    /// stays as it is: every format is read.
    pub(crate) fn upgrade(&self) -> Result<(), StoreError> {
        if self.format.load(Ordering::Acquire) == FORMAT {
            return Ok(());
        }
        let (meta, _) = read_meta(&self.dir)?;
        write_meta(&self.dir, &Meta { format: FORMAT, ..meta })?;
        self.format.store(FORMAT, Ordering::Release);
        Ok(())
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.dir.join(ARCHIVE)
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    pub(crate) fn frontier(&self) -> PathBuf {
        self.dir.join("frontier")
    }
}

/// A directory that only its owner may look into: a crawl has cookies and private addresses in it.
pub(crate) fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Only a directory with nothing in it may become a store.
fn refuse_foreign(dir: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
        let name = entry.map_err(StoreError::io("list", dir))?.file_name();
        if name != LOCK && name != META_NEW {
            let why = format!("it holds {} and has no meta.json", name.to_string_lossy().escape_debug());
            return Err(StoreError::NotAStore { dir: dir.to_owned(), why });
        }
    }
    Ok(())
}

fn take_lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("write", &path))?;
    let until = Instant::now() + LOCK_PATIENCE;
    let locked = try_while(
        || file.try_lock(),
        || {
            std::thread::park_timeout(LOCK_POLL);
            Instant::now() < until
        },
    );
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::Locked { dir: dir.to_owned(), holder: read_holder(dir) });
        }
        Err(TryLockError::Error(error)) => return Err(StoreError::io("lock", &path)(error)),
    }
    let described = file.set_len(0).and_then(|()| file.write_all(holder().as_bytes()));
    described.map_err(StoreError::io("write", &path))?;
    Ok(file)
}

/// Who has the store, as they wrote themselves down.
fn read_holder(dir: &Path) -> String {
    let mut holder = Vec::new();
    if let Ok(file) = File::open(dir.join(LOCK)) {
        let _ = file.take(HOLDER_BYTES_MAX as u64).read_to_end(&mut holder);
    }
    let holder = String::from_utf8_lossy(&holder).trim().escape_debug().to_string();
    if holder.is_empty() { "another process".to_owned() } else { holder }
}

/// Tries until it is free, it fails otherwise than by being taken, or `wait` says that it was long enough.
fn try_while(
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
    mut wait: impl FnMut() -> bool,
) -> Result<(), TryLockError> {
    loop {
        match attempt() {
            Err(TryLockError::WouldBlock) if wait() => {}
            done => return done,
        }
    }
}

/// Who we are, for whoever finds the store locked.
fn holder() -> String {
    let command: Vec<_> = std::env::args_os().map(|a| without_password(&a.to_string_lossy())).collect();
    let text = format!("pid {}: {}", std::process::id(), command.join(" "));
    clip(&text, HOLDER_BYTES_MAX).to_owned()
}

/// An argument without the user name and password of a URL in it: the lock file is not the place for them.
fn without_password(argument: &str) -> String {
    if let Some((scheme, rest)) = argument.split_once("://") {
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if let Some(at) = authority.rfind('@') {
            return format!("{scheme}://***{}", &rest[at..]);
        }
    }
    argument.to_owned()
}

/// A store is its owner's: what another user could have prepared is not believed, and nothing is written where another
/// could put something in our way.
#[cfg(unix)]
fn refuse_others(dir: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;
    const WRITABLE_BY_ALL: u32 = 0o002;
    let found = fs::metadata(dir).map_err(StoreError::io("read", dir))?;
    let ours = rustix::process::geteuid().as_raw();
    let refuse = |why: String| Err(StoreError::NotOurs { dir: dir.to_owned(), why });
    // The superuser may prepare a store for somebody, and could do anything else too.
    if found.uid() != ours && found.uid() != 0 {
        return refuse(format!("it belongs to user {}, this is user {ours}", found.uid()));
    }
    if found.mode() & WRITABLE_BY_ALL != 0 {
        return refuse("every user may write in it".to_owned());
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_others(_: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// The mark of an archive: the one that most of its first members bear, so that one flipped bit does not make another
/// store of it. `None` where there is no member to be read.
fn mark_of_archive(archive: &Path) -> Option<Mark> {
    let first = *archive::segments(archive).ok()?.first()?;
    let mut file = BufReader::new(archive::open_segment(archive, first.number).ok()?);
    let mut marks: Vec<(Mark, usize)> = Vec::new();
    for _ in 0..MEMBERS_ASKED {
        let header = file.fill_buf().ok()?;
        let mark = gzip::mark_of(header);
        if let Some(mark) = mark {
            match marks.iter_mut().find(|(known, _)| *known == mark) {
                Some((_, times)) => *times += 1,
                None => marks.push((mark, 1)),
            }
        }
        // Where the next one begins is known only behind this one.
        if !matches!(warc::read::member(&mut file, |_| false), Ok(Ok(_))) {
            break;
        }
    }
    marks.into_iter().max_by_key(|(_, times)| *times).map(|(mark, _)| mark)
}

impl Meta {
    fn new(mark: Mark) -> Self {
        Self {
            format: FORMAT,
            tool: concat!("dragline ", env!("CARGO_PKG_VERSION")).to_owned(),
            created: spell_time(SystemTime::now().into()).to_string(),
            id: format!("{:016x}", u64::from_be_bytes(mark)),
        }
    }
}

fn write_meta(dir: &Path, meta: &Meta) -> Result<(), StoreError> {
    let (new, path) = (dir.join(META_NEW), dir.join(META));
    let mut text = serde_json::to_vec_pretty(meta).map_err(|e| StoreError::Io {
        action: "write",
        path: path.clone(),
        source: e.into(),
    })?;
    text.push(b'\n');
    File::create(&new)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .map_err(StoreError::io("write", &new))?;
    fs::rename(&new, &path).map_err(StoreError::io("write", &path))?;
    File::open(dir).and_then(|d| d.sync_all()).map_err(StoreError::io("sync", dir))
}

fn read_meta(dir: &Path) -> Result<(Meta, Mark), StoreError> {
    #[derive(Deserialize)]
    struct JustFormat {
        format: u32,
    }
    let path = dir.join(META);
    let mut text = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(META_BYTES_MAX).read_to_end(&mut text))
        .map_err(StoreError::io("read", &path))?;
    let not_ours = |why: &dyn std::fmt::Display| StoreError::NotAStore {
        dir: dir.to_owned(),
        why: format!("its meta.json: {why}"),
    };
    let JustFormat { format } = serde_json::from_slice(&text).map_err(|e| not_ours(&e))?;
    if format > FORMAT {
        return Err(StoreError::NewerFormat { dir: dir.to_owned(), found: format, supported: FORMAT });
    }
    let meta: Meta = serde_json::from_slice(&text).map_err(|e| not_ours(&e))?;
    let id = u64::from_str_radix(&meta.id, 16).map_err(|e| not_ours(&e))?;
    Ok((meta, id.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_out_of_the_lock() {
        for (argument, want) in [
            ("http://u:p@h:1/x@y", "http://***@h:1/x@y"),
            ("--proxy=socks5://u@h", "--proxy=socks5://***@h"),
            ("http://h/a@b", "http://h/a@b"),
            ("crawl", "crawl"),
        ] {
            assert_eq!(without_password(argument), want);
        }
    }

    /// The holder goes while it is being waited for, as a killed process does.
    #[test]
    fn a_lock_that_is_let_go_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let open = || File::create(dir.path().join(LOCK)).unwrap();
        let mut theirs = Some(open());
        theirs.as_ref().unwrap().lock().unwrap();
        let ours = open();
        let mut waits = 0;
        let mut wait = |holder: &mut Option<File>| {
            waits += 1;
            if waits == 3 {
                holder.take();
            }
            waits < 5
        };
        try_while(|| ours.try_lock(), || wait(&mut theirs)).unwrap();
        assert_eq!(waits, 3);

        let third = open();
        assert!(matches!(try_while(|| third.try_lock(), || false), Err(TryLockError::WouldBlock)));
    }

    #[test]
    fn a_rebuild_knows_a_store_by_its_archive() {
        let dir = tempfile::tempdir().unwrap();
        let made = Home::create_or_open(dir.path()).unwrap();
        let mark = made.mark;
        fs::create_dir(made.archive()).unwrap();
        fs::write(archive::finished_path(&made.archive(), 0), gzip::header(mark)).unwrap();
        drop(made);
        let meta = dir.path().join(META);
        let whole = fs::read_to_string(&meta).unwrap();
        for damaged in [None, Some(""), Some("{}"), Some(&*whole.replace("id\": \"", "id\": \"f"))] {
            fs::remove_file(&meta).unwrap();
            if let Some(text) = damaged {
                fs::write(&meta, text).unwrap();
            }
            assert_eq!(Home::open_for_rebuild(dir.path()).unwrap().mark, mark, "{damaged:?}");
            assert_eq!(Home::open(dir.path()).unwrap().mark, mark);
        }
        fs::write(&meta, whole.replace("format\": 2", "format\": 9")).unwrap();
        assert!(matches!(Home::open_for_rebuild(dir.path()), Err(StoreError::NewerFormat { .. })));
    }

    #[test]
    fn an_interrupted_creation_is_taken_up() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(LOCK), "").unwrap();
        fs::write(dir.path().join(META_NEW), "{\"for").unwrap();
        let first = Home::create_or_open(dir.path()).unwrap();
        let mark = first.mark;
        drop(first);
        assert_eq!(Home::open(dir.path()).unwrap().mark, mark);
    }
}
