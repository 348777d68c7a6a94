//! The jar through its front door: what is set, by whom, and who is sent it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::{Duration, SystemTime};

use dragline_cookies::{Jar, Limits, Refusal};
use dragline_model::CanonicalUrl;

mod bounds;
mod faults;
mod files;
mod origins;
mod promise;
mod rules;

/// When all of it happens.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

fn url(text: &str) -> CanonicalUrl {
    CanonicalUrl::parse(text).unwrap()
}

fn set(jar: &Jar, at: &str, field: &str) -> Result<(), Refusal> {
    jar.take_in(&url(at), field.as_bytes(), now())
}

/// What a request is sent with; empty where it has no `Cookie` header.
fn sent(jar: &Jar, to: &str) -> String {
    jar.header_for(&url(to), now()).unwrap_or_default()
}

/// A jar in which all of that was set, in that order.
fn jar_with(fields: &[(&str, &str)]) -> Jar {
    let jar = Jar::default();
    for (at, field) in fields {
        set(&jar, at, field).unwrap();
    }
    jar
}

/// A jar that forgets schemes and ports, as RFC 6265bis does.
fn lax() -> Jar {
    Jar::new(Limits { strict_origin: false, ..Limits::default() })
}
