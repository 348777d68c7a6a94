//! How a URL was written, and how the crawl spells it.
//!
//! Owns the words for what is different. What is done is the URL Standard's affair, and the normaliser's.

use dragline_model::Normaliser;

use crate::model::{CanonicalUrl, UrlError};

/// See the module's documentation.
pub(super) struct Spelling {
    pub given: String,
    pub canonical: CanonicalUrl,
    /// What was changed, in words; empty where nothing was.
    pub changes: Vec<&'static str>,
}

impl Spelling {
    /// As every crawl spells it.
    pub(super) fn read(given: &str) -> Result<Self, UrlError> {
        let canonical = CanonicalUrl::parse(given)?;
        let changes = changes(given, &canonical);
        Ok(Self { given: given.to_owned(), canonical, changes })
    }

    /// As this crawl does.
    pub(super) fn by(mut self, normaliser: &Normaliser) -> Self {
        let applied = normaliser.apply(self.canonical.clone());
        if applied != self.canonical {
            self.changes.push(
                "query parameters or a session were put in order or left out (--sort-query, --drop-params, \
                 --drop-session-ids)",
            );
        }
        self.canonical = applied;
        self
    }
}

fn changes(given: &str, canonical: &CanonicalUrl) -> Vec<&'static str> {
    let mut changes = Vec::new();
    let text: String = given.trim().chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect();
    if text != given {
        changes.push("white space is left out");
    }
    let (text, fragment) = text.split_once('#').map_or((&*text, None), |(text, part)| (text, Some(part)));
    if fragment.is_some() {
        changes.push("the fragment (#…) is left out: no server sees it");
    }
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let rest = rest.trim_start_matches(['/', '\\']);
    let end = rest.find(['/', '\\', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.len() < authority.len() {
        changes.push("user name and password are left out: give them with --auth");
    }
    if scheme.chars().chain(host.chars()).any(|c| c.is_ascii_uppercase()) {
        changes.push("scheme and host are in lower case");
    }
    let lower = host.to_ascii_lowercase();
    if lower != canonical.authority() {
        let is_port = lower.strip_prefix(canonical.host()).is_some_and(|rest| rest.starts_with(':'));
        changes.push(if is_port {
            "the scheme's own port is left out"
        } else {
            "the host is spelled as DNS or the URL Standard has it"
        });
    }
    let target = if target.starts_with(['/', '\\']) { target.to_owned() } else { format!("/{target}") };
    if target != canonical.path_and_query() {
        let path = target.split('?').next().unwrap_or_default();
        let has_dots = path.split(['/', '\\']).any(|it| {
            matches!(it.to_ascii_lowercase().as_str(), "." | ".." | "%2e" | ".%2e" | "%2e." | "%2e%2e")
        });
        changes.push(if has_dots {
            "the dots in its path are resolved"
        } else {
            "its path and query are spelled as the URL Standard has them"
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_said() {
        for (given, canonical, want) in [
            ("http://a.example/x?y", "http://a.example/x?y", &[][..]),
            ("http://a.example", "http://a.example/", &[]),
            (" http://a.example/\n", "http://a.example/", &["white space"]),
            ("http://a.example/#x", "http://a.example/", &["the fragment"]),
            ("HTTP://A.example/", "http://a.example/", &["scheme and host"]),
            ("http://a.example:80/", "http://a.example/", &["the scheme's own port"]),
            ("http://u:p@a.example/", "http://a.example/", &["user name"]),
            ("http://bücher.example/", "http://xn--bcher-kva.example/", &["the host is spelled"]),
            ("http://a.example/b/../c", "http://a.example/c", &["the dots"]),
            ("http://a.example/ü", "http://a.example/%C3%BC", &["its path and query"]),
            (
                "HTTP://u@A.example:80/./x#y",
                "http://a.example/x",
                &["the fragment", "user name", "scheme and host", "the scheme's own port", "the dots"],
            ),
        ] {
            let spelled = Spelling::read(given).unwrap();
            assert_eq!(spelled.canonical.as_str(), canonical);
            assert_eq!(spelled.changes.len(), want.len(), "{given}: {:?}", spelled.changes);
            for (said, want) in spelled.changes.iter().zip(want) {
                assert!(said.starts_with(want), "{given}: {said}");
            }
        }
        assert!(Spelling::read("mailto:a").is_err());
    }
}
