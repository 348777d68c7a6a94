//! The addresses to try for one host, as they become known.
//!
//! Owns their judging and their order: every address passes the guard before anybody can connect to it, and the
//! families take turns, IPv6 first (RFC 8305 §4). Never connects.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use dragline_model::{Failure, FailureKind};
use futures_util::{StreamExt, future::LocalBoxFuture, stream::FuturesUnordered};
use tokio::time::timeout;

use crate::{
    guard::Guard,
    names::{Family, Names, Outcome},
};

/// How long IPv4 addresses wait for IPv6 ones (RFC 8305 §3, Resolution Delay).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// What a host leads to.
pub(crate) struct Targets<'a> {
    name: &'a str,
    port: u16,
    /// None where the addresses are the user's own wish.
    guard: Option<&'a Guard>,
    awaited: FuturesUnordered<LocalBoxFuture<'a, (Family, Outcome)>>,
    heard: [Outcome; 2],
    ready: [VecDeque<SocketAddr>; 2],
    turn: Family,
    /// The first objection of the guard.
    refusal: Option<Failure>,
}

impl<'a> Targets<'a> {
    /// Addresses that are known, and judged.
    pub(crate) fn fixed(name: &'a str, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let mut targets = Self::none(name, 0, None);
        for address in addresses {
            targets.ready[family_of(address.ip()) as usize].push_back(address);
        }
        targets
    }

    /// The addresses of a name, to be found out and judged.
    pub(crate) fn named(names: &Names, name: &'a str, port: u16, guard: Option<&'a Guard>) -> Self {
        // Both at once; the answers are waited for by whoever polls.
        let [v6, v4] = [Family::V6, Family::V4].map(|family| (family, names.ask(name, family)));
        Self::awaiting(
            name,
            port,
            guard,
            [v6, v4].map(|(family, asked)| {
                let found: LocalBoxFuture<'a, _> = Box::pin(async move { (family, asked.outcome().await) });
                found
            }),
        )
    }

    fn awaiting(
        name: &'a str,
        port: u16,
        guard: Option<&'a Guard>,
        asked: impl IntoIterator<Item = LocalBoxFuture<'a, (Family, Outcome)>>,
    ) -> Self {
        let targets = Self::none(name, port, guard);
        for answer in asked {
            targets.awaited.push(answer);
        }
        targets
    }

    fn none(name: &'a str, port: u16, guard: Option<&'a Guard>) -> Self {
        Self {
            name,
            port,
            guard,
            awaited: FuturesUnordered::new(),
            heard: [Outcome::NoAddress, Outcome::NoAddress],
            ready: [VecDeque::new(), VecDeque::new()],
            turn: Family::V6,
            refusal: None,
        }
    }

    /// The only address there is and will be: there is nothing to race for.
    pub(crate) fn only(&self) -> Option<SocketAddr> {
        let [v6, v4] = &self.ready;
        let first = v6.front().or(v4.front()).copied();
        first.filter(|_| self.awaited.is_empty() && v6.len() + v4.len() == 1)
    }

    /// Waits until connecting may begin: IPv6 addresses are there, or all answers are, or IPv4 addresses are and
    /// have waited for the others.
    pub(crate) async fn begin(&mut self) {
        while self.ready[Family::V6 as usize].is_empty() {
            let more = if self.ready[Family::V4 as usize].is_empty() {
                self.more().await
            } else {
                timeout(RESOLUTION_DELAY, self.more()).await.unwrap_or(false)
            };
            if !more {
                return;
            }
        }
    }

    /// Waits for one more answer; false where none is outstanding. Nothing is lost when the wait is given up.
    pub(crate) async fn more(&mut self) -> bool {
        let Some((family, outcome)) = self.awaited.next().await else { return false };
        if let Outcome::Found(addresses) = &outcome {
            for &address in addresses.iter() {
                match self.guard.map_or(Ok(()), |guard| guard.admit(address)) {
                    Ok(()) => self.ready[family as usize].push_back((address, self.port).into()),
                    Err(refusal) => self.refusal = self.refusal.take().or(Some(refusal)),
                }
            }
        }
        self.heard[family as usize] = outcome;
        true
    }

