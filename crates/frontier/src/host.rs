//! One host: what waits for it, its pace, its rules, and where it stands in the frontier's lists.
//!
//! Knows no other host.

use std::time::Duration;

use dragline_model::{CanonicalUrl, HostKey, Settled};
use dragline_politeness::{Pace, Stamp, Told};

use crate::{commons::Key, queue::Queue, robots::OriginRobots, rules::HostRules};

/// Contacts that bring no answer after which a host that has never answered is left for the next run: as many as a
/// URL gets attempts.
const CONTACTS_MAX: u32 = 3;

/// Where a host stands; it is in exactly one list, or in none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no list: nothing waits, or something is to come home first.
    Aside,
    /// In the list of hosts whose turn it is.
    Ready,
    /// In the calendar, for this moment.
    Calendar(Stamp),
    /// In its address's line.
    Gate,
}

/// What is known of a host's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nobody has asked.
    Unasked,
    /// Somebody has.
    Asked,
    /// It shares the pace of the address with this number.
    Known(usize),
    /// It has none that could be shared, or addresses have no pace.
    Free,
}

/// A host that has given no answer for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Silence {
    since: Stamp,
    contacts: u32,
    /// What the last contact came to.
    last: String,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Host {
    pub key: HostKey,
    pub rules: HostRules,
    pub place: Place,
    pub pace: Pace,
    /// By scheme, like `robots`: where the rules of one cannot be had, the other goes on.
    pub queues: [Queue; 2],
    /// Pages (2xx) that it has given.
    pub pages: u64,
    /// URLs that wait for another attempt.
    pub retrying: usize,
    /// By scheme: http, https (RFC 9309 §2.3 has a file for each).
    pub robots: [OriginRobots; 2],
    /// The origin of the URL in front, as an index into `robots`.
    pub front_origin: usize,
    pub address: Address,
    /// What the crawls of its process know it by, once it has been looked up.
    pub known_by: Option<Key>,
    /// Its address has let it through, for one visit.
    pub through_gate: bool,
    answered: bool,
    silence: Option<Silence>,
}

impl Host {
    pub(crate) fn new(key: HostKey, rules: HostRules) -> Self {
        Self {
            key,
            rules,
            place: Place::Aside,
            pace: Pace::default(),
            queues: Default::default(),
            pages: 0,
            retrying: 0,
            robots: Default::default(),
            front_origin: 0,
            address: Address::Unasked,
            known_by: None,
            through_gate: false,
            answered: false,
            silence: None,
        }
    }

    /// A request told something of the host.
    pub(crate) fn heard(&mut self, told: Told, settled: &Settled, now: Stamp) {
        match told {
            Told::Answered(_) | Told::Refused(_) => {
                self.answered = true;
                self.silence = None;
            }
            Told::Unreached | Told::Silent => {
                let silence =
                    self.silence.get_or_insert(Silence { since: now, contacts: 0, last: String::new() });
                silence.contacts += 1;
                if let Settled::Failure(failure) = settled {
                    silence.last = failure.to_string();
                }
            }
            Told::Nothing => {}
        }
    }

    /// Is it longer away than anybody has the patience to wait for it? Either its next turn is, or it has been
    /// silent or without rules for so long, or it has never given an answer and had its chances.
    pub(crate) fn is_beyond(&self, patience: Duration, next: Stamp, now: Stamp) -> bool {
        let silent = self.silence.as_ref().is_some_and(|silence| {
            now.since(silence.since) > patience || (!self.answered && silence.contacts >= CONTACTS_MAX)
        });
        let held = self.robots[self.front_origin].held_since(now);
        silent || next.since(now) > patience || held.is_some_and(|since| now.since(since) > patience)
    }

    /// Why nobody waits for it, in words.
    pub(crate) fn why_beyond(&self, now: Stamp) -> String {
        if let Some(silence) = &self.silence {
            let since = now.since(silence.since).as_secs();
            let again = if self.answered { "no answer any more" } else { "never an answer" };
            return format!("{again} in {} attempts within {since} s: {}", silence.contacts, silence.last);
        }
        if let Some(since) = self.robots[self.front_origin].held_since(now) {
            return format!("its robots.txt cannot be had, for {} s now", now.since(since).as_secs());
        }
        self.pace.explain(&self.rules.base().pace, now)
    }

    /// The queue that a URL of it stands in.
    pub(crate) fn queue_of(&mut self, url: &CanonicalUrl) -> &mut Queue {
        &mut self.queues[usize::from(url.is_https())]
    }

    /// URLs that wait, those for another attempt too.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.iter().map(Queue::len).sum::<usize>() + self.retrying
    }
}
