//! Sites by name, beside the hosts of numbers: traps, an honest archive, a site without end, a portal of data.
//!
//! Owns which name is which site, and the shape of what they answer. What a site says is in its own file. Each is a
//! function of the request, as the rest of the web is.

mod archive;
pub use archive::Archive;

mod endless;
pub use endless::Endless;

mod portal;
pub use portal::Portal;

mod traps;
pub use traps::Trap;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use crate::{
    Expect, WebSpec,
    behaviour::refused,
    naming::{DOMAIN, split_url, without_port},
    plan::Plan,
};
use portal::Refused;

/// Most articles, items or hosts of a site: their numbers are 32 bits, and lists of them have pages.
const COUNT_MAX: usize = 100_000_000;

const HTML: &str = "Content-Type: text/html; charset=utf-8\r\n";

/// A site with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Site {
    Trap(Trap),
    Archive,
    /// One of the hosts of the site without end.
    Endless(u32),
    Portal,
}

/// What a site answers; the body is in the caller's buffer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Header fields, each with its line end.
    pub(crate) fields: Cow<'static, str>,
    /// When the rest is over that they ask for.
    pub(crate) rest_until: Option<Instant>,
}

impl Reply {
    pub(crate) fn html() -> Self {
        Self { status: 200, fields: HTML.into(), rest_until: None }
    }

    /// A status alone; the caller has words for it.
    pub(crate) fn status(status: u16) -> Self {
        Self { status, fields: "".into(), rest_until: None }
    }
}

/// The sites of a web, and what they remember.
#[derive(Debug)]
pub(crate) struct Sites {
    traps: bool,
    archive: Option<Archive>,
    endless: Option<Endless>,
    portal: Option<Portal>,
    /// Requests that went into each trap.
    trapped: [AtomicU64; Trap::ALL.len()],
    /// Sessions that were begun.
    sessions: AtomicU64,
    refused: Refused,
}

