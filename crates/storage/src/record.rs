//! What is kept of a visit besides its payload, and how that is spelled.
//!
//! Owns [`Record`] and its JSON, which is used twice, unchanged: as the value in the index and as the block of
//! the WARC `metadata` record that closes a page's group. Never touches a file.
//!
//! An entry begins with `{"v":1,"kind":"page","seq":` (a visit) or `"kind":"seeds"` (links that came from
//! outside). Fields may be added within version 1; readers pass over what they do not know.

use std::{borrow::Cow, io::Write as _, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::warc;

use dragline_model::{
    CanonicalUrl, Facts, Failure, Fingerprint, Link, Purpose, RobotsAnswer, Settled, Timestamp, Timings,
    TlsSession, Truncation, VisitId,
};

/// One visit as it is kept: a response of any status, or a failure.
///
/// As JSON it has these names, `fetched_at` in RFC 3339, `timings` in milliseconds; what is absent is left
/// out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the order of commits; the first is 1.
    pub seq: u64,
    /// The visit that brought it.
    pub visit: VisitId,
    /// What was asked for.
    pub url: CanonicalUrl,
    /// The status code; `None` for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When the request began.
    #[serde(with = "rfc3339")]
    pub fetched_at: Timestamp,
    /// The type of `Content-Type`, lower case, without parameters; by a 304 without one, that of the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime: Option<String>,
    /// Bytes of the body once its content coding is undone.
    #[serde(default)]
    pub size: u64,
    /// Bytes of the body as received.
    #[serde(default)]
    pub bytes: u64,
    /// `sha256:` and 64 hexadecimal digits, of the body as received, or of the one that a 304 stands for; `None` for a
    /// failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Links followed since the seed.
    #[serde(default)]
    pub depth: u16,
    /// Redirects followed since the last link.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// Links followed one after another outside of the scope.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub off: u8,
    /// What it was asked for.
    #[serde(default, skip_serializing_if = "Purpose::is_page")]
    pub purpose: Purpose,
    /// The record whose copy the answer was to be compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<u64>,
    /// How many looks in a row found the page as it was: 0 where this one found it changed, or had no copy to compare
    /// it with.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub steady: u8,
    /// The look that found it as it has been since; `None` where that is this one.
    #[serde(default, with = "rfc3339_or_none", skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// `ETag`, as it was sent; by a 304 without one, that of the copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified`, as it was sent; likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// What the page says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Box<Facts>>,
    /// The page it was found on; `None` for a seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<CanonicalUrl>,
    /// Where a redirect leads, absolute where it can be resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `Retry-After` in the server's own words, where the status calls for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// The limit that cut the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// 1 for the first visit of this URL, one more for each retry.
    #[serde(default)]
    pub attempts: u8,
    /// Why there is no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// Where the time went; `None` for a failure.
    #[serde(default, with = "milliseconds", skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
    /// The address that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The TLS session it came through; not `verified` where the user gave up the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSession>,
    /// Our own code panicked while it looked for links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract_error: Option<String>,
    /// For a visit to a robots.txt, what its host's rules follow from; absent where it is long.
    #[serde(default, with = "robots", skip_serializing_if = "Option::is_none")]
    pub robots: Option<Box<RobotsAnswer>>,
    /// The record whose payload this one has too: only that one's is in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_of: Option<u64>,
    /// The links that nobody had seen before.
    #[serde(default, with = "links", skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

fn is_zero(n: &u8) -> bool {
    *n == 0
}

impl Record {
    /// The outcome as the coordinator learned it.
    pub fn settled(&self) -> Settled {
        match (&self.error, self.status) {
            (Some(failure), _) => Settled::Failure(failure.clone()),
            (None, status) => Settled::Page {
                status: status.unwrap_or_default(),
                bytes: self.bytes,
                retry_after: self.retry_after.clone(),
            },
        }
    }

    /// The server was asked whether a copy still holds, and said that it does (RFC 9110 §15.4.5).
    pub fn is_not_modified(&self) -> bool {
        self.status == Some(NOT_MODIFIED) && self.copy.is_some()
    }

    /// Everything but what only the writer knows, ready for [`compose`].
    pub(crate) fn middle(&self) -> Result<Vec<u8>, serde_json::Error> {
        debug_assert!(self.seq == 0 && self.links.is_empty() && self.payload_of.is_none());
        let mut json = Vec::with_capacity(MIDDLE_BYTES_TYPICAL);
        serde_json::to_writer(&mut json, self)?;
        json.pop();
        json.drain(..r#"{"seq":0"#.len());
        Ok(json)
    }
}

/// The status of an answer that stands for the payload of a copy.
pub(crate) const NOT_MODIFIED: u16 = 304;

/// What most records need, so that the buffer is not grown while it is filled.
const MIDDLE_BYTES_TYPICAL: usize = 768;

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

/// Puts an entry of kind `seeds` together.
pub(crate) fn compose_seeds(out: &mut Vec<u8>, seq: u64, seeds: &[Link]) {
    out.extend_from_slice(SEEDS);
    let _ = write!(out, r#"{seq},"links":"#);
    append_links(out, seeds.iter());
    out.push(b'}');
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
        /// The seeds that nobody had seen before.
        links: Vec<Link>,
    },
}

impl Entry {
    /// Reads an entry; the error says what is wrong with it.
    pub(crate) fn parse(json: &[u8]) -> Result<Entry, String> {
        #[derive(Deserialize)]
        struct Seeds {
            seq: u64,
            #[serde(with = "links")]
            links: Vec<Link>,
        }
        match kind(json)? {
            Kind::Page => {
                serde_json::from_slice(json).map(|r| Entry::Page(Box::new(r))).map_err(|e| e.to_string())
            }
            Kind::Seeds => serde_json::from_slice(json)
                .map(|Seeds { seq, links }| Entry::Seeds { seq, links })
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

/// An entry read for a scan: borrowed where it can be, URLs as text. Four times as fast as [`Entry::parse`].
#[derive(Debug, Deserialize)]
pub(crate) struct Glance<'a> {
    /// Absent in seeds.
    #[serde(borrow, default)]
    pub(crate) url: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(borrow, default)]
    pub(crate) mime: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(borrow, default)]
    pub(crate) digest: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) depth: u16,
    #[serde(default)]
    pub(crate) hops: u8,
    #[serde(default)]
    pub(crate) off: u8,
    #[serde(default)]
    pub(crate) purpose: Purpose,
    #[serde(borrow, default)]
    pub(crate) via: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) attempts: u8,
    #[serde(borrow, default)]
    pub(crate) retry_after: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) payload_of: Option<u64>,
    #[serde(borrow, default)]
    pub(crate) links: Vec<GlanceLink<'a>>,
}

