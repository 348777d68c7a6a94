//! `--cookie-jar FILE`: cookies from one run to the next, in the form that curl and wget read.
//!
//! Owns the file: read at the start where it is there, written anew at the end, for its owner's eyes alone.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use dragline_cookies::Jar;

use super::super::Trouble;

/// A jar and its file.
pub(super) struct CookieFile {
    path: PathBuf,
    jar: Jar,
}

impl CookieFile {
    /// Reads the file; one that is not there is an empty jar.
    pub(super) fn open(path: &Path) -> Result<Self, Trouble> {
        let jar = Jar::default();
        let failed = |why: String| Trouble::Usage(format!("--cookie-jar {}: {why}", path.display()));
        match fs::read_to_string(path) {
            Ok(text) => {
                jar.read_netscape(&text, SystemTime::now()).map_err(|error| failed(error.to_string()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error.to_string())),
        }
        Ok(Self { path: path.to_owned(), jar })
    }

    pub(super) fn jar(&self) -> &Jar {
        &self.jar
    }

    /// Writes the file, wholly or not at all.
    pub(super) fn save(&self) -> Result<(), Trouble> {
        let text = self.jar.write_netscape(SystemTime::now());
        let mut beside = self.path.clone().into_os_string();
        beside.push(format!(".{}", std::process::id()));
        write_private(Path::new(&beside), text.as_bytes())
            .and_then(|()| fs::rename(&beside, &self.path))
            .map_err(|error| Trouble::File { path: self.path.display().to_string(), error })
    }
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
