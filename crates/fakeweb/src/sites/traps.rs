//! Traps: sites that have a few honest pages and ever more that are none.
//!
//! Owns what is in each trap and where it begins. Every one of them has been met by every large crawler; none is
//! meant badly by whoever built it.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{Reply, exact, push_end, push_link, push_top};
use crate::{
    Expect,
    dice::{Dice, Purpose},
    naming::DOMAIN,
    plan::Plan,
    words::word,
};

/// The wildcard subdomains are below a domain of their own, so that what is learnt of it is not held against the
/// others.
pub(crate) const WILD_DOMAIN: &str = "fakewild.test";

/// Honest pages of each trap site, besides its front page.
const HONEST_PAGES: u32 = 20;

/// Text of an honest page, in bytes.
const HONEST_BYTES: usize = 2_000;

/// Items of the shops whose URLs vary.
const ITEMS: u64 = 30;

/// What can be chosen on the faceted search: 2¹⁶ combinations, of the same items.
const FACETS: [&str; 16] = [
    "colour", "size", "brand", "price", "material", "rating", "stock", "new", "sale", "origin", "weight",
    "power", "year", "shape", "season", "sort",
];

/// New subdomains that a page of the wildcard domain links to.
const SUBDOMAINS: u64 = 5;

/// Pages that are not there, to which a page that is not there links.
const MISSING: u64 = 4;

/// A trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Trap {
    /// Months and days, each with a next one and a previous one, for ever, and next to nothing on them.
    Calendar,
    /// Every visit makes a new session id, which is in the path, in a parameter or behind a semicolon of every
    /// link: thirty items under ever new URLs.
    Sessions,
    /// A search with sixteen parameters to switch on and off, and the same thirty items whatever is chosen.
    Facets,
    /// `/a/b/a/b/…`: relative links whose author forgot a slash.
    Maze,
    /// 200 for whatever is asked for, with the same text and links to more of it.
    SoftNotFound,
    /// Each page links to new subdomains, all of which are there.
    Wildcard,
}

impl Trap {
    /// All of them.
    pub const ALL: [Trap; 6] =
        [Trap::Calendar, Trap::Sessions, Trap::Facets, Trap::Maze, Trap::SoftNotFound, Trap::Wildcard];

    fn label(self) -> &'static str {
        match self {
            Trap::Calendar => "calendar",
            Trap::Sessions => "sessions",
            Trap::Facets => "facets",
            Trap::Maze => "maze",
            Trap::SoftNotFound => "soft",
            Trap::Wildcard => "www",
        }
    }

    /// The name of its host, or of its first one.
    pub(crate) fn host(self) -> String {
        let domain = if self == Trap::Wildcard { WILD_DOMAIN } else { DOMAIN };
        format!("{}.{domain}", self.label())
    }

    /// The trap of a name in lower case.
    pub(crate) fn of(host: &str) -> Option<Self> {
        if let Some(label) = host.strip_suffix(WILD_DOMAIN) {
            return label.ends_with('.').then_some(Trap::Wildcard);
        }
        let label = host.strip_suffix(DOMAIN)?.strip_suffix('.')?;
        Trap::ALL.into_iter().find(|trap| *trap != Trap::Wildcard && trap.label() == label)
    }

    /// What the front page links to besides honest pages.
    fn ways_in(self) -> Vec<String> {
        match self {
            Trap::Calendar => vec!["/calendar/2024/3/".into()],
            Trap::Sessions => vec!["/shop/".into()],
            Trap::Facets => vec!["/search".into()],
            Trap::Maze => vec!["/a/".into()],
            Trap::SoftNotFound => vec!["/moved/elsewhere.html".into()],
            Trap::Wildcard => vec![format!("http://blog.{WILD_DOMAIN}/")],
        }
    }

    /// Numbers for a place of this site.
    fn dice(self, plan: &Plan, place: u64) -> Dice {
        // Hosts of numbers begin at 0.
        Dice::of(plan.seed ^ place.rotate_left(17), u32::MAX - self as u32, place as u32, Purpose::Markup)
    }
}

/// The honest part of a trap site.
pub(super) fn truth(trap: Trap) -> BTreeMap<String, Expect> {
    let pages = (1..=HONEST_PAGES).map(|number| format!("/about/{number}.html"));
    let paths = std::iter::once("/".to_owned()).chain(pages);
    paths.map(|path| (format!("http://{}{path}", trap.host()), Expect::Status(200))).collect()
}

