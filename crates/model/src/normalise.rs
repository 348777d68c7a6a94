//! What of a URL may be left out or put in order, for a crawl that asks for it.
//!
//! Owns the options beyond the URL Standard: each may make one resource of two, which is why none is on by itself.
//! What is always done stands at [`CanonicalUrl`].

use std::fmt;

use crate::CanonicalUrl;

/// Names of parameters by which visitors are followed from site to site. No server answers by them.
const TRACKING: &[&str] = &[
    "utm_*",
    "mtm_*",
    "pk_*",
    "piwik_*",
    "matomo_*",
    "_ga",
    "_gl",
    "_hsenc",
    "_hsmi",
    "__hssc",
    "__hstc",
    "__hsfp",
    "_kx",
    "_openstat",
    "dclid",
    "epik",
    "fb_action_ids",
    "fb_action_types",
    "fb_source",
    "fbclid",
    "gad_campaignid",
    "gad_source",
    "gbraid",
    "gclid",
    "gclsrc",
    "hsctatracking",
    "igshid",
    "irclickid",
    "li_fat_id",
    "mc_cid",
    "mc_eid",
    "mkt_tok",
    "msclkid",
    "oly_anon_id",
    "oly_enc_id",
    "rb_clickid",
    "s_kwcid",
    "srsltid",
    "ttclid",
    "twclid",
    "vero_conv",
    "vero_id",
    "wbraid",
    "wickedid",
    "yclid",
    "ysclid",
];

/// Names that are a session's whatever their value is.
const SESSION: &[&str] = &[
    "jsessionid",
    "phpsessid",
    "aspsessionid*",
    "cfid",
    "cftoken",
    "zenid",
    "oscsid",
    "sessid",
    "sessionid",
    "session_id",
];

/// Names that are a session's where their value is one by its looks: `sid=5` may be a section.
const SESSION_BY_VALUE: &[&str] = &["sid", "s", "session"];

/// The shortest value that is a session's by its looks, in letters and digits.
const SESSION_VALUE_MIN: usize = 16;

/// Names of query parameters. In a list as people write it, `tracking` stands for those that only follow visitors
/// about, and a `*` at the end of a name for any ending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ParamNames(Vec<Box<str>>);

/// A name that no parameter can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamNameError(String);

impl fmt::Display for ParamNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is no name of a query parameter; write tracking, a name, or the beginning of one with * behind it",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for ParamNameError {}

impl ParamNames {
    /// Reads names, each `tracking`, a name, or the beginning of names with `*` behind it. They are compared as they
    /// stand in the URL (percent-encoded), in either case.
    pub fn parse<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, ParamNameError> {
        let mut list = Vec::new();
        for name in names {
            let name = name.as_ref().trim();
            let bare = name.strip_suffix('*').unwrap_or(name);
            if bare.is_empty() || !bare.bytes().all(|b| b.is_ascii_graphic() && !b"&=#*?".contains(&b)) {
                return Err(ParamNameError(name.to_owned()));
            }
            match name {
                "tracking" => list.extend(TRACKING.iter().map(|name| Box::from(*name))),
                name => list.push(name.into()),
            }
        }
        Ok(Self(list))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|wanted| is_named(wanted, name))
    }
}

