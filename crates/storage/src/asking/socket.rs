//! The socket in a store's directory.
//!
//! Owns its name, and the road to it where the directory's own name is too long for a socket's address.

use std::{fs::File, io, path::Path};

#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};

const FILE: &str = "ask.sock";

/// Puts the socket into the directory. What an earlier process left there is replaced: whoever calls this has the
/// store's lock.
#[cfg(unix)]
pub(super) fn listen(dir: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(dir.join(FILE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    reach(dir, |path| UnixListener::bind(path))
}

/// Connects to whoever listens in the directory; an error where nobody does.
#[cfg(unix)]
pub(super) fn connect(dir: &Path) -> io::Result<UnixStream> {
    reach(dir, |path| UnixStream::connect(path))
}

/// Takes the socket away, if it is there.
pub(super) fn remove(dir: &Path) {
    let _ = std::fs::remove_file(dir.join(FILE));
}

/// A socket's address has room for some hundred bytes, a path may be longer: then the way is by the open directory's
/// number, where the system shows open files by their numbers (Linux does).
#[cfg(unix)]
fn reach<T>(dir: &Path, through: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    use std::os::fd::AsRawFd as _;
    match through(&dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            let open = File::open(dir)?;
            through(&Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(FILE))
        }
        done => done,
    }
}
