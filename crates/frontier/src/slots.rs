//! The free places of the fetchers.
//!
//! Owns how many more visits each fetcher may hold. A visit is granted only into a free slot, so nothing
//! queues anywhere behind the frontier.

use dragline_model::HostKey;

#[derive(Debug, Default)]
struct Fetcher {
    /// `None` while the fetcher is down.
    capacity: Option<usize>,
    out: usize,
}

/// Slots of all fetchers, by index.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    fetchers: Vec<Fetcher>,
}

impl Slots {
    pub(crate) fn up(&mut self, fetcher: usize, capacity: usize) {
        if self.fetchers.len() <= fetcher {
            self.fetchers.resize_with(fetcher + 1, Fetcher::default);
        }
        self.fetchers[fetcher] = Fetcher { capacity: Some(capacity), out: 0 };
    }

    pub(crate) fn down(&mut self, fetcher: usize) {
        if let Some(f) = self.fetchers.get_mut(fetcher) {
            *f = Fetcher::default();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.fetchers.len()
    }

    pub(crate) fn free(&self, fetcher: usize) -> usize {
        self.fetchers.get(fetcher).map_or(0, |f| f.capacity.unwrap_or(0).saturating_sub(f.out))
    }

    /// The fetcher with the most free slots, where there is one free at all.
    pub(crate) fn freest(&self) -> Option<usize> {
        (0..self.fetchers.len()).max_by_key(|f| self.free(*f)).filter(|f| self.free(*f) > 0)
    }

    pub(crate) fn take(&mut self, fetcher: usize) {
        self.fetchers[fetcher].out += 1;
    }

    pub(crate) fn give_back(&mut self, fetcher: usize) {
        if let Some(f) = self.fetchers.get_mut(fetcher) {
            f.out = f.out.saturating_sub(1);
        }
    }

    /// The fetcher that keeps the connections of a host with one request at a time (FNV-1a of its key: any
    /// even spread does).
    pub(crate) fn home(&self, host: &HostKey) -> usize {
        let hash = host.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        (hash % self.fetchers.len().max(1) as u64) as usize
    }
}
