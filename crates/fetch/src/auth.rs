//! Credentials, and the one origin they are for.
//!
//! Owns their form on the wire (RFC 7617, RFC 6750) and the promise that they go to the scheme, host and port
//! they were given for and nowhere else. Never shows them: not in `Debug`, not in an error.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_STANDARD};
use dragline_model::CanonicalUrl;

use crate::SettingsError;

/// What proves to a server who is asking: the value of an `Authorization` field.
#[derive(Clone, PartialEq, Eq)]
pub struct Auth(String);

impl Auth {
    /// A user name and a password (RFC 7617). A name with a colon cannot be told from its password by the server.
    pub fn basic(user: &str, password: &str) -> Self {
        Self(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
    }

    /// A token (RFC 6750). Characters that cannot stand in a field make the request fail, which says so.
    pub fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// The field's value. It is a secret.
    pub fn value(&self) -> &str {
        &self.0
    }
}

impl FromStr for Auth {
    type Err = SettingsError;

    /// `USER:PASSWORD`, or `bearer TOKEN`.
    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        if let Some((scheme, token)) = text.split_once(' ')
            && scheme.eq_ignore_ascii_case("bearer")
        {
            return Ok(Self::bearer(token.trim()));
        }
        match text.split_once(':') {
            Some((user, password)) => Ok(Self::basic(user, password)),
            None => Err(SettingsError::Auth("there is no \":\" between user and password")),
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

/// Credentials for one origin: `ORIGIN=USER:PASSWORD` or `ORIGIN=bearer TOKEN`.
///
/// ```
/// let for_one: dragline_fetch::OriginAuth = "https://api.example=me:secret".parse()?;
/// assert!(for_one.of("https://api.example").is_some());
/// assert!(for_one.of("http://api.example").is_none(), "another scheme is another origin");
/// assert_eq!(format!("{for_one:?}"), "OriginAuth { origin: \"https://api.example\", auth: Auth(…) }");
/// # Ok::<(), dragline_fetch::SettingsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginAuth {
    origin: String,
    auth: Auth,
}

impl OriginAuth {
    /// Credentials for the origin of a URL.
    pub fn new(url: &CanonicalUrl, auth: Auth) -> Self {
        Self { origin: url.origin().to_owned(), auth }
    }

    /// The credentials, where they are for this origin (`scheme://host[:port]`, as in canonical URLs).
    pub fn of(&self, origin: &str) -> Option<&Auth> {
        (self.origin == origin).then_some(&self.auth)
    }
}

impl FromStr for OriginAuth {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let (origin, auth) = text
            .split_once('=')
            .ok_or(SettingsError::Auth("there is no \"=\" between the origin and the credentials"))?;
        let url = CanonicalUrl::parse(origin).map_err(|_| {
            SettingsError::Auth("what stands before \"=\" is no origin like https://api.example")
        })?;
        if url.path_and_query() != "/" {
            return Err(SettingsError::Auth("the origin has a path; credentials are for all of it or none"));
        }
        Ok(Self::new(&url, auth.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        // RFC 7617 §2.
        assert_eq!(Auth::basic("Aladdin", "open sesame").value(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!("a:b:c".parse::<Auth>().unwrap(), Auth::basic("a", "b:c"));
        assert_eq!("Bearer x.y".parse::<Auth>().unwrap(), Auth::bearer("x.y"));
        assert!("secret".parse::<Auth>().is_err());
    }

    #[test]
    fn errors_do_not_repeat_what_was_given() {
        for text in
            ["secret", "https://a/x=u:secret", "api.example=u:secret", "https://a=secret", "ftp://a=u:secret"]
        {
            let error = text.parse::<OriginAuth>().unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let auth: OriginAuth = "HTTP://Api.Example:80/=u:p".parse().unwrap();
        for (origin, is_it) in [
            ("http://api.example", true),
            ("https://api.example", false),
            ("http://api.example:8080", false),
            ("http://x.api.example", false),
            ("http://example", false),
        ] {
            assert_eq!(auth.of(origin).is_some(), is_it, "{origin}");
        }
    }
}
