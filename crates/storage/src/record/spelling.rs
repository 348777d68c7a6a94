//! How the values of a record are spelled: moments, times, bodies, links.
//!
//! Owns the `serde` modules of [`super::Record`]'s fields. Never knows what a record is.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use dragline_model::{CanonicalUrl, Fingerprint, Link, Purpose, RobotsAnswer, Timestamp, Timings};

use crate::warc;

pub(super) fn is_zero(n: &u8) -> bool {
    *n == 0
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

pub(super) mod milliseconds {
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

    pub(in crate::record) fn serialize<S: serde::Serializer>(
        t: &Option<Timings>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
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

    pub(in crate::record) fn deserialize<'de, D: serde::Deserializer<'de>>(
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

pub(super) mod robots {
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

    pub(in crate::record) fn serialize<S: serde::Serializer>(
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

    pub(in crate::record) fn deserialize<'de, D: serde::Deserializer<'de>>(
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

pub(super) mod links {
    //! [`Link`]s without their fingerprints, which hold within one process only.
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(in crate::record) struct Spelled {
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

    pub(in crate::record) fn serialize<S: serde::Serializer>(
        links: &[Link],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(links.iter().map(Spelled::from))
    }

    pub(in crate::record) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<Link>, D::Error> {
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
