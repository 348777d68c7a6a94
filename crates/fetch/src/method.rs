//! Request methods (RFC 9110 §9).

use std::{borrow::Cow, fmt, str::FromStr};

use crate::request::is_token;

/// Longest method in bytes; the registry's longest has 17.
const METHOD_BYTES_MAX: usize = 32;

/// A request method: one of the usual, or any other token. Methods are case-sensitive.
///
/// ```
/// use dragline_fetch::Method;
///
/// let method: Method = "PROPFIND".parse()?;
/// assert!(!method.is_idempotent(), "what is not known is not repeated");
/// assert!(Method::PUT.is_idempotent());
/// assert!("GET /".parse::<Method>().is_err());
/// # Ok::<(), dragline_fetch::MethodError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method(Cow<'static, str>);

impl Method {
    /// The resource.
    pub const GET: Method = Method(Cow::Borrowed("GET"));
    /// Its head only.
    pub const HEAD: Method = Method(Cow::Borrowed("HEAD"));
    /// Something for the resource to work on.
    pub const POST: Method = Method(Cow::Borrowed("POST"));
    /// The resource as it shall be.
    pub const PUT: Method = Method(Cow::Borrowed("PUT"));
    /// A change to the resource (RFC 5789).
    pub const PATCH: Method = Method(Cow::Borrowed("PATCH"));
    /// The resource shall not be.
    pub const DELETE: Method = Method(Cow::Borrowed("DELETE"));
    /// What can be asked of the resource.
    pub const OPTIONS: Method = Method(Cow::Borrowed("OPTIONS"));

    /// The method as it stands in a request line.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Asking twice means the same as asking once (RFC 9110 §9.2.2), so a request that may never have arrived
    /// can be sent again.
    pub fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS")
    }

    /// The answer has no body, whatever its head says.
    pub(crate) fn is_head(&self) -> bool {
        self.0 == "HEAD"
    }

    /// A request of this method has a body by its nature: an empty one is announced (RFC 9110 §8.6).
    pub(crate) fn wants_body(&self) -> bool {
        matches!(self.as_str(), "POST" | "PUT" | "PATCH")
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        let usual = [Self::GET, Self::HEAD, Self::POST, Self::PUT, Self::PATCH, Self::DELETE, Self::OPTIONS];
        if let Some(usual) = usual.into_iter().find(|it| it.as_str() == text) {
            return Ok(usual);
        }
        let is_method = (1..=METHOD_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_token);
        // CONNECT asks for a tunnel, and TRACE for an echo that shows a caller's secrets to whoever reads it.
        if !is_method || ["CONNECT", "TRACE"].iter().any(|it| text.eq_ignore_ascii_case(it)) {
            return Err(MethodError(text.to_owned()));
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no method, or one that is not for requests like these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodError(String);

impl fmt::Display for MethodError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "\"{}\" is no method that can be sent; GET, POST, PUT and the like are",
            self.0.escape_debug()
        )
    }
}

impl std::error::Error for MethodError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_method() {
        for (text, is_one) in [
            ("GET", true),
            ("get", true),
            ("M-SEARCH", true),
            ("", false),
            ("G T", false),
            ("GET\r\nX: y", false),
            ("CONNECT", false),
            ("trace", false),
            (&"X".repeat(33), false),
        ] {
            assert_eq!(text.parse::<Method>().is_ok(), is_one, "{text:?}");
        }
        assert_eq!("GET".parse(), Ok(Method::GET));
        assert_ne!("get".parse(), Ok(Method::GET), "methods are case-sensitive");
    }
}
