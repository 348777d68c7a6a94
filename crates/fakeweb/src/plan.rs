//! The web as a function: its numbers checked, and what all of its parts look things up in.
//!
//! Never keeps anything about a page; see `naming.rs` for its URL, `graph.rs` for its links, `markup.rs` for
//! its text and `answer.rs` for what it says.

use std::{io, time::Duration};

use crate::{
    WebSpec,
    behaviour::{Behaviour, Casting, refused},
    dice::{Dice, Purpose},
    refusals::Moods,
    robots::RobotsCasting,
    words::Prose,
};

/// Most addresses: those of 127.0.0.0/24 that are neither its name nor for all of it.
const ADDRESSES_MAX: usize = 254;

/// What every answer follows from.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) hosts: u32,
    /// From 1; host `h` is at the address `h % addresses`.
    pub(crate) addresses: u32,
    pub(crate) pages: u32,
    pub(crate) links_per_page: usize,
    /// Children of a page in the host's link tree; from 1.
    pub(crate) children: u32,
    pub(crate) page_bytes: usize,
    pub(crate) cross_links: f64,
    pub(crate) slow_delay: Duration,
    pub(crate) latency: Duration,
    pub(crate) big_bytes: usize,
    pub(crate) robots: f64,
    pub(crate) robots_casting: RobotsCasting,
    pub(crate) crawl_delay: Duration,
    pub(crate) robots_outage: u32,
    pub(crate) moods: Moods,
    casting: Casting,
    pub(crate) prose: Prose,
}

/// Something with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A page of a host.
    Page { host: u32, page: u32 },
    /// A redirect on the way from a page that is the start of a chain or a loop; `hop` counts from 1.
    Hop { host: u32, page: u32, hop: u32 },
    /// The host's robots.txt.
    Robots { host: u32 },
    /// A redirect, or the end of one, from the robots.txt of `of`; `hop` counts from 1.
    RobotsHop { host: u32, of: u32, hop: u32 },
    /// The list of the host's pages that its robots.txt names.
    Sitemap { host: u32 },
}

impl Plan {
    /// Checks a spec.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`], naming the field and what it may be.
    pub(crate) fn new(spec: &WebSpec) -> io::Result<Self> {
        let hosts = count("hosts", spec.hosts)?;
        let pages = count("pages_per_host", spec.pages_per_host)?;
        if !(1..=ADDRESSES_MAX).contains(&spec.addresses) {
            let why = format!("addresses is {}: it must be from 1 to {ADDRESSES_MAX}", spec.addresses);
            return Err(refused(why));
        }
        for (name, share) in [("cross_links", spec.cross_links), ("robots", spec.robots)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(refused(format!("{name} is {share}: a share is a number from 0 to 1")));
            }
        }
        let children = u32::try_from(spec.links_per_page / 2).unwrap_or(u32::MAX).max(1);
        // The first page counts as inner even where it is alone: it must answer.
        let inner = (pages - 1).div_ceil(children).max(1);
        Ok(Self {
            seed: spec.seed,
            hosts,
            addresses: spec.addresses as u32,
            pages,
            links_per_page: spec.links_per_page,
            children,
            page_bytes: spec.page_bytes,
            cross_links: spec.cross_links,
            slow_delay: spec.slow_delay,
            latency: spec.latency,
            big_bytes: spec.big_bytes,
            robots: spec.robots,
            robots_casting: RobotsCasting::new(spec.seed, hosts.into(), &spec.robots_kinds)?,
            crawl_delay: spec.crawl_delay,
            robots_outage: spec.robots_outage,
            moods: Moods::new(&spec.refusals)?,
            casting: Casting::new(spec.seed, pages.into(), inner.into(), &spec.faults)?,
            prose: Prose::new(spec.seed),
        })
    }

    /// Numbers for one page and purpose.
    pub(crate) fn dice(&self, host: u32, page: u32, purpose: Purpose) -> Dice {
        Dice::of(self.seed, host, page, purpose)
    }

    /// What a page does when it is asked for.
    pub(crate) fn behaviour(&self, host: u32, page: u32) -> Behaviour {
        self.casting.of(host, page)
    }
}

fn count(name: &str, value: usize) -> io::Result<u32> {
    match u32::try_from(value) {
        Ok(n) if n > 0 => Ok(n),
        _ => Err(refused(format!("{name} is {value}: it must be from 1 to {}", u32::MAX))),
    }
}
