//! Connections that wait for the next request.
//!
//! Owns them by origin, the last used first: the one used last is the likeliest to be open still, and the
//! ones a burst has left over grow old and go. Never dials.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    time::Duration,
};

use tokio::time::Instant;

use crate::stream::Conn;

/// The idle connections of one client.
#[derive(Debug)]
pub(crate) struct Idle {
    by_origin: RefCell<HashMap<Box<str>, Vec<Conn>>>,
    count: Cell<usize>,
    keep: Duration,
    per_host: usize,
}

impl Idle {
    /// An empty pool that keeps a connection for `keep`, and `per_host` of them for one origin.
    pub(crate) fn new(keep: Duration, per_host: usize) -> Self {
        Self { by_origin: RefCell::default(), count: Cell::new(0), keep, per_host }
    }

    /// The connection to an origin that was used last and is still good.
    pub(crate) fn take(&self, origin: &str) -> Option<Conn> {
        let mut by_origin = self.by_origin.borrow_mut();
        let conns = by_origin.get_mut(origin)?;
        let now = Instant::now();
        while let Some(mut conn) = conns.pop() {
            self.count.set(self.count.get() - 1);
            if self.is_good(&mut conn, now) {
                return Some(conn);
            }
        }
        None
    }

    /// Keeps a connection whose last answer ended now. Past the host's share the oldest goes.
    pub(crate) fn park(&self, origin: &str, mut conn: Conn) {
        if self.per_host == 0 {
            return;
        }
        conn.idle_since = Instant::now();
        let mut by_origin = self.by_origin.borrow_mut();
        // The entry API wants an owned key; the origin is nearly always known.
        let conns = match by_origin.get_mut(origin) {
            Some(conns) => conns,
            None => by_origin.entry(origin.into()).or_default(),
        };
        if conns.len() >= self.per_host {
            conns.remove(0);
            self.count.set(self.count.get() - 1);
        }
        conns.push(conn);
        self.count.set(self.count.get() + 1);
    }

    /// Drops every connection to an origin.
    pub(crate) fn forget(&self, origin: &str) {
        if let Some(conns) = self.by_origin.borrow_mut().remove(origin) {
            self.count.set(self.count.get() - conns.len());
        }
    }

    /// Drops what is closed, or has waited too long; how many that were.
    pub(crate) fn reap(&self) -> usize {
        let now = Instant::now();
        let before = self.count.get();
        let mut left = 0;
        self.by_origin.borrow_mut().retain(|_, conns| {
            conns.retain_mut(|conn| self.is_good(conn, now));
            left += conns.len();
            !conns.is_empty()
        });
        self.count.set(left);
        before - left
    }

    /// Drops the connection that has waited longest; false where there is none.
    pub(crate) fn drop_oldest(&self) -> bool {
        let mut by_origin = self.by_origin.borrow_mut();
        // Within an origin the first is the oldest.
        let oldest =
            by_origin.values_mut().filter(|conns| !conns.is_empty()).min_by_key(|conns| conns[0].idle_since);
        let Some(conns) = oldest else { return false };
        conns.remove(0);
        self.count.set(self.count.get() - 1);
        true
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count.get()
    }

    fn is_good(&self, conn: &mut Conn, now: Instant) -> bool {
        now.duration_since(conn.idle_since) < self.keep && conn.is_quiet()
    }
}
