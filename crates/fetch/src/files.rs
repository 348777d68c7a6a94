//! The process's limit on open files, of which every connection takes one.
//!
//! Owns its reading and its raising. Never lowers it.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open files to the hard one, and tells the limit that now holds; `None` where there
/// is none. To be called once at the start, before [`crate::Shared::new`] reads the limit.
///
/// The soft limit is customarily 1,024, for the sake of old programs that put descriptors into `select`'s bit
/// sets. Where the system refuses (some give a hard limit that it does not honour), all stays as it was.
pub fn raise_open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    // A refusal leaves the limit as it was, which is what is told then.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    open_files()
}

/// The limit that holds; `None` where there is none.
pub(crate) fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        // Lower first, or there may be nothing to raise; enough is left for the tests beside this one.
        let low = hard.map_or(4096, |hard| hard.min(4096));
        setrlimit(Resource::Nofile, Rlimit { current: Some(low), maximum: hard }).unwrap();
        assert_eq!(open_files(), Some(low));
        assert_eq!(raise_open_files(), hard);
        assert_eq!((open_files(), getrlimit(Resource::Nofile).maximum), (hard, hard));
    }
}
