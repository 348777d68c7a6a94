//! Budgets: how many URLs of a host and a domain, hosts of a domain, queries of a path.
//!
//! Owns the counts. A URL is judged first and counted once it is admitted.

use std::collections::{HashMap, HashSet};

use dragline_model::CanonicalUrl;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{TrapRules, heavy::Heavy};
use crate::{Reason, domain::domain};

/// From so many hosts on, the hosts of a domain are alike: their URLs have one shape.
const HOSTS_ALIKE: u32 = 16;

/// The counts, by 64 bits of a hash of what is counted. Two that collide share a budget: one in 10¹³ among a million
/// hosts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Budgets {
    of_host: HashMap<u64, u64>,
    of_domain: HashMap<u64, u64>,
    /// Hosts that have been counted for their domain.
    hosts: HashSet<u64>,
    hosts_of: HashMap<u64, u32>,
    queries_of: Heavy,
}

impl Budgets {
    /// Is there a place left for a URL that nobody has seen?
    pub(super) fn judge(&self, rules: &TrapRules, url: &CanonicalUrl) -> Result<(), Reason> {
        if let Some(max) = rules.per_host_max
            && of(&self.of_host, url.authority()) >= max
        {
            return Err(Reason::HostBudget { max });
        }
        if let Some(max) = rules.per_domain_max
            && of(&self.of_domain, domain(url.host())) >= max
        {
            return Err(Reason::DomainBudget { max });
        }
        if let Some(max) = rules.subdomains_max
            && !self.hosts.contains(&hash(url.host()))
            && of(&self.hosts_of, domain(url.host())) >= max
        {
            return Err(Reason::Subdomains { max });
        }
        if let Some(max) = rules.query_variations_max
            && let Some(path) = path_of_query(url)
            && self.queries_of.count(hash(path)) >= u64::from(max)
        {
            return Err(Reason::QueryVariations { max });
        }
        Ok(())
    }

    /// Takes the place.
    pub(super) fn count(&mut self, rules: &TrapRules, url: &CanonicalUrl) {
        if rules.per_host_max.is_some() {
            *self.of_host.entry(hash(url.authority())).or_default() += 1;
        }
        if rules.per_domain_max.is_some() {
            *self.of_domain.entry(hash(domain(url.host()))).or_default() += 1;
        }
        if (rules.subdomains_max.is_some() || rules.guard.is_some()) && self.hosts.insert(hash(url.host())) {
            *self.hosts_of.entry(hash(domain(url.host()))).or_default() += 1;
        }
        if rules.query_variations_max.is_some()
            && let Some(path) = path_of_query(url)
        {
            self.queries_of.add(hash(path));
        }
    }

    /// The URL's domain has so many hosts that they are looked at as one.
    pub(super) fn has_many_hosts(&self, url: &CanonicalUrl) -> bool {
        // With fewer hosts in all there is no need to look at the list of suffixes.
        self.hosts.len() > HOSTS_ALIKE as usize && of(&self.hosts_of, domain(url.host())) > HOSTS_ALIKE
    }

    pub(super) fn bytes(&self) -> usize {
        (self.of_host.capacity() + self.of_domain.capacity() + self.hosts_of.capacity()) * 17
            + self.hosts.capacity() * 9
            + self.queries_of.bytes()
    }
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

fn of<N: Copy + Default>(counts: &HashMap<u64, N>, name: &str) -> N {
    if counts.is_empty() { N::default() } else { counts.get(&hash(name)).copied().unwrap_or_default() }
}

/// The URL up to its query, if it has one.
fn path_of_query(url: &CanonicalUrl) -> Option<&str> {
    url.as_str().split_once('?').map(|(path, _)| path)
}
