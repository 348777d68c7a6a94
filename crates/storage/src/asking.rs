//! Asking a store that another process has: a crawl that is running, a daemon.
//!
//! sled lets one process at its files, and so the index has one owner. Whoever else wants to read asks that owner,
//! over a socket in the store's directory, for keys of the index and nothing more; records are understood, queries
//! planned and payloads read (from the archive, which is only ever appended to) by whoever asks. So everything that
//! can be read from a store can be read from one in use, in the same way.
//!
//! Owns the socket `<store>/ask.sock`. Who may look into the directory, its owner alone, may ask; nothing can be
//! changed by asking.

pub(crate) mod caller;
pub(crate) mod desk;
pub(crate) mod protocol;
mod socket;
#[cfg(test)]
mod tests;