/// Answers, and says whether the request went into the trap.
pub(super) fn answer(
    plan: &Plan,
    trap: Trap,
    host: &str,
    path: &str,
    session: impl FnOnce() -> u64,
    out: &mut Vec<u8>,
) -> (Reply, bool) {
    // Of the wildcard domain, one host has the honest pages.
    if trap != Trap::Wildcard || host == trap.host() {
        if path == "/" {
            push_front(trap, out);
            return (Reply::html(), false);
        }
        let page = path.strip_prefix("/about/").and_then(|rest| exact(rest.strip_suffix(".html")?));
        if let Some(page) = page.filter(|page| (1..=u64::from(HONEST_PAGES)).contains(page)) {
            push_honest(plan, trap, page, out);
            return (Reply::html(), false);
        }
    }
    let is_there = match trap {
        Trap::Calendar => push_calendar(path, out),
        Trap::Sessions => push_shop(plan, path, session(), out),
        Trap::Facets => push_search(plan, path, out),
        Trap::Maze => push_maze(plan, path, out),
        Trap::SoftNotFound => {
            push_missing(plan, path, out);
            Some(())
        }
        Trap::Wildcard => push_wild(plan, host, path, out),
    };
    (if is_there.is_some() { Reply::html() } else { Reply::status(404) }, true)
}

fn push_front(trap: Trap, out: &mut Vec<u8>) {
    push_top("Welcome", out);
    for way in trap.ways_in() {
        push_link(&way, "More", out);
    }
    for page in 1..=HONEST_PAGES {
        push_link(&format!("/about/{page}.html"), "About us", out);
    }
    push_end(out);
}

fn push_honest(plan: &Plan, trap: Trap, page: u64, out: &mut Vec<u8>) {
    let mut dice = trap.dice(plan, page);
    push_top(&format!("About {} {page}", word(&mut dice)), out);
    out.extend_from_slice(b"<p>");
    plan.prose.push(HONEST_BYTES, &mut dice, out);
    out.extend_from_slice(b"</p>\n");
    push_link("/", "Home", out);
    push_link(&format!("/about/{}.html", page % u64::from(HONEST_PAGES) + 1), "Next", out);
    push_end(out);
}

/// `/calendar/2024/3/` and `/calendar/2024/3/17`.
fn push_calendar(path: &str, out: &mut Vec<u8>) -> Option<()> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const DAYS: u64 = 28;
    let mut parts = path.strip_prefix("/calendar/")?.split('/');
    let (year, month, day) = (exact(parts.next()?)?, exact(parts.next()?)?, parts.next()?);
    if parts.next().is_some() || !(1..=12).contains(&month) || year == 0 {
        return None;
    }
    let name = MONTHS[month as usize - 1];
    if !day.is_empty() {
        let day = exact(day).filter(|day| (1..=DAYS).contains(day))?;
        push_top(&format!("{day} {name} {year}"), out);
        out.extend_from_slice(b"<p>There are no events on this day.</p>\n");
        push_link(&format!("/calendar/{year}/{month}/"), "Month", out);
        push_end(out);
        return Some(());
    }
    push_top(&format!("{name} {year}"), out);
    out.extend_from_slice(b"<p>There are no events in this month.</p>\n");
    let months = year * 12 + month - 1;
    for (other, text) in [(months.saturating_sub(1).max(12), "Previous"), (months + 1, "Next")] {
        push_link(&format!("/calendar/{}/{}/", other / 12, other % 12 + 1), text, out);
    }
    for day in 1..=DAYS {
        push_link(&day.to_string(), &day.to_string(), out);
    }
    push_end(out);
    Some(())
}

/// `/shop/`, `/shop/s/ID/item/7`, `/shop/item/7?PHPSESSID=ID` and `/shop/item/7;jsessionid=ID`; without an id too,
/// for who takes it out.
fn push_shop(plan: &Plan, path: &str, session: u64, out: &mut Vec<u8>) -> Option<()> {
    let is_id = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let rest = path.strip_prefix("/shop/")?;
    let (item, id) = if let Some(rest) = rest.strip_prefix("s/") {
        rest.split_once("/item/").map(|(id, item)| (item, id))?
    } else if rest.is_empty() {
        ("0", "")
    } else {
        let rest = rest.strip_prefix("item/")?;
        rest.split_once("?PHPSESSID=").or_else(|| rest.split_once(";jsessionid=")).unwrap_or((rest, ""))
    };
    let item = exact(item).filter(|item| *item < ITEMS && (is_id(id) || id.is_empty()))?;

    let mut dice = Trap::Sessions.dice(plan, u64::MAX - session);
    let id = format!("{:016x}{:016X}", dice.next(), dice.next()).to_lowercase();
    push_item(plan, Trap::Sessions, item, out);
    for other in 0..ITEMS {
        let link = match other % 3 {
            0 => format!("/shop/s/{id}/item/{other}"),
            1 => format!("/shop/item/{other}?PHPSESSID={id}"),
            _ => format!("/shop/item/{other};jsessionid={id}"),
        };
        push_link(&link, "Item", out);
    }
    push_end(out);
    Some(())
}

