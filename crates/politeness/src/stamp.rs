//! Moments that outlive a process.
//!
//! Owns the one kind of time of this crate and the way to and from `Instant`. Reads no clock: who makes an
//! [`Epoch`] does.

use std::{
    ops::Add,
    time::{Duration, Instant, SystemTime},
};

use serde::{Deserialize, Serialize};

/// A moment, in nanoseconds since an epoch of the caller's; with [`Epoch`], since 1970. Good until 2554, and
/// stops there instead of beginning anew.
///
/// An `Instant` cannot be kept over a restart, and a `SystemTime` may go backwards while it is waited for; a
/// stamp is kept like the one and goes on like the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(u64);

impl Stamp {
    /// So long after the epoch.
    pub fn new(since_epoch: Duration) -> Self {
        Self(nanoseconds(since_epoch))
    }

    /// The time since an earlier moment; zero if it is a later one.
    pub fn since(self, earlier: Stamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Stamp {
    type Output = Stamp;

    fn add(self, time: Duration) -> Stamp {
        Stamp(self.0.saturating_add(nanoseconds(time)))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Both clocks, read once, when a process begins: from then on only the monotonic one counts.
///
/// ```
/// use std::time::{Duration, Instant, SystemTime};
/// use dragline_politeness::Epoch;
///
/// let begun = Instant::now();
/// let epoch = Epoch::new(begun, SystemTime::now());
/// let later = begun + Duration::from_millis(1500);
/// assert_eq!(epoch.stamp(later).since(epoch.stamp(begun)), Duration::from_millis(1500));
/// assert_eq!(epoch.instant(epoch.stamp(later)), Some(later));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Epoch {
    instant: Instant,
    since_1970: Duration,
}

impl Epoch {
    /// The two readings of one moment.
    pub fn new(instant: Instant, wall: SystemTime) -> Self {
        Self { instant, since_1970: wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default() }
    }

    /// The instant it was made with.
    pub fn begun(&self) -> Instant {
        self.instant
    }

    /// The stamp of an instant.
    pub fn stamp(&self, instant: Instant) -> Stamp {
        let since_1970 = match instant.checked_duration_since(self.instant) {
            Some(after) => self.since_1970.saturating_add(after),
            None => self.since_1970.saturating_sub(self.instant.duration_since(instant)),
        };
        Stamp::new(since_1970)
    }

    /// The instant of a stamp; none if the system's clock does not reach there.
    pub fn instant(&self, stamp: Stamp) -> Option<Instant> {
        let since_1970 = Duration::from_nanos(stamp.0);
        match since_1970.checked_sub(self.since_1970) {
            Some(after) => self.instant.checked_add(after),
            None => self.instant.checked_sub(self.since_1970 - since_1970),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_go_on_where_the_last_run_ended() {
        let begun = Instant::now();
        let first = Epoch::new(begun, SystemTime::UNIX_EPOCH + Duration::from_secs(1000));
        let second =
            Epoch::new(begun + Duration::from_secs(7), SystemTime::UNIX_EPOCH + Duration::from_secs(2000));
        let kept = first.stamp(begun + Duration::from_secs(5));
        assert_eq!(kept, Stamp::new(Duration::from_secs(1005)));
        assert_eq!(second.stamp(begun + Duration::from_secs(7)).since(kept), Duration::from_secs(995));
        assert_eq!(second.stamp(begun), Stamp::new(Duration::from_secs(1993)));
        assert_eq!(second.instant(Stamp::new(Duration::from_secs(1993))), Some(begun));
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let end = Stamp::new(Duration::MAX);
        assert_eq!(end + Duration::MAX, end);
        assert_eq!(Stamp::default().since(end), Duration::ZERO);
        let epoch = Epoch::new(Instant::now(), SystemTime::UNIX_EPOCH);
        let _ = epoch.instant(end);
    }
}
