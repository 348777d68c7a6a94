//! `dragline show URL --links-in`: which stored pages link to a URL.
//!
//! Owns what counts as a link there: every reference of the last visit of each page, whatever its role, and the target
//! of a redirect.

use std::{io::Write, time::Instant};

use dragline_extract::{Document, FollowJson, Head, Options, discover};

use super::{
    Trouble,
    scan::{Found, scan},
    screen,
    text::{counted, grouped, span},
};
use crate::{
    model::CanonicalUrl,
    storage::{Payload, Record, Store},
};

/// Bytes of a decoded body that are looked at.
const BODY_BYTES_MAX: usize = 64 << 20;

pub(super) fn run(store: &Store, url: &CanonicalUrl, out: &mut impl Write) -> Result<u8, Trouble> {
    let began = Instant::now();
    let worker = || |record: &Record, found: Found| found.map(|payload| links_to(record, &payload, url));
    let (mut pages, mut linking, mut failed) = (0, 0, 0);
    scan(store, store.pages().latest_only(true), worker, |record, found| {
        pages += 1;
        match found {
            Ok(true) => {
                linking += 1;
                writeln!(out, "{}", record.url)?;
            }
            Ok(false) => {}
            Err(_) => failed += 1,
        }
        Ok(())
    })?;
    out.flush()?;
    let pages = counted(pages, "page");
    screen::say(&format!("{} of {pages} link to it; read in {}", grouped(linking), span(began.elapsed())));
    if failed > 0 {
        screen::say(&format!("{} could not be read", counted(failed, "page")));
    }
    Ok(0)
}

fn links_to(record: &Record, payload: &Payload, url: &CanonicalUrl) -> bool {
    if record.location.as_deref() == Some(url.as_str()) {
        return true;
    }
    let Ok(body) = payload.decoded(BODY_BYTES_MAX) else { return false };
    let content_type = body.head.field_str("content-type");
    let document = Document { url: &record.url, content_type, body: &body.bytes };
    let texts = |name| body.head.values(name).filter_map(|it| std::str::from_utf8(it).ok()).collect();
    let (links, refresh): (Vec<_>, Vec<_>) = (texts("link"), texts("refresh"));
    let head = Head { links: &links, refresh: &refresh };
    let options = Options { json: FollowJson::Everywhere, srcset: true, ..Options::default() };
    let mut is_there = false;
    discover(&document, &head, &options, |_| false, |_, link, _| is_there |= link == *url);
    is_there
}
