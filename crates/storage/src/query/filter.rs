//! What a record must be like.
//!
//! Owns the conditions, and the look at one record. Reads no index.

use std::ops::RangeInclusive;

use dragline_model::{CanonicalUrl, Purpose, Timestamp};

use crate::{
    index::Row,
    record::{self, Glance, Kind},
};

/// The conditions of a query: all of them hold for what it gives.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) host: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) under: Option<CanonicalUrl>,
    pub(super) status: Option<RangeInclusive<u16>>,
    pub(super) mime: Option<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) from_seq: u64,
    pub(super) responses: bool,
    pub(super) failures: bool,
    pub(super) robots: bool,
    pub(super) latest_only: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            host: None,
            domain: None,
            under: None,
            status: None,
            mime: None,
            since: None,
            until: None,
            from_seq: 1,
            responses: true,
            failures: false,
            robots: false,
            latest_only: false,
        }
    }
}

impl Filter {
    /// Whether a row is wanted, [`Filter::latest_only`] apart; the error says what is wrong with it.
    pub(super) fn wants(&self, row: &Row) -> Result<bool, String> {
        if row.seq < self.from_seq || record::kind(row.json())? == Kind::Seeds {
            return Ok(false);
        }
        let glance = Glance::parse(row.json())?;
        let outcome = if glance.status.is_some() { self.responses } else { self.failures };
        Ok(outcome
            && (self.robots || glance.purpose != Purpose::Robots)
            && self.status.as_ref().is_none_or(|range| glance.status.is_some_and(|s| range.contains(&s)))
            && self.mime.as_deref().is_none_or(|wanted| is_of(glance.mime.as_deref(), wanted))
            && self.wants_url(glance.url.as_deref().unwrap_or_default())
            && self.wants_time(&glance)?)
    }

    /// Whether a record that is wanted otherwise is passed over when the last of a URL's is looked for.
    pub(super) fn passes_over(&self, row: &Row) -> Result<bool, String> {
        Ok(!self.robots && Glance::parse(row.json())?.purpose == Purpose::Robots)
    }

    fn wants_url(&self, url: &str) -> bool {
        self.host.as_deref().is_none_or(|host| authority(url) == host)
            && self.domain.as_deref().is_none_or(|domain| is_below(authority(url), domain))
            && self.under.as_ref().is_none_or(|under| url.starts_with(under.as_str()))
    }

    fn wants_time(&self, glance: &Glance<'_>) -> Result<bool, String> {
        if self.since.or(self.until).is_none() {
            return Ok(true);
        }
        let time = glance.fetched_at()?;
        Ok(self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until))
    }
}

fn is_of(mime: Option<&str>, wanted: &str) -> bool {
    let mime = mime.unwrap_or_default();
    mime == wanted || wanted.ends_with('/') && mime.starts_with(wanted)
}

/// Whether an authority is a domain's or of a host below it, on any port.
fn is_below(authority: &str, domain: &str) -> bool {
    let colon = authority.rfind(':').filter(|_| !authority.ends_with(']')).unwrap_or(authority.len());
    let host = &authority[..colon];
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(above) => above.ends_with('.') && !is_address(host),
        // A domain may be given with its port.
        None => authority == domain,
    }
}

fn is_address(host: &str) -> bool {
    crate::schema::is_address(host)
}

/// The authority of a canonical URL's text.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    &rest[..rest.find(['/', '?']).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_domain() {
        for (authority, domain, want) in [
            ("a.b", "a.b", true),
            ("x.a.b", "a.b", true),
            ("x.a.b:81", "a.b", true),
            ("a.b:81", "a.b", true),
            ("xa.b", "a.b", false),
            ("a.b.c", "a.b", false),
            ("a.b:81", "a.b:81", true),
            ("10.0.0.1", "0.0.1", false),
            ("[::1]:81", "[::1]", true),
        ] {
            assert_eq!(is_below(authority, domain), want, "{authority} {domain}");
        }
    }
}
