//! `--cookie-jar FILE`: cookies from one run to the next, in the form that curl and wget read.
//!
//! Owns the file: read at the start where it is there, written anew at the end, for its owner's eyes alone.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use dragline_cookies::Jar;

use super::super::Trouble;

/// Largest file that is read: a full jar has a tenth of that.
const FILE_BYTES_MAX: u64 = 32 << 20;

/// A jar and its file.
pub(super) struct CookieFile {
    path: PathBuf,
    jar: Jar,
}

impl CookieFile {
    /// Reads the file; one that is not there is an empty jar. A place that cannot be written is found now, and not
    /// when there is something to lose.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let failed = |why: String| Trouble::Usage(format!("--cookie-jar {}: {why}", path.display()));
        let read = |file: fs::File| {
            let mut text = String::new();
            file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map(|_| text)
        };
        let jar = Jar::default();
        match fs::metadata(path) {
            Ok(found) if !found.is_file() => return Err(failed("is no file".to_owned())),
            Ok(_) => {
                let text = fs::File::open(path).and_then(read).map_err(|error| failed(error.to_string()))?;
                if text.len() as u64 > FILE_BYTES_MAX {
                    return Err(failed(format!("is larger than {} MiB", FILE_BYTES_MAX >> 20)));
                }
                jar.read_netscape(&text, SystemTime::now()).map_err(|error| failed(error.to_string()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        // Through a link to where the file is: the link stays one.
        let file = Self { path: path.canonicalize().unwrap_or_else(|_| path.to_owned()), jar };
        file.save().map_err(|error| failed(error.to_string()))?;
        Ok(file)
    }

    pub(super) fn jar(&self) -> &Jar {
        &self.jar
    }

    /// Writes the file, wholly or not at all.
    pub(super) fn save(&self) -> Result<(), Trouble> {
        let text = self.jar.write_netscape(SystemTime::now());
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        let beside = Path::new(&beside);
        write_private(beside, text.as_bytes()).and_then(|()| fs::rename(beside, &self.path)).map_err(
            |error| {
                // What may be left of it is of no use to anybody.
                let _ = fs::remove_file(beside);
                Trouble::File { path: self.path.display().to_string(), error }
            },
        )
    }
}

/// Writes a file that must not be there yet: one that somebody else has put in its place would get the secrets.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
