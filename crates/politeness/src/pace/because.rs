//! Why a start is when it is.

use std::fmt;

use crate::Stamp;

/// A moment at which a request may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextStart {
    /// No sooner than this.
    pub at: Stamp,
    /// What it waits for.
    pub because: Because,
}

impl NextStart {
    /// The later of two; the first, where they are equal.
    #[must_use]
    pub fn or_later(self, other: NextStart) -> NextStart {
        if other.at > self.at { other } else { self }
    }
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Nothing: it may start now.
    Free,
    /// The configured delay.
    Delay,
    /// The delay that follows the host's response time.
    Adaptive,
    /// `Crawl-delay` in robots.txt, up to the configured cap.
    CrawlDelay,
    /// The rest that a 429 or 503 asked for.
    RetryAfter,
    /// The rest after a 429 or 503 that asked for none, or again for too short a one.
    BackOff {
        /// How many times it has doubled, from 1.
        step: u8,
    },
    /// The wait after connections that failed.
    Unreached {
        /// The same.
        step: u8,
    },
}

impl Because {
    /// It is nothing but the time between two starts.
    pub fn is_delay(&self) -> bool {
        matches!(self, Because::Delay | Because::Adaptive | Because::CrawlDelay)
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Because::Free => f.write_str("nothing holds it"),
            Because::Delay => f.write_str("the delay between two starts"),
            Because::Adaptive => f.write_str("the delay follows the host's response time"),
            Because::CrawlDelay => f.write_str("Crawl-delay in robots.txt"),
            Because::RetryAfter => f.write_str("the server asked for this rest (Retry-After)"),
            Because::BackOff { step } => {
                write!(f, "the server refused (429 or 503), step {step} of the back-off")
            }
            Because::Unreached { step } => write!(f, "connections failed, step {step} of the back-off"),
        }
    }
}
