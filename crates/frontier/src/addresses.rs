//! The addresses behind the hosts: a pace that the hosts of one address share.
//!
//! Owns who waits for an address. Knows hosts by number only.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
};

use dragline_politeness::{Pace, Stamp};

use crate::commons::Key;

/// One address.
#[derive(Debug)]
pub(crate) struct Gate {
    pub ip: IpAddr,
    pub pace: Pace,
    /// Hosts whose turn it would be.
    pub line: VecDeque<usize>,
    /// It is in the calendar.
    pub in_calendar: bool,
    /// What the crawls of its process know it by, once it has been looked up.
    pub known_by: Option<Key>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    gates: Vec<Gate>,
    by_ip: HashMap<IpAddr, usize>,
}

impl Addresses {
    /// The number of an address. `asked_perhaps` is the moment at which an earlier run may have asked it last.
    pub(crate) fn number(&mut self, ip: IpAddr, asked_perhaps: Option<Stamp>) -> usize {
        *self.by_ip.entry(ip).or_insert_with(|| {
            let mut pace = Pace::default();
            if let Some(at) = asked_perhaps {
                pace.assume_started(at);
            }
            self.gates.push(Gate { ip, pace, line: VecDeque::new(), in_calendar: false, known_by: None });
            self.gates.len() - 1
        })
    }

    pub(crate) fn gate(&mut self, number: usize) -> &mut Gate {
        &mut self.gates[number]
    }

    pub(crate) fn ip(&self, number: usize) -> IpAddr {
        self.gates[number].ip
    }

    pub(crate) fn keep(&self) -> Vec<(IpAddr, Pace)> {
        self.gates.iter().map(|gate| (gate.ip, gate.pace)).collect()
    }

    pub(crate) fn restore(kept: Vec<(IpAddr, Pace)>) -> Self {
        let mut addresses = Self::default();
        for (ip, pace) in kept {
            let number = addresses.number(ip, None);
            addresses.gate(number).pace = pace;
        }
        addresses
    }

    pub(crate) fn each_pace(&mut self) -> impl Iterator<Item = &mut Pace> {
        self.gates.iter_mut().map(|gate| &mut gate.pace)
    }
}
