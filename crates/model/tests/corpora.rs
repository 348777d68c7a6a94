//! URLs that nobody here wrote, where they are at hand: the URL Standard's own cases, other normalisers' cases.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use dragline_model::{CanonicalUrl, Normaliser, ParamNames};
use serde_json::Value;

/// The corpus of that name; none, and a word about it, where it is absent.
fn corpus(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/urls").join(name);
    let text = fs::read_to_string(path).ok();
    if text.is_none() {
        println!("corpus {name} is absent, nothing compared");
    }
    text
}

fn rows(name: &str) -> Vec<Value> {
    let rows = |text: String| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    corpus(name).map(rows).unwrap_or_default()
}

fn text<'a>(row: &'a Value, field: &str) -> Option<&'a str> {
    row.get(field)?.as_str()
}

/// `input` against `base` as this project has it.
fn ours(input: &str, base: Option<&str>) -> Result<CanonicalUrl, String> {
    match base.filter(|base| !base.is_empty()) {
        Some(base) => CanonicalUrl::parse(base).and_then(|base| base.join(input)),
        None => CanonicalUrl::parse(input),
    }
    .map_err(|error| error.to_string())
}

/// A URL of the standard's without what is no part of a canonical URL.
fn without_fragment_and_user(href: &str) -> String {
    let href = href.split('#').next().unwrap();
    let (scheme, rest) = href.split_once("://").unwrap();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = authority.rsplit('@').next().unwrap();
    format!("{scheme}://{host}{}", &rest[end..])
}

#[test]
fn the_url_standard_s_own_cases() {
    let (Some(data), Some(expected)) = (corpus("cc-wpt-urltestdata.json"), corpus("expected_failures.txt"))
    else {
        return;
    };
    let rows: Vec<Value> = serde_json::from_str(&data).unwrap();
    let expected: BTreeSet<&str> = expected.lines().collect();
    let (mut compared, mut known, mut no_names) = (0, 0, 0);
    let mut differences = Vec::new();
    for row in rows.iter().filter(|row| row.is_object()) {
        let Some(input) = text(row, "input") else { continue };
        let base = text(row, "base");
        // A base of another scheme is none that a page can have.
        if base.is_some_and(|base| CanonicalUrl::parse(base).is_err()) {
            continue;
        }
        let want = match (row.get("failure"), text(row, "href")) {
            (Some(_), _) => None,
            (None, Some(href)) if href.starts_with("http:") || href.starts_with("https:") => {
                Some(without_fragment_and_user(href))
            }
            // A URL, of a scheme that is not fetched.
            (None, _) => None,
        };
        compared += 1;
        let got = ours(input, base).ok();
        if got.as_ref().map(CanonicalUrl::as_str) == want.as_deref() {
            continue;
        }
        let escaped =
            input.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
        // Names in ASCII with a label that is no Punycode (`xn--pokxncvks`): this copy of the data lets them be, as one
        // wording of the standard did; the `url` crate, its own copy of the data, and DNS refuse them.
        if got.is_none() && want.as_ref().is_some_and(|want| want.contains("xn--")) {
            no_names += 1;
            continue;
        }
        let id = base.map_or_else(|| format!("<{escaped}>"), |base| format!("<{escaped}> against <{base}>"));
        if expected.contains(&*id) {
            known += 1;
        } else {
            differences.push(format!("{id}: {got:?}, not {want:?}"));
        }
    }
    assert_eq!(differences, [""; 0], "of {compared}");
    assert!(compared > 500, "only {compared}: has the corpus changed its shape?");
    assert!(no_names <= 7, "{no_names} names refused");
    println!("{compared} compared, {known} differ as the url crate is known to, {no_names} names are none");
}

#[test]
fn references_as_others_resolve_them() {
    for row in rows("url_resolve.jsonl") {
        let (input, base) = (text(&row, "in").unwrap(), text(&row, "base"));
        // Files are not fetched, nor are pages linked to from them.
        if base.is_some_and(|base| !base.is_empty() && !base.starts_with("http")) {
            assert!(ours(input, base).is_err(), "{row}");
            continue;
        }
        let Ok(got) = ours(input, base) else { panic!("{row}") };
        let want = without_fragment_and_user(text(&row, "out").unwrap());
        // They do not normalise: what they have is to be the same URL.
        assert_eq!(got, CanonicalUrl::parse(&want).unwrap(), "{row}");
    }
}

/// Each option, and all of them.
fn normalisers() -> Vec<Normaliser> {
    let drop_params = ParamNames::parse(["tracking", "s*", "PHPSESSID"]).unwrap();
    let none = Normaliser::default();
    vec![
        none.clone(),
        Normaliser { sort_query: true, ..none.clone() },
        Normaliser { drop_params: drop_params.clone(), ..none.clone() },
        Normaliser { drop_session_ids: true, ..none },
        Normaliser { sort_query: true, drop_params, drop_session_ids: true },
    ]
}

#[test]
fn another_s_opinions_as_invariants() {
    let rows = rows("crawler_commons_normalizer.jsonl");
    let (mut both, mut equal) = (0, 0);
    for row in &rows {
        let (input, theirs) = (text(row, "in").unwrap_or_default(), text(row, "out"));
        let Ok(ours) = CanonicalUrl::parse(input) else { continue };
        // Once is enough, whatever is left out; and what comes out is canonical.
        for normaliser in normalisers() {
            let once = normaliser.apply(ours.clone());
            assert_eq!(normaliser.apply(once.clone()), once, "{input}");
            assert_eq!(CanonicalUrl::parse(once.as_str()).unwrap(), once, "{input}");
            assert_eq!(once.origin(), ours.origin(), "{input}");
        }
        let Some(theirs) = theirs.and_then(|theirs| CanonicalUrl::parse(theirs).ok()) else { continue };
        both += 1;
        equal += usize::from(theirs == ours);
        // They go further: escapes of letters undone, empty segments and queries dropped. It is the same
        // host, and what is the same to us is the same to them.
        if theirs.as_str() == input {
            assert_eq!(ours, theirs, "they leave it alone");
        }
    }
    if !rows.is_empty() {
        println!("of {} rows both have {both}, {equal} alike", rows.len());
        assert!(both > 100, "only {both}: has the corpus changed its shape?");
    }
}