/// A text that is borrowed unless it has escapes in it. (serde borrows a `Cow` only where it is a field by
/// itself, not inside an `Option`.)
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl std::ops::Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// A link of a [`Glance`].
#[derive(Debug, Deserialize)]
pub(crate) struct GlanceLink<'a> {
    #[serde(borrow)]
    pub(crate) url: Text<'a>,
    #[serde(default)]
    pub(crate) depth: u16,
    #[serde(default)]
    pub(crate) hops: u8,
    #[serde(default)]
    pub(crate) off: u8,
    #[serde(default)]
    pub(crate) purpose: Purpose,
}

impl<'a> Glance<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|e| e.to_string())
    }

    /// As [`Record::settled`].
    pub(crate) fn settled(&self) -> Settled {
        match (&self.error, self.status) {
            (Some(failure), _) => Settled::Failure(failure.clone()),
            (None, status) => Settled::Page {
                status: status.unwrap_or_default(),
                bytes: self.bytes,
                retry_after: self.retry_after.as_deref().map(str::to_owned),
            },
        }
    }
}

/// The beginning of a text, at most so many bytes of it, cut between characters.
pub(crate) fn clip(text: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The last moment RFC 3339 can spell, 9999-12-31T23:59:59.999Z.
const RFC3339_MS_MAX: u64 = 253_402_300_799_999;

/// A moment in RFC 3339 with milliseconds, as WARC 1.1 §5.4 wants it too.
pub(crate) fn spell_time(time: Timestamp) -> impl std::fmt::Display {
    humantime::format_rfc3339_millis(Timestamp(time.0.min(RFC3339_MS_MAX)).into())
}

pub(crate) mod rfc3339 {
    //! A [`Timestamp`] as RFC 3339 text.
    use super::*;

    pub(crate) fn serialize<S: serde::Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&spell_time(*time))
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        humantime::parse_rfc3339(&text).map(Timestamp::from).map_err(serde::de::Error::custom)
    }
}

pub(crate) mod rfc3339_or_none {
    //! A [`Timestamp`] as RFC 3339 text, where there is one.
    use super::*;

