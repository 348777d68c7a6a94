//! The robots.txt of each host: which kind it is, what it says, and where it is really kept.
//!
//! Owns the kinds and their text. Never writes a head: `answer.rs` does. Whatever the kind, what is forbidden is
//! `/private/` and nothing else, so that the truth has one rule.

use std::{fmt::Write as _, io};

use crate::{
    behaviour::{refused, stride},
    dice::{Dice, Purpose},
    plan::{Place, Plan},
};

/// Most redirects that a crawler must follow (RFC 9309 §2.3.1.2).
pub(crate) const HOPS_MUST: u32 = 5;

/// Redirects of a file that is too far away.
const HOPS_TOO_MANY: u32 = 8;

/// Bytes of a file that a crawler must read (RFC 9309 §2.5): the last rule of a huge one ends just before.
const MUST_READ_BYTES: usize = 500 * 1024;

/// Bytes of a huge file behind what must be read.
const HUGE_TAIL_BYTES: usize = 100 * 1024;

/// Pages in a sitemap at most (sitemaps.org: 50,000).
const SITEMAP_PAGES_MAX: u32 = 50_000;

const RULES: &str = "# Everything else is fine.\nUser-agent: othercrawler\nDisallow: /\n\n\
    User-agent: *\nDisallow: /private/\n";

const PAGE: &str = "<!DOCTYPE html><html><head><title>Not here</title></head><body>\n<h1>Not here</h1>\n\
    <p>User-agents: none. Disallow: what you like.</p></body></html>\n";

/// Makes [`RobotsKinds`], [`RobotsKind`] and the list of both from one table.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $field:ident => $kind:ident,)*) => {
        /// The share of hosts whose `/robots.txt` is of another kind; all 0 by default.
        ///
        /// Shares are of all hosts: `html: 0.1` with 200 hosts is exactly 20. They add up to at most 1; for
        /// the other hosts [`crate::WebSpec::robots`] decides between rules and a 404.
        #[derive(Debug, Clone, PartialEq, Default)]
        pub struct RobotsKinds {
            $($(#[doc = $doc])* pub $field: f64,)*
        }

        /// What a host answers for its robots.txt.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum RobotsKind {
            /// 404.
            Missing,
            /// 200, with rules.
            Plain,
            $($kind,)*
        }

        impl RobotsKinds {
            /// Every kind at the same share.
            pub fn mixed(share: f64) -> Self {
                Self { $($field: share,)* }
            }

            fn shares(&self) -> impl Iterator<Item = (&'static str, RobotsKind, f64)> {
                [$((stringify!($field), RobotsKind::$kind, self.$field),)*].into_iter()
            }
        }
    };
}

kinds! {
    /// Rules with a `Crawl-delay` of [`crate::WebSpec::crawl_delay`].
    crawl_delay => CrawlDelay,
    /// 503 for [`crate::WebSpec::robots_outage`] requests, then rules.
    late => Late,
    /// 503, always: nothing of the host may be asked for.
    unavailable => Unavailable,
    /// No answer, and the connection stays open: nothing of the host may be asked for.
    hang => Hang,
    /// Rules behind one to five redirects on the host.
    redirected => Redirected,
    /// Rules behind one to five redirects over other hosts.
    redirected_away => RedirectedAway,
    /// Eight redirects in a row: as good as none.
    redirected_on => RedirectedOn,
    /// 200 with a page of HTML, which has no rules.
    html => Html,
    /// 600 KiB, of which the rule that matters ends just before the first 500 are over.
    huge => Huge,
    /// Rules behind a byte order mark, with CR for line ends.
    bom => Bom,
    /// Rules, and a `Sitemap` line for `/sitemap.xml`, which lists all pages of the host.
    sitemaps => Sitemaps,
}

/// Which host has which kind.
#[derive(Debug)]
pub(crate) struct RobotsCasting {
    hosts: u64,
    stride: u64,
    turn: u64,
    fraction: f64,
    cuts: Vec<(RobotsKind, f64)>,
}

/// Swallows what adding up decimal shares gets wrong.
const ROUNDING: f64 = 1e-6;

