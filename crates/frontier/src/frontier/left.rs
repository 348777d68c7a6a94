//! What a crawl leaves behind, and why: hosts that are not waited for, shapes of URLs that were left alone.

use dragline_politeness::Stamp;

use super::Frontier;
use crate::Parked;

/// A host that is not waited for, see [`Limits::patience`](super::Limits::patience).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftHost {
    /// Host, or host and port.
    pub host: String,
    /// URLs that wait for it.
    pub waiting: usize,
    /// Why nobody does.
    pub why: String,
}

impl Frontier {
    /// The hosts that are not waited for, those with the most URLs first.
    pub fn left_hosts(&self, now: Stamp) -> Vec<LeftHost> {
        let mut left: Vec<LeftHost> = self
            .deferred
            .iter()
            .map(|index| &self.hosts[*index])
            .filter(|host| host.waiting() > 0)
            .map(|host| LeftHost {
                host: host.key.as_str().to_owned(),
                waiting: host.waiting(),
                why: host.why_beyond(now),
            })
            .collect();
        left.sort_by(|a, b| b.waiting.cmp(&a.waiting).then_with(|| a.host.cmp(&b.host)));
        left
    }

    /// The shapes of URLs that the trap guard leaves alone.
    pub fn parked_shapes(&self) -> Vec<Parked> {
        self.traps.report()
    }
}
