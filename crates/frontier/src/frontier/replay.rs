//! What was committed behind a checkpoint, told once more.
//!
//! Owns the difference to hearing it for the first time: the visits are not out, and the URLs stand in queues, if
//! not in the front of them.

use std::time::{Duration, SystemTime};

use dragline_model::{CanonicalUrl, Fingerprint, Link, Purpose, Receipt, Visit};
use dragline_politeness::Stamp;

use super::{Frontier, settle};
use crate::{Retry, waiting::Waiting};

/// The last that was told of a URL.
#[derive(Debug)]
pub(super) struct Replayed {
    attempts: u8,
    url: CanonicalUrl,
    /// It is asked for again at that time.
    again: Option<(Stamp, Waiting)>,
}

/// The URL of a visit as it waits for another.
fn waiting_of(visit: &Visit) -> Waiting {
    let link = Link {
        url: visit.url.clone(),
        fingerprint: Fingerprint::of(&visit.url),
        depth: visit.depth,
        hops: visit.hops,
        off: visit.off,
        purpose: visit.purpose,
    };
    Waiting { copy: visit.copy.clone(), ..Waiting::new(link, visit.via.clone(), visit.attempt) }
}

impl Frontier {
    /// Seeds that were committed behind the checkpoint.
    pub fn replay_seeds(&mut self, seeds: Vec<Link>, now: Stamp) {
        for link in seeds {
            self.admit(link, None, 0, now);
        }
    }

    /// Links that were found later on a page that was kept, committed behind the checkpoint.
    pub fn replay_found(&mut self, via: &CanonicalUrl, links: Vec<Link>, now: Stamp) {
        for link in links {
            self.admit(link, Some(via.clone()), 0, now);
        }
    }

    /// A visit that was committed behind the checkpoint, with the links that were new then. To be told in order,
    /// and followed by [`Frontier::end_replay`].
    pub fn replay(&mut self, receipt: Receipt, now: Stamp) {
        let (ended, wall) = self.recall_manners(&receipt, now);
        if receipt.visit.purpose != Purpose::Robots && receipt.visit.copy.is_none() {
            // A revisit stands in no checkpoint.
            self.replay_url(&receipt, ended, wall);
        }
        self.learn(&receipt, now);
    }

    /// What a visit that was committed earlier tells of its host: its pace, the rests it asked for, its robots.txt.
    /// Answers with the moment at which it ended.
    pub fn recall_manners(&mut self, receipt: &Receipt, now: Stamp) -> (Stamp, SystemTime) {
        let begun = Stamp::new(Duration::from_millis(receipt.fetched_at.0)).min(now);
        let took = receipt.timings.map_or(Duration::ZERO, |timings| timings.total);
        let ended = (begun + took).min(now);
        let wall = SystemTime::UNIX_EPOCH + ended.since(Stamp::default());
        let url = receipt.visit.url.clone();
        let told = settle::told(receipt, wall);

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
        self.hosts[host].pages += u64::from(settle::is_page(receipt));

        // Where a redirect of a robots.txt led to is not where it holds: that is asked for again.
        if receipt.visit.purpose == Purpose::Robots && receipt.visit.hops == 0 {
            let origin = usize::from(url.is_https());
            self.hear_rules(host, origin, receipt.visit.hops, receipt, ended);
        }
        (ended, wall)
    }

    fn replay_url(&mut self, receipt: &Receipt, ended: Stamp, wall: SystemTime) {
        let visit = &receipt.visit;
        let again = match self.limits.retry.decide(&receipt.settled, visit.attempt, wall) {
            Retry::Final => {
                self.park_unheard(&receipt.settled, || waiting_of(visit));
                None
            }
            Retry::Again { wait, .. } => {
                let waiting = waiting_of(visit);
                Some((ended + wait, waiting))
            }
        };
        self.replayed.insert(
            Fingerprint::of(&visit.url),
            Replayed { attempts: visit.attempt, url: visit.url.clone(), again },
        );
    }

    /// Ends a replay: what was settled will be passed over where it stands in a queue, what is to be asked for
    /// again stands in its place. Then comes [`Frontier::resume`].
    pub fn end_replay(&mut self) {
        for (fingerprint, Replayed { attempts, url, again }) in std::mem::take(&mut self.replayed) {
            self.outdated.insert(fingerprint, (attempts, url));
            if let Some((at, waiting)) = again {
                let host = self.host_of(&waiting.link.url);
                let rank = self.rank(host, &waiting);
                self.retry(host, rank, waiting, 0, at);
            }
        }
    }
}
