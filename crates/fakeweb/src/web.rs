//! A running web: its threads, its door, and what can be asked of it from outside.
//!
//! Never answers a request itself: `connection.rs` does.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime::{self, Runtime},
    sync::{mpsc, oneshot},
    time::sleep,
};

use crate::{
    Expect, Manners, Promise, Scope, Script, Served, Trap, WebSpec,
    answer::Memory,
    behaviour::refused,
    connection::{Label, serve},
    log::{Log, address},
    naming::DOMAIN,
    plan::{Place, Plan},
    script::Scripts,
    sites::Sites,
    turns::Turns,
};

/// Connections that may wait to be accepted: a crawler opens thousands at once. The system may allow less.
const BACKLOG: u32 = 8_192;

/// Pause after an error of accepting, which is nearly always the lack of a free descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Ports that are tried until one is free at every address.
const PORTS_TRIED: usize = 20;

/// Most server threads; more are a slip of the pen.
const THREADS_MAX: usize = 256;

/// A web that is being served; dropping it closes every connection and ends its threads.
#[derive(Debug)]
pub struct Web {
    addrs: Vec<SocketAddr>,
    shared: Arc<Shared>,
    threads: Vec<ServerThread>,
}

/// What the server's threads have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) memory: Memory,
    pub(crate) sites: Sites,
    pub(crate) scripts: Scripts,
    pub(crate) log: Log,
    pub(crate) keep_heads: bool,
    /// By thread.
    pub(crate) turns: Vec<Arc<Turns>>,
    connections: AtomicU64,
}

#[derive(Debug)]
struct ServerThread {
    /// Its drop is the sign to stop.
    stop: Option<oneshot::Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

/// A connection on its way to the thread that will serve it.
type Accepted = (std::net::TcpStream, Label);

impl Web {
    pub(crate) fn start(spec: WebSpec) -> io::Result<Self> {
        if !(1..=THREADS_MAX).contains(&spec.threads) {
            return Err(refused(format!("threads is {}: it must be from 1 to {THREADS_MAX}", spec.threads)));
        }
        let plan = Plan::new(&spec)?;
        let sites = Sites::new(&spec)?;
        let mut runtimes = Vec::new();
        let mut turns = Vec::new();
        for _ in 0..spec.threads {
            let mut builder = runtime::Builder::new_current_thread();
            turns.push(Turns::watch(&mut builder));
            runtimes.push(builder.enable_all().build()?);
        }
        let shared = Arc::new(Shared {
            memory: Memory::new(&plan),
            plan,
            sites,
            scripts: Scripts::default(),
            log: Log::new(spec.threads, spec.keep_log),
            keep_heads: spec.keep_heads,
            turns,
            connections: AtomicU64::new(0),
        });
        for (host, path, script) in spec.scripts {
            shared.scripts.insert(&host, path, script);
        }

        // The first thread accepts, and deals connections out in turn, itself included.
        let first = runtimes.remove(0);
        let listeners = {
            let _inside = first.enter();
            listen(spec.addresses)?
        };
        let addrs = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let mut web = Self { addrs, shared, threads: Vec::new() };
        let mut doors = Vec::new();
        for (number, runtime) in (1..).zip(runtimes) {
            let (door, accepted) = mpsc::unbounded_channel();
            doors.push(door);
            web.spawn(runtime, number, receive(accepted, Arc::clone(&web.shared), number))?;
        }
        web.spawn(first, 0, accept_all(listeners, Arc::clone(&web.shared), doors))?;
        Ok(web)
    }

    fn spawn(
        &mut self,
        runtime: Runtime,
        number: usize,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (stop, stopped) = oneshot::channel::<()>();
        let handle = thread::Builder::new().name(format!("fakeweb-{number}")).spawn(move || {
            runtime.block_on(async {
                tokio::spawn(work);
                let _ = stopped.await;
            });
        })?;
        self.threads.push(ServerThread { stop: Some(stop), handle: Some(handle) });
        Ok(())
    }

