//! The folder that an export is written into, and its files.
//!
//! Owns the one way to a file: from an open folder, by a name without a separator, following no symbolic link, making
//! what is not there and never opening what somebody else has put there. So nothing is written outside of the folder,
//! whatever stands in it when, or while, the export runs.

use std::{
    fs::{self, File},
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::ExportError;

/// Readable by its owner alone, as the store is.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder, and makes it if it is not there; its parent must be. This one path is the user's own word, and
    /// may have links in it.
    pub(crate) fn open_or_make(path: &Path) -> Result<Self, ExportError> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(ExportError::io("create", path)(error))
            }
            _ => Self::open(path),
        }
    }

    /// Opens a folder.
    pub(crate) fn open(path: &Path) -> Result<Self, ExportError> {
        let fd = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| ExportError::io("open", path)(error.into()))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// A folder in this one, made if it is not there.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, ExportError> {
        let path = self.at(name)?;
        match rustix::fs::mkdirat(&self.fd, name, FOLDER_MODE) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(ExportError::io("create", path)(error.into())),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            // A symbolic link, or a file.
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => Err(ExportError::Occupied { path }),
            Err(error) => Err(ExportError::io("open", path)(error.into())),
        }
    }

    /// Makes a file that was not there.
    pub(crate) fn create(&self, name: &str) -> Result<File, ExportError> {
        let path = self.at(name)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.fd, name, flags, FILE_MODE) {
            Ok(fd) => Ok(File::from(fd)),
            Err(rustix::io::Errno::EXIST) => Err(ExportError::Occupied { path }),
            Err(error) => Err(ExportError::io("create", path)(error.into())),
        }
    }

    /// Opens a plain file, for reading and writing; `None` where there is none.
    pub(crate) fn reopen(&self, name: &str) -> Result<Option<File>, ExportError> {
        let path = self.at(name)?;
        let flags = OFlags::NOFOLLOW | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = match rustix::fs::openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err(ExportError::Occupied { path }),
            Err(error) => return Err(ExportError::io("open", path)(error.into())),
        };
        match file.metadata() {
            Ok(it) if it.is_file() => Ok(Some(file)),
            Ok(_) => Err(ExportError::Occupied { path }),
            Err(error) => Err(ExportError::io("read", path)(error)),
        }
    }

    /// Gives a file another name; one that has it already is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), ExportError> {
        self.at(from)?;
        let path = self.at(to)?;
        rustix::fs::renameat(&self.fd, from, &self.fd, to)
            .map_err(|error| ExportError::io("rename to", path)(error.into()))
    }

    /// Gives a file another name that nothing has.
    pub(crate) fn rename_new(&self, from: &str, to: &str) -> Result<(), ExportError> {
        self.at(from)?;
        let path = self.at(to)?;
        // A link refuses a name that is taken, on every file system; a rename would replace.
        match rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty()) {
            Ok(()) => self.remove(from),
            Err(rustix::io::Errno::EXIST) => Err(ExportError::Occupied { path }),
            // Where there are no links.
            Err(_) if !self.has(to)? => self.rename(from, to),
            Err(error) => Err(ExportError::io("rename to", path)(error.into())),
        }
    }

    /// Removes a file; none there is fine.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ExportError> {
        let path = self.at(name)?;
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(error) => Err(ExportError::io("remove", path)(error.into())),
        }
    }

    /// Both names are of one file: a new name was given and the old one not taken away yet.
    pub(crate) fn are_one(&self, one: &str, other: &str) -> Result<bool, ExportError> {
        Ok(matches!((self.identity(one)?, self.identity(other)?), (Some(a), Some(b)) if a == b))
    }

    /// The open file is the one that has this name.
    pub(crate) fn is(&self, name: &str, file: &File) -> Result<bool, ExportError> {
        let path = self.at(name)?;
        let stat =
            rustix::fs::fstat(file).map_err(|error| ExportError::io("look for", path)(error.into()))?;
        Ok(self.identity(name)? == Some((stat.st_dev, stat.st_ino)))
    }

    /// What has this name, if anything: device and inode.
    fn identity(&self, name: &str) -> Result<Option<(u64, u64)>, ExportError> {
        let path = self.at(name)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some((stat.st_dev, stat.st_ino))),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(ExportError::io("look for", path)(error.into())),
        }
    }

    /// The same folder, open once more.
    pub(crate) fn again(&self) -> Result<Self, ExportError> {
        let fd = self.fd.try_clone().map_err(ExportError::io("open", &self.path))?;
        Ok(Self { fd, path: self.path.clone() })
    }

    /// Something has this name.
    pub(crate) fn has(&self, name: &str) -> Result<bool, ExportError> {
        let path = self.at(name)?;
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(ExportError::io("look for", path)(error.into())),
        }
    }

    /// What is in it, sorted, and which of it are folders.
    pub(crate) fn list(&self) -> Result<Vec<(String, bool)>, ExportError> {
        let failed = |error: rustix::io::Errno| ExportError::io("list", &self.path)(error.into());
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                let stat = rustix::fs::statat(&self.fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW);
                let is_folder = stat.is_ok_and(|it| {
                    rustix::fs::FileType::from_raw_mode(it.st_mode) == rustix::fs::FileType::Directory
                });
                names.push((name, is_folder));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Brings the names to the disk.
    pub(crate) fn sync(&self) -> Result<(), ExportError> {
        rustix::fs::fsync(&self.fd).map_err(|error| ExportError::io("sync", &self.path)(error.into()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of something in it, for words. A name is one step.
    pub(crate) fn at(&self, name: &str) -> Result<PathBuf, ExportError> {
        let path = self.path.join(name);
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(ExportError::io("use", path)(io::ErrorKind::InvalidInput.into()));
        }
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn links_that_were_planted_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (out, elsewhere) = (dir.path().join("out"), dir.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("letter"), "dear all").unwrap();
        let folder = Folder::open_or_make(&out).unwrap();
        symlink(&elsewhere, out.join("host=a")).unwrap();
        symlink(elsewhere.join("letter"), out.join("part-00000.csv.partial")).unwrap();
        symlink(elsewhere.join("new"), out.join("part-00001.csv.partial")).unwrap();
        assert!(matches!(folder.folder("host=a"), Err(ExportError::Occupied { .. })));
        for name in ["part-00000.csv.partial", "part-00001.csv.partial"] {
            assert!(matches!(folder.create(name), Err(ExportError::Occupied { .. })), "{name}");
            assert!(matches!(folder.reopen(name), Err(ExportError::Occupied { .. })), "{name}");
        }
        for name in ["..", ".", "", "a/b", "/etc/x", "a\0"] {
            assert!(folder.create(name).is_err() && folder.folder(name).is_err(), "{name:?}");
        }
        assert_eq!(fs::read_to_string(elsewhere.join("letter")).unwrap(), "dear all");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_is_taken_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.create("a").unwrap().write_all(b"a").unwrap();
        folder.create("b").unwrap();
        assert!(matches!(folder.rename_new("b", "a"), Err(ExportError::Occupied { .. })));
        folder.rename_new("b", "c").unwrap();
        folder.folder("d").unwrap().create("x").unwrap();
        assert_eq!(folder.list().unwrap(), [("a".into(), false), ("c".into(), false), ("d".into(), true)]);
        assert_eq!(folder.reopen("a").unwrap().unwrap().metadata().unwrap().len(), 1);
        assert!(folder.reopen("b").unwrap().is_none());
        assert!(folder.reopen("d").is_err());
    }
}