impl Sites {
    /// # Errors
    /// A number that makes no sense; the text says which.
    pub(crate) fn new(spec: &WebSpec) -> io::Result<Self> {
        for (name, count) in [
            ("archive.articles", spec.archive.as_ref().map_or(1, |it| it.articles)),
            ("archive.page_size", spec.archive.as_ref().map_or(1, |it| it.page_size)),
            ("endless.hosts", spec.endless.as_ref().map_or(1, |it| it.hosts)),
            ("portal.items", spec.portal.as_ref().map_or(1, |it| it.items)),
            ("portal.page_size", spec.portal.as_ref().map_or(1, |it| it.page_size)),
        ] {
            if !(1..=COUNT_MAX).contains(&count) {
                return Err(refused(format!("{name} is {count}: it must be from 1 to {COUNT_MAX}")));
            }
        }
        let shares = spec.portal.iter().flat_map(|it| [("xml_errors", it.xml_errors), ("busy", it.busy)]);
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(refused(format!("portal.{name} is {share}: a share is a number from 0 to 1")));
            }
        }
        Ok(Self {
            traps: spec.traps,
            archive: spec.archive.clone(),
            endless: spec.endless.clone(),
            portal: spec.portal.clone(),
            trapped: Default::default(),
            sessions: AtomicU64::new(0),
            refused: Refused::default(),
        })
    }

    /// The site of a name in lower case, without a port.
    pub(crate) fn of(&self, host: &str) -> Option<Site> {
        if let Some(trap) = Trap::of(host) {
            return self.traps.then_some(Site::Trap(trap));
        }
        let label = host.strip_suffix(DOMAIN)?.strip_suffix('.')?;
        match label {
            "archive" => self.archive.is_some().then_some(Site::Archive),
            "portal" => self.portal.is_some().then_some(Site::Portal),
            _ => self.endless.as_ref()?.number(label).map(Site::Endless),
        }
    }

    /// Answers a request of a site into `body`, which is empty.
    pub(crate) fn answer(
        &self,
        plan: &Plan,
        site: Site,
        host: &str,
        path: &str,
        body: &mut Vec<u8>,
    ) -> Reply {
        if path == "/robots.txt" && site != Site::Trap(Trap::SoftNotFound) {
            return Reply::status(404);
        }
        match site {
            Site::Trap(trap) => {
                let session = || self.sessions.fetch_add(1, Ordering::Relaxed);
                let (reply, is_trapped) = traps::answer(plan, trap, host, path, session, body);
                if is_trapped && path != "/robots.txt" {
                    self.trapped[trap as usize].fetch_add(1, Ordering::Relaxed);
                }
                reply
            }
            Site::Archive => match &self.archive {
                Some(archive) => archive.answer(plan, path, body),
                None => Reply::status(404),
            },
            Site::Endless(number) => match &self.endless {
                Some(endless) => endless.answer(plan, number, path, body),
                None => Reply::status(404),
            },
            Site::Portal => match &self.portal {
                Some(portal) => portal.answer(plan, path, &self.refused, body),
                None => Reply::status(404),
            },
        }
    }

    /// What a complete crawl finds on the site of a seed; none where it is on no site. Of a trap, what is honest.
    pub(crate) fn truth(&self, plan: &Plan, seed: &str) -> Option<BTreeMap<String, Expect>> {
        let (authority, _) = split_url(seed)?;
        let host = without_port(authority).to_ascii_lowercase();
        Some(match self.of(&host)? {
            Site::Trap(trap) => traps::truth(trap),
            Site::Archive => self.archive.as_ref()?.truth(plan),
            Site::Portal => self.portal.as_ref()?.truth(plan),
            Site::Endless(_) => BTreeMap::new(),
        })
    }

    /// Requests that went into each trap.
    pub(crate) fn trapped(&self) -> BTreeMap<Trap, u64> {
        let count = |trap: Trap| (trap, self.trapped[trap as usize].load(Ordering::Relaxed));
        Trap::ALL.into_iter().map(count).collect()
    }

    /// Starts all of it anew.
    pub(crate) fn forget(&self) {
        self.refused.forget();
        for count in &self.trapped {
            count.store(0, Ordering::Relaxed);
        }
    }

    /// Names that are below other domains than the web's own.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &'static str> {
        self.traps.then_some(traps::WILD_DOMAIN).into_iter()
    }

    /// The front page of each trap.
    pub(crate) fn trap_seeds(&self) -> Vec<(Trap, String)> {
        let traps = Trap::ALL.into_iter().filter(|_| self.traps);
        traps.map(|trap| (trap, format!("http://{}/", trap.host()))).collect()
    }

    pub(crate) fn archive_seed(&self) -> Option<String> {
        self.archive.as_ref().map(|_| format!("http://archive.{DOMAIN}/"))
    }

    pub(crate) fn portal_seed(&self) -> Option<String> {
        self.portal.as_ref().map(Portal::seed)
    }

    pub(crate) fn endless_seeds(&self) -> Vec<String> {
        let hosts = self.endless.as_ref().map_or(0, |it| it.hosts as u32);
        (0..hosts).map(endless::seed).collect()
    }
}

/// Appends the beginning of a page, up to its heading.
pub(crate) fn push_top(title: &str, out: &mut Vec<u8>) {
    for part in [
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>",
        title,
        "</title></head>\n<body>\n<h1>",
        title,
        "</h1>\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a link on a line of its own.
pub(crate) fn push_link(href: &str, text: &str, out: &mut Vec<u8>) {
    for part in ["<a href=\"", &href.replace('&', "&amp;"), "\">", text, "</a>\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a page's end.
pub(crate) fn push_end(out: &mut Vec<u8>) {
    out.extend_from_slice(crate::markup::END);
}

/// A number in decimal, as it is written and in no other way.
pub(crate) fn exact(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
