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

#[cfg(test)]
mod tests {
    use std::{future::Future, sync::Arc};

    use tokio::{
        net::{TcpListener, TcpStream},
        sync::Semaphore,
    };

    use super::*;
    use crate::stream::Stream;

    const KEEP: Duration = Duration::from_secs(60);

    fn run(test: impl Future<Output = ()>) {
        actix_rt::System::new().block_on(test);
    }

    /// A connection, and the server's end of it.
    async fn pair(listener: &TcpListener) -> (Conn, TcpStream) {
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        (Conn::new(Stream::Plain(client), address, permit), server)
    }

    /// Waits until the close of the other end has arrived.
    async fn hear(conn: &Conn) {
        let Stream::Plain(tcp) = &conn.stream else { panic!("no TLS here") };
        tcp.readable().await.unwrap();
    }

    #[test]
    fn the_last_used_comes_first_and_the_oldest_goes_first() {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let idle = Idle::new(KEEP, 2);
            let mut servers = Vec::new();
            for served in 1..=3 {
                let (mut conn, server) = pair(&listener).await;
                conn.served = served;
                servers.push(server);
                idle.park("a", conn);
            }
            assert_eq!(idle.len(), 2);
            assert_eq!(idle.take("a").map(|conn| conn.served), Some(3));
            assert!(idle.drop_oldest());
            assert!(idle.take("a").is_none() && idle.take("b").is_none() && !idle.drop_oldest());
            assert_eq!(idle.len(), 0);
        });
    }

    #[test]
    fn the_oldest_of_all_hosts_is_dropped() {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let idle = Idle::new(KEEP, 9);
            let mut servers = Vec::new();
            for origin in ["a", "b", "c"] {
                let (conn, server) = pair(&listener).await;
                servers.push(server);
                idle.park(origin, conn);
            }
            assert!(idle.drop_oldest());
            assert!(idle.take("a").is_none() && idle.take("b").is_some() && idle.take("c").is_some());
        });
    }

    #[test]
    fn a_connection_that_speaks_unasked_or_closed_is_not_taken() {
        run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let idle = Idle::new(KEEP, 9);
            let (closed, server) = pair(&listener).await;
            drop(server);
            hear(&closed).await;
            idle.park("a", closed);
            let (speaking, server) = pair(&listener).await;
            server.try_write(b"HTTP/1.1 408 Request Timeout\r\n\r\n").unwrap();
            hear(&speaking).await;
            idle.park("a", speaking);
            assert!(idle.take("a").is_none());
            assert_eq!(idle.len(), 0);
        });
    }

    #[test]
    fn one_reap_finds_every_dead_connection() {
        run(async {
            // More than a task may poll before the runtime tells it "pending" for every socket.
            const HOSTS: usize = 300;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let idle = Idle::new(KEEP, 9);
            let (live, _server) = pair(&listener).await;
            idle.park("live", live);
            for i in 0..HOSTS {
                let (conn, server) = pair(&listener).await;
                drop(server);
                hear(&conn).await;
                idle.park(&i.to_string(), conn);
            }
            assert_eq!((idle.reap(), idle.len()), (HOSTS, 1));
            assert!(idle.take("live").is_some());
        });
    }
}
