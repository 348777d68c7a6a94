//! Names: hosts, paths and URLs of places, and back.
//!
//! A path is readable and varied, holds the page's number, and is accepted only as it was given out: whatever
//! else is asked for is not there. Never looks at links or contents.

use crate::{
    behaviour::Behaviour,
    dice::Purpose,
    plan::{Place, Plan},
    words::{push_capitalised, word},
};

/// All hosts are below this name; `.test` is reserved and never in the DNS (RFC 6761 §6.2).
pub(crate) const DOMAIN: &str = "fakeweb.test";

/// Words of wiki paths, in the spelling of RFC 3986 and URL parsers.
const WIKI: [&str; 5] = ["Caf%C3%A9", "Gr%C3%B6%C3%9Fe", "Ny%C3%A5r", "%E6%9D%B1%E4%BA%AC", "Main_Page"];

/// An authority's host, without its port.
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

impl Plan {
    /// `h000.fakeweb.test`; wider numbers where there are more than a thousand hosts. In a web of several addresses
    /// `h000.n1.fakeweb.test`, where `n1` are the names that lead to 127.0.0.1.
    pub(crate) fn host_name(&self, host: u32) -> String {
        let mut name = Vec::with_capacity(DOMAIN.len() + 12);
        self.push_host_name(host, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// [`Plan::host_name`], appended.
    pub(crate) fn push_host_name(&self, host: u32, out: &mut Vec<u8>) {
        out.push(b'h');
        for bound in [100, 10] {
            if host < bound {
                out.push(b'0');
            }
        }
        push_number(host, out);
        out.push(b'.');
        if self.addresses > 1 {
            out.push(b'n');
            push_number(self.address_of(host) + 1, out);
            out.push(b'.');
        }
        out.extend_from_slice(DOMAIN.as_bytes());
    }

    /// The address that a host is at, counted from 0.
    pub(crate) fn address_of(&self, host: u32) -> u32 {
        host % self.addresses
    }

    /// The number of the host that a `Host` field or an authority names, port and case aside.
    pub(crate) fn host_number(&self, authority: &str) -> Option<u32> {
        let name = without_port(authority);
        let (label, mut domain) = name.split_once('.')?;
        let digits = label.strip_prefix(['h', 'H'])?;
        let canonical = digits.len() == 3 || (digits.len() > 3 && !digits.starts_with('0'));
        let host = number(digits).filter(|_| canonical)?;
        if self.addresses > 1 {
            let (group, rest) = domain.split_once('.')?;
            let given = group.strip_prefix(['n', 'N'])?.parse() == Ok(self.address_of(host) + 1);
            domain = if given && !group[1..].starts_with(['0', '+']) { rest } else { return None };
        }
        domain.eq_ignore_ascii_case(DOMAIN).then_some(host)
    }

    /// Appends the path of a place, with its query.
    pub(crate) fn push_path(&self, place: Place, out: &mut Vec<u8>) {
        match place {
            Place::Page { page: 0, .. } => out.push(b'/'),
            Place::Page { host, page } => self.push_page_path(host, page, out),
            Place::Hop { page, hop, .. } => {
                out.extend_from_slice(b"/go/");
                push_number(page, out);
                out.push(b'/');
                push_number(hop, out);
            }
            Place::Robots { .. } => out.extend_from_slice(b"/robots.txt"),
            Place::RobotsHop { of, hop, .. } => {
                out.extend_from_slice(b"/robots/");
                push_number(of, out);
                out.push(b'/');
                push_number(hop, out);
            }
            Place::Sitemap { .. } => out.extend_from_slice(b"/sitemap.xml"),
        }
    }

    fn push_page_path(&self, host: u32, page: u32, out: &mut Vec<u8>) {
        const YEARS: [&str; 4] = ["2019", "2021", "2022", "2024"];
        const MONTHS: [&str; 6] = ["01", "03", "05", "08", "11", "12"];
        let dice = &mut self.dice(host, page, Purpose::Path);
        let shape = dice.below(10);
        let private = self.behaviour(host, page) == Behaviour::Private;
        // Text, the page's number, and text again.
        match shape {
            _ if private => put(out, &["/private/"]),
            0..=2 => put(out, &["/articles/"]),
            3 | 4 => put(out, &["/blog/", dice.pick(&YEARS), "/", dice.pick(&MONTHS), "/"]),
            5 => put(out, &["/docs/", word(dice), "/", word(dice), "-"]),
            6 => put(out, &["/shop/item?id="]),
            7 => put(out, &["/view.php?page="]),
            8 => put(out, &["/wiki/", dice.pick(&WIKI), "_"]),
            _ => put(out, &["/news/", word(dice), "/"]),
        }
        push_number(page, out);
        match shape {
            _ if private => put(out, &["-", word(dice), ".html"]),
            0..=2 => put(out, &["-", word(dice), "-", word(dice), ".html"]),
            3 | 4 => put(out, &["-", word(dice), "-", word(dice), "-", word(dice), "/"]),
            5 => put(out, &[".html"]),
            6 => put(out, &["&ref=", word(dice)]),
            _ => {}
        }
    }

    /// A page's title: two words and its number.
    pub(crate) fn push_title(&self, host: u32, page: u32, out: &mut Vec<u8>) {
        let mut dice = self.dice(host, page, Purpose::Title);
        push_capitalised(word(&mut dice), out);
        out.push(b' ');
        out.extend_from_slice(word(&mut dice).as_bytes());
        out.push(b' ');
        push_number(page, out);
    }

    /// The URL of a place, without a port.
    pub(crate) fn url(&self, place: Place) -> String {
        let mut path = Vec::with_capacity(64);
        self.push_path(place, &mut path);
        format!("http://{}{}", self.host_name(place.host()), String::from_utf8_lossy(&path))
    }

    /// The place of a path on a host, if there is one.
    pub(crate) fn find(&self, host: u32, path: &[u8]) -> Option<Place> {
        let place = self.guess(host, path)?;
        let mut canonical = Vec::with_capacity(64);
        self.push_path(place, &mut canonical);
        (host < self.hosts && canonical == path).then_some(place)
    }

    /// The place of an absolute URL, if there is one. Scheme and host in any case, any port, no path for `/`.
    pub(crate) fn find_url(&self, url: &str) -> Option<Place> {
        let (authority, path) = split_url(url)?;
        self.find(self.host_number(authority)?, path.as_bytes())
    }

    /// Reads the number out of a path; whether the rest of it is right is for the caller to see.
    fn guess(&self, host: u32, path: &[u8]) -> Option<Place> {
        let path = std::str::from_utf8(path).ok()?;
        if path == "/robots.txt" {
            return Some(Place::Robots { host });
        }
        if path == "/sitemap.xml" {
            return self.has_sitemap(host).then_some(Place::Sitemap { host });
        }
        if let Some(rest) = path.strip_prefix("/robots/") {
            let (of, hop) = rest.split_once('/')?;
            return self.robots_hop(host, number(of)?, number(hop)?);
        }
        if let Some(rest) = path.strip_prefix("/go/") {
            let (page, hop) = rest.split_once('/')?;
            return self.hop(host, number(page)?, number(hop)?);
        }
        let page = if path == "/" {
            0
        } else {
            let rest = path.strip_prefix('/')?;
            match &rest[..rest.find(['/', '.'])?] {
                "docs" | "wiki" => number(&path[path.rfind(['-', '_'])? + 1..])?,
                "news" => number(&path[path.rfind('/')? + 1..])?,
                "blog" => number(path.get("/blog/2000/01/".len()..)?)?,
                _ => number(&path[path.find(|c: char| c.is_ascii_digit())?..])?,
            }
        };
        (page < self.pages).then_some(Place::Page { host, page })
    }
}

impl Place {
    /// The host it is on.
    pub(crate) fn host(self) -> u32 {
        match self {
            Place::Page { host, .. }
            | Place::Hop { host, .. }
            | Place::Robots { host }
            | Place::RobotsHop { host, .. }
            | Place::Sitemap { host } => host,
        }
    }
}

/// An absolute http URL's authority and path with query; `/` where there is none.
pub(crate) fn split_url(url: &str) -> Option<(&str, &str)> {
    const SCHEME: &str = "http://";
    let scheme = url.get(..SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let rest = &url[SCHEME.len()..];
    Some(rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash)))
}

/// The number that a text starts with.
fn number(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends a number in decimal. A page is full of them, and `core::fmt` is several times slower.
pub(crate) fn push_number(n: impl Into<u64>, out: &mut Vec<u8>) {
    let mut n: u64 = n.into();
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] += (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Faults, WebSpec};

    fn plan() -> Plan {
        let faults = Faults { private: 0.05, redirect_chain: 0.05, redirect_loop: 0.05, ..Faults::default() };
        Plan::new(&WebSpec { hosts: 4, pages_per_host: 2_000, faults, ..WebSpec::default() }).unwrap()
    }

    #[test]
    fn every_url_leads_back_to_its_place() {
        let plan = plan();
        let mut urls = std::collections::HashSet::new();
        for host in 0..plan.hosts {
            for page in 0..plan.pages {
                let place = Place::Page { host, page };
                let url = plan.url(place);
                assert_eq!(plan.find_url(&url), Some(place), "{url}");
                assert!(urls.insert(url));
            }
        }
        let shapes =
            ["/articles/", "/blog/", "/docs/", "/shop/", "/view.php?", "/wiki/", "/news/", "/private/"];
        for shape in shapes {
            assert!(urls.iter().any(|u| u.contains(shape)), "{shape}");
        }
    }

    #[test]
    fn a_url_that_was_not_given_out_is_not_there() {
        let plan = plan();
        let good = plan.url(Place::Page { host: 1, page: 17 });
        for bad in [
            format!("{good}x"),
            good.replace("17", "18"),
            good.replace("17", "017"),
            good.replace("h001", "h004"),
            good.replace("h001", "h1"),
            good.replace("h001", "h0001"),
            good.replace("fakeweb.test", "other.test"),
            "http://h001.fakeweb.test/blog/é".into(),
            "http://h001.fakeweb.test/blog/2019/0é/1".into(),
            "http://h001.fakeweb.test/é.html".into(),
            "http://h001.fakeweb.test/go/17/1".into(),
            "http://h001.fakeweb.test/go/1/99999999999999".into(),
            "http://h001.fakeweb.test/x".into(),
            "http://h001.fakeweb.test//".into(),
            "https://h001.fakeweb.test/".into(),
        ] {
            assert_eq!(plan.find_url(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_host_says_which_address_it_is_at() {
        let plan = Plan::new(&WebSpec { hosts: 12, addresses: 3, ..WebSpec::default() }).unwrap();
        for host in 0..12 {
            let name = plan.host_name(host);
            assert_eq!(name, format!("h{host:03}.n{}.fakeweb.test", 1 + host % 3));
            assert_eq!(plan.host_number(&name.to_uppercase()), Some(host));
        }
        for wrong in
            ["h004.fakeweb.test", "h004.n1.fakeweb.test", "h004.n02.fakeweb.test", "h004.n+2.fakeweb.test"]
        {
            assert_eq!(plan.host_number(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_host_is_known_in_any_case_and_with_a_port() {
        let plan = plan();
        for (authority, want) in [
            ("h007.fakeweb.test", Some(7)),
            ("H007.FakeWeb.Test:8080", Some(7)),
            ("h1234.fakeweb.test", Some(1_234)),
            ("h0123.fakeweb.test", None),
            ("h7.fakeweb.test", None),
            ("127.0.0.1:80", None),
            ("fakeweb.test", None),
        ] {
            assert_eq!(plan.host_number(authority), want, "{authority}");
        }
        assert_eq!(without_port("[::1]:80"), "[::1]");
        for host in [0, 9, 10, 99, 100, 999, 1_000, u32::MAX] {
            assert_eq!(plan.host_name(host), format!("h{host:03}.fakeweb.test"));
            assert_eq!(plan.host_number(&plan.host_name(host)), Some(host));
        }
    }
}
