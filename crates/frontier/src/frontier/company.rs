//! The frontier among others: what it asks the [`Commons`](crate::Commons) before a request, and tells them after it.
//!
//! The only place that knows whether there are any. A request is begun at all places it goes to, or at none.

use dragline_model::CanonicalUrl;
use dragline_politeness::{PaceRules, Stamp};

use super::{Alarm, Frontier};
use crate::{
    addresses::Gate,
    commons::{Seat, Spot, Turn},
    host::{Address, Host},
};

impl Host {
    fn spot(&mut self, seat: &Seat, number: usize) -> Spot {
        self.known_by.get_or_insert_with(|| seat.host(&self.key)).of(Alarm::Host(number))
    }
}

impl Gate {
    fn spot(&mut self, seat: &Seat, number: usize) -> Spot {
        self.known_by.get_or_insert_with(|| seat.address(self.ip)).of(Alarm::Gate(number))
    }
}

impl Frontier {
    /// When a host may be asked, by a pace's rules.
    pub(super) fn turn_of(&mut self, index: usize, rules: &PaceRules, now: Stamp) -> Turn {
        let host = &mut self.hosts[index];
        match &self.seat {
            Some(seat) => seat.meet(host.spot(seat, index), &mut host.pace, rules, now),
            None => host.pace.next_start(rules, now).map_or(Turn::Home, Turn::Next),
        }
    }

    /// When an address lets one more host through; none where a request of this crawl has to come home first.
    pub(super) fn opens(&mut self, number: usize, rules: &PaceRules, now: Stamp) -> Option<Stamp> {
        let gate = self.addresses.gate(number);
        let turn = match &self.seat {
            Some(seat) => seat.meet(gate.spot(seat, number), &mut gate.pace, rules, now),
            None => gate.pace.next_start(rules, now).map_or(Turn::Home, Turn::Next),
        };
        match turn {
            Turn::Next(next) => Some(next.at),
            Turn::After(at) => Some(at),
            Turn::Home => None,
        }
    }

    /// Claims the host that a request goes to, the one that its rules led to, and the address. False if another crawl
    /// was quicker.
    pub(super) fn begin(
        &mut self,
        index: usize,
        url: &CanonicalUrl,
        also: Option<usize>,
        now: Stamp,
    ) -> bool {
        let Some(seat) = &mut self.seat else { return true };
        let mut begun = Vec::new();
        for host in [Some(index), also].into_iter().flatten() {
            let it = &mut self.hosts[host];
            let (spot, rules) = (it.spot(seat, host), it.rules.of(url).pace);
            if !seat.start(spot, &mut it.pace, &rules, now) {
                begun.into_iter().for_each(|spot| seat.undo(spot, now));
                return false;
            }
            begun.push(spot);
        }
        if let (Address::Known(number), Some(rules)) =
            (self.hosts[also.unwrap_or(index)].address, self.limits.address)
        {
            let gate = self.addresses.gate(number);
            let spot = gate.spot(seat, number);
            if !seat.start(spot, &mut gate.pace, &rules, now) {
                begun.into_iter().for_each(|spot| seat.undo(spot, now));
                return false;
            }
        }
        true
    }

    /// A request to a host is over, and its pace has been told.
    pub(super) fn leave_host(&mut self, index: usize, now: Stamp) {
        if let Some(seat) = &mut self.seat {
            let host = &mut self.hosts[index];
            seat.end(host.spot(seat, index), &host.pace, now);
        }
    }

    /// The same for an address.
    pub(super) fn leave_gate(&mut self, number: usize, now: Stamp) {
        if let Some(seat) = &mut self.seat {
            let gate = self.addresses.gate(number);
            seat.end(gate.spot(seat, number), &gate.pace, now);
        }
    }

    /// Looks again at what other crawls have left.
    pub(super) fn answer_calls(&mut self, now: Stamp) {
        for call in self.seat.as_ref().map(|seat| seat.calls()).unwrap_or_default() {
            match call {
                Alarm::Host(host) => self.place_anew(host, now),
                Alarm::Gate(gate) => self.open_gate(gate, now),
            }
        }
    }
}
