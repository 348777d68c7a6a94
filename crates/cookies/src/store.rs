//! All cookies of a jar: which of them stands for which, who is sent what, and who has to go.
//!
//! Owns the replacing, the selecting and the evicting. Cookies lie by site (registrable domain), since no
//! cookie ever leaves its site: a request looks at the 50 of its own and at no other.
//!
//! Order is counted, not clocked: many cookies are set in one moment, and clocks go back.

use std::{collections::HashMap, time::SystemTime};

use dragline_model::CanonicalUrl;

use crate::{
    Limits, Refusal,
    cookie::{Cookie, Target},
    domain::{domain_matches, site_of},
    origin::Origin,
    path::path_matches,
};

/// What stands between two cookies in a `Cookie` header.
const BETWEEN: &str = "; ";

/// The cookies of a jar.
#[derive(Debug, Default)]
pub(crate) struct Store {
    sites: HashMap<Box<str>, Vec<Cookie>>,
    /// How many there are in all sites.
    count: usize,
    /// How many times something was created or used.
    ticks: u64,
}

impl Store {
    /// How many cookies there are, those counted whose time is over and that nobody has asked for since.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.sites.clear();
        self.count = 0;
    }

    /// Takes in what a server has set.
    pub(crate) fn receive(
        &mut self,
        cookie: Cookie,
        limits: &Limits,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        if !cookie.origin.https && self.is_overlaid_by(&cookie, now) {
            return Err(Refusal::SecureStands);
        }
        self.place(cookie, limits, now)
    }

    /// Takes in a cookie that nobody could be spoofing: one of the user's own file.
    pub(crate) fn place(
        &mut self,
        mut cookie: Cookie,
        limits: &Limits,
        now: SystemTime,
    ) -> Result<(), Refusal> {
        let site = site_of(&cookie.domain).to_owned();
        self.drop_over(&site, now);
        self.ticks += 1;
        cookie.created = self.ticks;
        cookie.used = self.ticks;

        let shelf = self.sites.entry(site.as_str().into()).or_insert_with(|| Vec::with_capacity(1));
        if limits.strict_origin {
            settle_upward(&mut cookie, shelf);
        }
        if let Some(old) = shelf.iter().position(|old| stands_for(&cookie, old, limits.strict_origin)) {
            cookie.created = shelf.swap_remove(old).created;
            self.count -= 1;
        }
        let (tick, over) = (cookie.used, cookie.is_over(now));
        if !over {
            shelf.push(cookie);
            self.count += 1;
        }
        self.evict(&site, limits, now);
        let stands = self.sites.get(&*site).is_some_and(|shelf| shelf.iter().any(|c| c.used == tick));
        if stands || over { Ok(()) } else { Err(Refusal::NoRoom) }
    }

    /// The value of the `Cookie` header of a request, none where there is nothing to send.
    pub(crate) fn header_for(
        &mut self,
        url: &CanonicalUrl,
        limits: &Limits,
        now: SystemTime,
    ) -> Option<String> {
        let target = Target::of(url);
        let site = site_of(target.host);
        self.drop_over(site, now);
        let shelf = self.sites.get_mut(site)?;
        let mut list: Vec<&mut Cookie> =
            shelf.iter_mut().filter(|cookie| cookie.goes_to(&target, limits.strict_origin)).collect();
        list.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.created));
        for cookie in &mut list {
            self.ticks += 1;
            cookie.used = self.ticks;
        }
        leave_out(&mut list, limits.header_bytes);
        let mut header = String::with_capacity(header_bytes(&list));
        for cookie in &list {
            if !header.is_empty() {
                header.push_str(BETWEEN);
            }
            if !cookie.name.is_empty() {
                header.push_str(&cookie.name);
                header.push('=');
            }
            header.push_str(&cookie.value);
        }
        (!header.is_empty()).then_some(header)
    }

    /// All that are not over, in the order of their creation.
    pub(crate) fn in_order(&self, now: SystemTime) -> Vec<&Cookie> {
        let mut list: Vec<_> = self.sites.values().flatten().filter(|cookie| !cookie.is_over(now)).collect();
        list.sort_by_key(|cookie| cookie.created);
        list
    }

    /// "Leave secure cookies alone" (bis §5.7, step 16): is there a `Secure` one that this would hide?
    fn is_overlaid_by(&self, new: &Cookie, now: SystemTime) -> bool {
        let shelf = self.sites.get(site_of(&new.domain)).map_or(&[][..], Vec::as_slice);
        shelf.iter().any(|old| {
            old.secure
                && !old.is_over(now)
                && old.name == new.name
                && (domain_matches(&old.domain, &new.domain) || domain_matches(&new.domain, &old.domain))
                && path_matches(&new.path, &old.path)
        })
    }

    fn drop_over(&mut self, site: &str, now: SystemTime) {
        let Some(shelf) = self.sites.get_mut(site) else { return };
        let before = shelf.len();
        shelf.retain(|cookie| !cookie.is_over(now));
        self.count -= before - shelf.len();
        if shelf.is_empty() {
            self.sites.remove(site);
        }
    }

    /// Makes a jar that has become too full fit again (bis §5.7, "remove excess cookies").
    fn evict(&mut self, site: &str, limits: &Limits, now: SystemTime) {
        if let Some(shelf) = self.sites.get_mut(site) {
            while shelf.len() > limits.per_site {
                let Some((victim, _)) = shelf.iter().enumerate().min_by_key(|(_, c)| (c.secure, c.used))
                else {
                    break;
                };
                shelf.swap_remove(victim);
                self.count -= 1;
            }
            if shelf.is_empty() {
                self.sites.remove(site);
            }
        }
        while self.count > limits.total && self.evict_one(now) {}
    }

    /// Drops the cookie that is missed least: one that is over, before those of the fullest site, there one
    /// that is not `Secure`, and then the one unused for longest. Whoever floods the jar pays for it.
    fn evict_one(&mut self, now: SystemTime) -> bool {
        let all = self.sites.iter().flat_map(|(site, shelf)| {
            shelf.iter().enumerate().map(move |(at, cookie)| {
                let rank = (!cookie.is_over(now), usize::MAX - shelf.len(), cookie.secure, cookie.used);
                (rank, site, at)
            })
        });
        let Some((_, site, at)) = all.min_by_key(|(rank, ..)| *rank) else { return false };
        let site = site.clone();
        if let Some(shelf) = self.sites.get_mut(&site) {
            shelf.swap_remove(at);
            self.count -= 1;
            if shelf.is_empty() {
                self.sites.remove(&site);
            }
        }
        true
    }
}