fn push_item(plan: &Plan, trap: Trap, item: u64, out: &mut Vec<u8>) {
    let mut dice = trap.dice(plan, 1_000 + item);
    push_top(&format!("{} {item}", word(&mut dice)), out);
    out.extend_from_slice(b"<p>");
    plan.prose.push(400, &mut dice, out);
    out.extend_from_slice(b"</p>\n");
}

/// `/search?brand=1&size=1`, in the order of [`FACETS`] only, and `/item/7`.
fn push_search(plan: &Plan, path: &str, out: &mut Vec<u8>) -> Option<()> {
    if let Some(item) = path.strip_prefix("/item/") {
        let item = exact(item).filter(|item| *item < ITEMS)?;
        push_item(plan, Trap::Facets, item, out);
        push_link("/search", "All items", out);
        push_end(out);
        return Some(());
    }
    let query = path.strip_prefix("/search")?;
    let mut chosen = 0_u32;
    if let Some(query) = query.strip_prefix('?') {
        for part in query.split('&') {
            let at = FACETS.iter().position(|name| part.strip_suffix("=1") == Some(name))?;
            chosen |= 1 << at;
        }
    }
    let link = |chosen: u32| {
        let mut text = String::from("/search");
        for (at, name) in FACETS.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1) {
            let _ = write!(text, "{}{name}=1", if chosen & ((1 << at) - 1) == 0 { '?' } else { '&' });
        }
        text
    };
    if link(chosen) != path {
        return None;
    }
    push_top("Search results", out);
    out.extend_from_slice(b"<p>30 items were found.</p>\n");
    for (at, name) in FACETS.iter().enumerate() {
        push_link(&link(chosen ^ (1 << at)), name, out);
    }
    for item in 0..ITEMS {
        push_link(&format!("/item/{item}"), "Item", out);
    }
    push_end(out);
    Some(())
}

/// `/a/`, `/a/b/`, `/a/b/a/`, …
fn push_maze(plan: &Plan, path: &str, out: &mut Vec<u8>) -> Option<()> {
    let inner = path.strip_prefix('/')?.strip_suffix('/')?;
    let mut wanted = ["a", "b"].into_iter().cycle();
    let mut last = "";
    for part in inner.split('/') {
        last = wanted.next()?;
        if part != last {
            return None;
        }
    }
    push_item(plan, Trap::Maze, u64::from(last == "b"), out);
    // They were meant to begin with a slash.
    push_link(if last == "a" { "b/" } else { "a/" }, "Sections", out);
    push_link("/", "Home", out);
    push_end(out);
    Some(())
}

/// Whatever the path.
fn push_missing(plan: &Plan, path: &str, out: &mut Vec<u8>) {
    push_top("Page not found", out);
    out.extend_from_slice(
        b"<p>We are sorry, but this page could not be found. You may like one of these:</p>\n",
    );
    let number =
        path.bytes().fold(0_u64, |sum, byte| (sum.rotate_left(5) ^ u64::from(byte)).wrapping_mul(31));
    let mut dice = Trap::SoftNotFound.dice(plan, number);
    for _ in 0..MISSING {
        let link = format!("/{}/{}-{}.html", word(&mut dice), word(&mut dice), dice.below(1 << 32));
        push_link(&link, "A page", out);
    }
    push_end(out);
}

/// The front page of any subdomain.
fn push_wild(plan: &Plan, host: &str, path: &str, out: &mut Vec<u8>) -> Option<()> {
    if path != "/" {
        return None;
    }
    push_top("Your new home page", out);
    out.extend_from_slice(b"<p>This site is parked. See also our other sites:</p>\n");
    let number =
        host.bytes().fold(7_u64, |sum, byte| (sum.rotate_left(5) ^ u64::from(byte)).wrapping_mul(31));
    let mut dice = Trap::Wildcard.dice(plan, number);
    for _ in 0..SUBDOMAINS {
        let link = format!("http://{}-{}.{WILD_DOMAIN}/", word(&mut dice), dice.below(1 << 32));
        push_link(&link, "Another site", out);
    }
    push_end(out);
    Some(())
}
