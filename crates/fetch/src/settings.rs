//! What a user may decide about requests, and what is wrong with a decision.
//!
//! Owns the settings and their limits, each with its reason. Never reads a file or a flag: whoever starts
//! the process does.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use crate::{HostPattern, Net, OriginAuth, Override, Proxy};

/// Everything [`crate::Shared`] is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `User-Agent` field of every request (RFC 9110 §10.1.5): who asks, and where to complain.
    pub user_agent: String,
    /// Ranges the address guard is lifted for.
    pub allow_net: Vec<Net>,
    /// Names that are not looked up.
    pub overrides: Vec<Override>,
    /// Name servers, asked over UDP and where an answer is too long over TCP. None: those of
    /// `/etc/resolv.conf`, and without that file the one at 127.0.0.1.
    pub name_servers: Vec<SocketAddr>,
    /// Proxies, one after the other in turn for each request. One that fails is left out for 30 s, unless all
    /// have failed.
    pub proxies: Vec<Proxy>,
    /// Certificates (PEM) that are trusted beside Mozilla's roots.
    pub ca_file: Option<PathBuf>,
    /// Hosts whose certificates are not checked. What comes from them says so ([`dragline_model::TlsSession`]).
    pub unverified: Vec<HostPattern>,
    /// Credentials, each for one origin. A request's own `Authorization` goes before them.
    pub auth: Vec<OriginAuth>,
    /// Bounds on time and size.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: concat!("dragline/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow_net: Vec::new(),
            overrides: Vec::new(),
            name_servers: Vec::new(),
            proxies: Vec::new(),
            ca_file: None,
            unverified: Vec::new(),
            auth: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Bounds on one request and on what is kept between requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// For a name's addresses to be found, and again for one of them to accept a connection.
    pub connect: Duration,
    /// For the TLS handshake.
    pub tls: Duration,
    /// From the connection's standing to the last byte of the response's head: a head that drips is no
    /// better than none.
    pub head: Duration,
    /// Longest silence within a body.
    pub idle: Duration,
    /// Fewest bytes of a body in [`Limits::rate_window`]: a server that drips holds a connection and a place for
    /// nothing. 0 is no bound.
    pub rate_bytes: u64,
    /// The time over which that is counted.
    pub rate_window: Duration,
    /// For the whole exchange. A body that is still coming then is kept as far as it came.
    pub total: Duration,
    /// Largest response head in bytes, interim ones included.
    pub head_bytes: usize,
    /// Largest body in bytes as received, chunking undone. What is longer is cut there.
    pub body_bytes: u64,
    /// Bytes of large bodies (over 256 KiB) in the whole process; past it a body waits on the wire for its turn.
    /// Not below `body_bytes`.
    pub bodies_in_flight: u64,
    /// How long a connection is kept for the next request. Many servers close at 15 s or later.
    pub keep_idle: Duration,
    /// Connections kept for one host; not below the requests that go to a host at once, or they are opened
    /// anew for nothing.
    pub idle_per_host: usize,
    /// Connections open at once in the whole process, idle ones included. `None`: what the limit on open
    /// files leaves, see [`crate::Shared::connections`].
    pub connections: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            tls: Duration::from_secs(10),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(20),
            rate_bytes: 256 * 30,
            rate_window: Duration::from_secs(30),
            total: Duration::from_secs(120),
            head_bytes: 128 << 10,
            body_bytes: 16 << 20,
            bodies_in_flight: 64 << 20,
            keep_idle: Duration::from_secs(15),
            idle_per_host: 32,
            connections: None,
        }
    }
}

/// A setting that cannot be followed. The user is at fault, and the text says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsError {
    /// No range of addresses; the text as given.
    Net(String),
    /// No override; the text as given and what is wrong with it.
    Override(String, &'static str),
    /// No host name or `*.NAME`; the text as given and what is wrong with it.
    Host(String, &'static str),
    /// No credentials; what is wrong with them, and never the text.
    Auth(&'static str),
    /// No proxy; the text as given, without its credentials, and what is wrong with it.
    Proxy(String, &'static str),
    /// The certificates could not be used; the file and the reason.
    CaFile(PathBuf, String),
    /// The user agent has characters that cannot stand in a header field.
    UserAgent(String),
    /// The TLS library refused its own configuration; its words.
    Tls(String),
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingsError::Net(text) => {
                write!(f, "{text:?} is no range of addresses; write 10.0.0.0/8, ::1/128 or one address")
            }
            SettingsError::Override(text, why) => {
                write!(f, "{text:?} is no override: {why}; write NAME=IP, NAME=IP:PORT or *.NAME=IP")
            }
            SettingsError::Host(text, why) => {
                write!(f, "{text:?} names no host: {why}; write example.org or *.example.org")
            }
            SettingsError::Auth(why) => {
                write!(
                    f,
                    "credentials that are none: {why}; write https://api.example=USER:PASSWORD, or =bearer TOKEN"
                )
            }
            SettingsError::Proxy(text, why) => {
                write!(
                    f,
                    "{text:?} is no proxy: {why}; write http://user:password@host:port or socks5://host:port"
                )
            }
            SettingsError::CaFile(path, why) => {
                write!(f, "certificates of {}: {why}; a PEM file is expected", path.display())
            }
            SettingsError::UserAgent(text) => {
                write!(f, "user agent {text:?} cannot be sent; use printable ASCII")
            }
            SettingsError::Tls(why) => write!(f, "TLS cannot be configured: {why}"),
        }
    }
}

impl std::error::Error for SettingsError {}
