//! One entry of the log as JSON: a visit, or links from outside.
//!
//! Owns what stands around a [`Record`]: an entry begins with `{"v":1,"kind":"page","seq":` (a visit) or
//! `"kind":"seeds"` (links that came from outside). Fields may be added within version 1; readers pass over what they
//! do not know.

use std::{borrow::Cow, io::Write as _};

use serde::{Deserialize, Serialize};

use dragline_model::{CanonicalUrl, Link, Timestamp, Truncation};

use super::{
    Absence, Record,
    spelling::{is_zero, links, rfc3339_or_none},
};

const PAGE: &[u8] = br#"{"v":1,"kind":"page","seq":"#;
const SEEDS: &[u8] = br#"{"v":1,"kind":"seeds","seq":"#;

/// The version of the JSON, its `v`.
const VERSION: u32 = 1;

/// What only the writer knows of a visit, because it follows from records before it. The fields are those of
/// [`Record`], and stand in one only if [`Record::middle`] has not said them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Belated {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) payload_of: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) steady: u8,
    #[serde(with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    pub(crate) changed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) truncated: Option<Truncation>,
}

/// Puts an entry of kind `page` together: [`Record::middle`] with the number, the links and what came to light late.
pub(crate) fn compose(out: &mut Vec<u8>, seq: u64, middle: &[u8], belated: &Belated, new: &[&Link]) {
    out.extend_from_slice(PAGE);
    // Writing into a Vec does not fail, here and below.
    let _ = write!(out, "{seq}");
    out.extend_from_slice(middle);
    if *belated != Belated::default() {
        let brace = out.len();
        let _ = serde_json::to_writer(&mut *out, belated);
        out[brace] = b',';
        out.pop();
    }
    if !new.is_empty() {
        out.extend_from_slice(br#","links":"#);
        append_links(out, new.iter().copied());
    }
    out.push(b'}');
}

/// Puts an entry of kind `seeds` together; `via` where they are links of a page that were found when it was looked at
/// again.
pub(crate) fn compose_seeds(out: &mut Vec<u8>, seq: u64, via: Option<&CanonicalUrl>, seeds: &[Link]) {
    out.extend_from_slice(SEEDS);
    let _ = write!(out, "{seq}");
    if let Some(via) = via {
        out.extend_from_slice(br#","via":"#);
        let _ = serde_json::to_writer(&mut *out, via);
    }
    out.extend_from_slice(br#","links":"#);
    append_links(out, seeds.iter());
    out.push(b'}');
}

/// Puts an entry of kind `seeds` together that stands for records that were forgotten: their URLs, and the links that
/// were new on them.
pub(crate) fn compose_forgotten(out: &mut Vec<u8>, seq: u64, links: &[Link], urls: &[CanonicalUrl]) {
    compose_seeds(out, seq, None, links);
    out.pop();
    out.extend_from_slice(br#","forgotten":"#);
    let _ = serde_json::to_writer(&mut *out, urls);
    out.push(b'}');
}

/// An entry of kind `page` without its payload: the same JSON, and why.
pub(crate) fn without_payload(json: &[u8], why: Absence) -> Result<Vec<u8>, String> {
    let rest = json.strip_suffix(b"}").ok_or("an entry that does not end in a brace")?;
    let mut out = Vec::with_capacity(json.len() + 32);
    out.extend_from_slice(rest);
    out.extend_from_slice(br#","absent":"#);
    serde_json::to_writer(&mut out, &why).map_err(|e| e.to_string())?;
    out.push(b'}');
    Ok(out)
}

fn append_links<'a>(out: &mut Vec<u8>, links: impl Iterator<Item = &'a Link>) {
    out.push(b'[');
    for (index, link) in links.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let _ = serde_json::to_writer(&mut *out, &links::Spelled::from(link));
    }
    out.push(b']');
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// A visit.
    Page(Box<Record>),
    /// Links from outside.
    Seeds {
        /// Its place in the order of commits.
        seq: u64,
        /// The page that has them, where they were found on one that was kept; `None` for seeds.
        via: Option<CanonicalUrl>,
        /// Those that nobody had seen before.
        links: Vec<Link>,
        /// URLs whose records a compaction has forgotten: they are known, and done.
        forgotten: Vec<CanonicalUrl>,
    },
}

impl Entry {
    /// Reads an entry; the error says what is wrong with it.
    pub(crate) fn parse(json: &[u8]) -> Result<Entry, String> {
        #[derive(Deserialize)]
        struct Seeds {
            seq: u64,
            #[serde(default)]
            via: Option<CanonicalUrl>,
            #[serde(with = "links")]
            links: Vec<Link>,
            #[serde(default)]
            forgotten: Vec<CanonicalUrl>,
        }
        match kind(json)? {
            Kind::Page => {
                serde_json::from_slice(json).map(|r| Entry::Page(Box::new(r))).map_err(|e| e.to_string())
            }
            Kind::Seeds => serde_json::from_slice(json)
                .map(|Seeds { seq, via, links, forgotten }| Entry::Seeds { seq, via, links, forgotten })
                .map_err(|e| e.to_string()),
        }
    }
}

/// The kinds of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A visit.
    Page,
    /// Links from outside.
    Seeds,
}

/// The kind of an entry: from its first bytes as we write them, else by reading it.
pub(crate) fn kind(json: &[u8]) -> Result<Kind, String> {
    #[derive(Deserialize)]
    struct Head<'a> {
        v: u32,
        #[serde(borrow)]
        kind: Cow<'a, str>,
    }
    if json.starts_with(PAGE) {
        return Ok(Kind::Page);
    }
    if json.starts_with(SEEDS) {
        return Ok(Kind::Seeds);
    }
    let head: Head<'_> = serde_json::from_slice(json).map_err(|e| format!("no entry of ours: {e}"))?;
    match (head.v, &*head.kind) {
        (VERSION, "page") => Ok(Kind::Page),
        (VERSION, "seeds") => Ok(Kind::Seeds),
        (v, kind) => {
            Err(format!("an entry of kind \"{kind}\" in version {v}, which this program does not know"))
        }
    }
}
