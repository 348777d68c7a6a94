//! Who links to whom.
//!
//! Owns the link tree of a host (a heap: page `p` has the children `p·k + 1 … p·k + k`), the links beside it,
//! and where redirects go. Never writes HTML.

use crate::{
    behaviour::Behaviour,
    dice::Purpose,
    plan::{Place, Plan},
};

/// Links of a page that is there to have many.
const MANY_LINKS: usize = 10_000;

/// Redirects between the first page of a chain and its end.
const CHAIN_HOPS: u32 = 3;

/// Redirects of a loop besides its first.
const LOOP_HOPS: u32 = 2;

/// A redirect: where to, and how it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) status: u16,
    pub(crate) to: Place,
}

impl Plan {
    /// The targets of a page's links, in order, repetitions included: home, the page above, the children, then
    /// any pages of the web.
    pub(crate) fn links(&self, host: u32, page: u32) -> impl Iterator<Item = (u32, u32)> {
        let behaviour = self.behaviour(host, page);
        let first = u64::from(page) * u64::from(self.children) + 1;
        let end = (first + u64::from(self.children)).min(self.pages.into());
        let children = (first.min(end)..end).map(|child| child as u32);
        let above = (page > 0).then(|| (page - 1) / self.children);

        let wanted = if behaviour == Behaviour::ManyLinks { MANY_LINKS } else { self.links_per_page };
        let so_far = 1 + usize::from(page > 0) + children.size_hint().0;
        // A page that may never come must not be the only way to another host.
        let dependable = matches!(behaviour, Behaviour::Plain | Behaviour::MalformedHtml);
        let away = if dependable && self.hosts > 1 { self.cross_links } else { 0.0 };
        let mut dice = self.dice(host, page, Purpose::Links);
        let others = (so_far..wanted).map(move |_| {
            if !dice.chance(away) {
                return (host, dice.below(self.pages.into()) as u32);
            }
            let step = 1 + dice.below(u64::from(self.hosts) - 1);
            let other = ((u64::from(host) + step) % u64::from(self.hosts)) as u32;
            // Half of the links between sites go to the front page.
            (other, if dice.chance(0.5) { 0 } else { dice.below(self.pages.into()) as u32 })
        });
        std::iter::once(0).chain(above).chain(children).map(move |page| (host, page)).chain(others)
    }

    /// How many links come before the children: those are the navigation.
    pub(crate) fn navigation(&self, page: u32) -> usize {
        1 + usize::from(page > 0)
    }

    /// Where a place redirects to, if it does.
    pub(crate) fn redirect(&self, place: Place) -> Option<Redirect> {
        const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
        let (host, page, hop) = match place {
            Place::Page { host, page } => (host, page, 0),
            Place::Hop { host, page, hop } => (host, page, hop),
            Place::Robots { .. } | Place::RobotsHop { .. } | Place::Sitemap { .. } => return None,
        };
        let behaviour = self.behaviour(host, page);
        let mut dice = self.dice(host, page, Purpose::Redirect);
        let status = STATUSES[(dice.below(5) as usize + hop as usize) % STATUSES.len()];
        // An inner page, so that a redirect ends where it is meant to.
        let inner = (self.pages - 1).div_ceil(self.children).max(1);
        let ending = Place::Page { host, page: dice.below(inner.into()) as u32 };
        let to = match behaviour {
            Behaviour::Redirect => ending,
            Behaviour::RedirectAway => {
                let step = 1 + dice.below(u64::from(self.hosts).saturating_sub(1));
                Place::Page { host: ((u64::from(host) + step) % u64::from(self.hosts)) as u32, page: 0 }
            }
            Behaviour::RedirectChain if hop == CHAIN_HOPS => ending,
            Behaviour::RedirectLoop if hop == LOOP_HOPS => Place::Page { host, page },
            Behaviour::RedirectChain | Behaviour::RedirectLoop => Place::Hop { host, page, hop: hop + 1 },
            _ => return None,
        };
        Some(Redirect { status, to })
    }

    /// A redirect on the way, if there is one of that number.
    pub(crate) fn hop(&self, host: u32, page: u32, hop: u32) -> Option<Place> {
        let hops = match (page < self.pages).then(|| self.behaviour(host, page))? {
            Behaviour::RedirectChain => CHAIN_HOPS,
            Behaviour::RedirectLoop => LOOP_HOPS,
            _ => 0,
        };
        (1..=hops).contains(&hop).then_some(Place::Hop { host, page, hop })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{Faults, WebSpec};

    #[test]
    fn every_page_is_reached_from_the_first_through_pages_that_answer() {
        for (pages, links) in [(1, 20), (2, 0), (50, 1), (100, 4), (1_000, 20)] {
            let faults =
                if pages > 50 { Faults { hang: 0.4, ..Faults::default() } } else { Faults::default() };
            let spec = WebSpec { pages_per_host: pages, links_per_page: links, faults, ..WebSpec::default() };
            let plan = Plan::new(&spec).unwrap();
            let mut seen = HashSet::from([0]);
            let mut queue = vec![0];
            while let Some(page) = queue.pop() {
                if plan.behaviour(3, page) == Behaviour::Plain {
                    queue.extend(plan.links(3, page).filter(|l| l.0 == 3 && seen.insert(l.1)).map(|l| l.1));
                }
            }
            assert_eq!(seen.len(), pages, "{pages} pages, {links} links");
        }
    }

    #[test]
    fn links_are_as_many_as_asked_for_and_some_lead_away() {
        let spec = WebSpec { pages_per_host: 1_000, cross_links: 0.3, ..WebSpec::default() };
        let plan = Plan::new(&spec).unwrap();
        assert!((0..1_000).all(|page| plan.links(0, page).count() == 20));
        let leaves: Vec<_> = (900..1_000).flat_map(|page| plan.links(0, page).skip(2)).collect();
        let away = leaves.iter().filter(|(host, _)| *host != 0).count();
        assert!((430..650).contains(&away), "{away} of {}", leaves.len());
    }

    #[test]
    fn pages_that_may_not_come_link_to_their_own_host_only() {
        let faults = Faults { busy: 0.3, many_links: 0.01, ..Faults::default() };
        let plan =
            Plan::new(&WebSpec { pages_per_host: 100, cross_links: 1.0, faults, ..WebSpec::default() })
                .unwrap();
        for page in (0..100).filter(|p| plan.behaviour(2, *p) != Behaviour::Plain) {
            assert!(plan.links(2, page).all(|(host, _)| host == 2));
        }
        let many = (0..100).find(|p| plan.behaviour(2, *p) == Behaviour::ManyLinks).unwrap();
        assert_eq!(plan.links(2, many).count(), MANY_LINKS);
    }

    #[test]
    fn chains_end_and_loops_close() {
        let faults =
            Faults { redirect_chain: 0.1, redirect_loop: 0.1, redirect_away: 0.1, ..Faults::default() };
        let plan = Plan::new(&WebSpec { faults, ..WebSpec::default() }).unwrap();
        for page in 0..plan.pages {
            let start = Place::Page { host: 0, page };
            let mut places = vec![start];
            while let Some(redirect) = plan.redirect(places[places.len() - 1]) {
                places.push(redirect.to);
                if redirect.to == start {
                    break;
                }
            }
            let hops = places.len() - 1;
            match plan.behaviour(0, page) {
                Behaviour::RedirectChain => assert_eq!(hops, 4),
                Behaviour::RedirectLoop => assert_eq!((hops, places[hops]), (3, start)),
                Behaviour::RedirectAway => assert!(hops == 1 && places[1].host() != 0),
                _ => assert_eq!(hops, 0),
            }
        }
    }
}
