//! What holds for every call of a gathering.

use std::time::Duration;

use dragline_coding::Bounds;
use dragline_frontier::RetryTable;

use crate::Expect;

/// See [`crate::Gather`], where each of these is decided.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) timeout: Option<Duration>,
    pub(crate) fresh: bool,
    /// Below 255, so that they can be counted with the first attempt.
    pub(crate) retries: u8,
    pub(crate) retry_table: RetryTable,
    pub(crate) redirects: usize,
    pub(crate) expect: Option<Expect>,
    pub(crate) keep_pages: bool,
    pub(crate) bounds: Bounds,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            timeout: None,
            fresh: false,
            retries: 2,
            retry_table: RetryTable::default(),
            redirects: 10,
            expect: None,
            keep_pages: false,
            bounds: Bounds::default(),
        }
    }
}