/// Does a new cookie take the place of an old one (bis §5.7, step 23)?
///
/// With strict origins each scheme has cookies of its own, and so has each port where they are for one host
/// only: what cannot be read from somewhere cannot be overwritten or removed from there either.
fn stands_for(new: &Cookie, old: &Cookie, strict_origin: bool) -> bool {
    let places = new.origin.https == old.origin.https && (!new.host_only || new.origin == old.origin);
    new.is_namesake(old) && (places || !strict_origin)
}

/// Decides which of two namesakes HTTPS is sent, so that it is never sent both: what HTTPS has set or removed
/// counts there, and a cookie of plain HTTP stays below from then on.
fn settle_upward(new: &mut Cookie, shelf: &mut [Cookie]) {
    let above =
        |cookie: &Cookie| cookie.origin.https && cookie.origin.may_reach(Origin::HTTPS, cookie.host_only);
    if above(new) {
        for old in shelf.iter_mut().filter(|old| !old.origin.https && old.is_namesake(new)) {
            old.upward = false;
        }
    } else if !new.origin.https {
        new.upward &= !shelf.iter().any(|old| above(old) && old.is_namesake(new));
    }
}

/// Leaves out what does not fit, the oldest first.
fn leave_out(list: &mut Vec<&mut Cookie>, bytes_max: usize) {
    while header_bytes(list) > bytes_max {
        let Some((oldest, _)) = list.iter().enumerate().min_by_key(|(_, cookie)| cookie.created) else {
            return;
        };
        list.remove(oldest);
    }
}

fn header_bytes(list: &[&mut Cookie]) -> usize {
    let cookies: usize = list.iter().map(|cookie| cookie.header_bytes()).sum();
    cookies + BETWEEN.len() * list.len().saturating_sub(1)
}