impl RobotsCasting {
    /// # Errors
    /// A share that is no number in 0 to 1, or a sum above 1.
    pub(crate) fn new(seed: u64, hosts: u64, kinds: &RobotsKinds) -> io::Result<Self> {
        let (mut sum, mut cuts) = (0.0, Vec::new());
        for (name, kind, share) in kinds.shares() {
            if !(0.0..=1.0).contains(&share) {
                return Err(refused(format!(
                    "robots_kinds.{name} is {share}: a share is a number from 0 to 1"
                )));
            }
            if share > 0.0 {
                sum += share;
                cuts.push((kind, sum * hosts as f64 + ROUNDING));
            }
        }
        if sum > 1.0 + ROUNDING {
            return Err(refused(format!("robots_kinds add up to {sum:.2}: a host has one robots.txt")));
        }
        let mut dice = Dice::of(seed, 0, 0, Purpose::Robots);
        let (turn, fraction) = (dice.next() >> 32, dice.unit());
        Ok(Self { hosts, stride: stride(hosts), turn, fraction, cuts })
    }

    fn of(&self, host: u32) -> Option<RobotsKind> {
        let rank = (u64::from(host) * self.stride + self.turn) % self.hosts;
        let rank = rank as f64 + self.fraction;
        self.cuts.iter().find(|(_, end)| rank < *end).map(|(kind, _)| *kind)
    }
}

impl Plan {
    /// What a host answers for its robots.txt.
    pub(crate) fn robots_kind(&self, host: u32) -> RobotsKind {
        self.robots_casting.of(host).unwrap_or_else(|| {
            let has_rules = self.dice(host, 0, Purpose::Robots).chance(self.robots);
            if has_rules { RobotsKind::Plain } else { RobotsKind::Missing }
        })
    }

    /// Whether a crawler that waits long enough finds rules, which forbid `/private/`.
    pub(crate) fn has_robots(&self, host: u32) -> bool {
        use RobotsKind as Kind;
        !matches!(
            self.robots_kind(host),
            Kind::Missing | Kind::Html | Kind::RedirectedOn | Kind::Unavailable | Kind::Hang
        )
    }

    /// Whether nothing of the host may ever be asked for.
    pub(crate) fn is_shut(&self, host: u32) -> bool {
        matches!(self.robots_kind(host), RobotsKind::Unavailable | RobotsKind::Hang)
    }

    /// Whether there is a sitemap.
    pub(crate) fn has_sitemap(&self, host: u32) -> bool {
        host < self.hosts && self.robots_kind(host) == RobotsKind::Sitemaps
    }

    /// How many redirects lead from a host's robots.txt to what it says.
    pub(crate) fn robots_hops(&self, of: u32) -> u32 {
        match self.robots_kind(of) {
            RobotsKind::Redirected | RobotsKind::RedirectedAway => {
                1 + self.dice(of, 1, Purpose::Robots).below(HOPS_MUST.into()) as u32
            }
            RobotsKind::RedirectedOn => HOPS_TOO_MANY,
            _ => 0,
        }
    }

    /// A stop on the way to the robots.txt of `of`, if it is on this host.
    pub(crate) fn robots_hop(&self, host: u32, of: u32, hop: u32) -> Option<Place> {
        let is_there = of < self.hosts && (1..=self.robots_hops(of)).contains(&hop);
        (is_there && self.robots_stop(of, hop).host() == host).then_some(Place::RobotsHop { host, of, hop })
    }

    /// The stop of a number on the way from a host's robots.txt.
    pub(crate) fn robots_stop(&self, of: u32, hop: u32) -> Place {
        let away = self.robots_kind(of) == RobotsKind::RedirectedAway;
        let host = if away { ((u64::from(of) + u64::from(hop)) % u64::from(self.hosts)) as u32 } else { of };
        Place::RobotsHop { host, of, hop }
    }

    /// The status of the redirect that is found after so many.
    pub(crate) fn robots_redirect(hop: u32) -> u16 {
        const STATUSES: [u16; 4] = [301, 302, 307, 308];
        STATUSES[hop as usize % STATUSES.len()]
    }