    /// True while answers are outstanding.
    pub(crate) fn awaits_more(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// True where there is no address at the moment.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.iter().all(VecDeque::is_empty)
    }

    /// Why there is no address. The guard's objection comes first: the name does lead somewhere.
    pub(crate) fn failure(self) -> Failure {
        let [v6, v4] = &self.heard;
        self.refusal.unwrap_or_else(|| Outcome::failure(self.name, [v6, v4]))
    }

    /// That the time was up before there was one.
    pub(crate) fn silence(&self, limit: Duration) -> Failure {
        let limit = crate::dial::seconds(limit);
        Failure::new(
            FailureKind::Dns,
            format!("{}: no answer from the name server within {limit}", self.name),
        )
    }
}

impl Iterator for Targets<'_> {
    type Item = SocketAddr;

    /// The next address of those that are there; of the other family than the one before, where there is one.
    fn next(&mut self) -> Option<SocketAddr> {
        let other = if self.turn == Family::V6 { Family::V4 } else { Family::V6 };
        for family in [self.turn, other] {
            if let Some(address) = self.ready[family as usize].pop_front() {
                self.turn = if family == Family::V6 { Family::V4 } else { Family::V6 };
                return Some(address);
            }
        }
        None
    }
}

fn family_of(address: IpAddr) -> Family {
    if address.is_ipv6() { Family::V6 } else { Family::V4 }
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::FutureExt;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// The targets of a name whose answers come after so many milliseconds.
    pub(crate) fn timed<'a>(
        guard: Option<&'a Guard>,
        answers: &[(Family, u64, &'static [&'static str])],
    ) -> Targets<'a> {
        Targets::awaiting(
            "a.test",
            80,
            guard,
            answers.iter().map(|&(family, after, addresses)| {
                let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
                let outcome =
                    if addresses.is_empty() { Outcome::NoAddress } else { Outcome::Found(addresses.into()) };
                async move {
                    sleep(Duration::from_millis(after)).await;
                    (family, outcome)
                }
                .boxed_local()
            }),
        )
    }

    fn rest(targets: &mut Targets<'_>) -> Vec<String> {
        targets.map(|address| address.ip().to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn when_connecting_may_begin() {
        use Family::{V4, V6};
        const SIX: &[&str] = &["2606:4700::1"];
        const FOUR: &[&str] = &["1.1.1.1"];
        for (v6, v4, begins, first) in [
            ((10, SIX), (20, FOUR), 10, "2606:4700::1"),
            ((30, SIX), (20, FOUR), 30, "2606:4700::1"),
            ((200, SIX), (20, FOUR), 70, "1.1.1.1"),
            ((30, &[][..]), (20, FOUR), 30, "1.1.1.1"),
            ((10, &[]), (20, FOUR), 20, "1.1.1.1"),
            ((90, SIX), (20, &[]), 90, "2606:4700::1"),
        ] {
            let started = Instant::now();
            let mut targets = timed(None, &[(V6, v6.0, v6.1), (V4, v4.0, v4.1)]);
            targets.begin().await;
            assert_eq!(started.elapsed().as_millis(), begins, "{v6:?} {v4:?}");
            assert_eq!(targets.next().map(|it| it.ip().to_string()).as_deref(), Some(first), "{v6:?} {v4:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn families_take_turns_and_the_guard_has_its_say() {
        use Family::{V4, V6};
        let guard = Guard::default();
        let mut targets = timed(
            Some(&guard),
            &[
                (V4, 1, &["1.1.1.1", "10.0.0.1", "1.1.1.2", "127.0.0.1"]),
                (V6, 0, &["2606:4700::1", "::1", "2606:4700::2", "2606:4700::3"]),
            ],
        );
        while targets.more().await {}
        let order = ["2606:4700::1", "1.1.1.1", "2606:4700::2", "1.1.1.2", "2606:4700::3"];
        assert_eq!(rest(&mut targets), order);

        let mut targets = timed(Some(&guard), &[(V4, 0, &["10.0.0.1", "127.0.0.1"]), (V6, 0, &[])]);
        targets.begin().await;
        assert!(targets.is_empty());
        let failure = targets.failure();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.detail.starts_with("10.0.0.1 is a private address"), "{failure}");
    }
}