    /// Where it listens: 127.0.0.1 and a port that the system chose. Any host can be asked for here.
    pub fn addr(&self) -> SocketAddr {
        self.addrs[0]
    }

    /// Everywhere it listens, 127.0.0.1 first, all with one port.
    pub fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// The rule that sends a crawler here: `*.fakeweb.test=127.0.0.1:PORT`. Where there are more addresses than one,
    /// it sends all hosts to the first: see [`Web::resolve_rules`].
    pub fn resolve_rule(&self) -> String {
        format!("*.{DOMAIN}={}", self.addr())
    }

    /// The rules that send a crawler to each host's own address: [`Web::resolve_rule`] for all that is nowhere in
    /// particular, `*.n2.fakeweb.test=127.0.0.2:PORT` and its like, and one for the domain of a trap that has one.
    pub fn resolve_rules(&self) -> Vec<String> {
        let groups = self.addrs.iter().enumerate().filter(|_| self.addrs.len() > 1);
        let groups = groups.map(|(number, addr)| format!("*.n{}.{DOMAIN}={addr}", number + 1));
        let others = self.shared.sites.domains().map(|domain| format!("*.{domain}={}", self.addr()));
        std::iter::once(self.resolve_rule()).chain(groups).chain(others).collect()
    }

    /// The name of a host, counted from 0: `h000.fakeweb.test`, or `h000.n1.fakeweb.test` where there is more than
    /// one address. It need not exist.
    pub fn host(&self, host: usize) -> String {
        self.shared.plan.host_name(clamp(host))
    }

    /// The address that a host is at.
    pub fn address_of(&self, host: usize) -> SocketAddr {
        self.addrs[self.shared.plan.address_of(clamp(host)) as usize]
    }

    /// The URL of a page, both counted from 0, without a port; page 0 is at `/`. It need not exist.
    pub fn url(&self, host: usize, page: usize) -> String {
        self.shared.plan.url(Place::Page { host: clamp(host), page: clamp(page) })
    }

    /// The first page of every host. All of a host can be reached from it.
    pub fn seeds(&self) -> Vec<String> {
        (0..self.shared.plan.hosts).map(|host| self.shared.plan.url(Place::Page { host, page: 0 })).collect()
    }

    /// The front pages of the traps; none where there are none.
    pub fn trap_seeds(&self) -> Vec<(Trap, String)> {
        self.shared.sites.trap_seeds()
    }

    /// Requests that went into each trap since the start or the last [`Web::rewind`]: those for its host but its
    /// robots.txt, its front page and the honest pages beside it.
    pub fn trapped(&self) -> BTreeMap<Trap, u64> {
        self.shared.sites.trapped()
    }

    /// The front page of the honest archive, where there is one.
    pub fn archive_seed(&self) -> Option<String> {
        self.shared.sites.archive_seed()
    }

    /// The front pages of the hosts without end; none where there are none.
    pub fn endless_seeds(&self) -> Vec<String> {
        self.shared.sites.endless_seeds()
    }

    /// The first page of the portal's list, where there is one.
    pub fn portal_seed(&self) -> Option<String> {
        self.shared.sites.portal_seed()
    }

    /// What a complete crawl of the seeds' hosts must find, by URL: every page that a link, a redirect or a
    /// seed leads to, and nothing else. `robots.txt` is the crawler's own affair and not in it, nor are sitemaps
    /// and scripts. Of a trap it has what is honest, of a site without end nothing.
    pub fn truth<S: AsRef<str>>(&self, seeds: &[S]) -> BTreeMap<String, Expect> {
        self.truth_in(Scope::Host, seeds)
    }

    /// [`Web::truth`] for another scope.
    pub fn truth_in<S: AsRef<str>>(&self, scope: Scope, seeds: &[S]) -> BTreeMap<String, Expect> {
        let (mut found, mut numbered) = (BTreeMap::new(), Vec::new());
        for seed in seeds.iter().map(AsRef::as_ref) {
            match self.shared.sites.truth(&self.shared.plan, seed) {
                Some(site) => found.extend(site),
                None => numbered.push(seed),
            }
        }
        found.extend(self.shared.plan.truth(&numbered, scope));
        found
    }

