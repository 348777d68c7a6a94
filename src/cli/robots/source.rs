//! Where a robots.txt comes from: a file, standard input, or a host that is asked for it as a crawl would.
//!
//! Owns the walk over redirects and the words for each step of it. What an answer means is the politeness
//! crate's affair, also of a file: it counts as an answer of 200.

use std::io::Read;

use dragline_coding::{Bounds, Cut, Decoded};
use dragline_fetch::{Client, Request, Shared};
use dragline_model::{Failure, FailureKind, Page, Truncation};
use dragline_politeness::{BYTES_MAX, Brought, Next, RobotsRecord, Stamp, Standing};

use super::rules;
use crate::{
    CrawlError,
    cli::{Trouble, text::size},
    config::Config,
    model::CanonicalUrl,
};

/// Bytes that are taken of an answer. What counts is [`BYTES_MAX`] of it decoded, and a coding does not make it
/// larger by more than a few bytes.
const ANSWER_BYTES_MAX: u64 = 2 * BYTES_MAX as u64;

/// A robots.txt and how it was come by.
pub(super) struct Source {
    record: RobotsRecord,
    /// Scheme, host and port that it holds for, where it was asked for.
    origin: Option<String>,
    /// What was asked and what came of it, in words.
    trail: Vec<String>,
    is_answered: bool,
}

impl Source {
    /// Reads a file (`-`: standard input), or asks the host of an http(s) URL.
    pub(super) fn open(from: &str, config: &Config, now: Stamp) -> Result<Self, Trouble> {
        let scheme = from.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") {
            let url = CanonicalUrl::parse(from)
                .map_err(|error| Trouble::Usage(format!("{}: {error}", from.escape_debug())))?;
            return Self::ask(&url, config, now);
        }
        let trouble = |error| Trouble::File { path: from.to_owned(), error };
        let bytes = match from {
            "-" => {
                let mut bytes = Vec::new();
                // One byte more than is read, so that a cut last line is known to be one.
                let limit = rules().bytes_max as u64 + 1;
                std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(trouble)?;
                bytes
            }
            path => std::fs::read(path).map_err(trouble)?,
        };
        let mut source =
            Self { record: RobotsRecord::default(), origin: None, trail: Vec::new(), is_answered: true };
        let answer = Brought::Answer { status: 200, location: None, cache_control: None, body: &bytes };
        source.record.take(&rules(), answer, 0, now);
        Ok(source)
    }

    /// Asks for the robots.txt of a URL's origin (RFC 9309 §2.3).
    fn ask(url: &CanonicalUrl, config: &Config, now: Stamp) -> Result<Self, Trouble> {
        let mut settings = config.fetch_settings()?;
        settings.limits.body_bytes = settings.limits.body_bytes.min(ANSWER_BYTES_MAX);
        let shared = Shared::new(settings).map_err(CrawlError::Settings)?;
        let mut source = Self {
            record: RobotsRecord::default(),
            origin: Some(url.origin().to_owned()),
            trail: Vec::new(),
            is_answered: false,
        };
        let Ok(first) = url.join("/robots.txt") else { return Ok(source) };
        actix_rt::System::new().block_on(source.walk(&Client::new(&shared), first, now));
        Ok(source)
    }

    /// Follows redirects to where the record is settled.
    async fn walk(&mut self, client: &Client, mut url: CanonicalUrl, now: Stamp) {
        let mut hops = 0;
        loop {
            let fetched = client.fetch(&Request::get(url.clone())).await;
            self.is_answered |= fetched.is_ok();
            let answer = fetched.as_ref().ok().and_then(Answer::of);
            self.trail.push(format!("{url}: {}", said(&fetched, answer.as_ref())));
            let brought = match (&fetched, &answer) {
                (_, Some(answer)) => answer.brought(),
                // The guard has stopped a redirect: nobody may go there.
                (Err(failure), _) if failure.kind == FailureKind::Refused && hops > 0 => Brought::DeadEnd,
                _ => Brought::Nothing,
            };
            let Next::Follow(location, hop) = self.record.take(&rules(), brought, hops, now) else { return };
            match url.join(location) {
                Ok(next) => (url, hops) = (next, hop),
                Err(error) => {
                    self.trail.push(format!("{}: {error}", location.escape_debug()));
                    self.record.take(&rules(), Brought::DeadEnd, hop, now);
                    return;
                }
            }
        }
    }

    pub(super) fn standing(&self, now: Stamp) -> Standing<'_> {
        self.record.standing(&rules(), now)
    }

    /// Scheme, host and port whose URLs it is about; none for a file.
    pub(super) fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    pub(super) fn trail(&self) -> &[String] {
        &self.trail
    }

    /// There is a file, or somebody answered.
    pub(super) fn is_answered(&self) -> bool {
        self.is_answered
    }
}

/// A response as the politeness crate wants it.
struct Answer {
    status: u16,
    location: Option<String>,
    cache_control: Option<String>,
    body: Decoded,
}

impl Answer {
    /// None where the response is not whole, or cannot be decoded. One that is cut for its length is whole
    /// enough: what counts is its beginning.
    fn of(page: &Page) -> Option<Self> {
        if page.truncated == Some(Truncation::Time) {
            return None;
        }
        let bounds = Bounds { decoded_bytes: rules().bytes_max + 1, ..Default::default() };
        let coding = page.head.content_encoding();
        let body = dragline_coding::decode(coding.as_deref(), page.body.clone(), &bounds).ok()?;
        if body.truncated == Some(Cut::Damaged) && page.truncated.is_none() {
            return None;
        }
        let field = |name| page.head.field_str(name).map(str::to_owned);
        Some(Self {
            status: page.status,
            location: field("location"),
            cache_control: field("cache-control"),
            body,
        })
    }

    fn brought(&self) -> Brought<'_> {
        Brought::Answer {
            status: self.status,
            location: self.location.as_deref(),
            cache_control: self.cache_control.as_deref(),
            body: &self.body.bytes,
        }
    }
}

/// What came of one request, in words.
fn said(fetched: &Result<Page, Failure>, answer: Option<&Answer>) -> String {
    match (fetched, answer) {
        (Err(failure), _) => failure.to_string(),
        (Ok(page), None) => format!("{}, and a body that cannot be read whole", page.status),
        (Ok(_), Some(Answer { status: status @ 300..=399, location: Some(location), .. })) => {
            format!("{status} to {location}")
        }
        (Ok(_), Some(answer)) => format!("{}, {}", answer.status, size(answer.body.bytes.len() as u64)),
    }
}
