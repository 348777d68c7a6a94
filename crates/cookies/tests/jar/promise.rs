//! The promise of the jar, held against any bytes: what goes out was let in for a place like that, and none
//! of it goes to another site, host, port or scheme than it may.

use std::{collections::HashMap, time::Duration};

use dragline_cookies::{Jar, Limits};
use dragline_model::CanonicalUrl;
use proptest::prelude::*;

use super::{now, url};

const PLACES: [&str; 16] = [
    "http://a.example/",
    "https://a.example/",
    "http://a.example:8080/p/q",
    "https://a.example:8443/p",
    "https://x.a.example/p/q/r",
    "http://x.a.example/",
    "http://y.x.a.example:8080/",
    "https://b.example/",
    "http://a.example./",
    "https://me.github.io/",
    "https://you.github.io/",
    "https://github.io/",
    "https://a.co.uk/",
    "https://co.uk/",
    "http://127.0.0.1/",
    "http://127.0.0.1:8080/",
];

/// Attributes in any mixture, with a taste for those that widen.
fn attributes() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        Just("; Secure".to_owned()),
        Just("; HttpOnly".to_owned()),
        Just("; Max-Age=1".to_owned()),
        Just("; Max-Age=0".to_owned()),
        "; [Pp]ath=(/|/p|/p/|/p/q|p|)",
        "; Domain=\\.?(a\\.example|A\\.EXAMPLE|x\\.a\\.example|example|b\\.example|co\\.uk|a\\.co\\.uk|\
         github\\.io|me\\.github\\.io|a\\.example\\.|127\\.0\\.0\\.1|0\\.0\\.1|)",
        "; [ -~]{0,8}",
    ];
    prop::collection::vec(one, 0..4).prop_map(|all| all.concat())
}

/// What a place asked for, as the test sees it.
struct Asked {
    from: CanonicalUrl,
    attributes: String,
}

impl Asked {
    fn has(&self, attribute: &str) -> bool {
        self.attributes
            .to_ascii_lowercase()
            .split(';')
            .any(|part| part.split('=').next().unwrap_or("").trim() == attribute)
    }

    /// The last of the domains it named, without its dot.
    fn domain(&self) -> Option<String> {
        let lower = self.attributes.to_ascii_lowercase();
        let mut domains = lower.split(';').filter_map(|part| part.split_once('='));
        let last = domains.rfind(|(name, _)| name.trim() == "domain")?.1.trim().to_owned();
        let bare = last.strip_prefix('.').unwrap_or(&last).to_owned();
        (!bare.is_empty()).then_some(bare)
    }

    /// Whether `to` may ever be sent it, written down once more, and as a list of what speaks against it.
    fn objection(&self, to: &CanonicalUrl) -> Option<&'static str> {
        let (from_https, to_https) = (self.from.is_https(), to.is_https());
        let same_origin = self.from.origin() == to.origin();
        let usual = to.port() == if to_https { 443 } else { 80 };
        if self.has("secure") && !to_https {
            return Some("Secure over plain HTTP");
        }
        if from_https && !to_https {
            return Some("from HTTPS down to HTTP");
        }
        if to.host() != self.from.host() {
            let Some(domain) = self.domain() else { return Some("another host") };
            if ["example", "co.uk", "github.io", "uk", "io"].contains(&domain.as_str()) {
                return Some("a public suffix");
            }
            let inside = |host: &str| host == domain || host.ends_with(&format!(".{domain}"));
            if !inside(to.host()) || !inside(self.from.host()) {
                return Some("outside its domain");
            }
        }
        if self.domain().is_none() && !same_origin && !(usual && self.from.port() == 80) {
            return Some("another origin");
        }
        let same_scheme_and_port = from_https == to_https && self.from.port() == to.port();
        (!usual && !same_scheme_and_port).then_some("a port where it was not set")
    }
}

proptest! {
    #[test]
    fn what_goes_out_was_let_in(
        fields in prop::collection::vec((0..PLACES.len(), "[a-c]?", attributes(), 0u64..3), 0..40),
        per_site in 1usize..8,
    ) {
        let jar = Jar::new(Limits { per_site, total: 12, ..Limits::default() });
        let mut asked = HashMap::new();
        let mut clock = now();
        for (nth, (at, name, attributes, passes)) in fields.into_iter().enumerate() {
            clock += Duration::from_secs(passes);
            let from = url(PLACES[at]);
            // Every value is there once, so that it tells where it came from.
            let field = if name.is_empty() { format!("v{nth}{attributes}") } else { format!("{name}=v{nth}{attributes}") };
            if jar.take_in(&from, field.as_bytes(), clock).is_ok() {
                asked.insert(format!("v{nth}"), Asked { from, attributes });
            }
            prop_assert!(jar.len() <= 12);
            for place in PLACES {
                let to = url(place);
                let header = jar.header_for(&to, clock).unwrap_or_default();
                let values: Vec<&str> =
                    header.split("; ").filter(|p| !p.is_empty()).map(|p| p.rsplit('=').next().unwrap_or(p)).collect();
                prop_assert!(values.len() <= per_site);
                for value in values {
                    let Some(asked) = asked.get(value) else {
                        return Err(TestCaseError::fail(format!("{value} was never let in, and went to {to}")));
                    };
                    if let Some(why) = asked.objection(&to) {
                        return Err(TestCaseError::fail(format!(
                            "{value}{} of {} went to {to}: {why}", asked.attributes, asked.from
                        )));
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(
        fields in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20),
        at in 0..PLACES.len(),
    ) {
        let jar = Jar::default();
        let at = url(PLACES[at]);
        for field in fields {
            let _ = jar.take_in(&at, &field, now());
        }
        let header = jar.header_for(&at, now()).unwrap_or_default();
        prop_assert!(header.bytes().all(|b| b == b'\t' || !b.is_ascii_control()));
        let written = jar.write_netscape(now());
        prop_assert_eq!(jar.read_netscape(&written, now()).map(|_| ()), Ok(()));
    }

    #[test]
    fn any_text_of_attributes_is_taken_or_refused(
        field in "[a-z]{0,3}=?[a-z]{0,3}(; ?(Domain|Path|Max-Age|Expires|Secure|=)=?[ -~é]{0,12}){0,4}",
        at in 0..PLACES.len(),
        seconds in any::<u64>(),
    ) {
        let jar = Jar::default();
        let when = now().checked_add(Duration::from_secs(seconds)).unwrap_or(now());
        let _ = jar.take_in(&url(PLACES[at]), field.as_bytes(), when);
        for place in PLACES {
            let _ = jar.header_for(&url(place), now());
        }
        let _ = jar.read_netscape(&jar.write_netscape(when), when);
    }
}