    /// Adds a script to the running web, or replaces one; see [`WebSpec::script`].
    pub fn script(&self, host: &str, path: impl Into<String>, script: Script) {
        self.shared.scripts.insert(host, path.into(), script);
    }

    /// Every request since the start or the last [`Web::clear_log`], in the order of arrival; empty where
    /// [`WebSpec::keep_log`] is off. A request is in it before its answer leaves.
    pub fn log(&self) -> Vec<Served> {
        self.shared.log.read(&self.shared.plan)
    }

    /// How many requests there were since the start or the last [`Web::clear_log`].
    pub fn requests(&self) -> u64 {
        self.shared.log.requests()
    }

    /// How whoever asked kept to what was promised, by the log alone; see [`Manners`].
    pub fn manners(&self, promise: &Promise) -> Manners {
        Manners::of(&self.shared.plan, &self.shared.log, promise)
    }

    /// Empties the log and starts counting at 0. A request whose answer is under way is forgotten with it.
    pub fn clear_log(&self) {
        self.shared.log.clear();
    }

    /// Lets pages that refuse only once refuse again, and scripts start from their first answer: the web is as
    /// it was at its start, for a second crawl. The log stays.
    pub fn rewind(&self) {
        self.shared.memory.forget();
        self.shared.plan.moods.forget();
        self.shared.sites.forget();
        self.shared.scripts.rewind();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.stop.take();
        }
        for thread in &mut self.threads {
            if let Some(handle) = thread.handle.take() {
                // A panic of the server's thread has been printed; it must not become an abort here.
                let _ = handle.join();
            }
        }
    }
}

/// One listener for each address, all at one port.
fn listen(addresses: usize) -> io::Result<Vec<TcpListener>> {
    let open = |number: usize, port| {
        let socket = TcpSocket::new_v4()?;
        socket.bind((address(number as u8), port).into())?;
        socket.listen(BACKLOG)
    };
    for attempt in 1..=PORTS_TRIED {
        let first = open(0, 0)?;
        let port = first.local_addr()?.port();
        let others: io::Result<Vec<_>> = (1..addresses).map(|number| open(number, port)).collect();
        match others {
            Ok(others) => return Ok(std::iter::once(first).chain(others).collect()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempt < PORTS_TRIED => {}
            Err(error) => {
                let why = format!("port {port} of 127.0.0.2 to 127.0.0.{addresses} cannot be had: {error}");
                return Err(io::Error::new(error.kind(), why));
            }
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

async fn accept_all(
    listeners: Vec<TcpListener>,
    shared: Arc<Shared>,
    doors: Vec<mpsc::UnboundedSender<Accepted>>,
) {
    for (number, listener) in listeners.into_iter().enumerate() {
        tokio::spawn(accept(listener, number as u8, Arc::clone(&shared), doors.clone()));
    }
}

async fn accept(
    listener: TcpListener,
    address: u8,
    shared: Arc<Shared>,
    doors: Vec<mpsc::UnboundedSender<Accepted>>,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let number = shared.connections.fetch_add(1, Ordering::Relaxed);
        let label = Label { number, address, since: shared.turns[0].earliest() };
        match (number % (doors.len() as u64 + 1)) as usize {
            0 => welcome(stream, &shared, 0, label),
            thread => {
                // Where either fails the web is being dropped, or the connection is gone.
                if let Ok(stream) = stream.into_std() {
                    let _ = doors[thread - 1].send((stream, label));
                }
            }
        }
    }
}

async fn receive(mut accepted: mpsc::UnboundedReceiver<Accepted>, shared: Arc<Shared>, thread: usize) {
    while let Some((stream, label)) = accepted.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            welcome(stream, &shared, thread, label);
        }
    }
}

fn welcome(stream: TcpStream, shared: &Arc<Shared>, thread: usize, label: Label) {
    // Without it a drip would arrive in lumps.
    let _ = stream.set_nodelay(true);
    tokio::spawn(serve(stream, Arc::clone(shared), thread, label));
}

fn clamp(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