    /// Appends what a host's robots.txt says in the end, and gives its type.
    pub(crate) fn push_robots(&self, of: u32, out: &mut Vec<u8>) -> &'static str {
        match self.robots_kind(of) {
            RobotsKind::Html => {
                out.extend_from_slice(PAGE.as_bytes());
                return "Content-Type: text/html; charset=utf-8\r\n";
            }
            RobotsKind::CrawlDelay => {
                out.extend_from_slice(RULES.as_bytes());
                let line = format!("Crawl-delay: {}\n", self.crawl_delay.as_secs_f64());
                out.extend_from_slice(line.as_bytes());
            }
            RobotsKind::Huge => push_huge(out),
            RobotsKind::Bom => {
                out.extend_from_slice("\u{feff}".as_bytes());
                out.extend_from_slice(RULES.replace('\n', "\r").as_bytes());
            }
            RobotsKind::Sitemaps => {
                out.extend_from_slice(RULES.as_bytes());
                let line = format!("\nSitemap: {}\n", self.url(Place::Sitemap { host: of }));
                out.extend_from_slice(line.as_bytes());
            }
            _ => out.extend_from_slice(RULES.as_bytes()),
        }
        "Content-Type: text/plain\r\n"
    }

    /// Appends the sitemap of a host.
    pub(crate) fn push_sitemap(&self, host: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
        );
        for page in 0..self.pages.min(SITEMAP_PAGES_MAX) {
            let url = self.url(Place::Page { host, page }).replace('&', "&amp;");
            out.extend_from_slice(format!("<url><loc>{url}</loc></url>\n").as_bytes());
        }
        out.extend_from_slice(b"</urlset>\n");
    }
}

fn push_huge(out: &mut Vec<u8>) {
    const LAST: &str = "Disallow: /private/\n";
    let mut text = String::from("User-agent: *\n");
    for number in 0.. {
        let before = text.len();
        let _ = writeln!(text, "Disallow: /filler/{number}/");
        if text.len() + LAST.len() > MUST_READ_BYTES {
            text.truncate(before);
            break;
        }
    }
    text.push_str(LAST);
    text.push_str(&"# and more of the same\n".repeat(HUGE_TAIL_BYTES / 23));
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebSpec;

    fn plan(kinds: RobotsKinds) -> Plan {
        Plan::new(&WebSpec { hosts: 220, robots_kinds: kinds, robots: 1.0, ..WebSpec::default() }).unwrap()
    }

    #[test]
    fn shares_are_exact_and_the_rest_is_plain() {
        let plan = plan(RobotsKinds::mixed(0.05));
        for (name, kind, _) in RobotsKinds::default().shares() {
            let hosts = (0..220).filter(|host| plan.robots_kind(*host) == kind).count();
            assert_eq!(hosts, 11, "{name}");
        }
        let plain = (0..220).filter(|host| plan.robots_kind(*host) == RobotsKind::Plain).count();
        assert_eq!(plain, 220 - 11 * 11);
        let error = |kinds| Plan::new(&WebSpec { robots_kinds: kinds, ..WebSpec::default() }).unwrap_err();
        assert!(error(RobotsKinds::mixed(0.1)).to_string().contains("add up to 1.10"));
        let negative = RobotsKinds { html: -1.0, ..RobotsKinds::default() };
        assert!(error(negative).to_string().contains("robots_kinds.html"));
    }

    #[test]
    fn every_stop_on_the_way_is_found_and_nothing_else() {
        let plan = plan(RobotsKinds { redirected: 0.3, redirected_away: 0.3, ..RobotsKinds::default() });
        let mut longest = 0;
        for of in 0..220 {
            let hops = plan.robots_hops(of);
            longest = longest.max(hops);
            for hop in 1..=hops {
                let place = plan.robots_stop(of, hop);
                assert_eq!(plan.find_url(&plan.url(place)), Some(place));
                let away = plan.robots_kind(of) == RobotsKind::RedirectedAway;
                assert_eq!(place.host() != of, away);
            }
            assert_eq!(plan.find(of, format!("/robots/{of}/{}", hops + 1).as_bytes()), None);
        }
        assert_eq!(longest, HOPS_MUST);
    }

    #[test]
    fn the_rule_of_a_huge_file_is_within_what_must_be_read() {
        let mut text = Vec::new();
        push_huge(&mut text);
        let at = memchr::memmem::find(&text, b"/private/\n").unwrap() + 10;
        assert!((MUST_READ_BYTES - 40..=MUST_READ_BYTES).contains(&at), "{at}");
        assert!(text.len() > 599 * 1024);
    }
}
