//! Which of a host's addresses answers first (RFC 8305, Happy Eyeballs).
//!
//! Owns the race: an attempt begins when the one before has failed, or has had its head start. The first that
//! connects wins, the others are dropped. Knows nothing of sockets.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

use crate::targets::Targets;

/// Head start of an attempt before the next begins (RFC 8305 §5, Connection Attempt Delay).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Most addresses that are tried. Hosts that have more have them for the load, not because most are dead.
const ADDRESSES_MAX: usize = 8;

/// The attempt that won.
#[derive(Debug)]
pub(crate) struct Won<T, P> {
    pub(crate) connection: T,
    pub(crate) address: SocketAddr,
    pub(crate) permit: P,
}

/// An attempt that did not; no error where the time was up first.
pub(crate) type Lost = (SocketAddr, Option<io::Error>);

/// Connects to one of the targets before the deadline, or tells what became of each that was tried.
///
/// An attempt holds a permit while it lasts. The first has `permit`; a further one beside it needs one more, and
/// where `another` has none the attempts go one after the other. So the number of permits is that of sockets,
/// and nobody who holds one waits for another.
pub(crate) async fn race<T, P, F>(
    targets: &mut Targets<'_>,
    permit: P,
    another: impl Fn() -> Option<P>,
    connect: impl Fn(SocketAddr) -> F,
    deadline: Instant,
) -> Result<Won<T, P>, Vec<Lost>>
where
    F: Future<Output = io::Result<T>>,
{
    let mut attempts = FuturesUnordered::new();
    let mut under_way = Vec::new();
    let mut lost: Vec<Lost> = Vec::new();
    let mut spare = Some(permit);
    let mut next_at = Instant::now();
    loop {
        let has_room = lost.len() + under_way.len() < ADDRESSES_MAX;
        let is_due = under_way.is_empty() || Instant::now() >= next_at;
        if has_room && is_due && !targets.is_empty() {
            if spare.is_none() {
                spare = another();
            }
            if let (true, Some(address)) = (spare.is_some(), spare.as_ref().and_then(|_| targets.next())) {
                let (attempt, permit) = (connect(address), spare.take());
                attempts.push(async move { (address, permit, attempt.await) });
                under_way.push(address);
                next_at = Instant::now() + ATTEMPT_DELAY;
            }
        }
        let may_begin = has_room && !targets.is_empty();
        if under_way.is_empty() && !may_begin && !(has_room && targets.awaits_more()) {
            return Err(lost);
        }
        tokio::select! {
            biased;
            Some((address, permit, outcome)) = attempts.next() => {
                under_way.retain(|it| *it != address);
                match (outcome, permit) {
                    (Ok(connection), Some(permit)) => return Ok(Won { connection, address, permit }),
                    (outcome, permit) => {
                        spare = spare.or(permit);
                        lost.push((address, outcome.err()));
                    }
                }
                next_at = Instant::now();
            }
            _ = sleep_until(deadline) => {
                lost.extend(under_way.into_iter().map(|address| (address, None)));
                return Err(lost);
            }
            _ = sleep_until(next_at), if may_begin && Instant::now() < next_at => {}
            _ = targets.more(), if targets.awaits_more() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::HashMap};

    use super::*;
    use crate::{names::Family, targets::tests::timed};

    /// What a fake address does: connects or refuses after so many milliseconds, or hangs.
    #[derive(Clone, Copy)]
    enum Does {
        Connect(u64),
        Refuse(u64),
        Hang,
    }
    use Does::{Connect, Hang, Refuse};

    /// Runs a race over addresses `2606::N`, all known at once; who won, what was lost, and when each began.
    async fn run(
        addresses: &[Does],
        permits: usize,
        limit: u64,
    ) -> (Result<String, String>, Vec<(u64, String)>) {
        let texts: Vec<&'static str> =
            (0..addresses.len()).map(|i| &*Box::leak(format!("2606::{}", i + 1).into_boxed_str())).collect();
        let does: HashMap<String, Does> =
            texts.iter().map(ToString::to_string).zip(addresses.iter().copied()).collect();
        let mut targets = timed(None, &[(Family::V6, 0, &*Box::leak(texts.into_boxed_slice()))]);
        targets.begin().await;
        race_over(&mut targets, &does, permits, limit).await
    }

    async fn race_over(
        targets: &mut Targets<'_>,
        does: &HashMap<String, Does>,
        permits: usize,
        limit: u64,
    ) -> (Result<String, String>, Vec<(u64, String)>) {
        let started = Instant::now();
        let begun = RefCell::new(Vec::new());
        let permits = RefCell::new(vec!["a permit"; permits]);
        let first = permits.borrow_mut().pop().unwrap();
        let connect = |address: SocketAddr| {
            let name = address.ip().to_string();
            begun.borrow_mut().push((started.elapsed().as_millis() as u64, name.clone()));
            let does = does[&name];
            async move {
                match does {
                    Connect(after) => tokio::time::sleep(Duration::from_millis(after)).await,
                    Refuse(after) => {
                        tokio::time::sleep(Duration::from_millis(after)).await;
                        return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                    }
                    Hang => std::future::pending().await,
                }
                Ok(name)
            }
        };
        let deadline = started + Duration::from_millis(limit);
        let outcome = race(targets, first, || permits.borrow_mut().pop(), connect, deadline).await;
        let outcome = outcome.map(|won| won.connection).map_err(|lost| {
            let tell = |(address, error): &Lost| {
                format!("{} {}", address.ip(), if error.is_some() { "refused" } else { "hung" })
            };
            format!(
                "{} at {}",
                lost.iter().map(tell).collect::<Vec<_>>().join(", "),
                started.elapsed().as_millis()
            )
        });
        (outcome, begun.into_inner())
    }

    fn begun(list: &[(u64, u8)]) -> Vec<(u64, String)> {
        list.iter().map(|(at, n)| (*at, format!("2606::{n}"))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_to_connect_wins() {
        for (addresses, permits, want, began) in [
            (&[Connect(10), Connect(0)][..], 9, Ok("2606::1"), &[(0, 1)][..]),
            (&[Hang, Connect(10)], 9, Ok("2606::2"), &[(0, 1), (250, 2)]),
            (&[Connect(300), Connect(100)], 9, Ok("2606::1"), &[(0, 1), (250, 2)]),
            (&[Connect(400), Connect(100)], 9, Ok("2606::2"), &[(0, 1), (250, 2)]),
            (&[Refuse(20), Connect(10)], 9, Ok("2606::2"), &[(0, 1), (20, 2)]),
            (&[Hang, Refuse(50), Connect(1)], 9, Ok("2606::3"), &[(0, 1), (250, 2), (300, 3)]),
            (&[Refuse(5), Refuse(5)], 9, Err("2606::1 refused, 2606::2 refused at 10"), &[(0, 1), (5, 2)]),
            (&[Hang, Refuse(5)], 9, Err("2606::2 refused, 2606::1 hung at 1000"), &[(0, 1), (250, 2)]),
            // One permit: one attempt at a time.
            (&[Hang, Connect(10)], 1, Err("2606::1 hung at 1000"), &[(0, 1)]),
            (&[Refuse(300), Connect(10)], 1, Ok("2606::2"), &[(0, 1), (300, 2)]),
            (&[Hang, Hang, Connect(0)], 2, Err("2606::1 hung, 2606::2 hung at 1000"), &[(0, 1), (250, 2)]),
        ] {
            let (outcome, attempts) = run(addresses, permits, 1000).await;
            assert_eq!(outcome.as_deref().map_err(String::as_str), want);
            assert_eq!(attempts, begun(began), "{want:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn eight_addresses_are_enough() {
        let (outcome, attempts) = run(&[Refuse(0); 12], 9, 1000).await;
        assert!(outcome.unwrap_err().ends_with("2606::8 refused at 0"));
        assert_eq!(attempts.len(), ADDRESSES_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_come_late_join_in() {
        let does: HashMap<String, Does> =
            [("2606::1", Hang), ("1.1.1.1", Connect(0))].map(|(name, does)| (name.to_owned(), does)).into();
        for (v4_after, began) in [(100, 250), (400, 400)] {
            let mut targets =
                timed(None, &[(Family::V6, 0, &["2606::1"]), (Family::V4, v4_after, &["1.1.1.1"])]);
            targets.begin().await;
            let (outcome, attempts) = race_over(&mut targets, &does, 9, 1000).await;
            assert_eq!(outcome.as_deref(), Ok("1.1.1.1"));
            assert_eq!(attempts.last(), Some(&(began, "1.1.1.1".to_owned())));
        }
    }
}
