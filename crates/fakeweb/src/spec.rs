//! The description of a web: everything that its pages follow from.
//!
//! Never does anything itself but start.

use std::{io, time::Duration};

use crate::{Archive, Endless, Faults, Portal, Refusals, RobotsKinds, Script, Web};

/// A web, described. Two webs of one spec are equal byte by byte.
///
/// ```
/// use dragline_fakeweb::{Faults, WebSpec};
/// let web = WebSpec { seed: 42, hosts: 3, faults: Faults::mixed(0.01), ..WebSpec::default() }.start()?;
/// assert_eq!(web.seeds().len(), 3);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WebSpec {
    /// Another number, another web. Print it where a test fails.
    pub seed: u64,
    /// How many hosts, from 1. Default 10.
    pub hosts: usize,
    /// How many addresses the hosts are spread over, in turn: 127.0.0.1, 127.0.0.2, …, all with one port; 1 to
    /// 254. With more than one, names say where they are ([`Web::resolve_rules`]). Default 1.
    pub addresses: usize,
    /// How many pages each host has, from 1. Default 100. Redirects on the way of a chain are not counted.
    pub pages_per_host: usize,
    /// Links on a page (`<a href>`), repetitions included. Half of them, and at least one, lead to the page's
    /// children in a tree that spans the host; a few more than asked for where the tree and the navigation
    /// need them. Default 20.
    pub links_per_page: usize,
    /// Size of an ordinary page in bytes, on average: pages have half to one and a half times as much. What
    /// the links take is the least a page can have. Default 8 KiB.
    pub page_bytes: usize,
    /// Share of the links outside tree and navigation that lead to another host, 0 to 1. Default 0.1.
    pub cross_links: f64,
    /// Which share of the pages misbehaves, and how. Default: none.
    pub faults: Faults,
    /// Share of hosts with a `/robots.txt` that forbids `/private/`, 0 to 1; the others answer 404 to it.
    /// Default 0.
    pub robots: f64,
    /// Which share of the hosts has another kind of `/robots.txt`. Default: none.
    pub robots_kinds: RobotsKinds,
    /// What [`RobotsKinds::crawl_delay`] asks for. Default 1 s.
    pub crawl_delay: Duration,
    /// How often [`RobotsKinds::late`] answers 503 before it has its rules. Default 2.
    pub robots_outage: u32,
    /// Who is refused with 429 or 503, and for how long. Default: nobody.
    pub refusals: Refusals,
    /// Whether the [traps](crate::Trap) are there, each a host of its own. Default false.
    pub traps: bool,
    /// The honest archive at `archive.fakeweb.test`. Default: none.
    pub archive: Option<Archive>,
    /// The site without end at `i000.fakeweb.test` and so on. Default: none.
    pub endless: Option<Endless>,
    /// The portal of data at `portal.fakeweb.test`. Default: none.
    pub portal: Option<Portal>,
    /// Time between a request and its answer, for all but scripts. Default 0.
    pub latency: Duration,
    /// What [`Faults::slow`] waits on top. Default 1 s.
    pub slow_delay: Duration,
    /// What [`Faults::big`] adds to a page, in bytes. Default 8 MiB.
    pub big_bytes: usize,
    /// Server threads, from 1. Default 1, which is good for some tens of thousands of requests a second.
    pub threads: usize,
    /// Whether requests are kept for [`Web::log`]; about 190 bytes each. Default true. They are counted anyway.
    pub keep_log: bool,
    /// Whether the log keeps the head of every request as received. Default false; those that a script
    /// answered are always kept.
    pub keep_heads: bool,
    /// Answers written by hand, see [`WebSpec::script`].
    pub scripts: Vec<(String, String, Script)>,
}

impl Default for WebSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            hosts: 10,
            addresses: 1,
            pages_per_host: 100,
            links_per_page: 20,
            page_bytes: 8 << 10,
            cross_links: 0.1,
            faults: Faults::default(),
            robots: 0.0,
            robots_kinds: RobotsKinds::default(),
            crawl_delay: Duration::from_secs(1),
            robots_outage: 2,
            refusals: Refusals::default(),
            traps: false,
            archive: None,
            endless: None,
            portal: None,
            latency: Duration::ZERO,
            slow_delay: Duration::from_secs(1),
            big_bytes: 8 << 20,
            threads: 1,
            keep_log: true,
            keep_heads: false,
            scripts: Vec::new(),
        }
    }
}

impl WebSpec {
    /// Puts a script in place of whatever `path` (with its query) of `host` would answer. The host can be any
    /// name or address, without a port; `"*"` stands for every host, or for every path. An exact host goes
    /// before an exact path. [`Web::truth`] does not know of scripts.
    #[must_use]
    pub fn script(mut self, host: impl Into<String>, path: impl Into<String>, script: Script) -> Self {
        self.scripts.push((host.into(), path.into(), script));
        self
    }

    /// Binds a port of 127.0.0.1, and of the other addresses, and serves the web from threads of its own until the [`Web`] is dropped.
    ///
    /// # Errors
    /// A number that makes no sense (the text says which), or the system's refusal of a socket or thread.
    pub fn start(self) -> io::Result<Web> {
        Web::start(self)
    }
}