    pub(crate) fn serialize<S: serde::Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => rfc3339::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        #[derive(Deserialize)]
        struct Spelled(#[serde(with = "rfc3339")] Timestamp);
        Ok(Option::<Spelled>::deserialize(from)?.map(|Spelled(time)| time))
    }
}

mod milliseconds {
    //! [`Timings`] as milliseconds, exact to the microsecond.
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Spelled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dns: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connect: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first_byte: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<f64>,
        total: f64,
        #[serde(default)]
        reused: bool,
    }

    fn to_ms(time: Duration) -> f64 {
        time.as_micros() as f64 / 1000.0
    }

    fn from_ms(ms: f64) -> Duration {
        // Saturates: a negative or endless number in a damaged file must not panic.
        Duration::from_micros((ms * 1000.0).round() as u64)
    }

    pub(super) fn serialize<S: serde::Serializer>(t: &Option<Timings>, to: S) -> Result<S::Ok, S::Error> {
        t.map(|t| Spelled {
            dns: t.dns.map(to_ms),
            connect: t.connect.map(to_ms),
            tls: t.tls.map(to_ms),
            first_byte: t.first_byte.map(to_ms),
            body: t.body.map(to_ms),
            total: to_ms(t.total),
            reused: t.reused,
        })
        .serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timings>, D::Error> {
        Ok(Option::<Spelled>::deserialize(from)?.map(|s| Timings {
            dns: s.dns.map(from_ms),
            connect: s.connect.map(from_ms),
            tls: s.tls.map(from_ms),
            first_byte: s.first_byte.map(from_ms),
            body: s.body.map(from_ms),
            total: from_ms(s.total),
            reused: s.reused,
            given_up: None,
        }))
    }
}

mod robots {
    //! A [`RobotsAnswer`]: its body as text where it is UTF-8, as it should be, else in hexadecimal digits.
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Spelled<'a> {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        location: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cache_control: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<Cow<'a, str>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body_hex: Option<Cow<'a, str>>,
    }

    pub(super) fn serialize<S: serde::Serializer>(
        answer: &Option<Box<RobotsAnswer>>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        answer
            .as_deref()
            .map(|RobotsAnswer { location, cache_control, body }| {
                let text = std::str::from_utf8(body).ok();
                Spelled {
                    location: location.as_deref().map(Cow::from),
                    cache_control: cache_control.as_deref().map(Cow::from),
                    body: text.map(Cow::from),
                    body_hex: text.is_none().then(|| warc::hex(body).into()),
                }
            })
            .serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Box<RobotsAnswer>>, D::Error> {
        let Some(spelled) = Option::<Spelled<'_>>::deserialize(from)? else { return Ok(None) };
        let body = match (spelled.body, spelled.body_hex) {
            (Some(text), _) => text.into_owned().into_bytes(),
            (None, Some(hex)) => {
                bytes_of(&hex).ok_or_else(|| serde::de::Error::custom("a body that is no hex"))?
            }
            (None, None) => Vec::new(),
        };
        Ok(Some(Box::new(RobotsAnswer {
            location: spelled.location.map(Cow::into_owned),
            cache_control: spelled.cache_control.map(Cow::into_owned),
            body: body.into(),
        })))
    }

    fn bytes_of(hex: &str) -> Option<Vec<u8>> {
        let digit = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
        let (pairs, []) = hex.as_bytes().as_chunks::<2>() else { return None };
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
    }
}

mod links {
    //! [`Link`]s without their fingerprints, which hold within one process only.
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(super) struct Spelled {
        url: CanonicalUrl,
        #[serde(default)]
        depth: u16,
        #[serde(default, skip_serializing_if = "is_zero")]
        hops: u8,
        #[serde(default, skip_serializing_if = "is_zero")]
        off: u8,
        #[serde(default, skip_serializing_if = "Purpose::is_page")]
        purpose: Purpose,
    }

    impl From<&Link> for Spelled {
        fn from(link: &Link) -> Self {
            let Link { url, depth, hops, off, purpose, .. } = link.clone();
            Self { url, depth, hops, off, purpose }
        }
    }

    pub(super) fn serialize<S: serde::Serializer>(links: &[Link], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(links.iter().map(Spelled::from))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Link>, D::Error> {
        Ok(Vec::<Spelled>::deserialize(from)?
            .into_iter()
            .map(|s| Link {
                fingerprint: Fingerprint::of(&s.url),
                url: s.url,
                depth: s.depth,
                hops: s.hops,
                off: s.off,
                purpose: s.purpose,
            })
            .collect())
    }
}
