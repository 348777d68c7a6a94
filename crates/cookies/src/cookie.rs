//! One cookie: how it is let in, and where it goes.
//!
//! Owns the judgement on what is asked for (bis §5.7, steps 2 to 22), the same for a header and for a file.
//! Knows no other cookie: what two of them mean to each other is decided in `store.rs`.

use std::{fmt, time::SystemTime};

use dragline_model::CanonicalUrl;

use crate::{
    Refusal,
    domain::{domain_matches, is_address, is_domain, is_public_suffix, site_of},
    origin::Origin,
    path::{default_path, path_matches},
    refusal::shown,
    set_cookie::{NAME_VALUE_BYTES_MAX, Wish, has_control},
};

/// A cookie that was let in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// May be empty.
    pub(crate) name: Box<str>,
    /// May be empty, but not together with the name.
    pub(crate) value: Box<str>,
    /// The host that set it, or the domain it is for; in the form URLs have it.
    pub(crate) domain: Box<str>,
    /// There was no `Domain` attribute: it goes to that one host only.
    pub(crate) host_only: bool,
    /// Begins with a slash.
    pub(crate) path: Box<str>,
    /// When it ends; none for the end of the session.
    pub(crate) expiry: Option<SystemTime>,
    /// Only over HTTPS.
    pub(crate) secure: bool,
    /// Kept for the file alone.
    pub(crate) http_only: bool,
    /// Where it was set.
    pub(crate) origin: Origin,
    /// Set over plain HTTP, it may go up to HTTPS: nobody there has set or removed one in its place.
    pub(crate) upward: bool,
    /// Its place in the order of creation; given by the store.
    pub(crate) created: u64,
    /// Its place in the order of use; given by the store.
    pub(crate) used: u64,
}

impl Cookie {
    /// Judges what `url` asks to be kept.
    pub(crate) fn admitted(wish: &Wish<'_>, url: &CanonicalUrl) -> Result<Self, Refusal> {
        let bytes = wish.name.len() + wish.value.len();
        if bytes == 0 {
            return Err(Refusal::Empty);
        }
        if bytes > NAME_VALUE_BYTES_MAX {
            return Err(Refusal::TooLarge(bytes));
        }
        if has_control(wish.name.as_bytes()) || has_control(wish.value.as_bytes()) {
            return Err(Refusal::ControlCharacter);
        }
        let (domain, host_only) = domain_for(wish.domain, url.host())?;
        let path = match wish.path.flatten() {
            Some(path) => std::str::from_utf8(path).map_err(|_| Refusal::NotUtf8)?,
            None => default_path(url.path()),
        };
        if wish.secure && !url.is_https() {
            return Err(Refusal::SecureOverHttp);
        }
        keeps_its_prefix(wish, host_only, path)?;
        Ok(Self {
            name: wish.name.into(),
            value: wish.value.into(),
            domain,
            host_only,
            path: path.into(),
            expiry: wish.expiry,
            secure: wish.secure,
            http_only: wish.http_only,
            origin: Origin::of(url),
            upward: true,
            created: 0,
            used: 0,
        })
    }

    /// True once its time is over.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        self.expiry.is_some_and(|expiry| expiry <= now)
    }

    /// Does that request carry it (bis §5.8.3, step 1)?
    pub(crate) fn goes_to(&self, target: &Target<'_>, strict_origin: bool) -> bool {
        let of_host = if self.host_only {
            target.host == &*self.domain
        } else {
            domain_matches(target.host, &self.domain)
        };
        of_host
            && path_matches(target.path, &self.path)
            && (!self.secure || target.origin.https)
            && (!strict_origin || self.reaches(target.origin))
    }

    /// May it go to that scheme and port?
    pub(crate) fn reaches(&self, there: Origin) -> bool {
        let upward = !self.origin.https && there.https;
        self.origin.may_reach(there, self.host_only) && (!upward || self.upward)
    }

    /// Same name, domain and path: a server that is sent both takes one for the other.
    pub(crate) fn is_namesake(&self, other: &Self) -> bool {
        self.name == other.name
            && self.domain == other.domain
            && self.host_only == other.host_only
            && self.path == other.path
    }

    /// Bytes it takes in a `Cookie` header.
    pub(crate) fn header_bytes(&self) -> usize {
        self.name.len() + usize::from(!self.name.is_empty()) + self.value.len()
    }
}

/// A request's URL, taken apart once for all the cookies it is held against.
pub(crate) struct Target<'a> {
    pub(crate) host: &'a str,
    path: &'a str,
    origin: Origin,
}

impl<'a> Target<'a> {
    /// Where a URL leads.
    pub(crate) fn of(url: &'a CanonicalUrl) -> Self {
        Self { host: url.host(), path: url.path(), origin: Origin::of(url) }
    }
}

/// The value is what a cookie is there to keep from others.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("value", &"…")
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.path)
            .field("expiry", &self.expiry)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

/// The domain a cookie is for, and whether it is for that host only (bis §5.7, steps 7 to 10).
fn domain_for(wanted: &[u8], host: &str) -> Result<(Box<str>, bool), Refusal> {
    if wanted.is_empty() {
        return Ok((host.into(), true));
    }
    let domain = match std::str::from_utf8(wanted) {
        Ok(domain) if is_domain(wanted) => domain.to_ascii_lowercase(),
        _ => return Err(Refusal::NotADomain(shown(wanted))),
    };
    let (of_domain, of_host) = (|| shown(domain.as_bytes()), || shown(host.as_bytes()));
    // A host that is a suffix itself, or an address, has nothing below it that would be its own.
    if domain == host && (is_public_suffix(host) || is_address(host)) {
        return Ok((host.into(), true));
    }
    if is_public_suffix(&domain) {
        return Err(Refusal::PublicSuffix(of_domain()));
    }
    if !domain_matches(host, &domain) {
        return Err(Refusal::OtherDomain { domain: of_domain(), host: of_host() });
    }
    if site_of(host) != site_of(&domain) {
        return Err(Refusal::AcrossSuffix { domain: of_domain(), host: of_host() });
    }
    Ok((domain.into(), false))
}

/// What a name may promise. The first that fits counts, so that longer ones come first.
const PREFIXES: [(&str, &str); 4] = [
    ("__Host-Http-", "Secure, HttpOnly, Path=/ and no Domain"),
    ("__Host-", "Secure, Path=/ and no Domain"),
    ("__Http-", "Secure and HttpOnly"),
    ("__Secure-", "Secure"),
];

/// Holds a name to what it promises (bis §5.7, steps 20 to 22). Servers compare names without regard to
/// case, some of them, and so does this.
fn keeps_its_prefix(wish: &Wish<'_>, host_only: bool, path: &str) -> Result<(), Refusal> {
    let begins = |text: &str, prefix: &str| {
        text.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix))
    };
    if wish.name.is_empty() {
        let disguised =
            wish.value.contains('=') || PREFIXES.iter().any(|(prefix, _)| begins(wish.value, prefix));
        return if disguised { Err(Refusal::Disguised) } else { Ok(()) };
    }
    let Some((prefix, needs)) = PREFIXES.into_iter().find(|(prefix, _)| begins(wish.name, prefix)) else {
        return Ok(());
    };
    let of_the_host = host_only && wish.path.is_some() && path == "/";
    let kept = wish.secure
        && (wish.http_only || !prefix.ends_with("Http-"))
        && (of_the_host || !prefix.starts_with("__Host-"));
    if kept { Ok(()) } else { Err(Refusal::Prefix { prefix, needs }) }
}