/// Makes URLs that lead to the same page equal, as far as the options say so. The default changes nothing.
///
/// What comes out is a [`CanonicalUrl`] again, and coming in once more it stays as it is.
///
/// ```
/// use dragline_model::{CanonicalUrl, Normaliser, ParamNames};
/// let normaliser = Normaliser {
///     sort_query: true,
///     drop_params: ParamNames::parse(["tracking", "ref*"])?,
///     drop_session_ids: true,
/// };
/// let url = CanonicalUrl::parse("http://a.example/x;jsessionid=1F2E?b=2&utm_source=y&a=1&referrer=z").unwrap();
/// assert_eq!(normaliser.apply(url).as_str(), "http://a.example/x?a=1&b=2");
/// # Ok::<(), dragline_model::ParamNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Normaliser {
    /// Query parameters in the order of their names; those of one name keep theirs. For sites whose pages do not
    /// mind the order.
    pub sort_query: bool,
    /// Query parameters that are left out.
    pub drop_params: ParamNames,
    /// Sessions are left out: `;jsessionid=…` and its like behind a segment, the segment `(S(…))`, and the query
    /// parameters of that meaning (`PHPSESSID`, `sessionid`, …; `sid`, `s` and `session` only where the value is at least 16
    /// letters and digits, both among them).
    pub drop_session_ids: bool,
}

impl Normaliser {
    /// It changes nothing.
    pub fn is_idle(&self) -> bool {
        !self.sort_query && self.drop_params.0.is_empty() && !self.drop_session_ids
    }

    /// The URL as the options have it. Takes no memory where nothing changes.
    pub fn apply(&self, url: CanonicalUrl) -> CanonicalUrl {
        match self.rewritten(url.as_str()) {
            Some(text) => CanonicalUrl::from_resolved(&text),
            None => url,
        }
    }

    /// A canonical URL's text as the options have it; none where it stays as it is.
    pub(crate) fn rewritten(&self, text: &str) -> Option<String> {
        if self.is_idle() {
            return None;
        }
        let (before, query) = match text.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (text, None),
        };
        let new_before = if self.drop_session_ids { without_session(before) } else { None };
        let new_query = query.and_then(|query| self.query(query));
        if new_before.is_none() && new_query.is_none() {
            return None;
        }
        let mut text = new_before.unwrap_or_else(|| before.to_owned());
        let query = new_query.as_ref().map_or(query, |query| query.as_deref());
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        Some(text)
    }

    /// A query as the options have it, which may be none at all; none where it stays as it is.
    fn query(&self, query: &str) -> Option<Option<String>> {
        let drops = query.split('&').any(|pair| self.drops(pair));
        let is_sorted = || query.split('&').map(name).is_sorted();
        if !drops && (!self.sort_query || is_sorted()) {
            return None;
        }
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !self.drops(pair)).collect();
        if self.sort_query {
            pairs.sort_by_key(|pair| name(pair));
        }
        Some((!pairs.is_empty()).then(|| pairs.join("&")))
    }

    fn drops(&self, pair: &str) -> bool {
        let name = name(pair);
        !name.is_empty()
            && (self.drop_params.has(name) || self.drop_session_ids && is_session(name, &pair[name.len()..]))
    }
}

/// The name of a `name=value`.
fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// Is a name that is wanted, or the beginning of one with `*` behind it, this name, in either case?
fn is_named(wanted: &str, name: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(start) => name.get(..start.len()).is_some_and(|begins| begins.eq_ignore_ascii_case(start)),
        None => name.eq_ignore_ascii_case(wanted),
    }
}

/// `value` with its `=`.
fn is_session(name: &str, value: &str) -> bool {
    let among = |names: &[&str]| names.iter().any(|wanted| is_named(wanted, name));
    among(SESSION)
        || among(SESSION_BY_VALUE) && looks_like_session(value.strip_prefix('=').unwrap_or_default())
}

fn looks_like_session(value: &str) -> bool {
    value.len() >= SESSION_VALUE_MIN
        && value.bytes().all(|b| b.is_ascii_alphanumeric())
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// A URL up to its query without the session in its path; none where there is none.
fn without_session(url: &str) -> Option<String> {
    let path_at =
        url.find("//").map(|at| at + 2).and_then(|at| url[at..].find('/').map(|slash| at + slash))?;
    let (before, path) = url.split_at(path_at);
    let has_session = |segment: &str| is_cookieless(segment) || segment_without(segment).is_some();
    if !path.contains([';', '(']) || !path.split('/').any(has_session) {
        return None;
    }
    let mut text = before.to_owned();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let kept = segment_without(segment);
        let kept = kept.as_deref().unwrap_or(segment);
        if !is_cookieless(kept) {
            text.push('/');
            text.push_str(kept);
        } else if segments.peek().is_none() {
            // A folder stays one.
            text.push('/');
        }
    }
    Some(text)
}

