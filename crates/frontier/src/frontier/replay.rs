//! What was committed behind a checkpoint, told once more.
//!
//! Owns the difference to hearing it for the first time: the visits are not out, and the URLs stand in queues, if
//! not in the front of them.

use std::time::{Duration, SystemTime};

use dragline_model::{Fingerprint, Link, Purpose, Receipt};
use dragline_politeness::Stamp;

use super::{Frontier, settle};
use crate::{Retry, waiting::Waiting};

/// The last that was told of a URL.
#[derive(Debug)]
pub(super) struct Replayed {
    attempts: u8,
    /// It is asked for again at that time.
    again: Option<(Stamp, Waiting)>,
}

impl Frontier {
    /// Seeds that were committed behind the checkpoint.
    pub fn replay_seeds(&mut self, seeds: Vec<Link>, now: Stamp) {
        for link in seeds {
            self.admit(link, None, 0, now);
        }
    }

    /// A visit that was committed behind the checkpoint, with the links that were new then. To be told in order,
    /// and followed by [`Frontier::end_replay`].
    pub fn replay(&mut self, receipt: Receipt, now: Stamp) {
        let begun = Stamp::new(Duration::from_millis(receipt.fetched_at.0)).min(now);
        let took = receipt.timings.map_or(Duration::ZERO, |timings| timings.total);
        let ended = (begun + took).min(now);
        let wall = SystemTime::UNIX_EPOCH + ended.since(Stamp::default());
        let url = receipt.visit.url.clone();
        let told = settle::told(&receipt, wall);

        let host = match receipt.visit.purpose {
            // Its redirects may have led elsewhere: the visit is its own host's.
            Purpose::Robots => {
                self.by_key.get(&receipt.visit.host).copied().unwrap_or_else(|| self.host_of(&url))
            }
            _ => self.host_of(&url),
        };
        let rules = self.hosts[host].rules.of(&url).pace;
        let pace = &mut self.hosts[host].pace;
        pace.started(begun, 0.0);
        pace.ended(&rules, begun, ended, told);
        self.hosts[host].heard(told, &receipt.settled, ended);

        if receipt.visit.purpose == Purpose::Robots {
            let origin = usize::from(url.is_https());
            self.hear_rules(host, origin, receipt.visit.hops, &receipt, ended);
        } else if receipt.visit.copy.is_none() {
            // A revisit stands in no checkpoint.
            self.replay_url(&receipt, ended, wall);
        }
        self.learn(&receipt, now);
    }

    fn replay_url(&mut self, receipt: &Receipt, ended: Stamp, wall: SystemTime) {
        let visit = &receipt.visit;
        let again = match self.limits.retry.decide(&receipt.settled, visit.attempt, wall) {
            Retry::Final => None,
            Retry::Again { wait, .. } => {
                let link = Link {
                    url: visit.url.clone(),
                    fingerprint: Fingerprint::of(&visit.url),
                    depth: visit.depth,
                    hops: visit.hops,
                    off: visit.off,
                    purpose: visit.purpose,
                };
                let mut waiting = Waiting::new(link, visit.via.clone(), visit.attempt);
                waiting.copy = visit.copy.clone();
                Some((ended + wait, waiting))
            }
        };
        self.replayed.insert(Fingerprint::of(&visit.url), Replayed { attempts: visit.attempt, again });
    }

    /// Ends a replay: what was settled will be passed over where it stands in a queue, what is to be asked for
    /// again stands in its place. Then comes [`Frontier::resume`].
    pub fn end_replay(&mut self) {
        for (fingerprint, Replayed { attempts, again }) in std::mem::take(&mut self.replayed) {
            self.outdated.insert(fingerprint, attempts);
            if let Some((at, waiting)) = again {
                let host = self.host_of(&waiting.link.url);
                let rank = self.rank(host, &waiting);
                self.retry(host, rank, waiting, 0, at);
            }
        }
    }
}