/// `(S(lit3py55t21z5v55vlm25s55))`, a segment of its own.
fn is_cookieless(segment: &str) -> bool {
    let inner = segment.strip_prefix("(S(").and_then(|rest| rest.strip_suffix("))"));
    inner.is_some_and(|id| id.len() >= SESSION_VALUE_MIN && id.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A segment without its session's parameter; none where it has none, or is nothing but dots without it: that would be
/// another path.
fn segment_without(segment: &str) -> Option<String> {
    let mut parts = segment.split(';');
    let first = parts.next()?;
    let drops = |part: &str| {
        let name = name(part);
        !name.is_empty() && is_session(name, &part[name.len()..])
    };
    if !parts.clone().any(drops) || is_dots(first) {
        return None;
    }
    let mut kept = first.to_owned();
    for part in parts.filter(|part| !drops(part)) {
        kept.push(';');
        kept.push_str(part);
    }
    Some(kept)
}

/// `.`, `..`, and the ways to write them.
fn is_dots(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(&*lower, "." | "..")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(sort_query: bool, drop: &[&str], drop_session_ids: bool) -> Normaliser {
        Normaliser { sort_query, drop_params: ParamNames::parse(drop).unwrap(), drop_session_ids }
    }

    #[track_caller]
    fn check(normaliser: &Normaliser, rows: &[(&str, &str)]) {
        for (text, want) in rows {
            let url = CanonicalUrl::parse(&format!("http://a.example{text}")).unwrap();
            let got = normaliser.apply(url);
            assert_eq!(got.as_str(), format!("http://a.example{want}"), "{text}");
        }
    }

    #[test]
    fn the_default_changes_nothing() {
        let odd = "/x;jsessionid=1?utm_source=b&a=1&PHPSESSID=2&&";
        check(&Normaliser::default(), &[(odd, odd)]);
    }

    #[test]
    fn sorted_by_name_alone() {
        check(
            &with(true, &[], false),
            &[
                ("/?b=1&a=2", "/?a=2&b=1"),
                ("/?b=2&b=1&a", "/?a&b=2&b=1"),
                ("/?a=1&b=2", "/?a=1&b=2"),
                ("/?", "/?"),
                ("/?b&&a", "/?&a&b"),
                ("/?b=1&a=%26", "/?a=%26&b=1"),
            ],
        );
    }

    #[test]
    fn parameters_are_left_out() {
        check(
            &with(false, &["tracking", "ref*", "x"], false),
            &[
                ("/?utm_source=a&UTM_Medium=b&fbclid=c&gclid=d", "/"),
                ("/?b=1&utm_source=a&a=2", "/?b=1&a=2"),
                ("/?ref=1&referrer=2&pref=3", "/?pref=3"),
                ("/?x=1&xy=2&y=x", "/?xy=2&y=x"),
                ("/?x", "/"),
                ("/?", "/?"),
                ("/?&x=1", "/?"),
                ("/utm_source=a", "/utm_source=a"),
                ("/?q=utm_source=a", "/?q=utm_source=a"),
            ],
        );
    }

    #[test]
    fn sessions_are_left_out() {
        check(
            &with(false, &[], true),
            &[
                ("/x.jsp;jsessionid=1A2B", "/x.jsp"),
                ("/x;JSESSIONID=1A2B.node1/y;v=2?z", "/x/y;v=2?z"),
                ("/x;v=1;jsessionid=1;w=2", "/x;v=1;w=2"),
                ("/;jsessionid=1", "/"),
                ("/.;jsessionid=1/x", "/.;jsessionid=1/x"),
                ("/%2e%2E;jsessionid=1/x", "/%2e%2E;jsessionid=1/x"),
                ("/(S(lit3py55t21z5v55vlm25s55))/x.aspx", "/x.aspx"),
                ("/a/(S(lit3py55t21z5v55vlm25s55))", "/a/"),
                ("/(S(short))/x", "/(S(short))/x"),
                ("/?PHPSESSID=abc&a=1", "/?a=1"),
                ("/?a=1&ASPSESSIONIDQQBCD=X", "/?a=1"),
                ("/?sid=5", "/?sid=5"),
                ("/?sid=9f86d081884c7d65", "/"),
                ("/?s=searchedforaverylongword", "/?s=searchedforaverylongword"),
                ("/?session=4711", "/?session=4711"),
            ],
        );
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for name in ["", "*", "a b", "a=b", "a&b", "ü", "a*b"] {
            let error = ParamNames::parse([name]).unwrap_err().to_string();
            assert!(error.contains("is no name of a query parameter"), "{error}");
        }
    }

    /// URLs made of what the options look for.
    fn urls() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            4 => proptest::sample::select(vec![
                "/", "/", ";", "=", "&", "&", "?", ".", "..", "%2e", "%2E", "jsessionid", ";jsessionid=1", "PHPSESSID=2", "sid=",
                "9f86d081884c7d65", "(S(lit3py55t21z5v55vlm25s55))", "utm_source=1", "x", "b=2", "a=1", "a=0", "sid=5", "\\", "#f", " ", "é",
            ]).prop_map(str::to_owned),
            1 => "[ -~]{1,4}",
        ];
        proptest::collection::vec(piece, 0..14)
            .prop_map(|pieces| format!("http://a.example/{}", pieces.concat()))
    }

    fn normalisers() -> impl Strategy<Value = Normaliser> {
        (any::<bool>(), any::<bool>(), any::<bool>())
            .prop_map(|(sort, drop, ids)| with(sort, if drop { &["tracking", "x", "b*"] } else { &[] }, ids))
    }

    /// The query's parameters, as a multiset.
    fn pairs(url: &CanonicalUrl) -> Vec<&str> {
        let mut pairs: Vec<&str> =
            url.as_str().split_once('?').map_or(vec![], |(_, q)| q.split('&').collect());
        pairs.sort_unstable();
        pairs
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn once_is_enough_and_what_comes_out_is_canonical(text in urls(), normaliser in normalisers()) {
            let url = CanonicalUrl::parse(&text).unwrap();
            let once = normaliser.apply(url.clone());
            prop_assert_eq!(normaliser.apply(once.clone()), once.clone());
            prop_assert_eq!(CanonicalUrl::parse(once.as_str()).unwrap(), once.clone());
            prop_assert_eq!(once.origin(), url.origin());
            if normaliser.is_idle() {
                prop_assert_eq!(once, url);
            }
        }

        #[test]
        fn sorting_only_sorts(text in urls()) {
            let url = CanonicalUrl::parse(&text).unwrap();
            let sorted = with(true, &[], false).apply(url.clone());
            prop_assert_eq!(sorted.path(), url.path());
            prop_assert_eq!(pairs(&sorted), pairs(&url));
        }

        #[test]
        fn dropping_keeps_the_rest_as_it_is(text in urls()) {
            let url = CanonicalUrl::parse(&text).unwrap();
            let dropped = with(false, &["x"], false).apply(url.clone());
            let rest: Vec<&str> = pairs(&url).into_iter().filter(|pair| !name(pair).eq_ignore_ascii_case("x")).collect();
            let empty: Vec<&str> = vec![];
            prop_assert!(pairs(&dropped) == rest || (pairs(&dropped) == empty && rest.is_empty()));
            prop_assert_eq!(dropped.path(), url.path());
        }
    }
}
